// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/fit.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "noise/conformal.h"
#include "noise/cross_validation.h"
#include "noise/error_support.h"
#include "support/matchers.h"

namespace tessera::noise {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::HasSubstr;
using testing::Listener;
using testing::observe;
using testing::PlantedNoise;

const Alternative& named(const FitReport& report, std::string_view name) {
  const auto found =
      std::find_if(report.alternatives.begin(), report.alternatives.end(),
                   [&](const Alternative& alternative) { return alternative.name == name; });
  EXPECT_NE(found, report.alternatives.end()) << name;
  return *found;
}

double coefficient(const TermModel& model, const LayerSet& layers) {
  for (const auto& term : model.terms) {
    if (term.layers == layers) {
      return term.coefficient;
    }
  }
  return 0;
}

TEST(Fit, PlantedPolynomial_IsRecovered) {
  const auto observations = observe(8, 120, 1, [](const LayerSet& subset) {
    double error = 0.5;
    for (const auto layer : subset) {
      error += 0.1 * (layer + 1);
    }
    const auto has = [&](std::int32_t layer) {
      return std::find(subset.begin(), subset.end(), layer) != subset.end();
    };
    return error - (has(1) && has(4) ? 0.07 : 0);
  });
  const auto report = fit(observations, {}, Monitor::silent());
  ASSERT_THAT(report, IsOk());
  const auto& quadratic = named(*report, "polynomial-2");
  EXPECT_NEAR(coefficient(quadratic.terms, {}), 0.5, 1e-9);
  EXPECT_NEAR(coefficient(quadratic.terms, {2}), 0.3, 1e-9);
  EXPECT_NEAR(coefficient(quadratic.terms, {1, 4}), -0.07, 1e-9);
  EXPECT_NEAR(coefficient(quadratic.terms, {1, 5}), 0, 1e-9);
  EXPECT_NEAR(quadratic.test.r2, 1, 1e-12);
  EXPECT_EQ(report->alternatives[report->chosen].name, "polynomial-2");
  EXPECT_THAT(report->why, HasSubstr("cross-validation"));
}

TEST(Fit, PlantedNoisePowers_AreRecoveredFromFewerSubsetsThanPairs) {
  PlantedNoise noise(40, 2);
  const auto observations = observe(40, 300, 3, std::ref(noise));
  Listener listener;
  const auto report = fit(observations, {}, listener);
  ASSERT_THAT(report, IsOk());
  // 40 layers have 820 products: the reference is underdetermined and says so.
  EXPECT_TRUE(listener.ids.contains("underdetermined"));
  EXPECT_TRUE(named(*report, "polynomial-2").underdetermined);
  const auto& chosen = report->alternatives[report->chosen];
  EXPECT_GT(chosen.test.r2, 0.995);
  EXPECT_LT(chosen.test.median_abs_relative_error, 0.03);
  EXPECT_LT(chosen.test.median_abs_relative_error,
            named(*report, "polynomial-2").test.median_abs_relative_error / 3);
  const auto scaled = named(*report, "scaled-pairs");
  EXPECT_EQ(scaled.terms.exponent, 2);
  const auto largest = std::max_element(noise.power.begin(), noise.power.end());
  const auto layer = static_cast<std::int32_t>(largest - noise.power.begin());
  EXPECT_NEAR(coefficient(scaled.terms, {layer}) / *largest, 1, 0.15);
}

TEST(Fit, KernelAndTerms_SayTheSame) {
  PlantedNoise noise(10, 4, 0.02);
  const auto observations = observe(10, 60, 5, std::ref(noise));
  std::vector<std::size_t> rows(60);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  const auto sample = make_sample(observations, rows);
  const ScaledShape shape{.pairs = 3, .triples = 5, .noise = 0.01};
  // With hardly any noise the terms must reproduce what they were fitted to.
  auto exact = shape;
  exact.noise = 0;
  const auto model = fit_scaled(sample, exact, false).model;
  EXPECT_EQ(model.degree(), 3);
  const auto fitted = errors_of(model, sample);
  EXPECT_LT((fitted - sample.errors).cwiseQuotient(sample.errors).cwiseAbs().maxCoeff(), 1e-3);

  // Left out in closed form, and really left out with the additive part of all.
  const auto left_out = fit_scaled(sample, shape, true).left_out;
  std::vector<Eigen::Index> others;
  for (Eigen::Index i = 1; i < 60; ++i) {
    others.push_back(i);
  }
  const auto without = fit_scaled(pick(sample, others), shape, false).model;
  EXPECT_NEAR(left_out[0] / without.error(observations.rows[0].layers), 1, 0.05);
}

TEST(Fit, Coverage_OfNinetyPercentIntervalsIsNinetyPercent) {
  PlantedNoise noise(12, 6, 0.1);
  const auto observations = observe(12, 1500, 7, std::ref(noise));
  const auto report = fit(observations, {.train = 700, .test = 800}, Monitor::silent());
  ASSERT_THAT(report, IsOk());
  EXPECT_GT(report->interval_coverage, 0.86);
  EXPECT_LT(report->interval_coverage, 0.94);
}

TEST(Fit, Bounds_HoldOnUnseenSubsetsAndSuitALinearProgram) {
  PlantedNoise noise(20, 8, 0.05);
  const auto observations = observe(20, 1200, 9, std::ref(noise));
  const auto report = fit(observations, {.train = 500, .test = 700}, Monitor::silent());
  ASSERT_THAT(report, IsOk());
  ASSERT_GE(report->model.bounds.size(), 2U);
  for (std::size_t i = 0; i < report->model.bounds.size(); ++i) {
    const auto& bound = report->model.bounds[i];
    EXPECT_GE(report->bounds[i].holds, 0.98) << bound.model.exponent;
    for (const auto& term : bound.model.terms) {
      EXPECT_GE(term.coefficient, 0);
      EXPECT_GE(term.layers.size(), 1U);
      EXPECT_LE(term.layers.size(), 2U);
    }
  }
  // Noise powers add: the bound on them is tight, the one on errors is not.
  EXPECT_LT(report->bounds[0].median_ratio, 1.25);
  EXPECT_EQ(report->bounds[0].exponent, 2);
  EXPECT_LT(report->bounds[0].median_ratio, report->bounds[1].median_ratio);
}

TEST(Fit, EveryLayerAlone_IsBoundedAboveZero) {
  PlantedNoise noise(6, 10);
  auto observations = observe(6, 40, 11, std::ref(noise));
  // A layer in no subset.
  observations.layers.push_back({.name = "never", .type = "Conv"});
  Listener listener;
  const auto report = fit(observations, {}, listener);
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(listener.ids.contains("unobserved-layers"));
  double worst = 0;
  for (std::int32_t i = 0; i < 6; ++i) {
    const auto bound = predict(report->model, {i}).bound;
    EXPECT_GT(bound, 0) << i;
    worst = std::max(worst, bound);
  }
  EXPECT_DOUBLE_EQ(predict(report->model, {6}).bound, worst);
}

TEST(Fit, SameInput_GivesTheSameDocument) {
  PlantedNoise one(9, 12, 0.05);
  PlantedNoise two(9, 12, 0.05);
  const auto a = fit(observe(9, 100, 13, std::ref(one)), {}, Monitor::silent());
  const auto b = fit(observe(9, 100, 13, std::ref(two)), {}, Monitor::silent());
  ASSERT_THAT(a, IsOk());
  ASSERT_THAT(b, IsOk());
  EXPECT_EQ(to_json(*a), to_json(*b));
}

TEST(Fit, LayersInAnotherOrder_GiveTheSamePredictions) {
  PlantedNoise noise(7, 14);
  const auto observations = observe(7, 90, 15, std::ref(noise));
  // Layer i becomes 6 - i. Rows stay in their order, so that the split is the same.
  auto mirrored = observations;
  std::reverse(mirrored.layers.begin(), mirrored.layers.end());
  const auto mirror = [](const LayerSet& layers) {
    LayerSet result;
    std::for_each(layers.rbegin(), layers.rend(), [&](auto i) { result.push_back(6 - i); });
    return result;
  };
  for (auto& row : mirrored.rows) {
    row.layers = mirror(row.layers);
  }
  const auto a = fit(observations, {}, Monitor::silent());
  const auto b = fit(mirrored, {}, Monitor::silent());
  ASSERT_THAT(a, IsOk());
  ASSERT_THAT(b, IsOk());
  EXPECT_EQ(a->model.kind, b->model.kind);
  for (const auto& row : observations.rows) {
    const auto one = predict(a->model, row.layers);
    const auto two = predict(b->model, mirror(row.layers));
    EXPECT_NEAR(one.error / two.error, 1, 1e-6);
    EXPECT_NEAR(one.bound / two.bound, 1, 1e-6);
  }
}

TEST(Fit, ConstantError_IsPredictedExactly) {
  const auto observations = observe(5, 28, 16, [](const LayerSet&) { return 0.125; });
  const auto report = fit(observations, {}, Monitor::silent());
  ASSERT_THAT(report, IsOk());
  const auto prediction = predict(report->model, {0, 3});
  EXPECT_NEAR(prediction.error, 0.125, 1e-9);
  EXPECT_NEAR(prediction.lower, 0.125, 1e-9);
  EXPECT_NEAR(prediction.upper, 0.125, 1e-9);
  EXPECT_GE(prediction.bound, 0.125);
}

TEST(Fit, ErrorsThatAreAllZero_ArePredictedAsZero) {
  const auto observations = observe(5, 28, 17, [](const LayerSet&) { return 0.0; });
  const auto report = fit(observations, {}, Monitor::silent());
  ASSERT_THAT(report, IsOk());
  EXPECT_NEAR(predict(report->model, {0, 3}).error, 0, 1e-12);
  EXPECT_EQ(predict(report->model, {0, 3}).bound, 0);
}

TEST(Fit, FewerSubsetsThanLayers_WarnsAndStaysFinite) {
  PlantedNoise noise(30, 18);
  Listener listener;
  const auto report = fit(observe(30, 20, 19, std::ref(noise)), {}, listener);
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(listener.ids.contains("few-subsets"));
  for (const auto& alternative : report->alternatives) {
    for (const auto& term : alternative.terms.terms) {
      EXPECT_TRUE(std::isfinite(term.coefficient)) << alternative.name;
    }
  }
}

TEST(Fit, TooFewSubsets_AreRefused) {
  PlantedNoise noise(5, 20);
  EXPECT_THAT(fit(observe(5, 9, 21, std::ref(noise)), {}, Monitor::silent()),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("at least 10")));
}

