#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# tessera profile on the example, most of it with budgets that are too small for good figures: what
# is said, written and refused. schema_slow.bats measures longer.

load helpers

setup_file() {
  # One measurement serves all that only look at what it said.
  cd "$BATS_FILE_TMPDIR"
  local status=0
  # shellcheck disable=SC2086 # an emulator comes with its own arguments
  ${TESSERA_EMULATOR:-} "$TESSERA" profile "${example[@]}" --budget 40 --plans 4 --curve \
    --schemes u8s8 --charts charts --trace trace.json -o profile.json --json >stdout 2>stderr || status=$?
  echo "$status" >status
  # shellcheck disable=SC2086
  ${TESSERA_EMULATOR:-} "$TESSERA" profile "${example[@]}" "${quick[@]}" --no-isolated \
    --shard 0/2 -o 0.json --json >shard 2>shard_stderr || status=$?
  echo "$status" >shard_status
}
network=$TESSERA_SOURCE/examples/01_textures/textures.onnx
example=("$network" --data "$TESSERA_SOURCE/examples/01_textures/calibration" --preprocess unit --samples 2)
quick=(--budget 0.5 --plans 4)
setup() {
  measured=$BATS_FILE_TMPDIR
  cd "$BATS_TEST_TMPDIR"
}
of_profile() { jq -e "$1" "$measured/profile.json" >/dev/null || { echo "not so: $1"; return 1; }; }

@test "the answer on stdout is the file, and nothing else is there" {
  cat "$measured/stderr"
  expect_equal "$(<"$measured/status")" 0
  expect_not_in "$(<"$measured/stderr")" "error: "
  cmp "$measured/stdout" "$measured/profile.json"
  validate profile "$measured/profile.json"
}

@test "every layer has its cost in both precisions" {
  of_profile '.schema == "tessera.profile/1"'
  of_profile '.result.layers | length > 1'
  of_profile '[.result.layers[].precisions.fp32.median_us] | all(type == "number")'
  of_profile '[.result.layers[] | select(.quantizable) | .precisions.int8.median_us] | length > 0 and all(type == "number")'
  of_profile '[.result.layers[] | select(.type == "Conv") | .macs] | length > 0 and all(. > 0)'
}

@test "conversions, whole models and the judgement of the prediction are there" {
  of_profile '.result.conversions | [.quantize_ns_per_element, .dequantize_ns_per_element] | all(. > 0)'
  of_profile '.result.whole.fp32.latency.median_us > 0 and .result.whole.int8.latency.median_us > 0'
  of_profile '.result.whole.fp32.speedup.median == 1'
  of_profile '.result.validation | .plans == (.points | length) and .plans > 0'
  of_profile '.result.validation | .median_abs_error >= 0 and .p95_abs_error >= .median_abs_error'
  of_profile '.result.roofline.fp32_gflops > 0 and .result.roofline.bandwidth_bytes_per_s > 0'
}

@test "--curve has every number of layers, from none" {
  # On a busy machine the budget may not suffice for all of them; then the profile says so.
  of_profile '[.result.curve[].k] | . == (sort | unique)'
  of_profile '[.result.curve[].k] == [range(.result.curve | length)] or (.result.cut_off | any(test("curve")))'
  of_profile '.result.curve[0].k == 0'
  of_profile '.result.curve[0].l2_per_element == 0 and .result.curve[-1].l2_per_element > 0'
}

@test "a budget that does not suffice is kept, and what it cut off is listed" {
  SECONDS=0
  tessera profile "${example[@]}" --budget 2 --curve --json
  expect_status 0
  [ "$SECONDS" -le 40 ]
  json '.result.cut_off | length > 0'
  json '.result.interrupted == false'
}

