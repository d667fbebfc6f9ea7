// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/optimize/optimize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"
#include "support/small_classifier.h"

namespace tessera::optimize {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::make_fixture;
using ::testing::Not;

OptimizeOptions quick_optimize() {
  OptimizeOptions options;
  options.budget_us = 20e6;
  return options;
}

TEST(Optimize, WithoutLimits_ReturnsAMeasuredAnswer) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  const auto result = optimize(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                               quick_optimize(), Monitor::silent());
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->reason, Not(IsEmpty()));
  EXPECT_EQ(result->chosen.has_value(), result->model != nullptr);
  for (std::size_t i = 1; i < result->candidates.size(); ++i) {
    EXPECT_GE(result->candidates[i - 1].row.speedup.median,
              result->candidates[i].row.speedup.median);
  }
  for (const auto& candidate : result->candidates) {
    EXPECT_THAT(candidate.verdict, Not(IsEmpty())) << candidate.row.name();
  }
  if (result->chosen) {
    EXPECT_GT(result->confirmation->low, 1);
  }
}

TEST(Optimize, LimitThatNothingKeeps_LeavesFloat32) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick_optimize();
  options.limits.min_sqnr_db = 300;
  const auto result = optimize(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                               options, Monitor::silent());
  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->chosen.has_value());
  EXPECT_EQ(result->model, nullptr);
  EXPECT_THAT(result->reason, HasSubstr("limits"));
  for (const auto& candidate : result->candidates) {
    EXPECT_EQ(candidate.row.latency.n, 0) << "time spent on " << candidate.row.name();
  }
}

TEST(Optimize, WhatIsEnough_CapsTheRuleWithoutLimits) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick_optimize();
  options.mixed = false;
  options.enough_sqnr_db = 5;  // far below what 8 bits reach
  const auto result = optimize(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                               options, Monitor::silent());
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->applied.min_sqnr_db, 5);
  EXPECT_EQ(result->chosen.has_value(), result->written.has_value());
}

/// Stops when candidates are about to be timed.
class Impatient final : public Monitor {
 public:
  void progress(std::string_view stage, std::int64_t, std::int64_t) override {
    stopped_ = stopped_ || stage == "timing candidates";
  }
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override { return stopped_; }

 private:
  bool stopped_ = false;
};

TEST(Optimize, Interrupted_KeepsTheErrorsThatWereMeasured) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  Impatient monitor;
  const auto result = optimize(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                               quick_optimize(), monitor);
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->interrupted);
  EXPECT_FALSE(result->chosen.has_value());
  EXPECT_EQ(result->model, nullptr);
  bool measured = false;
  for (const auto& candidate : result->candidates) {
    measured = measured || candidate.row.accuracy.has_value();
    EXPECT_THAT(candidate.verdict, Not(IsEmpty())) << candidate.row.name();
  }
  EXPECT_TRUE(measured);
}

TEST(Optimize, BudgetThatIsUsedUp_IsSaidAndFloat32Stays) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick_optimize();
  options.spent_us = options.budget_us;
  const auto result = optimize(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                               options, Monitor::silent());
  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(result->chosen.has_value());
  EXPECT_THAT(result->cut_off, Not(IsEmpty()));
}

TEST(Optimize, TopOneLimitWithoutLabels_IsRefused) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick_optimize();
  options.limits.max_top1_drop = 1;
  EXPECT_THAT(optimize(fixture->model, fixture->samples, fixture->ranges, fixture->library, options,
                       Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("labels")));
}

TEST(Optimize, RangeMethod_IsTheOneOfLeastError) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  const auto result = optimize(fixture->model, fixture->samples, fixture->ranges, fixture->library,
                               quick_optimize(), Monitor::silent());
  ASSERT_THAT(result, IsOk());
  bool any = false;
  for (const auto& candidate : result->candidates) {
    for (const auto& [method, sqnr_db] : candidate.methods) {
      any = true;
      EXPECT_LE(sqnr_db, candidate.row.accuracy->overall.sqnr_db) << to_string(method);
    }
  }
  EXPECT_TRUE(any);
}

}  // namespace
}  // namespace tessera::optimize
