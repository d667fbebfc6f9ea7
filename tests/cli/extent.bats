#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# What a success must not hide: nothing was quantized, bodies were not looked at, the runtime cannot
# run the model.

load helpers

setup() {
  custom=$TESSERA_SOURCE/tests/fixtures/custom/custom.onnx
  branching=$TESSERA_SOURCE/tests/fixtures/bodies/branching.onnx
  cd "$BATS_TEST_TMPDIR"
}

@test "nothing quantized: a warning, and with --strict exit code 1 and no file" {
  tessera quantize "$branching" --mode dynamic --op-types LSTM -o out.onnx
  expect_status 0
  expect_in "$stderr" "no operator that this scheme could quantize"
  tessera quantize "$branching" --mode dynamic --op-types LSTM -o strict.onnx --strict
  expect_error 1 "--strict"
  expect_missing strict.onnx
}

@test "--strict says nothing where something was quantized" {
  tessera quantize "$branching" --mode float16 -o out.onnx --strict
  expect_status 0
}

@test "operators within bodies are said to stay in float" {
  tessera quantize "$branching" --mode float16 -o out.onnx
  expect_status 0
  expect_in "$stderr" "within the bodies of If, Loop or Scan"
}

@test "bodies are quantized where no ranges are needed, and the answer says how much of them" {
  looping=$TESSERA_SOURCE/tests/fixtures/bodies/looping.onnx
  for model in "$branching" "$looping"; do
    for mode in dynamic weight-only; do
      tessera quantize "$model" --mode "$mode" -o out.onnx --force --json
      expect_status 0
      expect_not_in "$stderr" "within the bodies"
      expect_in "$(json '.result.ops[] | select(.type == "If" or .type == "Loop") | .reason')" \
        "of its bodies"
      tessera compare "$model" out.onnx --data random:8 --json
      expect_status 0
      json '.result.outputs[0].sqnr_db > 12 and .result.outputs[0].sqnr_db < 100'
    done
  done
}

@test "an operator of a custom domain: what runs nothing works without its library" {
  tessera inspect "$custom" --json
  expect_status 0
  expect_equal "$(json '.result.ops | length')" 5
  for mode in dynamic float16 weight-only; do
    tessera quantize "$custom" --mode "$mode" -o "$mode.onnx" --json
    expect_status 0
    expect_in "$stderr" "not tried"
    expect_equal "$(json '[.result.ops[] | select(.name == "before") | .quantized] | .[0]')" true
    expect_equal "$(json '[.result.ops[] | select(.name == "custom") | .quantized] | .[0]')" false
  done
}

@test "what runs a model names the operator and the option that helps" {
  tessera calibrate "$custom" --data random:2 -o ranges.json
  expect_error 3 "test.tessera:Twice"
  tessera calibrate "$custom" --data random:2 -o ranges.json --custom-ops missing.so
  expect_error 3 "missing.so"
}
