// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "cli/output_folder.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/core/host.h"
#include "tessera/evaluate/bench.h"
#include "tessera/optimize/optimize.h"
#include "tessera/quantize/quantize.h"
#include "tessera/report/evaluation.h"

namespace tessera::cli {
namespace {

/// Fewer samples are not split into a half to calibrate on and a half to measure on.
constexpr std::int64_t kWorthSplitting = 16;

struct Options {
  std::string model;
  RunOptions run;
  DataOptions data;
  std::string validation;
  std::map<std::string, std::int64_t> dims;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::string ranges;
  double budget_s = 300;
  std::size_t top = 0;
  bool no_refine = false;
  optimize::OptimizeOptions optimize;
};

/// On what ranges are measured, and on what errors are.
struct Samples {
  data::SampleSet calibration;
  data::SampleSet validation;
  std::string relation;  ///< between the two, for the reader
  bool separate = true;
};

Result<Samples> open_samples(const Options& options, const onnx::Model& model, Context& context) {
  if (!options.validation.empty()) {
    auto calibration = options.data;
    calibration.labels.clear();
    auto validation = options.data;
    validation.source = options.validation;
    validation.samples = 0;
    TESSERA_TRY(auto first, context.open_samples(model, calibration));
    TESSERA_TRY(auto second, context.open_samples(model, validation));
    return Samples{std::move(first), std::move(second), "separate validation samples"};
  }
  TESSERA_TRY(auto all, context.open_samples(model, options.data));
  if (all.size() < kWorthSplitting) {
    TESSERA_TRY(auto again, context.open_samples(model, options.data));
    return Samples{std::move(all), std::move(again), "the calibration samples themselves", false};
  }
  TESSERA_TRY(auto first, context.open_samples(model, options.data, 0, 2));
  TESSERA_TRY(auto second, context.open_samples(model, options.data, 1, 2));
  return Samples{std::move(first), std::move(second), "the half not used for calibration"};
}

Result<calibrate::Ranges> ranges_for(const Options& options, const onnx::Model& model,
                                     const data::SampleSet& samples, Context& context) {
  if (!options.ranges.empty()) {
    return Context::read_ranges(options.ranges, model);
  }
  TESSERA_TRY(const auto library, context.library(options.run));
  return calibrate::calibrate(model, samples, library, {.threads = options.run.threads},
                              context.monitor());
}

bool is_mix(const optimize::OptimizeResult& result) {
  return result.chosen && !result.candidates[*result.chosen].assignment.empty();
}

/// Everything that is to be kept, complete or not at all.
Result<Json> write_artefacts(const Options& options, const onnx::Model& model,
                             const calibrate::Ranges& ranges,
                             const optimize::OptimizeResult& result, Json summary,
                             OutputFolder folder, Context& context) {
  const auto write = [&](const char* file, std::string_view kind, const Json& json) {
    return context.write(folder.path() / file, context.envelope(kind, &options.run, &model), json,
                         Overwrite::kReplace);
  };
  const auto& best = result.model ? *result.model : model;
  TESSERA_CHECK(best.save(folder.path() / "model.onnx", {}));
  evaluate::BenchResult bench;
  bench.rows.push_back(result.baseline);
  for (const auto& candidate : result.candidates) {
    bench.rows.push_back(candidate.row);
  }
  bench.best = result.chosen ? *result.chosen + 1 : 0;
  bench.timer = result.timer;
  bench.samples = result.baseline.accuracy ? result.baseline.accuracy->samples : 0;
  TESSERA_CHECK(write("ranges.json", "calibrate", to_json(ranges)));
  TESSERA_CHECK(write("bench.json", "bench", to_json(bench)));
  TESSERA_CHECK(write_file(folder.path() / "bench.csv", report::measurement_sheet(bench.rows).csv(),
                           Overwrite::kReplace));
  auto artefacts = Json::array();
  std::vector<const char*> files = {"model.onnx", "ranges.json", "bench.json", "bench.csv",
                                    "summary.json"};
  if (is_mix(result)) {
    files.push_back("recipe.json");
    TESSERA_CHECK(write_json(folder.path() / "recipe.json",
                             to_json(result.candidates[*result.chosen].recipe),
                             Overwrite::kReplace));
  }
  for (const auto* file : files) {
    artefacts.push_back((std::filesystem::path(options.output) / file).string());
  }
  summary["artefacts"] = artefacts;
  TESSERA_CHECK(write("summary.json", "optimize", summary));
  TESSERA_CHECK(folder.commit());
  return summary;
}

std::string header(const Options& options, const Envelope& envelope, const Samples& samples) {
  return fmt::format(
      "model     {}\nmachine   {}\nmeaning   {}\nsamples   {} to calibrate, {} to measure error "
      "({})\n\n",
      options.model, machine_text(envelope), evaluate::explain_isa(envelope.host),
      samples.calibration.size(), samples.validation.size(), samples.relation);
}

/// What to type next, with the arguments of this run.
std::string next_steps(const Options& options, const optimize::OptimizeResult& result) {
  const auto folder = std::filesystem::path(options.output);
  const auto candidate = (folder / "model.onnx").string();
  auto data = " --data " + (options.validation.empty() ? options.data.source : options.validation);
  if (!options.data.preprocess.empty()) {
    data += " --preprocess " + options.data.preprocess;
  }
  auto text = fmt::format(
      "\nwritten to {}: model.onnx ranges.json bench.json bench.csv summary.json{}\nnext\n",
      folder.string(), is_mix(result) ? " recipe.json" : "");
  if (result.chosen) {
    text += fmt::format("  tessera compare {} {}{}   where the error comes from\n", options.model,
                        candidate, data);
  }
  text += fmt::format("  tessera inspect {}   what is in the model\n", candidate);
  text += fmt::format("  tessera bench {}{} --ranges {}   every combination\n", options.model, data,
                      (folder / "ranges.json").string());
  return text;
}

Status run(const Options& given, Context& context) {
  auto options = given;
  auto& settings = options.optimize;
  TESSERA_TRY(auto folder, OutputFolder::create(options.output, options.overwrite));
  TESSERA_TRY(settings.session, context.session_options(options.run));
  settings.budget_us = options.budget_s * 1e6;
  settings.seed = context.seed;
  TESSERA_TRY(const auto model, context.load_model(options.model, options.dims, options.run));
  TESSERA_TRY(const auto samples, open_samples(options, model, context));
  TESSERA_TRY(const auto ranges, ranges_for(options, model, samples.calibration, context));
  TESSERA_TRY(const auto library, context.library(options.run));
  settings.calibration = options.no_refine || !samples.separate ? nullptr : &samples.calibration;
  TESSERA_TRY(const auto result, optimize::optimize(model, samples.validation, ranges, library,
                                                    settings, context.monitor()));
  if (result.model) {
    TESSERA_CHECK(quantize::check_loads(*result.model, library));
  }
  auto summary = to_json(result);
  summary["samples"] = {{"calibration", samples.calibration.describe()},
                        {"validation", samples.validation.describe()},
                        {"relation", samples.relation}};
  summary["limits"] = {
      {"max_error", settings.limits.max_error ? Json(*settings.limits.max_error) : Json()},
      {"min_sqnr_db", settings.limits.min_sqnr_db ? Json(*settings.limits.min_sqnr_db) : Json()},
      {"max_top1_drop",
       settings.limits.max_top1_drop ? Json(*settings.limits.max_top1_drop) : Json()}};
  TESSERA_TRY(summary, write_artefacts(options, model, ranges, result, std::move(summary),
                                       std::move(folder), context));
  const auto envelope = context.envelope("optimize", &options.run, &model);
  context.answer(envelope, summary,
                 header(options, envelope, samples) +
                     report::optimize_text(result, context.width(), options.top) +
                     next_steps(options, result));
  return {};
}

void add_limit(CLI::App& command, const std::string& name, std::optional<double>& limit,
               const std::string& help) {
  command.add_option_function<double>(
      name, [&limit](double value) { limit = value; }, help);
}

}  // namespace

void add_optimize_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "optimize", "Find, check and write the fastest model that keeps your limits on this machine");
  command->add_option("model", options->model, "ONNX model in float32")->required();
  add_data_options(*command, options->data, true);
  command
      ->add_option("--validation", options->validation,
                   "samples to measure errors (and top-1, with --labels) on; without it, every "
                   "second sample of --data")
      ->type_name("PATH");
  add_output_options(*command, options->output, options->overwrite, true);
  auto& limits = options->optimize.limits;
  add_limit(*command, "--max-error", limits.max_error,
            "largest L2 norm of the output error per output element");
  add_limit(*command, "--min-sqnr-db", limits.min_sqnr_db, "least SQNR of the outputs");
  add_limit(*command, "--max-top1-drop", limits.max_top1_drop,
            "most points of top-1 to lose; needs --labels");
  add_selection_options(*command, options->optimize.selection);
  add_ranges_option(*command, options->ranges);
  command->add_flag_callback(
      "--no-mixed", [options] { options->optimize.mixed = false; },
      "uniform models only: no mixes of float and integer layers");
  command->add_flag("--no-refine", options->no_refine,
                    "do not refine the fastest integer model on the calibration samples");
  command->add_option("--budget", options->budget_s, "seconds for the whole search")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--top", options->top, "show the N fastest candidates only");
  add_run_options(*command, options->run);
  add_dim_option(*command, options->dims);
  add_common_options(*command, context,
                     "tessera optimize model.onnx --data images/ --preprocess imagenet -o out\n"
                     "  tessera optimize model.onnx --data images/ --labels labels.csv "
                     "--max-top1-drop 1 -o out");
  command->callback([options, &context] {
    context.action = [options, &context] { return run(*options, context); };
  });
}

}  // namespace tessera::cli
