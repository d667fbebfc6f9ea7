#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# .tflite files: what is told about them, and what is refused.

load helpers

setup() {
  seeds=$TESSERA_SOURCE/fuzz/corpus/litert
  cd "$BATS_TEST_TMPDIR"
  cp "$seeds/float.tflite" "$seeds/int8.tflite" "$seeds/bodies.tflite" .
  cp "$seeds/archive.tflite" net.tflite
}

@test "litert: inspect tells what the file says and what it costs" {
  tessera inspect float.tflite
  expect_status 0
  expect_in "$stdout" "LiteRT, schema 3, runtime 1.5.0 or newer, signature serving_default"
  expect_in "$stdout" "CONV_2D"
  # 4x4x2 outputs of 2x3x3 weights each.
  expect_in "$stdout" "576 MACs"
  expect_in "$stderr" "assumed x 1x4x4x2, a batch of 1"
  tessera inspect float.tflite --json --cuts 1
  expect_status 0
  expect_equal "$(json '.result.format')" "litert"
  expect_equal "$(json '.result.macs')" "576"
  expect_equal "$(json '.result.unknown_macs')" "0"
  expect_equal "$(json '.result.signatures[0].inputs[0].tensor')" "x"
  expect_equal "$(json '.result.min_runtime_version')" "1.5.0"
  expect_equal "$(json '.result.cuts | length > 0')" "true"
  expect_equal "$(json '.model.sha256')" "$(sha256sum float.tflite | cut -d' ' -f1)"
  expect_equal "$(json '.model.format')" "litert"
}

