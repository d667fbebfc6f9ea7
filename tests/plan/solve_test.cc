// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/plan/solve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"
#include "support/plan_instances.h"
#include "support/plan_networks.h"

namespace tessera::plan {
namespace {

using ::tessera::testing::FailsWith;
using ::tessera::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// What the instances of a test turned out to be, so that it is seen that none is of one kind.
struct Seen {
  int infeasible = 0;
  int conflicts = 0;
  int binding = 0;  ///< without the limits it would cost less
  int pairs = 0;
};

void expect_as_by_brute_force(const Problem& problem, const Options& options, Seen& seen) {
  ASSERT_THAT(validate(problem), IsOk());
  const auto expected = brute_force().solve(problem, {}, Monitor::silent());
  const auto found = solve(problem, options);
  ASSERT_THAT(expected, IsOk());
  ASSERT_THAT(found, IsOk());
  ASSERT_EQ(found->outcome, expected->outcome);
  ASSERT_EQ(found->assignment.has_value(), expected->assignment.has_value());
  ASSERT_EQ(found->value.cost_ns, expected->value.cost_ns);
  ASSERT_EQ(found->bound_ns, expected->bound_ns);
  for (const auto& conflict : found->conflicts) {
    const auto same = std::ranges::find(expected->conflicts, conflict.limit, &Conflict::limit);
    ASSERT_NE(same, expected->conflicts.end());
    ASSERT_LE(conflict.least, same->least);
    ASSERT_GT(conflict.least, problem.limits[conflict.limit].bound);
  }
  if (found->assignment) {
    ASSERT_EQ(evaluate(problem, *found->assignment).value(), found->value);
    ASSERT_TRUE(found->value.feasible);
    auto free = problem;
    free.limits.clear();
    const auto without = elimination().solve(free, {}, Monitor::silent());
    ASSERT_THAT(without, IsOk());
    seen.binding += without->value.cost_ns < found->value.cost_ns ? 1 : 0;
  }
  seen.infeasible += found->outcome == Outcome::kInfeasible ? 1 : 0;
  seen.conflicts += found->conflicts.empty() ? 0 : 1;
  seen.pairs +=
      std::ranges::any_of(problem.limits, [](const Limit& l) { return !l.pairs.empty(); }) ? 1 : 0;
}

void expect_all_as_by_brute_force(std::uint64_t seeds, const Options& options) {
  Seen seen;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(seed);
    ASSERT_NO_FATAL_FAILURE(expect_as_by_brute_force(small_problem(seed), options, seen));
  }
  EXPECT_GT(seen.infeasible, static_cast<int>(seeds) / 20);
  EXPECT_GT(seen.conflicts, static_cast<int>(seeds) / 50);
  EXPECT_GT(seen.binding, static_cast<int>(seeds) / 20);
  EXPECT_GT(seen.pairs, static_cast<int>(seeds) / 5);
}

TEST(Solve, SmallProblemsCostWhatBruteForceFinds) {
  expect_all_as_by_brute_force(2000, {.gap = 0});
}

TEST(SolveSlow, TenThousandSmallProblemsCostWhatBruteForceFinds) {
  expect_all_as_by_brute_force(10'000, {.gap = 0});
}

/// A plan that nothing beats: what is cheaper than its states uses as much more as it saves, and
/// what uses less costs twice of that. Tensors cost nothing between its classes.
struct Planted {
  Problem problem;
  Assignment plan;
};

Planted planted(std::size_t variables, std::uint64_t seed) {
  Random random(seed);
  Planted made;
  auto& [problem, plan] = made;
  problem.limits = {{"memory", "B", 0, {}, {}, {}}};
  for (std::size_t i = 0; i < variables; ++i) {
    const auto cost = draw(random, 300, 900);
    const auto use = draw(random, 100, 300);
    const auto more = draw(random, 1, 100);
    const auto less = draw(random, 1, 100);
    std::vector<std::pair<std::int64_t, std::int64_t>> states = {
        {cost, use}, {cost - more, use + more}, {cost + 2 * less, use - less}};
    const auto at = random.below(3);
    std::swap(states[0], states[at]);
    plan.push_back(static_cast<std::uint8_t>(at));
    Variable variable{std::to_string(i), {}};
    for (std::size_t s = 0; s < 3; ++s) {
      variable.cost_ns.push_back(states[s].first);
      problem.limits[0].states.push_back({i, static_cast<std::uint8_t>(s), states[s].second});
    }
    problem.variables.push_back(std::move(variable));
    problem.limits[0].bound += use;
  }
  for (std::size_t i = 0; i + 1 < variables; ++i) {
    std::vector<std::size_t> consumers{i + 1};
    if (i + 3 < variables) {
      consumers.push_back(i + 3);
    }
    auto tensor = any_tensor(problem, i, consumers, 3, 50, random);
    const auto from = tensor.producer_classes[plan[i]];
    for (auto& consumer : tensor.consumers) {
      tensor.cost_ns[from * 3U + consumer.classes[plan[consumer.variable]]] = 0;
    }
    problem.tensors.push_back(std::move(tensor));
  }
  return made;
}

TEST(Solve, APlantedOptimumIsFound) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto [problem, plan] = planted(100, seed);
    const auto found = solve(problem, {.gap = 0});
    ASSERT_THAT(found, IsOk());
    ASSERT_EQ(found->outcome, Outcome::kOptimal) << seed;
    ASSERT_EQ(found->value.cost_ns, evaluate(problem, plan)->cost_ns) << seed;
    ASSERT_EQ(found->value.used[0], problem.limits[0].bound) << seed;
  }
}

