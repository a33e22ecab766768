#include "io_support.hpp"

#include <sys/stat.h>

#include <cstdlib>

namespace weft::io::test {
namespace {

using watch_test = io_test;
namespace fs = std::filesystem;

std::string_view name_of(change what) {
  switch (what) {
    case change::created:
      return "created";
    case change::removed:
      return "removed";
    case change::renamed_from:
      return "from";
    case change::renamed_to:
      return "to";
    case change::modified:
      return "modified";
    case change::closed:
      return "closed";
    case change::attributes:
      return "attributes";
    case change::watched_gone:
      return "gone";
    case change::watched_moved:
      return "moved";
    case change::overflow:
      return "overflow";
  }
  return "?";
}

// "created file", for each event up to and with the first of that kind.
std::vector<std::string> events_until(watcher& w, change last) {
  std::vector<std::string> events;
  while (const std::optional<watch_event> e = w.next()) {
    events.push_back(std::string(name_of(e->what)) + (e->name.empty() ? "" : " " + e->name));
    if (e->what == last) break;
  }
  return events;
}

using strings = std::vector<std::string>;

TEST_F(watch_test, changes_come_with_their_names_and_in_order) {
  weft::test::run([] {
    const temporary_folder folder;
    watcher w(folder / ".");
    write_file(folder / "file", "x");
    EXPECT_EQ(events_until(w, change::closed), (strings{"created file", "modified file", "closed file"}));
    io::rename(folder / "file", folder / "other");
    const std::optional<watch_event> from = w.next();
    const std::optional<watch_event> to = w.next();
    ASSERT_TRUE(from && to);
    EXPECT_EQ(from->what, change::renamed_from);
    EXPECT_EQ(from->name, "file");
    EXPECT_EQ(to->what, change::renamed_to);
    EXPECT_EQ(to->path(), folder / "." / "other");
    EXPECT_EQ(from->pair, to->pair);
    EXPECT_NE(from->pair, 0U);
    set_permissions(folder / "other", fs::perms::owner_all);
    io::remove(folder / "other");
    EXPECT_EQ(events_until(w, change::removed), (strings{"attributes other", "removed other"}));
    make_directory(folder / "below");
    const std::optional<watch_event> made = w.next();
    ASSERT_TRUE(made);
    EXPECT_TRUE(made->is_directory);
    write_file(folder / "below" / "file", "not watched");
    io::remove(folder / "below" / "file");
    io::remove(folder / "below");
    EXPECT_EQ(events_until(w, change::removed), (strings{"removed below"}));
  });
}

TEST_F(watch_test, the_end_of_what_is_watched_is_told) {
  weft::test::run([] {
    const temporary_folder folder;
    make_directory(folder / "a");
    make_directory(folder / "b");
    watcher w;
    EXPECT_EQ(w.next(), std::nullopt) << "nothing is watched";
    w.add(folder / "a");
    w.add(folder / "b");
    w.remove(folder / "c");
    io::rename(folder / "a", folder / "moved");
    io::remove(folder / "moved");
    EXPECT_EQ(events_until(w, change::watched_gone), (strings{"moved", "gone"}));
    write_file(folder / "b" / "file", "");
    w.remove(folder / "b");
    EXPECT_EQ(events_until(w, change::watched_gone), (strings{"created file", "closed file", "gone"}));
    EXPECT_FALSE(w.next().has_value());
  });
}

TEST_F(watch_test, a_file_may_be_watched) {
  weft::test::run([] {
    const temporary_folder folder;
    write_file(folder / "file", "x");
    watcher w(folder / "file");
    file(folder / "file", open_mode::append).write_all("y");
    const std::optional<watch_event> e = w.next();
    ASSERT_TRUE(e);
    EXPECT_EQ(e->what, change::modified);
    EXPECT_EQ(e->path(), folder / "file");
    EXPECT_EQ(error_of([&] { w.add(folder / "none"); }).code().value(), ENOENT);
  });
}

TEST_F(watch_test, who_waits_is_woken_by_a_change_a_cancellation_and_a_close) {
  weft::test::run([] {
    const temporary_folder folder;
    watcher w(folder / ".");
    const auto when_waiting = [](auto&& waiting, auto&& then) {
      const std::uint64_t before = operations();
      group g;
      g.spawn(waiting);
      yield_until([&] { return operations() > before; });
      then(g);
    };
    when_waiting([&] { EXPECT_EQ(w.next()->name, "file"); },
                 [&](group&) { EXPECT_EQ(::mknod((folder / "file").c_str(), S_IFREG | 0600, 0), 0); });
    when_waiting([&] { (void)w.next(); }, [&](group& g) { g.cancel(); });
    EXPECT_EQ(::mknod((folder / "second").c_str(), S_IFREG | 0600, 0), 0);
    EXPECT_EQ(w.next()->name, "second") << "the cancelled one has taken nothing";
    when_waiting([&] { EXPECT_EQ(error_of([&] { (void)w.next(); }).code().value(), ECANCELED); },
                 [&](group&) { w.close(); });
    EXPECT_EQ(error_of([&] { (void)w.next(); }).code().value(), EBADF);
  });
}

TEST_F(watch_test, changes_that_were_lost_are_told) {
  weft::test::run([] {
    const temporary_folder folder;
    watcher w(folder / ".");
    const int kept = std::atoi(read_file("/proc/sys/fs/inotify/max_queued_events").c_str());
    write_file(folder / "a", "");
    write_file(folder / "b", "");
    // The kernel keeps one of two that are equal and follow each other.
    for (int i = 0; i <= kept; ++i) ::chmod((folder / (i % 2 == 0 ? "a" : "b")).c_str(), 0600);
    const strings events = events_until(w, change::overflow);
    EXPECT_EQ(events.back(), "overflow");
    write_file(folder / "later", "");
    EXPECT_EQ(events_until(w, change::closed).back(), "closed later") << "it goes on";
  });
}

TEST_F(watch_test, an_ordinary_thread_may_watch) {
  const temporary_folder folder;
  watcher w(folder / ".");
  write_file(folder / "file", "");
  EXPECT_EQ(w.next()->what, change::created);
}

}  // namespace
}  // namespace weft::io::test
