// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/context.h"
#include "cli/options.h"
#include "cli/output_folder.h"
#include "cli/scheme_options.h"
#include "tessera/core/host.h"
#include "tessera/profile/evidence.h"
#include "tessera/profile/profile.h"
#include "tessera/quantize/dialect.h"
#include "tessera/report/profile.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string model;
  RunOptions run;
  DataOptions data;
  LoadOptions loading;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::string ranges;
  SchemeOptions scheme{.method = "percentile", .per_channel = true};
  std::vector<std::string> further;
  std::int64_t error_samples = 8;
  double budget_s = 240;
  std::size_t top = 20;
  std::string shard;
  bool resume = false;
  std::vector<std::string> merge;
  std::string charts;
  std::string trace;
  bool no_isolated = false;
  bool require_stable = false;
  std::string level = "all";
  profile::ProfileOptions profile;
};

Status write_pictures(const Options& options, const profile::Profile& result,
                      std::optional<OutputFolder>& folder) {
  if (!options.trace.empty()) {
    TESSERA_CHECK(write_file(options.trace, report::profile_trace(result), options.overwrite));
  }
  if (!folder) {
    return {};
  }
  const auto name = std::filesystem::path(options.model).filename().string();
  TESSERA_TRY(const auto files, report::profile_charts(result, name));
  for (const auto& file : files) {
    TESSERA_CHECK(write_file(folder->path() / file.name, file.svg, Overwrite::kReplace));
  }
  return folder->commit();
}

Status finish_shard(const Options& options, const profile::Profile& result,
                    const profile::Study& study, const network::Network& model, Context& context) {
  const auto& settings = options.profile;
  const profile::Shard shard{.index = settings.shard_index,
                             .count = settings.shard_count,
                             .profile = result,
                             .evidence = study.evidence()};
  const auto envelope = context.envelope("profile-shard", &options.run, &model);
  const auto json = to_json(shard);
  TESSERA_CHECK(context.write(options.output, envelope, json, options.overwrite));
  context.answer(envelope, json,
                 fmt::format("shard {} of {} written to {}\nnext: tessera profile --merge SHARD... "
                             "-o profile.json\n",
                             shard.index, shard.count, options.output));
  return {};
}

Status merge(const Options& options, Context& context) {
  std::vector<profile::Shard> shards;
  for (const auto& path : options.merge) {
    TESSERA_TRY(const auto document, read_json(path));
    TESSERA_TRY(auto shard, profile::shard_from_json(document, path));
    shards.push_back(std::move(shard));
  }
  TESSERA_TRY(const auto document, read_json(options.merge.front()));
  TESSERA_TRY(const auto result, profile::merge_shards(std::move(shards)));
  // What was measured where stays as it was; only the command and the time are of now.
  auto merged = enclose(context.envelope("profile"), to_json(result));
  if (document.contains("context") && !context.timeless) {
    merged["context"] = document.at("context");
  }
  merged["model"] = document.at("model");
  TESSERA_CHECK(write_json(options.output, merged, options.overwrite));
  context.answer(merged, report::profile_text(result, context.page(), options.top));
  return {};
}

/// What an interrupted run has measured.
/// Errors: kInvalidArgument if it is of another model, scheme or processor, or complete.
Result<std::vector<profile::TracedPlan>> known_plans(const Options& options,
                                                     const network::Network& model) {
  TESSERA_TRY(auto stored, profile::read_profile(options.output));
  TESSERA_TRY(const auto info, model.info());
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kInvalidArgument, "'{}' {}", options.output, why)
        .hint("leave out --resume; --force replaces the file");
  };
  if (!stored.profile.interrupted) {
    return refuse("is complete: there is nothing to go on with");
  }
  if (!stored.model || stored.model->sha256 != info.sha256) {
    return refuse("is of another model");
  }
  if (stored.profile.scheme != quantize::to_string(options.profile.scheme)) {
    return refuse("is of scheme " + stored.profile.scheme);
  }
  if (stored.profile.opt_level != options.profile.session.opt_level) {
    return refuse(fmt::format("was measured at level {}", to_string(stored.profile.opt_level)));
  }
  if (stored.cpu != describe_host().cpu) {
    return refuse("was measured on another processor, " + stored.cpu);
  }
  return std::move(stored.profile.traced);
}

