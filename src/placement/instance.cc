// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/placement/instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "placement/crossing.h"
#include "placement/error_row.h"
#include "tessera/core/checked.h"
#include "tessera/graph/cost.h"
#include "tessera/plan/solve.h"
#include "tessera/quantize/recipe.h"

namespace tessera::placement {
namespace {

constexpr double kNsPerUs = 1000;
constexpr double kNanojoules = 1e9;

std::int64_t whole(double value) {
  return static_cast<std::int64_t>(std::llround(value));
}

/// Bits of a weight in a scheme.
double weight_bits(const Site& site, std::size_t state) {
  constexpr double kFloatBits = 32;
  if (state == 0) {
    return kFloatBits;
  }
  const auto& profile = *site.profile;
  std::optional<quantize::Scheme> scheme = profile.integer_scheme;
  if (state > 1) {
    scheme = state - 2 < profile.further_schemes.size()
                 ? std::optional(profile.further_schemes[state - 2])
                 : std::nullopt;
  }
  if (!scheme) {
    return kFloatBits;  // not known: no less than that is certain
  }
  switch (scheme->mode) {
    case quantize::Mode::kFloat32:
      return kFloatBits;
    case quantize::Mode::kFloat16:
      return 16;
    default:
      break;
  }
  switch (scheme->weight) {
    case DType::kInt4:
    case DType::kUInt4:
      return 4;
    case DType::kInt16:
      return 16;
    default:
      return 8;
  }
}

class Builder {
 public:
  Builder(const Setting& setting, const Goal& goal, const Keeps& keeps)
      : setting_(setting), goal_(goal), keeps_(keeps) {}

  Status begin() {
    instance_.units_per_objective = goal_.objective == Objective::kEnergy ? kNanojoules : kNsPerUs;
    TESSERA_TRY(instance_.sites, sites_of(setting_));
    TESSERA_CHECK(find_units());
    TESSERA_CHECK(check_goal());
    if (goal_.max_error) {
      error_.emplace(setting_, instance_);
    }
    TESSERA_CHECK(find_rules());
    TESSERA_CHECK(make_variables());
    TESSERA_CHECK(make_sends());
    return {};
  }

  /// With every layer as it is cheapest whatever stands around it: a lower bound of all plans, of
  /// few values.
  Result<Instance> build_loose() {
    TESSERA_CHECK(begin());
    for (std::size_t i = 0; i < instance_.units.size(); ++i) {
      auto& costs = instance_.problem.variables[i].cost_ns;
      for (std::size_t s = 0; s < costs.size(); ++s) {
        const auto& place = instance_.places[i][s];
        costs[s] = static_cast<std::int64_t>(
            std::floor(extreme_us(i, place, false) * cost_per_us(place.machine)));
      }
      const auto least = std::min<std::int64_t>(std::ranges::min(costs), 0);
      for (auto& cost : costs) {
        cost -= least;
      }
      instance_.too_much -= least;
    }
    instance_.too_much += least_inputs();
    TESSERA_CHECK(add_limits());
    charge_extremes();
    TESSERA_CHECK(plan::validate(instance_.problem));
    return std::move(instance_);
  }

  Result<Instance> build(std::size_t table_cells) {
    TESSERA_CHECK(begin());
    TESSERA_CHECK(add_limits());
    add_machines(table_cells);
    TESSERA_CHECK(plan::validate(instance_.problem));
    return std::move(instance_);
  }

 private:
  /// A limit that times of machines count in.
  struct TimeRow {
    std::size_t limit = 0;
    std::vector<double> per_us;  ///< by machine: of its units
    std::int64_t never = 0;      ///< see profile::Local::Charge
  };

  Status add_limits() {
    if (error_) {
      error_->forbid_lonely(instance_);
      error_->add(instance_, *goal_.max_error, goal_.rows);
    }
    TESSERA_CHECK(add_memory());
    add_time_rows();
    return {};
  }

  /// What conversions of inputs take at most below nothing, where overheads are negative.
  [[nodiscard]] std::int64_t least_inputs() const {
    double below = 0;
    for (std::size_t k = 0; k < instance_.sites.size(); ++k) {
      below += inputs_below_us(k) * cost_per_us(k);
    }
    return whole(std::ceil(below));
  }
  [[nodiscard]] double inputs_below_us(std::size_t machine) const {
    const auto& model = instance_.sites[machine].profile->model;
    double least = 0;
    for (const auto& cell : model.rows.back().conversion) {
      least = std::min(least, model.scale * cell.us + model.overhead_us_per_kernel * cell.kernels);
    }
    return -least * instance_.sites[machine].pace[0];
  }

