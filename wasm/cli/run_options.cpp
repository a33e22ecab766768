#include <weft/wasm/cli/run_options.hpp>

#include <cstdlib>
#include <stdexcept>

namespace weft::cli {
namespace {

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

}  // namespace

directory_grant parse_directory(std::string_view text) {
  std::string_view rest = text;
  const bool read_only = take_suffix(rest, ":ro");
  if (!read_only) take_suffix(rest, ":rw");
  const std::size_t separator = rest.find("::");
  const std::string_view host = rest.substr(0, separator);
  const std::string_view guest = separator == std::string_view::npos ? host : rest.substr(separator + 2);
  if (host.empty() || guest.empty()) {
    throw std::invalid_argument("'" + std::string(text) +
                                "' is not a directory to grant: write HOST, HOST::GUEST or HOST::GUEST:ro");
  }
  return {std::string(host), std::string(guest), !read_only};
}

preload parse_preload(std::string_view text) {
  const std::size_t separator = text.find('=');
  if (separator == std::string_view::npos || separator == 0 || separator + 1 == text.size()) {
    throw std::invalid_argument("'" + std::string(text) + "' names no module to import from: write NAME=FILE");
  }
  return {std::string(text.substr(0, separator)), std::string(text.substr(separator + 1))};
}

profile_request parse_profile(std::string_view text) {
  if (text == "perf") return {profile_request::kind::perf, ""};
  if (text == "guest") return {profile_request::kind::guest, "weft-profile.json"};
  if (text.starts_with("guest,") && text.size() > 6) return {profile_request::kind::guest, std::string(text.substr(6))};
  throw std::invalid_argument("'" + std::string(text) + "' is not a profile: use perf, guest or guest,FILE");
}

environment_variable parse_environment(std::string_view text) {
  const std::size_t separator = text.find('=');
  const std::string name(text.substr(0, separator));
  if (name.empty())
    throw std::invalid_argument("'" + std::string(text) + "' has no variable name: write NAME=VALUE or NAME");
  if (separator != std::string_view::npos) return {name, std::string(text.substr(separator + 1))};
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) {
    throw std::invalid_argument("'" + name + "' is not set here, so there is nothing to pass on: write " + name +
                                "=VALUE");
  }
  return {name, value};
}

}  // namespace weft::cli
