#include <weft/wasm/detail/engine_core.hpp>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include <weft/wasm/error.hpp>

namespace weft::wasm::detail {

namespace {

constexpr std::array<unsigned char, 4> wasm_magic = {0x00, 'a', 's', 'm'};
constexpr std::array<unsigned char, 4> elf_magic = {0x7f, 'E', 'L', 'F'};

bool begins_with(std::span<const std::byte> bytes, std::span<const unsigned char> magic) noexcept {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

std::string first_bytes(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes.first(std::min<std::size_t>(bytes.size(), 8))) {
    std::array<char, 4> digits{};
    std::snprintf(digits.data(), digits.size(), " %02x", std::to_integer<unsigned>(byte));
    text += digits.data();
  }
  return text;
}

bool looks_like_text(std::span<const std::byte> bytes) noexcept {
  const auto first =
      std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return std::isspace(std::to_integer<int>(b)) == 0; });
  return first != bytes.end() && (*first == std::byte{'('} || *first == std::byte{';'});
}

// What the first bytes say. The engine would say something as well, but not what to do.
void check_header(std::span<const std::byte> bytes, const std::string& name) {
  const std::string what = "'" + name + "' ";
  if (bytes.empty()) throw module_error(module_fault::not_wasm, what + "is empty, not a WebAssembly module");
  if (begins_with(bytes, elf_magic)) {
    throw module_error(
        module_fault::native_code,
        what +
            "is native code, not a WebAssembly module; give the .wasm file, or, if it comes from weft compile and from "
            "somebody you trust, load it as precompiled (engine::load_precompiled, on the command line "
            "--allow-precompiled)");
  }
  if (looks_like_text(bytes)) {
    throw module_error(module_fault::text,
                       what + "is WebAssembly text; translate it to the binary form first (wat2wasm)");
  }
  if (!begins_with(bytes, wasm_magic)) {
    throw module_error(module_fault::not_wasm, what + "is not a WebAssembly module: it begins with" +
                                                   first_bytes(bytes) + " instead of 00 61 73 6d");
  }
  if (bytes.size() < 8)
    throw module_error(module_fault::invalid, what + "is not a valid WebAssembly module: it ends within the header");
  if (std::to_integer<int>(bytes[6]) == 1) {
    throw module_error(
        module_fault::component,
        what +
            "is a WebAssembly component (WASI 0.2 or later), and this version runs core modules; build it for wasip1");
  }
}

engine_options with_defaults(engine_options o) {
  if (!o.cache_directory) o.cache_directory = default_cache_folder();
  return o;
}

// A guest that writes to a closed pipe must get an error, and must not end its host.
void ignore_broken_pipes() noexcept {
  struct sigaction current = {};
  if (::sigaction(SIGPIPE, nullptr, &current) == 0 && (current.sa_flags & SA_SIGINFO) == 0 &&
      current.sa_handler == SIG_DFL) {
    ::signal(SIGPIPE, SIG_IGN);
  }
}

digest key_of(std::span<const std::byte> wasm, const digest& compatibility) noexcept {
  std::array<digest, 2> parts = {hash_of(wasm), compatibility};
  return hash_of(std::as_bytes(std::span(parts)));
}

}  // namespace

engine_core::engine_core(engine_options o)
    : options_(with_defaults(std::move(o))),
      plan_(plan_memory(options_)),
      cache_(*options_.cache_directory, options_.cache_limit),
      main_(settings(plan_.pool)),
      ticker_([this] { tick(); }) {
  if (plan_.pool == 0) spare_.store(&main_);
  ignore_broken_pipes();
}

backend_settings engine_core::settings(unsigned pool) const noexcept {
  return {.pool = pool,
          .layout = plan_.layout,
          .code = options_.code,
          .stack_size = options_.stack_size,
          .perf_map = options_.perf_map};
}

void engine_core::tick() const noexcept {
  weft_engine_tick(main_.engine());
  if (const backend* spare = spare_.load(std::memory_order_acquire); spare != nullptr && spare != &main_)
    weft_engine_tick(spare->engine());
}

const backend& engine_core::spare() {
  if (const backend* made = spare_.load(std::memory_order_acquire)) return *made;
  const std::lock_guard guard(spare_mutex_);
  if (!spare_owner_) spare_owner_ = std::make_unique<const backend>(settings(0));
  spare_.store(spare_owner_.get(), std::memory_order_release);
  return *spare_owner_;
}

std::shared_ptr<engine_core::slot> engine_core::slot_of(const digest& key) {
  // The count says that nobody else has the slot, but it is the lock that makes what the last one wrote there visible.
  const auto is_abandoned = [](const auto& item) {
    if (item.second.use_count() != 1) return false;
    const std::lock_guard free(item.second->compiling);
    return item.second->code.expired();
  };
  const std::lock_guard guard(slots_mutex_);
  std::erase_if(slots_, is_abandoned);
  std::shared_ptr<slot>& s = slots_[key];
  if (!s) s = std::make_shared<slot>();
  return s;
}

std::shared_ptr<compiled> engine_core::place(module_handle module, const backend& home) {
  return std::make_shared<compiled>(*this, home, std::move(module));
}

module_handle engine_core::load_cached(const digest& key) {
  code_cache::lookup_result cached = cache_.lookup(key);
  if (cached.what == code_cache::found::damaged) rejected_.fetch_add(1, std::memory_order_relaxed);
  if (cached.what != code_cache::found::entry) return nullptr;
  weft_error* raw = nullptr;
  module_handle module(weft_module_load_file(main_.engine(), cached.file.get(), &raw));
  const error_handle error(raw);
  if (error) {
    cache_.reject(key);
    rejected_.fetch_add(1, std::memory_order_relaxed);
  }
  return module;
}

