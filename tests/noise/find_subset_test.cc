// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// The search for a subset against all subsets there are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "noise/error_support.h"
#include "noise/subset_problem.h"
#include "support/matchers.h"
#include "tessera/noise/rank.h"
#include "tessera/plan/solve.h"

namespace tessera::noise {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr LimitBy kAll[] = {LimitBy::kBound, LimitBy::kInterval, LimitBy::kPrediction};

struct Case {
  ErrorModel model;
  Gains gains;
  std::vector<LayerSet> schemes;  ///< layers by operator
  double limit = 0;
};

/// Of the layers of up to three operators, with a scheme each.
LayerSet any_layers(const Case& made, std::size_t count, Random& random) {
  LayerSet layers;
  std::size_t left = count;
  for (std::size_t i = 0; i < made.schemes.size() && left > 0; ++i) {
    if (random.below(made.schemes.size() - i) < left) {
      const auto& of = made.schemes[i];
      layers.push_back(of[random.below(of.size())]);
      --left;
    }
  }
  return layers;
}

TermModel random_terms(const Case& made, double exponent, bool is_bound, Random& random) {
  TermModel terms{.exponent = exponent};
  // A constant that may be beyond the limit by itself.
  if (!is_bound && random.below(2) == 0) {
    terms.terms.push_back({{}, random.normal()});
  }
  for (std::size_t i = 0; i < made.model.layers.size(); ++i) {
    // One in six is free of noise.
    if (random.below(6) > 0) {
      terms.terms.push_back({{static_cast<std::int32_t>(i)}, std::exp(random.normal())});
    }
  }
  const auto products = random.below(3 * made.schemes.size());
  for (std::uint64_t k = 0; k < products; ++k) {
    const auto size = is_bound ? 2 : 2 + random.below(2);
    auto layers = any_layers(made, size, random);
    if (layers.size() == size) {
      terms.terms.push_back({std::move(layers), is_bound ? random.uniform() : random.normal()});
    }
  }
  return terms;
}

Case random_case(Random& random) {
  Case made;
  made.gains.unit = "us";
  const auto operators = 1 + random.below(7);
  for (std::uint64_t i = 0; i < operators; ++i) {
    auto& of = made.schemes.emplace_back();
    const auto schemes = 1 + random.below(operators < 5 ? 3 : 2);
    for (std::uint64_t k = 0; k < schemes; ++k) {
      of.push_back(static_cast<std::int32_t>(made.model.layers.size()));
      std::string op = "l";
      op += std::to_string(i);
      ObservedLayer layer{.name = op, .type = "Conv"};
      if (k > 0) {
        layer.op = op;
        layer.name += "@";
        layer.name += std::to_string(k);
      }
      made.model.layers.push_back(std::move(layer));
      made.gains.gain.push_back(std::exp(random.normal()) - 0.2);
    }
  }
  const auto exponent = static_cast<double>(random.below(3));
  made.model.terms = random_terms(made, exponent, false, random);
  made.model.bounds = {
      {.model = random_terms(made, static_cast<double>(1 + random.below(3)), true, random)}};
  made.model.intervals.bins = {{.up_to = 0.7, .high = 1.1},
                               {.up_to = 1.6, .high = 1 + 2 * random.uniform()},
                               {.high = 1 + random.uniform()}};
  made.limit = random.below(12) == 0 ? 0 : 3 * random.uniform();
  return made;
}

double error_of(const ErrorModel& model, const LayerSet& subset, LimitBy by) {
  const auto prediction = predict(model, subset);
  return by == LimitBy::kBound      ? prediction.bound
         : by == LimitBy::kInterval ? prediction.upper
                                    : prediction.error;
}

double gain_of(const Gains& gains, const LayerSet& subset) {
  double gain = 0;
  for (const auto layer : subset) {
    gain += gains.gain[static_cast<std::size_t>(layer)];
  }
  return gain;
}

/// Of all subsets of layers that gain something, the one within the limit that gains most.
double best_gain(const Case& made, LimitBy by) {
  std::vector<std::size_t> position(made.schemes.size(), 0);
  double best = 0;
  for (;;) {
    std::size_t digit = 0;
    while (digit < position.size() && position[digit] == made.schemes[digit].size()) {
      position[digit++] = 0;
    }
    if (digit == position.size()) {
      return best;
    }
    ++position[digit];
    LayerSet subset;
    bool all_gain = true;
    for (std::size_t i = 0; i < position.size(); ++i) {
      if (position[i] > 0) {
        subset.push_back(made.schemes[i][position[i] - 1]);
        all_gain = all_gain && made.gains.gain[static_cast<std::size_t>(subset.back())] > 0;
      }
    }
    if (all_gain && error_of(made.model, subset, by) <= made.limit) {
      best = std::max(best, gain_of(made.gains, subset));
    }
  }
}

TEST(FindSubsetAgainstAll, RandomModels_NoneIsMissed) {
  int with_gain = 0;
  int bounded = 0;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    Random random(seed);
    const auto made = random_case(random);
    for (const auto by : kAll) {
      const auto found = find_subset(made.model, made.gains, made.limit, by);
      ASSERT_THAT(found, IsOk());
      const double best = best_gain(made, by);
      EXPECT_NEAR(found->best.gain, best, 1e-6 * best) << seed << " by " << to_string(by);
      EXPECT_GE(found->gain_at_most, best * (1 - 1e-9)) << seed;
      EXPECT_TRUE(found->is_optimal()) << seed << " by " << to_string(by) << ": " << found->gap();
      EXPECT_LE(error_of(made.model, found->best.layers, by), made.limit) << seed;
      EXPECT_EQ(found->best.gain, gain_of(made.gains, found->best.layers));
      with_gain += best > 0 ? 1 : 0;
      bounded += best < gain_of(made.gains, in_first_schemes(made.model.layers)) ? 1 : 0;
    }
  }
  // Limits that matter, and that leave something.
  EXPECT_GT(with_gain, 1000);
  EXPECT_GT(bounded, 500);
}

