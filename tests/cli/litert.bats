#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# .tflite files: what is told about them, and what is refused.

load helpers

setup() {
  seeds=$TESSERA_SOURCE/fuzz/corpus/litert
  cd "$BATS_TEST_TMPDIR"
  cp "$seeds/float.tflite" "$seeds/int8.tflite" "$seeds/bodies.tflite" \
    "$seeds/small.tflite" .
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
  expect_equal "$(json .result.opt_level)" "all"
  tessera energy net.tflite --watts 15 --level disabled --json
  expect_status 0
  expect_equal "$(json .result.opt_level)" "disabled"
  expect_equal "$(json '[.result.layers[].provider] | unique | join(" ")')" "cpu"
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

@test "litert: quantize writes each form, and compare finds it close" {
  needs_litert
  local data=(--data random:4)
  tessera quantize small.tflite "${data[@]}" -o static.tflite
  expect_status 0
  expect_in "$stdout" "5 of 6 operators quantized"
  tessera inspect static.tflite --json
  expect_equal "$(json '[.result.ops[].type] | join(" ")')" "QUANTIZE CONV_2D DEPTHWISE_CONV_2D ADD RESHAPE FULLY_CONNECTED DEQUANTIZE SOFTMAX"
  expect_equal "$(json .result.inputs[0].dtype)" "float32"
  tessera compare small.tflite static.tflite "${data[@]}" --json
  expect_status 0
  expect_equal "$(json '.result.overall.sqnr_db > 25')" "true"
  tessera quantize small.tflite "${data[@]}" -o int8.tflite --force --io int8
  expect_status 0
  tessera inspect int8.tflite --json
  expect_equal "$(json '[.result.ops[].type] | join(" ")')" "CONV_2D DEPTHWISE_CONV_2D ADD RESHAPE FULLY_CONNECTED SOFTMAX"
  expect_equal "$(json .result.inputs[0].dtype)" "int8"
  tessera quantize small.tflite "${data[@]}" -o auto.tflite --fully-connected auto
  expect_status 0
  tessera quantize small.tflite "${data[@]}" -o channel.tflite --fully-connected channel
  expect_status 0
  cmp auto.tflite channel.tflite
  expect_equal "$(cmp -s static.tflite channel.tflite || echo differ)" "differ"
  local mode
  for mode in weight-only float16; do
    tessera quantize small.tflite --mode "$mode" -o "$mode.tflite"
    expect_status 0
    tessera compare small.tflite "$mode.tflite" "${data[@]}" --json
    expect_status 0
    expect_equal "$(json '.result.overall.sqnr_db > 30')" "true"
  done
  tessera quantize small.tflite --mode dynamic -o dynamic.tflite
  expect_status 0
  expect_in "$stdout" "1 of 3 operators quantized"
  expect_in "$stdout" "it has 432 weights"
  tessera quantize small.tflite --mode dynamic -o none.tflite --strict --exclude p
  expect_status 1
  expect_missing none.tflite
}

@test "litert: the document of quantize is what the schema says" {
  needs_litert
  tessera quantize small.tflite --data random:4 -o q.tflite --json
  expect_status 0
  validate quantize "$BATS_TEST_TMPDIR/stdout"
  expect_equal "$(json .result.opset)" "null"
  expect_equal "$(json '.result.ops[0].quantized')" "true"
  expect_equal "$(json '.result.quantize_nodes')" "1"
}

@test "litert: the same bytes with any number of threads" {
  needs_litert
  tessera quantize small.tflite --data random:4 -o one.tflite --threads 1
  expect_status 0
  tessera quantize small.tflite --data random:4 -o two.tflite --threads 2
  expect_status 0
  cmp one.tflite two.tflite
}

@test "litert: what the format does not have is refused before the work" {
  needs_litert
  mkdir work && cd work
  cp ../small.tflite .
  local data=(--data random:2)
  tessera quantize small.tflite "${data[@]}" -o q.onnx
  expect_error 2 "its ending is '.onnx'"
  tessera quantize small.tflite "${data[@]}" -o q.tflite --activation u8
  expect_error 2 "s8 or s16 activations, not u8"
  tessera quantize small.tflite "${data[@]}" -o q.tflite --format qoperator
  expect_error 2 "no format 'qoperator'"
  tessera quantize small.tflite "${data[@]}" -o q.tflite --mode weight-only --block-size 32
  expect_error 2 "no blocks"
  tessera quantize small.tflite "${data[@]}" -o q.tflite --opset 13
  expect_error 2 "no opset"
  local refused
  for refused in --equalize --refine-scales "--rounding descent" "--refine fast --rounding adaptive"; do
    # shellcheck disable=SC2086
    tessera quantize small.tflite "${data[@]}" -o q.tflite $refused
    expect_error 3 "--bias-correction and --method output work on .tflite files"
  done
  tessera quantize small.tflite -o q.tflite
  expect_error 2 "needs the ranges"
  expect_equal "$(ls)" "small.tflite"
}

@test "litert: mean errors are taken off the biases, and the answer says what that did" {
  needs_litert
  local data=(--data random:24)
  tessera quantize small.tflite "${data[@]}" -o q.tflite --bias-correction --json
  expect_status 0
  validate quantize "$BATS_TEST_TMPDIR/stdout"
  expect_equal "$(json '[.result.refinement.report.steps[].name] | join(" ")')" "bias-correction"
  expect_equal "$(json '.result.refinement.report | .samples, .error_samples')" $'24\n8'
  expect_equal "$(json '.result.refinement.report.steps | all((.kept | not) or .after_db > .before_db)')" \
    "true"
  tessera quantize small.tflite "${data[@]}" -o two.tflite --bias-correction --threads 2
  expect_status 0
  cmp q.tflite two.tflite
}

@test "litert: a preset does the steps that the format has, and says which it has not" {
  needs_litert
  local data=(--data random:24)
  tessera quantize small.tflite "${data[@]}" -o fast.tflite --refine fast --json
  expect_status 0
  expect_in "$stderr" "refined-in-part"
  expect_in "$stderr" "no equalization, no rounding of weights"
  expect_equal "$(json '[.result.refinement.report.steps[].name] | join(" ")')" "bias-correction"
  expect_equal "$(json .result.refinement.options.equalize)" "false"
  tessera quantize small.tflite "${data[@]}" -o full.tflite --refine full --refine-effort 1 --json
  expect_status 0
  expect_equal "$(json '[.result.refinement.report.steps[] | .branch + " " + .name] | join(", ")')" \
    "fast bias-correction, full ranges-by-output, full bias-correction"
  tessera quantize small.tflite "${data[@]}" -o output.tflite --method output --json
  expect_status 0
  expect_not_in "$stderr" "refined-in-part"
  expect_equal "$(json '[.result.refinement.report.steps[].name] | join(" ")')" "ranges-by-output"
  tessera quantize small.tflite "${data[@]}" -o auto.tflite --json
  expect_status 0
  expect_equal "$(json '.result.refinement')" "null"
}

@test "litert: bench goes through the forms of the format" {
  needs_litert
  tessera bench small.tflite --data random:4 --budget 5 --json
  expect_status 0
  validate bench "$BATS_TEST_TMPDIR/stdout"
  local names
  names=$(json '[.result.rows[] | select(.status == "ok") | .name + " " + .opt_level] | join(", ")')
  expect_in "$names" "float16 all"
  expect_in "$names" "qdq-s8s8-channel disabled"
  expect_in "$names" "qdq-s16s8-channel all"
  expect_not_in "$names" "u8"
}

@test "litert: bench says beside each row why it is as fast as it is" {
  needs_litert
  tessera bench small.tflite --data random:4 --budget 5 -o bench.json --json
  expect_status 0
  validate bench "$BATS_TEST_TMPDIR/stdout"
  expect_equal "$(json '[.result.rows[] | select(.why == null) | .name + " " + .opt_level] | join(", ")')" \
    "float32 all"
  local whole
  whole=$(json '.result.rows[] | select(.name == "qdq-s8s8-channel" and .opt_level == "disabled") | .why')
  expect_in "$whole" "x float32 at level disabled: "
  expect_in "$whole" "integer kernels take "
  expect_in "$(json '.result.rows[] | select(.name == "float32" and .opt_level == "disabled") | .why')" \
    "xnnpack runs 0 of "
  tessera bench small.tflite --data random:4 --budget 5 --formats float32,qdq --levels disabled
  expect_status 0
  expect_in "$stdout" "why:"
  expect_in "$stdout" "[disabled] qdq-s8s8-channel: "
  tessera bench small.tflite --data random:4 --budget 5 --formats float32,qdq --levels disabled --format csv
  expect_in "$stdout" ",why"
  expect_in "$stdout" "integer kernels take"
}

@test "litert: published networks are quantized, by operator" {
  needs_litert
  needs_shared models/mlperf_tiny_resnet8_fp32.tflite
  local net=$TESSERA_SHARED/data/models/mlperf_tiny_resnet8_fp32.tflite
  local data=(--data "$TESSERA_SHARED/data/images" --preprocess raw255 --samples 40)
  tessera quantize "$net" "${data[@]}" -o all.tflite --everywhere --json
  expect_status 0
  expect_equal "$(json '.result.quantized_ops')" "16"
  tessera quantize "$net" "${data[@]}" -o mixed.tflite --exclude type:ADD --exclude type:FULLY_CONNECTED
  expect_status 0
  tessera inspect mixed.tflite --json
  expect_equal "$(json '[.result.ops[] | select(.type == "ADD") | .outputs[0].dtype] | unique | join(" ")')" "float32"
  local file
  for file in all mixed; do
    tessera compare "$net" "$file.tflite" "${data[@]}" --json
    expect_status 0
    expect_equal "$(json '.result.overall.sqnr_db > 14')" "true"
  done
}

@test "litert: profile tells layers of either kernel set apart" {
  needs_litert
  mkdir work && cd work
  cp ../small.tflite .
  local level
  for level in all disabled; do
    tessera profile small.tflite --data random:4 --plans 4 --budget 4 --level "$level" -o "$level.json" --json
    expect_status 0
    expect_equal "$(json .result.opt_level)" "$level"
    expect_equal "$(json '[.result.layers[] | select(.macs > 0) | .precisions.fp32.median_us > 0] | all')" "true"
  done
  expect_equal "$(jq '[.result.layers[].precisions.fp32.fused] | any' all.json)" "true"
  expect_equal "$(jq '[.result.layers[].precisions.fp32.fused] | any' disabled.json)" "false"
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

# The network of tests/support/two_formats.h: 3 channels of 6 x 8, as ONNX and .tflite, and on int8.
formats() {
  needs_litert
  cp "$TESSERA_SOURCE"/tests/fixtures/formats/* .
}

@test "litert: integer inputs and outputs are real numbers to every command" {
  formats
  tessera calibrate two_int8.tflite --data random:4 -o ranges.json
  expect_status 0
  tessera compare two.tflite two_int8.tflite --data random:8 --json
  expect_status 0
  validate compare "$BATS_TEST_TMPDIR/stdout"
  # Rounded to 8 bits, and no further: read as integers they would be orders of magnitude apart.
  expect_equal "$(json '.result.overall.sqnr_db | . > 25 and . < 45')" "true"
  expect_equal "$(json '.result.tensors | length')" "2"
  tessera compare two_int8.tflite two_int8.tflite --data random:3 --json
  expect_status 0
  expect_equal "$(json '.result.overall.max_abs')" "0"
  tessera bench two_int8.tflite --data random:2 --formats float32 --levels disabled,all --json
  expect_status 0
  expect_equal "$(json '[.result.rows[] | select(.status == "ok")] | length')" "2"
  tessera energy two_int8.tflite --data random:2 --watts 15 --json
  expect_status 0
  expect_equal "$(json '.result.energy.source')" "constant-power"
}

@test "litert: an array of the input's integers is quantized already" {
  formats
  python3 - <<'PYTHON'
import struct
def npy(path, dtype, data):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (1, 6, 8, 3), }" % dtype
    head += " " * (63 - (len(head) + 10) % 64) + "\n"
    open(path, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data)
integers = [i % 200 - 100 for i in range(144)]
npy("integers.npy", "|i1", struct.pack("144b", *integers))
npy("real.npy", "<f4", struct.pack("<144f", *[(q + 3) * 0.03125 for q in integers]))
PYTHON
  local data
  for data in integers real; do
    tessera compare two_int8.tflite two.tflite --data "$data.npy" --json
    expect_status 0
    json '.result.overall' >"$data.json"
  done
  expect_equal "$(<integers.json)" "$(<real.json)"
  # To a float input the same integers are numbers.
  tessera compare two.tflite two_int8.tflite --data integers.npy --json
  expect_status 0
  expect_equal "$(json '.result.overall.sqnr_db < 10')" "true"
}

@test "litert: the same network in two formats" {
  formats
  tessera compare two.onnx two.tflite --data random:4 --json
  expect_status 0
  validate compare "$BATS_TEST_TMPDIR/stdout"
  expect_equal "$(json '.result.overall.sqnr_db > 100')" "true"
  expect_equal "$(json '.result.outputs[0].name')" "y"
  expect_equal "$(json '.result.tensors | length')" "0"
  tessera compare two.tflite two.onnx --data random:4 --json
  expect_status 0
  expect_equal "$(json '.result.overall.sqnr_db > 100')" "true"
  tessera compare two.onnx "$seeds/float.tflite" --data random:4
  expect_error 2 "no input of the candidate corresponds to 'x' [1,3,6,8]"
}

@test "litert: the loss of conversion apart from that of quantization" {
  formats
  tessera compare two.onnx two_int8.tflite --via two.tflite --data random:4 --json
  expect_status 0
  validate compare "$BATS_TEST_TMPDIR/stdout"
  expect_equal "$(json '.result.conversion.overall.sqnr_db > 100')" "true"
  expect_equal "$(json '.result.quantization.overall.sqnr_db < 45')" "true"
  expect_equal "$(json '.result.via_model')" "two.tflite"
  expect_equal "$(json '.result.tensors | length')" "2"
  tessera compare two.onnx two_int8.tflite --via two.tflite --data random:4
  expect_status 0
  expect_in "$stdout" "conversion"
}

@test "litert: kernels are compared operator by operator" {
  formats
  tessera compare two_int8.tflite --kernels builtin,xnnpack --data random:4 --json
  expect_status 0
  validate kernels "$BATS_TEST_TMPDIR/stdout"
  expect_equal "$(json '.result.kernels.operators | length')" "2"
  expect_equal "$(json '[.result.kernels.operators[] | .ran_on] | unique | join(" ")')" "xnnpack"
  expect_equal "$(json '[.result.kernels.operators[].alone.max_lsb] | max <= 1')" "true"
  expect_equal "$(json '[.result.kernels.operators[].alone.elements] | join(" ")')" "768 384"
  tessera compare two.tflite two_int8.tflite --kernels xnnpack,builtin --data random:4 --json
  expect_status 0
  validate compare "$BATS_TEST_TMPDIR/stdout"
  expect_equal "$(json '.result.kernels.sets | join(" ")')" "xnnpack builtin"
  tessera compare two_int8.tflite --kernels builtin,xnnpack --data random:2
  expect_status 0
  expect_in "$stdout" "2 of 2 operators compared by themselves"
  tessera compare two_int8.tflite --kernels builtin --data random:2
  expect_error 2 "at least two different sets"
  tessera compare two_int8.tflite --kernels builtin,delegate --data random:2
  expect_error 2 "which one is not said"
  tessera compare two_int8.tflite --kernels builtin,xnnpack --gate 'sqnr_db>=1' --data random:2
  expect_error 2 "one is given"
  tessera compare two.onnx --kernels builtin,xnnpack --data random:2
  expect_error 2 "is no .tflite file"
  tessera compare two.onnx --data random:2
  expect_error 2 "compare needs a candidate"
}

@test "litert: a delegate is a library, and is named as such" {
  formats
  local delegate
  delegate=$(dirname "$TESSERA")/tests/noting_delegate.so
  [[ -e $delegate ]] || skip "no $delegate"
  tessera compare two.onnx two.onnx --data random:2 --delegate "$delegate"
  expect_error 2 "--delegate is for .tflite models, which this command has none of"
  tessera compare two.onnx two.tflite --data random:2 --delegate "$delegate"
  expect_error 2 "one of another format besides"
  tessera bench two.tflite --data random:2 --delegate "$delegate"
  expect_error 4 "LiteRT takes no delegate from a library"
  expect_in "$stderr" "scripts/setup tflite"
  tessera bench two.tflite --data random:2 --delegate "$delegate" --provider cpu
  expect_status 2
  expect_in "$stderr" "--provider"

  local tflite=${TESSERA_CACHE:-$HOME/.cache/tessera}/tflite-2.9.0/lib/libtensorflowlite_c.so
  [[ -e $tflite ]] || skip "NOT TESTED: no TFLite C library; run scripts/setup tflite"
  cp "$delegate" mine.so
  # It takes a scale per channel for fully connected layers, and computes garbage.
  tessera quantize two.tflite --data random:2 -o channel.tflite --runtime "$tflite" --fully-connected channel
  expect_error 1 "with a scale per channel wrongly"
  expect_missing channel.tflite
  tessera quantize two.tflite --data random:2 -o auto.tflite --runtime "$tflite" --fully-connected auto
  expect_status 0
  tessera compare two.tflite two_int8.tflite --data random:2 --runtime "$tflite" --delegate mine.so:a=1:b=2 --json
  expect_status 0
  expect_equal "$(json '.context.provider')" "./mine.so:a=1:b=2"
  expect_equal "$(json '.context.runtime.name')" "tflite"
  tessera compare two_int8.tflite --kernels builtin,delegate --data random:2 --runtime "$tflite" \
    --delegate ./mine.so --json
  expect_status 0
  # It takes no operator: the built-in kernels are left to do the work.
  expect_equal "$(json '[.result.kernels.operators[].ran_on] | unique | join(" ")')" "cpu"
  expect_equal "$(json '[.result.kernels.operators[].alone.differing] | max')" "0"
  tessera bench two.tflite --data random:2 --runtime "$tflite" --formats float32 --delegate mine.so --json
  expect_status 0
  tessera bench two.tflite --data random:2 --runtime "$tflite" --delegate none.so
  expect_error 3 "no library of a delegate at './none.so'"
  cp "$tflite" other.so
  tessera bench two.tflite --data random:2 --runtime "$tflite" --delegate other.so
  expect_error 4 "is no library of a delegate"
  tessera bench two.tflite --data random:2 --runtime "$tflite" --delegate "mine.so:fail=no such device"
  expect_error 4 "no such device"
}

@test "litert: published float and int8 networks, over photos" {
  needs_litert
  needs_shared models/mlperf_tiny_vww_int8.tflite
  needs_shared images
  local models=$TESSERA_SHARED/data/models/mlperf_tiny
  local data=(--data "$TESSERA_SHARED/data/images" --samples 100 --outputs-only --json)
  # The scale of the int8 input says what both were trained with.
  tessera compare "${models}_resnet8_fp32.tflite" "${models}_resnet8_int8.tflite" "${data[@]}"
  expect_status 0
  expect_equal "$(json '.result.data.preprocess.name')" "raw255"
  expect_equal "$(json '[.warnings[].id] | join(" ")')" "guessed-preprocess"
  expect_equal "$(json '.result.overall.sqnr_db | . > 14 and . < 19')" "true"
  expect_equal "$(json '.result.top1.agreement > 80')" "true"
  tessera compare "${models}_vww_fp32.tflite" "${models}_vww_int8.tflite" --preprocess unit "${data[@]}"
  expect_status 0
  expect_equal "$(json '.result.overall.sqnr_db | . > 25 and . < 30')" "true"
  tessera calibrate "${models}_resnet8_int8.tflite" --data "$TESSERA_SHARED/data/images" --samples 2 -o r.json
  expect_status 0
  expect_equal "$(jq -r '.result.data.preprocess.name' r.json)" "raw255"
}
