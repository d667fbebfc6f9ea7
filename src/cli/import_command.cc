// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "cli/options.h"
#include "tessera/evaluate/file_timing.h"
#include "tessera/evaluate/integer_share.h"
#include "tessera/keras/float_form.h"
#include "tessera/keras/keras.h"
#include "tessera/network/import_check.h"
#include "tessera/network/load.h"
#include "tessera/network/network.h"
#include "tessera/report/format.h"
#include "tessera/report/table.h"
#include "tessera/tensor/npy.h"

namespace tessera::cli {
namespace {

constexpr double kTolerance = 1e-5;

struct Options {
  std::string model;
  RunOptions run;
  keras::ImportOptions importing;
  std::string config;
  bool plain = false;  ///< without quantizers
  bool report = false;
  double seconds = 0;  ///< of racing it against its float form
  std::string golden;
  double tolerance = kTolerance;
  std::string level = "disabled";
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::size_t top = 0;
};

std::string_view layout_name(keras::Layout layout) {
  switch (layout) {
    case keras::Layout::kKeras:
      return "keras";
    case keras::Layout::kChannelsFirst:
      return "channels-first";
    case keras::Layout::kFlatChannelsFirst:
      return "flat-channels-first";
  }
  return "";
}

/// What is told of an imported network besides its layers.
struct Findings {
  std::optional<evaluate::IntegerShare> integers;
  std::optional<evaluate::FileTiming> timing;  ///< against the float form
  std::optional<network::ImportCheck> check;
};

/// Bits of a layer's kernel or activation; absent where it has no quantizer.
std::optional<std::int64_t> bits_of(const keras::Imported& imported,
                                    const keras::ImportedLayer& layer, bool activation) {
  for (const auto& one : imported.tensors) {
    const bool kernel = one.what.ends_with("kernel");
    if (one.layer == layer.name && (activation ? one.what == "activation" : kernel)) {
      return one.bits;
    }
  }
  return std::nullopt;
}

/// What runs a layer's products: "QLinearConv".
std::string kernels_of(const Findings& found, const keras::ImportedLayer& layer) {
  std::string kernels;
  for (const auto& one :
       found.integers ? found.integers->products : std::vector<evaluate::ProductKernel>()) {
    if (one.name.starts_with(layer.name + "/")) {
      kernels += (kernels.empty() ? "" : " ") + one.kernel;
    }
  }
  return kernels;
}

Json layers_json(const keras::Imported& imported) {
  Json layers = Json::array();
  for (const auto& layer : imported.layers) {
    Json shape = Json::array();
    for (const auto& extent : layer.shape) {
      shape.push_back(extent.known() ? Json(extent.value) : Json(extent.symbol));
    }
    layers.push_back({{"layer", layer.name},
                      {"class", layer.class_name},
                      {"value", layer.value},
                      {"shape", std::move(shape)},
                      {"layout", layout_name(layer.layout)},
                      {"weight_bits", or_null(bits_of(imported, layer, false))},
                      {"activation_bits", or_null(bits_of(imported, layer, true))}});
  }
  return layers;
}

report::Table layer_table(const keras::Imported& imported, const Findings& found) {
  report::Table table({{"layer", report::Align::kLeft, true},
                       {"class", report::Align::kLeft},
                       {"shape in Keras", report::Align::kLeft},
                       {"value", report::Align::kLeft, true},
                       {"layout", report::Align::kLeft},
                       {"weights"},
                       {"activations"},
                       {"runs as", report::Align::kLeft}});
  const auto text = [](const std::optional<std::int64_t>& bits) {
    return bits ? std::to_string(*bits) : std::string();
  };
  for (const auto& layer : imported.layers) {
    table.add_row({layer.name, layer.class_name, keras::to_string(layer.shape), layer.value,
                   std::string(layout_name(layer.layout)), text(bits_of(imported, layer, false)),
                   text(bits_of(imported, layer, true)), kernels_of(found, layer)});
  }
  return table;
}

report::Table tensor_table(const std::vector<keras::TensorReport>& tensors) {
  report::Table table({{"layer", report::Align::kLeft, true},
                       {"tensor", report::Align::kLeft},
                       {"quantizer", report::Align::kLeft, true},
                       {"bits"},
                       {"needed"},
                       {"codes", report::Align::kLeft},
                       {"used", report::Align::kLeft},
                       {"clipped %"},
                       {"SQNR dB"}});
  for (const auto& one : tensors) {
    const bool weights = one.what != "activation";
    const auto range = [](std::int64_t low, std::int64_t high) {
      return fmt::format("{} to {}", low, high);
    };
    table.add_row({one.layer, one.what, one.quantizer, std::to_string(one.bits),
                   one.grid && weights ? std::to_string(one.grid->needed_bits) : "",
                   one.grid ? range(one.grid->low, one.grid->high) : "",
                   one.grid && weights ? range(one.grid->used_low, one.grid->used_high) : "",
                   one.grid && weights ? fmt::format("{:.1f}", 100 * one.grid->clipped) : "",
                   one.sqnr_db ? fmt::format("{:.1f}", *one.sqnr_db) : ""});
  }
  return table;
}

std::string integers_line(const Findings& found) {
  if (!found.integers || !found.integers->share()) {
    return "";
  }
  const auto& share = *found.integers;
  const auto products = std::count_if(share.products.begin(), share.products.end(),
                                      [](const auto& one) { return one.integer; });
  return fmt::format(
      "integers  {:.1f} % of {} multiply-accumulates run on integer kernels ({} of {} products)\n",
      100 * *share.share(), report::count(static_cast<double>(share.macs)), products,
      share.products.size());
}

report::Table check_table(const network::ImportCheck& check) {
  report::Table table({{"layer", report::Align::kLeft, true},
                       {"class", report::Align::kLeft},
                       {"largest"},
                       {"off by"},
                       {"relative"},
                       {"differing"},
                       {"by itself"},
                       {"optimized"},
                       {"elements"},
                       {"grid", report::Align::kLeft},
                       {"verdict", report::Align::kLeft}});
  for (const auto& one : check.layers) {
    table.add_row({one.layer, one.class_name, report::number(one.largest),
                   report::number(one.worst_absolute), report::number(one.worst_relative),
                   std::to_string(one.differing), report::number(one.alone_relative),
                   one.optimized_differing ? std::to_string(*one.optimized_differing) : "",
                   std::to_string(one.elements), one.on_grid ? "yes" : "",
                   one.within ? "" : "differs"});
  }
  return table;
}

std::string timing_line(const Findings& found) {
  if (!found.timing) {
    return "";
  }
  const auto& timing = *found.timing;
  return fmt::format("speed     {:.2f}x of its float form ({:.2f} to {:.2f}), {} -> {}\n",
                     timing.speedup.median, timing.speedup.low, timing.speedup.high,
                     report::duration(timing.reference_latency.median_us),
                     report::duration(timing.latency.median_us));
}

std::string check_text(const network::ImportCheck& check, const Options& options) {
  const auto apart = std::count_if(check.layers.begin(), check.layers.end(),
                                   [](const auto& one) { return !one.within; });
  auto text = fmt::format("check     {} of {} layers as expected, to {:g} of their largest value\n",
                          std::ssize(check.layers) - apart, check.layers.size(), options.tolerance);
  for (const auto& layer : check.unknown) {
    text += fmt::format("unknown   the network has no layer {}\n", layer);
  }
  return text;
}

std::string import_text(const keras::Imported& imported, const network::Network& network,
                        const Findings& found, const Options& options, const Context& context) {
  auto text = fmt::format("model     {} ({} layers)\nformat    {}\n", options.model,
                          imported.layers.size(), network.description());
  if (!options.output.empty()) {
    text += fmt::format("file      {}\n", options.output);
  }
  text += integers_line(found) + timing_line(found);
  if (found.check) {
    text += check_text(*found.check, options);
  }
  const auto table = found.check ? check_table(*found.check) : layer_table(imported, found);
  text += "\n" + table.text(context.page(), options.top);
  if (options.report) {
    text += "\n" + tensor_table(imported.tensors).text(context.page(), options.top);
  }
  return text;
}

Result<std::optional<network::ImportCheck>> check(const Options& options,
                                                  const keras::Imported& imported,
                                                  Context& context) {
  if (options.golden.empty()) {
    return std::nullopt;
  }
  TESSERA_TRY(const auto golden, read_npz(options.golden));
  TESSERA_TRY(const auto library, context.library(options.run));
  TESSERA_TRY(auto session, context.session_options(options.run));
  TESSERA_TRY(session.opt_level, runtime::opt_level_from_string(options.level));
  TESSERA_TRY(auto result,
              network::check_import(imported, golden, library, options.tolerance, session)
                  .map_error(in_file(options.golden)));
  return result;
}

/// How the library runs the network. An import does not need one: without one there is no answer,
/// and a warning where it does not run the network. With one that was named, errors are errors.
Result<std::optional<evaluate::IntegerShare>> integers_of(const Options& options,
                                                          const network::Network& network,
                                                          Context& context) {
  const bool named = !options.run.runtime.empty() || options.run.provider != RunOptions().provider;
  if (!named && !context.library(options.run)) {
    return std::nullopt;
  }
  TESSERA_TRY(const auto session, context.session_options(options.run));
  TESSERA_TRY(const auto library, context.library(options.run));
  auto share = evaluate::integer_share(network, library, session);
  if (share) {
    return std::optional(std::move(*share));
  }
  if (named || share.error().code == ErrorCode::kCancelled) {
    return tl::unexpected(std::move(share).error());
  }
  context.monitor().warn({"integers-not-known",
                          "what runs on integers is not known: " + share.error().message,
                          share.error().hint});
  return std::nullopt;
}

/// Both forms in turns: with their quantizers and without.
Result<std::optional<evaluate::FileTiming>> race(const Options& options,
                                                 const network::Network& network,
                                                 Context& context) {
  constexpr double kMicroseconds = 1e6;
  if (options.seconds <= 0) {
    return std::nullopt;
  }
  TESSERA_TRY(auto imported, keras::import_float(options.model, options.importing));
  TESSERA_TRY(auto plain, network::imported_network(std::move(imported.model), options.model));
  TESSERA_TRY(const auto library, context.library(options.run));
  network::assume_extents(plain, {});
  TESSERA_CHECK(network::learn_assumed_types(plain, library, true));
  TESSERA_TRY(const auto samples, context.open_samples(plain, {.source = "random:4"}));
  TESSERA_TRY(const auto folder, TemporaryDirectory::create("tessera-import"));
  const auto file = folder.path() / "quantized.onnx";
  TESSERA_CHECK(network.save(file, {}));
  evaluate::LabSetup setup;
  setup.model = &plain;
  setup.library = library;
  TESSERA_TRY(setup.session, context.session_options(options.run));
  setup.samples = &samples;
  setup.errors = false;
  TESSERA_TRY(auto timing,
              evaluate::time_file(setup, file, options.seconds * kMicroseconds, context.monitor()));
  return timing;
}

Result<keras::Imported> imported_model(const Options& options) {
  auto importing = options.importing;
  importing.reports = true;
  return options.plain ? keras::import_float(options.model, importing)
                       : keras::import(options.model, importing);
}

Status run(Options options, Context& context) {
  TESSERA_CHECK(Context::check_output(options.output, options.overwrite, {".onnx"}));
  options.importing.config = options.config;
  TESSERA_TRY(auto imported, imported_model(options));
  Findings found;
  TESSERA_TRY(found.check, check(options, imported, context));
  TESSERA_TRY(const auto network,
              network::imported_network(std::move(imported.model), options.model));
  if (!imported.tensors.empty()) {
    TESSERA_TRY(found.integers, integers_of(options, network, context));
  }
  TESSERA_TRY(found.timing, race(options, network, context));
  const bool ran = found.check || found.integers || found.timing;
  const auto envelope = context.envelope("import", ran ? &options.run : nullptr, &network);
  if (options.output == "-") {
    TESSERA_TRY(const auto bytes, network.serialize());
    TESSERA_CHECK(context.write_bytes(options.output, bytes, options.overwrite));
  } else if (!options.output.empty()) {
    TESSERA_CHECK(network.save(options.output, {.overwrite = options.overwrite}));
  }
  Json json = network.properties();
  json["layers"] = layers_json(imported);
  json["integers"] = found.integers ? to_json(*found.integers) : Json(nullptr);
  json["against_float"] = found.timing ? to_json(*found.timing) : Json(nullptr);
  json["tensors"] = Json::array();
  for (const auto& tensor : imported.tensors) {
    json["tensors"].push_back(to_json(tensor));
  }
  json["check"] = found.check ? to_json(*found.check) : Json(nullptr);
  context.answer(envelope, json, import_text(imported, network, found, options, context));
  if (found.check && !found.check->passed()) {
    return fail(ErrorCode::kFailedPrecondition, "results differ from those of {}", options.golden)
        .hint("the first layer that differs is where to look");
  }
  return {};
}

}  // namespace

void add_import_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto& command = *app.add_subcommand(
      "import", "Make an ONNX model of a Keras or QKeras file, with its quantizers");
  command.add_option("model", options->model, "the model, an .h5 or .keras file")
      ->type_name("MODEL")
      ->required();
  command
      .add_flag("--keep-layout", options->importing.keep_layout,
                "inputs and outputs keep their channels last, as Keras has them")
      ->default_str("channels first");
  command.add_flag("--fold-batch-norm", options->importing.fold_batch_norm,
                   "fold BatchNormalization into the convolutions before it");
  command
      .add_option("--config", options->config,
                  "the architecture (model.to_json()) of an .h5 file with weights alone")
      ->type_name("FILE.json");
  auto* const check =
      command
          .add_option("--check", options->golden,
                      "run the result on x, x2, ... and compare y and every layer/NAME; exit 1 "
                      "where one differs")
          ->type_name("FILE.npz");
  command
      .add_option("--tolerance", options->tolerance,
                  "largest difference of --check, in units of the layer's largest value")
      ->type_name("R")
      ->check(positive())
      ->needs(check)
      ->capture_default_str();
  command
      .add_option("--level", options->level,
                  "check once more as the runtime optimizes at this level: outputs, and what ends "
                  "in a quantizer")
      ->check(one_of(opt_level_words()))
      ->needs(check)
      ->capture_default_str();
  command.add_flag("--float", options->plain,
                   "leave the quantizers out: what the quantized network is timed against");
  command
      .add_option("--time", options->seconds,
                  "race the network against its float form for so many seconds")
      ->type_name("SECONDS")
      ->check(positive());
  command.add_flag("--report", options->report,
                   "a table of grids: which codes weights use, what is clipped, bits needed");
  command.add_option("--top", options->top, "rows of the table, 0 for all")
      ->type_name("N")
      ->capture_default_str();
  add_run_options(command, options->run);
  add_output_options(command, options->output, options->overwrite, false);
  add_common_options(command, context,
                     "tessera import model.h5 -o model.onnx\n"
                     "  tessera import qmodel.h5 --check golden.npz");
  command.callback([options, &context] {
    context.action = [options, &context] { return run(*options, context); };
  });
}

}  // namespace tessera::cli
