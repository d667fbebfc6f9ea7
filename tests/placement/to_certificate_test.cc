// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/to_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "support/plan_networks.h"

namespace tessera::placement {
namespace {

using certificate::Verdict;
using plan::Outcome;
using plan::Problem;
using plan::Solution;
using ::tessera::testing::FailsWith;
using ::tessera::testing::IsOk;
using ::testing::HasSubstr;

CertificateNames names_of(const Problem& problem) {
  CertificateNames names;
  names.model_sha256 = std::string(64, 'a');
  names.inputs = {{"profile.json", std::string(64, 'b')}};
  for (const auto& variable : problem.variables) {
    auto& states = names.states.emplace_back();
    for (std::size_t s = 0; s < variable.cost_ns.size(); ++s) {
      states.push_back("m" + std::to_string(s) + "/float32");
    }
    names.operators.push_back({"op" + variable.name});
  }
  return names;
}

/// As whoever reads the file finds it.
Verdict checked(const Problem& problem, const Solution& solution) {
  const auto made = to_certificate(problem, solution, names_of(problem));
  EXPECT_THAT(made, IsOk());
  const auto text = certificate::file_text(*made);
  const auto document = parse_json(text, "certificate");
  EXPECT_THAT(document, IsOk());
  auto verdict = certificate::check_document(*document, "certificate");
  EXPECT_THAT(verdict, IsOk());
  return verdict ? *verdict : Verdict{};
}

/// What the certificates of a test turned out to be about.
struct Seen {
  int optimal = 0;
  int feasible = 0;
  int infeasible = 0;
  int unknown = 0;
  int trees = 0;
  int dropped = 0;
};

void note(const Solution& solution, const Verdict& verdict, Seen& seen) {
  seen.optimal += verdict.status == certificate::Status::kOptimal ? 1 : 0;
  seen.feasible += verdict.status == certificate::Status::kFeasible ? 1 : 0;
  seen.infeasible += verdict.status == certificate::Status::kInfeasible ? 1 : 0;
  seen.unknown += verdict.status == certificate::Status::kUnknown ? 1 : 0;
  seen.trees += solution.proof->nodes.size() > 1 ? 1 : 0;
  for (const auto& node : solution.proof->nodes) {
    for (const auto& layout : node.layouts) {
      seen.dropped += layout.dropped.empty() ? 0 : 1;
    }
  }
}

/// A way to solve: whole, to a gap, with few cells, or stopped early.
plan::Options some_options(std::uint64_t seed) {
  plan::Options options{.gap = 0, .proof = true, .explain_limit_s = 0};
  switch (seed % 4) {
    case 1:
      options.gap = 0.1;
      break;
    case 2:
      options.most_cells = std::size_t{1} << (seed / 4 % 8);
      break;
    case 3:
      options.most_nodes = 1 + static_cast<std::int64_t>(seed / 4 % 3);
      break;
    default:
      break;
  }
  return options;
}

void expect_all_accepted(std::uint64_t seeds) {
  Seen seen;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(seed);
    const auto problem = plan::small_problem(seed);
    const auto solution = plan::solve(problem, some_options(seed));
    ASSERT_THAT(solution, IsOk());
    const auto verdict = checked(problem, *solution);
    ASSERT_TRUE(verdict.accepted) << verdict.reason;
    if (solution->assignment) {
      ASSERT_EQ(verdict.cost, solution->value.cost_ns);
    }
    if (solution->outcome != Outcome::kInfeasible) {
      ASSERT_GE(verdict.bound.value_or(plan::kLargestTotal), solution->bound_ns);
    }
    note(*solution, verdict, seen);
  }
  const auto some = static_cast<int>(seeds) / 100;
  EXPECT_GT(seen.optimal, some * 40);
  EXPECT_GT(seen.feasible, some);
  EXPECT_GT(seen.infeasible, some * 5);
  EXPECT_GT(seen.unknown, 0);
  EXPECT_GT(seen.trees, some * 5);
  EXPECT_GT(seen.dropped, some * 10);
}

TEST(ToCertificate, AllOfSmallProblemsAreAccepted) {
  expect_all_accepted(600);
}

TEST(ToCertificateSlow, AllOfManySmallProblemsAreAccepted) {
  expect_all_accepted(10'000);
}

TEST(ToCertificate, EliminationProvesByOneLayout) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    auto problem = plan::small_problem(seed);
    problem.limits.clear();
    const auto solution = plan::elimination().solve(problem, {.proof = true}, Monitor::silent());
    ASSERT_THAT(solution, IsOk());
    const auto verdict = checked(problem, *solution);
    ASSERT_TRUE(verdict.accepted) << seed << ": " << verdict.reason;
    ASSERT_EQ(verdict.layouts, 1);
    ASSERT_EQ(verdict.bound, solution->value.cost_ns);
  }
}