ErrorModel model_of(TermModel terms, std::int32_t layers) {
  ErrorModel model{.layers = testing::layers_named(layers), .terms = terms};
  model.intervals.bins = {{}};
  model.bounds = {{.model = std::move(terms)}};
  return model;
}

/// By Gray code: one layer enters or leaves from one subset to the next.
double best_gain_of_all(const TermModel& terms, const Gains& gains, double limit) {
  const auto layers = gains.gain.size();
  TermSum sum(terms, layers);
  double gain = 0;
  double best = 0;
  for (std::uint32_t k = 1; k < 1U << layers; ++k) {
    const auto layer = std::countr_zero(k);
    const double own = gains.gain[static_cast<std::size_t>(layer)];
    gain += sum.has(layer) ? -own : own;
    sum.toggle(layer);
    if (gain > best && terms.error_of(sum.sum()) <= limit) {
      best = gain;
    }
  }
  return best;
}

TEST(FindSubsetAgainstAllSlow, PairsOfAllLayers_NoneIsMissed) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    Random random(seed);
    constexpr std::int32_t kLayers = 21;  // more pairs than the planner calls few
    TermModel terms{.exponent = 2};
    Gains gains{.unit = "us"};
    std::vector<double> noise;
    for (std::int32_t i = 0; i < kLayers; ++i) {
      noise.push_back(std::exp(random.normal()));
      terms.terms.push_back({{i}, noise.back()});
      gains.gain.push_back(std::exp(random.normal()));
      for (std::int32_t j = 0; j < i; ++j) {
        const double most = std::sqrt(noise.back() * noise[static_cast<std::size_t>(j)]);
        terms.terms.push_back({{j, i}, 0.4 * most * random.normal()});
      }
    }
    const auto found = find_subset(model_of(terms, kLayers), gains, 3, LimitBy::kPrediction);
    ASSERT_THAT(found, IsOk());
    const double best = best_gain_of_all(terms, gains, 3);
    EXPECT_NEAR(found->best.gain, best, 1e-6 * best) << seed;
    EXPECT_GE(found->gain_at_most, best * (1 - 1e-9)) << seed;
    EXPECT_LT(found->gap(), 0.05) << seed;
  }
}

