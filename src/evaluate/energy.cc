// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/energy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "tessera/evaluate/fields.h"
#include "tessera/evaluate/lab.h"
#include "tessera/graph/cost.h"

namespace tessera::evaluate {
namespace {

constexpr double kMicrosecondsPerSecond = 1e6;

/// 97.5 % quantile of Student's t with `degrees` of freedom.
double student_t(int degrees) {
  constexpr std::array kTable = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262};
  constexpr double kNormal = 1.96;
  const auto last = static_cast<int>(kTable.size());
  return degrees < 1       ? kTable.front()
         : degrees <= last ? kTable[static_cast<std::size_t>(degrees) - 1]
                           : kNormal * (1 + 1.3 / degrees);
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double deviation(const std::vector<double>& values) {
  const auto centre = mean(values);
  double sum = 0;
  for (const auto value : values) {
    sum += (value - centre) * (value - centre);
  }
  return values.size() < 2 ? 0 : std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return quantile(values, 0.5);
}

/// The counters' growth over a stretch of time.
struct Stretch {
  std::vector<double> joules;  // by domain
  double seconds = 0;
  std::int64_t calls = 0;
};

class Alternation {
 public:
  Alternation(EnergyMeter& meter, const std::function<Status()>& work,
              const EnergyProtocol& protocol)
      : meter_(meter),
        work_(work),
        protocol_(protocol),
        clock_(protocol.clock ? protocol.clock : steady_clock_us()) {}

  Result<Stretch> rest() {
    return over([&](Stretch&) -> Status {
      if (protocol_.sleep) {
        protocol_.sleep(protocol_.rest_us);
      } else {
        std::this_thread::sleep_for(
            std::chrono::microseconds(static_cast<std::int64_t>(protocol_.rest_us)));
      }
      return {};
    });
  }

  Result<Stretch> work() {
    return over([&](Stretch& stretch) -> Status {
      const auto start = clock_();
      do {
        TESSERA_CHECK(work_());
        ++stretch.calls;
      } while (clock_() - start < protocol_.work_us);
      return {};
    });
  }

 private:
  template <class Body>
  Result<Stretch> over(const Body& body) {
    Stretch stretch;
    TESSERA_CHECK(meter_.lap().map([](const auto&) {}));
    const auto start = clock_();
    TESSERA_CHECK(body(stretch));
    stretch.seconds = (clock_() - start) / kMicrosecondsPerSecond;
    TESSERA_TRY(stretch.joules, meter_.lap());
    return stretch;
  }

