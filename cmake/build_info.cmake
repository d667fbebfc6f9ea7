# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# Version and commit for src/core/record.cc, as the header core/build_info.h. It is looked at in
# every build, but written only when the commit changed, so that one file is compiled again then.
#
# Included by CMakeLists.txt it defines the target tessera_build_info; run as
# `cmake -P` (with SOURCE, OUTPUT and VERSION) it writes the header.

if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(TESSERA_GENERATED ${PROJECT_BINARY_DIR}/generated)
  add_custom_target(tessera_build_info
    COMMAND ${CMAKE_COMMAND} -D SOURCE=${PROJECT_SOURCE_DIR} -D VERSION=${PROJECT_VERSION}
            -D OUTPUT=${TESSERA_GENERATED}/core/build_info.h -P ${CMAKE_CURRENT_LIST_FILE}
    BYPRODUCTS ${TESSERA_GENERATED}/core/build_info.h
    COMMENT "Looking up the commit")
  return()
endif()

set(commit unknown)
find_program(git git)
# Only the checkout itself counts: a source tarball may lie inside of somebody else's repository.
if(git AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${git} -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
    RESULT_VARIABLE failed)
  if(NOT failed)
    set(commit ${described})
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
// Written by cmake/build_info.cmake.
#pragma once
#define TESSERA_VERSION "@VERSION@"
#define TESSERA_COMMIT "@commit@"
]])
