// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/statistics.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace tessera {
namespace {

using Values = std::vector<double>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Spearman, OfKnownRanks) {
  // No ties: 1 - 6 sum d^2 / (n (n^2 - 1)) with d^2 = 0, 1, 1, 0.
  EXPECT_DOUBLE_EQ(spearman(Values{1, 2, 3, 4}, Values{10, 30, 20, 40}), 0.8);
  // Ties have their mean rank: 0, 1.5, 1.5, 3 against 0, 1, 2, 3.
  EXPECT_DOUBLE_EQ(spearman(Values{1, 2, 2, 3}, Values{1, 2, 3, 4}), 4.5 / std::sqrt(4.5 * 5));
  EXPECT_DOUBLE_EQ(spearman(Values{1, 2}, Values{2, 1}), -1);
}

TEST(Spearman, WithoutAnOrder_IsNoNumber) {
  EXPECT_TRUE(std::isnan(spearman({}, {})));
  EXPECT_TRUE(std::isnan(spearman(Values{1}, Values{2})));
  EXPECT_TRUE(std::isnan(spearman(Values{5, 5, 5}, Values{1, 2, 3})));
}

TEST(Spearman, Infinities_AreTheEndsOfTheOrder) {
  EXPECT_DOUBLE_EQ(spearman(Values{-kInfinity, 0, kInfinity}, Values{1, 2, 3}), 1);
}

rc::Gen<Values> few_levels(std::size_t size) {
  return rc::gen::container<Values>(size, rc::gen::map(rc::gen::inRange(0, 6), [](int level) {
                                      return static_cast<double>(level);
                                    }));
}

RC_GTEST_PROP(Spearman, SeesTheOrderOnly, ()) {
  const auto size = *rc::gen::inRange<std::size_t>(2, 20);
  const auto a = *few_levels(size);
  const auto b = *few_levels(size);
  const auto rank = spearman(a, b);
  RC_PRE(!std::isnan(rank));
  auto stretched = a;
  std::transform(a.begin(), a.end(), stretched.begin(), [](double x) { return std::exp(x) - 7; });
  RC_ASSERT(std::abs(spearman(stretched, b) - rank) < 1e-12);
  std::transform(a.begin(), a.end(), stretched.begin(), [](double x) { return -x; });
  RC_ASSERT(std::abs(spearman(stretched, b) + rank) < 1e-12);
  RC_ASSERT(std::abs(spearman(b, a) - rank) < 1e-12);
  RC_ASSERT(std::abs(rank) <= 1 + 1e-12);
}

RC_GTEST_PROP(Spearman, DoesNotDependOnTheOrderOfPairs, (std::uint64_t seed)) {
  const auto size = *rc::gen::inRange<std::size_t>(2, 20);
  auto a = *few_levels(size);
  auto b = *few_levels(size);
  const auto rank = spearman(a, b);
  RC_PRE(!std::isnan(rank));
  const auto shift = static_cast<std::ptrdiff_t>(seed % size);
  std::rotate(a.begin(), a.begin() + shift, a.end());
  std::rotate(b.begin(), b.begin() + shift, b.end());
  RC_ASSERT(std::abs(spearman(a, b) - rank) < 1e-12);
}

}  // namespace
}  // namespace tessera
