// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "cli/optimize_cluster.h"
#include "cli/options.h"
#include "cli/output_folder.h"
#include "cli/scheme_options.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/core/host.h"
#include "tessera/evaluate/bench.h"
#include "tessera/optimize/optimize.h"
#include "tessera/quantize/dialect.h"
#include "tessera/quantize/quantize.h"
#include "tessera/report/evaluation.h"
#include "tessera/runtime/kernels_library.h"

namespace tessera::cli {
namespace {

/// Fewer samples are not split into a half to calibrate on and a half to measure on.
constexpr std::int64_t kWorthSplitting = 16;
/// Where candidates are written to be timed as files, within the folder of the answer.
constexpr const char* kFinalists = "finalists";

/// For a profile beside everything else.
constexpr double kLeastPlacementUs = 30e6;

struct Options {
  PlacementOptions placement;
  std::string model;
  RunOptions run;
  DataOptions data;
  std::string validation;
  LoadOptions loading;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::string ranges;
  double budget_s = 300;
  std::size_t top = 0;
  bool no_refine = false;
  bool resume = false;
  optimize::OptimizeOptions optimize;
};

/// On what ranges are measured, and on what errors are.
struct Samples {
  data::SampleSet calibration;
  data::SampleSet validation;
  std::string relation;  ///< between the two, for the reader
  bool separate = true;
};

/// --validation, read as --data is; without one, no samples.
DataOptions validation_data(const Options& options) {
  auto validation = options.data;
  validation.source = options.validation;
  validation.samples = 0;
  return validation;
}

Result<Samples> open_samples(const Options& options, const network::Network& model,
                             Context& context) {
  if (!options.validation.empty()) {
    auto calibration = options.data;
    calibration.labels.clear();
    TESSERA_TRY(auto first, context.open_samples(model, calibration));
    TESSERA_TRY(auto second, context.open_samples(model, validation_data(options)));
    return Samples{std::move(first), std::move(second), "separate validation samples"};
  }
  TESSERA_TRY(auto all, context.open_samples(model, options.data));
  if (all.size() < kWorthSplitting) {
    TESSERA_TRY(auto again, context.open_samples(model, options.data));
    return Samples{std::move(all), std::move(again), "the calibration samples themselves", false};
  }
  TESSERA_TRY(auto first, context.open_samples(model, options.data, 0, 2, true));
  TESSERA_TRY(auto second, context.open_samples(model, options.data, 1, 2, true));
  return Samples{std::move(first), std::move(second),
                 "every second sample, those not used for calibration"};
}

/// What an interrupted run has left. Errors: kInvalidArgument if it was another one.
Status take_up(Options& options, const network::Network& model, const Samples& samples) {
  const std::filesystem::path folder = options.output;
  TESSERA_TRY(options.optimize.known, known_rows(folder / "bench.json", model));
  TESSERA_TRY(const auto summary, read_json(folder / "summary.json"));
  const auto before = summary.value("/result/samples"_json_pointer, Json());
  if (before.value("calibration", Json()) != samples.calibration.describe() ||
      before.value("validation", Json()) != samples.validation.describe()) {
    return fail(ErrorCode::kInvalidArgument, "'{}' was measured on other samples", options.output)
        .hint("give the same --data, --validation and --samples, or leave out --resume");
  }
  if (options.ranges.empty() && std::filesystem::exists(folder / "ranges.json")) {
    options.ranges = (folder / "ranges.json").string();
  }
  return {};
}

Result<calibrate::Ranges> ranges_for(const Options& options, const network::Network& model,
                                     const data::SampleSet& samples, Context& context) {
  if (!options.ranges.empty()) {  // those of an interrupted run
    return context.read_ranges(options.ranges, model);
  }
  TESSERA_TRY(const auto library, context.library(options.run));
  return calibrate::calibrate(model, samples, library,
                              {.threads = options.run.threads, .channels = true},
                              context.monitor());
}

/// Of the file that the command is for.
std::string written_name(const network::Network& model) {
  return fmt::format("model{}", network::ending_of(model.format()));
}

bool is_mix(const optimize::OptimizeResult& result) {
  return result.chosen && !result.candidates[*result.chosen].assignment.empty();
}

/// A model's file and what belongs to it.
Status move_files(const std::filesystem::path& file, const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(file.parent_path(), error)) {
    std::filesystem::rename(entry.path(), folder / entry.path().filename(), error);
    if (error) {
      break;
    }
  }
  if (error) {
    return fail(ErrorCode::kPermissionDenied, "cannot write '{}': {}",
                (folder / file.filename()).string(), error.message());
  }
  return {};
}

/// What stands beside a model that needs libtessera_kernels: the best that needs no library, and
/// the library of this machine. Names of the files; none beside other models.
Result<std::vector<std::string>> place_companions(const network::Network& model,
                                                  const optimize::OptimizeResult& result,
                                                  const std::filesystem::path& folder) {
  std::vector<std::string> names;
  if (!result.portable) {
    return names;
  }
  names.push_back(fmt::format("model.portable{}", network::ending_of(model.format())));
  if (result.portable->file.empty()) {
    TESSERA_CHECK(model.save(folder / names.front(), {}));
  } else {
    TESSERA_CHECK(move_files(result.portable->file, folder));
  }
  TESSERA_TRY(const auto library, runtime::kernels_library());
  names.push_back(library.filename().string());
  std::error_code error;
  std::filesystem::copy_file(library, folder / names.back(),
                             std::filesystem::copy_options::overwrite_existing, error);
  if (error) {
    return fail(ErrorCode::kPermissionDenied, "cannot copy '{}' to '{}': {}", library.string(),
                folder.string(), error.message())
        .hint("make room there, or choose another -o");
  }
  return names;
}

/// The file that was timed is the file that is kept; float32 is written as it is.
Status place_model(const network::Network& model, const optimize::OptimizeResult& result,
                   const std::filesystem::path& folder) {
  const auto target = folder / written_name(model);
  if (!result.written) {
    return model.save(target, {});
  }
  return move_files(result.written->file, folder);
}

/// Everything that is to be kept, complete or not at all.
Result<Json> write_artefacts(const Options& options, const network::Network& model,
                             const calibrate::Ranges& ranges,
                             const optimize::OptimizeResult& result, Json summary,
                             const std::vector<std::string>& placed, OutputFolder folder,
                             Context& context) {
  const auto write = [&](const char* file, std::string_view kind, const Json& json) {
    return context.write(folder.path() / file, context.envelope(kind, &options.run, &model), json,
                         Overwrite::kReplace);
  };
  std::vector<std::string> companions;
  if (!result.interrupted) {
    TESSERA_CHECK(place_model(model, result, folder.path()));
    TESSERA_TRY(companions, place_companions(model, result, folder.path()));
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder.path() / kFinalists, ignored);
  evaluate::BenchResult bench;
  bench.rows.push_back(result.baseline);
  for (const auto& candidate : result.candidates) {
    bench.rows.push_back(candidate.row);
  }
  bench.best = result.chosen ? *result.chosen + 1 : 0;
  bench.timer = result.timer;
  bench.interrupted = result.interrupted;
  bench.quantization = result.quantization;
  bench.requantize = result.requantize;
  for (const auto& cut : result.cut_off) {
    bench.cut_off.push_back(cut.what);
  }
  bench.samples = result.baseline.accuracy ? result.baseline.accuracy->samples : 0;
  TESSERA_CHECK(write("ranges.json", "calibrate", to_json(ranges)));
  TESSERA_CHECK(write("bench.json", "bench", to_json(bench)));
  TESSERA_CHECK(write_file(folder.path() / "bench.csv", report::measurement_sheet(bench.rows).csv(),
                           Overwrite::kReplace));
  auto artefacts = Json::array();
  std::vector<std::string> files = {"ranges.json", "bench.json", "bench.csv", "summary.json"};
  files.insert(files.end(), placed.begin(), placed.end());
  if (!result.interrupted) {
    files.insert(files.begin(), companions.begin(), companions.end());
    files.insert(files.begin(), written_name(model));
  }
  if (is_mix(result)) {
    files.push_back("recipe.json");
    TESSERA_CHECK(write_json(folder.path() / "recipe.json",
                             to_json(result.candidates[*result.chosen].recipe),
                             Overwrite::kReplace));
  }
  for (const auto& file : files) {
    artefacts.push_back((std::filesystem::path(options.output) / file).string());
  }
  summary["artefacts"] = artefacts;
  TESSERA_CHECK(write("summary.json", "optimize", summary));
  TESSERA_CHECK(folder.commit());
  return summary;
}

std::string header(const Options& options, const Samples& samples) {
  return fmt::format("model     {}\nsamples   {} to calibrate, {} to measure error ({})\n\n",
                     options.model, samples.calibration.size(), samples.validation.size(),
                     samples.relation);
}

/// What to type next, with the arguments of this run.
std::string next_steps(const Options& options, const optimize::OptimizeResult& result,
                       const std::string& written, const Json& summary, const Context& context) {
  const auto folder = std::filesystem::path(options.output);
  const auto candidate = shell_word((folder / written).string());
  auto fed = options.data;
  fed.source = options.validation.empty() ? options.data.source : options.validation;
  const auto data = context.carry.arguments(fed, options.loading);
  const auto model = shell_word(options.model);
  if (result.interrupted) {
    return fmt::format("\nwritten to {}: ranges.json bench.json bench.csv summary.json\n",
                       folder.string());
  }
  auto text = fmt::format("\nwritten to {}:", folder.string());
  for (const auto& artefact : summary.at("artefacts")) {
    const std::filesystem::path file = artefact.get<std::string>();
    text += " " + shell_word(file.filename().string());
  }
  text += "\nnext\n";
  if (result.chosen) {
    text += fmt::format("  # where the error comes from\n  tessera compare {} {}{}\n", model,
                        candidate, data);
  }
  text += fmt::format("  # what is in the model\n  tessera inspect {}\n", candidate);
  text += fmt::format("  # every combination\n  tessera bench {}{} --ranges {}\n", model, data,
                      shell_word((folder / "ranges.json").string()));
  return text;
}

/// The plan, and what the written model has to do with it.
std::string plan_text(const std::optional<Placed>& placed, const optimize::OptimizeOptions& how) {
  if (!placed) {
    return {};
  }
  auto text = "\n" + placed->text;
  if (!placed->plan.is_there()) {
    return text;
  }
  if (!placed->mix) {
    return text +
           "\nnot all of it is on this machine: the model that is written is the best for this "
           "machine alone, and the plan's parts are not written\n";
  }
  return text + (how.proposed ? "\nall of it is on this machine: its mix is one of the candidates\n"
                              : "\nits mix is no candidate: --no-mixed\n");
}

Status run(const Options& given, Context& context) {
  auto options = given;
  auto& settings = options.optimize;
  TESSERA_CHECK(check_placement(options.placement, settings.limits));
  const auto overwrite = options.resume ? Overwrite::kReplace : options.overwrite;
  TESSERA_TRY(auto folder, OutputFolder::create(options.output, overwrite));
  settings.folder = folder.path() / kFinalists;
  context.monitor().expect({"calibrate", "reference", "choosing ranges", "error of single layers",
                            "finalists", "confirming"});
  TESSERA_TRY(settings.session, context.session_options(options.run));
  settings.budget_us = options.budget_s * 1e6;
  settings.seed = context.seed;
  TESSERA_CHECK(context.carry_from(options.ranges));
  TESSERA_TRY(const auto model, context.load_model(options.model, options.loading, options.run,
                                                   {options.data, validation_data(options)}));
  TESSERA_CHECK(quantize::dialect_of(model));
  std::optional<calibrate::Ranges> known;
  if (!options.ranges.empty()) {
    // Before the samples: they know how those that they were measured on were preprocessed.
    TESSERA_TRY(known, context.read_ranges(options.ranges, model));
  }
  TESSERA_TRY(const auto samples, open_samples(options, model, context));
  if (options.resume) {
    TESSERA_CHECK(take_up(options, model, samples));
  }
  calibrate::Ranges ranges;
  if (known) {
    ranges = *std::move(known);
  } else {
    TESSERA_TRY(ranges, ranges_for(options, model, samples.calibration, context));
  }
  TESSERA_TRY(const auto source, model.info());
  settings.mark = [&](network::Network& made, std::string_view row) {
    context.carry.stamp(made, row, source.sha256);
  };
  TESSERA_TRY(const auto library, context.library(options.run));
  settings.calibration = options.no_refine || !samples.separate ? nullptr : &samples.calibration;
  settings.spent_us = context.spent_us();
  std::optional<Placed> placed;
  if (!options.placement.cluster.empty()) {  // within a budget of its own
    const PlacementSetup setup{&model,          &samples.validation,
                               &ranges,         options.run,
                               settings.limits, std::max(kLeastPlacementUs, settings.budget_us)};
    TESSERA_TRY(placed, place_on_cluster(options.placement, setup, folder.path(), context));
    settings.proposed = settings.mixed ? placed->mix : std::nullopt;
  }
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
       settings.limits.max_top1_drop ? Json(*settings.limits.max_top1_drop) : Json()},
      {"enough_sqnr_db", settings.enough_sqnr_db}};
  if (placed) {
    summary["plan"] = to_json(placed->plan);
  }
  TESSERA_TRY(summary, write_artefacts(options, model, ranges, result, std::move(summary),
                                       placed ? placed->files : std::vector<std::string>(),
                                       std::move(folder), context));
  const auto envelope = context.envelope("optimize", &options.run, &model);
  context.answer(envelope, summary,
                 header(options, samples) +
                     report::optimize_text(result, context.page(), options.top) +
                     plan_text(placed, settings) +
                     next_steps(options, result, written_name(model), summary, context) +
                     fmt::format("\nmachine   {}\nmeaning   {}\n", machine_text(envelope),
                                 evaluate::explain_isa(envelope.host)));
  if (result.interrupted) {
    return fail(ErrorCode::kCancelled, "stopped; what was measured is in '{}'", options.output)
        .hint("go on with the same command and --resume");
  }
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
  command->add_option("model", options->model, ".onnx, .tflite, .h5 or .keras in float32")
      ->required();
  context.reads(options->model);
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
  command
      ->add_option("--enough-sqnr-db", options->optimize.enough_sqnr_db,
                   "without limits: an SQNR that is enough, however close others come to float32")
      ->capture_default_str();
  add_selection_options(*command, options->optimize.selection);
  add_requantize_option(*command, options->optimize.requantize);
  add_ranges_option(*command, options->ranges);
  command
      ->add_option("--cluster", options->placement.cluster,
                   "also plan for these machines, this one being the one without times; see "
                   "tessera plan")
      ->type_name("FILE");
  command
      ->add_option("--error-model", options->placement.error_model,
                   "with --cluster: what limits on the error are counted by")
      ->type_name("FILE");
  command->add_flag_callback(
      "--no-mixed", [options] { options->optimize.mixed = false; },
      "uniform models only: no mixes of float and integer layers");
  add_kernels_option(*command, options->optimize.kernels);
  command->add_flag("--no-refine", options->no_refine,
                    "do not refine the fastest integer model on the calibration samples");
  command->add_flag("--resume", options->resume,
                    "go on from what an interrupted run has left in the output folder");
  command->add_option("--budget", options->budget_s, "seconds for everything, calibration included")
      ->check(positive())
      ->capture_default_str();
  command->add_option("--top", options->top, "show the N fastest candidates only");
  add_run_options(*command, options->run);
  add_load_options(*command, options->loading);
  add_common_options(*command, context,
                     "tessera optimize model.onnx --data images/ --preprocess imagenet -o out\n"
                     "  tessera optimize model.onnx --data images/ --labels labels.csv "
                     "--max-top1-drop 1 -o out");
  command->callback([options, &context] {
    context.action = [options, &context] { return run(*options, context); };
  });
}

}  // namespace tessera::cli
