// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "support/made_up_profiles.h"
#include "tessera/profile/profile.h"
#include "tessera/profile/search.h"

namespace tessera::profile {
namespace {

using made_up::chain_of;
using made_up::context_free;
using made_up::context_free_mix;
using made_up::for_each_states;
using made_up::random_model;
using made_up::random_units;
using made_up::units_of;
using ::testing::ElementsAre;

double cost_us(const LatencyModel& model, const Units& units, const States& states,
               const Penalty& penalty = {}) {
  double us = model.predict(units, states).us;
  for (std::size_t i = 0; i < states.size() && !penalty.by_scheme.empty(); ++i) {
    us += states[i] != 0 ? penalty.us_per_unit * penalty.by_scheme[states[i] - 1U][i] : 0;
  }
  return us;
}

/// The least cost of all there are.
double brute_force_us(const LatencyModel& model, const Units& units, const std::vector<bool>& may,
                      const Penalty& penalty = {}) {
  double least = std::numeric_limits<double>::infinity();
  for_each_states(made_up::choices_of(units, may), [&](const States& states) {
    least = std::min(least, cost_us(model, units, states, penalty));
  });
  return least;
}

std::vector<double> random_values(std::size_t count, double most, Random& random) {
  std::vector<double> values(count);
  for (auto& value : values) {
    value = most * random.uniform();
  }
  return values;
}

TEST(FastestStates, NoUnits_NoStates) {
  LatencyModel model;
  model.rows.resize(1);  // the model's inputs
  EXPECT_TRUE(fastest_states(model, Units{}).empty());
}

TEST(FastestStates, OneUnit_TakesTheFasterPrecision) {
  const auto units = chain_of({"Gemm"});
  EXPECT_THAT(fastest_states(context_free(units, {10}, {9}), units), ElementsAre(true));
  EXPECT_THAT(fastest_states(context_free(units, {9}, {10}), units), ElementsAre(false));
}

TEST(FastestStates, ATie_GoesToIntegers) {
  const auto units = units_of({{"Gemm", {}}, {"Gemm", {}}, {"Gemm", {}}});
  const auto even = context_free(units, {5, 5, 5}, {5, 5, 5});
  EXPECT_THAT(fastest_states(even, units), ElementsAre(true, true, true));
  // Also where one layer alone decides.
  const auto uneven = context_free(units, {5, 5, 5}, {5, 8, 5});
  EXPECT_THAT(fastest_states(uneven, units), ElementsAre(true, false, true));
}

TEST(FastestStates, LessThanAPicosecond_IsNoGain) {
  const auto units = units_of({{"Gemm", {}}, {"Gemm", {}}, {"Gemm", {}}});
  // Each descent stays where it began in the second layer, and the better of both is taken.
  const auto little = context_free(units, {10, 10, 10}, {1, 10 + 0.9e-6, 30});
  EXPECT_THAT(fastest_states(little, units), ElementsAre(true, false, false));
  const auto enough = context_free(units, {10, 10, 10}, {1, 10 - 0.9e-6, 30});
  EXPECT_THAT(fastest_states(enough, units), ElementsAre(true, true, false));
}

TEST(FastestStates, LayersThatCannotBeIntegers_StayFloat) {
  auto units = chain_of({"Gemm", "Softmax", "Gemm"});
  units.units[1].takes = {false};
  const auto model = context_free(units, {10, 10, 10}, {1, 1, 1});
  EXPECT_THAT(fastest_states(model, units), ElementsAre(true, false, true));
  // Allowing it does not help.
  EXPECT_THAT(fastest_states(model, units, {false, true, true}), ElementsAre(false, false, true));
}

TEST(FastestStates, PairThatOnlyGainsTogether_IsFound) {
  const auto units = chain_of({"Gemm", "Gemm", "Gemm"});
  auto model = context_free(units, {10, 10, 10}, {8, 8, 30});
  // A border between precisions costs more than one layer gains, and less than two do.
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t context = 0; context < 2 * kConversionContexts; ++context) {
      model.rows[i].conversion[context].us = context / 2 % 3 != 0 ? 3 : 0;
    }
  }
  EXPECT_THAT(fastest_states(model, units), ElementsAre(true, true, false));
  const States alone{true, false, false};
  EXPECT_GT(cost_us(model, units, alone), cost_us(model, units, States(3, false)));
}

