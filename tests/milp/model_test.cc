// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/milp/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"
#include "support/plan_instances.h"
#include "tessera/plan/evaluate.h"

namespace tessera::milp {
namespace {

using ::tessera::testing::FailsWith;
using ::tessera::testing::IsOk;
using ::testing::HasSubstr;

std::int64_t sum_of(const Row& row, const std::vector<std::uint8_t>& values) {
  std::int64_t sum = 0;
  for (const auto& [column, coefficient] : row.entries) {
    sum += values[column] * coefficient;
  }
  return sum;
}

/// What a model makes of an assignment, without any solver.
void expect_as_evaluated(const plan::Problem& problem, const Model& model,
                         const plan::Assignment& assignment) {
  const auto values = values_of(problem, model, assignment);
  const auto expected = plan::evaluate(problem, assignment).value();
  std::int64_t cost_ns = 0;
  for (std::size_t c = 0; c < values.size(); ++c) {
    cost_ns += values[c] * model.columns[c].cost_ns;
  }
  ASSERT_EQ(cost_ns, expected.cost_ns);
  for (const auto& row : model.rows) {
    const auto sum = sum_of(row, values);
    if (row.limit) {
      ASSERT_EQ(sum, expected.used[*row.limit]);
      ASSERT_EQ(row.right, problem.limits[*row.limit].bound);
    } else if (row.equal) {
      ASSERT_EQ(sum, row.right);
    } else {
      ASSERT_LE(sum, row.right);
    }
  }
}

TEST(Transport, EveryAssignment_CostsAndUsesWhatItIsEvaluatedTo) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    const auto problem = plan::small_problem(seed);
    const auto model = transport(problem);
    ASSERT_THAT(model, IsOk());
    Random random(seed);
    for (int k = 0; k < 20; ++k) {
      plan::Assignment assignment;
      for (const auto& variable : problem.variables) {
        assignment.push_back(static_cast<std::uint8_t>(random.below(variable.cost_ns.size())));
      }
      ASSERT_NO_FATAL_FAILURE(expect_as_evaluated(problem, *model, assignment));
    }
  }
}

TEST(Transport, OfASharedTensor_PaysASendOnceByAColumnOfItsOwn) {
  plan::Problem problem;
  problem.variables = {{"a", {0, 0}}, {"b", {0, 0}}, {"c", {0, 0}}};
  problem.tensors = {
      {"t", 0, {0, 1}, {{1, {0, 1}}, {2, {0, 1}}}, 2, 2, {0, 7, 7, 0}},
  };
  const auto model = transport(problem);
  ASSERT_THAT(model, IsOk());
  const auto sends = std::ranges::count(model->columns, Column::Kind::kSend, &Column::kind);
  const auto reads = std::ranges::count(model->columns, Column::Kind::kRead, &Column::kind);
  EXPECT_EQ(sends, 2);  // what is not sent costs nothing
  EXPECT_EQ(reads, 8);
}

TEST(Transport, OfWhatIsNoProblem_IsRefused) {
  plan::Problem problem;
  problem.variables = {{"a", {}}};
  EXPECT_THAT(transport(problem), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("states")));
}

}  // namespace
}  // namespace tessera::milp
