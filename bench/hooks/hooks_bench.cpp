// What the hooks cost outside of fibers, and what C libraries do on fibers beside the same on OS threads.
//
//   hooks_bench [--rounds N] [--pgx PROGRAM] [outside] [libpq] [hiredis]
//
// PROGRAM is go/ built: then Go's pgx takes its turn with the same queries. bench/hooks/compare builds and runs all.
//
// Starts PostgreSQL and Redis for itself. Fibers and threads are measured by turns, in the same process, with the same connections; what is printed are
// minimum and median of the rounds, and the ratio of the minima. Both sides share the CPUs with the server.
#include <dlfcn.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <weft/weft.hpp>

#include "hooks/postgres.hpp"
#include "hooks/server.hpp"

namespace {

using namespace std::chrono_literals;
using namespace weft::hooks_test;
using clock = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

struct times {
  std::vector<double> all;
  void add(double t) { all.push_back(t); }
  [[nodiscard]] double least() const { return *std::min_element(all.begin(), all.end()); }
  [[nodiscard]] double median() {
    std::sort(all.begin(), all.end());
    return all[all.size() / 2];
  }
};

double time_of(const std::function<void()>& work) {
  const auto begin = clock::now();
  work();
  return seconds(clock::now() - begin).count();
}

// CPU time of this process, which hardly depends on what else the machine does; a machine with other work favours many threads, each of which has
// a share of its own.
double cpu_time() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

struct both_times {
  times elapsed, cpu;
  void measure(const std::function<void()>& work) {
    const double before = cpu_time();
    elapsed.add(time_of(work));
    cpu.add(cpu_time() - before);
  }
};

void print(const char* name, const char* which, times& ours, const char* peer, times& peers, double unit,
           const char* what) {
  std::printf("%-28s %-8s fibers %9.2f (%9.2f)  %-7s %9.2f (%9.2f) %s  %s / fibers %.2f\n", name, which,
              ours.least() * unit, ours.median() * unit, peer, peers.least() * unit, peers.median() * unit, what, peer,
              peers.least() / ours.least());
}

// ---- outside of fibers

template <class Function>
double nanoseconds_a_call(Function call) {
  constexpr int calls = 2'000'000;
  const double took = time_of([&] {
    for (int i = 0; i < calls; ++i) call();
  });
  return took * 1e9 / calls;
}

template <class Signature>
Signature* real(const char* name) {
  void* libc = ::dlopen("libc.so.6", RTLD_NOW);
  return reinterpret_cast<Signature*>(::dlsym(libc, name));
}

// Calls that return at once: a bad descriptor, and a lock that nobody has.
void outside(int rounds) {
  const auto real_poll = real<int(pollfd*, nfds_t, int)>("poll");
  const auto real_recv = real<ssize_t(int, void*, std::size_t, int)>("recv");
  const auto real_lock = real<int(pthread_mutex_t*)>("pthread_mutex_lock");
  const auto real_unlock = real<int(pthread_mutex_t*)>("pthread_mutex_unlock");
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
  char c = 0;
  const auto compare = [rounds](const char* name, auto hooked, auto direct) {
    times h, d;
    for (int i = 0; i < rounds; ++i) {
      h.add(nanoseconds_a_call(hooked));
      d.add(nanoseconds_a_call(direct));
    }
    std::printf("%-34s hooked %7.2f ns  real %7.2f ns  difference %5.2f ns\n", name, h.least(), d.least(),
                h.least() - d.least());
  };
  compare("outside: recv", [&] { ::recv(-1, &c, 1, 0); }, [&] { real_recv(-1, &c, 1, 0); });
  compare("outside: poll", [&] { ::poll(nullptr, 0, 0); }, [&] { real_poll(nullptr, 0, 0); });
  compare(
      "outside: mutex lock and unlock",
      [&] {
        ::pthread_mutex_lock(&m);
        ::pthread_mutex_unlock(&m);
      },
      [&] {
        real_lock(&m);
        real_unlock(&m);
      });
}

// ---- on many fibers and many threads

void on_threads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (std::thread& t : threads) t.join();
}

void on_fibers(int count, const std::function<void(int)>& work) {
  weft::group g;
  for (int i = 0; i < count; ++i) g.spawn([&work, i] { work(i); });
  g.join();
}

