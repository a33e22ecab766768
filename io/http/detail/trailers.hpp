// Fields after a body that goes in chunks.
#pragma once

#include <string_view>

namespace weft::io::http::detail {

// False for names that say how a message is framed, routed, allowed or understood (RFC 9110, 6.5.1): who has acted on the header cannot take notice of
// them any more, and two programs might disagree about them.
[[nodiscard]] bool may_be_trailer(std::string_view name) noexcept;

}  // namespace weft::io::http::detail
