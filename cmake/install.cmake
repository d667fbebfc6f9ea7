# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake --install: program, library, kernels, headers, CMake package, pkg-config file, manual page,
# shell completions, and ONNX Runtime and LiteRT where the program looks for them.

include(CMakePackageConfigHelpers)

option(TESSERA_INSTALL_ONNXRUNTIME "install ONNX Runtime into <prefix>/lib/tessera" ON)
option(TESSERA_INSTALL_LITERT "install LiteRT into <prefix>/lib/tessera" ON)

install(TARGETS tessera tessera-check-plan RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS tessera_library EXPORT tesseraTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# Loaded by name by an inference library: nothing is linked with it, so no package exports it.
install(TARGETS tessera_kernels LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
get_property(kernels_doors GLOBAL PROPERTY TESSERA_ROOM_kernels_DOORS)
install(FILES ${kernels_doors} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tessera/kernels)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tessera)
install(EXPORT tesseraTargets NAMESPACE tessera:: DESTINATION ${package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/tesseraConfig.cmake.in
  ${PROJECT_BINARY_DIR}/tesseraConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tesseraConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tesseraConfig.cmake
  ${PROJECT_BINARY_DIR}/tesseraConfigVersion.cmake DESTINATION ${package_dir})

configure_file(${PROJECT_SOURCE_DIR}/cmake/tessera.pc.in ${PROJECT_BINARY_DIR}/tessera.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/tessera.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/schema DESTINATION ${CMAKE_INSTALL_DATADIR}/tessera)

if(TESSERA_INSTALL_ONNXRUNTIME AND EXISTS ${TESSERA_ONNXRUNTIME_LIBRARY})
  install(PROGRAMS ${TESSERA_ONNXRUNTIME_LIBRARY} DESTINATION lib/tessera
    RENAME libonnxruntime.so)
  get_filename_component(runtime_dir ${TESSERA_ONNXRUNTIME_LIBRARY} DIRECTORY)
  install(FILES ${runtime_dir}/../LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR}/onnxruntime OPTIONAL)
  install(FILES ${runtime_dir}/../ThirdPartyNotices.txt
    DESTINATION ${CMAKE_INSTALL_DOCDIR}/onnxruntime OPTIONAL)
endif()

if(TESSERA_INSTALL_LITERT AND EXISTS ${TESSERA_LITERT_LIBRARY})
  install(PROGRAMS ${TESSERA_LITERT_LIBRARY} DESTINATION lib/tessera)
  get_filename_component(litert_dir ${TESSERA_LITERT_LIBRARY} DIRECTORY)
  install(FILES ${litert_dir}/../LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR}/litert OPTIONAL)
endif()

# The program writes its own completions and manual, so they cannot fall behind its options.
set(completions ${PROJECT_BINARY_DIR}/completions)
add_custom_command(
  OUTPUT ${completions}/tessera ${completions}/_tessera ${completions}/tessera.fish
    ${completions}/tessera.1
  COMMAND ${CMAKE_COMMAND} -E make_directory ${completions}
  COMMAND tessera completion bash > ${completions}/tessera
  COMMAND tessera completion zsh > ${completions}/_tessera
  COMMAND tessera completion fish > ${completions}/tessera.fish
  COMMAND tessera completion man > ${completions}/tessera.1
  DEPENDS tessera VERBATIM COMMENT "Writing shell completions and the manual")
add_custom_target(tessera_completions ALL DEPENDS
  ${completions}/tessera ${completions}/_tessera ${completions}/tessera.fish
  ${completions}/tessera.1)
install(FILES ${completions}/tessera.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL)
install(FILES ${completions}/tessera
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions OPTIONAL)
install(FILES ${completions}/_tessera
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions OPTIONAL)
install(FILES ${completions}/tessera.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d OPTIONAL)
