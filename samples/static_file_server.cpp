// Serves the files of a folder over HTTP/1.1: ranges, conditions, directories with an index, nothing outside the folder.
//
//   static_file_server [FOLDER [ADDRESS]]   serves until SIGTERM or SIGINT, then finishes what it is doing; FOLDER is . and ADDRESS 127.0.0.1:8080
//                                           unless given
//   static_file_server --self-test          serves a folder of its own to a client of its own, and ends by SIGTERM
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <weft/io/descriptor.hpp>
#include <weft/io/http/client.hpp>
#include <weft/io/http/date.hpp>
#include <weft/io/http/server.hpp>
#include <weft/scheduler/scheduler.hpp>

namespace {

namespace http = weft::io::http;
using namespace std::string_view_literals;

// ---------------------------------------------------------------------------------------------------- files

class descriptor {
 public:
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

struct open_file {
  descriptor fd;
  struct stat status{};
};

// Opens what is under the folder, wherever links and dots point to: the kernel sees to it that none leads out. A negative errno if not.
[[gnu::noinline]] int open_beneath(int folder, const char* path) noexcept {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;  // a named pipe must not be waited for
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, folder, path, &how, sizeof how);
  return fd >= 0 ? static_cast<int>(fd) : -errno;
}

// The folder may be on a disk that takes its time: a helper thread opens. Throws http::error.
open_file open_for(int folder, const std::string& path) {
  open_file f{descriptor(weft::blocking([&] { return open_beneath(folder, path.empty() ? "." : path.c_str()); }))};
  if (f.fd.get() < 0) {
    const int why = -f.fd.get();
    if (why == EACCES || why == EXDEV || why == EPERM || why == ELOOP) throw http::error(403, "forbidden");
    if (why == ENOENT || why == ENOTDIR || why == ENAMETOOLONG) throw http::error(404, "not found");
    throw std::system_error(why, std::generic_category(), "cannot open " + path);
  }
  if (::fstat(f.fd.get(), &f.status) != 0) throw http::error(404, "not found");
  return f;
}

std::optional<int> hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// "/a%20b" is "a b": what to open, relative to the folder. Throws http::error(400).
std::string file_name_of(std::string_view path) {
  std::string name;
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '%') {
      const auto high = i + 2 < path.size() ? hex_digit(path[i + 1]) : std::nullopt;
      const auto low = i + 2 < path.size() ? hex_digit(path[i + 2]) : std::nullopt;
      if (!high || !low) throw http::error(400, "the path has a % without two digits");
      c = static_cast<char>(*high * 16 + *low);
      i += 2;
    }
    if (c == '\0') throw http::error(400, "the path has a zero byte");
    name += c;
  }
  name.erase(0, name.find_first_not_of('/'));
  return name;
}

std::string_view type_of(std::string_view name) {
  static constexpr std::array types{std::pair{".html"sv, "text/html; charset=utf-8"sv},
                                    std::pair{".css"sv, "text/css; charset=utf-8"sv},
                                    std::pair{".js"sv, "text/javascript; charset=utf-8"sv},
                                    std::pair{".txt"sv, "text/plain; charset=utf-8"sv},
                                    std::pair{".md"sv, "text/markdown; charset=utf-8"sv},
                                    std::pair{".json"sv, "application/json"sv},
                                    std::pair{".svg"sv, "image/svg+xml"sv},
                                    std::pair{".png"sv, "image/png"sv},
                                    std::pair{".jpg"sv, "image/jpeg"sv},
                                    std::pair{".gif"sv, "image/gif"sv},
                                    std::pair{".wasm"sv, "application/wasm"sv},
                                    std::pair{".pdf"sv, "application/pdf"sv}};
  const auto* const found = std::ranges::find_if(types, [name](const auto& t) { return name.ends_with(t.first); });
  return found != types.end() ? found->second : "application/octet-stream"sv;
}

// ---------------------------------------------------------------------------------------------------- conditions and ranges

std::string tag_of(const struct stat& s) {
  return "\"" + std::to_string(s.st_mtim.tv_sec) + "." + std::to_string(s.st_mtim.tv_nsec) + "-" +
         std::to_string(s.st_size) + "\"";
}

bool is_unchanged(const http::request& r, const struct stat& s, std::string_view tag) {
  if (const auto tags = r.headers().find("If-None-Match"))
    return *tags == "*" || r.headers().lists("If-None-Match", tag);
  const auto since = http::parse_date(r.header("If-Modified-Since"));
  return since && s.st_mtim.tv_sec <= *since;
}

