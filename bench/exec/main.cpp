// Programs of the suite `exec`: plain threads, as one writes them without weft. The same source runs as it is (the peer `os_threads`) and, compiled with
// WEFT_BENCH_EXEC, under `weft exec`, by which it replaces itself.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "../harness/harness.hpp"
#include "../io/echo_load.hpp"

namespace {

int checked(long result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return static_cast<int>(result);
}

void make_thread(pthread_t& thread, void* (*function)(void*), void* argument) {
  const int error = pthread_create(&thread, nullptr, function, argument);
  if (error != 0) throw std::system_error(error, std::generic_category(), "pthread_create");
}

// ---- a server with a thread for each connection

void* serve(void* argument) {
  const int connection = static_cast<int>(reinterpret_cast<std::intptr_t>(argument));
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t size = read(connection, buffer.data(), buffer.size());
    if (size <= 0 || write(connection, buffer.data(), static_cast<std::size_t>(size)) != size) break;
  }
  close(connection);
  return nullptr;
}

void* accept_all(void* argument) {
  const int listener = static_cast<int>(reinterpret_cast<std::intptr_t>(argument));
  for (;;) {
    const int connection = accept(listener, nullptr, nullptr);
    if (connection < 0) return nullptr;
    const int on = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_t thread{};
    make_thread(thread, &serve, reinterpret_cast<void*>(static_cast<std::intptr_t>(connection)));
    pthread_detach(thread);
  }
}

void allow_many_descriptors() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

struct listener {
  int socket = -1;
  std::uint16_t port = 0;
};

listener listen_somewhere() {
  listener l{.socket = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")};
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* address = reinterpret_cast<sockaddr*>(&where);
  socklen_t size = sizeof where;
  checked(bind(l.socket, address, size), "bind");
  checked(listen(l.socket, 4096), "listen");
  checked(getsockname(l.socket, address, &size), "getsockname");
  l.port = ntohs(where.sin_port);
  return l;
}

// The load is a process of its own: what descriptors a process may have is not enough for both ends.
bench::echo_result serve_under_load(unsigned cpus, int connections, long requests) {
  allow_many_descriptors();
  const listener l = listen_somewhere();
  std::array<int, 2> answer{};
  checked(pipe(answer.data()), "pipe");
  const pid_t server = getpid();
  const pid_t load = checked(fork(), "fork");
  if (load == 0) {
    close(l.socket);
    const bench::echo_result r = bench::run_echo_load_on(server, l.port, connections, requests);
    _exit(write(answer[1], &r, sizeof r) == sizeof r ? 0 : 1);
  }
  close(answer[1]);
  bench::use_first_cpus(cpus);
  pthread_t acceptor{};
  make_thread(acceptor, &accept_all, reinterpret_cast<void*>(static_cast<std::intptr_t>(l.socket)));
  bench::echo_result result;
  const bool told = read(answer[0], &result, sizeof result) == sizeof result;
  int status = 0;
  waitpid(load, &status, 0);
  bench::require(told && status == 0, "the load failed");
  return result;
}

constexpr int connections_for(long requests) { return static_cast<int>(std::clamp<long>(requests / 20, 1, 10'000)); }

double echo(unsigned workers, long size) {
  return serve_under_load(workers, connections_for(size), size).seconds * 1e6 / static_cast<double>(size);
}

double echo_cpu(unsigned workers, long size) {
  return serve_under_load(workers, connections_for(size), size).server_cpu_seconds * 1e6 / static_cast<double>(size);
}

// ---- threads that wait

// So many threads that have begun and wait for one condition.
class crowd {
 public:
  explicit crowd(long count) : threads_(static_cast<std::size_t>(count)) {
    for (pthread_t& t : threads_) make_thread(t, &wait, this);
    pthread_mutex_lock(&mutex_);
    while (waiting_ < count) pthread_cond_wait(&all_wait_, &mutex_);
    pthread_mutex_unlock(&mutex_);
  }
  void dismiss() {
    pthread_mutex_lock(&mutex_);
    dismissed_ = true;
    pthread_cond_broadcast(&go_);
    pthread_mutex_unlock(&mutex_);
    for (const pthread_t t : threads_) pthread_join(t, nullptr);
  }

 private:
  static void* wait(void* argument) {
    auto& self = *static_cast<crowd*>(argument);
    pthread_mutex_lock(&self.mutex_);
    if (++self.waiting_ == static_cast<long>(self.threads_.size())) pthread_cond_signal(&self.all_wait_);
    while (!self.dismissed_) pthread_cond_wait(&self.go_, &self.mutex_);
    pthread_mutex_unlock(&self.mutex_);
    return nullptr;
  }

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t all_wait_ = PTHREAD_COND_INITIALIZER;
  pthread_cond_t go_ = PTHREAD_COND_INITIALIZER;
  long waiting_ = 0;
  bool dismissed_ = false;
  std::vector<pthread_t> threads_;
};

// A thread's making, until it waits, by that measure of what f() takes.
template <class Measure>
double create_by(unsigned workers, long size, Measure measure) {
  bench::use_first_cpus(workers);
  crowd(std::max(size / 100, 1L)).dismiss();
  std::optional<crowd> c;
  const double took = measure([&] { c.emplace(size); });
  c->dismiss();
  return took * 1e6 / static_cast<double>(size);
}

double create(unsigned workers, long size) {
  return create_by(workers, size, [](auto f) { return bench::seconds(f); });
}

double create_cpu(unsigned workers, long size) {
  return create_by(workers, size, [](auto f) { return bench::cpu_seconds_of(f); });
}

// The value of that line of a file of /proc, in KiB.
double kibibytes(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    double value = 0;
    if (word == name && file >> value) return value;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  throw std::runtime_error(std::string(path) + " has no " + name);
}

// Memory of the process, page tables, and what the kernel has for threads: stacks, and the slabs in which it describes them. The last two are those of
// the whole machine, so what others do meanwhile is in the figure: some hundred KiB of some hundred MiB.
double memory() {
  return kibibytes("/proc/self/status", "VmRSS:") + kibibytes("/proc/self/status", "VmPTE:") +
         kibibytes("/proc/meminfo", "KernelStack:") + kibibytes("/proc/meminfo", "SUnreclaim:");
}

double parked(unsigned, long size) {
  crowd(1).dismiss();
  const double before = memory();
  crowd c(size);
  const double after = memory();
  c.dismiss();
  return (after - before) / static_cast<double>(size);
}

constexpr std::array workloads{bench::workload{"echo", "us", &echo}, bench::workload{"echo_cpu", "us", &echo_cpu},
                               bench::workload{"create", "us", &create},
                               bench::workload{"create_cpu", "us", &create_cpu},
                               bench::workload{"parked", "KiB", &parked}};

#ifdef WEFT_BENCH_EXEC
// Replaces this process by itself under `weft exec`.
[[noreturn]] void run_again(char** argv) {
  const std::vector<const char*> words{WEFT_BENCH_EXEC, "exec",  "--workers", argv[2], "--",
                                       argv[0],         argv[1], argv[2],     argv[3], nullptr};
  execv(words[0], const_cast<char**>(words.data()));
  std::perror(words[0]);
  std::exit(1);
}
#endif

}  // namespace

int main(int argc, char** argv) {
#ifdef WEFT_BENCH_EXEC
  if (argc == 4 && std::getenv("WEFT_EXEC_WORKERS") == nullptr) run_again(argv);
#endif
  return bench::run_program(argc, argv, WEFT_VERSION, workloads);
}
