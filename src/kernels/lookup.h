// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/target.h"

/// Bytes by tables of 256, and bytes as they are. What comes out is the same on every target.
namespace tessera::kernels {

inline constexpr std::size_t kTableSize = 256;

/// `count` rows of `width` bytes, whose beginnings are `..._step` bytes apart. `from` and `to` are
/// the same memory with the same step, or do not overlap.
struct Rows {
  const std::uint8_t* from = nullptr;
  std::size_t from_step = 0;
  std::uint8_t* to = nullptr;
  std::size_t to_step = 0;
  std::size_t count = 0;
  std::size_t width = 0;
};

/// to = table[from], by the byte as an unsigned number. Cost: memory bandwidth with VBMI and NEON,
/// .25 (AVX-512) to .5 (AVX2) cycles a byte otherwise, 1 without vectors.
void lookup(Target target, const Rows& rows, const std::uint8_t* table);

/// to = from. For many short rows, where a call of memcpy per row would cost more than the row.
void copy(Target target, const Rows& rows);

/// A tensor [outer][channels][inner], each channel by its own table: to = tables[c][from ^ flip].
/// `flip` is 0 for uint8 and 128 for int8.
struct ChannelLookup {
  const std::uint8_t* from = nullptr;
  std::uint8_t* to = nullptr;  ///< `from`, or memory that does not overlap it
  std::size_t channels = 1;
  std::size_t inner = 1;                 ///< bytes that lie behind each other and share a table
  const std::uint8_t* tables = nullptr;  ///< [channels][256]
  std::uint8_t flip = 0;
};

/// Bytes `begin` to `end` of the tensor; both between pixels where the inner extent is 1. Cost:
/// rows of `inner` bytes as lookup() and about 20 cycles a row. With an inner extent of 1 a third
/// of a cycle a byte with VBMI, one with AVX-512, 1.5 with AVX2 and 2 otherwise, or with few
/// pixels.
void lookup_channels(Target target, const ChannelLookup& work, std::size_t begin, std::size_t end);

}  // namespace tessera::kernels