TEST(FindSubset, SumsThatRoundingAloneTellsApart_AreTheModels) {
  // Three times .1 is more than .3 in doubles, and not in what the planner counts.
  const auto model =
      model_of({.exponent = 1, .terms = {{{0}, .1}, {{1}, .1}, {{2}, .1}, {{3}, .3}}}, 4);
  const Gains gains{.unit = "us", .gain = {1, 1, 1, 2.9}};
  const auto found = find_subset(model, gains, 0.3, LimitBy::kBound);
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(found->best.layers, ElementsAre(3));
  // So many of them that none is left out by name any more.
  TermModel many{.exponent = 1};
  for (std::int32_t i = 0; i < 20; ++i) {
    many.terms.push_back({{i}, .1});
  }
  const Gains same{.unit = "us", .gain = std::vector<double>(20, 1)};
  const auto two = find_subset(model_of(many, 20), same, 0.3, LimitBy::kBound);
  ASSERT_THAT(two, IsOk());
  EXPECT_EQ(two->best.gain, 2);
  EXPECT_LE(two->best.prediction.bound, 0.3);
}

TEST(FindSubset, AConstantBeyondTheLimit_LeavesWhatLowersIt) {
  auto model = model_of({.exponent = 1, .terms = {{{}, 2}, {{0}, 1}, {{1}, 1}, {{0, 1}, -3}}}, 2);
  const Gains gains{.unit = "us", .gain = {1, 1}};
  const auto layers = [&](double limit) {
    return find_subset(model, gains, limit, LimitBy::kPrediction)->best.layers;
  };
  EXPECT_THAT(layers(1), ElementsAre(0, 1)) << "together they are below it";
  EXPECT_THAT(layers(0.9), IsEmpty());
  EXPECT_EQ(find_subset(model, gains, 0.9, LimitBy::kPrediction)->gain_at_most, 0);
}

TEST(FindSubset, AConstantBeyondTheLimit_IsOfEverySubsetButTheEmptyOne) {
  const auto model = model_of({.exponent = 1, .terms = {{{}, 2}}}, 2);
  const auto found = find_subset(model, {.unit = "us", .gain = {1, 1}}, 1, LimitBy::kPrediction);
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(found->best.layers, IsEmpty());
  EXPECT_TRUE(found->is_optimal());
}

TEST(FindSubset, NumbersOfAnySize_AreCounted) {
  for (const double size : {1e-300, 1e-9, 1e200}) {
    const auto model =
        model_of({.exponent = 1, .terms = {{{0}, size}, {{1}, size}, {{0, 1}, -0.5 * size}}}, 2);
    const auto gain = [&](double limit) {
      const Gains gains{.unit = "us", .gain = {1e-6, 1e-6}};
      return find_subset(model, gains, limit, LimitBy::kPrediction)->best.gain;
    };
    EXPECT_EQ(gain(1.5 * size), 2e-6) << size;
    EXPECT_EQ(gain(1.4 * size), 1e-6) << size;
    EXPECT_EQ(gain(0.9 * size), 0) << size;
    EXPECT_EQ(gain(1e300), 2e-6) << size;
  }
}

TEST(FindSubset, AnIntervalThatIsWiderInTheMiddle_LeavesLargerSums) {
  // Predictions from 1 to 2 are doubled, larger ones are not: 2.5 is within 2.6, and 1.5 is not.
  auto model = model_of({.exponent = 1, .terms = {{{0}, 1.5}, {{1}, 1}, {{2}, 0.5}}}, 3);
  model.intervals.bins = {{.up_to = 1}, {.up_to = 2, .high = 2}, {.high = 1}};
  const auto layers = [&](std::vector<double> gain, double limit) {
    const Gains gains{.unit = "us", .gain = std::move(gain)};
    return find_subset(model, gains, limit, LimitBy::kInterval)->best.layers;
  };
  EXPECT_THAT(layers({5, 1.1, 1}, 2.6), ElementsAre(0, 1));
  EXPECT_THAT(layers({5, 1.1, 1}, 1.9), ElementsAre(1)) << "1.5 and 2 count twice";
  EXPECT_THAT(layers({5, 0, 0.1}, 2.6), ElementsAre(2)) << "in the gap, alone and with .5";
}

