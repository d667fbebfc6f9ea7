// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "cli/documents.h"
#include "cli/options.h"
#include "tessera/noise/fit.h"
#include "tessera/noise/rank.h"
#include "tessera/noise/subset_file.h"
#include "tessera/quantize/recipe.h"
#include "tessera/report/error_model.h"
#include "tessera/report/error_model_charts.h"

namespace tessera::cli {
namespace {

using noise::ErrorModel;

// fit

struct FitCommand {
  std::vector<std::filesystem::path> sweeps;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::filesystem::path plots;
  noise::FitOptions fit;
};

Envelope envelope_of(Context& context, std::string_view kind, const ModelInfo& network) {
  auto envelope = context.envelope(kind);
  if (!network.sha256.empty()) {
    envelope.model = network;
  }
  return envelope;
}

Status write_charts(const std::vector<report::ChartFile>& charts,
                    const std::filesystem::path& folder, Overwrite overwrite) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) {
    return fail(ErrorCode::kPermissionDenied, "cannot make the folder {}: {}", folder.string(),
                problem.message())
        .hint("give --plots a folder that can be written");
  }
  for (const auto& chart : charts) {
    TESSERA_CHECK(write_file(folder / chart.name, chart.svg, overwrite));
  }
  return {};
}

Status write_plots(const FitCommand& command, const noise::FitReport& report) {
  if (command.plots.empty()) {
    return {};
  }
  TESSERA_TRY(const auto charts, report::fit_charts(report));
  return write_charts(charts, command.plots, command.overwrite);
}

Status run_fit(FitCommand command, Context& context) {
  TESSERA_CHECK(Context::check_output(command.output, command.overwrite, {".json"}));
  command.fit.seed = context.seed;
  for (const auto& sweep : command.sweeps) {
    TESSERA_CHECK(expect_kind(sweep, "error-sweep"));
  }
  TESSERA_TRY(const auto observations, noise::read_observations(command.sweeps, context.monitor()));
  TESSERA_TRY(const auto report, noise::fit(observations, command.fit, context.monitor()));
  const auto envelope = envelope_of(context, "error-fit", observations.model);
  const auto result = to_json(report);
  std::string text = report::fit_text(report, context.page());
  if (!command.output.empty()) {
    TESSERA_CHECK(context.write(command.output, envelope, result, command.overwrite));
    text +=
        fmt::format("\nnext: tessera error predict --model {} --layers A,B,C\n", command.output);
  }
  TESSERA_CHECK(write_plots(command, report));
  context.answer(envelope, result, text);
  return {};
}

void add_fit(CLI::App& parent, Context& context) {
  auto options = std::make_shared<FitCommand>();
  auto* command = parent.add_subcommand(
      "fit", "Fit models of the error to a sweep: the reference's polynomials and better ones");
  command->add_option("sweeps", options->sweeps, "files of tessera error sweep, shards together")
      ->required()
      ->type_name("SWEEP.jsonl");
  auto& fit = options->fit;
  command->add_option("--train", fit.train, "subsets to fit to: a count, or a share below 1")
      ->type_name("N")
      ->default_str("all but the test");
  command->add_option("--test", fit.test, "subsets to test on: a count, or a share below 1")
      ->type_name("N")
      ->default_str("1 in 11");
  command->add_option("--model", fit.model,
                      "take this model (polynomial-1, -2, -3, additive, scaled-pairs, ...) "
                      "instead of the one with the lowest error in cross-validation");
  command->add_option("--level", fit.interval_level, "share of subsets within the intervals")
      ->capture_default_str();
  command->add_option("--bound-level", fit.bound_level, "share of subsets below the upper bound")
      ->capture_default_str();
  command->add_option("--bound-pairs", fit.bound_pairs, "pair terms in the bound, at most")
      ->capture_default_str();
  command
      ->add_option("--plots", options->plots,
                   "draw predicted against measured errors of each model into this folder")
      ->type_name("FOLDER");
  add_output_options(*command, options->output, options->overwrite, false);
  add_common_options(*command, context,
                     "tessera error fit sweep.jsonl -o fit.json\n"
                     "  tessera error fit shard-*.jsonl --train 1000 --test 100 -o fit.json");
  command->callback([options, &context] {
    context.action = [options, &context] { return run_fit(*options, context); };
  });
}

