// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "support/made_up_profiles.h"
#include "support/matchers.h"
#include "tessera/profile/latency_model.h"

namespace tessera::profile {
namespace {

using made_up::chain_of;
using made_up::context_free;
using made_up::context_free_mix;
using made_up::random_units;
using made_up::units_of;
using ::testing::DoubleNear;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr std::size_t kInteger = kUnitContexts;

/// A machine on which a unit takes `float_us` or `integer_us` wherever it stands, and a border
/// between precisions `border_us` in one kernel.
struct Machine {
  std::vector<double> float_us;
  std::vector<double> integer_us;
  double border_us = 0;

  [[nodiscard]] PlanTimes run(const Units& units, const States& states) const {
    PlanTimes times{.states = states};
    const auto around = neighbourhood_of(units, states);
    for (std::size_t i = 0; i <= units.size(); ++i) {
      if (i < units.size()) {
        times.unit_us.push_back(around.own[i] >= kInteger ? integer_us[i] : float_us[i]);
        times.unit_kernels.push_back(1);
      }
      const bool border = around.conversion[i] / 2 % 3 != 0;
      times.conversion_us.push_back(border ? border_us : 0);
      times.conversion_kernels.push_back(border ? 1 : 0);
    }
    return times;
  }
};

std::vector<PlanTimes> uniform_plans(const Units& units, const Machine& machine) {
  return {machine.run(units, States(units.size(), false)),
          machine.run(units, States(units.size(), true))};
}

TEST(Fit, OfOneUnit_GivesBackItsTimes) {
  const auto units = chain_of({"Gemm"});
  const Machine machine{{40}, {10}, 3};
  const auto model = fit_latency(units, uniform_plans(units, machine));
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(model->predict(units, {false}).us, DoubleNear(40, 1e-9));
  // The integer cell is drawn a little towards what the type would make of a float neighbour.
  EXPECT_THAT(model->predict(units, {true}).us, DoubleNear(10 + 2 * 3, 1.5));
  EXPECT_EQ(model->rows.size(), 2U);
  EXPECT_EQ(model->rows[0].unit, "u0");
  EXPECT_EQ(model->rows[1].unit, "");
}

TEST(Fit, CellsSayHowOftenTheyWereSeen) {
  const auto units = chain_of({"Gemm", "Gemm"});
  const Machine machine{{40, 20}, {10, 5}, 0};
  auto plans = uniform_plans(units, machine);
  plans.push_back(machine.run(units, {true, false}));
  plans.push_back(machine.run(units, {true, false}));
  const auto model = fit_latency(units, plans);
  ASSERT_THAT(model, IsOk());
  const auto& first = model->rows[0].own;
  EXPECT_EQ(first[0].plans, 1);             // float behind the input, read by its like
  EXPECT_EQ(first[1].plans, 0);             // float, read by integers: not seen
  EXPECT_EQ(first[kInteger].plans, 1);      // integers read by integers
  EXPECT_EQ(first[kInteger + 1].plans, 2);  // integers read by float
  std::int64_t seen = 0;
  for (const auto& cell : first) {
    seen += cell.plans;
  }
  EXPECT_EQ(seen, 4);
}

/// As a delegate would run them: every stretch of units of one state is one kernel, or the whole
/// is.
PlanTimes in_partitions(PlanTimes times, bool whole) {
  for (std::size_t i = 0; i < times.states.size(); ++i) {
    if (i == 0 || (!whole && times.states[i] != times.states[i - 1])) {
      times.shared.push_back({{}, {}});
    }
    times.shared.back().units.push_back(i);
    times.shared.back().us.push_back(times.unit_us[i]);
  }
  times.share_by(std::vector<double>(times.states.size(), 0));
  return times;
}

/// Nothing but sums of many units is measured, and no prior says how they divide.
TEST(Fit, UnitsThatShareKernels_AreToldApartByPlansThatDivideElsewhere) {
  for (const bool whole : {false, true}) {
    Random random(7);
    const auto units = chain_of(std::vector<std::string>(8, "CONV_2D"));
    Machine machine{{}, {}, 0};
    for (std::size_t i = 0; i < units.size(); ++i) {
      machine.float_us.push_back(20 + 80 * random.uniform());
      machine.integer_us.push_back((i % 2 == 0 ? 0.2 : 1.3) * machine.float_us.back());
    }
    std::vector<PlanTimes> plans;
    for (auto& plan : uniform_plans(units, machine)) {
      plans.push_back(in_partitions(std::move(plan), whole));
    }
    for (int i = 0; i < 60; ++i) {
      plans.push_back(in_partitions(machine.run(units, random_states(units, random)), whole));
    }
    const auto model = fit_latency(units, plans);
    ASSERT_THAT(model, IsOk());
    double worst = 0;
    double sum = 0;
    constexpr int kUnseen = 100;
    for (int i = 0; i < kUnseen; ++i) {
      const auto states = random_states(units, random);
      const auto us = machine.run(units, states).kernel_us();
      const double error = std::abs(model->predict(units, states).us / us - 1);
      worst = std::max(worst, error);
      sum += error;
    }
    EXPECT_LT(sum / kUnseen, 0.015);
    EXPECT_LT(worst, 0.08);
  }
}

TEST(Fit, RepeatedPlans_AreAveraged) {
  const auto units = chain_of({"Gemm"});
  auto plans = uniform_plans(units, {{40}, {10}, 0});
  auto slower = plans[0];
  slower.unit_us[0] = 60;
  plans.push_back(slower);
  const auto model = fit_latency(units, plans);
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(model->predict(units, {false}).us, DoubleNear(50, 1e-9));
}

/// With all neighbourhoods seen often, what is left of the estimate is a small share.
TEST(Fit, ManyPlans_RecoverTheMachine) {
  Random random(11);
  const auto units = random_units(10, random);
  Machine machine{{}, {}, 4};
  for (std::size_t i = 0; i < units.size(); ++i) {
    machine.float_us.push_back(20 + 80 * random.uniform());
    machine.integer_us.push_back(0.4 * machine.float_us.back());
  }
  auto plans = uniform_plans(units, machine);
  for (int i = 0; i < 200; ++i) {
    plans.push_back(machine.run(units, random_states(units, random)));
  }
  const auto model = fit_latency(units, plans);
  ASSERT_THAT(model, IsOk());
  for (int i = 0; i < 50; ++i) {
    const auto states = random_states(units, random);
    const double us = machine.run(units, states).kernel_us();
    EXPECT_THAT(model->predict(units, states).us, DoubleNear(us, 0.02 * us)) << digits_of(states);
  }
}

/// What a layer would take in a neighbourhood that it never had follows from layers of its type.
TEST(Fit, UnseenNeighbourhoods_AreThoseOfTheType) {
  constexpr std::size_t kUnits = 12;
  const auto units = chain_of(std::vector<std::string>(kUnits, "Gemm"));
  Machine machine{{}, {}, 0};
  for (std::size_t i = 0; i < kUnits; ++i) {
    machine.float_us.push_back(10 + 10 * static_cast<double>(i));
    machine.integer_us.push_back(0.3 * machine.float_us.back());
  }
  // The last layer was never an integer in what follows but once.
  auto plans = uniform_plans(units, machine);
  Random random(2);
  for (int i = 0; i < 60; ++i) {
    auto states = random_states(units, random);
    states[kUnits - 2] = false;
    plans.push_back(machine.run(units, states));
  }
  const auto model = fit_latency(units, plans);
  ASSERT_THAT(model, IsOk());
  const auto& cell = model->rows[kUnits - 2].own[kInteger + 1];  // integers, read by float
  EXPECT_EQ(cell.plans, 0);
  EXPECT_THAT(cell.us, DoubleNear(machine.integer_us[kUnits - 2], 0.1 * cell.us));
}

TEST(Fit, ConversionsNeverSeen_CostByTheByte) {
  auto units = chain_of({"Gemm", "Gemm", "Gemm"});
  units.units[0].output_bytes = 2000;
  units.units[1].output_bytes = 3000;
  const Machine machine{{10, 10, 10}, {5, 5, 5}, 6};
  auto plans = uniform_plans(units, machine);
  plans.push_back(machine.run(units, {true, false, false}));  // a border behind u0 alone
  const auto model = fit_latency(units, plans);
  ASSERT_THAT(model, IsOk());
  const auto border =
      neighbourhood_of(units, {true, false, false}).conversion[0];  // integers, read by float
  // u0 showed it with 2000 bytes, u2, whose reader is the caller, with 1000: 12 us of 3000 bytes.
  EXPECT_THAT(model->rows[0].conversion[border].us, DoubleNear((6 + 0.25 * 8) / 1.25, 1e-9));
  EXPECT_EQ(model->rows[0].conversion[border].plans, 1);
  EXPECT_THAT(model->rows[1].conversion[border].us, DoubleNear(12, 1e-9));
  EXPECT_THAT(model->rows[1].conversion[border].kernels, DoubleNear(1, 1e-9));
  EXPECT_EQ(model->rows[1].conversion[border].plans, 0);
}

TEST(Fit, UnitsThatAreNeverIntegers_KeepTheirOwnTime) {
  auto units = chain_of({"Gemm", "Softmax", "Gemm"});
  units.units[1].takes = {false};
  const Machine machine{{10, 33, 10}, {5, 33, 5}, 0};
  std::vector<PlanTimes> plans{machine.run(units, {false, false, false}),
                               machine.run(units, {true, false, true})};
  const auto model = fit_latency(units, plans);
  ASSERT_THAT(model, IsOk());
  for (const States& states : {States{false, false, false}, States{true, false, true}}) {
    const auto context = neighbourhood_of(units, states).own[1];
    EXPECT_THAT(model->rows[1].own[context].us, DoubleNear(33, 1e-6)) << digits_of(states);
  }
}

TEST(Fit, UnitsThatTakeNoTime_GiveNoNumbersThatAreNone) {
  const auto units = chain_of({"Reshape", "Reshape"});
  const auto model = fit_latency(units, uniform_plans(units, {{0, 0}, {0, 0}, 0}));
  ASSERT_THAT(model, IsOk());
  for (const auto& row : model->rows) {
    for (const auto& cell : row.own) {
      EXPECT_EQ(cell.us, 0);
      EXPECT_TRUE(std::isfinite(cell.kernels));
    }
  }
}

TEST(Fit, NoTimeIsEverNegative) {
  // Much faster with a blocked input than with a plain one in float, the other way on integers: a
  // linear estimate of what was not seen would fall below nothing.
  const auto units = chain_of({"Conv", "Add", "Conv"});
  PlanTimes floats{{false, false, false}, {1, 100, 1}, {0, 0, 0, 0}, {1, 1, 1}, {0, 0, 0, 0}};
  PlanTimes integers{{true, true, true}, {1, 0.01, 1}, {0, 0, 0, 0}, {1, 1, 1}, {0, 0, 0, 0}};
  PlanTimes mixed{{false, true, false}, {1, 0.01, 1}, {0, 0, 0, 0}, {1, 1, 1}, {0, 0, 0, 0}};
  const auto model = fit_latency(units, std::vector<PlanTimes>{floats, integers, mixed});
  ASSERT_THAT(model, IsOk());
  for (const auto& row : model->rows) {
    for (const auto& cell : row.own) {
      EXPECT_GE(cell.us, 0);
      EXPECT_GE(cell.kernels, 0);
    }
  }
}

TEST(Fit, WithoutPlansOrWithoutAFloatOne_IsRefused) {
  const auto units = chain_of({"Gemm"});
  const auto plans = uniform_plans(units, {{4}, {1}, 0});
  EXPECT_THAT(fit_latency(units, {}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("float")));
  EXPECT_THAT(fit_latency(units, std::vector<PlanTimes>{plans[1]}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("float")));
}

TEST(Overheads, TwoPlans_AreTooFewForMoreThanAFactor) {
  const auto units = chain_of({"Gemm"});
  const auto plans = uniform_plans(units, {{40}, {10}, 0});
  LatencyModel model;
  fit_overheads(model, plans, std::vector<double>{44, 11});
  EXPECT_THAT(model.scale, DoubleNear(1.1, 1e-12));
  EXPECT_EQ(model.overhead_us_per_kernel, 0);
}

TEST(Overheads, AFactorBelowZero_IsNotBelieved) {
  // 40 us less what the kernels took would explain this exactly.
  const auto plan = [](double us, double kernels) {
    return PlanTimes{{false}, {us}, {0, 0}, {kernels}, {0, 0}};
  };
  const std::vector<PlanTimes> plans{plan(10, 1), plan(20, 1), plan(30, 1)};
  const std::vector<double> whole{30, 20, 10};
  LatencyModel model;
  fit_overheads(model, plans, whole);
  EXPECT_GT(model.scale, 0);
  EXPECT_EQ(model.overhead_us_per_kernel, 0);
}

TEST(Overheads, SlowPlansDoNotOutweighFastOnes) {
  // Four plans that a factor of 1 fits and one, a thousand times as long, that says 2.
  const auto plan = [](double us) { return PlanTimes{{false}, {us}, {0, 0}, {0}, {0, 0}}; };
  const std::vector<PlanTimes> plans{plan(1), plan(1), plan(1), plan(1), plan(1000)};
  const std::vector<double> whole{1, 1, 1, 1, 2000};
  LatencyModel model;
  fit_overheads(model, plans, whole);
  // Least squares of (scale * kernel / whole - 1): 4.5 / 4.25.
  EXPECT_THAT(model.scale, DoubleNear(4.5 / 4.25, 1e-9));
}

TEST(Overheads, WithoutPlans_NothingIsCorrected) {
  LatencyModel model;
  fit_overheads(model, {}, {});
  EXPECT_EQ(model.scale, 1);
  EXPECT_EQ(model.overhead_us_per_kernel, 0);
}

/// A model that predicts 100 us for either state of its only unit.
struct Hundred {
  Units units = chain_of({"Gemm"});
  LatencyModel model = context_free(units, {100}, {100});

