# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake -D WORK=<scratch folder> -P check_test.cmake
#
# Builds small source trees with one violation each: the check must name it, and pass a clean one.

cmake_minimum_required(VERSION 3.25)
set(spdx "// SPDX-FileCopyrightText: 2026 The tessera authors\n// SPDX-License-Identifier: Apache-2.0\n")

function(make_clean_tree)
  file(REMOVE_RECURSE ${WORK})
  file(WRITE ${WORK}/include/tessera/core/a.h
    "${spdx}#pragma once\n#include <fmt/core.h>\n#include <vector>\n")
  file(WRITE ${WORK}/src/core/a.cc
    "${spdx}#include \"tessera/core/a.h\"\n#include <openssl/evp.h>\n#include <unistd.h>\n")
  file(WRITE ${WORK}/src/onnx/own.h "${spdx}#pragma once\n#include \"tessera/core/a.h\"\n")
  file(WRITE ${WORK}/src/onnx/b.cc "${spdx}#include \"onnx/own.h\"\n#include <onnx/onnx-ml.pb.h>\n")
  file(WRITE ${WORK}/tests/onnx/b_test.cc
    "${spdx}#include <gtest/gtest.h>\n#include \"onnx/own.h\"\n#include \"tessera/core/a.h\"\n")
endfunction()

function(run_check out_failed out_text)
  execute_process(COMMAND ${CMAKE_COMMAND} -D ROOT=${WORK} -P ${CMAKE_CURRENT_LIST_DIR}/check.cmake
    RESULT_VARIABLE failed OUTPUT_VARIABLE text ERROR_VARIABLE text)
  set(${out_failed} ${failed} PARENT_SCOPE)
  set(${out_text} "${text}" PARENT_SCOPE)
endfunction()

# expect_violation(<what it must say> <file> <content after the SPDX lines>)
function(expect_violation expected file content)
  make_clean_tree()
  file(WRITE ${WORK}/${file} "${spdx}${content}")
  run_check(failed text)
  string(FIND "${text}" "${file}: ${expected}" found)
  if(NOT failed OR found EQUAL -1)
    message(FATAL_ERROR "'${expected}' was not found in ${file}; the check said:\n${text}")
  endif()
  if(NOT text MATCHES "1 violations")
    message(FATAL_ERROR "one violation was planted; the check said:\n${text}")
  endif()
endfunction()

make_clean_tree()
run_check(failed text)
if(failed)
  message(FATAL_ERROR "a clean tree was refused:\n${text}")
endif()

expect_violation("room 'core' may not use room 'onnx'" src/core/up.cc
  "#include \"tessera/onnx/model.h\"\n")
expect_violation("room 'tensor' may not use room 'graph'" tests/tensor/up_test.cc
  "#include \"tessera/graph/graph.h\"\n")
expect_violation("there is no door 'tessera/core/gone.h'" src/onnx/c.cc
  "#include \"tessera/core/gone.h\"\n")
expect_violation("'onnx/own.h' is private to another room" src/quantize/c.cc
  "  #  include \"onnx/own.h\"\n")
expect_violation("there is no header 'onnx/gone.h'" src/onnx/c.cc "#include \"onnx/gone.h\"\n")
expect_violation("a door may not include the private header 'onnx/own.h'"
  include/tessera/onnx/d.h "#pragma once\n#include \"onnx/own.h\"\n")
expect_violation("a door may not include <nlohmann/json.hpp>"
  include/tessera/core/d.h "#pragma once\n#include <nlohmann/json.hpp>\n")
expect_violation("a door may not include the system header <unistd.h>"
  include/tessera/core/d.h "#pragma once\n#include <unistd.h>\n")
expect_violation("room 'quantize' may not include <onnx/onnx-ml.pb.h>" src/quantize/c.cc
  "#include <onnx/onnx-ml.pb.h>\n")
expect_violation("room 'report' may not include <CLI/CLI.hpp>" src/report/c.cc
  "#include <CLI/CLI.hpp>\n")
expect_violation("room 'calibrate' may not include <onnxruntime_c_api.h>" src/calibrate/c.cc
  "#include <onnxruntime_c_api.h>\n")
expect_violation("<boost/any.hpp> is not in the table" src/data/c.cc "#include <boost/any.hpp>\n")

# A whole house has every edge of its table.
make_clean_tree()
file(WRITE ${WORK}/cmake/rooms.cmake "")
run_check(failed text)
if(NOT failed OR NOT text MATCHES "'onnx' may use 'graph' and does not" OR
   text MATCHES "'onnx' may use 'core'")
  message(FATAL_ERROR "an edge that nobody uses passed, or one that is used did not:\n${text}")
endif()

# Whole-file rules name line 1.
make_clean_tree()
file(WRITE ${WORK}/src/core/bare.h "// no licence\n")
run_check(failed text)
if(NOT failed OR NOT text MATCHES "bare.h:1: the two SPDX" OR NOT text MATCHES "bare.h:1: '#pragma")
  message(FATAL_ERROR "a header without SPDX lines and #pragma once passed:\n${text}")
endif()

make_clean_tree()
file(WRITE ${WORK}/src/attic/x.cc "${spdx}")
run_check(failed text)
if(NOT failed OR NOT text MATCHES "src/attic: is not a room")
  message(FATAL_ERROR "a folder that is no room passed:\n${text}")
endif()

file(REMOVE_RECURSE ${WORK})
