// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "profile/trace.h"
#include "support/matchers.h"
#include "support/small_classifier.h"
#include "tessera/profile/evidence.h"

namespace tessera::profile {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::make_fixture;
using ::testing::Not;

ProfileOptions quick() {
  ProfileOptions options;
  options.scheme = quantize::scheme_for(describe_host());
  options.training_plans = 12;
  options.calibration_plans = 4;
  options.validation_plans = 6;
  options.runs = 3;
  options.budget_us = 8e6;
  return options;
}

TEST(Midmean, LeavesTheOuterQuartersOut) {
  EXPECT_DOUBLE_EQ(midmean({1000, 4, 5, 5, 6, 0, 0, 900}), 5);
  EXPECT_DOUBLE_EQ(midmean({7}), 7);
  EXPECT_DOUBLE_EQ(midmean({}), 0);
}

TEST(ProfileSlow, SmallClassifier_EveryLayerHasATimeInBothPrecisions) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.curve = true;
  const auto result = profile(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                              options, Monitor::silent());
  ASSERT_THAT(result, IsOk());
  std::vector<std::string> types;
  double sum_us = 0;
  for (const auto& layer : result->layers) {
    types.push_back(layer.type);
    sum_us += layer.precisions.at("fp32").time.median_us;
    if (layer.type == "Conv") {
      EXPECT_GT(layer.macs, 0) << layer.name;
      EXPECT_GT(layer.precisions.at("fp32").time.n, 0) << layer.name;
      EXPECT_TRUE(layer.precisions.at("int8").integer) << layer.name;
      EXPECT_THAT(layer.precisions.at("int8").kernels, Contains("QLinearConv")) << layer.name;
    }
  }
  EXPECT_THAT(types, ElementsAre("Conv", "Conv", "GlobalAveragePool", "Flatten", "Gemm"));
  EXPECT_GT(sum_us, 0);
  EXPECT_GT(result->whole.at("fp32").latency.median_us, 0);
  EXPECT_GT(result->conversions.quantize.ns_per_element, 0);
  EXPECT_THAT(result->validation.points, Not(IsEmpty()));
  ASSERT_EQ(result->curve.size(), 4U);  // none, and the three that multiply
  EXPECT_EQ(result->curve.back().k, 3);
}

TEST(ProfileSlow, FurtherSchemes_HaveColumns) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.machine = false;
  options.isolated = false;
  quantize::Scheme half;
  half.mode = quantize::Mode::kFloat16;
  options.further = {half};
  const auto result = profile(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                              options, Monitor::silent());
  ASSERT_THAT(result, IsOk());
  ASSERT_TRUE(result->whole.contains("float16"));
  EXPECT_GT(result->whole.at("float16").latency.median_us, 0);
  for (const auto& layer : result->layers) {
    EXPECT_TRUE(layer.precisions.contains("float16")) << layer.name;
  }
}

/// Integers by two ways on one model: mixes of both are measured, predicted and written down.
TEST(ProfileSlow, MixesDrawFromFurtherSchemes) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.machine = false;
  options.isolated = false;
  quantize::Scheme tensor;
  quantize::Scheme dynamic;
  dynamic.mode = quantize::Mode::kDynamic;
  options.further = {tensor, dynamic};
  auto study = Study::open(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                           options, Monitor::silent());
  ASSERT_THAT(study, IsOk());
  const auto result = study->measure();
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->further_schemes, ElementsAre(tensor, dynamic));
  EXPECT_EQ(study->model().forms.size(), 4U);
  EXPECT_EQ(study->model().schemes.size(), 3U);
  std::set<char> seen;
  for (const auto& plan : study->evidence().plans) {
    for (const char digit : digits_of(plan.states)) {
      seen.insert(digit);
    }
  }
  EXPECT_THAT(seen, ElementsAre('0', '1', '2', '3'));
  // A dynamic pool there is not.
  for (const auto& unit : study->units().units) {
    EXPECT_EQ(unit.takes[2], unit.type == "Conv" || unit.type == "Gemm") << unit.name;
  }
  const auto again = profile_from_json(to_json(*result));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->further_schemes, result->further_schemes);
  EXPECT_THAT(study->learn(States(study->units().size(), 0)), IsOk());
}

TEST(ProfileSlow, SchemesThatNothingTakes_GetNoColumn) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.machine = false;
  options.isolated = false;
  quantize::Scheme words;
  words.mode = quantize::Mode::kWeightOnly;
  words.weight = DType::kInt4;
  quantize::Scheme tensor;
  options.further = {words, tensor};
  options.selection.op_types = {"Conv"};  // no product that 4-bit weights are for
  const auto result = profile(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                              options, Monitor::silent());
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->further_schemes, ElementsAre(tensor));
  EXPECT_EQ(result->model.schemes.size(), 2U);
  EXPECT_EQ(result->whole.size(), 3U);
}

TEST(Profile, TooManySchemes_AreRefused) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.further.resize(kMostSchemes);
  EXPECT_THAT(profile(fixture->model, fixture->samples, fixture->ranges, fixture->library, options,
                      Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("too many")));
}

TEST(ProfileSlow, RecordSurvivesItsJson) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  const auto result = profile(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                              quick(), Monitor::silent());
  ASSERT_THAT(result, IsOk());
  const auto json = to_json(*result);
  const auto again = profile_from_json(json);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(to_text(to_json(*again)), to_text(json));
  auto damaged = json;
  damaged["layers"][0].erase("macs");
  EXPECT_THAT(profile_from_json(damaged), FailsWith(ErrorCode::kDataLoss, HasSubstr("macs")));
}