TEST(FastestStates, TripleThatOnlyGainsTogether_IsFound) {
  const auto units = chain_of({"Gemm", "Gemm", "Gemm", "Gemm", "Gemm"});
  auto model = context_free(units, {10, 10, 10, 10, 10}, {30, 8, 8, 8, 30});
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t context = 0; context < 2 * kConversionContexts; ++context) {
      model.rows[i].conversion[context].us = context / 2 % 3 != 0 ? 2.5 : 0;
    }
  }
  // Two borders cost 5: more than two layers gain (4), less than three (6).
  EXPECT_THAT(fastest_states(model, units), ElementsAre(false, true, true, true, false));
}

/// A border costs more than three layers gain, and less than four.
TEST(FastestStates, HalvesThatOnlyGainAsAWhole_AreFound) {
  const auto units = chain_of(std::vector<std::string>(8, "Gemm"));
  for (const bool float_first : {true, false}) {
    std::vector<double> integer_us(8, float_first ? 6 : 14);
    std::fill(integer_us.begin(), integer_us.begin() + 4, float_first ? 14 : 6);
    auto model = context_free(units, std::vector<double>(8, 10), integer_us);
    for (std::size_t i = 0; i < 7; ++i) {
      for (std::size_t context = 0; context < 2 * kConversionContexts; ++context) {
        model.rows[i].conversion[context].us = context / 2 % 3 != 0 ? 13 : 0;
      }
    }
    const auto states = fastest_states(model, units);
    EXPECT_EQ(states,
              float_first ? (States{0, 0, 0, 0, 1, 1, 1, 1}) : (States{1, 1, 1, 1, 0, 0, 0, 0}));
  }
}

TEST(Penalty, JustBelowTheGain_IsPaid_JustAboveIsNot) {
  const auto units = chain_of({"Gemm", "Gemm"});
  const auto model = context_free(units, {10, 10}, {6, 6});  // 4 us to gain
  EXPECT_THAT(fastest_states(model, units, {}, {{{3.999, 4.001}}, 1}), ElementsAre(true, false));
  EXPECT_THAT(fastest_states(model, units, {}, {{{0.1, 0.1}}, 39.9}), ElementsAre(true, true));
  EXPECT_THAT(fastest_states(model, units, {}, {{{0.1, 0.1}}, 40.1}), ElementsAre(false, false));
}

TEST(Penalty, Negative_IsAReward) {
  const auto units = chain_of({"Gemm"});
  const auto model = context_free(units, {10}, {12});
  EXPECT_THAT(fastest_states(model, units, {}, {{{-3}}, 1}), ElementsAre(true));
}

TEST(Penalty, FreeUnits_AreChosenByTimeAlone) {
  const auto units = chain_of({"Gemm", "Gemm"});
  const auto model = context_free(units, {10, 10}, {9, 11});
  EXPECT_EQ(fastest_states(model, units, {}, {{{5, 5}}, 0}), fastest_states(model, units));
}

TEST(FastestStates, OfSeveralSchemes_EachLayerGetsItsOwn) {
  const auto units = made_up::with_schemes(chain_of({"Gemm", "Gemm", "Gemm"}), 2);
  auto model = context_free_mix(units, {10, 10, 10}, {{6, 12, 11}, {8, 9, 12}});
  EXPECT_THAT(fastest_states(model, units), ElementsAre(1, 2, 0));
  EXPECT_THAT(fastest_states(model, units, {true, false, true}), ElementsAre(1, 0, 0));
}

