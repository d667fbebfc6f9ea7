// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/error_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "tessera/calibrate/calibrate.h"
#include "tessera/core/host.h"
#include "tessera/noise/subsets.h"
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

/// Calibration samples are not those that the error is measured on, as far as `limit` goes.
Result<calibrate::Ranges> measure_ranges(const SwitchOptions& options, const SwitchInput& input,
                                         Context& context) {
  auto data = options.data;
  data.samples = options.calibration_samples;
  TESSERA_TRY(const auto samples, context.open_samples(input.model, data));
  calibrate::CalibrateOptions calibration;
  TESSERA_CHECK(read_range_method(options.scheme.method, calibration.estimator).map([](auto) {}));
  std::set<numerics::RangeMethod> methods;
  for (const auto& item : input.setup.switches) {
    methods.insert(item.schemes.front().method);
  }
  calibration.methods.assign(methods.begin(), methods.end());
  calibration.threads = options.run.threads;
  TESSERA_TRY(const auto library, context.library(options.run));
  return calibrate::calibrate(input.model, samples, library, calibration, context.monitor());
}

bool needs_ranges(const SwitchInput& input) {
  return std::any_of(input.setup.switches.begin(), input.setup.switches.end(),
                     [](const auto& item) {
                       const auto mode = item.schemes.front().mode;
                       return mode == quantize::Mode::kStatic || mode == quantize::Mode::kFloat16;
                     });
}

/// Ranges of another model would give errors that mean nothing.
Status check_ranges(const calibrate::Ranges& ranges, const SwitchInput& input,
                    const std::string& path) {
  TESSERA_TRY(const auto info, input.model.info());
  if (ranges.model && !ranges.model->sha256.empty() && ranges.model->sha256 != info.sha256) {
    return fail(ErrorCode::kInvalidArgument, "'{}' was measured on another model: '{}'", path,
                ranges.model->path)
        .hint("leave --ranges out, or make it anew: tessera calibrate {} --data D", info.path);
  }
  return {};
}

}  // namespace

void add_switch_options(CLI::App& command, SwitchOptions& options) {
  command.add_option("model", options.model, "float ONNX model")->required();
  add_data_options(command, options.data, true);
  command.add_option("--images", options.data.samples, "the same as --samples")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  add_run_options(command, options.run);
  add_dim_option(command, options.dims);
  command
      .add_option("--layers", options.layers,
                  "which layers are switched: top-macs:N, all, re:REGEX, or NAME,NAME,...")
      ->capture_default_str();
  command.add_option("--recipe", options.recipe, "schemes by layer, as of tessera quantize")
      ->type_name("FILE");
  add_scheme_options(command, options.scheme);
  command
      .add_option("--ranges", options.ranges,
                  "ranges of activations made by tessera calibrate (default: measured now)")
      ->type_name("FILE");
  command
      .add_option("--calibration-samples", options.calibration_samples,
                  "samples of --data that ranges are measured on, without --ranges")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option("--memory", options.memory_mib,
                  "MiB for intermediate results that are kept for later subsets")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

Result<std::unique_ptr<SwitchInput>> load_switches(const SwitchOptions& options, Context& context) {
  TESSERA_TRY(auto model, context.load_model(options.model, options.dims, options.run));
  TESSERA_TRY(auto samples, context.open_samples(model, options.data));
  auto input =
      std::make_unique<SwitchInput>(SwitchInput{std::move(model), std::move(samples), {}, {}, {}});
  TESSERA_TRY(const auto graph, input->model.view());
  TESSERA_TRY(const auto schemes, schemes_of(options, graph, context));
  TESSERA_TRY(const auto chosen, noise::choose_layers(graph, options.layers, schemes));
  for (const auto op : chosen) {
    input->setup.switches.push_back({graph.op(op).name, {schemes[op.value]}});
    input->layers.push_back(graph.op(op).name);
  }
  if (!options.ranges.empty()) {
    TESSERA_TRY(input->ranges, calibrate::read_ranges(options.ranges));
    TESSERA_CHECK(check_ranges(*input->ranges, *input, options.ranges));
  } else if (needs_ranges(*input)) {
    TESSERA_TRY(input->ranges, measure_ranges(options, *input, context));
  }
  input->setup.model = &input->model;
  input->setup.ranges = input->ranges ? &*input->ranges : nullptr;
  input->setup.memory_bytes = options.memory_mib << 20;
  TESSERA_TRY(input->setup.library, context.library(options.run));
  TESSERA_TRY(input->setup.session, context.session_options(options.run));
  return input;
}

}  // namespace tessera::cli
