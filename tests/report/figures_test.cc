// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/figures.h"

#include <gtest/gtest.h>

#include <limits>

#include "report/golden.h"
#include "report/svg_checks.h"
#include "support/matchers.h"
#include "tessera/core/file.h"

namespace tessera::report {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<LayerTime> layer_times() {
  return {{"relu", Bar{20}, Bar{25}},
          {"conv1", Bar{12'000, Spread{11'800, 12'900}}, Bar{6'000, Spread{5'900, 6'300}}},
          {"softmax", Bar{40}, std::nullopt},
          {"conv2", Bar{8'000}, Bar{10'000}}};
}

TEST(Figure_LayerTime, LongestFirstWithSpeedup_Golden) {
  const auto chart = layer_time_figure({.subtitle = "example, 1 thread"}, layer_times());
  expect_golden("layer_time", chart);
  const auto& body = chart->body;
  EXPECT_LT(body.find(">conv1<"), body.find(">conv2<"));
  EXPECT_LT(body.find(">conv2<"), body.find(">softmax<"));
  EXPECT_THAT(body, AllOf(HasSubstr(">2.00 x<"), HasSubstr(">0.80 x<"), HasSubstr(">time, ms<")));
}

TEST(Figure_LayerTime, TopTellsItsShare) {
  const auto chart = layer_time_figure({}, layer_times(), 2);
  ASSERT_THAT(chart, IsOk());
  EXPECT_THAT(chart->body, AllOf(HasSubstr("the 2 longest of 4 layers, 100 % of the time"),
                                 Not(HasSubstr(">relu<"))));
}

TEST(Figure_Curve, TwoPanelsShareTheirAxis_Golden) {
  const std::vector<CurveStep> steps{
      {.k = 0, .measured_us = 60'000, .predicted_us = 61'000, .error = 0},
      {.k = 1, .layer = "conv_9", .measured_us = 52'000, .predicted_us = 51'500, .error = 1e-5},
      {.k = 2, .layer = "conv_3", .measured_us = 47'000, .predicted_us = 47'200, .error = 4e-5},
      {.k = 3, .layer = "conv_1", .measured_us = 47'500, .predicted_us = 47'100, .error = 9e-5}};
  expect_golden("curve", curve_figure({.subtitle = "example"}, steps, 2));
}

TEST(Figure_Curve, WithoutErrorsItShowsSqnr) {
  const std::vector<CurveStep> steps{{.k = 0, .measured_us = 10, .sqnr_db = kInfinity},
                                     {.k = 1, .measured_us = 9, .sqnr_db = 40},
                                     {.k = 2, .measured_us = 8, .sqnr_db = 35}};
  const auto chart = curve_figure({}, steps);
  ASSERT_THAT(chart, IsOk());
  EXPECT_EQ(chart->left_out, 0U);
  EXPECT_THAT(chart->body, HasSubstr(">SQNR, dB<"));
}

TEST(Figure_Roofline, CountsLayersWithoutAPlace_Golden) {
  const std::vector<LayerWork> layers{{"conv1", 3e8, 4e6, 9'000, 4'000},
                                      {"conv2", 1e7, 2e6, 700, 600},
                                      {"relu", 0, 8e6, 100, 100},
                                      {"fast", 1e3, 1e3, 0, std::nullopt}};
  const auto chart = roofline_figure({.subtitle = "one core"}, {12.5, 98, 370}, layers);
  expect_golden("roofline", chart);
  EXPECT_THAT(chart->body, AllOf(HasSubstr("2 of 4 layers have no multiplications or no time"),
                                 HasSubstr(">conv1<"), Not(HasSubstr(">relu<"))));
  // 2 * 3e8 operations in 9 ms, over 4 MB.
  EXPECT_THAT(chart->body, HasSubstr("conv1, fp32: 150 op/byte, 66.7 Gop/s, 9.00 ms"));
  EXPECT_THAT(chart->body, HasSubstr("conv1, int8: 600 op/byte, 150 Gop/s, 4.00 ms"));
}

TEST(Figure_Agreement, LatenciesAreShownInTheirUnit_Golden) {
  const Agreement input{.name = "latency",
                        .sets = {{"in-context model",
                                  {{"3 layers", 40'000, 41'000, Spread{38'000, 43'000}},
                                   {"9 layers", 55'000, 54'500, Spread{52'000, 57'000}}}},
                                 {"sum of isolated layers", {{"3 layers", 40'000, 31'000, {}}}}},
                        .scores = {.median_abs_relative_error = 0.017, .spearman = 1.0}};
  const auto chart = latency_agreement_figure({.title = "Latency of mixed plans"}, input);
  expect_golden("latency_agreement", chart);
  EXPECT_THAT(chart->body, HasSubstr("3 layers: measured 40 ms, predicted 41 ms, 38 to 43"));
}

TEST(Figure_Sensitivity, LargestFirst_LogarithmicIfWide_Golden) {
  const std::vector<Sensitivity> layers{{"conv3", 2e-6, Spread{1e-6, 3e-6}, "0.1"},
                                        {"conv1", 1e-3, {}, "9.8"},
                                        {"conv2", 5e-5, {}, "2.2"}};
  const auto chart =
      sensitivity_figure({}, {.title = "error added", .unit = "L2"}, layers, "per ms");
  expect_golden("sensitivity", chart);
  EXPECT_LT(chart->body.find(">conv1<"), chart->body.find(">conv2<"));
  EXPECT_EQ(count_of(chart->body, "<circle "), 3U);
}

TEST(Figure_Sensitivity, ZeroTakesALinearAxis) {
  const std::vector<Sensitivity> layers{
      {"a", 0, {}, ""}, {"b", 1, {}, ""}, {"c", kInfinity, {}, ""}};
  const auto chart = sensitivity_figure({}, {.title = "error"}, layers);
  ASSERT_THAT(chart, IsOk());
  EXPECT_EQ(chart->left_out, 1U);
  EXPECT_EQ(count_of(chart->body, "<circle "), 0U);
}

TEST(Figure_Depth, OneLinePerPlan_Golden) {
  const std::vector<DepthSeries> series{
      {"all int8", {{0, "conv1", 42}, {1, "relu1", 41}, {5, "out", 28.5}}},
      {"mixed", {{0, "conv1", kInfinity}, {1, "relu1", 55}, {5, "out", 35}}}};
  const auto chart = depth_figure({.subtitle = "example"}, series);
  expect_golden("depth", chart);
  EXPECT_EQ(chart->left_out, 1U);
}

TEST(Figure_Pairs, SymmetricWithAnEmptyDiagonal_Golden) {
  const std::vector<std::string> layers{"conv1", "conv2", "conv3"};
  const std::vector<PairValue> pairs{{0, 1, 2e-6}, {1, 2, -1e-6}};
  const auto chart = pair_figure({}, "interaction, L2", layers, pairs);
  expect_golden("pairs", chart);
  EXPECT_THAT(chart->body, AllOf(HasSubstr("conv1 and conv2: "), HasSubstr("conv2 and conv1: "),
                                 Not(HasSubstr("conv1 and conv3: "))));
}

TEST(Figure_Pairs, IndexBeyondTheLayers_IsRefused) {
  const std::vector<std::string> layers{"conv1"};
  const std::vector<PairValue> pairs{{0, 1, 2}};
  EXPECT_THAT(pair_figure({}, "", layers, pairs),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("(0, 1)")));
}

TEST(Figure_Empty, EveryFigureDrawsNothing) {
  for (const auto& chart :
       {layer_time_figure({}, {}), curve_figure({}, {}), roofline_figure({}, {1, 1, {}}, {}),
        latency_agreement_figure({}, {}), sensitivity_figure({}, {}, {}), depth_figure({}, {}),
        pair_figure({}, "", {}, {})}) {
    ASSERT_THAT(chart, IsOk());
    EXPECT_THAT(chart->body, HasSubstr(">no data<")) << chart->title;
  }
}

}  // namespace
}  // namespace tessera::report
