// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/measurement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/evaluate/bench.h"
#include "tessera/evaluate/lab.h"
#include "tessera/evaluate/measuring.h"

namespace tessera::evaluate {
namespace {

using quantize::Format;
using quantize::Mode;
using quantize::Scheme;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::SizeIs;

TEST(KernelSummary, TellsIntegerFromConversionKernels) {
  using Role = runtime::KernelRole;
  const std::vector<runtime::KernelTime> kernels = {
      {"q", "Q", "CPUExecutionProvider", 0, 10, 0, 0, Role::kQuantize},
      {"c", "C", "CPUExecutionProvider", 10, 60, 0, 0, Role::kIntegerProduct},
      {"d", "D", "CPUExecutionProvider", 70, 10, 0, 0, Role::kDequantize},
      {"f", "F", "CPUExecutionProvider", 80, 20, 0, 0, Role::kFloat}};
  const auto summary = summarize_kernels(kernels);
  EXPECT_EQ(summary.kernels, 4);
  EXPECT_EQ(summary.integer_kernels, 1);
  EXPECT_EQ(summary.quantize_kernels, 1);
  EXPECT_EQ(summary.dequantize_kernels, 1);
  EXPECT_DOUBLE_EQ(summary.integer_time_percent, 60);
  EXPECT_DOUBLE_EQ(summary.conversion_time_percent, 20);
  EXPECT_EQ(summary.providers.at("CPUExecutionProvider"), 4);
}

TEST(MeasurementJson, FieldsThatTheModeLacks_AreNull) {
  Measurement row;
  row.scheme.mode = Mode::kFloat32;
  row.status = RowStatus::kOk;
  const auto json = to_json(row);
  EXPECT_TRUE(json["format"].is_null());
  EXPECT_TRUE(json["activation"].is_null());
  EXPECT_EQ(json["mode"], "float32");
  EXPECT_EQ(json["opt_level"], "all");
  EXPECT_TRUE(json["latency"].is_null());
}

Measurement measured_row() {
  Measurement row;
  row.scheme.mode = Mode::kStatic;
  row.scheme.activation = DType::kUInt8;
  row.scheme.weight = DType::kInt8;
  row.scheme.per_channel = true;
  row.scheme.method = numerics::RangeMethod::kMse;
  row.provider = runtime::ProviderChoice{};
  row.status = RowStatus::kOk;
  row.latency = {100, 90, 120, 12, 2};
  row.speedup = {2, 1.9, 2.1, 12};
  row.accuracy.emplace();
  row.accuracy->overall.sqnr_db = 31.5;
  row.accuracy->sqnr_interval_db = {30, 33};
  row.accuracy->top1 = Top1{.candidate_percent = 88, .agreement_percent = 97, .samples = 50};
  row.size_bytes = 1234;
  row.kernels = KernelSummary{.kernels = 7, .integer_kernels = 5, .integer_products = 3};
  return row;
}

TEST(MeasurementJson, WhatIsReadBack_IsWhatWasWritten) {
  const auto row = measured_row();
  const auto read = measurements_from_json(Json::array({to_json(row)}), "rows");
  ASSERT_THAT(read, IsOk());
  ASSERT_THAT(*read, SizeIs(1));
  EXPECT_EQ(to_json(read->front()), to_json(row));
  EXPECT_THAT(measurements_from_json(Json::array({Json{{"name", "x"}}}), "rows"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("rows")));
}

TEST(TakeOver, FillsTheRowOfTheSameNameLevelAndMethod) {
  const std::vector<Measurement> known{measured_row()};
  Measurement row;
  row.scheme = known.front().scheme;
  EXPECT_TRUE(take_over(row, known));
  EXPECT_EQ(row.latency.n, 12);
  EXPECT_EQ(row.accuracy->overall.sqnr_db, 31.5);
  Measurement other;
  other.scheme = known.front().scheme;
  other.scheme.method = numerics::RangeMethod::kMinMax;
  EXPECT_FALSE(take_over(other, known));
  other.scheme = known.front().scheme;
  other.opt_level = runtime::OptLevel::kBasic;
  EXPECT_FALSE(take_over(other, known));
  auto failed = known;
  failed.front().status = RowStatus::kFailed;
  EXPECT_FALSE(take_over(row, failed));
}

TEST(SettleLatency, MakesLatencyAgreeWithTheSpeedup) {
  Measurement reference;
  reference.latency.median_us = 300;
  auto row = measured_row();
  settle_latency(row, reference);
  EXPECT_DOUBLE_EQ(row.latency.median_us, 150);
  EXPECT_DOUBLE_EQ(row.latency.p90_us, 180);
}

TEST(MeasurementName, OfAModelThatIsQuantizedAlready_IsNotFloat32) {
  Measurement row;
  row.scheme.mode = Mode::kFloat32;
  row.given = "qdq";
  EXPECT_EQ(row.name(), "as given (qdq)");
  EXPECT_EQ(to_json(row)["mode"], "given");
}

TEST(ExplainIsa, DependsOnTheInstructionSet) {
  Host host;
  host.architecture = "x86_64";
  host.isa = {"avx2", "avx512_vnni"};
  EXPECT_THAT(explain_isa(host), HasSubstr("VNNI"));
  host.isa = {"avx2"};
  EXPECT_THAT(explain_isa(host), HasSubstr("saturates"));
  host.isa = {"asimd", "asimddp"};
  EXPECT_THAT(explain_isa(host), HasSubstr("Arm dot product"));
}

TEST(PlanBench, HasTheWholeTable) {
  const auto rows = plan_bench({});
  ASSERT_THAT(rows, IsOk());
  // 3 float32, 1 float16, 2 dynamic, 2 formats x 4 types x 2 granularities x 3 levels.
  EXPECT_THAT(*rows, SizeIs(3 + 1 + 2 + 48));
}

TEST(PlanBench, Filters_KeepTheReference) {
  BenchOptions options;
  options.formats = {"qdq"};
  options.types = {"u8s8"};
  options.granularities = {"channel"};
  options.levels = {runtime::OptLevel::kBasic};
  const auto rows = plan_bench(options);
  ASSERT_THAT(rows, IsOk());
  ASSERT_THAT(*rows, SizeIs(2));
  EXPECT_EQ((*rows)[0].scheme.mode, Mode::kFloat32);
  EXPECT_EQ((*rows)[0].opt_level, runtime::OptLevel::kAll);
  EXPECT_EQ((*rows)[1].name(), "qdq-u8s8-channel");
}

TEST(PlanBench, WhatIsNoAxis_IsThatOfEveryRow) {
  BenchOptions options;
  options.formats = {"qdq", "dynamic"};
  options.types = {"u8s8"};
  options.granularities = {"tensor"};
  options.levels = {runtime::OptLevel::kAll};
  options.base.reduce_range = true;
  options.base.activation_symmetric = true;
  options.base.method = numerics::RangeMethod::kMse;
  const auto rows = plan_bench(options);
  ASSERT_THAT(rows, IsOk());
  ASSERT_THAT(*rows, SizeIs(3));
  EXPECT_EQ((*rows)[1].name(), "dynamic-u8s8-reduced");
  EXPECT_EQ(quantize::to_string((*rows)[2].scheme), "qdq-u8s8-reduced-symmetric-mse");
}

TEST(PlanBench, KernelsOfTessera_AreTwoRowsWhereFormatsSayNothing) {
  const auto count = [](const BenchOptions& options) {
    const auto rows = plan_bench(options);
    EXPECT_THAT(rows, IsOk());
    return std::count_if(rows->begin(), rows->end(), [](const Measurement& row) {
      return row.scheme.mode == Mode::kStatic && row.scheme.format == quantize::Format::kKernels;
    });
  };
  BenchOptions options;
  EXPECT_EQ(count(options), 0);
  options.kernels = quantize::KernelsUse::kShown;
  EXPECT_EQ(count(options), 2);  // per tensor and per channel, at level all
  options.granularities = {"tensor"};
  options.types = {"u8u8"};
  EXPECT_EQ(count(options), 1);
  options.levels = {runtime::OptLevel::kBasic};
  EXPECT_EQ(count(options), 0);
  options.levels = {};
  options.session.provider = "openvino";
  EXPECT_EQ(count(options), 0);
  options.session.provider = "cpu";
  options.formats = {"qdq"};
  EXPECT_EQ(count(options), 0) << "formats were named";
}

TEST(PlanBench, UnknownWord_IsNamed) {
  BenchOptions options;
  options.types = {"u8u9"};
  EXPECT_THAT(plan_bench(options), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'u8u9'")));
}

TEST(KernelSummary, CountsCopiesApart) {
  const std::vector<runtime::KernelTime> kernels = {
      {"a", "MemcpyFromHost", "CUDAExecutionProvider", 0, 5, 0, 0, runtime::KernelRole::kCopy},
      {"b", "Conv", "CUDAExecutionProvider", 5, 20, 0},
      {"c", "MemcpyToHost", "CUDAExecutionProvider", 25, 2, 0, 0, runtime::KernelRole::kCopy},
      {"d", "Softmax", "CPUExecutionProvider", 27, 1, 0}};
  const auto summary = summarize_kernels(kernels);
  EXPECT_EQ(summary.copies, 2);
  EXPECT_DOUBLE_EQ(summary.copy_us, 7);
  EXPECT_EQ(ran_on(summary), "cpu 1, cuda 3");
}

TEST(TimerFor, DependsOnWhereItRuns) {
  EXPECT_EQ(timer_for({}), Timer::kThreadCpu);
  EXPECT_EQ(timer_for({.threads = 2}), Timer::kWall);
  EXPECT_EQ(timer_for({.provider = "openvino"}), Timer::kProcessCpu);
  EXPECT_EQ(timer_for({.provider = "cuda"}), Timer::kWall);
  const std::vector<runtime::ProviderChoice> others{{"openvino", {}}};
  EXPECT_EQ(timer_for({}, others), Timer::kProcessCpu);
  const std::vector<runtime::ProviderChoice> device{{"openvino", {{"device_type", "GPU"}}}};
  EXPECT_EQ(timer_for({}, device), Timer::kWall);
}

class Listener final : public Monitor {
 public:
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning& warning) override { warnings.push_back(warning); }
  [[nodiscard]] bool cancelled() const noexcept override { return false; }
  std::vector<Warning> warnings;
};

TEST(UnusedProviders, WarnedOf_WhereEverythingFellToTheCpu) {
  Measurement fell;
  fell.status = RowStatus::kOk;
  fell.provider = {"openvino", {{"device_type", "NOSUCH"}}};
  fell.kernels = KernelSummary{};
  fell.kernels->providers = {{"CPUExecutionProvider", 9}};
  auto ran = fell;
  ran.provider = {"openvino", {}};
  ran.kernels->providers = {{"OpenVINOExecutionProvider", 1}};
  Listener listener;
  warn_of_unused_providers(std::vector{fell, ran}, listener);
  ASSERT_EQ(listener.warnings.size(), 1U);
  EXPECT_EQ(listener.warnings[0].id, "provider-unused");
  EXPECT_NE(listener.warnings[0].message.find("device_type=NOSUCH"), std::string::npos);
}

}  // namespace
}  // namespace tessera::evaluate
