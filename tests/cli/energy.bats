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

@test "an estimate by widths and counts, layer by layer" {
  local example=$TESSERA_SOURCE/examples/02_qkeras/model.h5
  tessera energy "$example" --estimate physical --json -o "$BATS_TEST_TMPDIR/e.json"
  expect_status 0
  expect_equal "$(json .schema)" tessera.energy-estimate/1
  validate energy-estimate "$BATS_TEST_TMPDIR/stdout"
  cmp "$BATS_TEST_TMPDIR/e.json" "$BATS_TEST_TMPDIR/stdout"
  # Every part counts here, and the sum is that of the layers.
  json '.result | ([.layers[].total_pj] | add) / .counted_pj - 1 | fabs < 1e-12'
  json '.result.layers | all(.total_pj - .read_pj - .written_pj - .parameters_pj - .computed_pj | fabs < 1e-6)'
  json '.result.constants | length > 0 and all(.source != "" and .process != "" and .uncertainty != "")'
  # 24 outputs of a 3 x 3 convolution of 24 channels on 4 x 4 places, by powers of two.
  json '.result.layers[] | select(.name == "shifts") | .operations == 4 * 4 * 24 * 9 * 24 and .product.circuit == "shifter"'
  tessera energy "$example" --estimate physical
  expect_status 0
  expect_in "$stdout" "QConv2DBatchnorm"
  expect_in "$stdout" "factor of 2"
}

@test "memory is where the options say" {
  local example=$TESSERA_SOURCE/examples/02_qkeras/model.h5
  tessera energy "$example" --estimate physical --weights-in fixed --activations-in fixed \
    --network-io sram --json
  expect_status 0
  json '.result | all(.layers[]; .parameters_pj == 0)'
  json '.result.layers[1:-1] | all(.read_pj == 0 and .written_pj == 0)'
  json '.result.memory == {weights: "fixed", activations: "fixed", least_sram_bits: 0, io_through_dram: false}'
  local small large
  tessera energy "$example" --estimate physical --weights-in sram --activations-in sram --json
  small=$(json .result.counted_pj)
  tessera energy "$example" --estimate physical --weights-in sram --activations-in sram \
    --least-sram 134217728 --json
  large=$(json .result.counted_pj)
  jq -en "$large > $small"
  validate energy-estimate "$BATS_TEST_TMPDIR/stdout"
}

@test "estimates are of Keras files, and one model of energy at a time" {
  tessera energy "$model" --estimate physical
  expect_error 3 "--estimate"
  tessera energy "$model" --estimate physical --per-mac
  expect_error 2 "--per-mac"
  tessera energy "$model" --weights-in sram
  expect_error 2 "--estimate"
  local given
  for given in "--watts 5" "--seconds 1" "--level basic" "--data random:1" "--samples 1" \
    "--threads 2" "--provider cpu" "--dim N=1" "--shape x=1x3"; do
    # shellcheck disable=SC2086 # an option and its value
    tessera energy "$TESSERA_SOURCE/examples/02_qkeras/model.h5" --estimate physical $given
    expect_error 2 "${given%% *} is for running the model"
  done
  tessera energy "$TESSERA_SOURCE/examples/02_qkeras/model.h5" --estimate physical \
    --input-type "quantized_wavelet(3)"
  [ "$status" -ne 0 ]
  expect_in "$stderr" "quantized_wavelet"
}

# Its tables say two digits behind the point.
@test "the rules of QTools give what QTools gives" {
  needs_shared qkeras/s1_mlp.qtools.json
  local table run weights activations least io
  for table in "$TESSERA_SHARED"/data/qkeras/*.qtools.json; do
    while IFS=$'\t' read -r run weights activations least io; do
      [ "$io" = true ] && io=dram || io=sram
      tessera energy "${table%.qtools.json}.h5" --estimate qtools --weights-in "$weights" \
        --activations-in "$activations" --least-sram "$least" --network-io "$io" \
        --input-type "$(jq -r .settings.source_quantizer "$table")" --json
      expect_status 0
      # shellcheck disable=SC2016 # jq's own variables
      jq -e --arg run "$run" --slurpfile ours "$BATS_TEST_TMPDIR/stdout" '
        def near($a; $b; $by): ($a - $b | fabs) <= $by;
        $ours[0].result as $made | .energy[$run] as $theirs
        | ($made.layers | length) == ($theirs.layers | length)
          and near($made.counted_pj; $theirs.sum_pJ; 1)
          and near($made.total_pj; $theirs.total_cost; 1)
          and all($made.layers[]; $theirs.layers[.name].op as $op
            | near(.read_pj; $op.inputs; 0.006) and near(.written_pj; $op.outputs; 0.006)
              and near(.parameters_pj; $op.parameters; 0.006)
              and near(.computed_pj; $op.op_cost; 0.006)
              and near(.counted_pj; $theirs.layers[.name].counted_pJ; 0.016))' "$table"
    done < <(jq -r '.settings.runs | to_entries[] | [.key, .value[]] | @tsv' "$table")
  done
}

@test "doctor names the counters" {
  counters
  tessera doctor
  expect_in "$stdout" "powercap: package-0"
}
