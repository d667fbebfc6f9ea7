// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/error_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "report/svg_checks.h"
#include "support/matchers.h"
#include "tessera/report/error_model_charts.h"

namespace tessera::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

noise::ErrorModel model() {
  noise::ErrorModel made;
  made.network.path = "net.onnx";
  made.layers = {{"conv_1", "Conv", 2'000'000, 0, 0}, {"fc", "Gemm", 1'000, 0, 0}};
  made.kind = "polynomial-1";
  made.terms = {1, {{{0}, 1e-4}, {{1}, 3e-4}}};
  made.intervals.bins = {{}};
  made.bounds = {{.model = {2, {{{0}, 1e-8}, {{1}, 9e-8}}}}};
  return made;
}

noise::FitReport report() {
  noise::FitReport made;
  made.model = model();
  noise::Alternative first;
  first.name = "polynomial-1";
  first.description = "a sum over layers";
  first.terms = made.model.terms;
  first.cross_validation.mean_abs_log_ratio = 0.012;
  first.train.r2 = 0.999;
  first.test = {.n = 2,
                .r2 = 0.99,
                .median_abs_relative_error = 0.015,
                .p95_abs_relative_error = 0.04,
                .spearman = 0.98};
  first.train_points = {{1e-4, 2e-4}, {1.1e-4, 1.9e-4}};
  first.test_points = {{3e-4}, {3.1e-4}};
  auto second = first;
  second.name = "additive";
  second.terms.exponent = 0;
  second.underdetermined = true;
  second.test = {.r2 = kNan,
                 .median_abs_relative_error = kInfinity,
                 .p95_abs_relative_error = kNan,
                 .spearman = kNan};
  second.test_points = {};
  made.alternatives = {first, second};
  made.why = "least error of those left out";
  made.train = 40;
  made.test = 10;
  made.interval_coverage = 0.9;
  made.bounds = {{2, 1, 1.25}};
  return made;
}

TEST(FitText, MarksTheChosenAndTheUndetermined) {
  EXPECT_EQ(
      fit_text(report(), {}),
      "layers    2\n"
      "subsets   40 to fit to, 10 to test on\n"
      "\n"
      "model           terms  power  left out %  train R2  test R2  median %  p95 %  Spearman\n"
      "polynomial-1 *      2      1        1.20   0.99900  0.99000      1.50   4.00    0.9800\n"
      "additive ?          2    log        1.20   0.99900        -         -      -         -\n"
      "\n"
      "* chosen  least error of those left out\n"
      "          a sum over layers\n"
      "intervals 90 % wanted, 90.0 % of the test inside\n"
      "bound     error^2 <= sum of 2 terms: holds on 100.0 % of the test, 1.25 x the error in "
      "the median\n");
}

TEST(FitCharts, OneFilePerAlternativeAndAPanel) {
  const auto charts = fit_charts(report());
  ASSERT_THAT(charts, IsOk());
  std::vector<std::string> files;
  for (const auto& chart : *charts) {
    files.push_back(chart.name);
    EXPECT_TRUE(is_well_formed(chart.svg)) << chart.name;
  }
  EXPECT_THAT(files, ElementsAre("polynomial-1.svg", "additive.svg", "panel.svg"));
  EXPECT_THAT((*charts)[0].svg, HasSubstr(">polynomial-1 (chosen)<"));
  EXPECT_THAT((*charts)[0].svg, HasSubstr(">test R2 0.99000<"));
  EXPECT_THAT((*charts)[1].svg, HasSubstr(">additive (more terms than subsets)<"));
  EXPECT_THAT((*charts)[1].svg, HasSubstr(">median error -<"));
  EXPECT_EQ(count_of((*charts)[2].svg, ">net.onnx<"), 1U) << "the panel names the network once";
}

TEST(FitCharts, ErrorsOverManyDecades_AreLogarithmic) {
  auto wide = report();
  wide.alternatives.resize(1);
  wide.alternatives[0].test_points = {{1e-1}, {1e-1}};
  const auto logarithmic = fit_charts(wide);
  ASSERT_THAT(logarithmic, IsOk());
  EXPECT_THAT(logarithmic->front().svg, HasSubstr(">10\u207b\u00b9<"));
  wide.alternatives[0].test_points.predicted = {-1e-1};
  const auto linear = fit_charts(wide);
  ASSERT_THAT(linear, IsOk()) << "a negative prediction has a place on a linear axis";
  EXPECT_THAT(linear->front().svg, Not(HasSubstr(">10\u207b\u00b9<")));
}

std::vector<noise::LayerRank> ranks() {
  return {{.layer = 1,
           .alone = 3e-4,
           .added = 2.5e-4,
           .share = 0.75,
           .gain = 20,
           .error_per_gain = 1.25e-5},
          {.layer = 0, .alone = 1e-4, .share = 0.25, .gain = -1, .error_per_gain = kInfinity}};
}

TEST(RanksText, ByTimeOrByMacs) {
  EXPECT_EQ(ranks_text(ranks(), model(), {"us", {-1, 20}, 0}, {}, 0),
            "layer   type      alone      added  noise %  gain us   error/us\n"
            "fc      Gemm  3.000e-04  2.500e-04    75.00     20.0  1.250e-05\n"
            "conv_1  Conv  1.000e-04       none    25.00     -1.0    no gain\n");
  EXPECT_EQ(ranks_text(ranks(), model(), {"macs", {0, 20}, 0}, {}, 1),
            "layer  type      alone      added  noise %  MACs  error/GMAC\n"
            "fc     Gemm  3.000e-04  2.500e-04    75.00    20   1.250e+04\n"
            "... 1 more (--top 0 shows all)\n");
}

TEST(RankCharts, LargestErrorFirst_AndPairsOfThem) {
  auto together = model();
  together.terms.terms.push_back({{0, 1}, 5e-5});
  auto reversed = ranks();
  std::swap(reversed[0], reversed[1]);
  const auto charts = rank_charts(reversed, together, {"us", {-1, 20}, 0});
  ASSERT_THAT(charts, IsOk());
  ASSERT_EQ(charts->size(), 2U);
  const auto& bars = charts->front();
  EXPECT_EQ(bars.name, "sensitivity.svg");
  EXPECT_LT(bars.svg.find(">fc<"), bars.svg.find(">conv_1<"));
  EXPECT_THAT(bars.svg, HasSubstr(">1.25e-05<"));
  EXPECT_THAT(bars.svg, HasSubstr(">no gain<"));
  EXPECT_EQ(charts->back().name, "pairs.svg");
  EXPECT_THAT(charts->back().svg, HasSubstr("fc and conv_1: 5.00e-05")) << "beyond both alone";
  EXPECT_LT(charts->back().svg.find(">fc<"), charts->back().svg.find(">conv_1<"));
}

noise::Prediction prediction(double error) {
  return {.error = error,
          .lower = 0.9 * error,
          .upper = 1.1 * error,
          .bound = 2 * error,
          .sqnr_db = 30.04};
}

TEST(SearchText, NamesTheBest_AndHowFarTheOptimumCanBe) {
  const noise::SearchResult result{{{0, 1}, 40, prediction(4e-4)}, 50};
  EXPECT_EQ(search_text(result, model(), {"us", {20, 20}, 0}, 5e-4, noise::LimitBy::kBound),
            "limit     bound at most 5.000e-04\n"
            "best      2 layers, 40 us: error 4.000e-04 (3.600e-04 to 4.400e-04), bound 8.000e-04, "
            "SQNR 30.0 dB\n"
            "proof     within 20 % of the optimum, no subset gains more than 50 us\n"
            "layers    conv_1 fc\n");
}

TEST(SearchText, OfNoLayers_IsExact) {
  noise::SearchResult result;
  result.best.prediction.sqnr_db = kInfinity;
  const auto text =
      search_text(result, model(), {"macs", {0, 0}, 0}, 0, noise::LimitBy::kPrediction);
  EXPECT_THAT(text, HasSubstr("best      0 layers, 0 MACs: error"));
  EXPECT_THAT(text, HasSubstr("SQNR exact\nproof     optimal, no subset"));
  EXPECT_THAT(text, HasSubstr("\nlayers    none\n"));
}

TEST(PredictionsText, MeasuredOnes_GetAColumn) {
  std::vector<PredictedSubset> subsets{{"fc", 1, prediction(3e-4), kNan},
                                       {"line 2", 2, prediction(4e-4), kNan}};
  subsets[1].prediction.sqnr_db = -kInfinity;
  EXPECT_EQ(predictions_text(subsets, 0.9, {}, 0),
            "subset  layers      error  90 % from         to      bound  SQNR dB\n"
            "fc           1  3.000e-04  2.700e-04  3.300e-04  6.000e-04     30.0\n"
            "line 2       2  4.000e-04  3.600e-04  4.400e-04  8.000e-04     -inf\n");
  subsets[0].measured = 3.1e-4;
  EXPECT_THAT(predictions_text(subsets, 0.9, {}, 0), HasSubstr("SQNR dB   measured\n"));
  EXPECT_THAT(predictions_text(subsets, 0.9, {}, 0), HasSubstr("-inf          -\n"));
}

}  // namespace
}  // namespace tessera::report
