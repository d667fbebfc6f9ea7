// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "cli/context.h"
#include "cli/scheme_options.h"
#include "tessera/core/host.h"
#include "tessera/core/timing.h"
#include "tessera/profile/profile.h"
#include "tessera/quantize/quantize.h"
#include "tessera/refine/refine.h"
#include "tessera/report/format.h"
#include "tessera/report/table.h"

namespace tessera::cli {
namespace {

/// --method output is no method of measuring: it chooses among them, starting from the default.
constexpr std::string_view kByOutput = "output";

/// What is done about the error, beyond ranges.
struct RefineArguments {
  std::string preset = "none";
  bool equalize = false;
  bool scales = false;
  bool bias_correction = false;
  std::string rounding;
  std::int64_t error_samples = 0;
};

struct Options {
  std::string model;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  SchemeOptions scheme;
  quantize::Selection selection;
  std::string recipe;
  std::string profile;
  std::string ranges;
  RefineArguments refine;
  DataOptions data;
  RunOptions run;
  std::map<std::string, std::int64_t> dims;
  std::string compat;
  std::string external_data = "auto";
  bool keep_io = false;
  bool everywhere = false;
  bool no_check = false;
  std::int64_t opset = 0;
  std::size_t top = 0;
};

Result<refine::RefineOptions> refine_options_from(const Options& options, bool by_output) {
  const auto& arguments = options.refine;
  refine::RefineOptions result;
  const bool full = arguments.preset == "full";
  if (!full && arguments.preset != "fast" && arguments.preset != "none") {
    return fail(ErrorCode::kInvalidArgument, "--refine '{}' is unknown", arguments.preset)
        .hint("use none, fast or full");
  }
  const bool fast = full || arguments.preset == "fast";
  if (!arguments.rounding.empty() && arguments.rounding != "nearest" &&
      arguments.rounding != "adaptive") {
    return fail(ErrorCode::kInvalidArgument, "--rounding '{}' is unknown", arguments.rounding)
        .hint("use nearest or adaptive");
  }
  result.equalize = arguments.equalize || fast;
  result.bias_correction = arguments.bias_correction || fast;
  result.scales = arguments.scales || full;
  result.ranges_by_output = by_output || full;
  const bool adaptive = arguments.rounding.empty() ? fast : arguments.rounding == "adaptive";
  result.rounding = adaptive ? refine::Rounding::kAdaptive : refine::Rounding::kNearest;
  result.error_samples = arguments.error_samples;
  result.threads = options.run.threads;
  if (!result.any()) {
    return result;
  }
  if (options.compat == "ort") {
    return fail(ErrorCode::kInvalidArgument, "--compat ort writes what the reference would write")
        .hint("leave out --compat ort, or the options that refine");
  }
  if (options.data.source.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "to refine, the outputs must be seen: --data is missing")
        .hint("give --data D, the samples that ranges are measured on");
  }
  if (options.scheme.mode != "static") {
    return fail(ErrorCode::kInvalidArgument, "refinement goes with --mode static, not '{}'",
                options.scheme.mode)
        .hint("leave out --mode, or the options that refine");
  }
  return result;
}

Result<onnx::ExternalData> external_data_from(const std::string& text) {
  if (text == "auto") {
    return onnx::ExternalData::kAuto;
  }
  if (text == "always") {
    return onnx::ExternalData::kAlways;
  }
  if (text == "never") {
    return onnx::ExternalData::kNever;
  }
  return fail(ErrorCode::kInvalidArgument, "--external-data '{}' is unknown", text)
      .hint("use auto, always or never");
}

Result<quantize::QuantizeOptions> quantize_options_from(const Options& options) {
  quantize::QuantizeOptions result;
  if (!options.compat.empty() && options.compat != "ort") {
    return fail(ErrorCode::kInvalidArgument, "--compat '{}' is unknown", options.compat)
        .hint("use --compat ort for the graphs of onnxruntime.quantization");
  }
  result.compatibility =
      options.compat == "ort" ? quantize::Compatibility::kOrt : quantize::Compatibility::kNone;
  result.keep_io = options.keep_io;
  result.opset = options.opset;
  result.threads = options.run.threads;
  result.everywhere = options.everywhere;
  return result;
}

/// The mix that a profile takes for the fastest: its float layers in float, the rest as wanted.
Result<quantize::Recipe> fastest_recipe(const Options& options, const quantize::Scheme& scheme,
                                        const onnx::Model& model, Monitor& monitor) {
  if (options.profile.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--recipe fastest needs the profile of the model")
        .hint("make it: tessera profile MODEL --data D -o P.json; then add --profile P.json");
  }
  TESSERA_TRY(const auto stored, profile::read_profile(options.profile));
  TESSERA_TRY(const auto info, model.info());
  if (stored.model && stored.model->sha256 != info.sha256) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is the profile of another model: '{}'",
                options.profile, stored.model->path)
        .hint("profile this very model: tessera profile MODEL --data D -o P.json");
  }
  if (const auto host = describe_host(); !stored.cpu.empty() && stored.cpu != host.cpu) {
    monitor.warn({"foreign-profile",
                  fmt::format("the profile was measured on '{}', not on this machine", stored.cpu),
                  "right for a model that will run there; for here, profile here"});
  }
  auto recipe = quantize::uniform_recipe(scheme, options.selection);
  quantize::Rule floats;
  floats.scheme.mode = quantize::Mode::kFloat32;
  const auto& names = stored.profile.fastest.float_layers;
  const std::set<std::string> left(names.begin(), names.end());
  for (const auto& layer : stored.profile.layers) {
    if (left.contains(layer.name)) {
      floats.match.insert(floats.match.end(), layer.ops.begin(), layer.ops.end());
    }
  }
  if (!floats.match.empty()) {
    recipe.rules.push_back(std::move(floats));
  }
  return recipe;
}

