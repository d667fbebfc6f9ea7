#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0

load helpers

@test "inspect: help names every option" {
  tessera inspect --help
  expect_status 0
  for option in --dim --qdq --cuts --top --json --runtime; do
    expect_in "$stdout" "$option"
  done
}

@test "inspect: a missing file is an input error" {
  tessera inspect "$BATS_TEST_TMPDIR/none.onnx"
  expect_error 3 "none.onnx"
}

@test "inspect: what is no model is refused" {
  printf 'hello, this is text' >"$BATS_TEST_TMPDIR/text.onnx"
  tessera inspect "$BATS_TEST_TMPDIR/text.onnx"
  expect_error 3 "text.onnx"
  : >"$BATS_TEST_TMPDIR/empty.onnx"
  tessera inspect "$BATS_TEST_TMPDIR/empty.onnx"
  expect_error 3 "empty"
}

@test "inspect: a truncated model is refused" {
  needs_shared models/yolox_nano.onnx
  head -c 100000 "$TESSERA_SHARED/data/models/yolox_nano.onnx" >"$BATS_TEST_TMPDIR/cut.onnx"
  tessera inspect "$BATS_TEST_TMPDIR/cut.onnx"
  expect_error 3 "cut.onnx"
  expect_in "$stderr" "truncated"
}

@test "inspect: bad options are usage errors" {
  tessera inspect model.onnx --qdq sometimes
  expect_status 2
  tessera inspect model.onnx --cuts 99
  expect_status 2
  tessera inspect model.onnx --dim N
  expect_status 2
}

@test "inspect: a published detector, as text and as a document" {
  needs_shared models/yolox_nano.onnx
  tessera inspect "$TESSERA_SHARED/data/models/yolox_nano.onnx"
  expect_status 0
  expect_equal "$stderr" ""
  expect_in "$stdout" "opset 12"
  expect_in "$stdout" "1x3x640x640"
  tessera inspect "$TESSERA_SHARED/data/models/yolox_nano.onnx" --json --cuts 1
  expect_status 0
  expect_equal "$(json '.schema')" "tessera.inspect/1"
  expect_equal "$(json '.result.format')" "onnx"
  expect_equal "$(json '.result.quantization.state')" "none"
  expect_equal "$(json '.result.unknown_macs')" "0"
  expect_equal "$(json '([.result.ops[].macs] | add) == .result.macs')" "true"
  expect_equal "$(json '.result.ops | length == 363')" "true"
  expect_equal "$(json '.result.cuts | length > 0')" "true"
  expect_equal "$(json '.model.sha256 | length')" "64"
}

@test "inspect: old models are taken as published, with a batch of one" {
  local name
  for name in squeezenet_winml fns-candy; do
    needs_shared "models/$name.onnx"
    tessera inspect "$TESSERA_SHARED/data/models/$name.onnx" --json
    expect_status 0
    expect_equal "$(json '.model.assumed_shapes | [.[]][0][0]')" "1"
    expect_equal "$(json '.result.unknown_macs')" "0"
    expect_equal "$(json '.warnings | length')" "0"
    expect_equal "$(json '.result.inputs | length')" "1"
  done
}

@test "inspect: without an inference library the file's own shapes are used" {
  needs_shared models/yolox_nano.onnx
  mkdir "$BATS_TEST_TMPDIR/nothing"
  tessera inspect "$TESSERA_SHARED/data/models/yolox_nano.onnx" --json --runtime "$BATS_TEST_TMPDIR/nothing"
  expect_status 0
  expect_equal "$(json '.warnings[0].id')" "types-not-inferred"
  expect_equal "$(json '.result.inputs[0].shape == [1, 3, 640, 640]')" "true"
}

@test "inspect: an unknown symbol is refused with those there are" {
  needs_shared models/yolox_nano.onnx
  tessera inspect "$TESSERA_SHARED/data/models/yolox_nano.onnx" --dim batch=1
  expect_error 2 "'batch'"
}
