// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/latency_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "support/matchers.h"
#include "tessera/profile/profile.h"
#include "tessera/profile/search.h"

namespace tessera::profile {
namespace {

using ::testing::DoubleNear;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

/// A chain of convolutions with a pool after every third.
Units chain(std::size_t length) {
  Units units;
  for (std::size_t i = 0; i < length; ++i) {
    Unit unit;
    unit.name = "layer" + std::to_string(i);
    unit.type = i % 3 == 2 ? "MaxPool" : "Conv";
    unit.output_bytes = 4000;
    unit.takes = {true};
    if (i > 0) {
      unit.producers = {i - 1};
    }
    if (i + 1 < length) {
      unit.consumers = {i + 1};
    }
    unit.reads_input = i == 0;
    unit.makes_output = i + 1 == length;
    units.units.push_back(unit);
    units.of_op.push_back(i);
  }
  return units;
}

/// A machine on which the rules of the model hold exactly.
PlanTimes machine(const Units& units, const States& states) {
  PlanTimes times;
  times.states = states;
  const auto around = neighbourhood_of(units, states);
  for (std::size_t i = 0; i < units.size(); ++i) {
    const double size = 10.0 + static_cast<double>(i);
    double us = size * (around.own[i] >= kUnitContexts ? 0.4 : 1.0);
    us *= around.own[i] % 2 == 1 ? 1.1 : 1.0;
    if (units.units[i].type == "MaxPool" && around.own[i] % kUnitContexts < 2) {
      us *= 20;  // a plain map
    }
    times.unit_us.push_back(us);
    times.unit_kernels.push_back(1);
    const bool converts = around.conversion[i] % 6 != 0;
    times.conversion_us.push_back(converts ? 5 : 0);
    times.conversion_kernels.push_back(converts ? 1 : 0);
  }
  const bool input = around.conversion.back() % 6 != 0;
  times.conversion_us.push_back(input ? 3 : 0);
  times.conversion_kernels.push_back(input ? 1 : 0);
  return times;
}

std::vector<PlanTimes> observe(const Units& units, std::size_t plans, std::uint64_t seed) {
  std::vector<PlanTimes> times{machine(units, States(units.size(), false)),
                               machine(units, States(units.size(), true))};
  Random random(seed);
  for (std::size_t i = 0; i < plans; ++i) {
    times.push_back(machine(units, random_states(units, random)));
  }
  return times;
}

TEST(Layout, PoolsTakeWhatConvolutionsMake) {
  const auto units = chain(3);
  const auto layouts = [&](const States& states) { return neighbourhood_of(units, states).layout; };
  using enum Layout;
  EXPECT_THAT(layouts({false, false, false}), ::testing::ElementsAre(kBlocked, kBlocked, kBlocked));
  EXPECT_THAT(layouts({true, true, true}),
              ::testing::ElementsAre(kChannelsLast, kChannelsLast, kChannelsLast));
  // A pool left in float behind an integer convolution is one on integers to the runtime.
  EXPECT_THAT(layouts({true, true, false}),
              ::testing::ElementsAre(kChannelsLast, kChannelsLast, kChannelsLast));
  // Integers cannot be blocked.
  EXPECT_THAT(layouts({true, false, true}),
              ::testing::ElementsAre(kChannelsLast, kBlocked, kPlain));
}

TEST(LatencyModel, RecoversAMachineThatFollowsItsRules) {
  const auto units = chain(12);
  const auto plans = observe(units, 60, 1);
  const auto model = fit_latency(units, plans);
  ASSERT_THAT(model, IsOk());
  Random random(99);
  std::vector<double> errors;
  for (int i = 0; i < 40; ++i) {
    const auto states = random_states(units, random);
    errors.push_back(
        std::abs(model->predict(units, states).us / machine(units, states).kernel_us() - 1));
  }
  std::sort(errors.begin(), errors.end());
  EXPECT_LT(errors[errors.size() / 2], 0.02);
}

TEST(Predictor, OneMixAfterAnother_IsWhatTheModelSaysOfEach) {
  const auto units = chain(9);
  auto model = fit_latency(units, observe(units, 20, 2));
  ASSERT_THAT(model, IsOk());
  model->scale = 0.9;
  model->overhead_us_per_kernel = -0.5;
  Random random(5);
  Predictor predictor(units, model->forms);
  for (int i = 0; i < 20; ++i) {
    const auto states = random_states(units, random);
    EXPECT_EQ(predictor.us(*model, states), model->predict(units, states).us);
    EXPECT_EQ(predictor.look_around(states).own, neighbourhood_of(units, states).own);
    EXPECT_EQ(predictor.look_around(states).conversion, neighbourhood_of(units, states).conversion);
  }
}

TEST(LatencyModel, OverheadsOfTheProfiler_AreFound) {
  const auto units = chain(12);
  const auto plans = observe(units, 12, 3);
  auto model = fit_latency(units, plans);
  ASSERT_THAT(model, IsOk());
  std::vector<double> wholes;
  for (const auto& plan : plans) {
    wholes.push_back(0.95 * plan.kernel_us() - 0.7 * plan.kernels());
  }
  fit_overheads(*model, plans, wholes);
  EXPECT_THAT(model->scale, DoubleNear(0.95, 1e-6));
  EXPECT_THAT(model->overhead_us_per_kernel, DoubleNear(-0.7, 1e-6));
}

TEST(LatencyModel, IntervalHoldsNinetyPercent) {
  const auto units = chain(12);
  auto model = fit_latency(units, observe(units, 60, 4));
  ASSERT_THAT(model, IsOk());
  Random random(7);
  const auto noisy = [&](std::size_t count) {
    std::vector<WholeTime> plans;
    for (std::size_t i = 0; i < count; ++i) {
      const auto states = random_states(units, random);
      plans.push_back({states, 1.3 * model->predict(units, states).us *
                                   (1 + 0.05 * (2 * random.uniform() - 1))});
    }
    return plans;
  };
  const auto calibration = noisy(60);
  const auto test = noisy(400);
  fit_interval(*model, units, calibration);
  double inside = 0;
  for (const auto& plan : test) {
    const auto prediction = model->predict(units, plan.states);
    inside += plan.us >= prediction.low_us && plan.us <= prediction.high_us ? 1 : 0;
  }
  EXPECT_THAT(inside / 400, DoubleNear(0.9, 0.07));
}

TEST(LatencyModel, WithoutAnIntegerPlan_IsRefused) {
  const auto units = chain(6);
  const std::vector<PlanTimes> plans = {machine(units, States(units.size(), false))};
  EXPECT_THAT(fit_latency(units, plans),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("all-integer")));
}

TEST(LatencyModel, SurvivesItsJson) {
  const auto units = chain(7);
  const auto model = fit_latency(units, observe(units, 10, 6));
  ASSERT_THAT(model, IsOk());
  const auto again = latency_model_from_json(to_json(*model));
  ASSERT_THAT(again, IsOk());
  Random random(3);
  const auto states = random_states(units, random);
  EXPECT_DOUBLE_EQ(again->predict(units, states).us, model->predict(units, states).us);
}

TEST(LatencyModel, DamagedJson_IsRefused) {
  const auto units = chain(4);
  const auto model = fit_latency(units, observe(units, 10, 6));
  ASSERT_THAT(model, IsOk());
  auto json = to_json(*model);
  json["rows"][1]["own"].erase(0);
  EXPECT_THAT(latency_model_from_json(json), FailsWith(ErrorCode::kDataLoss, HasSubstr("cells")));
  json = to_json(*model);
  json.erase("scale");
  EXPECT_THAT(latency_model_from_json(json), FailsWith(ErrorCode::kDataLoss, HasSubstr("scale")));
}

TEST(FastestStates, NoSingleLayerImprovesIt) {
  const auto units = chain(15);
  const auto model = fit_latency(units, observe(units, 60, 8));
  ASSERT_THAT(model, IsOk());
  const auto best = fastest_states(*model, units);
  const double best_us = model->predict(units, best).us;
  EXPECT_LE(best_us, model->predict(units, States(units.size(), false)).us);
  EXPECT_LE(best_us, model->predict(units, States(units.size(), true)).us);
  for (std::size_t i = 0; i < units.size(); ++i) {
    auto other = best;
    other[i] = !other[i];
    EXPECT_GE(model->predict(units, other).us, best_us - 1e-6) << i;
  }
}

TEST(FastestStates, MatchesBruteForceOnSmallChains) {
  const auto units = chain(9);
  const auto model = fit_latency(units, observe(units, 80, 9));
  ASSERT_THAT(model, IsOk());
  double best_us = 1e300;
  for (unsigned bits = 0; bits < 512; ++bits) {
    States states;
    for (unsigned i = 0; i < 9; ++i) {
      states.push_back((bits >> i & 1U) != 0);
    }
    best_us = std::min(best_us, model->predict(units, states).us);
  }
  EXPECT_LE(model->predict(units, fastest_states(*model, units)).us, best_us * 1.03);
}

TEST(FastestStates, ForbiddenLayersStayFloat_AndPenaltiesCount) {
  const auto units = chain(9);
  const auto model = fit_latency(units, observe(units, 60, 10));
  ASSERT_THAT(model, IsOk());
  std::vector<bool> allowed(units.size(), true);
  allowed[0] = allowed[4] = false;
  const auto states = fastest_states(*model, units, allowed);
  EXPECT_FALSE(states[0]);
  EXPECT_FALSE(states[4]);
  const Penalty heavy{{std::vector<double>(units.size(), 1.0)}, 1e6};
  EXPECT_EQ(fastest_states(*model, units, {}, heavy), States(units.size(), false));
}

TEST(RandomStates, CoverDensitiesAndRunLengths) {
  const auto units = chain(60);
  Random random(1);
  std::set<std::string> distinct;
  std::size_t lonely = 0;
  double density = 0;
  for (int i = 0; i < 200; ++i) {
    const auto states = random_states(units, random);
    distinct.insert(digits_of(states));
    density += static_cast<double>(std::count(states.begin(), states.end(), true)) / 60 / 200;
    for (std::size_t k = 1; k + 1 < states.size(); ++k) {
      lonely += states[k] != states[k - 1] && states[k] != states[k + 1] ? 1U : 0U;
    }
  }
  EXPECT_GT(distinct.size(), 150U);
  EXPECT_THAT(density, DoubleNear(0.5, 0.1));
  EXPECT_GT(lonely, 500U);
}

}  // namespace
}  // namespace tessera::profile