  std::vector<WholeTime> times(const std::vector<double>& us) const {
    std::vector<WholeTime> all;
    for (const auto time : us) {
      all.push_back({{false}, time});
    }
    return all;
  }
};

TEST(Interval, IsCentredOnTheMedianRatio) {
  Hundred hundred;
  hundred.model.overhead_us_per_kernel = 20;  // one kernel: 120 us
  fit_interval(hundred.model, hundred.units, hundred.times({132, 132, 132}));
  EXPECT_THAT(hundred.model.centre, DoubleNear(1.1, 1e-12));
  EXPECT_THAT(hundred.model.scale, DoubleNear(1.1, 1e-12));
  EXPECT_THAT(hundred.model.overhead_us_per_kernel, DoubleNear(22, 1e-9));
  EXPECT_THAT(hundred.model.interval, DoubleNear(0, 1e-12));
  EXPECT_THAT(hundred.model.predict(hundred.units, {false}).us, DoubleNear(132, 1e-9));
}

TEST(Interval, Of19Plans_IsThe18thDeviation) {
  Hundred hundred;
  // Median 100; deviations 0, 1, 1, 2, 2, ..., 9, 9 percent.
  std::vector<double> us;
  for (int i = -9; i <= 9; ++i) {
    us.push_back(100.0 + i);
  }
  us.front() = 50;  // the 19th: an outlier that ten in a hundred may be
  fit_interval(hundred.model, hundred.units, hundred.times(us));
  EXPECT_THAT(hundred.model.interval, DoubleNear(0.09, 1e-9));
  us[1] = 60;
  Hundred again;
  fit_interval(again.model, again.units, again.times(us));
  EXPECT_THAT(again.model.interval, DoubleNear(0.4, 1e-9));
}

/// One more plan counts than there are: the new one. Of ten, nine would be too few.
TEST(Interval, OfTenPlans_IsTheTenthDeviation) {
  Hundred hundred;
  fit_interval(hundred.model, hundred.units,
               hundred.times({100, 100, 100, 100, 100, 100, 101, 101, 102, 140}));
  EXPECT_THAT(hundred.model.interval, DoubleNear(0.4, 1e-9));
}

TEST(Interval, OfFewPlans_IsTheLargestDeviation) {
  Hundred hundred;
  fit_interval(hundred.model, hundred.units, hundred.times({100, 100, 100, 130}));
  EXPECT_THAT(hundred.model.interval, DoubleNear(0.3, 1e-9));
  const auto prediction = hundred.model.predict(hundred.units, {true});
  EXPECT_THAT(prediction.low_us, DoubleNear(70, 1e-9));
  EXPECT_THAT(prediction.high_us, DoubleNear(130, 1e-9));
}

TEST(Interval, WithoutPlans_StaysAsItWas) {
  Hundred hundred;
  hundred.model.interval = 0.25;
  fit_interval(hundred.model, hundred.units, {});
  EXPECT_EQ(hundred.model.interval, 0.25);
  EXPECT_EQ(hundred.model.centre, 1);
}

/// The promise of split conformal: over many calibrations, nine in ten new plans are inside.
TEST(Interval, CoversWhatItStates) {
  constexpr int kRepeats = 300;
  constexpr int kNew = 50;
  Random random(5);
  const auto noisy = [&random] { return 100 * std::exp(0.1 * random.normal()); };
  double inside = 0;
  for (int i = 0; i < kRepeats; ++i) {
    Hundred hundred;
    std::vector<double> us(29);
    std::generate(us.begin(), us.end(), noisy);
    fit_interval(hundred.model, hundred.units, hundred.times(us));
    const auto prediction = hundred.model.predict(hundred.units, {false});
    for (int k = 0; k < kNew; ++k) {
      const double time = noisy();
      inside += time >= prediction.low_us && time <= prediction.high_us ? 1 : 0;
    }
  }
  EXPECT_THAT(inside / (kRepeats * kNew), DoubleNear(0.9, 0.02));
}

TEST(LatencyModelJson, IsReadBackToTheLastBit) {
  Random random(3);
  const auto units = random_units(6, random);
  auto model = made_up::random_model(units, random);
  model.schemes = {"qdq-u8s8"};
  model.scale = 0.1 + 0.2;
  model.overhead_us_per_kernel = -1.0 / 3;
  model.centre = 1.01;
  model.interval = 0.07;
  const auto parsed = parse_json(to_text(to_json(model)), "the model");
  ASSERT_THAT(parsed, IsOk());
  const auto again = latency_model_from_json(*parsed);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->schemes, model.schemes);
  EXPECT_EQ(again->scale, model.scale);
  EXPECT_EQ(again->overhead_us_per_kernel, model.overhead_us_per_kernel);
  EXPECT_EQ(again->centre, model.centre);
  EXPECT_EQ(again->interval, model.interval);
  for (int i = 0; i < 20; ++i) {
    const auto states = random_states(units, random);
    EXPECT_EQ(again->predict(units, states).us, model.predict(units, states).us);
  }
}

Json small_json() {
  const auto units = chain_of({"Gemm"});
  return to_json(context_free(units, {1}, {2}));
}

TEST(LatencyModelJson, UnknownKeys_AreLeftAlone) {
  auto json = small_json();
  json["of_tomorrow"] = 1;
  json["rows"][0]["note"] = "x";
  EXPECT_THAT(latency_model_from_json(json), IsOk());
}

TEST(LatencyModelJson, EveryMissingKey_IsNamed) {
  for (const auto* const key :
       {"scheme", "scale", "overhead_us_per_kernel", "centre", "interval", "rows"}) {
    auto json = small_json();
    json.erase(key);
    EXPECT_THAT(latency_model_from_json(json), FailsWith(ErrorCode::kDataLoss, HasSubstr(key)));
  }
  for (const auto* const key : {"unit", "own", "conversion"}) {
    auto json = small_json();
    json["rows"][0].erase(key);
    EXPECT_THAT(latency_model_from_json(json), FailsWith(ErrorCode::kDataLoss, HasSubstr(key)));
  }
}

TEST(LatencyModelJson, WrongTypes_AreRefused) {
  const auto refused = [](const std::function<void(Json&)>& damage, int line = __builtin_LINE()) {
    auto json = small_json();
    damage(json);
    EXPECT_THAT(latency_model_from_json(json), FailsWith(ErrorCode::kDataLoss, ::testing::_))
        << "line " << line;
  };
  refused([](Json& json) { json = "a model"; });
  refused([](Json& json) { json = nullptr; });
  refused([](Json& json) { json["scale"] = nullptr; });  // NaN, as it is written
  refused([](Json& json) { json["interval"] = "0.1"; });
  refused([](Json& json) { json["rows"] = Json::array(); });
  refused([](Json& json) { json["rows"] = 5; });
  refused([](Json& json) { json["rows"][0]["own"] = 5; });
  refused([](Json& json) { json["rows"][0]["own"][3] = 5; });
  refused([](Json& json) { json["rows"][0]["own"][3][0] = nullptr; });
  refused([](Json& json) { json["rows"][0]["own"][3][1] = true; });
  refused([](Json& json) { json["rows"][0]["own"][3][2] = 1.5; });
  refused([](Json& json) { json["rows"][0]["own"][3].push_back(0); });
  refused([](Json& json) { json["rows"][0]["own"].push_back({1, 1, 1}); });
  refused([](Json& json) { json["rows"][1]["conversion"].erase(35); });
  refused(
      [](Json& json) { json["rows"][0]["own"][0][2] = std::numeric_limits<std::uint64_t>::max(); });
}

TEST(LatencyModelJson, SchemesComeBackWithTheirForms) {
  const auto units = made_up::with_schemes(chain_of({"Gemm", "Conv"}), 3);
  const auto model = context_free_mix(units, {1, 2}, {{3, 4}, {5, 6}, {7, 8}});
  const auto again = latency_model_from_json(to_json(model));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->schemes, model.schemes);
  EXPECT_EQ(again->forms, model.forms);
  EXPECT_EQ(again->predict(units, {3, 2}).us, model.predict(units, {3, 2}).us);
}

