#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# tessera-check-plan stands beside tessera and says by its exit code what a certificate is worth.

load helpers

setup() {
  TESSERA=$(dirname "$TESSERA")/tessera-check-plan
  certificates=$TESSERA_SOURCE/fuzz/corpus/certificate
  cd "$BATS_TEST_TMPDIR"
}

@test "certificates are accepted, and are what the schema says" {
  local file
  for file in "$certificates"/*.json; do
    tessera "$file"
    expect_status 0
    expect_in "$stdout" "accepted: "
    validate plan-cert "$file"
    tessera "$file" --json
    expect_status 0
    validate check-plan "$BATS_TEST_TMPDIR/stdout"
  done
}

@test "a claim that is not proven is rejected with 1" {
  jq -c '.claim.bound += 1 | .claim.status = "feasible" | .claim.cost += 1' \
    "$certificates/two_operators.json" >raised.json
  tessera raised.json
  expect_status 1
  expect_in "$stdout" "rejected: the seal"
  # Sealed anew.
  local seal
  seal=$(jq -cj 'del(.seal)' raised.json | sha256sum | cut -d' ' -f1)
  jq -c --arg seal "$seal" '.seal = $seal' raised.json >sealed.json
  tessera sealed.json
  expect_status 1
  expect_in "$stdout" "rejected: the assignment costs 9 ns, and 10 are claimed"
  tessera sealed.json --json
  expect_status 1
  validate check-plan "$BATS_TEST_TMPDIR/stdout"
}

@test "an answer that cannot be written is none" {
  [ -w /dev/full ] || skip "no /dev/full"
  local status=0
  "$TESSERA" "$certificates/two_operators.json" >/dev/full 2>stderr || status=$?
  expect_equal "$status" 3
  grep -q "could not be written" stderr
}

@test "what is no certificate exits with 3, bad usage with 2" {
  echo '{"schema": "tessera.plan/1"}' >other.json
  tessera other.json
  expect_status 3
  expect_in "$stderr" "error: 'other.json' is no certificate of a plan"
  tessera missing.json --json
  expect_status 3
  validate error "$BATS_TEST_TMPDIR/stdout"
  tessera
  expect_status 2
  tessera other.json --plan
  expect_status 2
  expect_in "$stderr" "hint: "
}

@test "it has nothing of the planner or of a solver" {
  tessera --help
  expect_status 0
  expect_in "$stdout" "Usage: tessera-check-plan"
  if grep -q -i highs "$TESSERA"; then
    return 1
  fi
  command -v nm >/dev/null || skip "no nm"
  nm -C "$TESSERA" >symbols
  grep -q 'tessera::certificate::' symbols || skip "it was stripped"
  if grep -E 'tessera::(plan|milp|search)::' symbols; then
    return 1
  fi
}