/// The least cost of a chain whose limit is on states alone, by what has been used so far.
std::optional<std::int64_t> chain_optimum(const Problem& problem) {
  const auto& limit = problem.limits[0];
  const auto n = problem.variables.size();
  std::vector<std::vector<std::size_t>> uses(n);
  for (const auto& term : limit.states) {
    uses[term.variable].push_back(static_cast<std::size_t>(term.amount));
  }
  const auto room = static_cast<std::size_t>(std::max<std::int64_t>(limit.bound, -1) + 1);
  constexpr auto kNone = kLargestTotal;
  std::vector<std::vector<std::int64_t>> least;  // by state and use
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<std::vector<std::int64_t>> next(problem.variables[i].cost_ns.size(),
                                                std::vector<std::int64_t>(room, kNone));
    for (std::size_t s = 0; s < next.size(); ++s) {
      const auto own = problem.variables[i].cost_ns[s];
      for (std::size_t u = uses[i][s]; u < room; ++u) {
        if (i == 0) {
          next[s][u] = own;
          continue;
        }
        const auto& tensor = problem.tensors[i - 1];
        for (std::size_t before = 0; before < least.size(); ++before) {
          const auto cost =
              tensor.cost(tensor.producer_classes[before], tensor.consumers[0].classes[s]);
          next[s][u] = std::min(next[s][u], least[before][u - uses[i][s]] + own + cost);
        }
      }
    }
    least = std::move(next);
  }
  auto best = kNone;
  for (const auto& by_use : least) {
    best = room > 0 ? std::min(best, by_use.back()) : best;
  }
  return best < kNone ? std::optional(best) : std::nullopt;
}

TEST(Solve, ChainsWithALimitCostWhatDynamicProgrammingFinds) {
  int infeasible = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    Random random(seed);
    auto problem = unconnected(30, 3, 40, random);
    for (std::size_t i = 0; i + 1 < 30; ++i) {
      problem.tensors.push_back(any_tensor(problem, i, {i + 1}, 3, 20, random));
    }
    problem.limits.push_back(any_limit(problem, 6, 0, random.uniform() * 0.6 - 0.02, random));
    problem.limits[0].sends.clear();
    const auto expected = chain_optimum(problem);
    const auto found = solve(problem, {.gap = 0});
    ASSERT_THAT(found, IsOk());
    ASSERT_EQ(found->assignment.has_value(), expected.has_value()) << seed;
    infeasible += expected ? 0 : 1;
    if (expected) {
      ASSERT_EQ(found->value.cost_ns, *expected) << seed;
      ASSERT_EQ(found->outcome, Outcome::kOptimal) << seed;
    }
  }
  EXPECT_GT(infeasible, 2);
}

TEST(Solve, ALimitThatIsMissedByOneIsNamed) {
  Problem problem;
  problem.variables = {{"a", {5, 1}}, {"b", {5, 1}}};
  problem.limits = {{"memory", "B", 6, {{0, 0, 3}, {0, 1, 9}, {1, 0, 3}, {1, 1, 9}}, {}, {}},
                    {"energy", "nJ", 100, {{0, 0, 50}}, {}, {}}};
  const auto kept = solve(problem);
  ASSERT_THAT(kept, IsOk());
  EXPECT_EQ(kept->outcome, Outcome::kOptimal);
  problem.limits[0].bound = 5;
  const auto missed = solve(problem);
  ASSERT_THAT(missed, IsOk());
  EXPECT_EQ(missed->outcome, Outcome::kInfeasible);
  ASSERT_THAT(missed->conflicts, SizeIs(1));
  EXPECT_EQ(missed->conflicts[0].limit, 0U);
  EXPECT_EQ(missed->conflicts[0].least, 6);
}

TEST(Solve, ANetworkWithAnErrorLimitIsWithinTheGap) {
  const Machines machines{3, 4};
  auto problem = segmentation_network(machines, 1);
  problem.limits.push_back(error_limit(problem, machines, 50, 0.2, 2));
  const auto found = solve(problem, {.gap = 2e-3, .time_limit_s = 250});
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->outcome, Outcome::kWithinGap);
  EXPECT_LE(found->gap(), 2e-3);
  EXPECT_LE(found->bound_ns, found->value.cost_ns);
  EXPECT_EQ(evaluate(problem, *found->assignment).value(), found->value);
  EXPECT_GT(found->price_ns.at(0), 0);
  // The same problem, the same plan.
  const auto again = solve(problem, {.gap = 2e-3, .time_limit_s = 250});
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->assignment, found->assignment);
  EXPECT_EQ(again->bound_ns, found->bound_ns);
}

