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
  for option in --refine --equalize --bias-correction --rounding --refine-scales --error-samples \
    --refine-effort; do
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
  expect_equal "$(json '.result.refinement.report.steps | all((.kept | not) or .after_db > .before_db)')" \
    "true"
  expect_equal "$(json '.result.refinement.report | .samples, .error_samples')" $'8\n3'
}

@test "quantize: a search is kept only if it beats the steps without it" {
  with_data --refine full --error-samples 2 --refine-effort 1 --json
  expect_status 0
  expect_equal "$(json '[.result.refinement.report.steps[].branch] | unique | join(" ")')" "fast full"
  expect_equal "$(json '.result.refinement.report | .branch as $b | .steps | all((.kept | not) or .branch == $b)')" \
    "true"
  expect_equal "$(json .result.refinement.options.effort_s)" "1"
}

@test "quantize: without --method the outputs choose the ranges, and the answer says how" {
  quantize --data "$example/calibration" --preprocess unit --samples 40 --json
  expect_status 0
  expect_equal "$(json .result.method_choice.judged_samples)" "16"
  expect_equal "$(json '.result.method_choice.methods | length')" "6"
  expect_equal "$(json '.result.method_choice | .method as $m | (.methods | max_by([.samples, .sqnr_db]).method) == $m')" \
    "true"
  expect_equal "$(json '[.result.recipe.rules[].scheme | objects | select(.mode == "static") | .method] | unique | join(",")')" "$(json .result.method_choice.method)"
  cp "$out" "$BATS_TEST_TMPDIR/first.onnx"
  quantize --data "$example/calibration" --preprocess unit --samples 40 --threads 2 --force
  expect_status 0
  expect_in "$stdout" "ranges by"
  cmp "$out" "$BATS_TEST_TMPDIR/first.onnx"
}

@test "quantize: where weights make the error they are rounded by descent, unless told not to" {
  wide_activations() { # ARGUMENT...: beside activations of 16 bits, weights make the error
    tessera quantize "$example/textures.onnx" -o "$out" --data "$example/calibration" --force \
      --preprocess unit --samples 40 --activation u16 --weight s8 --per-channel --json "$@"
  }
  wide_activations
  expect_status 0
  expect_equal "$(json '.result.method_choice.weights_share >= 0.25')" "true"
  expect_equal "$(json .result.refinement.options.rounding)" "descent"
  expect_equal "$(json '.result.refinement.report | .steps[0].name, .error_samples')" $'rounding\n14'
  cp "$out" "$BATS_TEST_TMPDIR/first.onnx"
  wide_activations --threads 2
  cmp "$out" "$BATS_TEST_TMPDIR/first.onnx"
  # What dynamic operators lose is not simulated, so that nothing is judged by it.
  local recipe="$BATS_TEST_TMPDIR/mixed.json"
  echo '{"rules": [{"match": "re:.*", "scheme": {}},
    {"match": "re:.*", "types": ["Gemm"], "scheme": {"mode": "dynamic", "activation": "u8"}}]}' >"$recipe"
  for option in "--refine none" "--rounding nearest" "--method mse" "--recipe $recipe"; do
    # shellcheck disable=SC2086 # words
    wide_activations $option
    expect_status 0
    expect_equal "$(json '.result | has("refinement")')" "false"
  done
}

@test "quantize: a method that is named is taken, and one sample judges nothing" {
  with_data --method percentile --json
  expect_status 0
  expect_equal "$(json '.result | has("method_choice")')" "false"
  quantize --data "$example/calibration" --preprocess unit --samples 1 --force --json
  expect_status 0
  expect_equal "$(json .result.method_choice.method)" "minmax"
  expect_in "$(json .result.method_choice.reason)" "one sample"
}

@test "quantize: ranges alone are taken as the file has them" {
  tessera calibrate "$example/textures.onnx" --data "$example/calibration" --preprocess unit \
    --samples 4 --method mse -o "$BATS_TEST_TMPDIR/mse.json"
  expect_status 0
  quantize --ranges "$BATS_TEST_TMPDIR/mse.json" --json
  expect_status 0
  expect_equal "$(json '[.result.recipe.rules[].scheme | objects | select(.mode == "static") | .method] | unique | join(",")')" "mse"
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
