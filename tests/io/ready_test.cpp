// Readiness of descriptors among the cases of a select.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>

#include <support.hpp>
#include <weft/io/pipe.hpp>
#include <weft/io/ready.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/group.hpp>

namespace weft::io {
namespace {

using namespace std::chrono_literals;

TEST(ready, is_a_case_of_select) {
  test::run([] {
    auto [reader, writer] = make_pipe();
    EXPECT_FALSE(try_select(readable(reader) >> [] {}));
    EXPECT_TRUE(select(readable(reader) >> [] { return false; }, writable(writer) >> [] { return true; }));
    group g;
    g.spawn([&writer = writer] { writer.write_all("x"); });
    auto [send, receive] = make_channel<int>(0);
    EXPECT_EQ(select(receive >> [](int v) { return v; }, readable(reader) >> [] { return -1; }), -1);
    std::array<std::byte, 4> buffer{};
    EXPECT_EQ(reader.read_some(buffer), 1U);
  });
}

TEST(ready, loses_to_others_and_leaves_nothing_behind) {
  test::run([] {
    auto [reader, writer] = make_pipe();
    auto [send, receive] = make_channel<int>(0);
    for (int i = 0; i < test::rounds(500); ++i) {
      group g;
      g.spawn([&send = send] { EXPECT_TRUE(send.send(1)); });
      EXPECT_EQ(select(readable(reader) >> [] { return 0; }, receive >> [](int v) { return v; }), 1);
      EXPECT_EQ(select(readable(reader) >> [] { return 0; }, after(1us) >> [] { return 2; }), 2);
    }
    EXPECT_THROW(with_deadline(1ms, [&reader = reader] { select(readable(reader) >> [] {}); }), timeout_error);
  });
}

TEST(ready, many_select_at_once) {
  test::run([] {
    std::atomic<int> bytes{0};
    group g;
    for (int i = 0; i < 8; ++i) {
      g.spawn([&bytes] {
        auto [reader, writer] = make_pipe();
        group pair;
        pair.spawn([&writer = writer] {
          for (int k = 0; k < 100; ++k) {
            writer.write_all("x");
            yield();
          }
          writer.close();
        });
        for (bool open = true; open;) {
          select(
              after(1h) >> [] {}, readable(reader) >>
                                      [&, &reader = reader] {
                                        std::array<std::byte, 16> buffer{};
                                        const std::size_t n = reader.read_some(buffer);
                                        bytes.fetch_add(static_cast<int>(n));
                                        open = n > 0;
                                      });
        }
      });
    }
    g.join();
    EXPECT_EQ(bytes.load(), 800);
  });
}

}  // namespace
}  // namespace weft::io
