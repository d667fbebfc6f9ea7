#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0

load helpers

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  make_data() { python3 "$TESSERA_SOURCE/tests/cli/data_files.py" "$@"; }
}

# needs_case NAME: sets $case.
needs_case() {
  case=$TESSERA_SHARED/cases/$1
  if [[ ! -e $case ]]; then
    echo "# SKIPPED: no '$1' under $TESSERA_SHARED/cases (set TESSERA_SHARED)" >&3
    skip "no $1"
  fi
}

# result EXPRESSION: of the last answer.
result() {
  python3 -c 'import json, sys; r = json.loads(sys.argv[1])["result"]; print(eval(sys.argv[2]))' \
    "$stdout" "$1"
}

@test "samples of different extents go through every command" {
  make_data points p.onnx
  for points in 5 9 3 9 1 9; do
    make_data npy "d/$((i++)).npy" $points 8
  done
  tessera calibrate p.onnx --data d -o r.json
  expect_status 0
  tessera quantize p.onnx --data d -o q.onnx
  expect_status 0
  tessera compare p.onnx q.onnx --data d --json
  expect_status 0
  [[ $(result 'r["overall"]["sqnr_db"] > 25 and r["samples"]') == 6 ]]
  tessera bench p.onnx --data d --budget 2 --json
  expect_status 0
  expect_in "$stderr" "the most frequent one, of 3 of 6, is timed"
  tessera profile p.onnx --data d --budget 2 -o prof.json
  expect_status 0
  tessera error sweep p.onnx --data d --images 6 --layers top-macs:1 --subsets one-in -o one.jsonl
  expect_status 0
  expect_in "$stderr" "ranked by what they cost on the first sample"
  expect_equal "$(head -1 one.jsonl | jq -c '[.result.layers[].macs]')" "[null]"
  tessera error sweep p.onnx --data d --images 6 --subsets random:2 -o s.jsonl
  expect_status 0
  tessera optimize p.onnx --data d --budget 3 -o o
  expect_status 0
}

@test "a folder of archives holds a sample each, of all inputs" {
  make_data step s.onnx
  for rows in 2 5; do
    make_data npz "d/$rows.npz" x:${rows}x8 h:${rows}x8
  done
  tessera calibrate s.onnx --data d -o r.json
  expect_error 2 "no array 'rate'"
  expect_in "$stderr" "--input rate=VALUE"
  tessera calibrate s.onnx --data d --input rate=2 -o r.json --json
  expect_status 0
  expect_equal "$(result 'r["samples"], r["data"]["inputs"]')" "(2, {'rate': '2'})"
}

@test "states feed the next step in every command" {
  make_data step s.onnx
  make_data npy d/a.npy 6 8
  make_data npy d/b.npy 4 8
  options=(--data d --state next=h --input rate=2)
  tessera calibrate s.onnx "${options[@]}" -o r.json --json
  expect_status 0
  expect_equal "$(result 'r["samples"], r["data"]["states"]')" \
    "(10, [{'output': 'next', 'input': 'h'}])"
  tessera quantize s.onnx "${options[@]}" -o q.onnx
  expect_status 0
  tessera compare s.onnx q.onnx "${options[@]}" --json
  expect_status 0
  [[ $(result '20 < r["overall"]["free_running_sqnr_db"] != r["overall"]["sqnr_db"]') == True ]]
  tessera compare s.onnx s.onnx "${options[@]}" --outputs-only
  expect_status 0
  expect_in "$stdout" "SQNR dB with its own states: exact"
  tessera bench s.onnx "${options[@]}" --budget 2
  expect_status 0
  tessera profile s.onnx "${options[@]}" --budget 2 -o prof.json
  expect_status 0
  tessera error sweep s.onnx "${options[@]}" --images 4 --subsets random:2 -o s.jsonl
  expect_status 0
  tessera optimize s.onnx "${options[@]}" --budget 3 -o o
  expect_status 0
}

@test "a decoder's cache starts empty and grows" {
  make_data decoder d.onnx
  make_data npz song.npz encoded:5x1x7x8 other:5x2
  options=(--data song.npz --state present=past --input token=3)
  tessera calibrate d.onnx "${options[@]}" -o r.json --json
  expect_status 0
  expect_equal "$(result 'r["samples"]')" 5
  tessera quantize d.onnx "${options[@]}" -o q.onnx
  expect_status 0
  tessera compare d.onnx q.onnx "${options[@]}" --json
  expect_status 0
  [[ $(result 'r["overall"]["sqnr_db"] > 20 < r["overall"]["free_running_sqnr_db"]') == True ]]
  # The start of a sequence may stand beside it.
  make_data npz long.npz encoded:5x1x7x8 past0:1x3x8
  tessera calibrate d.onnx --data long.npz --state present=past --input token=3 -o r.json --force
  expect_status 0
  make_data npz wrong.npz encoded:5x1x7x8 past0:1x3x9
  tessera calibrate d.onnx --data wrong.npz --state present=past --input token=3 -o r.json --force
  expect_error 2 "wants ?x?x8"
  # Random tokens are rows of the table.
  tessera calibrate d.onnx --data random:40 --state present=past -o r.json --force
  expect_status 0
}

@test "mistakes with states and constants are named" {
  make_data step s.onnx
  make_data npy d/a.npy 6 8
  tessera calibrate s.onnx --data d --state hidden=h --input rate=2 -o r.json
  expect_error 2 "no output of the model stands before '='"
  expect_in "$stderr" "y, next"
  tessera calibrate s.onnx --data d --state next=k --input rate=2 -o r.json
  expect_error 2 "no input 'k'"
  tessera calibrate s.onnx --data d --state next=h --input rate -o r.json
  expect_error 2 "NAME=VALUE"
  tessera calibrate s.onnx --data d --state next=h --input rate=fast -o r.json
  expect_error 2 "'fast' is no number"
}

@test "points, batches of a loader and empty caches are samples" {
  needs_case C06
  tessera calibrate "$case/21a_points/model.onnx" --data "$case/21a_points/data" -o a.json
  expect_status 0
  tessera calibrate "$case/20a_batchN2/model.onnx" --data "$case/20a_batchN2/data.npz" -o b.json
  expect_status 0
  needs_case C15
  tessera calibrate "$case/20c_empty_kv/model.onnx" --data "$case/20c_empty_kv/data" -o c.json
  expect_status 0
}

@test "images into integer inputs keep every value or are refused" {
  needs_case C08/32_images
  for name in raw255 imagenet unit signed; do
    tessera calibrate "$case/nchw_s8.onnx" --data "$case/rgb" --preprocess $name -o r.json
    expect_error 2 "which is no int8"
    expect_in "$stderr" "--preprocess int8"
  done
  tessera calibrate "$case/nchw_s8.onnx" --data "$case/rgb" -o r.json --json
  expect_status 0
  expect_equal "$(result 'r["data"]["preprocess"]["name"]')" int8
  tessera calibrate "$case/nhwc_u8.onnx" --data "$case/rgb" -o r.json --force --json
  expect_status 0
  expect_equal "$(result 'r["data"]["preprocess"]["name"]')" raw255
  tessera calibrate "$case/nhwc_u8.onnx" --data "$case/rgb" --preprocess unit -o r.json --force
  expect_error 2 "which is no uint8"
}

@test "a bad archive in a folder is named" {
  make_data points p.onnx
  make_data npz d/a.npz p:2x8
  printf 'no archive' >d/b.npz
  tessera calibrate p.onnx --data d -o r.json
  expect_error 3 "b.npz"
}
