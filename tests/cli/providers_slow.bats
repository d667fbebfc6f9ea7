#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# A real second provider: OpenVINO, which runs on any x86-64 CPU (scripts/setup provider-openvino).

load helpers

setup() {
  # shellcheck source=scripts/versions
  . "$TESSERA_SOURCE/scripts/versions"
  openvino=${XDG_CACHE_HOME:-$HOME/.cache}/tessera/provider-openvino-$onnxruntime_openvino_version
  if [[ ! -e $openvino/lib/libonnxruntime_providers_openvino.so ]]; then
    echo "# SKIPPED: OpenVINO was NOT tested; install it by scripts/setup provider-openvino" >&3
    skip "no OpenVINO"
  fi
  example=$TESSERA_SOURCE/examples/01_textures
  model=$example/textures.onnx
  quick=(--data "$example/test" --preprocess unit --levels all --granularity tensor --types u8s8
    --budget 30 -q --runtime "$openvino")
}

@test "bench races both providers in one table" {
  tessera bench "$model" "${quick[@]}" --formats float32,qdq --provider cpu,openvino --json
  expect_status 0
  expect_equal "$(json .context.provider)" cpu,openvino
  expect_equal "$(json .result.timer)" process-cpu
  expect_equal "$(json '.result.rows | length')" 4
  json '[.result.rows[] | .status == "ok" and .open_us > 0 and .first_run_us > 0] | all'
  # The whole float graph is one kernel of OpenVINO; none of it ran elsewhere.
  json '.result.rows[] | select(.provider == "openvino" and .mode == "float32") | .kernels.providers
        | keys == ["OpenVINOExecutionProvider"]'
  json '.result.rows[] | select(.provider == "openvino" and .mode == "static")
        | .kernels.providers.OpenVINOExecutionProvider >= 1 and .sqnr_db > 20'
  json '.result.rows[] | select(.provider == "cpu") | .kernels.providers
        | keys == ["CPUExecutionProvider"]'
}

@test "the table and the CSV say where rows ran" {
  tessera bench "$model" "${quick[@]}" --formats float32 --provider openvino,cpu \
    -o "$BATS_TEST_TMPDIR/b.csv"
  expect_status 0
  expect_in "$stdout" "ran on"
  expect_in "$stdout" "open ms"
  expect_in "$(head -1 "$BATS_TEST_TMPDIR/b.csv")" "provider,ran_on,open_us,first_run_us,copies"
  expect_in "$(<"$BATS_TEST_TMPDIR/b.csv")" ",openvino,openvino,"
}

@test "optimize chooses for OpenVINO" {
  tessera optimize "$model" --data "$example/calibration" --samples 24 --preprocess unit \
    --runtime "$openvino" --provider openvino --budget 60 -q -o "$BATS_TEST_TMPDIR/out" --json
  expect_status 0
  expect_equal "$(json .context.provider)" openvino
  expect_equal "$(json .result.timer)" process-cpu
  json '.result.candidates | length >= 3'
  json '[.result.candidates[] | select(.status == "ok")
         | .kernels.providers | has("OpenVINOExecutionProvider")] | all'
}

@test "a device that is absent, or unknown to OpenVINO, is not passed over in silence" {
  tessera bench "$model" "${quick[@]}" --formats float32 --provider openvino:device_type=GPU
  if [[ $status != 0 ]]; then  # without a GPU
    expect_error 4 "set up the provider"
    expect_in "$stderr" "device_type=GPU"
  fi
  tessera bench "$model" "${quick[@]}" --formats float32 --provider openvino:device_type=NOSUCH
  if [[ $status == 0 ]]; then
    expect_in "$stderr" "no operator ran on provider 'openvino:device_type=NOSUCH'"
  else
    expect_error 4 "NOSUCH"
  fi
}

@test "an unknown option is a runtime error that names it" {
  tessera bench "$model" "${quick[@]}" --formats float32 --provider openvino:nosuch=1
  expect_error 4 "set up the provider"
  expect_in "$stderr" "nosuch=1"
}

@test "a build that lacks the libraries of its provider says what is missing" {
  mkdir "$BATS_TEST_TMPDIR/bare"
  cp "$openvino"/lib/libonnxruntime.so.* "$BATS_TEST_TMPDIR/bare"
  quick[-1]=$BATS_TEST_TMPDIR/bare
  tessera bench "$model" "${quick[@]}" --formats float32 --provider openvino
  expect_error 4 "set up the provider"
  expect_in "$stderr" "libopenvino.so"
  # The CPU provider of the same build needs none of them.
  tessera bench "$model" "${quick[@]}" --formats float32
  expect_status 0
}

# --- a provider library of its own (scripts/setup plugin-openvino) ----------------------------------

plugin() {
  plugin=${XDG_CACHE_HOME:-$HOME/.cache}/tessera/plugin-openvino-$plugin_openvino_version
  plugin+=/libonnxruntime_providers_openvino_plugin.so
  if [[ ! -e $plugin ]]; then
    echo "# SKIPPED: provider libraries were NOT tested; run scripts/setup plugin-openvino" >&3
    skip "no provider library"
  fi
  quick=(--data "$example/test" --preprocess unit --levels all --granularity tensor --types u8s8
    --samples 8 --budget 20 -q)
}

@test "a provider library runs under the pinned runtime, by its path and by its name" {
  plugin
  for provider in "$plugin" openvino; do
    tessera bench "$model" "${quick[@]}" --formats float32,qdq --provider "cpu,$provider" --json
    expect_status 0
    expect_equal "$(json .context.runtime.version)" "$onnxruntime_version"
    expect_equal "$(json .result.timer)" process-cpu
    json '[.result.rows[] | select(.provider == "openvino:device=cpu")] | length == 2
          and all(.[]; .status == "ok" and (.kernels.providers
                  | keys == ["OpenVINOExecutionProvider"]))'
  done
}

@test "a provider library with two providers takes the one that is named" {
  plugin
  tessera bench "$model" "${quick[@]}" --formats float32 --provider "$plugin:ep=openvino.auto" --json
  expect_status 0
  expect_equal "$(json '.result.rows[0].provider')" openvino.auto:device=cpu
  json '.result.rows[0].kernels.providers | has("OpenVINOExecutionProvider.AUTO")'
}

@test "what a provider library lacks or ignores is an error" {
  plugin
  tessera bench "$model" "${quick[@]}" --formats float32 --provider "$plugin:device=npu"
  expect_error 4 "no such device"
  expect_in "$stderr" "openvino on cpu"
  tessera bench "$model" "${quick[@]}" --formats float32 --provider "$plugin:num_of_threads=2"
  expect_error 2 "num_of_threads is ignored"
  tessera bench "$model" "${quick[@]}" --formats float32 --provider "$model"
  expect_error 4 "no provider library"
}

@test "doctor lists provider libraries and tries the one that is asked for" {
  plugin
  tessera doctor --provider openvino --json
  expect_status 0
  json '.result.runtime.plugins | any(.name == "openvino" and .device == "cpu")'
  json '.result.probes | any(.ran_on == "openvino")'
}

@test "optimize mixes layers under a provider whose kernels cannot be told apart" {
  plugin
  tessera optimize "$model" --data "$example/calibration" --samples 24 --preprocess unit \
    --provider openvino --budget 90 -q -o "$BATS_TEST_TMPDIR/out" --json
  expect_status 0
  json '[.result.candidates[] | select(.operators | startswith("mixed: "))
         | select(.status == "ok" and .predicted_us == null and .sqnr_db != null)] | length >= 2'
  json '.result.mixing.proposals >= 2'
}