// predict

struct PredictCommand {
  std::string fit;
  std::vector<std::string> layers;
  std::string list;
  std::string plan;
  std::string recipe;
  std::string model;
  LoadOptions loading;
  RunOptions run;
  std::size_t top = 0;
};

/// The layers of the fit that are an operator: in the scheme, and in the first that it was swept
/// in.
struct SweptLayer {
  std::optional<std::int32_t> in_scheme;
  std::optional<std::int32_t> first;
};

SweptLayer swept_layer(const std::vector<noise::ObservedLayer>& layers, const std::string& op,
                       const std::string& scheme) {
  SweptLayer found;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].operator_name() == op) {
      const auto index = static_cast<std::int32_t>(i);
      found.first = found.first.value_or(index);
      found.in_scheme = layers[i].scheme == scheme ? index : found.in_scheme;
    }
  }
  return found;
}

/// Errors in format kernels are not those of the same layer in another.
Status check_format(const noise::ObservedLayer& layer, const quantize::Scheme& scheme,
                    const std::string& recipe) {
  const bool kernels = scheme.format == quantize::Format::kKernels;
  if (scheme.mode != quantize::Mode::kStatic || kernels == noise::is_of_kernels(layer.scheme)) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "'{}' has '{}' in {}, and it was swept in {}", recipe,
              layer.operator_name(), quantize::to_string(scheme),
              layer.scheme.empty() ? "stock operators" : layer.scheme)
      .hint("{}", kernels ? "sweep the model with --kernels tessera"
                          : "give the recipe's scheme \"format\": \"kernels\", or sweep the model "
                            "without --kernels tessera");
}

Result<noise::NamedSubset> subset_of_recipe(const PredictCommand& command, const ErrorModel& fitted,
                                            Context& context) {
  if (command.model.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--recipe needs the model that it is about")
        .hint("tessera error predict --model fit.json --recipe recipe.json model.onnx");
  }
  TESSERA_TRY(const auto* dialect, context.dialect(command.model));
  TESSERA_TRY(const auto recipe,
              quantize::read_recipe(command.recipe, dialect->trials().base, types_of(*dialect)));
  TESSERA_TRY(const auto model, context.load_model(command.model, command.loading, command.run));
  const auto envelope = context.envelope("error-predict", nullptr, &model);
  if (envelope.model && !fitted.network.sha256.empty() &&
      envelope.model->sha256 != fitted.network.sha256) {
    return fail(ErrorCode::kInvalidArgument, "{} is another model than the fit's {}", command.model,
                fitted.network.path)
        .hint("sweep and fit this model, or give the one that was swept");
  }
  TESSERA_TRY(const auto graph, model.view());
  TESSERA_TRY(const auto schemes, quantize::resolve(recipe, graph, context.monitor()));
  noise::NamedSubset subset{.name = command.recipe};
  std::size_t unknown = 0;
  std::vector<std::string> in_another;
  for (std::size_t op = 0; op < graph.ops().size(); ++op) {
    const auto& name = graph.ops()[op].name;
    const auto scheme = quantize::to_string(schemes[op]);
    const auto layer = swept_layer(fitted.layers, name, scheme);
    // Float16 adds next to nothing beside integers.
    const bool exact = schemes[op].mode == quantize::Mode::kFloat32 ||
                       schemes[op].mode == quantize::Mode::kFloat16;
    if (layer.in_scheme) {
      subset.layers.push_back(*layer.in_scheme);
    } else if (!exact && layer.first) {
      TESSERA_CHECK(check_format(fitted.layers[static_cast<std::size_t>(*layer.first)], schemes[op],
                                 command.recipe));
      subset.layers.push_back(*layer.first);
      // A fit of one scheme does not say which.
      if (!fitted.layers[static_cast<std::size_t>(*layer.first)].scheme.empty()) {
        in_another.push_back(name);
      }
    } else if (!exact) {
      ++unknown;
    }
  }
  std::sort(subset.layers.begin(), subset.layers.end());
  if (unknown > 0) {
    context.monitor().warn(
        {"layers-not-swept",
         fmt::format("{} operators of the recipe were not in the sweep and count as exact",
                     unknown),
         "sweep them too: tessera error sweep --layers all"});
  }
  if (!in_another.empty()) {
    context.monitor().warn(
        {"schemes-not-swept",
         fmt::format("{} operators of the recipe were not swept in its scheme and count as in the "
                     "first that they were swept in: {}",
                     in_another.size(), fmt::join(in_another, ", ")),
         "sweep that scheme too: tessera error sweep --schemes"});
  }
  return subset;
}

