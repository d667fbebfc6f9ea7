// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "support/matchers.h"
#include "tessera/core/host.h"
#include "tessera/core/parallel.h"
#include "tessera/core/random.h"
#include "tessera/core/record.h"
#include "tessera/core/timing.h"

namespace tessera {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

Result<int> half(int value) {
  if (value % 2 != 0) {
    return fail(ErrorCode::kInvalidArgument, "{} is odd", value).hint("take {}", value + 1);
  }
  return value / 2;
}

Result<int> quarter(int value) {
  TESSERA_TRY(const auto once, half(value));
  TESSERA_TRY(const auto twice, half(once));
  return twice;
}

TEST(Result_Test, TryPassesTheErrorOnWithItsPlace) {
  EXPECT_THAT(quarter(8), testing::IsOkAndHolds(2));
  const auto failed = quarter(6);
  EXPECT_THAT(failed, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("3 is odd")));
  EXPECT_EQ(to_string(failed.error()), "error: 3 is odd\n  hint: take 4");
  EXPECT_THAT(failed.error().where.file_name(), HasSubstr("core_test.cc"));
}

TEST(ExitCode_Test, IsThatOfTheContract) {
  EXPECT_EQ(exit_code(ErrorCode::kFailedPrecondition), 1);
  EXPECT_EQ(exit_code(ErrorCode::kInvalidArgument), 2);
  EXPECT_EQ(exit_code(ErrorCode::kAlreadyExists), 2);
  EXPECT_EQ(exit_code(ErrorCode::kDataLoss), 3);
  EXPECT_EQ(exit_code(ErrorCode::kUnavailable), 4);
  EXPECT_EQ(exit_code(ErrorCode::kAborted), 5);
  EXPECT_EQ(exit_code(ErrorCode::kInternal), 70);
  EXPECT_EQ(exit_code(ErrorCode::kCancelled), 130);
}

TEST(Random_Test, GivesTheSameStreamEverywhere) {
  Random random(0);
  // xoshiro256++ from the first four outputs of splitmix64(0).
  EXPECT_EQ(random(), 5987356902031041503U);
  EXPECT_EQ(random(), 7051070477665621255U);
}

RC_GTEST_PROP(Random_Test, BelowStaysBelow, (std::uint64_t seed)) {
  Random random(seed);
  const auto bound = *rc::gen::inRange<std::uint64_t>(1, 1000);
  for (int i = 0; i < 100; ++i) {
    RC_ASSERT(random.below(bound) < bound);
    const auto u = random.uniform();
    RC_ASSERT(u >= 0 && u < 1);
  }
}

TEST(Quantile_Test, InterpolatesBetweenOrderStatistics) {
  const std::vector<double> sorted{1, 2, 4};
  EXPECT_DOUBLE_EQ(quantile(sorted, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(sorted, 0.5), 2);
  EXPECT_DOUBLE_EQ(quantile(sorted, 0.75), 3);
  EXPECT_DOUBLE_EQ(quantile(sorted, 1), 4);
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
}

RC_GTEST_PROP(Summarize_Test, DoesNotDependOnOrder, (std::vector<double> samples)) {
  auto reversed = samples;
  std::reverse(reversed.begin(), reversed.end());
  RC_ASSERT(to_json(summarize(samples, 3)) == to_json(summarize(reversed, 3)));
}

RC_GTEST_PROP(ParallelFor_Test, CallsEveryIndexOnce, ()) {
  const auto threads = *rc::gen::inRange(0, 5);
  const auto count = *rc::gen::inRange(0, 200);
  std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
  parallel_for(threads, count, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
  RC_ASSERT(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; }));
}

TEST(Host_Test, KnowsThisMachine) {
  const auto host = describe_host();
  EXPECT_FALSE(host.architecture.empty());
  EXPECT_FALSE(host.cpu.empty());
  EXPECT_GE(host.logical_cpus, 1);
  EXPECT_GT(host.memory_bytes, 0);
  EXPECT_GT(peak_rss_bytes(), 0);
}

TEST(Envelope_Test, CarriesTheContractsKeys) {
  Envelope envelope{.kind = "bench", .command = {"tessera", "bench"}, .started_at = "now"};
  envelope.warnings.push_back({"id", "message", "hint"});
  const auto document = enclose(envelope, {{"rows", 1}});
  for (const auto* key :
       {"schema", "tool", "command", "started_at", "context", "seed", "result", "warnings"}) {
    EXPECT_TRUE(document.contains(key)) << key;
  }
  EXPECT_EQ(document["schema"], "tessera.bench/1");
  const auto result = open_envelope(document, "bench", "it");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ((*result)["rows"], 1);
  EXPECT_THAT(open_envelope(document, "calibrate", "it"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'tessera.calibrate/1' was expected")));
  EXPECT_THAT(open_envelope(Json::array(), "bench", "it"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("schema")));
}

TEST(Envelope_Test, TimelessLeavesOutTheMachine) {
  const auto document = enclose({.kind = "bench", .timeless = true}, Json::object());
  EXPECT_FALSE(document.contains("started_at"));
  EXPECT_FALSE(document.contains("context"));
  EXPECT_FALSE(document.contains("command"));
}

}  // namespace
}  // namespace tessera
