// libweft-hooks.so, preloaded into a program of weft's that was linked without the hooks, and into others.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace weft::hooks_test {
namespace {

struct outcome {
  std::string text;  // standard output and standard error
  int status = -1;
};

outcome run(const std::string& command) {
  outcome o;
  FILE* out = ::popen((command + " 2>&1").c_str(), "re");
  if (out == nullptr) return o;
  std::array<char, 256> part;
  while (std::fgets(part.data(), part.size(), out) != nullptr) o.text += part.data();
  o.status = ::pclose(out);
  return o;
}

const std::string preload = "LD_PRELOAD='" WEFT_HOOKS_LIBRARY "' ";

// Where a call blocks, it gives up soon; where it parks, its time is never over.
TEST(preload, without_it_calls_block) {
  const outcome o = run(WEFT_PLAIN_PROGRAM " 50");
  EXPECT_EQ(o.status, 0);
  EXPECT_EQ(o.text,
            "usleep blocks\nread blocks\npoll blocks\npthread_mutex_timedlock blocks\ncancellation is not heard\n");
}

TEST(preload, with_it_they_park) {
  for (const char* engine : {"uring", "epoll"}) {
    const outcome o = run("WEFT_IO=" + std::string(engine) + " " + preload + WEFT_PLAIN_PROGRAM " 60000");
    EXPECT_EQ(o.status, 0);
    EXPECT_EQ(o.text, "usleep parks\nread parks\npoll parks\npthread_mutex_timedlock parks\ncancellation ends it\n");
  }
}

TEST(preload, programs_without_weft_do_not_notice) {
  const outcome o = run(preload + "sh -c 'echo one | cat; sleep 0.01; ls / > /dev/null; echo two'");
  EXPECT_EQ(o.status, 0);
  EXPECT_EQ(o.text, "one\ntwo\n");
}

// Its own come first, and the library stays out of the way.
TEST(preload, a_program_that_is_linked_with_the_hooks_has_its_own) {
  const outcome o = run(preload + WEFT_HOOKED_PROGRAM " 60000");
  EXPECT_EQ(o.status, 0);
  EXPECT_EQ(o.text, "usleep parks\nread parks\npoll parks\npthread_mutex_timedlock parks\ncancellation ends it\n");
}

TEST(preload, a_program_with_a_c_plus_plus_library_of_its_own_is_told) {
  const outcome o = run(preload + WEFT_STATIC_PROGRAM " 50");
  EXPECT_EQ(o.status, 0);
  EXPECT_EQ(o.text.substr(0, o.text.find('\n')),
            "weft: hooks: preloaded in vain, calls block as before: the program has a C++ library of its own within it "
            "(it was linked with -static-libstdc++)");
}

}  // namespace
}  // namespace weft::hooks_test
