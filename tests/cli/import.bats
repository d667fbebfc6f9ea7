#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# `tessera import`, and Keras files where models are asked for.

load helpers

setup() {
  keras=$TESSERA_SOURCE/tests/fixtures/keras
  cd "$BATS_TEST_TMPDIR"
}

@test "import writes a model that computes what Keras computed" {
  tessera import "$keras/misc.keras" --check "$keras/misc.npz" -o out.onnx
  expect_status 0
  expect_in "$stdout" "layers as expected"
  expect_not_in "$stdout" "differs"
  tessera inspect out.onnx
  expect_status 0
  tessera import "$keras/misc.keras" -o out.onnx
  expect_status 2
  tessera import "$keras/misc.keras" -o out.onnx --force
  expect_status 0
}

@test "import answers as its schema says" {
  tessera import "$keras/misc.keras" --check "$keras/misc.npz" --json
  expect_status 0
  cp "$BATS_TEST_TMPDIR/stdout" answer.json
  validate import answer.json
  [ "$(jq -r .result.check.passed answer.json)" = true ]
  tessera import "$keras/misc.keras" --json
  expect_status 0
  cp "$BATS_TEST_TMPDIR/stdout" answer.json
  validate import answer.json
  [ "$(jq -r .result.check answer.json)" = null ]
}

@test "the example of QKeras is imported as QKeras computes it" {
  local example=$TESSERA_SOURCE/examples/02_qkeras
  tessera import "$example/model.h5" --check "$example/golden.npz"
  expect_status 0
  expect_not_in "$stdout" "differs"
}

@test "a quantized network says what runs on integers, and is the same there" {
  tessera import "$keras/q8.h5" --check "$keras/q8.npz" --level all --report
  expect_status 0
  expect_in "$stdout" "integers  100.0 %"
  expect_in "$stdout" "quantized_bits(8,0,1,alpha='auto_po2')"
  tessera import "$keras/q8.h5" --check "$keras/q8.npz" --level all --time 0.5 --json
  expect_status 0
  cp "$BATS_TEST_TMPDIR/stdout" answer.json
  validate import answer.json
  [ "$(jq '.result.integers.share >= 0.9' answer.json)" = true ]
  [ "$(jq '[.result.check.layers[].optimized_differing // 0] | max' answer.json)" = 0 ]
  [ "$(jq '.result.layers[] | select(.layer == "c1") | .weight_bits' answer.json)" = 8 ]
  [ "$(jq '.result.against_float.speedup > 0' answer.json)" = true ]
}

@test "the float form has no quantizers, and the file's hash finds its documents" {
  tessera import "$keras/q8.h5" --float -o float.onnx
  expect_status 0
  tessera inspect float.onnx --json
  expect_status 0
  expect_not_in "$stdout" QuantizeLinear
  tessera inspect "$keras/q8.h5" --json
  expect_status 0
  [ "$(jq -r .model.sha256 "$BATS_TEST_TMPDIR/stdout")" = "$(sha256sum "$keras/q8.h5" | cut -d' ' -f1)" ]
  tessera calibrate "$keras/conv.keras" --data random:2 -o ranges.json
  expect_status 0
  tessera quantize "$keras/conv.keras" --ranges ranges.json -o q.onnx
  expect_status 0
}

@test "a check that fails ends with 1 and names the layer" {
  tessera import "$keras/misc.keras" --check "$keras/acts.npz"
  expect_status 2
  tessera import "$keras/acts.keras" --check "$keras/acts.npz" --tolerance 1e-30
  expect_status 1
  expect_in "$stdout" "differs"
}

@test "other commands take Keras files" {
  tessera inspect "$keras/conv.keras" --json
  expect_status 0
  [ "$(jq -r .model.format "$BATS_TEST_TMPDIR/stdout")" = keras ]
  tessera quantize "$keras/conv.keras" --data random:2 -o q.onnx
  expect_status 0
  tessera compare "$keras/conv.keras" q.onnx --data random:2
  expect_status 0
}

@test "what is no Keras file, or lacks what it needs, is said" {
  printf '\211HDF\r\n\032\n and nothing' >broken.h5
  tessera import broken.h5
  expect_error 3 "broken.h5"
  tessera import missing.h5
  expect_error 3 "missing.h5"
}

@test "options of a check that is not made are refused" {
  tessera import "$keras/acts.keras" --level all
  expect_error 2 "--level requires --check"
  tessera import "$keras/acts.keras" --tolerance 1e-3
  expect_error 2 "--tolerance requires --check"
}

@test "a library or provider that was named has to be there" {
  tessera import "$keras/q8.h5" --runtime "$PWD/nowhere.so"
  expect_error 4 "nowhere.so"
  tessera import "$keras/q8.h5" --provider nosuch
  expect_error 4 "nosuch"
}

@test "the shared models of Keras and QKeras" {
  needs_shared keras/k1_convnet.npz
  local file name golden
  for file in "$TESSERA_SHARED"/data/keras/*.{h5,keras}; do
    name=$(basename "$file")
    golden=$TESSERA_SHARED/data/keras/${name%%.*}.npz
    if [[ $name == *.k3.* && -e ${golden%.npz}.k3.npz ]]; then
      golden=${golden%.npz}.k3.npz
    fi
    tessera import "$file" --check "$golden"
    expect_status 0
  done
  for file in "$TESSERA_SHARED"/data/qkeras/*.h5; do
    tessera import "$file" --check "${file%.h5}.npz" --level all
    expect_status 0
  done
}
