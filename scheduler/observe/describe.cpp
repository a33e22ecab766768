#include <weft/scheduler/observe/describe.hpp>

#include <cstdio>

namespace weft::detail {

namespace {

std::string quoted(const std::string& name) { return name.empty() ? "" : " '" + name + "'"; }

}  // namespace

const char* name_of(scope_kind kind) noexcept {
  switch (kind) {
    case scope_kind::root:
      return "root";
    case scope_kind::group:
      return "group";
    case scope_kind::deadline:
      return "deadline";
    case scope_kind::shield:
      return "shield";
  }
  return "scope";
}

std::string describe(const code_place& place) {
  return place.file.empty() ? "an unknown place" : place.file + ":" + std::to_string(place.line);
}

std::string describe(const void* address) {
  char text[32];
  std::snprintf(text, sizeof text, "%p", address);
  return text;
}

std::string describe(std::chrono::nanoseconds duration) {
  char text[32];
  const double us = static_cast<double>(duration.count()) / 1e3;
  if (us < 1e3) {
    std::snprintf(text, sizeof text, "%.0f us", us);
  } else if (us < 1e6) {
    std::snprintf(text, sizeof text, "%.1f ms", us / 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.2f s", us / 1e6);
  }
  return text;
}

std::string title_of(const fiber_view& f) {
  std::string text = "fiber " + std::to_string(f.number) + quoted(f.name);
  if (!f.site.file.empty()) text += ", spawned at " + describe(f.site);
  return text;
}

std::string title_of(const scope_view& s) {
  std::string text = name_of(s.kind) + quoted(s.name);
  if (!s.site.file.empty()) text += " made at " + describe(s.site);
  return text;
}

std::string describe(const wait_view& w) {
  std::string text = w.name.empty() ? "something unknown" : w.name;
  if (w.number) text += " " + std::to_string(*w.number);
  text += quoted(w.object_name);
  if (w.object != nullptr && !w.number) text += " " + describe(w.object);
  if (w.held_by != 0) {
    text += ", held by fiber " + std::to_string(w.held_by);
  } else if (w.holder != nullptr) {
    text += ", held by a thread that is no fiber";
  }
  return text;
}

}  // namespace weft::detail
