// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/quantize/assignment.h"

#include <gtest/gtest.h>

namespace tessera::quantize {
namespace {

TEST(Assignment, IsFloat32UnlessSaidOtherwise) {
  const Assignment assignment(2);
  EXPECT_EQ(assignment.size(), 2U);
  EXPECT_EQ(assignment[graph::OpId{1}].mode, Mode::kFloat32);
  EXPECT_FALSE(assignment[graph::OpId{1}].exact_inputs);
  EXPECT_TRUE(assignment.changes_nothing());
}

TEST(Assignment, OneOperatorInAnotherScheme_ChangesTheModel) {
  Assignment assignment(3);
  assignment[graph::OpId{1}].mode = Mode::kDynamic;
  EXPECT_FALSE(assignment.changes_nothing());
  EXPECT_EQ(assignment[std::size_t{1}].mode, Mode::kDynamic);
  EXPECT_EQ(assignment[std::size_t{2}].mode, Mode::kFloat32);
  EXPECT_NE(assignment, Assignment(3));
}

TEST(Assignment, WithoutOperators_ChangesNothing) {
  EXPECT_TRUE(Assignment().changes_nothing());
  EXPECT_TRUE(Assignment().empty());
}

}  // namespace
}  // namespace tessera::quantize
