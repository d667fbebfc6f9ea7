// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "report/golden.h"
#include "report/plan_layout.h"
#include "report/svg.h"
#include "report/svg_checks.h"
#include "support/matchers.h"
#include "tessera/report/chart.h"

namespace tessera::report {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

const std::vector<BarSeries> kKinds{
    {"fp32", kFloat32Color}, {"int8", kInt8Color}, {"fp16", kFloat16Color}};

std::string attribute(const std::string& tag, const std::string& name) {
  const auto at = tag.find(" " + name + "=\"");
  const auto begin = at + name.size() + 3;
  return at == std::string::npos ? "" : tag.substr(begin, tag.find('"', begin) - begin);
}

/// Where texts are, from their anchors and what is known of their widths.
std::vector<Box> text_boxes(const std::string& body) {
  std::vector<Box> boxes;
  for (auto at = body.find("<text "); at != std::string::npos; at = body.find("<text ", at + 1)) {
    const auto tag = body.substr(at, body.find('>', at) - at);
    const auto begin = body.find('>', at) + 1;
    const auto text = body.substr(begin, body.find('<', begin) - begin);
    const auto css = " " + attribute(tag, "class") + " ";
    const auto has = [&](const char* name) { return css.find(name) != std::string::npos; };
    const auto size = has(" t ") ? kSmallSize : has(" h ") ? kTitleSize : kTextSize;
    const auto x = std::stod(attribute(tag, "x"));
    const auto y = std::stod(attribute(tag, "y"));
    const auto width = text_width(text, size);
    const auto left = has(" am ") ? x - width / 2 : has(" ae ") ? x - width : x;
    boxes.push_back({left, y - size * 0.75, left + width, y + 1});
  }
  return boxes;
}

/// The bands of lanes.
std::vector<Box> bands(const std::string& body) {
  std::vector<Box> boxes;
  constexpr std::string_view kStart = "<rect class=\"z\"";
  for (auto at = body.find(kStart); at != std::string::npos; at = body.find(kStart, at + 1)) {
    const auto tag = body.substr(at, body.find('>', at) - at);
    const auto left = std::stod(attribute(tag, "x"));
    const auto top = std::stod(attribute(tag, "y"));
    boxes.push_back({left, top, left + std::stod(attribute(tag, "width")),
                     top + std::stod(attribute(tag, "height"))});
  }
  return boxes;
}

/// Labels of cuts are in no lane, where they would seem to be of its boxes.
::testing::AssertionResult labels_stay_between_lanes(const Chart& chart) {
  std::string labels;
  constexpr std::string_view kStart = "<text class=\"t w";
  for (auto at = chart.body.find(kStart); at != std::string::npos;
       at = chart.body.find(kStart, at + 1)) {
    labels += chart.body.substr(at, chart.body.find('\n', at) + 1 - at);
  }
  for (const auto& label : text_boxes(labels)) {
    for (const auto& band : bands(chart.body)) {
      if (label.overlaps(band)) {
        return ::testing::AssertionFailure() << "a label lies in a lane";
      }
    }
  }
  return ::testing::AssertionSuccess();
}

constexpr const char* kListed = "<text class=\"t m\" x=\"14\"";

::testing::AssertionResult texts_stay_apart(const Chart& chart) {
  const auto boxes = text_boxes(chart.body);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (boxes[i].left < 0 || boxes[i].right > chart.width_px || boxes[i].bottom > chart.height_px) {
      return ::testing::AssertionFailure() << "text " << i << " leaves the chart";
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (boxes[i].overlaps(boxes[j])) {
        return ::testing::AssertionFailure() << "texts " << j << " and " << i << " overlap";
      }
    }
  }
  return ::testing::AssertionSuccess();
}

