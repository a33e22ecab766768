# Build-wide choices: language, optimisation, warnings, and the include folder of the build tree.
include_guard()
include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
  endif()
  # Line tables cost nothing at run time and make traces and profiles readable.
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
  set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
  find_program(WEFT_CCACHE ccache)
  mark_as_advanced(WEFT_CCACHE)
  if(WEFT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${WEFT_CCACHE}")
    set(CMAKE_C_COMPILER_LAUNCHER "${WEFT_CCACHE}")
  endif()
endif()

# <weft/module/name.hpp> works before installation: a folder whose `weft` is the source tree.
set(WEFT_BUILD_INCLUDE_DIR "${PROJECT_BINARY_DIR}/include")
file(MAKE_DIRECTORY "${WEFT_BUILD_INCLUDE_DIR}")
file(CREATE_LINK "${PROJECT_SOURCE_DIR}" "${WEFT_BUILD_INCLUDE_DIR}/weft" SYMBOLIC)

# Warnings are errors in our own code; file names in messages are relative to the source tree.
function(weft_target_defaults target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Werror>
    # Attributes are written for both compilers; each ignores the other's.
    $<$<CXX_COMPILER_ID:Clang>:-Wno-unknown-attributes>
    "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/="
    "-fmacro-prefix-map=${WEFT_BUILD_INCLUDE_DIR}/weft/=")
endfunction()
