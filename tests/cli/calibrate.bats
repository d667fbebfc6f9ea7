#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0

load helpers

setup() {
  model="$TESSERA_SHARED/data/models/squeezenet_winml.onnx"
  images="$TESSERA_SHARED/data/images"
  out="$BATS_TEST_TMPDIR/ranges.json"
}

squeezenet() { # ARGUMENT...
  tessera calibrate "$model" --data "$images" --preprocess raw255 --samples 4 --timeless "$@"
}

@test "calibrate: help names every option" {
  tessera calibrate --help
  expect_status 0
  for option in --data --preprocess --method --symmetric --shard --merge --threads --output --force --dim; do
    expect_in "$stdout" "$option"
  done
}

@test "calibrate: what is missing is a usage error" {
  tessera calibrate
  expect_status 2
  tessera calibrate model.onnx -o "$out"
  expect_error 2 "--data"
  tessera calibrate --data x -o "$out"
  expect_error 2 "the model"
  tessera calibrate model.onnx --merge a.json -o "$out"
  expect_error 2 "--merge"
  tessera calibrate model.onnx --data x --method minimax -o "$out"
  expect_error 2 "'minimax'"
  tessera calibrate model.onnx --data x --method mse:3 -o "$out"
  expect_error 2 "'mse:3'"
  tessera calibrate model.onnx --data x --shard 3/3 -o "$out"
  expect_error 2 "'3/3'"
  expect_missing "$out"
}

@test "calibrate: ranges of another model are refused by every command that takes them" {
  local cases=$TESSERA_SOURCE/tests/fixtures/compat/cases command
  tessera calibrate "$cases/004_conv_clip_qdq_s8s8/model.onnx" --data random:2 -o "$out"
  expect_status 0
  for command in "quantize -o int8.onnx" bench profile "optimize -o folder" "error check" \
    "error sweep -o sweep.jsonl"; do
    # shellcheck disable=SC2086 # a command and what it needs
    tessera $command "$cases/026_concat_branches_qop_u8s8/model.onnx" --data random:2 \
      --ranges "$out"
    expect_error 2 "another model"
  done
}

@test "calibrate: inputs that are missing or damaged are input errors" {
  tessera calibrate "$BATS_TEST_TMPDIR/none.onnx" --data random:1 -o "$out"
  expect_error 3 "none.onnx"
  printf 'text' >"$BATS_TEST_TMPDIR/text.json"
  tessera calibrate --merge "$BATS_TEST_TMPDIR/text.json" -o "$out"
  expect_error 3 "text.json"
  printf '{"schema": "tessera.bench/1", "result": {}}' >"$BATS_TEST_TMPDIR/bench.json"
  tessera calibrate --merge "$BATS_TEST_TMPDIR/bench.json" -o "$out"
  expect_error 3 "tessera.bench/1"
  expect_missing "$out"
}

@test "calibrate: every method for every tensor, in the file and on stdout" {
  needs_shared models/squeezenet_winml.onnx
  squeezenet -o "$out" --json
  expect_status 0
  cmp "$out" "$BATS_TEST_TMPDIR/stdout"
  expect_equal "$(json '.schema')" "tessera.calibrate/1"
  expect_equal "$(json '.result.samples')" "4"
  expect_equal "$(json '.result.methods | join(" ")')" \
    "minmax moving-average percentile entropy mse distribution"
  expect_equal "$(json '[.result.tensors[] | length] | unique == [6]')" "true"
  expect_equal "$(json '.result.tensors | length > 60')" "true"
  expect_equal "$(json '[.result.tensors[][] | .min <= .max] | all')" "true"
  expect_equal "$(json '[.result.tensors[] | .minmax as $m | .[] | .min >= $m.min and .max <= $m.max] | all')" "true"
  expect_equal "$(json '.model.sha256 | length')" "64"
}

@test "calibrate: all methods by their name, and some by theirs" {
  cp "$TESSERA_SOURCE/tests/fixtures/compat/cases/004_conv_clip_qdq_s8s8/model.onnx" \
    "$BATS_TEST_TMPDIR/model.onnx"
  small() { tessera calibrate "$BATS_TEST_TMPDIR/model.onnx" --data random:2 --timeless --json "$@"; }
  small -o "$out"
  expect_status 0
  small --method all -o "$BATS_TEST_TMPDIR/all.json"
  expect_status 0
  expect_equal "$(jq -c .result "$BATS_TEST_TMPDIR/all.json")" "$(jq -c .result "$out")"
  small --method mse,minmax -o "$BATS_TEST_TMPDIR/two.json"
  expect_status 0
  expect_equal "$(json '.result.methods | join(" ")')" "minmax mse"
}

@test "calibrate: neither threads nor shards change a bit" {
  needs_shared models/squeezenet_winml.onnx
  squeezenet -o "$out"
  expect_status 0
  squeezenet --threads 2 -o "$BATS_TEST_TMPDIR/two.json"
  cmp "$out" "$BATS_TEST_TMPDIR/two.json"
  local shard
  for shard in 0 1 2; do
    squeezenet --shard "$shard/3" -o "$BATS_TEST_TMPDIR/shard$shard.json"
    expect_status 0
  done
  tessera calibrate --merge "$BATS_TEST_TMPDIR"/shard{2,0,1}.json --timeless \
    -o "$BATS_TEST_TMPDIR/merged.json"
  expect_status 0
  cmp "$out" "$BATS_TEST_TMPDIR/merged.json"
  tessera calibrate --merge "$BATS_TEST_TMPDIR"/shard{2,0}.json -o "$BATS_TEST_TMPDIR/part.json"
  expect_error 2 "shard 1/3 is missing"
  expect_missing "$BATS_TEST_TMPDIR/part.json"
}

@test "calibrate: an existing file is kept without --force, and found before the work" {
  echo "mine" >"$out"
  tessera calibrate none.onnx --data random:1 -o "$out"
  expect_error 2 "ranges.json"
  expect_equal "$(<"$out")" "mine"
}

@test "calibrate: a sample that is no image is named" {
  needs_shared models/squeezenet_winml.onnx
  mkdir "$BATS_TEST_TMPDIR/photos"
  printf 'no image' >"$BATS_TEST_TMPDIR/photos/a.jpg"
  tessera calibrate "$model" --data "$BATS_TEST_TMPDIR/photos" --preprocess raw255 -o "$out"
  expect_error 3 "a.jpg"
  expect_missing "$out"
}
