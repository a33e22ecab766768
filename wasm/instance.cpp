#include <weft/wasm/instance.hpp>

#include <atomic>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

#include <weft/scheduler/cancel.hpp>
#include <weft/wasm/detail/execution.hpp>
#include <weft/wasm/detail/program.hpp>

namespace weft::wasm {

namespace {

struct instance_memory final : guest_memory {
  using guest_memory::attach;
  using guest_memory::detach;
  using guest_memory::is_lent;
};

}  // namespace

class instance::state {
 public:
  state(module m, guest_options options)
      : program_(std::move(m), std::move(options)), context_(program_.make_context()) {
    program_.start(run_, context_);
    if (const auto ended = run_->ended_early()) throw guest_exit(program_.name(), *ended);
    if (program_.exports(detail::initializer)) invoke(find(detail::initializer, ":"), nullptr, nullptr);
    refresh_memory();
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  // What whole-line streams still hold back is written now.
  ~state() {
    if (!usable_) return;
    try {
      context_.flush();
    } catch (const cancelled&) {  // then nothing may wait
    }
  }

  const detail::weft_function& find(std::string_view name, std::string_view letters) {
    program_.check_signature(name, letters);
    if (const auto known = functions_.find(name); known != functions_.end()) return *known->second;
    const turn now(*this);
    detail::function_handle found = run_->find(name);
    return *functions_.emplace(name, std::move(found)).first->second;
  }

  void invoke(const detail::weft_function& function, const detail::weft_value* arguments, detail::weft_value* results) {
    const turn now(*this);
    memory_.detach();
    usable_ = false;
    if (const auto exit_code = run_->call(function, arguments, results)) throw guest_exit(program_.name(), *exit_code);
    usable_ = true;
    refresh_memory();
  }

  [[nodiscard]] const detail::program& program() const noexcept { return program_; }
  [[nodiscard]] guest_memory& memory() noexcept { return memory_; }
  [[nodiscard]] bool usable() const noexcept { return usable_; }
  [[nodiscard]] guest_statistics statistics() const noexcept { return run_->statistics(); }

 private:
  // One call at a time.
  class turn {
   public:
    explicit turn(state& of) : of_(of) {
      if (of.busy_.exchange(true, std::memory_order_acquire)) {
        throw std::logic_error("guest '" + of.program_.name() +
                               "' is in a call already: one fiber at a time may use an instance, and a host function "
                               "cannot call its caller");
      }
      if (of.usable_ && !of.memory_.is_lent()) return;
      of.busy_.store(false, std::memory_order_release);
      of.refuse();
    }
    ~turn() { of_.busy_.store(false, std::memory_order_release); }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;

   private:
    state& of_;
  };

  [[noreturn]] void refuse() const {
    if (usable_) throw std::logic_error("guest '" + program_.name() + "' cannot be called while its memory is lent");
    throw std::logic_error("guest '" + program_.name() +
                           "' is no longer usable: a call of it did not return; make another instance");
  }

  void refresh_memory() noexcept {
    const auto bytes = run_->memory();
    memory_.attach(bytes.data(), bytes.size());
  }

  const detail::program program_;
  wasi::context context_;
  std::optional<detail::execution> run_;
  std::map<std::string, detail::function_handle, std::less<>> functions_;
  instance_memory memory_;
  std::atomic<bool> busy_{false};
  bool usable_ = true;
};

instance::instance(module m, guest_options options)
    : state_(std::make_unique<state>(std::move(m), std::move(options))) {}
instance::~instance() = default;
instance::instance(instance&&) noexcept = default;
instance& instance::operator=(instance&&) noexcept = default;

const detail::weft_function& instance::find(std::string_view name, std::string_view letters) {
  return state_->find(name, letters);
}

void instance::invoke(state& of, const detail::weft_function& function, const detail::weft_value* arguments,
                      detail::weft_value* results) {
  of.invoke(function, arguments, results);
}

bool instance::has_function(std::string_view name) const { return state_->program().exports(name); }

guest_memory& instance::memory() noexcept { return state_->memory(); }

bool instance::usable() const noexcept { return state_->usable(); }

guest_statistics instance::statistics() const noexcept { return state_->statistics(); }

const std::string& instance::name() const noexcept { return state_->program().name(); }

}  // namespace weft::wasm
