#!/usr/bin/env bats
# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0

load helpers

# names_in COMMAND: what the help of a command, or of the program (""), lists as its commands.
names_in() {
  # shellcheck disable=SC2086
  ${TESSERA_EMULATOR:-} "$TESSERA" $1 --help |
    sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'
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
  for command in inspect calibrate quantize compare bench profile optimize plan energy import cluster doctor completion \
    "cluster init" "cluster check" "cluster show" \
    "error sweep" "error merge" "error check" "error tail" "error bits" "error fit" "error predict" "error rank"; do
    expect_in "$(printf '[%s]' "${all[@]}")" "[$command]"
  done
}

@test "without arguments the help is shown, as the usage error that it is" {
  tessera
  expect_status 2
  expect_equal "$stdout" ""
  expect_in "$stderr" "tessera COMMAND --help"
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
  # options are understood: a file (3) or a runtime (4) that is missing, never a mistake in the
  # command (2).
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
        3 | 4) expect_in "$stderr" "error: " ;;
        *) echo "'$example' is not understood"; return 1 ;;
      esac
      count=$((count + 1))
    done < <(sed -n '/^Example:/,$p' <<<"$stdout" | sed ':join;/\\$/{N;s/ *\\\n */ /;bjoin}' |
      sed -n 's/^ .*\(tessera [^)]*\).*/\1/p')
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

@test "an option that does not exist is told before anything else, with the one that was meant" {
  tessera bench model.onnx --dta D
  expect_error 2 "unknown option --dta"
  expect_in "$stderr" "did you mean --data?"
  tessera bench --data --dta model.onnx --buget=3
  expect_error 2 "unknown option --buget"
  expect_in "$stderr" "did you mean --budget?"
  tessera error sweep model.onnx --image 3
  expect_in "$stderr" "did you mean --images?"
  tessera inspect model.onnx -z
  expect_error 2 "unknown option -z"
  tessera inspect model.onnx other.onnx
  expect_error 2 "other.onnx"
}

@test "commands of commands, and words that options take, are suggested too" {
  tessera error swep
  expect_error 2 "unknown command 'error swep'"
  expect_in "$stderr" "did you mean 'error sweep'?"
  tessera quantize m.onnx -o q.onnx --mode dynamc
  expect_error 2 "--mode 'dynamc' is unknown"
  expect_in "$stderr" "did you mean dynamic?"
  tessera quantize m.onnx -o q.onnx --method percentil:99
  expect_error 2 "--method 'percentil:99' is unknown"
  tessera bench m.onnx --data D --levels all,basik
  expect_in "$stderr" "did you mean basic?"
}

@test "numbers out of their bounds are told with them" {
  tessera calibrate m.onnx --data D -o r.json --samples 0
  expect_error 2 "--samples must be at least 1, not 0"
  tessera optimize m.onnx --data D -o out --budget 0
  expect_error 2 "--budget must be more than 0, not 0"
  tessera inspect m.onnx --cuts 9
  expect_error 2 "--cuts must be 1 to 8, not 9"
  tessera calibrate m.onnx --data D -o r.json --threads many
  expect_error 2 "--threads 'many' is not a number"
  tessera inspect m.onnx --top -3
  expect_error 2 "--top must be at least 0, not -3"
  tessera inspect m.onnx --top many
  expect_error 2 "--top 'many' is not a number"
}

@test "the help stays within 80 columns, or those there are" {
  local command
  for command in "" "${all[@]}"; do
    # shellcheck disable=SC2086
    tessera $command --help
    expect_equal "$(awk 'length > 80' <<<"$stdout")" ""
  done
  COLUMNS=60 tessera quantize --help
  expect_equal "$(awk 'length > 60' <<<"$stdout")" ""
  expect_in "$stdout" $'\nSamples:\n'
}

@test "the manual names every command with all its options" {
  tessera completion man
  expect_status 0
  local manual=${stdout//\\-/-} command option
  for command in "${all[@]}"; do
    expect_in "$manual" ".SS \"tessera $command\""
  done
  tessera quantize --help
  for option in $(grep -oE -- '^  (-., )?--[a-z-]+' <<<"$stdout" | grep -oE -- '--[a-z-]+'); do
    expect_in "$manual" "\fB$option\fR"
  done
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
  [ -n "${TESSERA_SLOWED_DOWN:-}" ] || [ "$best" -le 50000000 ]
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
    COMP_WORDS=(tessera error s) COMP_CWORD=2; _tessera; echo "${COMPREPLY[@]}"
    COMP_WORDS=(tessera error sweep --si) COMP_CWORD=3; _tessera; echo "${COMPREPLY[@]}"
    COMP_WORDS=(tessera quantize m.onnx --mode d) COMP_CWORD=4; _tessera; echo "${COMPREPLY[@]}"
    COMP_WORDS=(tessera completion f) COMP_CWORD=2; _tessera; echo "${COMPREPLY[@]}"
  ' bash "$BATS_TEST_TMPDIR/completion")
  expect_equal "$offered" \
    $'quantize\n--per-channel --per-tensor\nsweep\n--sizes\ndynamic\nfish'
}

@test "a closed stdout does not hang or crash the program" {
  run timeout 10 bash -c '${TESSERA_EMULATOR:-} "$TESSERA" --help >&-'
  [ "$status" -ne 124 ]
  [ "$status" -lt 128 ]
}
