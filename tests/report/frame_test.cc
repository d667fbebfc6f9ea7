// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "report/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "report/svg_checks.h"
#include "support/matchers.h"

namespace tessera::report {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(TickLabels, HaveTheDecimalsOfTheirStep) {
  EXPECT_THAT(tick_labels({0, 0.25, 0.5}, false).texts, ElementsAre("0", "0.2", "0.5"))
      << "a step of one significant digit is what ticks have";
  EXPECT_THAT(tick_labels({0, 0.2, 0.4}, false).texts, ElementsAre("0", "0.2", "0.4"));
  EXPECT_THAT(tick_labels({0, 50, 100}, false).texts, ElementsAre("0", "50", "100"));
  EXPECT_THAT(tick_labels({-1, 0, 1}, false).texts, ElementsAre("\u22121", "0", "1"));
}

TEST(TickLabels, LargeOnesGetAPrefix) {
  EXPECT_THAT(tick_labels({0, 50'000, 100'000}, false).texts, ElementsAre("0", "50k", "100k"));
  EXPECT_THAT(tick_labels({0, 500'000, 1'000'000}, false).texts, ElementsAre("0", "0.5M", "1.0M"));
  EXPECT_THAT(tick_labels({99'000, 99'500}, false).texts, ElementsAre("99000", "99500"));
}

TEST(TickLabels, SmallOnesShareAFactorOfThousands) {
  const auto labels = tick_labels({0, 2e-4, 4e-4}, false);
  EXPECT_THAT(labels.texts, ElementsAre("0", "200", "400"));
  EXPECT_EQ(labels.factor, "10\u207b\u2076");
  EXPECT_EQ(tick_labels({0, 1e-3}, false).factor, "");
}

TEST(TickLabels, BeyondPrefixes_ArePowers) {
  EXPECT_THAT(tick_labels({1e15, 2e15}, false).texts,
              ElementsAre("10\u00b9\u2075", "2\u00b710\u00b9\u2075"));
  EXPECT_THAT(tick_labels({1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000}, true).texts,
              ElementsAre("10\u207b\u2075", "10\u207b\u2074", "10\u207b\u00b3", "10\u207b\u00b2",
                          "10\u207b\u00b9", "1", "10", "100", "10\u00b3"));
  EXPECT_THAT(tick_labels({1, 1.5, 2}, true).texts, ElementsAre("1", "1.5", "2"));
  EXPECT_THAT(tick_labels({1e4, 1e5, 1e6}, true).texts, ElementsAre("10k", "100k", "1M"));
}

TEST(TickLabels, OfNoTicks_AreNone) {
  EXPECT_TRUE(tick_labels({}, false).texts.empty());
  EXPECT_THAT(tick_labels({7}, false).texts, ElementsAre("7"));
}

RC_GTEST_PROP(TickLabels, OfDifferentTicks_Differ, ()) {
  const double from = *rc::gen::inRange(-1000, 1000) * std::pow(10.0, *rc::gen::inRange(-12, 12));
  const double to = *rc::gen::inRange(-1000, 1000) * std::pow(10.0, *rc::gen::inRange(-12, 12));
  const auto ticks = linear_ticks(from, to);
  const auto labels = tick_labels(ticks, false).texts;
  RC_ASSERT(std::set<std::string>(labels.begin(), labels.end()).size() == ticks.size());
}

TEST(AxisTitle, JoinsTitleFactorAndUnit) {
  EXPECT_EQ(axis_title({.title = "time", .unit = "ms"}), "time, ms");
  EXPECT_EQ(axis_title({.title = "error", .unit = "L2"}, "10\u207b\u2076"),
            "error, 10\u207b\u2076 L2");
  EXPECT_EQ(axis_title({.title = "error"}, "10\u207b\u2076"), "error, 10\u207b\u2076");
  EXPECT_EQ(axis_title({.title = "k"}), "k");
  EXPECT_EQ(axis_title({.unit = "ms"}), "ms");
  EXPECT_EQ(axis_title({}), "");
}

TEST(ValueText, WholeNumbersStayWhole) {
  EXPECT_EQ(value_text(3), "3");
  EXPECT_EQ(value_text(999'999'999), "999999999");
  EXPECT_EQ(value_text(1e9), "1000000000");
  EXPECT_EQ(value_text(1e12), "1.000e+12");
  EXPECT_EQ(value_text(0.125), "0.1250");
  EXPECT_EQ(value_text(-2.5, Axis{.unit = "dB"}), "-2.500 dB");
  EXPECT_EQ(spread_text(Spread{1, 2.5}), ", 1 to 2.500");
  EXPECT_EQ(spread_text(std::nullopt), "");
}

TEST(LeftOutNote, CountsInWords) {
  EXPECT_EQ(left_out_note(0), "");
  EXPECT_EQ(left_out_note(1), "1 value left out: not finite");
  EXPECT_EQ(left_out_note(2), "2 values left out: not finite");
}

TEST(IsDrawable, EndsWhereDifferencesWouldOverflow) {
  EXPECT_TRUE(is_drawable(1e300));
  EXPECT_FALSE(is_drawable(1.01e300));
  EXPECT_FALSE(is_drawable(kNan));
  EXPECT_FALSE(is_drawable(-kInfinity));
  const Axis linear;
  const Axis log{.scale = AxisScale::kLog};
  EXPECT_TRUE(is_drawable(Spread{-1, -1}, linear));
  EXPECT_FALSE(is_drawable(Spread{1, 0.5}, linear)) << "the wrong way round";
  EXPECT_FALSE(is_drawable(Spread{0, kInfinity}, linear));
  EXPECT_FALSE(is_drawable(Spread{0, 1}, log));
  EXPECT_FALSE(is_drawable(std::optional<Spread>(), linear));
}

TEST(Extent, GrowsWithWhatItHolds) {
  Extent extent;
  EXPECT_TRUE(extent.empty());
  extent.add(3);
  EXPECT_EQ(extent.lower(), 3);
  extent.add(-1);
  EXPECT_EQ(extent.lower(), -1);
  EXPECT_EQ(extent.upper(), 3);
  const Axis axis{.title = "time"};
  ASSERT_THAT(extent.add(axis, Spread{-5, 10}, "range"), IsOk());
  EXPECT_EQ(extent.upper(), 10);
  EXPECT_THAT(
      extent.add(axis, Spread{2, 1}, "range"),
      FailsWith(ErrorCode::kInvalidArgument, "range 2 to 1 of the axis 'time' cannot be drawn"));
}

TEST(Extents, NameThePointElseItsSeries) {
  const Axis log{.title = "error", .scale = AxisScale::kLog};
  Extents extents;
  Point named{1, 0, {}, "conv_7"};
  EXPECT_THAT(extents.take(named, {}, log, "series"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'conv_7' is 0")));
  Point bare{1, -2, {}, ""};
  EXPECT_THAT(extents.take(bare, {}, log, "series"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'series' is -2")));
  Point lost{kNan, 1, {}, "x"};
  EXPECT_THAT(extents.take(lost, {}, log, "series"), testing::IsOkAndHolds(false));
  EXPECT_EQ(extents.left_out, 1U);
}

TEST(Scale, MapsBothEndsAndTheMiddle) {
  Extent extent;
  extent.add(0);
  extent.add(10);
  Scale scale({}, extent);
  scale.set_pixels(100, 300);
  EXPECT_DOUBLE_EQ(scale(0), 100);
  EXPECT_DOUBLE_EQ(scale(10), 300);
  EXPECT_DOUBLE_EQ(scale(5), 200);
  Extent decades;
  decades.add(1);
  decades.add(1e4);
  Scale log({.scale = AxisScale::kLog}, decades);
  log.set_pixels(0, 400);
  EXPECT_NEAR(log(1), 0, 1e-9);
  EXPECT_NEAR(log(100), 200, 1e-9);
}

TEST(Scale, FromZero_HoldsZeroOnEitherSide) {
  Extent positive;
  positive.add(40);
  positive.add(50);
  EXPECT_EQ(Scale({.from_zero = true}, positive).lower(), 0);
  EXPECT_GE(Scale({}, positive).lower(), 30);
  Extent negative;
  negative.add(-50);
  negative.add(-40);
  EXPECT_EQ(Scale({.from_zero = true}, negative).upper(), 0);
}

TEST(Scale, OfNothing_IsFromZeroToOneOrADecade) {
  EXPECT_EQ(Scale({}, Extent()).upper(), 1);
  EXPECT_EQ(Scale({.scale = AxisScale::kLog}, Extent()).lower(), 1);
  EXPECT_EQ(Scale({.scale = AxisScale::kLog}, Extent()).upper(), 10);
}

TEST(Scale, OfCounts_HasWholeTicks) {
  Extent extent;
  extent.add(3);
  const Scale scale({.whole = true}, extent);
  for (const double tick : scale.ticks()) {
    EXPECT_EQ(tick, std::floor(tick));
  }
  EXPECT_LT(scale.lower(), scale.upper()) << "one count has an axis, too";
}

TEST(LabelPlacer, PutsNoLabelOverAnotherOrOutside) {
  const Box area{0, 0, 120, 60};
  LabelPlacer labels(area);
  Svg svg;
  int placed = 0;
  for (int i = 0; i < 30; ++i) {
    placed += labels.place(svg, {60, 30}, 3, "label") ? 1 : 0;
  }
  EXPECT_GE(placed, 2);
  EXPECT_LE(placed, 8) << "as many as there are places beside a mark";
  EXPECT_EQ(count_of(std::move(svg).take(), ">label<"), static_cast<std::size_t>(placed));
  LabelPlacer narrow({0, 0, 10, 10});
  Svg nothing;
  EXPECT_FALSE(narrow.place(nothing, {5, 5}, 3, "label"));
  EXPECT_EQ(std::move(nothing).take(), "");
}

TEST(LabelPlacer, KeepsClearOfLinesAndCrowdsOfMarks) {
  LabelPlacer labels({0, 0, 200, 100});
  labels.avoid_line({0, 50}, {200, 50});
  Svg svg;
  EXPECT_TRUE(labels.place(svg, {100, 50}, 0, "beside"));
  EXPECT_THAT(std::move(svg).take(), HasSubstr("y=\"45\"")) << "above the line, not on it";
  LabelPlacer crowded({0, 0, 200, 100});
  for (int x = 0; x < 200; x += 4) {
    for (int y = 0; y < 100; y += 4) {
      crowded.avoid_mark({1.0 * x, 1.0 * y}, 2);
    }
  }
  Svg none;
  EXPECT_FALSE(crowded.place(none, {100, 50}, 3, "label")) << "it would cover more than three";
}

TEST(DrawHead, IsAsHighAsWhatItHolds) {
  const auto height = [](const Heading& heading, std::vector<LegendEntry> legend, double width) {
    Svg svg;
    return draw_head(svg, heading, legend, width);
  };
  const auto none = height({}, {}, 400);
  const auto title = height({.title = "t"}, {}, 400);
  const auto both = height({.title = "t", .subtitle = "s"}, {}, 400);
  EXPECT_LT(none, title);
  EXPECT_LT(title, both);
  std::vector<LegendEntry> many(12, LegendEntry{.name = "a long name of a series"});
  EXPECT_GT(height({}, many, 300), height({}, many, 3000)) << "in several rows";
  EXPECT_EQ(height({}, {LegendEntry{.name = ""}}, 400), none) << "a series without a name";
}

}  // namespace
}  // namespace tessera::report
