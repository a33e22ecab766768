// A library whose look-ups of names wait as long as a test wants, as those of a machine whose name servers do not answer. It stands before the C library.
#pragma once

namespace weft::hooks_test {

// What waits: names that begin with "slow", and the address 192.0.2.1 (which is nobody's). Everything else goes through.
inline constexpr const char* slow_name = "slow.test";
inline constexpr const char* slow_address = "192.0.2.1";
// What is found at the end.
inline constexpr const char* answer = "127.0.0.9";

}  // namespace weft::hooks_test

extern "C" {
// From now on they wait, or, those that wait too, go on.
void slow_names_hold();
void slow_names_let_go();
// Calls that wait now, and all that have begun since the last hold.
int slow_names_waiting();
int slow_names_begun();
}
