// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/cluster/cluster.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/noise/model.h"
#include "tessera/placement/record.h"
#include "tessera/plan/problem.h"
#include "tessera/plan/solve.h"
#include "tessera/profile/plan_costs.h"
#include "tessera/profile/record.h"

/// Plans as problems: what a network costs on the machines of a cluster.
namespace tessera::placement {

/// What is wanted.
struct Goal {
  Objective objective = Objective::kLatency;
  double ms_per_joule = 0;          ///< kWeighted: so many milliseconds are worth a joule
  std::optional<double> max_error;  ///< as the error model counts it (l2 per element)
  std::optional<double> max_energy_j;
  std::optional<double> max_latency_us;
  std::map<std::string, std::int64_t> max_memory_bytes;  ///< by machine, over the cluster's
  std::optional<std::int64_t> max_parts;
  std::optional<std::int64_t> max_crossings;
  /// How rows count what is no whole number, or what could cross in several forms: rounded down and
  /// as the least form (no plan that keeps a limit is left out), or rounded up and as the form that
  /// is taken (whatever keeps the row does).
  enum class Rows : std::uint8_t { kLeast, kMost };
  Rows rows = Rows::kLeast;
  bool exact_wires = false;  ///< nothing is rounded for the way alone
  bool codecs_only = false;  ///< inputs cross by codecs or not at all
  /// kThroughput: times that the busiest machine or medium may take, ascending. Minimized is the
  /// first that is enough, counted as 1 ns more than the one before, which is not. Empty: the
  /// latency.
  std::vector<std::int64_t> stages_ns;
};

/// A machine with its measurements.
struct Site {
  const cluster::Machine* machine = nullptr;
  const profile::Profile* profile = nullptr;  ///< its own, or that of the machine it is scaled of
  std::vector<std::string> precisions;        ///< by state
  std::vector<double> pace;                   ///< by state: times are stretched by that
  std::vector<bool> may;                      ///< by state: the machine may compute in it
};

/// All that a plan is made of. Everything outlives it.
struct Setting {
  const graph::Graph* graph = nullptr;
  const cluster::Cluster* cluster = nullptr;
  /// By machine; those of machines that are scaled have no layers.
  const std::vector<profile::Profile>* profiles = nullptr;
  const noise::ErrorModel* error_model = nullptr;  ///< or null
};

/// A state of a layer.
struct Place {
  std::size_t machine = 0;
  profile::LocalState local;
  bool int8_wire = false;  ///< what it makes crosses links in int8, at the cost of some error

  bool operator==(const Place&) const = default;
};

/// A link on the way of a value.
struct Hop {
  const cluster::Link* link = nullptr;
  double us = 0;  ///< the link's latency included
};

/// How a value crosses.
struct Crossing {
  std::string wire;      ///< empty: it does not cross, or there is no way
  std::size_t from = 0;  ///< machines
  std::size_t to = 0;
  std::int64_t bytes = 0;
  double us = 0;          ///< conversions included
  std::vector<Hop> hops;  ///< one behind the other: what passes through a machine waits there
  double link_us = 0;     ///< of these, on all links
  double sender_us = 0;   ///< of these, conversions there
  double receiver_us = 0;
  std::optional<double> energy_j;
  bool lossy = false;           ///< rounded for the way alone
  std::optional<double> error;  ///< what that adds to the error model's row; unknown: none
  /// Other forms and ways, which the objective likes less and some limit may like more.
  std::vector<Crossing> others;
};

/// A problem, and what its numbers mean.
struct Instance {
  profile::Units units;
  std::vector<Site> sites;
  std::vector<std::vector<Place>> places;  ///< by unit, then by state of its variable
  /// Units first, then what makes inputs, what takes outputs and, with Goal::stages_ns, the
  /// busiest.
  plan::Problem problem;
  std::int64_t too_much = 0;          ///< all costs are so much higher than they should be
  double units_per_objective = 1000;  ///< costs of one us, or one J
  struct Sends {
    graph::TensorId tensor;
    std::vector<Crossing> crossings;  ///< by entry of the problem's tensor of the same place
  };
  std::vector<Sends> sends;
  std::vector<std::vector<double>> weight_bytes;  ///< by unit and state
  std::vector<std::string> left_out;
  std::int64_t never = 0;
  bool all_int8_wires = false;  ///< whatever is float may cross in int8: no state of its own
  double error_limit = 0;       ///< what the error's row counts parts of

