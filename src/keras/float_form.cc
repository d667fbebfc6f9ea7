// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/float_form.h"

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "keras/lower.h"
#include "keras/model.h"
#include "keras/read.h"
#include "tessera/core/compact_text.h"
#include "tessera/keras/quantizer.h"

namespace tessera::keras {
namespace {

Json rectifier(float slope) {
  if (slope == 0) {
    return "relu";
  }
  return {{"class_name", "LeakyReLU"}, {"config", {{"alpha", slope}}}};
}

/// The function that a quantizer rounds.
Json function_of(const Quantizer& quantizer) {
  switch (quantizer.kind) {
    case QuantizerKind::kRelu:
      return quantizer.use_sigmoid ? Json("hard_sigmoid") : rectifier(quantizer.negative_slope);
    case QuantizerKind::kReluPo2:
      return rectifier(quantizer.negative_slope);
    case QuantizerKind::kTanh:
      return quantizer.real ? "tanh" : "hard_tanh";
    case QuantizerKind::kSigmoid:
      return quantizer.real ? "sigmoid" : "hard_sigmoid";
    case QuantizerKind::kHardSwish:
      return "hard_swish";
    case QuantizerKind::kBits:
    case QuantizerKind::kLinear:
    case QuantizerKind::kBinary:
    case QuantizerKind::kTernary:
    case QuantizerKind::kUlaw:
    case QuantizerKind::kPo2:
    case QuantizerKind::kFunction:
      break;
  }
  return "linear";
}

Status strip_activation(Layer& layer, const char* key) {
  const auto found = layer.config.find(key);
  if (found == layer.config.end() || !names_quantizer(*found)) {
    return {};
  }
  TESSERA_TRY(const auto quantizer, parse_quantizer(*found, "layer '" + layer.name + "'"));
  // Functions without parameters do not round.
  if (quantizer && quantizer->kind != QuantizerKind::kFunction) {
    *found = function_of(*quantizer);
  }
  return {};
}

Result<Model> stripped(Model model);

Status strip_layer(Layer& layer) {
  if (layer.class_name == "QuantizeLayer" || layer.class_name.starts_with("QuantizeWrapper")) {
    return fail(
               ErrorCode::kUnimplemented,
               "layer '{}' ({}): a wrapper of TensorFlow Model Optimization has no float form here",
               layer.name, layer.class_name)
        .hint("give the network that was wrapped");
  }
  if (layer.inner) {
    TESSERA_TRY(auto inner, stripped(*layer.inner));
    layer.inner = std::make_shared<const Model>(std::move(inner));
  }
  if (!layer.class_name.starts_with("Q") || !layer.config.is_object()) {
    return {};
  }
  if (layer.class_name == "QAdaptiveActivation") {
    layer.class_name = "QActivation";
    layer.weights.clear();
    const bool relu = compact_text(layer.config).find("quantized_relu") != std::string::npos;
    layer.config["activation"] = relu ? "relu" : "linear";
  }
  for (const char* key : {"activation", "depthwise_activation"}) {
    TESSERA_CHECK(strip_activation(layer, key));
  }
  for (auto& [key, value] : layer.config.items()) {
    if (std::string_view(key).ends_with("_quantizer")) {
      value = nullptr;
    }
  }
  return {};
}

Result<Model> stripped(Model model) {
  for (auto& layer : model.layers) {
    TESSERA_CHECK(strip_layer(layer));
  }
  return model;
}

}  // namespace

Result<Imported> import_float(const std::filesystem::path& file, const ImportOptions& options) {
  TESSERA_TRY(auto network, options.config.empty() ? read(file) : read(file, options.config));
  TESSERA_TRY(const auto plain, stripped(std::move(network)).map_error(in_file(file.string())));
  return lower(plain, options).map_error(in_file(file.string()));
}

}  // namespace tessera::keras
