// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "cli/options.h"
#include "cli/scheme_options.h"
#include "tessera/core/host.h"
#include "tessera/evaluate/bench.h"
#include "tessera/report/evaluation.h"

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
  SchemeOptions scheme;
  std::vector<std::string> levels;
  std::int64_t error_samples = 8;
  double budget_s = 60;
  std::size_t top = 20;
  bool resume = false;
  evaluate::BenchOptions bench;
};

/// Below the answer: it is the same in every run.
std::string footer(const Envelope& envelope) {
  return fmt::format("\nmachine  {}\nmeaning  {}\n", machine_text(envelope),
                     evaluate::explain_isa(envelope.host));
}

Status run(Options options, Context& context) {
  auto& bench = options.bench;
  for (const auto& name : options.levels) {
    TESSERA_TRY(const auto level, runtime::opt_level_from_string(name));
    bench.levels.push_back(level);
  }
  TESSERA_TRY(const auto* dialect, context.dialect(options.model));
  bench.usual = dialect->trials();
  TESSERA_TRY(bench.base, scheme_from(options.scheme, bench.usual.base));
  TESSERA_CHECK(evaluate::plan_bench(bench).map([](const auto&) {}));
  if (options.resume && !options.output.ends_with(".json")) {
    return fail(ErrorCode::kInvalidArgument, "--resume goes on from the document of -o FILE.json")
        .hint("give -o FILE.json, also to the run that may be interrupted");
  }
  if (options.resume) {
    options.overwrite = Overwrite::kReplace;
  }
  TESSERA_CHECK(Context::check_output(options.output, options.overwrite, sheet_endings()));
  context.monitor().expect({"calibrate", "reference", "preparing rows", "timing rows"});
  TESSERA_TRY(bench.session, context.session_options(options.run));
  TESSERA_TRY(bench.other_providers, context.other_providers(options.run));
  bench.budget_us = options.budget_s * 1e6;
  bench.seed = context.seed;
  TESSERA_CHECK(context.carry_from(options.ranges));
  TESSERA_TRY(const auto model,
              context.load_model(options.model, options.loading, options.run, {options.data}));
  if (options.resume && std::filesystem::exists(options.output)) {
    TESSERA_TRY(bench.known, known_rows(options.output, model));
  }
  TESSERA_TRY(const auto calibration,
              calibration_for(options.scheme, evaluate::planned_schemes(bench)));
  TESSERA_TRY(const auto ranges,
              context.ranges(options.ranges, model, options.data, options.run, calibration));
  TESSERA_TRY(const auto samples,
              context.open_samples(model, options.data.at_most(options.error_samples)));
  TESSERA_TRY(const auto library, context.library(options.run));
  bench.spent_us = context.spent_us();
  TESSERA_TRY(const auto result, evaluate::bench(model, samples, ranges ? &*ranges : nullptr,
                                                 library, bench, context.monitor()));
  const auto sheet = report::measurement_sheet(result.rows);
  const auto envelope = context.envelope("bench", &options.run, &model);
  TESSERA_CHECK(context.write(options.output, envelope, to_json(result), sheet, options.overwrite));
  context.answer(envelope, to_json(result),
                 report::bench_text(result, context.page(), options.top) + footer(envelope),
                 &sheet);
  if (result.interrupted) {
    return fail(ErrorCode::kCancelled, "stopped; what was measured is {}",
                options.output.empty() ? "above" : "in '" + options.output + "'")
        .hint("with -o FILE.json, the same command and --resume goes on from there");
  }
  return {};
}

}  // namespace

void add_bench_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "bench", "Measure every combination of format, types, granularity and optimization level");
  command->add_option("model", options->model, ".onnx, .tflite, .h5 or .keras in float32")
      ->required();
  context.reads(options->model);
  add_data_options(*command, options->data, true);
  add_run_options(*command, options->run, true);
  add_load_options(*command, options->loading);
  auto& bench = options->bench;
  command->add_option("--formats", bench.formats, "only these formats")
      ->type_name("A,B")
      ->check(one_of({"float32", "float16", "dynamic", "weight-only", "qdq", "qoperator",
                      "qdq-inputs", "kernels"}))
      ->delimiter(',');
  command->add_option("--types", bench.types, "only these types of activations and weights")
      ->type_name("A,B")
      ->check(one_of({"u8u8", "u8s8", "s8u8", "s8s8", "s16s8"}))
      ->delimiter(',');
  command->add_option("--granularity", bench.granularities, "only these scales of weights")
      ->type_name("A,B")
      ->check(one_of({"tensor", "channel"}))
      ->delimiter(',');
  command->add_option("--levels", options->levels, "only these levels of graph optimization")
      ->type_name("A,B")
      ->check(one_of(opt_level_words()))
      ->delimiter(',');
  add_scheme_options(*command, options->scheme, SchemeScope::kRounding);
  add_kernels_option(*command, bench.kernels);
  add_selection_options(*command, bench.selection);
  add_ranges_option(*command, options->ranges);
  add_requantize_option(*command, bench.requantize);
  command->add_flag("--resume", options->resume,
                    "go on from the rows of an interrupted run in -o FILE.json");
  command->add_option("--budget", options->budget_s, "seconds for everything, calibration included")
      ->check(positive())
      ->capture_default_str();
  command->add_option("--error-samples", options->error_samples, "samples to measure errors on")
      ->check(at_least(1))
      ->capture_default_str();
  command->add_option("--top", options->top, "show the N fastest rows only (0: all)")
      ->capture_default_str();
  add_output_options(*command, options->output, options->overwrite, false);
  add_common_options(*command, context,
                     "tessera bench model.onnx --data images/ --preprocess imagenet\n"
                     "  tessera bench model.onnx --data images/ --formats qdq,float32 --levels all "
                     "-o bench.csv\n"
                     "  tessera bench model.onnx --data images/ --runtime openvino/ "
                     "--provider cpu,openvino --cpus 0",
                     true);
  command->callback([options, &context] {
    context.action = [options, &context] { return run(*options, context); };
  });
}

}  // namespace tessera::cli
