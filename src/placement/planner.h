// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "placement/fixed.h"
#include "tessera/placement/plan.h"

namespace tessera::placement {

/// A goal solved: the problem, its solution, and what the plan comes to.
struct Solved {
  Instance instance;
  plan::Solution solution;
  std::optional<Account> account;         ///< of a plan that keeps all limits
  double bound = 0;                       ///< of the objective, proven
  std::vector<ConflictingLimit> refuted;  ///< limits that are below the least there is
};

/// Makes plans of one setting.
class Planner {
 public:
  Planner(const Setting& setting, const PlanOptions& options, Monitor& monitor)
      : setting_(setting), options_(options), monitor_(monitor) {}

  [[nodiscard]] const Setting& setting() const noexcept { return setting_; }
  /// The same, for another setting.
  [[nodiscard]] Planner of(const Setting& other) const { return {other, options_, monitor_}; }
  /// Whatever the goal.
  [[nodiscard]] Result<Solved> solve(const Goal& goal) const;
  /// The best with fewer places, by rows as they are. kFailedPrecondition if a layer has none left.
  [[nodiscard]] Result<Solved> solve_once(const Goal& goal, const Keeps& keeps = {}) const;
  /// The first limit of the goal that a plan breaks, in words; empty if it keeps all.
  [[nodiscard]] std::string broken_limit(const Goal& goal, const Instance& instance,
                                         const Account& account,
                                         const plan::Assignment& assignment) const;
  [[nodiscard]] const plan::Method& method() const;

 private:
  [[nodiscard]] static double share_of_limits(const Goal& goal, const Account& account);
  [[nodiscard]] Status refute(const Goal& goal, Solved& solved) const;
  [[nodiscard]] Result<Solved> solve_rows(const Goal& goal) const;
  /// The places of an instance that a plan of at most that objective can have, and their costs
  /// anew.
  [[nodiscard]] Result<Instance> instance_within(const Goal& goal, const Instance& instance,
                                                 double objective) const;
  [[nodiscard]] Result<Solved> solve_instance(const Goal& goal, Instance instance) const;
  [[nodiscard]] Result<Instance> instance_for(const Goal& goal, const Keeps& keeps) const;
  [[nodiscard]] std::optional<double> possible(
      const Goal& goal, const Instance& loose,
      const std::optional<plan::Assignment>& assignment) const;
  [[nodiscard]] Result<double> least_stage(const Goal& goal) const;
  [[nodiscard]] Result<Solved> solve_throughput(const Goal& goal) const;
  [[nodiscard]] Result<Solved> solve_parts(const Goal& goal) const;

  const Setting& setting_;
  const PlanOptions& options_;
  Monitor& monitor_;
};

/// `loose`: of the goal.
[[nodiscard]] Result<std::vector<Baseline>> baselines(const Planner& planner, const Goal& goal,
                                                      const Instance& loose);
[[nodiscard]] Result<std::vector<Explanation>> explain(const Planner& planner, const Goal& goal,
                                                       const std::vector<std::string>& names,
                                                       const Solved& solved);
[[nodiscard]] Result<std::vector<TurningPoint>> turning_points(const Planner& planner,
                                                               const Goal& goal,
                                                               const Solved& solved);
[[nodiscard]] Result<std::vector<ParetoPoint>> front(const Planner& planner, const Goal& goal,
                                                     const PlanOptions& options,
                                                     const Solved& solved);

}  // namespace tessera::placement
