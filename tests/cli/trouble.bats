#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# Every command that writes, where it cannot: a folder that is read-only, a disk that is full, a
# user who changes their mind. The right exit code, one error with a hint, and nothing left behind.
#
# Read-only and full are real file systems: a tmpfs in a mount namespace of its own, by root or in a
# user namespace. Permission bits would not do: root may write everywhere.

load helpers

setup() {
  model=$TESSERA_SOURCE/examples/01_textures/textures.onnx
  data=(--data "$TESSERA_SOURCE/examples/01_textures/calibration" --preprocess unit)
  cases=$TESSERA_SOURCE/tests/fixtures/compat/cases
  disk=$BATS_TEST_TMPDIR/disk
  mkdir "$disk"
  cd "$BATS_TEST_TMPDIR"
}

# Sets `namespace`, a command that runs another where what it mounts is seen by nobody else and gone
# when it ends. Tried out, because it depends on more than rights: below a chroot or in a container
# the namespace may be refused, or share its mounts with the one outside.
find_namespace() {
  local probe=$BATS_TEST_TMPDIR/probe way
  mkdir -p "$probe"
  for way in "unshare -m" "unshare -rm"; do
    # shellcheck disable=SC2016 # the inner shell expands
    $way bash -c 'mount -t tmpfs tmpfs "$1" && : >"$1/inside"' - "$probe" 2>/dev/null || continue
    if [[ -e $probe/inside ]]; then # or it was no mount at all
      umount "$probe" 2>/dev/null || umount -l "$probe" 2>/dev/null || rm -f "$probe/inside"
      continue
    fi
    namespace=$way
    return
  done
  echo "# SKIPPED: no file system can be mounted for a test alone here (a container, a chroot, or" \
    "neither root nor user namespaces)" >&3
  skip "cannot mount"
}

# tessera_on OPTIONS ARGUMENT...: as `tessera`, with a tmpfs mounted with OPTIONS on $disk. Leaves
# $left, what lay there afterwards.
tessera_on() {
  local options=$1
  shift
  [[ -n ${namespace:-} ]] || find_namespace
  status=0
  # shellcheck disable=SC2016,SC2086 # the inner shell expands; an emulator has arguments
  $namespace bash -c '
    mount -t tmpfs -o "$1" tmpfs "$2" && disk=$2 && shift 2
    "$@" >stdout 2>stderr
    code=$?
    find "$disk" -mindepth 1 >left
    exit $code' - "$options" "$disk" ${TESSERA_EMULATOR:-} "$TESSERA" "$@" || status=$?
  stdout=$(<stdout)
  stderr=$(<stderr)
  left=$(<left)
  printf 'on %s: tessera %s\n-> %s\n--- stdout\n%s\n--- stderr\n%s\n' "$options" "$*" "$status" \
    "$stdout" "$stderr"
}

# refused OPTIONS FRAGMENT ARGUMENT...
refused() {
  local options=$1 fragment=$2
  shift 2
  tessera_on "$options" "$@"
  expect_error 3 "$fragment"
  expect_in "$stderr" "$disk"
  expect_equal "$left" ""
}

every_writer() { # OPTIONS FRAGMENT
  local float=$cases/012_residual_block_qdq_u8s8_as/model.onnx
  refused "$1" "$2" calibrate "$model" "${data[@]}" --samples 2 -o "$disk/ranges.json"
  refused "$1" "$2" calibrate "$model" "${data[@]}" --samples 2 --shard 0/2 -o "$disk/shard.json"
  refused "$1" "$2" quantize "$model" "${data[@]}" --samples 2 -o "$disk/int8.onnx"
  refused "$1" "$2" quantize "$model" --mode float16 --external-data always -o "$disk/half.onnx"
  refused "$1" "$2" compare "$model" "$model" --data random:1 -o "$disk/compare.json"
  refused "$1" "$2" bench "$float" --data random:2 --budget 0.1 -o "$disk/bench.json"
  refused "$1" "$2" optimize "$float" --data random:2 --budget 0.1 -o "$disk/out"
}

@test "a read-only folder: every command that writes refuses, before it works for long" {
  every_writer ro "Read-only file system"
}

@test "a full disk: nothing is left of what was begun" {
  every_writer size=4k "No space left on device"
}

@test "a disk that fills up in the middle" {
  tessera_on size=64k quantize "$model" "${data[@]}" --samples 2 -o "$disk/int8.onnx"
  expect_error 3 "No space left on device"
  expect_equal "$left" ""
  tessera_on size=64k optimize "$model" "${data[@]}" --samples 4 --budget 1 -o "$disk/out"
  expect_error 3 "No space left on device"
  expect_equal "$left" ""
}

# ctrl_c ARGUMENT...: two seconds (an emulator: a minute) into work that would take much longer.
ctrl_c() {
  local wait=2
  [ -z "${TESSERA_EMULATOR:-}" ] || wait=60
  status=0
  # One signal to the program alone: a second one would end it at once.
  # shellcheck disable=SC2086 # an emulator comes with its own arguments
  timeout --foreground --preserve-status -k 60 -s INT $wait \
    ${TESSERA_EMULATOR:-} "$TESSERA" "$@" >stdout 2>stderr || status=$?
}
interrupted() { # ARGUMENT...
  ctrl_c "$@"
  stdout=$(<stdout)
  stderr=$(<stderr)
  printf 'tessera %s\n-> %s\n--- stdout\n%s\n--- stderr\n%s\n' "$*" "$status" "$stdout" "$stderr"
  expect_status 130
  expect_equal "$stdout" ""
  expect_in "$stderr" "error: "
  expect_equal "$(find "$disk" -mindepth 1)" ""
}

@test "Ctrl-C in the middle: exit code 130, and nothing is left behind" {
  mkdir tmp
  export TMPDIR=$BATS_TEST_TMPDIR/tmp
  interrupted calibrate "$model" --data random:1000000 -o "$disk/ranges.json"
  interrupted quantize "$model" --data random:1000000 -o "$disk/int8.onnx"
  interrupted compare "$model" "$model" --data random:1000000 -o "$disk/compare.json"
  expect_equal "$(find tmp -mindepth 1)" ""
}

# What was measured by then is written whole, or nothing is, if it was nothing.
@test "Ctrl-C while rows are measured: exit code 130, whole documents, and nothing else" {
  mkdir tmp
  export TMPDIR=$BATS_TEST_TMPDIR/tmp
  ctrl_c bench "$model" "${data[@]}" --samples 2 --budget 600 -o "$disk/bench.json"
  expect_status 130
  expect_in "$(<stderr)" "error: "
  expect_equal "$(find "$disk" -mindepth 1 ! -name bench.json)" ""
  if [ -e "$disk/bench.json" ]; then
    validate bench "$disk/bench.json"
    rm "$disk/bench.json"
  fi
  ctrl_c optimize "$model" "${data[@]}" --samples 2 --budget 600 -o "$disk/out"
  expect_status 130
  expect_equal "$(find "$disk" -mindepth 1 -name '.*')" ""
  expect_missing "$disk/out/model.onnx"
  if [ -e "$disk/out" ]; then
    validate optimize "$disk/out/summary.json"
    validate bench "$disk/out/bench.json"
  fi
  expect_equal "$(find tmp -mindepth 1)" ""
}

@test "Ctrl-C does not touch what was there before" {
  echo precious >"$disk/ranges.json"
  ctrl_c calibrate "$model" --data random:1000000 -o "$disk/ranges.json" --force
  expect_status 130
  expect_equal "$(<"$disk/ranges.json")" precious
  expect_equal "$(ls -A "$disk")" ranges.json
}
