// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace tessera::report {
namespace {

using evaluate::Comparison;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

ErrorMetrics error(double sqnr_db) {
  return {.sqnr_db = sqnr_db,
          .cosine = 0.99951,
          .max_abs = 0.0123,
          .l2_per_element = 4.5e-6,
          .elements = 10};
}

Comparison comparison() {
  Comparison result;
  result.accuracy.samples = 8;
  result.accuracy.outputs = {{"scores", error(31.25)}};
  result.accuracy.overall = error(31.25);
  return result;
}

TEST(ComparisonText, OfOneOutput_HasNoTotal) {
  EXPECT_EQ(comparison_text(comparison(), {}, 0),
            "output  SQNR dB    cosine  max abs  L2/element\n"
            "scores     31.2  0.999510   0.0123    4.50e-06\n"
            "\n"
            "samples 8\n");
}

TEST(ComparisonText, OfSeveralOutputs_PoolsThem) {
  auto input = comparison();
  input.accuracy.outputs.push_back({"boxes", error(kInfinity)});
  input.accuracy.outputs.push_back({"void", error(-kInfinity)});
  EXPECT_EQ(output_error_table(input.accuracy).text(),
            "output       SQNR dB    cosine  max abs  L2/element\n"
            "scores          31.2  0.999510   0.0123    4.50e-06\n"
            "boxes          exact  0.999510   0.0123    4.50e-06\n"
            "void            -inf  0.999510   0.0123    4.50e-06\n"
            "---------------------------------------------------\n"
            "all outputs     31.2  0.999510   0.0123    4.50e-06\n");
}

TEST(ComparisonText, ValuesInside_AreCountedAndCut) {
  auto input = comparison();
  input.reference_tensors = 5;
  input.tensors = {{{"conv_1", "c1", "Conv"}, error(12)}, {{"relu", "r", "Relu"}, error(20)}};
  const auto text = comparison_text(input, {}, 1);
  EXPECT_THAT(text, HasSubstr("value inside  made by  SQNR dB"));
  EXPECT_THAT(text, HasSubstr("conv_1        Conv        12.0"));
  EXPECT_THAT(text, HasSubstr("... 1 more (--top 0 shows all)\n"));
  EXPECT_THAT(text, HasSubstr("2 of 5 values inside the reference have a counterpart\n\n"));
  EXPECT_THAT(text, Not(HasSubstr("relu")));
}

TEST(ComparisonText, Top1_WithLabelsSaysWhatChanged) {
  auto input = comparison();
  input.accuracy.top1 = evaluate::Top1{75, 72.5, 95, 40, 38};
  EXPECT_THAT(comparison_text(input, {}, 0),
              HasSubstr("top-1   reference 75.00 %, candidate 72.50 %, -2.50 points on 38 labelled "
                        "samples; the same class for 95.00 % of 40 samples\n"));
  input.accuracy.top1->candidate_percent = 75.004;
  EXPECT_THAT(comparison_text(input, {}, 0), HasSubstr(", no change on 38"));
  input.accuracy.top1->candidate_percent = 80;
  EXPECT_THAT(comparison_text(input, {}, 0), HasSubstr(", +5.00 points on 38"));
  input.accuracy.top1 = evaluate::Top1{{}, {}, 95, 40, 0};
  EXPECT_THAT(comparison_text(input, {}, 0),
              HasSubstr("top-1   the same class for 95.00 % of 40 samples\n"));
}

TEST(ComparisonText, GatesNonFiniteValuesAndOwnStates_AreToldOf) {
  auto input = comparison();
  input.accuracy.outputs[0].error.non_finite = 3;
  input.free_running = error(18);
  input.gates = {
      {*evaluate::parse_gate("sqnr_db>=20"), 31.25, true},
      {*evaluate::parse_gate("max_abs<=0.01"), 0.0123, false},
      {*evaluate::parse_gate("cosine>0.9"), std::numeric_limits<double>::quiet_NaN(), false}};
  EXPECT_THAT(
      comparison_text(input, {}, 0),
      HasSubstr("samples 8\n"
                "SQNR dB with its own states: 18.0\n"
                "warning scores: 3 elements are NaN or infinite on one side and left out above\n"
                "gate    ok     sqnr_db>=20: 31.25\n"
                "gate    MISSED max_abs<=0.01: 0.01230\n"
                "gate    MISSED cosine>0.9: -\n"));
}

}  // namespace
}  // namespace tessera::report