/// Documents of a time when there was one scheme.
TEST(LatencyModelJson, WithoutSchemes_IsOfOneOfIntegers) {
  auto json = small_json();
  json.erase("schemes");
  json["scheme"] = "qdq-u8s8";
  const auto model = latency_model_from_json(json);
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(model->schemes, ::testing::ElementsAre("qdq-u8s8"));
  EXPECT_EQ(model->forms, float_and_integers());
}

TEST(LatencyModelJson, DamagedForms_AreRefused) {
  const auto refused = [](const std::function<void(Json&)>& damage, int line = __builtin_LINE()) {
    auto json = small_json();
    damage(json["schemes"]);
    EXPECT_THAT(latency_model_from_json(json), FailsWith(ErrorCode::kDataLoss, ::testing::_))
        << "line " << line;
  };
  refused([](Json& schemes) { schemes = 1; });
  refused([](Json& schemes) { schemes = Json::array(); });
  refused([](Json& schemes) { schemes[0]["values"] = "string"; });
  refused([](Json& schemes) { schemes[0]["convolution"] = "NHWC"; });
  refused([](Json& schemes) { schemes[0].erase("scheme"); });
  refused([](Json& schemes) { schemes.push_back(schemes[0]); });  // more than there are cells for
  refused([](Json& schemes) {
    while (schemes.size() < 10) {
      schemes.push_back(schemes[0]);
    }
  });
}

