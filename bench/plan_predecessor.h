// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <utility>
#include <vector>

#include "milp/highs_api.h"
#include "support/plan_networks.h"

/// How placement and precision were planned together before: "What came before" in
/// docs/planning.md.
namespace tessera::plan {

struct PredecessorAnswer {
  double gap = 1;
  double cost_ms = 0;
};

/// A program whose numbers are all 0 or 1, in rows.
class BinaryProgram {
 public:
  int add(double cost) {
    costs_.push_back(cost);
    return static_cast<int>(costs_.size()) - 1;
  }
  void add_cost(int column, double cost) { costs_[static_cast<std::size_t>(column)] += cost; }
  void row(const std::vector<std::pair<int, double>>& entries, double lower, double upper) {
    starts_.push_back(static_cast<int>(indices_.size()));
    for (const auto& [column, coefficient] : entries) {
      indices_.push_back(column);
      values_.push_back(coefficient);
    }
    lower_.push_back(lower);
    upper_.push_back(upper);
  }
  /// 1 exactly where both are, by three rows.
  int product(int a, int b, double cost) {
    const auto both = add(cost);
    row({{both, 1}, {a, -1}}, -kNone, 0);
    row({{both, 1}, {b, -1}}, -kNone, 0);
    row({{a, 1}, {b, 1}, {both, -1}}, -kNone, 1);
    return both;
  }
  Result<PredecessorAnswer> solve(const milp::HighsApi& api, double gap, double seconds) const {
    void* const solver = api.create();
    api.set_bool(solver, "output_flag", 0);
    api.set_int(solver, "threads", 1);
    api.set_double(solver, "mip_rel_gap", gap);
    api.set_double(solver, "time_limit", seconds);
    const std::vector<double> zeros(costs_.size(), 0);
    const std::vector<double> ones(costs_.size(), 1);
    const std::vector<int> kinds(costs_.size(), milp::HighsApi::kInteger);
    api.pass(solver, static_cast<int>(costs_.size()), static_cast<int>(lower_.size()),
             static_cast<int>(indices_.size()), milp::HighsApi::kByRow, milp::HighsApi::kMinimize,
             0, costs_.data(), zeros.data(), ones.data(), lower_.data(), upper_.data(),
             starts_.data(), indices_.data(), values_.data(), kinds.data());
    api.run(solver);
    int has = 0;
    api.info_int(solver, "primal_solution_status", &has);
    PredecessorAnswer answer;
    if (has == milp::HighsApi::kHasSolution) {
      api.info_double(solver, "objective_function_value", &answer.cost_ms);
      api.info_double(solver, "mip_gap", &answer.gap);
    }
    api.destroy(solver);
    return answer;
  }

  static constexpr double kNone = 1e30;

 private:
  std::vector<double> costs_;
  std::vector<int> starts_;
  std::vector<int> indices_;
  std::vector<double> values_;
  std::vector<double> lower_;
  std::vector<double> upper_;
};

/// Placement x[i,k], sends z[t,k,h], and whether one of the twelve largest layers is in integers,
/// on whatever machine: q[i]. Floats are what is sent, but by those twelve; no conversion costs
/// anything. All products by three rows, all numbers binary, costs in ms.
inline Result<PredecessorAnswer> predecessor(const Problem& problem, const Machines& machines,
                                             double share, const std::filesystem::path& library,
                                             double gap, double seconds) {
  constexpr std::size_t kLayers = 12;
  TESSERA_TRY(const auto highs, milp::load_highs(library));
  const auto state = [&](std::size_t machine, bool integer) {
    return machine * machines.precisions + (integer ? machines.precisions / 2 : 0);
  };
  const auto is_there = [&](std::size_t i, std::size_t machine) {
    return state(machine, true) < problem.variables[i].cost_ns.size();
  };
  std::vector<std::size_t> largest(problem.variables.size());
  std::iota(largest.begin(), largest.end(), 0);
  std::ranges::stable_sort(largest, std::ranges::greater{},
                           [&](std::size_t i) { return problem.variables[i].cost_ns[0]; });
  largest.resize(kLayers);

  BinaryProgram program;
  const auto count = machines.count;
  std::vector<std::vector<int>> x(problem.variables.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::vector<std::pair<int, double>> one;
    for (std::size_t k = 0; k < count; ++k) {
      const auto there = is_there(i, k);
      const auto cost = there ? problem.variables[i].cost_ns[state(k, false)] : 0;
      x[i].push_back(program.add(static_cast<double>(cost) / 1e6));
      if (there) {
        one.emplace_back(x[i][k], 1);
      } else {
        program.row({{x[i][k], 1}}, 0, 0);
      }
    }
    program.row(one, 1, 1);
  }
  std::vector<int> q(problem.variables.size(), -1);
  for (const auto i : largest) {
    q[i] = program.add(0);
    for (std::size_t k = 0; k < count && is_there(i, k); ++k) {
      const auto& costs = problem.variables[i].cost_ns;
      program.product(x[i][k], q[i],
                      static_cast<double>(costs[state(k, true)] - costs[state(k, false)]) / 1e6);
    }
  }
  for (const auto& tensor : problem.tensors) {
    const auto from = tensor.producer;
    for (std::size_t k = 0; k < count; ++k) {
      for (std::size_t h = 0; h < count; ++h) {
        const auto sent = [&](bool integer) {
          const auto format = static_cast<std::size_t>(integer ? 1 : 0);
          const auto cost = tensor.cost_ns[(2 * k + format) * tensor.to_classes + 2 * h + format];
          return k == h ? 0.0 : static_cast<double>(cost) / 1e6;
        };
        const auto z = program.add(sent(false));
        std::vector<std::pair<int, double>> wanted{{z, 1}};
        for (const auto& consumer : tensor.consumers) {
          const auto at = x[consumer.variable][h];
          program.row({{x[from][k], 1}, {at, 1}, {z, -1}}, -BinaryProgram::kNone, 1);
          wanted.emplace_back(at, -1);
        }
        program.row({{z, 1}, {x[from][k], -1}}, -BinaryProgram::kNone, 0);
        program.row(wanted, -BinaryProgram::kNone, 0);
        if (q[from] >= 0) {
          program.product(z, q[from], sent(true) - sent(false));
        }
      }
    }
  }
  // The twelve layers' errors, and all their pairs.
  Random random(2);
  std::vector<std::pair<int, double>> error;
  double all = 0;
  for (const auto i : largest) {
    error.emplace_back(q[i], std::exp(1.2 * random.normal()) * 0.4);
    all += error.back().second;
  }
  for (std::size_t a = 0; a < kLayers; ++a) {
    for (std::size_t b = a + 1; b < kLayers; ++b) {
      const auto less = std::min(error[a].second, error[b].second);
      const auto amount = less * (random.below(4) == 0 ? 0.3 : -0.6) * random.uniform() / kLayers;
      error.emplace_back(program.product(q[largest[a]], q[largest[b]], 0), amount);
    }
  }
  program.row(error, -BinaryProgram::kNone, all * share);
  return program.solve(highs->api, gap, seconds);
}

}  // namespace tessera::plan
