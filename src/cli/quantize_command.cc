// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "cli/context.h"
#include "cli/options.h"
#include "cli/scheme_options.h"
#include "tessera/calibrate/apart.h"
#include "tessera/compat/ort.h"
#include "tessera/core/host.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/bench.h"
#include "tessera/evaluate/file_timing.h"
#include "tessera/graph/inspect.h"
#include "tessera/profile/profile.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/keep.h"
#include "tessera/quantize/quantize.h"
#include "tessera/refine/choose_method.h"
#include "tessera/refine/refine.h"
#include "tessera/report/format.h"
#include "tessera/report/table.h"
#include "tessera/runtime/litert.h"

namespace tessera::cli {
namespace {

/// No methods of measuring: they choose among those. One for all tensors, or from there one for
/// each.
constexpr std::string_view kAuto = "auto";
constexpr std::string_view kByOutput = "output";
constexpr std::string_view kChannelsLast = "channels-last";

/// What is done about the error, beyond ranges.
struct RefineArguments {
  std::string preset = std::string(kAuto);
  bool equalize = false;
  bool scales = false;
  bool bias_correction = false;
  std::string rounding;
  std::int64_t error_samples = 0;
  double effort_s = refine::RefineOptions().effort_s;
};

struct Options {
  std::string model;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  SchemeOptions scheme{.method = std::string(kAuto)};
  quantize::Selection selection;
  std::string recipe;
  std::string profile;
  std::string ranges;
  RefineArguments refine;
  DataOptions data;
  RunOptions run;
  LoadOptions loading;
  std::string compat;
  std::string external_data = "auto";
  bool keep_io = false;
  std::string io = "float32";
  std::string fully_connected = "tensor";
  bool channels_of_products = false;  ///< what that comes to
  bool everywhere = false;
  std::string layout = "as-written";
  bool no_check = false;
  bool strict = false;
  bool requantize = false;
  /// Scheme options that were typed: the others are inherited from a profile.
  std::function<bool(const char*)> typed;
  std::int64_t opset = 0;
  std::size_t top = 0;
};

/// What is written is what onnxruntime.quantization would write.
bool as_ort(const Options& options) {
  return options.compat == "ort";
}

std::optional<refine::Rounding> rounding_from(std::string_view name) {
  for (const auto rounding :
       {refine::Rounding::kNearest, refine::Rounding::kDescent, refine::Rounding::kAdaptive}) {
    if (to_string(rounding) == name) {
      return rounding;
    }
  }
  return std::nullopt;
}

quantize::IoType io_from(const Options& options) {
  return options.io == "int8"    ? quantize::IoType::kInt8
         : options.io == "uint8" ? quantize::IoType::kUInt8
                                 : quantize::IoType::kFloat32;
}

Result<refine::RefineOptions> refine_options_from(const Options& options, bool by_output) {
  const auto& arguments = options.refine;
  refine::RefineOptions result;
  const bool full = arguments.preset == "full";
  if (!full && arguments.preset != "fast" && arguments.preset != "none" &&
      arguments.preset != kAuto) {
    return fail(ErrorCode::kInvalidArgument, "--refine '{}' is unknown", arguments.preset)
        .hint("use auto, none, fast or full");
  }
  const bool fast = full || arguments.preset == "fast";
  const auto rounding = rounding_from(arguments.rounding.empty() ? fast ? "adaptive" : "nearest"
                                                                 : arguments.rounding);
  if (!rounding) {
    return fail(ErrorCode::kInvalidArgument, "--rounding '{}' is unknown", arguments.rounding)
        .hint("use nearest, descent or adaptive");
  }
  result.equalize = arguments.equalize || fast;
  result.bias_correction = arguments.bias_correction || fast;
  result.scales = arguments.scales || full;
  result.ranges_by_output = by_output || full;
  result.rounding = *rounding;
  result.error_samples = arguments.error_samples;
  result.effort_s = arguments.effort_s;
  result.threads = options.run.threads;
  result.everywhere = options.everywhere;
  result.io = io_from(options);
  result.channels_of_products = options.channels_of_products;
  if (!result.any()) {
    return result;
  }
  if (as_ort(options)) {
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

/// What of the wanted refinement the model's format has. A preset makes do with that and says so;
/// what was asked for by name is refused.
Result<refine::RefineOptions> refinement_for(const Options& options, bool by_output,
                                             const network::Network& model, Monitor& monitor) {
  auto without_preset = options;
  without_preset.refine.preset = "none";
  TESSERA_TRY(const auto named, refine_options_from(without_preset, by_output));
  TESSERA_CHECK(refine::check_doable(model, named));
  TESSERA_TRY(const auto wanted, refine_options_from(options, by_output));
  auto found = refine::doable(model, wanted);
  if (found.options.any() && !found.missing.empty()) {
    monitor.warn({"refined-in-part",
                  fmt::format("of --refine {}, models of this format have no {}",
                              options.refine.preset, fmt::join(found.missing, ", no ")),
                  "the other steps are done; an ONNX model has all of them"});
    return found.options;
  }
  TESSERA_CHECK(refine::check_doable(model, wanted));
  return wanted;
}

/// What is done unasked: where weights make a good part of the error, a few seconds for their
/// rounding.
refine::RefineOptions unasked_refinement(const Options& options,
                                         const quantize::Assignment& assignment,
                                         const std::optional<refine::MethodChoice>& choice) {
  // The error of other modes is not simulated: what it leaves to be won cannot be told.
  const bool simulated = std::all_of(assignment.begin(), assignment.end(), [](const auto& one) {
    return one.mode == quantize::Mode::kStatic || one.mode == quantize::Mode::kFloat32;
  });
  constexpr double kGoodPart = 0.25;
  constexpr std::int64_t kSamples = 16;
  constexpr double kEffort = 2;
  refine::RefineOptions result;
  result.everywhere = options.everywhere;
  result.channels_of_products = options.channels_of_products;
  if (simulated && options.refine.preset == kAuto && options.refine.rounding.empty() && choice &&
      choice->judged >= kSamples / 2 && choice->weights_share.value_or(0) >= kGoodPart) {
    result.rounding = refine::Rounding::kDescent;
    result.error_samples =
        options.refine.error_samples > 0 ? options.refine.error_samples : kSamples;
    result.fit_samples = kSamples;
    result.effort_s = std::min(kEffort, options.refine.effort_s);
  }
  return result;
}

Result<network::ExternalData> external_data_from(const std::string& text) {
  if (text == "auto") {
    return network::ExternalData::kAuto;
  }
  if (text == "always") {
    return network::ExternalData::kAlways;
  }
  if (text == "never") {
    return network::ExternalData::kNever;
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
  result.keep_io = options.keep_io;
  result.opset = options.opset;
  result.threads = options.run.threads;
  result.everywhere = options.everywhere;
  result.layout = options.layout == kChannelsLast ? quantize::Layout::kChannelsLast
                                                  : quantize::Layout::kAsWritten;
  result.io = io_from(options);
  return result;
}

/// Whether fully connected layers of a .tflite network get a scale per channel. Libraries that
/// compute such layers wrongly do so without a word: the one at hand is tried.
Result<bool> has_channels_of_products(const Options& options, const quantize::Scheme& scheme,
                                      const network::Network& model, Context& context) {
  if (options.fully_connected == "tensor") {
    return false;
  }
  if (model.format() != network::FileFormat::kLitert) {
    return fail(ErrorCode::kInvalidArgument, "--fully-connected is for .tflite files")
        .hint("leave it out: --per-channel holds for every product of an ONNX model");
  }
  if (scheme.mode != quantize::Mode::kStatic || !scheme.per_channel) {
    return fail(ErrorCode::kInvalidArgument,
                "--fully-connected is for static schemes with scales per channel")
        .hint("leave it out, or leave out --per-tensor and --mode");
  }
  TESSERA_TRY(const auto library, context.library(options.run));
  TESSERA_TRY(const auto skills, runtime::probe_litert(library));
  const bool right = std::all_of(skills.probes.begin(), skills.probes.end(), [](const auto& probe) {
    return probe.skill != runtime::LitertSkill::kPerChannelInt8 || probe.right;
  });
  if (!right && options.fully_connected == "channel") {
    return fail(ErrorCode::kFailedPrecondition,
                "{} {} computes fully connected layers with a scale per channel wrongly",
                library->name(), library->version())
        .hint("take --fully-connected tensor, or another library with --runtime");
  }
  return right;
}

/// The profile of this very model.
Result<profile::Profile> profile_of(const Options& options, const network::Network& model,
                                    Monitor& monitor) {
  if (options.profile.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--recipe fastest needs the profile of the model")
        .hint("make it: tessera profile MODEL --data D -o P.json; then add --profile P.json");
  }
  TESSERA_TRY(auto stored, profile::read_profile(options.profile));
  TESSERA_TRY(const auto info, model.info());
  if (stored.model && stored.model->sha256 != info.sha256) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is the profile of another model: '{}'",
                options.profile, stored.model->path)
        .hint("profile this very model: tessera profile MODEL --data D -o P.json");
  }
  if (stored.profile.interrupted) {
    return fail(ErrorCode::kInvalidArgument, "'{}' was interrupted: it knows no mixes",
                options.profile)
        .hint("run the profile to its end");
  }
  if (const auto host = describe_host(); !stored.cpu.empty() && stored.cpu != host.cpu) {
    monitor.warn({"foreign-profile",
                  fmt::format("the profile was measured on '{}', not on this machine", stored.cpu),
                  "right for a model that will run there; for here, profile here"});
  }
  return std::move(stored.profile);
}

/// The scheme that was profiled, but for what was typed: a warning says that it is another one.
Result<quantize::Scheme> inherited_scheme(Options& options, const quantize::Dialect& dialect,
                                          const profile::Profile& profile, Monitor& monitor) {
  if (!profile.integer_scheme) {
    monitor.warn({"scheme-unknown",
                  fmt::format("the profile does not say how its '{}' was made", profile.scheme),
                  "give the scheme options of the profile, or profile again"});
    return scheme_from(options.scheme, dialect);
  }
  const auto& profiled = *profile.integer_scheme;
  auto& given = options.scheme;
  const auto inherit = [&](const char* option, auto& value, auto known) {
    if (!options.typed(option)) {
      value = known;
    }
  };
  inherit("--per-channel", given.per_channel, profiled.per_channel);
  inherit("--reduce-range", given.reduce_range, profiled.reduce_range);
  inherit("--activation-symmetric", given.activation_symmetric, profiled.activation_symmetric);
  inherit("--method", given.method, std::string(numerics::to_string(profiled.method)));
  TESSERA_TRY(const auto scheme, scheme_from(given, profiled));
  if (scheme != profiled) {
    monitor.warn({"scheme-differs",
                  fmt::format("the profile is of {} with {} ranges, this is {} with {}",
                              quantize::to_string(profiled), numerics::to_string(profiled.method),
                              quantize::to_string(scheme), numerics::to_string(scheme.method)),
                  "its times and its choice of layers hold for its own scheme: leave out the "
                  "scheme options"});
  }
  return scheme;
}

/// The mix that a profile takes for the fastest: its float layers in float, those of further
/// schemes in these, the rest as wanted.
quantize::Recipe fastest_recipe(const Options& options, const quantize::Dialect& dialect,
                                const quantize::Scheme& scheme, const profile::Profile& profile) {
  auto recipe = quantize::uniform_recipe(scheme, options.selection, types_of(dialect));
  quantize::Rule floats;
  floats.scheme = quantize::float32_scheme();
  const auto& names = profile.fastest.float_layers;
  const std::set<std::string> left(names.begin(), names.end());
  for (const auto& layer : profile.layers) {
    if (left.contains(layer.name)) {
      floats.match.insert(floats.match.end(), layer.ops.begin(), layer.ops.end());
    }
  }
  for (const auto& further : profile.further_schemes) {
    quantize::Rule rule{.match = {}, .types = {}, .scheme = further};
    for (const auto& layer : profile.layers) {
      const auto found = profile.fastest.further.find(layer.name);
      if (found != profile.fastest.further.end() && found->second == quantize::to_string(further)) {
        rule.match.insert(rule.match.end(), layer.ops.begin(), layer.ops.end());
      }
    }
    if (!rule.match.empty()) {
      recipe.rules.push_back(std::move(rule));
    }
  }
  if (!floats.match.empty()) {
    recipe.rules.push_back(std::move(floats));
  }
  return recipe;
}

/// Why operators stay float that the scheme could take, where the passes have not said: rules and
/// options that leave them out. Counted with the others.
Status note_left_out(const quantize::Dialect& dialect, const quantize::Scheme& scheme,
                     const std::set<std::string>& kept, const graph::Graph& graph,
                     quantize::QuantizeReport& report) {
  TESSERA_TRY(const auto everything,
              quantize::resolve(quantize::uniform_recipe(scheme, {}, types_of(dialect)), graph,
                                Monitor::silent()));
  for (std::size_t i = 0; i < report.ops.size() && i < everything.size(); ++i) {
    auto& op = report.ops[i];
    if (!op.reason.empty() || op.scheme.mode != quantize::Mode::kFloat32) {
      continue;
    }
    if (kept.contains(op.op)) {
      op.reason = "quantized already: it stays as it is (--requantize quantizes it again)";
    } else if (everything[i].mode != quantize::Mode::kFloat32) {
      op.reason = "left in float by the recipe or by options";
    }
  }
  return {};
}

/// Whoever reads the document finds a reason for every operator that stays; the table for people
/// leaves out those of which nothing else was to be expected.
void give_reasons(Json& result) {
  for (auto& op : result["ops"]) {
    if (!op["quantized"].get<bool>() && !op.contains("reason")) {
      op["reason"] = fmt::format("the scheme has no form for {}", op["type"].get<std::string>());
    }
  }
}

/// The written file against the model that it was made from, and the kernels that it runs. The
/// float model takes its place where it is not worth it.
Status prove_fastest(const Options& options, const network::Network& model,
                     const quantize::QuantizeReport& report, const profile::Profile& profile,
                     Context& context, Json& result, std::string& text) {
  auto data = options.data;
  if (data.source.empty()) {
    data = {.source = "random:4"};
  }
  constexpr std::int64_t kSamples = 8;
  constexpr double kBudgetUs = 10e6;
  TESSERA_TRY(const auto samples, context.open_samples(model, data.at_most(kSamples)));
  TESSERA_TRY(auto library, context.library(options.run));
  TESSERA_TRY(auto session, context.session_options(options.run));
  session.opt_level = profile.opt_level;
  TESSERA_TRY(
      const auto timing,
      evaluate::time_file(
          {.model = &model, .library = std::move(library), .session = session, .samples = &samples},
          options.output, kBudgetUs, context.monitor()));
  TESSERA_TRY(const auto graph, model.view());
  const auto planned = std::count_if(report.ops.begin(), report.ops.end(), [&](const auto& op) {
    const auto known = graph.find_op(op.op);
    return op.quantized && known && evaluate::is_product(graph.op(*known).kind);
  });
  if (timing.kernels.integer_products < planned) {
    context.monitor().warn(
        {"kernels-stay-float",
         fmt::format("{} of {} products that were planned in integers run in float",
                     planned - timing.kernels.integer_products, planned),
         "the runtime has no integer kernel for them as they stand; tessera profile shows which"});
  }
  const double predicted =
      profile.whole.at("fp32").latency.median_us / std::max(profile.fastest.predicted_us, 1e-9);
  text += fmt::format(
      "predicted {} ({:.2f}x); the file takes {} ({:.2f}x, {:.2f} to {:.2f}), {} of {} planned "
      "products in integers\n",
      report::duration(profile.fastest.predicted_us), predicted,
      report::duration(timing.latency.median_us), timing.speedup.median, timing.speedup.low,
      timing.speedup.high, std::min(timing.kernels.integer_products, planned), planned);
  result["fastest"] = {{"predicted_us", profile.fastest.predicted_us},
                       {"predicted_speedup", predicted},
                       {"planned_integer_products", planned},
                       {"measured", to_json(timing)},
                       {"float32_stays", !timing.worth_it()}};
  if (timing.worth_it()) {
    return {};
  }
  context.monitor().warn(
      {"float32-stays",
       fmt::format("the mix is not faster than the model as given by 2 % (speed-up {:.2f}, {:.2f} "
                   "to {:.2f}): '{}' holds the model as given",
                   timing.speedup.median, timing.speedup.low, timing.speedup.high, options.output),
       "profile again on a quiet machine, or write the mix all the same with the profile's layers "
       "as --exclude"});
  TESSERA_TRY(const auto external, external_data_from(options.external_data));
  return model.save(options.output, {external, Overwrite::kReplace});
}

Result<quantize::Recipe> recipe_from(const Options& options, const quantize::Dialect& dialect,
                                     const quantize::Scheme& scheme) {
  const auto types = types_of(dialect);
  if (options.recipe.empty()) {
    return as_ort(options) ? compat::ort_recipe(scheme, options.selection)
                           : quantize::uniform_recipe(scheme, options.selection, types);
  }
  const auto& selection = options.selection;
  if (!selection.op_types.empty() || !selection.include.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--recipe goes with neither --op-types nor --include")
        .hint("write the selection into the recipe: {{\"match\": .., \"types\": [..]}}");
  }
  TESSERA_TRY(auto recipe, quantize::read_recipe(
                               options.recipe, scheme,
                               as_ort(options) ? quantize::TypesOf(compat::ort_types) : types));
  for (const auto& rule : recipe.rules) {
    TESSERA_CHECK(dialect.validate(rule.scheme));
  }
  const auto excluded = quantize::uniform_recipe(scheme, selection, types);
  recipe.rules.insert(recipe.rules.end(), excluded.rules.begin() + 1, excluded.rules.end());
  return recipe;
}

/// "tensor 'x' is int64" -> "tensor .. is int64": reasons that differ by a name are one.
std::string without_names(const std::string& reason) {
  std::string out;
  std::size_t at = 0;
  while (at < reason.size()) {
    const auto open = reason.find('\'', at);
    const auto close = open == std::string::npos ? open : reason.find('\'', open + 1);
    if (close == std::string::npos) {
      break;
    }
    out += reason.substr(at, open - at) + "..";
    at = close + 1;
  }
  return out + reason.substr(std::min(at, reason.size()));
}

/// It has a scheme, or something says why it has none.
bool is_wanted(const quantize::OpOutcome& op) {
  return op.scheme.mode != quantize::Mode::kFloat32 || !op.reason.empty();
}

/// One line per scheme and reason: how many operators, and a few of their names.
std::string left_over(const quantize::QuantizeReport& report, report::Page page, std::size_t top) {
  std::map<std::string, std::vector<std::string>> by_reason;
  std::map<std::string, std::set<std::string>> reasons;
  for (const auto& op : report.ops) {
    if (!op.quantized && is_wanted(op)) {
      const auto kind = without_names(op.reason);
      by_reason[kind].push_back(op.op);
      reasons[kind].insert(op.reason);
    }
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> rows(by_reason.begin(),
                                                                     by_reason.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  report::Table table({{"left in float", report::Align::kRight},
                       {.header = "why", .align = report::Align::kLeft, .wraps = true},
                       {"for example", report::Align::kLeft, true}});
  for (const auto& [kind, ops] : rows) {
    const auto& named = reasons[kind];
    table.add_row(
        {std::to_string(ops.size()), named.size() == 1 ? *named.begin() : kind, ops.front()});
  }
  return rows.empty() ? std::string() : "\n" + table.text(page, top);
}

Status save(const network::Network& model, const Options& options, quantize::QuantizeReport& report,
            Context& context) {
  TESSERA_TRY(const auto external, external_data_from(options.external_data));
  if (options.output == "-") {
    TESSERA_TRY(const auto bytes, model.serialize());
    report.size_bytes = static_cast<std::int64_t>(bytes.size());
    return context.write_bytes(options.output, bytes, options.overwrite);
  }
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

/// Operators that got a scheme other than float32.
std::int64_t wanted_ops(const quantize::QuantizeReport& report) {
  return std::count_if(report.ops.begin(), report.ops.end(),
                       [](const auto& op) { return op.scheme.mode != quantize::Mode::kFloat32; });
}

/// What the operators that were to be quantized are now.
std::string what_became(const quantize::QuantizeReport& report) {
  const bool halves = std::all_of(report.ops.begin(), report.ops.end(), [](const auto& op) {
    return !op.quantized || op.scheme.mode == quantize::Mode::kFloat16;
  });
  if (halves && report.quantized_ops > 0) {
    return "compute in float16";
  }
  return report.quantize_nodes + report.dequantize_nodes == 0
             ? "quantized"
             : fmt::format("quantized; {} QuantizeLinear, {} DequantizeLinear",
                           report.quantize_nodes, report.dequantize_nodes);
}

std::string summary(const Options& options, const quantize::QuantizeReport& report,
                    const Context& context) {
  const auto wanted = std::count_if(report.ops.begin(), report.ops.end(), is_wanted);
  // Of a model that came by standard input there is no file to look at.
  std::error_code problem;
  const auto before = std::filesystem::file_size(options.model, problem);
  const auto from = problem ? std::string()
                            : fmt::format(" (from {})", report::bytes(static_cast<double>(before)));
  const auto opset = report.opset ? fmt::format(", opset {}", *report.opset) : std::string();
  const auto needs = report.needs.empty()
                         ? std::string()
                         : fmt::format("it runs where {} is loaded\n", report.needs);
  return fmt::format("wrote {}: {}{}{}\n{} of {} operators {}\n{}", options.output,
                     report::bytes(static_cast<double>(report.size_bytes)), from, opset,
                     report.quantized_ops, wanted, what_became(report), needs) +
         left_over(report, context.page(), options.top) +
         fmt::format("\nnext: tessera compare {} {}{}\n", shell_word(options.model),
                     shell_word(options.output),
                     context.carry.arguments(options.data, options.loading));
}

/// Every method and how close the outputs came with it.
std::string choice_table(const refine::MethodChoice& choice, report::Page page) {
  report::Table table(
      {{"ranges"}, {"SQNR dB", report::Align::kRight}, {"samples", report::Align::kRight}, {""}});
  for (const auto& trial : choice.trials) {
    table.add_row({std::string(numerics::to_string(trial.method)),
                   fmt::format("{:.2f}", trial.sqnr_db), std::to_string(trial.samples),
                   trial.method == choice.method ? "taken" : ""});
  }
  auto text = "\n" + (choice.trials.empty() ? std::string() : table.text(page, 0)) +
              fmt::format("ranges by {}: {}\n", numerics::to_string(choice.method), choice.reason);
  if (const auto& mix = choice.mix) {
    text += fmt::format(
        "{} of other methods for {} tensors: {:.2f} dB instead of {:.2f} on the {} samples that "
        "did not choose them\n",
        mix->kept ? "ranges" : "not kept: ranges", mix->tensors, mix->after_db, mix->before_db,
        mix->samples);
  }
  return text;
}

/// Operators within bodies of If, Loop and Scan, all levels, where nothing became integers.
std::int64_t float_body_ops(const graph::Graph& graph, const quantize::QuantizeReport& report) {
  std::set<std::string_view> quantized;
  for (const auto& op : report.ops) {
    if (op.quantized) {
      quantized.insert(op.op);
    }
  }
  std::int64_t count = 0;
  for (const auto& op : graph.ops()) {
    count += quantized.contains(op.name) ? 0 : op.body_ops;
  }
  return count;
}

/// Says what a success does not show: that nothing was done, or that a part was not looked at.
/// Errors: kFailedPrecondition with --strict, where nothing was quantized.
Status judge_extent(const Options& options, const quantize::QuantizeReport& report,
                    std::int64_t in_bodies, Monitor& monitor) {
  if (in_bodies > 0) {
    const bool dynamic = options.scheme.mode == "dynamic";
    monitor.warn({"bodies-in-float",
                  fmt::format("{} operator{} within the bodies of If, Loop or Scan stay{} in float",
                              in_bodies, in_bodies == 1 ? "" : "s", in_bodies == 1 ? "s" : ""),
                  dynamic ? "'ops' of --json says why"
                          : "no ranges are measured there: --mode dynamic needs none"});
  }
  if (report.quantized_ops > 0) {
    return {};
  }
  const auto wanted = wanted_ops(report);
  const auto what = wanted == 0
                        ? std::string("the model has no operator that this scheme could quantize")
                        : fmt::format(
                              "none of the {} operators that this scheme could quantize was "
                              "quantized",
                              wanted);
  const std::string hint =
      wanted == 0 ? "another --mode, or --op-types and --include, may find some"
                  : "the table of what was left in float, and 'ops' of --json, give the reasons";
  if (options.strict) {
    return fail(ErrorCode::kFailedPrecondition, "{}; nothing was written (--strict)", what)
        .hint("{}", hint);
  }
  monitor.warn({"nothing-quantized", what, hint});
  return {};
}

/// Errors: what the runtime says of the model that was made. One that it does not run before
/// either, for want of a library of custom operators, is beyond checking.
Status check(const Options& options, const network::Network& made, Context& context) {
  TESSERA_TRY(const auto library, context.library(options.run));
  auto loads = quantize::check_loads(made, library);
  if (loads) {
    return {};
  }
  runtime::SessionOptions plain;
  plain.opt_level = runtime::OptLevel::kDisabled;
  const auto before = network::open_file(library, options.model, plain);
  if (before || before.error().code != ErrorCode::kUnimplemented) {
    return loads;
  }
  context.monitor().warn({"not-checked",
                          fmt::format("what was written was not tried: {}", before.error().message),
                          "with --custom-ops LIBRARY it is"});
  return {};
}

/// The steps and what became of them.
std::string refinement_table(const refine::RefineReport& report, report::Page page) {
  const bool branches =
      std::any_of(report.steps.begin(), report.steps.end(),
                  [&](const auto& step) { return step.branch != report.steps.front().branch; });
  report::Table table({{"step"},
                       {"before dB", report::Align::kRight},
                       {"after dB", report::Align::kRight},
                       {"kept"},
                       {"changed", report::Align::kRight},
                       {"CPU s", report::Align::kRight}});
  for (const auto& step : report.steps) {
    const auto name = branches ? fmt::format("{}: {}", step.branch, step.name) : step.name;
    table.add_row({name, fmt::format("{:.2f}", step.before_db),
                   fmt::format("{:.2f}", step.after_db), step.kept ? "yes" : "no",
                   std::to_string(step.changed), fmt::format("{:.1f}", step.cpu_us / 1e6)});
  }
  const auto left_out = report.skipped.empty()
                            ? std::string()
                            : fmt::format("left as they are: {}, for example {}\n",
                                          report.skipped.size(), report.skipped.front());
  return "\n" + table.text(page, 0) + left_out +
         (report.error_samples == report.samples
              ? fmt::format("SQNR of the outputs on {}, simulated\n",
                            report.samples == 1 ? "the one sample"
                                                : fmt::format("all {} samples", report.samples))
              : fmt::format("SQNR of the outputs on {} of the {} samples, simulated\n",
                            report.error_samples, report.samples));
}

/// Names of the operators that stay as they are because they are quantized already.
std::set<std::string> keep_what_is_quantized(const graph::Graph& graph,
                                             quantize::Assignment& assignment) {
  std::set<std::string> kept;
  const auto before = assignment;
  if (quantize::keep_quantized(graph, assignment) == 0) {
    return kept;
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != assignment[i]) {
      kept.insert(graph.ops()[i].name);
    }
  }
  return kept;
}

void warn_of_kept(const graph::Quantization& given, const std::set<std::string>& kept,
                  Monitor& monitor) {
  monitor.warn(
      {"quantized-already",
       fmt::format("the model is quantized already ({}): {} operators stay as they are, the "
                   "rest is quantized",
                   to_string(given.state), kept.size()),
       "--requantize quantizes everything again; better start from the float model"});
}

/// What the passes get in the place of the model as published.
struct Subject {
  network::Network* model;
  const quantize::Assignment* assignment;
  const calibrate::Ranges* ranges;
};

/// What is quantized how, as a function of the range method of those operators to which the command
/// line and the recipe leave it.
class Assigner {
 public:
  /// `profile` is needed for the recipe "fastest".
  Assigner(const Options& options, const quantize::Dialect& dialect, quantize::Scheme scheme,
           const graph::Graph& graph, const profile::Profile* profile)
      : options_(options), dialect_(dialect), scheme_(scheme), graph_(graph), profile_(profile) {}

  Status set(numerics::RangeMethod method, Monitor& monitor) {
    auto scheme = scheme_;
    scheme.method = method;
    if (profile_ != nullptr) {
      recipe = fastest_recipe(options_, dialect_, scheme, *profile_);
    } else {
      TESSERA_TRY(recipe, recipe_from(options_, dialect_, scheme));
    }
    TESSERA_TRY(assignment, quantize::resolve(recipe, graph_, monitor));
    if (!as_ort(options_) && !options_.requantize) {
      kept = keep_what_is_quantized(graph_, assignment);
    }
    return {};
  }

  /// A method that stands for "open" because no operator asks for it by name; none if no operator
  /// leaves it open.
  Result<std::optional<numerics::RangeMethod>> find_open() {
    std::set<numerics::RangeMethod> named;
    bool any_open = false;
    TESSERA_CHECK(set(numerics::RangeMethod::kMse, Monitor::silent()));
    const auto other = assignment;
    TESSERA_CHECK(set(numerics::RangeMethod::kMinMax, Monitor::silent()));
    for (std::size_t i = 0; i < assignment.size(); ++i) {
      if (assignment[i].mode != quantize::Mode::kStatic) {
        continue;
      }
      if (assignment[i].method == other[i].method) {
        named.insert(other[i].method);
      } else {
        any_open = true;
      }
    }
    for (const auto method : numerics::kRangeMethods) {
      if (any_open && !named.contains(method)) {
        return std::optional(method);
      }
    }
    return std::optional<numerics::RangeMethod>();
  }

  quantize::Recipe recipe;
  quantize::Assignment assignment;
  std::set<std::string> kept;  ///< operators that are quantized already

 private:
  const Options& options_;
  const quantize::Dialect& dialect_;
  quantize::Scheme scheme_;
  const graph::Graph& graph_;
  const profile::Profile* profile_;
};

/// Ranges, and by which method those are taken that nobody named.
struct Chosen {
  std::optional<calibrate::Ranges> ranges;
  std::optional<refine::MethodChoice> choice;
  std::optional<data::SampleSet> samples;  ///< that it was chosen with
};

/// Without samples nothing can be judged: min-max, or what the file has instead.
Result<Chosen> without_samples(const Options& options, Context& context,
                               const network::Network& model, Assigner& assigner) {
  Chosen chosen;
  if (options.ranges.empty()) {
    return chosen;
  }
  TESSERA_TRY(chosen.ranges, context.read_ranges(options.ranges, model));
  const auto& methods = chosen.ranges->methods;
  const auto plain = numerics::RangeMethod::kMinMax;
  if (!methods.empty() && std::find(methods.begin(), methods.end(), plain) == methods.end()) {
    TESSERA_CHECK(assigner.set(methods.front(), context.monitor()));
  }
  return chosen;
}

/// In the order of numerics::kRangeMethods.
std::vector<numerics::RangeMethod> methods_needed(const quantize::Assignment& assignment,
                                                  const refine::MethodChoice& choice) {
  std::set<numerics::RangeMethod> needed = {choice.method};
  for (const auto& scheme : assignment) {
    if (scheme.mode == quantize::Mode::kStatic) {
      needed.insert(scheme.method);
    }
  }
  for (const auto& [tensor, method] : choice.others) {
    needed.insert(method);
  }
  return {needed.begin(), needed.end()};
}

/// Measures by all methods, some samples set apart, and lets those judge. `by_output`: another
/// choice follows, for which the ranges of all methods are kept.
Result<Chosen> choose_ranges(const Options& options, Context& context,
                             const network::Network& model, Assigner& assigner, bool by_output) {
  TESSERA_TRY(const auto open, assigner.find_open());
  TESSERA_CHECK(assigner.set(open.value_or(numerics::RangeMethod::kMinMax), context.monitor()));
  TESSERA_TRY(auto calibration, calibration_for(options.scheme, assigner.assignment));
  if (!open || !calibration) {
    TESSERA_TRY(auto ranges,
                context.ranges(options.ranges, model, options.data, options.run, calibration));
    return Chosen{std::move(ranges), {}, {}};
  }
  if (options.data.source.empty()) {
    return without_samples(options, context, model, assigner);
  }
  calibrate::SplitRanges ranges;
  if (!options.ranges.empty()) {
    // Before the samples: they know how those that they were measured on were preprocessed.
    TESSERA_TRY(ranges.fitted, context.read_ranges(options.ranges, model));
    ranges.all = [&fitted = ranges.fitted](const auto&, Monitor&) -> Result<calibrate::Ranges> {
      return fitted;
    };
  }
  TESSERA_TRY(auto samples, context.open_samples(model, options.data));
  TESSERA_TRY(const auto library, context.library(options.run));
  const auto apart = refine::samples_apart(samples.size());
  if (options.ranges.empty()) {
    calibration->methods.clear();  // none named: all
    calibration->threads = options.run.threads;
    TESSERA_TRY(ranges, calibrate::calibrate_apart(model, samples, apart, library, *calibration,
                                                   context.monitor()));
  }
  TESSERA_TRY(auto choice,
              refine::choose_method(
                  {.model = model,
                   .assignment = assigner.assignment,
                   .open = *open,
                   .samples = samples,
                   .judging = apart,
                   .ranges = ranges.fitted,
                   .everywhere = options.everywhere,
                   .channels_of_products = options.channels_of_products,
                   .final_ranges =
                       [&](const auto& methods) { return ranges.all(methods, Monitor::silent()); }},
                  library, context.monitor()));
  TESSERA_CHECK(assigner.set(choice.method, Monitor::silent()));
  TESSERA_TRY(auto all, ranges.all(by_output ? ranges.fitted.methods
                                             : methods_needed(assigner.assignment, choice),
                                   context.monitor()));
  auto mixed = with_others(std::move(all), choice);
  return Chosen{std::move(mixed), std::move(choice), std::move(samples)};
}

Status run(Options options, Context& context) {
  const bool by_output = options.scheme.method == kByOutput;
  const bool fastest = options.recipe == "fastest";
  const bool automatic = by_output || (options.scheme.method == kAuto && !fastest);
  if (automatic || options.scheme.method == kAuto) {
    options.scheme.method = SchemeOptions().method;
  }
  TESSERA_TRY(auto quantizing, quantize_options_from(options));
  TESSERA_TRY(const auto external, external_data_from(options.external_data));
  static_cast<void>(external);
  TESSERA_TRY(auto refining, refine_options_from(options, by_output));
  const bool compat = as_ort(options);
  // The reference's graphs do not depend on the machine; ours take the types it is fast with.
  TESSERA_TRY(const auto* dialect, context.dialect(options.model));
  TESSERA_TRY(auto scheme, compat ? scheme_from(options.scheme, quantize::Scheme{})
                                  : scheme_from(options.scheme, *dialect));
  TESSERA_CHECK(dialect->validate(scheme));
  if (!fastest) {  // what is wrong with it is said before the work
    TESSERA_CHECK(recipe_from(options, *dialect, scheme).map([](const auto&) {}));
  }
  // The reference takes models as they are.
  context.simplify = context.simplify && !compat;
  if (fastest && options.output == "-") {
    return fail(ErrorCode::kInvalidArgument, "--recipe fastest times the file that it writes")
        .hint("give -o the name of a file");
  }
  TESSERA_TRY(const auto ending, context.ending(options.model));
  TESSERA_CHECK(Context::check_output(options.output, options.overwrite, {ending}));
  TESSERA_CHECK(context.carry_from(options.ranges));
  TESSERA_TRY(auto model,
              context.load_model(options.model, options.loading, options.run, {options.data}));
  TESSERA_TRY(options.channels_of_products,
              has_channels_of_products(options, scheme, model, context));
  quantizing.channels_of_products = options.channels_of_products;
  TESSERA_TRY(refining, refinement_for(options, by_output, model, context.monitor()));
  std::optional<profile::Profile> profiled;
  if (fastest) {
    TESSERA_TRY(profiled, profile_of(options, model, context.monitor()));
    TESSERA_TRY(scheme, inherited_scheme(options, *dialect, *profiled, context.monitor()));
  }
  TESSERA_TRY(const auto graph, model.view());
  const auto given = graph::quantization_of(graph);
  Assigner assigner(options, *dialect, scheme, graph, profiled ? &*profiled : nullptr);
  Chosen chosen;
  if (automatic && !compat) {
    TESSERA_TRY(chosen,
                choose_ranges(options, context, model, assigner, refining.ranges_by_output));
  } else {
    TESSERA_CHECK(assigner.set(scheme.method, context.monitor()));
    TESSERA_TRY(auto calibration, calibration_for(options.scheme, assigner.assignment));
    if (calibration) {
      calibration->as_written = compat;
    }
    if (calibration && refining.ranges_by_output) {
      calibration->methods.clear();  // none named: all are measured
    }
    TESSERA_TRY(chosen.ranges,
                context.ranges(options.ranges, model, options.data, options.run, calibration));
  }
  if (!assigner.kept.empty()) {
    warn_of_kept(given, assigner.kept, context.monitor());
  }
  const auto& ranges = chosen.ranges;
  const auto& choice = chosen.choice;
  const auto& assignment = assigner.assignment;
  const auto source = context.envelope("quantize", &options.run, &model);
  const auto original = fastest ? std::optional(model.clone()) : std::nullopt;
  const auto now_us = steady_clock_us();
  const auto began_us = now_us();
  Subject subject{&model, &assignment, ranges ? &*ranges : nullptr};
  std::optional<refine::Refinement> refined;
  const bool asked = refining.any();
  if (!asked) {
    refining = doable(model, unasked_refinement(options, assignment, choice)).options;
  }
  if (refining.any()) {
    if (!chosen.samples) {
      TESSERA_TRY(chosen.samples, context.open_samples(model, options.data));
    }
    TESSERA_TRY(const auto library, context.library(options.run));
    auto found = refine::refine(model, assignment, *chosen.samples, subject.ranges, library,
                                refining, context.monitor());
    if (!found && (asked || found.error().code == ErrorCode::kCancelled)) {
      return tl::unexpected(std::move(found).error());
    }
    if (found) {
      refined.emplace(*std::move(found));
      subject = {&refined->model, &refined->assignment, &refined->ranges};
      quantizing.weights = &refined->weights;
    } else {
      context.monitor().warn(
          {"weights-to-nearest",
           fmt::format("weights are rounded to nearest: {}", found.error().message),
           "--rounding nearest asks for that"});
    }
  }
  auto* const rewrite = as_ort(options) ? &compat::ort_quantize : &quantize::quantize;
  TESSERA_TRY(auto report, rewrite(*subject.model, *subject.assignment, subject.ranges, quantizing,
                                   context.monitor()));
  if (!compat) {
    TESSERA_CHECK(note_left_out(*dialect, scheme, assigner.kept, graph, report));
  }
  if (refined) {
    report.ops.insert(report.ops.end(), refined->gone.begin(), refined->gone.end());
  }
  auto wall_us = now_us() - began_us;
  TESSERA_CHECK(judge_extent(options, report, float_body_ops(graph, report), context.monitor()));
  if (!options.no_check) {
    TESSERA_CHECK(check(options, *subject.model, context));
  }
  if (!compat) {
    // The reference's graphs are the reference's to the last byte.
    context.carry.stamp(*subject.model, options.recipe.empty() ? to_string(scheme) : options.recipe,
                        source.model ? source.model->sha256 : "");
  }
  const auto saving_us = now_us();
  TESSERA_CHECK(save(*subject.model, options, report, context));
  wall_us += now_us() - saving_us;
  auto envelope = context.envelope("quantize", &options.run);
  envelope.model = source.model;
  auto result = to_json(report);
  if (!compat) {
    give_reasons(result);
  }
  result["output"] = options.output;
  result["wall_us"] = context.timeless ? 0 : wall_us;
  result["recipe"] = to_json(assigner.recipe);
  if (given.state != graph::QuantizationState::kNone) {
    result["quantization"] = evaluate::given_json(given, options.requantize);
  }
  auto text = summary(options, report, context);
  if (choice) {
    result["method_choice"] = to_json(*choice);
    text += choice_table(*choice, context.page());
  }
  if (refined) {
    for (auto& step : refined->report.steps) {
      step.cpu_us = context.timeless ? 0 : step.cpu_us;
    }
    result["refinement"] = {{"options", to_json(refining)}, {"report", to_json(refined->report)}};
    text += refinement_table(refined->report, context.page());
  }
  if (profiled) {
    TESSERA_CHECK(prove_fastest(options, *original, report, *profiled, context, result, text));
    envelope.warnings = context.monitor().warnings();
  }
  context.answer(envelope, result, text);
  return {};
}

void add_refine_options(CLI::App& command, RefineArguments& refine) {
  const Heading heading(command, "Accuracy (needs --data)");
  command
      .add_option(
          "--refine", refine.preset,
          "win accuracy back, from the best range method on: auto rounds weights by descent "
          "where they make the error, fast equalizes, rounds adaptively and corrects biases, "
          "full takes ranges and scales by output error besides, where that is better")
      ->type_name("HOW MUCH")
      ->check(one_of({std::string(kAuto), "none", "fast", "full"}))
      ->capture_default_str();
  command.add_flag("--equalize", refine.equalize,
                   "move scale between the channels of neighbouring layers");
  command.add_flag("--bias-correction", refine.bias_correction,
                   "take the mean error of every channel off the biases");
  command
      .add_option("--rounding", refine.rounding,
                  "of weights: descent and adaptive, which takes longer and finds more, are to the "
                  "layer's input (default: as --refine says)")
      ->type_name("HOW")
      ->check(one_of({"nearest", "descent", "adaptive"}));
  command.add_flag("--refine-scales", refine.scales,
                   "search scales of activations and weights by output error");
  command
      .add_option("--refine-effort", refine.effort_s,
                  "bound of the searches of --refine full and --method output: work of about so "
                  "many seconds of one core, counted and not timed")
      ->type_name("SECONDS")
      ->check(between(0, 10000000))
      ->capture_default_str();
  command
      .add_option("--error-samples", refine.error_samples,
                  "samples on which --refine and --method output measure error (default: 4 for "
                  "large models to 64 for small ones)")
      ->type_name("N")
      ->check(between(1, 100000));
}

void add_recipe_options(CLI::App& command, Options& options) {
  const Heading heading(command, "Which operators");
  command
      .add_option("--recipe", options.recipe,
                  "schemes by operator: ordered rules, last wins; or 'fastest', the mix that "
                  "--profile takes for the fastest")
      ->type_name("FILE|fastest");
  command.add_option("--profile", options.profile, "measured by tessera profile")
      ->type_name("FILE");
  command.add_flag("--everywhere", options.everywhere,
                   "static: integers also where they bring only conversions");
  command
      .add_option("--layout", options.layout,
                  "of integer operators in ONNX models: channels-last writes the layout that their "
                  "kernels have, with changes at the borders only (--kernels tessera implies it)")
      ->type_name("LAYOUT")
      ->check(one_of({"as-written", kChannelsLast.data()}))
      ->capture_default_str();
}

}  // namespace

void add_quantize_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "quantize", "Write one quantized model: static, dynamic, float16, weight-only or mixed");
  command->add_option("model", options->model, ".onnx, .tflite, .h5 or .keras")->required();
  context.reads(options->model);
  add_output_options(*command, options->output, options->overwrite, true);
  add_scheme_options(*command, options->scheme, SchemeScope::kWhole,
                     {std::string(kAuto), std::string(kByOutput)});
  auto* method = command->get_option("--method");
  method->description(method->get_description() +
                      "; auto: the one with which the outputs are closest on samples set apart "
                      "(minmax without --data); output: from there on, the best for each tensor");
  add_selection_options(*command, options->selection);
  add_recipe_options(*command, *options);
  add_refine_options(*command, options->refine);
  add_ranges_option(*command, options->ranges);
  add_data_options(*command, options->data, false);
  command
      ->add_option("--compat", options->compat,
                   "write the graph that another tool would, names and bits; ort is "
                   "onnxruntime.quantization")
      ->type_name("TOOL")
      ->check(one_of({"ort"}));
  command->add_option("--opset", options->opset, "raise the opset to at least N")
      ->type_name("N")
      ->check(between(7, 24));
  command->add_flag("--keep-io", options->keep_io, "float16: inputs and outputs stay float32");
  command
      ->add_option("--fully-connected", options->fully_connected,
                   "static, .tflite: scales of the weights of fully connected layers; channel "
                   "needs TensorFlow 2.17 or later, which the library here is tried for, auto "
                   "takes what it can do")
      ->check(one_of({"tensor", "channel", "auto"}))
      ->type_name("SCALES")
      ->capture_default_str();
  command->add_option("--io", options->io, "static, .tflite: types of inputs and outputs")
      ->type_name("TYPE")
      ->check(one_of({"float32", "int8", "uint8"}))
      ->capture_default_str();
  command->add_option("--external-data", options->external_data, "weights in a file of their own")
      ->type_name("WHEN")
      ->check(one_of({"auto", "always", "never"}))
      ->capture_default_str();
  command->add_flag("--strict", options->strict,
                    "write nothing and exit with 1 if no operator was quantized");
  command->add_flag("--no-check", options->no_check,
                    "write without trying that the runtime loads the model at every level");
  add_requantize_option(*command, options->requantize);
  options->typed = [command](const char* option) {
    return command->get_option(option)->count() > 0;
  };
  command->add_option("--top", options->top, "show at most N reasons");
  add_load_options(*command, options->loading);
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
