#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0

load helpers

setup() {
  example="$TESSERA_SOURCE/examples/01_textures"
  out="$BATS_TEST_TMPDIR/int8.onnx"
}

quantize() { # ARGUMENT...
  tessera quantize "$example/textures.onnx" -o "$out" --activation u8 --weight s8 --per-channel "$@"
}
with_data() { # ARGUMENT...
  quantize --data "$example/calibration" --preprocess unit --samples 8 "$@"
}

@test "quantize: help names every option that refines" {
  tessera quantize --help
  expect_status 0
  for option in --refine --equalize --bias-correction --rounding --refine-scales --error-samples; do
    expect_in "$stdout" "$option"
  done
}

@test "quantize: refinement without data, in compat mode or without integers is a usage error" {
  quantize --refine fast
  expect_error 2 "--data"
  with_data --refine fast --compat ort
  expect_error 2 "--compat ort"
  with_data --bias-correction --mode float16
  expect_error 2 "--mode static"
  with_data --refine thorough
  expect_error 2 "'thorough'"
  with_data --rounding up
  expect_error 2 "'up'"
  expect_missing "$out"
}

@test "quantize: every step is recorded with what it did" {
  with_data --refine fast --json
  expect_status 0
  [ -s "$out" ]
  expect_equal "$(json '[.result.refinement.report.steps[].name] | join(" ")')" \
    "equalize rounding bias-correction"
  expect_equal "$(json '.result.refinement.options.rounding')" "adaptive"
  expect_equal "$(json '.result.refinement.report.steps | all(.kept == (.after_db > .before_db))')" \
    "true"
}

@test "quantize: the same options give the same bytes" {
  with_data --rounding adaptive --bias-correction
  expect_status 0
  cp "$out" "$BATS_TEST_TMPDIR/first.onnx"
  with_data --rounding adaptive --bias-correction --threads 2 --force
  expect_status 0
  cmp "$out" "$BATS_TEST_TMPDIR/first.onnx"
}

@test "quantize: ranges by the error of the outputs are closer than min-max" {
  with_data --method output --error-samples 4
  expect_status 0
  expect_in "$stdout" "ranges-by-output"
  tessera compare "$example/textures.onnx" "$out" --data "$example/test" --preprocess unit \
    --samples 50 --json --gate 'sqnr_db>=29'
  expect_status 0
}