struct range {
  std::uint64_t first;
  std::uint64_t size;
};

std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return n;
}

// One range, of the forms 2-5, 2- and -5. Nothing if the whole file is to be sent: also for several ranges, and for what is no range. Throws
// http::error(416) if the file does not reach so far.
std::optional<range> range_of(const http::request& r, std::uint64_t size, std::string_view tag) {
  std::string_view text = r.header("Range");
  if (!text.starts_with("bytes=") || text.find(',') != std::string_view::npos) return std::nullopt;
  if (const auto condition = r.headers().find("If-Range"); condition && *condition != tag) return std::nullopt;
  text.remove_prefix(6);
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = number(text.substr(0, dash));
  const auto last = number(text.substr(dash + 1));
  if (!first && !(dash == 0 && last)) return std::nullopt;
  if (first && dash + 1 != text.size() && (!last || *last < *first)) return std::nullopt;
  const std::uint64_t begin = first ? *first : size - std::min(*last, size);
  if (begin >= size) throw http::error(416, "the file has " + std::to_string(size) + " bytes");
  const std::uint64_t end = first && last ? std::min(*last + 1, size) : size;
  return range{begin, end - begin};
}

// ---------------------------------------------------------------------------------------------------- answers

void send_file(http::body_writer& out, int fd, range r) {
  std::array<std::byte, 32 << 10> buffer;
  while (r.size != 0) {
    const iovec part{buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), r.size))};
    const std::size_t n = weft::io::pread(fd, std::span(&part, 1), r.first);
    if (n == 0) throw std::runtime_error("a file has become shorter while it was sent");
    out.write(std::span(buffer).first(n));
    r.first += n;
    r.size -= n;
  }
}

http::response answer_with(const http::request& r, open_file file, std::string_view name) {
  const auto size = static_cast<std::uint64_t>(file.status.st_size);
  const std::string tag = tag_of(file.status);
  http::response a;
  a.headers.add("ETag", tag);
  a.headers.add("Last-Modified", http::format_date(file.status.st_mtim.tv_sec));
  a.headers.add("Accept-Ranges", "bytes");
  if (is_unchanged(r, file.status, tag)) {
    a.status = 304;
    return a;
  }
  std::optional<range> part;
  try {
    part = range_of(r, size, tag);
  } catch (const http::error& e) {
    a.status = e.status();
    a.headers.add("Content-Range", "bytes */" + std::to_string(size));
    return a;
  }
  a.headers.add("Content-Type", type_of(name));
  if (part) {
    a.status = 206;
    a.headers.add("Content-Range", "bytes " + std::to_string(part->first) + "-" +
                                       std::to_string(part->first + part->size - 1) + "/" + std::to_string(size));
  }
  const range sent = part.value_or(range{0, size});
  a.stream = http::body_stream{.write = [held = std::make_shared<open_file>(std::move(file)),
                                         sent](http::body_writer& out) { send_file(out, held->fd.get(), sent); },
                               .size = sent.size};
  return a;
}

http::response answer(int folder, const http::request& r) {
  if (r.method() != "GET" && r.method() != "HEAD") {
    http::response a = http::text("only GET and HEAD\n", 405);
    a.headers.add("Allow", "GET, HEAD");
    return a;
  }
  if (!r.path().starts_with('/')) throw http::error(400, "the target is not a path");
  std::string name = file_name_of(r.path());
  open_file file = open_for(folder, name);
  if (S_ISDIR(file.status.st_mode)) {
    if (!r.path().ends_with('/')) {
      http::response a = http::text("there\n", 301);
      const std::size_t last = r.path().rfind('/');
      a.headers.add("Location", std::string(r.path().substr(last + 1)) + "/");
      return a;
    }
    name += "index.html";
    file = open_for(folder, name);
  }
  if (!S_ISREG(file.status.st_mode)) throw http::error(403, "no file");
  return answer_with(r, std::move(file), name);
}

void log(const http::request& r, int status) {
  std::printf("%s \"%.*s %.*s\" %d\n", r.peer().to_string().c_str(), static_cast<int>(r.method().size()),
              r.method().data(), static_cast<int>(r.target().size()), r.target().data(), status);
  std::fflush(stdout);
}