Status run(Options options, Context& context) {
  if (!options.merge.empty() || !options.shard.empty()) {
    if (options.output.empty()) {
      return fail(ErrorCode::kInvalidArgument, "--shard and --merge need an output file")
          .hint("give -o FILE.json");
    }
    TESSERA_CHECK(Context::check_output(options.output, options.overwrite, sheet_endings()));
  }
  if (!options.merge.empty()) {
    return merge(options, context);
  }
  std::optional<OutputFolder> charts;
  if (!options.shard.empty() && (!options.charts.empty() || !options.trace.empty())) {
    return fail(ErrorCode::kInvalidArgument, "a shard has no charts and no timeline")
        .hint("merge the shards first: tessera profile --merge SHARD... -o P.json");
  }
  if (!options.trace.empty()) {
    TESSERA_CHECK(check_writable(options.trace, options.overwrite));
  }
  if (!options.charts.empty()) {
    TESSERA_TRY(auto folder, OutputFolder::create(options.charts, options.overwrite));
    charts.emplace(std::move(folder));
  }
  if (options.model.empty() || options.data.source.empty()) {
    return fail(ErrorCode::kInvalidArgument, "a model and --data are needed")
        .hint("see tessera profile --help");
  }
  if (!options.shard.empty()) {
    TESSERA_TRY(const auto shard, parse_shard(options.shard));
    options.profile.shard_index = shard.index;
    options.profile.shard_count = shard.count;
  }
  auto& settings = options.profile;
  const auto host = describe_host();
  TESSERA_TRY(const auto* dialect, context.dialect(options.model));
  TESSERA_TRY(settings.scheme, scheme_from(options.scheme, *dialect));
  TESSERA_TRY(settings.further, further_schemes(options.further, settings.scheme, *dialect));
  const bool native = host.has("asimdhp") || host.has("avx512_fp16");
  if (native && std::find(options.further.begin(), options.further.end(), "float16") ==
                    options.further.end()) {
    settings.further.push_back({.mode = quantize::Mode::kFloat16});
  }
  if (options.resume && !options.output.ends_with(".json")) {
    return fail(ErrorCode::kInvalidArgument, "--resume goes on from the document of -o FILE.json")
        .hint("give -o FILE.json, also to the run that may be interrupted");
  }
  if (options.resume) {
    options.overwrite = Overwrite::kReplace;
  }
  TESSERA_CHECK(Context::check_output(options.output, options.overwrite, sheet_endings()));
  context.monitor().expect({"calibrate", "reference", "measuring the roofline", "conversions",
                            "uniform models", "mixed plans", "opening plans", "layers alone"});
  TESSERA_TRY(settings.session, context.session_options(options.run));
  TESSERA_TRY(settings.session.opt_level, runtime::opt_level_from_string(options.level));
  settings.budget_us = options.budget_s * 1e6;
  settings.isolated = !options.no_isolated;
  settings.seed = context.seed;
  TESSERA_CHECK(context.carry_from(options.ranges));
  TESSERA_TRY(auto model,
              context.load_model(options.model, options.loading, options.run, {options.data}));
  TESSERA_CHECK(quantize::dialect_of(model));
  if (options.resume && std::filesystem::exists(options.output)) {
    TESSERA_TRY(settings.known, known_plans(options, model));
  }
  TESSERA_TRY(const auto calibration, calibration_for(options.scheme, {&settings.scheme, 1}));
  TESSERA_TRY(const auto ranges,
              context.ranges(options.ranges, model, options.data, options.run, calibration));
  TESSERA_TRY(const auto samples,
              context.open_samples(model, options.data.at_most(options.error_samples)));
  TESSERA_TRY(const auto library, context.library(options.run));
  settings.spent_us = context.spent_us();
  TESSERA_TRY(auto study,
              profile::Study::open(model, samples, *ranges, library, settings, context.monitor()));
  TESSERA_TRY(const auto result, study.measure());
  if (result.interrupted && !options.shard.empty()) {
    return fail(ErrorCode::kCancelled, "stopped: a shard is of use as a whole only");
  }
  if (!options.shard.empty()) {
    return finish_shard(options, result, study, model, context);
  }
  const auto sheet = report::layer_sheet(result);
  const auto envelope = context.envelope("profile", &options.run, &model);
  TESSERA_CHECK(context.write(options.output, envelope, to_json(result), sheet, options.overwrite));
  if (!result.interrupted) {
    TESSERA_CHECK(write_pictures(options, result, charts));
  }
  context.answer(envelope, to_json(result),
                 report::profile_text(result, context.page(), options.top), &sheet);
  if (result.interrupted) {
    return fail(ErrorCode::kCancelled, "stopped; the layers that were measured are {}",
                options.output.empty() ? "above" : "in '" + options.output + "'")
        .hint(
            "predictions and mixes need the whole measurement: with -o FILE.json, the same "
            "command and --resume goes on from there");
  }
  if (options.require_stable && !result.stability.stable) {
    return fail(ErrorCode::kAborted, "measured, but not stable")
        .hint("stop other programs, or leave out --require-stable");
  }
  return {};
}

}  // namespace

