# Guests: WebAssembly modules (WASI preview 1) compiled from source while building.
#
#   weft_add_guest(target SOURCE file OUTPUT file.wasm [KEEP_NAMES] [DEBUG_INFO] [FLAGS flag...] [DEPENDS file...])
#
# The language is told by the ending: .c, .cpp, .go, .ts (AssemblyScript), .toml (Cargo.toml of a Rust program, which has the output's name).
# C and C++ must be there, as ./dev setup installs them; where Go, npm or Rust's library for WebAssembly are missing, `target` does not
# exist for such sources, and a status line says so.
# Go files among DEPENDS are compiled along with the source; where a go.mod lies beside it, it is a module and built as one.
# KEEP_NAMES leaves the functions' names in, DEBUG_INFO files and lines as well; without them modules are stripped. FLAGS are the
# compiler's.
include_guard()

# ---- C and C++: a clang with the WebAssembly target and wasi-libc -----------------------------------------------------

function(weft_guest_probe compiler source result)
  set(folder "${CMAKE_BINARY_DIR}/CMakeFiles/weft-guest-probe")
  file(WRITE "${folder}/${source}" "int main() { return 0; }\n")
  execute_process(
    COMMAND "${compiler}" --target=wasm32-wasi -O2 -o "${folder}/probe.wasm" "${folder}/${source}"
    RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  if(failed)
    set(${result} FALSE PARENT_SCOPE)
  else()
    set(${result} TRUE PARENT_SCOPE)
  endif()
endfunction()

if(NOT WEFT_GUEST_CLANG)
  foreach(version IN ITEMS -14 -15 -16 -17 -18 -19 -20 "")
    find_program(weft_guest_c clang${version} NO_CACHE)
    find_program(weft_guest_cxx clang++${version} NO_CACHE)
    if(weft_guest_c AND weft_guest_cxx)
      weft_guest_probe("${weft_guest_c}" probe.c c_works)
      weft_guest_probe("${weft_guest_cxx}" probe.cpp cxx_works)
      if(c_works AND cxx_works)
        set(WEFT_GUEST_CLANG "${weft_guest_c}" CACHE FILEPATH "Compiles guests written in C")
        set(WEFT_GUEST_CLANGXX "${weft_guest_cxx}" CACHE FILEPATH "Compiles guests written in C++")
        mark_as_advanced(WEFT_GUEST_CLANG WEFT_GUEST_CLANGXX)
        break()
      endif()
    endif()
    unset(weft_guest_c)
    unset(weft_guest_cxx)
  endforeach()
  if(NOT WEFT_GUEST_CLANG)
    message(FATAL_ERROR
      "No clang found that compiles for wasm32-wasi. Run ./dev setup, or install clang-14 lld-14 wasi-libc "
      "libclang-rt-14-dev-wasm32 libc++-14-dev-wasm32 libc++abi-14-dev-wasm32.")
  endif()
  message(STATUS "weft: guests in C and C++ by ${WEFT_GUEST_CLANG}")
endif()

# ---- Go >= 1.21 -------------------------------------------------------------------------------------------------------

if(NOT DEFINED WEFT_GUEST_GO)
  find_program(WEFT_GUEST_GO go HINTS /usr/local/go/bin DOC "Compiles guests written in Go")
  mark_as_advanced(WEFT_GUEST_GO)
  if(WEFT_GUEST_GO)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E env GOTOOLCHAIN=local "${WEFT_GUEST_GO}" version
      OUTPUT_VARIABLE weft_go_version ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(weft_go_version MATCHES "go([0-9]+\\.[0-9]+)" AND CMAKE_MATCH_1 VERSION_GREATER_EQUAL 1.21)
      message(STATUS "weft: guests in Go by ${weft_go_version}")
    else()
      set(WEFT_GUEST_GO "WEFT_GUEST_GO-NOTFOUND" CACHE FILEPATH "Compiles guests written in Go" FORCE)
    endif()
  endif()
  if(NOT WEFT_GUEST_GO)
    message(STATUS "weft: no Go >= 1.21, guests in Go are left out")
  endif()
endif()

# ---- AssemblyScript, from npm into the cache folder, once a machine ---------------------------------------------------

set(WEFT_ASSEMBLYSCRIPT_VERSION 0.28.20)
set(WEFT_WASI_SHIM_VERSION 0.1.0)

function(weft_guest_cache_folder result)
  if(DEFINED ENV{WEFT_CACHE_DIR})
    set(folder "$ENV{WEFT_CACHE_DIR}")
  elseif(DEFINED ENV{XDG_CACHE_HOME})
    set(folder "$ENV{XDG_CACHE_HOME}/weft")
  else()
    set(folder "$ENV{HOME}/.cache/weft")
  endif()
  set(${result} "${folder}" PARENT_SCOPE)
endfunction()

# Appears by one rename, so that an interrupted installation is not taken for a finished one.
function(weft_guest_install_assemblyscript npm folder)
  string(RANDOM LENGTH 8 suffix)
  set(staged "${folder}.${suffix}")
  file(MAKE_DIRECTORY "${staged}")
  message(STATUS "weft: fetching AssemblyScript ${WEFT_ASSEMBLYSCRIPT_VERSION}")
  execute_process(
    COMMAND "${npm}" install --no-audit --no-fund --loglevel=error --fetch-retries=1 --prefix "${staged}"
      "assemblyscript@${WEFT_ASSEMBLYSCRIPT_VERSION}" "@assemblyscript/wasi-shim@${WEFT_WASI_SHIM_VERSION}"
    RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET TIMEOUT 180)
  if(NOT failed AND EXISTS "${staged}/node_modules/assemblyscript/bin/asc.js" AND NOT EXISTS "${folder}")
    file(RENAME "${staged}" "${folder}")
  endif()
  file(REMOVE_RECURSE "${staged}")
endfunction()

if(NOT DEFINED WEFT_GUEST_ASC)
  find_program(weft_node node NO_CACHE)
  find_program(weft_npm npm NO_CACHE)
  weft_guest_cache_folder(weft_cache)
  set(weft_asc "${weft_cache}/assemblyscript-${WEFT_ASSEMBLYSCRIPT_VERSION}")
  if(weft_node AND weft_npm AND NOT EXISTS "${weft_asc}")
    weft_guest_install_assemblyscript("${weft_npm}" "${weft_asc}")
  endif()
  if(weft_node AND EXISTS "${weft_asc}/node_modules/assemblyscript/bin/asc.js")
    set(WEFT_GUEST_ASC "${weft_asc}" CACHE PATH "Where AssemblyScript is installed")
    set(WEFT_GUEST_NODE "${weft_node}" CACHE FILEPATH "Runs the AssemblyScript compiler")
    message(STATUS "weft: guests in AssemblyScript ${WEFT_ASSEMBLYSCRIPT_VERSION}")
  else()
    set(WEFT_GUEST_ASC "" CACHE PATH "Where AssemblyScript is installed")
    message(STATUS "weft: no AssemblyScript (it needs node and npm), guests in it are left out")
  endif()
  mark_as_advanced(WEFT_GUEST_ASC WEFT_GUEST_NODE)
endif()

# ---- Rust whose standard library is there for the target, which Debian's packages do not have: rustup target add wasm32-wasip1 ----------

if(NOT DEFINED WEFT_GUEST_CARGO)
  find_program(weft_cargo cargo HINTS "$ENV{HOME}/.cargo/bin" NO_CACHE)
  find_program(weft_rustc rustc HINTS "$ENV{HOME}/.cargo/bin" NO_CACHE)
  set(weft_rust_library "")
  if(weft_cargo AND weft_rustc)
    execute_process(COMMAND "${weft_rustc}" --print target-libdir --target wasm32-wasip1
      OUTPUT_VARIABLE weft_rust_library ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  endif()
  if(weft_rust_library AND EXISTS "${weft_rust_library}")
    set(WEFT_GUEST_CARGO "${weft_cargo}" CACHE FILEPATH "Compiles guests written in Rust")
    set(WEFT_GUEST_RUSTC "${weft_rustc}" CACHE FILEPATH "The compiler that it uses")
    message(STATUS "weft: guests in Rust by ${weft_cargo}")
  else()
    set(WEFT_GUEST_CARGO "" CACHE FILEPATH "Compiles guests written in Rust")
    message(STATUS "weft: no Rust with a library for wasm32-wasip1, guests in it are left out")
  endif()
  mark_as_advanced(WEFT_GUEST_CARGO WEFT_GUEST_RUSTC)
endif()

# ---- the function -----------------------------------------------------------------------------------------------------

function(weft_guest_clang_command result compiler source output keep_names debug_info flags)
  get_filename_component(folder "${source}" DIRECTORY)
  set(command "${compiler}" --target=wasm32-wasi -O2 "-ffile-prefix-map=${folder}/=" -fdebug-compilation-dir=.)
  if(debug_info)
    list(APPEND command -g)
  elseif(NOT keep_names)
    list(APPEND command -s)
  endif()
  set(${result} ${command} ${flags} -o "${output}" "${source}" PARENT_SCOPE)
endfunction()

function(weft_guest_go_command result sources output keep_names)
  set(strip "-ldflags=-s -w")
  if(keep_names)
    set(strip "")
  endif()
  # A source with a go.mod beside it is a module, built as a whole.
  list(GET sources 0 source)
  get_filename_component(folder "${source}" DIRECTORY)
  set(place "")
  if(EXISTS "${folder}/go.mod")
    set(sources .)
    set(place "${CMAKE_COMMAND}" -E chdir "${folder}")
  endif()
  set(${result} ${place} "${CMAKE_COMMAND}" -E env GOOS=wasip1 GOARCH=wasm GOTOOLCHAIN=local GOWORK=off GOFLAGS=
    "${WEFT_GUEST_GO}" build -trimpath ${strip} -o "${output}" ${sources} PARENT_SCOPE)
endfunction()

function(weft_guest_asc_command result source output keep_names)
  set(names "")
  if(keep_names)
    set(names --debug)
  endif()
  # The compiler takes paths relative to its base folder only.
  file(RELATIVE_PATH relative_source "${WEFT_GUEST_ASC}" "${source}")
  file(RELATIVE_PATH relative_output "${WEFT_GUEST_ASC}" "${output}")
  set(${result} "${CMAKE_COMMAND}" -E chdir "${WEFT_GUEST_ASC}" "${WEFT_GUEST_NODE}" node_modules/assemblyscript/bin/asc.js
    "${relative_source}" --config node_modules/@assemblyscript/wasi-shim/asconfig.json -O --runtime incremental ${names}
    -o "${relative_output}" PARENT_SCOPE)
endfunction()

function(weft_guest_cargo_command result manifest output)
  get_filename_component(name "${output}" NAME)
  set(folder "${CMAKE_BINARY_DIR}/rust-guests")
  set(${result} "${CMAKE_COMMAND}" -E env "RUSTC=${WEFT_GUEST_RUSTC}" "${WEFT_GUEST_CARGO}" build --quiet --offline --locked --release
    --target wasm32-wasip1 --manifest-path "${manifest}" --target-dir "${folder}"
    COMMAND "${CMAKE_COMMAND}" -E copy "${folder}/wasm32-wasip1/release/${name}" "${output}" PARENT_SCOPE)
endfunction()

function(weft_add_guest target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "KEEP_NAMES;DEBUG_INFO" "SOURCE;OUTPUT" "FLAGS;DEPENDS")
  if(NOT arg_SOURCE OR NOT arg_OUTPUT)
    message(FATAL_ERROR "weft_add_guest(${target}): SOURCE and OUTPUT are needed")
  endif()
  get_filename_component(source "${arg_SOURCE}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
  get_filename_component(output "${arg_OUTPUT}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_BINARY_DIR}")
  get_filename_component(folder "${output}" DIRECTORY)
  get_filename_component(ending "${source}" LAST_EXT)
  set(debug_info "${arg_DEBUG_INFO}")
  list(TRANSFORM arg_DEPENDS PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/" REGEX "^[^/]")
  if(ending STREQUAL ".c")
    weft_guest_clang_command(command "${WEFT_GUEST_CLANG}" "${source}" "${output}" "${arg_KEEP_NAMES}" "${debug_info}" "${arg_FLAGS}")
  elseif(ending STREQUAL ".cpp")
    weft_guest_clang_command(command "${WEFT_GUEST_CLANGXX}" "${source}" "${output}" "${arg_KEEP_NAMES}" "${debug_info}"
      "-std=c++17;-fno-exceptions;${arg_FLAGS}")
  elseif(ending STREQUAL ".go")
    if(NOT WEFT_GUEST_GO)
      return()
    endif()
    set(more "${arg_DEPENDS}")
    list(FILTER more INCLUDE REGEX "\\.go$")
    weft_guest_go_command(command "${source};${more}" "${output}" "${arg_KEEP_NAMES}")
  elseif(ending STREQUAL ".ts")
    if(NOT WEFT_GUEST_ASC)
      return()
    endif()
    weft_guest_asc_command(command "${source}" "${output}" "${arg_KEEP_NAMES}")
  elseif(ending STREQUAL ".toml")
    if(NOT WEFT_GUEST_CARGO)
      return()
    endif()
    weft_guest_cargo_command(command "${source}" "${output}")
  else()
    message(FATAL_ERROR "weft_add_guest(${target}): no compiler is known for '${ending}'")
  endif()
  file(MAKE_DIRECTORY "${folder}")
  add_custom_command(
    OUTPUT "${output}"
    COMMAND ${command}
    DEPENDS "${source}" ${arg_DEPENDS}
    COMMENT "Guest ${target}"
    VERBATIM)
  add_custom_target(${target} ALL DEPENDS "${output}")
endfunction()
