// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/context.h"
#include "cli/energy_estimate.h"
#include "cli/options.h"
#include "tessera/evaluate/energy.h"
#include "tessera/report/energy.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string model;
  RunOptions run;
  DataOptions data{.source = "random:4"};
  LoadOptions loading;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::size_t top = 20;
  std::string level = "all";
  evaluate::EnergyOptions energy;
  EstimateOptions estimate;
  std::function<std::string()> for_running;  ///< see given_for_running()
};

/// The first option on the command line that only says how the model is run; else empty.
std::string given_for_running(const CLI::App& command) {
  constexpr std::array<std::string_view, 4> kOptions = {"--watts", "--per-mac", "--seconds",
                                                        "--level"};
  constexpr std::array<std::string_view, 3> kHeadings = {"Samples", "Runtime and machine",
                                                         "Shapes"};
  for (const auto* option : command.get_options()) {
    const auto name = option->get_name();
    const bool runs = std::ranges::find(kOptions, name) != kOptions.end() ||
                      std::ranges::find(kHeadings, option->get_group()) != kHeadings.end();
    if (runs && option->count() > 0) {
      return name;
    }
  }
  return {};
}

Status run(Options options, Context& context) {
  const bool estimate = !options.estimate.rules.empty();
  if (const auto running = options.for_running(); estimate && !running.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{} is for running the model; --estimate runs nothing",
                running)
        .hint("leave one of them out");
  }
  if (options.energy.watts && options.energy.per_mac) {
    return fail(ErrorCode::kInvalidArgument, "--watts and --per-mac are two models; one is wanted")
        .hint("leave one of them out");
  }
  TESSERA_CHECK(Context::check_output(options.output, options.overwrite, {".json"}));
  if (estimate) {
    return answer_estimate(options.model, options.estimate, options.output, options.overwrite,
                           options.top, context);
  }
  TESSERA_TRY(options.energy.session, context.session_options(options.run));
  TESSERA_TRY(options.energy.session.opt_level, runtime::opt_level_from_string(options.level));
  TESSERA_TRY(const auto model,
              context.load_model(options.model, options.loading, options.run, {options.data}));
  TESSERA_TRY(const auto samples, context.open_samples(model, options.data));
  TESSERA_TRY(const auto library, context.library(options.run));
  TESSERA_TRY(const auto result,
              evaluate::model_energy(model, samples, library, options.energy, context.monitor()));
  const auto envelope = context.envelope("energy", &options.run, &model);
  const auto json = to_json(result);
  if (!options.output.empty()) {
    TESSERA_CHECK(context.write(options.output, envelope, json, options.overwrite));
  }
  context.answer(envelope, json, report::energy_text(result, context.page(), options.top));
  return {};
}

}  // namespace

void add_energy_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "energy", "Say what one inference takes in joules, and which layers take it");
  command
      ->add_option("model", options->model,
                   "the model, float or quantized; a Keras file with --estimate")
      ->required();
  context.reads(options->model);
  add_data_options(*command, options->data, false);
  auto& energy = options->energy;
  command
      ->add_option_function<double>(
          "--watts", [&energy](double watts) { energy.watts = watts; },
          fmt::format(
              "assume this power while the model runs instead of reading counters; {:g} per "
              "thread where there are none",
              kAssumedWattsPerThread))
      ->type_name("W")
      ->check(positive());
  command->add_flag(
      "--per-mac", energy.per_mac,
      "count arithmetic alone, in picojoules per multiply-accumulate (a lower bound)");
  command->add_option("--seconds", energy.seconds, "how long to measure, rests included")
      ->check(between(0.1, 3600))
      ->capture_default_str();
  add_estimate_options(*command, options->estimate);
  add_level_option(*command, options->level);
  command
      ->add_option("--top", options->top,
                   "show N layers only, 0 for all: the dearest, or the first ones of an estimate")
      ->capture_default_str();
  add_run_options(*command, options->run);
  add_load_options(*command, options->loading);
  add_output_options(*command, options->output, options->overwrite, false);
  add_common_options(*command, context,
                     "tessera energy model.onnx --data images/ --preprocess imagenet\n"
                     "  tessera energy model.onnx --watts 15 --json\n"
                     "  tessera energy qmodel.h5 --estimate physical --weights-in sram");
  options->for_running = [command] { return given_for_running(*command); };
  command->callback([options, &context] {
    context.action = [options, &context] { return run(*options, context); };
  });
}

}  // namespace tessera::cli