/// Tells to stop once it has been asked so often.
class Impatient final : public Monitor {
 public:
  explicit Impatient(int patience) : left_(patience) {}
  void progress(std::string_view /*stage*/, std::int64_t /*done*/,
                std::int64_t /*total*/) override {}
  void warn(const Warning& /*warning*/) override {}
  [[nodiscard]] bool cancelled() const noexcept override { return left_-- <= 0; }

 private:
  mutable int left_;
};

TEST(Solve, WhoeverStopsGetsTheBestSoFarAndABound) {
  const Machines machines{3, 4};
  auto problem = segmentation_network(machines, 1);
  problem.limits.push_back(error_limit(problem, machines, 50, 0.2, 2));
  problem.limits.push_back(memory_limit(problem, machines, 2, 0.1, 3));
  Impatient monitor(12);
  const auto stopped = solve(problem, {.gap = 0}, monitor);
  ASSERT_THAT(stopped, IsOk());
  EXPECT_EQ(stopped->outcome, Outcome::kInterrupted);
  ASSERT_TRUE(stopped->assignment.has_value());
  EXPECT_TRUE(stopped->value.feasible);
  EXPECT_GT(stopped->bound_ns, 0);
  EXPECT_LT(stopped->bound_ns, stopped->value.cost_ns);
  const auto no_time = solve(problem, {.gap = 0, .time_limit_s = 0});
  ASSERT_THAT(no_time, IsOk());
  EXPECT_EQ(no_time->outcome, Outcome::kInterrupted);
  EXPECT_LE(no_time->bound_ns, stopped->value.cost_ns);
}

TEST(Solve, TooFewCellsOnlyLoosenTheBound) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto problem = small_problem(seed);
    const auto expected = brute_force().solve(problem, {}, Monitor::silent());
    const auto found = solve(problem, {.gap = 0, .most_cells = 2});
    ASSERT_THAT(expected, IsOk());
    ASSERT_THAT(found, IsOk());
    ASSERT_EQ(found->outcome, expected->outcome) << seed;
    ASSERT_EQ(found->value.cost_ns, expected->value.cost_ns) << seed;
  }
}

TEST(Solve, RefusesOptionsThatMakeNoSense) {
  EXPECT_THAT(solve({}, {.gap = -1}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("gap")));
  EXPECT_THAT(solve({}, {.gap = std::numeric_limits<double>::infinity()}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("from 0 to 1")));
  EXPECT_THAT(solve({}, {.most_nodes = 0}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("0 nodes")));
  EXPECT_THAT(solve({}, {.time_limit_s = -1}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("a time limit of -1 s")));
  Problem problem;
  problem.variables = {{"a", {}}};
  EXPECT_THAT(solve(problem), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("0 states")));
}

/// As many states as there can be, the last one the cheapest.
TEST(Solve, EveryStateOfManyIsLookedAt) {
  Problem problem;
  problem.variables = {{"a", {}}, {"b", {}}};
  for (std::int64_t state = 0; state < 256; ++state) {
    problem.variables[0].cost_ns.push_back(1000 - state);
    problem.variables[1].cost_ns.push_back(1000 - state);
  }
  for (const auto* method : {&brute_force(), &elimination(), &branch_and_bound()}) {
    const auto found = method->solve(problem, {}, Monitor::silent());
    ASSERT_THAT(found, IsOk()) << method->name();
    EXPECT_EQ(found->value.cost_ns, 2 * 745) << method->name();
  }
}

/// One table for all of them would have 12^9 cells.
TEST(Solve, ManyReadersOfManyStatesTakeNoMemory) {
  Random random(5);
  auto problem = unconnected(9, 12, 100, random);
  problem.tensors.push_back(any_tensor(problem, 0, {1, 2, 3, 4, 5, 6, 7, 8}, 4, 1000, random));
  const auto found = branch_and_bound().solve(problem, {}, Monitor::silent());
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->outcome, Outcome::kOptimal);
}

TEST(Solve, NothingToDecideIsDecided) {
  for (const auto* method : {&brute_force(), &elimination(), &min_cut(), &branch_and_bound()}) {
    const auto found = method->solve({}, {}, Monitor::silent());
    ASSERT_THAT(found, IsOk()) << method->name();
    EXPECT_EQ(found->outcome, Outcome::kOptimal) << method->name();
    EXPECT_EQ(found->value.cost_ns, 0) << method->name();
  }
}

}  // namespace
}  // namespace tessera::plan
