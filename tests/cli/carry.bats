#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# What one step learns of how a model is fed, the next ones know.

load helpers

setup_file() {
  cd "$BATS_FILE_TMPDIR"
  local example=$TESSERA_SOURCE/examples/01_textures
  cp "$example/textures.onnx" model.onnx
  cp -r "$example/test" "some photos"
  rm -f "some photos"/0*[5-9].jpg # fewer do
  ${TESSERA_EMULATOR:-} "$TESSERA" calibrate model.onnx --data "some photos" --samples 2 \
    --preprocess unit --method minmax -o ranges.json -q
  ${TESSERA_EMULATOR:-} "$TESSERA" quantize model.onnx --ranges ranges.json -o int8.onnx -q >next.txt
}
setup() { cd "$BATS_FILE_TMPDIR"; }

@test "the line that says what is next can be run as it stands, and feeds the model as before" {
  local next
  next=$(sed -n 's/^next: tessera //p' next.txt)
  expect_in "$next" "--data 'some photos' --preprocess unit"
  eval "tessera $next --samples 2 --outputs-only --json"
  expect_status 0
  expect_equal "$(json '.result.data.preprocess.name')" "unit"
  expect_not_in "$stderr" "warning"
}

@test "a written model carries the preprocessing: compare takes it, without a guess" {
  tessera compare model.onnx int8.onnx --data "some photos" --samples 2 --outputs-only --json
  expect_status 0
  expect_equal "$(json '.result.data.preprocess.scale')" "0.00392156862745098"
  expect_in "$stderr" "preprocess unit, as in int8.onnx"
  expect_not_in "$stderr" "guessed"
}

@test "an option that says otherwise than the artefact is a warning" {
  tessera compare model.onnx int8.onnx --data "some photos" --samples 2 --outputs-only --json \
    --preprocess signed
  expect_status 0
  expect_equal "$(json '.warnings[0].id')" "preprocess-differs"
  expect_in "$stderr" "int8.onnx' was made with unit"
}

@test "ranges carry it too, whatever name the preprocessing has" {
  echo '{"scale": 0.5, "color": "bgr"}' >own.json
  tessera calibrate model.onnx --data "some photos" --samples 2 --preprocess own.json \
    --method minmax -o own_ranges.json --force
  rm own.json
  tessera error sweep model.onnx --data "some photos" --samples 1 --ranges own_ranges.json \
    --layers top-macs:2 --subsets one-in -o sweep.jsonl --json --force
  expect_status 0
  expect_equal "$(json '.result.data.preprocess.color')" "bgr"
  expect_equal "$(json '.result.data.preprocess.scale')" "0.5"
}

@test "what --compat ort writes carries nothing: it is the reference's to the last byte" {
  tessera quantize model.onnx --ranges ranges.json --compat ort -o ort.onnx --force
  expect_status 0
  run grep -c "tessera.preprocess" ort.onnx
  expect_equal "$output" "0"
  run grep -c "tessera.preprocess" int8.onnx
  expect_equal "$output" "1"
}

@test "a model that was made from another one is told, a different network refused" {
  local cases=$TESSERA_SOURCE/tests/fixtures/compat/cases
  tessera quantize model.onnx --mode dynamic -o dynamic.onnx --force
  tessera compare int8.onnx dynamic.onnx --data "some photos" --samples 1 --outputs-only --json
  expect_status 0
  expect_equal "$(json '[.warnings[].id] | index("other-source") != null')" "true"
  tessera compare model.onnx "$cases/015_inverted_residual_qdq_u8s4_pc/model.onnx" \
    --data "some photos" --samples 1
  expect_error 2 "are different networks"
  expect_in "$stderr" "input"
}

@test "ranges by other methods than the wanted one name those that they hold" {
  tessera calibrate model.onnx --data "some photos" --samples 2 --method mse,percentile \
    -o mse.json --force
  tessera quantize model.onnx --ranges mse.json --method minmax -o q.onnx
  expect_error 2 "holds ranges by percentile, mse, not by minmax"
  expect_in "$stderr" "add --method percentile"
}
