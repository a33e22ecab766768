// hiredis against Redis.
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <weft/weft.hpp>

#include "server.hpp"
#include "support.hpp"

namespace weft::hooks_test {
namespace {

using namespace std::chrono_literals;

struct close_client {
  void operator()(redisContext* c) const { redisFree(c); }
};
using client = std::unique_ptr<redisContext, close_client>;
struct free_reply {
  void operator()(redisReply* r) const { freeReplyObject(r); }
};
using reply = std::unique_ptr<redisReply, free_reply>;

class redis {
 public:
  redis()
      : port_(free_port()),
        server_({"redis-server", "--port", std::to_string(port_), "--bind", "127.0.0.1", "--save", "", "--appendonly",
                 "no", "--dir", directory_.path().string()},
                directory_.path() / "log", [this] { return accepts_connections(port_); }) {}

  [[nodiscard]] client connect() const {
    client c(redisConnect("127.0.0.1", port_));
    if (c == nullptr || c->err != 0) throw std::runtime_error(c == nullptr ? "no memory" : c->errstr);
    return c;
  }

 private:
  scratch directory_;
  int port_;
  server server_;
};

class hiredis : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<redis>(); }
  static void TearDownTestSuite() { server_.reset(); }
  static const redis& database() { return *server_; }

 private:
  static inline std::unique_ptr<redis> server_;
};

template <class... A>
reply command(const client& c, const char* format, A... arguments) {
  return reply(static_cast<redisReply*>(redisCommand(c.get(), format, arguments...)));
}

TEST_F(hiredis, sets_and_gets_on_many_fibers) {
  test::run([&] {
    group g;
    for (int i = 0; i < 64; ++i) {
      g.spawn([&, i] {
        const client c = database().connect();
        for (int round = 0; round < 10; ++round) {
          ASSERT_STREQ(command(c, "SET key:%d %d", i, round)->str, "OK");
          ASSERT_EQ(command(c, "GET key:%d", i)->str, std::to_string(round));
        }
      });
    }
    g.join();
  });
}

TEST_F(hiredis, pipelines) {
  test::run([&] {
    const client c = database().connect();
    constexpr int commands = 5000;
    for (int i = 0; i < commands; ++i) redisAppendCommand(c.get(), "ECHO %d", i);
    for (int i = 0; i < commands; ++i) {
      void* raw = nullptr;
      ASSERT_EQ(redisGetReply(c.get(), &raw), REDIS_OK);
      ASSERT_EQ(reply(static_cast<redisReply*>(raw))->str, std::to_string(i));
    }
  });
}

TEST_F(hiredis, pops_what_another_fiber_pushes) {
  weft::run(test::options_without_spares(), [&] {
    group g;
    for (int i = 0; i < 20; ++i) {
      g.spawn([&, i] {
        const client c = database().connect();
        const reply r = command(c, "BLPOP queue:%d 0", i);
        ASSERT_EQ(r->elements, 2U);
        EXPECT_STREQ(r->element[1]->str, "work");
      });
    }
    const client c = database().connect();
    for (int i = 0; i < 20; ++i) command(c, "RPUSH queue:%d work", i);
    g.join();
  });
}

TEST_F(hiredis, subscribes) {
  weft::run(test::options_without_spares(), [&] {
    std::atomic<int> listening{0};
    group g;
    for (int i = 0; i < 5; ++i) {
      g.spawn([&] {
        const client c = database().connect();
        command(c, "SUBSCRIBE news");
        ++listening;
        void* raw = nullptr;
        ASSERT_EQ(redisGetReply(c.get(), &raw), REDIS_OK);
        EXPECT_STREQ(reply(static_cast<redisReply*>(raw))->element[2]->str, "rain");
      });
    }
    test::give_way_until([&] { return listening == 5; });
    const client c = database().connect();
    EXPECT_EQ(command(c, "PUBLISH news rain")->integer, 5);
    g.join();
  });
}

TEST_F(hiredis, its_own_time_limit_holds) {
  test::run([&] {
    const client c = database().connect();
    ASSERT_EQ(redisSetTimeout(c.get(), timeval{0, 20'000}), REDIS_OK);
    EXPECT_EQ(command(c, "BLPOP nothing 0"), nullptr);
    EXPECT_EQ(c->err, REDIS_ERR_IO);
  });
}

TEST_F(hiredis, is_left_when_its_group_is_cancelled) {
  test::run([&] {
    std::atomic<int> begun{0};
    group g;
    for (int i = 0; i < 10; ++i) {
      g.spawn([&] {
        const client c = database().connect();
        ++begun;
        EXPECT_EQ(command(c, "BLPOP nothing 0"), nullptr);
        EXPECT_EQ(c->err, REDIS_ERR_IO);
      });
    }
    test::give_way_until([&] { return begun == 10; });
    g.cancel();
    try {
      g.join();
    } catch (const cancelled&) {
    }
  });
}

}  // namespace
}  // namespace weft::hooks_test