Result<std::vector<noise::NamedSubset>> subsets_of(const PredictCommand& command,
                                                   const ErrorModel& fitted, Context& context) {
  const int sources = int{!command.layers.empty()} + int{!command.list.empty()} +
                      int{!command.plan.empty()} + int{!command.recipe.empty()};
  if (sources != 1) {
    return fail(ErrorCode::kInvalidArgument,
                "{} of --layers, --list, --plan and --recipe were given; one is needed", sources)
        .hint("for example --layers conv1,conv2, or --layers none");
  }
  const noise::LayerIndex index(fitted.layers);
  if (!command.list.empty()) {
    return noise::read_subsets(command.list, index);
  }
  noise::NamedSubset subset;
  if (!command.plan.empty()) {
    TESSERA_TRY(subset, noise::read_plan(command.plan, index));
  } else if (!command.recipe.empty()) {
    TESSERA_TRY(subset, subset_of_recipe(command, fitted, context));
  } else if (command.layers == std::vector<std::string>{"all"}) {
    subset.name = "all";
    subset.layers = noise::in_first_schemes(fitted.layers);
  } else if (command.layers == std::vector<std::string>{"none"}) {
    subset.name = "none";
  } else {
    subset.name = fmt::format("{}", fmt::join(command.layers, ","));
    TESSERA_TRY(subset.layers, index.find(command.layers));
  }
  return std::vector{std::move(subset)};
}

/// How predictions met what a list says was measured.
struct Met {
  noise::Scores scores;
  double inside = 0;
  double below_bound = 0;
};

std::optional<Met> meet(const std::vector<report::PredictedSubset>& subsets) {
  std::vector<double> measured;
  std::vector<double> predicted;
  Met met;
  for (const auto& subset : subsets) {
    if (std::isfinite(subset.measured)) {
      measured.push_back(subset.measured);
      predicted.push_back(subset.prediction.error);
      met.inside +=
          subset.measured >= subset.prediction.lower && subset.measured <= subset.prediction.upper
              ? 1
              : 0;
      met.below_bound += subset.measured <= subset.prediction.bound ? 1 : 0;
    }
  }
  if (measured.empty()) {
    return std::nullopt;
  }
  met.scores = noise::score(predicted, measured);
  met.inside /= static_cast<double>(measured.size());
  met.below_bound /= static_cast<double>(measured.size());
  return met;
}

Json names_of(const noise::LayerSet& layers, const ErrorModel& model) {
  Json names = Json::array();
  for (const auto layer : layers) {
    names.push_back(model.layers[static_cast<std::size_t>(layer)].name);
  }
  return names;
}

