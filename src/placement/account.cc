// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include "placement/error_row.h"
#include "tessera/graph/cost.h"
#include "tessera/placement/instance.h"
#include "tessera/plan/evaluate.h"

namespace tessera::placement {
namespace {

/// A value that crosses in one plan.
struct Sent {
  std::size_t tensor = 0;  ///< of the problem
  const Crossing* crossing = nullptr;
};

/// Layers of one machine that run without waiting for another in between: what has more crossings
/// behind it is a later part.
struct Part {
  std::size_t machine = 0;
  std::size_t level = 0;
  auto operator<=>(const Part&) const = default;
};

class Accountant {
 public:
  Accountant(const Setting& setting, const Goal& goal, const Instance& instance,
             const plan::Assignment& assignment)
      : setting_(setting), goal_(goal), instance_(instance), assignment_(assignment) {}

  Account account() {
    account_machines();
    find_sent();
    account_sent();
    add_up();
    find_parts();
    simulate();
    return std::move(account_);
  }

 private:
  [[nodiscard]] const Place& place(std::size_t unit) const {
    return instance_.places[unit][assignment_[unit]];
  }
  [[nodiscard]] const cluster::Machine& machine(std::size_t k) const {
    return *instance_.sites[k].machine;
  }

  void account_machines() {
    account_.layer_us.assign(instance_.units.size(), 0);
    const auto home = setting_.cluster->find(setting_.cluster->inputs_from).value_or(0);
    const auto outputs = setting_.cluster->find(setting_.cluster->outputs_to).value_or(home);
    for (std::size_t k = 0; k < instance_.sites.size(); ++k) {
      const auto states = local_states_of(instance_, k);
      const auto local = local_of(instance_, k, states, outputs, 1);
      std::vector<profile::LocalState> plan;
      MachineShare share{.machine = machine(k).name,
                         .latency_interval = instance_.sites[k].profile->model.interval};
      double weights = 0;
      for (std::size_t i = 0; i < instance_.units.size(); ++i) {
        plan.push_back(states[i][assignment_[i]]);
        share.layers += place(i).machine == k ? 1 : 0;
        weights += place(i).machine == k ? instance_.weight_bytes[i][assignment_[i]] : 0;
      }
      const auto us = profile::local_us(local, plan);
      for (std::size_t i = 0; i < instance_.units.size(); ++i) {
        account_.layer_us[i] += us[i];
        share.compute_us += us[i];
      }
      share.compute_us += us.back();
      inputs_us_.push_back(us.back());
      if (share.layers > 0) {
        share.memory_bytes = static_cast<std::int64_t>(weights) +
                             graph::peak_activation_bytes(*setting_.graph).value_or(0);
      }
      if (const auto watts = machine(k).busy_watts) {
        share.energy_j = *watts * share.compute_us * 1e-6;
        share.energy_source = machine(k).power_source.empty()
                                  ? "busy_watts of the cluster file x time"
                                  : machine(k).power_source + " x time";
      }
      account_.machines.push_back(std::move(share));
    }
    for (std::size_t op = 0; op < setting_.graph->ops().size(); ++op) {
      const auto unit = instance_.units.of_op[op];
      const auto& at = place(unit);
      account_.assignments.push_back({setting_.graph->ops()[op].name, machine(at.machine).name,
                                      instance_.sites[at.machine].precisions[at.local.state],
                                      instance_.units.units[unit].name});
    }
  }

  void find_sent() {
    for (std::size_t t = 0; t < instance_.problem.tensors.size(); ++t) {
      const auto& tensor = instance_.problem.tensors[t];
      const auto [from, to] = plan::sends_of(tensor, assignment_);
      for (const auto each : to) {
        const auto& crossing = instance_.sends[t].crossings[from * tensor.to_classes + each];
        if (!crossing.wire.empty()) {
          sent_.push_back({t, &crossing});
        }
      }
    }
  }