@test "--resume goes on with an interrupted profile of the same model, scheme and processor only" {
  tessera profile "${example[@]}" "${quick[@]}" --resume
  expect_error 2 "-o FILE.json"
  cp "$measured/profile.json" whole.json
  tessera profile "${example[@]}" "${quick[@]}" --resume -o whole.json
  expect_error 2 "is complete"
  expect_equal "$(<whole.json)" "$(<"$measured/profile.json")"
  jq '.result.interrupted = true | .result.traced_plans = []
      | .result.latency_model.rows = []' whole.json >stopped.json
  for change in '.model.sha256 = "0"' '.result.scheme = "other"' '.context.cpu = "other"'; do
    jq "$change" stopped.json >other.json
    tessera profile "${example[@]}" "${quick[@]}" --resume -o other.json
    expect_error 2 "other"
  done
  tessera profile "${example[@]}" "${quick[@]}" --resume -o stopped.json
  expect_status 0
  expect_equal "$(jq .result.interrupted stopped.json)" false
}

@test "--recipe fastest takes the schemes of the profile, and tells what it predicts and does" {
  tessera quantize "$network" --data "$TESSERA_SOURCE/examples/01_textures/calibration" --preprocess unit \
    --samples 2 --recipe fastest --profile "$measured/profile.json" -o mixed.onnx --json
  expect_status 0
  expect_not_in "$stderr" "scheme-differs"
  jq -e --slurpfile profile "$measured/profile.json" \
    '[.result.ops[] | select(.quantized) | .scheme] - [$profile[0].result.latency_model.schemes[].scheme] == []' stdout
  json '.result.fastest | .predicted_us > 0 and .measured.speedup > 0'

  validate quantize "$BATS_TEST_TMPDIR/stdout"
  tessera quantize "$network" --data "$TESSERA_SOURCE/examples/01_textures/calibration" --preprocess unit \
    --samples 2 --recipe fastest --profile "$measured/profile.json" --per-tensor -o other.onnx
  expect_status 0
  expect_in "$stderr" "scheme-differs"
  expect_in "$stdout" "predicted"
}

@test "--recipe fastest gives the layers of a further scheme that scheme" {
  # float16 comes by itself where the processor computes in it.
  of_profile '.result.further_schemes | map(select(.mode == "static")) | length == 1'
  of_profile '.result.latency_model.schemes | map(.scheme) | length >= 2 and .[0] != .[1]'
  jq '(first(.result.layers[] | select(.quantizable)).name) as $layer
    | .result.latency_model.schemes[1].scheme as $further
    | .result.fastest.float_layers -= [$layer]
    | .result.fastest.integer_layers += [$layer]
    | .result.fastest.further = {($layer): $further}' "$measured/profile.json" >profile.json
  tessera quantize "$network" --data "$TESSERA_SOURCE/examples/01_textures/calibration" --preprocess unit \
    --samples 2 --recipe fastest --profile profile.json -o mixed.onnx --json
  expect_status 0
  # Names of range methods stand in those of the profile's schemes.
  local further
  further=$(jq -r '.result.latency_model.schemes[1].scheme' profile.json)
  jq -e --arg further "$further" \
    '[.result.ops[] | select(.quantized and .scheme == $further)] | length > 0' stdout
}

