// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/elimination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/order.h"
#include "plan/relaxation.h"
#include "support/matchers.h"
#include "support/plan_instances.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

using ::tessera::testing::FailsWith;
using ::tessera::testing::IsOk;
using ::testing::HasSubstr;

/// Random factors over nodes of 1 to `most` values.
FactorGraph any_graph(Random& random, std::size_t most = 4) {
  FactorGraph graph;
  const auto n = 1 + random.below(6);
  for (std::size_t i = 0; i < n; ++i) {
    graph.domains.push_back(1 + random.below(most));
  }
  for (std::size_t f = 0; f < n + random.below(6); ++f) {
    Factor factor;
    if (f < n) {
      factor.scope = {static_cast<Node>(f)};
    } else {
      for (Node i = 0; i < n; ++i) {
        if (random.below(2) == 0) {
          const auto at = random.below(2) == 0 ? factor.scope.begin() : factor.scope.end();
          factor.scope.insert(at, i);
        }
      }
    }
    std::size_t cells = 1;
    for (const auto node : factor.scope) {
      cells *= graph.domains[node];
    }
    for (std::size_t c = 0; c < cells && !factor.scope.empty(); ++c) {
      factor.table.push_back(draw(random, -20, 20));
    }
    if (!factor.scope.empty()) {
      graph.factors.push_back(std::move(factor));
    }
  }
  return graph;
}

std::int64_t sum_at(const FactorGraph& graph, const std::vector<std::size_t>& values) {
  std::int64_t sum = 0;
  for (const auto& factor : graph.factors) {
    std::size_t entry = 0;
    for (const auto node : factor.scope) {
      entry = entry * graph.domains[node] + values[node];
    }
    sum += factor.table[entry];
  }
  return sum;
}

/// By node and value, the least sum there; by trying all.
std::vector<Table> marginals_of(const FactorGraph& graph) {
  std::vector<Table> least;
  for (const auto values : graph.domains) {
    least.emplace_back(values, std::numeric_limits<std::int64_t>::max());
  }
  std::vector<std::size_t> at(graph.domains.size(), 0);
  for (;;) {
    const auto sum = sum_at(graph, at);
    for (std::size_t i = 0; i < at.size(); ++i) {
      least[i][at[i]] = std::min(least[i][at[i]], sum);
    }
    std::size_t i = 0;
    while (i < at.size() && ++at[i] == graph.domains[i]) {
      at[i++] = 0;
    }
    if (i == at.size()) {
      return least;
    }
  }
}

TEST(Elimination, MinimaAndMarginalsAreThoseOfTryingAll) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    const auto graph = any_graph(random);
    const auto expected = marginals_of(graph);
    Elimination elimination(graph, min_fill_order(graph), 1 << 20);
    ASSERT_TRUE(elimination.exact());
    const auto least = elimination.minimum(graph);
    ASSERT_EQ(least, *std::ranges::min_element(expected[0])) << seed;
    ASSERT_EQ(sum_at(graph, elimination.best()), least) << seed;
    ASSERT_EQ(elimination.min_marginals(), expected) << seed;
  }
}

/// More cells than a block of a bucket has.
TEST(Elimination, LargeBuckets_AreThoseOfTryingAll) {
  int large = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    Random random(seed);
    const auto graph = any_graph(random, 9);
    const auto expected = marginals_of(graph);
    Elimination elimination(graph, min_fill_order(graph), 1 << 20);
    const auto least = elimination.minimum(graph);
    ASSERT_EQ(least, *std::ranges::min_element(expected[0])) << seed;
    ASSERT_EQ(sum_at(graph, elimination.best()), least) << seed;
    ASSERT_EQ(elimination.min_marginals(), expected) << seed;
    large += elimination.cells() > 8000 ? 1 : 0;
  }
  EXPECT_GT(large, 1);
}