  void account_sent() {
    std::map<std::pair<std::string, std::string>, LinkShare> links;
    for (const auto& [tensor, crossing] : sent_) {
      const auto& from = machine(crossing->from).name;
      const auto& to = machine(crossing->to).name;
      account_.cuts.push_back({instance_.problem.tensors[tensor].name, from, to, crossing->wire,
                               crossing->bytes, crossing->us, crossing->energy_j});
      for (const auto& hop : crossing->hops) {
        auto& link = links
                         .try_emplace({hop.link->from, hop.link->to},
                                      LinkShare{hop.link->from, hop.link->to})
                         .first->second;
        link.bytes += crossing->bytes;
        link.us += hop.us;
      }
    }
    for (auto& [ends, link] : links) {
      account_.links.push_back(std::move(link));
    }
  }

  void add_up() {
    double energy = 0;
    bool known = true;
    for (const auto& share : account_.machines) {
      account_.latency_us += share.compute_us;
      account_.latency_low_us += share.compute_us * (1 - share.latency_interval);
      account_.latency_high_us += share.compute_us * (1 + share.latency_interval);
      known = known && (share.energy_j || share.layers == 0);
      energy += share.energy_j.value_or(0);
    }
    double wires = 0;
    for (const auto& sent : sent_) {
      account_.latency_us += sent.crossing->us;
      account_.latency_low_us += sent.crossing->us;
      account_.latency_high_us += sent.crossing->us;
      known = known && sent.crossing->energy_j.has_value();
      energy += sent.crossing->energy_j.value_or(0);
      wires += sent.crossing->error.value_or(0);
      lossy_ = lossy_ || is_lossy(*sent.crossing);
    }
    if (known) {
      account_.energy_j = energy;
    }
    if (setting_.error_model != nullptr) {
      const auto errors = ErrorRow(setting_, instance_).errors(instance_, assignment_, wires);
      if (errors && !lossy_) {
        account_.error = errors->bound;
        account_.error_predicted = errors->predicted;
      }
    } else if (!lossy_ && std::ranges::all_of(account_.assignments, [](const Assigned& one) {
                 return one.precision == "fp32";
               })) {
      account_.error = 0;
      account_.error_predicted = 0;
    }
    find_busy();
    account_.objective = objective();
  }

  /// Something is lost on the way whose share of the error nobody knows.
  [[nodiscard]] static bool is_lossy(const Crossing& crossing) {
    return crossing.lossy && !crossing.error;
  }

  [[nodiscard]] double objective() const {
    switch (goal_.objective) {
      case Objective::kLatency:
        return account_.latency_us;
      case Objective::kEnergy:
        return account_.energy_j.value_or(0);
      case Objective::kWeighted:
        return account_.latency_us + goal_.ms_per_joule * 1000 * account_.energy_j.value_or(0);
      case Objective::kThroughput:
        return stage_us();
    }
    return 0;
  }

  void find_busy() {
    auto& machines = account_.machine_busy_us;
    for (const auto& share : account_.machines) {
      machines.push_back(share.compute_us);
    }
    for (const auto& sent : sent_) {
      machines[sent.crossing->from] += sent.crossing->sender_us;
      machines[sent.crossing->to] += sent.crossing->receiver_us;
      for (const auto& hop : sent.crossing->hops) {
        account_.medium_busy_us[hop.link->medium_name()] += hop.us - hop.link->latency_us;
      }
    }
  }

  /// Of the busiest machine or medium.
  [[nodiscard]] double stage_us() const {
    double most = 0;
    for (const auto us : account_.machine_busy_us) {
      most = std::max(most, us);
    }
    for (const auto& [medium, us] : account_.medium_busy_us) {
      most = std::max(most, us);
    }
    return most;
  }

  void find_parts() {
    const auto count = instance_.units.size();
    levels_.assign(count, 0);
    // Every way from one machine to another counts, not only those that values of layers take.
    std::vector<std::vector<std::size_t>> producers(count);
    for (const auto& tensor : instance_.problem.tensors) {
      for (const auto& consumer : tensor.consumers) {
        if (tensor.producer < count && consumer.variable < count) {
          producers[consumer.variable].push_back(tensor.producer);
        }
      }
    }
    std::set<Part> parts;
    for (std::size_t i = 0; i < count; ++i) {
      for (const auto p : producers[i]) {
        const bool crosses = place(p).machine != place(i).machine;
        levels_[i] = std::max(levels_[i], levels_[p] + (crosses ? 1 : 0));
      }
      parts.insert({place(i).machine, levels_[i]});
    }
    account_.parts = static_cast<std::int64_t>(parts.size());
  }