TEST(FastestStates, SchemeThatALayerDoesNotTake_IsNotGiven) {
  auto units = made_up::with_schemes(chain_of({"Gemm", "Gemm"}), 2);
  units.units[0].takes = {true, false};
  units.units[1].takes = {false, true};
  const auto model = context_free_mix(units, {10, 10}, {{6, 1}, {5, 7}});
  EXPECT_THAT(fastest_states(model, units), ElementsAre(1, 2));
}

TEST(Penalty, OfASchemeThatIsCloser_IsSmaller) {
  const auto units = made_up::with_schemes(chain_of({"Gemm"}), 2);
  const auto model = context_free_mix(units, {10}, {{6}, {8}});
  EXPECT_THAT(fastest_states(model, units, {}, {{{1}, {0.1}}, 2}), ElementsAre(1));
  EXPECT_THAT(fastest_states(model, units, {}, {{{1}, {0.1}}, 3}), ElementsAre(2));
  EXPECT_THAT(fastest_states(model, units, {}, {{{1}, {0.1}}, 30}), ElementsAre(0));
}

/// Where layers do not see each other, each is chosen alone: the search is exact.
RC_GTEST_PROP(FastestStatesProperty, OfSeveralSchemes_IsTheOptimum, (std::uint64_t seed)) {
  Random random(seed);
  const auto count = 1 + random.below(6);
  const auto schemes = 1 + random.below(3);
  auto units =
      made_up::with_schemes(units_of(std::vector<made_up::Part>(count, {"Gemm", {}})), schemes);
  std::vector<std::vector<double>> scheme_us;
  Penalty penalty{{}, random.uniform()};
  for (std::size_t k = 0; k < schemes; ++k) {
    scheme_us.push_back(random_values(count, 100, random));
    penalty.by_scheme.push_back(random_values(count, 50, random));
    for (auto& unit : units.units) {
      unit.takes[k] = random.uniform() < 0.7;
    }
  }
  const auto model = context_free_mix(units, random_values(count, 100, random), scheme_us);
  const auto found = fastest_states(model, units, {}, penalty);
  const double least_us = brute_force_us(model, units, std::vector<bool>(count, true), penalty);
  RC_ASSERT(cost_us(model, units, found, penalty) <= least_us + 1e-5);
}

/// Where layers do not see each other, each is chosen alone: the search is exact.
RC_GTEST_PROP(FastestStatesProperty, WithoutContext_IsTheOptimum, (std::uint64_t seed)) {
  Random random(seed);
  const auto count = 1 + random.below(9);
  std::vector<made_up::Part> parts(count, {"Gemm", {}});
  for (std::size_t i = 1; i < count; ++i) {
    parts[i].producers = {random.below(i)};
  }
  const auto units = units_of(parts);
  auto model =
      context_free(units, random_values(count, 100, random), random_values(count, 100, random));
  model.scale = 0.5 + random.uniform();
  std::vector<bool> may(count);
  for (std::size_t i = 0; i < count; ++i) {
    may[i] = random.uniform() < 0.8;
  }
  const Penalty penalty{{random_values(count, 10, random)}, 5 * random.uniform()};
  const auto found = fastest_states(model, units, may, penalty);
  for (std::size_t i = 0; i < count; ++i) {
    RC_ASSERT(may[i] || !found[i]);
  }
  const double least_us = brute_force_us(model, units, may, penalty);
  RC_ASSERT(cost_us(model, units, found, penalty) <= least_us + 1e-5);
}