/// A network of a device, an edge box and a cloud: the head here, a middle with two branches there.
PlanGraph small_plan() {
  PlanGraph plan{.heading = {.title = "Plan", .subtitle = "textures.onnx on three machines"},
                 .lanes = {"device", "edge", "cloud"},
                 .kinds = kKinds};
  const auto node = [&](const char* name, std::size_t lane, std::size_t kind) {
    plan.nodes.push_back({name, lane, kind, "1.2 ms"});
  };
  node("conv1", 0, 1);
  node("conv2", 0, 1);
  node("branch_a", 1, 0);
  node("branch_b", 2, 2);
  node("concat", 1, 0);
  node("head", 1, 1);
  node("softmax", 0, 0);
  plan.edges = {{0, 1, false, ""},
                {1, 2, true, "12.3 kB, 1.2 ms"},
                {1, 3, true, "12.3 kB, 9.8 ms"},
                {2, 4, false, ""},
                {3, 4, true, "6.1 kB, 8.0 ms"},
                {4, 5, false, ""},
                {5, 6, true, "400 B, 3.0 ms"}};
  return plan;
}

/// A chain that changes kind or lane every `run` nodes, with a skip connection in each run.
PlanGraph long_plan(std::size_t count, std::size_t run) {
  PlanGraph plan{
      .heading = {.title = "Plan"}, .lanes = {"device", "edge", "cloud"}, .kinds = kKinds};
  for (std::size_t i = 0; i < count; ++i) {
    const auto stretch = i / run;
    plan.nodes.push_back(
        {"/model/layer" + std::to_string(i) + "/Conv", stretch % 4 / 2, stretch % 3, ""});
    if (i > 0) {
      const bool cut = plan.nodes[i].lane != plan.nodes[i - 1].lane;
      plan.edges.push_back(
          {i - 1, i, cut, cut ? std::to_string(i) + ".5 kB, 1." + std::to_string(i) + " ms" : ""});
    }
    if (i > 2 && i % run > 2) {
      plan.edges.push_back({i - 2, i, false, ""});
    }
  }
  return plan;
}

TEST(Chart_Plan, ShowsLanesKindsAndCuts_Golden) {
  const auto chart = draw(small_plan());
  expect_golden("plan", chart);
  EXPECT_TRUE(texts_stay_apart(*chart));
  const auto document = svg(*chart);
  EXPECT_THAT(document, AllOf(HasSubstr(">device<"), HasSubstr(">cloud<"), HasSubstr(">int8<"),
                              HasSubstr(">sent over a link<"), HasSubstr(">branch_a<")));
  EXPECT_THAT(document, AllOf(HasSubstr(">12.3 kB, 1.2 ms<"), HasSubstr(">400 B, 3.0 ms<")));
  EXPECT_THAT(document, HasSubstr("<title>softmax: device, fp32, 1.2 ms</title>"));
  EXPECT_THAT(document, HasSubstr("<title>edge to device; head: 400 B, 3.0 ms</title>"));
  EXPECT_THAT(chart->description, HasSubstr("3 on device, 3 on edge, 1 on cloud; 4 arrows"));
  EXPECT_EQ(count_of(document, "stroke-width=\"3\""), 5U) << "four arrows and that of the legend";
}

TEST(Chart_Plan, OfManyNodes_DrawsRunsAsOneBox_Golden) {
  const auto chart = draw(long_plan(120, 9));
  expect_golden("plan_many", chart);
  EXPECT_TRUE(texts_stay_apart(*chart));
  EXPECT_EQ(count_of(chart->body, "class=\"bg\""), 14U);
  EXPECT_THAT(chart->body, HasSubstr(">9 layers<"));
  EXPECT_EQ(chart->width_px, 1200);
}

