// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "profile/attribution.h"
#include "profile/trace.h"
#include "support/matchers.h"
#include "support/small_classifier.h"

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

TEST(Tags, AreFoundInWhatTheRuntimeMakesOfThem) {
  EXPECT_THAT(tagged_operators("tsr12./QuickGeluFusion/"), ElementsAre(graph::OpId{12}));
  EXPECT_THAT(tagged_operators("tsr3._token_7"), ElementsAre(graph::OpId{3}));
  EXPECT_THAT(tagged_operators("tsr3.tsr44."), ElementsAre(graph::OpId{3}, graph::OpId{44}));
  EXPECT_THAT(tagged_operators("tsrx. tsr5 conv_tsr"), IsEmpty());
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

TEST(ProfileSlow, DoubleAndMissingNames_AreToldApart) {
  auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  fixture->ranges.model.reset();  // it was renamed since
  for (const auto node : fixture->model.nodes()) {
    fixture->model.set_name(node, fixture->model.op_type(node) == "Conv" ? "same" : "");
  }
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
