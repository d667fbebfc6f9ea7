#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# Models with the operators of libtessera_kernels.

load helpers

setup() {
  float=$TESSERA_SOURCE/tests/fixtures/compat/cases/026_concat_branches_qop_u8s8/model.onnx
  cd "$BATS_TEST_TMPDIR"
}

@test "a model with kernels is written, says what it needs, and comes as close as the stock form" {
  tessera quantize "$float" --data random:8 --format qoperator --refine none -o stock.onnx
  expect_status 0
  expect_not_in "$stdout" "libtessera_kernels"
  tessera quantize "$float" --data random:8 --kernels tessera --refine none -o kernels.onnx
  expect_status 0
  expect_in "$stdout" "it runs where libtessera_kernels.so is loaded"
  tessera inspect kernels.onnx --json
  expect_status 0
  expect_equal "$(json '.result.opsets."ai.tessera"')" 1
  tessera compare stock.onnx kernels.onnx --data random:4 --gate 'sqnr_db>=40'
  expect_status 0
}

@test "--format kernels and --kernels tessera are the same; other formats beside it are refused" {
  tessera quantize "$float" --data random:4 --format kernels -o a.onnx --json
  expect_status 0
  expect_equal "$(json .result.needs)" "libtessera_kernels.so"
  tessera quantize "$float" --data random:4 --kernels tessera -o b.onnx
  expect_status 0
  cmp a.onnx b.onnx
  tessera quantize "$float" --data random:4 --kernels tessera --format qdq -o c.onnx
  expect_error 2 "is a format, and so is qdq"
  expect_missing c.onnx
}

@test "without the library such a model is refused with the remedy, and others run" {
  tessera quantize "$float" --data random:4 --kernels tessera -o kernels.onnx
  expect_status 0
  echo "no library" >broken.so
  export TESSERA_KERNELS=$BATS_TEST_TMPDIR/broken.so
  tessera compare "$float" kernels.onnx --data random:2
  expect_error 3 "does not know operator type 'ai.tessera:"
  expect_in "$stderr" "the model needs the kernels of tessera: '$BATS_TEST_TMPDIR/broken.so'"
  tessera compare "$float" "$float" --data random:2
  expect_status 0
  export TESSERA_KERNELS=$BATS_TEST_TMPDIR/nowhere
  tessera compare "$float" "$float" --data random:2
  expect_error 4 "no library of kernels at '$BATS_TEST_TMPDIR/nowhere'"
}

@test "doctor tries the kernels, and says where they are missing" {
  tessera doctor
  expect_status 0
  expect_in "$stdout" "Lookup by libtessera_kernels: ran on cpu"
  echo "no library" >broken.so
  export TESSERA_KERNELS=$BATS_TEST_TMPDIR/broken.so
  tessera doctor
  expect_status 0 # most models run without
  expect_in "$stdout" "note: models made with --kernels tessera cannot be run here"
  expect_in "$stdout" "$BATS_TEST_TMPDIR/broken.so"
}

@test "a wish for an instruction set that is not there is refused by name" {
  tessera quantize "$float" --data random:4 --kernels tessera -o kernels.onnx
  expect_status 0
  export TESSERA_KERNELS_TARGET=vax
  tessera compare "$float" kernels.onnx --data random:2
  expect_status 3
  expect_in "$stderr" "TESSERA_KERNELS_TARGET is 'vax'"
  export TESSERA_KERNELS_TARGET=scalar
  tessera compare kernels.onnx kernels.onnx --data random:2
  expect_status 0
}

@test "--layout channels-last computes the same, bit for bit" {
  tessera quantize "$float" --data random:8 --format qoperator -o stock.onnx
  tessera quantize "$float" --data random:8 --format qoperator --layout channels-last -o last.onnx
  expect_status 0
  tessera inspect last.onnx --json
  expect_in "$stdout" "com.microsoft"
  tessera compare stock.onnx last.onnx --data random:4
  expect_status 0
  expect_in "$stdout" "exact"
}

@test "activation functions of a real network become tables" {
  needs_shared models/yolox_nano.onnx
  local yolox=$TESSERA_SHARED/data/models/yolox_nano.onnx
  tessera quantize "$yolox" --data random:2 --kernels tessera --refine none --method minmax -o k.onnx --json
  expect_status 0
  expect_equal "$(json '[.result.ops[] | select(.type == "Sigmoid" and .quantized)] | length > 100')" true
  expect_equal "$(json '[.result.ops[] | select(.reason == "computed by a lookup")] | length > 200')" true
}
