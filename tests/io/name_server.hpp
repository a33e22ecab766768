// A DNS server for tests, on loopback: answers what it is told to, wrongly if it is told to.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/io/io.hpp>
#include <weft/scheduler/scheduler.hpp>

namespace weft::io::test {

class name_server {
 public:
  enum class behaviour : std::uint8_t {
    answers,
    is_silent,
    refuses,
    fails,
    truncates,  // over UDP; the whole answer is to be had over TCP
    talks_nonsense,
  };
  struct host {
    std::vector<address> addresses = {};
    behaviour how = behaviour::answers;
    int silent_about = AF_UNSPEC;  // the family that questions about get no answer
    int late = AF_UNSPEC;          // the family that questions about are answered when those about the other have been
  };

  // Others are answered by NXDOMAIN.
  explicit name_server(std::map<std::string, host> hosts);

  // Starts it; it ends with the group.
  void start(group& g);

  // To ask this server. Attempts are many and long, so that a slow machine does not matter.
  [[nodiscard]] resolve_options options() const;
  [[nodiscard]] int questions() const { return questions_; }

 private:
  [[nodiscard]] std::vector<std::byte> answer_to(std::span<const std::byte> question, bool over_tcp) const;
  void serve_datagrams();
  void serve_connections();
  void serve(tcp_stream& client);

  std::map<std::string, host> hosts_;
  udp_socket udp_;
  tcp_listener tcp_;
  struct held_answer {
    std::vector<std::byte> bytes;
    address to;
  };
  void reply(std::span<const std::byte> question, const address& from);

  std::atomic<int> questions_{0};
  std::map<std::string, std::vector<held_answer>> held_;
  std::set<std::pair<std::string, int>> told_;  // hosts and the families whose addresses have been told
};

}  // namespace weft::io::test
