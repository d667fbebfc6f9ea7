#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0

load helpers

# names_in COMMAND: what the help of a command, or of the program (""), lists as its commands.
names_in() {
  # shellcheck disable=SC2086
  ${TESSERA_EMULATOR:-} "$TESSERA" $1 --help |
    sed -n '/^Subcommands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'
}

# All commands and theirs, one a line: `error`, `error sweep`.
commands() {
  local command name
  for command in $(names_in ""); do
    echo "$command"
    for name in $(names_in "$command"); do
      echo "$command $name"
    done
  done
}
setup_file() {
  commands >"$BATS_FILE_TMPDIR/commands"
}
setup() { mapfile -t all <"$BATS_FILE_TMPDIR/commands"; }

@test "--help lists the commands on stdout, and the contract's are among them" {
  tessera --help
  expect_status 0
  expect_equal "$stderr" ""
  for command in inspect calibrate quantize compare bench profile optimize energy doctor completion \
    "error sweep" "error merge" "error check" "error fit" "error predict" "error rank"; do
    expect_in "$(printf '[%s]' "${all[@]}")" "[$command]"
  done
}

@test "without arguments the help is shown" {
  tessera
  expect_status 0
  expect_in "$stdout" "tessera COMMAND --help"
}

@test "every command explains itself, with an example" {
  count=0
  for command in "${all[@]}"; do
    # shellcheck disable=SC2086 # a command of a command is two words
    tessera $command --help
    expect_status 0
    expect_equal "$stderr" ""
    expect_in "$stdout" "Usage: tessera $command"
    expect_in "$stdout" "Example"
    expect_in "${stdout#*Example}" "tessera $command"
    count=$((count + 1))
  done
  [ "$count" -ge 17 ]
}

@test "every example of every --help is a command that is understood" {
  # In an empty folder an example fails for what is not there, which is looked for only once its
  # options are understood: a file that is missing (3), never a mistake in the command (2).
  mkdir "$BATS_TEST_TMPDIR/empty"
  cd "$BATS_TEST_TMPDIR/empty"
  local count=0 command example
  for command in "${all[@]}"; do
    # shellcheck disable=SC2086
    tessera $command --help
    while IFS= read -r example; do
      eval "tessera ${example#tessera }"
      case $status in
        0) expect_in "doctor completion" "$command" ;;
        3) expect_in "$stderr" "error: " ;;
        *) echo "'$example' is not understood"; return 1 ;;
      esac
      count=$((count + 1))
    done < <(sed -n '/^Example:/,$s/^ .*\(tessera [^)]*\).*/\1/p' <<<"$stdout")
  done
  [ "$count" -ge 25 ]
}

@test "every option that the pages in docs/ name exists" {
  local known="" command page option unknown=""
  for command in "" "${all[@]}"; do
    # shellcheck disable=SC2086
    tessera $command --help
    known+=" $(grep -oE -- '--[a-z][a-z-]+' <<<"$stdout" | tr '\n' ' ')"
  done
  for page in "$TESSERA_SOURCE"/docs/*.md "$TESSERA_SOURCE/README.md"; do
    # Options of other programs are no business of ours.
    for option in $(grep -vE 'cmake |git |--use_' "$page" | grep -oE -- '`[^`]*--[a-z][a-z-]+|^ *(\$ )?(build/release/|\$)?tessera .*' |
      grep -oE -- '--[a-z][a-z-]+' | sort -u); do
      [[ " $known " == *" $option "* ]] || unknown+="$(basename "$page"): $option"$'\n'
    done
  done
  expect_equal "$unknown" ""
}

@test "--version is a semantic version" {
  tessera --version
  expect_status 0
  [[ $stdout =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "an unknown command is a usage error that names the nearest one" {
  tessera quantise model.onnx
  expect_error 2 "unknown command 'quantise'"
  expect_in "$stderr" "did you mean 'quantize'?"
}

@test "an unknown option is a usage error of its command" {
  tessera inspect model.onnx --no-such-option
  expect_error 2 "--no-such-option"
  expect_in "$stderr" "tessera inspect --help"
}

@test "a missing argument is a usage error" {
  tessera inspect
  expect_error 2 "model is required"
}

@test "a file that does not exist is an input error" {
  tessera inspect "$BATS_TEST_TMPDIR/none.onnx"
  expect_error 3 "none.onnx"
}

@test "the help comes within 50 ms" {
  # The best of ten: what the program needs, not what the machine is busy with.
  best=1000000000
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    started=$(date +%s%N)
    ${TESSERA_EMULATOR:-} "$TESSERA" --help >/dev/null
    elapsed=$(($(date +%s%N) - started))
    [ "$elapsed" -ge "$best" ] || best=$elapsed
  done
  echo "best: $((best / 1000)) us"
  [ -n "${TESSERA_EMULATOR:-}" ] || [ "$best" -le 50000000 ]
}

@test "completion scripts are accepted by their shells" {
  for shell in bash zsh fish; do
    tessera completion "$shell"
    expect_status 0
    expect_in "$stdout" "quantize"
    if command -v "$shell" >/dev/null; then
      "$shell" -n "$BATS_TEST_TMPDIR/stdout"
    fi
  done
  tessera completion tcsh
  expect_error 2 "tcsh"
}

@test "the bash completion offers commands, options and files" {
  ${TESSERA_EMULATOR:-} "$TESSERA" completion bash >"$BATS_TEST_TMPDIR/completion"
  offered=$(bash -c '
    source "$1"
    COMP_WORDS=(tessera qu) COMP_CWORD=1; _tessera; echo "${COMPREPLY[@]}"
    COMP_WORDS=(tessera quantize --per) COMP_CWORD=2; _tessera; echo "${COMPREPLY[@]}"
  ' bash "$BATS_TEST_TMPDIR/completion")
  expect_equal "$offered" $'quantize\n--per-channel --per-tensor'
}

@test "a closed stdout does not hang or crash the program" {
  run timeout 10 bash -c '${TESSERA_EMULATOR:-} "$TESSERA" --help >&-'
  [ "$status" -ne 124 ]
  [ "$status" -lt 128 ]
}