/// A machine with two schemes; one of them has float results, so that it has no borders to float.
TEST(Fit, OfSeveralSchemes_GivesBackTheTimesOfEach) {
  const auto units = made_up::with_schemes(chain_of({"Gemm", "Gemm", "Gemm"}), 2);
  const auto forms = made_up::forms_of(2);
  const std::vector<std::vector<double>> us = {{40, 30, 20}, {10, 12, 14}, {25, 9, 18}};
  const auto run = [&](const States& states) {
    PlanTimes times{.states = states};
    const auto around = neighbourhood_of(units, states, forms);
    for (std::size_t i = 0; i <= units.size(); ++i) {
      if (i < units.size()) {
        times.unit_us.push_back(us[states[i]][i]);
        times.unit_kernels.push_back(1);
      }
      const bool border = around.conversion[i] / 2 % 3 != 0;
      times.conversion_us.push_back(border ? 3 : 0);
      times.conversion_kernels.push_back(border ? 1 : 0);
    }
    return times;
  };
  std::vector<PlanTimes> plans;
  made_up::for_each_states(made_up::choices_of(units, {true, true, true}),
                           [&](const States& states) {
                             for (int i = 0; i < 20; ++i) {
                               plans.push_back(run(states));
                             }
                           });
  const auto model = fit_latency(units, plans, forms);
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(model->forms, forms);
  made_up::for_each_states(
      made_up::choices_of(units, {true, true, true}), [&](const States& states) {
        const double measured = run(states).kernel_us();
        EXPECT_THAT(model->predict(units, states).us, DoubleNear(measured, 0.02 * measured))
            << digits_of(states);
      });
}

