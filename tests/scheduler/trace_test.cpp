// options::trace: the file's form, what is in it, and what happens at its bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <support.hpp>
#include <weft/scheduler/detail/trace.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/park.hpp>

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

class temporary_file {
 public:
  temporary_file()
      : path_(std::filesystem::temp_directory_path() /
              ("weft-trace-" + std::to_string(::getpid()) + "-" + std::to_string(++count_))) {}
  ~temporary_file() { std::filesystem::remove(path_); }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] std::string text() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

 private:
  static inline int count_ = 0;
  std::filesystem::path path_;
};

struct event {
  char phase = 0;
  unsigned row = 0;
  double start = 0;     // us
  double duration = 0;  // us
  std::string name, category, site;
};

// The events of a file, after checking that it has the form that the format wants: one object, an event a line.
std::vector<event> events_of(const std::string& text) {
  static const std::regex line(
      R"re(\{"ph":"([XiM])"(?:,"s":"t")?,"pid":\d+(?:,"tid":(\d+))?(?:,"ts":(\d+\.\d{3}))?(?:,"dur":(\d+\.\d{3}))?,"name":"((?:[^"\\]|\\.)*)"(?:,"cat":"(\w+)")?(?:,"args":\{(?:"site":"([^"]*)"|"count":\d+|"name":"[^"]*"|"sort_index":\d+)\})?\})re");
  static const std::regex last(R"re(\],"otherData":\{"runtime":"[^"]*","events_lost":\d+\}\})re");
  std::istringstream lines(text);
  std::string l;
  std::vector<event> events;
  std::getline(lines, l);
  EXPECT_EQ(l, R"({"displayTimeUnit":"ns","traceEvents":[)");
  while (std::getline(lines, l) && l.rfind("],", 0) != 0) {
    const bool more = l.back() == ',';
    if (more) l.pop_back();
    EXPECT_EQ(more, lines.peek() != ']') << l;
    std::smatch m;
    if (!std::regex_match(l, m, line)) {
      ADD_FAILURE() << "not an event: " << l;
      continue;
    }
    const auto number = [&](std::size_t i) { return m[i].matched ? std::stod(m[i]) : 0.0; };
    events.push_back({m[1].str()[0], static_cast<unsigned>(number(2)), number(3), number(4), m[5], m[6], m[7]});
  }
  EXPECT_TRUE(std::regex_match(l, last)) << l;
  EXPECT_FALSE(std::getline(lines, l)) << "something follows: " << l;
  return events;
}

std::size_t count_named(const std::vector<event>& events, const std::string& name) {
  return static_cast<std::size_t>(
      std::count_if(events.begin(), events.end(), [&](const event& e) { return e.name == name; }));
}

// Rows run forward, and their slices do not overlap.
void expect_order(const std::vector<event>& events) {
  std::map<unsigned, double> until;
  for (const event& e : events) {
    if (e.phase == 'M') continue;
    EXPECT_GE(e.start, until[e.row] - 0.0015) << e.name;  // both were rounded down
    until[e.row] = e.start + e.duration;
  }
}

options traced(const temporary_file& file) {
  options o = test::options_without_spares();  // they would have rows of their own
  o.trace = file.path();
  return o;
}

TEST(trace, has_a_row_a_worker_and_a_slice_a_task) {
  const temporary_file file;
  runtime rt(traced(file));
  rt.run([] {
    group g;
    for (int i = 0; i < 20; ++i) {
      g.spawn(
          [] {
            yield();
            sleep_for(100us);
          },
          {.name = "nap"});
    }
    const auto sleeps = [] { return runtime::current_statistics().total().sleeps; };
    for (const auto before = sleeps(); sleeps() == before;) sleep_for(10ms);
    g.spawn([] {});
  });
  const auto events = events_of(file.text());
  expect_order(events);
  EXPECT_EQ(count_named(events, "thread_name"), test::worker_count());
  EXPECT_NE(file.text().find(R"("name":"process_name","args":{"name":"weft"})"), std::string::npos);
  EXPECT_GE(count_named(events, "nap"), 40U) << "each has run, waited, and run again";
  EXPECT_GE(count_named(events, "root"), 1U);
  EXPECT_GE(count_named(events, "asleep"), 1U);
  std::set<std::string> sites;
  for (const event& e : events) {
    EXPECT_LT(e.row, test::worker_count());
    if (e.category == "task") sites.insert(e.site.substr(0, e.site.find(':')));
  }
  EXPECT_THAT(sites, testing::ElementsAre(HasSubstr("trace_test.cpp")));
  const auto by_site = [](const event& e) { return e.name.rfind("trace_test.cpp:", 0) == 0; };
  EXPECT_EQ(std::count_if(events.begin(), events.end(), by_site), 1) << "a task without a name has its site's";
}

