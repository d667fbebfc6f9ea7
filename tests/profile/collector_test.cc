// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "profile/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

#include "tessera/core/random.h"

namespace tessera::profile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = Site::Kind;

/// One unit; the durations of its kernels in every run.
Trace collect(const std::vector<std::vector<double>>& runs, Kind kind = Kind::kUnit) {
  Collector collector(1, runs.size());
  for (std::size_t run = 0; run < runs.size(); ++run) {
    for (std::size_t i = 0; i < runs[run].size(); ++i) {
      runtime::KernelTime kernel{.op_type = "K" + std::to_string(i)};
      kernel.duration_us = runs[run][i];
      collector.add(run, {kind, 0, {}}, kernel);
    }
  }
  Trace trace;
  collector.finish(trace, 2);
  return trace;
}

TEST(Collector, KernelsOfAUnit_AddUp) {
  const auto trace = collect({{1, 10}, {3, 30}});
  EXPECT_DOUBLE_EQ(trace.times.unit_us.at(0), 2 + 20);
  EXPECT_EQ(trace.times.unit_kernels.at(0), 2);
  EXPECT_THAT(trace.unit_kernels.at(0), ElementsAre("K0", "K1"));
  EXPECT_EQ(trace.unit_timing.at(0).n, 2);
  EXPECT_EQ(trace.unit_timing.at(0).warmup, 2);
  EXPECT_DOUBLE_EQ(trace.unit_timing.at(0).median_us, 22);
}

/// Two units in one kernel of a delegate, and the first of them in one of its own besides.
Trace collect_partition() {
  Collector collector(3, 2);
  for (std::size_t run = 0; run < 2; ++run) {
    const double pace = run == 0 ? 1 : 3;
    collector.add(run, {Kind::kUnit, 0, {}}, {.op_type = "OWN", .duration_us = 4 * pace});
    collector.add(run, {Kind::kUnit, 1, {0, 1}},
                  {.op_type = "DELEGATE",
                   .duration_us = 10 * pace,
                   .role = runtime::KernelRole::kInteger,
                   .partition = true});
  }
  Trace trace;
  collector.finish(trace, 2);
  return trace;
}

TEST(Collector, APartitionIsSharedByItsUnits) {
  auto trace = collect_partition();
  EXPECT_THAT(trace.times.unit_us, ElementsAre(8 + 10, 10, 0));
  EXPECT_THAT(trace.times.unit_kernels, ElementsAre(1.5, 0.5, 0));
  EXPECT_THAT(trace.unit_kernels[0], ElementsAre("OWN", "DELEGATE"));
  EXPECT_THAT(trace.unit_kernels[1], ElementsAre("DELEGATE"));
  EXPECT_THAT(trace.integers, ElementsAre(false, true, false));
  ASSERT_EQ(trace.times.shared.size(), 1U);
  EXPECT_THAT(trace.times.shared[0].units, ElementsAre(0, 1));
  EXPECT_DOUBLE_EQ(trace.unit_timing[0].median_us, 18);
  EXPECT_EQ(trace.unit_timing[2].n, 0);

  trace.share_by(std::vector<double>{1, 4, 9});
  EXPECT_THAT(trace.times.unit_us, ElementsAre(8 + 4, 16, 0));
  EXPECT_DOUBLE_EQ(trace.unit_timing[0].median_us, 12);
  EXPECT_DOUBLE_EQ(trace.unit_timing[1].median_us, 16);
  EXPECT_EQ(trace.unit_timing[1].n, 2);
  EXPECT_EQ(trace.unit_timing[1].warmup, 2);
}

TEST(Collector, AKernelThatFusesUnits_IsTheLastOnes) {
  Collector collector(2, 1);
  collector.add(0, {Kind::kUnit, 1, {0, 1}}, {.op_type = "FUSED", .duration_us = 10});
  Trace trace;
  collector.finish(trace, 0);
  EXPECT_THAT(trace.times.unit_us, ElementsAre(0, 10));
  EXPECT_THAT(trace.times.shared, IsEmpty());
}

TEST(Collector, TheFirstKernelOfAUnitTellsWhetherItIsComputedInIntegers) {
  using Role = runtime::KernelRole;
  Collector collector(3, 1);
  const auto add = [&](std::size_t unit, Role role) {
    collector.add(0, {Kind::kUnit, unit, {}}, {.op_type = "K", .role = role});
  };
  add(0, Role::kInteger);
  add(0, Role::kFloat);
  add(1, Role::kFloat);
  add(1, Role::kIntegerProduct);
  Trace trace;
  collector.finish(trace, 0);
  EXPECT_THAT(trace.integers, ElementsAre(true, false, false));
}

TEST(Collector, ADisturbanceOfOneKernel_LeavesTheOthersOfItsRun) {
  // In each of four runs another kernel was interrupted: taken kernel by kernel none of them shows.
  const auto trace = collect({{900, 2, 3, 4}, {1, 900, 3, 4}, {1, 2, 900, 4}, {1, 2, 3, 900}});
  EXPECT_DOUBLE_EQ(trace.times.unit_us.at(0), 1 + 2 + 3 + 4);
  EXPECT_GT(trace.unit_timing.at(0).median_us, 900);  // runs as they were
}

