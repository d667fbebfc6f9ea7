#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0

load helpers

setup() {
  model=$TESSERA_SOURCE/examples/01_textures/textures.onnx
  export TESSERA_POWERCAP=$BATS_TEST_TMPDIR/powercap
}

# A package that draws power as long as the test runs.
counters() {
  mkdir -p "$TESSERA_POWERCAP/intel-rapl:0"
  echo package-0 >"$TESSERA_POWERCAP/intel-rapl:0/name"
  echo 262143328850 >"$TESSERA_POWERCAP/intel-rapl:0/max_energy_range_uj"
  echo 0 >"$TESSERA_POWERCAP/intel-rapl:0/energy_uj"
  (
    for ((uj = 0; uj < 2000; ++uj)); do
      echo $((uj * 100000)) >"$TESSERA_POWERCAP/intel-rapl:0/next"
      mv "$TESSERA_POWERCAP/intel-rapl:0/next" "$TESSERA_POWERCAP/intel-rapl:0/energy_uj"
      sleep 0.01
    done
  ) 3>&- &
  counter=$!
}

teardown() { [[ -z ${counter:-} ]] || kill "$counter" 2>/dev/null || true; }

@test "without counters a power is assumed, and said to be" {
  tessera energy "$model" --seconds 0.5
  expect_status 0
  expect_in "$stderr" "no energy counters"
  expect_in "$stdout" "constant-power"
  expect_in "$stdout" "assumption"
}

@test "a stated power gives time x power, shared by kernels" {
  tessera energy "$model" --seconds 0.5 --watts 12.5 --json -o "$BATS_TEST_TMPDIR/e.json"
  expect_status 0
  expect_equal "$stderr" ""
  expect_equal "$(json .schema)" tessera.energy/1
  expect_equal "$(json .result.energy.source)" constant-power
  expect_equal "$(json .result.energy.unit)" J
  json '.result.energy.uncertainty_joules == null'
  json '.result | (.energy.joules - 12.5e-6 * .latency.median_us) | fabs < 1e-9'
  json '.result | ([.layers[].joules] | add) - .energy.joules | fabs < 1e-9'
  json '[.result.layers[].share] | . == (sort | reverse)'
  cmp "$BATS_TEST_TMPDIR/e.json" "$BATS_TEST_TMPDIR/stdout"
}

@test "counters are read where they are" {
  counters
  tessera energy "$model" --seconds 1 --json
  expect_status 0
  expect_equal "$(json .result.energy.source)" powercap
  json '.result.energy.uncertainty_joules >= 0'
  json '.result.measured | .idle_watts > 0 and .gross_joules > 0 and .inferences > 0'
  json '.result.measured.domain_joules | has("package-0")'
  validate energy "$BATS_TEST_TMPDIR/stdout"
}

@test "a counter that cannot be read is a warning, not a silent guess" {
  mkdir -p "$TESSERA_POWERCAP/intel-rapl:0/energy_uj"
  echo package-0 >"$TESSERA_POWERCAP/intel-rapl:0/name"
  tessera energy "$model" --seconds 0.5
  expect_status 0
  expect_in "$stderr" "cannot be read"
}

@test "arithmetic alone is told by the multiply-accumulates" {
  tessera energy "$model" --seconds 0.5 --per-mac --json
  expect_status 0
  expect_equal "$(json .result.energy.source)" per-mac
  json '.result | .energy.joules - 4.6e-12 * .macs.float32 | fabs < 1e-12'
  json '.result.energy.method | contains("Horowitz")'
}

@test "two models at once, and other bad input, are usage or input errors" {
  tessera energy "$model" --watts 5 --per-mac
  expect_error 2 "--per-mac"
  tessera energy "$model" --watts 0
  expect_error 2 "--watts"
  tessera energy "$BATS_TEST_TMPDIR/none.onnx"
  expect_error 3 "none.onnx"
}

@test "doctor names the counters" {
  counters
  tessera doctor
  expect_in "$stdout" "powercap: package-0"
}