/// What was never seen of a scheme is taken for as long as in float.
TEST(Fit, SchemeThatNoPlanShows_TakesAsLongAsFloat) {
  const auto units = made_up::with_schemes(chain_of({"Gemm", "Gemm"}), 2);
  const Machine machine{{40, 20}, {10, 5}, 0};
  const auto model = fit_latency(units, uniform_plans(units, machine), made_up::forms_of(2));
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(model->predict(units, {2, 2}).us, DoubleNear(60, 3));
}

/// Never an integer where there can be none, and every mix of three layers comes up.
TEST(RandomStates, LeaveFloatLayersAlone_AndReachEveryMix) {
  auto units = chain_of({"Gemm", "Softmax", "Gemm", "Gemm"});
  units.units[1].takes = {false};
  Random random(8);
  std::map<std::string, int> seen;
  for (int i = 0; i < 500; ++i) {
    ++seen[digits_of(random_states(units, random))];
  }
  EXPECT_EQ(seen.size(), 8U);
  for (const auto& [bits, times] : seen) {
    EXPECT_EQ(bits[1], '0');
    EXPECT_GT(times, 5) << bits;
  }
  EXPECT_TRUE(random_states(Units(), random).empty());
}

TEST(RandomStates, OfSeveralSchemes_AreThoseThatALayerTakes) {
  auto units = made_up::with_schemes(chain_of({"Gemm", "Gemm", "Gemm"}), 2);
  units.units[1].takes = {false, true};
  units.units[2].takes = {true, false};
  Random random(9);
  std::map<std::string, int> seen;
  for (int i = 0; i < 4000; ++i) {
    ++seen[digits_of(random_states(units, random))];
  }
  EXPECT_EQ(seen.size(), 12U);  // 3 x 2 x 2
  for (const auto& [digits, times] : seen) {
    EXPECT_THAT(digits[1], ::testing::AnyOf('0', '2'));
    EXPECT_THAT(digits[2], ::testing::AnyOf('0', '1'));
    EXPECT_GT(times, 5) << digits;
  }
}

