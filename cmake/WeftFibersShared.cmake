# weft_fibers_shared: Boost.Fiber and Boost.Context for our shared libraries. Distributions build the archive of Boost.Fiber for programs only (its
# thread-locals cannot be moved into a library), and their shared library would bring the C++ library into programs that have another one or none. So
# Boost.Fiber's ten sources are compiled here, from the distribution's source package of the installed version (fetched once, then cached).
# Where they cannot be had the target does not exist.
include_guard()

set(weft_boost_version "${Boost_VERSION_MAJOR}.${Boost_VERSION_MINOR}.${Boost_VERSION_PATCH}")
execute_process(
  COMMAND "${CMAKE_CURRENT_LIST_DIR}/sanitizers/fetch_boost_fiber" "${weft_boost_version}"
  OUTPUT_VARIABLE weft_boost_sources OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE weft_fetch_result)
if(NOT weft_fetch_result EQUAL 0)
  message(WARNING "weft: without the sources of Boost.Fiber ${weft_boost_version} (see above) there is no `weft exec`. "
    "With a network, configure again.")
  return()
endif()

file(GLOB weft_boost_fiber_sources
  "${weft_boost_sources}/libs/fiber/src/*.cpp" "${weft_boost_sources}/libs/fiber/src/algo/*.cpp")
add_library(weft_fibers_shared OBJECT EXCLUDE_FROM_ALL ${weft_boost_fiber_sources})
target_compile_definitions(weft_fibers_shared PRIVATE BOOST_FIBERS_SOURCE)
# Loaded when the program starts, so its thread-locals have a fixed place.
target_compile_options(weft_fibers_shared PRIVATE -w -ftls-model=initial-exec)
set_target_properties(weft_fibers_shared PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
target_link_libraries(weft_fibers_shared PUBLIC Boost::headers Boost::context Threads::Threads)