// What has been tampered with may still be true: then it may be accepted, and only then.

/// Whether everything that a solution claims of a problem is so, by looking at all assignments.
bool is_true(const Problem& problem, const Solution& solution) {
  const auto best = plan::brute_force().solve(problem, {}, Monitor::silent());
  EXPECT_THAT(best, IsOk());
  if (!solution.assignment) {
    return solution.outcome == Outcome::kInfeasible
               ? best->outcome == Outcome::kInfeasible
               : !best->assignment || solution.bound_ns <= best->value.cost_ns;
  }
  const auto value = plan::evaluate(problem, *solution.assignment);
  return value && value->feasible && *value == solution.value &&
         solution.bound_ns <= best->value.cost_ns;
}

plan::ProofLayout* any_layout(Solution& solution, Random& random) {
  std::vector<plan::ProofLayout*> layouts;
  for (auto& node : solution.proof->nodes) {
    for (auto& layout : node.layouts) {
      layouts.push_back(&layout);
    }
  }
  return layouts.empty() ? nullptr : layouts[random.below(layouts.size())];
}

plan::StateSet any_state(const Problem& problem, Random& random) {
  const auto variable = random.below(problem.variables.size());
  const auto states = problem.variables[variable].cost_ns.size();
  return {variable, {static_cast<std::uint8_t>(random.below(states))}};
}

std::int64_t changed(std::int64_t number, Random& random) {
  switch (random.below(4)) {
    case 0:
      return number / 2;
    case 1:
      return number + 1;
    case 2:
      return std::max<std::int64_t>(number - 1, 0);
    default:
      return number * 2 + 1000;
  }
}

void change_claim(const Problem& problem, Solution& solution, Random& random) {
  switch (random.below(6)) {
    case 0:
      solution.value.cost_ns += random.below(2) == 0 ? 1 : -1;
      return;
    case 1:
      ++solution.bound_ns;
      solution.value.cost_ns = std::max(solution.value.cost_ns, solution.bound_ns);
      return;
    case 2:
      ++solution.bound_ns;
      return;
    case 3:
      if (solution.assignment) {
        const auto to = any_state(problem, random);
        (*solution.assignment)[to.variable] = to.states[0];
      }
      return;
    case 4:
      if (solution.assignment) {
        // As if it had been evaluated so.
        const auto to = any_state(problem, random);
        (*solution.assignment)[to.variable] = to.states[0];
        solution.value = plan::evaluate(problem, *solution.assignment).value();
        solution.bound_ns = solution.value.cost_ns;
      }
      return;
    default:
      solution.assignment.reset();
      solution.outcome = Outcome::kInfeasible;
  }
}

void change_proof(const Problem& problem, Solution& solution, Random& random) {
  auto* const layout = any_layout(solution, random);
  if (layout == nullptr) {
    return;
  }
  auto& nodes = solution.proof->nodes;
  switch (random.below(8)) {
    case 0:
      if (!layout->multipliers.empty()) {
        auto& multiplier = layout->multipliers[random.below(layout->multipliers.size())];
        multiplier = changed(multiplier, random);
      }
      return;
    case 1:
      if (!layout->relaxed.empty()) {
        auto& multiplier = layout->relaxed[random.below(layout->relaxed.size())].multiplier;
        multiplier = changed(multiplier, random);
      }
      return;
    case 2:
      layout->cost_weight = changed(layout->cost_weight, random);
      return;
    case 3:
      layout->dropped.push_back(any_state(problem, random));
      return;
    case 4:
      solution.proof->dominated.push_back(any_state(problem, random));
      return;
    case 5:
      nodes.pop_back();  // with the last leaf, what leads there
      for (auto& node : nodes) {
        if (node.split && node.split->outside == nodes.size()) {
          node.split->outside = node.split->inside;
        }
      }
      return;
    case 6:
      nodes[random.below(nodes.size())].layouts.clear();
      return;
    default:
      nodes[random.below(nodes.size())].split.reset();
  }
}

