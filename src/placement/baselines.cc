// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// What people do without a planner, evaluated as plans are.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "placement/planner.h"
#include "tessera/plan/evaluate.h"

namespace tessera::placement {
namespace {

/// A single cut has no more values than that.
constexpr std::size_t kMostCutValues = 4;
constexpr std::size_t kCutsLookedAt = 40;
/// What the predecessor quantizes.
constexpr std::size_t kPredecessorLayers = 12;
constexpr const char* kPredecessor =
    "at most 12 layers in int8, no codec for inputs (the rule of the predecessor)";
/// Orders of more machines are not tried.
constexpr std::size_t kMostStages = 6;

class Baselines {
 public:
  Baselines(const Planner& planner, const Goal& goal, const Instance& instance)
      : planner_(planner), goal_(goal), instance_(instance) {}

  Result<std::vector<Baseline>> make() {
    for (std::size_t k = 0; k < machines(); ++k) {
      add_uniform(k, 0);
      add_uniform(k, 1);
    }
    if (machines() > 1) {
      add_best_cut();
      TESSERA_CHECK(add_uploads());
      TESSERA_CHECK(add_predecessor());
      add_stages();
    }
    return std::move(baselines_);
  }

 private:
  [[nodiscard]] std::size_t machines() const { return instance_.sites.size(); }
  [[nodiscard]] std::size_t layers() const { return instance_.units.size(); }
  [[nodiscard]] const std::string& name(std::size_t k) const {
    return instance_.sites[k].machine->name;
  }
  static std::string_view word(std::uint8_t asked) { return asked == 0 ? "float32" : "int8"; }

  /// The machine's first scheme, or float32 where a layer does not take it.
  [[nodiscard]] Wish wish(std::size_t unit, std::size_t machine, std::uint8_t asked) const {
    const bool offered = std::ranges::any_of(instance_.places[unit], [&](const Place& place) {
      return place.machine == machine && place.local.asked() == asked;
    });
    return {machine, offered ? asked : std::uint8_t{0}};
  }

  void add(Baseline baseline, const Instance& instance,
           const std::optional<plan::Assignment>& assignment) {
    const auto value =
        assignment ? plan::evaluate(instance.problem, *assignment) : Result<plan::Value>();
    if (!assignment || !value || value->cost_ns >= instance.never) {
      baseline.feasible = false;
      baseline.why = "some operator may not run there, or there is no way for a value";
      baselines_.push_back(std::move(baseline));
      return;
    }
    const auto account = account_of(planner_.setting(), goal_, instance, *assignment);
    baseline.latency_us = account.latency_us;
    baseline.energy_j = account.energy_j;
    baseline.error = account.error;
    baseline.objective = account.objective;
    baseline.why = planner_.broken_limit(goal_, instance, account, *assignment);
    baseline.feasible = baseline.why.empty();
    baselines_.push_back(std::move(baseline));
  }

  [[nodiscard]] std::optional<plan::Assignment> uniform(const Instance& instance, std::size_t k,
                                                        std::uint8_t asked) const {
    std::vector<Wish> wishes;
    for (std::size_t i = 0; i < layers(); ++i) {
      wishes.push_back(wish(i, k, asked));
    }
    return fixed_assignment(instance, wishes);
  }

  void add_uniform(std::size_t k, std::uint8_t asked) {
    if (!instance_.sites[k].may[asked]) {
      return;
    }
    add({.name = fmt::format("all on {}, {}", name(k), word(asked))}, instance_,
        uniform(instance_, k, asked));
  }

  /// By position in the order of layers, how many values cross there.
  [[nodiscard]] std::vector<std::size_t> crossing_values() const {
    std::vector<std::size_t> values(layers() + 1, 0);
    for (const auto& tensor : instance_.problem.tensors) {
      const auto first = tensor.producer < layers() ? tensor.producer + 1 : 0;
      std::size_t last = 0;
      for (const auto& consumer : tensor.consumers) {
        last = std::max(last, std::min(consumer.variable, layers()));
      }
      for (auto at = first; at <= last; ++at) {
        ++values[at];
      }
    }
    return values;
  }