@test "litert: every answer of inspect is what the schema says" {
  local file
  for file in "$seeds"/*.tflite; do
    tessera inspect "$file" --json --cuts
    expect_status 0
    validate inspect "$BATS_TEST_TMPDIR/stdout"
    tessera inspect "$file" --json --no-simplify
    expect_status 0
    validate inspect "$BATS_TEST_TMPDIR/stdout"
  done
}

@test "litert: inspect knows integer networks and bodies" {
  tessera inspect int8.tflite
  expect_status 0
  expect_in "$stdout" "1 QUANTIZE, 1 DEQUANTIZE, 1 integer operators with 100.0 % of the MACs"
  tessera inspect bodies.tflite
  expect_status 0
  expect_in "$stdout" "the first of 3 subgraphs"
  expect_in "$stdout" "and 3 in bodies"
}

@test "litert: extents are given by input, not by name" {
  tessera inspect float.tflite --shape x=1x4x4x2 --json
  expect_status 0
  expect_equal "$(json '.warnings | length')" "0"
  tessera inspect float.tflite --shape x=3x4x4x2 --json
  expect_status 0
  # What follows from another batch only the runtime could tell.
  expect_equal "$(json '.result.ops[0].outputs[0].shape == null')" "true"
  tessera inspect float.tflite --dim N=1
  expect_error 2 "no input has an extent 'N'"
  tessera inspect float.tflite --shape x=1x5x4x2
  expect_error 2 "is 4 in the model"
}

@test "litert: published networks" {
  local name
  for name in resnet8 vww; do
    needs_shared "models/mlperf_tiny_${name}_int8.tflite"
    tessera inspect "$TESSERA_SHARED/data/models/mlperf_tiny_${name}_fp32.tflite" --json
    expect_status 0
    expect_equal "$(json '.result.quantization.state')" "none"
    macs=$(json '.result.macs')
    tessera inspect "$TESSERA_SHARED/data/models/mlperf_tiny_${name}_int8.tflite" --json --cuts
    expect_status 0
    expect_equal "$(json '.result.quantization.state')" "qoperator"
    expect_equal "$(json '.result.quantization.int8_mac_share')" "1"
    expect_equal "$(json '.result.macs')" "$macs"
    expect_equal "$(json '.result.cuts | length > 10')" "true"
    validate inspect "$BATS_TEST_TMPDIR/stdout"
  done
}

@test "litert: damaged files are refused" {
  head -c 700 float.tflite >cut.tflite
  tessera inspect cut.tflite
  expect_error 3 "cut.tflite: the file is truncated or damaged"
  printf 'this is text, and more of it' >text.tflite
  tessera inspect text.tflite
  expect_error 3 "'TFL3' is missing"
  : >empty.tflite
  tessera inspect empty.tflite
  expect_error 3 "empty.tflite"
  tessera inspect none.tflite
  expect_error 3 "none.tflite"
}

needs_litert() {
  tessera doctor --json
  [[ $(json .result.litert) != null ]] || skip "NOT TESTED: no LiteRT; run scripts/setup"
}

@test "litert: calibrate, compare, bench and energy run the network" {
  needs_litert
  tessera calibrate net.tflite --data random:4 -o ranges.json
  expect_status 0
  expect_equal "$(jq -r '.context.runtime.name' ranges.json)" "litert"
  expect_equal "$(jq '.result.tensors | length' ranges.json)" "2"
  tessera compare net.tflite net.tflite --data random:2 --json
  expect_status 0
  expect_equal "$(json '.result.overall.max_abs')" "0"
  expect_equal "$(json '.warnings | length')" "0"
  tessera bench net.tflite --data random:2 --formats float32 --levels disabled,all --json
  expect_status 0
  expect_equal "$(json '[.result.rows[] | select(.status == "ok") | .opt_level] | sort | join(" ")')" "all disabled"
  tessera energy net.tflite --watts 15 --json
  expect_status 0
  expect_equal "$(json '.result.energy.source')" "constant-power"
}

@test "litert: a published network and its library" {
  needs_litert
  needs_shared models/mlperf_tiny_vww_fp32.tflite
  tessera calibrate "$TESSERA_SHARED/data/models/mlperf_tiny_vww_fp32.tflite" \
    --data "$TESSERA_SHARED/data/images" --preprocess unit --samples 4 -o ranges.json
  expect_status 0
  TESSERA_LITERT=/no/such/library tessera calibrate net.tflite --data random:2 -o other.json
  expect_error 4 "LiteRT"
  tessera bench net.tflite --data random:2 --provider openvino
  expect_error 4 "LiteRT has no provider 'openvino'"
  tessera calibrate net.tflite --data random:2 --runtime "$BATS_TEST_TMPDIR" -o other.json
  expect_error 4 "no libLiteRt.so in"
  [[ ! -e other.json ]]
}

# Whatever quantizes the network says in a sentence that it cannot yet.
@test "litert: what is not supported is refused, and nothing is left behind" {
  needs_litert
  local data=(--data random:2)
  mkdir work && cd work
  cp ../net.tflite .
  tessera quantize net.tflite --mode dynamic -o q.onnx
  expect_error 3 "is of a format that is not quantized yet"
  tessera quantize net.tflite "${data[@]}" -o q.onnx
  expect_error 3 "is of a format that is not quantized yet"
  tessera profile net.tflite "${data[@]}" -o profile.json
  expect_error 3 "is of a format that is not quantized yet"
  tessera error sweep net.tflite "${data[@]}" --layers all --subsets all -o sweep.jsonl
  expect_error 3 "is of a format that is not quantized yet"
  tessera optimize net.tflite "${data[@]}" -o out
  expect_error 3 "is of a format that is not quantized yet"
  expect_equal "$(ls)" "net.tflite"
  tessera bench net.tflite "${data[@]}" --formats qdq --json
  expect_in "$(json '.result.rows[].reason')" "is of a format that is not quantized yet"
}

@test "litert: a network by standard input" {
  needs_litert
  tessera calibrate - --data random:2 -o ranges.json <net.tflite
  expect_status 0
  expect_equal "$(jq -r '.context.runtime.name' ranges.json)" "litert"
  tessera inspect - --json <float.tflite
  expect_status 0
  expect_equal "$(json '.model.format')" "litert"
}
