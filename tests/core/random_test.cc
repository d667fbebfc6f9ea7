// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/random.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

namespace tessera {
namespace {

static_assert(std::uniform_random_bit_generator<Random>);

/// xoshiro256++ as its authors publish it, one step at a time.
class Reference {
 public:
  explicit Reference(std::uint64_t seed) {
    for (auto& word : state_) {
      word = splitmix(seed);
    }
  }
  std::uint64_t next() {
    const auto rotate = [](std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); };
    const std::uint64_t result = rotate(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

 private:
  static std::uint64_t splitmix(std::uint64_t& x) {
    x += 0x9e3779b97f4a7c15U;
    std::uint64_t z = x;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::array<std::uint64_t, 4> state_{};
};

RC_GTEST_PROP(Random, StreamIsThatOfTheReference, (std::uint64_t seed)) {
  Random random(seed);
  Reference reference(seed);
  for (int i = 0; i < 50; ++i) {
    RC_ASSERT(random() == reference.next());
  }
}

RC_GTEST_PROP(Random, ACopyGoesOnWhereTheOriginalIs, (std::uint64_t seed)) {
  Random random(seed);
  (void)random.normal();
  auto copy = random;
  RC_ASSERT(copy() == random());
  RC_ASSERT(copy.normal() == random.normal());
}

/// Deviations of more than five standard errors happen once in two million seeds.
TEST(Random, UniformAndNormal_HaveTheirMoments) {
  constexpr int kDraws = 100'000;
  Random random(11);
  double uniform = 0;
  double sum = 0;
  double squares = 0;
  double fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    uniform += random.uniform();
    const double x = random.normal();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  const double root = std::sqrt(kDraws);
  EXPECT_NEAR(uniform / kDraws, 0.5, 5 * std::sqrt(1.0 / 12) / root);
  EXPECT_NEAR(sum / kDraws, 0, 5 / root);
  EXPECT_NEAR(squares / kDraws, 1, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(fourth / kDraws, 3, 5 * std::sqrt(96.0) / root);
}

TEST(Random, Below_IsEvenAndReachesBothEnds) {
  constexpr std::uint64_t kBound = 7;
  constexpr int kDraws = 70'000;
  Random random(3);
  std::array<int, kBound> counts{};
  for (int i = 0; i < kDraws; ++i) {
    ++counts.at(random.below(kBound));
  }
  double chi_squared = 0;
  for (const int count : counts) {
    chi_squared += std::pow(count - kDraws / 7.0, 2) / (kDraws / 7.0);
  }
  EXPECT_LT(chi_squared, 30) << "6 degrees of freedom: 22.5 once in a thousand";
}

TEST(Random, Below_OfOneAndOfHugeBounds) {
  Random random(5);
  EXPECT_EQ(random.below(1), 0U);
  // Three quarters of the range: a plain remainder would make the lower third twice as likely.
  constexpr std::uint64_t kBound = 3ULL << 62;
  int lower = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto value = random.below(kBound);
    ASSERT_LT(value, kBound);
    lower += value < kBound / 3 ? 1 : 0;
  }
  EXPECT_NEAR(lower, 1000, 150);
}

}  // namespace
}  // namespace tessera