/// Whatever layers do to each other, and whichever of them take which schemes.
RC_GTEST_PROP(FastestStatesProperty, OnRandomModels_IsTheOptimum, (std::uint64_t seed)) {
  Random random(seed);
  const auto schemes = 1 + random.below(2);
  auto units = made_up::with_schemes(random_units(1 + random.below(7), random), schemes);
  for (auto& unit : units.units) {
    for (std::size_t k = 0; k < schemes; ++k) {
      unit.takes[k] = random.uniform() < 0.8;
    }
  }
  const auto model = made_up::random_model(units, random, made_up::forms_of(schemes));
  Penalty penalty{{}, 100 * random.uniform()};
  for (std::size_t k = 0; k < schemes; ++k) {
    penalty.by_scheme.push_back(random_values(units.size(), 1, random));
  }
  const auto found = fastest_states(model, units, {}, penalty);
  const double least_us =
      brute_force_us(model, units, std::vector<bool>(units.size(), true), penalty);
  RC_ASSERT(cost_us(model, units, found, penalty) <= least_us * 1.0001 + 1e-4);
}

TEST(FastestStatesProperty, TheSameTwice) {
  Random random(4);
  const auto units = random_units(40, random);
  const auto model = random_model(units, random);
  EXPECT_EQ(fastest_states(model, units), fastest_states(model, units));
}

TEST(FastestWithin, ALimitThatAllKeep_IsTheFastest) {
  const auto units = chain_of({"Conv", "Conv"});
  const auto model = context_free(units, {10, 10}, {4, 12});
  EXPECT_EQ(fastest_within(model, units, {{5, 5}}, 5), fastest_states(model, units));
}

TEST(FastestWithin, NothingMayBeAdded_IsFloat) {
  const auto units = chain_of({"Conv", "Conv"});
  const auto model = context_free(units, {10, 10}, {4, 4});
  EXPECT_THAT(fastest_within(model, units, {{5, 5}}, 0), ElementsAre(0, 0));
  // What adds nothing may be an integer all the same.
  EXPECT_THAT(fastest_within(model, units, {{0, 5}}, 0), ElementsAre(1, 0));
}

/// No price gives one of two equal layers: what is left of the limit is spent afterwards.
TEST(FastestWithin, BetweenTwoPrices_SpendsWhatIsLeft) {
  const auto units = chain_of({"Conv", "Conv", "Conv"});
  const auto model = context_free(units, {10, 10, 10}, {4, 4, 4});
  EXPECT_EQ(integers_in(fastest_within(model, units, {{3, 3, 3}}, 7)), 2);
}

RC_GTEST_PROP(FastestWithin, AnyModel_KeepsTheLimitAndIsNoSlowerThanFloat, ()) {
  Random random(*rc::gen::arbitrary<std::uint64_t>());
  const auto units = random_units(7, random);
  const auto model = random_model(units, random);
  std::vector<std::vector<double>> penalties;
  for (std::size_t scheme = 1; scheme < model.forms.size(); ++scheme) {
    penalties.push_back(random_values(units.size(), 1, random));
  }
  const double limit = 4 * random.uniform();
  const auto found = fastest_within(model, units, penalties, limit);
  RC_ASSERT(penalty_of(found, penalties) <= limit);
  RC_ASSERT(model.predict(units, found).us <=
            model.predict(units, States(units.size(), 0)).us + 1e-9);
}

TEST(FastestWithin, RandomModels_AreAsFastAsTheBestThatFits) {
  constexpr int kModels = 40;
  for (std::uint64_t seed = 0; seed < kModels; ++seed) {
    Random random(seed);
    const auto units = random_units(7, random);
    const auto model = random_model(units, random);
    std::vector<std::vector<double>> penalties;
    for (std::size_t scheme = 1; scheme < model.forms.size(); ++scheme) {
      penalties.push_back(random_values(units.size(), 1, random));
    }
    const double limit = 3 * random.uniform();
    double least_us = std::numeric_limits<double>::infinity();
    const std::vector<bool> all(units.size(), true);
    for_each_states(made_up::choices_of(units, all), [&](const States& states) {
      if (penalty_of(states, penalties) <= limit) {
        least_us = std::min(least_us, model.predict(units, states).us);
      }
    });
    const auto found = fastest_within(model, units, penalties, limit);
    EXPECT_LE(model.predict(units, found).us, least_us * 1.0001 + 1e-4) << seed;
  }
}

}  // namespace
}  // namespace tessera::profile
