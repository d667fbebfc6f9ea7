#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# What the commands answer is what schema/ says, every member of it. schema_slow.bats has the
# commands that take their time.

load helpers

setup() {
  cases=$TESSERA_SOURCE/tests/fixtures/compat/cases
  float=$cases/012_residual_block_qdq_u8s8_as/model.onnx
  cd "$BATS_TEST_TMPDIR"
}

answer() { # KIND ARGUMENT...: the command's --json answer is a KIND, in full and --timeless
  local kind=$1
  shift
  tessera "$@" --json
  expect_status 0
  cp "$BATS_TEST_TMPDIR/stdout" answer.json
  tessera "$@" --json --timeless
  expect_status 0
  validate "$kind" answer.json "$BATS_TEST_TMPDIR/stdout"
}

@test "the schemas are schemas, and their references hold" {
  validate --check
}

@test "inspect" {
  answer inspect inspect "$float" --cuts
  # Bodies of control flow, integer and half-precision models.
  answer inspect inspect "$TESSERA_SOURCE/tests/fixtures/bodies/branching.onnx"
  answer inspect inspect "$cases/300_residual_block_fp16/ref.onnx"
  answer inspect inspect "$cases/287_lstm_layer_dyn_s8/ref.onnx" --qdq exclude
  answer inspect inspect "$cases/012_residual_block_qdq_u8s8_as/ref.onnx" --qdq discount
}

@test "calibrate, its shards and their sum" {
  answer calibrate calibrate "$float" --data random:3 -o ranges.json --force
  validate calibrate ranges.json
  local shard
  for shard in 0 1; do
    answer calibrate-shard calibrate "$float" --data random:3 --shard $shard/2 -o "$shard.json" --force
    validate calibrate-shard "$shard.json"
  done
  answer calibrate calibrate --merge 0.json 1.json -o merged.json --force
}

@test "calibrate with images names the preprocessing" {
  answer calibrate calibrate "$TESSERA_SOURCE/examples/01_textures/textures.onnx" --samples 1 \
    --data "$TESSERA_SOURCE/examples/01_textures/calibration" --preprocess unit --method minmax \
    -o ranges.json --force
  [ "$(jq -r .result.data.preprocess.name answer.json)" = unit ]
}

@test "quantize, with the recipe it amounts to" {
  answer quantize quantize "$float" --data random:2 -o q.onnx --force
  answer quantize quantize "$float" --data random:16 -o q.onnx --force
  answer quantize quantize "$float" --mode float16 -o q.onnx --force
  echo '{"rules": [{"match": "type:Conv", "scheme": {"mode": "weight-only"}},
    {"match": "re:no-such", "types": ["Conv"], "scheme": "float32"}]}' >recipe.json
  answer quantize quantize "$float" --recipe recipe.json -o q.onnx --force
  [ "$(jq -r '.warnings[0].id' answer.json)" = pattern-matches-nothing ]
  answer quantize quantize "$float" --data random:4 --refine fast -o q.onnx --force
  jq -e '.result.refinement.report.steps | length > 0' answer.json
}

@test "compare, with and without gates" {
  answer compare compare "$float" "$cases/012_residual_block_qdq_u8s8_as/ref.onnx" --data random:2 \
    --gate 'sqnr_db>=0'
  validate compare answer.json
  answer compare compare "$float" "$float" --data random:2 --outputs-only
}

@test "energy, of time and of arithmetic" {
  answer energy energy "$float" --data random:2 --seconds 0.3
  answer energy energy "$float" --data random:2 --seconds 0.3 --per-mac
}

@test "energy, estimated" {
  answer energy-estimate energy "$TESSERA_SOURCE/examples/02_qkeras/model.h5" --estimate qtools
  answer energy-estimate energy "$TESSERA_SOURCE/tests/fixtures/keras/q8.h5" --estimate physical
}

