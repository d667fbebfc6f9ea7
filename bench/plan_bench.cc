// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include "support/plan_networks.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

void solve_and_report(benchmark::State& state, const Problem& problem, const Options& options) {
  for ([[maybe_unused]] auto _ : state) {
    const auto solution = solve(problem, options);
    if (!solution) {
      state.SkipWithError(solution.error().message.c_str());
      return;
    }
    state.counters["gap_percent"] = 100 * solution->gap();
    state.counters["nodes"] = static_cast<double>(solution->nodes);
    state.counters["ms"] = static_cast<double>(solution->value.cost_ns) / 1e6;
  }
  state.counters["operators"] = static_cast<double>(problem.variables.size());
  double edges = 0;
  for (const auto& tensor : problem.tensors) {
    edges += static_cast<double>(tensor.consumers.size());
  }
  state.counters["edges"] = edges;
}

void no_limits(benchmark::State& state) {
  const auto problem = segmentation_network({3, 4}, 1);
  solve_and_report(state, problem, {.gap = 0});
}
BENCHMARK(no_limits)->Unit(benchmark::kMillisecond);

/// An error of so many percent of that of all integers, with 50 pairs.
void error(benchmark::State& state) {
  const Machines machines{3, 4};
  auto problem = segmentation_network(machines, 1);
  problem.limits.push_back(
      error_limit(problem, machines, 50, static_cast<double>(state.range(0)) / 100, 2));
  solve_and_report(state, problem, {.gap = 1e-3, .time_limit_s = 20});
}
BENCHMARK(error)->ArgName("percent")->Arg(5)->Arg(20)->Arg(50)->Unit(benchmark::kMillisecond);

void error_and_memories(benchmark::State& state) {
  const Machines machines{3, 4};
  auto problem = segmentation_network(machines, 1);
  problem.limits.push_back(error_limit(problem, machines, 50, 0.2, 2));
  for (std::size_t machine = 1; machine < 1 + static_cast<std::size_t>(state.range(0)); ++machine) {
    problem.limits.push_back(memory_limit(problem, machines, 3 - machine, 0.1, 3));
  }
  solve_and_report(state, problem, {.gap = 5e-3, .time_limit_s = 20});
}
BENCHMARK(error_and_memories)->ArgName("memories")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

/// 16 states, and some 10,000 operators.
void large(benchmark::State& state) {
  const Machines machines{4, 4};
  auto problem = segmentation_network(machines, 1, 20);
  if (state.range(0) > 0) {
    problem.limits.push_back(error_limit(problem, machines, 50, 0.2, 2));
  }
  solve_and_report(state, problem, {.gap = 1e-3, .time_limit_s = 60});
}
BENCHMARK(large)->ArgName("limits")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tessera::plan
