// A chat server: what one client writes, all others read. Each client has two fibers, one that reads its lines and one that writes those of
// the others; a broadcast joins them, so that a client who does not read holds up nobody and is told what it has missed.
//
//   chat [ADDRESS]     serves until it is killed (try: nc 127.0.0.1 7001); ADDRESS is 127.0.0.1:7001 unless given
//   chat --self-test   clients of its own talk on a free port; checks that each hears all others, and ends
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <weft/io/tcp.hpp>
#include <weft/scheduler/scheduler.hpp>
#include <weft/sync/broadcast.hpp>
#include <weft/sync/channel.hpp>

namespace {

struct message {
  int author;
  std::string line;
};

// Lines of a connection, without their ends.
class line_reader {
 public:
  explicit line_reader(weft::io::tcp_stream& from) : from_(from) {}

  // Parks until there is one; empty when the peer has gone, or sends a line without end.
  std::optional<std::string> next() {
    constexpr std::size_t longest = 4096;
    for (;;) {
      if (const std::size_t end = text_.find('\n'); end != std::string::npos) {
        std::string line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return line;
      }
      std::array<char, 1024> buffer;
      std::error_code gone;
      const std::size_t n = from_.read_some(std::as_writable_bytes(std::span(buffer)), gone);
      if (n == 0 || text_.size() > longest) return std::nullopt;
      text_.append(buffer.data(), n);
    }
  }

 private:
  weft::io::tcp_stream& from_;
  std::string text_;
};

class chat_room {
 public:
  // Serves clients until its scope is cancelled.
  void serve(weft::io::tcp_listener& listener) {
    weft::group g{weft::supervise};
    g.spawn_daemon([this] { spread(); });
    for (int number = 1;; ++number) {
      g.spawn([this, number, client = listener.accept()]() mutable { talk(number, client); });
    }
  }

  [[nodiscard]] int present() const { return present_; }

 private:
  // All lines come through one channel, so that all clients see them in the same order.
  void spread() {
    for (message& m : said_) all_.send(std::move(m));
  }

  void talk(int number, weft::io::tcp_stream& client) {
    weft::group g;
    g.spawn_daemon([&, heard = all_.subscribe()]() mutable { tell(number, client, heard); });
    ++present_;
    (void)say_.send({number, "joins"});
    for (line_reader lines(client); const auto line = lines.next();) (void)say_.send({number, "says: " + *line});
    --present_;
    (void)say_.send({number, "leaves"});
  }

  static void tell(int number, weft::io::tcp_stream& client, weft::broadcast_receiver<message>& heard) {
    std::error_code gone;
    while (const auto item = heard.receive()) {
      if (item->lagged > 0) client.write_all("(" + std::to_string(item->lagged) + " lines were missed)\n", gone);
      if (item->value->author == number) continue;
      client.write_all(std::to_string(item->value->author) + " " + item->value->line + "\n", gone);
      if (gone) return;
    }
  }

  std::pair<weft::sender<message>, weft::receiver<message>> channel_ = weft::make_channel<message>(64);
  weft::sender<message>& say_ = channel_.first;
  weft::receiver<message>& said_ = channel_.second;
  weft::broadcast_sender<message> all_ = weft::make_broadcast<message>(256).first;
  std::atomic<int> present_{0};
};

// Says one line when all are there; true if it heard one of each other client.
bool take_part(const chat_room& room, const weft::io::address& server, int clients) {
  weft::io::tcp_stream s = weft::io::tcp_stream::connect(server);
  while (room.present() < clients) weft::yield();
  s.write_all("hello\n");
  line_reader lines(s);
  int heard = 0;
  while (heard < clients - 1) {
    const std::optional<std::string> line = lines.next();
    if (!line) return false;
    heard += line->ends_with(" says: hello") ? 1 : 0;
  }
  return true;
}

int self_test() {
  constexpr int clients = 20;
  weft::io::tcp_listener listener{"127.0.0.1:0"};
  chat_room room;
  weft::group server;
  server.spawn([&] { room.serve(listener); });
  int good = 0;
  {
    weft::group g;
    std::array<weft::task<bool>, clients> heard_all;
    for (auto& h : heard_all) h = g.spawn([&] { return take_part(room, listener.local_address(), clients); });
    for (auto& h : heard_all) good += h.get() ? 1 : 0;
  }
  server.cancel();
  std::printf("%d of %d clients heard all others\n", good, clients);
  return good == clients ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return weft::run([&] {
      if (argc > 1 && std::strcmp(argv[1], "--self-test") == 0) return self_test();
      weft::io::tcp_listener listener{argc > 1 ? argv[1] : "127.0.0.1:7001", {.shortage = {.pause = true}}};
      std::printf("chatting on %s\n", listener.local_address().to_string().c_str());
      std::fflush(stdout);
      chat_room().serve(listener);
      return 0;
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
