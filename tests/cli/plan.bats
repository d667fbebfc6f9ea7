#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# tessera plan and tessera-check-plan on the example, with a profile measured here in a short time.

load helpers

network=$TESSERA_SOURCE/examples/01_textures/textures.onnx
clusters=$TESSERA_SOURCE/examples/clusters
setup_file() {
  cd "$BATS_FILE_TMPDIR"
  local status=0
  # shellcheck disable=SC2086 # an emulator comes with its own arguments
  ${TESSERA_EMULATOR:-} "$TESSERA" profile "$network" --data "$TESSERA_SOURCE/examples/01_textures/calibration" \
    --preprocess unit --samples 2 --budget 20 --plans 4 --no-isolated -o p.json >stdout 2>stderr || status=$?
  echo "$status" >status
}
setup() {
  profile=$BATS_FILE_TMPDIR/p.json
  cd "$BATS_TEST_TMPDIR"
}
check_plan() { run "$(dirname "$TESSERA")/tessera-check-plan" "$@"; }

@test "a plan of one machine is proven, checked, and is a recipe" {
  expect_equal "$(<"$BATS_FILE_TMPDIR/status")" 0
  tessera plan "$network" --profile "$profile" -o plan.json --recipe recipe.json
  expect_status 0
  validate plan plan.json
  [ "$(jq -r .result.status plan.json)" = optimal ]
  jq -e '.result | .gap <= .asked_gap and .bound <= .objective' plan.json
  # Every operator once, and none is lost.
  tessera inspect "$network" --json
  expect_equal "$(jq -c '[.result.assignments[].op] | sort' plan.json)" "$(jq -c '[.result.ops[].name] | sort' <<<"$stdout")"
  # No dearer than either uniform plan.
  jq -e '.result | [.baselines[].objective] as $others | .objective <= ($others | min) * 1.0011' plan.json
  check_plan plan.cert.json --plan plan.json --model "$network"
  [ "$status" -eq 0 ]
  tessera quantize "$network" --recipe recipe.json --data "$TESSERA_SOURCE/examples/01_textures/calibration" --preprocess unit -o q.onnx
  expect_status 0
}

@test "the plan of a cluster names machines, crossings, baselines and turning points" {
  tessera plan "$network" --cluster "$clusters/device-edge-cloud.json" --profile edge="$profile" -o plan.json
  expect_status 0
  validate plan plan.json
  jq -e '.result.machines | map(.machine) == ["device", "edge", "cloud"] or length == 3' plan.json
  jq -e '.result.machines | all(.layers > 0 or (.why_idle | length > 0))' plan.json
  jq -e '.result.baselines | keys | length >= 9' plan.json
  jq -e '.result | .latency_low_us <= .latency_us and .latency_us <= .latency_high_us' plan.json
  jq -e '.result | .makespan_us <= .latency_us * 1.0001' plan.json
  check_plan plan.cert.json --plan plan.json
  [ "$status" -eq 0 ]
  # Another claim is not accepted.
  jq '.result.objective *= 0.9' plan.json >cheaper.json
  check_plan plan.cert.json --plan cheaper.json
  [ "$status" -eq 1 ]
}

@test "a faster machine behind a fast link is used, and a slower link undoes it" {
  local c=$clusters/device-edge-cloud.json
  tessera plan "$network" --cluster "$c" --profile edge="$profile" --no-baselines --json \
    --what-if 'machine.cloud.speed=*1000' --what-if 'link.device-cloud.bandwidth=*1e6' --what-if 'link.device-cloud.latency_us=0' \
    --what-if 'link.cloud-device.bandwidth=*1e6' --what-if 'link.cloud-device.latency_us=0'
  expect_status 0
  jq -e '.result.machines[] | select(.machine == "cloud") | .layers > 0' <<<"$stdout"
  jq -e '.result.cuts | length >= 2 and all(.bytes > 0 and .us >= 0)' <<<"$stdout"
  tessera plan "$network" --cluster "$c" --profile edge="$profile" --no-baselines --json \
    --what-if 'machine.cloud.speed=*1000' --what-if 'link.device-cloud.latency_us=10000000' --what-if 'link.device-edge.latency_us=10000000'
  expect_status 0
  jq -e '.result.machines[] | select(.machine == "cloud") | .layers == 0' <<<"$stdout"
}

