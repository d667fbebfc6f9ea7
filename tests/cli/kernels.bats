#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# Models with the operators of libtessera_kernels.

load helpers

setup() {
  float=$TESSERA_SOURCE/tests/fixtures/compat/cases/026_concat_branches_qop_u8s8/model.onnx
  cd "$BATS_TEST_TMPDIR"
}

@test "a model with kernels is written, says what it needs, and comes as close as the stock form" {
  tessera quantize "$float" --data random:8 --format qoperator --refine none -o stock.onnx
  expect_status 0
  expect_not_in "$stdout" "libtessera_kernels"
  tessera quantize "$float" --data random:8 --kernels tessera --refine none -o kernels.onnx
  expect_status 0
  expect_in "$stdout" "it runs where libtessera_kernels.so is loaded"
  tessera inspect kernels.onnx --json
  expect_status 0
  expect_equal "$(json '.result.opsets."ai.tessera"')" 1
  tessera compare stock.onnx kernels.onnx --data random:4 --gate 'sqnr_db>=40'
  expect_status 0
}

@test "--format kernels and --kernels tessera are the same; other formats beside it are refused" {
  tessera quantize "$float" --data random:4 --format kernels -o a.onnx --json
  expect_status 0
  expect_equal "$(json .result.needs)" "libtessera_kernels.so"
  tessera quantize "$float" --data random:4 --kernels tessera -o b.onnx
  expect_status 0
  cmp a.onnx b.onnx
  tessera quantize "$float" --data random:4 --kernels tessera --format qdq -o c.onnx
  expect_error 2 "is a format, and so is qdq"
  expect_missing c.onnx
}

@test "without the library such a model is refused with the remedy, and others run" {
  tessera quantize "$float" --data random:4 --kernels tessera -o kernels.onnx
  expect_status 0
  echo "no library" >broken.so
  export TESSERA_KERNELS=$BATS_TEST_TMPDIR/broken.so
  tessera compare "$float" kernels.onnx --data random:2
  expect_error 3 "does not know operator type 'ai.tessera:"
  expect_in "$stderr" "the model needs the kernels of tessera: '$BATS_TEST_TMPDIR/broken.so'"
  tessera compare "$float" "$float" --data random:2
  expect_status 0
  export TESSERA_KERNELS=$BATS_TEST_TMPDIR/nowhere
  tessera compare "$float" "$float" --data random:2
  expect_error 4 "no library of kernels at '$BATS_TEST_TMPDIR/nowhere'"
}

@test "doctor tries the kernels, and says where they are missing" {
  tessera doctor
  expect_status 0
  expect_in "$stdout" "Lookup by libtessera_kernels: ran on cpu"
  echo "no library" >broken.so
  export TESSERA_KERNELS=$BATS_TEST_TMPDIR/broken.so
  tessera doctor
  expect_status 0 # most models run without
  expect_in "$stdout" "note: models made with --kernels tessera cannot be run here"
  expect_in "$stdout" "$BATS_TEST_TMPDIR/broken.so"
}

@test "a wish for an instruction set that is not there is refused by name" {
  tessera quantize "$float" --data random:4 --kernels tessera -o kernels.onnx
  expect_status 0
  export TESSERA_KERNELS_TARGET=vax
  tessera compare "$float" kernels.onnx --data random:2
  expect_status 3
  expect_in "$stderr" "TESSERA_KERNELS_TARGET is 'vax'"
  export TESSERA_KERNELS_TARGET=scalar
  tessera compare kernels.onnx kernels.onnx --data random:2
  expect_status 0
}

@test "--layout channels-last computes the same, bit for bit" {
  tessera quantize "$float" --data random:8 --format qoperator -o stock.onnx
  tessera quantize "$float" --data random:8 --format qoperator --layout channels-last -o last.onnx
  expect_status 0
  tessera inspect last.onnx --json
  expect_in "$stdout" "com.microsoft"
  tessera compare stock.onnx last.onnx --data random:4
  expect_status 0
  expect_in "$stdout" "exact"
}

