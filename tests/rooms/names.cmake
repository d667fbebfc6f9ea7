# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake -D ROOT=<source tree> -P names.cmake
#
# What a format calls its operators stands in one table, src/<format>/kinds.cc, and in the rooms that
# read or write the format. All others ask for graph::OpKind. Prints each quoted name of a table that
# stands elsewhere with its file and line; fails if there is one.

cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/lines.cmake)

# Those that know ONNX, and the table of a format that has some names in common with it. Room keras
# makes ONNX models, and its layers have some of the names; room kernels has operators of such names.
set(onnx_home "^(include/tessera|src)/(onnx|keras|quantize|refine|compat|kernels)/|^src/network/(onnx_|import_check)|^src/litert/kinds.cc$")
set(onnx_row "\n *{\"[A-Za-z0-9]+\",")
# Those that know .tflite files; ONNX has some of the names, too.
set(litert_home "^(include/tessera|src)/litert/|^src/network/litert_|^src/(onnx|keras|quantize|compat)/")
set(litert_row "[.]name = \"[A-Z0-9_]+\"")

# Others that may know ONNX's, and why. An entry that no file needs any more is a violation, too.
set(allowed
  # What layouts the library's CPU kernels take and make. Records of profiles know a unit by the
  # name of its type, and are read back without their model.
  "src/profile/latency_model.cc"
  # The types of a recipe, which are names, and the name of a row in documents.
  "src/optimize/candidates.cc")

set(found 0)
set(count 0)
file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/include/tessera/*.h ${ROOT}/src/*.h ${ROOT}/src/*.cc)

# The names of a table, as alternatives of a regex.
function(names_of format row out)
  file(READ ${ROOT}/src/${format}/kinds.cc table)
  string(REGEX MATCHALL "${row}" rows "${table}")
  list(LENGTH rows count)
  if(count EQUAL 0)
    message(FATAL_ERROR "the table of names in src/${format}/kinds.cc was not understood")
  endif()
  list(TRANSFORM rows REPLACE "^[^\"]*\"([A-Za-z0-9_]+)\".*$" "\\1")
  list(JOIN rows "|" names)
  set(${out} "${names}" PARENT_SCOPE)
endfunction()

macro(check_names format)
  names_of(${format} "${${format}_row}" names)
  string(REGEX MATCHALL "[|]" separators "|${names}")
  list(LENGTH separators size)
  math(EXPR count "${count} + ${size}")
  foreach(file IN LISTS files)
    if(file MATCHES "${${format}_home}")
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
      print_lines(${file} "\"(${names})\"" "an operator's name in a format: ask for its graph::OpKind")
      math(EXPR found "${found} + 1")
    endif()
  endforeach()
endmacro()

if(NOT EXISTS ${ROOT}/src/onnx/kinds.cc OR NOT EXISTS ${ROOT}/src/litert/kinds.cc)
  message(FATAL_ERROR "there are no tables of names under ${ROOT}: nothing was checked")
endif()
check_names(onnx)
check_names(litert)

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
