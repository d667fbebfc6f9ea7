# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake -D ROOT=<source tree> -P names.cmake
#
# What ONNX calls its operators stands in one table, src/onnx/kinds.cc, and in the rooms that read
# or write the format. All others ask for graph::OpKind. Prints each quoted name of that table that
# stands elsewhere with its file and line; fails if there is one.

cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/lines.cmake)

# Those that know ONNX.
set(at_home "^(include/tessera|src)/(onnx|quantize|refine|compat)/|^src/network/onnx_")

# Others that may, and why. An entry that no file needs any more is a violation, too.
set(allowed
  # What layouts the library's CPU kernels take and make. Records of profiles know a unit by the
  # name of its type, and are read back without their model.
  "src/profile/latency_model.cc"
  # The types of a recipe, which are names, and the name of a row in documents.
  "src/optimize/candidates.cc")

if(NOT EXISTS ${ROOT}/src/onnx/kinds.cc)
  message(FATAL_ERROR "there is no table of names under ${ROOT}: nothing was checked")
endif()
file(READ ${ROOT}/src/onnx/kinds.cc table)
string(REGEX MATCHALL "\n *{\"[A-Za-z0-9]+\"," rows "${table}")
list(LENGTH rows count)
if(count EQUAL 0)
  message(FATAL_ERROR "the table of names in src/onnx/kinds.cc was not understood")
endif()
list(TRANSFORM rows REPLACE "[^A-Za-z0-9]" "")
list(JOIN rows "|" names)

set(found 0)
file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/include/tessera/*.h ${ROOT}/src/*.h ${ROOT}/src/*.cc)
foreach(file IN LISTS files)
  if(file MATCHES "${at_home}")
    continue()
  endif()
  file(READ ${ROOT}/${file} code)
  string(REGEX REPLACE "//[^\n]*" "" code "${code}")
  if(NOT code MATCHES "\"(${names})\"")
    continue()
  endif()
  if(file IN_LIST allowed)
    list(REMOVE_ITEM allowed ${file})
  else()
    print_lines(${file} "\"(${names})\"" "an operator's name in ONNX: ask for its graph::OpKind")
    math(EXPR found "${found} + 1")
  endif()
endforeach()

foreach(file IN LISTS allowed)
  if(EXISTS ${ROOT}/${file})
    message(NOTICE "tests/rooms/names.cmake: ${file} needs no names any more")
    math(EXPR found "${found} + 1")
  endif()
endforeach()
if(found GREATER 0)
  message(FATAL_ERROR "${found} files go by names of operators, or no longer do")
endif()
message(STATUS "${count} names stand where they belong")
