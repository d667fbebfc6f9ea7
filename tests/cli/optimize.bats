#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# tessera optimize and bench on the example: which samples are used, models that are quantized
# already, budgets, and what is left when a run is stopped.

load helpers

setup() {
  example=$TESSERA_SOURCE/examples/01_textures
  network=$example/textures.onnx
  photos=(--data "$example/calibration" --preprocess unit)
  cd "$BATS_TEST_TMPDIR"
}

@test "help names the options" {
  tessera optimize --help
  expect_status 0
  for option in --enough-sqnr-db --requantize --resume --budget --validation; do
    expect_in "$stdout" "$option"
  done
  tessera bench --help
  for option in --requantize --resume --budget; do
    expect_in "$stdout" "$option"
  done
}

@test "a model that is quantized already is not called float32, and what is quantized stays" {
  tessera quantize "$network" -o int8.onnx "${photos[@]}" --samples 8
  expect_status 0
  tessera bench int8.onnx "${photos[@]}" --samples 4 --formats float32 --levels all --budget 5 --json
  expect_status 0
  expect_equal "$(json '.result.rows[0].name')" "as given (qdq)"
  expect_equal "$(json '.result.quantization.state')" qdq
  tessera quantize int8.onnx -o again.onnx "${photos[@]}" --samples 8
  expect_status 0
  expect_in "$stderr" "quantized already"
  tessera inspect int8.onnx --json
  before=$(json '.result.quantization.int8_ops')
  tessera inspect again.onnx --json
  [ "$(json '.result.quantization.int8_ops')" -ge "$before" ]
  tessera quantize int8.onnx -o more.onnx "${photos[@]}" --samples 8 --requantize
  expect_status 0
  expect_not_in "$stderr" "quantized already"
}

@test "labels that do not fit the model are an error everywhere, before anything is measured" {
  awk -F, -v OFS=, 'NR > 1 { $2 = 99 } 1' "$example/test/labels.csv" >wrong.csv
  for command in "bench $network" "optimize $network -o refused" "compare $network $network"; do
    # shellcheck disable=SC2086
    tessera $command --data "$example/test" --preprocess unit --labels wrong.csv
    expect_error 2 "has class 99; the model knows"
    expect_missing refused
  done
}

@test "a budget is kept, and what it cut off is listed" {
  SECONDS=0
  tessera optimize "$network" "${photos[@]}" --samples 20 --budget 3 -o out --json
  expect_status 0
  [ "$SECONDS" -le 30 ]
  json '.result.cut_off | length > 0'
  tessera bench "$network" "${photos[@]}" --samples 4 --budget 1
  expect_status 0
  expect_in "$stdout" "the time budget"
}

@test "Ctrl-C: what was measured is written and shown, and --resume goes on" {
  status=0
  # shellcheck disable=SC2086 # an emulator comes with its own arguments
  timeout --foreground --preserve-status -k 120 -s INT 6 \
    ${TESSERA_EMULATOR:-} "$TESSERA" bench "$network" "${photos[@]}" --samples 8 --budget 600 \
    -o bench.json >stdout 2>stderr || status=$?
  cat stderr
  if [ ! -e bench.json ]; then
    skip "it was stopped before the first row"
  fi
  expect_status 130
  expect_equal "$(jq .result.interrupted bench.json)" true
  expect_in "$(<stderr)" "--resume"
  measured=$(jq '[.result.rows[] | select(.sqnr_db != null)] | length' bench.json)
  tessera bench "$network" "${photos[@]}" --samples 8 --budget 8 -o bench.json --resume --json
  expect_status 0
  expect_equal "$(json .result.interrupted)" false
  [ "$(json '[.result.rows[] | select(.sqnr_db != null)] | length')" -ge "$measured" ]
  tessera bench int8.onnx "${photos[@]}" -o bench.json --resume
  expect_status 3
}
