// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/context.h"
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
  std::map<std::string, std::int64_t> dims;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::string ranges;
  SchemeOptions scheme;
  std::vector<std::string> levels;
  std::int64_t error_samples = 8;
  double budget_s = 60;
  std::size_t top = 0;
  evaluate::BenchOptions bench;
};

std::string header(const Envelope& envelope) {
  return fmt::format("machine  {}\nmeaning  {}\n\n", machine_text(envelope),
                     evaluate::explain_isa(envelope.host));
}

Status run(Options options, Context& context) {
  auto& bench = options.bench;
  for (const auto& name : options.levels) {
    TESSERA_TRY(const auto level, runtime::opt_level_from_string(name));
    bench.levels.push_back(level);
  }
  TESSERA_TRY(bench.base, scheme_from(options.scheme, {}));
  TESSERA_CHECK(evaluate::plan_bench(bench).map([](const auto&) {}));
  if (!options.output.empty()) {
    TESSERA_CHECK(check_writable(options.output, options.overwrite));
  }
  TESSERA_TRY(bench.session, context.session_options(options.run));
  TESSERA_TRY(bench.other_providers, context.other_providers(options.run));
  bench.budget_us = options.budget_s * 1e6;
  bench.seed = context.seed;
  TESSERA_TRY(const auto model, context.load_model(options.model, options.dims, options.run));
  TESSERA_TRY(const auto calibration, calibration_for(options.scheme, {&bench.base, 1}));
  TESSERA_TRY(const auto ranges,
              context.ranges(options.ranges, model, options.data, options.run,
                             evaluate::needs_ranges(bench) ? calibration : std::nullopt));
  TESSERA_TRY(const auto samples,
              context.open_samples(model, options.data.at_most(options.error_samples)));
  TESSERA_TRY(const auto library, context.library(options.run));
  TESSERA_TRY(const auto result, evaluate::bench(model, samples, ranges ? &*ranges : nullptr,
                                                 library, bench, context.monitor()));
  const auto envelope = context.envelope("bench", &options.run, &model);
  TESSERA_CHECK(context.write(options.output, envelope, to_json(result),
                              report::measurement_sheet(result.rows).csv(), options.overwrite));
  context.answer(envelope, to_json(result),
                 header(envelope) + report::bench_text(result, context.width(), options.top));
  return {};
}

}  // namespace

void add_bench_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "bench", "Measure every combination of format, types, granularity and optimization level");
  command->add_option("model", options->model, "ONNX model in float32")->required();
  add_data_options(*command, options->data, true);
  add_run_options(*command, options->run, true);
  add_dim_option(*command, options->dims);
  auto& bench = options->bench;
  command
      ->add_option("--formats", bench.formats,
                   "only these: float32,float16,dynamic,qdq,qoperator,qdq-inputs")
      ->delimiter(',');
  command->add_option("--types", bench.types, "only these pairs: u8u8,u8s8,s8u8,s8s8")
      ->delimiter(',');
  command->add_option("--granularity", bench.granularities, "only these: tensor,channel")
      ->delimiter(',');
  command->add_option("--levels", options->levels, "only these: disabled,basic,extended,all")
      ->delimiter(',');
  add_scheme_options(*command, options->scheme, SchemeScope::kRounding);
  add_selection_options(*command, bench.selection);
  add_ranges_option(*command, options->ranges);
  command->add_option("--budget", options->budget_s, "seconds for timing")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--error-samples", options->error_samples, "samples to measure errors on")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--top", options->top, "show the N fastest rows only");
  add_output_options(*command, options->output, options->overwrite, false);
  add_common_options(*command, context,
                     "tessera bench model.onnx --data images/ --preprocess imagenet\n"
                     "  tessera bench model.onnx --data images/ --formats qdq,float32 --levels all "
                     "-o bench.csv\n"
                     "  tessera bench model.onnx --data images/ --runtime openvino/ "
                     "--provider cpu,openvino --cpus 0");
  command->callback([options, &context] {
    context.action = [options, &context] { return run(*options, context); };
  });
}

}  // namespace tessera::cli