@test "what an operator costs elsewhere is told" {
  local op
  op=$(jq -r '.result.layers[0].name' "$profile")
  tessera plan "$network" --profile "$profile" --explain "$op" --json
  expect_status 0
  jq -e '.result.explanations | length == 1 and (.[0].alternatives | all(.regret == null or .regret >= -1e-6))' <<<"$stdout"
  tessera plan "$network" --profile "$profile" --explain nobody
  expect_error 2 "nobody"
}

@test "without a limit a front against the error has places of known error only" {
  local sweep=$BATS_TEST_TMPDIR/sweep
  tessera error sweep "$network" --data "$TESSERA_SOURCE/examples/01_textures/calibration" --preprocess unit --samples 2 \
    --per-channel --method percentile --layers top-macs:5 -o "$sweep"
  expect_status 0
  tessera error fit "$sweep" -o em.json
  expect_status 0
  tessera plan "$network" --profile "$profile" --error-model em.json --pareto latency,error:4 --json
  expect_status 0
  jq -e '.result | .error != null and .error_why == null and (.pareto | length > 0 and all(.error != null))' <<<"$stdout"
  jq -e '.result.left_out | any(contains("the error model does not know it"))' <<<"$stdout"
  jq -e '.result.limits == []' <<<"$stdout"
  # Without the front the plan takes what the model does not know, and says what that is.
  tessera plan "$network" --profile "$profile" --error-model em.json --json
  expect_status 0
  jq -e '.result | (.error == null) == (.error_why != null)' <<<"$stdout"
  jq -e '.result | .error != null or (.error_why | contains("does not know"))' <<<"$stdout"
  tessera plan "$network" --profile "$profile"
  expect_status 0
  expect_in "$stdout" "not known: no error model was given"
}

@test "what cannot be had is refused before anything is planned" {
  tessera plan "$network" --profile "$profile" --pareto latency,energy
  expect_error 2 "power of machine"
  tessera plan "$network" --profile "$profile" --pareto latency,error
  expect_error 2 "needs an error model"
  tessera plan "$network" --profile "$profile" --minimize throughput --explain anything
  expect_error 2 "throughput"
  tessera plan "$network" --profile "$profile" --gap nan
  expect_error 2 "--gap"
  tessera plan "$network" --profile "$profile" --time-limit nan
  expect_error 2 "--time-limit"
}

@test "a plan of standard output says that it has no certificate" {
  tessera plan "$network" --profile "$profile" -o -
  expect_status 0
  expect_in "$stderr" "no certificate"
  tessera plan "$network" --profile "$profile" -o noend
  expect_status 0
  expect_in "$stderr" "no certificate"
  tessera plan "$network" --profile "$profile" -o plan.json
  expect_status 0
  expect_not_in "$stderr" "no certificate"
}

@test "precisions that are not offered are named, and limits are as they were asked for" {
  jq '.machines[0].scaling.factors = {"fp32": 6}' "$clusters/device-edge-cloud.json" >c.json
  tessera plan "$network" --cluster c.json --profile edge="$profile" --no-baselines --max-energy 10 --json
  expect_status 0
  jq -e '.result.left_out | any(. == "int8 on device is not offered: its scaling has no factor for it")' <<<"$stdout"
  jq -e '.result | (.limits[] | select(.name == "energy")) as $l | $l.bound == 10 and $l.used == .energy_j' <<<"$stdout"
}

