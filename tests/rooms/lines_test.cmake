# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# What the tests of these checks share: small source trees in ${WORK}. Whoever includes this sets
# `checker`, and a function `prepare()` that fills a tree with what the check itself reads.

# run_check(<out: failed> <out: text>)
function(run_check out_failed out_text)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -D ROOT=${WORK} -P ${checker}
    RESULT_VARIABLE failed OUTPUT_VARIABLE text ERROR_VARIABLE text)
  set(${out_failed} ${failed} PARENT_SCOPE)
  set(${out_text} "${text}" PARENT_SCOPE)
endfunction()

function(write_tree file code)
  file(REMOVE_RECURSE ${WORK})
  prepare()
  file(WRITE ${WORK}/${file} "// first line\n${code}\n")
endfunction()

# expect_found(<file> <line of code>)
function(expect_found file code)
  write_tree("${file}" "${code}")
  run_check(failed text)
  string(FIND "${text}" "${file}:2: " found)
  if(NOT failed OR found EQUAL -1)
    message(FATAL_ERROR "'${code}' was not found in ${file}; the check said:\n${text}")
  endif()
endfunction()

# expect_passed(<file> <line of code>)
function(expect_passed file code)
  write_tree("${file}" "${code}")
  run_check(failed text)
  if(failed)
    message(FATAL_ERROR "'${code}' was refused in ${file}; the check said:\n${text}")
  endif()
endfunction()
