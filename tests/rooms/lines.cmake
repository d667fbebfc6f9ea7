# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# What the checks of source lines share.

# Prints the lines of a file whose code matches, with their numbers and what is said of them.
function(print_lines file what why)
  file(READ ${ROOT}/${file} text)
  # One element per line, whatever a line holds.
  string(REGEX REPLACE "[][;]" " " text "${text}")
  string(REPLACE "\\\n" " \n" text "${text}")
  string(REPLACE "\n" ";" lines "${text}")
  set(number 0)
  foreach(line IN LISTS lines)
    math(EXPR number "${number} + 1")
    string(REGEX REPLACE "//.*$" "" code "${line}")
    if(code MATCHES "${what}")
      message(NOTICE "${file}:${number}: ${line}\n  ${why}")
    endif()
  endforeach()
endfunction()