  EnergyMeter& meter_;
  const std::function<Status()>& work_;
  const EnergyProtocol& protocol_;
  Clock clock_;
};

/// Which precision an operator of the model computes in: integers behind its Q/DQ, float16, or
/// float32.
double& count_of(const graph::Graph& graph, const graph::Op& op, MacCounts& macs) {
  if (graph::is_integer_op(op)) {
    return macs.int8;
  }
  if (!op.inputs.empty() && op.inputs.front()) {
    const auto& input = graph.tensor(*op.inputs.front());
    if (input.dtype == DType::kFloat16) {
      return macs.float16;
    }
    if (input.producer && graph::is_dequantize(graph.op(*input.producer))) {
      return macs.int8;
    }
  }
  return macs.float32;
}

MacCounts count_macs(const graph::Graph& graph, const std::vector<graph::OpCost>& costs) {
  MacCounts macs;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    count_of(graph, graph.ops()[i], macs) += static_cast<double>(costs[i].macs.value_or(0));
  }
  return macs;
}

/// Joules that the per-MAC model gives one operator.
double joules_of(const graph::Graph& graph, std::size_t index, double macs) {
  MacCounts counts;
  count_of(graph, graph.ops()[index], counts) = macs;
  return per_mac_energy(counts).joules;
}

/// A kernel, by its own name, and the operators that it computes.
struct TimedKernel {
  LayerEnergy layer;
  std::vector<std::uint32_t> sources;
  bool partition = false;
};

/// Every kernel of a run with its median time over the runs, in order of the run.
Result<std::vector<TimedKernel>> time_kernels(const Lab& lab, Monitor& monitor) {
  constexpr std::size_t kRuns = 11;
  TESSERA_TRY(const auto built, lab.build(quantize::float32_scheme(), {}, monitor));
  TESSERA_TRY(auto lane, lab.open_lane(built, {.profile = true, .kernel_sources = true}));
  for (std::size_t run = 0; run <= kRuns; ++run) {
    TESSERA_CHECK(lane.session.run(lane.feeds[run % lane.feeds.size()]).map([](const auto&) {}));
  }
  TESSERA_TRY(const auto kernels, lane.session.end_profile());
  const auto by_run = runtime::kernels_by_run(kernels);
  std::vector<TimedKernel> timed;
  if (by_run.empty()) {
    return timed;  // the whole model is constant
  }
  if (by_run.size() != kRuns + 1 || std::any_of(by_run.begin(), by_run.end(), [&](const auto& run) {
        return run.size() != by_run.front().size();
      })) {
    return fail(ErrorCode::kUnimplemented,
                "the model does not call as many kernels in each run; its layers cannot be told "
                "apart")
        .hint("use --per-mac");
  }
  for (std::size_t i = 0; i < by_run.front().size(); ++i) {
    std::vector<double> times;
    for (std::size_t run = 1; run <= kRuns; ++run) {  // the first one touches everything first
      times.push_back(by_run[run][i].duration_us);
    }
    const auto& kernel = by_run[1][i];
    timed.push_back({{.name = kernel.node,
                      .type = kernel.op_type,
                      .provider = runtime::short_provider_name(kernel.provider),
                      .macs = std::nullopt,
                      .time_us = median(std::move(times))},
                     kernel.sources,
                     kernel.partition});
  }
  return timed;
}

/// Of all operators that a delegate took for one kernel. Absent where one of them is not known.
std::optional<double> macs_of(const TimedKernel& kernel, const graph::Graph& graph,
                              const std::vector<graph::OpCost>& costs) {
  double macs = 0;
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const auto source = graph.ops()[i].source;
    if (std::find(kernel.sources.begin(), kernel.sources.end(), source) == kernel.sources.end()) {
      continue;
    }
    if (!costs[i].macs) {
      return std::nullopt;
    }
    macs += static_cast<double>(*costs[i].macs);
  }
  return macs;
}

/// The operator that a kernel does the work of. Of several the last one is known, an activation
/// that was fused into it: go up to the operator of the kernel's own type.
std::optional<graph::OpId> origin(const graph::Graph& graph, const TimedKernel& kernel) {
  constexpr int kMostFused = 6;
  if (kernel.sources.empty()) {
    return std::nullopt;
  }
  const auto& ops = graph.ops();
  const auto last = std::find_if(ops.begin(), ops.end(), [&](const graph::Op& op) {
    return op.source == kernel.sources.back();
  });
  if (last == ops.end()) {
    return std::nullopt;
  }
  const graph::OpId computed{static_cast<std::uint32_t>(last - ops.begin())};
  std::optional<graph::OpId> at = computed;
  for (int step = 0; at && step < kMostFused; ++step) {
    const auto& op = graph.op(*at);
    if (kernel.layer.type.find(op.type) !=
        std::string::npos) {  // QLinearConv does the work of Conv
      return at;
    }
    const auto input = op.inputs.empty() ? std::nullopt : op.inputs.front();
    at = input ? graph.tensor(*input).producer : std::nullopt;
  }
  return computed;
}

void share_by_time(std::vector<LayerEnergy>& layers, double joules) {
  double total_us = 0;
  for (const auto& layer : layers) {
    total_us += layer.time_us;
  }
  for (auto& layer : layers) {
    layer.share = total_us > 0 ? layer.time_us / total_us : 0;
    layer.joules = layer.share * joules;
  }
}

/// Kernels get the names of the operators whose work they do, and their MACs.
std::vector<LayerEnergy> name_layers(std::vector<TimedKernel> kernels, const graph::Graph& graph,
                                     const std::vector<graph::OpCost>& costs) {
  std::vector<LayerEnergy> layers;
  for (auto& kernel : kernels) {
    if (kernel.partition) {
      kernel.layer.macs = macs_of(kernel, graph, costs);
    } else if (const auto op = origin(graph, kernel)) {
      // What the runtime hangs on names ("conv1_nchwc") says nothing to who knows the model.
      kernel.layer.name = graph.op(*op).name;
      if (costs[op->value].macs) {
        kernel.layer.macs = static_cast<double>(*costs[op->value].macs);
      }
    }
    layers.push_back(std::move(kernel.layer));
  }
  return layers;
}