@test "error sweep and check: header, records, answers" {
  local network=$TESSERA_SOURCE/tests/fixtures/compat/cases/026_concat_branches_qop_u8s8/model.onnx
  answer error-sweep error sweep "$network" --data random:2 --layers all --subsets one-in \
    --subsets random:3 -o sweep.jsonl --force
  validate_sweep sweep.jsonl
  # Every optional member: weights, a metric, shards.
  local shard
  for shard in 0 1; do
    answer error-sweep error sweep "$network" --data random:2 --layers all --subsets one-in \
      --normalize --shard $shard/2 -o $shard.jsonl --force \
      --metric-command "while read -r _; do echo '{\"value\": 1}'; done"
    validate_sweep $shard.jsonl
  done
  jq -e 'has("metric")' records.jsonl
  answer error-merge error merge 0.jsonl 1.jsonl -o merged.jsonl --force
  validate_sweep merged.jsonl
  answer error-sweep error sweep "$network" --data random:2 --layers all --schemes dynamic \
    --subsets one-in -o sweep.jsonl --force
  validate_sweep sweep.jsonl
  jq -e '[.result.layers[] | has("op")] | any' header.json
  answer error-check error check "$network" --data random:2 --layers all --plans 2
  answer error-tail error tail "$network" --data random:2 --max-float 50 --max-loss 60 \
    -o tail.json --force
  jq -e '.result | has("slowdown") and has("output")' answer.json
  validate recipe tail.json
  answer error-bits error bits "$network" --data random:2 --weight-bits 8,4 --activation-bits 8 \
    -o bits.json --qkeras qkeras.json --force
  jq -e '.result | has("output") and has("qkeras")' answer.json
  validate recipe bits.json
}

validate_sweep() { # FILE: its first line is a header, every other a record
  head -n 1 "$1" >header.json
  tail -n +2 "$1" >records.jsonl
  validate error-sweep header.json
  validate error-sweep-record records.jsonl
}

@test "error fit, predict and rank" {
  local example=$TESSERA_SOURCE/examples/01_textures
  tessera error sweep "$example/textures.onnx" --data "$example/calibration" --preprocess unit \
    --images 1 --layers top-macs:4 --schemes dynamic --subsets random:15 -o sweep.jsonl
  expect_status 0
  answer error-fit error fit sweep.jsonl -o fit.json --force
  validate error-fit fit.json
  answer error-predict error predict --model fit.json --layers all
  answer error-predict error predict --model fit.json --list sweep.jsonl
  jq -e .result.measured.n answer.json
  answer error-rank error rank --model fit.json
  answer error-rank error rank --model fit.json --min-sqnr-db 20
  jq -e .result.search.limit answer.json
  jq '{schema: "tessera.profile/1", result: {layers: [.result.layers[] | {name, precisions:
    {fp32: {median_us: 100}, int8: {median_us: 40}}}]}}' fit.json >profile.json
  answer error-rank error rank --model fit.json --profile profile.json
}

@test "what a run was confined to stands in the context" {
  tessera doctor --json
  local usable
  usable=$(json .result.host.cpus)
  answer energy energy "$float" --data random:2 --seconds 0.3 --cpus "${usable%%[-,]*}"
  expect_equal "$(jq -r .context.cpus answer.json)" "${usable%%[-,]*}"
}