TEST(Elimination, SplitBucketsBoundFromBelow) {
  int looser = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    const auto graph = any_graph(random);
    const auto expected = marginals_of(graph);
    Elimination elimination(graph, min_fill_order(graph), 4);
    const auto least = elimination.minimum(graph);
    const auto optimum = *std::ranges::min_element(expected[0]);
    ASSERT_LE(least, optimum) << seed;
    looser += least < optimum ? 1 : 0;
    ASSERT_TRUE(elimination.exact() ? least == optimum : true) << seed;
    const auto marginals = elimination.min_marginals();
    for (std::size_t i = 0; i < marginals.size(); ++i) {
      for (std::size_t v = 0; v < marginals[i].size(); ++v) {
        ASSERT_LE(marginals[i][v], expected[i][v]) << seed;
        ASSERT_GE(marginals[i][v], least) << seed;
      }
    }
  }
  EXPECT_GT(looser, 20);
}

TEST(Elimination, PlansAreThoseOfBruteForce) {
  int shared = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    auto problem = small_problem(seed);
    problem.limits.clear();
    const auto expected = brute_force().solve(problem, {}, Monitor::silent());
    const auto found = elimination().solve(problem, {}, Monitor::silent());
    ASSERT_THAT(expected, IsOk());
    ASSERT_THAT(found, IsOk());
    ASSERT_EQ(found->value.cost_ns, expected->value.cost_ns) << seed;
    ASSERT_EQ(found->outcome, Outcome::kOptimal);
    ASSERT_EQ(evaluate(problem, *found->assignment).value(), found->value);
    shared +=
        std::ranges::any_of(problem.tensors, [](const Tensor& t) { return t.consumers.size() > 2; })
            ? 1
            : 0;
  }
  EXPECT_GT(shared, 100);
}

// 12 consumers of 6 states would be a table of 6^13 cells.
TEST(Elimination, ASendThatManyShareTakesANodePerClass) {
  Random random(1);
  auto problem = unconnected(13, 6, 100, random);
  std::vector<std::size_t> consumers(12);
  for (std::size_t i = 0; i < consumers.size(); ++i) {
    consumers[i] = i + 1;
  }
  problem.tensors.push_back(any_tensor(problem, 0, consumers, 3, 500, random));
  const auto found = elimination().solve(problem, {}, Monitor::silent());
  ASSERT_THAT(found, IsOk());
  // Which classes are sent is chosen, then each variable for itself.
  const auto& tensor = problem.tensors[0];
  auto least = kLargestTotal;
  for (std::size_t own = 0; own < 6; ++own) {
    for (unsigned sent = 1; sent < 8; ++sent) {
      auto cost = problem.variables[0].cost_ns[own];
      for (Class c = 0; c < 3; ++c) {
        cost += (sent >> c & 1U) != 0 ? tensor.cost(tensor.producer_classes[own], c) : 0;
      }
      for (const auto& consumer : tensor.consumers) {
        auto best = kLargestTotal;
        for (std::size_t s = 0; s < 6; ++s) {
          if ((sent >> consumer.classes[s] & 1U) != 0) {
            best = std::min(best, problem.variables[consumer.variable].cost_ns[s]);
          }
        }
        cost = std::min(cost + best, kLargestTotal);
      }
      least = std::min(least, cost);
    }
  }
  EXPECT_EQ(found->value.cost_ns, least);
}

TEST(Elimination, RefusesWhatItCannotDo) {
  Random random(1);
  auto problem = unconnected(12, 8, 100, random);
  for (std::size_t i = 0; i < 12; ++i) {
    for (std::size_t j = i + 1; j < 12; ++j) {
      problem.tensors.push_back(any_tensor(problem, i, {j}, 8, 100, random));
    }
  }
  EXPECT_THAT(elimination().solve(problem, {}, Monitor::silent()),
              FailsWith(ErrorCode::kResourceExhausted, HasSubstr("too entangled")));
  EXPECT_THAT(brute_force().solve(problem, {}, Monitor::silent()),
              FailsWith(ErrorCode::kResourceExhausted, HasSubstr("assignments")));
  problem.limits.resize(1);
  EXPECT_THAT(elimination().solve(problem, {}, Monitor::silent()),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("no limits")));
}

}  // namespace
}  // namespace tessera::plan
