#include <cstdio>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weft/scheduler/observe/describe.hpp>
#include <weft/scheduler/observe/dump_text.hpp>

namespace weft::detail {

namespace {

// As much of JSON's grammar as a dump needs. A comma is due before whatever follows a value.
class json_writer {
 public:
  explicit json_writer(std::string& out) : out_(out) {}

  template <class F>
  void object(F members) {
    group('{', '}', members);
  }
  template <class F>
  void array(F elements) {
    group('[', ']', elements);
  }
  json_writer& key(std::string_view name) {
    value(name);
    out_ += ':';
    comma_ = false;
    return *this;
  }
  void value(std::string_view text) {
    separate();
    out_ += '"';
    for (const char c : text) escape(c);
    out_ += '"';
  }
  void value(const char* text) { value(std::string_view(text)); }
  void value(const void* address) { value(describe(address)); }
  template <class T>
    requires std::is_integral_v<T>
  void value(T number) {
    separate();
    if constexpr (std::is_same_v<T, bool>) {
      out_ += number ? "true" : "false";
    } else {
      out_ += std::to_string(number);
    }
  }
  template <class T>
  void member(std::string_view name, const T& v) {
    key(name).value(v);
  }
  template <class T>
  void member_if(bool there, std::string_view name, const T& v) {
    if (there) member(name, v);
  }

 private:
  template <class F>
  void group(char open, char close, F content) {
    separate();
    out_ += open;
    comma_ = false;
    content();
    out_ += close;
    comma_ = true;
  }
  void separate() {
    if (comma_) out_ += ',';
    comma_ = true;
  }
  void escape(char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (out_ += '\\') += c;
    } else if (byte < 0x20 ||
               byte > 0x7e) {  // bytes that are no UTF-8 would make the text invalid: each is told by its number
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", byte);
      out_ += code;
    } else {
      out_ += c;
    }
  }

  std::string& out_;
  bool comma_ = false;
};

const char* name_of(fiber_state state) noexcept {
  switch (state) {
    case fiber_state::running:
      return "running";
    case fiber_state::ready:
      return "ready";
    case fiber_state::parked:
      return "parked";
    case fiber_state::moving:
      return "moving";
  }
  return "";
}

class process_writer {
 public:
  process_writer(const process_view& process, unwinder& stacks, std::string& out)
      : process_(process), stacks_(stacks), json_(out) {}

  void write() {
    json_.object([&] {
      json_.key("runtimes").array([&] {
        for (const runtime_view& r : process_.runtimes) write(r);
      });
    });
  }

 private:
  static auto ns(std::chrono::nanoseconds duration) { return duration.count(); }

  void write(const runtime_view& r) {
    json_.object([&] {
      json_.member("runtime", r.number);
      json_.member("blocking_calls", r.blocking_calls);
      json_.key("workers").array([&] {
        for (const worker_view& w : r.workers) write(w);
      });
      json_.key("scopes").array([&] {
        for (const scope_view& s : r.scopes) write(s);
      });
      json_.key("fibers").array([&] {
        for (const fiber_view& f : r.fibers) write(f);
      });
    });
  }

  void write(const worker_view& w) {
    json_.object([&] {
      json_.member("worker", w.index);
      json_.member("thread", w.thread);
      json_.member("asleep", w.asleep);
      json_.member_if(w.off_duty, "off_duty", true);
      json_.member_if(w.runs != 0, "fiber", w.runs);
    });
  }

  void place(const code_place& p) {
    if (p.file.empty()) return;
    json_.member("file", p.file);
    json_.member("line", p.line);
  }

  void write(const scope_view& s) {
    json_.object([&] {
      json_.member("scope", static_cast<const void*>(s.address));
      json_.member_if(s.parent != nullptr, "parent", static_cast<const void*>(s.parent));
      json_.member("kind", name_of(s.kind));
      json_.member_if(!s.name.empty(), "name", s.name);
      place(s.site);
      if (s.limit) json_.member("ends_in_ns", ns(*s.limit - process_.now));
      json_.member("tasks_not_begun", s.not_begun);
    });
  }

  void write(const fiber_view& f) {
    json_.object([&] {
      json_.member("fiber", f.number);
      json_.member("scope", static_cast<const void*>(f.in));
      json_.member_if(!f.name.empty(), "name", f.name);
      place(f.site);
      json_.member("state", name_of(f.state));
      json_.member_if(f.worker >= 0, "worker", f.worker);
      if (f.state == fiber_state::parked) write_wait(f);
      json_.key("stack").array([&] {
        for (const frame& frame : stacks_.frames_of(f.stack)) write(frame);
      });
    });
  }

  void write_wait(const fiber_view& f) {
    json_.member("parked_for_ns", ns(process_.now - f.since));
    json_.member("waits_for", f.wait.name);
    if (f.wait.number) json_.member("number", *f.wait.number);
    json_.member_if(f.wait.object != nullptr, "object", f.wait.object);
    json_.member_if(!f.wait.object_name.empty(), "object_name", f.wait.object_name);
    json_.member_if(f.wait.held_by != 0, "held_by", f.wait.held_by);
    if (f.limit) json_.member("ends_in_ns", ns(*f.limit - process_.now));
  }

  void write(const frame& f) {
    json_.object([&] {
      json_.member("address", reinterpret_cast<const void*>(f.address));
      json_.member_if(!f.function.empty(), "function", f.function);
      if (!f.file.empty()) {
        json_.member("file", f.file);
        json_.member("line", f.line);
      }
    });
  }

  const process_view& process_;
  unwinder& stacks_;
  json_writer json_;
};

}  // namespace

std::string json_of(const process_view& process, unwinder& stacks) {
  std::string out;
  process_writer(process, stacks, out).write();
  return out;
}

}  // namespace weft::detail