void log_error(const std::exception_ptr& what, const http::request*) {
  try {
    std::rethrow_exception(what);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  } catch (...) {
  }
}

// Until SIGTERM or SIGINT; `ready` is called when it listens.
template <class F>
void serve(const std::string& folder, const weft::io::address& where, F ready) {
  const descriptor root(weft::io::open(folder, O_RDONLY | O_DIRECTORY));
  http::server server([&](http::request& r) { return answer(root.get(), r); },
                      {.on_error = log_error, .on_answer = log});
  weft::io::tcp_listener listener{where};
  weft::services().spawn([&server] {
    weft::signal_set end{SIGTERM, SIGINT};
    end.wait();
    server.drain();
  });
  weft::group g;
  g.spawn_daemon([&] { ready(listener.local_address()); });
  server.serve(listener);
  std::printf("has ended\n");
}

// ---------------------------------------------------------------------------------------------------- self-test

struct expectation {
  const char* path;
  int status;
  std::string body = {};
  http::fields headers = {};
  const char* method = "GET";
};

std::string make_folder() {
  std::string folder = (std::filesystem::temp_directory_path() / "weft-files-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
  const std::filesystem::path root = std::filesystem::path(folder) / "root";
  std::filesystem::create_directories(root / "sub");
  std::ofstream(std::filesystem::path(folder) / "secret") << "secret";
  std::ofstream(root / "a b.txt") << "0123456789";
  std::ofstream(root / "sub" / "index.html") << "<p>index";
  std::filesystem::create_symlink("../secret", root / "leak");
  std::filesystem::create_symlink("/etc/passwd", root / "absolute");
  std::filesystem::create_symlink("a b.txt", root / "link");
  return folder;
}

void check_answers(const weft::io::address& server) {
  http::client client;
  const std::string base = "http://" + server.to_string();
  const http::client_response whole = client.get(base + "/a%20b.txt");
  const std::string tag(whole.header("ETag"));
  const std::string date(whole.header("Last-Modified"));
  const std::vector<expectation> all{
      {"/a%20b.txt", 200, "0123456789"},
      {"/link", 200, "0123456789"},
      {"/sub/", 200, "<p>index"},
      {"/sub", 200, "<p>index"},
      {"/sub/../a%20b.txt", 200, "0123456789"},
      {"/", 404},
      {"/none", 404},
      {"/a%20b.txt/x", 404},
      {"/../secret", 403},
      {"/%2e%2e/secret", 403},
      {"/sub/%2e%2e%2f..%2fsecret", 403},
      {"/leak", 403},
      {"/absolute", 403},
      {"/%zz", 400},
      {"/a%20b.txt", 206, "234", {{"Range", "bytes=2-4"}}},
      {"/a%20b.txt", 206, "789", {{"Range", "bytes=-3"}}},
      {"/a%20b.txt", 206, "89", {{"Range", "bytes=8-99"}}},
      {"/a%20b.txt", 416, "", {{"Range", "bytes=10-"}}},
      {"/a%20b.txt", 304, "", {{"If-None-Match", tag}}},
      {"/a%20b.txt", 304, "", {{"If-Modified-Since", date}}},
      {"/a%20b.txt", 200, "", {}, "HEAD"},
      {"/a%20b.txt", 405, "", {}, "DELETE"},
  };
  std::size_t good = 0;
  for (const expectation& e : all) {
    http::client_response r = client.send({.method = e.method, .url = base + e.path, .headers = e.headers});
    const std::string body = r.text();
    const bool as_expected = r.status() == e.status && (e.body.empty() || body == e.body);
    good += as_expected ? 1 : 0;
    if (!as_expected) std::printf("%s %s: %d '%s'\n", e.method, e.path, r.status(), body.c_str());
  }
  std::printf("%zu of %zu answers are as they should be\n", good, all.size());
}

int self_test() {
  const std::string folder = make_folder();
  serve(folder + "/root", "127.0.0.1:0", [](const weft::io::address& where) {
    check_answers(where);
    ::raise(SIGTERM);
  });
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return weft::run([&] {
      if (argc > 1 && std::strcmp(argv[1], "--self-test") == 0) return self_test();
      serve(argc > 1 ? argv[1] : ".", argc > 2 ? argv[2] : "127.0.0.1:8080", [](const weft::io::address& where) {
        std::printf("serving on http://%s/\n", where.to_string().c_str());
        std::fflush(stdout);
      });
      return 0;
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
