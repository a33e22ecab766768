# What `cmake --install` puts where: the public headers and those they include, the library, the program, and the two
# ways to find them: weftConfig.cmake and the pkg-config files.
include_guard()
include(CMakePackageConfigHelpers)

set(WEFT_INSTALL_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/weft")
set(weft_public_modules scheduler sync io)
if(WEFT_WASM)
  list(APPEND weft_public_modules wasm)
endif()

# Which private headers the public ones need is looked up when installing, in the sources as they then are.
set(weft_install_script "${PROJECT_BINARY_DIR}/install_headers.cmake")
configure_file("${PROJECT_SOURCE_DIR}/cmake/install/install_headers.cmake.in" "${weft_install_script}" @ONLY)
install(SCRIPT "${weft_install_script}")

install(TARGETS weft EXPORT weftTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(WEFT_WASM)
  set_target_properties(weft_wasm PROPERTIES EXPORT_NAME wasm)
  install(TARGETS weft_wasm EXPORT weftTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(FILES "${WEFT_ENGINE_LIBRARY}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(TARGETS weft_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
install(EXPORT weftTargets NAMESPACE weft:: DESTINATION "${WEFT_INSTALL_CMAKE_DIR}")
install(FILES "${PROJECT_SOURCE_DIR}/scheduler/gdb/weft.py" DESTINATION "${CMAKE_INSTALL_DATADIR}/weft/gdb")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

set(WEFT_HAS_WASM FALSE)
if(WEFT_WASM)
  set(WEFT_HAS_WASM TRUE)
endif()
set(WEFT_HAS_DW FALSE)
set(WEFT_PC_DW)
if(TARGET weft_dw)
  set(WEFT_HAS_DW TRUE)
  set(WEFT_PC_DW " -ldw")
endif()
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/install/weftConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/weftConfig.cmake" INSTALL_DESTINATION "${WEFT_INSTALL_CMAKE_DIR}"
  PATH_VARS CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/weftConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/weftConfig.cmake" "${PROJECT_BINARY_DIR}/weftConfigVersion.cmake"
  DESTINATION "${WEFT_INSTALL_CMAKE_DIR}")

# -l:name.a names an archive exactly: -lboost_fiber would take the shared library.
foreach(target IN ITEMS Boost::fiber Boost::context)
  string(APPEND WEFT_PC_ARCHIVES " -l:$<TARGET_FILE_NAME:${target}>")
endforeach()
file(RELATIVE_PATH WEFT_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
set(weft_pc_names weft)
if(WEFT_WASM)
  list(APPEND weft_pc_names weft-wasm)
endif()
foreach(name IN LISTS weft_pc_names)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/install/${name}.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc.in" @ONLY)
  file(GENERATE OUTPUT "${PROJECT_BINARY_DIR}/${name}.pc" INPUT "${PROJECT_BINARY_DIR}/${name}.pc.in")
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()
