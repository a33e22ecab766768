# The WebAssembly engine: the Rust static library in wasm/engine, as targets weft_engine and weft_engine_build.
include_guard()

set(WEFT_ENGINE_DIR "${PROJECT_BINARY_DIR}/engine")
set(WEFT_ENGINE_LIBRARY "${WEFT_ENGINE_DIR}/lib/libweft_engine.a")
file(MAKE_DIRECTORY "${WEFT_ENGINE_DIR}/include")

# Wasmtime runs guests on stacks of its own. Built so, it tells AddressSanitizer of each switch to one and back.
set(weft_engine_flags)
if(WEFT_SANITIZE STREQUAL "address")
  set(weft_engine_flags "--cfg asan")
endif()

file(GLOB_RECURSE weft_engine_sources CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/wasm/engine/Cargo.*" "${PROJECT_SOURCE_DIR}/wasm/engine/*.rs" "${PROJECT_SOURCE_DIR}/wasm/engine/*.patch")
add_custom_command(
  OUTPUT "${WEFT_ENGINE_LIBRARY}"
  COMMAND "${PROJECT_SOURCE_DIR}/cmake/engine/build" "${PROJECT_SOURCE_DIR}/wasm/engine" "${WEFT_ENGINE_DIR}" ${weft_engine_flags}
  DEPENDS ${weft_engine_sources} "${PROJECT_SOURCE_DIR}/cmake/engine/build"
  COMMENT "WebAssembly engine (some 6 minutes the first time on a machine, cached afterwards)"
  USES_TERMINAL VERBATIM)
add_custom_target(weft_engine_build DEPENDS "${WEFT_ENGINE_LIBRARY}")

add_library(weft_engine STATIC IMPORTED GLOBAL)
set_target_properties(weft_engine PROPERTIES IMPORTED_LOCATION "${WEFT_ENGINE_LIBRARY}")
target_include_directories(weft_engine INTERFACE "${WEFT_ENGINE_DIR}/include")
target_link_libraries(weft_engine INTERFACE Threads::Threads ${CMAKE_DL_LIBS} m)
add_dependencies(weft_engine weft_engine_build)
