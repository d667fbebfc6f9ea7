#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# Answers on a terminal, by pipes, and in other forms.

load helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
  cp "$TESSERA_SOURCE/examples/01_textures/textures.onnx" model.onnx
  photo=$TESSERA_SOURCE/examples/01_textures/test/0000.jpg
  quick=(--data "$photo" --preprocess unit)
}

# narrow COMMAND...: stdout has no line above 80 columns but those that are to be copied.
narrow() {
  COLUMNS=80 tessera "$@"
  expect_status 0
  local wide
  wide=$(python3 -c 'import sys
for line in open(sys.argv[1], encoding="utf8"):
    line = line.rstrip("\n")
    if len(line) > 80 and not line.lstrip().startswith(("tessera ", "next: ")):
        print(line)' "$BATS_TEST_TMPDIR/stdout")
  expect_equal "$wide" ""
}

@test "80 columns are enough for every answer" {
  narrow inspect model.onnx --cuts
  narrow calibrate model.onnx "${quick[@]}" -o ranges.json
  narrow quantize model.onnx --ranges ranges.json -o int8.onnx
  narrow compare model.onnx int8.onnx "${quick[@]}"
  narrow bench model.onnx "${quick[@]}" --budget 1 --levels all
  expect_in "$stdout" "qoperator-u8s8-channel"
  expect_in "$stdout" "too narrow for: "
  narrow profile model.onnx "${quick[@]}" --ranges ranges.json --method minmax --budget 2 --plans 4
  narrow energy model.onnx --per-mac
  narrow doctor
}

@test "a terminal without NO_COLOR has colours, and NO_COLOR leaves the progress" {
  command -v script >/dev/null || skip "no script"
  local run="$TESSERA inspect model.onnx --no-such"
  TERM=xterm NO_COLOR='' script -qec "$run" /dev/null >coloured </dev/null || true
  expect_in "$(cat -v coloured)" '^[[31;1merror'
  TERM=xterm NO_COLOR=1 script -qec "$run" /dev/null >plain </dev/null || true
  expect_not_in "$(cat -v plain)" '^[['
  run="$TESSERA calibrate model.onnx --data $photo --preprocess unit -o r.json"
  TERM=xterm NO_COLOR=1 script -qec "$run" /dev/null >live </dev/null
  expect_in "$(cat -v live)" '^[[K'
  expect_not_in "$(cat -v live)" '^[[3'
}

@test "- is standard input and output" {
  tessera quantize - --mode dynamic -o - <model.onnx
  expect_status 0
  cp stdout dynamic.onnx
  tessera inspect - --json <dynamic.onnx
  expect_status 0
  [ "$(json '.result.quantization.int8_ops')" -gt 0 ]
  tessera calibrate model.onnx "${quick[@]}" -o - --json
  expect_equal "$(json '.schema')" "tessera.calibrate/1"
  expect_missing "./-"
}

@test "--format gives the rows as Markdown, CSV or JSON lines" {
  tessera inspect model.onnx --format csv
  expect_status 0
  expect_in "$stdout" "operator,type,output"
  tessera inspect model.onnx --format jsonl
  jq -es 'length > 10 and (.[0] | has("operator"))' stdout
  tessera inspect model.onnx --format md
  expect_in "$stdout" "|---|"
  tessera inspect model.onnx --format json
  expect_equal "$(json '.schema')" "tessera.inspect/1"
  tessera inspect model.onnx --format xml
  expect_error 2 "--format 'xml' is unknown"
}

@test "an ending of -o that says nothing is refused before any work" {
  tessera bench model.onnx "${quick[@]}" -o rows.txt
  expect_error 2 "ending is '.txt'"
  tessera quantize model.onnx --mode dynamic -o model.tflite
  expect_error 2 "ending is '.tflite'"
  tessera compare model.onnx model.onnx "${quick[@]}" -o values.md
  expect_status 0
  expect_in "$(<values.md)" "| value inside |"
}

@test "files of other formats are named, with what to do" {
  printf 'GGUF more of it, for all that it matters' >a.onnx
  tessera inspect a.onnx
  expect_error 3 "a GGUF model"
  printf '\x89HDF\r\n\x1a\n0000' >a.h5
  tessera quantize a.h5 --mode dynamic -o q.onnx
  expect_error 3 "HDF5"
  printf 'PK\x03\x04xxxxxxxxxxxx' >a.pt
  tessera inspect a.pt
  expect_error 3 "PyTorch"
}

@test "documents of another kind are named" {
  tessera error sweep model.onnx "${quick[@]}" --layers top-macs:2 --subsets all -o sweep.jsonl
  tessera error rank --model sweep.jsonl
  expect_error 3 "'sweep.jsonl' is a sweep, not the fit of a sweep"
  expect_in "$stderr" "tessera error fit"
  tessera inspect model.onnx --json
  cp stdout other.json
  tessera error fit other.json
  expect_error 3 "not a sweep"
}

@test "more threads than processors are a warning" {
  tessera inspect model.onnx
  tessera calibrate model.onnx "${quick[@]}" -o r.json --method minmax --cpus 0 --threads 3 --json
  expect_status 0
  expect_in "$(json '[.warnings[].id] | join(" ")')" "too-many-threads"
}

@test "compare draws nothing that it does not look at" {
  tessera compare model.onnx model.onnx "${quick[@]}" --outputs-only --chart c.svg
  expect_error 2 "--outputs-only"
}
