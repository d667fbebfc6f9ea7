// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/rank.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "noise/error_support.h"
#include "support/matchers.h"

namespace tessera::noise {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ErrorModel model_of(TermModel terms, std::int32_t layers) {
  return {.network = {"m.onnx", "abc", "onnx"},
          .layers = testing::layers_named(layers),
          .kind = "additive",
          .terms = terms,
          .intervals = {.level = 0.9, .bins = {{.low = 0.5, .high = 2, .n = 100}}},
          .bounds = {{.model = std::move(terms)}},
          .chosen_bound = 0};
}

ErrorModel random_model(std::int32_t layers, Random& random) {
  TermModel terms{.exponent = 2};
  for (std::int32_t i = 0; i < layers; ++i) {
    terms.terms.push_back({{i}, std::exp(random.normal())});
    for (std::int32_t j = i + 1; j < layers; ++j) {
      if (random.uniform() < 0.2) {
        terms.terms.push_back({{i, j}, random.uniform()});
      }
    }
  }
  return model_of(std::move(terms), layers);
}

Gains random_gains(std::int32_t layers, Random& random) {
  Gains gains{.unit = "us"};
  for (std::int32_t i = 0; i < layers; ++i) {
    gains.gain.push_back(std::exp(random.normal()) - 0.2);
  }
  return gains;
}

LayerSet subset_of(std::uint32_t bits) {
  LayerSet subset;
  for (std::int32_t i = 0; i < 32; ++i) {
    if ((bits >> i) & 1U) {
      subset.push_back(i);
    }
  }
  return subset;
}

double best_gain(const ErrorModel& model, const Gains& gains, double limit) {
  double best = 0;
  for (std::uint32_t bits = 1; bits < 1U << gains.gain.size(); ++bits) {
    const auto subset = subset_of(bits);
    double gain = 0;
    for (const auto layer : subset) {
      gain += gains.gain[static_cast<std::size_t>(layer)];
    }
    if (gain > best && predict(model, subset).bound <= limit) {
      best = gain;
    }
  }
  return best;
}

RC_GTEST_PROP(FindSubset, AnySmallModel_GivesTheBestPossible, ()) {
  Random random(*rc::gen::arbitrary<std::uint64_t>());
  constexpr std::int32_t kLayers = 9;
  const auto model = random_model(kLayers, random);
  const auto gains = random_gains(kLayers, random);
  const double limit = 4 * random.uniform();
  const auto found = find_subset(model, gains, limit, LimitBy::kBound);
  RC_ASSERT(found.has_value());
  const double best = best_gain(model, gains, limit);
  RC_ASSERT(found->best.prediction.bound <= limit);
  RC_ASSERT(std::abs(found->best.gain - best) < 1e-9);
  RC_ASSERT(found->gain_at_most >= best - 1e-9);
  RC_ASSERT(found->is_optimal());
}

TEST(FindSubset, WhatGreedyFallsFor_IsNotTaken) {
  // Per noise, layer 0 is the best; with it in, neither other fits, though one of them gains more.
  const auto model =
      model_of({.exponent = 1, .terms = {{{0}, 6}, {{1}, 10}, {{2}, 10}, {{3}, 5}}}, 4);
  const Gains gains{.unit = "us", .gain = {7, 11, 10, 5.5}};
  const auto found = find_subset(model, gains, 10, LimitBy::kBound);
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(found->best.layers, ElementsAre(1));
  EXPECT_EQ(found->best.gain, 11);
  const auto json = to_json(*found, model);
  EXPECT_EQ(json["outcome"], "optimal");
  EXPECT_LE(json["gap"], kOptimalGap);
  EXPECT_NEAR(json["gain_at_most"].get<double>(), 11, 1e-6);
}

TEST(FindSubset, WhatIsNotProven_IsFeasible) {
  const SearchResult result{.best = {.gain = 30}, .gain_at_most = 40};
  EXPECT_EQ(result.gap(), 0.25);
  const auto json = to_json(result, model_of({.exponent = 1}, 0));
  EXPECT_EQ(json["outcome"], "feasible");
  EXPECT_EQ(json["gap"], 0.25);
}

TEST(FindSubset, EverythingFits_TakesAllThatGains) {
  const auto model = model_of({.exponent = 2, .terms = {{{0}, 1}, {{1}, 1}, {{2}, 1}}}, 3);
  const Gains gains{.unit = "us", .gain = {3, -1, 2}};
  const auto found = find_subset(model, gains, 100, LimitBy::kBound);
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(found->best.layers, ElementsAre(0, 2));
  EXPECT_EQ(found->gain_at_most, 5);
}

TEST(FindSubset, NothingFits_IsTheEmptySubset) {
  const auto model = model_of({.exponent = 2, .terms = {{{0}, 1}, {{1}, 1}}}, 2);
  const auto found = find_subset(model, {.unit = "us", .gain = {3, 1}}, 0, LimitBy::kBound);
  ASSERT_THAT(found, IsOk());
  EXPECT_TRUE(found->best.layers.empty());
  EXPECT_EQ(found->gain_at_most, 0);
}

TEST(FindSubset, LimitByInterval_IsStricterThanByPrediction) {
  const auto model = model_of({.exponent = 1, .terms = {{{0}, 1}, {{1}, 1}, {{2}, 1}}}, 3);
  const Gains gains{.unit = "us", .gain = {1, 1, 1}};
  const auto interval = find_subset(model, gains, 2.5, LimitBy::kInterval);
  const auto prediction = find_subset(model, gains, 2.5, LimitBy::kPrediction);
  ASSERT_THAT(interval, IsOk());
  ASSERT_THAT(prediction, IsOk());
  EXPECT_EQ(interval->best.layers.size(), 1U);
  EXPECT_EQ(prediction->best.layers.size(), 2U);
  EXPECT_NEAR(interval->gain_at_most, 1, 1e-6) << "proven for every limit";
}

TEST(FindSubset, LimitThatIsNone_IsRefused) {
  const auto model = model_of({.exponent = 1, .terms = {{{0}, 1}}}, 1);
  EXPECT_THAT(find_subset(model, {.unit = "us", .gain = {1}}, std::nan(""), LimitBy::kBound),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("limit")));
  EXPECT_THAT(find_subset(model, {.unit = "us", .gain = {1}}, -1, LimitBy::kBound),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("limit")));
}

