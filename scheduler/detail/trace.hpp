// What each worker runs when, written as JSON for Perfetto and chrome://tracing ("Trace Event Format", complete and instant events).
//
// Each worker has a row: a bounded ring of events that it alone fills. A thread of the trace empties the rings into the file. When a
// ring is full, the event is counted as lost: a worker never waits. A row shows at each moment the innermost task, so
// its slices follow one another and never overlap.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <source_location>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weft/scheduler/detail/task_node.hpp>

namespace weft::detail {

class trace_file;

// What a slice is called: a task's name, copied since it need not outlive the task, or where it was spawned.
struct trace_label {
  enum class kind : std::uint8_t {
    nothing,  // the scheduler itself: no slice
    task,
    fiber,   // made by Boost's own API
    asleep,  // the worker, in the kernel
    steal_task,
    steal_fibers,
  };
  kind what = kind::nothing;
  std::uint8_t length = 0;
  std::array<char, 30> name{};
  std::source_location site;

  trace_label() = default;
  explicit trace_label(kind k) noexcept : what(k) {}
  explicit trace_label(const task_node& task) noexcept;
};

struct trace_event {
  std::int64_t start = 0;     // ns on the steady clock
  std::int64_t duration = 0;  // ns; -1: an instant
  std::uint64_t detail = 0;   // of a steal: how many
  trace_label label;
};
static_assert(sizeof(trace_event) == 64);

// One worker's events.
class trace_row {
 public:
  static constexpr std::size_t capacity = 8'192;  // 512 KiB

  explicit trace_row(trace_file& file) : file_(&file), ring_(std::make_unique<trace_event[]>(capacity)) {}

  // ---- the worker's own thread
  // Ends the slice that is open and begins another.
  void begin(const trace_label& label) noexcept;
  [[nodiscard]] const trace_label& open() const noexcept { return label_; }
  void instant(trace_label::kind what, std::uint64_t detail) noexcept;
  // The task is about to be executed, on this worker: its run is to be a slice.
  void record(task_node& task) noexcept { untraced_ = std::exchange(task.perform, &perform_traced); }

 private:
  friend class trace_file;
  void put(const trace_event& event) noexcept;
  static void perform_traced(task_node& task, task_node::action action);

  trace_file* const file_;
  const std::unique_ptr<trace_event[]> ring_;
  trace_label label_;
  std::int64_t since_ = 0;
  perform_function untraced_ = nullptr;  // of the task that record() was told of
  std::atomic<std::uint64_t> lost_{0};
  alignas(64) std::atomic<std::uint64_t> head_{0};  // the reader's
  alignas(64) std::atomic<std::uint64_t> tail_{0};  // the worker's
};

class trace_file {
 public:
  // Throws std::system_error when the file cannot be written.
  trace_file(const std::string& path, std::string runtime_name);
  ~trace_file();
  trace_file(const trace_file&) = delete;
  trace_file& operator=(const trace_file&) = delete;

  // The row of the worker with that index, made if it is not there. Throws std::bad_alloc.
  trace_row& row(std::size_t index);

  // Writes what there is; the file is then complete.
  void flush();
  // Asks the trace's thread to do it. Any thread; never blocks.
  void flush_soon() noexcept;

  [[nodiscard]] std::uint64_t written() const noexcept { return written_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t lost() const;

 private:
  void write_in_background();
  void add_row();
  [[nodiscard]] bool behind() const;
  void drain(trace_row& row, std::size_t number);
  void write(const trace_event& event, std::size_t row);
  void put_out();
  [[nodiscard]] std::uint64_t count_lost() const noexcept;

  const std::string path_;
  const std::string name_;
  std::FILE* file_;
  long end_ = 0;  // where the next event goes; what closes the document follows
  const std::int64_t start_;
  mutable std::mutex mutex_;  // guards all above and below but the rings
  std::vector<std::unique_ptr<trace_row>> rows_;
  std::string text_;
  std::uint64_t unwritten_ = 0;  // taken from the rings, but the file could not be written
  bool failed_ = false;
  std::atomic<std::uint64_t> written_{0};
  std::atomic<unsigned> wanted_{0};  // counts flush_soon()
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

// While a task's function runs: a slice of its own, inside another's or none. It ends before anybody may learn that the task has ended,
// so that it is in the file when run() returns. Does nothing on runtimes without a trace.
class trace_slice {
 public:
  explicit trace_slice(const task_node& task) noexcept;
  ~trace_slice();  // on whichever worker the task has ended
  trace_slice(const trace_slice&) = delete;
  trace_slice& operator=(const trace_slice&) = delete;

 private:
  trace_label outer_;
};

}  // namespace weft::detail
