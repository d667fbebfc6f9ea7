// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/energy_estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/options.h"
#include "tessera/keras/keras.h"
#include "tessera/network/load.h"
#include "tessera/report/format.h"
#include "tessera/report/table.h"

namespace tessera::cli {
namespace {

constexpr double kNanojoule = 1e3;  // in pJ

keras::MemoryKind memory_from(std::string_view word) {
  for (const auto memory : {keras::MemoryKind::kFixed, keras::MemoryKind::kSram}) {
    if (word == to_string(memory)) {
      return memory;
    }
  }
  return keras::MemoryKind::kDram;
}

keras::EnergyOptions chosen(const EstimateOptions& options) {
  auto energy = options.energy;
  energy.rules = options.rules == to_string(keras::EnergyRules::kQtools)
                     ? keras::EnergyRules::kQtools
                     : keras::EnergyRules::kPhysical;
  energy.weights = memory_from(options.weights);
  energy.activations = memory_from(options.activations);
  energy.io_through_dram = options.network_io == to_string(keras::MemoryKind::kDram);
  return energy;
}

std::string type_text(const keras::NumberType& type) {
  if (type.is_float()) {
    return fmt::format("float{:g}", type.bits);
  }
  if (type.number == keras::NumberClass::kFixedPoint) {
    return fmt::format("{}{:g}", type.is_signed ? "s" : "u", type.bits);
  }
  return type.number == keras::NumberClass::kPowerOfTwo ? fmt::format("po2:{:g}", type.bits)
                                                        : std::string(to_string(type.number));
}

std::string type_text(const std::optional<keras::NumberType>& type) {
  return type ? type_text(*type) : "";
}

std::string inputs_text(const std::vector<keras::NumberType>& inputs) {
  std::string text;
  for (const auto& input : inputs) {
    text += (text.empty() ? "" : " ") + type_text(input);
  }
  return text;
}

std::string nanojoules(double picojoules) {
  return report::number(picojoules / kNanojoule);
}

report::Table table_of(const keras::EnergyTable& energy) {
  report::Table table({{"layer", report::Align::kLeft, true},
                       {"class", report::Align::kLeft},
                       {"input", report::Align::kLeft},
                       {"weight", report::Align::kLeft},
                       {"sum", report::Align::kLeft},
                       {"output", report::Align::kLeft},
                       {"operations"},
                       {"computing"},
                       {"weights"},
                       {"reading"},
                       {"writing"},
                       {"counted nJ"},
                       {"share %"}});
  keras::LayerEnergy all;
  for (const auto& layer : energy.layers) {
    table.add_row(
        {layer.name, layer.class_name, inputs_text(layer.inputs), type_text(layer.weight),
         type_text(layer.sum), type_text(layer.output), std::to_string(layer.operations),
         nanojoules(layer.computed), nanojoules(layer.parameters), nanojoules(layer.read),
         nanojoules(layer.written), nanojoules(layer.counted),
         fmt::format("{:.1f}", energy.counted > 0 ? 100 * layer.counted / energy.counted : 0.0)});
    all.computed += layer.computed;
    all.parameters += layer.parameters;
    all.read += layer.read;
    all.written += layer.written;
  }
  table.set_total({"all", "", "", "", "", "", std::to_string(energy.operations),
                   nanojoules(all.computed), nanojoules(all.parameters), nanojoules(all.read),
                   nanojoules(all.written), nanojoules(energy.counted),
                   energy.counted > 0 ? "100.0" : "0.0"});
  return table;
}

std::string estimate_text(const keras::EnergyTable& energy, report::Page page, std::size_t top) {
  const bool qtools = energy.options.rules == keras::EnergyRules::kQtools;
  auto text = fmt::format("energy    {} nJ per inference\n", nanojoules(energy.counted));
  text += fmt::format("estimate  {}\n",
                      qtools ? "as QTools 0.9.0 counts: to compare with its tables, not with "
                               "hardware (SRAM is 64 times too low there)"
                             : "widths and counts times figures of a 45 nm process: right to a "
                               "factor of 2 at best; use it to compare");
  if (qtools) {
    text += fmt::format("all parts {} nJ, with those that QTools leaves out of its sum\n",
                        nanojoules(energy.total));
  }
  text += fmt::format(
      "memory    weights in {}, activations in {}, inputs and outputs of the "
      "network through {}\n",
      to_string(energy.options.weights), to_string(energy.options.activations),
      energy.options.io_through_dram ? "dram" : "sram");
  text += fmt::format("inputs    {}\n\n", energy.options.source);
  return text + table_of(energy).text(page, top);
}

Status must_be_keras(const network::Network& network, const std::string& model) {
  const auto info = network.info();
  if (info && info->format == "keras") {
    return {};
  }
  return fail(ErrorCode::kUnimplemented, "'{}' is no Keras file; --estimate counts layers of Keras",
              model)
      .hint("--per-mac counts the arithmetic of any model, in float32, float16 and int8");
}

}  // namespace

void add_estimate_options(CLI::App& command, EstimateOptions& options) {
  const Heading heading(command, "Estimate");
  auto* const estimate = command.add_option(
      "--estimate", options.rules,
      "of Keras files: run nothing, but count operations and bits of every layer, as QTools 0.9.0 "
      "does or with its defects mended");
  estimate->type_name("RULES")->check(one_of({"physical", "qtools"}));
  const auto words = [&](const char* name, std::string& word, const char* text,
                         std::vector<std::string> choices) {
    command.add_option(name, word, text)
        ->type_name("MEMORY")
        ->check(one_of(std::move(choices)))
        ->needs(estimate)
        ->capture_default_str();
  };
  words("--weights-in", options.weights, "where weights are read from; fixed: wired in, free",
        {"fixed", "sram", "dram"});
  words("--activations-in", options.activations, "where results of layers are",
        {"fixed", "sram", "dram"});
  words("--network-io", options.network_io, "where inputs and outputs of the network are",
        {"sram", "dram"});
  command
      .add_option("--least-sram", options.energy.least_sram_bits,
                  "no SRAM is smaller than so many bits; larger ones cost more a bit")
      ->type_name("BITS")
      ->check(between(0, 1e15))
      ->needs(estimate)
      ->capture_default_str();
  command.add_option("--input-type", options.energy.source, "what the inputs of the network are")
      ->type_name("QUANTIZER")
      ->needs(estimate)
      ->capture_default_str();
  command
      .add_option("--config", options.config,
                  "the architecture (model.to_json()) of an .h5 file with weights alone")
      ->type_name("FILE.json")
      ->needs(estimate);
}

Status answer_estimate(const std::string& model, EstimateOptions options, const std::string& output,
                       Overwrite overwrite, std::size_t top, Context& context) {
  // With a configuration beside it, the file alone is no network.
  keras::ImportOptions importing;
  importing.config = options.config;
  TESSERA_TRY(const auto network,
              options.config.empty()
                  ? context.open_model(model)
                  : keras::import(model, importing).and_then([&](keras::Imported imported) {
                      return network::imported_network(std::move(imported.model), model);
                    }));
  TESSERA_CHECK(must_be_keras(network, model));
  TESSERA_TRY(const auto energy,
              keras::estimate_energy(network.info()->path, chosen(options), options.config));
  const auto envelope = context.envelope("energy-estimate", nullptr, &network);
  const auto json = to_json(energy);
  if (!output.empty()) {
    TESSERA_CHECK(context.write(output, envelope, json, overwrite));
  }
  context.answer(envelope, json, estimate_text(energy, context.page(), top));
  return {};
}

}  // namespace tessera::cli