// A program that does its work once for each line that it reads, and answers with the seconds that it took and those of CPU time.
class go_peer {
 public:
  explicit go_peer(const std::vector<std::string>& words) {
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipe for the peer");
    id_ = ::fork();
    if (id_ == 0) {
      std::vector<char*> arguments;
      for (const std::string& w : words) arguments.push_back(const_cast<char*>(w.c_str()));
      arguments.push_back(nullptr);
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::setenv("GOMAXPROCS", "2", 1);
      ::execv(arguments[0], arguments.data());
      ::_exit(1);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = ::fdopen(in[1], "w");
    from_ = ::fdopen(out[0], "r");
  }
  ~go_peer() {
    std::fclose(to_);
    std::fclose(from_);
    ::waitpid(id_, nullptr, 0);
  }
  go_peer(const go_peer&) = delete;
  go_peer& operator=(const go_peer&) = delete;

  void measure(both_times& into) {
    std::fputs("go\n", to_);
    std::fflush(to_);
    double elapsed = 0;
    double cpu = 0;
    if (std::fscanf(from_, "%lf %lf", &elapsed, &cpu) != 2) throw std::runtime_error("the peer gives no answer");
    into.elapsed.add(elapsed);
    into.cpu.add(cpu);
  }

 private:
  pid_t id_;
  FILE* to_;
  FILE* from_;
};

void side_by_side(const char* name, int rounds, int count, const std::function<void(int)>& work, double unit,
                  const char* what, go_peer* peer = nullptr) {
  both_times fibers, threads, goroutines;
  for (int i = 0; i < rounds; ++i) {
    weft::run({.workers = 2}, [&] { fibers.measure([&] { on_fibers(count, work); }); });
    threads.measure([&] { on_threads(count, work); });
    if (peer != nullptr) peer->measure(goroutines);
  }
  print(name, "elapsed", fibers.elapsed, "threads", threads.elapsed, unit, what);
  print(name, "CPU", fibers.cpu, "threads", threads.cpu, unit, what);
  if (peer == nullptr) return;
  print(name, "elapsed", fibers.elapsed, "pgx", goroutines.elapsed, unit, what);
  print(name, "CPU", fibers.cpu, "pgx", goroutines.cpu, unit, what);
}

void query(PGconn* c, const char* text) {
  const result r(PQexec(c, text));
  if (PQresultStatus(r.get()) != PGRES_TUPLES_OK) throw std::runtime_error(PQresultErrorMessage(r.get()));
}

void libpq(int rounds, const std::string& pgx) {
  const postgres database;
  std::vector<connection> connections;
  for (int i = 0; i < 100; ++i) connections.push_back(database.connect());
  const auto of = [&](int i) { return connections[static_cast<std::size_t>(i)].get(); };
  side_by_side(
      "libpq: 100 x pg_sleep(0.1)", rounds, 100, [&](int i) { query(of(i), "select pg_sleep(0.1)"); }, 1e3, "ms");
  constexpr int queries = 100;
  std::optional<go_peer> peer;
  if (!pgx.empty()) peer.emplace(std::vector<std::string>{pgx, database.local(), "64", std::to_string(queries)});
  side_by_side(
      "libpq: select 1 on 64", rounds, 64,
      [&](int i) {
        for (int n = 0; n < queries; ++n) query(of(i), "select 1");
      },
      1e6 / (64 * queries), "us a query", peer ? &*peer : nullptr);
}

struct close_client {
  void operator()(redisContext* c) const { redisFree(c); }
};

void hiredis(int rounds) {
  const scratch directory;
  const int port = free_port();
  const server redis({"redis-server", "--port", std::to_string(port), "--bind", "127.0.0.1", "--save", "", "--dir",
                      directory.path().string()},
                     directory.path() / "log", [=] { return accepts_connections(port); });
  std::vector<std::unique_ptr<redisContext, close_client>> clients;
  for (int i = 0; i < 256; ++i) clients.emplace_back(redisConnect("127.0.0.1", port));
  freeReplyObject(redisCommand(clients[0].get(), "SET key value"));
  constexpr int gets = 100;
  side_by_side(
      "hiredis: GET on 256", rounds, 256,
      [&](int i) {
        for (int n = 0; n < gets; ++n) {
          freeReplyObject(redisCommand(clients[static_cast<std::size_t>(i)].get(), "GET key"));
        }
      },
      1e6 / (256 * gets), "us a call");
}

// What follows that word among those given, both taken out.
std::string take_option(std::vector<std::string>& words, const std::string& name, const std::string& otherwise) {
  const auto found = std::find(words.begin(), words.end(), name);
  if (found == words.end() || found + 1 == words.end()) return otherwise;
  std::string value = *(found + 1);
  words.erase(found, found + 2);
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const int rounds = std::stoi(take_option(words, "--rounds", "5"));
  const std::string pgx = take_option(words, "--pgx", "");
  const auto is_wanted = [&](const char* name) {
    return words.empty() || std::find(words.begin(), words.end(), name) != words.end();
  };
  if (is_wanted("outside")) outside(rounds);
  if (is_wanted("libpq")) libpq(rounds, pgx);
  if (is_wanted("hiredis")) hiredis(rounds);
}
