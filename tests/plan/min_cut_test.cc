// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"
#include "support/plan_instances.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

using ::tessera::testing::FailsWith;
using ::tessera::testing::IsOk;
using ::testing::HasSubstr;

/// Two machines; each tensor is read by up to `most_readers` of the next `reach` operators.
Problem two_machines(std::size_t variables, std::size_t reach, std::uint64_t seed) {
  Random random(seed);
  auto problem = unconnected(variables, 2, 100, random);
  // Some can run on one machine only.
  for (auto& variable : problem.variables) {
    if (random.below(10) == 0) {
      variable.cost_ns.pop_back();
    }
  }
  for (std::size_t i = 0; i + 1 < variables; ++i) {
    Tensor tensor{std::to_string(i), i, {0, 1}, {}, 2, 2, {0, 0, 0, 0}};
    tensor.producer_classes.resize(problem.variables[i].cost_ns.size());
    tensor.cost_ns[1] = draw(random, 0, 60);
    tensor.cost_ns[2] = draw(random, 0, 60);
    for (std::size_t j = i + 1; j < std::min(i + 1 + reach, variables); ++j) {
      if (j == i + 1 || random.below(3) == 0) {
        std::vector<Class> classes{0, 1};
        classes.resize(problem.variables[j].cost_ns.size());
        tensor.consumers.push_back({j, classes});
      }
    }
    if (tensor.consumers.size() == 1) {
      // A pair may cost something where it agrees, too.
      tensor.cost_ns[0] = draw(random, 0, std::max(tensor.cost_ns[1], tensor.cost_ns[2]) / 2);
    }
    problem.tensors.push_back(std::move(tensor));
  }
  return problem;
}

TEST(MinCut, PlansAreThoseOfBruteForce) {
  int shared = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Random random(seed + 7000);
    const auto problem = two_machines(1 + random.below(8), 4, seed);
    const auto expected = brute_force().solve(problem, {}, Monitor::silent());
    const auto found = min_cut().solve(problem, {}, Monitor::silent());
    ASSERT_THAT(expected, IsOk());
    ASSERT_THAT(found, IsOk());
    ASSERT_EQ(found->value.cost_ns, expected->value.cost_ns) << seed;
    shared +=
        std::ranges::any_of(problem.tensors, [](const Tensor& t) { return t.consumers.size() > 1; })
            ? 1
            : 0;
  }
  EXPECT_GT(shared, 400);
}

void expect_as_by_elimination(std::uint64_t seeds, std::size_t variables) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const auto problem = two_machines(variables, 4, seed);
    const auto found = min_cut().solve(problem, {}, Monitor::silent());
    ASSERT_THAT(found, IsOk());
    const auto expected = elimination().solve(problem, {}, Monitor::silent());
    ASSERT_THAT(expected, IsOk());
    ASSERT_EQ(found->value.cost_ns, expected->value.cost_ns) << seed;
  }
}

TEST(MinCut, LargerPlansAreThoseOfElimination) {
  expect_as_by_elimination(200, 60);
}

TEST(MinCutSlow, AThousandLargerPlansAreThoseOfElimination) {
  expect_as_by_elimination(1000, 300);
}

TEST(MinCut, RefusesWhatIsNoCut) {
  Random random(3);
  auto problem = unconnected(2, 2, 10, random);
  problem.tensors = {{"t", 0, {0, 1}, {{1, {0, 1}}}, 2, 2, {5, 4, 0, 0}}};
  EXPECT_THAT(min_cut().solve(problem, {}, Monitor::silent()),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("'t' costs more")));
  problem.limits.resize(1);
  EXPECT_THAT(min_cut().solve(problem, {}, Monitor::silent()),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("no limits")));
  problem = unconnected(1, 3, 10, random);
  EXPECT_THAT(min_cut().solve(problem, {}, Monitor::silent()),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("3 states")));
}

}  // namespace
}  // namespace tessera::plan