  [[nodiscard]] const graph::Graph& graph() const { return *setting_.graph; }
  [[nodiscard]] std::size_t source() const { return instance_.units.size(); }
  [[nodiscard]] std::size_t sink() const { return instance_.units.size() + 1; }

  Status find_units() {
    for (std::size_t k = 0; k < instance_.sites.size(); ++k) {
      const auto& site = instance_.sites[k];
      auto units = profile::units_of(graph(), *site.profile);
      if (!units) {
        auto error = units.error();
        error.message =
            fmt::format("profile of machine '{}': {}", site.machine->name, error.message);
        return tl::unexpected(std::move(error));
      }
      TESSERA_CHECK(check_model(*site.profile, units->size(), site.machine->name));
      takes_.emplace_back();
      for (const auto& unit : units->units) {
        takes_.back().push_back(unit.takes);
      }
      if (k == 0) {
        instance_.units = *std::move(units);
      } else if (units->of_op != instance_.units.of_op) {
        return fail(ErrorCode::kInvalidArgument,
                    "the profiles of '{}' and '{}' group operators differently",
                    instance_.sites[0].machine->name, site.machine->name)
            .hint("profile with the same scheme and selection on both machines");
      }
    }
    return {};
  }

  /// Every cell that is looked up below is there.
  static Status check_model(const profile::Profile& profile, std::size_t units,
                            const std::string& machine) {
    const auto& model = profile.model;
    const auto states = model.forms.size();
    const bool fits = model.rows.size() == units + 1 && states == model.schemes.size() + 1 &&
                      std::ranges::all_of(model.rows, [&](const auto& row) {
                        return row.own.size() == states * profile::kUnitContexts &&
                               row.conversion.size() == states * profile::kConversionContexts;
                      });
    if (!fits) {
      return fail(
                 ErrorCode::kInvalidArgument,
                 "the latency model in the profile of machine '{}' does not have a row for each of "
                 "{} layers and the inputs",
                 machine, units)
          .hint("measure it again: tessera profile MODEL --data D -o P.json");
    }
    return {};
  }

  Status check_goal() {
    const bool wants_energy = goal_.objective == Objective::kEnergy ||
                              goal_.objective == Objective::kWeighted || goal_.max_energy_j;
    if (wants_energy) {
      for (const auto& machine : setting_.cluster->machines) {
        if (!machine.busy_watts) {
          return fail(ErrorCode::kInvalidArgument, "nobody knows the power of machine '{}'",
                      machine.name)
              .hint("give it busy_watts in the cluster file: measured, or of the data sheet");
        }
      }
      for (const auto& link : setting_.cluster->links) {
        if (!link.transfer_joules(1)) {
          return fail(ErrorCode::kInvalidArgument, "nobody knows the energy of link {}",
                      link.name())
              .hint("give it a radio, or sender_joules_per_byte (0 for a cable)");
        }
      }
    }
    if (goal_.max_error && setting_.error_model == nullptr) {
      return fail(ErrorCode::kInvalidArgument, "a limit on the error needs an error model")
          .hint("make one with tessera error sweep and tessera error fit, and give --error-model");
    }
    return {};
  }

  /// The busiest is minimized: a variable of its own, whose states are times that others may take.
  [[nodiscard]] bool counts_stages() const {
    return goal_.objective == Objective::kThroughput && !goal_.stages_ns.empty();
  }

  /// Objective units of a microsecond of a machine.
  [[nodiscard]] double cost_per_us(std::size_t machine) const {
    const double watts = setting_.cluster->machines[machine].busy_watts.value_or(0);
    switch (goal_.objective) {
      case Objective::kLatency:
        return kNsPerUs;
      case Objective::kThroughput:
        return counts_stages() ? 0 : kNsPerUs;
      case Objective::kEnergy:
        return watts * 1e-6 * kNanojoules;
      case Objective::kWeighted:
        return kNsPerUs * (1 + goal_.ms_per_joule * 1000 * watts * 1e-6);
    }
    return kNsPerUs;
  }
  [[nodiscard]] Worth worth() const {
    switch (goal_.objective) {
      case Objective::kLatency:
      case Objective::kThroughput:
        return {kNsPerUs, 0};
      case Objective::kEnergy:
        return {0, kNanojoules};
      case Objective::kWeighted:
        return {kNsPerUs, goal_.ms_per_joule * 1000 * kNsPerUs};
    }
    return {};
  }