/// Claims that another plan is the best, and drops everything else.
void hide_the_rest(const Problem& problem, Solution& solution, Random& random) {
  auto* const layout = any_layout(solution, random);
  if (layout == nullptr || !solution.assignment) {
    return;
  }
  for (int tries = 0; tries < 20; ++tries) {
    auto other = *solution.assignment;
    const auto to = any_state(problem, random);
    other[to.variable] = to.states[0];
    const auto value = plan::evaluate(problem, other).value();
    if (value.feasible) {
      solution.assignment = other;
      solution.value = value;
    }
  }
  solution.bound_ns = solution.value.cost_ns;
  auto& root = solution.proof->nodes[0];
  root.split.reset();
  root.layouts = {*layout};
  root.layouts[0].dropped.clear();
  solution.proof->nodes.resize(1);
  for (std::size_t i = 0; i < problem.variables.size(); ++i) {
    auto& [variable, states] = root.layouts[0].dropped.emplace_back(plan::StateSet{i, {}});
    for (std::size_t s = 0; s < problem.variables[i].cost_ns.size(); ++s) {
      const auto state = static_cast<std::uint8_t>(s);
      const auto is_dominated = [&](const plan::StateSet& set) {
        return set.variable == i && std::ranges::find(set.states, state) != set.states.end();
      };
      if (state != (*solution.assignment)[i] &&
          std::ranges::none_of(solution.proof->dominated, is_dominated)) {
        states.push_back(state);
      }
    }
  }
}

void change_problem(Problem& problem, Random& random) {
  const auto kind = random.below(5);
  if (kind < 2 && !problem.limits.empty()) {
    auto& limit = problem.limits[random.below(problem.limits.size())];
    if (kind == 0) {
      limit.bound += random.below(2) == 0 ? 1 : -1;
    } else {
      limit.states[random.below(limit.states.size())].amount += random.below(2) == 0 ? 1 : -1;
    }
    return;
  }
  auto& costs = kind == 2 && !problem.tensors.empty()
                    ? problem.tensors[random.below(problem.tensors.size())].cost_ns
                : kind == 3 && !problem.couplings.empty()
                    ? problem.couplings[random.below(problem.couplings.size())].cost_ns
                    : problem.variables[random.below(problem.variables.size())].cost_ns;
  auto& cost = costs[random.below(costs.size())];
  cost = random.below(2) == 0 ? cost + 1 : std::max<std::int64_t>(cost - 1, 0);
}

void expect_no_lie_accepted(std::uint64_t seeds, int least_lies) {
  int lies = 0;
  int refused_truths = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed + 1'000'000);
    auto problem = plan::small_problem(seed / 4);
    auto solution = plan::solve(problem, some_options(seed / 4)).value();
    switch (seed % 4) {
      case 0:
        change_claim(problem, solution, random);
        break;
      case 1:
        change_proof(problem, solution, random);
        break;
      case 2:
        hide_the_rest(problem, solution, random);
        break;
      default:
        change_problem(problem, random);
    }
    const auto verdict = checked(problem, solution);
    if (!is_true(problem, solution)) {
      ++lies;
      ASSERT_FALSE(verdict.accepted);
      ASSERT_FALSE(verdict.reason.empty());
    } else if (!verdict.accepted) {
      ++refused_truths;  // what is true without a proof
    }
  }
  EXPECT_GT(lies, least_lies);
  EXPECT_GT(refused_truths, least_lies / 10);
}

TEST(ToCertificate, NoneThatWasTamperedWithIsAcceptedUnlessItIsTrue) {
  expect_no_lie_accepted(1200, 150);
}

