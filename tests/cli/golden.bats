#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# Whole answers, as text and as JSON, byte by byte. TESSERA_UPDATE_GOLDEN=1 ctest -R golden rewrites
# tests/golden/cli; review the difference as code.

load helpers

setup() {
  cases=$TESSERA_SOURCE/tests/fixtures/compat/cases
  # Paths stand in answers: everything happens in a folder of its own, by relative paths.
  cd "$BATS_TEST_TMPDIR"
  cp "$cases/015_inverted_residual_qdq_u8s4_pc/model.onnx" float.onnx
}

# same_as_golden NAME: stdout of the last command. The version of tessera is no part of it.
same_as_golden() {
  local golden=$TESSERA_SOURCE/tests/golden/cli/$1
  expect_status 0
  sed -i 's/^    "version": "[^"]*"$/    "version": "X.Y.Z"/' stdout
  if [[ -n ${TESSERA_UPDATE_GOLDEN:-} ]]; then
    mkdir -p "$(dirname "$golden")"
    cp stdout "$golden"
  fi
  diff -u "$golden" stdout
}

@test "inspect: a float model, its costs and cuts" {
  tessera inspect float.onnx --cuts --timeless
  same_as_golden inspect.txt
  tessera inspect float.onnx --cuts --timeless --json
  same_as_golden inspect.json
}

@test "inspect: quantized models, counting Q/DQ in three ways" {
  cp "$cases/012_residual_block_qdq_u8s8_as/ref.onnx" qdq.onnx
  for how in include exclude discount; do
    tessera inspect qdq.onnx --qdq $how --timeless
    same_as_golden "inspect_qdq_$how.txt"
  done
  cp "$cases/014_residual_block_qop_u8s8_pc_rr/ref.onnx" qoperator.onnx
  tessera inspect qoperator.onnx --timeless --json
  same_as_golden inspect_qoperator.json
}

# fixed_ranges MODEL: ranges of every tensor that are the same on every machine, in fixed.json.
# Measured ones are not: products and sums round differently on every instruction set.
fixed_ranges() {
  tessera calibrate "$1" --data random:2 --method minmax -o ranges.json --force
  expect_status 0
  jq '.result.tensors |= map_values({minmax: {min: -4, max: 4}})' ranges.json >fixed.json
}

# Types are given wherever the host's own would be chosen otherwise.
@test "quantize: static, per channel" {
  fixed_ranges float.onnx
  tessera quantize float.onnx --ranges fixed.json --activation u8 --weight s8 --per-channel \
    -o q.onnx --timeless
  same_as_golden quantize.txt
  tessera quantize float.onnx --ranges fixed.json --activation u8 --weight s8 --per-channel \
    -o q.onnx --force --timeless --json
  same_as_golden quantize.json
  tessera inspect q.onnx --timeless --json
  same_as_golden quantize_inspected.json
}

@test "quantize: a recipe of several schemes" {
  cat >recipe.json <<RECIPE
{"default": {"activation": "u8", "weight": "u8", "reduce_range": false},
 "rules": [{"match": "type:Relu", "scheme": "float32"},
           {"match": "no such operator", "scheme": {"mode": "dynamic", "activation": "u8"}}]}
RECIPE
  cp "$cases/012_residual_block_qdq_u8s8_as/model.onnx" residual.onnx
  fixed_ranges residual.onnx
  tessera quantize residual.onnx --ranges fixed.json --recipe recipe.json -o q.onnx --timeless --json
  same_as_golden quantize_recipe.json
}

# Only operators that round alike everywhere.
@test "calibrate: every method" {
  cp "$cases/030_pools_without_conv_qdq_u8s8_pc/model.onnx" pools.onnx
  tessera calibrate pools.onnx --data random:3 -o ranges.json --timeless
  same_as_golden calibrate.txt
  tessera calibrate pools.onnx --data random:3 -o ranges.json --force --timeless --json
  same_as_golden calibrate.json
}
