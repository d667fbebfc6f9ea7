// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "placement/fixed.h"
#include "tessera/core/timing.h"
#include "tessera/placement/plan.h"

namespace tessera::placement {

/// A goal solved: the problem, its solution, and what the plan comes to.
struct Solved {
  Instance instance;
  plan::Solution solution;
  std::optional<Account> account;         ///< of a plan that keeps all limits
  double bound = 0;                       ///< of the objective, proven
  std::vector<ConflictingLimit> refuted;  ///< limits that are below the least there is
  /// Of limits on energy and latency that were priced: objective for a J or us more of them.
  std::map<std::string, double> prices;
  bool is_own = true;  ///< the problem is the goal's, not one with prices, weights or least costs
};

struct TimeLimit;

/// Makes plans of one setting, within the time limit of its options from when it was made.
class Planner {
 public:
  Planner(const Setting& setting, const PlanOptions& options, Monitor& monitor)
      : setting_(setting),
        options_(options),
        monitor_(monitor),
        clock_(steady_clock_us()),
        end_us_(clock_() + options.solve.time_limit_s * 1e6) {}

  [[nodiscard]] const Setting& setting() const noexcept { return setting_; }
  /// The same, for another setting.
  [[nodiscard]] Planner of(const Setting& other) const { return {*this, other}; }
  /// The same, with as much time as at first.
  [[nodiscard]] Planner afresh() const;
  /// The same, of these places only.
  [[nodiscard]] Planner keeping(Keeps only) const;
  /// The same, with a share of the time that is left.
  [[nodiscard]] Planner within(double share) const;
  [[nodiscard]] bool is_late() const { return monitor_.cancelled() || clock_() >= end_us_; }
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
  class Pool;

  Planner(const Planner& planner, const Setting& setting)
      : setting_(setting),
        options_(planner.options_),
        monitor_(planner.monitor_),
        clock_(planner.clock_),
        end_us_(planner.end_us_),
        only_(planner.only_) {}

  [[nodiscard]] plan::Options solve_options() const;
  [[nodiscard]] static double cost_of(const Goal& goal, const Account& account);
  [[nodiscard]] bool keeps(const Goal& goal, const Solved& solved) const;
  [[nodiscard]] static Goal without_parts(Goal goal);
  [[nodiscard]] static double share_of_limits(const Goal& goal, const Account& account);
  [[nodiscard]] Result<Solved> solve_rows(const Goal& goal) const;
  /// The places of an instance that a plan of at most that objective can have, and their costs
  /// anew.
  [[nodiscard]] Result<Instance> instance_within(const Goal& goal, const Instance& instance,
                                                 double objective) const;
  [[nodiscard]] Result<Solved> solve_instance(const Goal& goal, Instance instance) const;
  [[nodiscard]] std::optional<Solved> known(const Goal& goal, const Instance& loose,
                                            const plan::Solution& solution) const;
  [[nodiscard]] static Solved beyond(const TimeLimit& limit, Solved solved);
  [[nodiscard]] Result<Solved> solve_exact_error(const Goal& goal) const;
  [[nodiscard]] Status look_between(const Goal& free, const TimeLimit& limit,
                                    const Solved& over_limit, Solved keeping, Pool& pool) const;
  [[nodiscard]] Result<double> try_rows(const Goal& goal, Pool& pool) const;
  [[nodiscard]] Status squeeze(const Goal& goal, double first_share, Pool& pool) const;
  [[nodiscard]] Status weigh_stages(const Goal& goal, Pool& pool) const;
  [[nodiscard]] Status try_stage(const Goal& stage, Pool& pool, double& looked) const;
  [[nodiscard]] Result<Solved> solve_throughput(const Goal& goal) const;
  [[nodiscard]] Result<Solved> solve_parts(const Goal& goal) const;

  const Setting& setting_;
  const PlanOptions& options_;
  Monitor& monitor_;
  Clock clock_;
  double end_us_ = 0;
  Keeps only_;
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

}  // namespace tessera::placement
