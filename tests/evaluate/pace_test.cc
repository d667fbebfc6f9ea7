// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tessera/evaluate/measurement.h"
#include "tessera/evaluate/measuring.h"

namespace tessera::evaluate {
namespace {

using quantize::Mode;
using runtime::OptLevel;
using ::testing::IsEmpty;

Measurement row(Mode mode, double speedup, KernelSummary kernels, OptLevel level = OptLevel::kAll) {
  Measurement made;
  made.scheme.mode = mode;
  made.opt_level = level;
  made.provider = runtime::ProviderChoice{};
  made.status = RowStatus::kOk;
  made.speedup = {speedup, speedup, speedup, 20};
  made.quantized_ops = mode == Mode::kFloat32 ? 0 : 10;
  made.kernels = std::move(kernels);
  return made;
}

/// 16 operators with the library's own kernels.
KernelSummary own(std::int64_t kernels = 16) {
  return {.kernels = kernels,
          .providers = {{"cpu", kernels}},
          .provider_time_percent = {{"cpu", 100}},
          .operators = {{"cpu", kernels}}};
}

/// As many in one kernel of XNNPACK.
KernelSummary packed(std::int64_t operators = 16) {
  return {.kernels = 1,
          .providers = {{"xnnpack", 1}},
          .provider_time_percent = {{"xnnpack", 100}},
          .operators = {{"xnnpack", operators}}};
}

TEST(Pace, HybridKernelsThatADelegateLeaves_AreNamedWithTheirShare) {
  const auto float32 = row(Mode::kFloat32, 1, packed());
  auto kernels = own();
  kernels.kernels = 11;
  kernels.integer_kernels = 9;
  kernels.integer_products = 9;
  kernels.hybrid_products = 9;
  kernels.integer_time_percent = 83;
  kernels.providers = {{"cpu", 10}, {"xnnpack", 1}};
  kernels.provider_time_percent = {{"cpu", 90}, {"xnnpack", 10}};
  kernels.operators = {{"cpu", 10}, {"xnnpack", 6}};
  kernels.left_on_cpu = {{"ADD", 1}, {"CONV_2D", 9}};
  EXPECT_EQ(explain_pace(row(Mode::kDynamic, 0.5, kernels), float32),
            "0.50x float32 at level all: xnnpack runs 6 of 16 operators (float32: 16 of 16); left "
            "to the CPU's own kernels: 9 CONV_2D, ADD, 180 % of float32's time; 9 integer kernels, "
            "floats before and behind each, take 166 %, 2 float kernels 34 % of float32's time");
}

TEST(Pace, ManyTypesThatWereLeft_TheMostFrequentAreNamed) {
  const auto float32 = row(Mode::kFloat32, 1, packed());
  auto kernels = own(18);
  kernels.left_on_cpu = {{"A", 1}, {"B", 4}, {"C", 2}, {"D", 11}};
  EXPECT_THAT(explain_pace(row(Mode::kStatic, 0.5, kernels), float32),
              ::testing::HasSubstr("own kernels: 11 D, 4 B, 2 C and others, 200 % of"));
}

TEST(Pace, IntegerKernelsBesideFloat32OfTheSameSet_SharesAddUpToItsTime) {
  const auto float32 = row(Mode::kFloat32, 0.25, own(), OptLevel::kDisabled);
  auto kernels = own(18);
  kernels.integer_kernels = 14;
  kernels.integer_products = 10;
  kernels.quantize_kernels = 1;
  kernels.dequantize_kernels = 1;
  kernels.integer_time_percent = 95;
  kernels.conversion_time_percent = 0.2;
  EXPECT_EQ(explain_pace(row(Mode::kStatic, 0.75, kernels, OptLevel::kDisabled), float32),
            "3.00x float32 at level disabled: 14 integer kernels take 32 %, 2 float kernels 1.6 %, "
            "2 conversions under 0.1 % of float32's time");
}

TEST(Pace, KernelsOfSeveralOperators_SayHowManyMultiplyIntegers) {
  const auto float32 = row(Mode::kFloat32, 1, packed());
  auto kernels = packed();
  kernels.integer_kernels = 1;
  kernels.integer_products = 10;
  kernels.hybrid_products = 7;
  kernels.integer_time_percent = 100;
  EXPECT_EQ(explain_pace(row(Mode::kDynamic, 2, kernels), float32),
            "2.00x float32 at level all: xnnpack runs all 16 operators (float32: 16 of 16); "
            "kernels with 10 integer products, floats before and behind 7 of them, take 50 % of "
            "float32's time");
}

TEST(Pace, WeightsExpandedByKernelsThatTakeNoTime_AreSaidToBeExpandedBefore) {
  const auto float32 = row(Mode::kFloat32, 0.25, own(), OptLevel::kDisabled);
  auto kernels = own(36);
  kernels.casts = 20;
  kernels.of_constants = 20;
  kernels.conversion_time_percent = 0.05;
  EXPECT_EQ(explain_pace(row(Mode::kFloat16, 0.25, kernels, OptLevel::kDisabled), float32),
            "1.00x float32 at level disabled: weights were expanded before: the 20 kernels for "
            "that take under 0.1 %, and nothing is computed in integers");
  kernels.conversion_time_percent = 20;  // they are expanded in every run
  EXPECT_EQ(explain_pace(row(Mode::kFloat16, 0.2, kernels, OptLevel::kDisabled), float32),
            "0.80x float32 at level disabled: nothing is computed in integers, 16 float kernels "
            "100 %, 20 conversions 25 % of float32's time");
  kernels.conversion_time_percent = 0.05;
  kernels.of_constants = 18;  // two of values
  EXPECT_THAT(explain_pace(row(Mode::kFloat16, 0.25, kernels, OptLevel::kDisabled), float32),
              ::testing::Not(::testing::HasSubstr("expanded")));
}

TEST(Pace, WeightsExpandedWithinADelegate_OnlyWhereNoTimeShows) {
  const auto float32 = row(Mode::kFloat32, 1, packed());
  EXPECT_EQ(
      explain_pace(row(Mode::kWeightOnly, 0.98, packed(36)), float32),
      "0.98x float32 at level all: xnnpack runs all 36 operators (float32: 16 of 16); weights "
      "were expanded before: the 20 operators for that take no time that shows, and nothing "
      "is computed in integers");
  EXPECT_EQ(
      explain_pace(row(Mode::kWeightOnly, 0.8, packed(36)), float32),
      "0.80x float32 at level all: xnnpack runs all 36 operators (float32: 16 of 16); nothing "
      "is computed in integers, 1 float kernel 125 % of float32's time");
}

/// Of a library that does not say which operators a kernel computes.
KernelSummary untold(std::int64_t kernels) {
  return {.kernels = kernels,
          .providers = {{"CPUExecutionProvider", kernels}},
          .provider_time_percent = {{"CPUExecutionProvider", 100}}};
}

TEST(Pace, RoundingThatWasNotFusedAway_IsToldByItsShare) {
  const auto float32 = row(Mode::kFloat32, 0.9, untold(40), OptLevel::kBasic);
  auto kernels = untold(112);
  kernels.quantize_kernels = 36;
  kernels.dequantize_kernels = 36;
  kernels.conversion_time_percent = 40;
  EXPECT_EQ(
      explain_pace(row(Mode::kStatic, 0.45, kernels, OptLevel::kBasic), float32),
      "0.50x float32 at level basic: nothing is computed in integers, 40 float kernels 120 %, "
      "72 conversions 80 % of float32's time");
}

TEST(Pace, WhatCopiesTake_IsNotCalledTheTimeOfFloatKernels) {
  const auto float32 = row(Mode::kFloat32, 1, untold(10));
  auto kernels = untold(10);
  kernels.integer_kernels = 3;
  kernels.integer_time_percent = 50;
  kernels.copies = 2;
  EXPECT_EQ(explain_pace(row(Mode::kStatic, 1, kernels), float32),
            "1.00x float32 at level all: 3 integer kernels take 50 % of float32's time");
}

TEST(Pace, AnotherProvider_IsCountedInKernels) {
  const auto float32 = row(Mode::kFloat32, 1, untold(30));
  auto kernels = untold(4);
  kernels.providers = {{"CPUExecutionProvider", 3}, {"OpenVINOExecutionProvider", 1}};
  kernels.provider_time_percent = {{"CPUExecutionProvider", 10}, {"OpenVINOExecutionProvider", 90}};
  kernels.left_on_cpu = {{"Reshape", 3}};
  EXPECT_EQ(
      explain_pace(row(Mode::kFloat32, 2, kernels), float32),
      "2.00x float32 at level all: openvino runs 1 of 4 kernels (float32: 0 of 30); left to "
      "the CPU's own kernels: 3 Reshape, 5.0 % of float32's time; 4 kernels where float32 has "
      "30");
}

TEST(Pace, WithoutAnythingToTell_IsEmpty) {
  const auto float32 = row(Mode::kFloat32, 1, untold(30));
  const auto same = row(Mode::kFloat32, 0.9, untold(30), OptLevel::kExtended);
  EXPECT_THAT(explain_pace(same, float32), IsEmpty()) << "as many kernels of the same kinds";
  auto other = row(Mode::kStatic, 2, untold(30));
  other.kernels->integer_kernels = 30;
  ASSERT_NE(explain_pace(other, float32), "");
  auto blind = other;
  blind.kernels.reset();
  EXPECT_THAT(explain_pace(blind, float32), IsEmpty());
  EXPECT_THAT(explain_pace(other, blind), IsEmpty());
  auto untimed = other;
  untimed.speedup = {};
  EXPECT_THAT(explain_pace(untimed, float32), IsEmpty());
  auto failed = other;
  failed.status = RowStatus::kFailed;
  EXPECT_THAT(explain_pace(failed, float32), IsEmpty());
}

TEST(Pace, OfANetworkThatWasQuantizedAlready_ItIsTheGivenOne) {
  auto given = row(Mode::kFloat32, 1, untold(30));
  given.given = "qdq";
  auto kernels = untold(20);
  kernels.integer_kernels = 20;
  kernels.integer_time_percent = 100;
  EXPECT_EQ(explain_pace(row(Mode::kStatic, 2, kernels), given),
            "2.00x as given (qdq) at level all: 20 integer kernels take 50 % of the given "
            "network's time");
}

TEST(ExplainRows, HoldsARowAgainstFloat32WithItsOwnKernels) {
  auto integer = own(16);
  integer.integer_kernels = 16;
  integer.integer_time_percent = 100;
  std::vector<Measurement> rows = {row(Mode::kFloat32, 0.25, own(), OptLevel::kDisabled),
                                   row(Mode::kFloat32, 1, packed()),
                                   row(Mode::kStatic, 0.5, integer, OptLevel::kDisabled),
                                   row(Mode::kStatic, 0.5, integer, OptLevel::kBasic)};
  explain_rows(rows, rows[1]);
  EXPECT_EQ(rows[0].why,
            "0.25x float32 at level all: xnnpack runs 0 of 16 operators (float32: 16 of 16)");
  EXPECT_EQ(rows[1].why, "") << "it is what others are held against";
  EXPECT_EQ(rows[2].why,
            "2.00x float32 at level disabled: 16 integer kernels take 50 % of float32's time");
  EXPECT_THAT(rows[3].why, ::testing::StartsWith("0.50x float32 at level all: xnnpack runs 0"))
      << "no float32 at its level";
}

TEST(ExplainRows, FloatRowsOfAnotherProvider_AreNotMixedUp) {
  auto integer = untold(10);
  integer.integer_kernels = 10;
  integer.integer_time_percent = 100;
  std::vector<Measurement> rows = {row(Mode::kFloat32, 1, untold(30)),
                                   row(Mode::kFloat32, 2, untold(10)),
                                   row(Mode::kStatic, 4, integer)};
  rows[1].provider = rows[2].provider = runtime::ProviderChoice{"openvino", {}};
  explain_rows(rows, rows[0]);
  EXPECT_EQ(rows[2].why,
            "2.00x float32 at level all on openvino: 10 integer kernels take 50 % of float32's "
            "time");
  EXPECT_EQ(rows[1].why, "2.00x float32 at level all: 10 kernels where float32 has 30");
}

TEST(KernelSummary, TellsWhereOperatorsRanAndWhatStayed) {
  using Role = runtime::KernelRole;
  std::vector<runtime::KernelTime> kernels = {
      {.op_type = "DEQUANTIZE", .provider = "cpu", .role = Role::kCast, .sources = {0}},
      {.op_type = "DEQUANTIZE",
       .provider = "cpu",
       .duration_us = 10,
       .role = Role::kDequantize,
       .sources = {1},
       .behind = {0}},
      {.op_type = "CONV_2D",
       .provider = "cpu",
       .duration_us = 20,
       .role = Role::kIntegerProduct,
       .hybrid_products = 1,
       .sources = {2}},
      {.op_type = "Partition",
       .provider = "xnnpack",
       .duration_us = 70,
       .role = Role::kIntegerProduct,
       .integer_products = 3,
       .hybrid_products = 2,
       .sources = {3, 4, 5, 6}}};
  const auto summary = summarize_kernels(kernels);
  EXPECT_EQ(summary.hybrid_products, 3);
  EXPECT_EQ(summary.of_constants, 1);
  EXPECT_EQ(summary.operators.at("cpu"), 3);
  EXPECT_EQ(summary.operators.at("xnnpack"), 4);
  EXPECT_DOUBLE_EQ(summary.provider_time_percent.at("cpu"), 30);
  EXPECT_DOUBLE_EQ(summary.provider_time_percent.at("xnnpack"), 70);
  EXPECT_EQ(summary.left_on_cpu.at("DEQUANTIZE"), 2);
  EXPECT_EQ(summary.left_on_cpu.at("CONV_2D"), 1);
  for (auto& kernel : kernels) {
    kernel.sources.clear();
    kernel.provider = "CPUExecutionProvider";
  }
  const auto untold = summarize_kernels(kernels);
  EXPECT_THAT(untold.operators, IsEmpty());
  EXPECT_THAT(untold.left_on_cpu, IsEmpty()) << "nothing ran elsewhere";
  EXPECT_EQ(untold.of_constants, 0);
}

}  // namespace
}  // namespace tessera::evaluate
