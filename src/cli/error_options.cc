// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/error_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/options.h"

#include "tessera/core/host.h"
#include "tessera/noise/subsets.h"
#include "tessera/quantize/quantize.h"
#include "tessera/quantize/recipe.h"

namespace tessera::cli {
namespace {

/// Scheme of every operator: that of the options, or what the recipe says.
Result<std::vector<quantize::Scheme>> schemes_of(const SwitchOptions& options,
                                                 const graph::Graph& graph, Context& context) {
  TESSERA_TRY(const auto scheme,
              scheme_from(options.scheme, quantize::scheme_for(describe_host())));
  if (options.recipe.empty()) {
    // Named layers of every type are tried; what cannot be quantized is told with its reason.
    return std::vector<quantize::Scheme>(graph.ops().size(), scheme);
  }
  TESSERA_TRY(const auto recipe, quantize::read_recipe(options.recipe, scheme));
  return quantize::resolve(recipe, graph, context.monitor());
}

}  // namespace

void add_switch_options(CLI::App& command, SwitchOptions& options) {
  command.add_option("model", options.model, "float ONNX model")->required();
  add_data_options(command, options.data, true);
  command.add_option("--images", options.data.samples, "the same as --samples")
      ->type_name("N")
      ->check(at_least(1));
  add_run_options(command, options.run);
  add_load_options(command, options.loading);
  command
      .add_option("--layers", options.layers,
                  "which layers are switched: top-macs:N, all, re:REGEX, or NAME,NAME,...")
      ->capture_default_str();
  command.add_option("--recipe", options.recipe, "schemes by layer, as of tessera quantize")
      ->type_name("FILE");
  add_scheme_options(command, options.scheme);
  add_ranges_option(command, options.ranges);
  command
      .add_option("--calibration-samples", options.calibration_samples,
                  "samples of --data that ranges are measured on, without --ranges")
      ->check(at_least(1))
      ->capture_default_str();
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
                                               const std::vector<quantize::Scheme>& schemes,
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

/// Layers that no pass takes with these ranges are float32 from now on, and told of.
Status leave_out(const network::Network& model, const graph::Graph& graph,
                 const std::vector<graph::OpId>& layers, const calibrate::Ranges* ranges,
                 std::vector<quantize::Scheme>& schemes, Context& context) {
  quantize::Scheme plain;
  plain.mode = quantize::Mode::kFloat32;
  std::vector<quantize::Scheme> assignment(graph.ops().size(), plain);
  for (const auto op : layers) {
    assignment[op.value] = schemes[op.value];
  }
  auto scratch = model.clone();
  TESSERA_TRY(const auto report,
              quantize::quantize(scratch, assignment, ranges, {}, Monitor::silent()));
  for (const auto op : layers) {
    const auto& outcome = report.ops[op.value];
    if (!outcome.quantized) {
      schemes[op.value] = plain;
      context.monitor().warn(
          {"layer-left-out",
           fmt::format("layer '{}' is not switched: {}", outcome.op,
                       outcome.reason.empty() ? "no pass takes it" : outcome.reason),
           ""});
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<SwitchInput>> load_switches(const SwitchOptions& options, Context& context) {
  TESSERA_CHECK(context.carry_from(options.ranges));
  TESSERA_TRY(auto model,
              context.load_model(options.model, options.loading, options.run, {options.data}));
  std::optional<calibrate::Ranges> known;
  if (!options.ranges.empty()) {
    // Before the samples: they know how those that they were measured on were preprocessed.
    TESSERA_TRY(known, context.read_ranges(options.ranges, model));
  }
  TESSERA_TRY(auto samples, context.open_samples(model, options.data));
  auto input =
      std::make_unique<SwitchInput>(SwitchInput{std::move(model), std::move(samples), {}, {}, {}});
  TESSERA_TRY(const auto graph, input->model.view());
  TESSERA_TRY(auto schemes, schemes_of(options, graph, context));
  const bool by_name = is_list_of_names(options.layers);
  TESSERA_TRY(auto chosen,
              noise::choose_layers(graph, by_name ? options.layers : std::string("all"), schemes));
  std::vector<quantize::Scheme> switched;
  for (const auto op : chosen) {
    switched.push_back(schemes[op.value]);
  }
  // Calibration samples are not those that the error is measured on, as far as the limit goes.
  auto data = options.data;
  data.samples = options.calibration_samples;
  TESSERA_TRY(const auto calibration, calibration_for(options.scheme, switched));
  input->ranges = std::move(known);
  if (!input->ranges) {
    TESSERA_TRY(input->ranges, context.ranges("", input->model, data, options.run, calibration));
  }
  if (!by_name) {
    TESSERA_CHECK(leave_out(input->model, graph, chosen, input->ranges ? &*input->ranges : nullptr,
                            schemes, context));
    TESSERA_TRY(chosen, chosen_layers(options, *input, graph, schemes, context));
  }
  for (const auto op : chosen) {
    input->setup.switches.push_back({graph.op(op).name, {schemes[op.value]}});
    input->layers.push_back(graph.op(op).name);
  }
  input->setup.model = &input->model;
  input->setup.ranges = input->ranges ? &*input->ranges : nullptr;
  input->setup.memory_bytes = options.memory_mib << 20;
  TESSERA_TRY(input->setup.library, context.library(options.run));
  TESSERA_TRY(input->setup.session, context.session_options(options.run));
  return input;
}

}  // namespace tessera::cli