  /// Parts run when what they read has come and their machine is free, a value leaves when its part
  /// is done and its medium is free; of several that could, the part of the lower level.
  void simulate() {
    const auto count = instance_.units.size();
    std::map<Part, double> work;
    for (std::size_t i = 0; i < count; ++i) {
      work[{place(i).machine, levels_[i]}] += account_.layer_us[i];
    }
    for (auto& [part, us] : work) {
      const bool first = std::ranges::none_of(work, [&, at = &part](const auto& other) {
        return other.first.machine == at->machine && other.first.level < at->level;
      });
      us += first ? inputs_us_[part.machine] : 0;
    }
    std::vector<std::pair<Part, double>> order(work.begin(), work.end());
    std::ranges::stable_sort(
        order, {}, [](const auto& one) { return std::pair(one.first.level, one.first.machine); });
    std::map<std::string, double> free;
    std::map<Part, double> ready;
    const auto send = [&](const Sent& sent, double from_us, std::optional<Part> reader_of) {
      const auto& crossing = *sent.crossing;
      double there = from_us + crossing.sender_us;
      for (const auto& hop : crossing.hops) {
        const auto medium = "link " + hop.link->medium_name();
        const double start = std::max(there, free[medium]);
        there = start + hop.us;
        free[medium] = there - hop.link->latency_us;
        account_.schedule.activities.push_back({hop.link->name(),
                                                instance_.problem.tensors[sent.tensor].name,
                                                crossing.wire, start, there});
      }
      there += crossing.receiver_us;
      account_.schedule.makespan_us = std::max(account_.schedule.makespan_us, there);
      if (reader_of) {
        ready[*reader_of] = std::max(ready[*reader_of], there);
      }
    };
    const auto send_all = [&](std::optional<Part> of, double done_us) {
      for (const auto& sent : sent_) {
        const auto& tensor = instance_.problem.tensors[sent.tensor];
        const bool of_inputs = tensor.producer >= count;
        const bool mine =
            of ? !of_inputs && Part{place(tensor.producer).machine, levels_[tensor.producer]} == *of
               : of_inputs;
        if (!mine) {
          continue;
        }
        std::optional<Part> earliest;
        for (const auto& consumer : tensor.consumers) {
          if (consumer.variable < count && place(consumer.variable).machine == sent.crossing->to) {
            const Part part{sent.crossing->to, levels_[consumer.variable]};
            earliest = earliest ? std::min(*earliest, part) : part;
          }
        }
        send(sent, done_us, earliest);
      }
    };
    send_all(std::nullopt, 0);
    for (const auto& [part, us] : order) {
      const auto& name = machine(part.machine).name;
      const double start = std::max(ready[part], free[name]);
      const double end = start + us;
      free[name] = end;
      account_.schedule.activities.push_back(
          {name, "part " + std::to_string(part.level + 1), precision_of(part), start, end});
      account_.schedule.makespan_us = std::max(account_.schedule.makespan_us, end);
      send_all(part, end);
    }
  }

  /// Of most of its layers' time.
  [[nodiscard]] std::string precision_of(const Part& part) const {
    std::map<std::string, double> us;
    for (std::size_t i = 0; i < instance_.units.size(); ++i) {
      if (place(i).machine == part.machine && levels_[i] == part.level) {
        us[instance_.sites[part.machine].precisions[place(i).local.state]] += account_.layer_us[i];
      }
    }
    return std::ranges::max_element(us, {}, [](const auto& one) { return one.second; })->first;
  }

  const Setting& setting_;
  const Goal& goal_;
  const Instance& instance_;
  const plan::Assignment& assignment_;
  Account account_;
  std::vector<Sent> sent_;
  std::vector<double> inputs_us_;  ///< by machine
  std::vector<std::size_t> levels_;
  bool lossy_ = false;
};

}  // namespace

Account account_of(const Setting& setting, const Goal& goal, const Instance& instance,
                   const plan::Assignment& assignment) {
  return Accountant(setting, goal, instance, assignment).account();
}

}  // namespace tessera::placement
