# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake -D WORK=<scratch folder> -P records_test.cmake
#
# The doors of the house, of which one gets an include that no record may have: it must be found.

cmake_minimum_required(VERSION 3.25)

function(run_check out_failed out_text)
  execute_process(COMMAND ${CMAKE_COMMAND} -D ROOT=${WORK}
                          -P ${CMAKE_CURRENT_LIST_DIR}/records.cmake
    RESULT_VARIABLE failed OUTPUT_VARIABLE text ERROR_VARIABLE text)
  set(${out_failed} ${failed} PARENT_SCOPE)
  set(${out_text} "${text}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
file(COPY ${ROOT}/include DESTINATION ${WORK})
run_check(failed text)
if(failed)
  message(FATAL_ERROR "the doors as they are were refused:\n${text}")
endif()

foreach(used IN ITEMS runtime/session.h network/network.h data/sample_set.h evaluate/lab.h
                      profile/profile.h)
  file(READ ${ROOT}/include/tessera/profile/record.h door)
  file(WRITE ${WORK}/include/tessera/profile/record.h "${door}#include \"tessera/${used}\"\n")
  run_check(failed text)
  if(NOT failed OR NOT text MATCHES "profile/record.h: a record may not include '${used}'")
    message(FATAL_ERROR "'${used}' in a record was not found; the check said:\n${text}")
  endif()
endforeach()

file(REMOVE ${WORK}/include/tessera/profile/record.h)
run_check(failed text)
if(NOT failed OR NOT text MATCHES "there is no door 'tessera/profile/record.h'")
  message(FATAL_ERROR "a record that is not there passed; the check said:\n${text}")
endif()
file(REMOVE_RECURSE ${WORK})
