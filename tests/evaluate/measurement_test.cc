// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/measurement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/evaluate/bench.h"
#include "tessera/evaluate/optimize.h"

namespace tessera::evaluate {
namespace {

using quantize::Format;
using quantize::Mode;
using quantize::Scheme;
using ::testing::Contains;
using ::testing::Each;
using testing::FailsWith;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Not;
using ::testing::SizeIs;

TEST(KernelSummary, TellsIntegerFromConversionKernels) {
  const std::vector<runtime::KernelTime> kernels = {
      {"q", "QuantizeLinear", "CPUExecutionProvider", 0, 10, 0},
      {"c", "QLinearConv", "CPUExecutionProvider", 10, 60, 0},
      {"d", "DequantizeLinear", "CPUExecutionProvider", 70, 10, 0},
      {"f", "Conv", "CPUExecutionProvider", 80, 20, 0}};
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

TEST(PlanBench, UnknownWord_IsNamed) {
  BenchOptions options;
  options.types = {"u8u9"};
  EXPECT_THAT(plan_bench(options), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'u8u9'")));
}

Host host_with(std::vector<std::string> isa, std::string architecture = "x86_64") {
  Host host;
  host.architecture = std::move(architecture);
  host.isa = std::move(isa);
  return host;
}

const auto kWeightOf = [](const Measurement& row) { return row.scheme.weight; };

TEST(PlanCandidates, Vnni_TriesUnsignedActivationsWithSignedWeightsOnly) {
  const auto plan = plan_candidates(host_with({"avx2", "avx512_vnni"}), {}, "cpu");
  EXPECT_THAT(plan.candidates, Not(IsEmpty()));
  EXPECT_THAT(plan.candidates, Each(::testing::ResultOf(kWeightOf, DType::kInt8)));
  EXPECT_THAT(plan.excluded, Contains(Field(&Exclusion::what, "S8S8")));
  EXPECT_THAT(plan.excluded, Contains(Field(&Exclusion::what, "float16")));
}

TEST(PlanCandidates, Avx2_TriesWhatDoesNotSaturate) {
  const auto plan = plan_candidates(host_with({"avx2"}), {}, "cpu");
  EXPECT_THAT(plan.candidates, Contains(::testing::ResultOf(kWeightOf, DType::kUInt8)));
  for (const auto& row : plan.candidates) {
    if (row.scheme.weight == DType::kInt8) {
      EXPECT_TRUE(row.scheme.reduce_range) << row.name();
    }
  }
}

TEST(PlanCandidates, OtherProviders_GetQdqOnly) {
  const auto plan = plan_candidates(host_with({"avx2", "avx512_vnni"}), {}, "openvino");
  for (const auto& row : plan.candidates) {
    EXPECT_EQ(row.scheme.format, Format::kQdq) << row.name();
  }
  EXPECT_THAT(plan.excluded, Contains(Field(&Exclusion::what, "QOperator")));
}

Accuracy accuracy_of(double sqnr_db, double l2, std::optional<Top1> top1 = std::nullopt) {
  Accuracy accuracy;
  accuracy.overall.sqnr_db = sqnr_db;
  accuracy.overall.l2_per_element = l2;
  accuracy.top1 = top1;
  return accuracy;
}

TEST(Limits, EachOneCanBeMissed) {
  const auto accuracy = accuracy_of(20, 1e-3);
  EXPECT_THAT(missed_limit({}, accuracy), IsEmpty());
  EXPECT_THAT(missed_limit({.min_sqnr_db = 20}, accuracy), IsEmpty());
  EXPECT_THAT(missed_limit({.min_sqnr_db = 20.1}, accuracy), HasSubstr("SQNR"));
  EXPECT_THAT(missed_limit({.max_error = 1e-4}, accuracy), HasSubstr("error"));
  EXPECT_THAT(missed_limit({.max_top1_drop = 1}, accuracy), HasSubstr("unknown"));
  const Top1 top1{.reference_percent = 90, .candidate_percent = 88, .labelled = 50};
  EXPECT_THAT(missed_limit({.max_top1_drop = 1}, accuracy_of(20, 1e-3, top1)),
              HasSubstr("2.0 points"));
  EXPECT_THAT(missed_limit({.max_top1_drop = 3}, accuracy_of(20, 1e-3, top1)), IsEmpty());
}

TEST(Limits, NotANumber_IsAMiss) {
  EXPECT_THAT(missed_limit({.min_sqnr_db = 1}, accuracy_of(std::nan(""), 0)), HasSubstr("SQNR"));
}

}  // namespace
}  // namespace tessera::evaluate
