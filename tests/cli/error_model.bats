#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# error fit, predict, rank: on 80 measured subsets of the 15 convolutions with most MACs of
# yolox_nano.

load helpers

setup() {
  fixtures=$TESSERA_SOURCE/tests/fixtures/noise
  sweep=$fixtures/sweep.jsonl
  cd "$BATS_TEST_TMPDIR"
}

# One fit serves all that only read it.
setup_file() {
  # shellcheck disable=SC2086 # an emulator comes with its own arguments
  ${TESSERA_EMULATOR:-} "$TESSERA" error fit "$TESSERA_SOURCE/tests/fixtures/noise/sweep.jsonl" -q \
    -o "$BATS_FILE_TMPDIR/fit.json" >/dev/null
}
fit_once() { cp "$BATS_FILE_TMPDIR/fit.json" fit.json; }

@test "fit writes a model, its alternatives, intervals and a bound" {
  tessera error fit "$sweep" -o fit.json --json -q
  expect_status 0
  json '.schema == "tessera.error-fit/1"'
  json '.model.sha256 == "fixture"'
  json '[.result.alternatives[].name] | contains(["polynomial-1", "polynomial-2", "additive"])'
  json '[.result.alternatives[] | select(.chosen)] | length == 1'
  json '.result.test.n == 7 and .result.train.n == 73'
  json '.result.test.median_abs_relative_error < 0.03'
  json '.result.model.terms | length > 10'
  json '[.result.bound.terms[].coefficient] | min >= 0'
  json '.result.intervals.level == 0.9'
  json '[.result.alternatives[].points.test.measured | length] | unique == [7]'
  expect_in "$(jq -r .result.why fit.json)" "cross-validation"
}

@test "fit says what it did in a table" {
  tessera error fit "$sweep"
  expect_status 0
  expect_in "$stdout" "polynomial-2"
  expect_in "$stdout" "Spearman"
  expect_in "$stdout" "* chosen"
  # 73 subsets for 120 and 575 terms.
  expect_in "$stderr" "underdetermined"
}

@test "fit draws predicted against measured errors of every model" {
  tessera error fit "$sweep" --plots plots -q
  expect_status 0
  for file in polynomial-1 polynomial-2 polynomial-3 additive panel; do
    expect_in "$(<"plots/$file.svg")" "<svg"
    expect_in "$(<"plots/$file.svg")" "measured error"
  done
  tessera error fit "$sweep" --plots plots -q
  expect_error 2 "plots/"
}

@test "fit gives the same file twice, and for shards in any order" {
  head -n 40 "$sweep" >a.jsonl
  (head -n 1 "$sweep" && tail -n +41 "$sweep") >b.jsonl
  for order in "a.jsonl b.jsonl" "b.jsonl a.jsonl"; do
    # shellcheck disable=SC2086 # two files
    tessera error fit $order --timeless --json -q
    expect_status 0
    jq .result "$BATS_TEST_TMPDIR/stdout" >"result-${order%% *}"
  done
  tessera error fit "$sweep" --timeless --json -q
  jq .result "$BATS_TEST_TMPDIR/stdout" >result
  cmp result result-a.jsonl
  cmp result result-b.jsonl
}

@test "fit takes the model that is asked for, and a split" {
  tessera error fit "$sweep" --model polynomial-1 --train 40 --test 0.25 --json -q
  expect_status 0
  json '.result.model.kind == "polynomial-1" and .result.train.n == 40 and .result.test.n == 20'
}

@test "fit leaves out the line that an interruption cut short" {
  head -c -20 "$sweep" >cut.jsonl
  tessera error fit cut.jsonl --json
  expect_status 0
  expect_in "$stderr" "truncated-sweep"
  json '.result.train.n + .result.test.n == 79'
}

@test "fit refuses empty, foreign and too short sweeps" {
  : >empty.jsonl
  tessera error fit empty.jsonl
  expect_error 3 "is empty"
  tessera error fit missing.jsonl
  expect_error 3 "missing.jsonl"
  head -n 8 "$sweep" >short.jsonl
  tessera error fit short.jsonl
  expect_error 1 "at least 10"
  sed 's/"sha256":"fixture"/"sha256":"other"/' "$sweep" >other.jsonl
  tessera error fit "$sweep" other.jsonl
  expect_error 2 "another model"
  sed '5s/Conv_/Konv_/' "$sweep" >unknown.jsonl
  tessera error fit unknown.jsonl
  expect_error 2 "unknown.jsonl:5"
}

@test "fit does not replace a file unless forced" {
  fit_once
  tessera error fit "$sweep" -o fit.json
  expect_error 2 "fit.json"
  tessera error fit "$sweep" -o fit.json -q --force
  expect_status 0
}

@test "predict says error, interval, bound and SQNR of layers" {
  fit_once
  local first second
  first=$(jq -r '.result.layers[0].name' fit.json)
  second=$(jq -r '.result.layers[9].name' fit.json)
  tessera error predict --model fit.json --layers "$first,$second" --json
  expect_status 0
  json '.result.subsets[0] | .error > 0 and .interval.lower <= .error and .error <= .interval.upper'
  json '.result.subsets[0] | .bound >= .error and (.sqnr_db | type == "number")'
  json '.result.subsets[0].layers | length == 2'
  tessera error predict --model fit.json --layers none --json
  json '.result.subsets[0] | .error == 0 and .bound == 0'
  tessera error predict --model fit.json --layers all
  expect_status 0
  expect_in "$stdout" "15"
}

