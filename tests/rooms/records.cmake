# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake -D ROOT=<source tree> -P records.cmake
#
# Doors of records (TESSERA_RECORDS of cmake/rooms.cmake) are for those who plan or report by what
# was measured: they include each other and the rooms that know no file and no library, nothing that
# acts. Prints each door that does, and fails if there is one.

cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/rooms.cmake)

set(violations 0)
set(seen 0)
foreach(record IN LISTS TESSERA_RECORDS)
  set(file ${ROOT}/include/tessera/${record})
  if(NOT EXISTS ${file})
    message(NOTICE "cmake/rooms.cmake: there is no door 'tessera/${record}'")
    math(EXPR violations "${violations} + 1")
    continue()
  endif()
  file(STRINGS ${file} lines REGEX "^[ \t]*#[ \t]*include[ \t]*\"tessera/")
  foreach(line IN LISTS lines)
    string(REGEX MATCH "\"tessera/(([a-z0-9_]+)/[^\"]+)\"" matched "${line}")
    set(used ${CMAKE_MATCH_1})
    set(room ${CMAKE_MATCH_2})
    math(EXPR seen "${seen} + 1")
    if(NOT used IN_LIST TESSERA_RECORDS AND NOT room IN_LIST TESSERA_RECORD_ROOMS)
      message(NOTICE "include/tessera/${record}: a record may not include '${used}'")
      math(EXPR violations "${violations} + 1")
    endif()
  endforeach()
endforeach()

if(seen EQUAL 0)
  message(FATAL_ERROR "no record includes anything under ${ROOT}: nothing was checked")
endif()
if(violations GREATER 0)
  message(FATAL_ERROR "${violations} records need more than records")
endif()
message(STATUS "${seen} includes of records are of records")
