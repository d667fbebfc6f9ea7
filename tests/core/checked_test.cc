// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/checked.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

TEST(Checked, WhatDoesNotFit_IsUnknown) {
  EXPECT_EQ(checked_add(kMost - 1, 1), kMost);
  EXPECT_EQ(checked_add(kMost, 1), std::nullopt);
  EXPECT_EQ(checked_mul(std::int64_t{1} << 31, std::int64_t{1} << 31), std::int64_t{1} << 62);
  EXPECT_EQ(checked_mul(std::int64_t{1} << 32, std::int64_t{1} << 31), std::nullopt);
}

TEST(Checked, Unknown_StaysUnknown) {
  EXPECT_EQ(checked_add(std::nullopt, 1), std::nullopt);
  EXPECT_EQ(checked_mul(0, std::nullopt), std::nullopt);
}

TEST(SaturatingAdd, StopsAtTheLargestNumber) {
  EXPECT_EQ(saturating_add(1, 2), 3);
  EXPECT_EQ(saturating_add(kMost - 1, 5), kMost);
}

TEST(Checked, NegativeNumbers_CountLikeOthers) {
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(checked_add(kLeast, kMost), -1);
  EXPECT_EQ(checked_add(kLeast, -1), std::nullopt);
  EXPECT_EQ(checked_mul(-1, kLeast), std::nullopt) << "there is no positive one of that size";
  EXPECT_EQ(checked_mul(-1, kMost), -kMost);
  EXPECT_EQ(checked_mul(0, kMost), 0);
}

}  // namespace
}  // namespace tessera
