#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# `tessera cluster`: machines and links, written, checked, shown.

load helpers

setup() {
  examples=$TESSERA_SOURCE/examples
  textures=$examples/01_textures/textures.onnx
  cd "$BATS_TEST_TMPDIR"
}

# profile_of MODEL FILE: a small profile that says it is of this model.
profile_of() {
  jq --arg sha "$(sha256sum "$1" | cut -d' ' -f1)" --arg path "$1" \
    '.model = {path: $path, sha256: $sha, format: "onnx"}' \
    "$TESSERA_SOURCE/fuzz/corpus/profile/profile.json" >"$2"
}

@test "init writes this machine, and check takes it" {
  tessera cluster init -o here.json
  expect_status 0
  [ "$(jq '.result.machines | length' here.json)" = 1 ]
  [ "$(jq '.result.machines[0].cores >= 1' here.json)" = true ]
  [ "$(jq '.result.machines[0].memory_bytes > 0' here.json)" = true ]
  validate cluster here.json
  tessera cluster check here.json
  expect_status 0
  expect_in "$stderr" "[no-profile]"
  tessera cluster init -o here.json
  expect_error 2 "here.json"
  tessera cluster init -o here.json --force
  expect_status 0
}

@test "init writes what is stated: machines, scalings, links, ends" {
  tessera cluster init --machine edge --machine cloud --scale 'device=edge*4' \
    --link device-edge=20MB/s,3ms --link 'edge>cloud=100Mbit/s' --link 'cloud>edge=1e6,10ms' \
    --inputs-from device --outputs-to edge -o c.json
  expect_status 0
  jq -e '[.result.links[] | [.from, .to, .latency_us, .bandwidth_bytes_per_s]] ==
    [["device", "edge", 3000, 20e6], ["edge", "device", 3000, 20e6], ["edge", "cloud", 0, 12.5e6],
     ["cloud", "edge", 10000, 1e6]]' c.json
  expect_equal "$(jq -c '[.result.inputs_from, .result.outputs_to]' c.json)" '["device","edge"]'
  jq -e '.result.machines[2].scaling.factors == {"*": 4}' c.json
  # Only the first machine is this one.
  expect_equal "$(jq -c '[.result.machines[] | has("memory_bytes")]' c.json)" '[true,false,false]'
}

@test "a profile is named as it is seen from the file" {
  mkdir -p profiles clusters
  profile_of "$textures" profiles/edge.json
  tessera cluster init --machine edge=profiles/edge.json -o clusters/c.json
  expect_status 0
  expect_equal "$(jq -r '.result.machines[0].profile' clusters/c.json)" ../profiles/edge.json
  # It was measured on another processor: what this machine has says nothing of it.
  expect_equal "$(jq -r '.result.machines[0] | has("memory_bytes")' clusters/c.json)" false
  tessera cluster check clusters/c.json --model "$textures"
  expect_status 0
  expect_in "$stdout" "profiles/edge.json"
  expect_in "$stdout" "int8"
  tessera cluster init --machine edge=none.json -o clusters/d.json
  expect_error 3 "none.json"
  tessera cluster init --machine edge=clusters/c.json -o clusters/d.json
  expect_error 3 "is a file of machines and links, not a profile"
  tessera cluster init --machine "edge=$textures" -o clusters/d.json
  expect_error 3 "textures.onnx"
  expect_missing clusters/d.json
}

@test "init measures what samples take on a link" {
  tessera cluster init --machine edge --scale 'device=edge*4' --link device-edge=20MB/s,3ms \
    --data "$examples/01_textures/calibration" --model "$textures" -o c.json
  expect_status 0
  expect_equal "$(jq -c '[.result.codecs[].name]' c.json)" '["jpeg","u8"]'
  expect_equal "$(jq '.result.codecs[1].bytes' c.json)" 27648 # 3 x 96 x 96
  [ "$(jq '.result.codecs[0].bytes < 10000' c.json)" = true ]
  [ "$(jq '[.result.codecs[].decode_us | .["*"] > 0 and (.device / .["*"] - 4 | fabs < 1e-9)] | all' c.json)" = true ]
  validate cluster c.json
  tessera cluster show c.json
  expect_in "$stdout" "jpeg"
  mkdir empty
  tessera cluster init --data empty -o d.json
  expect_error 3 "no .jpg, .jpeg or .png file in 'empty'"
  echo "no image" >empty/a.jpg
  tessera cluster init --data empty -o d.json
  expect_error 3 "no JPEG or PNG file in 'empty'"
}

@test "what cannot be meant is a usage error" {
  tessera cluster init --machine a --link a-b=1MB/s -o c.json
  expect_error 2 "'a-b' does not name two machines"
  tessera cluster init --machine a --machine b --link a-b=fast -o c.json
  expect_error 2 "'fast' is no rate"
  tessera cluster init --scale 'b=a*0' -o c.json
  expect_error 2 "is no scaling"
  tessera cluster init --machine a --machine a -o c.json
  expect_error 2 "two machines are named 'a'"
  tessera cluster init --machine a --machine b -o c.json
  expect_error 2 "no other machine can be reached"
  tessera cluster init --machine edge --inputs-from egde -o c.json
  expect_error 2 "there is no machine 'egde'"
  expect_in "$stderr" "nearest names: edge"
  tessera cluster init --machine a
  expect_status 2
  tessera cluster init -o c.txt
  expect_error 2 "c.txt"
  expect_missing c.json
}

