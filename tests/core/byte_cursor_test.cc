// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/byte_cursor.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace tessera {
namespace {

constexpr std::array kBytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}};

TEST(ByteCursor, Numbers_AreLittleEndianAndFollowOneAnother) {
  ByteCursor cursor(kBytes);
  EXPECT_EQ(cursor.u8(), 1);
  EXPECT_EQ(cursor.u16(), 0x0302);
  EXPECT_EQ(cursor.left(), 2U);
  EXPECT_EQ(cursor.number(2), 0x0504U);
  EXPECT_EQ(cursor.offset(), 5U);
  EXPECT_FALSE(cursor.failed());
}

TEST(ByteCursor, PastTheEnd_IsRememberedAndMovesNothing) {
  ByteCursor cursor(kBytes, 3);
  EXPECT_EQ(cursor.u32(), 0U);
  EXPECT_TRUE(cursor.failed());
  EXPECT_EQ(cursor.offset(), 3U);
  EXPECT_EQ(cursor.u8(), 4);
  EXPECT_TRUE(cursor.failed());
}

TEST(ByteCursor, OffsetsAndLengthsBeyondAllNumbers_ReadNothing) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  ByteCursor cursor(kBytes, kMost);
  EXPECT_EQ(cursor.left(), 0U);
  EXPECT_EQ(cursor.u8(), 0);
  EXPECT_TRUE(cursor.failed());
  ByteCursor other(kBytes, 1);
  EXPECT_TRUE(other.take(kMost).empty());
  EXPECT_TRUE(other.failed());
  EXPECT_EQ(other.rest().size(), 4U);
}

TEST(ByteCursor, Align_GoesToEightOrToTheEnd) {
  std::array<std::byte, 12> bytes{};
  ByteCursor cursor(bytes, 1);
  cursor.align();
  EXPECT_EQ(cursor.offset(), 8U);
  cursor.align();
  EXPECT_EQ(cursor.offset(), 8U);
  cursor.skip(1);
  cursor.align();
  EXPECT_EQ(cursor.offset(), 12U);
}

}  // namespace
}  // namespace tessera
