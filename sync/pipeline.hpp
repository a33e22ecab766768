// Stages that values go through, each on fibers of its own, with bounded queues between them.
//
//   weft::group g;
//   auto paths   = weft::source<path>(g, [](const auto& emit) { for (...) emit.send(p); });
//   auto texts   = weft::stage(g, std::move(paths), read_file, {.parallel = 8});                    // any order
//   auto digests = weft::stage(g, std::move(texts), sha256, {.parallel = 4, .ordered = true});      // the order of the input
//   for (const digest& d : digests) print(d);
//
// Guarantees: no more values are under way than the queues and the parallel calls hold; a stage whose consumer is slow waits (back-pressure),
// and one whose consumer is gone ends, as do those before it. A stage is tasks of the group: a failure cancels all of them, and the group throws;
// cancelling the group ends the pipeline. Costs: a buffered channel's send and receive a value and stage; where the order is kept by several in
// parallel, two more of them and an allocation.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weft/scheduler/group.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/mutex.hpp>

namespace weft {

struct stage_options {
  unsigned parallel = 1;   // calls at a time, at least 1
  bool ordered = false;    // results come out in the order of the values they were made from
  std::size_t queue = 16;  // results that wait for the next stage at most
  const char* name = "stage";
};

namespace detail {

// Out of line: a compiler takes the address of a thread-local such as errno for constant, and would keep it from one value to the next, across a switch.
template <class F, class T>
[[gnu::noinline]] decltype(auto) call_with(F& f, T& value) {
  return std::invoke(f, std::move(value));
}

template <class T, class R, class F>
struct stage_work {
  receiver<T> in;
  sender<R> out;
  F f;

  void run() {
    for (T& value : in) {
      if (!out.send(call_with(f, value))) return;
    }
  }
};

// Who takes a value puts the place where its result will come into a queue at the same time: results are collected in that order.
template <class T, class R, class F>
class ordered_work {
 public:
  ordered_work(receiver<T> in, F f, sender<receiver<R>> places)
      : in_(std::move(in)), f_(std::move(f)), places_(std::move(places)) {}

  // False when there are no values any more, or nobody wants a result.
  bool one() {
    std::optional<T> value;
    auto [put, place] = make_channel<R>(1);
    {
      std::lock_guard guard(taking_);
      value = in_.receive();
      if (!value || !places_.send(std::move(place))) return false;
    }
    static_cast<void>(put.send(call_with(f_, *value)));
    return true;
  }
  static void collect(const receiver<receiver<R>>& places, const sender<R>& out) {
    for (const receiver<R>& place : places) {
      std::optional<R> result = place.receive();
      if (!result || !out.send(std::move(*result))) return;
    }
  }

 private:
  receiver<T> in_;
  F f_;
  mutex taking_;
  sender<receiver<R>> places_;
};

}  // namespace detail

// What f(sender) sends, as the beginning of a pipeline; ends when f returns.
template <class T, class F>
[[nodiscard]] receiver<T> source(group& g, F f, stage_options o = {},
                                 std::source_location site = std::source_location::current()) {
  auto ends = make_channel<T>(o.queue);
  g.spawn([f = std::move(f), out = std::move(ends.first)]() mutable { std::invoke(f, std::as_const(out)); },
          {.name = o.name}, site);
  return std::move(ends.second);
}

// f(value) for each value that comes in; what it returns comes out. f is one object, called by all the stage's tasks at once if there are
// several. Throws std::invalid_argument, std::bad_alloc.
template <class T, class F>
[[nodiscard]] auto stage(group& g, receiver<T> in, F f, stage_options o = {},
                         std::source_location site = std::source_location::current()) {
  using result = std::invoke_result_t<F&, T>;
  static_assert(!std::is_void_v<result> && !std::is_reference_v<result>,
                "a stage turns a value into a value; see for_each");
  if (o.parallel == 0) throw std::invalid_argument("weft: a stage needs one call at a time at least: parallel was 0");
  auto ends = make_channel<result>(o.queue);
  if (!o.ordered || o.parallel == 1) {
    using work = detail::stage_work<T, result, F>;
    auto shared = std::make_shared<work>(work{std::move(in), std::move(ends.first), std::move(f)});
    for (unsigned i = 0; i < o.parallel; ++i) g.spawn([shared] { shared->run(); }, {.name = o.name}, site);
    return std::move(ends.second);
  }
  using work = detail::ordered_work<T, result, F>;
  auto queue = make_channel<receiver<result>>(o.parallel);
  auto shared = std::make_shared<work>(std::move(in), std::move(f), std::move(queue.first));
  for (unsigned i = 0; i < o.parallel; ++i) {
    g.spawn(
        [shared] {
          while (shared->one()) {
          }
        },
        {.name = o.name}, site);
  }
  g.spawn([places = std::move(queue.second), out = std::move(ends.first)] { work::collect(places, out); },
          {.name = o.name}, site);
  return std::move(ends.second);
}

// The end of a pipeline: f(value) for each, by o.parallel tasks; returns when all are done. Parks; throws as group::join() does.
template <class T, class F>
void for_each(receiver<T> in, F f, stage_options o = {}, std::source_location site = std::source_location::current()) {
  if (o.parallel == 0) throw std::invalid_argument("weft: a stage needs one call at a time at least: parallel was 0");
  group g;
  for (unsigned i = 0; i < o.parallel; ++i) {
    g.spawn(
        [&in, &f] {
          for (T& value : in) detail::call_with(f, value);
        },
        {.name = o.name}, site);
  }
  g.join();
}

}  // namespace weft
