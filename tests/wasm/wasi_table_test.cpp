// WASI preview 1 as a table: for each function what it answers when all is well and in each case that can be told by its
// arguments alone. From a line that succeeds the failing ones are made: every descriptor replaced by one that is not open, every
// pointer by one that leads nowhere, every needed right taken away; they come first, so that the success shows that nothing
// was changed. Guests compiled from several
// languages make the calls (guests/wasi_table*).
#include "wasm_support.hpp"

#include <map>
#include <sstream>

#include <weft/wasm/wasi/types.hpp>

namespace weft::wasm::test {
namespace {

// FUNCTION ARGUMENT... = ERROR, arguments as in guests/wasi_table.c. @file and @dir stand for descriptors with all rights;
// +RIGHT behind them is one that the call needs.
constexpr const char* table = R"(
args_sizes_get #4 #4 = success
args_get #64 #64 = success
environ_sizes_get #4 #4 = success
environ_get #64 #64 = success

clock_res_get 0 #8 = success
clock_res_get 1 #8 = success
clock_res_get 2 #8 = notsup
clock_res_get 4 #8 = inval
clock_time_get 0 0 #8 = success
clock_time_get 1 1000 #8 = success
clock_time_get 3 0 #8 = notsup
clock_time_get 4 0 #8 = inval

fd_advise @file 0 0 6 = inval
fd_advise @file -1 0 0 = inval
fd_advise @file 0 -1 0 = inval
fd_advise @dir 0 0 0 = badf
fd_advise 0 0 0 0 = spipe
fd_advise @file+fd_advise 0 10 3 = success
fd_allocate @file 0 0 = inval
fd_allocate @file -1 1 = inval
fd_allocate @file 9223372036854775807 1 = fbig
fd_allocate @dir 0 1 = isdir
fd_allocate @file+fd_allocate 0 20 = success
fd_close @file = success
fd_close @dir = success
fd_datasync @file+fd_datasync = success
fd_sync @file+fd_sync = success
fd_sync @dir+fd_sync = success
fd_fdstat_get @file #24 = success
fd_fdstat_get @dir #24 = success
fd_fdstat_get 0 #24 = success
fd_fdstat_set_flags @file 32 = inval
fd_fdstat_set_flags @file 2 = notsup
fd_fdstat_set_flags @file 8 = notsup
fd_fdstat_set_flags @file 16 = notsup
fd_fdstat_set_flags @file+fd_fdstat_set_flags 5 = success
fd_fdstat_set_rights @file -1 0 = notcapable
fd_fdstat_set_rights @file 2 1 = notcapable
fd_fdstat_set_rights @file 2 0 = success
fd_filestat_get @file+fd_filestat_get #64 = success
fd_filestat_get @dir+fd_filestat_get #64 = success
fd_filestat_set_size @file -1 = inval
fd_filestat_set_size @dir 0 = isdir
fd_filestat_set_size @file+fd_filestat_set_size 10 = success
fd_filestat_set_times @file 1 1 3 = inval
fd_filestat_set_times @file 1 1 12 = inval
fd_filestat_set_times @file 1 1 16 = inval
fd_filestat_set_times @file+fd_filestat_set_times 1 2 5 = success
fd_filestat_set_times @dir+fd_filestat_set_times 1 2 5 = success
fd_prestat_get @file #8 = badf
fd_prestat_get @dir #8 = badf
fd_prestat_get 0 #8 = badf
fd_prestat_get 3 #8 = success
fd_prestat_dir_name 3 #8 4 = nametoolong
fd_prestat_dir_name @dir #8 8 = badf
fd_prestat_dir_name 3 #8 5 = success
fd_renumber @file @file = success

fd_pread @file <10 -1 #4 = inval
fd_pread @file <! 0 #4 = fault
fd_pread @dir <10 0 #4 = isdir
fd_pread 0 <10 0 #4 = spipe
fd_pread @file+fd_read+fd_seek <10 0 #4 = success
fd_pwrite @file >text -1 #4 = inval
fd_pwrite @dir >text 0 #4 = isdir
fd_pwrite 1 >text 0 #4 = spipe
fd_pwrite @file+fd_write+fd_seek >text 2 #4 = success
fd_read @file <! #4 = fault
fd_read @dir <10 #4 = isdir
fd_read 1 <10 #4 = notcapable
fd_read @file+fd_read <10 #4 = success
fd_write @dir >text #4 = isdir
fd_write 0 >text #4 = notcapable
fd_write @file+fd_write >text #4 = success
fd_seek @file 0 3 #8 = inval
fd_seek @file -1 0 #8 = inval
fd_seek @dir 0 0 #8 = isdir
fd_seek 0 0 0 #8 = spipe
fd_seek @file+fd_seek 1 0 #8 = success
fd_tell @dir #8 = isdir
fd_tell 0 #8 = spipe
fd_tell @file #8 = success
fd_readdir @file #200 200 0 #4 = notdir
fd_readdir @dir #200 200 -1 #4 = inval
fd_readdir @dir+fd_readdir #200 200 0 #4 = success
fd_readdir @dir #0 0 0 #4 = success

path_create_directory @dir '../new = notcapable
path_create_directory @dir '/new = notcapable
path_create_directory @dir 'none/new = noent
path_create_directory @dir 'file/new = notdir
path_create_directory @dir 'file = exist
path_create_directory @dir 'dangling = exist
path_create_directory @file 'new = notdir
path_create_directory @dir+path_create_directory 'new = success
path_filestat_get @dir 0 'none #64 = noent
path_filestat_get @dir 0 'file/ #64 = notdir
path_filestat_get @dir 1 'dangling #64 = noent
path_filestat_get @dir 1 'circle #64 = loop
path_filestat_get @dir 1 'out #64 = notcapable
path_filestat_get @dir 0 'out #64 = success
path_filestat_get @file 0 'file #64 = notdir
path_filestat_get @dir+path_filestat_get 0 'file #64 = success
path_filestat_set_times @dir 0 'none 1 2 5 = noent
path_filestat_set_times @dir 0 'file 1 2 3 = inval
path_filestat_set_times @dir 1 'out 1 2 5 = notcapable
path_filestat_set_times @dir+path_filestat_set_times 0 'file 1 2 5 = success
path_filestat_set_times @dir 0 'dangling 1 2 5 = success
path_link @dir 1 'file @dir 'hard = inval
path_link @dir 0 'none @dir 'hard = noent
path_link @dir 0 'full @dir 'hard = perm
path_link @dir 0 'file @dir 'full = exist
path_link @dir 0 'file @dir 'hard/ = noent
path_link @dir 0 'file/ @dir 'hard = notdir
path_link @dir 0 'file @dir '../hard = notcapable
path_link @dir 0 '../file @dir 'hard = notcapable
path_link @dir+path_link_source 0 'file @dir+path_link_target 'hard = success
path_open @dir 0 'none 0 2 0 0 #4 = noent
path_open @dir 0 'file 5 2 0 0 #4 = exist
path_open @dir 0 'file 2 2 0 0 #4 = notdir
path_open @dir 0 'full 2 66 0 0 #4 = isdir
path_open @dir 0 'full 0 64 0 0 #4 = isdir
path_open @dir 0 'full 3 2 0 0 #4 = inval
path_open @dir 0 'file 16 2 0 0 #4 = inval
path_open @dir 0 'file 0 2 0 32 #4 = inval
path_open @dir 0 'link 0 2 0 0 #4 = loop
path_open @dir 1 'circle 0 2 0 0 #4 = loop
path_open @dir 1 'dangling 0 2 0 0 #4 = noent
path_open @dir 1 'out 0 2 0 0 #4 = notcapable
path_open @dir 1 'absolute 0 2 0 0 #4 = notcapable
path_open @dir 0 '/file 0 2 0 0 #4 = notcapable
path_open @file 0 'file 0 2 0 0 #4 = notdir
path_open 0 0 'file 0 2 0 0 #4 = notdir
path_open @dir+path_open+path_create_file 0 'made 1 2 0 0 #4 = success
path_open @dir+path_open+path_filestat_set_size 0 'made 8 64 0 0 #4 = success
path_open @dir+path_open 0 'file 0 2 0 0 #4 = success
path_readlink @dir 'none #64 64 #4 = noent
path_readlink @dir 'file #64 64 #4 = inval
path_readlink @dir '../link #64 64 #4 = notcapable
path_readlink @dir+path_readlink 'link #64 64 #4 = success
path_readlink @dir 'out #64 64 #4 = success
path_remove_directory @dir 'none = noent
path_remove_directory @dir 'file = notdir
path_remove_directory @dir 'link = notdir
path_remove_directory @dir 'full = notempty
path_remove_directory @dir 'new/. = inval
path_remove_directory @dir '../new = notcapable
path_remove_directory @dir+path_remove_directory 'new = success
path_rename @dir 'none @dir 'moved = noent
path_rename @dir 'full @dir 'file = notdir
path_rename @dir 'file @dir 'full = isdir
path_rename @dir 'full @dir 'full/below = inval
path_rename @dir 'file @dir 'moved/ = notdir
path_rename @dir '../file @dir 'moved = notcapable
path_rename @dir 'file @dir '../moved = notcapable
path_rename @dir+path_rename_source 'hard @dir+path_rename_target 'moved = success
path_symlink 'file @dir 'link = exist
path_symlink 'file @dir 'soft/ = noent
path_symlink 'file @dir '../soft = notcapable
path_symlink '/file @dir 'soft = notcapable
path_symlink 'file @dir+path_symlink 'soft = success
path_unlink_file @dir 'none = noent
path_unlink_file @dir 'full = isdir
path_unlink_file @dir 'soft/ = notdir
path_unlink_file @dir '../file = notcapable
path_unlink_file @dir+path_unlink_file 'soft = success
path_unlink_file @dir 'moved = success
path_unlink_file @dir 'made = success

poll_oneoff ~ #32 0 #4 = inval
poll_oneoff ~ #32 4294967295 #4 = inval
poll_oneoff ~ #32 1 #4 = success
proc_raise 31 = inval
proc_raise 18 = notsup
proc_raise 0 = success
random_get #100 4294967295 = fault
random_get #100 100 = success
sched_yield = success
sock_accept @file 0 #4 = notsock
sock_recv @file <10 0 #4 #4 = notsock
sock_send @file >text 0 #4 = notsock
sock_shutdown @file 1 = notsock
sock_shutdown @dir 1 = notsock
)";

const std::map<std::string, wasi::errc, std::less<>> errors = {{"success", wasi::errc::success},
                                                               {"badf", wasi::errc::badf},
                                                               {"exist", wasi::errc::exist},
                                                               {"fault", wasi::errc::fault},
                                                               {"fbig", wasi::errc::fbig},
                                                               {"inval", wasi::errc::inval},
                                                               {"isdir", wasi::errc::isdir},
                                                               {"loop", wasi::errc::loop},
                                                               {"nametoolong", wasi::errc::nametoolong},
                                                               {"noent", wasi::errc::noent},
                                                               {"notcapable", wasi::errc::notcapable},
                                                               {"notdir", wasi::errc::notdir},
                                                               {"notempty", wasi::errc::notempty},
                                                               {"notsock", wasi::errc::notsock},
                                                               {"notsup", wasi::errc::notsup},
                                                               {"perm", wasi::errc::perm},
                                                               {"spipe", wasi::errc::spipe}};

const std::map<std::string, wasi::rights, std::less<>> rights_by_name = {
    {"fd_datasync", wasi::right::fd_datasync},
    {"fd_read", wasi::right::fd_read},
    {"fd_seek", wasi::right::fd_seek},
    {"fd_fdstat_set_flags", wasi::right::fd_fdstat_set_flags},
    {"fd_sync", wasi::right::fd_sync},
    {"fd_write", wasi::right::fd_write},
    {"fd_advise", wasi::right::fd_advise},
    {"fd_allocate", wasi::right::fd_allocate},
    {"fd_readdir", wasi::right::fd_readdir},
    {"fd_filestat_get", wasi::right::fd_filestat_get},
    {"fd_filestat_set_size", wasi::right::fd_filestat_set_size},
    {"fd_filestat_set_times", wasi::right::fd_filestat_set_times},
    {"path_create_directory", wasi::right::path_create_directory},
    {"path_create_file", wasi::right::path_create_file},
    {"path_link_source", wasi::right::path_link_source},
    {"path_link_target", wasi::right::path_link_target},
    {"path_open", wasi::right::path_open},
    {"path_readlink", wasi::right::path_readlink},
    {"path_rename_source", wasi::right::path_rename_source},
    {"path_rename_target", wasi::right::path_rename_target},
    {"path_filestat_get", wasi::right::path_filestat_get},
    {"path_filestat_set_size", wasi::right::path_filestat_set_size},
    {"path_filestat_set_times", wasi::right::path_filestat_set_times},
    {"path_symlink", wasi::right::path_symlink},
    {"path_remove_directory", wasi::right::path_remove_directory},
    {"path_unlink_file", wasi::right::path_unlink_file}};

using words = std::vector<std::string>;

words split(const std::string& text, char at) {
  words parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

// A descriptor's word with the rights it is to have, all but those left out.
std::string with_rights(const std::string& word, wasi::rights without = 0) {
  const words parts = split(word, '+');
  const wasi::rights all = parts[0] == "@dir" ? wasi::right::all & ~wasi::right::fd_write : wasi::right::of_file;
  return parts[0] + "/" + std::to_string(all & ~without);
}

std::string line_of(const words& call, std::string_view error) {
  std::string line;
  for (const std::string& word : call) line += (word.starts_with('@') ? with_rights(word) : word) + ' ';
  return line + "= " + std::to_string(static_cast<int>(errors.find(error)->second)) + '\n';
}

// The call with another word at one place.
std::string changed(words call, std::size_t at, const std::string& word, std::string_view error) {
  call[at] = word;
  return line_of(call, error);
}

std::string failures_of(const words& call) {
  std::string lines;
  for (std::size_t at = 1; at < call.size(); ++at) {
    const std::string& word = call[at];
    switch (word[0]) {
      case '@':
        lines += changed(call, at, "77", "badf");
        lines += changed(call, at, "4294967295", "badf");
        break;
      case '\'':
        lines += changed(call, at, "! 10", "fault");
        lines += changed(call, at, "'", "noent");
        break;
      case '<':
      case '>':
        lines += changed(call, at, "! 1", "fault");
        break;
      case '#':
        // Room of no bytes may be anywhere.
        if (at + 1 == call.size() || call[at + 1] != "0") lines += changed(call, at, "!", "fault");
        break;
      case '~':
        lines += changed(call, at, "!", "fault");
        break;
      default:
        break;
    }
  }
  return lines;
}

// One line for each right that the call needs and does not have.
std::string refusals_of(const words& call) {
  std::string lines;
  for (std::size_t at = 1; at < call.size(); ++at) {
    if (!call[at].starts_with('@')) continue;
    const words parts = split(call[at], '+');
    for (std::size_t i = 1; i < parts.size(); ++i) {
      std::string line;
      for (std::size_t j = 0; j < call.size(); ++j) {
        const wasi::rights without = j == at ? rights_by_name.at(parts[i]) : 0;
        line += (call[j].starts_with('@') ? with_rights(call[j], without) : call[j]) + ' ';
      }
      lines += line + "= " + std::to_string(static_cast<int>(wasi::errc::notcapable)) + '\n';
    }
  }
  return lines;
}

std::string calls() {
  std::string lines;
  for (const std::string& row : split(table, '\n')) {
    if (row.empty()) continue;
    words call = split(row, ' ');
    const std::string error = call.back();
    call.resize(call.size() - 2);
    if (error == "success") lines += failures_of(call) + refusals_of(call);
    lines += line_of(call, error);
  }
  return lines;
}

void furnish(const std::filesystem::path& folder) {
  write_file(folder / "file", "0123456789");
  std::filesystem::create_directory(folder / "full");
  write_file(folder / "full/entry", "");
  std::filesystem::create_symlink("file", folder / "link");
  std::filesystem::create_symlink("none", folder / "dangling");
  std::filesystem::create_symlink("circle", folder / "circle");
  std::filesystem::create_symlink("../..", folder / "out");
  std::filesystem::create_symlink("/etc/passwd", folder / "absolute");
}

class wasi_table_test : public testing::TestWithParam<const char*> {};

TEST_P(wasi_table_test, every_function_answers_as_specified) {
  weft::test::run([] {
    const scratch_folder folder;
    furnish(folder.path());
    raw_pipe in;
    const std::string lines = calls();
    ASSERT_GT(std::count(lines.begin(), lines.end(), '\n'), 300);
    result r;
    group g;
    g.spawn([&] {
      r = run_guest(load(GetParam()), {.arguments = {"table"},
                                       .environment = {{"A", "1"}, {"B", "2"}},
                                       .directories = {{folder.path(), "/data"}},
                                       .input = stdio::descriptor(in.reader())});
    });
    write_text(in.writer(), lines);
    in.close_writer();
    g.join();
    EXPECT_EQ(r.exit_code, 0);
    EXPECT_EQ(r.output, "");
    // What succeeded was done, and nothing else.
    EXPECT_EQ(read_file(folder / "file"), "textxt6789");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 7);
  });
}

INSTANTIATE_TEST_SUITE_P(languages, wasi_table_test, testing::Values(WEFT_WASI_TABLES),
                         [](const auto& name) { return std::string(name.param); });

}  // namespace
}  // namespace weft::wasm::test
