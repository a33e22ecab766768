// What is to be done when a thread of the program ends, in the order of the C library.
#pragma once

namespace weft::exec {

struct program_thread;

// Destructors of thread-locals and keys; as the thread itself.
void end_on_program_side(program_thread& t);
// Robust mutexes that it still holds, who joins it, its memory.
void end_on_runtime_side(program_thread& t) noexcept;

// Keys and their destructors, as pthread_key_create() was told.
void note_key(unsigned key, void (*destructor)(void*)) noexcept;

}  // namespace weft::exec
