# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# Shared by the scripts: where things are, and how progress is shown. Source it; it prints nothing.
# shellcheck shell=bash

set -euo pipefail

tessera_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tessera_cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/tessera
tessera_tag=${tessera_tag:-$(basename "$0")}
# shellcheck source=scripts/versions
. "$tessera_source/scripts/versions"

if [[ -t 2 && -z ${NO_COLOR:-} ]]; then
  tessera_bold=$'\e[1m' tessera_red=$'\e[31m' tessera_plain=$'\e[0m'
else
  tessera_bold='' tessera_red='' tessera_plain=''
fi

say() { printf '%s[%s]%s %s\n' "$tessera_bold" "$tessera_tag" "$tessera_plain" "$*" >&2; }

# die MESSAGE [HINT]
die() {
  printf '%serror:%s %s\n' "$tessera_red" "$tessera_plain" "$1" >&2
  [[ -z ${2:-} ]] || printf '  hint: %s\n' "$2" >&2
  exit 1
}

seconds() { date +%s; }

# stage NAME COMMAND...: says what starts, and how long it took or that it failed.
# The command runs outside of any `if`, so that `set -e` holds inside of it too.
stage() {
  local name=$1 started
  shift
  started=$(seconds)
  say "$name ..."
  tessera_stage=$name
  "$@"
  tessera_stage=
  say "$name: done in $(($(seconds) - started)) s"
}

tessera_stage=
trap '[[ -z $tessera_stage ]] || say "$tessera_stage: FAILED"' EXIT

# The processors that a build may use, and no more than memory allows (1.2 GB a compiler).
build_jobs() {
  local jobs memory_gb
  jobs=$(nproc)
  memory_gb=$(awk '/^MemAvailable:/ {print int($2 / 1200000)}' /proc/meminfo)
  ((memory_gb >= 1)) || memory_gb=1
  echo $((jobs < memory_gb ? jobs : memory_gb))
}
