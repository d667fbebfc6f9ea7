// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tessera/optimize/optimize.h"

namespace tessera::optimize {
namespace {

using evaluate::Top1;
using quantize::Format;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

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

TEST(PlanCandidates, OtherProviders_GetBothFormsOfQdqOnly) {
  const auto format_of = [](const Measurement& row) { return row.scheme.format; };
  const auto plan = plan_candidates(host_with({"avx2", "avx512_vnni"}), {}, "openvino");
  EXPECT_THAT(plan.candidates, Contains(::testing::ResultOf(format_of, Format::kQdq)));
  EXPECT_THAT(plan.candidates, Contains(::testing::ResultOf(format_of, Format::kQdqInputs)));
  EXPECT_THAT(plan.candidates, Not(Contains(::testing::ResultOf(format_of, Format::kQOperator))));
  const auto arm = plan_candidates(host_with({"asimd"}), {}, "cuda");
  EXPECT_THAT(arm.candidates, Not(Contains(::testing::ResultOf(format_of, Format::kQOperator))));
  const auto cpu = plan_candidates(host_with({"avx2", "avx512_vnni"}), {}, "cpu");
  EXPECT_THAT(cpu.candidates, Not(Contains(::testing::ResultOf(format_of, Format::kQdqInputs))));
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
}  // namespace tessera::optimize