RC_GTEST_PROP(LatencyModelProperty, SharesAreThePrediction, (std::uint64_t seed)) {
  Random random(seed);
  const auto units = random_units(1 + random.below(12), random);
  auto model = made_up::random_model(units, random);
  model.scale = 0.5 + random.uniform();
  model.overhead_us_per_kernel = random.uniform() - 0.5;
  model.interval = 0.1;
  const auto states = random_states(units, random);
  const auto prediction = model.predict(units, states);
  RC_ASSERT(std::abs(prediction.low_us - 0.9 * prediction.us) < 1e-9);
  RC_ASSERT(std::abs(prediction.high_us - 1.1 * prediction.us) < 1e-9);
  // By hand, cell by cell.
  const auto around = neighbourhood_of(units, states);
  double us = 0;
  double shares_us = 0;
  for (std::size_t i = 0; i <= units.size(); ++i) {
    shares_us += model.share_us(i, around);
    const auto& conversion = model.rows[i].conversion[around.conversion[i]];
    us += model.scale * conversion.us + model.overhead_us_per_kernel * conversion.kernels;
    if (i < units.size()) {
      const auto& own = model.rows[i].own[around.own[i]];
      us += model.scale * own.us + model.overhead_us_per_kernel * own.kernels;
    }
  }
  RC_ASSERT(std::abs(us - prediction.us) < 1e-9);
  RC_ASSERT(std::abs(shares_us - prediction.us) < 1e-9);
}

}  // namespace
}  // namespace tessera::profile
