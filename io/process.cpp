#include <weft/io/process.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <stdexcept>
#include <system_error>

#include <weft/io/buffered.hpp>
#include <weft/io/descriptor.hpp>
#include <weft/io/detail/errors.hpp>
#include <weft/io/detail/unique_fd.hpp>
#include <weft/io/file.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/shield.hpp>
#include <weft/scheduler/this_fiber.hpp>

extern char** environ;

namespace weft::io {

namespace {

using detail::unique_fd;
using time_point = std::chrono::steady_clock::time_point;

// After SIGKILL a process ends as soon as the kernel can; one that a broken device holds would hold us for ever.
constexpr std::chrono::seconds patience_after_kill{10};

[[gnu::noinline]] int pidfd_open(int id) noexcept {
  const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, id, 0));
  return fd >= 0 ? fd : -errno;
}

[[gnu::noinline]] int wait_now(int id, siginfo_t& info) noexcept {
  info = {};
  for (;;) {
    if (::waitid(P_PID, static_cast<id_t>(id), &info, WEXITED | WNOHANG) == 0) return info.si_pid != 0 ? 1 : 0;
    if (errno != EINTR) return -errno;
  }
}

[[gnu::noinline]] int kill_now(int id, int signal) noexcept { return ::kill(id, signal) == 0 ? 0 : -errno; }

std::string describe_end(int /*fd*/) { return "a child process"; }

// ---------------------------------------------------------------------------------------------------- starting

int checked(int result, const char* action) {
  if (result < 0) detail::fail(-result, action);
  return result;
}

[[gnu::noinline]] int open_null() noexcept {
  const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  return fd >= 0 ? fd : -errno;
}

// Never one of 0, 1, 2, in whose place the child's own are put.
[[gnu::noinline]] int duplicate(int fd) noexcept {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return copy >= 0 ? copy : -errno;
}

[[gnu::noinline]] int make_pipe_ends(std::array<int, 2>& ends) noexcept {
  return ::pipe2(ends.data(), O_CLOEXEC) == 0 ? 0 : -errno;
}

// One of the child's streams while it is started: what the child gets, and what we keep.
struct stream_ends {
  unique_fd childs;
  unique_fd ours;
};

stream_ends pipe_for(bool child_reads) {
  std::array<int, 2> ends{};
  checked(make_pipe_ends(ends), "make a pipe for a child");
  unique_fd reading(ends[0]);
  unique_fd writing(ends[1]);
  const unique_fd childs = std::move(child_reads ? reading : writing);
  return {.childs = unique_fd(checked(duplicate(childs.get()), "make a pipe for a child")),
          .ours = std::move(child_reads ? writing : reading)};
}

