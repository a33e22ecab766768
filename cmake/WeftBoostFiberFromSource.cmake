# weft_boost_fiber: Boost.Fiber of the installed version, compiled with this build's flags.
#
# Four of its headers count references with fetch_sub(release) and a fence. ThreadSanitizer does not model fences and would
# report them, so copies of these headers, with the order on the operation itself, come first in the include path.
include_guard()

set(weft_boost_version "${Boost_VERSION_MAJOR}.${Boost_VERSION_MINOR}.${Boost_VERSION_PATCH}")
execute_process(
  COMMAND "${CMAKE_CURRENT_LIST_DIR}/sanitizers/fetch_boost_fiber" "${weft_boost_version}"
  OUTPUT_VARIABLE weft_boost_sources OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE weft_fetch_result)
if(NOT weft_fetch_result EQUAL 0)
  message(FATAL_ERROR "The sources of Boost.Fiber ${weft_boost_version} could not be fetched (see above); "
    "the thread sanitizer needs them once. With a network, configure again.")
endif()

set(weft_patched_headers "${PROJECT_BINARY_DIR}/boost-fiber-headers")
get_target_property(weft_boost_include Boost::headers INTERFACE_INCLUDE_DIRECTORIES)
file(GLOB_RECURSE headers RELATIVE "${weft_boost_include}" "${weft_boost_include}/boost/fiber/*.hpp")
foreach(header IN LISTS headers)
  file(READ "${weft_boost_include}/${header}" text)
  string(REPLACE "fetch_sub( 1, std::memory_order_release)" "fetch_sub( 1, std::memory_order_acq_rel)" patched "${text}")
  if(NOT patched STREQUAL text)
    file(CONFIGURE OUTPUT "${weft_patched_headers}/${header}" CONTENT "${patched}" @ONLY)
  endif()
endforeach()

file(GLOB sources "${weft_boost_sources}/libs/fiber/src/*.cpp" "${weft_boost_sources}/libs/fiber/src/algo/*.cpp")
add_library(weft_boost_fiber STATIC ${sources})
# NDEBUG, as distributions build it: one of its assertions reads a thread-local through an address it computed before a
# switch, which is another thread's by then.
target_compile_definitions(weft_boost_fiber PRIVATE BOOST_FIBERS_SOURCE NDEBUG)
target_compile_options(weft_boost_fiber PRIVATE -w)
target_include_directories(weft_boost_fiber SYSTEM PUBLIC "${weft_patched_headers}")
target_link_libraries(weft_boost_fiber PUBLIC Boost::headers Boost::context Threads::Threads)
