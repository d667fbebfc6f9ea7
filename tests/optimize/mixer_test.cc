// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "optimize/mixer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

namespace tessera::optimize {
namespace {

using profile::States;
using ::testing::IsEmpty;

std::size_t integers(const States& states) {
  return static_cast<std::size_t>(std::count(states.begin(), states.end(), true));
}

TEST(WithoutNoisiest, LeavesTheNoisiestInFloatFirst) {
  const States all{true, true, true, true};
  const std::vector<double> noise{0.1, 0.4, 0.2, 0.3};
  const auto mixes = without_noisiest(all, noise, 3);
  ASSERT_EQ(mixes.size(), 3U);
  EXPECT_EQ(mixes[0], (States{true, false, true, true}));
  EXPECT_EQ(mixes[1], (States{true, false, true, false}));
  EXPECT_EQ(mixes[2], (States{true, false, false, false}));
}

TEST(WithoutNoisiest, EqualNoiseFollowsTheOrderOfTheGraph) {
  const auto mixes = without_noisiest({true, true}, std::vector<double>{0.5, 0.5}, 1);
  ASSERT_EQ(mixes.size(), 1U);
  EXPECT_EQ(mixes[0], (States{false, true}));
}

/// Layers that add no noise that is known stay integers: float would be slower for nothing.
TEST(WithoutNoisiest, TouchesNoLayerWithoutNoise) {
  const auto mixes = without_noisiest({true, true, true}, std::vector<double>{0, 0.5, 0}, 6);
  ASSERT_EQ(mixes.size(), 1U);
  EXPECT_EQ(mixes[0], (States{true, false, true}));
}

TEST(WithoutNoisiest, NothingToLeave_NoMixes) {
  EXPECT_THAT(without_noisiest({}, {}, 6), IsEmpty());
  EXPECT_THAT(without_noisiest({false, false}, std::vector<double>{1, 1}, 6), IsEmpty());
  EXPECT_THAT(without_noisiest({true}, std::vector<double>{1}, 6), IsEmpty());  // all in float
}

TEST(WithoutNoisiest, PutsACloserSchemeInPlaceWhereALayerTakesIt) {
  const auto mixes =
      without_noisiest({1, 1, 1}, std::vector<double>{0.3, 0.4, 0.2}, 6, 2, {true, false, true});
  ASSERT_EQ(mixes.size(), 2U);
  EXPECT_EQ(mixes[0], (States{2, 1, 1}));
  EXPECT_EQ(mixes[1], (States{2, 1, 2}));
}

RC_GTEST_PROP(WithoutNoisiest, EveryMixIsTheOneBeforeWithMoreOfTheNoisiestInFloat, ()) {
  const auto noise = *rc::gen::container<std::vector<double>>(
      rc::gen::map(rc::gen::inRange(0, 100), [](int value) { return value / 100.0; }));
  const auto most = *rc::gen::inRange<std::size_t>(1, 10);
  States all(noise.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = *rc::gen::arbitrary<bool>();
  }
  const auto mixes = without_noisiest(all, noise, most);
  RC_ASSERT(mixes.size() <= most);
  std::set<std::string> distinct;
  for (const auto& mix : mixes) {
    distinct.insert(profile::digits_of(mix));
  }
  RC_ASSERT(distinct.size() == mixes.size());
  auto before = all;
  for (const auto& mix : mixes) {
    RC_ASSERT(integers(mix) < integers(before));
    RC_ASSERT(integers(mix) > 0U);
    double loudest_integer = 0;
    double quietest_float = 1;
    for (std::size_t i = 0; i < all.size(); ++i) {
      RC_ASSERT(!mix[i] || before[i]);  // nothing comes back
      RC_ASSERT(mix[i] || !all[i] || noise[i] > 0);
      loudest_integer = mix[i] ? std::max(loudest_integer, noise[i]) : loudest_integer;
      quietest_float = all[i] && !mix[i] ? std::min(quietest_float, noise[i]) : quietest_float;
    }
    RC_ASSERT(quietest_float >= loudest_integer);
    before = mix;
  }
}

}  // namespace
}  // namespace tessera::optimize