stream_ends ends_of(const redirection& r, bool child_reads) {
  switch (r.kind()) {
    case redirection::how::pipe:
      return pipe_for(child_reads);
    case redirection::how::nothing: {
      const unique_fd null(checked(open_null(), "open '/dev/null'"));
      return {.childs = unique_fd(checked(duplicate(null.get()), "open '/dev/null'")), .ours = {}};
    }
    case redirection::how::descriptor:
      return {.childs = unique_fd(checked(duplicate(r.descriptor()), "give a child a descriptor of ours")), .ours = {}};
    case redirection::how::inherited:
    case redirection::how::with_output:
      break;
  }
  return {};
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& t : texts) pointers.push_back(const_cast<char*>(t.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// posix_spawn's two objects; what it does to the child. All of it for a helper thread, as the parent stands still until the child runs the program.
class spawn_plan {
 public:
  spawn_plan() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  ~spawn_plan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  spawn_plan(const spawn_plan&) = delete;
  spawn_plan& operator=(const spawn_plan&) = delete;

  // A copy onto itself makes the child inherit a descriptor that is close-on-exec.
  void give(int fd, int as) { check(::posix_spawn_file_actions_adddup2(&actions_, fd, as)); }
  void inherit(int fd) {
    if (::fcntl(fd, F_GETFD) >= 0) give(fd, fd);
  }
  void change_directory(const std::filesystem::path& to) {
    check(::posix_spawn_file_actions_addchdir_np(&actions_, to.c_str()));
  }

  // The child's number, or a negative errno.
  int run(char* const* arguments, char* const* environment, bool own_group) {
    check(::posix_spawn_file_actions_addclosefrom_np(&actions_, 3));
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    const int group = own_group ? POSIX_SPAWN_SETPGROUP : 0;
    ::posix_spawnattr_setflags(&attributes_,
                               static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group));
    pid_t id = -1;
    const int error = ::posix_spawnp(&id, arguments[0], &actions_, &attributes_, arguments, environment);
    return error != 0 ? -error : id;
  }

 private:
  static void check(int error) {
    if (error != 0) detail::fail(error, "prepare a child");
  }
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

struct started {
  int id = -1;
  int end = -1;          // its pidfd
  int error = 0;         // an errno
  std::string why = {};  // more about it
};

// On a helper thread.
std::string explain(int error, const std::string& program) {
  const bool has_slash = program.find('/') != std::string::npos;
  if (error == ENOENT && !has_slash) return " (no directory of PATH has it)";
  if (error == ENOENT && ::access(program.c_str(), F_OK) == 0) {
    return " (the file is there: what is missing is the interpreter that it names)";
  }
  if (error == EACCES) return " (it is not executable, or a directory above it may not be searched)";
  return "";
}

void kill_and_reap(int id) noexcept {
  ::kill(id, SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(id), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

started start(const std::vector<std::string>& arguments, const process_options& o, const std::array<int, 3>& streams) {
  if (!o.directory.empty()) {
    std::error_code error;
    if (!std::filesystem::is_directory(o.directory, error)) {
      return {.error = error ? error.value() : ENOTDIR, .why = " in the directory " + detail::quoted(o.directory)};
    }
  }
  spawn_plan plan;
  for (int i = 0; i < 3; ++i) {
    const int given = streams[static_cast<std::size_t>(i)];
    given >= 0 ? plan.give(given, i) : plan.inherit(i);
  }
  if (!o.directory.empty()) plan.change_directory(o.directory);
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  const std::vector<char*> environment = o.environment ? pointers_to(*o.environment) : std::vector<char*>();
  const int id = plan.run(argument_pointers.data(), o.environment ? environment.data() : environ, o.own_group);
  if (id < 0) return {.error = -id, .why = explain(-id, arguments[0])};
  const int end = pidfd_open(id);
  if (end >= 0) return {.id = id, .end = end};
  kill_and_reap(id);
  return {.error = -end, .why = end == -ESRCH ? " (its end was not ours to see: do not ignore SIGCHLD)" : ""};
}

}  // namespace

// ---------------------------------------------------------------------------------------------------- exit_status

std::string exit_status::describe() const {
  if (signal_ == 0) return "exit code " + std::to_string(code_);
  const char* name = ::sigdescr_np(signal_);
  return "killed by signal " + std::to_string(signal_) + " (" + (name != nullptr ? name : "unknown") + ")";
}

// ---------------------------------------------------------------------------------------------------- process

process::process(const std::vector<std::string>& arguments, const process_options& o)
    : own_group_(o.own_group), grace_(o.grace) {
  if (arguments.empty())
    throw std::invalid_argument("weft::io: a process needs arguments, of which the first is the program");
  if (o.input.kind() == redirection::how::with_output || o.output.kind() == redirection::how::with_output) {
    throw std::invalid_argument("weft::io: with_output is for a process's errors only");
  }
  stream_ends input = ends_of(o.input, true);
  stream_ends output = ends_of(o.output, false);
  stream_ends errors = ends_of(o.errors, false);
  int errors_fd = errors.childs.get();
  if (o.errors.kind() == redirection::how::with_output) errors_fd = output.childs ? output.childs.get() : STDOUT_FILENO;
  const std::array streams{input.childs.get(), output.childs.get(), errors_fd};
  const started s = blocking([&] { return start(arguments, o, streams); });
  if (s.error != 0) detail::fail(s.error, "run " + detail::quoted(arguments[0]) + s.why);
  child_.id.store(s.id);
  try {
    end_ = detail::descriptor_handle(s.end, &describe_end);
    if (input.ours) input_ = pipe_writer::adopt(input.ours.release());
    if (output.ours) output_ = pipe_reader::adopt(output.ours.release());
    if (errors.ours) errors_ = pipe_reader::adopt(errors.ours.release());
  } catch (...) {
    blocking([&] { kill_and_reap(s.id); });
    throw;
  }
}

process::~process() {
  if (!*this) return;
  try {
    terminate();
  } catch (...) {  // the kernel does not end it
  }
}

process& process::operator=(process&& other) noexcept {
  if (this == &other) return *this;
  {
    const process old(std::move(*this));
  }
  child_ = std::move(other.child_);
  own_group_ = other.own_group_;
  grace_ = other.grace_;
  end_ = std::move(other.end_);
  input_ = std::move(other.input_);
  output_ = std::move(other.output_);
  errors_ = std::move(other.errors_);
  return *this;
}

void process::require_child() const {
  if (id() < 0) detail::fail(ECHILD, "wait for a process: there is none, or its end was told already");
}

// False if the limit came first. The child is not reaped.
bool process::await_end(time_point limit) {
  pollfd end{.fd = end_.fd(), .events = POLLIN, .revents = 0};
  return poll_many({&end, 1}, limit) != 0;
}

exit_status process::wait() { return *wait_for(std::chrono::nanoseconds::max()); }

std::optional<exit_status> process::wait_for(std::chrono::nanoseconds limit) {
  require_child();
  try {
    if (!await_end(parker::from_now(limit))) return std::nullopt;
  } catch (...) {
    terminate();
    throw;
  }
  return reap();
}

std::optional<exit_status> process::try_wait() {
  require_child();
  pollfd end{.fd = end_.fd(), .events = POLLIN, .revents = 0};
  return poll_now({&end, 1}) != 0 ? std::optional(reap()) : std::nullopt;
}

// The child has ended. Those who are sending it a signal leave first, and no more come, so that none goes to another process of that number.
exit_status process::reap() {
  end_.close();
  siginfo_t info{};
  const int result = wait_now(child_.id.exchange(-1), info);
  if (result <= 0)
    detail::fail(result < 0 ? -result : ETIMEDOUT,
                 "learn how a child ended (does other code wait for it, or ignore SIGCHLD?)");
  return info.si_code == CLD_EXITED ? exit_status::exited(info.si_status) : exit_status::killed(info.si_status);
}

void process::kill(int signal) { send(signal, false); }
void process::kill_group(int signal) { send(signal, own_group_); }

// Until the child is reaped its number and that of its group are nobody else's.
void process::send(int signal, bool group) {
  std::error_code error;
  detail::reported(error, [&] {
    const detail::descriptor_use use(end_, "send a signal to");
    use.check(kill_now(group ? -id() : id(), signal));
  });
  if (error && error.value() != EBADF && error.value() != ESRCH) {
    detail::fail(error.value(), "send signal " + std::to_string(signal) + " to a child");
  }
}

exit_status process::terminate() {
  require_child();
  std::optional<shield> undisturbed;
  if (in_fiber()) undisturbed.emplace(grace_ + 2 * patience_after_kill);
  kill_group(SIGTERM);
  await_end(parker::from_now(grace_));
  kill_group(SIGKILL);  // or what is left of its group
  await_end(parker::from_now(patience_after_kill));
  return reap();
}

// ---------------------------------------------------------------------------------------------------- run_command

namespace {

[[gnu::noinline]] int make_memory_file() noexcept {
  const int fd = ::memfd_create("input", MFD_CLOEXEC);
  return fd >= 0 ? fd : -errno;
}

// In memory, so that nobody has to feed the child, and nobody gets SIGPIPE when it reads no more.
file file_of(std::string_view text) {
  file f = file::adopt(checked(make_memory_file(), "keep a child's input"), "a child's input");
  f.write_at(0, std::as_bytes(std::span(text)));
  return f;
}

// One of the two streams that are collected; false at its end.
bool collect(pipe_reader& from, std::string& into, std::size_t limit) {
  constexpr std::size_t piece = 16 << 10;
  const std::size_t before = into.size();
  into.resize(before + piece);
  const std::size_t n = from.read_some(std::as_writable_bytes(std::span(into).subspan(before)));
  into.resize(before + n);
  if (into.size() > limit) detail::fail_too_long("command's output", limit);
  return n != 0;
}

void collect_both(process& child, command_output& result, std::size_t limit) {
  std::array<pollfd, 2> streams{pollfd{.fd = child.output().native_handle(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = child.errors().native_handle(), .events = POLLIN, .revents = 0}};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    poll_many(streams);
    if (streams[0].revents != 0 && !collect(child.output(), result.output, limit)) streams[0].fd = -1;
    if (streams[1].revents != 0 && !collect(child.errors(), result.errors, limit)) streams[1].fd = -1;
  }
}

}  // namespace

command_output run_command(const std::vector<std::string>& arguments, const command_options& o) {
  file input;
  if (!o.input.empty()) input = file_of(o.input);
  process child(arguments, {.input = input.is_open() ? redirection(input.native_handle()) : to_nothing,
                            .output = piped,
                            .errors = piped,
                            .directory = o.directory,
                            .environment = o.environment,
                            .grace = o.grace});
  input.close();
  command_output result;
  collect_both(child, result, o.limit);
  result.status = child.wait();
  return result;
}

}  // namespace weft::io