@test "pixels are uploaded for comparison, without a codec" {
  tessera plan "$network" --cluster "$clusters/device-edge.json" --profile edge="$profile" --json
  expect_status 0
  jq -e '.result.baselines | has("upload the image as u8 (exact for images of 8 bits) to edge, float32")' <<<"$stdout"
}

@test "limits that exclude each other end in 1, with what would do" {
  tessera plan "$network" --profile here="$profile" --max-memory here=1000 -o plan.json
  expect_status 1
  expect_in "$stderr" "no plan keeps the limits"
  validate plan plan.json
  [ "$(jq -r .result.status plan.json)" = infeasible ]
  jq -e '.result.conflicts | length > 0' plan.json
  jq -e '.result | [.objective, .bound, .gap, .latency_us, .makespan_us, .energy_j, .error, .parts] | all(. == null)' plan.json
  jq -e '.result.conflicts[] | select(.name | startswith("memory")) | .bound == 1000 and .least > 1000' plan.json
  tessera plan "$network" --profile "$profile" --max-latency 0.000001
  expect_status 1
  expect_in "$stderr" "no plan"
}

@test "files do not overwrite each other, and no certificate of an earlier plan stays" {
  tessera plan "$network" --profile "$profile" -o plan.json --recipe plan.json
  expect_error 2 "are both 'plan.json'"
  tessera plan "$network" --profile "$profile" -o plan.json --recipe ./plan.cert.json
  expect_error 2 "the certificate"
  expect_missing plan.json
  tessera plan "$network" --profile "$profile" -o plan.json --timeless
  expect_status 0
  [ -s plan.cert.json ]
  [ "$(jq .result.wall_us plan.json)" = 0 ]
  # Bounds of plans of few parts are those of any number.
  tessera plan "$network" --cluster "$clusters/device-edge-cloud.json" --profile edge="$profile" -o plan.json --force \
    --minimize throughput --max-parts 2 --time-limit 2 --no-baselines
  expect_status 0
  expect_missing plan.cert.json
  tessera plan "$network" --profile "$profile" --max-memory here=1e30
  expect_error 2 "2^62 bytes"
  tessera plan "$network" --profile "$profile" --max-memory here=1 --max-memory here=2
  expect_error 2 "twice"
  tessera plan "$network" --cluster "$clusters/device-edge.json" --profile edge="$profile" --profile edge="$profile"
  expect_error 2 "twice"
}

@test "limits that decide, the most throughput and that there is no plan have certificates" {
  local -a of=("$network" --cluster "$clusters/device-edge-cloud.json" --profile "edge=$profile" --no-baselines --no-turning-points)
  tessera plan "${of[@]}" -o free.json
  expect_status 0
  local energy
  energy=$(jq .result.energy_j free.json)
  for share in 0.95 0.8 0.5 0.01; do
    tessera plan "${of[@]}" -o limited.json --force --max-energy "$(jq -n "$energy * $share")"
    [ "$(jq -r .result.status limited.json)" != unknown ]
    [ "$status" -eq "$(jq 'if .result.status == "infeasible" then 1 else 0 end' limited.json)" ]
    check_plan limited.cert.json --plan limited.json
    [ "$status" -eq 0 ]
  done
  jq -e '.result.status == "infeasible" and .result.conflicts[0].name == "energy"' limited.json
  tessera plan "$network" --cluster "$clusters/device-edge.json" --profile "edge=$profile" -o most.json --minimize throughput \
    --time-limit 10 --no-baselines
  expect_status 0
  check_plan most.cert.json --plan most.json
  [ "$status" -eq 0 ]
  tessera plan "$network" --profile "$profile" -o none.json --max-latency 0.000001
  expect_status 1
  check_plan none.cert.json --plan none.json
  [ "$status" -eq 0 ]
}

