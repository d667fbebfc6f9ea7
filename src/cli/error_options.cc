// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/error_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "cli/options.h"
#include "tessera/core/host.h"
#include "tessera/noise/subsets.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/dialect.h"
#include "tessera/quantize/quantize.h"
#include "tessera/quantize/recipe.h"

namespace tessera::cli {
namespace {

/// What operators may be in.
struct Schemes {
  quantize::Recipe recipe;     ///< of the first schemes, until the input has it
  quantize::Assignment first;  ///< float32: not switched
  std::vector<quantize::Scheme> further;
};

/// The first scheme is that of the options, or what the recipe says.
Result<Schemes> schemes_of(const SwitchOptions& options, const graph::Graph& graph,
                           Context& context) {
  TESSERA_TRY(const auto* dialect, context.dialect(options.model));
  TESSERA_TRY(const auto scheme, scheme_from(options.scheme, *dialect));
  // Named layers of every type are tried; what cannot be quantized is told with its reason.
  Schemes schemes{quantize::uniform_recipe(scheme, {}, types_of(*dialect)),
                  quantize::Assignment(graph.ops().size(), scheme),
                  {}};
  if (!options.recipe.empty()) {
    TESSERA_TRY(schemes.recipe, quantize::read_recipe(options.recipe, scheme, types_of(*dialect)));
    TESSERA_TRY(schemes.first, quantize::resolve(schemes.recipe, graph, context.monitor()));
  }
  TESSERA_TRY(schemes.further, further_schemes(options.further, scheme, *dialect));
  return schemes;
}

}  // namespace

void add_mix_options(CLI::App& command, SwitchOptions& options) {
  command.add_option("model", options.model, "float .onnx, .tflite, .h5 or .keras")->required();
  add_data_options(command, options.data, true);
  command.add_option("--images", options.data.samples, "the same as --samples")
      ->type_name("N")
      ->check(at_least(1));
  add_run_options(command, options.run);
  add_load_options(command, options.loading);
  command.add_option("--recipe", options.recipe, "schemes by layer, as of tessera quantize")
      ->type_name("FILE");
  add_scheme_options(command, options.scheme);
  add_ranges_option(command, options.ranges);
  command
      .add_option("--calibration-samples", options.calibration_samples,
                  "samples of --data that ranges are measured on, without --ranges")
      ->check(at_least(1))
      ->capture_default_str();
}

void add_switch_options(CLI::App& command, SwitchOptions& options) {
  add_mix_options(command, options);
  command
      .add_option("--layers", options.layers,
                  "which layers are switched: top-macs:N, all, re:REGEX, or NAME,NAME,...")
      ->capture_default_str();
  add_further_schemes(command, options.further,
                      "further schemes that each layer may be in: u8s8,u8u8,s8s8-channel, dynamic, "
                      "float16; it is one layer in each, named LAYER@SCHEME");
  command
      .add_option("--memory", options.memory_mib,
                  "MiB for intermediate results that are kept for later subsets")
      ->check(at_least(0))
      ->capture_default_str();
}

namespace {

bool is_list_of_names(const std::string& layers) {
  return layers != "all" && !layers.starts_with("top-macs:") && !layers.starts_with("re:");
}

/// Where samples differ in their extents, layers are ranked by what they cost on the first one.
Result<std::vector<graph::OpId>> chosen_layers(const SwitchOptions& options,
                                               const SwitchInput& input, const graph::Graph& graph,
                                               const quantize::Assignment& schemes,
                                               Context& context) {
  const auto chosen = noise::choose_layers(graph, options.layers, schemes);
  if (chosen || !options.layers.starts_with("top-macs:") || input.samples.size() == 0) {
    return chosen;
  }
  TESSERA_TRY(const auto first, input.samples.load(0));
  TESSERA_TRY(const auto view, context.view_for(input.model, first, options.run));
  auto ranked = noise::choose_layers(view, options.layers, schemes);
  if (ranked) {
    context.monitor().note("layers are ranked by what they cost on the first sample");
  }
  return ranked;
}

/// Why the quantizer leaves operators in float that are to be in these schemes.
using Refusals = std::map<graph::OpId, std::string>;

Result<Refusals> refusals(const SwitchInput& input, const graph::Graph& graph,
                          const std::map<graph::OpId, quantize::Scheme>& schemes) {
  quantize::Assignment assignment(graph.ops().size());
  for (const auto& [op, scheme] : schemes) {
    assignment[op] = scheme;
  }
  auto scratch = input.model.clone();
  TESSERA_TRY(const auto report,
              quantize::quantize(scratch, assignment, input.ranges ? &*input.ranges : nullptr, {},
                                 Monitor::silent()));
  Refusals refused;
  for (const auto& [op, scheme] : schemes) {
    const auto& outcome = report.ops[op.value];
    if (!outcome.quantized) {
      refused.emplace(op, outcome.reason.empty() ? "no pass takes it" : outcome.reason);
    }
  }
  return refused;
}

/// Gives layers the schemes that they may be in, and takes note of those that no pass takes.
class Assigner {
 public:
  Assigner(const SwitchInput& input, const graph::Graph& graph) : input_(input), graph_(graph) {}

