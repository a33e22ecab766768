// The word on which all who could end a fiber's wait compete.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/detail/wait_word.hpp>

namespace weft {
namespace {

using detail::wait_word;

TEST(wait_word, a_wait_is_claimed_once_and_keeps_its_result) {
  wait_word word;
  const auto epoch = word.prepare(true);
  word.begin_waiting();
  EXPECT_TRUE(word.claim(epoch, wake::timed_out));
  EXPECT_FALSE(word.claim(epoch, wake::signalled));
  EXPECT_FALSE(word.claim_for_cancellation());
  EXPECT_EQ(word.result(), wake::timed_out);
}

TEST(wait_word, results_do_not_leak_into_the_next_wait) {
  wait_word word;
  for (const wake result : {wake::timed_out, wake::signalled, wake::cancelled, wake::signalled}) {
    const auto epoch = word.prepare(true);
    word.begin_waiting();
    EXPECT_TRUE(word.claim(epoch, result));
    EXPECT_EQ(word.result(), result);
  }
}

TEST(wait_word, an_old_epoch_loses) {
  wait_word word;
  const auto first = word.prepare(true);
  word.begin_waiting();
  EXPECT_TRUE(word.claim(first, wake::signalled));
  const auto second = word.prepare(true);
  EXPECT_NE(first, second);
  EXPECT_FALSE(word.claim(first, wake::signalled)) << "does not wait for the phase of another wait";
  word.begin_waiting();
  EXPECT_FALSE(word.claim(first, wake::signalled));
  EXPECT_TRUE(word.claim(second, wake::signalled));
}

TEST(wait_word, an_abandoned_wait_cannot_be_claimed) {
  wait_word word;
  const auto epoch = word.prepare(true);
  word.abandon();
  EXPECT_FALSE(word.claim(epoch, wake::signalled));
  EXPECT_FALSE(word.claim_for_cancellation());
}

TEST(wait_word, cancellation_ends_only_what_allows_it) {
  wait_word word;
  EXPECT_FALSE(word.claim_for_cancellation()) << "never waited";
  const auto epoch = word.prepare(false);
  EXPECT_FALSE(word.claim_for_cancellation()) << "does not wait for the phase of a wait that ignores it";
  word.begin_waiting();
  EXPECT_FALSE(word.claim_for_cancellation());
  EXPECT_TRUE(word.claim(epoch, wake::signalled));
  word.prepare(true);
  word.begin_waiting();
  EXPECT_TRUE(word.claim_for_cancellation());
  EXPECT_EQ(word.result(), wake::cancelled);
}

TEST(wait_word, who_meets_the_preparation_waits_for_its_outcome) {
  for (int i = 0; i < test::rounds(500); ++i) {
    wait_word word;
    const auto epoch = word.prepare(true);
    std::atomic<bool> begun{false};
    std::thread claiming([&] {
      begun.store(true);
      EXPECT_EQ(word.claim(epoch, wake::signalled), i % 2 == 0);
    });
    test::give_way_until([&] { return begun.load(); });
    if (i % 2 == 0) {
      word.begin_waiting();
    } else {
      word.abandon();
    }
    claiming.join();
  }
}

TEST(wait_word, exactly_one_of_many_wins) {
  test::random_source random;
  const int rounds = test::rounds(10'000);
  wait_word word;
  std::atomic<int> round{0};
  std::atomic<std::uint64_t> epoch{0};
  std::atomic<int> wins{0};
  std::atomic<int> finished{0};
  std::vector<std::thread> claimers;
  for (int c = 0; c < 3; ++c) {
    claimers.emplace_back([&, c] {
      for (int i = 1; i <= rounds; ++i) {
        test::give_way_until([&] { return round.load() >= i; });
        const bool won = c == 0   ? word.claim(epoch.load(), wake::signalled)
                         : c == 1 ? word.claim(epoch.load(), wake::timed_out)
                                  : word.claim_for_cancellation();
        wins.fetch_add(won ? 1 : 0);
        finished.fetch_add(1);
      }
    });
  }
  for (int i = 1; i <= rounds; ++i) {
    epoch.store(word.prepare(true));
    round.store(i);
    test::spin(random.below(200));
    word.begin_waiting();
    test::give_way_until([&] { return finished.load() == 3 * i; });
    ASSERT_EQ(wins.load(), i);
  }
  for (std::thread& t : claimers) t.join();
}

}  // namespace
}  // namespace weft