@test "a certificate names every profile, also those of one file name" {
  mkdir a b
  cp "$profile" a/p.json
  jq -c . "$profile" >b/p.json
  tessera plan "$network" --cluster "$clusters/device-edge.json" --profile device=a/p.json --profile edge=b/p.json -o plan.json
  expect_status 0
  expect_equal "$(jq -c '[.inputs[]] | sort' plan.cert.json)" \
    "$(sha256sum a/p.json b/p.json "$clusters/device-edge.json" | cut -d' ' -f1 | sort | jq -R . | jq -sc .)"
}

@test "exports are of the same problem" {
  for ending in lp mps cfn; do
    tessera plan "$network" --profile "$profile" --no-baselines --export "p.$ending"
    expect_status 0
    [ -s "p.$ending" ]
    expect_in "$stdout" ": a plan takes its cost"
  done
  tessera plan "$network" --profile "$profile" --no-baselines --export q.lp --json
  expect_status 0
  jq -e '.result.exported | .file == "q.lp" and .unit == "ns"' <<<"$stdout"
  expect_in "$(head -1 q.lp)" "$(jq -r '.result.exported.offset | fabs' <<<"$stdout") too "
  tessera plan "$network" --profile "$profile" --export p.txt
  expect_error 2 "p.txt"
}

@test "what cannot be is refused" {
  tessera plan "$network"
  expect_error 2 "which machines"
  tessera plan "$network" --cluster "$clusters/device-edge-cloud.json"
  expect_error 2 "edge"
  tessera plan "$network" --cluster "$clusters/device-edge-cloud.json" --profile nowhere="$profile"
  expect_error 2 "nowhere"
  tessera plan "$network" --profile "$profile" --max-error 1
  expect_error 2 "error model"
  tessera plan "$network" --profile "$profile" --max-energy 1
  expect_error 2 "power of machine"
  tessera plan "$network" --profile "$profile" --minimize weighted
  expect_error 2 "price of energy"
  tessera plan "$network" --profile "$profile" --pareto latency,beauty
  expect_error 2 "not a pair of goals"
  tessera plan "$network" --profile "$profile" --what-if 'link.a-b.bandwidth=*2'
  expect_error 2 "link"
  jq '.model.sha256 = "00"' "$profile" >other.json
  tessera plan "$network" --profile other.json
  expect_error 2 "of another model"
  jq 'del(.result.layers[0])' "$profile" >short.json
  tessera plan "$network" --profile short.json
  expect_error 2 "operators"
  head -c 2000 "$profile" >cut.json
  tessera plan "$network" --profile cut.json
  expect_error 3 "cut.json"
}

@test "pictures show the graph, the timeline and the front" {
  tessera plan "$network" --cluster "$clusters/device-edge.json" --profile edge="$profile" --no-baselines --no-turning-points \
    --what-if 'machine.edge.speed=*1000' --what-if 'link.device-edge.bandwidth=*1e6' --what-if 'link.device-edge.latency_us=0' \
    --what-if 'link.edge-device.bandwidth=*1e6' --what-if 'link.edge-device.latency_us=0' \
    --pareto latency,energy:3 --charts pictures -o plan.json
  expect_status 0
  expect_equal "$(ls pictures)" "$(printf '%s\n' front.svg plan.svg schedule.svg)"
  # What crosses is told with the bytes of the plan, in the graph and on the link.
  expect_in "$(<pictures/plan.svg)" ">sent over a link<"
  expect_in "$(<pictures/plan.svg)" "<title>device: input "
  expect_in "$(<pictures/schedule.svg)" ">$(jq -r '.result.cuts[0].from + "-" + .result.cuts[0].to' plan.json)<"
  expect_in "$(<pictures/front.svg)" ">Latency against energy<"
  # They are not replaced unasked, and one machine has no front unless it is asked for.
  tessera plan "$network" --profile "$profile" --charts pictures
  expect_status 2
  tessera plan "$network" --profile "$profile" --charts pictures --force
  expect_status 0
}