  /// `alone`: each by itself, not all together.
  Status add(const std::map<graph::OpId, quantize::Scheme>& schemes, bool alone) {
    Refusals refused;
    if (alone) {
      for (const auto& one : schemes) {
        TESSERA_TRY(const auto own, refusals(input_, graph_, {one}));
        refused.insert(own.begin(), own.end());
      }
    } else {
      TESSERA_TRY(refused, refusals(input_, graph_, schemes));
    }
    for (const auto& [op, scheme] : schemes) {
      if (const auto found = refused.find(op); found != refused.end()) {
        left_out_.push_back({op, quantize::to_string(scheme), found->second});
      } else {
        take(op, scheme);
      }
    }
    return {};
  }

  /// A scheme that is not tried here.
  void take(graph::OpId op, const quantize::Scheme& scheme) { taken_[op].push_back(scheme); }

  [[nodiscard]] bool has(graph::OpId op, const quantize::Scheme& scheme) const {
    const auto found = taken_.find(op);
    return found != taken_.end() &&
           std::any_of(found->second.begin(), found->second.end(), [&](const auto& other) {
             return quantize::to_string(other) == quantize::to_string(scheme);
           });
  }

  /// float32 where it has none.
  [[nodiscard]] quantize::Scheme first_of(graph::OpId op) const {
    const auto found = taken_.find(op);
    return found == taken_.end() ? quantize::float32_scheme() : found->second.front();
  }

  [[nodiscard]] noise::Switch switch_of(graph::OpId op, const quantize::Scheme& first) const {
    const auto& schemes = taken_.at(op);
    return {graph_.op(op).name, schemes, schemes.front() != first};
  }

  /// Of what is not among the layers for other reasons nobody wants to hear.
  void warn(const std::vector<graph::OpId>& chosen, bool name_scheme, Monitor& monitor) const {
    for (const auto& [op, scheme, reason] : left_out_) {
      if (taken_.contains(op) && std::find(chosen.begin(), chosen.end(), op) == chosen.end()) {
        continue;
      }
      monitor.warn({"layer-left-out",
                    fmt::format("layer '{}' is not switched{}: {}", graph_.op(op).name,
                                name_scheme ? " to " + scheme : std::string(), reason),
                    ""});
    }
  }

