// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "evaluate/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/matchers.h"

namespace tessera::evaluate {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

Accuracy classifier() {
  Accuracy accuracy;
  accuracy.overall.sqnr_db = 25;
  accuracy.outputs = {{"a", {.sqnr_db = 12}}, {"b", {.sqnr_db = 40}}};
  accuracy.top1 = Top1{90.0, 89.0, 95, 100, 100};
  return accuracy;
}

bool passes(const std::string& text, const Accuracy& accuracy) {
  const auto gate = parse_gate(text);
  EXPECT_THAT(gate, IsOk());
  const auto results = check_gates({*gate}, accuracy);
  EXPECT_THAT(results, IsOk());
  return results->front().passed;
}

TEST(Gate, IsReadAndWritten) {
  for (const auto* text : {"sqnr_db>=20", "top1_drop<=1.5", "max_abs<0.25", "cosine>0.99"}) {
    const auto gate = parse_gate(text);
    ASSERT_THAT(gate, IsOk());
    EXPECT_EQ(to_string(*gate), text);
  }
  const auto spaced = parse_gate(" sqnr_db >= 1e1 ");
  ASSERT_THAT(spaced, IsOk());
  EXPECT_EQ(to_string(*spaced), "sqnr_db>=10");
}

TEST(Gate, Mistakes_AreExplained) {
  const auto unknown = parse_gate("snr>=20");
  ASSERT_THAT(unknown, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("unknown metric 'snr'")));
  EXPECT_THAT(unknown.error().hint, HasSubstr("sqnr_db"));
  for (const auto* text :
       {"sqnr_db", "sqnr_db=20", "sqnr_db>=", "sqnr_db>=x", "sqnr_db>=20dB", "sqnr_db>=nan", ""}) {
    EXPECT_THAT(parse_gate(text), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("gate '")))
        << text;
  }
}

TEST(Gate, Relations_HoldAtTheirLimits) {
  EXPECT_TRUE(passes("sqnr_db>=25", classifier()));
  EXPECT_FALSE(passes("sqnr_db>25", classifier()));
  EXPECT_TRUE(passes("sqnr_db<=25", classifier()));
  EXPECT_FALSE(passes("sqnr_db<25", classifier()));
}

TEST(Gate, Metrics_AreThoseOfTheAccuracy) {
  EXPECT_TRUE(passes("worst_sqnr_db<=12", classifier()));
  EXPECT_FALSE(passes("worst_sqnr_db>=12.1", classifier()));
  EXPECT_TRUE(passes("top1>=89", classifier()));
  EXPECT_TRUE(passes("top1_drop<=1", classifier()));
  EXPECT_FALSE(passes("top1_drop<1", classifier()));
  EXPECT_TRUE(passes("top1_agreement>=95", classifier()));
}

TEST(Gate, NotANumber_NeverPasses) {
  for (const auto relation : {Gate::Relation::kAtLeast, Gate::Relation::kAtMost,
                              Gate::Relation::kAbove, Gate::Relation::kBelow}) {
    EXPECT_FALSE((Gate{"sqnr_db", relation, 0}.holds(NAN)));
  }
}

TEST(Gate, OnTop1_NeedsLabelsAndAClassifier) {
  auto accuracy = classifier();
  const std::vector<Gate> gates{*parse_gate("top1_drop<=1")};
  accuracy.top1->reference_percent.reset();
  accuracy.top1->candidate_percent.reset();
  EXPECT_THAT(check_gates(gates, accuracy),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("needs labels")));
  accuracy.top1.reset();
  EXPECT_THAT(check_gates(gates, accuracy),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("needs a classifier")));
}

}  // namespace
}  // namespace tessera::evaluate
