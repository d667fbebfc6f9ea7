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

TEST(Chart_Line, GuidesAreNamed_WithRoomOrWithout) {
  std::vector<Point> points;
  for (int k = 0; k <= 60; ++k) {
    points.push_back({1.0 * k, 15 + 15.0 / (1 + k)});
  }
  auto input = line(points);
  input.guides = {{Guide::At::kX, 23, "chosen"}, {Guide::At::kY, 14.5, "all int8"}};
  const auto chart = draw(input);
  ASSERT_THAT(chart, IsOk());
  EXPECT_EQ(count_of(chart->body, "class=\"r\""), 2U);
  EXPECT_THAT(chart->body, AllOf(HasSubstr(">chosen<"), HasSubstr(">all int8<")));
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

TEST(Chart_Bars, AValueThatRoundsToNothing_IsSeen) {
  const auto chart = draw(BarChart{.value = {.title = "time", .from_zero = true},
                                   .series = {{"fp32"}},
                                   .rows = {{"large", {Bar{1e6}}}, {"tiny", {Bar{1e-3}}}}});
  ASSERT_THAT(chart, IsOk());
  EXPECT_THAT(chart->body, HasSubstr("width=\"0.75\" height=\"13\"><title>tiny, fp32: "));
}

// --- kinds ---------------------------------------------------------------------------------------

TEST(Chart_Bars, LogarithmicValuesAreDots_AndZeroIsRefusedByName) {
  BarChart input{.value = {.title = "error", .scale = AxisScale::kLog},
                 .series = {{}},
                 .rows = {{"conv1", {Bar{1e-3}}}, {"conv2", {Bar{2}}}}};
  const auto chart = draw(input);
  ASSERT_THAT(chart, IsOk());
  EXPECT_EQ(count_of(svg(*chart), "<circle "), 2U);
  input.rows[1].bars[0]->value = 0;
  EXPECT_THAT(draw(input), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("conv2")));
}

TEST(Chart_Bars, HundredAndFiftyRowsKeepTheirHeightAndNames) {
  BarChart input{.value = {.title = "time", .unit = "us", .from_zero = true},
                 .series = {{"fp32"}, {"int8"}}};
  for (int i = 0; i < 150; ++i) {
    input.rows.push_back({"conv_" + std::to_string(i), {Bar{150.0 - i}, Bar{75.0}}});
  }
  const auto chart = draw(input);
  ASSERT_THAT(chart, IsOk());
  EXPECT_GE(chart->height_px, 150 * 14.0);
  EXPECT_EQ(count_of(svg(*chart), ">conv_"), 3 * 150U);  // a label and two tooltips each
}

RooflineChart roofline() {
  return {.heading = {.title = "Roofline"},
          .bandwidth_gb_per_s = 10,
          .ceilings = {{"fp32 peak", 100, kFloat32Color}},
          .series = {{"fp32", kFloat32Color, {{"a", 5, 30, 100}, {"b", 50, 80, 900}}}},
          .labelled = 1};
}

TEST(Chart_Roofline, HasEveryLayerAndListsTheLongest) {
  const auto chart = draw(roofline());
  ASSERT_THAT(chart, IsOk());
  const auto document = svg(*chart);
  EXPECT_TRUE(is_well_formed(document));
  EXPECT_EQ(count_of(document, "class=\"p f0 v\""), 2U);
  EXPECT_THAT(document, AllOf(HasSubstr(">fp32 peak 100 Gop/s<"), HasSubstr(">10.0 GB/s<"),
                              HasSubstr(">b<"), Not(HasSubstr(">a<"))));
}

TEST(Chart_Roofline, RefusesWhatIsNotPositive) {
  auto input = roofline();
  input.bandwidth_gb_per_s = 0;
  EXPECT_THAT(draw(input), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("bandwidth")));
  input = roofline();
  input.ceilings[0].gops_per_s = kNan;
  EXPECT_THAT(draw(input), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("fp32 peak")));
  input = roofline();
  input.series[0].points[1].gops_per_s = 0;
  EXPECT_THAT(draw(input), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'b'")));
}

TEST(Chart_HeatMap, EveryCellHasATooltip_MissingOnesAStroke) {
  const auto chart = draw(HeatMap{.value_title = "interaction",
                                  .columns = {"x", "y"},
                                  .rows = {"x", "y"},
                                  .values = {kNan, -1, 2, kNan}});
  ASSERT_THAT(chart, IsOk());
  const auto document = svg(*chart);
  EXPECT_TRUE(is_well_formed(document));
  EXPECT_THAT(document, AllOf(HasSubstr("<title>x and y: -1.00</title>"),
                              HasSubstr("<title>y and x: 2.00</title>")));
  EXPECT_EQ(chart->left_out, 0U);
}