  /// By unit and machine, whether it may run there.
  Status find_rules() {
    const auto machines = instance_.sites.size();
    allowed_.assign(instance_.units.size(), std::vector<bool>(machines, true));
    const auto units_matching =
        [&](const std::vector<std::string>& patterns) -> Result<std::set<std::size_t>> {
      std::set<std::size_t> units;
      for (const auto& pattern : patterns) {
        TESSERA_TRY(const auto ops, quantize::select(graph(), pattern));
        if (ops.empty()) {
          return fail(ErrorCode::kInvalidArgument, "'{}' in the cluster file matches no operator",
                      pattern)
              .hint("patterns are names, re:REGEX, type:OP or path:FROM..TO; see tessera inspect");
        }
        for (const auto op : ops) {
          units.insert(instance_.units.of_op[op.value]);
        }
      }
      return units;
    };
    for (std::size_t k = 0; k < machines; ++k) {
      const auto& machine = *instance_.sites[k].machine;
      TESSERA_TRY(const auto only, units_matching(machine.only));
      TESSERA_TRY(const auto except, units_matching(machine.except));
      for (std::size_t i = 0; i < allowed_.size(); ++i) {
        const bool may = (machine.only.empty() || only.contains(i)) && !except.contains(i);
        allowed_[i][k] = allowed_[i][k] && may;
      }
    }
    for (const auto& pin : setting_.cluster->pins) {
      TESSERA_TRY(const auto units, units_matching(pin.match));
      for (const auto i : units) {
        for (std::size_t k = 0; k < machines; ++k) {
          allowed_[i][k] = allowed_[i][k] && instance_.sites[k].machine->name == pin.machine;
        }
      }
    }
    if (setting_.cluster->raw_input_stays) {
      const auto home = inputs_at();
      for (std::size_t i = 0; i < allowed_.size(); ++i) {
        for (std::size_t k = 0; k < machines && instance_.units.units[i].reads_input; ++k) {
          allowed_[i][k] = allowed_[i][k] && k == home;
        }
      }
    }
    return {};
  }

  [[nodiscard]] std::size_t inputs_at() const {
    return setting_.cluster->find(setting_.cluster->inputs_from).value_or(0);
  }
  [[nodiscard]] std::size_t outputs_at() const {
    return setting_.cluster->find(setting_.cluster->outputs_to).value_or(inputs_at());
  }

  Status make_variables() {
    std::map<std::string, std::int64_t> unknown;
    for (std::size_t i = 0; i < instance_.units.size(); ++i) {
      auto& places = instance_.places.emplace_back();
      for (std::size_t k = 0; k < instance_.sites.size(); ++k) {
        if (allowed_[i][k]) {
          add_places(i, k, places, unknown);
        }
      }
      if (keeps_) {
        std::erase_if(places, [&](const Place& place) { return !keeps_(i, place); });
      }
      const auto& unit = instance_.units.units[i];
      if (places.empty()) {
        return fail(ErrorCode::kFailedPrecondition, "no machine may run layer '{}'", unit.name)
            .hint("look at pins, precisions, only and except of the cluster file");
      }
      constexpr std::size_t kMostStates = 256;
      if (places.size() > kMostStates) {
        return fail(ErrorCode::kResourceExhausted,
                    "layer '{}' has {} states: machines x precisions x layouts", unit.name,
                    places.size())
            .hint("at most {}: leave out machines, or precisions of some", kMostStates);
      }
      auto& weights = instance_.weight_bytes.emplace_back();
      for (const auto& place : places) {
        weights.push_back(static_cast<double>(weight_bytes(i, place)));
      }
      instance_.problem.variables.push_back(
          {unit.name, std::vector<std::int64_t>(places.size(), 0)});
    }
    instance_.problem.variables.push_back({"inputs", {0}});
    instance_.problem.variables.push_back({"outputs", {0}});
    if (counts_stages()) {
      plan::Variable busiest{"busiest", {0}};
      for (std::size_t s = 1; s < goal_.stages_ns.size(); ++s) {
        busiest.cost_ns.push_back(goal_.stages_ns[s - 1] + 1);
      }
      instance_.problem.variables.push_back(std::move(busiest));
    }
    for (const auto& [what, count] : unknown) {
      instance_.left_out.push_back(fmt::format("{}: {} layers", what, count));
    }
    return {};
  }

