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
  EXPECT_THAT(plan.measured, ElementsAre(FieldsAre("x", Place::kInput), FieldsAre("a", Place::kTap),
                                         FieldsAre("p", Place::kTap)));
  EXPECT_THAT(plan.derived,
              ElementsAre(FieldsAre("t", ElementsAre(1U)), FieldsAre("j", ElementsAre(0U, 1U)),
                          FieldsAre("y", ElementsAre(2U))));
}

}  // namespace
}  // namespace tessera::calibrate
