// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tessera::report {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using placement::Plan;
using placement::Standing;

Plan two_machines() {
  Plan plan;
  plan.status = Standing::kOptimal;
  plan.objective_unit = "us";
  plan.objective = plan.latency_us = 25'000;
  plan.latency_low_us = 24'000;
  plan.latency_high_us = 26'000;
  plan.bound = 24'900;
  plan.gap = 0.004;
  plan.wall_us = 1500;
  plan.method = "branch and bound";
  plan.parts = 3;
  plan.schedule.makespan_us = 23'000;
  plan.energy_j = 0.125;
  plan.energy_sources = {"device: stated x time", "edge: measured x time"};
  plan.assignments = {{"stem", "device", "int8", "stem"}, {"head", "edge", "fp32", "head"}};
  plan.machines = {{.machine = "device", .layers = 1, .compute_us = 5000, .energy_j = 0.1},
                   {.machine = "edge", .layers = 1, .compute_us = 12'000, .energy_j = 0.025},
                   {.machine = "cloud", .why_idle = "it is too far"}};
  return plan;
}

std::string text_of(const Plan& plan, Page page = {}) {
  return plan_text(plan, page, 0);
}

TEST(PlanText, Head_SaysHowGoodThePlanIsKnownToBe) {
  auto plan = two_machines();
  EXPECT_THAT(text_of(plan), HasSubstr("optimal, latency 25.0 ms in 3 parts, proven within 0.4 % "
                                       "(bound 24.9 ms), found in 1.50 ms by branch and bound\n"));
  // A bound that reads like the plan's own figure says nothing, nor do more digits.
  plan.bound = 24'999.999;
  plan.gap = 4e-8;
  EXPECT_THAT(text_of(plan),
              AllOf(HasSubstr("proven within 0.01 %, found"), Not(HasSubstr("(bound"))));
  plan.bound = plan.objective;
  plan.gap = 0;
  plan.parts = 1;
  EXPECT_THAT(text_of(plan), HasSubstr("in 1 part, proven: none is better, found"));
  // What ran out of time is not proven to be the best.
  plan.status = Standing::kFeasible;
  EXPECT_THAT(text_of(plan), HasSubstr("feasible, latency 25.0 ms in 1 part, proven within"));
}

TEST(PlanText, Throughput_IsARateWithItsStage) {
  auto plan = two_machines();
  plan.goal = placement::Objective::kThroughput;
  EXPECT_THAT(text_of(plan), HasSubstr("optimal, throughput 40.0 inferences/s (busiest stage "
                                       "25.0 ms) in 3 parts"));
}

TEST(PlanText, Head_HasTheMakespanWhereItIsLess) {
  auto plan = two_machines();
  EXPECT_THAT(text_of(plan), HasSubstr("; 23.0 ms with machines and links side by side\n"));
  plan.schedule.makespan_us = plan.latency_us;
  EXPECT_THAT(text_of(plan), Not(HasSubstr("side by side")));
}

TEST(PlanText, Energy_SaysWhereItComesFrom) {
  auto plan = two_machines();
  EXPECT_THAT(text_of(plan),
              HasSubstr("energy    125 mJ (device: stated x time; edge: measured x time)\n"));
  plan.energy_j.reset();
  EXPECT_THAT(text_of(plan), HasSubstr("energy    not known: machines have no busy_watts\n"));
}

TEST(PlanText, Baselines_AreWholeNamesAndNotes) {
  auto plan = two_machines();
  plan.baselines = {
      {.name = "at most 12 layers in int8, no codec for inputs (the rule of the predecessor)",
       .latency_us = 50'000,
       .objective = 50'000},
      {.name = "all on edge",
       .why = "some operator runs nowhere else, or there is no way for a "
              "value of this size over the links that there are"}};
  // Too long for the page, they go on below instead of losing their middles.
  const auto text = text_of(plan, Page(80));
  EXPECT_THAT(text, AllOf(HasSubstr("times the plan"), HasSubstr("2.00"), HasSubstr("predecessor"),
                          HasSubstr("there are"), Not(HasSubstr("\u2026"))));
}

TEST(PlanText, BaselinesOverALimit_SayOfWhat) {
  auto plan = two_machines();
  plan.baselines = {
      {.name = "all on edge", .feasible = false, .why = "memory of edge", .latency_us = 50'000},
      {.name = "one cut", .feasible = false, .why = "there is no way"}};
  EXPECT_THAT(text_of(plan),
              AllOf(HasSubstr("over the limit of memory of edge"), HasSubstr("there is no way"),
                    Not(HasSubstr("over the limit of there"))));
}

TEST(PlanText, TurningPoints_HaveTheRateThatTheyAreAt) {
  auto plan = two_machines();
  plan.turning_points = {{"bandwidth of link device-edge", 2.5, 50e6, "bytes/s", "edge"},
                         {"speed of machine edge", 0.5, 0.5, "x", "device"}};
  EXPECT_THAT(text_of(plan),
              AllOf(HasSubstr("with 2.50 times the bandwidth of link device-edge (50.0 MB/s) the "
                              "plan would use edge\n"),
                    HasSubstr("with 0.500 times the speed of machine edge the plan would use "
                              "device\n")));
}

TEST(PlanText, Limits_SayWhatATenthMoreSaves) {
  auto plan = two_machines();
  plan.limits = {{"energy", "J", 0.12, 0.1, 50'000.0}, {"memory of edge", "B", 10, 4096, {}}};
  // 10 mJ more at 50 ms per J.
  EXPECT_THAT(text_of(plan), AllOf(HasSubstr("a tenth more would save"), HasSubstr("about 500 us"),
                                   HasSubstr("4.00 KiB"), HasSubstr("nothing")));
}

TEST(PlanText, WithoutAUsefulBound_HasNoExponent) {
  auto plan = two_machines();
  plan.bound = 0;
  plan.gap = 1;
  EXPECT_THAT(text_of(plan), HasSubstr("proven within 100 % (bound"));
}

TEST(PlanText, SaysWhatIsNotKnownAndWhy) {
  auto plan = two_machines();
  plan.error_why = "the error model does not know float16 on edge (3 layers)";
  EXPECT_THAT(text_of(plan),
              HasSubstr("error     not known: the error model does not know float16"));
  plan.pareto.push_back({});
  plan.pareto_why = "stopped after 3 of 8 points were looked for";
  EXPECT_THAT(text_of(plan), HasSubstr("stopped after 3 of 8 points"));
}

TEST(PlanText, SaysWhetherTurningPointsWereLookedFor) {
  auto plan = two_machines();
  EXPECT_THAT(text_of(plan), HasSubstr("no link or machine that is up to 1000 times faster"));
  plan.turning_points_why = "not looked for: it took too long";
  EXPECT_THAT(text_of(plan), HasSubstr("turning points: not looked for: it took too long"));
  plan.machines.resize(1);
  EXPECT_THAT(text_of(plan), Not(HasSubstr("turning points")));
}

TEST(PlanText, SaysWhatCostsOfAnExportMean) {
  auto plan = two_machines();
  plan.exported = {"p.lp", "ns", 211786};
  EXPECT_THAT(text_of(plan), HasSubstr("costs in p.lp are in ns, and 211786 too high"));
  plan.exported->offset = -5;
  EXPECT_THAT(text_of(plan), HasSubstr("5 too low: a plan takes its cost plus 5 ns"));
}

TEST(PlanText, WithoutAPlan_HasNoFigures) {
  Plan plan;
  plan.status = Standing::kUnknown;
  EXPECT_THAT(text_of(plan), HasSubstr("none was found; whether there is one is not known"));
  plan.status = Standing::kInfeasible;
  plan.conflicts = {{"error", "l2 per element", 1e-3, std::nullopt, 2e-3}};
  EXPECT_THAT(text_of(plan), HasSubstr("error allows 0.00100 l2 per element: at least 0.00200"));
}

TEST(PlanText, MachinesWithoutLayers_SayWhy) {
  EXPECT_THAT(text_of(two_machines()), HasSubstr("cloud got no layers: it is too far\n"));
}

}  // namespace
}  // namespace tessera::report
