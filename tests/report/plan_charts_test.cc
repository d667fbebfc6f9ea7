// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "report/svg_checks.h"
#include "support/matchers.h"
#include "tessera/report/plan.h"

namespace tessera::report {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;

using graph::TensorId;
using placement::Plan;

/// image -> stem -> (left, right) -> join -> scores; the constant w is read by stem.
graph::Graph small_graph() {
  graph::Graph graph;
  const auto tensor = [&](const char* name, graph::TensorKind kind) {
    graph::TensorInfo info;
    info.name = name;
    info.kind = kind;
    return graph.add_tensor(std::move(info));
  };
  using graph::TensorKind;
  const auto image = tensor("image", TensorKind::kInput);
  const auto weights = tensor("w", TensorKind::kInitializer);
  const auto a = tensor("a", TensorKind::kActivation);
  const auto b = tensor("b", TensorKind::kActivation);
  const auto l = tensor("l", TensorKind::kActivation);
  const auto r = tensor("r", TensorKind::kActivation);
  const auto scores = tensor("scores", TensorKind::kActivation);
  const auto op = [&](const char* name, std::vector<std::optional<TensorId>> inputs,
                      std::vector<std::optional<TensorId>> outputs) {
    graph::Op made;
    made.name = name;
    made.type = "Conv";
    made.inputs = std::move(inputs);
    made.outputs = std::move(outputs);
    graph.add_op(std::move(made));
  };
  op("stem", {image, weights}, {a, b});
  op("left", {a, b}, {l});
  op("right", {b}, {r});
  op("join", {l, r}, {scores});
  graph.mark_input(image);
  graph.mark_output(scores);
  EXPECT_THAT(graph.finish(), IsOk());
  return graph;
}

/// The stem on the device, everything else on the edge, the scores back on the device.
Plan split_plan() {
  Plan plan;
  plan.assignments = {{"stem", "device", "int8", "stem"},
                      {"left", "edge", "fp32", "left"},
                      {"right", "edge", "u8u8", "right"},
                      {"join", "edge", "fp32", "join"}};
  plan.machines = {{.machine = "device", .layers = 1}, {.machine = "edge", .layers = 3}};
  plan.cuts = {{"a", "device", "edge", "int8", 4096, 3200, 0.002},
               {"b", "device", "edge", "int8", 1024, 3100, 0.001},
               {"scores", "edge", "device", "float32", 400, 3000, 0.001}};
  plan.schedule.activities = {{"device", "part 1", "int8", 0, 5000},
                              {"device-edge", "a", "int8", 5000, 8200},
                              {"device-edge", "b", "int8", 8200, 8300},
                              {"edge", "part 2", "fp32", 8300, 20'000},
                              {"edge-device", "scores", "float32", 20'000, 23'000}};
  plan.schedule.makespan_us = 23'000;
  plan.latency_us = 25'000;
  plan.energy_j = 0.125;
  plan.parts = 2;
  return plan;
}

std::string file(const std::vector<ChartFile>& charts, const std::string& name) {
  const auto at =
      std::ranges::find_if(charts, [&](const auto& chart) { return chart.name == name; });
  return at == charts.end() ? "" : at->svg;
}

std::string drawn(const Plan& plan, const std::string& name) {
  const auto charts = plan_charts(plan, small_graph(), "net.onnx");
  EXPECT_THAT(charts, IsOk());
  for (const auto& chart : *charts) {
    EXPECT_TRUE(is_well_formed(chart.svg)) << chart.name;
  }
  return file(*charts, name);
}

/// The class of the box that has this tooltip: its colour.
std::string css_of(const std::string& svg, const std::string& tooltip) {
  const auto at = svg.find("<title>" + tooltip);
  const auto begin = svg.rfind("class=\"", at) + 7;
  return at == std::string::npos ? "" : svg.substr(begin, svg.find('"', begin) - begin);
}

TEST(PlanCharts, Graph_ShowsWhatCrossesWithBytesAndTime) {
  const auto svg = drawn(split_plan(), "plan.svg");
  EXPECT_THAT(svg, HasSubstr(">net.onnx: 25.0 ms and 125 mJ of one inference, 2 parts<"));
  EXPECT_THAT(svg, AllOf(HasSubstr(">stem<"), HasSubstr(">device<"), HasSubstr(">edge<"),
                         HasSubstr(">sent over a link<")));
  // Both results of the stem go to left, and b is sent once for left and right.
  EXPECT_THAT(svg, HasSubstr("<title>device to edge; stem: int8 4.00 KiB, 3.20 ms; "
                             "stem: int8 1.00 KiB, 3.10 ms</title>"));
  EXPECT_THAT(svg, HasSubstr(">2 tensors, 5.00 KiB, 6.30 ms<"));
  EXPECT_EQ(count_of(svg, ">int8 1.00 KiB, 3.10 ms<"), 0U) << "told once";
  EXPECT_THAT(svg, HasSubstr(">float32 400 B, 3.00 ms<"));
  EXPECT_THAT(svg, HasSubstr("Plan of 4 layers: 1 on device, 3 on edge; 3 arrows over links."));
}

TEST(PlanCharts, Graph_ShowsWhereInputsComeFromAndOutputsGo) {
  const auto split = drawn(split_plan(), "plan.svg");
  EXPECT_THAT(split, AllOf(HasSubstr(">input<"), HasSubstr(">output<")));
  EXPECT_THAT(split, AllOf(HasSubstr("<title>device: input image</title>"),
                           HasSubstr("<title>device: output scores</title>")));
  EXPECT_THAT(split, Not(HasSubstr("input w"))) << "constants are nobody's input";

  // Everything on the edge: what crosses are the ends alone.
  auto whole = split_plan();
  whole.assignments[0].machine = "edge";
  whole.cuts = {{"image", "device", "edge", "u8", 150'528, 10'500, 0.01},
                {"scores", "edge", "device", "float32", 400, 3000, 0.001}};
  const auto svg = drawn(whole, "plan.svg");
  EXPECT_THAT(svg, AllOf(HasSubstr(">u8 147 KiB, 10.5 ms<"), HasSubstr(">float32 400 B, 3.00 ms<"),
                         HasSubstr("<title>device: input image</title>")));

  // All of it where inputs are: nothing crosses.
  auto here = split_plan();
  for (auto& one : here.assignments) {
    one.machine = "edge";
  }
  here.cuts.clear();
  const auto alone = drawn(here, "plan.svg");
  EXPECT_THAT(alone, AllOf(HasSubstr("<title>edge: input image</title>"),
                           HasSubstr("<title>edge: output scores</title>"),
                           Not(HasSubstr("sent over a link"))));
}

TEST(PlanCharts, OneValueInTwoForms_IsTheSumOfBoth) {
  auto plan = split_plan();
  plan.cuts.insert(plan.cuts.begin() + 1, {"a", "device", "edge", "float16", 8192, 4000, 0.002});
  plan.cuts.erase(plan.cuts.begin() + 2);
  EXPECT_THAT(drawn(plan, "plan.svg"), HasSubstr(">int8 and float16 12.0 KiB, 7.20 ms<"));
}

TEST(PlanCharts, SeveralInputs_AreOneBox) {
  graph::Graph graph;
  graph::Op op;
  op.name = "stem";
  for (const auto* name : {"left", "right", "unread"}) {
    graph::TensorInfo info;
    info.name = name;
    info.kind = graph::TensorKind::kInput;
    const auto id = graph.add_tensor(std::move(info));
    graph.mark_input(id);
    if (std::string(name) != "unread") {
      op.inputs.emplace_back(id);
    }
  }
  graph.add_op(std::move(op));
  ASSERT_THAT(graph.finish(), IsOk());
  auto plan = split_plan();
  plan.assignments.resize(1);
  plan.cuts.clear();
  plan.schedule.activities.resize(1);
  const auto charts = plan_charts(plan, graph, "net.onnx");
  ASSERT_THAT(charts, IsOk());
  EXPECT_THAT(file(*charts, "plan.svg"),
              AllOf(HasSubstr(">2 inputs<"), HasSubstr("<title>device: input left, right</title>"),
                    Not(HasSubstr(">output<"))));
}

TEST(PlanCharts, FurtherSchemes_HaveAColourOfTheirOwn) {
  const auto svg = drawn(split_plan(), "plan.svg");
  const auto int8 = css_of(svg, "stem: device, int8");
  const auto fp32 = css_of(svg, "left: edge, fp32");
  const auto further = css_of(svg, "right: edge, u8u8");
  EXPECT_EQ(int8, "q f1 s1");
  EXPECT_EQ(fp32, "q f0 s0");
  EXPECT_FALSE(further.empty());
  EXPECT_NE(further, int8);
  EXPECT_NE(further, fp32);
  EXPECT_NE(further, "q f2 s2") << "that is float16";
}

TEST(PlanCharts, Schedule_TellsTransfersFromWork) {
  const auto svg = drawn(split_plan(), "schedule.svg");
  EXPECT_THAT(svg, HasSubstr(">net.onnx: 23.0 ms with machines and links side by side, "
                             "25.0 ms one after another<"));
  EXPECT_THAT(svg,
              AllOf(HasSubstr(">time, ms<"), HasSubstr(">device-edge<"), HasSubstr(">edge-device<"),
                    HasSubstr(">part 1: 1 layer<"), HasSubstr(">part 2: 3 layers<")));
  EXPECT_THAT(svg, AllOf(HasSubstr(">int8 4.00 KiB<"), HasSubstr(">float32 400 B<")));
  // int8 on a link is not int8 on a machine.
  EXPECT_EQ(css_of(svg, "device: part 1: 1 layer, 1 int8"), "q f1 s1");
  EXPECT_EQ(css_of(svg, "edge: part 2: 3 layers, 2 fp32, 1 u8u8"), "q f0 s0");
  EXPECT_THAT(svg, AllOf(HasSubstr(">mostly fp32, by time<"), HasSubstr(">mostly int8, by time<")));
  EXPECT_EQ(css_of(svg, "device-edge: int8 4.00 KiB, a"), "q f6 s6");
  EXPECT_EQ(css_of(svg, "edge-device: float32 400 B, scores"), "q f6 s6");
  EXPECT_EQ(count_of(svg, ">sent over a link<"), 1U);

  // Where every part has one precision, and things run side by side or do not.
  auto plan = split_plan();
  plan.assignments[2].precision = "fp32";
  EXPECT_THAT(drawn(plan, "schedule.svg"), AllOf(HasSubstr(">fp32<"), Not(HasSubstr("mostly"))));
  plan.latency_us = plan.schedule.makespan_us;
  EXPECT_THAT(drawn(plan, "schedule.svg"),
              HasSubstr(">net.onnx: 23.0 ms, one thing after another<"));
}

/// Two limits on the error, and float32.
Plan with_front() {
  auto plan = split_plan();
  plan.pareto = {{25'000, 1e-2, 0.125, 24'900, {{"device int8", 1}, {"edge fp32", 3}}},
                 {30'000, 1e-4, 0.150, 28'000, {}},
                 {40'000, 0.0, 0.160, 40'000, {}}};
  return plan;
}

TEST(PlanCharts, Front_IsOfWhatFalls) {
  const auto error = drawn(with_front(), "front.svg");
  EXPECT_THAT(error, AllOf(HasSubstr(">Latency against error<"),
                           HasSubstr(">error of the outputs, l2 per element<"),
                           HasSubstr(">latency of one inference, ms<"), HasSubstr(">plans found<"),
                           HasSubstr(">proven: no plan is below<")));
  EXPECT_THAT(error, HasSubstr("<title>1 device int8, 3 edge fp32"));
  // Wide apart, so on a logarithmic axis, which has no zero.
  EXPECT_THAT(error, HasSubstr(">without error: 40.0 ms<"));
  EXPECT_EQ(count_of(error, "error of the outputs: 0 "), 0U);

  // The error is known as well, but the limits were on the energy.
  auto plan = with_front();
  plan.pareto = {{25'000, 1e-3, 0.160, 24'900, {}}, {30'000, 2e-3, 0.120, 29'000, {}}};
  const auto energy = drawn(plan, "front.svg");
  EXPECT_THAT(energy, AllOf(HasSubstr(">Latency against energy<"),
                            HasSubstr(">energy of one inference, mJ<")));
}

TEST(PlanCharts, Front_IsMadeOfStairs) {
  auto plan = with_front();
  plan.pareto.pop_back();
  const auto svg = drawn(plan, "front.svg");
  // Two marks of each line with the corner between them: plans keep their time to the next one,
  // bounds hold from the one before on.
  std::vector<std::string> lines;
  for (auto at = svg.find("<path class=\"l s"); at != std::string::npos;
       at = svg.find("<path class=\"l s", at + 1)) {
    const auto line = svg.substr(at, svg.find('\n', at) - at);
    if (count_of(line, "L") == 2) {
      lines.push_back(line.substr(line.find(" d=\"M") + 5));
    }
  }
  ASSERT_EQ(lines.size(), 2U);
  const auto corner_is_level_with = [&](const std::string& line) {
    const auto first = line.find('L');
    const auto second = line.find('L', first + 1);
    const auto y = [&](std::size_t from, std::size_t to) {
      const auto point = line.substr(from, to - from);
      return point.substr(point.find(' ') + 1);
    };
    const auto begins = y(0, first);
    return y(first + 1, second) == begins ? "first" : "last";
  };
  EXPECT_STREQ(corner_is_level_with(lines[0]), "first");
  EXPECT_STREQ(corner_is_level_with(lines[1]), "last");
}

TEST(PlanCharts, WithoutAPlan_ThereAreNone) {
  const auto charts = plan_charts({}, small_graph(), "net.onnx");
  ASSERT_THAT(charts, IsOk());
  EXPECT_TRUE(charts->empty());
  // Without a front there is no picture of one.
  EXPECT_EQ(drawn(split_plan(), "front.svg"), "");
}

}  // namespace
}  // namespace tessera::report
