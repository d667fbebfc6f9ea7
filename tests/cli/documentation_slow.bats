#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# Every command that a README shows is run as it stands there, and must succeed.

load helpers

setup() {
  # A folder that looks like the checkout after a build, where commands may write.
  cd "$BATS_TEST_TMPDIR"
  mkdir -p build/release
  ln -s "$TESSERA" build/release/tessera
  ln -s "$TESSERA_SOURCE/examples" examples
  ln -s "$TESSERA_SOURCE/tests" tests
  # What the README calls a model and its images.
  cp examples/01_textures/textures.onnx model.onnx
  cp "$TESSERA_SOURCE/fuzz/corpus/litert/small.tflite" model.tflite
  ln -s examples/01_textures/calibration images
  cp examples/02_qkeras/model.h5 examples/02_qkeras/golden.npz .
  export tessera=build/release/tessera
}

# The commands of the fenced blocks of a file, one a line, continuation lines joined. Placeholders
# in capitals (YOUR.onnx), models outside of the repository (../shared) and options that the
# example has no use for (--dim: its shapes are fixed) are left out.
commands_of() {
  awk '/^```/ { inside = !inside; next }
       inside { if (sub(/\\$/, "")) { line = line $0 } else { print line $0; line = "" } }' "$1" |
    sed 's/^ *\$ //' |
    grep -E '^(build/release/|\$)tessera ' |
    grep -vE '[A-Z]{4,}[./ ]|\.\./shared|--dim|<|…|\.\.\.' || true
}

run_commands_of() {
  local command count=0
  while IFS= read -r command; do
    echo "--- $command"
    timeout 300 bash -c "${TESSERA_EMULATOR:-} $command" </dev/null
    count=$((count + 1))
  done < <(commands_of "$1")
  echo "# $count commands of ${1#"$TESSERA_SOURCE"/}" >&3
  [ "$count" -gt 0 ]
}

@test "the commands of README.md" {
  run_commands_of "$TESSERA_SOURCE/README.md"
}

@test "the commands of every example's README.md" {
  for readme in "$TESSERA_SOURCE"/examples/*/README.md; do
    run_commands_of "$readme"
  done
}