  void add_best_cut() {
    const auto values = crossing_values();
    struct Cut {
      std::int64_t loose_cost = 0;  ///< too low, but not by much: what to look at
      plan::Assignment assignment;
      std::string what;
    };
    std::vector<Cut> cuts;
    for (std::size_t a = 0; a < machines(); ++a) {
      for (std::size_t b = 0; b < machines(); ++b) {
        for (std::uint8_t asked = 0; a != b && asked < 4; ++asked) {
          for (std::size_t at = 1; at < layers(); ++at) {
            if (values[at] > kMostCutValues) {
              continue;
            }
            std::vector<Wish> wishes;
            for (std::size_t i = 0; i < layers(); ++i) {
              wishes.push_back(i < at ? wish(i, a, asked & 1U) : wish(i, b, asked >> 1U));
            }
            auto assignment = fixed_assignment(instance_, wishes);
            const auto value =
                assignment ? plan::evaluate(instance_.problem, *assignment) : Result<plan::Value>();
            if (assignment && value && value->cost_ns < instance_.never) {
              cuts.push_back(
                  {value->cost_ns, std::move(*assignment),
                   fmt::format("best single cut: {} ({}) until layer {}, then {} ({})", name(a),
                               word(asked & 1U), at, name(b), word(asked >> 1U))});
            }
          }
        }
      }
    }
    std::ranges::stable_sort(cuts, {}, &Cut::loose_cost);
    cuts.resize(std::min(cuts.size(), kCutsLookedAt));
    const Cut* best = nullptr;
    double least = std::numeric_limits<double>::infinity();
    for (const auto& cut : cuts) {
      const auto account = account_of(planner_.setting(), goal_, instance_, cut.assignment);
      if (account.objective < least) {
        least = account.objective;
        best = &cut;
      }
    }
    add({.name = best != nullptr ? best->what : "best single cut"}, instance_,
        best != nullptr ? std::optional(best->assignment) : std::nullopt);
  }

  /// An image as the camera has it: a byte for each element of the input, which loses nothing
  /// where images have 8 bits. Arriving pixels are scaled to float, which is what Dequantize does.
  /// None unless the one input is an image, or where the cluster file has measured it itself.
  [[nodiscard]] std::optional<cluster::InputCodec> pixels() const {
    const auto& setting = planner_.setting();
    const auto& graph = *setting.graph;
    if (graph.inputs().size() != 1 || !is_image(graph.tensor(graph.inputs()[0]))) {
      return std::nullopt;
    }
    constexpr const char* kName = "u8";
    for (const auto& codec : setting.cluster->codecs) {
      if (codec.name == kName) {
        return std::nullopt;
      }
    }
    cluster::InputCodec codec{.name = kName};
    codec.bytes = element_count(*graph.tensor(graph.inputs()[0]).static_shape());
    for (const auto& site : instance_.sites) {
      const auto& curve = site.profile->conversions.dequantize;
      const double us =
          curve.points.empty()
              ? 0
              : curve.base_us + curve.ns_per_element * static_cast<double>(codec.bytes) / 1000;
      codec.decode_us[site.machine->name] = us * site.pace[0];
    }
    return codec;
  }

  [[nodiscard]] static bool is_image(const graph::TensorInfo& tensor) {
    const auto shape = tensor.static_shape();
    if (!shape || tensor.dtype != DType::kFloat32 || shape->size() < 3 || shape->size() > 4) {
      return false;
    }
    const auto may_be_channels = [](std::int64_t extent) { return extent == 1 || extent == 3; };
    return may_be_channels((*shape)[shape->size() - 3]) || may_be_channels(shape->back());
  }

  /// The image goes to a machine that does everything, in each form that there is.
  Status add_uploads() {
    const auto home = planner_.setting().cluster->find(planner_.setting().cluster->inputs_from);
    auto codecs = planner_.setting().cluster->codecs;
    const auto bytes = pixels();
    if (bytes) {
      codecs.insert(codecs.begin(), *bytes);
    }
    for (const auto& codec : codecs) {
      const bool is_assumed = bytes && codec.name == bytes->name;
      const auto form = is_assumed ? "u8 (exact for images of 8 bits)" : codec.name;
      auto cluster = *planner_.setting().cluster;
      cluster.codecs = {codec};
      auto setting = planner_.setting();
      setting.cluster = &cluster;
      // Only the way of the inputs is to be as it is said.
      auto goal = goal_;
      goal.codecs_only = true;
      auto instance = make_loose_instance(setting, goal);
      for (std::size_t k = 0; instance && k < machines(); ++k) {
        for (const auto asked : {std::uint8_t{0}, std::uint8_t{1}}) {
          if (k == home.value_or(0) || !instance_.sites[k].may[asked]) {
            continue;
          }
          const auto planner = planner_.of(setting);
          Baselines other(planner, goal_, *instance);
          other.add(
              {.name = fmt::format("upload the image as {} to {}, {}", form, name(k), word(asked))},
              *instance, other.uniform(*instance, k, asked));
          baselines_.push_back(std::move(other.baselines_.back()));
        }
      }
    }
    return {};
  }