  void add_places(std::size_t i, std::size_t k, std::vector<Place>& places,
                  std::map<std::string, std::int64_t>& unknown) {
    const auto& site = instance_.sites[k];
    auto may = site.may;
    for (std::size_t s = 1; s < may.size(); ++s) {
      may[s] = may[s] && takes_[k][i][s - 1];
      Place place{.machine = k};
      place.local.state = static_cast<std::uint8_t>(s);
      if (may[s] && error_ && !error_->entries_of(i, place)) {
        may[s] = false;
        ++unknown[fmt::format("{} on {} is not offered, the error model does not know it",
                              site.precisions[s], site.machine->name)];
      }
    }
    instance_.all_int8_wires = !error_;
    const auto term = error_ ? error_->wire_term(i, site) : std::nullopt;
    for (const auto& local :
         profile::local_states(instance_.units, i, site.profile->model.forms, may, false)) {
      Place place{k, local, false};
      const bool floats = site.profile->model.forms[local.state].values == DType::kFloat32;
      place.int8_wire = floats && !error_ && !goal_.exact_wires;
      places.push_back(place);
      if (floats && term && !goal_.exact_wires && instance_.sites.size() > 1 && offers_int8()) {
        place.int8_wire = true;
        places.push_back(place);
      }
    }
  }

  [[nodiscard]] bool offers_int8() const {
    return std::ranges::find(setting_.cluster->wires, "int8") != setting_.cluster->wires.end();
  }

  [[nodiscard]] End end_of(const Place& place) const {
    return {place.machine,
            instance_.sites[place.machine].profile->model.forms[place.local.state].values,
            place.int8_wire};
  }

  /// Classes of a variable's states at one end of a value.
  std::vector<plan::Class> classes(std::size_t variable, const Value& value, bool is_maker,
                                   std::vector<End>& ends) const {
    std::vector<End> of;
    if (variable == source()) {
      of = {{inputs_at(), DType::kFloat32, false}};
    } else if (variable == sink()) {
      of = {{outputs_at(), DType::kFloat32, false}};
    } else {
      for (const auto& place : instance_.places[variable]) {
        of.push_back(end_of(place));
      }
    }
    std::vector<plan::Class> classes;
    for (auto end : of) {
      end.values = value.floating ? end.values : DType::kFloat32;
      end.int8_wire = end.int8_wire && is_maker && value.floating;
      const auto at = std::ranges::find(ends, end);
      classes.push_back(static_cast<plan::Class>(at - ends.begin()));
      if (at == ends.end()) {
        ends.push_back(end);
      }
    }
    return classes;
  }

  Status make_sends() {
    if (instance_.sites.size() < 2) {
      find_never();
      return {};
    }
    const auto constant = graph::constant_tensors(graph());
    std::vector<std::set<std::size_t>> readers(graph().tensors().size());
    for (std::uint32_t op = 0; op < graph().ops().size(); ++op) {
      graph::for_each_read(graph().ops()[op], [&](graph::TensorId id) {
        readers[id.value].insert(instance_.units.of_op[op]);
      });
    }
    for (std::uint32_t id = 0; id < graph().tensors().size(); ++id) {
      const auto& tensor = graph().tensors()[id];
      if (constant[id] || tensor.kind == graph::TensorKind::kInitializer) {
        continue;
      }
      const auto maker = tensor.producer ? instance_.units.of_op[tensor.producer->value] : source();
      readers[id].erase(maker);
      if (tensor.is_output) {
        readers[id].insert(sink());
      }
      if (!readers[id].empty()) {
        TESSERA_CHECK(add_send(graph::TensorId{id}, maker, readers[id]));
      }
    }
    find_never();
    forbid_impossible_sends();
    return {};
  }