Status run_predict(const PredictCommand& command, Context& context) {
  TESSERA_CHECK(expect_kind(command.fit, "error-fit"));
  TESSERA_TRY(const auto model, noise::read_error_model(command.fit));
  TESSERA_TRY(const auto subsets, subsets_of(command, model, context));
  std::vector<report::PredictedSubset> rows;
  Json listed = Json::array();
  for (const auto& subset : subsets) {
    const auto prediction = predict(model, subset.layers);
    rows.push_back({subset.name, subset.layers.size(), prediction, subset.error});
    Json entry = to_json(prediction, model.intervals.level);
    entry["layers"] = names_of(subset.layers, model);
    if (std::isfinite(subset.error)) {
      entry["measured"] = subset.error;
    }
    listed.push_back(std::move(entry));
  }
  Json result = {{"kind", model.kind}, {"subsets", std::move(listed)}};
  std::string text =
      report::predictions_text(rows, model.intervals.level, context.page(), command.top);
  if (const auto met = meet(rows)) {
    result["measured"] = to_json(met->scores);
    result["measured"]["inside_interval"] = met->inside;
    result["measured"]["below_bound"] = met->below_bound;
    text += fmt::format(
        "\n{} measured: median relative error {:.2f} %, p95 {:.2f} %, Spearman {:.4f}, R2 {:.5f}; "
        "{:.1f} % inside the interval, {:.1f} % below the bound\n",
        met->scores.n, 100 * met->scores.median_abs_relative_error,
        100 * met->scores.p95_abs_relative_error, met->scores.spearman, met->scores.r2,
        100 * met->inside, 100 * met->below_bound);
  }
  context.answer(envelope_of(context, "error-predict", model.network), result, text);
  return {};
}

void add_fit_option(CLI::App& command, std::string& path) {
  command.add_option("--model", path, "what tessera error fit wrote")
      ->required()
      ->type_name("FIT.json");
}

void add_predict(CLI::App& parent, Context& context) {
  auto options = std::make_shared<PredictCommand>();
  auto* command =
      parent.add_subcommand("predict", "Say the error of quantizing some layers, unmeasured");
  add_fit_option(*command, options->fit);
  command->add_option("--layers", options->layers, "these layers; all; none")
      ->delimiter(',')
      ->type_name("A,B,C");
  command
      ->add_option("--list", options->list,
                   "one subset per line: A,B,C, [names] or {\"layers\": [names]}, such as a sweep; "
                   "measured errors in it are compared")
      ->type_name("FILE");
  command->add_option("--plan", options->plan, "the layers that a plan runs in integers")
      ->type_name("PLAN.json");
  command->add_option("--recipe", options->recipe, "the layers that a recipe quantizes in MODEL")
      ->type_name("FILE");
  command->add_option("network", options->model, "the ONNX model of --recipe")
      ->type_name("MODEL.onnx");
  command->add_option("--top", options->top, "show at most N subsets");
  add_load_options(*command, options->loading);
  add_run_options(*command, options->run);
  add_common_options(*command, context,
                     "tessera error predict --model fit.json --layers conv1,conv2\n"
                     "  tessera error predict --model fit.json --recipe mixed.json model.onnx\n"
                     "  tessera error predict --model fit.json --list unseen.jsonl --json");
  command->callback([options, &context] {
    context.action = [options, &context] { return run_predict(*options, context); };
  });
}

// rank

struct RankCommand {
  std::string fit;
  std::string profile;
  std::optional<double> max_error;
  std::optional<double> min_sqnr_db;
  std::string limit_by = "bound";
  std::size_t top = 0;
  std::filesystem::path plots;
  Overwrite overwrite = Overwrite::kRefuse;
};

/// The limit as an error; none if the user wants only the ranking.
Result<std::optional<double>> limit_of(const RankCommand& command, const ErrorModel& model) {
  if (!command.min_sqnr_db) {
    return command.max_error;
  }
  if (!std::isfinite(model.sqnr_offset_db)) {
    return fail(ErrorCode::kInvalidArgument, "the sweep does not say SQNR")
        .hint("give --max-error instead");
  }
  return std::optional(std::pow(10, (model.sqnr_offset_db - *command.min_sqnr_db) / 20));
}