  /// The twelve layers of most arithmetic may be integers, on all machines alike; int8 crosses only
  /// behind them, and inputs cross as they are.
  Status add_predecessor() {
    auto cluster = *planner_.setting().cluster;
    cluster.codecs.clear();
    cluster.wires = {"float32", "int8"};
    auto setting = planner_.setting();
    setting.cluster = &cluster;
    auto goal = goal_;
    goal.exact_wires = true;
    std::vector<std::size_t> order(layers());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](auto a, auto b) {
      return instance_.units.units[a].macs > instance_.units.units[b].macs;
    });
    order.resize(std::min(order.size(), kPredecessorLayers));
    const std::set<std::size_t> quantizable(order.begin(), order.end());
    const auto keeps = [&](std::size_t unit, const Place& place) {
      const auto asked = place.local.asked();
      return asked == 0 || (asked == 1 && quantizable.contains(unit));
    };
    const auto planner = planner_.of(setting);
    const auto solved = planner.solve_once(goal, keeps);
    if (!solved) {
      baselines_.push_back(
          {.name = kPredecessor, .feasible = false, .why = solved.error().message});
      return {};
    }
    const auto& found = *solved;
    Baselines other(planner, goal, found.instance);
    other.add({.name = kPredecessor}, found.instance, found.solution.assignment);
    baselines_.push_back(std::move(other.baselines_.back()));
    return {};
  }

  /// Each machine once, contiguous stages, the busiest as short as can be by layers' times alone
  /// and float32 on links: dynamic programming over every order of machines.
  void add_stages() {
    if (machines() > kMostStages) {
      return;
    }
    std::vector<std::size_t> order(machines());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::optional<plan::Assignment> best;
    double least = std::numeric_limits<double>::infinity();
    const auto times = times_alone();
    do {
      auto [busiest, wishes] = stages(order, times);
      if (busiest < least) {
        auto assignment = fixed_assignment(instance_, wishes);
        const auto value =
            assignment ? plan::evaluate(instance_.problem, *assignment) : Result<plan::Value>();
        if (assignment && value && value->cost_ns < instance_.never) {
          least = busiest;
          best = std::move(assignment);
        }
      }
    } while (std::ranges::next_permutation(order).found);
    add({.name = "contiguous stages, the busiest shortest (as PipeEdge)"}, instance_, best);
  }

  /// By machine and layer, what it takes in the faster of both uniform plans.
  [[nodiscard]] std::vector<std::vector<double>> times_alone() const {
    std::vector<std::vector<double>> times;
    for (std::size_t k = 0; k < machines(); ++k) {
      const auto assignment = uniform(instance_, k, 0);
      times.push_back(assignment
                          ? account_of(planner_.setting(), goal_, instance_, *assignment).layer_us
                          : std::vector<double>(layers(), 1e18));
    }
    return times;
  }

  [[nodiscard]] std::pair<double, std::vector<Wish>> stages(
      const std::vector<std::size_t>& order, const std::vector<std::vector<double>>& times) const {
    const auto n = layers();
    constexpr double kEndless = std::numeric_limits<double>::infinity();
    // least[m][at]: the busiest of the first m machines of the order if they have `at` layers.
    std::vector<std::vector<double>> least(order.size() + 1, std::vector<double>(n + 1, kEndless));
    std::vector<std::vector<std::size_t>> from(order.size() + 1,
                                               std::vector<std::size_t>(n + 1, 0));
    least[0][0] = 0;
    for (std::size_t m = 1; m <= order.size(); ++m) {
      std::vector<double> sum(n + 1, 0);
      for (std::size_t i = 0; i < n; ++i) {
        sum[i + 1] = sum[i] + times[order[m - 1]][i];
      }
      for (std::size_t at = 0; at <= n; ++at) {
        for (std::size_t before = 0; before <= at; ++before) {
          const double busiest = std::max(least[m - 1][before], sum[at] - sum[before]);
          if (busiest < least[m][at]) {
            least[m][at] = busiest;
            from[m][at] = before;
          }
        }
      }
    }
    std::vector<Wish> wishes(n);
    auto at = n;
    for (auto m = order.size(); m > 0; --m) {
      for (auto i = from[m][at]; i < at; ++i) {
        wishes[i] = wish(i, order[m - 1], 0);
      }
      at = from[m][at];
    }
    return {least[order.size()][n], std::move(wishes)};
  }

  const Planner& planner_;
  const Goal& goal_;
  const Instance& instance_;
  std::vector<Baseline> baselines_;
};

}  // namespace

Result<std::vector<Baseline>> baselines(const Planner& planner, const Goal& goal,
                                        const Instance& instance) {
  return Baselines(planner, goal, instance).make();
}

}  // namespace tessera::placement
