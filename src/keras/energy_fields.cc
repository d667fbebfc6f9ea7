// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <nlohmann/json.hpp>

#include "tessera/keras/energy.h"
#include "tessera/keras/fields.h"

namespace tessera::keras {

std::string_view to_string(EnergyRules rules) noexcept {
  switch (rules) {
    case EnergyRules::kQtools:
      return "qtools";
    case EnergyRules::kPhysical:
      return "physical";
  }
  return "";
}

std::string_view to_string(MemoryKind memory) noexcept {
  switch (memory) {
    case MemoryKind::kFixed:
      return "fixed";
    case MemoryKind::kSram:
      return "sram";
    case MemoryKind::kDram:
      return "dram";
  }
  return "";
}

Fields<NumberType> fields_of(const NumberType*) {
  static constexpr std::array kFields = {
      written<&NumberType::number>(
          "number", "fixed-point, power-of-two, ternary, sign, zero-or-one or float"),
      written<&NumberType::name>("quantizer", "as QTools calls it"),
      written<&NumberType::bits>("bits", "of one number"),
      Field<NumberType>{
          "int_bits", "of these, left of the point without the sign; null where none are",
          [](const NumberType& type) { return type.int_bits < 0 ? Json() : Json(type.int_bits); }},
      written<&NumberType::is_signed>("signed", "it has a sign")};
  return kFields;
}

Fields<Operation> fields_of(const Operation*) {
  static constexpr std::array kFields = {
      written<&Operation::circuit>("circuit", "multiplier, adder, shifter, mux, xor or and"),
      written<&Operation::gate_factor>("gate_factor",
                                       "its energy against one such operation of so many bits; of "
                                       "an addition, but for multipliers"),
      written<&Operation::gate_bits>("gate_bits", "that its energy is counted by"),
      written<&Operation::output>("output", "what comes out")};
  return kFields;
}

Fields<EnergyOptions> fields_of(const EnergyOptions*) {
  static constexpr std::array kFields = {
      written<&EnergyOptions::weights>("weights", "where they are: fixed, sram or dram"),
      written<&EnergyOptions::activations>("activations", "where they are: fixed, sram or dram"),
      written<&EnergyOptions::least_sram_bits>("least_sram_bits", "no SRAM is smaller"),
      written<&EnergyOptions::io_through_dram>(
          "io_through_dram", "inputs and outputs of the network go through DRAM, else SRAM")};
  return kFields;
}

Fields<EnergyConstant> fields_of(const EnergyConstant*) {
  static constexpr std::array kFields = {
      written<&EnergyConstant::name>("name", "of the operation; b is its bits, x the logarithm"),
      written<&EnergyConstant::value>("value", "in pJ, a number or a formula"),
      written<&EnergyConstant::source>("source", "where it is from"),
      written<&EnergyConstant::process>("process", "that it is for"),
      written<&EnergyConstant::uncertainty>("uncertainty", "how wrong it may be")};
  return kFields;
}

Fields<LayerEnergy> fields_of(const LayerEnergy*) {
  static constexpr std::array kFields = {
      written<&LayerEnergy::name>("name", "of the layer; of a second call with _1"),
      written<&LayerEnergy::class_name>("class", "of the layer in Keras"),
      written<&LayerEnergy::operations>("operations",
                                        "products of one inference, or sums where there are none"),
      written<&LayerEnergy::read>("read_pj", "inputs, read once"),
      written<&LayerEnergy::written>("written_pj", "outputs, written once"),
      written<&LayerEnergy::parameters>("parameters_pj", "weights and biases, read once"),
      written<&LayerEnergy::computed>("computed_pj", "operations"),
      written<&LayerEnergy::counted>("counted_pj", "of these parts, what enters the sum"),
      written<&LayerEnergy::total>("total_pj", "all four parts"),
      written<&LayerEnergy::inputs>("inputs", "types of the inputs"),
      written<&LayerEnergy::weight>("weight", "type of the kernel; null without one"),
      written<&LayerEnergy::bias>("bias", "type of the bias; null without one"),
      written<&LayerEnergy::product>("product",
                                     "of a weight and an input, or of a merge; null without one"),
      written<&LayerEnergy::sum>("sum", "type of the accumulator; null without one"),
      written<&LayerEnergy::output>("output", "type of the output")};
  return kFields;
}

Json to_json(const EnergyTable& table) {
  Json constants = Json::array();
  for (const auto& constant : energy_constants()) {
    constants.push_back(as_json(constant));
  }
  return {{"rules", to_string(table.options.rules)},
          {"memory", as_json(table.options)},
          {"source", table.options.source},
          {"operations", table.operations},
          {"counted_pj", table.counted},
          {"total_pj", table.total},
          {"layers", as_json(table.layers)},
          {"constants", std::move(constants)}};
}

}  // namespace tessera::keras