@test "activation functions of a real network become tables" {
  needs_shared models/yolox_nano.onnx
  local yolox=$TESSERA_SHARED/data/models/yolox_nano.onnx
  tessera quantize "$yolox" --data random:2 --kernels tessera --refine none --method minmax -o k.onnx --json
  expect_status 0
  expect_equal "$(json '[.result.ops[] | select(.type == "Sigmoid" and .quantized)] | length > 100')" true
  expect_equal "$(json '[.result.ops[] | select(.reason == "computed by a lookup")] | length > 150')" true
}

@test "bench and optimize say unasked what the kernels would bring, and choose what needs no library" {
  local example=$TESSERA_SOURCE/examples/01_textures
  local run=("$example/textures.onnx" --data "$example/calibration" --preprocess unit --samples 8)
  local fast=(--no-mixed --no-refine --budget 60 --json)
  tessera optimize "${run[@]}" "${fast[@]}" -o shown
  expect_status 0
  expect_equal "$(json '[.result.candidates[] | select(.format == "kernels")] | length')" 1
  expect_equal "$(json '.result.chosen.format == "kernels"')" false
  expect_equal "$(json '.result | [.candidates[] | select(.format == "kernels")][0].verdict |
    startswith("needs libtessera_kernels.so") or startswith("SQNR")')" true
  tessera optimize "${run[@]}" "${fast[@]}" -o portable --kernels portable
  expect_status 0
  expect_equal "$(json '[.result.candidates[] | select(.format == "kernels")] | length')" 0
  expect_equal "$(json .result.with_kernels)" null
  tessera optimize "${run[@]}" "${fast[@]}" -o taken --kernels tessera
  expect_status 0
  expect_equal "$(json '[.result.candidates[] | select(.format == "kernels")] | length')" 2
  expect_equal "$(json .result.with_kernels)" null
  local rows='[.result.rows[] | select(.format == "kernels")] | length'
  tessera bench "${run[@]}" --types u8s8 --levels all --budget 20 --json
  expect_status 0
  expect_equal "$(json "$rows")" 2
  expect_equal "$(json '.result.best.format == "kernels"')" false
  tessera bench "${run[@]}" --types u8s8 --levels all --budget 20 --json --kernels portable
  expect_status 0
  expect_equal "$(json "$rows")" 0
}

@test "optimize --kernels tessera mixes them with float32, --kernels portable does not" {
  local example=$TESSERA_SOURCE/examples/01_textures
  local run=("$example/textures.onnx" --data "$example/calibration" --preprocess unit --samples 8 --no-refine
    --min-sqnr-db 35 --json)
  local mixes='[.result.candidates[] | select(.operators | startswith("mixed: ") and . != "mixed: folded")]'
  tessera optimize "${run[@]}" --kernels tessera -o taken
  expect_status 0
  expect_equal "$(json "$mixes | length > 0 and all(.format == \"kernels\")")" true
  tessera optimize "${run[@]}" --kernels portable -o portable
  expect_status 0
  expect_equal "$(json "$mixes | length > 0 and all(.format == \"qdq\")")" true
}

@test "where the library is not there, searches leave its kernels out; asked for, they end in an error" {
  echo "no library" >broken.so
  export TESSERA_KERNELS=$BATS_TEST_TMPDIR/broken.so
  local run=("$float" --data random:4 --budget 30)
  tessera optimize "${run[@]}" --no-mixed -o out
  expect_status 0
  expect_in "$stdout" "kernels of tessera: "
  tessera bench "${run[@]}" --types u8s8 --levels all --json
  expect_status 0
  expect_equal "$(json '[.result.rows[] | select(.format == "kernels")] | length')" 0
  tessera optimize "${run[@]}" --kernels tessera -o none
  expect_error 3 "does not know operator type 'ai.tessera:"
  expect_missing none
  tessera bench "${run[@]}" --kernels tessera
  expect_error 3 "does not know operator type 'ai.tessera:"
}

