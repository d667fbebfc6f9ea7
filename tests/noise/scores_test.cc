// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

namespace tessera::noise {
namespace {

TEST(Scores, KnownValues_AreThoseOfTheDefinitions) {
  const std::vector<double> measured{1, 2, 3, 4};
  const std::vector<double> predicted{1, 2.5, 3, 3};
  const auto scores = score(predicted, measured);
  EXPECT_EQ(scores.n, 4);
  EXPECT_DOUBLE_EQ(scores.r2, 1 - 1.25 / 5);
  EXPECT_DOUBLE_EQ(scores.median_abs_relative_error, 0.125);
  EXPECT_NEAR(scores.p95_abs_relative_error, 0.25, 1e-12);
  // Ranks of 3 and 3 are 2.5 each: the correlation of (0, 1, 2.5, 2.5) with (0, 1, 2, 3).
  EXPECT_NEAR(scores.spearman, 0.94868329805051377, 1e-12);
  EXPECT_NEAR(scores.mean_abs_log_ratio, (std::log(1.25) + std::log(4.0 / 3)) / 4, 1e-12);
}

TEST(Scores, ConstantMeasurements_HaveR2OnlyIfMet) {
  const std::vector<double> constant(5, 0.1);
  EXPECT_DOUBLE_EQ(score(constant, constant).r2, 1);
  const std::vector<double> other(5, 0.2);
  EXPECT_TRUE(std::isnan(score(other, constant).r2));
  EXPECT_TRUE(std::isnan(score(other, constant).spearman));
}

TEST(Scores, ZeroMeasurement_CountsWithoutItsRatio) {
  const std::vector<double> measured{0, 1, 1};
  const std::vector<double> predicted{0, 1, 2};
  const auto scores = score(predicted, measured);
  EXPECT_DOUBLE_EQ(scores.median_abs_relative_error, 0.5);
  EXPECT_TRUE(std::isfinite(scores.mean_abs_log_ratio));
}

TEST(Scores, PredictionOfZero_WeighsTheWorst) {
  const std::vector<double> measured{1};
  const std::vector<double> predicted{0};
  EXPECT_DOUBLE_EQ(score(predicted, measured).mean_abs_log_ratio, kWorstLogRatio);
}

TEST(Scores, NothingMeasured_IsNullInJson) {
  const auto json = to_json(score({}, {}));
  EXPECT_EQ(json["n"], 0);
  EXPECT_TRUE(json["r2"].is_null());
  EXPECT_TRUE(json["spearman"].is_null());
}

}  // namespace
}  // namespace tessera::noise
