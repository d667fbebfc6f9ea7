# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake -D WORK=<scratch folder> -P covered_test.cmake
#
# Builds small source trees whose docs/versioning.md says one thing that is not so: the check must
# name it, and pass a true one.

cmake_minimum_required(VERSION 3.25)

function(make_true_tree)
  file(REMOVE_RECURSE ${WORK})
  file(WRITE ${WORK}/include/tessera/core/result.h "")
  file(WRITE ${WORK}/include/tessera/core/hash.h "")
  file(WRITE ${WORK}/tests/install/consumer/consumer.cc "#include \"tessera/core/result.h\"\n")
  file(WRITE ${WORK}/schema/bench.schema.json "")
  file(WRITE ${WORK}/schema/error-fit.schema.json "")
  file(WRITE ${WORK}/src/cli/commands.cc
    "context.envelope(\"bench\", &run);\nenvelope_of(context, \"error-fit\", network);\n")
  file(WRITE ${WORK}/docs/versioning.md "# What\n\n| kind | written by | read by |\n|---|---|---|\n"
    "| bench | `bench` | - |\n| error-fit | `error fit` | - |\n\n"
    "| room | headers |\n|---|---|\n| core | `tessera/core/result.h` |\n")
endfunction()

function(run_check out_failed out_text)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -D ROOT=${WORK} -P ${CMAKE_CURRENT_LIST_DIR}/covered.cmake
    RESULT_VARIABLE failed OUTPUT_VARIABLE text ERROR_VARIABLE text)
  set(${out_failed} ${failed} PARENT_SCOPE)
  set(${out_text} "${text}" PARENT_SCOPE)
endfunction()

# expect_problem(<what it must say> <file> <from> <to>): one replacement in one file
function(expect_problem expected file from to)
  make_true_tree()
  file(READ ${WORK}/${file} before)
  string(REPLACE "${from}" "${to}" after "${before}")
  if("${after}" STREQUAL "${before}")
    message(FATAL_ERROR "'${from}' is not in ${file}")
  endif()
  file(WRITE ${WORK}/${file} "${after}")
  run_check(failed text)
  string(FIND "${text}" "docs/versioning.md: ${expected}" found)
  if(NOT failed OR found EQUAL -1)
    message(FATAL_ERROR "'${expected}' was not found; the check said:\n${text}")
  endif()
endfunction()

make_true_tree()
run_check(failed text)
if(failed)
  message(FATAL_ERROR "a true page was refused:\n${text}")
endif()

set(page docs/versioning.md)
expect_problem("there is no header 'tessera/core/gone.h'" ${page} "core/result.h" "core/gone.h")
expect_problem("it covers no header" ${page} "`tessera/core/result.h`" "all")
expect_problem("'tessera/core/hash.h' is not covered" tests/install/consumer/consumer.cc
  "core/result.h" "core/hash.h")
expect_problem("kind 'plan' has no schema" ${page} "| bench |" "| bench, plan |")
expect_problem("nothing writes kind 'plan'" ${page} "| bench |" "| bench, plan |")
expect_problem("kind 'error-fit', which commands.cc writes, is missing" ${page}
  "| error-fit | `error fit` | - |\n" "")
expect_problem("nothing writes kind 'bench'" src/cli/commands.cc "context.envelope(\"bench\", &run)" "")

message(STATUS "every planted untruth was found")