TEST(Fit, OptionsThatCannotBeMet_AreRefused) {
  PlantedNoise noise(6, 22);
  const auto observations = observe(6, 40, 23, std::ref(noise));
  EXPECT_THAT(fit(observations, {.train = 100}, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("40 usable")));
  EXPECT_THAT(fit(observations, {.train = 30, .test = 20}, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("50 subsets of 40")));
  EXPECT_THAT(fit(observations, {.train = 2.5}, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("--train")));
  EXPECT_THAT(fit(observations, {.interval_level = 1}, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("between 0 and 1")));
  const auto unknown = fit(observations, {.model = "cubic"}, Monitor::silent());
  ASSERT_THAT(unknown, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("cubic")));
  EXPECT_THAT(unknown.error().hint, HasSubstr("polynomial-3"));
}

TEST(Fit, UserStops_Cancels) {
  PlantedNoise noise(6, 24);
  Listener listener;
  listener.cancel = true;
  EXPECT_THAT(fit(observe(6, 40, 25, std::ref(noise)), {}, listener),
              FailsWith(ErrorCode::kCancelled, HasSubstr("")));
}

TEST(Conformal, Quantile_CountsTheUnseenValue) {
  std::vector<double> values(99);
  std::iota(values.begin(), values.end(), 1.0);
  EXPECT_EQ(conformal_quantile(values, 0.9), 90);
  EXPECT_EQ(conformal_quantile(values, 0.99), 99);
  EXPECT_EQ(conformal_quantile({1, 2, 3}, 0.99), 3);
}

}  // namespace
}  // namespace tessera::noise
