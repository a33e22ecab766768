// Guests that attack their host: races for a way out, exhaustion, arguments that make no sense. What others have is looked at
// afterwards.
#include "wasm_support.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <atomic>
#include <thread>

namespace weft::wasm::test {
namespace {

using testing::AnyOf;

result attack(const std::filesystem::path& folder, std::vector<std::string> arguments,
              access rights = access::read_write) {
  return run_guest(load("hostile"), {.arguments = std::move(arguments), .directories = {{folder, "/", rights}}});
}

// A folder to attack, and beside it one that is none of the guest's business.
struct world {
  scratch_folder top;
  std::filesystem::path inside = top / "inside";
  std::filesystem::path outside = top / "outside";

  world() {
    std::filesystem::create_directory(inside);
    std::filesystem::create_directory(outside);
    write_file(outside / "secret", "secret");
    write_file(inside / "file", "mine");
  }

  void expect_untouched() const {
    EXPECT_EQ(read_file(outside / "secret"), "secret");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(outside), {}), 1);
  }
};

TEST(hostile_test, a_directory_that_turns_into_a_link_is_no_way_out) {
  weft::test::run([] {
    const world w;
    std::filesystem::create_directory(w.inside / "d");
    std::filesystem::create_symlink("../outside", w.inside / "link");
    group g;
    for (int i = 0; i < 2; ++i) {
      g.spawn([&] {
        const result r = attack(w.inside, {"reach", "300"});
        EXPECT_EQ(r.exit_code, 0) << r.output;
        EXPECT_EQ(r.output, "");
      });
    }
    g.spawn([&] { EXPECT_EQ(attack(w.inside, {"swap", "2000"}).exit_code, 0); });
    g.join();
    w.expect_untouched();
  });
}

TEST(hostile_test, a_directory_that_is_moved_out_while_a_guest_walks_is_no_way_out) {
  weft::test::run([] {
    const world w;
    std::filesystem::create_directories(w.inside / "a/b/c");
    write_file(w.inside / "a/text", "mine");
    write_file(w.outside / "text", "secret");
    std::atomic<bool> stop = false;
    std::thread mover([&] {
      while (!stop) {
        std::filesystem::rename(w.inside / "a/b", w.outside / "b");
        std::filesystem::rename(w.outside / "b", w.inside / "a/b");
      }
    });
    const result r = attack(w.inside, {"walk", "3000"});
    stop = true;
    mover.join();
    EXPECT_EQ(r.exit_code, 0) << r.output;
  });
}

TEST(hostile_test, magic_links_lead_nowhere) {
  weft::test::run([] {
    const result r = attack("/proc", {"magic"}, access::read);
    EXPECT_EQ(r.exit_code, 0);
    EXPECT_EQ(r.output, "");
  });
}

TEST(hostile_test, chains_of_links_end) {
  weft::test::run([] {
    const scratch_folder folder;
    EXPECT_EQ(attack(folder.path(), {"chain", "40"}).output, "0\n");
    const scratch_folder other;
    EXPECT_EQ(attack(other.path(), {"chain", "41"}).output, "32\n");  // loop
  });
}

TEST(hostile_test, descriptors_run_out_for_the_guest_alone_and_are_given_back) {
  weft::run(weft::test::options_without_spares(), [] {
    const world w;
    rlimit before = {};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    static_cast<void>(attack(w.inside, {"path"}));
    const std::size_t open_before = open_descriptors();
    rlimit few = before;
    few.rlim_cur = open_before + 500;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    const result r = attack(w.inside, {"exhaust"});
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(r.exit_code, 0);
    EXPECT_EQ(r.output, "33\n");  // mfile
    EXPECT_EQ(open_descriptors(), open_before);
  });
}

TEST(hostile_test, a_directory_of_thousands_is_listed_whole) {
  weft::test::run([] {
    const scratch_folder folder;
    std::filesystem::create_directory(folder / "many");
    constexpr int files = 1500;
    for (int i = 0; i < files; ++i)
      write_file(folder / ("many/a file with a rather long name " + std::to_string(i)), "");
    EXPECT_EQ(attack(folder.path(), {"list", "many", "1000000"}).output, std::to_string(files + 2) + "\n");
  });
}

// More subscriptions than the process may have descriptors, all to the same one.
TEST(hostile_test, subscriptions_beyond_all_measure) {
  weft::test::run([] {
    const auto poll = [](const std::string& count) {
      return run_guest(load("hostile"), {.arguments = {"poll", count}, .input = stdio::text("x")}).output;
    };
    EXPECT_EQ(poll("60000"), "0, 60000 events\n");
    EXPECT_EQ(poll("1000000"), "28, 0 events\n");  // inval
    raw_pipe in;
    rlimit before = {};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit few = before;
    few.rlim_cur = open_descriptors() + 100;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    result r;
    group g;
    g.spawn([&] {
      r = run_guest(load("hostile"), {.arguments = {"poll", "5000"}, .input = stdio::descriptor(in.reader())});
    });
    weft::yield();
    write_text(in.writer(), "x");
    g.join();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(r.output, "0, 5000 events\n");
  });
}

TEST(hostile_test, buffers_over_each_other_too_many_and_too_large) {
  weft::test::run([] {
    const world w;
    EXPECT_EQ(attack(w.inside, {"vectors"}).exit_code, 0);
    EXPECT_EQ(attack(w.inside, {"path"}).exit_code, 0);
  });
}

TEST(hostile_test, allocation_that_cannot_be_changes_nothing) {
  weft::test::run([] {
    const world w;
    EXPECT_EQ(attack(w.inside, {"allocate"}).exit_code, 0);
  });
}

TEST(hostile_test, a_gigabyte_of_random_numbers_can_be_cancelled) {
  weft::test::run([] {
    raw_pipe out;
    group g;
    g.spawn([&] {
      guest(load("hostile"), {.arguments = {"random", "1000"}, .output = stdio::descriptor(out.writer())}).run();
    });
    EXPECT_EQ(read_until(out.reader(), "\n"), "asking\n");
    g.cancel();
  });
}

TEST(hostile_test, a_fifo_without_another_end_waits_and_can_be_cancelled) {
  weft::test::run([] {
    for (const char* how : {"read", "write"}) {
      const world w;
      ASSERT_EQ(::mkfifo((w.inside / "fifo").c_str(), 0600), 0);
      raw_pipe out;
      group g;
      g.spawn([&] {
        guest(load("hostile"),
              {.arguments = {"fifo", how}, .directories = {{w.inside, "/"}}, .output = stdio::descriptor(out.writer())})
            .run();
      });
      EXPECT_EQ(read_until(out.reader(), "\n"), "opening\n");
      g.cancel();
    }
  });
}

// Where the machine lets nobody make devices there is nothing to attack.
TEST(hostile_test, device_files_that_were_given_are_what_they_are) {
  weft::test::run([] {
    const world w;
    constexpr int memory = 1;
    constexpr int zero = 5;
    constexpr int full = 7;
    if (::mknod((w.inside / "zero").c_str(), S_IFCHR | 0600, makedev(memory, zero)) != 0 ||
        ::mknod((w.inside / "full").c_str(), S_IFCHR | 0600, makedev(memory, full)) != 0)
      return;
    EXPECT_THAT(attack(w.inside, {"devices"}).exit_code, AnyOf(0, 1)) << "1: the file system has no devices";
  });
}

}  // namespace
}  // namespace weft::wasm::test
