#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# tessera optimize with a cluster, end to end.

load helpers

setup() { cd "$BATS_TEST_TMPDIR"; }

@test "optimize on a cluster profiles this machine and leaves a plan that is proven" {
  local textures=$TESSERA_SOURCE/examples/01_textures
  tessera optimize "$textures/textures.onnx" --data "$textures/calibration" --preprocess unit --budget 30 \
    --cluster "$TESSERA_SOURCE/examples/clusters/device-edge.json" -o out --json
  expect_status 0
  validate plan out/plan.json
  validate profile out/profile.json
  validate optimize out/summary.json
  expect_equal "$(jq -c .result.plan.assignments out/summary.json)" "$(jq -c .result.assignments out/plan.json)"
  jq -e '[.result.artefacts[] | split("/")[-1]] | contains(["plan.json", "plan.cert.json", "plan-recipe.json", "profile.json", "plan.svg", "schedule.svg"])' out/summary.json
  run "$(dirname "$TESSERA")/tessera-check-plan" out/plan.cert.json --plan out/plan.json --model "$textures/textures.onnx"
  [ "$status" -eq 0 ]
  tessera optimize "$textures/textures.onnx" --data "$textures/calibration" --preprocess unit --budget 5 \
    --cluster "$TESSERA_SOURCE/examples/clusters/device-edge.json" --min-sqnr-db 30 -o other
  expect_error 2 "error model"
  expect_missing other
}

@test "a plan of this machine alone is one of the models that optimize measures and races" {
  local textures=$TESSERA_SOURCE/examples/01_textures
  tessera optimize "$textures/textures.onnx" --data "$textures/calibration" --preprocess unit --budget 60 \
    --cluster "$TESSERA_SOURCE/examples/clusters/single.json" -o out
  expect_status 0
  expect_in "$stdout" "all of it is on this machine: its mix is one of the candidates"
  # Measured like any other row.
  jq -e '.result.rows[] | select(.operators == "mixed: the plan")
    | .status == "ok" and .sqnr_db > 10 and .speedup > 0 and .quantized_ops > 0' out/bench.json
  jq -e '[.result.plan.assignments[].machine] | unique | length == 1' out/summary.json
  tessera optimize "$textures/textures.onnx" --data "$textures/calibration" --preprocess unit --budget 30 --no-mixed \
    --cluster "$TESSERA_SOURCE/examples/clusters/single.json" -o uniform
  expect_status 0
  expect_in "$stdout" "its mix is no candidate: --no-mixed"
  jq -e '[.result.rows[].operators] | all(. != "mixed: the plan")' uniform/bench.json
}

@test "of a plan for several machines optimize says that its parts are not written" {
  local textures=$TESSERA_SOURCE/examples/01_textures
  jq '.machines[0].scaling.factors = {"*": 1e-3}' "$TESSERA_SOURCE/examples/clusters/device-edge.json" >c.json
  tessera optimize "$textures/textures.onnx" --data "$textures/calibration" --preprocess unit --budget 30 --cluster c.json -o out
  expect_status 0
  jq -e '.result.plan.assignments | any(.machine == "device")' out/summary.json
  expect_in "$stdout" "the plan's parts are not written"
}