  Status add_send(graph::TensorId id, std::size_t maker, const std::set<std::size_t>& readers) {
    const auto& tensor = graph().tensor(id);
    const auto shape = tensor.static_shape();
    const auto bytes = tensor.size_bytes();
    const bool known = shape && bytes;
    if (!known) {
      instance_.left_out.push_back(
          fmt::format("'{}' does not cross: {}", tensor.name,
                      tensor.dtype == DType::kUndefined || tensor.dtype == DType::kString || shape
                          ? "it is no tensor of numbers (but text, a sequence or a map)"
                          : "its size is not known (open extents take --dim NAME=N)"));
    }
    const Value value{.name = tensor.name,
                      .elements = known ? element_count(*shape) : 0,
                      .bytes = bytes.value_or(0),
                      .floating = tensor.dtype == DType::kFloat32,
                      .is_input = maker == source()};
    plan::Tensor send{.name = tensor.name, .producer = maker};
    std::vector<End> from;
    std::vector<End> to;
    send.producer_classes = classes(maker, value, true, from);
    for (const auto reader : readers) {
      send.consumers.push_back({reader, classes(reader, value, false, to)});
    }
    send.from_classes = from.size();
    send.to_classes = to.size();
    const Ways ways(setting_, instance_.sites,
                    {worth(), error_.has_value() || goal_.exact_wires, goal_.codecs_only});
    Instance::Sends sends{id, {}};
    for (const auto& a : from) {
      for (const auto& b : to) {
        auto crossing = known ? ways.best(value, a, b) : Crossing();
        if (crossing.wire == "int8" && a.int8_wire && error_) {
          crossing.error = error_->wire_term(maker, instance_.sites[a.machine]);
        }
        const bool none = a.machine != b.machine && crossing.wire.empty();
        send.cost_ns.push_back(none ? -1 : counts_stages() ? 0 : whole(ways.cost(crossing)));
        sends.crossings.push_back(std::move(crossing));
      }
    }
    instance_.problem.tensors.push_back(std::move(send));
    instance_.sends.push_back(std::move(sends));
    return {};
  }

  /// More than any plan costs: every layer at its dearest, every value sent to every reader.
  void find_never() {
    double sum = counts_stages() ? static_cast<double>(goal_.stages_ns.back()) : 1;
    for (std::size_t i = 0; i < instance_.units.size(); ++i) {
      double most = 0;
      for (const auto& place : instance_.places[i]) {
        most = std::max(most, dearest_us(i, place) * cost_per_us(place.machine));
        // By as much as that costs can be shifted, so that none is below 0.
        sum -= std::min(extreme_us(i, place, false), 0.0) * cost_per_us(place.machine);
      }
      sum += most;
    }
    for (const auto& tensor : instance_.problem.tensors) {
      sum += static_cast<double>(std::ranges::max(tensor.cost_ns)) *
             static_cast<double>(tensor.consumers.size());
    }
    sum += static_cast<double>(least_inputs());
    instance_.never = 2 * whole(sum) + 1;
  }

  void forbid_impossible_sends() {
    for (auto& tensor : instance_.problem.tensors) {
      std::ranges::replace(tensor.cost_ns, std::int64_t{-1}, instance_.never);
    }
  }

  void add_machines(std::size_t table_cells) {
    for (std::size_t k = 0; k < instance_.sites.size(); ++k) {
      const auto states = local_states_of(instance_, k);
      auto local = local_of(instance_, k, states, outputs_at(), cost_per_us(k));
      local.table_cells = table_cells;
      for (const auto& row : time_rows_) {
        if (row.per_us[k] > 0) {
          local.charges.push_back(
              {row.limit, row.per_us[k], goal_.rows == Goal::Rows::kMost, row.never});
        }
      }
      instance_.too_much += profile::add_local_costs(local, instance_.problem);
    }
  }

  /// The most that a layer and its conversions take in a place whatever stands around it, or the
  /// least.
  [[nodiscard]] double dearest_us(std::size_t i, const Place& place) const {
    return extreme_us(i, place, true);
  }
  [[nodiscard]] double extreme_us(std::size_t i, const Place& place, bool want_most) const {
    const auto& site = instance_.sites[place.machine];
    const auto& model = site.profile->model;
    const auto us = [&](const profile::LatencyModel::Cell& cell) {
      return site.pace[place.local.state] *
             (model.scale * cell.us + model.overhead_us_per_kernel * cell.kernels);
    };
    const auto most_of = [&](std::span<const profile::LatencyModel::Cell> cells) {
      double extreme = us(cells.front());
      for (const auto& cell : cells) {
        extreme = want_most ? std::max(extreme, us(cell)) : std::min(extreme, us(cell));
      }
      return extreme;
    };
    const std::size_t state = place.local.state;
    const auto& row = model.rows[i];
    const auto layout = static_cast<std::size_t>(place.local.result);
    double most = most_of(std::span(row.own).subspan(state * profile::kUnitContexts,
                                                     profile::kUnitContexts)) +
                  most_of(std::span(row.conversion)
                              .subspan(state * profile::kConversionContexts + layout * 6, 6));
    if (instance_.units.units[i].reads_input && want_most) {
      most += most_of(std::span(model.rows.back().conversion).first(profile::kConversionContexts));
    }
    return most;
  }

