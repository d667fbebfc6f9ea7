// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "support/made_up_profiles.h"
#include "support/matchers.h"
#include "tessera/core/random.h"
#include "tessera/core/record.h"

namespace tessera::profile {
namespace {

using made_up::chain_of;
using ::testing::_;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using Use = RacedPlan::Use;

constexpr double kFloatUs = 100;
constexpr double kIntegerUs = 40;
constexpr double kPerKernelUs = 2;  ///< what the runtime adds between kernels, unprofiled

/// Three products in a row; the second has no integer kernel that is faster.
Units three() {
  return chain_of({"Gemm", "Gemm", "Gemm"});
}

double unit_us(std::size_t unit, bool integers) {
  return integers ? (unit == 1 ? 150 : kIntegerUs) : kFloatUs;
}

PlanTimes traced(const States& states, double pace = 1) {
  PlanTimes times{.states = states};
  for (std::size_t i = 0; i < states.size(); ++i) {
    times.unit_us.push_back(pace * unit_us(i, states[i]));
    times.unit_kernels.push_back(1);
  }
  times.conversion_us.assign(states.size() + 1, 0);
  times.conversion_kernels.assign(states.size() + 1, 0);
  return times;
}

/// The same plan without the profiler.
double whole_us(const States& states, double pace = 1) {
  const auto times = traced(states);
  return pace * (times.kernel_us() + kPerKernelUs * times.kernels());
}

/// All eight plans taken apart; float, integers and two more raced too.
Evidence evidence_of_three(double pace = 1) {
  Evidence evidence{.units = three()};
  made_up::for_each_states(3, [&](const States& states) {
    // Several times, so that the estimate of what was not seen has no weight.
    for (int i = 0; i < 20; ++i) {
      evidence.plans.push_back(traced(states, pace));
    }
  });
  for (const auto* const bits : {"000", "111", "100", "101"}) {
    const auto states = *states_from(bits);
    evidence.races.push_back({Use::kCorrection, states, whole_us(states, pace), 0});
  }
  return evidence;
}

TEST(Conclude, WholeTimesCorrectTheModel) {
  Profile profile{.scheme = "a scheme"};
  ASSERT_THAT(conclude(evidence_of_three(), profile), IsOk());
  EXPECT_EQ(profile.model.schemes, evidence_of_three().schemes);
  EXPECT_EQ(profile.training_plans, 160);
  made_up::for_each_states(3, [&](const States& states) {
    const double us = whole_us(states);
    EXPECT_THAT(profile.model.predict(three(), states).us, DoubleNear(us, 0.015 * us))
        << digits_of(states);
  });
}

/// What a profiler saw at another pace, and of all units in one, is mended by races.
TEST(Conclude, PlansOfUnitsThatShareKernels_AreBroughtToTheirRaces) {
  Random random(5);
  auto evidence = evidence_of_three();
  evidence.plans.clear();
  evidence.races.clear();
  made_up::for_each_states(3, [&](const States& states) {
    auto times = traced(states, 0.5 + random.uniform());
    times.shared = {{{0, 1, 2}, times.unit_us}};
    evidence.plans.push_back(times);
    evidence.races.push_back({Use::kCorrection, states, traced(states).kernel_us(), 0});
  });
  Profile profile;
  ASSERT_THAT(conclude(evidence, profile), IsOk());
  made_up::for_each_states(3, [&](const States& states) {
    const double us = traced(states).kernel_us();
    EXPECT_THAT(profile.model.predict(three(), states).us, DoubleNear(us, 0.06 * us))
        << digits_of(states);
  });
  EXPECT_THAT(profile.fastest.integer_layers, ElementsAre("u0", "u2"));
  const auto again = fit_cells(evidence);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->schemes, evidence.schemes);
}

TEST(RacePace, IsTheUsualOne_AndThatOfPlansThatDidNotRace) {
  auto evidence = evidence_of_three();
  EXPECT_EQ(race_pace(evidence), std::nullopt) << "nothing is shared";
  evidence.plans.clear();
  evidence.races.clear();
  EXPECT_EQ(race_pace(evidence), std::nullopt);
  made_up::for_each_states(3, [&](const States& states) {
    auto times = traced(states, 0.5);
    times.shared = {{{0, 1, 2}, times.unit_us}};
    evidence.plans.push_back(times);
    if (digits_of(states) != "010") {
      evidence.races.push_back({Use::kCorrection, states, traced(states).kernel_us(), 0});
    }
  });
  EXPECT_DOUBLE_EQ(*race_pace(evidence), 2);
  const auto model = fit_cells(evidence);
  ASSERT_THAT(model, IsOk());
  const States lonely = {0, 1, 0};
  EXPECT_THAT(model->predict(three(), lonely).us, DoubleNear(350, 20));
}

/// A layer that is fastest in the second scheme is an integer layer, and named with it.
TEST(Conclude, TheFastestMix_NamesFurtherSchemes) {
  auto evidence = evidence_of_three();
  evidence.units = made_up::with_schemes(evidence.units, 2);
  evidence.units.units[0].takes = evidence.units.units[2].takes = {true, false};
  evidence.schemes = {"first", "second"};
  evidence.forms = made_up::forms_of(2);
  for (int i = 0; i < 20; ++i) {
    auto times = traced({0, 2, 0});
    times.unit_us = {times.unit_us[0], 0.1, times.unit_us[2]};
    times.conversion_us = {0, 0, 0, 0};
    evidence.plans.push_back(times);
  }
  Profile profile;
  ASSERT_THAT(conclude(evidence, profile), IsOk());
  EXPECT_THAT(profile.fastest.further, ElementsAre(std::pair("u1", "second")));
  EXPECT_THAT(profile.fastest.integer_layers, ::testing::Contains("u1"));
  EXPECT_EQ(profile.model.schemes, evidence.schemes);
}

TEST(Conclude, TheFastestMix_IsNamedByLayer) {
  Profile profile;
  ASSERT_THAT(conclude(evidence_of_three(), profile), IsOk());
  EXPECT_THAT(profile.fastest.integer_layers, ElementsAre("u0", "u2"));
  EXPECT_THAT(profile.fastest.float_layers, ElementsAre("u1"));
  EXPECT_THAT(profile.fastest.predicted_us, DoubleNear(whole_us({true, false, true}), 3));
}

TEST(Conclude, LayersThatCannotBeIntegers_AreNotNamed) {
  auto evidence = evidence_of_three();
  evidence.units.units[1].takes = {false};
  std::erase_if(evidence.plans, [](const PlanTimes& plan) { return plan.states[1]; });
  std::erase_if(evidence.races, [](const RacedPlan& race) { return race.states[1]; });
  Profile profile;
  ASSERT_THAT(conclude(evidence, profile), IsOk());
  EXPECT_THAT(profile.fastest.integer_layers, ElementsAre("u0", "u2"));
  EXPECT_THAT(profile.fastest.float_layers, IsEmpty());
}

TEST(Conclude, WithoutRaces_NothingIsJudgedOrCorrected) {
  auto evidence = evidence_of_three();
  evidence.races.clear();
  Profile profile;
  ASSERT_THAT(conclude(evidence, profile), IsOk());
  EXPECT_THAT(profile.validation.points, IsEmpty());
  EXPECT_EQ(profile.validation.inside_interval, 0);
  EXPECT_EQ(profile.model.scale, 1);
  EXPECT_EQ(profile.model.interval, 0);
  EXPECT_THAT(profile.model.predict(three(), States(3, false)).us, DoubleNear(300, 3));
}

TEST(Conclude, ACorrectionWithoutItsTrace_DoesNotCount) {
  auto evidence = evidence_of_three();
  Profile expected;
  ASSERT_THAT(conclude(evidence, expected), IsOk());
  std::erase_if(evidence.plans,
                [](const PlanTimes& plan) { return digits_of(plan.states) == "011"; });
  Profile without;
  ASSERT_THAT(conclude(evidence, without), IsOk());
  evidence.races.push_back({Use::kCorrection, *states_from("011"), 1e6, 0});
  Profile profile;
  ASSERT_THAT(conclude(evidence, profile), IsOk());
  EXPECT_EQ(profile.model.scale, without.model.scale);
  EXPECT_EQ(profile.model.overhead_us_per_kernel, without.model.overhead_us_per_kernel);
}

TEST(Conclude, UniformPlansWeighFiveTimes) {
  // Both uniform plans say 1, one mixed plan says 2: a factor f of least squares over 10 + 1 rows.
  Evidence evidence = evidence_of_three();
  evidence.races.clear();
  for (const auto* const bits : {"000", "111", "100"}) {
    const auto states = *states_from(bits);
    const double us = traced(states).kernel_us();
    evidence.races.push_back({Use::kCorrection, states, bits[2] == bits[0] ? us : 2 * us, 0});
  }
  Profile profile;
  ASSERT_THAT(conclude(evidence, profile), IsOk());
  // With equally many kernels in each plan both unknowns can be solved for; what counts here is
  // that the uniform plans, ten rows against one, are explained all but exactly.
  for (const auto* const bits : {"000", "111"}) {
    const auto times = traced(*states_from(bits));
    const double us =
        profile.model.scale * times.kernel_us() + 3 * profile.model.overhead_us_per_kernel;
    EXPECT_THAT(us / times.kernel_us(), DoubleNear(1, 0.06)) << bits;
  }
}

TEST(Conclude, CalibrationSetsTheInterval_ValidationJudgesIt) {
  auto evidence = evidence_of_three();
  const auto add = [&](Use use, const char* bits, double factor, double isolated_us = 0) {
    const auto states = *states_from(bits);
    evidence.races.push_back({use, states, factor * whole_us(states), isolated_us});
  };
  Profile plain;
  ASSERT_THAT(conclude(evidence, plain), IsOk());
  add(Use::kCalibration, "001", 1.1);
  add(Use::kCalibration, "110", 1.1);
  add(Use::kCalibration, "010", 1.1 * 1.04);
  add(Use::kValidation, "000", 1.1);
  add(Use::kValidation, "111", 1.1 * 1.02);
  add(Use::kValidation, "101", 1.1 * 1.25);
  add(Use::kValidation, "100", 1.1 * 0.75);
  Profile profile;
  ASSERT_THAT(conclude(evidence, profile), IsOk());
  EXPECT_THAT(profile.model.centre, DoubleNear(1.1, 0.015));
  EXPECT_THAT(profile.model.interval, DoubleNear(0.04, 0.015));
  EXPECT_THAT(profile.model.scale, DoubleNear(plain.model.scale * profile.model.centre, 1e-9));
  ASSERT_EQ(profile.validation.points.size(), 4U);
  // One is above its interval and one below; errors are of what was predicted: 0, .02, .2, .333.
  EXPECT_THAT(profile.validation.inside_interval, DoubleNear(0.5, 1e-9));
  EXPECT_THAT(profile.validation.median_abs_error, DoubleNear(0.11, 0.015));
  EXPECT_THAT(profile.validation.p95_abs_error, DoubleNear(0.2 + 0.85 * 0.1333, 0.02));
  EXPECT_EQ(profile.validation.points[0].integer_layers, 0);
  EXPECT_EQ(profile.validation.points[1].integer_layers, 3);
  EXPECT_THAT(profile.validation.points[0].measured_us, DoubleNear(1.1 * 306, 1e-9));
  EXPECT_EQ(profile.validation.isolated_median_abs_error, 0);
}

TEST(Conclude, RanksAndSumsOfLayersAlone_AreJudgedToo) {
  auto evidence = evidence_of_three();
  for (const auto* const bits : {"000", "100", "101", "111"}) {
    const auto states = *states_from(bits);
    const double us = whole_us(states);
    // Layers timed alone: off by a quarter; of one plan not known.
    evidence.races.push_back({Use::kValidation, states, us, bits[1] == '1' ? 0 : 1.25 * us});
  }
  Profile profile;
  ASSERT_THAT(conclude(evidence, profile), IsOk());
  EXPECT_THAT(profile.validation.spearman, DoubleNear(1, 1e-9));
  EXPECT_THAT(profile.validation.isolated_median_abs_error, DoubleNear(0.25, 1e-9));
  EXPECT_THAT(profile.validation.isolated_p95_abs_error, DoubleNear(0.25, 1e-9));
}

TEST(Conclude, WithoutAnIntegerPlan_FailsAsTheFitDoes) {
  auto evidence = evidence_of_three();
  std::erase_if(evidence.plans,
                [](const PlanTimes& plan) { return digits_of(plan.states) == "111"; });
  Profile profile;
  EXPECT_THAT(conclude(evidence, profile), FailsWith(ErrorCode::kInvalidArgument, _));
}

TEST(EvidenceJson, IsReadBackAsItWasWritten) {
  auto evidence = evidence_of_three();
  evidence.races.push_back({Use::kValidation, {true, false, true}, 1.0 / 3, 0.1});
  evidence.races.push_back({Use::kCalibration, {false, false, true}, 17, 0});
  evidence.units.units[1].takes = {false};
  evidence.plans[1].shared = {{{0, 2}, {1.0 / 3, 2}}};
  const auto json = to_json(evidence);
  const auto parsed = parse_json(to_text(json), "evidence");
  ASSERT_THAT(parsed, IsOk());
  const auto again = evidence_from_json(*parsed);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(to_text(to_json(*again)), to_text(json));
  EXPECT_FALSE(again->units.units[1].quantizable());
  EXPECT_TRUE(again->units.units[0].reads_input);
  EXPECT_TRUE(again->units.units[2].makes_output);
  EXPECT_THAT(again->units.units[1].producers, ElementsAre(0));
  EXPECT_EQ(again->races.back().use, Use::kCalibration);
  ASSERT_EQ(again->plans[1].shared.size(), 1U);
  EXPECT_THAT(again->plans[1].shared[0].units, ElementsAre(0, 2));
  EXPECT_THAT(again->plans[1].shared[0].us, ElementsAre(1.0 / 3, 2));
  EXPECT_THAT(again->plans[0].shared, IsEmpty());
}

TEST(EvidenceJson, OfATimeOfOneScheme_IsRead) {
  auto json = to_json(evidence_of_three());
  json.erase("schemes");
  for (auto& unit : json["units"]) {
    unit.erase("takes");
    unit["quantizable"] = unit["name"] != "u1";
  }
  const auto evidence = evidence_from_json(json);
  ASSERT_THAT(evidence, IsOk());
  EXPECT_THAT(evidence->units.units[0].takes, ElementsAre(true));
  EXPECT_THAT(evidence->units.units[1].takes, ElementsAre(false));
  EXPECT_EQ(evidence->forms, float_and_integers());
}

TEST(EvidenceJson, StatesWithoutAScheme_AreRefused) {
  auto json = to_json(evidence_of_three());
  json["races"][0]["states"] = "020";
  EXPECT_THAT(evidence_from_json(json), FailsWith(ErrorCode::kDataLoss, HasSubstr("do not fit")));
  json = to_json(evidence_of_three());
  json["plans"][0]["states"] = "002";
  EXPECT_THAT(evidence_from_json(json), FailsWith(ErrorCode::kDataLoss, HasSubstr("do not fit")));
  json = to_json(evidence_of_three());
  json["units"][0]["takes"] = {true, true};
  EXPECT_THAT(evidence_from_json(json), FailsWith(ErrorCode::kDataLoss, HasSubstr("do not fit")));
}

TEST(EvidenceJson, UnknownKeys_AreLeftAlone) {
  auto json = to_json(evidence_of_three());
  json["more"] = 1;
  json["units"][0]["more"] = 1;
  json["races"][0]["more"] = 1;
  EXPECT_THAT(evidence_from_json(json), IsOk());
}

TEST(EvidenceJson, EveryMissingKey_IsNamed) {
  const auto json = to_json(evidence_of_three());
  const auto named = [&](const char* part, const std::vector<const char*>& keys) {
    for (const auto* const key : keys) {
      auto damaged = json;
      damaged[part][0].erase(key);
      EXPECT_THAT(evidence_from_json(damaged), FailsWith(ErrorCode::kDataLoss, HasSubstr(key)));
    }
  };
  for (const auto* const key : {"units", "plans", "races"}) {
    auto damaged = json;
    damaged.erase(key);
    EXPECT_THAT(evidence_from_json(damaged), FailsWith(ErrorCode::kDataLoss, HasSubstr(key)));
  }
  named("units", {"name", "type", "output_bytes", "producers", "consumers", "reads_input",
                  "makes_output", "takes"});
  named("plans", {"states", "unit_us", "conversion_us", "unit_kernels", "conversion_kernels"});
  named("races", {"use", "states", "us", "isolated_us"});
}

TEST(EvidenceJson, WhatDoesNotFit_IsRefused) {
  const auto refused = [](const std::function<void(Json&)>& damage, int line = __builtin_LINE()) {
    auto json = to_json(evidence_of_three());
    damage(json);
    EXPECT_THAT(evidence_from_json(json), FailsWith(ErrorCode::kDataLoss, _)) << "line " << line;
  };
  refused([](Json& json) { json = Json::array(); });
  refused([](Json& json) { json["units"] = 1; });
  // Indices that later code relies on.
  refused([](Json& json) { json["units"][1]["producers"] = {3}; });
  refused([](Json& json) { json["units"][1]["producers"] = {-1}; });
  refused([](Json& json) { json["units"][0]["consumers"] = {1, 1000000}; });
  refused([](Json& json) { json["units"][1]["producers"] = {0.5}; });
  // A unit less or more.
  refused([](Json& json) { json["units"].erase(2); });
  refused([](Json& json) { json["plans"][3]["states"] = "0000"; });
  refused([](Json& json) { json["plans"][3]["unit_us"].push_back(1); });
  refused([](Json& json) { json["plans"][3]["conversion_kernels"].erase(0); });
  refused([](Json& json) { json["races"][1]["states"] = "11"; });
  const auto sharing = [](const char* units) {
    return [units](Json& json) {
      json["plans"][0]["shared"] = {{{"units", *parse_json(units, "units")}, {"us", {1, 1}}}};
    };
  };
  refused(sharing("[0, 3]"));
  refused(sharing("[0, -1]"));
  refused(sharing("[0]"));
  refused(sharing("[\"0\", 1]"));
  // Times that no ratio can be taken of.
  refused([](Json& json) { json["races"][1]["us"] = 0; });
  refused([](Json& json) { json["races"][1]["us"] = -5; });
  refused([](Json& json) { json["races"][1]["us"] = nullptr; });
  refused([](Json& json) { json["races"][1]["use"] = "decoration"; });
  refused([](Json& json) { json["races"][1]["use"] = 1; });
  refused([](Json& json) { json["races"][1]["states"] = "1?1"; });
}

/// `index` of `count`, on a machine that is `pace` times as slow.
Shard shard(std::int64_t index, std::int64_t count, double pace = 1) {
  Shard shard{.index = index, .count = count, .model_sha256 = "m", .cpu = "c", .runtime = "r 1"};
  shard.evidence = evidence_of_three(pace);
  shard.profile.scheme = "qdq-u8s8";
  shard.profile.whole["fp32"].latency = {306 * pace, 300, 310, 9, 2};
  shard.profile.wall_us = 1000.0 * static_cast<double>(index + 1);
  shard.profile.stability = {100, 10 * index, 0.01 * static_cast<double>(index + 1), true};
  return shard;
}

TEST(Shards, AreBroughtToThePaceOfTheFirst) {
  // The second machine took twice as long for everything: put together they say the same.
  const auto alone = merge_shards({shard(0, 1)});
  const auto merged = merge_shards({shard(1, 2, 2), shard(0, 2)});
  ASSERT_THAT(alone, IsOk());
  ASSERT_THAT(merged, IsOk());
  EXPECT_EQ(merged->training_plans, 320);
  made_up::for_each_states(3, [&](const States& states) {
    const double us = whole_us(states);
    EXPECT_THAT(merged->model.predict(three(), states).us, DoubleNear(us, 0.01 * us));
  });
  EXPECT_EQ(merged->whole.at("fp32").latency.median_us, 306);
}

TEST(Shards, IsolatedTimesAndRaces_ComeToThatPace_Too) {
  auto first = shard(0, 2);
  auto second = shard(1, 2, 2);
  second.evidence.races.push_back({Use::kValidation, States(3, true), 400, 500});
  const auto merged = merge_shards({first, second});
  ASSERT_THAT(merged, IsOk());
  ASSERT_EQ(merged->validation.points.size(), 1U);
  EXPECT_DOUBLE_EQ(merged->validation.points[0].measured_us, 200);
  EXPECT_DOUBLE_EQ(merged->validation.points[0].isolated_us, 250);
}

TEST(Shards, TimeAndDisturbances_AddUp) {
  auto second = shard(1, 2);
  second.profile.stability.stable = false;
  const auto merged = merge_shards({shard(0, 2), second});
  ASSERT_THAT(merged, IsOk());
  EXPECT_EQ(merged->wall_us, 3000);
  EXPECT_EQ(merged->stability.runs, 200);
  EXPECT_EQ(merged->stability.disturbed_runs, 10);
  EXPECT_EQ(merged->stability.reference_spread, 0.02);
  EXPECT_FALSE(merged->stability.stable);
  const auto calm = merge_shards({shard(0, 2), shard(1, 2)});
  ASSERT_THAT(calm, IsOk());
  EXPECT_TRUE(calm->stability.stable);
}

TEST(Shards, GapsAndDoubles_AreNamed) {
  const auto refused = [](std::vector<Shard> shards, const char* said) {
    EXPECT_THAT(merge_shards(std::move(shards)),
                FailsWith(ErrorCode::kInvalidArgument, HasSubstr(said)));
  };
  refused({}, "no shards");
  refused({shard(0, 3), shard(2, 3)}, "shard 1 of 3 is missing");
  refused({shard(0, 2), shard(1, 2), shard(1, 2)}, "shard 1 of 2 is there twice");
  refused({shard(0, 2), shard(1, 3)}, "of 3 among shards of 2");
  // Beyond the last: not one of these.
  refused({shard(0, 2), shard(1, 2), shard(7, 2)}, "7");
  refused({shard(-1, 1), shard(0, 1)}, "-1");
  refused({shard(0, 0)}, "0");
}

TEST(Shards, OfAnotherModelOrMachine_AreNamed) {
  const auto refused = [](const std::function<void(Shard&)>& change, const char* said) {
    auto other = shard(1, 2);
    change(other);
    EXPECT_THAT(merge_shards({shard(0, 2), other}),
                FailsWith(ErrorCode::kInvalidArgument, HasSubstr(said)));
  };
  refused([](Shard& other) { other.model_sha256 = "n"; }, "another model: 'n', not 'm'");
  refused([](Shard& other) { other.profile.scheme = "s8"; }, "another scheme: 's8'");
  refused([](Shard& other) { other.cpu = "d"; }, "another processor: 'd', not 'c'");
  refused([](Shard& other) { other.profile.opt_level = runtime::OptLevel::kDisabled; },
          "another level: 'disabled', not 'all'");
  refused([](Shard& other) { other.runtime = "r 2"; }, "another runtime: 'r 2'");
}

TEST(Shards, OfOtherLayersOrWithoutFloat32_AreDamaged) {
  const auto refused = [](const std::function<void(Shard&)>& change) {
    auto other = shard(1, 2);
    change(other);
    EXPECT_THAT(merge_shards({shard(0, 2), other}),
                FailsWith(ErrorCode::kDataLoss, HasSubstr("shard 1")));
  };
  refused([](Shard& other) { other.evidence.units.units.pop_back(); });
  refused([](Shard& other) { other.profile.whole.clear(); });
  refused([](Shard& other) { other.profile.whole["fp32"].latency.median_us = 0; });
}

Json shard_document(const Shard& shard, bool timeless = false) {
  Envelope envelope;
  envelope.kind = "profile-shard";
  envelope.host.cpu = shard.cpu;
  envelope.runtime = RuntimeInfo{"ort", "1.2", {}};
  envelope.model = ModelInfo{"m.onnx", shard.model_sha256, "onnx"};
  envelope.timeless = timeless;
  return enclose(envelope, to_json(shard));
}

/// A shard whose profile has a model, as one that was measured has.
Shard whole_shard(std::int64_t index, std::int64_t count) {
  auto made = shard(index, count);
  EXPECT_THAT(conclude(made.evidence, made.profile), IsOk());
  return made;
}

TEST(ShardDocument, TellsOfMachineModelAndRuntime) {
  const auto read = shard_from_json(shard_document(whole_shard(1, 3)), "s.json");
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->index, 1);
  EXPECT_EQ(read->count, 3);
  EXPECT_EQ(read->cpu, "c");
  EXPECT_EQ(read->runtime, "ort 1.2");
  EXPECT_EQ(read->model_sha256, "m");
  EXPECT_EQ(read->evidence.plans.size(), 160U);
}

