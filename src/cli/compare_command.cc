// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "cli/context.h"
#include "cli/options.h"
#include "tessera/evaluate/compare.h"
#include "tessera/evaluate/kernel_check.h"
#include "tessera/report/comparison.h"
#include "tessera/report/figures.h"
#include "tessera/report/kernel_check.h"

namespace tessera::cli {
namespace {

struct CompareArguments {
  std::string reference;
  std::string candidate;
  std::string via;
  std::vector<std::string> kernels;
  RunOptions run;
  DataOptions data;
  LoadOptions loading;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::string level = "all";
  std::vector<std::string> gates;
  bool outputs_only = false;
  std::string chart;
  std::size_t top = 20;
};

/// A model made with --dim has no symbols any more; giving them again is no mistake.
Result<network::Network> load_made(const std::string& path, const CompareArguments& arguments,
                                   Context& context) {
  auto model = context.load_model(path, arguments.loading, arguments.run, {arguments.data});
  if (model || arguments.loading.empty() || model.error().code != ErrorCode::kInvalidArgument) {
    return model;
  }
  return context.load_model(path, {}, arguments.run, {arguments.data});
}

std::string shape_text(const ValueType& type) {
  if (!type.shape) {
    return "any shape";
  }
  std::vector<std::string> extents;
  for (const auto& extent : *type.shape) {
    extents.push_back(extent.known() ? fmt::format("{}", extent.value)
                                     : (extent.symbol.empty() ? "?" : extent.symbol));
  }
  return fmt::format("[{}]", fmt::join(extents, ","));
}

bool same_extents(const ValueType& a, const ValueType& b) {
  if (!a.shape || !b.shape) {
    return true;
  }
  return std::equal(
      a.shape->begin(), a.shape->end(), b.shape->begin(), b.shape->end(),
      [](const auto& x, const auto& y) { return !x.known() || !y.known() || x.value == y.value; });
}

/// Both models must take the same inputs, or every later message would be about a tensor's shape.
/// A candidate that says it was made from another model than `source` is only warned about.
Status check_kinship(const network::Network& reference, const network::Network& source,
                     const network::Network& candidate, const CompareArguments& arguments,
                     Context& context) {
  const auto wanted = reference.inputs();
  const auto given = candidate.inputs();
  const auto differ = [&](const std::string& how) {
    return fail(ErrorCode::kInvalidArgument, "'{}' and '{}' are different networks: {}",
                arguments.reference, arguments.candidate, how)
        .hint("compare a model with one that was made from it");
  };
  if (wanted.size() != given.size()) {
    return differ(fmt::format("{} inputs and {}", wanted.size(), given.size()));
  }
  const bool one_format = reference.format() == candidate.format();
  // In two formats layouts may differ; they are reconciled where models are run.
  for (std::size_t i = 0; one_format && i < wanted.size(); ++i) {
    const bool same_name = std::find(given.begin(), given.end(), wanted[i]) != given.end();
    const auto& other = same_name ? wanted[i] : given[i];
    const auto a = reference.type_of(wanted[i]);
    const auto b = candidate.type_of(other);
    if (a && b && !same_extents(*a, *b)) {
      return differ(fmt::format("input '{}' is {} in the first, '{}' is {} in the second",
                                wanted[i], shape_text(*a), other, shape_text(*b)));
    }
  }
  TESSERA_TRY(const auto info, source.info());
  const auto said = candidate.metadata(kSourceKey);
  if (said && !said->empty() && !info.sha256.empty() && *said != info.sha256) {
    context.monitor().warn({"other-source",
                            fmt::format("'{}' says that it was made from another model than '{}'",
                                        arguments.candidate, info.path),
                            "compare it with the model that it was made from"});
  }
  return {};
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
                                                 Context& context) {
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
Status write_chart(const CompareArguments& arguments, const network::Network& reference,
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

/// Sessions of the kernel sets that --kernels names.
Result<std::vector<evaluate::KernelSet>> kernel_sets(const CompareArguments& arguments,
                                                     const network::Network& model,
                                                     const std::string& path, Context& context) {
  if (model.format() != network::FileFormat::kLitert) {
    return fail(ErrorCode::kInvalidArgument,
                "--kernels compares the kernels of LiteRT; '{}' is no .tflite file", path)
        .hint("what ONNX Runtime fuses is compared with: tessera compare MODEL MODEL --level ...");
  }
  const std::set<std::string> distinct(arguments.kernels.begin(), arguments.kernels.end());
  if (arguments.kernels.size() < 2 || distinct.size() != arguments.kernels.size()) {
    return fail(ErrorCode::kInvalidArgument, "--kernels {}: at least two different sets are needed",
                fmt::join(arguments.kernels, ","))
        .hint("write for example --kernels builtin,xnnpack");
  }
  std::vector<evaluate::KernelSet> sets;
  for (const auto& name : arguments.kernels) {
    TESSERA_TRY(auto session, context.session_options(arguments.run));
    session.opt_level = name == "xnnpack" ? runtime::OptLevel::kAll : runtime::OptLevel::kDisabled;
    if (name != "delegate") {
      session.provider = "cpu";
      session.provider_options.clear();
    } else if (session.provider == "cpu") {
      return fail(ErrorCode::kInvalidArgument, "--kernels delegate: which one is not said")
          .hint("name its library: --delegate PATH");
    }
    sets.push_back({name, std::move(session)});
  }
  return sets;
}

/// Of one model, without a reference.
Status run_kernels(const CompareArguments& arguments, Context& context) {
  if (!arguments.gates.empty() || !arguments.chart.empty() || !arguments.via.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "--gate, --chart and --via are about two models; one is given")
        .hint("give the candidate, too");
  }
  TESSERA_CHECK(Context::check_output(arguments.output, arguments.overwrite, sheet_endings()));
  TESSERA_TRY(const auto model, context.load_model(arguments.reference, arguments.loading,
                                                   arguments.run, {arguments.data}));
  TESSERA_TRY(const auto sets, kernel_sets(arguments, model, arguments.reference, context));
  TESSERA_TRY(const auto samples, context.open_samples(model, arguments.data));
  TESSERA_TRY(const auto library, context.library(arguments.run));
  TESSERA_TRY(const auto check,
              evaluate::check_kernels(model, samples, library, sets, context.monitor()));
  const Json result{{"kernels", to_json(check)}, {"data", samples.describe()}};
  const auto sheet = report::kernel_table(check);
  const auto envelope = context.envelope("kernels", &arguments.run, &model);
  TESSERA_CHECK(context.write(arguments.output, envelope, result, sheet, arguments.overwrite));
  context.answer(envelope, result, report::kernel_text(check, context.page(), arguments.top),
                 &sheet);
  return {};
}

Status run(const CompareArguments& arguments, Context& context) {
  if (arguments.candidate.empty() && !arguments.kernels.empty()) {
    return run_kernels(arguments, context);
  }
  if (arguments.candidate.empty()) {
    return fail(ErrorCode::kInvalidArgument, "compare needs a candidate besides '{}'",
                arguments.reference)
        .hint("give a second model, or --kernels builtin,xnnpack to compare the kernels of one");
  }
  TESSERA_TRY(auto options, compare_options(arguments, context));
  TESSERA_CHECK(Context::check_output(arguments.output, arguments.overwrite, sheet_endings()));
  if (!arguments.chart.empty()) {
    if (arguments.outputs_only) {
      return fail(ErrorCode::kInvalidArgument,
                  "--chart draws the values inside the models, which --outputs-only leaves out")
          .hint("leave out one of the two");
    }
    TESSERA_CHECK(Context::check_output(arguments.chart, arguments.overwrite, {".svg"}));
  }
  // The candidate knows how the samples of its maker were preprocessed; the reference does not.
  TESSERA_TRY(const auto made, network::read(arguments.candidate));
  context.carry.take(made, context.monitor());
  context.carry.take_scales(made);
  TESSERA_TRY(const auto reference, context.load_model(arguments.reference, arguments.loading,
                                                       arguments.run, {arguments.data}));
  TESSERA_TRY(const auto candidate, load_made(arguments.candidate, arguments, context));
  std::optional<network::Network> via;
  if (!arguments.via.empty()) {
    TESSERA_TRY(via, load_made(arguments.via, arguments, context));
    options.via = &*via;
  }
  TESSERA_CHECK(check_kinship(reference, via ? *via : reference, candidate, arguments, context));
  TESSERA_TRY(const auto samples, context.open_samples(reference, arguments.data));
  TESSERA_TRY(const auto library, context.library(arguments.run));
  TESSERA_TRY(const auto comparison, evaluate::compare(reference, candidate, samples, library,
                                                       options, context.monitor()));
  auto result = to_json(comparison);
  auto text = report::comparison_text(comparison, context.page(), arguments.top);
  if (!arguments.kernels.empty()) {
    TESSERA_TRY(const auto sets, kernel_sets(arguments, candidate, arguments.candidate, context));
    TESSERA_TRY(const auto own, context.open_samples(candidate, arguments.data));
    TESSERA_TRY(const auto check,
                evaluate::check_kernels(candidate, own, library, sets, context.monitor()));
    result["kernels"] = to_json(check);
    text += "\n" + report::kernel_text(check, context.page(), arguments.top);
  }
  result["reference_model"] = arguments.reference;
  if (via) {
    result["via_model"] = arguments.via;
  }
  result["data"] = samples.describe();
  const bool by_via = via && reference.format() != candidate.format();
  TESSERA_CHECK(write_chart(arguments, by_via ? *via : reference, comparison));
  const auto sheet = report::tensor_error_table(comparison);
  const auto envelope = context.envelope("compare", &arguments.run, &candidate);
  TESSERA_CHECK(context.write(arguments.output, envelope, result, sheet, arguments.overwrite));
  context.answer(envelope, result, text, &sheet);
  return missed_gates(comparison);
}

}  // namespace

void add_compare_command(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<CompareArguments>();
  auto* command = app.add_subcommand(
      "compare", "Error of a model against its reference: outputs, values inside, top-1, gates");
  command
      ->add_option("reference", arguments->reference,
                   ".onnx, .tflite, .h5 or .keras, usually float32")
      ->required();
  command->add_option("candidate", arguments->candidate,
                      ".onnx or .tflite made from it; may be left out with --kernels");
  context.reads(arguments->reference);
  context.reads(arguments->candidate);
  context.reads(arguments->via);
  add_data_options(*command, arguments->data, true);
  add_run_options(*command, arguments->run);
  add_load_options(*command, arguments->loading);
  command
      ->add_option("--gate", arguments->gates,
                   "exit with 1 unless it holds, e.g. 'sqnr_db>=20', 'top1_drop<=1.0'; repeatable")
      ->type_name("METRIC>=NUMBER")
      ->allow_extra_args(false);
  command->add_option("--level", arguments->level, "graph optimization for the outputs")
      ->type_name("LEVEL")
      ->check(one_of(opt_level_words()))
      ->capture_default_str();
  command->add_flag("--outputs-only", arguments->outputs_only,
                    "do not compare the values inside the models");
  command
      ->add_option("--via", arguments->via,
                   "what the reference was converted to before it was quantized: tells the loss of "
                   "conversion from that of quantization")
      ->type_name("MODEL");
  command
      ->add_option("--kernels", arguments->kernels,
                   "of a .tflite model (the candidate, if there are two): how far sets of kernels "
                   "are apart, operator by operator; the first is the reference")
      ->type_name("A,B")
      ->delimiter(',')
      ->check(one_of({"builtin", "xnnpack", "delegate"}));
  command->add_option("--chart", arguments->chart, "SVG of the error along the depth of the model")
      ->type_name("FILE");
  command->add_option("--top", arguments->top, "show the N worst values inside (0: all)")
      ->capture_default_str();
  add_output_options(*command, arguments->output, arguments->overwrite, false);
  add_common_options(*command, context,
                     "tessera compare model.onnx model_int8.onnx --data images/ --preprocess "
                     "imagenet\n"
                     "  tessera compare a.onnx b.onnx --data images/ --labels labels.csv --gate "
                     "'sqnr_db>=20' --gate 'top1_drop<=1.0'\n"
                     "  tessera compare net.onnx net_int8.tflite --via net.tflite --data images/\n"
                     "  tessera compare net_int8.tflite --kernels builtin,xnnpack --data images/",
                     true);
  command->callback([arguments, &context] {
    context.action = [arguments, &context] { return run(*arguments, context); };
  });
}

}  // namespace tessera::cli
