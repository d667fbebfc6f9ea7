#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# As schema.bats, for the commands that measure.

load helpers

setup() {
  example=$TESSERA_SOURCE/examples/01_textures
  cd "$BATS_TEST_TMPDIR"
}

@test "bench: every format, measured, unsupported and failed rows" {
  tessera bench "$TESSERA_SOURCE/tests/fixtures/compat/cases/099_layer_norm_matmul_qdq_s16s16/model.onnx" \
    --data random:4 --budget 20 --json -o bench.json
  expect_status 0
  validate bench "$BATS_TEST_TMPDIR/stdout" bench.json
  expect_equal "$(json '[.result.rows[].mode] | unique | join(" ")')" "dynamic float16 float32 static"
}

@test "optimize: answer, summary, ranges and table" {
  tessera optimize "$example/textures.onnx" --data "$example/calibration" --samples 20 \
    --validation "$example/test" --labels "$example/test/labels.csv" --preprocess unit --budget 30 \
    --json -o out
  expect_status 0
  validate optimize "$BATS_TEST_TMPDIR/stdout" out/summary.json
  validate calibrate out/ranges.json
  validate bench out/bench.json
  expect_equal "$(json '.result.candidates[0].top1 | has("drop")')" "true"
}

@test "profile: schemes, curve and comparison with layers timed alone" {
  tessera profile "$example/textures.onnx" --data "$example/calibration" --preprocess unit \
    --samples 8 --budget 60 --plans 4 --curve --schemes s8s8 --json -o profile.json
  expect_status 0
  validate profile "$BATS_TEST_TMPDIR/stdout" profile.json
  json '[.result.layers[].isolated.fp32_us | numbers] | length > 0'
  json '.result.curve | length > 1'
  json '.result.whole | length >= 3'
}

@test "optimize: mixed models" {
  tessera optimize "$example/textures.onnx" --data "$example/calibration" --samples 20 \
    --validation "$example/test" --preprocess unit --budget 60 --no-refine --json -o out
  expect_status 0
  validate optimize "$BATS_TEST_TMPDIR/stdout"
  json '.result.mixing.latency_model.plans > 0'
}

# Uniform models only: which mix is the fastest, and whether a step helps it, depends on the machine.
@test "optimize: a refined model" {
  tessera optimize "$example/textures.onnx" --data "$example/calibration" \
    --validation "$example/test" --preprocess unit --budget 60 --no-mixed --json -o out
  expect_status 0
  validate optimize "$BATS_TEST_TMPDIR/stdout"
  json '[.result.candidates[].refinement | objects] | length > 0'
}