Result<quantize::Recipe> recipe_from(const Options& options, const quantize::Scheme& scheme,
                                     quantize::Compatibility compatibility) {
  if (options.recipe.empty()) {
    return quantize::uniform_recipe(scheme, options.selection, compatibility);
  }
  const auto& selection = options.selection;
  if (!selection.op_types.empty() || !selection.include.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--recipe goes with neither --op-types nor --include")
        .hint("write the selection into the recipe: {{\"match\": .., \"types\": [..]}}");
  }
  TESSERA_TRY(auto recipe, quantize::read_recipe(options.recipe, scheme, compatibility));
  const auto excluded = quantize::uniform_recipe(scheme, selection, compatibility);
  recipe.rules.insert(recipe.rules.end(), excluded.rules.begin() + 1, excluded.rules.end());
  return recipe;
}

/// One line per scheme and reason: how many operators, and a few of their names.
std::string left_over(const quantize::QuantizeReport& report, std::size_t width, std::size_t top) {
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const auto& op : report.ops) {
    if (op.scheme.mode != quantize::Mode::kFloat32 && !op.quantized) {
      by_reason[op.reason].push_back(op.op);
    }
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> rows(by_reason.begin(),
                                                                     by_reason.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  report::Table table({{"left in float", report::Align::kRight},
                       {"why", report::Align::kLeft, true},
                       {"for example", report::Align::kLeft, true}});
  for (const auto& [reason, ops] : rows) {
    table.add_row({std::to_string(ops.size()), reason, ops.front()});
  }
  return rows.empty() ? std::string() : "\n" + table.text(width, top);
}

Status save(const onnx::Model& model, const Options& options, quantize::QuantizeReport& report) {
  TESSERA_TRY(const auto external, external_data_from(options.external_data));
  TESSERA_CHECK(model.save(options.output, {external, options.overwrite}));
  std::error_code ignored;
  report.size_bytes =
      static_cast<std::int64_t>(std::filesystem::file_size(options.output, ignored));
  const auto data = std::filesystem::path(options.output + ".data");
  if (std::filesystem::exists(data, ignored)) {
    report.size_bytes += static_cast<std::int64_t>(std::filesystem::file_size(data, ignored));
  }
  return {};
}

std::string summary(const Options& options, const quantize::QuantizeReport& report,
                    std::size_t width) {
  const auto wanted = std::count_if(report.ops.begin(), report.ops.end(), [](const auto& op) {
    return op.scheme.mode != quantize::Mode::kFloat32;
  });
  std::error_code ignored;
  const auto before = static_cast<std::int64_t>(std::filesystem::file_size(options.model, ignored));
  return fmt::format(
             "wrote {}: {} (from {}), opset {}\n"
             "{} of {} operators quantized; {} QuantizeLinear, {} DequantizeLinear\n",
             options.output, report::bytes(static_cast<double>(report.size_bytes)),
             report::bytes(static_cast<double>(before)), report.opset, report.quantized_ops, wanted,
             report.quantize_nodes, report.dequantize_nodes) +
         left_over(report, width, options.top) +
         fmt::format("\nnext: tessera compare {} {} --data D\n", options.model, options.output);
}

/// The steps and what became of them.
std::string refinement_table(const refine::RefineReport& report, std::size_t width) {
  report::Table table({{"step"},
                       {"before dB", report::Align::kRight},
                       {"after dB", report::Align::kRight},
                       {"kept"},
                       {"changed", report::Align::kRight},
                       {"CPU s", report::Align::kRight}});
  for (const auto& step : report.steps) {
    table.add_row({step.name, fmt::format("{:.2f}", step.before_db),
                   fmt::format("{:.2f}", step.after_db), step.kept ? "yes" : "no",
                   std::to_string(step.changed), fmt::format("{:.1f}", step.cpu_us / 1e6)});
  }
  return "\n" + table.text(width, 0) +
         fmt::format("SQNR of the outputs on {} of the {} samples, simulated\n",
                     report.error_samples, report.samples);
}

/// What the passes get in the place of the model as published.
struct Subject {
  onnx::Model* model;
  const std::vector<quantize::Scheme>* assignment;
  const calibrate::Ranges* ranges;
};

Status run(Options options, Context& context) {
  const bool by_output = options.scheme.method == kByOutput;
  if (by_output) {
    options.scheme.method = SchemeOptions().method;
  }
  TESSERA_TRY(auto quantizing, quantize_options_from(options));
  TESSERA_TRY(const auto external, external_data_from(options.external_data));
  static_cast<void>(external);
  TESSERA_TRY(const auto refining, refine_options_from(options, by_output));
  const bool compat = quantizing.compatibility == quantize::Compatibility::kOrt;
  // The reference's graphs do not depend on the machine; ours take the types it is fast with.
  const auto base = compat ? quantize::Scheme{} : quantize::scheme_for(describe_host());
  TESSERA_TRY(const auto scheme, scheme_from(options.scheme, base));
  const bool fastest = options.recipe == "fastest";
  quantize::Recipe recipe;
  if (!fastest) {
    TESSERA_TRY(recipe, recipe_from(options, scheme, quantizing.compatibility));
  }
  TESSERA_CHECK(check_writable(options.output, options.overwrite));
  TESSERA_TRY(auto model, context.load_model(options.model, options.dims, options.run));
  if (fastest) {
    TESSERA_TRY(recipe, fastest_recipe(options, scheme, model, context.monitor()));
  }
  TESSERA_TRY(const auto graph, model.view());
  TESSERA_TRY(const auto assignment, quantize::resolve(recipe, graph, context.monitor()));
  TESSERA_TRY(auto calibration, calibration_for(options.scheme, assignment));
  if (calibration && refining.ranges_by_output) {
    calibration->methods.clear();  // none named: all are measured
  }
  TESSERA_TRY(const auto ranges,
              context.ranges(options.ranges, model, options.data, options.run, calibration));
  const auto source = context.envelope("quantize", &options.run, &model);
  const auto now_us = steady_clock_us();
  const auto began_us = now_us();
  Subject subject{&model, &assignment, ranges ? &*ranges : nullptr};
  std::optional<refine::Refinement> refined;
  if (refining.any()) {
    TESSERA_TRY(const auto samples, context.open_samples(model, options.data));
    TESSERA_TRY(const auto library, context.library(options.run));
    TESSERA_TRY(refined, refine::refine(model, assignment, samples, subject.ranges, library,
                                        refining, context.monitor()));
    subject = {&refined->model, &refined->assignment, &refined->ranges};
    quantizing.weights = &refined->weights;
  }
  TESSERA_TRY(auto report, quantize::quantize(*subject.model, *subject.assignment, subject.ranges,
                                              quantizing, context.monitor()));
  if (refined) {
    report.ops.insert(report.ops.end(), refined->gone.begin(), refined->gone.end());
  }
  auto wall_us = now_us() - began_us;
  if (!options.no_check) {
    TESSERA_TRY(const auto library, context.library(options.run));
    TESSERA_CHECK(quantize::check_loads(*subject.model, library));
  }
  const auto saving_us = now_us();
  TESSERA_CHECK(save(*subject.model, options, report));
  wall_us += now_us() - saving_us;
  auto envelope = context.envelope("quantize", &options.run);
  envelope.model = source.model;
  auto result = to_json(report);
  result["output"] = options.output;
  result["wall_us"] = context.timeless ? 0 : wall_us;
  result["recipe"] = to_json(recipe);
  auto text = summary(options, report, context.width());
  if (refined) {
    for (auto& step : refined->report.steps) {
      step.cpu_us = context.timeless ? 0 : step.cpu_us;
    }
    result["refinement"] = {{"options", to_json(refining)}, {"report", to_json(refined->report)}};
    text += refinement_table(refined->report, context.width());
  }
  context.answer(envelope, result, text);
  return {};
}

void add_refine_options(CLI::App& command, RefineArguments& refine) {
  command
      .add_option("--refine", refine.preset,
                  "win accuracy back: none, fast (equalize, rounding, bias correction) or full "
                  "(ranges and scales by output error besides); needs --data")
      ->capture_default_str();
  command.add_flag("--equalize", refine.equalize,
                   "move scale between the channels of neighbouring layers");
  command.add_flag("--bias-correction", refine.bias_correction,
                   "take the mean error of every channel off the biases");
  command.add_option("--rounding", refine.rounding,
                     "of weights: nearest, or adaptive to the layer's input (default: nearest)");
  command.add_flag("--refine-scales", refine.scales,
                   "search scales of activations and weights by output error");
  command
      .add_option("--error-samples", refine.error_samples,
                  "samples on which --refine and --method output measure error (default: 4 for "
                  "large models to 64 for small ones)")
      ->type_name("N")
      ->check(CLI::Range(1, 100000));
}

void add_recipe_options(CLI::App& command, Options& options) {
  command
      .add_option("--recipe", options.recipe,
                  "schemes by operator: ordered rules, last wins; or 'fastest', the mix that "
                  "--profile takes for the fastest")
      ->type_name("FILE|fastest");
  command.add_option("--profile", options.profile, "measured by tessera profile")
      ->type_name("FILE");
  command.add_flag("--everywhere", options.everywhere,
                   "static: integers also where they bring only conversions");
}

}  // namespace