TEST(Chart_Plan, WithoutRoom_IsAStripAndKeepsTextsApart) {
  for (const std::size_t run : {1U, 2U, 5U}) {
    const auto chart = draw(long_plan(250, run));
    ASSERT_THAT(chart, IsOk());
    EXPECT_TRUE(is_well_formed(svg(*chart)));
    EXPECT_TRUE(texts_stay_apart(*chart)) << run;
    EXPECT_LT(chart->body.size(), 250'000U);
  }
  // On one page as long as every layer and every crossing can be seen.
  EXPECT_GT(draw(long_plan(250, 1))->width_px, 2000);
  const auto alternating = [](std::size_t count) {
    auto plan = long_plan(count, 1);
    for (auto& node : plan.nodes) {
      node.lane = 0;
    }
    for (auto& edge : plan.edges) {
      edge.cut = false;
    }
    return draw(plan)->width_px;
  };
  EXPECT_EQ(alternating(250), 1200);
  EXPECT_GT(alternating(1000), 3000);
  EXPECT_THAT(draw(long_plan(250, 5))->body,
              AllOf(HasSubstr(">5<"), HasSubstr(">width of boxes and numbers in them: layers<")));
}

/// Left and right ends of boxes of a kind, by their tooltips.
std::vector<double> widths_of(const std::string& body, const std::string& tooltip_end) {
  std::vector<double> widths;
  for (auto at = body.find(tooltip_end); at != std::string::npos;
       at = body.find(tooltip_end, at + 1)) {
    const auto tag = body.rfind("<rect", at);
    widths.push_back(std::stod(attribute(body.substr(tag, at - tag), "width")));
  }
  return widths;
}

TEST(Chart_Plan, Strip_IsAsWideAsThereAreLayers_Golden) {
  // Runs of one and of three layers in turn, 200 layers in all, between an input and an output.
  PlanGraph plan{.lanes = {"here"}, .kinds = {{"one", kInt8Color}, {"three", kFloat32Color}}};
  for (std::size_t i = 0; i < 200; ++i) {
    plan.nodes.push_back({"n" + std::to_string(i), 0, i % 4 == 0 ? 0U : 1U, ""});
    if (i > 0) {
      plan.edges.push_back({i - 1, i});
    }
  }
  plan.nodes.push_back({.name = "input", .tooltip = "input x", .is_end = true});
  plan.edges.push_back({200, 0});
  plan.edges.push_back({0, 199});
  const auto chart = draw(plan);
  expect_golden("plan_strip", chart);
  EXPECT_EQ(chart->width_px, 1200);
  EXPECT_TRUE(texts_stay_apart(*chart));
  EXPECT_THAT(chart->description, HasSubstr("200 layers: 200 on here"));
  const auto one = widths_of(chart->body, ": here, one</title>");
  const auto three = widths_of(chart->body, ": here, three</title>");
  ASSERT_EQ(one.size(), 50U);
  ASSERT_EQ(three.size(), 50U);
  EXPECT_GT(three[0], 3 * one[0]) << "the space between boxes is not thrice";
  EXPECT_LT(three[0], 4 * one[0]);
  EXPECT_THAT(chart->body, HasSubstr(">input<")) << "whatever room there is";
  // Behind boxes a level line would not be seen.
  EXPECT_EQ(count_of(chart->body, "<path class=\"a\" d=\"M"), 1U);
}

TEST(Chart_Plan, Names_AreShownWholeOrSoThatTheyTell) {
  auto plan = small_plan();
  plan.nodes[0].name = "/backbone/dark5/conv2/act/Mul";
  EXPECT_THAT(draw(plan)->body, HasSubstr(">/backbo")) << "shortened where there is room";
  // Twenty columns of one layer have boxes, but no room for names.
  PlanGraph many{.lanes = {"here", "there"}, .kinds = kKinds};
  for (std::size_t i = 0; i < 24; ++i) {
    many.nodes.push_back({"/backbone/layer" + std::to_string(i), 0, i % 2, ""});
    if (i > 0) {
      many.edges.push_back({i - 1, i});
    }
  }
  const auto body = draw(many)->body;
  EXPECT_EQ(count_of(body, "</text>"), 2U + 1U + 3U) << "lanes, an empty one, kinds: no names";
  EXPECT_THAT(body, HasSubstr(">no layers<"));
}

TEST(Chart_Plan, ManyBoxesBesideEachOther_BecomeOneOfEachKind) {
  PlanGraph plan{.lanes = {"here"}, .kinds = kKinds};
  for (std::size_t i = 0; i < 60; ++i) {
    plan.nodes.push_back({"n" + std::to_string(i), 0, i % 2, ""});
  }
  const auto chart = draw(plan);
  ASSERT_THAT(chart, IsOk());
  EXPECT_EQ(count_of(chart->body, ">30 layers<"), 2U);
  EXPECT_LT(chart->height_px, 200);
}

TEST(Chart_Plan, ATensorForSeveral_IsToldOnce_SeveralOfThemAsANumber) {
  auto plan = small_plan();
  // A second reader of conv2's result on the edge, in a box of its own.
  plan.nodes.push_back({"other", 1, 2, ""});
  plan.edges.push_back({1, 7, true, "12.3 kB, 1.2 ms"});
  const auto once = draw(plan);
  EXPECT_EQ(count_of(once->body, ">12.3 kB, 1.2 ms<"), 1U);
  EXPECT_EQ(count_of(once->body, kListed), 0U);
  // Two results between the same boxes.
  plan.edges.push_back({0, 2, true, "99 kB, 5 ms"});
  plan.nodes.insert(plan.nodes.end(), 20, {"tail", 0, 0, ""});
  for (std::size_t i = 8; i < plan.nodes.size(); ++i) {
    plan.edges.push_back({i == 8 ? 6 : i - 1, i, false, ""});
  }
  const auto joined = draw(plan);
  ASSERT_THAT(joined, IsOk());
  EXPECT_THAT(joined->body, HasSubstr(">2 tensors<"));
  EXPECT_THAT(joined->body, HasSubstr("conv2: 12.3 kB, 1.2 ms; conv1: 99 kB, 5 ms"));
}

TEST(Chart_Plan, LabelsWithoutRoom_StandBelow) {
  PlanGraph plan{.lanes = {"a", "b"}, .kinds = kKinds, .width_px = 300};
  for (std::size_t i = 0; i < 14; ++i) {
    plan.nodes.push_back({"node" + std::to_string(i), i < 7 ? 0U : 1U, 0, ""});
    if (i >= 7) {
      plan.edges.push_back({i - 7, i, true, "a label of some length " + std::to_string(i)});
    }
  }
  const auto chart = draw(plan);
  ASSERT_THAT(chart, IsOk());
  EXPECT_TRUE(texts_stay_apart(*chart));
  EXPECT_GE(count_of(chart->body, kListed), 2U);
  EXPECT_EQ(count_of(chart->body, kListed) + count_of(chart->body, "<text class=\"t w"), 7U);
}

TEST(Chart_Plan, WhatIsNotThere_IsRefused) {
  const auto refuse = [](const PlanGraph& plan, const std::string& says) {
    EXPECT_THAT(draw(plan), FailsWith(ErrorCode::kInvalidArgument, HasSubstr(says)));
  };
  auto plan = small_plan();
  plan.nodes[3].lane = 3;
  refuse(plan, "node 'branch_b' of a plan's picture is in lane 3 of 3");
  plan = small_plan();
  plan.nodes[3].kind = 9;
  refuse(plan, "of kind 9 of 3");
  plan = small_plan();
  plan.edges.push_back({0, 7, false, ""});
  refuse(plan, "from node 0 to node 7; there are 7");
  plan = small_plan();
  plan.edges.push_back({6, 0, false, ""});
  refuse(plan, "depends on itself");
  plan = small_plan();
  plan.edges.push_back({2, 2, false, ""});
  refuse(plan, "'branch_a' of a plan's picture depends on itself");
}

TEST(Chart_Plan, Empty_SaysNoData) {
  for (const auto& plan : {PlanGraph{}, PlanGraph{.lanes = {"here"}, .kinds = kKinds}}) {
    const auto chart = draw(plan);
    ASSERT_THAT(chart, IsOk());
    EXPECT_THAT(chart->body, HasSubstr(">no data<"));
    EXPECT_TRUE(is_well_formed(svg(*chart)));
  }
}

const std::string kHostile =
    "<script>alert('x')</script>\"]]>&\x01\x7f\xff\xc0\x80\xed\xa0\x80\u202e";

TEST(Chart_Plan, HostileNames_AreShownAsText) {
  auto plan = small_plan();
  plan.lanes[0] = plan.kinds[1].name = plan.nodes[0].name = plan.nodes[0].tooltip = kHostile;
  plan.nodes[1].name = std::string(10'000, 'w');
  plan.edges[1].label = kHostile;
  plan.edges[2].label = std::string(10'000, 'w');
  const auto chart = draw(plan);
  ASSERT_THAT(chart, IsOk());
  const auto document = svg(*chart);
  EXPECT_TRUE(is_well_formed(document));
  EXPECT_THAT(document, AllOf(Not(HasSubstr("<script")), HasSubstr("&lt;script&gt;"),
                              Not(HasSubstr("\u202e")), Not(HasSubstr(std::string(200, 'w')))));
}

RC_GTEST_PROP(Chart_PlanProperties, BoxesHoldEveryNodeOnce_AndArrowsLeadRight, ()) {
  PlanGraph plan{.lanes = {"a", "b", "c"}, .kinds = kKinds};
  const auto count = *rc::gen::inRange<std::size_t>(1, 80);
  for (std::size_t i = 0; i < count; ++i) {
    plan.nodes.push_back({"n" + std::to_string(i), *rc::gen::inRange<std::size_t>(0, 3),
                          *rc::gen::inRange<std::size_t>(0, 2), ""});
    for (int e = *rc::gen::inRange(0, 3); i > 0 && e > 0; --e) {
      const auto from = *rc::gen::inRange<std::size_t>(0, i);
      const bool cut = plan.nodes[from].lane != plan.nodes[i].lane;
      plan.edges.push_back({from, i, cut, cut ? std::to_string(from) + " kB" : ""});
    }
  }
  const auto layout = lay_out(plan);
  RC_ASSERT(layout.has_value());
  std::multiset<std::size_t> nodes;
  for (const auto& box : layout->boxes) {
    for (const auto node : box.nodes) {
      nodes.insert(node);
      RC_ASSERT(plan.nodes[node].lane == box.lane && plan.nodes[node].kind == box.kind);
    }
    RC_ASSERT(box.slot < layout->slots[box.lane] && box.column < layout->columns);
  }
  RC_ASSERT(nodes.size() == count);
  RC_ASSERT(std::set<std::size_t>(nodes.begin(), nodes.end()).size() == count);
  for (const auto& arrow : layout->arrows) {
    RC_ASSERT(layout->boxes[arrow.from].column < layout->boxes[arrow.to].column);
  }
  const auto chart = draw(plan);
  RC_ASSERT(chart.has_value());
  RC_ASSERT(texts_stay_apart(*chart));
  RC_ASSERT(labels_stay_between_lanes(*chart));
  RC_ASSERT(svg(*chart) == svg(*draw(plan)));
}

GanttChart small_timeline() {
  return {.heading = {.title = "One inference", .subtitle = "as the plan predicts it"},
          .rows = {"device", "device-edge", "edge", "edge-device"},
          .kinds = {{"fp32", kFloat32Color}, {"int8", kInt8Color}, {"transfer", Color::kGray}},
          .spans = {{0, 0, 12'000, "conv1 to conv4", 1},
                    {1, 12'000, 15'500, "12.3 kB", 2},
                    {2, 15'500, 40'000, "17 layers", 1},
                    {2, 20'000, 31'000, "branch", 0},
                    {3, 40'000, 40'010, "400 B", 2},
                    {0, 43'000, 44'000, "softmax", 0}}};
}

TEST(Chart_Gantt, ShowsWhoIsBusyWhen_Golden) {
  const auto chart = draw(small_timeline());
  expect_golden("gantt", chart);
  EXPECT_TRUE(texts_stay_apart(*chart));
  EXPECT_THAT(chart->body, AllOf(HasSubstr(">17 layers<"), HasSubstr(">device-edge<"),
                                 HasSubstr(">time, ms<"), HasSubstr(">400 B<")));
  EXPECT_THAT(chart->body, HasSubstr("<title>edge: branch, 20.0 ms to 31.0 ms, 11.0 ms</title>"));
  EXPECT_THAT(chart->description, HasSubstr("4 rows, 6 spans, up to 44 ms"));
}

TEST(Chart_Gantt, LabelsWithoutRoomInTheirBar_StandBesideIt) {
  const auto labels = [](std::vector<GanttSpan> spans) {
    const auto chart = draw(GanttChart{.rows = {"a"}, .kinds = kKinds, .spans = std::move(spans)});
    EXPECT_TRUE(texts_stay_apart(*chart));
    return chart->body;
  };
  // Behind it; before the last one, which has nothing behind.
  EXPECT_THAT(labels({{0, 0, 10, "first", 0}, {0, 9990, 10'000, "last", 0}}),
              AllOf(HasSubstr("class=\"t w\""), HasSubstr(">first<"), HasSubstr("class=\"t w ae\""),
                    HasSubstr(">last<")));
  // Nowhere between bars that leave no room.
  const auto crowded = labels({{0, 0, 5000, "first", 0},
                               {0, 5000, 5010, "between", 0},
                               {0, 5010, 10'000, "last", 0, "and more"}});
  EXPECT_THAT(crowded, AllOf(HasSubstr(">first<"), Not(HasSubstr(">between<")),
                             HasSubstr("a: between, 5.00 ms to 5.01 ms, 10 us"),
                             HasSubstr("a: last, and more, 5.01 ms")));
  // Nor over the label of the one before.
  EXPECT_THAT(labels({{0, 9000, 9010, "a rather long label here", 0},
                      {0, 9990, 10'000, "a rather long label, too", 0}}),
              Not(HasSubstr(">a rather long label, too<")));
}

TEST(Chart_Gantt, SpansThatOverlap_AreBelowEachOther) {
  const auto alone = draw(GanttChart{.rows = {"a"}, .kinds = kKinds, .spans = {{0, 0, 5, "x", 0}}});
  const auto both = draw(
      GanttChart{.rows = {"a"}, .kinds = kKinds, .spans = {{0, 0, 5, "x", 0}, {0, 4, 6, "y", 0}}});
  const auto behind = draw(
      GanttChart{.rows = {"a"}, .kinds = kKinds, .spans = {{0, 0, 5, "x", 0}, {0, 5, 6, "y", 0}}});
  EXPECT_EQ(both->height_px, alone->height_px + 20);
  EXPECT_EQ(behind->height_px, alone->height_px);
}

TEST(Chart_Gantt, LeavesOutWhatIsNoTime_AndRefusesWhatIsNotThere) {
  auto chart = small_timeline();
  chart.spans[0].start_us = kNan;
  chart.spans[1].end_us = 0;
  const auto drawn = draw(chart);
  ASSERT_THAT(drawn, IsOk());
  EXPECT_EQ(drawn->left_out, 2U);
  EXPECT_THAT(drawn->body, AllOf(HasSubstr("2 values left out"), Not(HasSubstr("nan"))));
  chart.spans[2].row = 4;
  EXPECT_THAT(draw(chart), FailsWith(ErrorCode::kInvalidArgument,
                                     HasSubstr("span '17 layers' of a timeline is in row 4 of 4")));
  chart.spans[2].row = 0;
  chart.spans[2].kind = 3;
  EXPECT_THAT(draw(chart), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("of kind 3 of 3")));
}

TEST(Chart_Gantt, EmptyAndHostile_AreDrawn) {
  for (const auto& empty : {GanttChart{}, GanttChart{.rows = {"here"}}}) {
    EXPECT_THAT(draw(empty)->body, HasSubstr(">no data<"));
    EXPECT_TRUE(is_well_formed(svg(*draw(empty))));
  }
  auto chart = small_timeline();
  chart.rows[0] = chart.kinds[0].name = chart.spans[2].label = kHostile;
  const auto document = svg(*draw(chart));
  EXPECT_TRUE(is_well_formed(document));
  EXPECT_THAT(document, AllOf(Not(HasSubstr("<script")), HasSubstr("&lt;script&gt;")));
}

}  // namespace
}  // namespace tessera::report
