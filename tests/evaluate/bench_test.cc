// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/evaluate/optimize.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::evaluate {
namespace {

using quantize::Format;
using quantize::Mode;
using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::ModelBuilder;
using ::testing::Not;

/// Conv, Relu, Conv, Relu, GlobalAveragePool, Flatten, Gemm: small, and quantized as real ones are.
onnx::Model small_classifier() {
  const std::vector<std::int64_t> pads{1, 1, 1, 1};
  return ModelBuilder(13)
      .input("x", {1, 3, 24, 24})
      .weight("w1", {16, 3, 3, 3}, 0.2)
      .weight("b1", {16}, 0.1)
      .op("Conv", {"x", "w1", "b1"}, {"c1"}, {{"pads", pads}})
      .op("Relu", {"c1"}, {"r1"})
      .weight("w2", {32, 16, 3, 3}, 0.1)
      .weight("b2", {32}, 0.1)
      .op("Conv", {"r1", "w2", "b2"}, {"c2"}, {{"pads", pads}})
      .op("Relu", {"c2"}, {"r2"})
      .op("GlobalAveragePool", {"r2"}, {"p"})
      .op("Flatten", {"p"}, {"f"})
      .weight("w3", {32, 10}, 0.3)
      .weight("b3", {10}, 0.1)
      .op("Gemm", {"f", "w3", "b3"}, {"y"})
      .output("y", {1, 10})
      .build();
}

/// A model with its ranges and samples, as the commands have them.
struct Fixture {
  std::shared_ptr<const runtime::Library> library;
  onnx::Model model;
  data::SampleSet samples;
  calibrate::Ranges ranges;
};

Result<Fixture> make_fixture() {
  TESSERA_TRY(auto library, runtime::Library::load());
  auto model = small_classifier();
  TESSERA_CHECK(model.infer_types(runtime::type_oracle(library)));
  TESSERA_TRY(const auto inputs, calibrate::input_specs(model));
  TESSERA_TRY(auto samples,
              data::SampleSet::open({.source = "random:8"}, inputs, Monitor::silent()));
  TESSERA_TRY(auto ranges, calibrate::calibrate(model, samples, library, {}, Monitor::silent()));
  return Fixture{std::move(library), std::move(model), std::move(samples), std::move(ranges)};
}

const Measurement* find_row(const BenchResult& result, std::string_view name,
                            runtime::OptLevel level = runtime::OptLevel::kAll) {
  const auto found = std::find_if(result.rows.begin(), result.rows.end(), [&](const auto& row) {
    return row.name() == name && row.opt_level == level;
  });
  return found == result.rows.end() ? nullptr : &*found;
}

BenchOptions quick() {
  BenchOptions options;
  options.budget_us = 0.3e6;
  return options;
}

Result<BenchResult> run(const Fixture& fixture, const BenchOptions& options) {
  return bench(fixture.model, fixture.samples, &fixture.ranges, fixture.library, options,
               Monitor::silent());
}

TEST(Bench, WholeTable_EveryRowHasAResultOrAReason) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  const auto result = run(*fixture, quick());
  ASSERT_THAT(result, IsOk());
  for (const auto& row : result->rows) {
    const auto where = row.name() + " at " + std::string(to_string(row.opt_level));
    if (row.status != RowStatus::kOk) {
      EXPECT_THAT(row.reason, AllOf(Not(IsEmpty()), Not(HasSubstr("\n")))) << where;
      continue;
    }
    EXPECT_GT(row.latency.n, 0) << where;
    EXPECT_GT(row.speedup.rounds, 0) << where;
    EXPECT_TRUE(row.accuracy.has_value()) << where;
    EXPECT_GT(row.size_bytes, 0) << where;
  }
  EXPECT_TRUE(result->best.has_value());
}

TEST(Bench, Float32AtAll_IsTheReference) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.formats = {"float32"};
  const auto result = run(*fixture, options);
  ASSERT_THAT(result, IsOk());
  const auto* reference = find_row(*result, "float32");
  ASSERT_NE(reference, nullptr);
  EXPECT_DOUBLE_EQ(reference->speedup.median, 1);
  EXPECT_EQ(reference->accuracy->overall.max_abs, 0);
}

TEST(Bench, SignedActivationsWithUnsignedWeights_AreARowWithTheReason) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.formats = {"qdq"};
  options.types = {"s8u8"};
  options.granularities = {"tensor"};
  options.levels = {runtime::OptLevel::kAll};
  const auto result = run(*fixture, options);
  ASSERT_THAT(result, IsOk());
  const auto* row = find_row(*result, "qdq-s8u8");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->status, RowStatus::kUnsupported);
  EXPECT_THAT(row->reason, Not(IsEmpty()));
}

TEST(Bench, QuantizedRow_ShowsIntegerKernelsAndSmallError) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.formats = {"qdq", "qoperator"};
  options.types = {"u8s8"};
  options.levels = {runtime::OptLevel::kAll};
  const auto result = run(*fixture, options);
  ASSERT_THAT(result, IsOk());
  for (const auto* name : {"qdq-u8s8-channel", "qoperator-u8s8"}) {
    const auto* row = find_row(*result, name);
    ASSERT_NE(row, nullptr) << name;
    ASSERT_EQ(row->status, RowStatus::kOk) << row->reason;
    EXPECT_GE(row->kernels->integer_kernels, 2) << name;
    EXPECT_GT(row->accuracy->overall.sqnr_db, 15) << name;
    EXPECT_LT(row->size_bytes, find_row(*result, "float32")->size_bytes) << name;
  }
}

TEST(Bench, LittleMemory_TimesInBatchesWithTheSameReference) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.formats = {"float32", "qdq"};
  options.types = {"u8s8"};
  options.memory_bytes = 1;  // one row at a time
  const auto result = run(*fixture, options);
  ASSERT_THAT(result, IsOk());
  for (const auto& row : result->rows) {
    ASSERT_EQ(row.status, RowStatus::kOk) << row.reason;
    EXPECT_GT(row.speedup.rounds, 0) << row.name();
  }
}

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
  EXPECT_EQ(result->chosen.has_value(), result->model.has_value());
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
  EXPECT_FALSE(result->model.has_value());
  EXPECT_THAT(result->reason, HasSubstr("limits"));
  for (const auto& candidate : result->candidates) {
    EXPECT_EQ(candidate.row.latency.n, 0) << "time spent on " << candidate.row.name();
  }
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
}  // namespace tessera::evaluate