TEST(FindSubset, LayersThatGainNothing_StayInFloatEvenIfTheyLowerTheError) {
  const auto model = model_of({.exponent = 1, .terms = {{{0}, 2}, {{0, 1}, -1.5}}}, 2);
  const auto found = find_subset(model, {.unit = "us", .gain = {1, 0}}, 1, LimitBy::kPrediction);
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(found->best.layers, IsEmpty());
}

TEST(FindSubset, IsTheSameEveryTime) {
  Random random(12);
  TermModel terms{.exponent = 2};
  Gains gains{.unit = "us"};
  for (std::int32_t i = 0; i < 30; ++i) {
    terms.terms.push_back({{i}, std::exp(random.normal())});
    gains.gain.push_back(random.uniform());
    for (std::int32_t j = 0; j < i; ++j) {
      terms.terms.push_back({{j, i}, 0.1 * random.normal()});
    }
  }
  const auto model = model_of(terms, 30);
  const auto one = find_subset(model, gains, 3, LimitBy::kPrediction);
  const auto two = find_subset(model, gains, 3, LimitBy::kPrediction);
  EXPECT_EQ(one->best.layers, two->best.layers);
  EXPECT_EQ(one->gain_at_most, two->gain_at_most);
}

TEST(FindSubset, TooManySchemesOfAnOperator_AreRefused) {
  ErrorModel model = model_of({.exponent = 1, .terms = {}}, 300);
  for (auto& layer : model.layers) {
    layer.op = "one";
  }
  EXPECT_THAT(
      find_subset(model, {.unit = "us", .gain = std::vector<double>(300, 1)}, 1, LimitBy::kBound),
      FailsWith(ErrorCode::kInvalidArgument, ::testing::HasSubstr("'one' has 301 states")));
}

/// Single terms only, where parts of layers may be taken: steepest first (Dantzig 1957).
double fractional_gain(const std::vector<double>& noise, const Gains& gains, double room) {
  std::vector<std::size_t> order(noise.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::ranges::sort(order, std::greater{}, [&](std::size_t i) { return gains.gain[i] / noise[i]; });
  double total = 0;
  for (const auto i : order) {
    const double part = std::min(1.0, room / noise[i]);
    total += part * gains.gain[i];
    room -= part * noise[i];
  }
  return total;
}

TEST(FindSubset, TheBoundOfTheFirstNode_IsNoWorseThanThatOfAFractionalKnapsack) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    TermModel terms{.exponent = 1};
    Gains gains{.unit = "us"};
    std::vector<double> noise;
    for (std::int32_t i = 0; i < 40; ++i) {
      noise.push_back(std::exp(random.normal()));
      terms.terms.push_back({{i}, noise.back()});
      gains.gain.push_back(0.1 + random.uniform());
    }
    const SubsetProblem posed(testing::layers_named(40), terms, gains, {.up_to = 20});
    const auto solution = plan::solve(posed.problem(), {.gap = 0, .most_nodes = 1});
    ASSERT_THAT(solution, IsOk());
    const double fractional = fractional_gain(noise, gains, 20);
    EXPECT_LE(posed.gain_at_most(solution->bound_ns), fractional * (1 + 1e-5)) << seed;
    const double gain = gain_of(gains, posed.layers_of(*solution->assignment));
    EXPECT_NEAR(posed.gain_at_most(solution->value.cost_ns), gain, 1e-7 * gain) << seed;
  }
}

}  // namespace
}  // namespace tessera::noise