  Status add_memory() {
    for (std::size_t k = 0; k < instance_.sites.size(); ++k) {
      const auto& machine = *instance_.sites[k].machine;
      auto most = machine.memory_bytes;
      if (const auto given = goal_.max_memory_bytes.find(machine.name);
          given != goal_.max_memory_bytes.end()) {
        most = given->second;
      }
      if (!most) {
        continue;
      }
      const auto activations = graph::peak_activation_bytes(graph());
      if (!activations) {
        return fail(ErrorCode::kInvalidArgument,
                    "the activations' size is not known, and machine "
                    "'{}' has a limit of memory",
                    machine.name)
            .hint("give open extents a value with --dim NAME=N");
      }
      plan::Limit row{
          .name = "memory of " + machine.name, .unit = "B", .bound = *most - *activations};
      std::int64_t all = 0;
      for (std::size_t i = 0; i < instance_.places.size(); ++i) {
        std::int64_t largest = 0;
        for (std::size_t s = 0; s < instance_.places[i].size(); ++s) {
          const auto bytes = whole(instance_.weight_bytes[i][s]);
          if (instance_.places[i][s].machine == k && bytes > 0) {
            row.states.push_back({i, static_cast<std::uint8_t>(s), bytes});
            largest = std::max(largest, bytes);
          }
        }
        all += largest;
      }
      if (row.bound < 0) {  // nothing at all may run there: whatever has no weights needs room, too
        row.states.clear();
        row.bound = 0;
        for (std::size_t i = 0; i < instance_.places.size(); ++i) {
          for (std::size_t s = 0; s < instance_.places[i].size(); ++s) {
            if (instance_.places[i][s].machine == k) {
              row.states.push_back({i, static_cast<std::uint8_t>(s), 1});
            }
          }
        }
        row.name += " (less than the activations)";
      } else if (all <= row.bound) {
        continue;  // everything fits
      }
      instance_.problem.limits.push_back(std::move(row));
    }
    return {};
  }

  [[nodiscard]] std::int64_t weight_bytes(std::size_t i, const Place& place) const {
    const auto bits = weight_bits(instance_.sites[place.machine], place.local.state);
    return whole(std::ceil(static_cast<double>(instance_.units.units[i].weight_bytes) * bits / 32));
  }

  /// Of what machines and links are busy, and what that takes.
  void add_time_rows() {
    if (goal_.max_energy_j) {
      add_time_row("energy", "nJ", *goal_.max_energy_j * kNanojoules, [&](std::size_t k) {
        return *setting_.cluster->machines[k].busy_watts * 1e-6 * kNanojoules;
      });
      add_send_terms(instance_.problem.limits.back(), [](const Crossing& crossing) {
        return crossing.energy_j.value_or(0) * kNanojoules;
      });
    }
    if (goal_.max_latency_us) {
      add_time_row("latency", "ns", *goal_.max_latency_us * kNsPerUs,
                   [](std::size_t) { return kNsPerUs; });
      add_send_terms(instance_.problem.limits.back(),
                     [](const Crossing& crossing) { return crossing.us * kNsPerUs; });
    }
    if (goal_.max_crossings) {
      plan::Limit row{.name = "crossings", .unit = "values", .bound = *goal_.max_crossings};
      add_send_terms(row, [](const Crossing&) { return 1.0; });
      std::erase_if(row.sends, [&](const plan::SendTerm& term) { return makes_no_part(term); });
      instance_.problem.limits.push_back(std::move(row));
    }
    if (counts_stages()) {
      add_stage_rows();
    }
  }

  template <class PerUs>
  void add_time_row(std::string name, std::string unit, double bound, const PerUs& per_us) {
    time_rows_.push_back({instance_.problem.limits.size(), {}, 0});
    for (std::size_t k = 0; k < instance_.sites.size(); ++k) {
      time_rows_.back().per_us.push_back(per_us(k));
    }
    instance_.problem.limits.push_back(
        {.name = std::move(name), .unit = std::move(unit), .bound = whole(std::floor(bound))});
    forbid(time_rows_.back());
  }

  /// What must not be uses more than a layer and its neighbours could save by it.
  void forbid(TimeRow& row) {
    double most = 0;
    for (std::size_t i = 0; i < instance_.places.size(); ++i) {
      for (const auto& place : instance_.places[i]) {
        most = std::max(most, dearest_us(i, place) * row.per_us[place.machine]);
      }
    }
    constexpr double kNeighbours = 4;
    row.never = whole(std::ceil(kNeighbours * most)) + 1;
    for (std::size_t t = 0; t < instance_.problem.tensors.size(); ++t) {
      const auto& costs = instance_.problem.tensors[t].cost_ns;
      for (std::size_t e = 0; e < costs.size(); ++e) {
        if (costs[e] == instance_.never) {
          add_term(instance_.problem.limits[row.limit], t, e, static_cast<double>(row.never));
        }
      }
    }
  }