TEST(ToCertificateSlow, NoneOfManyThatWereTamperedWithIsAcceptedUnlessItIsTrue) {
  expect_no_lie_accepted(12'000, 2000);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Solves, checks, and says how long both took.
void expect_checked_in_time(const Problem& problem, plan::Options options) {
  options.proof = true;
  const auto start = std::chrono::steady_clock::now();
  const auto solution = plan::solve(problem, options);
  ASSERT_THAT(solution, IsOk());
  const auto solved_s = seconds_since(start);
  const auto made = to_certificate(problem, *solution, names_of(problem));
  ASSERT_THAT(made, IsOk());
  const auto text = certificate::file_text(*made);
  const auto before = std::chrono::steady_clock::now();
  const auto document = parse_json(text, "certificate");
  ASSERT_THAT(document, IsOk());
  const auto verdict = certificate::check_document(*document, "certificate");
  const auto checked_s = seconds_since(before);
  ASSERT_THAT(verdict, IsOk());
  EXPECT_TRUE(verdict->accepted) << verdict->reason;
  fmt::print(
      "solved in {:.2f} s (gap {:.3f} %), {} kB with {} nodes and {} layouts, checked in "
      "{:.2f} s\n",
      solved_s, solution->gap() * 100, text.size() / 1000, verdict->nodes, verdict->layouts,
      checked_s);
  EXPECT_LT(checked_s, 2 * solved_s + 0.5);
}

Problem network(std::size_t memories) {
  const plan::Machines machines{3, 4};
  auto problem = plan::segmentation_network(machines, 1);
  problem.limits.push_back(plan::error_limit(problem, machines, 50, 0.2, 2));
  for (std::size_t m = 0; m < memories; ++m) {
    problem.limits.push_back(plan::memory_limit(problem, machines, 2 - m, 0.1, 3));
  }
  return problem;
}

TEST(ToCertificate, ANetworkIsCheckedInLessTimeThanItIsSolvedIn) {
  auto free = network(0);
  free.limits.clear();
  expect_checked_in_time(free, {.gap = 0});
  expect_checked_in_time(network(0), {.gap = 1e-3});
}

/// No multiplier of 64 bits lifts the bound beyond all costs: it takes one that leaves them out.
TEST(ToCertificateSlow, ANetworkWithoutAPlanIsProvenToHaveNone) {
  auto problem = network(2);
  for (std::size_t r = 1; r < 3; ++r) {
    problem.limits[r].bound /= 3;
  }
  problem.limits.push_back(plan::memory_limit(problem, {3, 4}, 0, 0.03, 3));
  const auto solution = plan::solve(problem, {.proof = true, .explain_limit_s = 0});
  ASSERT_THAT(solution, IsOk());
  ASSERT_EQ(solution->outcome, Outcome::kInfeasible);
  ASSERT_TRUE(solution->conflicts.empty());
  const auto verdict = checked(problem, *solution);
  EXPECT_TRUE(verdict.accepted) << verdict.reason;
  EXPECT_EQ(verdict.status, certificate::Status::kInfeasible);
}

TEST(ToCertificateSlow, NetworksWithMemoriesAreCheckedInLessTimeThanTheyAreSolvedIn) {
  expect_checked_in_time(network(1), {.gap = 5e-3});
  expect_checked_in_time(network(2), {.gap = 5e-3});
}

TEST(ToCertificate, SaysWhatWasNamed) {
  const auto problem = plan::small_problem(5);
  const auto solution = plan::solve(problem, {.proof = true}).value();
  const auto document =
      certificate::to_json(to_certificate(problem, solution, names_of(problem)).value());
  EXPECT_EQ(document["model"]["sha256"], std::string(64, 'a'));
  EXPECT_EQ(document["inputs"]["profile.json"], std::string(64, 'b'));
  EXPECT_EQ(document["unit"], "ns");
  EXPECT_EQ(document["objective_scale"], 1000);
  const auto& variable = document["problem"]["variables"][0];
  EXPECT_EQ(variable["operators"], Json::array({"op0"}));
  EXPECT_EQ(document["problem"]["state_names"][variable["states"].get<std::size_t>()][0],
            "m0/float32");
}

TEST(ToCertificate, RefusesOtherNamesAndSolutionsWithoutAProof) {
  const auto problem = plan::small_problem(5);
  auto names = names_of(problem);
  EXPECT_THAT(to_certificate(problem, plan::solve(problem).value(), names),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("without a proof")));
  names.states[0].pop_back();
  EXPECT_THAT(to_certificate(problem, plan::solve(problem, {.proof = true}).value(), names),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("names")));
}

}  // namespace
}  // namespace tessera::placement
