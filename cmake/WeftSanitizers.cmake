# weft_fibers: Boost.Fiber and Boost.Context as this build links them. With a sanitizer, every switch between fibers is
# announced to it (sanitizers/annotate_switches.cpp), at the linker: neither our code nor Boost's knows of it.
#
#   address  AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer; Boost's archives as they are installed
#   thread   ThreadSanitizer; it must see Boost.Fiber's own locks, so Boost.Fiber is compiled from source with it
include_guard()

add_library(weft_fibers INTERFACE)
set(WEFT_TEST_ENVIRONMENT)  # what each test needs in its environment

if(WEFT_SANITIZE STREQUAL "")
  target_link_libraries(weft_fibers INTERFACE Boost::fiber Boost::context)
  return()
endif()

if(WEFT_SANITIZE STREQUAL "address")
  # Without vptr: before it looks at an object it has not seen, this check asks by a pipe of its own whether the memory can
  # be read, and takes a pipe that cannot be made for a bad object. Our tests run out of descriptors on purpose.
  set(weft_sanitizer_flags -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined)
  set(weft_annotate_define WEFT_ANNOTATE_ADDRESS)
elseif(WEFT_SANITIZE STREQUAL "thread")
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "WEFT_SANITIZE=thread needs clang: GCC 12's ThreadSanitizer ends at 8,128 fibers. "
      "Use the preset tsan, or -DCMAKE_CXX_COMPILER=clang++-19.")
  endif()
  set(weft_sanitizer_flags -fsanitize=thread)
  set(weft_annotate_define WEFT_ANNOTATE_THREAD)
else()
  message(FATAL_ERROR "WEFT_SANITIZE=${WEFT_SANITIZE}: known are address, thread, and nothing for a plain build")
endif()

add_compile_options(${weft_sanitizer_flags} -O1 -g -fno-omit-frame-pointer)
add_link_options(${weft_sanitizer_flags}
  -Wl,--wrap=make_fcontext -Wl,--wrap=jump_fcontext -Wl,--wrap=ontop_fcontext)

# weft_add_annotations(target file): what is itself not to be instrumented.
function(weft_add_annotations target file)
  add_library(${target} STATIC "${PROJECT_SOURCE_DIR}/cmake/sanitizers/${file}")
  target_compile_options(${target} PRIVATE -fno-sanitize=all -O2 -Wall -Wextra -Werror)
endfunction()

weft_add_annotations(weft_annotate_switches annotate_switches.cpp)
target_compile_definitions(weft_annotate_switches PRIVATE ${weft_annotate_define})
target_link_libraries(weft_annotate_switches PUBLIC Boost::context)

if(WEFT_SANITIZE STREQUAL "address")
  set_property(TARGET Boost::fiber APPEND PROPERTY INTERFACE_LINK_LIBRARIES weft_annotate_switches)
  target_link_libraries(weft_fibers INTERFACE Boost::fiber)
else()
  include(WeftBoostFiberFromSource)
  target_link_libraries(weft_boost_fiber PUBLIC weft_annotate_switches)
  target_link_libraries(weft_fibers INTERFACE weft_boost_fiber)
  weft_add_annotations(weft_annotate_rings annotate_rings.cpp)
  target_link_libraries(weft_annotate_rings PUBLIC "${WEFT_URING_ARCHIVE}")
  target_link_options(weft_annotate_rings INTERFACE
    -Wl,--wrap=io_uring_queue_init_params -Wl,--wrap=io_uring_queue_exit)
  target_link_libraries(weft_uring INTERFACE weft_annotate_rings)
endif()

find_program(WEFT_SYMBOLIZER NAMES llvm-symbolizer-19 llvm-symbolizer HINTS /usr/lib/llvm-19/bin)
mark_as_advanced(WEFT_SYMBOLIZER)
set(weft_symbolizer_option)
if(WEFT_SYMBOLIZER)
  set(weft_symbolizer_option "external_symbolizer_path=${WEFT_SYMBOLIZER}:")
endif()
set(WEFT_TEST_ENVIRONMENT
  "ASAN_OPTIONS=${weft_symbolizer_option}detect_stack_use_after_return=1"
  "UBSAN_OPTIONS=${weft_symbolizer_option}print_stacktrace=1"
  "TSAN_OPTIONS=${weft_symbolizer_option}second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/cmake/sanitizers/thread_suppressions")
