// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "cli/context.h"
#include "cli/documents.h"
#include "cli/options.h"
#include "tessera/keras/keras.h"
#include "tessera/noise/bits.h"
#include "tessera/report/error.h"

namespace tessera::cli {
namespace {

struct BitsArguments {
  std::string model;
  LoadOptions loading;
  RunOptions run;
  DataOptions data;
  std::int64_t calibration_samples = 16;
  noise::BitsOptions bits;
  std::string cost = "energy";
  std::string memory = "sram";
  std::string qkeras;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::size_t top = 0;
};

/// Layers of a Keras file, by which QKeras knows them.
Result<std::vector<noise::NamedLayer>> layers_of(const network::Network& model) {
  std::vector<noise::NamedLayer> layers;
  TESSERA_TRY(const auto info, model.info());
  if (info.format != "keras") {
    return layers;
  }
  TESSERA_TRY(const auto imported, keras::import(model.path()));
  for (const auto& layer : imported.layers) {
    layers.push_back({layer.name, layer.class_name, layer.value});
  }
  return layers;
}

Status write_parts(const BitsArguments& arguments, const noise::Bits& bits, Json& result,
                   std::string& text) {
  if (!arguments.output.empty()) {
    TESSERA_CHECK(write_json(arguments.output, to_json(bits.recipe), arguments.overwrite));
    result["output"] = arguments.output;
    text += fmt::format("wrote {}, for tessera quantize --recipe\n", arguments.output);
  }
  if (!arguments.qkeras.empty()) {
    TESSERA_CHECK(
        write_json(arguments.qkeras, noise::to_json(bits.quantizer_config), arguments.overwrite));
    result["qkeras"] = arguments.qkeras;
    text += fmt::format("wrote {}, quantizer_config of model_quantize\n", arguments.qkeras);
  }
  return {};
}

/// Both files can be written, and are two.
Status check_outputs(const BitsArguments& arguments) {
  for (const auto* file : {&arguments.output, &arguments.qkeras}) {
    TESSERA_CHECK(Context::check_output(*file, arguments.overwrite, {".json"}));
  }
  std::error_code error;
  const auto output = std::filesystem::weakly_canonical(arguments.output, error);
  if (!arguments.output.empty() && !arguments.qkeras.empty() &&
      output == std::filesystem::weakly_canonical(arguments.qkeras, error)) {
    return fail(ErrorCode::kInvalidArgument, "-o and --qkeras are both '{}'", arguments.output)
        .hint("give the recipe and the dictionary for QKeras a file each");
  }
  return {};
}

Status run(const BitsArguments& arguments, Context& context) {
  TESSERA_CHECK(check_outputs(arguments));
  TESSERA_TRY(const auto model, context.load_model(arguments.model, arguments.loading,
                                                   arguments.run, {arguments.data}));
  TESSERA_TRY(const auto samples, context.open_samples(model, arguments.data));
  auto calibrating = arguments.data;
  calibrating.samples = arguments.calibration_samples;
  TESSERA_TRY(const auto calibration, context.open_samples(model, calibrating));
  noise::BitsSetup setup{.model = &model, .samples = &samples, .calibration = &calibration};
  TESSERA_TRY(setup.library, context.library(arguments.run));
  TESSERA_TRY(setup.session, context.session_options(arguments.run));
  TESSERA_TRY(setup.layers, layers_of(model));
  auto options = arguments.bits;
  options.cost = arguments.cost == "bits" ? noise::BitsCost::kBits : noise::BitsCost::kEnergy;
  options.store = arguments.memory == "dram" ? keras::BitStore::kDram : keras::BitStore::kSram;
  TESSERA_TRY(const auto bits, noise::find_bits(setup, options, context.monitor()));
  auto result = to_json(bits);
  result["data"] = samples.describe();
  auto text = report::bits_text(bits, context.page(), arguments.top);
  TESSERA_CHECK(write_parts(arguments, bits, result, text));
  context.answer(context.envelope("error-bits", &arguments.run, &model), result, text);
  if (options.min_sqnr_db && !(bits.chosen_sqnr_db >= *options.min_sqnr_db)) {
    return fail(ErrorCode::kFailedPrecondition, "{:.1f} dB with the most bits; {:.1f} needed",
                bits.chosen_sqnr_db, *options.min_sqnr_db)
        .hint("allow more with --weight-bits and --activation-bits");
  }
  return {};
}

void add_search_options(CLI::App& command, BitsArguments& arguments) {
  auto& bits = arguments.bits;
  command.add_option("--weight-bits", bits.weight_bits, "widths of weights to choose from, 2 to 8")
      ->delimiter(',')
      ->capture_default_str();
  command
      .add_option("--activation-bits", bits.activation_bits,
                  "widths of activations to choose from, 4 to 16")
      ->delimiter(',')
      ->capture_default_str();
  command
      .add_option("--alpha", bits.alpha,
                  "scales of weights: from the largest, or powers of two by least squares")
      ->check(one_of({"auto", "auto_po2"}))
      ->capture_default_str();
  command
      .add_option("--cost", arguments.cost,
                  "what is saved: energy of hardware made for the widths, or bits")
      ->check(one_of({"energy", "bits"}))
      ->capture_default_str();
  command
      .add_option("--memory", arguments.memory,
                  "where weights and activations lie, for --cost energy")
      ->check(one_of({"sram", "dram"}))
      ->capture_default_str();
  command.add_option("--min-sqnr-db", bits.min_sqnr_db,
                     "stop at this SQNR; exit code 1 if the most bits do not reach it");
}

}  // namespace

void add_error_bits_command(CLI::App& parent, Context& context) {
  auto arguments = std::make_shared<BitsArguments>();
  auto* command = parent.add_subcommand(
      "bits", "How few bits weights and activations of each layer can have, without training");
  command->add_option("model", arguments->model, ".onnx, .h5 or .keras")->required();
  context.reads(arguments->model);
  add_data_options(*command, arguments->data, true);
  command->add_option("--images", arguments->data.samples, "the same as --samples")
      ->type_name("N")
      ->check(at_least(1));
  add_run_options(*command, arguments->run);
  add_load_options(*command, arguments->loading);
  command
      ->add_option("--calibration-samples", arguments->calibration_samples,
                   "samples of --data that grids of activations are found on")
      ->check(at_least(1))
      ->capture_default_str();
  add_search_options(*command, *arguments);
  command
      ->add_option("--qkeras", arguments->qkeras,
                   "also write the quantizer_config for model_quantize of QKeras")
      ->type_name("FILE.json");
  command->add_option("--top", arguments->top, "show the first N rows only, 0 for all")
      ->capture_default_str();
  add_output_options(*command, arguments->output, arguments->overwrite, false);
  add_common_options(*command, context,
                     "tessera error bits model.h5 --data images/ --images 32 -o recipe.json "
                     "--qkeras config.json\n"
                     "  tessera error bits model.onnx --data images/ --min-sqnr-db 25 --cost bits");
  command->callback([arguments, &context] {
    context.action = [arguments, &context] { return run(*arguments, context); };
  });
}

}  // namespace tessera::cli