namespace {

// Winch refuses what it does not know as if it were not valid.
std::string_view remedy_for(compiler by) {
  return by == compiler::winch ? " (winch takes no several values, tail calls, references to functions or garbage "
                                 "collection; cranelift and pulley do)"
                               : "";
}

}  // namespace

bytes_handle engine_core::translate(std::span<const std::byte> wasm, const std::string& name) {
  weft_error* raw = nullptr;
  bytes_handle code(weft_engine_compile(main_.engine(), to_slice(wasm), &raw));
  if (const error_handle error(raw); error) {
    throw module_error(module_fault::invalid,
                       "'" + name + "' is not a valid WebAssembly module: " + std::string(message_of(error)) +
                           std::string(remedy_for(options().code)));
  }
  compiled_.fetch_add(1, std::memory_order_relaxed);
  return code;
}

std::shared_ptr<compiled> engine_core::obtain_cached(const digest& key) {
  module_handle module = load_cached(key);
  if (!module) return nullptr;
  hits_.fetch_add(1, std::memory_order_relaxed);
  return place(std::move(module), main_);
}

std::shared_ptr<compiled> engine_core::obtain(const digest& key, std::span<const std::byte> wasm,
                                              const std::string& name) {
  if (std::shared_ptr<compiled> code = obtain_cached(key)) return code;
  const bytes_handle code = translate(wasm, name);
  weft_error* raw = nullptr;
  const weft_slice bytes = weft_bytes_view(code.get());
  if (module_handle module{weft_module_load(main_.engine(), bytes, &raw)}) {
    cache_.store(key, to_bytes(bytes), name);
    return place(std::move(module), main_);
  }
  // The pool has no room for such a module, say because of the size of its tables; outside of it there may be.
  error_handle(std::exchange(raw, nullptr)).reset();
  module_handle module(weft_module_load(spare().engine(), bytes, &raw));
  if (const error_handle error(raw); error) {
    throw module_error(module_fault::invalid, "'" + name + "' cannot be loaded: " + std::string(message_of(error)));
  }
  return place(std::move(module), spare());
}

std::shared_ptr<module_core> engine_core::compile(std::span<const std::byte> wasm, std::string name) {
  check_header(wasm, name);
  const digest key = key_of(wasm, main_.compatibility());
  const std::shared_ptr<slot> s = slot_of(key);
  const std::lock_guard guard(s->compiling);
  std::shared_ptr<compiled> code = s->code.lock();
  if (!code) {
    code = obtain(key, wasm, name);
    s->code = code;
  }
  return std::make_shared<module_core>(shared_from_this(), std::move(code), std::move(name));
}

std::shared_ptr<module_core> engine_core::load(const std::filesystem::path& file) {
  const std::vector<std::byte> bytes = read_whole(file);
  return compile(bytes, file.filename().string());
}

std::shared_ptr<module_core> engine_core::load_if_compiled(const std::filesystem::path& file) {
  std::error_code unknown;
  if (!std::filesystem::is_regular_file(file, unknown)) return nullptr;  // what is read once must not be read in vain
  const std::vector<std::byte> bytes = read_whole(file);
  std::string name = file.filename().string();
  check_header(bytes, name);
  const digest key = key_of(bytes, main_.compatibility());
  const std::shared_ptr<slot> s = slot_of(key);
  const std::lock_guard guard(s->compiling);
  std::shared_ptr<compiled> code = s->code.lock();
  if (!code) code = obtain_cached(key);
  if (!code) return nullptr;
  s->code = code;
  return std::make_shared<module_core>(shared_from_this(), std::move(code), std::move(name));
}

std::vector<std::byte> engine_core::precompile(std::span<const std::byte> wasm, const std::string& name) {
  check_header(wasm, name);
  const bytes_handle code = translate(wasm, name);
  const auto bytes = to_bytes(weft_bytes_view(code.get()));
  return {bytes.begin(), bytes.end()};
}

std::shared_ptr<module_core> engine_core::load_precompiled(const std::filesystem::path& file) {
  const unique_fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<std::byte, 4> magic = {};
  if (!fd || ::pread(fd.get(), magic.data(), magic.size(), 0) < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot read '" + file.string() + "'");
  }
  std::string name = file.filename().string();
  if (!begins_with(magic, elf_magic)) {
    throw module_error(module_fault::native_code, "'" + name + "' is not precompiled: it was not made by weft compile");
  }
  weft_error* raw = nullptr;
  module_handle module(weft_module_load_file(main_.engine(), fd.get(), &raw));
  if (const error_handle error(raw); error) {
    throw module_error(module_fault::native_code,
                       "'" + name + "' cannot be used here: " + std::string(message_of(error)) +
                           "; compile it again with this weft, on this kind of machine and with the same options");
  }
  return std::make_shared<module_core>(shared_from_this(), place(std::move(module), main_), std::move(name));
}

engine_statistics engine_core::statistics() const noexcept {
  return {.modules_compiled = compiled_.load(std::memory_order_relaxed),
          .cache_hits = hits_.load(std::memory_order_relaxed),
          .cache_rejected = rejected_.load(std::memory_order_relaxed),
          .guests_started = guests_started_.load(std::memory_order_relaxed),
          .guests_on_demand = guests_on_demand_.load(std::memory_order_relaxed)};
}

}  // namespace weft::wasm::detail