TEST(ShardDocument, ThroughJson_MergesToTheSame) {
  std::vector<Shard> given{whole_shard(0, 2), whole_shard(1, 2)};
  std::vector<Shard> read;
  for (const auto& shard : given) {
    auto again = shard_from_json(shard_document(shard), "s.json");
    ASSERT_THAT(again, IsOk());
    again->runtime = shard.runtime;
    read.push_back(*std::move(again));
  }
  const auto direct = merge_shards(given);
  const auto by_file = merge_shards(read);
  ASSERT_THAT(direct, IsOk());
  ASSERT_THAT(by_file, IsOk());
  EXPECT_EQ(to_text(to_json(*by_file)), to_text(to_json(*direct)));
}

TEST(ShardDocument, DamagedOrForeign_IsNamedWithItsFile) {
  const auto refused = [](const std::function<void(Json&)>& damage, const char* said) {
    auto json = shard_document(whole_shard(0, 1));
    damage(json);
    EXPECT_THAT(shard_from_json(json, "s.json"), FailsWith(ErrorCode::kDataLoss, HasSubstr(said)));
  };
  refused([](Json& json) { json["schema"] = "tessera.profile/1"; }, "tessera.profile/1");
  refused([](Json& json) { json["result"].erase("shard"); }, "shard");
  refused([](Json& json) { json["result"]["shards"] = 1.5; }, "s.json");
  refused([](Json& json) { json["result"].erase("evidence"); }, "evidence");
  refused([](Json& json) { json["model"].erase("sha256"); }, "sha256");
  refused([](Json& json) { json["context"].erase("runtime"); }, "runtime");
  refused([](Json& json) { json["result"]["profile"].erase("layers"); }, "layers");
}

TEST(ShardDocument, Timeless_HasNoMachine) {
  const auto read = shard_from_json(shard_document(whole_shard(0, 1), true), "s.json");
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->cpu, "");
  EXPECT_EQ(read->runtime, "");
}

}  // namespace
}  // namespace tessera::profile
