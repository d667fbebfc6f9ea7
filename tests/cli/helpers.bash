# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# For every suite: `load helpers`. By CMake: TESSERA is the program, TESSERA_SOURCE the source tree.
# shellcheck shell=bash

: "${TESSERA:?run the suites through ctest, or set TESSERA to the program}"
: "${TESSERA_SOURCE:=$BATS_TEST_DIRNAME/../..}"
: "${TESSERA_SHARED:=$TESSERA_SOURCE/../shared}"

# Real models and photos, which the repository does not carry.
needs_shared() {
  if [[ ! -e $TESSERA_SHARED/data/$1 ]]; then
    echo "# SKIPPED: no '$1' under $TESSERA_SHARED/data (set TESSERA_SHARED)" >&3
    skip "no $1"
  fi
}

# tessera ARGUMENT...: leaves $status, $stdout and $stderr (texts).
tessera() {
  status=0
  # shellcheck disable=SC2086 # an emulator comes with its own arguments
  ${TESSERA_EMULATOR:-} "$TESSERA" "$@" >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" ||
    status=$?
  stdout=$(<"$BATS_TEST_TMPDIR/stdout")
  stderr=$(<"$BATS_TEST_TMPDIR/stderr")
  printf 'tessera %s\n-> %s\n--- stdout\n%s\n--- stderr\n%s\n' "$*" "$status" "$stdout" "$stderr"
}

# Statements after `!` or in `[[ ]]` inside of functions do not always end a bats test: these do.
expect_status() {
  if [[ $status != "$1" ]]; then
    echo "exit code $status; $1 was expected"
    return 1
  fi
}
expect_in() { # TEXT FRAGMENT
  if [[ $1 != *"$2"* ]]; then
    printf "'%s' is not in:\n%s\n" "$2" "$1"
    return 1
  fi
}
expect_not_in() { # TEXT FRAGMENT
  if [[ $1 == *"$2"* ]]; then
    printf "'%s' is in:\n%s\n" "$2" "$1"
    return 1
  fi
}
expect_equal() { # ACTUAL EXPECTED
  if [[ $1 != "$2" ]]; then
    printf "'%s'; expected '%s'\n" "$1" "$2"
    return 1
  fi
}
expect_missing() { # FILE
  if [[ -e $1 ]]; then
    echo "'$1' must not exist"
    return 1
  fi
}
# An error as users see it: the exit code, one `error:` line, a hint, nothing on stdout.
expect_error() { # STATUS FRAGMENT
  expect_status "$1"
  expect_equal "$stdout" ""
  expect_in "$stderr" "error: "
  expect_in "$stderr" "$2"
  expect_in "$stderr" "hint: "
}

# json FILTER: a value of the document on stdout.
json() { jq -er "$1" "$BATS_TEST_TMPDIR/stdout"; }

# validate KIND FILE...: documents against schema/, see tests/schema/validate.py. The
# distribution's Python has the validator; another that comes first in PATH may not.
validate() {
  local python=/usr/bin/python3
  "$python" -c 'import jsonschema' 2>/dev/null || python=python3
  "$python" "$TESSERA_SOURCE/tests/schema/validate.py" "$@"
}
