#include <weft/wasm/cli/listeners.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <system_error>

#include <weft/wasm/cli/flag_value.hpp>
#include <weft/wasm/cli/quantity.hpp>

namespace weft::cli {
namespace {

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

int inherited_socket(const std::string& text) {
  const unsigned number =
      read_value("--listen", text, [](const std::string& t) { return parse_number(t, 0, 1 << 20); });
  const int fd = static_cast<int>(number);
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    throw usage_error("--listen: descriptor " + text + " is not a socket that weft was started with");
  }
  return fd;
}

}  // namespace

listeners::listeners(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (is_number(text)) {
      descriptors_.push_back(inherited_socket(text));
    } else {
      open(text);
    }
  }
}

void listeners::open(const std::string& text) {
  try {
    const io::address where(text);
    opened_.emplace_back(where);
    if (where.port() == 0) {
      std::fprintf(stderr, "weft: listening on %s\n", opened_.back().local_address().to_string().c_str());
    }
  } catch (const std::system_error& e) {
    throw usage_error(std::string("--listen: ") + e.what());
  }
  descriptors_.push_back(opened_.back().native_handle());
}

}  // namespace weft::cli
