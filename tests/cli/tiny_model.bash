# SPDX-FileCopyrightText: 2026 The tessera authors
# SPDX-License-Identifier: Apache-2.0
#
# Models for tests, byte by byte: with names that no builder would let through.
# shellcheck shell=bash

# varint NUMBER: as protobuf writes it. The number must hold no zero byte (bash keeps none).
varint() {
  local number=$1 out=''
  while ((number > 127)); do
    out+=$(printf '\\x%02x' $((number & 127 | 128)))
    ((number >>= 7))
  done
  # shellcheck disable=SC2059 # the bytes are the format
  printf "$out$(printf '\\x%02x' "$number")"
}

# field NUMBER CONTENT: a string or message of it.
field() {
  local LC_ALL=C
  varint $(($1 << 3 | 2))
  varint ${#2}
  printf '%s' "$2"
}
# number_field NUMBER VALUE
number_field() {
  varint $(($1 << 3))
  varint "$2"
}

# value_info NAME EXTENT...: of a float32 tensor.
value_info() {
  local LC_ALL=C dims='' extent
  for extent in "${@:2}"; do
    dims+=$(field 1 "$(number_field 1 "$extent")")
  done
  field 1 "$1"
  field 2 "$(field 1 "$(number_field 1 1)$(field 2 "$dims")")"
}

# node TYPE NAME INPUT OUTPUT
node() {
  field 1 "$3"
  field 2 "$4"
  field 3 "$2"
  field 4 "$1"
}

# write_model FILE INPUT OUTPUT NODE...: nodes between an input and an output of extents 1x4.
write_model() {
  local LC_ALL=C graph='' one
  for one in "${@:4}"; do
    graph+=$(field 1 "$one")
  done
  graph+=$(field 2 g)
  graph+=$(field 11 "$(value_info "$2" 1 4)")
  graph+=$(field 12 "$(value_info "$3" 1 4)")
  {
    number_field 1 8
    field 7 "$graph"
    field 8 "$(number_field 2 13)"
  } >"$1"
}
