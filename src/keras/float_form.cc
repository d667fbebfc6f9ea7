// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/float_form.h"

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "keras/layer_config.h"
#include "keras/lower.h"
#include "keras/model.h"
#include "keras/read.h"
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
    case QuantizerKind::kRelu:  // use_sigmoid: 2 hard_sigmoid(x) - 1 is x up to the grid's end
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
  TESSERA_TRY(const auto quantizer, activation_quantizer(layer, LayerConfig(layer).at(key),
                                                         "layer '" + layer.name + "': " + key));
  // Functions without parameters do not round.
  if (quantizer && quantizer->kind != QuantizerKind::kFunction) {
    layer.config[key] = function_of(*quantizer);
  }
  return {};
}

/// The averages say where the grid ends, and nothing about its function.
Status strip_adaptive(Layer& layer) {
  const auto average = Tensor::of(std::vector<float>{0}, {1});
  TESSERA_TRY(const auto quantizer, adaptive_quantizer(layer.config, average.view(), average.view(),
                                                       "layer '" + layer.name + "'"));
  layer.class_name = "QActivation";
  layer.weights.clear();
  layer.config["activation"] = function_of(quantizer);
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
  if (!is_qkeras(layer.class_name) || !layer.config.is_object()) {
    return {};
  }
  if (layer.class_name == "QAdaptiveActivation") {
    TESSERA_CHECK(strip_adaptive(layer));
  }
  for (const char* key : kActivationKeys) {
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
