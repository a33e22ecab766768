# Everything found on the machine. Each dependency has its reason in docs/dependencies.md.
include_guard()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# Static: a fiber switch through the shared library costs half as much again.
set(Boost_USE_STATIC_LIBS ON)
set(Boost_NO_WARN_NEW_VERSIONS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS fiber context)

pkg_check_modules(LIBURING REQUIRED liburing>=2.3)
find_library(WEFT_URING_ARCHIVE NAMES liburing.a HINTS ${LIBURING_LIBRARY_DIRS} ${LIBURING_LIBDIR} REQUIRED)
mark_as_advanced(WEFT_URING_ARCHIVE)
add_library(weft_uring INTERFACE IMPORTED GLOBAL)
target_include_directories(weft_uring INTERFACE ${LIBURING_INCLUDE_DIRS})
target_link_libraries(weft_uring INTERFACE "${WEFT_URING_ARCHIVE}")

# Looks up host names. Shared: what reads packets from the network gets the distribution's repairs.
pkg_check_modules(CARES REQUIRED libcares>=1.18)
add_library(weft_cares INTERFACE IMPORTED GLOBAL)
target_include_directories(weft_cares INTERFACE ${CARES_INCLUDE_DIRS})
target_link_libraries(weft_cares INTERFACE ${CARES_LINK_LIBRARIES})

# Names and lines for the stacks in dumps; without it a dump has none. Its headers only: the library is loaded for the first dump.
pkg_check_modules(LIBDW libdw>=0.188)
if(LIBDW_FOUND)
  add_library(weft_dw INTERFACE IMPORTED GLOBAL)
  target_include_directories(weft_dw INTERFACE ${LIBDW_INCLUDE_DIRS})
  target_link_libraries(weft_dw INTERFACE ${CMAKE_DL_LIBS})
endif()

if(WEFT_TLS)
  find_package(OpenSSL 3.0 REQUIRED COMPONENTS SSL)
endif()

if(WEFT_BUILD_TESTS)
  find_package(GTest 1.12 REQUIRED)
endif()
if(WEFT_BUILD_BENCH)
  find_package(benchmark 1.7 REQUIRED)
endif()
if(WEFT_BUILD_SAMPLES)
  find_package(PNG 1.6 REQUIRED)
endif()
if(WEFT_WASM OR WEFT_BUILD_BENCH OR WEFT_BUILD_SAMPLES)
  find_package(spdlog 1.10 REQUIRED)
  find_package(CLI11 2.1 REQUIRED)
  find_package(nlohmann_json 3.11 REQUIRED)
endif()
