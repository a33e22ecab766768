#include <weft/scheduler/detail/trace.hpp>

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <weft/scheduler/detail/worker.hpp>

namespace weft::detail {

namespace {

std::int64_t now() noexcept { return std::chrono::steady_clock::now().time_since_epoch().count(); }

void append_number(std::string& text, std::uint64_t n) {
  std::array<char, 20> digits{};
  text.append(digits.data(), std::to_chars(digits.begin(), digits.end(), n).ptr);
}

// The format counts in microseconds.
void append_time(std::string& text, std::int64_t ns) {
  append_number(text, static_cast<std::uint64_t>(ns / 1'000));
  const auto rest = static_cast<unsigned>(ns % 1'000);
  text += '.';
  for (const unsigned digit : {rest / 100, rest / 10 % 10, rest % 10}) text += static_cast<char>('0' + digit);
}

// Bytes that JSON does not allow in a string, or that may be half of a character that was cut off, become '?'.
void append_string(std::string& text, std::string_view s) {
  text += '"';
  for (const char c : s) {
    if (c == '"' || c == '\\') text += '\\';
    const auto byte = static_cast<unsigned char>(c);
    text += byte < 0x20 || byte > 0x7e ? '?' : c;
  }
  text += '"';
}

void append_site(std::string& text, std::string_view file, std::uint_least32_t line) {
  append_string(text, std::string(file) + ':' + std::to_string(line));
}

std::string_view last_part(std::string_view path) noexcept { return path.substr(path.rfind('/') + 1); }

void append_name(std::string& text, const trace_label& label) {
  switch (label.what) {
    case trace_label::kind::nothing:
      break;
    case trace_label::kind::task:
      if (label.length == 0) return append_site(text, last_part(label.site.file_name()), label.site.line());
      return append_string(text, {label.name.data(), label.length});
    case trace_label::kind::fiber:
      return append_string(text, "fiber");
    case trace_label::kind::asleep:
      return append_string(text, "asleep");
    case trace_label::kind::steal_task:
      return append_string(text, "steal task");
    case trace_label::kind::steal_fibers:
      return append_string(text, "steal fibers");
  }
  append_string(text, "");
}

std::string_view category(trace_label::kind what) noexcept {
  return what == trace_label::kind::task || what == trace_label::kind::fiber ? "task" : "worker";
}

std::FILE* open_for_writing(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  if (file != nullptr) return file;
  throw std::system_error(
      errno, std::generic_category(),
      "weft: cannot write the trace to '" + path + "' (options::trace); name a file in a folder that is there");
}

}  // namespace

trace_label::trace_label(const task_node& task) noexcept : what(kind::task), site(task.site) {
  if (task.name == nullptr) return;
  length = static_cast<std::uint8_t>(::strnlen(task.name, name.size()));
  std::memcpy(name.data(), task.name, length);
}

// ---------------------------------------------------------------------------------------------------- a row

void trace_row::begin(const trace_label& label) noexcept {
  const std::int64_t at = now();
  if (label_.what != trace_label::kind::nothing) put({since_, at - since_, 0, label_});
  label_ = label;
  since_ = at;
}

void trace_row::instant(trace_label::kind what, std::uint64_t detail) noexcept {
  put({now(), -1, detail, trace_label(what)});
}

void trace_row::put(const trace_event& event) noexcept {
  const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
  const std::uint64_t used = tail - head_.load(std::memory_order_acquire);
  if (used == capacity) return lost_.store(lost_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  ring_[tail % capacity] = event;
  tail_.store(tail + 1, std::memory_order_release);
  if (used + 1 == capacity / 2) file_->flush_soon();
}

// ---------------------------------------------------------------------------------------------------- the file

trace_file::trace_file(const std::string& path, std::string runtime_name)
    : path_(path), name_(std::move(runtime_name)), file_(open_for_writing(path)), start_(now()) {
  text_ = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{\"ph\":\"M\",\"pid\":" + std::to_string(::getpid()) +
          ",\"name\":\"process_name\",\"args\":{\"name\":";
  append_string(text_, name_);
  text_ += "}}";
  put_out();
  try {
    thread_ = std::thread([this] { write_in_background(); });
  } catch (const std::system_error& e) {
    std::fclose(file_);
    throw std::system_error(e.code(),
                            "weft: cannot start the trace's thread; raise the limit of processes (ulimit -u)");
  }
  ::pthread_setname_np(thread_.native_handle(), "weft-trace");
}

trace_file::~trace_file() {
  ending_.store(true, std::memory_order_release);
  flush_soon();
  thread_.join();
  flush();
  std::fclose(file_);
}

trace_row& trace_file::row(std::size_t index) {
  std::lock_guard guard(mutex_);
  while (rows_.size() <= index) add_row();
  return *rows_[index];
}

void trace_file::add_row() {
  const std::string index = std::to_string(rows_.size());
  const std::string begin = ",\n{\"ph\":\"M\",\"pid\":" + std::to_string(::getpid()) + ",\"tid\":" + index;
  rows_.push_back(std::make_unique<trace_row>(*this));
  text_ += begin + ",\"name\":\"thread_name\",\"args\":{\"name\":";
  append_string(text_, name_ + '-' + index);
  text_ += "}}" + begin + ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":" + index + "}}";
}

void trace_file::flush() {
  std::lock_guard guard(mutex_);
  for (std::size_t i = 0; i < rows_.size(); ++i) drain(*rows_[i], i);
  put_out();
}

void trace_file::flush_soon() noexcept {
  wanted_.fetch_add(1, std::memory_order_release);
  wanted_.notify_one();
}

void trace_file::write_in_background() {
  for (unsigned seen = 0; !ending_.load(std::memory_order_acquire);) {
    wanted_.wait(seen, std::memory_order_acquire);
    seen = wanted_.load(std::memory_order_acquire);
    do flush();
    while (behind());
  }
}

// A ring asks but once, when it becomes half full.
bool trace_file::behind() const {
  std::lock_guard guard(mutex_);
  return std::any_of(rows_.begin(), rows_.end(), [](const auto& row) {
    return row->tail_.load(std::memory_order_relaxed) - row->head_.load(std::memory_order_relaxed) >=
           trace_row::capacity / 2;
  });
}

// Only what is there at the beginning: its worker may be adding events as fast as they are taken.
void trace_file::drain(trace_row& row, std::size_t number) {
  const std::uint64_t tail = row.tail_.load(std::memory_order_acquire);
  for (std::uint64_t at = row.head_.load(std::memory_order_relaxed); at != tail; ++at) {
    write(row.ring_[at % trace_row::capacity], number);
    row.head_.store(at + 1, std::memory_order_release);
  }
}

void trace_file::write(const trace_event& event, std::size_t row) {
  if (failed_) {
    ++unwritten_;
    return;
  }
  const bool instant = event.duration < 0;
  text_ += instant ? ",\n{\"ph\":\"i\",\"s\":\"t\",\"pid\":" : ",\n{\"ph\":\"X\",\"pid\":";
  append_number(text_, static_cast<std::uint64_t>(::getpid()));
  text_ += ",\"tid\":";
  append_number(text_, row);
  text_ += ",\"ts\":";
  append_time(text_, std::max(event.start - start_, std::int64_t{0}));
  if (!instant) {
    text_ += ",\"dur\":";
    append_time(text_, event.duration);
  }
  text_ += ",\"name\":";
  append_name(text_, event.label);
  text_.append(",\"cat\":\"").append(category(event.label.what)).append("\"");
  if (event.label.site.line() != 0) {
    text_ += ",\"args\":{\"site\":";
    append_site(text_, event.label.site.file_name(), event.label.site.line());
    text_ += '}';
  } else if (instant) {
    text_ += ",\"args\":{\"count\":";
    append_number(text_, event.detail);
    text_ += '}';
  }
  text_ += '}';
  written_.fetch_add(1, std::memory_order_relaxed);
}

// The closing lines are written over by what comes next, so the file is whole after each call.
void trace_file::put_out() {
  if (failed_) return;
  std::string closing = "\n],\"otherData\":{\"runtime\":";
  append_string(closing, name_);
  closing += ",\"events_lost\":" + std::to_string(count_lost()) + "}}\n";
  const bool written =
      std::fseek(file_, end_, SEEK_SET) == 0 && std::fwrite(text_.data(), 1, text_.size(), file_) == text_.size() &&
      std::fwrite(closing.data(), 1, closing.size(), file_) == closing.size() && std::fflush(file_) == 0;
  end_ += static_cast<long>(text_.size());
  text_.clear();
  if (written) return;
  failed_ = true;
  std::fprintf(stderr, "weft: the trace '%s' ends early: %s\n", path_.c_str(), std::strerror(errno));
}

std::uint64_t trace_file::count_lost() const noexcept {
  std::uint64_t lost = unwritten_;
  for (const auto& row : rows_) lost += row->lost_.load(std::memory_order_relaxed);
  return lost;
}

std::uint64_t trace_file::lost() const {
  std::lock_guard guard(mutex_);
  return count_lost();
}

// ---------------------------------------------------------------------------------------------------- slices of tasks

namespace {
trace_row* this_row() noexcept {
  worker* w = this_worker();
  return w != nullptr ? w->trace() : nullptr;
}
}  // namespace

trace_slice::trace_slice(const task_node& task) noexcept {
  trace_row* row = this_row();
  if (row == nullptr) return;
  outer_ = row->open();
  row->begin(trace_label(task));
}

void trace_row::perform_traced(task_node& task, task_node::action action) {
  task.perform = this_row()->untraced_;
  if (action != task_node::action::run) return task.perform(task, action);
  const trace_slice slice(task);
  task.perform(task, action);
}

trace_slice::~trace_slice() {
  if (trace_row* row = this_row()) row->begin(outer_);
}

}  // namespace weft::detail