/// Stops once so many mixed plans were begun, and counts them.
class Stopper final : public Monitor {
 public:
  explicit Stopper(std::int64_t after) : after_(after) {}
  void progress(std::string_view stage, std::int64_t done, std::int64_t) override {
    begun_ = stage == "mixed plans" ? std::max(begun_, done) : begun_;
  }
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override { return begun_ >= after_; }

 private:
  std::int64_t after_;
  std::int64_t begun_ = 0;
};

TEST(ProfileSlow, Interrupted_GoesOnWithWhatItHad) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.machine = false;
  options.isolated = false;
  Stopper stopper(2);
  const auto stopped = profile(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                               options, stopper);
  ASSERT_THAT(stopped, IsOk());
  EXPECT_TRUE(stopped->interrupted);
  ASSERT_EQ(stopped->traced.size(), 2U);
  const auto read = profile_from_json(to_json(*stopped));
  ASSERT_THAT(read, IsOk());
  options.known = read->traced;
  ASSERT_EQ(options.known.size(), 2U);
  // Other times than any that are measured, so that one sees whether they were taken.
  options.known[1].reference_us *= 1e3;
  options.known[1].times.unit_us.assign(options.known[1].times.unit_us.size(), 1e9);
  auto study = Study::open(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                           options, Monitor::silent());
  ASSERT_THAT(study, IsOk());
  const auto whole = study->measure();
  ASSERT_THAT(whole, IsOk());
  EXPECT_FALSE(whole->interrupted);
  EXPECT_THAT(whole->traced, IsEmpty());
  const auto& plans = study->evidence().plans;
  const auto taken = std::count_if(
      plans.begin(), plans.end(), [](const PlanTimes& plan) { return plan.unit_us.front() > 1e5; });
  EXPECT_EQ(taken, 1);

  options.known[0].times.unit_us.pop_back();
  EXPECT_THAT(profile(fixture->model, fixture->samples, fixture->ranges, fixture->library, options,
                      Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("other layers")));
}

TEST(ProfileSlow, MissingNames_AreToldApart) {
  auto model = testing::small_classifier();
  for (const auto node : model.nodes()) {
    model.set_name(node, "");
  }
  const auto fixture = make_fixture(std::move(model));
  ASSERT_THAT(fixture, IsOk());
  const auto result = profile(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                              quick(), Monitor::silent());
  ASSERT_THAT(result, IsOk());
  std::set<std::string> names;
  for (const auto& layer : result->layers) {
    names.insert(layer.name);
    if (layer.type == "Conv") {
      EXPECT_THAT(layer.precisions.at("fp32").kernels, Not(IsEmpty())) << layer.name;
    }
  }
  EXPECT_EQ(names.size(), result->layers.size());
}

/// Both halves of a profile of the small classifier.
Result<std::vector<Shard>> two_shards(const testing::Fixture& fixture) {
  std::vector<Shard> shards;
  for (std::int64_t index = 0; index < 2; ++index) {
    auto options = quick();
    options.machine = false;
    options.shard_index = index;
    options.shard_count = 2;
    TESSERA_TRY(auto study, Study::open(fixture.model, fixture.samples, fixture.ranges,
                                        fixture.library, options, Monitor::silent()));
    TESSERA_TRY(auto profile, study.measure());
    shards.push_back({.index = index,
                      .count = 2,
                      .profile = std::move(profile),
                      .evidence = study.evidence(),
                      .model_sha256 = "m",
                      .cpu = "c",
                      .runtime = "r"});
  }
  return shards;
}

TEST(ProfileShardsSlow, TogetherHaveThePlansOfBoth) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  const auto shards = two_shards(*fixture);
  ASSERT_THAT(shards, IsOk());
  auto turned = *shards;
  std::swap(turned[0], turned[1]);
  const auto merged = merge_shards(*shards);
  ASSERT_THAT(merged, IsOk());
  EXPECT_EQ(merged->training_plans,
            (*shards)[0].profile.training_plans + (*shards)[1].profile.training_plans);
  EXPECT_EQ(merged->validation.points.size(), (*shards)[0].profile.validation.points.size() +
                                                  (*shards)[1].profile.validation.points.size());
  const auto same = merge_shards(turned);
  ASSERT_THAT(same, IsOk());
  EXPECT_EQ(to_text(to_json(*same)), to_text(to_json(*merged)));
}

TEST(ProfileShardsSlow, ForeignOrMissing_AreNamed) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  const auto shards = two_shards(*fixture);
  ASSERT_THAT(shards, IsOk());
  EXPECT_THAT(merge_shards({(*shards)[1]}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("missing")));
  EXPECT_THAT(merge_shards({(*shards)[0], (*shards)[0]}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("twice")));
  auto other = *shards;
  other[1].cpu = "another";
  EXPECT_THAT(merge_shards(other), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("processor")));
  const auto evidence = evidence_from_json(to_json((*shards)[0].evidence));
  ASSERT_THAT(evidence, IsOk());
  EXPECT_EQ(to_text(to_json(*evidence)), to_text(to_json((*shards)[0].evidence)));
  auto damaged = to_json((*shards)[0].evidence);
  damaged["plans"][0]["states"] = "1";
  EXPECT_THAT(evidence_from_json(damaged),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("do not fit")));
}

TEST(Profile, NothingToQuantize_SaysSo) {
  auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.selection.op_types = {"Softmax"};
  EXPECT_THAT(profile(fixture->model, fixture->samples, fixture->ranges, fixture->library, options,
                      Monitor::silent()),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("no operator")));
}

}  // namespace
}  // namespace tessera::profile