void add_profile_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "profile", "Measure what each layer costs in each precision, where it stands in the model");
  command->add_option("model", options->model, ".onnx, .tflite, .h5 or .keras in float32");
  context.reads(options->model);
  add_data_options(*command, options->data, false);
  add_scheme_options(*command, options->scheme, SchemeScope::kStatic);
  add_further_schemes(*command, options->further,
                      "further schemes, with a column of their own and for mixes to draw from: "
                      "u8s8,u8u8,s8s8-channel, dynamic, float16 (always where the processor "
                      "computes in it)");
  add_selection_options(*command, options->profile.selection);
  add_ranges_option(*command, options->ranges);
  command->add_flag("--curve", options->profile.curve,
                    "also the curve over the k layers with most MACs: time and error");
  command
      ->add_option("--shard", options->shard,
                   "this run's part of the plans, for machines of one kind that share them")
      ->type_name("I/N");
  command->add_option("--merge", options->merge, "put shards together to one profile")
      ->type_name("FILE");
  command->add_flag("--resume", options->resume,
                    "go on with an interrupted profile in -o FILE.json: plans that it took apart "
                    "are not measured again");
  command->add_option("--charts", options->charts, "folder for SVG charts")->type_name("DIR");
  command
      ->add_option("--trace", options->trace,
                   "timeline of one run in each precision, for ui.perfetto.dev")
      ->type_name("FILE");
  command
      ->add_option("--plans", options->profile.validation_plans,
                   "random mixed plans that the prediction is judged by")
      ->check(between(4, 1000))
      ->capture_default_str();
  add_level_option(*command, options->level);
  command->add_flag("--no-isolated", options->no_isolated,
                    "do not time layers alone for comparison");
  command->add_flag("--require-stable", options->require_stable,
                    "exit with 5 if the machine was too busy to trust the figures, as its runs or "
                    "the prediction of unseen mixes show");
  add_requantize_option(*command, options->profile.requantize);
  command
      ->add_option("--budget", options->budget_s,
                   "seconds for everything, calibration and curve included")
      ->check(positive())
      ->capture_default_str();
  command->add_option("--error-samples", options->error_samples, "samples for errors and inputs")
      ->check(at_least(1))
      ->capture_default_str();
  command->add_option("--top", options->top, "show the N dearest layers (0: all)")
      ->capture_default_str();
  add_run_options(*command, options->run);
  add_load_options(*command, options->loading);
  add_output_options(*command, options->output, options->overwrite, false);
  add_common_options(*command, context,
                     "tessera profile model.onnx --data images/ --preprocess imagenet -o "
                     "profile.json\n"
                     "  tessera profile model.onnx --data images/ --curve --charts charts/ -o "
                     "layers.csv",
                     true);
  command->callback([options, &context] {
    context.action = [options, &context] { return run(*options, context); };
  });
}

}  // namespace tessera::cli
