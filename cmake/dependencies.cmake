# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# Libraries the distribution packages, and what scripts/setup puts into the cache directory.
# cmake/tesseraConfig.cmake.in finds the same libraries again for users of libtessera.

find_package(fmt REQUIRED)
find_package(tl-expected REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(Protobuf REQUIRED)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

pkg_check_modules(turbojpeg REQUIRED IMPORTED_TARGET libturbojpeg)
add_library(tessera::jpeg ALIAS PkgConfig::turbojpeg)

pkg_check_modules(hwy REQUIRED IMPORTED_TARGET libhwy)
add_library(hwy::hwy ALIAS PkgConfig::hwy)
# Without its library, which only its own dispatch at run time needs.
add_library(tessera_hwy_headers INTERFACE)
target_include_directories(tessera_hwy_headers SYSTEM INTERFACE ${hwy_INCLUDE_DIRS})
add_library(tessera::hwy_headers ALIAS tessera_hwy_headers)

pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
add_library(tessera::re2 ALIAS PkgConfig::re2)

# Only the generated messages of ONNX are used: onnx_proto carries them, no checker, no schemas.
find_path(TESSERA_ONNX_INCLUDE onnx/onnx-ml.pb.h REQUIRED)
find_library(TESSERA_ONNX_PROTO_LIBRARY onnx_proto REQUIRED)
add_library(tessera_onnx_proto INTERFACE)
target_include_directories(tessera_onnx_proto SYSTEM INTERFACE ${TESSERA_ONNX_INCLUDE})
target_compile_definitions(tessera_onnx_proto INTERFACE ONNX_ML=1 ONNX_NAMESPACE=onnx)
target_link_libraries(tessera_onnx_proto INTERFACE
  ${TESSERA_ONNX_PROTO_LIBRARY} protobuf::libprotobuf)

# LiteRT files: headers alone, and those that the compiler of the same version makes of our schema.
find_path(TESSERA_FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h REQUIRED)
find_program(TESSERA_FLATC flatc REQUIRED)
set(litert_generated ${PROJECT_BINARY_DIR}/litert_schema)
add_custom_command(OUTPUT ${litert_generated}/litert_generated.h
  COMMAND ${TESSERA_FLATC} --cpp --cpp-std c++17 -o ${litert_generated}
          ${PROJECT_SOURCE_DIR}/src/litert/litert.fbs
  DEPENDS ${PROJECT_SOURCE_DIR}/src/litert/litert.fbs VERBATIM
  COMMENT "Compiling the schema of .tflite files")
add_custom_target(tessera_litert_generated DEPENDS ${litert_generated}/litert_generated.h)
add_library(tessera_litert_schema INTERFACE)
target_include_directories(tessera_litert_schema SYSTEM INTERFACE
  ${litert_generated} ${TESSERA_FLATBUFFERS_INCLUDE})
add_dependencies(tessera_litert_schema tessera_litert_generated)

# ONNX Runtime: headers to build, the library only at run time (dlopen).
if(DEFINED ENV{XDG_CACHE_HOME})
  set(TESSERA_CACHE "$ENV{XDG_CACHE_HOME}/tessera")
else()
  set(TESSERA_CACHE "$ENV{HOME}/.cache/tessera")
endif()
file(STRINGS ${PROJECT_SOURCE_DIR}/scripts/versions version_lines REGEX "^(onnxruntime|litert).*_version=")
foreach(line IN LISTS version_lines)
  string(REGEX REPLACE "^([a-z_]+)=(.*)$" "\\1;\\2" pair ${line})
  list(GET pair 0 name)
  list(GET pair 1 value)
  set(${name} ${value})
endforeach()
# The headers are the same for every architecture: those of the cache serve cross builds, too.
find_path(TESSERA_ONNXRUNTIME_INCLUDE onnxruntime_c_api.h
  HINTS ${TESSERA_CACHE}/onnxruntime-headers-${onnxruntime_headers_version}/include
  PATH_SUFFIXES onnxruntime onnxruntime/core/session
  NO_CMAKE_FIND_ROOT_PATH)
if(NOT TESSERA_ONNXRUNTIME_INCLUDE)
  message(FATAL_ERROR "the headers of ONNX Runtime are missing; run scripts/setup once")
endif()
add_library(tessera_onnxruntime_headers INTERFACE)
target_include_directories(tessera_onnxruntime_headers SYSTEM INTERFACE
  ${TESSERA_ONNXRUNTIME_INCLUDE})
add_library(tessera::onnxruntime_headers ALIAS tessera_onnxruntime_headers)

set(cached_runtime ${TESSERA_CACHE}/onnxruntime-${onnxruntime_version})
if(CMAKE_CROSSCOMPILING)
  set(cached_runtime
    ${TESSERA_CACHE}/cross-${CMAKE_SYSTEM_PROCESSOR}/onnxruntime-${onnxruntime_version})
endif()
set(TESSERA_ONNXRUNTIME_LIBRARY ${cached_runtime}/lib/libonnxruntime.so.${onnxruntime_version}
  CACHE FILEPATH "the library that is put beside the program; --runtime chooses another")
if(EXISTS ${TESSERA_ONNXRUNTIME_LIBRARY})
  # The program looks beside itself first (after --runtime and TESSERA_ONNXRUNTIME).
  file(CREATE_LINK ${TESSERA_ONNXRUNTIME_LIBRARY} ${PROJECT_BINARY_DIR}/libonnxruntime.so SYMBOLIC)
else()
  message(STATUS "no ONNX Runtime at ${TESSERA_ONNXRUNTIME_LIBRARY}: tests that need it will fail")
endif()

string(REPLACE onnxruntime-${onnxruntime_version} litert-${litert_version} cached_litert
  ${cached_runtime})
set(TESSERA_LITERT_LIBRARY ${cached_litert}/lib/libLiteRt.so
  CACHE FILEPATH "the library for .tflite models that is put beside the program")
if(EXISTS ${TESSERA_LITERT_LIBRARY})
  file(CREATE_LINK ${TESSERA_LITERT_LIBRARY} ${PROJECT_BINARY_DIR}/libLiteRt.so SYMBOLIC)
else()
  message(STATUS "no LiteRT at ${TESSERA_LITERT_LIBRARY}: tests that need it will be skipped")
endif()

if(TESSERA_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
