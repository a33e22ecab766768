# The modules, the library they form, and helpers for tests.
#
# Each module is a static library weft_<module> of its own (so that a module builds and is tested alone); the installed
# library `weft` holds the objects of scheduler, sync and io. A module's folder has a CMakeLists.txt which says
# target_sources(weft_<module> PRIVATE ...) and whatever else the module needs.
include_guard()

set_property(GLOBAL PROPERTY WEFT_MODULES "")

# weft_add_module(name [REQUIRES module...])
function(weft_add_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "REQUIRES")
  add_library(weft_${name} STATIC)
  weft_target_defaults(weft_${name})
  target_include_directories(weft_${name} PUBLIC "$<BUILD_INTERFACE:${WEFT_BUILD_INCLUDE_DIR}>")
  target_link_libraries(weft_${name} PUBLIC Threads::Threads)
  foreach(required IN LISTS arg_REQUIRES)
    target_link_libraries(weft_${name} PUBLIC weft_${required})
  endforeach()
  if(name STREQUAL "scheduler")
    target_link_libraries(weft_${name} PRIVATE weft_fibers $<TARGET_NAME_IF_EXISTS:weft_dw>)
  elseif(name STREQUAL "io")
    target_link_libraries(weft_${name} PRIVATE weft_uring weft_cares)
  endif()
  add_subdirectory("${PROJECT_SOURCE_DIR}/${name}" "${PROJECT_BINARY_DIR}/${name}")
  set_property(GLOBAL APPEND PROPERTY WEFT_MODULES ${name})
endfunction()

function(weft_add_combined_library)
  get_property(modules GLOBAL PROPERTY WEFT_MODULES)
  add_library(weft STATIC)
  add_library(weft::weft ALIAS weft)
  weft_target_defaults(weft)
  foreach(module IN LISTS modules)
    target_sources(weft PRIVATE $<TARGET_OBJECTS:weft_${module}>)
  endforeach()
  target_include_directories(weft PUBLIC
    "$<BUILD_INTERFACE:${WEFT_BUILD_INCLUDE_DIR}>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_link_libraries(weft PUBLIC Threads::Threads PRIVATE
    "$<BUILD_INTERFACE:weft_fibers>" "$<INSTALL_INTERFACE:Boost::fiber>" "$<INSTALL_INTERFACE:Boost::context>"
    "$<BUILD_INTERFACE:weft_uring>" "$<INSTALL_INTERFACE:weft::uring>"
    "$<BUILD_INTERFACE:weft_cares>" "$<INSTALL_INTERFACE:weft::cares>")
  if(TARGET weft_dw)
    target_link_libraries(weft PRIVATE ${CMAKE_DL_LIBS})
  endif()
endfunction()

