// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <nlohmann/json.hpp>

#include "tessera/noise/bits.h"
#include "tessera/noise/fields.h"
#include "tessera/quantize/fields.h"

namespace tessera::noise {

Fields<BitsStep> fields_of(const BitsStep*) {
  static constexpr std::array kFields = {
      written<&BitsStep::layer>("layer", "whose width is lowered, besides those before it"),
      written<&BitsStep::weight_bits>("weight_bits",
                                      "of its weights from now on; null: its result is lowered"),
      written<&BitsStep::activation_bits>(
          "activation_bits", "of its result from now on; null: its weights are lowered"),
      written_figure<&BitsStep::cost>("cost", "of the model then"),
      written_figure<&BitsStep::sqnr_db>("sqnr_db", "of the model then"),
      written<&BitsStep::front>("front", "no point of the path has more SQNR at no more cost")};
  return kFields;
}

Fields<BitsLayer> fields_of(const BitsLayer*) {
  static constexpr std::array kFields = {
      written<&BitsLayer::layer>("layer", "or the tensor that is rounded"),
      written<&BitsLayer::type>("type", "of the operator"),
      written<&BitsLayer::weight_bits>("weight_bits", "null: it is an activation"),
      written<&BitsLayer::activation_bits>("activation_bits", "null: these are weights"),
      written<&BitsLayer::quantizer>("quantizer", "as QKeras writes it; empty: as in the file")};
  return kFields;
}

Fields<Bits> fields_of(const Bits*) {
  static constexpr std::array kFields = {
      written<&Bits::cost_unit>("cost_unit", "of cost: pJ of one inference, or bits"),
      written_figure<&Bits::cost>("cost", "with the most bits everywhere"),
      written_figure<&Bits::sqnr_db>("sqnr_db", "with the most bits everywhere; null: no error"),
      written<&Bits::samples>("samples", "that SQNR is measured on"),
      written<&Bits::models>("models", "settings that were run on all of them"),
      written<&Bits::steps>("steps", "widths that are lowered, one after the other"),
      written<&Bits::chosen>("chosen", "steps up to the point that was chosen"),
      written_figure<&Bits::chosen_cost>("chosen_cost", "there"),
      written_figure<&Bits::chosen_sqnr_db>("chosen_sqnr_db", "there; null: no error"),
      written<&Bits::layers>("layers", "widths there"),
      written<&Bits::recipe>("recipe",
                             "for tessera quantize --recipe: types that hold the widths there"),
      Field<Bits>{"quantizer_config", "for model_quantize of QKeras: the widths there, by layer",
                  [](const Bits& bits) { return to_json(bits.quantizer_config); }},
      written<&Bits::by_hand>("by_hand",
                              "activations that quantizer_config cannot say: a QActivation behind "
                              "the layer does")};
  return kFields;
}

Json to_json(const std::vector<QuantizerEntry>& config) {
  auto json = Json::object();
  for (const auto& entry : config) {
    json[entry.layer] =
        entry.quantizers.empty() ? Json(entry.activation) : as_json(entry.quantizers);
  }
  return json;
}

Json to_json(const Bits& bits) {
  return as_json(bits);
}

}  // namespace tessera::noise