TEST(Chart_HeatMap, ManyCells_StaySmall) {
  HeatMap input{.columns = std::vector<std::string>(300, "layer"),
                .rows = std::vector<std::string>(300, "layer")};
  for (int i = 0; i < 300 * 300; ++i) {
    input.values.push_back(i % 977);
  }
  const auto chart = draw(input);
  ASSERT_THAT(chart, IsOk());
  EXPECT_LT(chart->body.size(), 3U << 20U);
  EXPECT_EQ(count_of(chart->body, "h4v4h-4z"), 300U * 300);
}

TEST(Chart_HeatMap, WrongNumberOfValues_IsRefused) {
  EXPECT_THAT(draw(HeatMap{.columns = {"a"}, .rows = {"b"}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("1 x 1 cells has 0 values")));
}

TEST(Chart_Panel, NamesItsChartsAndAddsUpWhatIsLeftOut) {
  const std::vector<Chart> charts{*draw(line({{0, kNan}, {1, 2}})),
                                  *draw(line({{0, 1}, {1, kNan}})), *draw(scatter({{1, 1}}))};
  const auto chart = panel({.title = "All"}, charts, 2);
  ASSERT_THAT(chart, IsOk());
  EXPECT_EQ(chart->left_out, 2U);
  EXPECT_EQ(chart->width_px, 2 * 720);
  const auto document = svg(*chart);
  EXPECT_TRUE(is_well_formed(document));
  EXPECT_EQ(count_of(document, "<g transform=\"translate("), 3U);
  EXPECT_EQ(count_of(document, "<style>"), 1U);
  EXPECT_THAT(panel({}, charts, 0), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("column")));
}

// --- odd input -----------------------------------------------------------------------------------

TEST(Chart_Empty, EveryKindSaysNoData) {
  const std::vector<Chart> charts{
      *draw(line({})),
      *draw(scatter({})),
      *draw(BarChart{.series = {{"fp32"}}}),
      *draw(HeatMap{}),
      *draw(RooflineChart{.bandwidth_gb_per_s = 1, .ceilings = {{"peak", 1}}}),
      *panel({}, {}, 3)};
  for (const auto& chart : charts) {
    EXPECT_THAT(chart.body, HasSubstr(">no data<")) << chart.description;
    EXPECT_TRUE(is_well_formed(svg(chart)));
  }
}

