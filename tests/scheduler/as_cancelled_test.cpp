#include <gtest/gtest.h>

#include <stdexcept>

#include <weft/scheduler/detail/as_cancelled.hpp>

namespace weft::detail {
namespace {

TEST(as_cancelled, finds_the_exception_without_throwing_it) {
  const std::exception_ptr error = std::make_exception_ptr(cancelled(cancel_reason::deadline, "somewhere"));
  const cancelled* found = as_cancelled(error);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->reason(), cancel_reason::deadline);
  EXPECT_EQ(found->origin(), "somewhere");
}

TEST(as_cancelled, finds_one_that_was_thrown) {
  try {
    throw cancelled(cancel_reason::requested, "here");
  } catch (const cancelled& c) {
    EXPECT_EQ(as_cancelled(std::current_exception()), &c);
  }
}

TEST(as_cancelled, finds_nothing_in_others) {
  EXPECT_EQ(as_cancelled(nullptr), nullptr);
  EXPECT_EQ(as_cancelled(std::make_exception_ptr(std::runtime_error("other"))), nullptr);
  EXPECT_EQ(as_cancelled(std::make_exception_ptr(7)), nullptr);
}

}  // namespace
}  // namespace weft::detail
