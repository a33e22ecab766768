#include <weft/io/engine_choice.hpp>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <weft/io/detail/choose_engine.hpp>
#include <weft/io/epoll/epoll_engine.hpp>
#include <weft/io/uring/uring_engine.hpp>

namespace weft::io {

namespace {

struct request {
  std::string word;
  std::string origin;  // for messages
};

request asked_for(const std::string& option) {
  if (!option.empty()) return {option, "options::io"};
  const char* variable = std::getenv("WEFT_IO");
  if (variable != nullptr && *variable != '\0') return {variable, "WEFT_IO"};
  return {"auto", "default"};
}

class last_choice {
 public:
  void set(engine_choice choice) {
    const std::lock_guard guard(mutex_);
    choice_ = std::move(choice);
  }
  engine_choice get() {
    const std::lock_guard guard(mutex_);
    return choice_;
  }

 private:
  std::mutex mutex_;
  engine_choice choice_;
};

last_choice& last() {
  static last_choice choice;
  return choice;
}

std::unique_ptr<driver> make_preferred(unsigned worker, std::atomic<bool>& refused) {
  if (!refused.load(std::memory_order_relaxed)) {
    try {
      auto engine = std::make_unique<uring::uring_engine>(worker);
      last().set({"io_uring", "the kernel gives rings that work", false});
      return engine;
    } catch (const std::system_error& e) {
      refused.store(true, std::memory_order_relaxed);
      auto engine = std::make_unique<epoll::epoll_engine>(worker);
      last().set({"epoll", e.what(), true});
      return engine;
    }
  }
  return std::make_unique<epoll::epoll_engine>(worker);
}

}  // namespace

engine_choice last_engine_choice() { return last().get(); }

driver_factory detail::choose_engine(const std::string& wanted) {
  const request r = asked_for(wanted);
  const std::string reason = "asked for by " + r.origin;
  if (r.word == "uring") {
    return [reason](unsigned worker) {
      auto engine = std::make_unique<uring::uring_engine>(worker);
      last().set({"io_uring", reason, false});
      return engine;
    };
  }
  if (r.word == "epoll") {
    return [reason](unsigned worker) {
      auto engine = std::make_unique<epoll::epoll_engine>(worker);
      last().set({"epoll", reason, false});
      return engine;
    };
  }
  if (r.word != "auto") {
    throw std::invalid_argument("weft: " + r.origin + " is '" + r.word +
                                "'; it names an I/O engine: auto, uring or epoll");
  }
  return [refused = std::make_shared<std::atomic<bool>>(false)](unsigned worker) {
    return make_preferred(worker, *refused);
  };
}

}  // namespace weft::io
