#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0

load helpers

setup() {
  float=$TESSERA_SOURCE/tests/fixtures/compat/cases/026_concat_branches_qop_u8s8/model.onnx
  out=$BATS_TEST_TMPDIR/sweep.jsonl
}

sweep() { tessera error sweep "$float" --data random:2 --layers all "$@"; }

@test "error sweep writes a header and a line for every subset" {
  sweep --subsets one-in --subsets all -o "$out" --json
  expect_status 0
  layers=$(json '.result.layers | length')
  expect_equal "$(json .schema)" "tessera.error-sweep/1"
  expect_equal "$(head -1 "$out" | jq -r .schema)" "tessera.error-sweep/1"
  expect_equal "$(tail -n +2 "$out" | wc -l)" "$((layers + 1))"
  tail -n +2 "$out" | jq -e '(.layers | length) > 0 and .error > 0 and .images == 2' >/dev/null
  expect_missing "$out.part"
}

@test "the scheme's options are those of quantize" {
  sweep --subsets all --format qoperator --activation u8 --weight u8 --per-channel --reduce-range \
    --activation-symmetric --weight-symmetric off --method percentile:99.9 -o "$out" --json
  expect_status 0
  expect_equal "$(json '.result.layers[0].scheme')" \
    qoperator-u8u8-channel-reduced-symmetric-wasym-percentile
  tessera error check "$float" --data random:2 --layers all --plans 2 --format qoperator --json
  expect_status 0
  json '.result.engine.median_deviation < 0.02' >/dev/null
  sweep --mode weight-only --block-size 17 -o "$out" --force
  expect_error 2 "block size 17"
  sweep --method output -o "$out" --force
  expect_error 2 "'output'"
}

@test "the same command gives the same file; shards merge into it" {
  sweep --subsets random:7 --timeless -o "$out"
  expect_status 0
  for i in 0 1; do
    sweep --subsets random:7 --timeless --shard "$i/2" -o "$BATS_TEST_TMPDIR/$i"
    expect_status 0
  done
  tessera error merge "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/0" -o "$BATS_TEST_TMPDIR/merged"
  expect_status 0
  cmp "$out" "$BATS_TEST_TMPDIR/merged"
}

@test "an output that exists is not replaced without --force" {
  sweep --subsets all -o "$out"
  sweep --subsets all -o "$out"
  expect_error 2 "exists"
  sweep --subsets all -o "$out" --force
  expect_status 0
}

@test "resuming with another model is refused" {
  sweep --subsets all -o "$out"
  other=$TESSERA_SOURCE/tests/fixtures/compat/cases/004_conv_clip_qdq_s8s8/model.onnx
  tessera error sweep "$other" --data random:2 --layers all --subsets all -o "$out" --resume
  expect_error 2 "another model"
}

@test "a layer that is not there or cannot be quantized is a usage error" {
  tessera error sweep "$float" --data random:2 --layers nowhere -o "$out"
  expect_error 2 "nowhere"
  tessera error sweep "$float" --data random:2 --layers Concat_3 --subsets all -o "$out"
  expect_error 2 "'Concat_3' cannot be quantized by itself"
}

@test "a metric command that dies is told with its exit code" {
  sweep --subsets all --metric-command 'exit 3' -o "$out"
  expect_error 4 "exit code 3"
}

@test "error check compares with built models" {
  tessera error check "$float" --data random:2 --layers all --plans 3 --json
  expect_status 0
  expect_equal "$(json '.result.plans | length')" 3
  json '.result.engine.median_deviation < 0.02' >/dev/null
}

@test "error tail says which layers to leave in float, and quantize takes its recipe" {
  tessera error tail "$float" --data random:3 --max-float 50 --max-loss 60 -o "$out.json" --json
  expect_status 0
  expect_equal "$(json .schema)" "tessera.error-tail/1"
  json '.result.steps | length == 1'
  json '.result | .steps[0].sqnr_db > .sqnr_db and .slowdown > 0'
  json '.result | .slowdown_low <= .slowdown and .slowdown <= .slowdown_high'
  layer=$(json '.result.steps[0].layer')
  tessera quantize "$float" --data random:3 --recipe "$out.json" -o "$BATS_TEST_TMPDIR/q.onnx" --json
  expect_status 0
  json ".result.ops[] | select(.name == \"$layer\") | .quantized | not"
  json '[.result.ops[] | select(.quantized)] | length > 0'
}

@test "error bits lowers widths, and quantize takes its recipe" {
  tessera error bits "$float" --data random:3 --weight-bits 8,4 --activation-bits 8,4 --timeless \
    -o "$out.json" --qkeras "$out.qkeras.json" --json
  expect_status 0
  expect_equal "$(json .schema)" "tessera.error-bits/1"
  json '.result | (.steps | length) == (.layers | length) and .cost_unit == "pJ"'
  json '.result | [.steps[].cost] == ([.steps[].cost] | sort | reverse) and .steps[-1].cost < .cost'
  expect_equal "$(jq -S .result.quantizer_config <<<"$stdout")" "$(jq -S . "$out.qkeras.json")"
  first=$stdout
  tessera error bits "$float" --data random:3 --weight-bits 8,4 --activation-bits 8,4 --timeless \
    -o "$out.json" --qkeras "$out.qkeras.json" --force --json
  expect_equal "$(jq -S .result <<<"$stdout")" "$(jq -S .result <<<"$first")"
  tessera quantize "$float" --data random:3 --recipe "$out.json" -o "$BATS_TEST_TMPDIR/q.onnx" --json
  expect_status 0
  json '[.result.ops[] | select(.quantized)] | length > 0'
}

