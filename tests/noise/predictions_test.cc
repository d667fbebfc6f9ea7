// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "noise/conformal.h"
#include "noise/error_support.h"
#include "support/matchers.h"
#include "tessera/noise/fit.h"
#include "tessera/noise/rank.h"
#include "tessera/noise/scores.h"

/// What is said of subsets that were not measured: intervals, ranks, choices.
namespace tessera::noise {
namespace {

using tessera::testing::IsOk;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using testing::observe;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

ErrorModel model_of(TermModel terms, std::int32_t layers) {
  return {.network = {"m.onnx", "abc", "onnx"},
          .layers = testing::layers_named(layers),
          .kind = "additive",
          .terms = terms,
          .intervals = {.level = 0.9, .bins = {{.low = 0.5, .high = 2, .n = 100}}},
          .bounds = {{.model = std::move(terms)}},
          .chosen_bound = 0};
}

// --- intervals
// ------------------------------------------------------------------------------------

TEST(ConformalQuantile, OfOneToN_IsTheRankThatCountsTheNewOne) {
  std::vector<double> values(19);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<double>(19 - i);  // 19 down to 1
  }
  EXPECT_EQ(conformal_quantile(values, 0.9), 18);
  EXPECT_EQ(conformal_quantile(values, 0.5), 10);
  EXPECT_EQ(conformal_quantile(values, 0.05), 1);
  EXPECT_EQ(conformal_quantile(values, 0.99), 19);  // too few to say: the largest
  EXPECT_EQ(conformal_quantile({7}, 0.01), 7);
  // Nine and eight would be the ranks of ten values without the new one.
  EXPECT_EQ(conformal_quantile({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.9), 10);
  EXPECT_EQ(conformal_quantile({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.8), 9);
}

/// Of exchangeable values a new one is not above the quantile as often as the level says.
TEST(ConformalQuantile, CoversWhatItSays) {
  Random random(17);
  constexpr int kRepeats = 20000;
  for (const double level : {0.5, 0.8, 0.95}) {
    int inside = 0;
    for (int i = 0; i < kRepeats; ++i) {
      std::vector<double> values(39);
      for (auto& value : values) {
        value = std::exp(random.normal());
      }
      inside += std::exp(random.normal()) <= conformal_quantile(values, level) ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(inside) / kRepeats, level, 0.012) << level;
  }
}

Eigen::VectorXd vector_of(const std::vector<double>& values) {
  return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

TEST(Intervals, FewValues_MakeOneBinForAll) {
  const auto intervals = make_intervals(vector_of({1, 2, 4}), vector_of({1, 4, 2}), 0.9);
  ASSERT_EQ(intervals.bins.size(), 1U);
  EXPECT_EQ(intervals.bins[0].up_to, kInfinity);
  EXPECT_EQ(intervals.bins[0].low, 0.5);
  EXPECT_EQ(intervals.bins[0].high, 2);
  EXPECT_EQ(intervals.bins[0].n, 3);
  EXPECT_EQ(intervals.level, 0.9);
}

TEST(Intervals, BinsAreOfLikeSize_AndEachHasItsOwnWidth) {
  // Small predictions are exact, large ones off by a factor of two either way.
  std::vector<double> predicted;
  std::vector<double> measured;
  for (int i = 1; i <= 400; ++i) {
    predicted.push_back(i);
    measured.push_back(i <= 200 ? i : i % 2 == 0 ? 2.0 * i : 0.5 * i);
  }
  const auto intervals = make_intervals(vector_of(predicted), vector_of(measured), 0.9);
  ASSERT_EQ(intervals.bins.size(), 4U);
  for (std::size_t b = 0; b < 4; ++b) {
    EXPECT_EQ(intervals.bins[b].n, 100);
    EXPECT_EQ(intervals.bins[b].low, b < 2 ? 1 : 0.5);
    EXPECT_EQ(intervals.bins[b].high, b < 2 ? 1 : 2);
  }
  EXPECT_EQ(intervals.bins[0].up_to, 100);
  EXPECT_EQ(intervals.bins[2].up_to, 300);
  EXPECT_EQ(intervals.bins[3].up_to, kInfinity);
  // At most six, however many there are.
  const std::vector<double> many(2000, 1);
  EXPECT_EQ(make_intervals(vector_of(many), vector_of(many), 0.9).bins.size(), 6U);
}

TEST(Intervals, PredictionsOfNothing_AreRightOrInfinitelyOff) {
  const auto right = make_intervals(vector_of({0, 0}), vector_of({0, 0}), 0.9);
  EXPECT_EQ(right.bins[0].low, 1);
  EXPECT_EQ(right.bins[0].high, 1);
  const auto wrong = make_intervals(vector_of({0, 1}), vector_of({3, 1}), 0.9);
  EXPECT_EQ(wrong.bins[0].high, kInfinity);
}

// --- models
// ---------------------------------------------------------------------------------------

/// Noises that do not know of each other: their powers add, and the fit finds them all.
TEST(Additive, OfIndependentNoises_IsExact) {
  const std::vector<double> power{4, 1, 0.25, 9, 0, 2};
  const auto observations = observe(6, 50, 3, [&](const LayerSet& subset) {
    double sum = 0;
    for (const auto layer : subset) {
      sum += power[static_cast<std::size_t>(layer)];
    }
    return std::sqrt(sum);
  });
  const auto report = fit(observations, {.model = "additive"}, Monitor::silent());
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->model.kind, "additive");
  EXPECT_EQ(report->model.terms.exponent, 2);
  for (std::int32_t layer = 0; layer < 6; ++layer) {
    EXPECT_NEAR(report->model.terms.sum({layer}), power[static_cast<std::size_t>(layer)], 1e-6);
  }
  EXPECT_NEAR(report->model.terms.error({0, 3}), std::sqrt(13), 1e-6);
  EXPECT_NEAR(report->alternatives[report->chosen].test.r2, 1, 1e-9);
  EXPECT_NEAR(report->interval_coverage, 1, 0.2);
}

TEST(Additive, OfErrorsThatAddUp_HasTheExponentOne) {
  const auto observations = observe(5, 31, 3, [](const LayerSet& subset) {
    double sum = 0;
    for (const auto layer : subset) {
      sum += layer + 1;
    }
    return sum;
  });
  const auto report = fit(observations, {.model = "additive"}, Monitor::silent());
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->model.terms.exponent, 1);
  EXPECT_NEAR(report->model.terms.error({1, 4}), 7, 1e-6);
}

RC_GTEST_PROP(TermModelProperty, MoreLayers_NeverLess_WithoutNegativeTerms, (std::uint64_t seed)) {
  Random random(seed);
  TermModel model{.exponent = static_cast<double>(1 + random.below(3))};
  for (std::int32_t i = 0; i < 6; ++i) {
    model.terms.push_back({{i}, random.uniform()});
    for (std::int32_t j = i + 1; j < 6; ++j) {
      model.terms.push_back({{i, j}, random.uniform()});
    }
  }
  const auto small = testing::random_subset(6, 0.5, random);
  auto large = small;
  for (const auto layer : testing::random_subset(6, 0.5, random)) {
    large.push_back(layer);
  }
  std::sort(large.begin(), large.end());
  large.erase(std::unique(large.begin(), large.end()), large.end());
  RC_ASSERT(model.error(large) >= model.error(small) - 1e-12);
  RC_ASSERT(model.error({}) == 0);
}

// --- ranks
// ----------------------------------------------------------------------------------------

TEST(RankLayers, Ties_KeepTheModelsOrder_AndSharesDecideWithoutGain) {
  const auto model =
      model_of({.exponent = 2, .terms = {{{0}, 1}, {{1}, 1}, {{2}, 3}, {{3}, 1}}}, 4);
  const auto order = [&](const std::vector<double>& gain) {
    std::vector<std::int32_t> layers;
    for (const auto& rank : rank_layers(model, {.unit = "us", .gain = gain})) {
      layers.push_back(rank.layer);
    }
    return layers;
  };
  EXPECT_THAT(order({1, 1, 3, 1}), ElementsAre(2, 0, 1, 3));  // all alike per gain: share decides
  EXPECT_THAT(order({0, 0, 0, 0}), ElementsAre(2, 0, 1, 3));
  EXPECT_THAT(order({1, 2, 100, 1}), ElementsAre(0, 3, 1, 2));
  EXPECT_THAT(order({1, -5, 3, 1}), ElementsAre(1, 2, 0, 3));  // what loses time comes first
}

TEST(RankLayers, OfNothing_NobodyHasAShare) {
  const auto model = model_of({.exponent = 2, .terms = {{{0}, 0}, {{1}, 0}}}, 2);
  const auto ranks = rank_layers(model, {.unit = "us", .gain = {1, 1}});
  EXPECT_THAT(ranks[0].share, 0);
  EXPECT_THAT(ranks[1].error_per_gain, 0);
  EXPECT_TRUE(rank_layers(model_of({}, 0), {}).empty());
}

TEST(RankLayers, ALayerThatHelps_IsNotWorseThanNone) {
  // Its pair takes error away.
  const auto model = model_of({.exponent = 1, .terms = {{{0}, 4}, {{1}, 1}, {{0, 1}, -3}}}, 2);
  const auto ranks = rank_layers(model, {.unit = "us", .gain = {1, 1}});
  EXPECT_EQ(ranks[0].layer, 0);
  EXPECT_DOUBLE_EQ(ranks[0].share, 2.5 / 2);
  EXPECT_DOUBLE_EQ(ranks[1].share, -0.5 / 2);
  EXPECT_DOUBLE_EQ(ranks[1].added, 2 - 4);
  EXPECT_EQ(ranks[1].error_per_gain, 0);
}

RC_GTEST_PROP(RankLayersProperty, SharesAddUpToOne_AndAddedIsWhatIsMissing, (std::uint64_t seed)) {
  Random random(seed);
  const auto layers = static_cast<std::int32_t>(1 + random.below(7));
  TermModel terms{.exponent = 2};
  for (std::int32_t i = 0; i < layers; ++i) {
    terms.terms.push_back({{i}, 0.1 + random.uniform()});
    for (std::int32_t j = i + 1; j < layers; ++j) {
      terms.terms.push_back({{i, j}, random.uniform()});
    }
  }
  const auto model = model_of(terms, layers);
  const auto ranks = rank_layers(model, gains_of_macs(model.layers));
  RC_ASSERT(std::ssize(ranks) == layers);
  LayerSet all;
  double shares = 0;
  for (std::int32_t i = 0; i < layers; ++i) {
    all.push_back(i);
  }
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    shares += ranks[i].share;
    auto without = all;
    std::erase(without, ranks[i].layer);
    RC_ASSERT(std::abs(ranks[i].added - (terms.error(all) - terms.error(without))) < 1e-9);
    RC_ASSERT(i == 0 || ranks[i - 1].error_per_gain >= ranks[i].error_per_gain);
  }
  RC_ASSERT(std::abs(shares - 1) < 1e-9);
}

TEST(RankLayersJson, WhatGainsNothing_IsNullPerGain) {
  const auto model = model_of({.exponent = 2, .terms = {{{0}, 1}, {{1}, 1}}}, 2);
  const Gains gains{.unit = "us", .gain = {0, 4}};
  const auto json = to_json(rank_layers(model, gains), model, gains);
  EXPECT_EQ(json[0]["name"], "l0");
  EXPECT_TRUE(json[0]["error_per_gain"].is_null());
  EXPECT_EQ(json[1]["gain_us"], 4);
  EXPECT_DOUBLE_EQ(json[1]["noise_share"].get<double>(), 0.5);
}

// --- choices
// --------------------------------------------------------------------------------------

TEST(FindSubset, ALimitThatIsJustMet_IsKept) {
  const auto model = model_of({.exponent = 1, .terms = {{{0}, 1}, {{1}, 2}}}, 2);
  const Gains gains{.unit = "us", .gain = {1, 1}};
  const auto layers = [&](double limit) {
    return find_subset(model, gains, limit, LimitBy::kBound)->best.layers;
  };
  EXPECT_THAT(layers(3), ElementsAre(0, 1));
  EXPECT_THAT(layers(std::nextafter(3.0, 0.0)), ::testing::SizeIs(1));
  EXPECT_THAT(layers(1), ElementsAre(0));
  EXPECT_THAT(layers(0.999), ElementsAre());
}

TEST(FindSubset, LayersWithoutNoise_AreInEvenWithALimitOfNothing) {
  const auto model = model_of({.exponent = 2, .terms = {{{1}, 1}}}, 3);
  const auto found = find_subset(model, {.unit = "us", .gain = {5, 9, 2}}, 0, LimitBy::kBound);
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(found->best.layers, ElementsAre(0, 2));
  EXPECT_EQ(found->gain_at_most, 7);
}

TEST(FindSubset, WithoutLayersOrGains_IsEmpty) {
  const auto none = find_subset(model_of({.exponent = 2}, 0), {}, 1, LimitBy::kBound);
  ASSERT_THAT(none, IsOk());
  EXPECT_THAT(none->best.layers, ElementsAre());
  const auto model = model_of({.exponent = 2, .terms = {{{0}, 1}, {{1}, 1}}}, 2);
  const auto lost = find_subset(model, {.unit = "us", .gain = {0, -1}}, 9, LimitBy::kBound);
  EXPECT_THAT(lost->best.layers, ElementsAre());
  EXPECT_EQ(lost->best.gain, 0);
}

TEST(FindSubset, TheIntervalOfABin_Counts) {
  // Predictions up to 1 are taken as they are, larger ones as twice what they say.
  auto model = model_of({.exponent = 1, .terms = {{{0}, 0.9}, {{1}, 0.5}}}, 2);
  model.intervals.bins = {{.up_to = 1, .low = 1, .high = 1}, {.low = 0.5, .high = 2}};
  const Gains gains{.unit = "us", .gain = {2, 1}};
  EXPECT_THAT(find_subset(model, gains, 1.5, LimitBy::kInterval)->best.layers, ElementsAre(0));
  EXPECT_THAT(find_subset(model, gains, 2.8, LimitBy::kInterval)->best.layers, ElementsAre(0, 1));
  EXPECT_THAT(find_subset(model, gains, 1.5, LimitBy::kPrediction)->best.layers, ElementsAre(0, 1));
}

// --- scores
// ---------------------------------------------------------------------------------------

RC_GTEST_PROP(ScoresProperty, AreThoseOfTheDefinitions, (std::uint64_t seed)) {
  Random random(seed);
  const auto count = 3 + random.below(20);
  std::vector<double> measured(count);
  std::vector<double> predicted(count);
  for (std::size_t i = 0; i < count; ++i) {
    measured[i] = std::exp(random.normal());
    predicted[i] = measured[i] * std::exp(0.3 * random.normal());
  }
  const auto scores = score(predicted, measured);
  RC_ASSERT(scores.n == static_cast<std::int64_t>(count));
  RC_ASSERT(scores.r2 <= 1);
  RC_ASSERT(std::abs(scores.spearman) <= 1 + 1e-12);
  RC_ASSERT(scores.median_abs_relative_error <= scores.p95_abs_relative_error);
  double logs = 0;
  for (std::size_t i = 0; i < count; ++i) {
    logs += std::min(std::abs(std::log(predicted[i] / measured[i])), kWorstLogRatio);
  }
  RC_ASSERT(std::abs(scores.mean_abs_log_ratio - logs / static_cast<double>(count)) < 1e-9);
  // Over- and underrating by the same factor weigh the same; a common unit changes no score.
  const auto turned = score(measured, predicted);
  RC_ASSERT(std::abs(turned.mean_abs_log_ratio - scores.mean_abs_log_ratio) < 1e-6);
  for (std::size_t i = 0; i < count; ++i) {
    measured[i] *= 1e-6;
    predicted[i] *= 1e-6;
  }
  const auto scaled = score(predicted, measured);
  RC_ASSERT(std::abs(scaled.r2 - scores.r2) < 1e-9);
  RC_ASSERT(std::abs(scaled.median_abs_relative_error - scores.median_abs_relative_error) < 1e-9);
  RC_ASSERT(std::abs(scaled.spearman - scores.spearman) < 1e-12);
}

TEST(Scores, TheMeanAsAPrediction_ExplainsNothing) {
  const std::vector<double> measured{1, 2, 3, 6};
  const std::vector<double> mean(4, 3);
  EXPECT_DOUBLE_EQ(score(mean, measured).r2, 0);
  const std::vector<double> reversed{6, 3, 2, 1};
  EXPECT_DOUBLE_EQ(score(reversed, measured).spearman, -1);
  EXPECT_LT(score(reversed, measured).r2, 0);
}

}  // namespace
}  // namespace tessera::noise
