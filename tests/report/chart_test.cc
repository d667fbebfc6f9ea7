// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/chart.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "report/svg_checks.h"
#include "support/matchers.h"

namespace tessera::report {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

LineChart line(std::vector<Point> points) {
  return {.heading = {.title = "Time against k"},
          .x = {.title = "layers"},
          .y = {.title = "time", .unit = "ms"},
          .series = {{.name = "measured", .points = std::move(points)}}};
}

ScatterChart scatter(std::vector<Point> points) {
  return {.heading = {.title = "Predicted against measured"},
          .x = {.title = "measured", .unit = "ms"},
          .y = {.title = "predicted", .unit = "ms"},
          .series = {{.name = "plans", .points = std::move(points)}},
          .identity = true};
}

TEST(Chart_Line, HasEveryPointAndIsWellFormed) {
  const auto chart = draw(line({{0, 10}, {1, 8}, {2, 7, Spread{6.5, 7.25}}}));
  ASSERT_THAT(chart, IsOk());
  const auto document = svg(*chart);
  EXPECT_TRUE(is_well_formed(document));
  // One circle per point and one in the legend.
  EXPECT_EQ(count_of(document, "<circle "), 4U);
  EXPECT_THAT(document, HasSubstr("measured, layers 2: 7 ms, 6.500 to 7.250"));
  EXPECT_THAT(document, HasSubstr("viewBox=\"0 0 720 400\""));
}

TEST(Chart_Line, LeavesOutWhatIsNotFinite_AndSaysSo) {
  const auto chart = draw(line({{0, 10}, {1, kNan}, {kInfinity, 7}, {3, 1e301}, {4, 2}}));
  ASSERT_THAT(chart, IsOk());
  EXPECT_EQ(chart->left_out, 3U);
  EXPECT_EQ(count_of(svg(*chart), "<circle "), 3U);
  EXPECT_THAT(svg(*chart), AllOf(HasSubstr("3 values left out: not finite"), Not(HasSubstr("nan")),
                                 Not(HasSubstr("inf"))));
}

TEST(Chart_Line, ZeroOnALogarithmicAxis_IsRefusedByName) {
  for (const double value : {0.0, -1.0}) {
    auto chart = line({{1, 1}, {2, value, {}, "conv_7"}});
    chart.y.scale = AxisScale::kLog;
    EXPECT_THAT(draw(chart), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("conv_7")));
  }
}

TEST(Chart_Scatter, HasIdentityLineCornerAndLabels) {
  auto input = scatter({{1, 1.1, {}, "plan a"}, {2, 2, {}, "plan b"}, {3, 2, {}, "plan c"}});
  input.corner = {"R2 0.91"};
  input.labelled = 1;
  const auto chart = draw(input);
  ASSERT_THAT(chart, IsOk());
  const auto document = svg(*chart);
  EXPECT_TRUE(is_well_formed(document));
  EXPECT_EQ(count_of(document, "class=\"r\""), 1U);
  EXPECT_THAT(document, HasSubstr(">R2 0.91<"));
  EXPECT_THAT(document, HasSubstr(">plan c<"));
  EXPECT_THAT(document, Not(HasSubstr(">plan a<")));
}

TEST(Chart_Bars, DrawsOneBarPerValue) {
  const BarChart input{.heading = {.title = "Time per layer"},
                       .value = {.title = "time", .unit = "us", .from_zero = true},
                       .series = {{"fp32", kFloat32Color}, {"int8", kInt8Color}},
                       .rows = {{"conv1", {Bar{100}, Bar{50, Spread{45, 60}}}, "2.00 x"},
                                {"conv2", {Bar{80}, std::nullopt}}},
                       .note_title = "speed-up"};
  const auto chart = draw(input);
  ASSERT_THAT(chart, IsOk());
  const auto document = svg(*chart);
  EXPECT_TRUE(is_well_formed(document));
  EXPECT_THAT(document, HasSubstr("conv1, int8: 50 us, 45 to 60"));
  EXPECT_EQ(count_of(document, "<title>conv"), 3U);
}

RC_GTEST_PROP(Ticks_Property, LinearTicksCoverTheRange, ()) {
  const auto a = *rc::gen::arbitrary<double>();
  const auto b = *rc::gen::arbitrary<double>();
  RC_PRE(std::abs(a) <= 1e300 && std::abs(b) <= 1e300);
  const auto ticks = linear_ticks(a, b);
  RC_ASSERT(ticks.size() >= 4U && ticks.size() <= 10U);
  RC_ASSERT(ticks.front() <= std::min(a, b) && ticks.back() >= std::max(a, b));
  for (std::size_t i = 1; i < ticks.size(); ++i) {
    RC_ASSERT(ticks[i] > ticks[i - 1]);
  }
}

RC_GTEST_PROP(Ticks_Property, LogTicksCoverTheRange, ()) {
  const auto exponent = *rc::gen::inRange(-2800, 2990);
  const auto span = *rc::gen::inRange(0, 2000);
  const auto lower = std::pow(10.0, exponent / 10.0);
  const auto upper = std::pow(10.0, std::min(300.0, (exponent + span / 100.0 * span) / 10.0));
  RC_PRE(upper >= lower);
  const auto ticks = log_ticks(lower, upper);
  RC_ASSERT(ticks.size() >= 4U && ticks.size() <= 10U);
  RC_ASSERT(ticks.front() <= lower && ticks.back() >= upper && ticks.front() > 0);
  for (std::size_t i = 1; i < ticks.size(); ++i) {
    RC_ASSERT(ticks[i] > ticks[i - 1]);
  }
}

}  // namespace
}  // namespace tessera::report
