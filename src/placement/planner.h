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

/// Of an objective, what is no difference.
inline constexpr double kSameValue = 1e-6;
/// Rounding of rows, against figures of floating point.
inline constexpr double kSlack = 1 + 1e-9;

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

/// A plan that another problem may begin with.
struct Start {
  std::vector<Wish> wishes;              ///< by unit
  double objective = 0;                  ///< of the goal
  std::map<std::string, double> prices;  ///< as those of Solved
};

struct TimeLimit;
class Pool;

/// By how much rounding to whole numbers may have raised a bound.
[[nodiscard]] double rounding_of(const Instance& instance);

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
  /// The goal's problem as it is. kFailedPrecondition if a layer has no places left.
  [[nodiscard]] Result<Solved> solve_once(const Goal& goal, const Keeps& keeps = {},
                                          const Start* start = nullptr) const;
  [[nodiscard]] bool keeps(const Goal& goal, const Solved& solved) const;
  /// Another plan of what was solved, if that is really better.
  void take_plan(const Goal& goal, plan::Assignment assignment, Solved& solved) const;
  /// The goal as the problem that is solved for it: throughput of several machines by stages
  /// between a bound and a plan's objective.
  [[nodiscard]] static Goal posed(const Setting& setting, Goal goal, double bound,
                                  double objective);
  [[nodiscard]] double gap() const noexcept { return options_.solve.gap; }
  /// The first limit of the goal that a plan breaks, in words; empty if it keeps all.
  [[nodiscard]] std::string broken_limit(const Goal& goal, const Instance& instance,
                                         const Account& account,
                                         const plan::Assignment& assignment) const;
  [[nodiscard]] const plan::Method& method() const;

 private:
  Planner(const Planner& planner, const Setting& setting)
      : setting_(setting),
        options_(planner.options_),
        monitor_(planner.monitor_),
        clock_(planner.clock_),
        end_us_(planner.end_us_),
        only_(planner.only_) {}

  [[nodiscard]] plan::Options solve_options() const;
  [[nodiscard]] static double cost_of(const Goal& goal, const Account& account);
  [[nodiscard]] static Goal without_parts(Goal goal);
  [[nodiscard]] static plan::Solution solution_of(const Start& start, const Instance& instance);
  /// The places of an instance that a plan of at most that objective can have, by bounds that
  /// begin with these prices, and their costs anew.
  [[nodiscard]] Result<Instance> instance_within(const Goal& goal, const Instance& instance,
                                                 const plan::Solution& prices,
                                                 std::optional<double> objective,
                                                 std::size_t table_cells,
                                                 double time_limit_s) const;
  [[nodiscard]] static bool agrees(const Goal& goal, const Solved& solved);
  void take_closer(const Goal& goal, Solved closer, Solved& solved) const;
  [[nodiscard]] Result<Solved> solve_instance(const Goal& goal, Instance instance,
                                              const Start* start) const;
  [[nodiscard]] std::optional<Solved> known(const Goal& goal, const Instance& loose,
                                            const plan::Solution& solution,
                                            const Start* start) const;
  [[nodiscard]] Result<Solved> solve_kept(const Goal& goal, const Start* start = nullptr) const;
  [[nodiscard]] Result<Solved> solve_limited(const Goal& goal) const;
  [[nodiscard]] Status try_prices(const Goal& free, const TimeLimit& limit, Solved& solved,
                                  Pool& pool) const;
  [[nodiscard]] Status look_between(const Goal& free, const TimeLimit& limit,
                                    const Solved& over_limit, Solved keeping, Pool& pool) const;
  [[nodiscard]] Status solve_own(const Goal& goal, Pool& pool) const;
  [[nodiscard]] Result<Solved> refuted(const Goal& goal, Solved solved) const;
  [[nodiscard]] Result<Solved> beyond(const TimeLimit& limit, const Goal& goal,
                                      Solved solved) const;
  [[nodiscard]] Result<Solved> solve_throughput(const Goal& goal) const;
  [[nodiscard]] Result<Solved> solve_parts(const Goal& goal) const;

  const Setting& setting_;
  const PlanOptions& options_;
  Monitor& monitor_;
  Clock clock_;
  double end_us_ = 0;
  Keeps only_;
  bool explains_ = true;  ///< why there is no plan
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