  [[nodiscard]] double objective_of(std::int64_t cost) const {
    return static_cast<double>(cost - too_much) / units_per_objective;
  }
};

/// The precisions of a profile by state: "fp32", "int8", then further schemes by name.
[[nodiscard]] std::vector<std::string> precisions_of(const profile::Profile& profile);
/// Whether a machine is restricted to what is known of it. Errors: kDataLoss, of the cluster file.
[[nodiscard]] Status check_precisions(const cluster::Machine& machine,
                                      const std::vector<std::string>& known);

/// The machines of a setting with their measurements, in the order of the cluster.
/// Errors: kInvalidArgument for a machine without a profile or a scaling, profiles that group
/// operators differently; those of check_precisions().
[[nodiscard]] Result<std::vector<Site>> sites_of(const Setting& setting);

/// Which places of a unit are offered; empty: all.
using Keeps = std::function<bool(std::size_t unit, const Place& place)>;

/// Errors: as above; kInvalidArgument for limits on what is unknown (energy of a machine without
/// watts, error without a model), pins that match nothing; kFailedPrecondition for an operator that
/// no machine may run.
/// `table_cells`: see profile::Local; with fewer, costs are too low where neighbours matter, and
/// bounds are found sooner.
[[nodiscard]] Result<Instance> make_instance(const Setting& setting, const Goal& goal,
                                             const Keeps& keeps = {},
                                             std::size_t table_cells = profile::kTableCells);

/// The same with every layer as cheap as it can be, whatever stands around it: its bounds hold, its
/// costs are too low. Far fewer states are told apart.
[[nodiscard]] Result<Instance> make_loose_instance(const Setting& setting, const Goal& goal,
                                                   const Keeps& keeps = {});
/// make_instance() without the places that no plan of at most that objective has: what is known to
/// be possible. Costs a bound of the loose one first.
[[nodiscard]] Result<Instance> make_instance_below(const Setting& setting, const Goal& goal,
                                                   double objective, const Keeps& keeps,
                                                   std::size_t table_cells,
                                                   const plan::Options& effort, Monitor& monitor);

/// By unit and state, what one machine knows of it.
[[nodiscard]] std::vector<std::vector<profile::LocalState>> local_states_of(
    const Instance& instance, std::size_t machine);
/// `states` as above; outlives what is returned.
[[nodiscard]] profile::Local local_of(const Instance& instance, std::size_t machine,
                                      const std::vector<std::vector<profile::LocalState>>& states,
                                      std::size_t outputs_at, double units_per_us);

/// What an assignment comes to, by the latency models themselves.
struct Account {
  std::vector<Assigned> assignments;
  std::vector<CutEdge> cuts;
  std::vector<MachineShare> machines;
  std::vector<LinkShare> links;
  std::vector<double> layer_us;  ///< by unit
  double latency_us = 0;
  double latency_low_us = 0;
  double latency_high_us = 0;
  std::optional<double> energy_j;
  std::optional<double> error;
  std::optional<double> error_predicted;
  double objective = 0;
  /// What they are busy; latencies of links keep nothing busy.
  std::vector<double> machine_busy_us;
  std::map<std::string, double> medium_busy_us;
  std::int64_t parts = 0;
  Schedule schedule;
};
[[nodiscard]] Account account_of(const Setting& setting, const Goal& goal, const Instance& instance,
                                 const plan::Assignment& assignment);

}  // namespace tessera::placement