std::vector<LayerEnergy> layers_by_macs(const graph::Graph& graph,
                                        const std::vector<graph::OpCost>& costs, double joules) {
  std::vector<LayerEnergy> layers;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const auto macs = static_cast<double>(costs[i].macs.value_or(0));
    if (macs == 0) {
      continue;
    }
    const auto& op = graph.ops()[i];
    LayerEnergy layer{.name = op.name, .type = op.type, .provider = {}, .macs = macs};
    layer.joules = joules_of(graph, i, macs);
    layer.share = joules > 0 ? layer.joules / joules : 0;
    layers.push_back(std::move(layer));
  }
  return layers;
}

/// The counters, unless something else was asked for or they are absent.
std::optional<EnergyMeter> open_meter(const EnergyOptions& options, Monitor& monitor) {
  if (options.watts || options.per_mac) {
    return std::nullopt;
  }
  auto meter = EnergyMeter::open(options.counters);
  if (meter) {
    return *std::move(meter);
  }
  const bool forbidden = meter.error().code == ErrorCode::kPermissionDenied;
  if (forbidden) {
    monitor.warn({"energy-unreadable", meter.error().message, meter.error().hint});
  }
  monitor.warn({"energy-assumed",
                fmt::format("{}; {:g} W per thread are assumed",
                            forbidden ? "no energy was measured" : meter.error().message,
                            kAssumedWattsPerThread),
                "state the power by --watts, or use --per-mac; ratios between models on this "
                "machine hold, joules do not"});
  return std::nullopt;
}

Json measured_json(const MeasuredEnergy& measured) {
  Json domains = Json::object();
  for (const auto& [name, joules] : measured.domains) {
    domains[name] = joules;
  }
  return {{"gross_joules", measured.gross_joules_per_call},
          {"idle_watts", measured.idle_watts},
          {"inferences", measured.calls},
          {"domain_joules", domains}};
}

}  // namespace

Result<MeasuredEnergy> measure_energy(EnergyMeter& meter, const std::function<Status()>& work,
                                      const EnergyProtocol& protocol, Monitor& monitor) {
  Alternation alternation(meter, work, protocol);
  std::vector<double> net;
  std::vector<double> gross;
  std::vector<double> idle_watts;
  std::vector<double> by_domain(meter.domains().size(), 0);
  MeasuredEnergy result;
  for (int pair = 0; pair < protocol.pairs; ++pair) {
    TESSERA_CHECK(monitor.check());
    monitor.progress("reading energy counters", pair, protocol.pairs);
    TESSERA_TRY(const auto rest, alternation.rest());
    TESSERA_TRY(const auto turn, alternation.work());
    const auto calls = static_cast<double>(turn.calls);
    const auto scale = rest.seconds > 0 ? turn.seconds / rest.seconds : 0;
    const auto idle = meter.total(rest.joules);
    net.push_back((meter.total(turn.joules) - idle * scale) / calls);
    gross.push_back(meter.total(turn.joules) / calls);
    idle_watts.push_back(rest.seconds > 0 ? idle / rest.seconds : 0);
    for (std::size_t i = 0; i < by_domain.size(); ++i) {
      by_domain[i] += (turn.joules[i] - rest.joules[i] * scale) / calls / protocol.pairs;
    }
    result.calls += turn.calls;
  }
  monitor.progress("reading energy counters", protocol.pairs, protocol.pairs);
  const auto pairs = static_cast<double>(net.size());
  result.per_call = {
      .joules = mean(net),
      .source = EnergySource::kPowercap,
      .uncertainty_joules =
          student_t(static_cast<int>(net.size()) - 1) * deviation(net) / std::sqrt(pairs),
      .method = fmt::format("counters of the whole processor over {} runs in {} turns, less idle "
                            "before each; 95 % interval from the spread of the turns",
                            result.calls, net.size())};
  result.gross_joules_per_call = mean(gross);
  result.idle_watts = median(idle_watts);
  for (std::size_t i = 0; i < by_domain.size(); ++i) {
    result.domains.emplace_back(meter.domains()[i].name, by_domain[i]);
  }
  return result;
}