TEST(Chart_Values, OnePointAndEqualValues_GetARangeAroundThem) {
  for (const double value : {0.0, 5.0, -5.0, 1e-300, 1e300}) {
    for (const auto& chart : {draw(line({{value, value}})), draw(scatter({{value, value}})),
                              draw(line({{1, value}, {2, value}, {3, value}}))}) {
      ASSERT_THAT(chart, IsOk()) << value;
      EXPECT_TRUE(is_well_formed(svg(*chart)));
      EXPECT_THAT(chart->body, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
    }
  }
}

TEST(Chart_Values, HugeRangesStayFinite) {
  auto input = line({{-1e300, -1e300}, {0, 1e-300}, {1e300, 1e300}});
  for (const auto scale : {AxisScale::kLinear, AxisScale::kLog}) {
    if (scale == AxisScale::kLog) {
      input.series[0].points = {{1, 1e-280}, {2, 1}, {3, 1e300}};
    }
    input.y.scale = scale;
    const auto chart = draw(input);
    ASSERT_THAT(chart, IsOk());
    EXPECT_THAT(chart->body, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
    EXPECT_EQ(count_of(chart->body, "<title>"), 3U);
  }
}

TEST(Chart_Values, SpreadsThatCannotBeDrawn_AreDropped) {
  const auto chart = draw(line({{0, 1, Spread{kNan, 2}}, {1, 2, Spread{3, 1}}}));
  ASSERT_THAT(chart, IsOk());
  EXPECT_EQ(count_of(chart->body, "class=\"e s0\""), 0U);
}

TEST(Chart_Names, HostileOnesAreShownAsText) {
  const std::string hostile =
      "<script>alert('x')</script>\"]]>&\x01\x7f\xff\xc0\x80\xed\xa0\x80\u202e";
  auto input = line({{0, 1, {}, hostile}, {1, 2, {}, std::string(10'000, 'w')}});
  input.heading = {.title = hostile, .subtitle = hostile, .description = hostile};
  input.x.title = input.y.title = input.x.unit = input.y.unit = hostile;
  input.series[0].name = hostile;
  input.guides = {{Guide::At::kX, 0.5, hostile}};
  const auto chart = draw(input);
  ASSERT_THAT(chart, IsOk());
  const std::vector<Chart> charts{*chart};
  for (const auto& document : {svg(*chart), svg(*panel({.title = hostile}, charts, 1))}) {
    EXPECT_TRUE(is_well_formed(document));
    EXPECT_THAT(document, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("]]>")),
                                HasSubstr("&lt;script&gt;"), Not(HasSubstr("\u202e"))));
    for (const auto bad : {"\x7f", "\xff", "\xc0\x80", "\xed\xa0\x80"}) {
      EXPECT_THAT(document, Not(HasSubstr(bad)));
    }
    EXPECT_THAT(document, Not(HasSubstr(std::string(200, 'w'))));
  }
}

TEST(Chart_Names, LongOnesAreShortenedToTheRoomThereIs) {
  BarChart input{.series = {{"fp32"}}};
  for (const auto* letter : {"a", "\u00e9", "\u5c42"}) {
    std::string name;
    for (int i = 0; i < 3000; ++i) {
      name += letter;
    }
    input.rows.push_back({name, {Bar{1}}, name});
  }
  const auto chart = draw(input);
  ASSERT_THAT(chart, IsOk());
  EXPECT_LT(chart->body.size(), 10'000U);
  EXPECT_THAT(chart->body, HasSubstr("\u5c42\u2026\u5c42"));
}

TEST(Chart_Axes, SmallValuesShareAFactor_LargeOnesGetAPrefix) {
  const auto small = draw(line({{0, 0}, {1, 3e-4}}));
  EXPECT_THAT(small->body, AllOf(HasSubstr(">time, 10\u207b\u2076 ms<"), HasSubstr(">300<")));
  const auto large = draw(line({{0, 0}, {1, 3e6}}));
  EXPECT_THAT(large->body, AllOf(HasSubstr(">time, ms<"), HasSubstr(">3.0M<")));
  const auto negative = draw(line({{0, -2}, {1, 2}}));
  EXPECT_THAT(negative->body, HasSubstr(">\u22122.0<"));
}

TEST(Chart_Axes, CountsHaveNoTicksBetweenThem) {
  auto input = line({{0, 1}, {2, 2}});
  input.x.whole = true;
  EXPECT_THAT(draw(input)->body, AllOf(HasSubstr(">2</text>"), Not(HasSubstr(">0.5</text>"))));
}

TEST(Chart_Svg, SameInputSameBytes_AndNothingFromElsewhere) {
  const auto document = svg(*draw(roofline()));
  EXPECT_EQ(document, svg(*draw(roofline())));
  EXPECT_EQ(count_of(document, "http"), 1U);  // the name space
  EXPECT_THAT(document,
              AllOf(Not(HasSubstr("url(")), Not(HasSubstr("@import")),
                    HasSubstr("prefers-color-scheme:dark"), HasSubstr("role=\"img\""),
                    HasSubstr("<title>Roofline</title>"), HasSubstr("<desc>Roofline of")));
}

// --- ticks ---------------------------------------------------------------------------------------

TEST(Ticks, AreRoundNumbers) {
  EXPECT_EQ(linear_ticks(0, 1), (std::vector{0.0, 0.2, 0.4, 0.6, 0.8, 1.0}));
  EXPECT_EQ(linear_ticks(0.1, 0.32), (std::vector{0.10, 0.15, 0.20, 0.25, 0.30, 0.35}));
  EXPECT_EQ(log_ticks(0.02, 300), (std::vector{0.01, 0.1, 1.0, 10.0, 100.0, 1000.0}));
  EXPECT_EQ(log_ticks(2, 90), (std::vector{2.0, 5.0, 10.0, 20.0, 50.0, 100.0}));
}

/// Numbers of all sizes, not only those near zero.
rc::Gen<double> any_size() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::inRange(-1'000'000, 1'000'001), rc::gen::inRange(-295, 294)),
      [](const std::tuple<int, int>& parts) {
        return std::get<0>(parts) * std::pow(10.0, std::get<1>(parts));
      });
}

RC_GTEST_PROP(Ticks_Property, LinearTicksCoverTheRange, ()) {
  const auto a = *any_size();
  const auto b = *rc::gen::oneOf(any_size(), rc::gen::just(a), rc::gen::just(a * (1 + 1e-7)));
  const auto ticks = linear_ticks(a, b);
  RC_ASSERT(ticks.size() >= 4U && ticks.size() <= 10U);
  RC_ASSERT(ticks.front() <= std::min(a, b) && ticks.back() >= std::max(a, b));
  for (std::size_t i = 1; i < ticks.size(); ++i) {
    RC_ASSERT(ticks[i] > ticks[i - 1]);
  }
}

RC_GTEST_PROP(Ticks_Property, LogTicksCoverTheRange, ()) {
  const auto exponent = *rc::gen::inRange(-2800, 2990);
  const auto decades = *rc::gen::oneOf(rc::gen::inRange(0, 30), rc::gen::inRange(0, 6000));
  const auto lower = std::pow(10.0, exponent / 10.0);
  const auto upper = std::pow(10.0, std::min(3000, exponent + decades) / 10.0);
  const auto ticks = log_ticks(lower, upper);
  RC_ASSERT(ticks.size() >= 4U && ticks.size() <= 10U);
  RC_ASSERT(ticks.front() <= lower && ticks.back() >= upper && ticks.front() > 0);
  for (std::size_t i = 1; i < ticks.size(); ++i) {
    RC_ASSERT(ticks[i] > ticks[i - 1]);
  }
}

}  // namespace
}  // namespace tessera::report