 private:
  struct LeftOut {
    graph::OpId op;
    std::string scheme;
    std::string reason;
  };
  const SwitchInput& input_;
  const graph::Graph& graph_;
  std::map<graph::OpId, std::vector<quantize::Scheme>> taken_;
  std::vector<LeftOut> left_out_;
};

/// Layers with the schemes that the quantizer takes them in. The first scheme of a layer that is
/// named is for SwitchableModel to take or to refuse.
Status choose_switches(const SwitchOptions& options, const graph::Graph& graph,
                       const Schemes& schemes, std::vector<graph::OpId> chosen, SwitchInput& input,
                       Context& context) {
  const bool by_name = is_list_of_names(options.layers);
  Assigner assigner(input, graph);
  std::map<graph::OpId, quantize::Scheme> wanted;
  for (const auto op : chosen) {
    wanted.emplace(op, schemes.first[op]);
  }
  if (by_name) {
    for (const auto& [op, scheme] : wanted) {
      assigner.take(op, scheme);
    }
  } else {
    TESSERA_CHECK(assigner.add(wanted, false));
  }
  for (const auto& scheme : schemes.further) {
    wanted.clear();
    for (const auto op : chosen) {
      if (!assigner.has(op, scheme)) {
        wanted.emplace(op, scheme);
      }
    }
    if (!wanted.empty()) {
      TESSERA_CHECK(assigner.add(wanted, by_name));
    }
  }
  if (!by_name) {
    auto first = schemes.first;
    for (const auto op : chosen) {
      first[op] = assigner.first_of(op);
    }
    auto best = chosen_layers(options, input, graph, first, context);
    assigner.warn(best ? *best : chosen, !schemes.further.empty(), context.monitor());
    TESSERA_TRY(chosen, std::move(best));
  } else {
    assigner.warn(chosen, true, context.monitor());
  }
  for (const auto op : chosen) {
    input.setup.switches.push_back(assigner.switch_of(op, schemes.first[op]));
  }
  return {};
}

/// What load_mix() and load_switches() have in common, and what layers may be in.
struct Loaded {
  std::unique_ptr<SwitchInput> input;
  graph::Graph graph;
  Schemes schemes;
};

Result<Loaded> load(const SwitchOptions& options, Context& context) {
  TESSERA_CHECK(context.carry_from(options.ranges));
  TESSERA_TRY(auto model,
              context.load_model(options.model, options.loading, options.run, {options.data}));
  TESSERA_CHECK(quantize::dialect_of(model));
  std::optional<calibrate::Ranges> known;
  if (!options.ranges.empty()) {
    // Before the samples: they know how those that they were measured on were preprocessed.
    TESSERA_TRY(known, context.read_ranges(options.ranges, model));
  }
  TESSERA_TRY(auto samples, context.open_samples(model, options.data));
  auto input =
      std::make_unique<SwitchInput>(SwitchInput{std::move(model), std::move(samples), {}, {}, {}});
  TESSERA_TRY(auto graph, input->model.view());
  TESSERA_TRY(auto schemes, schemes_of(options, graph, context));
  input->recipe = std::move(schemes.recipe);
  input->ranges = std::move(known);
  return Loaded{std::move(input), std::move(graph), std::move(schemes)};
}

/// Ranges for these schemes, if the file of them was not given; and what sessions are opened by.
Status make_ready(const SwitchOptions& options, const std::vector<quantize::Scheme>& wanted,
                  SwitchInput& input, Context& context) {
  // Calibration samples are not those that the error is measured on, as far as the limit goes.
  auto data = options.data;
  data.samples = options.calibration_samples;
  TESSERA_TRY(const auto calibration, calibration_for(options.scheme, wanted));
  if (!input.ranges) {
    TESSERA_TRY(input.ranges, context.ranges("", input.model, data, options.run, calibration));
  }
  input.setup.model = &input.model;
  input.setup.ranges = input.ranges ? &*input.ranges : nullptr;
  input.setup.memory_bytes = options.memory_mib << 20;
  TESSERA_TRY(input.setup.library, context.library(options.run));
  TESSERA_TRY(input.setup.session, context.session_options(options.run));
  return {};
}

}  // namespace

Result<std::unique_ptr<SwitchInput>> load_mix(const SwitchOptions& options, Context& context) {
  TESSERA_TRY(auto loaded, load(options, context));
  std::vector<quantize::Scheme> wanted;
  for (std::uint32_t i = 0; i < loaded.graph.ops().size(); ++i) {
    wanted.push_back(loaded.schemes.first[graph::OpId{i}]);
  }
  TESSERA_CHECK(make_ready(options, wanted, *loaded.input, context));
  return std::move(loaded.input);
}

Result<std::unique_ptr<SwitchInput>> load_switches(const SwitchOptions& options, Context& context) {
  TESSERA_TRY(auto loaded, load(options, context));
  const auto& [input, graph, schemes] = loaded;
  const auto layers = is_list_of_names(options.layers) ? options.layers : std::string("all");
  TESSERA_TRY(auto chosen, noise::choose_layers(graph, layers, schemes.first));
  auto wanted = schemes.further;
  for (const auto op : chosen) {
    wanted.push_back(schemes.first[op]);
  }
  TESSERA_CHECK(make_ready(options, wanted, *input, context));
  TESSERA_CHECK(choose_switches(options, graph, schemes, std::move(chosen), *input, context));
  return std::move(loaded.input);
}

}  // namespace tessera::cli