@test "cluster" {
  local clusters=$TESSERA_SOURCE/examples/clusters
  answer cluster cluster init --machine edge --scale 'device=edge*4' \
    --link device-edge=20MB/s,3ms --data "$TESSERA_SOURCE/examples/01_textures/calibration" \
    -o cluster.json --force
  validate cluster cluster.json "$clusters"/*.json
  answer cluster-check cluster check cluster.json
  answer cluster-show cluster show cluster.json
  answer cluster-show cluster show "$clusters/device-edge-cloud.json"
}

@test "doctor" {
  answer doctor doctor
  tessera doctor --json --runtime "$BATS_TEST_TMPDIR"
  expect_status 4
  validate doctor "$BATS_TEST_TMPDIR/stdout"
}

# sort_files NAME COMMAND...: every line of stdin becomes a file NAME.json on which the command is
# run; it is kept in the folder `accepted` or `refused`.
sort_files() {
  local name=$1 line count=0
  shift
  mkdir accepted refused
  while IFS= read -r line; do
    printf '%s' "$line" >"$name.json"
    tessera "$@"
    count=$((count + 1))
    if [[ $status == 0 || $stderr == *none.onnx* ]]; then
      mv "$name.json" "accepted/$count.json"
    else
      expect_status 2
      mv "$name.json" "refused/$count.json"
    fi
  done
}
same_opinion() { # KIND NUMBER-ACCEPTED NUMBER-REFUSED
  validate "$1" accepted/*.json
  validate --open "$1" accepted/*.json
  validate --invalid "$1" refused/*.json
  expect_equal "$(ls accepted | wc -l) $(ls refused | wc -l)" "$2 $3"
}

@test "recipes: what the program accepts the schema accepts, what it refuses for its form too" {
  # A recipe is read before the model.
  sort_files recipe quantize none.onnx --recipe recipe.json -o q.onnx <<'RECIPES'
{}
{"schema": "anything", "default": "float32", "rules": []}
{"default": {"activation": "u16", "method": "entropy", "block_size": 32}}
{"rules": [{"match": ["a", "re:b"], "types": ["Conv"], "scheme": {"mode": "weight-only"}}]}
{"rules": [{"match": "a", "types": "Conv", "scheme": {"exact_inputs": true, "mode": "float32"}}]}
[]
{"defaults": {}}
{"default": "int8"}
{"default": {"activations": "u8"}}
{"default": {"activation": "u32"}}
{"default": {"per_channel": 1}}
{"default": {"block_size": -1}}
{"default": {"block_size": 1.5}}
{"rules": {}}
{"rules": [{"match": "a"}]}
{"rules": [{"scheme": "float32"}]}
{"rules": [{"match": [], "scheme": "float32"}]}
{"rules": [{"match": [1], "scheme": "float32"}]}
{"rules": [{"match": "a", "scheme": "float32", "comment": ""}]}
{"rules": ["float32"]}
RECIPES
  same_opinion recipe 5 15
  validate recipe "$TESSERA_SOURCE"/fuzz/corpus/recipe/*.json
}

@test "preprocessing files: program and schema agree" {
  sort_files preprocess calibrate "$TESSERA_SOURCE/examples/01_textures/textures.onnx" --samples 1 \
    --data "$TESSERA_SOURCE/examples/01_textures/calibration" --method minmax \
    --preprocess preprocess.json -o ranges.json --force <<'FILES'
{}
{"resize": {"mode": "letterbox", "size": [96, 96], "fill": 114, "anchor": "top-left"}, "color": "bgr"}
{"resize": {"mode": "crop", "crop": 0.875, "size": 96}, "scale": 0.004, "mean": [0.5, 0.5, 0.5], "std": 1}
{"mean": [], "std": [2]}
{"colour": "rgb"}
{"color": "yuv"}
{"resize": "crop"}
{"resize": {"crop": 0}}
{"resize": {"size": [96]}}
{"resize": {"size": [0, 96]}}
{"scale": "1/255"}
{"mean": [1, 2]}
{"std": [1, 0, 1]}
{"std": 0}
FILES
  same_opinion preprocess 4 10
}

@test "the validator sees what is missing, wrong or undescribed" {
  tessera quantize "$float" --data random:2 -o q.onnx --json
  expect_status 0
  cp "$BATS_TEST_TMPDIR/stdout" good.json
  validate quantize good.json
  local change count=0
  for change in 'del(.seed)' 'del(.model)' 'del(.context)' '.schema = "tessera.bench/1"' \
    '.model.sha256 = "abc"' '.result.opset = "17"' '.result.ops[0].extra = 1' '.extra = 1' \
    '.context.runtime.extra = 1' '.result.recipe.rules[0].scheme.mode = "int8"'; do
    count=$((count + 1))
    jq "$change" good.json >"bad$count.json"
  done
  validate --invalid quantize bad*.json
  # Every line of a .jsonl counts.
  { jq -c . good.json; jq -c . bad1.json; } >lines.jsonl
  validate --invalid quantize lines.jsonl
  # A user's reading of the same schema takes further members.
  jq '.result.ops[0].extra = 1 | .extra = 1' good.json >more.json
  validate --open quantize more.json
}
