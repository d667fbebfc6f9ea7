# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake -D ROOT=<source tree> -P covered.cmake
#
# Compares docs/versioning.md with the tree: every header that it covers exists, and what the
# program outside of the house (tests/install) includes is covered; every kind of document that a
# command writes stands in its table, and every kind of the table has a schema.

cmake_minimum_required(VERSION 3.25)

set(problems 0)
macro(problem text)
  message(NOTICE "docs/versioning.md: ${text}")
  math(EXPR problems "${problems} + 1")
endmacro()

file(READ ${ROOT}/docs/versioning.md page)
string(REPLACE ";" "," page "${page}")

# Headers, one table row per room.
string(REGEX MATCHALL "`tessera/[a-z0-9_]+/[a-z0-9_]+\\.h`" covered "${page}")
string(REPLACE "`" "" covered "${covered}")
foreach(header IN LISTS covered)
  if(NOT EXISTS ${ROOT}/include/${header})
    problem("there is no header '${header}'")
  endif()
endforeach()
if(NOT covered)
  problem("it covers no header")
endif()

file(GLOB outside ${ROOT}/tests/install/consumer/*.cc)
foreach(file IN LISTS outside)
  file(STRINGS ${file} lines REGEX "^#include \"tessera/")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^#include \"([^\"]+)\".*" "\\1" header "${line}")
    if(NOT header IN_LIST covered)
      problem("'${header}' is not covered, but a program outside includes it")
    endif()
  endforeach()
endforeach()

# Kinds: the first cells of the rows between the heading of that table and the next blank line.
string(REGEX MATCH "\n\\| kind \\|[^\n]*\n\\|[-|]+\n(\\|[^\n]*\n)+" table "${page}")
string(REGEX MATCHALL "\n\\| [a-z, -]+ \\|" cells "${table}")
set(kinds)
foreach(cell IN LISTS cells)
  string(REGEX MATCHALL "[a-z]+(-[a-z]+)*" names "${cell}")
  list(APPEND kinds ${names})
endforeach()
list(REMOVE_ITEM kinds kind)
foreach(kind IN LISTS kinds)
  if(NOT EXISTS ${ROOT}/schema/${kind}.schema.json)
    problem("kind '${kind}' has no schema")
  endif()
endforeach()

set(written)
file(GLOB sources ${ROOT}/src/cli/*.cc)
foreach(file IN LISTS sources)
  file(READ ${file} text)
  string(REPLACE ";" "," text "${text}")
  string(REGEX MATCHALL "(envelope\\(|envelope_of\\(context, |write\\(\"[a-z.]+\", )\"[a-z-]+\"" calls
    "${text}")
  foreach(call IN LISTS calls)
    string(REGEX REPLACE ".*\"([a-z-]+)\"$" "\\1" kind "${call}")
    list(APPEND written ${kind})
    if(NOT kind IN_LIST kinds)
      cmake_path(GET file FILENAME name)
      problem("kind '${kind}', which ${name} writes, is missing")
    endif()
  endforeach()
endforeach()
foreach(kind IN LISTS kinds)
  if(NOT kind IN_LIST written)
    problem("nothing writes kind '${kind}'")
  endif()
endforeach()

if(problems GREATER 0)
  message(FATAL_ERROR "docs/versioning.md says ${problems} things that are not so")
endif()
list(LENGTH covered headers)
list(LENGTH kinds documents)
message(STATUS "${headers} headers and ${documents} kinds of documents are as docs/versioning.md has them")
