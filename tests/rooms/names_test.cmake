# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# cmake -D WORK=<scratch folder> -P names_test.cmake
#
# Small source trees with one name of an operator each: it must be found where it does not belong.

cmake_minimum_required(VERSION 3.25)

set(checker ${CMAKE_CURRENT_LIST_DIR}/names.cmake)
function(prepare)
  file(WRITE ${WORK}/src/onnx/kinds.cc
    "table = {\n      {\"Conv\", {kConv}},\n      {\"Clip\", {kClamp, 2}},\n};\n")
  file(WRITE ${WORK}/src/litert/kinds.cc
    "table = {\n      {Builtin::kConv2d, {.name = \"CONV_2D\", .kind = kConv}},\n};\n")
endfunction()
include(${CMAKE_CURRENT_LIST_DIR}/lines_test.cmake)

expect_found(src/graph/a.cc "return op.type == \"Conv\";")
expect_found(src/network/values.cc "types = {\"Tanh\", \"Clip\"};")
expect_found(include/tessera/noise/a.h "constexpr auto kType = \"Clip\";")
expect_found(src/evaluate/a.cc "return op.type == \"CONV_2D\";")

expect_passed(src/graph/a.cc "// what ONNX calls \"Conv\"")
expect_passed(src/graph/a.cc "hint(\"Conv and Clip can be switched\"); type = \"SiLU\";")
expect_passed(src/network/onnx_micro.cc "add(\"Conv\");")
expect_passed(src/litert/view.cc "return type == \"CONV_2D\";")
expect_passed(src/network/litert_driver.cc "add(\"CONV_2D\");")
expect_passed(src/quantize/a.cc "return type == \"Conv\";")
expect_passed(include/tessera/refine/a.h "return type == \"Conv\";")
expect_passed(src/profile/latency_model.cc "return type == \"Conv\";")

# What is allowed must still need it, and there must be a table.
write_tree(src/profile/latency_model.cc "return kind == OpKind::kConv;")
run_check(failed text)
if(NOT failed OR NOT text MATCHES "latency_model.cc needs no names any more")
  message(FATAL_ERROR "an entry that nobody needs passed; the check said:\n${text}")
endif()
file(REMOVE_RECURSE ${WORK})
file(WRITE ${WORK}/src/graph/a.cc "int a;\n")
run_check(failed text)
if(NOT failed)
  message(FATAL_ERROR "a tree without a table passed: nothing was checked")
endif()
