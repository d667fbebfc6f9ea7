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
