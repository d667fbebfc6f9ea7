# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# tessera::tessera, the static library of every room of the program but cli, for programs outside of the house.

set(library_rooms ${TESSERA_ROOMS})
list(REMOVE_ITEM library_rooms cli ${TESSERA_LIBRARY_ROOMS})

add_library(tessera_library STATIC)
add_library(tessera::tessera ALIAS tessera_library)
set_target_properties(tessera_library PROPERTIES OUTPUT_NAME tessera EXPORT_NAME tessera)
set(library_doors)
foreach(room IN LISTS library_rooms)
  target_sources(tessera_library PRIVATE $<TARGET_OBJECTS:tessera_${room}>)
  get_property(doors GLOBAL PROPERTY TESSERA_ROOM_${room}_DOORS)
  list(APPEND library_doors ${doors})
endforeach()
target_sources(tessera_library PUBLIC FILE_SET HEADERS
  BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${library_doors})
target_compile_features(tessera_library PUBLIC cxx_std_20)
target_link_libraries(tessera_library
  PUBLIC tl::expected fmt::fmt nlohmann_json::nlohmann_json Threads::Threads
  PRIVATE OpenSSL::Crypto ZLIB::ZLIB PNG::PNG PkgConfig::turbojpeg PkgConfig::hwy PkgConfig::re2 ${CMAKE_DL_LIBS}
          $<BUILD_INTERFACE:tessera_onnx_proto>
          "$<INSTALL_INTERFACE:onnx_proto;protobuf::libprotobuf>")
# The rooms verify their own headers.
set_target_properties(tessera_library PROPERTIES VERIFY_INTERFACE_HEADER_SETS OFF)
