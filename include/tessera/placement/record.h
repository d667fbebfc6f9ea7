// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/core/json.h"

/// What a plan says: which operator runs where and in what precision, and what that comes to.
namespace tessera::placement {

enum class Objective : std::uint8_t {
  kLatency,
  kEnergy,
  kWeighted,    ///< latency, and energy at a price
  kThroughput,  ///< the time of the busiest machine or link
};
/// "latency", "energy", "weighted", "throughput".
[[nodiscard]] std::string_view to_string(Objective objective) noexcept;

/// An operator of the model.
struct Assigned {
  std::string op;
  std::string machine;
  std::string precision;  ///< "fp32", "int8" (the first scheme of the machine's profile), ...
  std::string layer;      ///< of the profile: operators of one are placed as one
};

/// A value that crosses from one machine to another.
struct CutEdge {
  std::string tensor;
  std::string from;
  std::string to;
  std::string wire_dtype;  ///< "float32", "float16", "int8", or the codec of an input
  std::int64_t bytes = 0;
  double us = 0;  ///< conversions at both ends included
  std::optional<double> energy_j;
};

/// What one machine has to do.
struct MachineShare {
  std::string machine;
  std::int64_t layers = 0;
  double compute_us = 0;          ///< of its layers, conversions within its parts included
  double latency_interval = 0;    ///< of its latency model: 90 % of plans are within that share
  std::int64_t memory_bytes = 0;  ///< weights, and the activations of the whole model
  std::optional<double> energy_j;
  std::string energy_source;
  std::string why_idle;  ///< why it got nothing; empty if it got something
};

struct LinkShare {
  std::string from;
  std::string to;
  std::int64_t bytes = 0;
  double us = 0;
};

/// How much of a limit is used, and what it costs.
struct LimitUse {
  std::string name;
  std::string unit;
  double used = 0;
  double bound = 0;
  /// What one unit more of the bound would save of the objective, about. Absent: unknown.
  std::optional<double> price;
};

/// Another way to run the model, for comparison.
struct Baseline {
  std::string name;      ///< "device float32", "best single cut", ...
  bool feasible = true;  ///< keeps the limits
  std::string why;       ///< why there is none, or what it breaks
  std::optional<double> latency_us;
  std::optional<double> energy_j;
  std::optional<double> error;
  std::optional<double> objective;
};

/// A stretch of time in which a machine or a link is at work.
struct Activity {
  std::string where;  ///< a machine, or "from-to"
  std::string what;
  std::string precision;  ///< or the form on the wire
  double start_us = 0;
  double end_us = 0;
};

/// One inference, simulated: whatever has all its inputs starts as soon as its machine or link is
/// free, in the order of the model.
struct Schedule {
  std::vector<Activity> activities;
  double makespan_us = 0;
};

/// A limit that cannot be kept with others.
struct ConflictingLimit {
  std::string name;
  std::string unit;
  double bound = 0;
  /// The least bound with which there are plans, the others as they are: what was found.
  std::optional<double> enough;
  double least = 0;  ///< proven: less is not enough
};

/// Why an operator is where it is.
struct Explanation {
  std::string layer;
  std::string machine;
  std::string precision;
  struct Alternative {
    std::string machine;
    std::string precision;
    /// The best plan with it costs so much more. Absent: there is none.
    std::optional<double> regret;
    double least_regret = 0;  ///< proven
    std::string why;          ///< why there is none
  };
  std::vector<Alternative> alternatives;  ///< the best first
};

/// How fast a link or a machine would have to be for the plan to use another number of machines.
struct TurningPoint {
  std::string what;   ///< "link edge-cloud bandwidth"
  double factor = 1;  ///< of what it is
  double value = 0;   ///< in `unit`
  std::string unit;
  std::string then;  ///< what the plan does from there on
};

struct ParetoPoint {
  double latency_us = 0;
  std::optional<double> error;
  std::optional<double> energy_j;
  double bound_us = 0;  ///< proven: no plan within the point's limit is faster
  std::vector<std::pair<std::string, std::int64_t>> layers_by_precision;
};

enum class Standing : std::uint8_t {
  kOptimal,     ///< no plan is better, or only within the gap that was asked for
  kFeasible,    ///< the best that was found; how much better there may be says the bound
  kInfeasible,  ///< no plan keeps the limits
  kUnknown,     ///< none was found, and none was refuted
};
/// "optimal", "feasible", "infeasible", "unknown".
[[nodiscard]] std::string_view to_string(Standing standing) noexcept;

/// The problem as a file for other solvers. Its costs are in whole `unit`, and all of a plan
/// together are `offset` higher than the objective.
struct ExportedProblem {
  std::string file;
  std::string unit;  ///< "ns", "nJ"
  std::int64_t offset = 0;
};

struct Plan {
  Standing status = Standing::kFeasible;
  Objective goal = Objective::kLatency;
  std::string objective_unit;  ///< "us", "J"
  double objective = 0;
  double bound = 0;  ///< proven: no plan that keeps the limits has less
  double gap = 0;
  double asked_gap = 0;
  double wall_us = 0;
  bool interrupted = false;  ///< the user stopped it: the best so far
  std::string method;
  std::vector<Assigned> assignments;
  std::vector<CutEdge> cuts;
  double latency_us = 0;  ///< one after another: machines, conversions and links
  double latency_low_us = 0;
  double latency_high_us = 0;
  Schedule schedule;
  std::optional<double> energy_j;
  std::vector<std::string> energy_sources;
  std::optional<double> error;            ///< by the error model's bound, as the limit counts it
  std::optional<double> error_predicted;  ///< by the error model
  std::string error_why;                  ///< why it is not known; empty if it is
  std::int64_t parts = 0;
  std::vector<MachineShare> machines;
  std::vector<LinkShare> links;
  std::vector<LimitUse> limits;
  std::vector<Baseline> baselines;
  std::vector<ConflictingLimit> conflicts;  ///< of an infeasible one
  std::vector<Explanation> explanations;
  std::vector<TurningPoint> turning_points;
  std::string turning_points_why;  ///< why they were not looked for, or not all; empty: they were
  std::vector<ParetoPoint> pareto;
  std::string pareto_why;  ///< why there are fewer points than asked for, or some are unproven
  std::vector<std::string> left_out;  ///< states that were not offered, and why
  struct Certificate {
    std::string file;
    std::string sha256;
  };
  std::optional<Certificate> certificate;
  std::optional<ExportedProblem> exported;

  /// There is an assignment, and figures of it. Without one there is a status, at most a bound.
  [[nodiscard]] bool is_there() const noexcept { return !assignments.empty(); }
};

/// {status, objective, bound, gap, wall_us, assignments[], cuts[], latency_us, energy_j, error,
/// baselines{}, certificate{}, ...}.
[[nodiscard]] Json to_json(const Plan& plan);

}  // namespace tessera::placement
