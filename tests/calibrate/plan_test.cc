// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "calibrate/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/model_builder.h"
#include "support/renamed.h"

namespace tessera::calibrate {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using testing::ModelBuilder;

/// Whatever the format calls its operators: what moves values is derived, what computes or takes
/// some of them is looked at.
TEST(Plan, WhatMovesValues_IsDerivedByItsKind) {
  const auto model = ModelBuilder(13)
                         .input("x", {1, 4})
                         .op("Relu", {"x"}, {"a"})
                         .op("Transpose", {"a"}, {"t"})
                         .op("Concat", {"t", "x"}, {"j"}, {{"axis", std::int64_t{0}}})
                         .op("MaxPool", {"j"}, {"p"})
                         .op("Identity", {"p"}, {"y"})
                         .declare("a", {1, 4})
                         .declare("t", {1, 4})
                         .declare("j", {2, 4})
                         .declare("p", {2, 4})
                         .output("y", {2, 4})
                         .build();
  const auto plan = make_plan(testing::under_other_names(*model.view()), false);
  EXPECT_THAT(plan.measured,
              ElementsAre(FieldsAre("x", Place::kInput, false), FieldsAre("a", Place::kTap, false),
                          FieldsAre("p", Place::kTap, false)));
  EXPECT_THAT(plan.derived,
              ElementsAre(FieldsAre("t", ElementsAre(1U)), FieldsAre("j", ElementsAre(0U, 1U)),
                          FieldsAre("y", ElementsAre(2U))));
}

/// x 4 -> a 4 -> b 4 (output): what stands between is an output, too, as long as it is small.
graph::Graph chain(std::initializer_list<std::int64_t> extents) {
  const auto model = ModelBuilder(13)
                         .input("x", {1, 4})
                         .op("Relu", {"x"}, {"a"})
                         .op("Sigmoid", {"a"}, {"b"})
                         .declare("a", extents)
                         .output("b", {1, 4})
                         .build();
  return *model.view();
}

TEST(Plan, ThroughOutputs_LeavesNoTaps) {
  const auto graph = chain({1, 4});
  const auto plan = through_outputs(make_plan(graph, false), graph, 16);
  ASSERT_TRUE(plan.has_value());
  EXPECT_THAT(plan->measured, ElementsAre(FieldsAre("x", Place::kInput, false),
                                          FieldsAre("a", Place::kOutput, false),
                                          FieldsAre("b", Place::kOutput, false)));
}

TEST(Plan, ThroughOutputs_NeedsRoomAndExtents) {
  const auto small = chain({1, 4});
  EXPECT_FALSE(through_outputs(make_plan(small, false), small, 15)) << "16 bytes";
  const auto open = chain({1, -1});
  EXPECT_FALSE(through_outputs(make_plan(open, false), open, 1 << 20));
  const auto number = chain({});
  EXPECT_FALSE(through_outputs(make_plan(number, false), number, 1 << 20));
}

}  // namespace
}  // namespace tessera::calibrate