@test "error bits writes two files, not one over the other" {
  bits() { tessera error bits "$float" --data random:2 --weight-bits 8 --activation-bits 8 "$@"; }
  bits -o "$out.json" --qkeras "$BATS_TEST_TMPDIR/./sweep.jsonl.json" --force
  expect_error 2 "-o and --qkeras are both"
  expect_missing "$out.json"
}

@test "error bits keeps a limit and says where it cannot" {
  tessera error bits "$float" --data random:2 --min-sqnr-db 20 --cost bits --json
  expect_status 0
  json '.result | .chosen_sqnr_db >= 20 and .cost_unit == "bits" and ([.steps[].sqnr_db] | min) >= 20'
  tessera error bits "$float" --data random:2 --min-sqnr-db 200
  expect_status 1
  expect_in "$stderr" "200.0 needed"
  tessera error bits "$float" --data random:2 --weight-bits 9
  expect_error 2 "9 bits for weights"
  tessera error bits "$float" --data random:2 --weight-bits 4 --activation-bits 8
  expect_status 0
  expect_in "$stdout" "an estimate of accuracy"
}

@test "error tail without success says so, and two runs say the same" {
  leave() { tessera error tail "$float" --data random:3 --max-float 50 "$@"; }
  leave --timeless --json
  expect_status 0
  json '.result | has("slowdown") | not'
  first=$stdout
  leave --timeless --json
  expect_equal "$stdout" "$first"
  leave --min-sqnr-db 200
  expect_status 1
  expect_in "$stderr" "200.0 needed"
  leave --min-sqnr-db 1
  expect_status 0
  expect_in "$stdout" "0 of 4 layers in float"
  leave --max-loss 700
  expect_error 2 "no share"
  leave --profile "$float"
  expect_error 3 "JSON"
}

@test "layers in further schemes are entries of their own, one of each layer in a subset" {
  sweep --per-channel --schemes u8s8,dynamic --subsets random:1000 -o "$out" --json
  expect_status 0
  json '[.result.layers[] | select(has("op")) | .op] == ["Conv_0", "Conv_0", "Conv_4", "Conv_4"]'
  json '[.result.layers[] | .name == if has("op") then .op + "@" + .scheme else .name end] | all'
  json '.result.layers[2].name == "Conv_0@dynamic-u8s8-channel"'
  json '[.result.layers[].noise_power] | unique | length == 6 and .[0] > 0'
  json '.result.subsets == 15'
  tail -n +2 "$out" | jq -se 'map(.layers | map(split("@")[0]) | length == (unique | length)) | all'
  tessera error check "$float" --data random:2 --layers all --plans 15 --per-channel \
    --schemes u8s8,dynamic --json
  expect_status 0
  json '(.result.layers | length) == 6 and (.result.plans | length) == 15'
  json '.result.engine.worst_deviation < 0.02'
}

@test "a scheme that a layer is in already adds nothing, and shards of several merge" {
  sweep --schemes u8s8 --activation u8 --weight s8 --subsets one-in -o "$out" --json
  expect_status 0
  json '[.result.layers[] | has("op")] | any | not'
  sweep --per-channel --schemes u8s8 --subsets random:7 --timeless -o "$out" --force
  expect_status 0
  for i in 0 1; do
    sweep --per-channel --schemes u8s8 --subsets random:7 --timeless --shard "$i/2" \
      -o "$BATS_TEST_TMPDIR/$i"
    expect_status 0
  done
  tessera error merge "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/0" -o "$BATS_TEST_TMPDIR/merged"
  cmp "$out" "$BATS_TEST_TMPDIR/merged"
  sweep --per-channel --schemes dynamic --subsets random:7 --timeless --resume -o "$out"
  expect_error 2 "set of layers"
}

@test "a scheme that a layer does not take is left out, the others go on" {
  # Of a Concat there is no dynamic form.
  tessera error sweep "$float" --data random:2 --layers Conv_0,Concat_3 --mode float16 \
    --schemes dynamic --subsets all -o "$out" --json
  expect_status 0
  expect_in "$stderr" "'Concat_3' is not switched to dynamic-u8s8"
  json '[.result.layers[].name] == ["Conv_0", "Conv_0@dynamic-u8s8", "Concat_3"]'
  sweep --schemes u8x9 --subsets all -o "$out" --force
  expect_error 2 "x9"
  sweep --schemes float --subsets all -o "$out" --force
  expect_error 2 "'float' is not a pair of types"
}

@test "a list that names two schemes of a layer is refused" {
  echo 'Conv_0,Conv_0@qdq-u8s8' >"$BATS_TEST_TMPDIR/list"
  sweep --per-channel --schemes u8s8 --subsets "list:$BATS_TEST_TMPDIR/list" -o "$out"
  expect_error 2 "list:1: 'Conv_0' and 'Conv_0@qdq-u8s8' are one operator in two schemes"
}

@test "Ctrl-C in the middle of a sweep: exit code 130 and no file" {
  tessera calibrate "$float" --data random:2 -o "$BATS_TEST_TMPDIR/ranges.json"
  long=(error sweep "$float" --data random:1000000 --layers all --subsets all
    --ranges "$BATS_TEST_TMPDIR/ranges.json" -o "$out")
  wait=1
  [ -z "${TESSERA_EMULATOR:-}" ] || wait=30
  status=0
  # One signal to the program alone: a second one would end it at once.
  # shellcheck disable=SC2086 # an emulator comes with its own arguments
  timeout --foreground --preserve-status -k 60 -s INT "$wait" \
    ${TESSERA_EMULATOR:-} "$TESSERA" "${long[@]}" \
    >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" || status=$?
  stderr=$(<"$BATS_TEST_TMPDIR/stderr")
  expect_status 130
  expect_equal "$(<"$BATS_TEST_TMPDIR/stdout")" ""
  expect_in "$stderr" "error: interrupted"
  expect_missing "$out"
}
