# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# libtessera_kernels.so, operators for ONNX Runtime (docs/kernels.md). It goes wherever that library
# goes: it needs nothing but the C library, and exports two functions.

tessera_room(kernels PRIVATE tl::expected tessera::hwy_headers tessera::onnxruntime_headers)
set_target_properties(tessera_kernels_objects PROPERTIES
  CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
target_compile_definitions(tessera_kernels_objects PRIVATE
  TESSERA_KERNELS_VERSION="${PROJECT_VERSION}" HWY_WANT_AVX3_DL)
# Vector units that are left out: what is older than AVX2 runs the reference, and SVE runs the loops
# of NEON. One line for every file: they share inline functions.
target_compile_definitions(tessera_kernels_objects PRIVATE
  "HWY_DISABLED_TARGETS=(HWY_SSSE3|HWY_SSE4|HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)")

add_library(tessera_kernels SHARED)
tessera_link_rooms(tessera_kernels kernels)
set_target_properties(tessera_kernels PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
# The runtime keeps pointers into it, also beyond its last session: never unloaded.
target_link_options(tessera_kernels PRIVATE -Wl,-z,nodelete
  -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/kernels.map)
set_property(TARGET tessera_kernels APPEND PROPERTY LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/kernels.map)
if(NOT TESSERA_SANITIZE)
  target_link_options(tessera_kernels PRIVATE -static-libgcc -static-libstdc++ -Wl,-z,defs)
endif()

if(TARGET kernels_test)
  add_dependencies(kernels_test tessera_kernels)
  target_link_libraries(kernels_test PRIVATE ${CMAKE_DL_LIBS})
  target_compile_definitions(kernels_test PRIVATE
    TESSERA_KERNELS_LIBRARY="$<TARGET_FILE:tessera_kernels>"
    TESSERA_KERNELS_VERSION="${PROJECT_VERSION}")
  if(TESSERA_SANITIZE)
    target_compile_definitions(kernels_test PRIVATE TESSERA_SANITIZED)
  endif()
endif()
