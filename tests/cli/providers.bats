#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# What every machine can test of execution providers and processors. See providers_slow.bats for a
# real second provider.

load helpers

setup() {
  model=$TESSERA_SOURCE/examples/01_textures/textures.onnx
  quick=(--data "$TESSERA_SOURCE/examples/01_textures/test/0000.jpg" --preprocess unit
    --formats float32 --levels all --budget 0.2 -q)
}

@test "an absent provider is a runtime error that says what to install" {
  for provider in cuda tensorrt qnn; do
    tessera bench "$model" "${quick[@]}" --provider "$provider"
    expect_error 4 "execution provider '$provider' is not in ONNX Runtime"
    expect_in "$stderr" "package onnxruntime-"
    expect_in "$stderr" "--runtime"
  done
  tessera optimize "$model" --data "$TESSERA_SOURCE/examples/01_textures/test/0000.jpg" \
    --preprocess unit -q --provider cuda -o "$BATS_TEST_TMPDIR/out"
  expect_error 4 "execution provider 'cuda'"
  for command in calibrate quantize; do
    tessera "$command" "$TESSERA_SOURCE/examples/01_textures/textures.onnx" --data random:2 \
      --provider cuda -o "$BATS_TEST_TMPDIR/out"
    expect_error 4 "execution provider 'cuda'"
    expect_missing "$BATS_TEST_TMPDIR/out"
  done
  expect_missing "$BATS_TEST_TMPDIR/out"
}

@test "an absent provider beside a present one stops the bench before its work" {
  tessera bench "$model" "${quick[@]}" --provider cpu,tensorrt
  expect_error 4 "execution provider 'tensorrt'"
}

@test "malformed providers are usage errors" {
  tessera bench "$model" "${quick[@]}" --provider cpu:nonsense
  expect_error 2 "'nonsense' is not KEY=VALUE"
  tessera bench "$model" "${quick[@]}" --provider cpu,cpu
  expect_error 2 "provider 'cpu' is named twice"
  tessera bench "$model" "${quick[@]}" --provider cpu:a=b
  expect_error 2 "takes no options"
}

@test "rows and context name the provider and what opening took" {
  tessera bench "$model" "${quick[@]}" --json
  expect_status 0
  expect_equal "$(json .context.provider)" cpu
  expect_equal "$(json '.result.rows[0].provider')" cpu
  json '.result.rows[0] | .open_us > 0 and .first_run_us > 0 and .kernels.copies == 0'
  json '.context | has("cpus") | not'
}

@test "--cpus confines the process and stands in the context" {
  first=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*\([0-9]*\).*/\1/p' /proc/self/status)
  tessera bench "$model" "${quick[@]}" --cpus "$first" --json
  expect_status 0
  expect_equal "$(json .context.cpus)" "$first"
}

@test "a bad list of processors is a usage error" {
  for list in x 3-2 '' 1023; do
    tessera bench "$model" "${quick[@]}" --cpus "$list"
    expect_error 2 "--cpus"
  done
  tessera calibrate "$model" --data random:1 -o "$BATS_TEST_TMPDIR/r.json" --cpus 0-
  expect_error 2 "not a list of processors"
}

@test "doctor shows processors, NUMA nodes and energy counters" {
  tessera doctor --json
  expect_status 0
  json '.result.host.cpus | length > 0'
  json '.result.host | has("numa_nodes")'
  json '.result.energy | has("readable") and (.what | length > 0)'
  TESSERA_POWERCAP=$BATS_TEST_TMPDIR/none tessera doctor
  expect_in "$stdout" "no energy counters"
}

@test "doctor tries what LiteRT can do" {
  tessera doctor --json
  expect_status 0
  json '.result.litert_searched | length >= 3'
  [[ $(json .result.litert) != null ]] || skip "NOT TESTED: no LiteRT; run scripts/setup"
  json '.result.litert | .name == "litert" and .observer and (.version | startswith("2."))'
  json '[.result.litert.skills[] | select(.outcome == "right")] | length == 12'
  json '[.result.litert.arithmetic[] | select(.giga_per_s > 1 and .error == null)] | length == 4'
  validate doctor "$BATS_TEST_TMPDIR/stdout"
  library=$(json .result.litert.path)
  tessera doctor --runtime "$library" --json
  expect_status 0
  expect_equal "$(json .result.litert.path)" "$library"
  expect_equal "$(json .result.runtime.name)" onnxruntime
  tessera doctor
  expect_in "$stdout" "runtime    litert 2."
  expect_in "$stdout" "speed      float32 "
  expect_in "$stdout" "int16 activations (by built-in kernels)"
}

@test "without LiteRT only .tflite models are lost" {
  TESSERA_LITERT=/no/such/library tessera doctor --json
  expect_status 0
  expect_equal "$(json .result.litert)" null
  json '[.result.findings[] | select(.what | contains("no LiteRT"))] | length == 1'
  printf text >"$BATS_TEST_TMPDIR/libLiteRt.so"
  tessera doctor --runtime "$BATS_TEST_TMPDIR/libLiteRt.so"
  expect_status 4
  expect_in "$stdout" "serious: cannot use '$BATS_TEST_TMPDIR/libLiteRt.so'"
}

@test "doctor tries the provider that is asked for" {
  tessera doctor --json
  expect_status 0
  json '.result.probes | length == 5 and all(.[]; .ran_on == "cpu" and .error == null)'
  tessera doctor --provider cuda
  expect_status 4
  expect_in "$stdout" "execution provider 'cuda' is not in ONNX Runtime"
}

# The folder of the runtime that the program finds.
find_runtime() {
  tessera doctor --json
  runtime=$(dirname "$(json .result.runtime.path)")
}

@test "gpu-check runs every step and writes one JSON" {
  find_runtime
  run "$TESSERA_SOURCE/scripts/gpu-check" "$runtime" --provider cpu \
    --tessera "$TESSERA" --seconds 2 -o "$BATS_TEST_TMPDIR/gpu.json"
  expect_equal "$status" 0
  jq -e '[.steps[] | .exit_code] == [0, 0, 0, 0, 0]' "$BATS_TEST_TMPDIR/gpu.json"
  jq -e '[.steps[] | .step] == ["doctor", "bench", "profile", "error check", "optimize"]' \
    "$BATS_TEST_TMPDIR/gpu.json"
  jq -e 'all(.steps[]; .document.schema | startswith("tessera."))' "$BATS_TEST_TMPDIR/gpu.json"
}

@test "gpu-check notes what fails and goes on" {
  find_runtime
  run "$TESSERA_SOURCE/scripts/gpu-check" "$runtime" --provider cuda \
    --tessera "$TESSERA" --seconds 1 -o "$BATS_TEST_TMPDIR/gpu.json"
  expect_equal "$status" 1
  jq -e '.steps | length == 5 and all(.[]; .exit_code == 4)' "$BATS_TEST_TMPDIR/gpu.json"
  jq -e '.steps[1].stderr | contains("package onnxruntime-gpu")' "$BATS_TEST_TMPDIR/gpu.json"
  for arguments in "" "/no/such" "$BATS_TEST_TMPDIR --seconds x" "$BATS_TEST_TMPDIR --model x"; do
    # shellcheck disable=SC2086
    run "$TESSERA_SOURCE/scripts/gpu-check" $arguments --tessera "$TESSERA"
    expect_equal "$status" 2
  done
}