@test "optimize --kernels tessera writes the portable twin and the library beside its model" {
  local example=$TESSERA_SOURCE/examples/01_textures
  local run=("$example/textures.onnx" --data "$example/calibration" --preprocess unit --samples 8
    --no-mixed --no-refine --budget 60 --json)
  tessera optimize "${run[@]}" --kernels tessera -o taken
  expect_status 0
  if [ "$(json '.result.chosen.format')" != kernels ]; then
    expect_equal "$(json .result.portable)" null
    expect_missing taken/libtessera_kernels.so
    skip "the kernels were not the fastest here"
  fi
  expect_equal "$(json '.result.portable | has("name")')" true
  expect_equal "$(json '[.result.artefacts[] | select(endswith("taken/model.portable.onnx"))] | length')" 1
  cmp taken/libtessera_kernels.so "$(dirname "$TESSERA")/libtessera_kernels.so"
  tessera inspect taken/model.portable.onnx --json
  expect_status 0
  expect_equal "$(json '.result.opsets | has("ai.tessera")')" false
  tessera inspect taken/model.onnx --json
  expect_equal "$(json '.result.opsets | has("ai.tessera")')" true
  TESSERA_KERNELS=$BATS_TEST_TMPDIR/taken/libtessera_kernels.so tessera compare taken/model.portable.onnx \
    taken/model.onnx --data random:2
  expect_status 0
  tessera optimize "${run[@]}" -o shown
  expect_status 0
  expect_missing shown/libtessera_kernels.so
  expect_missing shown/model.portable.onnx
}

@test "values inside are compared, whatever their layout" {
  needs_shared models/yolox_nano.onnx
  local yolox=$TESSERA_SHARED/data/models/yolox_nano.onnx
  tessera quantize "$yolox" --data random:2 --kernels tessera --refine none --method minmax -o k.onnx
  expect_status 0
  tessera compare "$yolox" k.onnx --data random:1 --json
  expect_status 0
  expect_equal "$(json '[.result.tensors[] | select(.candidate | endswith("_nhwc"))] | length > 90')" true
  expect_equal "$(json '[.result.tensors[] | select(.sqnr_db != null and .sqnr_db > 5)] | length > 90')" true
}

@test "scales per channel come from calibrate --channels" {
  needs_shared models/yolox_nano.onnx
  local yolox=$TESSERA_SHARED/data/models/yolox_nano.onnx
  tessera calibrate "$yolox" --data random:2 --method minmax -o without.json
  expect_status 0
  tessera calibrate "$yolox" --data random:2 --method minmax --channels -o with.json
  expect_status 0
  expect_equal "$(jq '.result.channels | length > 150' with.json)" true
  expect_equal "$(jq '.result.tensors' with.json | sha256sum)" "$(jq '.result.tensors' without.json | sha256sum)"
  local name
  for name in with without; do
    tessera quantize "$yolox" --ranges $name.json --kernels tessera --per-channel -o $name.onnx
    expect_status 0
  done
  grep -a -q tessera.channel_scales with.onnx
  expect_equal "$(grep -a -c tessera.channel_scales without.onnx)" 0
  tessera compare "$yolox" without.onnx --data random:3 --json
  local plain=$(json '.result.outputs[0].sqnr_db')
  tessera compare "$yolox" with.onnx --data random:3 --json
  local scaled=$(json '.result.outputs[0].sqnr_db')
  echo "$plain dB, $scaled dB with scales per channel"
  expect_equal "$(jq -n "$scaled > $plain + 2")" true
}

@test "profile measures layers with kernels" {
  tessera profile "$TESSERA_SOURCE/examples/01_textures/textures.onnx" --data random:2 --kernels tessera \
    --budget 8 --no-isolated -o p.json
  expect_status 0
  expect_in "$stdout" kernels-u8s8
  grep -q Lookup p.json
}