@test "what is wrong with a file is an input error that names its place" {
  local change says
  while IFS='|' read -r change says; do
    jq "$change" "$examples/clusters/device-edge.json" >bad.json
    tessera cluster check bad.json
    expect_error 3 "$says"
    tessera cluster show bad.json
    expect_error 3 "$says"
  done <<'CHANGES'
.links[0].latency = 3 | links[0] has an unknown key 'latency'
.links[0].bandwidth_bytes_per_s = 0 | bandwidth_bytes_per_s is 0
.links[1].to = "devise" | there is no machine 'devise'
.machines[1].cores = "two" | machines[1]: cores:
del(.links) | no other machine can be reached
.machines[1].scaling = {of: "device", factors: {"*": 1}} | scaled in a circle
.schema = "tessera.bench/1" | is a bench, not a file of machines and links
.pins = [{match: ["re:("], machine: "edge"}] | pins[0]
CHANGES
  echo '{"machines": ' >bad.json
  tessera cluster check bad.json
  expect_error 3 "bad.json"
  tessera cluster check none.json
  expect_error 3 "none.json"
}

@test "check reads the profiles, and says no where they are of another model" {
  profile_of "$textures" edge.json
  jq '.machines[1].profile = "edge.json" | del(.machines[0].busy_watts)
    | .machines += [{name: "island"}]' \
    "$examples/clusters/device-edge.json" >c.json
  tessera cluster check c.json --model "$textures" --json
  expect_status 0
  cp "$BATS_TEST_TMPDIR/stdout" answer.json
  expect_equal "$(jq -c '[.warnings[].id]' answer.json)" \
    '["no-profile","unreachable-machine","unknown-power"]'
  expect_equal "$(jq -c '[.result.machines[].profile_of]' answer.json)" '["edge","edge","island"]'
  validate cluster-check answer.json
  tessera cluster check c.json --model "$examples/../tests/fixtures/bodies/branching.onnx"
  expect_status 1
  expect_in "$stderr" "the profile of edge is of another model"
  rm edge.json
  tessera cluster check c.json
  expect_error 3 "machine 'edge'"
  # Patterns and inputs are those of the network.
  jq '.pins = [{match: ["path:nowhere.."], machine: "device"}]' "$examples/clusters/single.json" |
    jq '.machines[0].name = "device"' >c.json
  tessera cluster check c.json
  expect_status 0
  tessera cluster check c.json --model "$textures"
  expect_error 3 "pins to 'device': the model has no tensor 'nowhere'"
  jq '.codecs = [{name: "jpeg", input: "imgs", bytes: 5}]' "$examples/clusters/single.json" >c.json
  tessera cluster check c.json --model "$textures"
  expect_error 3 "codec 'jpeg': the model has no input 'imgs'"
}

@test "check and plan refuse the same files, with the same words" {
  profile_of "$textures" edge.json
  local change fragment
  while IFS='|' read -r change fragment; do
    jq ".machines[1].profile = \"edge.json\" | $change" "$examples/clusters/device-edge.json" >c.json
    tessera cluster check c.json --model "$textures"
    expect_error 3 "$fragment"
    tessera plan "$textures" --cluster c.json
    expect_error 3 "$fragment"
  done <<'CHANGES'
.machines[0].precisions = ["fp32", "fp7"]|machine 'device' may compute in fp7, which its profile does not have
.machines[1].except = ["type:NoSuch"]|machine 'edge': pattern 'type:NoSuch' matches no operator
.pins = [{match: ["nobody"], machine: "edge"}]|pins to 'edge': pattern 'nobody' matches no operator
.pins = [{match: ["path:nowhere.."], machine: "edge"}]|the model has no tensor 'nowhere'
.codecs = [{name: "jpeg", input: "imgs", bytes: 5}]|codec 'jpeg': the model has no input 'imgs'
CHANGES
}

@test "show says what links take" {
  tessera cluster show "$examples/clusters/device-edge-cloud.json" --json
  expect_status 0
  expect_equal "$(json '.result.links[0].transfers[2].us')" 53000
  # 8e-9 (283.17 + 132.86 / 160) joules per byte of Wi-Fi.
  expect_equal "$(json '.result.links[0].transfers[2].joules * 1e6 | round')" 2272003
  cp "$BATS_TEST_TMPDIR/stdout" answer.json
  validate cluster-show answer.json
  tessera cluster show "$examples/clusters/device-edge-cloud.json"
  expect_in "$stdout" "device-edge"
  expect_in "$stdout" "20.0 MB/s"
}

@test "the examples are in order" {
  local file
  for file in "$examples"/clusters/*.json; do
    validate cluster "$file"
    tessera cluster check "$file"
    expect_status 0
    expect_equal "$(grep -c '^warning' <<<"$stderr")" 1
    expect_in "$stderr" "nothing says how fast 'edge' is"
  done
}