Result<ModelEnergy> model_energy(const network::Network& model, const data::SampleSet& samples,
                                 std::shared_ptr<const runtime::Library> library,
                                 const EnergyOptions& options, Monitor& monitor) {
  ModelEnergy result;
  result.opt_level = options.session.opt_level;
  QuietMonitor quiet(monitor);
  TESSERA_TRY(auto lab, Lab::open({.model = &model,
                                   .library = std::move(library),
                                   .session = options.session,
                                   .samples = &samples},
                                  monitor));
  const auto costs = graph::operator_costs(lab.graph(), graph::QdqCounting::kExclude);
  result.macs = count_macs(lab.graph(), costs);
  result.per_mac = per_mac_energy(result.macs);
  auto& lane = lab.reference_lane();
  std::size_t turn = 0;
  const auto run = [&]() -> Status {
    const auto& feeds = lane.feeds[turn++ % lane.feeds.size()];
    return lane.session.run(feeds).map([](const auto&) {});
  };
  std::vector<Lane> none;
  RaceOptions race;
  race.budget_us = 0.2 * options.seconds * kMicrosecondsPerSecond;
  TESSERA_TRY(result.latency, lab.time(none, {}, race, "timing", monitor));
  auto meter = open_meter(options, monitor);
  if (options.per_mac) {
    result.per_inference = result.per_mac;
    result.shared_by = "macs";
    result.layers = layers_by_macs(lab.graph(), costs, result.per_mac.joules);
  } else {
    if (meter) {
      EnergyProtocol protocol;
      const auto pair_us = options.seconds * kMicrosecondsPerSecond / protocol.pairs;
      protocol.rest_us = pair_us / 3;
      protocol.work_us = pair_us - protocol.rest_us;
      TESSERA_TRY(result.measured, measure_energy(*meter, run, protocol, monitor));
      result.per_inference = result.measured->per_call;
    } else {
      result.per_inference = constant_power_energy(
          options.watts.value_or(kAssumedWattsPerThread * options.session.threads),
          result.latency.median_us / kMicrosecondsPerSecond, !options.watts);
    }
    TESSERA_TRY(auto kernels, time_kernels(lab, quiet));
    result.shared_by = "time";
    result.layers = name_layers(std::move(kernels), lab.graph(), costs);
    share_by_time(result.layers, result.per_inference.joules);
  }
  std::stable_sort(result.layers.begin(), result.layers.end(),
                   [](const auto& a, const auto& b) { return a.share > b.share; });
  return result;
}

Fields<LayerEnergy> fields_of(const LayerEnergy*) {
  static constexpr std::array kFields = {
      written<&LayerEnergy::name>("name", "of the operator whose work it does, or its own"),
      written<&LayerEnergy::type>("type", "of the kernel that ran, or of the operator"),
      word<&LayerEnergy::provider>("provider", "that ran it"),
      written<&LayerEnergy::macs>(
          "macs", "of the operator, or of all that a delegate took; null where unknown"),
      Field<LayerEnergy>{"time_us", "median of eleven runs; null if it was not timed",
                         [](const LayerEnergy& layer) {
                           return layer.time_us > 0 ? Json(layer.time_us) : Json();
                         }},
      written<&LayerEnergy::share>("share", "of the model's energy, of 1"),
      written<&LayerEnergy::joules>("joules", "of one inference")};
  return kFields;
}

Json to_json(const ModelEnergy& energy) {
  return {{"energy", to_json(energy.per_inference)},
          {"measured", energy.measured ? measured_json(*energy.measured) : Json()},
          {"latency", to_json(energy.latency)},
          {"macs",
           {{"float32", energy.macs.float32},
            {"float16", energy.macs.float16},
            {"int8", energy.macs.int8}}},
          {"per_mac", to_json(energy.per_mac)},
          {"shared_by", energy.shared_by},
          {"opt_level", as_json(energy.opt_level)},
          {"layers", as_json(energy.layers)}};
}

}  // namespace tessera::evaluate