TEST(Collector, RunsOfDifferentNumbersOfKernels_AreTakenWhole) {
  // A loop ran twice, four times, and three times: sums 2, 4 and 3.
  const auto trace = collect({{1, 1}, {1, 1, 1, 1}, {1, 1, 1}});
  EXPECT_DOUBLE_EQ(trace.times.unit_us.at(0), 3);
  EXPECT_EQ(trace.times.unit_kernels.at(0), 2);  // of the first run
  // Also where a run called none at all.
  EXPECT_DOUBLE_EQ(collect({{6}, {}, {6}, {6}}).times.unit_us.at(0), 6);
  EXPECT_DOUBLE_EQ(collect({{6}, {}}).times.unit_us.at(0), 3);
}

TEST(Collector, WhatTheFirstRunDidNotCall_StillTakesTime) {
  const auto trace = collect({{}, {8}, {8}, {8}});
  EXPECT_DOUBLE_EQ(trace.times.unit_us.at(0), 8);
  EXPECT_EQ(trace.times.unit_kernels.at(0), 0);
}

TEST(Collector, WithoutKernels_TakesNothing) {
  const auto trace = collect({{}, {}, {}});
  EXPECT_EQ(trace.times.unit_us.at(0), 0);
  EXPECT_EQ(trace.unit_timing.at(0).n, 0);
  EXPECT_THAT(trace.unit_kernels.at(0), IsEmpty());
  EXPECT_EQ(collect({}).times.unit_us.at(0), 0);
}

TEST(Collector, ConversionsAndUnits_AreKeptApart_InputsLast) {
  Collector collector(2, 1);
  const auto add = [&](Kind kind, std::size_t unit, double us) {
    runtime::KernelTime kernel{.op_type = "Cast"};
    kernel.duration_us = us;
    collector.add(0, {kind, unit, {}}, kernel);
  };
  add(Kind::kUnit, 0, 1);
  add(Kind::kConversion, 0, 2);
  add(Kind::kUnit, 1, 4);
  add(Kind::kConversion, 2, 8);
  Trace trace;
  collector.finish(trace, 0);
  EXPECT_THAT(trace.times.unit_us, ElementsAre(1, 4));
  EXPECT_THAT(trace.times.conversion_us, ElementsAre(2, 0, 8));
  EXPECT_THAT(trace.times.conversion_kernels, ElementsAre(1, 0, 1));
  trace.times.states.resize(2);
  EXPECT_TRUE(trace.times.fits(2));
  EXPECT_THAT(trace.conversion_kernels.at(2), ElementsAre("Cast"));
}

/// What runs have alike is their sum, however kernels are spread over them.
RC_GTEST_PROP(CollectorProperty, EqualRuns_TakeWhatOneTakes, (std::uint64_t seed)) {
  Random random(seed);
  std::vector<double> run(random.below(6));
  for (auto& us : run) {
    us = 100 * random.uniform();
  }
  const auto trace = collect(std::vector<std::vector<double>>(1 + random.below(9), run));
  const double us = std::accumulate(run.begin(), run.end(), 0.0);
  RC_ASSERT(std::abs(trace.times.unit_us[0] - us) < 1e-9 * (1 + us));
}

TEST(KernelsByRun, MayBeOfAnyNumber) {
  std::vector<runtime::KernelTime> kernels(6);
  const std::vector<std::int64_t> runs{0, 0, 0, 1, 3, 3};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    kernels[i].run = runs[i];
  }
  const auto by_run = runtime::kernels_by_run(kernels);
  ASSERT_EQ(by_run.size(), 3U);
  EXPECT_EQ(by_run[0].size(), 3U);
  EXPECT_EQ(by_run[1].size(), 1U);
  EXPECT_EQ(by_run[2].size(), 2U);
  EXPECT_TRUE(runtime::kernels_by_run({}).empty());
}

TEST(Midmean, OfFewValues_IsTheirMean) {
  EXPECT_DOUBLE_EQ(midmean({1, 2}), 1.5);
  EXPECT_DOUBLE_EQ(midmean({1, 2, 6}), 3);
  EXPECT_DOUBLE_EQ(midmean({100, 2, 4, 0}), 3);
}

RC_GTEST_PROP(MidmeanProperty, IsBetweenTheQuartiles_InAnyOrder, (std::uint64_t seed)) {
  Random random(seed);
  std::vector<double> values(1 + random.below(20));
  for (auto& value : values) {
    value = random.normal();
  }
  auto sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const auto cut = values.size() / 4;
  RC_ASSERT(midmean(values) >= sorted[cut] - 1e-12);
  RC_ASSERT(midmean(values) <= sorted[sorted.size() - 1 - cut] + 1e-12);
  RC_ASSERT(std::abs(midmean(values) - midmean(sorted)) < 1e-12);
}

}  // namespace
}  // namespace tessera::profile
