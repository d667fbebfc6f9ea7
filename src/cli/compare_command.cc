// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "tessera/evaluate/compare.h"
#include "tessera/report/comparison.h"
#include "tessera/report/figures.h"

namespace tessera::cli {
namespace {

struct CompareArguments {
  std::string reference;
  std::string candidate;
  RunOptions run;
  DataOptions data;
  std::map<std::string, std::int64_t> dims;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::string level = "all";
  std::vector<std::string> gates;
  bool outputs_only = false;
  std::string chart;
  std::size_t top = 20;
};

/// A model made with --dim has no symbols any more; giving them again is no mistake.
Result<onnx::Model> load_candidate(const CompareArguments& arguments, Context& context) {
  auto model = context.load_model(arguments.candidate, arguments.dims, arguments.run);
  if (model || arguments.dims.empty() || model.error().code != ErrorCode::kInvalidArgument) {
    return model;
  }
  return context.load_model(arguments.candidate, {}, arguments.run);
}

Status missed_gates(const evaluate::Comparison& comparison) {
  std::string missed;
  for (const auto& [gate, value, passed] : comparison.gates) {
    if (!passed) {
      missed +=
          fmt::format("{}{} (it is {:.6g})", missed.empty() ? "" : ", ", to_string(gate), value);
    }
  }
  if (missed.empty()) {
    return {};
  }
  return fail(ErrorCode::kFailedPrecondition, "gate missed: {}", missed)
      .hint(
          "see the worst values inside the model; exclude the operators that make them, or "
          "calibrate by another method");
}

Result<evaluate::CompareOptions> compare_options(const CompareArguments& arguments,
                                                 const Context& context) {
  evaluate::CompareOptions options;
  options.tensors = !arguments.outputs_only;
  for (const auto& text : arguments.gates) {
    TESSERA_TRY(auto gate, evaluate::parse_gate(text));
    options.gates.push_back(std::move(gate));
  }
  TESSERA_TRY(options.session, context.session_options(arguments.run));
  TESSERA_TRY(options.session.opt_level, runtime::opt_level_from_string(arguments.level));
  return options;
}

/// How the error grows along the model.
Status write_chart(const CompareArguments& arguments, const onnx::Model& reference,
                   const evaluate::Comparison& comparison) {
  if (arguments.chart.empty()) {
    return {};
  }
  TESSERA_TRY(const auto view, reference.view());
  report::DepthSeries series{.name =
                                 std::filesystem::path(arguments.candidate).filename().string()};
  for (const auto& tensor : comparison.tensors) {
    const auto id = view.find_tensor(tensor.pair.name);
    if (id && view.tensor(*id).producer) {
      series.values.push_back(
          {view.tensor(*id).producer->value, tensor.pair.name, tensor.error.sqnr_db});
    }
  }
  std::stable_sort(series.values.begin(), series.values.end(),
                   [](const auto& a, const auto& b) { return a.position < b.position; });
  TESSERA_TRY(const auto chart, report::depth_figure({}, {&series, 1}));
  return write_file(arguments.chart, report::svg(chart), arguments.overwrite);
}

Status run(const CompareArguments& arguments, Context& context) {
  TESSERA_TRY(const auto options, compare_options(arguments, context));
  if (!arguments.output.empty()) {
    TESSERA_CHECK(check_writable(arguments.output, arguments.overwrite));
  }
  if (!arguments.chart.empty()) {
    TESSERA_CHECK(check_writable(arguments.chart, arguments.overwrite));
  }
  TESSERA_TRY(const auto reference,
              context.load_model(arguments.reference, arguments.dims, arguments.run));
  TESSERA_TRY(const auto candidate, load_candidate(arguments, context));
  TESSERA_TRY(const auto samples, context.open_samples(reference, arguments.data));
  TESSERA_TRY(const auto library, context.library(arguments.run));
  TESSERA_TRY(const auto comparison, evaluate::compare(reference, candidate, samples, library,
                                                       options, context.monitor()));
  auto result = to_json(comparison);
  result["reference_model"] = arguments.reference;
  result["data"] = samples.describe();
  TESSERA_CHECK(write_chart(arguments, reference, comparison));
  const auto envelope = context.envelope("compare", &arguments.run, &candidate);
  TESSERA_CHECK(context.write(arguments.output, envelope, result,
                              report::tensor_error_table(comparison).csv(), arguments.overwrite));
  context.answer(envelope, result,
                 report::comparison_text(comparison, context.width(), arguments.top));
  return missed_gates(comparison);
}

}  // namespace

void add_compare_command(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<CompareArguments>();
  auto* command = app.add_subcommand(
      "compare", "Error of a model against its reference: outputs, values inside, top-1, gates");
  command->add_option("reference", arguments->reference, "ONNX model, usually float32")->required();
  command->add_option("candidate", arguments->candidate, "ONNX model made from it")->required();
  add_data_options(*command, arguments->data, true);
  add_run_options(*command, arguments->run);
  add_dim_option(*command, arguments->dims);
  command
      ->add_option("--gate", arguments->gates,
                   "exit with 1 unless it holds, e.g. 'sqnr_db>=20', 'top1_drop<=1.0'; repeatable")
      ->type_name("METRIC>=NUMBER")
      ->allow_extra_args(false);
  command
      ->add_option("--level", arguments->level,
                   "graph optimization for the outputs: disabled, basic, extended, all")
      ->capture_default_str();
  command->add_flag("--outputs-only", arguments->outputs_only,
                    "do not compare the values inside the models");
  command->add_option("--chart", arguments->chart, "SVG of the error along the depth of the model")
      ->type_name("FILE");
  command->add_option("--top", arguments->top, "show the N worst values inside (0: all)")
      ->capture_default_str();
  add_output_options(*command, arguments->output, arguments->overwrite, false);
  add_common_options(*command, context,
                     "tessera compare model.onnx model_int8.onnx --data images/ --preprocess "
                     "imagenet\n"
                     "  tessera compare a.onnx b.onnx --data images/ --labels labels.csv --gate "
                     "'sqnr_db>=20' --gate 'top1_drop<=1.0'");
  command->callback([arguments, &context] {
    context.action = [arguments, &context] { return run(*arguments, context); };
  });
}

}  // namespace tessera::cli