TEST(trace, records_inline_tasks_inside_their_waiters) {
  const temporary_file file;
  options alone = traced(file);
  alone.workers = 1;  // nobody steals the inner task
  weft::run(alone, [] {
    group g;
    const auto busy = [] {
      test::spin(2'000);
      group inner;
      inner.spawn([] { test::spin(2'000); }, {.name = "inner"});
      inner.join();
      test::spin(2'000);
    };
    g.spawn(busy, {.name = "outer"}).get();
  });
  const auto events = events_of(file.text());
  expect_order(events);
  EXPECT_EQ(count_named(events, "inner"), 1U);
  EXPECT_GE(count_named(events, "outer"), 2U) << "before and after what it waits for";
}

TEST(trace, is_complete_after_each_run) {
  const temporary_file file;
  runtime rt(traced(file));
  std::size_t before = 0;
  for (int i = 1; i <= 5; ++i) {
    rt.run([] {
      group g;
      for (int k = 0; k < 10; ++k) g.spawn([] {}, {.name = "tiny"});
    });
    const auto events = events_of(file.text());
    EXPECT_EQ(count_named(events, "tiny"), static_cast<std::size_t>(10 * i));
    EXPECT_GE(count_named(events, "root"), static_cast<std::size_t>(i));
    EXPECT_GT(events.size(), before);
    before = events.size();
  }
  EXPECT_GE(rt.statistics().trace_events, 55U);
  EXPECT_EQ(rt.statistics().trace_events_lost, 0U);
  EXPECT_THAT(to_string(rt.statistics()), HasSubstr("trace  "));
}

TEST(trace, names_are_copied_cut_and_made_safe_for_json) {
  const temporary_file file;
  weft::run(traced(file), [] {
    group g;
    std::string name = "quote\" slash\\ \x01 \xff";
    g.spawn([] {}, {.name = name.c_str()}).get();
    name.assign(100, 'n');
    g.spawn([] {}, {.name = name.c_str()}).get();
    name.assign(100, '?');
  });
  const auto events = events_of(file.text());
  EXPECT_EQ(count_named(events, R"(quote\" slash\\ ? ?)"), 1U);
  EXPECT_EQ(count_named(events, std::string(30, 'n')), 1U);
}

TEST(trace, records_tasks_that_fail_or_never_begin) {
  const temporary_file file;
  weft::run(traced(file), [] {
    try {
      group g;
      g.spawn([] { throw 1; }, {.name = "fails"});
      g.join();
    } catch (const group_error&) {
    }
    group h;
    h.cancel();
    h.spawn([] {}, {.name = "never"});
  });
  const auto events = events_of(file.text());
  EXPECT_EQ(count_named(events, "fails"), 1U);
  EXPECT_EQ(count_named(events, "never"), 0U);
}

TEST(trace, shows_steals) {
  if (test::worker_count() < 2) return;  // nobody to steal from
  const temporary_file file;
  runtime rt(traced(file));
  test::give_way_until([&] {
    rt.run([] {
      std::atomic<int> begun{0};
      group g;
      for (int i = 0; i < 2; ++i) {
        g.spawn([&] {
          begun.fetch_add(1);
          for (int k = 0; begun.load() < 2 && k < 1'000'000; ++k) test::spin(1);
        });
      }
    });
    return rt.statistics().total().tasks_stolen > 0;
  });
  rt.run([] {});
  const auto events = events_of(file.text());
  expect_order(events);
  EXPECT_GE(count_named(events, "steal task"), 1U);
}

TEST(trace, streams_more_than_its_buffers_hold) {
  const temporary_file file;
  runtime rt(traced(file));
  const int tasks = test::rounds(50'000);
  rt.run([&] {
    group g;
    for (int i = 0; i < tasks; ++i) {
      g.spawn([] { test::spin(10); });
      if (i % 1'000 == 0) g.join();
    }
  });
  const auto s = rt.statistics();
  EXPECT_GE(s.trace_events + s.trace_events_lost, static_cast<std::uint64_t>(tasks));
  EXPECT_GE(s.trace_events, std::min<std::uint64_t>(detail::trace_row::capacity, static_cast<std::uint64_t>(tasks)));
  const auto events = events_of(file.text());
  expect_order(events);
  EXPECT_THAT(file.text(), HasSubstr("\"events_lost\":" + std::to_string(s.trace_events_lost)));
}

// A fiber that was woken goes before those that wait in the queue, with a trace as without.
TEST(trace, does_not_change_who_runs_next) {
  const auto woken_at_once = [](options o) {
    o.workers = 1;
    o.monitor = false;
    return weft::run(o, [] {
      constexpr int rounds = 200;
      bool ended = false;
      int others = 0, at_once = 0;
      group g;
      for (int i = 0; i < 3; ++i) {
        g.spawn([&] {
          while (!ended) {
            ++others;
            yield();
          }
        });
      }
      for (int i = 0; i < rounds; ++i) {
        ticket sleeper;
        int before = 0;
        auto woken = g.spawn([&] {
          parker self;
          sleeper = self.id();
          self.park();
          at_once += others == before ? 1 : 0;
        });
        test::give_way_until([&] { return static_cast<bool>(sleeper); });
        before = others;
        sleeper.signal();
        yield();
        woken.get();
      }
      ended = true;
      g.join();
      return at_once;
    });
  };
  const temporary_file file;
  EXPECT_GE(woken_at_once(test::test_options()), 150);
  EXPECT_GE(woken_at_once(traced(file)), 150);
}

TEST(trace, rows_lose_events_when_nobody_reads) {
  const temporary_file file;
  detail::trace_file trace(file.path(), "bound");
  detail::trace_row& row = trace.row(0);
  for (int i = 0; i < 1'000'000 && trace.lost() == 0; ++i) row.instant(detail::trace_label::kind::steal_task, 1);
  trace.flush();
  EXPECT_THAT(file.text(), HasSubstr("\"events_lost\":" + std::to_string(trace.lost()) + "}"));
  EXPECT_EQ(events_of(file.text()).size(), trace.written() + 3) << "beside what names the process and the row";
}

TEST(trace, to_a_place_that_is_not_there_is_an_error_before_anything_starts) {
  options o = test::test_options();
  for (const char* path : {"/no/such/folder/trace.json", "/proc/self/nothing", "/"}) {
    o.trace = path;
    try {
      weft::run(o, [] { FAIL(); });
      FAIL() << path;
    } catch (const std::system_error& e) {
      EXPECT_THAT(e.what(), HasSubstr(std::string("weft: cannot write the trace to '") + path + "' (options::trace)"));
    }
  }
}

TEST(trace, to_a_full_disk_ends_early_and_says_so) {
  options o = test::test_options();
  o.trace = "/dev/full";
  testing::internal::CaptureStderr();
  runtime rt(o);
  rt.run([] {
    group g;
    for (int i = 0; i < 100; ++i) g.spawn([] {});
  });
  EXPECT_GE(rt.statistics().trace_events_lost, 100U);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("weft: the trace '/dev/full' ends early: No space left on device"));
}

TEST(trace, off_leaves_no_row) {
  runtime rt(test::test_options());
  rt.run([] {});
  EXPECT_EQ(rt.statistics().trace_events, 0U);
  EXPECT_THAT(to_string(rt.statistics()), Not(HasSubstr("trace")));
}

}  // namespace
}  // namespace weft