  /// Every layer as it is cheapest, so that no plan that keeps a limit is left out.
  void charge_extremes() {
    for (const auto& [limit, per_us, never] : time_rows_) {
      auto& row = instance_.problem.limits[limit];
      for (std::size_t k = 0; k < per_us.size(); ++k) {
        row.bound += whole(std::ceil(inputs_below_us(k) * per_us[k]));
      }
      for (std::size_t i = 0; i < instance_.places.size(); ++i) {
        for (std::size_t s = 0; s < instance_.places[i].size(); ++s) {
          const auto& place = instance_.places[i][s];
          const auto amount =
              whole(std::floor(extreme_us(i, place, false) * per_us[place.machine]));
          if (amount != 0) {
            row.states.push_back({i, static_cast<std::uint8_t>(s), amount});
          }
        }
      }
    }
  }

  /// What crosses before the first layer or behind the last.
  [[nodiscard]] bool makes_no_part(const plan::SendTerm& term) const {
    const auto& tensor = instance_.problem.tensors[term.tensor];
    return tensor.producer == source() ||
           (tensor.consumers.size() == 1 && tensor.consumers[0].variable == sink());
  }

  template <class Amount>
  void add_send_terms(plan::Limit& row, const Amount& amount) const {
    for (std::size_t t = 0; t < instance_.sends.size(); ++t) {
      const auto to_classes = instance_.problem.tensors[t].to_classes;
      const auto& crossings = instance_.sends[t].crossings;
      for (std::size_t e = 0; e < crossings.size(); ++e) {
        const double used = crossings[e].wire.empty() ? 0 : charged(crossings[e], amount);
        if (used > 0) {
          row.sends.push_back({t, static_cast<plan::Class>(e / to_classes),
                               static_cast<plan::Class>(e % to_classes), rounded(used)});
        }
      }
    }
  }
  [[nodiscard]] std::int64_t rounded(double amount) const {
    return whole(goal_.rows == Goal::Rows::kMost ? std::ceil(amount) : std::floor(amount));
  }

  /// What a row charges of a crossing: rows that leave no plan out charge the least of all its
  /// forms.
  template <class Amount>
  [[nodiscard]] double charged(const Crossing& crossing, const Amount& amount) const {
    double used = amount(crossing);
    for (const auto& other : crossing.others) {
      used = goal_.rows == Goal::Rows::kLeast ? std::min(used, amount(other)) : used;
    }
    return used;
  }

  /// No machine and no link, or medium that links share, is busy longer than the busiest.
  void add_stage_rows() {
    for (std::size_t k = 0; k < instance_.sites.size(); ++k) {
      add_time_row("time of " + instance_.sites[k].machine->name, "ns", 0,
                   [k](std::size_t other) { return other == k ? kNsPerUs : 0; });
      auto& row = instance_.problem.limits.back();
      add_ends(row, k);
      allow_stages(row);
    }
    std::set<std::string> media;
    for (const auto& link : setting_.cluster->links) {
      media.insert(link.medium_name());
    }
    for (const auto& medium : media) {
      plan::Limit row{.name = "time of link " + medium, .unit = "ns"};
      for_each_crossing([&](std::size_t t, std::size_t e, const Crossing& crossing) {
        const double us = charged(crossing, [&](const Crossing& one) {
          double busy = 0;
          for (const auto& hop : one.hops) {
            busy += hop.link->medium_name() == medium ? hop.us - hop.link->latency_us : 0;
          }
          return busy;
        });
        if (us > 0) {
          add_term(row, t, e, us * kNsPerUs);
        }
      });
      if (!row.sends.empty()) {
        allow_stages(row);
        instance_.problem.limits.push_back(std::move(row));
      }
    }
  }

  void allow_stages(plan::Limit& row) const {
    for (std::size_t s = 0; s < goal_.stages_ns.size(); ++s) {
      row.states.push_back({sink() + 1, static_cast<std::uint8_t>(s), -goal_.stages_ns[s]});
    }
  }