# weft_add_extension(name folder): a library weft_<name> (weft::<name>) beside weft, for what not every program wants to link.
function(weft_add_extension name folder)
  add_library(weft_${name} STATIC)
  add_library(weft::${name} ALIAS weft_${name})
  weft_target_defaults(weft_${name})
  set_target_properties(weft_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(weft_${name} PUBLIC
    "$<BUILD_INTERFACE:${WEFT_BUILD_INCLUDE_DIR}>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_link_libraries(weft_${name} PUBLIC weft)
  add_subdirectory("${PROJECT_SOURCE_DIR}/${folder}" "${PROJECT_BINARY_DIR}/${folder}")
endfunction()

# What `weft exec` preloads into a program: its threads become fibers. Sanitizers know nothing of threads whose thread pointer changes.
function(weft_add_exec)
  include(WeftFibersShared)
  if(NOT TARGET weft_fibers_shared)
    return()
  endif()
  add_library(weft_exec SHARED)
  weft_target_defaults(weft_exec)
  target_include_directories(weft_exec PRIVATE "${WEFT_BUILD_INCLUDE_DIR}")
  # Objects, so that nothing is taken from the archive of Boost.Fiber.
  target_link_libraries(weft_exec PRIVATE weft_fibers_shared weft_io)
  add_subdirectory("${PROJECT_SOURCE_DIR}/io/exec" "${PROJECT_BINARY_DIR}/io/exec")
endfunction()

# The host for guests: weft_wasm (weft::wasm) and the program `weft`.
function(weft_add_wasm)
  add_library(weft_wasm STATIC)
  add_library(weft::wasm ALIAS weft_wasm)
  weft_target_defaults(weft_wasm)
  target_include_directories(weft_wasm PUBLIC
    "$<BUILD_INTERFACE:${WEFT_BUILD_INCLUDE_DIR}>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_link_libraries(weft_wasm PUBLIC weft PRIVATE
    "$<BUILD_INTERFACE:weft_engine>" "$<INSTALL_INTERFACE:weft::engine>")
  add_dependencies(weft_wasm weft_engine_build)
  add_subdirectory("${PROJECT_SOURCE_DIR}/wasm" "${PROJECT_BINARY_DIR}/wasm")

  add_executable(weft_cli)
  weft_target_defaults(weft_cli)
  target_link_libraries(weft_cli PRIVATE weft_wasm CLI11::CLI11 nlohmann_json::nlohmann_json)
  target_compile_definitions(weft_cli PRIVATE "WEFT_VERSION=\"${PROJECT_VERSION}\"")
  set_target_properties(weft_cli PROPERTIES OUTPUT_NAME weft RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  add_subdirectory("${PROJECT_SOURCE_DIR}/wasm/cli" "${PROJECT_BINARY_DIR}/wasm/cli")
endfunction()

# weft_add_test_binary(module source... [LIBRARIES library...] [TIMEOUT seconds] [WORKERS count...])
# Builds test_<module> from GoogleTest sources and registers it once a worker count: the tests read the environment
# variable WEFT_TEST_WORKERS. Without LIBRARIES it links the module of that name.
function(weft_add_test_binary module)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "LIBRARIES;WORKERS")
  if(NOT arg_LIBRARIES)
    set(arg_LIBRARIES weft_${module})
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(NOT arg_WORKERS)
    set(arg_WORKERS 1 2 4)
  endif()
  add_executable(test_${module} ${arg_UNPARSED_ARGUMENTS})
  weft_target_defaults(test_${module})
  # Clang takes a lambda's capture named like a structured binding for shadowing; GCC still looks for the real thing.
  target_compile_options(test_${module} PRIVATE $<$<CXX_COMPILER_ID:Clang>:-Wno-shadow>)
  target_include_directories(test_${module} PRIVATE "${PROJECT_SOURCE_DIR}/tests" "${WEFT_BUILD_INCLUDE_DIR}")
  target_link_libraries(test_${module} PRIVATE ${arg_LIBRARIES} GTest::gmock GTest::gtest_main)
  foreach(workers IN LISTS arg_WORKERS)
    add_test(NAME ${module}.workers_${workers} COMMAND test_${module})
    set_tests_properties(${module}.workers_${workers} PROPERTIES
      ENVIRONMENT "WEFT_TEST_WORKERS=${workers};${WEFT_TEST_ENVIRONMENT}" TIMEOUT ${arg_TIMEOUT} LABELS "${module}" PROCESSORS 2)
  endforeach()
endfunction()

# weft_add_epoll_tests(module): all tests of test_<module> once more on the other I/O engine.
function(weft_add_epoll_tests module)
  foreach(workers IN ITEMS 1 2 4)
    add_test(NAME ${module}.epoll.workers_${workers} COMMAND test_${module})
    set_tests_properties(${module}.epoll.workers_${workers} PROPERTIES
      ENVIRONMENT "WEFT_IO=epoll;WEFT_TEST_WORKERS=${workers};${WEFT_TEST_ENVIRONMENT}" TIMEOUT 300 LABELS ${module} PROCESSORS 2)
  endforeach()
endfunction()
