// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/bits_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/quantize/dialect.h"
#include "tessera/quantize/scheme.h"

namespace tessera::noise {
namespace {

using Config = std::vector<QuantizerEntry>;

class Exporter {
 public:
  Exporter(const BitsSetup& setup, const BitsModel& model, const Widths& widths)
      : setup_(setup),
        model_(model),
        sites_(model.sites()),
        knobs_(model.knobs()),
        widths_(widths) {}

  void run(Bits& bits) {
    for (std::size_t i = 0; i < knobs_.size(); ++i) {
      bits.layers.push_back(layer_of(i));
    }
    bits.recipe = recipe();
    for (std::size_t i = 0; i < sites_.weights.size(); ++i) {
      if (!is_given(i)) {
        add_weights(i, bits.quantizer_config);
      }
    }
    for (std::size_t i = sites_.weights.size(); i < knobs_.size(); ++i) {
      if (!is_given(i) && !add_activation(i, bits.quantizer_config)) {
        bits.by_hand.push_back(bits.layers[i]);
      }
    }
  }

 private:
  [[nodiscard]] int bits_at(std::size_t knob) const { return model_.bits_at(widths_, knob); }
  [[nodiscard]] bool is_given(std::size_t knob) const {
    return knobs_[knob].is_given(widths_[knob]);
  }
  [[nodiscard]] const std::string& quantizer(std::size_t knob) const {
    return knobs_[knob].quantizers[static_cast<std::size_t>(widths_[knob])];
  }

  [[nodiscard]] BitsLayer layer_of(std::size_t i) const {
    const auto& knob = knobs_[i];
    BitsLayer layer{.layer = knob.name, .quantizer = quantizer(i)};
    if (knob.is_weight) {
      layer.type = sites_.weights[knob.site].type;
      layer.weight_bits = bits_at(i);
    } else {
      layer.type = sites_.activations[knob.site].type;
      layer.activation_bits = bits_at(i);
    }
    return layer;
  }

  // --- the recipe ------------------------------------------------------------------------------

  /// The narrowest types that hold the bits.
  [[nodiscard]] quantize::Recipe recipe() const {
    quantize::Scheme scheme;
    scheme.per_channel = true;
    auto recipe = quantize::uniform_recipe(*setup_.model, scheme);
    for (std::size_t i = 0; i < sites_.weights.size(); ++i) {
      auto own = scheme;
      own.weight = bits_at(i) <= 4 ? DType::kInt4 : DType::kInt8;
      own.activation = model_.input_bits(widths_, i) > 8 ? DType::kUInt16 : DType::kUInt8;
      if (own == scheme || is_given(i)) {
        continue;
      }
      recipe.rules.push_back({.match = sites_.weights[i].ops, .types = {}, .scheme = own});
    }
    return recipe;
  }

  // --- QKeras ----------------------------------------------------------------------------------

  [[nodiscard]] const NamedLayer* layer_named(std::string_view name) const {
    const auto found = std::ranges::find(setup_.layers, name, &NamedLayer::name);
    return found == setup_.layers.end() ? nullptr : &*found;
  }
  /// Weights are called after the layer: "block/conv/kernel".
  [[nodiscard]] const NamedLayer* layer_of_weights(const WeightSite& site) const {
    const auto slash = site.tensor.rfind('/');
    return slash == std::string::npos ? nullptr
                                      : layer_named(std::string_view(site.tensor).substr(0, slash));
  }
  static bool of_class(const NamedLayer& layer, std::string_view part) {
    return layer.class_name.find(part) != std::string::npos;
  }

  void add_weights(std::size_t i, Config& config) const {
    const auto& site = sites_.weights[knobs_[i].site];
    const auto* layer = layer_of_weights(site);
    const bool separable = layer != nullptr && of_class(*layer, "Separable");
    std::string role = "kernel_quantizer";
    if (separable) {
      role = site.depthwise ? "depthwise_quantizer" : "pointwise_quantizer";
    } else if (layer != nullptr ? of_class(*layer, "Depthwise") : site.depthwise) {
      role = "depthwise_quantizer";
    }
    auto& own = entry(layer == nullptr ? site.name : layer->name, config).quantizers;
    own[role] = quantizer(i);
    auto& bias = own["bias_quantizer"];
    if (site.bias) {
      bias = bias_quantizer(*site.bias);
    }
  }
  static QuantizerEntry& entry(const std::string& layer, Config& config) {
    const auto found = std::ranges::find(config, layer, &QuantizerEntry::layer);
    return found == config.end() ? config.emplace_back(QuantizerEntry{layer, {}, {}}) : *found;
  }
  /// Wide: biases are a few numbers, and are not searched.
  static std::string bias_quantizer(float largest) {
    const int integer =
        largest > 0 && std::isfinite(largest) ? static_cast<int>(std::ceil(std::log2(largest))) : 0;
    return fmt::format("quantized_bits(16,{},0,alpha=1.0)", std::clamp(integer, 0, 60));
  }

  /// model_quantize() of QKeras puts a quantizer in the place of an activation: right for ReLU.
  bool add_activation(std::size_t i, Config& config) const {
    const auto& site = sites_.activations[knobs_[i].site];
    const auto layer = std::ranges::find(setup_.layers, site.tensor, &NamedLayer::value);
    if (layer == setup_.layers.end() || !site.relu) {
      return false;
    }
    if (layer->class_name == "Activation" || layer->class_name == "ReLU") {
      entry(layer->name, config).activation = quantizer(i);
      return true;
    }
    const auto found = std::ranges::find(config, layer->name, &QuantizerEntry::layer);
    if (found == config.end()) {
      return false;
    }
    found->quantizers["activation_quantizer"] = quantizer(i);
    return true;
  }

  const BitsSetup& setup_;
  const BitsModel& model_;
  const Sites& sites_;
  const std::vector<Knob>& knobs_;
  const Widths& widths_;
};

}  // namespace

void export_widths(const BitsSetup& setup, const BitsModel& model, const Widths& widths,
                   Bits& bits) {
  Exporter(setup, model, widths).run(bits);
}

}  // namespace tessera::noise
