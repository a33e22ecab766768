#include <weft/scheduler/detail/shutdown_watch.hpp>

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

#include <weft/scheduler/dump.hpp>
#include <weft/scheduler/park.hpp>

namespace weft::detail {

namespace {

const char* name_of(int number) noexcept { return number == SIGINT ? "SIGINT" : "SIGTERM"; }

}  // namespace

shutdown_watch::shutdown_watch(scope& root, std::chrono::nanoseconds grace)
    : signal_listener({SIGINT, SIGTERM}), root_(root), grace_(grace) {
  signal_hub::instance().add(*this);
}

shutdown_watch::~shutdown_watch() { signal_hub::instance().remove(*this); }

void shutdown_watch::arrived(int number) noexcept {
  if (number_ != 0) give_up("a second signal came");
  number_ = number;
  limit_ = parker::from_now(grace_);
  root_.cancel(cancel_reason::signal);
}

void shutdown_watch::overdue() noexcept { give_up("the grace has run out"); }

// Without running destructors: fibers still use what they would destroy.
void shutdown_watch::give_up(const char* why) const noexcept {
  std::fprintf(stderr, "weft: run() was told to end by %s and has not: %s. What still runs:\n", name_of(number_), why);
  try {
    dump(stderr);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "weft: no dump: %s\n", e.what());
  }
  std::_Exit(128 + number_);
}

}  // namespace weft::detail