Result<noise::Gains> gains_of(const RankCommand& command, const ErrorModel& model,
                              Context& context) {
  auto gains = noise::gains_of_macs(model.layers);
  if (!command.profile.empty()) {
    TESSERA_TRY(const auto document, read_json(command.profile));
    TESSERA_TRY(gains,
                noise::gains_from_profile(document, model.network, model.layers, command.profile));
  }
  if (gains.unknown > 0) {
    context.monitor().warn(
        {"unknown-gain",
         fmt::format("nothing is known of what {} of {} layers bring; they stay in float",
                     gains.unknown, model.layers.size()),
         "give a --profile that has them in fp32 and int8"});
  }
  return gains;
}

Status run_rank(const RankCommand& command, Context& context) {
  TESSERA_TRY(const auto by, noise::limit_by_from_string(command.limit_by));
  TESSERA_CHECK(expect_kind(command.fit, "error-fit"));
  if (!command.profile.empty()) {
    TESSERA_CHECK(expect_kind(command.profile, "profile"));
  }
  TESSERA_TRY(const auto model, noise::read_error_model(command.fit));
  TESSERA_TRY(const auto gains, gains_of(command, model, context));
  TESSERA_TRY(const auto limit, limit_of(command, model));
  bool nothing_found = false;
  const auto ranks = noise::rank_layers(model, gains);
  if (!command.plots.empty()) {
    TESSERA_TRY(const auto charts, report::rank_charts(ranks, model, gains));
    TESSERA_CHECK(write_charts(charts, command.plots, command.overwrite));
  }
  Json result = {{"gain", gains.unit}, {"layers", to_json(ranks, model, gains)}};
  auto text = report::ranks_text(ranks, model, gains, context.page(), command.top);
  if (limit) {
    TESSERA_TRY(const auto found, noise::find_subset(model, gains, *limit, by));
    result["search"] = to_json(found, model);
    result["search"]["limit"] = *limit;
    result["search"]["limit_by"] = noise::to_string(by);
    text += "\n" + report::search_text(found, model, gains, *limit, by);
    nothing_found = found.best.layers.empty();
  }
  context.answer(envelope_of(context, "error-rank", model.network), result, text);
  if (nothing_found) {
    return fail(ErrorCode::kFailedPrecondition, "no layer can be quantized within the limit")
        .hint("allow more error, or give --limit-by prediction");
  }
  return {};
}

void add_rank(CLI::App& parent, Context& context) {
  auto options = std::make_shared<RankCommand>();
  auto* command = parent.add_subcommand(
      "rank", "Layers by error per gain, worst first; the best subset within a limit");
  add_fit_option(*command, options->fit);
  command
      ->add_option("--profile", options->profile,
                   "times of tessera profile: gains in microseconds instead of MACs")
      ->type_name("PROFILE.json");
  auto* error = command->add_option("--max-error", options->max_error,
                                    "find the subset that gains most with an error up to this");
  command->add_option("--min-sqnr-db", options->min_sqnr_db, "the same with a least SQNR")
      ->excludes(error);
  command->add_option("--plots", options->plots, "folder for SVG charts: layers alone, pairs")
      ->type_name("DIR");
  command->add_flag_callback(
      "--force", [options] { options->overwrite = Overwrite::kReplace; }, "replace what exists");
  command
      ->add_option("--limit-by", options->limit_by,
                   "what must keep to it; interval is its upper end")
      ->type_name("WHAT")
      ->check(one_of({"bound", "interval", "prediction"}))
      ->capture_default_str();
  command->add_option("--top", options->top, "show at most N layers");
  add_common_options(*command, context,
                     "tessera error rank --model fit.json --profile profile.json\n"
                     "  tessera error rank --model fit.json --max-error 2e-3");
  command->callback([options, &context] {
    context.action = [options, &context] { return run_rank(*options, context); };
  });
}

}  // namespace

void add_error_model_commands(CLI::App& parent, Context& context) {
  add_fit(parent, context);
  add_predict(parent, context);
  add_rank(parent, context);
}

}  // namespace tessera::cli
