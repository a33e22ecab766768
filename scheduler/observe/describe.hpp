// Fibers, waits and scopes in words: what the text dump and the deadlock report have in common.
#pragma once

#include <chrono>
#include <string>

#include <weft/scheduler/observe/snapshot.hpp>

namespace weft::detail {

// "group", "deadline"
[[nodiscard]] const char* name_of(scope_kind kind) noexcept;
// "fiber 3 'client', spawned at server.cpp:20"
[[nodiscard]] std::string title_of(const fiber_view& f);
// "group 'clients' made at server.cpp:20"
[[nodiscard]] std::string title_of(const scope_view& s);
// "mutex 0x7f12, held by fiber 4"
[[nodiscard]] std::string describe(const wait_view& w);
// "1.25 s"
[[nodiscard]] std::string describe(std::chrono::nanoseconds duration);
[[nodiscard]] std::string describe(const void* address);
[[nodiscard]] std::string describe(const code_place& place);

}  // namespace weft::detail
