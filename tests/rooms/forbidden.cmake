# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake -D ROOT=<source tree> -P forbidden.cmake
#
# What must not come back: constructions that a file or a full disk once brought down. Searches the
# code of doors and rooms for them, comments left out. Prints each with its file and line, and what
# to write instead; fails if there is one.

cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/lines.cmake)

# "<files that may, a regex; ^$ for none>|<what, a regex>|<why, and what instead>"
set(forbidden
  "^$|std::(basic_)?w?c?s?regex|std::regex overflows the stack and takes exponential time: NamePattern or RE2"
  "^$|#[ \t]*include[ \t]*<regex>|std::regex overflows the stack and takes exponential time: NamePattern or RE2"
  "^src/core/json\\.cc$|[.>]dump\\(|Json::dump() throws where bytes are not UTF-8: to_text() or compact_text()"
  "^src/core/json\\.cc$|is_number_integer\\(|wraps around where a number does not fit: whole_number()"
  "^include/tessera/core/checked\\.h$|__builtin_[a-z]+_overflow|checked_add() and checked_mul()"
  "^$|std::get<(std::int64_t|int|float|double|std::string|std::vector<[^>]*>)>\\(|throws for an attribute of another kind: attribute_as() or std::get_if()"
  "^$|::umask\\(|every thread of the process makes files with it: open() with the mode"
  "^$|mkstemp|mkostemp|makes private files: AtomicFile"
  "^src/cli/|(std::(cout|cerr|clog)[^a-z_]|[^a-z_f](printf|puts)\\(|fmt::print\\()|the library never prints: a Monitor"
  "^src/cli/|std::_?(E|e)xit\\(|the library never ends the process: a Result")

set(found 0)
set(files_seen 0)

file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/include/tessera/*.h ${ROOT}/src/*.h ${ROOT}/src/*.cc)
foreach(file IN LISTS files)
  math(EXPR files_seen "${files_seen} + 1")
  file(READ ${ROOT}/${file} code)
  string(REGEX REPLACE "//[^\n]*" "" code "${code}")
  foreach(entry IN LISTS forbidden)
    # Neither regex has a "|" outside of brackets of its own: the first and the last one separate.
    string(FIND "${entry}" "|" first)
    string(FIND "${entry}" "|" last REVERSE)
    string(SUBSTRING "${entry}" 0 ${first} who)
    math(EXPR begin "${first} + 1")
    math(EXPR length "${last} - ${begin}")
    string(SUBSTRING "${entry}" ${begin} ${length} what)
    math(EXPR begin "${last} + 1")
    string(SUBSTRING "${entry}" ${begin} -1 why)
    if(code MATCHES "${what}" AND NOT file MATCHES "${who}")
      print_lines(${file} "${what}" "${why}")
      message(NOTICE "${file}: ${why}")
      math(EXPR found "${found} + 1")
    endif()
  endforeach()
endforeach()

if(files_seen EQUAL 0)
  message(FATAL_ERROR "no code was found under ${ROOT}: nothing was checked")
endif()
if(found GREATER 0)
  message(FATAL_ERROR "${found} constructions that must not come back")
endif()
message(STATUS "${files_seen} files hold nothing that must not come back")
