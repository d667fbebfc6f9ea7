#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# A model of more than 2 GiB, which is more than one protobuf message may have. It is quantized one
# tensor at a time: the bound on memory is a multiple of the largest tensor (512 MiB), not of the
# model. The output is opened by the runtime, by way of what `compare` and `calibrate` do.

load helpers

setup_file() {
  export BATS_NO_PARALLELIZE_WITHIN_FILE=true
  local free
  free=$(df --output=avail -k "${TMPDIR:-/tmp}" | tail -1)
  if [ "$free" -lt 3500000 ]; then
    echo "# SKIPPED: less than 3.5 GB free in ${TMPDIR:-/tmp}; set TMPDIR" >&3
    skip "no room"
  fi
  python3 "$BATS_TEST_DIRNAME/large_model.py" write "$BATS_FILE_TMPDIR"
}

setup() {
  cd "$BATS_FILE_TMPDIR"
}

# within MIB ARGUMENT...: the command succeeds with at most so much memory.
within() {
  local limit=$1 peak
  shift
  # shellcheck disable=SC2086 # an emulator comes with its own arguments
  peak=$(python3 "$BATS_TEST_DIRNAME/large_model.py" peak ${TESSERA_EMULATOR:-} "$TESSERA" "$@")
  echo "# $1 ${*:3}: peak $peak MiB" >&3
  [ "$peak" -le "$limit" ]
}

# Weights as they are, their codes, what is written.
limit=1150

@test "inspect reads no weights" {
  within 120 inspect large.onnx --top 3
}

@test "static: calibrated, quantized within bounds, and it runs" {
  # Plain inference needs the weights twice, as the runtime packs them.
  within 4700 calibrate large.onnx --data random:2 --method minmax -o ranges.json
  within $limit quantize large.onnx --ranges ranges.json --no-check -o static.onnx
  tessera calibrate static.onnx --data random:1 --method minmax -o again.json
  expect_status 0
  rm static.onnx*
}

@test "weight-only: 4 and 8 bits, in both formats" {
  within $limit quantize large.onnx --mode weight-only --weight u4 --format qoperator --no-check -o w4.onnx
  within $limit quantize large.onnx --mode weight-only --weight s8 --format qdq --no-check -o w8.onnx
  for made in w4 w8; do
    tessera inspect $made.onnx --json
    expect_status 0
    expect_equal "$(json .result.quantization.state)" weight-only
  done
  rm w8.onnx*
  # The runtime's kernels read what was packed by deferred codes: close to float32.
  tessera compare large.onnx w4.onnx --data random:1 --outputs-only --json
  expect_status 0
  expect_equal "$(json '.result.overall.sqnr_db > 10')" true
  rm w4.onnx*
}

@test "dynamic" {
  within $limit quantize large.onnx --mode dynamic --no-check -o dynamic.onnx
  tessera inspect dynamic.onnx --json
  expect_equal "$(json .result.quantization.state)" dynamic
  rm dynamic.onnx*
}

@test "float16, checked to load at every level by way of a file" {
  within $limit quantize large.onnx --mode float16 --no-check -o half.onnx
  tessera inspect half.onnx --json
  expect_equal "$(json .result.quantization.state)" float16
  rm half.onnx*
}
