// Cancellation and deadlines meet each operation before it begins, while it waits and when it has just completed: nothing is lost, nothing
// happens twice, and a buffer that the caller has back is left alone.
#include "simulated_support.hpp"

#include <algorithm>

#include <weft/io/unix_socket.hpp>

namespace weft::io::test {
namespace {

using namespace std::chrono_literals;
using cancellation_test = io_test;

constexpr std::byte poison{0xA5};

// What becomes of a call that is cancelled, or not, at an instant of the seed's.
enum class outcome { returned, was_cancelled, timed_out, failed };

// Runs `call` against a cancellation, a deadline or a close, whatever `stop` is.
template <class Call>
outcome run_call(Call call) {
  try {
    call();
    return outcome::returned;
  } catch (const cancelled&) {
    return outcome::was_cancelled;
  } catch (const timeout_error&) {
    return outcome::timed_out;
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code().value(), ECANCELED) << e.what();
    return outcome::failed;
  }
}

// `call` on a fiber of its own; cancelled after the seed's own while, as others may go first wherever a fiber gives way.
template <class Call, class Before>
outcome cancel_somewhere(Call call, Before others) {
  outcome o = outcome::returned;
  group g;
  g.spawn([&] { o = run_call(call); });
  others();
  for (std::uint32_t i = choose_below(12); i > 0; --i) weft::yield();
  g.cancel();
  g.join();
  return o;
}

template <class Call, class Before>
outcome let_time_out(Call call, Before others) {
  outcome o = outcome::returned;
  group g;
  g.spawn([&] { o = run_call([&] { with_deadline(std::chrono::microseconds(choose_below(1'500)), call); }); });
  others();
  g.join();
  return o;
}

// Both endings met each instant.
class tally {
 public:
  void add(outcome o) { ++counts_.at(static_cast<std::size_t>(o)); }
  void expect_both(const fault_counts& n) const {
    EXPECT_GT(counts_[0], 0) << "it always lost";
    EXPECT_GT(counts_[1] + counts_[2] + counts_[3], 0) << "it never was in time";
    EXPECT_GT(n.cancellations_won, 0U);
    EXPECT_GT(n.cancellations_lost, 0U);
  }

 private:
  std::array<int, 4> counts_{};
};

// Bytes that a call has not told of are for the next one, and stand in nobody's buffer.
template <class Reader, class Writer>
void check_reader(Reader& from, Writer& to, tally& t, bool by_deadline) {
  std::vector<std::byte> first(40, poison);
  std::size_t got = 0;
  const auto call = [&] { got = from.read_some(first); };
  const auto others = [&] { to.write_all(make_pattern(7, 0, 30)); };
  t.add(by_deadline ? let_time_out(call, others) : cancel_somewhere(call, others));
  EXPECT_EQ(matching(std::span(first).first(got), 7, 0), got);
  EXPECT_TRUE(std::all_of(first.begin() + static_cast<std::ptrdiff_t>(got), first.end(),
                          [](std::byte b) { return b == poison; }));
  std::vector<std::byte> next(30);
  for (std::size_t n = got; n < 30;) {
    const std::size_t more = from.read_some(std::span(next).first(30 - n));
    ASSERT_GT(more, 0U);
    EXPECT_EQ(matching(std::span(next).first(more), 7, n), more);
    n += more;
  }
  EXPECT_TRUE(std::all_of(first.begin() + static_cast<std::ptrdiff_t>(got), first.end(),
                          [](std::byte b) { return b == poison; }));
}

void check_readers(bool by_deadline) {
  tally t;
  const fault_counts n = explore({.delays = 2}, 1'000, [&] {
    auto [reader, writer] = make_pipe();
    check_reader(reader, writer, t, by_deadline);
    auto [one, other] = make_socket_pair();
    check_reader(one, other, t, by_deadline);
  });
  t.expect_both(n);
}

TEST_F(cancellation_test, readers) { check_readers(false); }
TEST_F(cancellation_test, readers_by_deadlines) { check_readers(true); }

// What write_some() has told of is what arrives.
TEST_F(cancellation_test, writers) {
  tally t;
  const fault_counts n = explore({.short_counts = 8, .delays = 2}, 400, [&t] {
    auto [one, other] = make_socket_pair();
    one.set_send_buffer_size(1);
    std::vector<std::byte> data = make_pattern(5, 0, choose_below(2) == 0 ? 2'000 : 12'000);
    std::size_t sent = 0;
    std::size_t got = 0;
    std::vector<std::byte> bytes(12'000);
    t.add(cancel_somewhere(
        [&] {
          while (sent < data.size()) {
            const std::size_t taken = one.write_some(std::span(data).subspan(sent));
            std::fill_n(data.begin() + static_cast<std::ptrdiff_t>(sent), taken, poison);  // not looked at any more
            sent += taken;
          }
        },
        [&] { got = other.read_some(bytes); }));
    std::ranges::fill(data, poison);
    one.shutdown_write();
    while (const std::size_t more = other.read_some(std::span(bytes).subspan(got))) got += more;
    EXPECT_EQ(got, sent);
    EXPECT_EQ(matching(std::span(bytes).first(got), 5, 0), got);
  });
  t.expect_both(n);
}

// Each connection is accepted once.
TEST_F(cancellation_test, those_who_accept) {
  tally t;
  tcp_listener listener{"127.0.0.1:0"};
  const address where = listener.local_address();
  const fault_counts n = explore({.delays = 2}, 400, [&] {
    tcp_stream client;
    tcp_stream server;
    t.add(cancel_somewhere([&] { server = listener.accept(); }, [&] { client = tcp_stream::connect(where); }));
    if (!server.is_open()) server = listener.accept();
    EXPECT_EQ(server.peer_address(), client.local_address());
  });
  t.expect_both(n);
}

TEST_F(cancellation_test, those_who_connect) {
  tally t;
  tcp_listener listener{"127.0.0.1:0"};
  const address where = listener.local_address();
  const fault_counts n = explore({.delays = 2}, 400, [&] {
    tcp_stream client;
    t.add(cancel_somewhere([&] { client = tcp_stream::connect(where); }, [] {}));
    const tcp_stream after = tcp_stream::connect(where);
    for (;;) {
      const tcp_stream server = listener.accept();
      if (server.peer_address() == after.local_address()) break;
    }
  });
  t.expect_both(n);
}

TEST_F(cancellation_test, those_who_open_and_sync) {
  const temporary_folder folder;
  const std::string name = (folder / "file").string();
  tally t;
  const fault_counts n = explore({.delays = 2}, 400, [&] {
    file f;
    t.add(cancel_somewhere([&] { f = file(name, open_mode::write | open_mode::create); }, [] {}));
    if (!f.is_open()) f = file(name, open_mode::write | open_mode::create);
    t.add(cancel_somewhere([&] { f.sync(); }, [] {}));
  });
  t.expect_both(n);
}

TEST_F(cancellation_test, those_who_wait_for_readiness) {
  tally t;
  const fault_counts n = explore({.delays = 2}, 600, [&t] {
    auto [reader, writer] = make_pipe();
    auto [one, other] = make_socket_pair();
    std::array<pollfd, 2> what{pollfd{reader.native_handle(), POLLIN, 0}, pollfd{one.native_handle(), POLLIN, 0}};
    t.add(cancel_somewhere([&] { EXPECT_EQ(poll_many(what), 1U); }, [&writer] { writer.write_all("x"); }));
  });
  t.expect_both(n);
}

// Files are read and written where they are; only what was cancelled is missing.
TEST_F(cancellation_test, readers_of_files) {
  const temporary_folder folder;
  const std::string name = (folder / "file").string();
  tally t;
  const fault_counts n = explore({.delays = 2}, 400, [&] {
    file f(name, open_mode::read_write | open_mode::create);
    f.write_all(make_pattern(6, 0, 500));
    std::vector<std::byte> bytes(500, poison);
    std::size_t got = 0;
    t.add(cancel_somewhere([&] { got = f.read_at(0, bytes); }, [] {}));
    EXPECT_EQ(matching(std::span(bytes).first(got), 6, 0), got);
    EXPECT_TRUE(std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(got), bytes.end(),
                            [](std::byte b) { return b == poison; }));
  });
  t.expect_both(n);
}

// close() ends all who use the descriptor, and is not overtaken by them.
TEST_F(cancellation_test, closing_while_others_read_and_are_cancelled) {
  explore({.delays = 2}, 600, [] {
    auto [one, other] = make_socket_pair();
    const auto ends = [](auto call) {
      try {
        call();
      } catch (const cancelled&) {
      } catch (const std::system_error& e) {
        EXPECT_TRUE(e.code().value() == ECANCELED || e.code().value() == EBADF || e.code().value() == EPIPE ||
                    e.code().value() == ECONNRESET)
            << e.what();
      }
    };
    group g;
    for (int i = 0; i < 2; ++i) {
      g.spawn([&one, &ends] {
        std::array<std::byte, 8> bytes{};
        ends([&] {
          while (one.read_some(bytes) != 0) {
          }
        });
      });
    }
    g.spawn([&other, &ends] { ends([&] { other.write_all("something"); }); });
    g.spawn([&one] { one.close(); });
    if (choose_below(2) == 0) g.cancel();
    g.join();
    one.close();  // that task may have been cancelled before it began
    EXPECT_FALSE(one.is_open());
  });
}

}  // namespace
}  // namespace weft::io::test