@test "--charts writes pictures that parse" {
  local file count=0
  for file in "$measured"/charts/*.svg; do
    expect_in "$(<"$file")" "<svg"
    ! command -v xmllint >/dev/null || xmllint --noout --nonet "$file"
    count=$((count + 1))
  done
  [ "$count" -ge 3 ]
  [ -s "$measured/charts/layers.svg" ]
}

@test "--trace writes a timeline of both precisions" {
  jq -e '[.traceEvents[] | select(.ph == "X")] | length > 4 and all(.dur >= 0 and .ts >= 0)' \
    "$measured/trace.json"
  # A processor that computes in float16 has that as well.
  jq -e '[.traceEvents[] | select(.name == "thread_name") | .args.name] | contains(["fp32", "int8"])' \
    "$measured/trace.json"
}

@test "shards: one of two is refused, both are a profile" {
  cat "$measured/shard_stderr"
  expect_equal "$(<"$measured/shard_status")" 0
  cmp "$measured/shard" "$measured/0.json"
  validate profile-shard "$measured/0.json"
  tessera profile --merge "$measured/0.json" -o merged.json
  expect_error 2 "of 2 is missing"
  expect_missing merged.json
  tessera profile --merge "$measured/0.json" "$measured/0.json" -o merged.json
  expect_error 2 "twice"
  tessera profile "${example[@]}" "${quick[@]}" --no-isolated --shard 1/2 -o 1.json -q
  expect_status 0
  expect_equal "$stderr" ""
  expect_in "$stdout" "--merge"
  tessera profile --merge 1.json "$measured/0.json" -o merged.json
  expect_status 0
  validate profile merged.json
  expect_equal "$(jq -r .model.sha256 merged.json)" "$(jq -r .model.sha256 "$measured/0.json")"
  # Together they know every plan that either of them measured.
  expect_equal "$(jq .result.training_plans merged.json)" \
    "$(jq -s 'map(.result.evidence.plans | length) | add' 1.json "$measured/0.json")"
}

@test "--merge of a file that is no shard is an input error" {
  tessera profile --merge "$measured/profile.json" -o merged.json
  expect_status 3
  expect_in "$stderr" "'tessera.profile-shard/1' was expected"
  echo '{"a": ' >cut.json
  tessera profile --merge cut.json -o merged.json
  expect_status 3
  expect_in "$stderr" "cut.json"
  jq 'del(.result.evidence.units)' "$measured/0.json" >damaged.json
  tessera profile --merge damaged.json -o merged.json
  expect_status 3
  expect_in "$stderr" "damaged"
  tessera profile --merge none.json -o merged.json
  expect_status 3
  expect_equal "$stdout" ""
  expect_missing merged.json
}

@test "a missing model, data or output is a usage error" {
  tessera profile
  expect_error 2 "a model and --data are needed"
  tessera profile "$network"
  expect_error 2 "--data"
  tessera profile --data random:2
  expect_error 2 "model"
  tessera profile "$network" --data random:2 --shard 0/2
  expect_error 2 "need an output file"
  tessera profile --merge "$measured/0.json"
  expect_error 2 "need an output file"
}

@test "options that mean nothing are usage errors, before anything is measured" {
  tessera profile "$network" --data random:2 --schemes float
  expect_error 2 "'float' is not a pair of types"
  tessera profile "$network" --data random:2 --schemes u8x9
  expect_error 2 "u8x9"
  tessera profile "$network" --data random:2 --shard 5/2 -o shard.json
  expect_error 2 "'5/2' is out of range"
  tessera profile "$network" --data random:2 --shard half -o shard.json
  expect_error 2 "'half' is not INDEX/COUNT"
  tessera profile "$network" --data random:2 --budget 0
  expect_error 2 "--budget"
  tessera profile "$network" --data random:2 --plans 1
  expect_error 2 "--plans"
  tessera profile "$network" --data random:2 --method best
  expect_error 2 "best"
  tessera profile "$network" --data random:2 --method mse:3
  expect_error 2 "'mse:3'"
  tessera profile "$network" --data random:2 --activation u32
  expect_error 2 "u32"
  tessera profile none.onnx --data random:2
  expect_error 3 "none.onnx"
  expect_missing shard.json
}

@test "a file that is there is not replaced without --force" {
  echo mine >profile.json
  tessera profile "$network" --data random:2 -o profile.json
  expect_error 2 "profile.json"
  tessera profile --merge "$measured/0.json" "$measured/0.json" -o profile.json
  expect_error 2 "profile.json"
  expect_equal "$(<profile.json)" mine
}

@test "-o with .csv is a table; --require-stable says so by its exit code" {
  tessera profile "${example[@]}" "${quick[@]}" --no-isolated --require-stable -o layers.csv -q \
    --activation u8 --weight s8 --per-tensor --reduce-range --method percentile:99
  # Whether the machine is quiet enough is not ours to say; that both agree is.
  if [ "$status" -eq 0 ]; then
    expect_equal "$stderr" ""
  else
    expect_status 5
    expect_in "$stderr" "error: measured, but not stable"
    expect_in "$stderr" "hint: "
  fi
  expect_in "$stdout" "not faster"
  expect_in "$stdout" "qdq-u8s8-reduced-percentile"
  expect_in "$(head -n 1 layers.csv)" "name"
  expect_equal "$(tail -n +2 layers.csv | wc -l)" "$(jq '.result.layers | length' "$measured/profile.json")"
}
