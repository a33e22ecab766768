#include "served.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string_view>
#include <vector>

#include "../harness/harness.hpp"
#include "../io/echo_load.hpp"

namespace bench {

namespace {

[[noreturn]] void become_server(std::span<char* const> command, const std::string& kind, unsigned workers, int input,
                                int output) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  use_first_cpus(workers);
  dup2(input, 0);
  dup2(output, 1);
  std::string serve = "serve";
  std::string what = kind;
  std::string count = std::to_string(workers);
  std::vector<char*> arguments(command.begin(), command.end());
  for (std::string* word : {&serve, &what, &count}) arguments.push_back(word->data());
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  std::perror(arguments[0]);
  _exit(127);
}

// In kB.
double value_in_status(pid_t id, std::string_view name) {
  std::ifstream file("/proc/" + std::to_string(id) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return std::strtod(line.c_str() + name.size(), nullptr);
  }
  return 0;
}

}  // namespace

served::served(std::span<char* const> command, const std::string& kind, unsigned workers) {
  int in[2];
  int out[2];
  require(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "no pipes");
  id_ = fork();
  require(id_ >= 0, "no process");
  if (id_ == 0) become_server(command, kind, workers, in[0], out[1]);
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  std::FILE* told = fdopen(out[0], "r");
  unsigned port = 0;
  const bool any = std::fscanf(told, "%u", &port) == 1;
  std::fclose(told);
  require(any && port != 0, "the server has told no port");
  port_ = static_cast<std::uint16_t>(port);
}

served::~served() {
  close(input_);
  kill(id_, SIGKILL);
  waitpid(id_, nullptr, 0);
}

double served::cpu_seconds() const {
  clockid_t clock{};
  timespec t{};
  require(clock_getcpuclockid(id_, &clock) == 0 && clock_gettime(clock, &t) == 0, "no clock of the server");
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double served::resident_bytes() const { return value_in_status(id_, "VmRSS:") * 1024; }
double served::peak_rss_mb() const { return value_in_status(id_, "VmHWM:") / 1024; }

}  // namespace bench
