#include <weft/io/detail/errors.hpp>

namespace weft::io::detail {

std::string quoted(const std::filesystem::path& path) { return "'" + path.string() + "'"; }

void fail(int error, const std::string& what) { throw std::system_error(code_of(error), "weft::io: cannot " + what); }

}  // namespace weft::io::detail
