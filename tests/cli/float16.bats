#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0

load helpers

setup() {
  branching=$TESSERA_SOURCE/tests/fixtures/bodies/branching.onnx
  cd "$BATS_TEST_TMPDIR"
}

@test "float16 around a body: the body and what it captures stay float32, the rest does not" {
  tessera quantize "$branching" --mode float16 --keep-io -o half.onnx --json
  expect_status 0 # it loads at every level
  expect_equal "$(json '[.result.ops[] | select(.quantized) | .name] | sort | join(" ")')" \
    "after before large relu sum"
  expect_in "$(json '.result.ops[] | select(.type == "If") | .reason')" "bodies stay in float32"
  tessera compare "$branching" half.onnx --data random:4 --gate 'sqnr_db>=50'
  expect_status 0
  expect_not_in "$stdout" "exact"
}

@test "float16 inputs and outputs around a body" {
  tessera quantize "$branching" --mode float16 -o half.onnx
  expect_status 0
  tessera inspect half.onnx --json
  expect_equal "$(json '[.result.inputs[0].dtype, .result.outputs[0].dtype] | join(" ")')" \
    "float16 float16"
}

@test "--compat ort refuses a model with bodies: the reference's own result may not load" {
  tessera quantize "$branching" --mode float16 --compat ort -o half.onnx --no-check
  expect_error 3 "'choice' (If) has a body"
  expect_missing half.onnx
}