void add_quantize_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "quantize", "Write one quantized model: static, dynamic, float16, weight-only or mixed");
  command->add_option("model", options->model, "ONNX model")->required();
  add_output_options(*command, options->output, options->overwrite, true);
  add_scheme_options(*command, options->scheme);
  auto* method = command->get_option("--method");
  method->description(method->get_description() +
                      "; output: the best of them for each tensor by the error of the outputs");
  add_selection_options(*command, options->selection);
  add_recipe_options(*command, *options);
  add_refine_options(*command, options->refine);
  add_ranges_option(*command, options->ranges);
  add_data_options(*command, options->data, false);
  command->add_option("--compat", options->compat,
                      "ort: the graph of onnxruntime.quantization, names and bits");
  command->add_option("--opset", options->opset, "raise the opset to at least N")
      ->type_name("N")
      ->check(CLI::Range(7, 24));
  command->add_flag("--keep-io", options->keep_io, "float16: inputs and outputs stay float32");
  command
      ->add_option("--external-data", options->external_data,
                   "weights in a file of their own: auto, always, never")
      ->capture_default_str();
  command->add_flag("--no-check", options->no_check,
                    "write without trying that the runtime loads the model at every level");
  command->add_option("--top", options->top, "show at most N reasons");
  add_dim_option(*command, options->dims);
  add_run_options(*command, options->run);
  add_common_options(
      *command, context,
      "tessera quantize model.onnx -o int8.onnx --data images/ --preprocess imagenet "
      "--per-channel\n"
      "  tessera quantize model.onnx -o int8.onnx --ranges ranges.json --exclude 're:head.*'");
  command->callback([options, &context] {
    context.action = [options, &context] { return run(*options, context); };
  });
}

}  // namespace tessera::cli