@test "predict meets subsets that it has not seen" {
  fit_once
  tessera error predict --model fit.json --list "$fixtures/unseen.jsonl" --json
  expect_status 0
  json '.result.subsets | length == 20'
  json '.result.measured | .n == 20 and .median_abs_relative_error < 0.05 and .spearman > 0.8'
  json '.result.measured.below_bound >= 0.9'
}

@test "predict reads plans, and recipes need their model" {
  fit_once
  local name
  name=$(jq -r '.result.layers[3].name' fit.json)
  jq -n --arg n "$name" '{schema: "tessera.plan/1", result: {layers: [
    {name: $n, precision: "int8"}, {name: "elsewhere", precision: "fp32"}]}}' >plan.json
  tessera error predict --model fit.json --plan plan.json --json
  expect_status 0
  json ".result.subsets[0].layers == [\"$name\"]"
  tessera error predict --model fit.json --recipe r.json
  expect_error 2 "needs the model"
}

@test "predict refuses unknown layers and doubtful requests" {
  fit_once
  tessera error predict --model fit.json --layers nothing_like_it
  expect_error 2 "unknown layer 'nothing_like_it'"
  tessera error predict --model fit.json
  expect_error 2 "one is needed"
  tessera error predict --model "$sweep" --layers all
  expect_status 3
  echo '{"x": 1}' >list.jsonl
  tessera error predict --model fit.json --list list.jsonl
  expect_error 3 "list.jsonl:1"
}

@test "rank orders layers and finds the best subset within a limit" {
  fit_once
  tessera error rank --model fit.json --max-error 1.5e-3 --json
  expect_status 0
  json '.result.gain == "macs" and (.result.layers | length == 15)'
  json '[.result.layers[].noise_share] | add | . > 0.999 and . < 1.001'
  json '.result.search.best.prediction.bound <= 1.5e-3'
  json '.schema == "tessera.error-rank/2"'
  json '.result.search.best.gain <= .result.search.gain_at_most'
  json '.result.search | .outcome == "optimal" and .gap <= 1e-6'
  tessera error rank --model fit.json --max-error 1.5e-3
  expect_in "$stdout" "proof     optimal"
  tessera error rank --model fit.json --min-sqnr-db 300 --json
  json '.result.search.best.layers == []'
}

@test "rank takes microseconds from a profile" {
  fit_once
  jq '{schema: "tessera.profile/1", result: {layers: [.result.layers[] | {name, precisions:
    {fp32: {median_us: 100}, int8: {median_us: 40}}}]}}' fit.json >profile.json
  tessera error rank --model fit.json --profile profile.json --json
  expect_status 0
  json '.result.gain == "us" and .result.layers[0].gain_us == 60'
  jq '.model = {sha256: "other"}' profile.json >foreign.json
  tessera error rank --model fit.json --profile foreign.json
  expect_error 2 "another model"
  tessera error rank --model fit.json --limit-by luck --max-error 1
  expect_error 2 "--limit-by 'luck' is unknown"
}

# The sweep as if layers could be in another scheme, too, and some subsets were.
several_schemes() {
  jq -c 'if has("schema") then .result.layers |= [.[] | ., (. + {op: .name, scheme: "dynamic-u8s8",
      name: (.name + "@dynamic-u8s8")})]
    elif (.layers | length) % 3 == 0 then .layers |= [.[] + "@dynamic-u8s8"] | .error *= 1.25
    else . end' "$sweep" >several.jsonl
}

@test "fit, predict and rank know layers in several schemes" {
  several_schemes
  tessera error fit several.jsonl -o fit.json --json -q
  expect_status 0
  json '[.result.layers[] | select(has("op"))] | length == 15'
  json '[.result.alternatives[].name] | index("polynomial-2")'
  json '[.result.model.terms[], .result.bounds[].terms[] | .layers | map(split("@")[0]) |
    length == (unique | length)] | all'
  local first second
  first=$(jq -r '.result.layers[0].name' fit.json)
  second=$(jq -r '.result.layers[2].name' fit.json)
  tessera error predict --model fit.json --layers all --json
  expect_status 0
  json '.result.subsets[0].layers | length == 15 and (map(contains("@")) | any | not)'
  tessera error predict --model fit.json --layers "$first@dynamic-u8s8,$second" --json
  expect_status 0
  tessera error predict --model fit.json --layers "$first,$first@dynamic-u8s8"
  expect_error 2 "are one operator in two schemes"
  jq -n --arg n "$first" '{layers: [{name: $n, precision: "dynamic-u8s8"}]}' >plan.json
  tessera error predict --model fit.json --plan plan.json --json
  json ".result.subsets[0].layers == [\"$first@dynamic-u8s8\"]"
  tessera error rank --model fit.json --max-error 1.5e-3 --json
  expect_status 0
  json '.result.layers | length == 30'
  json '[.result.layers[] | select(has("op") | not) | .noise_share] | add | . > 0.999 and . < 1.001'
  json '.result.search.best.layers | map(split("@")[0]) | length == (unique | length)'
  json '.result.search.best.prediction.bound <= 1.5e-3'
  jq '{schema: "tessera.profile/1", result: {scheme: .result.layers[0].scheme, layers: [.result.layers[] |
    select(has("op") | not) | {name, precisions: {fp32: {median_us: 100}, int8: {median_us: 40},
    "dynamic-u8s8": {median_us: 70}}}]}}' fit.json >profile.json
  tessera error rank --model fit.json --profile profile.json --json
  expect_status 0
  json '[.result.layers[] | .gain_us == if has("op") then 30 else 60 end] | all'
}