# A convolution, a Clip, a depthwise convolution: the value between has a scale per channel.
@test "error sweep says of layers in kernels what the built model has" {
  local example=$TESSERA_SOURCE/examples/01_textures pair=/inverted2/expand/Conv,/inverted2/depthwise/Conv
  local one=(--data "$example/calibration" --preprocess unit --samples 1)
  local types=(--activation u8 --weight s8 --per-channel)
  echo "$pair" >pair.txt
  tessera calibrate "$example/textures.onnx" --data "$example/calibration" --preprocess unit --samples 20 \
    --method minmax --channels -o ranges.json
  expect_status 0
  local format
  for format in kernels qdq; do
    tessera error sweep "$example/textures.onnx" "${one[@]}" --ranges ranges.json "${types[@]}" --layers "$pair" \
      --subsets list:pair.txt --format $format -o $format.jsonl
    expect_status 0
    expect_in "$stdout" "$format-u8s8-channel"
    jq -n --arg layers "$pair" --arg format $format '{rules: [{match: ($layers / ","),
      scheme: {format: $format, activation: "u8", weight: "s8", per_channel: true}}]}' >recipe.json
    tessera quantize "$example/textures.onnx" --ranges ranges.json --recipe recipe.json --refine none -o $format.onnx
    expect_status 0
    tessera compare "$example/textures.onnx" $format.onnx "${one[@]}" --json
    expect_equal "$(jq -s --argjson built "$(json '.result.outputs[0].l2_per_element')" \
      '.[1].error / $built | . > .999 and . < 1.001' $format.jsonl)" true
  done
  expect_equal "$(jq -s '.[1].error < .9 * .[3].error' kernels.jsonl qdq.jsonl)" true
  tessera error sweep "$example/textures.onnx" "${one[@]}" --ranges ranges.json "${types[@]}" --layers "$pair" \
    --subsets list:pair.txt --kernels tessera --timeless -o same.jsonl
  expect_status 0
  expect_equal "$(tail -1 same.jsonl)" "$(tail -1 kernels.jsonl)"
  tessera error sweep "$example/textures.onnx" "${one[@]}" --kernels tessera --format qdq -o no.jsonl
  expect_error 2 "is a format, and so is qdq"
}

@test "errors and times of kernels are not mixed with those of other formats" {
  local example=$TESSERA_SOURCE/examples/01_textures format
  for format in kernels qdq; do
    tessera error sweep "$example/textures.onnx" --data "$example/calibration" --preprocess unit --samples 1 \
      --calibration-samples 8 --layers top-macs:5 --subsets random:30 --format $format -o $format.jsonl
    expect_status 0
    tessera error fit $format.jsonl -o $format.json
    expect_status 0
    jq -n --arg format $format '{default: {format: $format}}' >$format.recipe.json
    jq --arg scheme $format-u8s8 '{schema: "tessera.profile/1", result: {scheme: $scheme, layers: [.result.layers[] |
      {name, precisions: {fp32: {median_us: 9}, int8: {median_us: 4}}}]}}' $format.json >$format.profile.json
  done
  tessera error fit kernels.jsonl qdq.jsonl
  expect_error 2 "in qdq-u8s8"
  tessera error merge kernels.jsonl qdq.jsonl -o merged.jsonl
  expect_error 2 "another set of layers"
  local other
  for format in kernels qdq; do
    other=$([[ $format == qdq ]] && echo kernels || echo qdq)
    tessera error predict --model $format.json --recipe $format.recipe.json "$example/textures.onnx"
    expect_status 0
    tessera error predict --model $format.json --recipe $other.recipe.json "$example/textures.onnx"
    expect_error 2 "and it was swept in"
    tessera error rank --model $format.json --profile $format.profile.json
    expect_status 0
    tessera error rank --model $format.json --profile $other.profile.json
    expect_error 2 "has the times of $other-u8s8"
  done
}

@test "error tail and error check take kernels, and measure their channels unasked" {
  local example=$TESSERA_SOURCE/examples/01_textures
  local few=(--data "$example/calibration" --preprocess unit --images 1 --calibration-samples 8 --per-channel)
  local block=(--layers 're:.*inverted1.*' --plans 7 --json)
  tessera error tail "$example/textures.onnx" "${few[@]}" --kernels tessera --timeless -o mix.json
  expect_status 0
  expect_equal "$(jq '[.rules[].scheme | objects | .format] | index("kernels") != null' mix.json)" true
  tessera error check "$example/textures.onnx" "${few[@]}" --kernels tessera "${block[@]}"
  expect_status 0
  expect_equal "$(json '.result.engine.worst_deviation < 1e-3')" true
  local kernels=$stdout
  tessera error check "$example/textures.onnx" "${few[@]}" "${block[@]}"
  expect_status 0
  expect_equal "$(jq -n --argjson a "$kernels" --argjson b "$stdout" '[$a, $b] |
    map(.result.plans[] | select(.layers | length == 3) | .built_error) | .[0] < .95 * .[1]')" true
}