  void add_term(plan::Limit& row, std::size_t t, std::size_t e, double amount) const {
    const auto to_classes = instance_.problem.tensors[t].to_classes;
    row.sends.push_back({t, static_cast<plan::Class>(e / to_classes),
                         static_cast<plan::Class>(e % to_classes), rounded(amount)});
  }
  template <class Visit>
  void for_each_crossing(const Visit& visit) const {
    for (std::size_t t = 0; t < instance_.sends.size(); ++t) {
      for (std::size_t e = 0; e < instance_.sends[t].crossings.size(); ++e) {
        const auto& crossing = instance_.sends[t].crossings[e];
        if (!crossing.wire.empty()) {
          visit(t, e, crossing);
        }
      }
    }
  }
  void add_ends(plan::Limit& row, std::size_t k) const {
    for_each_crossing([&](std::size_t t, std::size_t e, const Crossing& crossing) {
      const double us = charged(crossing, [k](const Crossing& one) {
        return (one.from == k ? one.sender_us : 0) + (one.to == k ? one.receiver_us : 0);
      });
      if (us > 0) {
        add_term(row, t, e, us * kNsPerUs);
      }
    });
  }

  const Setting& setting_;
  const Goal& goal_;
  const Keeps& keeps_;
  Instance instance_;
  std::optional<ErrorRow> error_;
  std::vector<std::vector<std::vector<bool>>> takes_;  ///< by machine, unit, scheme
  std::vector<std::vector<bool>> allowed_;             ///< by unit and machine
  std::vector<TimeRow> time_rows_;
};

}  // namespace

std::vector<std::vector<profile::LocalState>> local_states_of(const Instance& instance,
                                                              std::size_t machine) {
  std::vector<std::vector<profile::LocalState>> states;
  for (const auto& places : instance.places) {
    auto& of = states.emplace_back();
    for (const auto& place : places) {
      of.push_back(place.machine == machine ? place.local : profile::LocalState{.here = false});
    }
  }
  return states;
}

profile::Local local_of(const Instance& instance, std::size_t machine,
                        const std::vector<std::vector<profile::LocalState>>& states,
                        std::size_t outputs_at, double units_per_us) {
  const auto& site = instance.sites[machine];
  return {.model = &site.profile->model,
          .units = &instance.units,
          .states = &states,
          .pace = site.pace,
          .takes_outputs = machine == outputs_at,
          .units_per_us = units_per_us,
          .never = instance.never};
}

namespace {

/// Places that may be part of the best plan: those whose bound, with every layer as cheap as it can
/// be, is no more than what some plan that keeps the limits costs.
Result<std::vector<std::vector<Place>>> worthwhile(const Setting& setting, const Goal& goal,
                                                   double known, const Keeps& keeps,
                                                   const plan::Options& effort, Monitor& monitor) {
  TESSERA_TRY(auto loose, Builder(setting, goal, keeps).build_loose());
  TESSERA_TRY(const auto bounds, plan::state_bounds(loose.problem, effort, monitor));
  constexpr double kRounding = 1e-6;  // of what was rounded in both problems
  const double most = known * (1 + kRounding) +
                      static_cast<double>(loose.units.size() + 10) / loose.units_per_objective;
  std::vector<std::vector<Place>> kept;
  for (std::size_t i = 0; i < loose.places.size(); ++i) {
    auto& of = kept.emplace_back();
    for (std::size_t s = 0; s < loose.places[i].size(); ++s) {
      if (loose.objective_of(bounds[i][s]) <= most) {
        of.push_back(loose.places[i][s]);
      }
    }
    if (of.empty()) {
      return std::move(loose.places);  // what is known is no plan of this problem
    }
  }
  return kept;
}

}  // namespace

Result<Instance> make_instance(const Setting& setting, const Goal& goal, const Keeps& keeps,
                               std::size_t table_cells) {
  return Builder(setting, goal, keeps).build(table_cells);
}

Result<Instance> make_loose_instance(const Setting& setting, const Goal& goal, const Keeps& keeps) {
  return Builder(setting, goal, keeps).build_loose();
}

Result<Instance> make_instance_below(const Setting& setting, const Goal& goal, double objective,
                                     const Keeps& keeps, std::size_t table_cells,
                                     const plan::Options& effort, Monitor& monitor) {
  TESSERA_TRY(const auto places, worthwhile(setting, goal, objective, keeps, effort, monitor));
  const auto kept = [&](std::size_t unit, const Place& place) {
    return std::ranges::find(places[unit], place) != places[unit].end();
  };
  return make_instance(setting, goal, kept, table_cells);
}

}  // namespace tessera::placement
