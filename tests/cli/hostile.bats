#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# Files that somebody else made: names of any bytes at any length, extents beyond counting. And
# outputs that cannot take the answer. Never a crash, never a name that a terminal takes for a
# command, and with --json always a document.

load helpers
load tiny_model

setup() {
  cd "$BATS_TEST_TMPDIR"
  long=$(head -c 60000 /dev/zero | tr '\0' A)
  bad=$'esc\e[31m\x07 \xff\xfe end'
  float=$TESSERA_SOURCE/tests/fixtures/compat/cases/012_residual_block_qdq_u8s8_as/model.onnx
}

# harmless: whatever came of it was no crash, and what people see is short and clean.
harmless() {
  if ((status >= 70)); then
    echo "exit code $status"
    return 1
  fi
  local LC_ALL=C longest
  longest=$(cat stdout stderr | wc -L)
  if ((longest > 6000)); then
    echo "a line of $longest bytes"
    return 1
  fi
  if grep -q $'[\x01-\x08\x0e-\x1f\x7f]' stdout stderr; then
    echo "control characters"
    return 1
  fi
  iconv -f UTF-8 -t UTF-8 stdout stderr >clean || return 1
}

# every_command MODEL
every_command() {
  tessera inspect "$1" && harmless
  tessera inspect "$1" --cuts && harmless
  tessera inspect "$1" --dim "$long=1" && harmless
  tessera calibrate "$1" --data random:2 -o ranges.json --force && harmless
  tessera quantize "$1" --data random:2 -o out.onnx --force && harmless
  tessera quantize "$1" --mode float16 -o half.onnx --force && harmless
  tessera quantize "$1" --data random:2 --exclude "re:A.*" -o out.onnx --force && harmless
  tessera quantize "$1" --data random:2 --exclude "no$bad" -o out.onnx --force && harmless
  tessera compare "$1" "$1" --data random:1 && harmless
  tessera bench "$1" --data random:1 --budget 0.1 && harmless
  tessera profile "$1" --data random:1 --budget 0.1 -o profile.json --force && harmless
  tessera error sweep "$1" --data random:1 --layers "re:.*" -o sweep.jsonl --force && harmless
}

@test "an operator with a name of 60,000 bytes" {
  write_model m.onnx x y "$(node Relu "$long" x y)"
  every_command m.onnx
  tessera inspect m.onnx
  expect_status 0
  expect_in "$stdout" "AAAA"
  expect_in "$stdout" "…"
  tessera inspect m.onnx --json
  expect_equal "$(json '.result.ops[0].name | length')" 60000
}

@test "an operator type of 60,000 bytes" {
  write_model m.onnx x y "$(node "$long" n x y)"
  every_command m.onnx
  tessera calibrate m.onnx --data random:2 -o ranges.json
  expect_error 3 "does not know"
}

@test "inputs and tensors with names of 60,000 bytes" {
  write_model m.onnx "$long" "y$long" "$(node Relu a "$long" "h$long")" \
    "$(node Relu b "h$long" "y$long")"
  every_command m.onnx
}

@test "a node that the runtime refuses, with a name of 60,000 bytes" {
  write_model m.onnx x y "$(node Conv "$long" x y)"
  every_command m.onnx
}

@test "names with control characters and bytes that are no UTF-8" {
  write_model m.onnx "$bad" "y$bad" "$(node Relu "$bad" "$bad" "y$bad")"
  every_command m.onnx
  tessera inspect m.onnx
  expect_status 0
  tessera inspect m.onnx --json
  expect_status 0
  json .result.ops >/dev/null
  write_model m.onnx x y "$(node "$bad" "$bad" x y)"
  every_command m.onnx
}

@test "samples whose path is no UTF-8" {
  tessera calibrate "$float" --data $'data\xff' -o ranges.json
  expect_error 3 "data"
  mkdir $'data\xff'
  printf '0 0\n' >$'data\xff/x.txt'
  tessera calibrate "$float" --data $'data\xff' -o ranges.json
  harmless
}

@test "20,000 operators of one name, and their cuts" {
  python3 - <<'PY'
def varint(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128]); n >>= 7
    return out + bytes([n])
def field(n, content): return varint(n << 3 | 2) + varint(len(content)) + content
def info(name): return field(1, name) + field(2, field(1, b'\x08\x01' + field(2, field(1, b'\x08\x04'))))
nodes = b''.join(field(1, field(1, b't%d' % i) + field(2, b't%d' % (i + 1)) + field(3, b'n') + field(4, b'Relu'))
                 for i in range(20000))
graph = nodes + field(2, b'g') + field(11, info(b't0')) + field(12, info(b't20000'))
open('chain.onnx', 'wb').write(b'\x08\x08' + field(7, graph) + field(8, b'\x10\x0d'))
PY
  tessera inspect chain.onnx --cuts
  expect_status 0
  expect_in "$stdout" "19999 cuts"
}

@test "extents and sums beyond counting" {
  local extent=$(((1 << 61) + 5))
  { number_field 1 8; field 7 "$(field 1 "$(node Relu n x y)")$(field 2 g)$(
    field 11 "$(value_info x $extent)")$(field 12 "$(value_info y $extent)")"
    field 8 "$(number_field 2 13)"; } >m.onnx
  tessera inspect m.onnx
  harmless
  expect_not_in "$stdout" "-"[0-9]
}

@test "an answer that nobody can take is an error" {
  tessera_to() { # FILE ARGUMENT...
    status=0
    # shellcheck disable=SC2086 # an emulator comes with its own arguments
    ${TESSERA_EMULATOR:-} "$TESSERA" "${@:2}" >"$1" 2>stderr || status=$?
    stderr=$(<stderr)
  }
  for options in "" "--json"; do
    # shellcheck disable=SC2086 # none or one
    tessera_to /dev/full inspect "$float" $options
    expect_status 3
    expect_in "$stderr" "No space left on device"
  done
  for options in --help --version "inspect --help" "error sweep --help"; do
    # shellcheck disable=SC2086 # words
    tessera_to /dev/full $options
    expect_status 3
    expect_in "$stderr" "No space left on device"
  done
  # shellcheck disable=SC2086
  ${TESSERA_EMULATOR:-} "$TESSERA" inspect "$float" 2>stderr | head -1 >first
  expect_equal "$(<stderr)" ""
}

@test "with --json an error is a document, too" {
  tessera inspect no.onnx --json
  expect_status 3
  expect_in "$stderr" "error: "
  expect_equal "$(json .schema)" tessera.error/1
  expect_equal "$(json .result.code)" not_found
  expect_equal "$(json .result.exit_code)" 3
  json .result.message >/dev/null
  json .result.hint >/dev/null
  validate error stdout
  tessera inspect no.onnx --json --timeless
  validate error stdout
  # The command line itself may be wrong.
  tessera inspect --json --no-such-option
  expect_status 2
  expect_equal "$(json .result.code)" invalid_argument
  validate error stdout
  tessera inspekt --json
  expect_status 2
  expect_equal "$(json .result.code)" invalid_argument
  # Text stays text.
  tessera inspect no.onnx
  expect_error 3 no.onnx
}

@test "with --json a gate that is missed has one document: the answer" {
  tessera compare "$float" "$float" --data random:1 --json --gate "max_abs<0"
  expect_status 1
  expect_equal "$(jq -s length stdout)" 1
  expect_equal "$(json .schema)" tessera.compare/1
}
