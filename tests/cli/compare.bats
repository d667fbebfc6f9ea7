#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0

load helpers

setup() {
  cases=$TESSERA_SOURCE/tests/fixtures/compat/cases
  float=$cases/026_concat_branches_qop_u8s8/model.onnx
  int8=$cases/026_concat_branches_qop_u8s8/ref.onnx
}

@test "a model compared with itself is exact" {
  tessera compare "$float" "$float" --data random:2
  expect_status 0
  expect_in "$stdout" "exact"
}

@test "compare tells outputs and values inside, the answer on stdout alone" {
  tessera compare "$float" "$int8" --data random:4 --json
  expect_status 0
  for key in '"samples": 4' '"outputs"' '"overall"' '"tensors"' '"sqnr_db"' '"cosine"' '"max_abs"' \
    '"l2_per_element"' '"source": "random:4"'; do
    expect_in "$stdout" "$key"
  done
}

@test "values inside come worst first" {
  tessera compare "$float" "$int8" --data random:4 -o "$BATS_TEST_TMPDIR/c.csv"
  expect_status 0
  tail -n +2 "$BATS_TEST_TMPDIR/c.csv" | cut -d, -f3 >"$BATS_TEST_TMPDIR/sqnr"
  [ "$(wc -l <"$BATS_TEST_TMPDIR/sqnr")" -gt 2 ]
  sort -g -c "$BATS_TEST_TMPDIR/sqnr"
}

@test "the same command gives the same bytes" {
  tessera compare "$float" "$int8" --data random:3 --json --timeless
  first=$stdout
  tessera compare "$float" "$int8" --data random:3 --json --timeless
  expect_equal "$stdout" "$first"
}

@test "a gate that is kept exits with 0, a missed one with 1 and says which" {
  tessera compare "$float" "$int8" --data random:4 --gate 'sqnr_db>=1' --gate 'cosine>0.5'
  expect_status 0
  tessera compare "$float" "$int8" --data random:4 --gate 'sqnr_db>=1' --gate 'sqnr_db>=200'
  expect_status 1
  expect_in "$stdout" "MISSED"
  expect_in "$stderr" "gate missed: sqnr_db>=200"
}

@test "mistakes are usage errors with a hint" {
  tessera compare "$float" "$int8" --data random:2 --gate 'snr>=1'
  expect_status 2
  expect_in "$stderr" "metrics: sqnr_db"
  tessera compare "$float" "$int8" --data random:2 --gate 'top1_drop<=1'
  expect_status 2
  expect_in "$stderr" "top1_drop"
  tessera compare "$float" "$cases/004_conv_clip_qdq_s8s8/model.onnx" --data random:2
  expect_status 2
}

@test "bad data is an input error that names the file" {
  mkdir "$BATS_TEST_TMPDIR/photos"
  tessera compare "$float" "$int8" --data "$BATS_TEST_TMPDIR/photos"
  expect_status 3
  expect_in "$stderr" "photos"
  echo "just text" >"$BATS_TEST_TMPDIR/photos/a.jpg"
  tessera compare "$float" "$int8" --data "$BATS_TEST_TMPDIR/photos" --preprocess unit
  expect_status 3
  expect_in "$stderr" "a.jpg"
  : >"$BATS_TEST_TMPDIR/photos/a.jpg"
  tessera compare "$float" "$int8" --data "$BATS_TEST_TMPDIR/photos" --preprocess unit
  expect_status 3
  expect_in "$stderr" "empty"
}

@test "-o writes the document or a sheet, and does not overwrite" {
  tessera compare "$float" "$int8" --data random:2 -o "$BATS_TEST_TMPDIR/c.json"
  expect_status 0
  expect_in "$(<"$BATS_TEST_TMPDIR/c.json")" '"tessera.compare/1"'
  tessera compare "$float" "$int8" --data random:2 -o "$BATS_TEST_TMPDIR/c.json"
  expect_status 2
  tessera compare "$float" "$int8" --data random:2 -o "$BATS_TEST_TMPDIR/c.csv"
  expect_status 0
  expect_in "$(head -n 1 "$BATS_TEST_TMPDIR/c.csv")" "value inside"
}