TEST(RankLayers, WorstFirst_WithSharesOfPairs) {
  // Layer 1 has 4 of its own and half of the pair's 2; layer 2 gains nothing.
  const auto model =
      model_of({.exponent = 2, .terms = {{{0}, 1}, {{1}, 4}, {{2}, 2}, {{0, 1}, 2}}}, 3);
  const auto ranks = rank_layers(model, {.unit = "us", .gain = {10, 10, 0}});
  ASSERT_EQ(ranks.size(), 3U);
  EXPECT_EQ(ranks[0].layer, 2);
  EXPECT_TRUE(std::isinf(ranks[0].error_per_gain));
  EXPECT_EQ(ranks[1].layer, 1);
  EXPECT_DOUBLE_EQ(ranks[1].share, 5.0 / 9);
  EXPECT_DOUBLE_EQ(ranks[1].alone, 2);
  EXPECT_DOUBLE_EQ(ranks[1].added, 3 - std::sqrt(3.0));
  EXPECT_DOUBLE_EQ(ranks[1].error_per_gain, 5.0 / 9 * 3 / 10);
  EXPECT_DOUBLE_EQ(ranks[0].share + ranks[1].share + ranks[2].share, 1);
}

Json profile(std::string_view layers, std::string_view sha = "abc") {
  return *parse_json(fmt::format(R"({{"schema":"tessera.profile/1","model":{{"sha256":"{}"}},)"
                                 R"("result":{{"layers":[{}]}}}})",
                                 sha, layers),
                     "profile");
}

TEST(Gains, Profile_GivesMicrosecondsSaved) {
  const auto model = model_of({.exponent = 1, .terms = {}}, 3);
  const auto gains = gains_from_profile(
      profile(
          R"({"name":"l0","precisions":{"fp32":{"median_us":10},"int8":{"median_us":4}},"speedup":9},)"
          R"({"name":"l2","precisions":{"fp32":{"median_us":10}},"speedup":2},{"name":"other"})"),
      model.network, model.layers, "p.json");
  ASSERT_THAT(gains, IsOk());
  EXPECT_EQ(gains->unit, "us");
  EXPECT_THAT(gains->gain, ElementsAre(6, 0, 5));
  EXPECT_EQ(gains->unknown, 1U);
}

TEST(Gains, ProfileOfJoinedOperators_IsFoundByTheOperatorWithItsConversions) {
  const auto model = model_of({.exponent = 1, .terms = {}}, 2);
  const auto gains = gains_from_profile(
      profile(R"({"name":"unit7","ops":["relu","l1"],"precisions":{"fp32":{"median_us":10},)"
              R"("int8":{"median_us":4,"conversion":{"median_us":1}}}})"),
      model.network, model.layers, "p.json");
  ASSERT_THAT(gains, IsOk());
  EXPECT_THAT(gains->gain, ElementsAre(0, 5));
}

TEST(Gains, ProfileOfAnotherModelOrWithoutTimes_IsRefused) {
  const auto model = model_of({.exponent = 1, .terms = {}}, 2);
  EXPECT_THAT(gains_from_profile(profile("", "other"), model.network, model.layers, "p.json"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("another model")));
  EXPECT_THAT(
      gains_from_profile(profile(R"({"name":"l0"})"), model.network, model.layers, "p.json"),
      FailsWith(ErrorCode::kInvalidArgument, HasSubstr("none of the 2 layers")));
  EXPECT_THAT(
      gains_from_profile(profile(R"({"type":"Conv"})"), model.network, model.layers, "p.json"),
      FailsWith(ErrorCode::kDataLoss, HasSubstr("no name")));
}

TEST(Gains, Macs_AreTheGainWithoutAProfile) {
  const auto gains = gains_of_macs(model_of({.exponent = 1, .terms = {}}, 2).layers);
  EXPECT_EQ(gains.unit, "macs");
  EXPECT_THAT(gains.gain, ElementsAre(1000, 2000));
}

TEST(LimitBy, Names_ReadBack) {
  for (const auto by : {LimitBy::kBound, LimitBy::kInterval, LimitBy::kPrediction}) {
    const auto read = limit_by_from_string(to_string(by));
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(*read, by);
  }
  EXPECT_THAT(limit_by_from_string("x"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("unknown limit")));
}

}  // namespace
}  // namespace tessera::noise
