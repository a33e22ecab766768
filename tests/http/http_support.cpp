#include "http_support.hpp"

#include <spawn.h>
#include <sys/wait.h>

extern char** environ;

namespace weft::io::http::test {

response echo(request& r) { return text(r.text(100 << 20)); }

response tell(request& r) { return text(std::string(r.method()) + " " + std::string(r.target())); }

std::string read_all(tcp_stream& s) {
  std::string all;
  std::array<std::byte, 4096> part;
  while (const std::size_t n = s.read_some(part)) all += text_of(std::span(part).first(n));
  return all;
}

std::string ask(const address& server, std::string_view text) {
  tcp_stream s = tcp_stream::connect(server);
  s.write_all(text);
  s.shutdown_write();
  return without_dates(read_all(s));
}

std::string read_until(tcp_stream& s, std::string_view text) {
  std::string all;
  std::array<std::byte, 4096> part;
  while (all.find(text) == std::string::npos) {
    const std::size_t n = s.read_some(part);
    if (n == 0) break;
    all += text_of(std::span(part).first(n));
  }
  return all;
}

void expect_refused(const address& server, std::string_view request, int status) {
  const std::string got = ask(server, request);
  EXPECT_TRUE(got.starts_with("HTTP/1.1 " + std::to_string(status) + " ")) << request.substr(0, 300) << "\n=> " << got;
  EXPECT_EQ(count_of(got, "HTTP/1.1 "), 1U) << request.substr(0, 300);
  EXPECT_EQ(count_of(got, "Connection: close\r\n"), 1U) << request.substr(0, 300);
}

std::string without_dates(std::string_view answers) {
  std::string all(answers);
  for (std::size_t at = 0; (at = all.find("Date: ", at)) != std::string::npos;)
    all.erase(at, all.find('\n', at) + 1 - at);
  return all;
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++n;
  return n;
}

std::string url_of(const address& server, std::string_view path) {
  return "http://" + server.to_string() + std::string(path);
}

std::string output_of(std::vector<std::string> command) {
  auto [reader, writer] = make_pipe();
  std::vector<char*> argv;
  for (std::string& a : command) argv.push_back(a.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writer.native_handle(), 1);
  pid_t pid = -1;
  const int result = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (result != 0) throw std::system_error(result, std::generic_category(), command[0]);
  writer.close();
  std::string all;
  std::array<std::byte, 4096> part;
  while (const std::size_t n = reader.read_some(part)) all += text_of(std::span(part).first(n));
  int status = 0;
  blocking([&] { ::waitpid(pid, &status, 0); });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << command[0] << " ended with status " << status;
  return all;
}

}  // namespace weft::io::http::test
