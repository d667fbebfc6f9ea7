// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/energy_layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "keras/energy_units.h"
#include "keras/layer_config.h"

namespace tessera::keras {
namespace {

/// What QTools takes where a layer of QKeras has no quantizer.
NumberType usual_type() {
  return fixed_type(8, 0, true);
}

enum class Family : std::uint8_t {
  kProduct,  ///< dense layers and convolutions
  kFolded,   ///< convolutions with a batch normalization
  kNorm,
  kMerge,
  kAverage,
  kActivation,
  kReshape,  ///< values go on as they are
  kOther,
};

struct Known {
  std::string_view class_name;
  Family family;
};

constexpr std::array kFamilies = {
    Known{"Dense", Family::kProduct},
    Known{"Conv1D", Family::kProduct},
    Known{"Conv2D", Family::kProduct},
    Known{"DepthwiseConv2D", Family::kProduct},
    Known{"Conv2DBatchnorm", Family::kFolded},
    Known{"DepthwiseConv2DBatchnorm", Family::kFolded},
    Known{"BatchNormalization", Family::kNorm},
    Known{"Add", Family::kMerge},
    Known{"Subtract", Family::kMerge},
    Known{"Multiply", Family::kMerge},
    Known{"Average", Family::kMerge},
    Known{"Maximum", Family::kMerge},
    Known{"Minimum", Family::kMerge},
    Known{"Concatenate", Family::kMerge},
    Known{"AveragePooling2D", Family::kAverage},
    Known{"GlobalAveragePooling2D", Family::kAverage},
    Known{"Activation", Family::kActivation},
    Known{"AdaptiveActivation", Family::kActivation},
    Known{"Flatten", Family::kReshape},
    Known{"Reshape", Family::kReshape},
};

std::string_view plain(std::string_view class_name) {
  return is_qkeras(class_name) ? class_name.substr(1) : class_name;
}

Family family_of(const std::string& class_name) {
  const auto* const known = std::ranges::find(kFamilies, plain(class_name), &Known::class_name);
  return known == kFamilies.end() ? Family::kOther : known->family;
}

double elements(const Shape& shape) {
  double count = 1;
  for (const auto extent : shape) {
    count *= static_cast<double>(extent);
  }
  return count;
}

Result<NumberType> type_at(const Layer& layer, const char* key, const NumberType& otherwise) {
  TESSERA_TRY(
      const auto quantizer,
      parse_quantizer(LayerConfig(layer).at(key), fmt::format("layer '{}': {}", layer.name, key)));
  return quantizer ? type_of(*quantizer) : otherwise;
}

bool depthwise(const Layer& layer) {
  return plain(layer.class_name).starts_with("Depthwise");
}

Failure no_kernel(const Layer& layer) {
  return fail(ErrorCode::kDataLoss, "layer '{}' ({}): its weights are missing", layer.name,
              layer.class_name)
      .hint("save the whole model, or its weights, after it was built");
}

// --- products --------------------------------------------------------------------------------

/// Multiplications of one inference.
double products_of(const EnergySite& site, const Shape& kernel) {
  const double output = elements(site.output_shape);
  if (depthwise(site.layer)) {
    // QTools counts the channels that go in, once each.
    const bool each = site.physical();
    const double channels =
        static_cast<double>(each ? site.output_shape.back() : site.input_shapes.front().back());
    return output / static_cast<double>(site.output_shape.back()) * channels *
           static_cast<double>(kernel[0] * kernel[1]);
  }
  if (plain(site.layer.class_name) == "Dense") {
    return output * static_cast<double>(kernel[0]);
  }
  // Groups: the kernel has the channels of one of them, which QTools overlooks.
  const auto channels =
      site.physical() ? kernel[kernel.size() - 2] : site.input_shapes.front().back();
  return output * elements({kernel.begin(), kernel.end() - 2}) * static_cast<double>(channels);
}

/// Products that enter one sum.
double terms_of(const EnergySite& site, const Shape& kernel, bool bias) {
  const bool own_channel = depthwise(site.layer) && site.physical();
  const auto outer = own_channel ? kernel.end() - 2 : kernel.end() - 1;
  return elements({kernel.begin(), outer}) + (bias ? 1 : 0);
}

double count_of_biases(const EnergySite& site, const Shape& kernel) {
  return static_cast<double>(site.physical() ? site.output_shape.back() : kernel.back());
}

Result<LayerEnergy> product_layer(const EnergySite& site, bool folded) {
  const auto& layer = site.layer;
  LayerEnergy result;
  if (layer.weights.empty() || layer.weights.front().value.shape().size() < 2) {
    return no_kernel(layer);
  }
  const auto& kernel = layer.weights.front().value.shape();
  const bool quantized = is_qkeras(layer.class_name);
  TESSERA_TRY(const bool use_bias, LayerConfig(layer).flag("use_bias", true));
  const char* const key = depthwise(layer) ? "depthwise_quantizer" : "kernel_quantizer";
  const auto otherwise = quantized ? usual_type() : float_type(32);
  TESSERA_TRY(result.weight, type_at(layer, key, otherwise));
  TESSERA_TRY(auto bias, type_at(layer, "bias_quantizer", otherwise));
  auto product = multiply(*result.weight, site.inputs.front());
  if (!quantized) {
    product.output = float_type(32);
  }
  const bool own_bias = !folded || LayerConfig(layer).has("bias_quantizer");
  // QTools counts a bias in every sum but of folded layers without a quantizer for it.
  const bool counted_bias = site.physical() ? use_bias || folded : own_bias;
  auto sum = accumulate(terms_of(site, kernel, counted_bias), product.output);
  if (!quantized) {
    sum = float_type(32);
  }
  if (folded && !own_bias) {
    bias = sum;
    sum.bits += sum.is_float() ? 0 : 1;
    sum.int_bits += sum.is_float() ? 0 : 1;
  }
  if (use_bias || folded) {
    result.bias = bias;
  }
  const bool counted = !folded || site.physical();
  if (counted || !depthwise(layer)) {
    TESSERA_TRY(result.operations, whole(products_of(site, kernel), layer.name));
  }
  if (counted) {
    result.computed = static_cast<double>(result.operations) * (energy_of(product) + addition(sum));
    const auto& memory = site.options.weights;
    result.parameters = moving({elements(kernel) * result.weight->bits}, memory, site.options) +
                        (result.bias ? moving({count_of_biases(site, kernel) * result.bias->bits},
                                              memory, site.options)
                                     : 0.0);
  }
  result.product = product;
  result.sum = sum;
  result.output = sum;
  return result;
}

// --- batch normalization ---------------------------------------------------------------------

/// Of the standard deviation: half the exponents.
NumberType deviation_of(NumberType variance) {
  if (variance.is_po2) {
    variance.max_value = variance.max_value >= 0 ? std::nearbyint(std::sqrt(variance.max_value))
                                                 : variance.max_value;
    variance.bits -= 1;
    variance.int_bits = variance.bits;
  }
  return variance;
}

Result<LayerEnergy> norm_layer(const EnergySite& site) {
  const auto& layer = site.layer;
  const auto& input = site.inputs.front();
  const bool quantized = is_qkeras(layer.class_name);
  const auto float32 = float_type(32);
  TESSERA_TRY(const auto gamma,
              type_at(layer, "gamma_quantizer", quantized ? usual_type() : float32));
  TESSERA_TRY(const auto beta, type_at(layer, "beta_quantizer", quantized ? input : float32));
  TESSERA_TRY(const auto mean, type_at(layer, "mean_quantizer", quantized ? input : float32));
  TESSERA_TRY(const auto variance,
              type_at(layer, "variance_quantizer", quantized ? usual_type() : float32));
  const LayerConfig config(layer);
  TESSERA_TRY(const bool scaled, config.flag("scale", true));
  TESSERA_TRY(const bool centred, config.flag("center", true));
  if (layer.weights.empty()) {
    return no_kernel(layer);
  }
  LayerEnergy result;
  TESSERA_TRY(auto quotient, divide(scaled ? gamma : input, deviation_of(variance))
                                 .map_error(in_file(fmt::format("layer '{}'", layer.name))));
  if (scaled) {
    result.product = multiply(quotient.output, input);
  }
  const auto& factor = scaled ? result.product->output : quotient.output;
  if (centred) {
    result.sum = add(factor, beta);
  }
  result.output = quantized ? (centred ? *result.sum : factor) : float32;
  TESSERA_TRY(result.operations, whole(elements(site.input_shapes.front()), layer.name));
  const double count = static_cast<double>(result.operations);
  double one = result.product ? energy_of(*result.product) : 0.0;
  if (site.physical()) {
    // The quotient is a constant; the sum is QTools' to forget.
    one = (result.product ? one : energy_of(quotient)) + (result.sum ? addition(*result.sum) : 0.0);
  } else {
    one += energy_of(quotient);
  }
  result.computed = count * one;
  const auto channels = static_cast<double>(layer.weights.front().value.size());
  for (const auto* const type : {&gamma, &beta, &mean, &variance}) {
    result.parameters += moving({channels * type->bits}, site.options.weights, site.options);
  }
  return result;
}

// --- merges and averages ---------------------------------------------------------------------

/// The type that holds each of several.
NumberType common_type(const std::vector<NumberType>& types) {
  double float_bits = 0;
  NumberType common = fixed_type(-1, -1, false);
  for (const auto& type : types) {
    common.is_signed = common.is_signed || type.is_signed;
    if (type.is_float()) {
      float_bits = std::max(float_bits, type.bits);
      continue;
    }
    const auto fixed = type.is_po2 ? fixed_point_of(type) : type;
    common.bits = std::max(common.bits, fixed.bits);
    common.int_bits = std::max(common.int_bits, fixed.int_bits);
  }
  return float_bits > 0 ? float_type(float_bits) : common;
}

bool same_type(const NumberType& a, const NumberType& b) {
  return a.name == b.name && a.bits == b.bits && a.int_bits == b.int_bits &&
         a.is_signed == b.is_signed;
}

Operation merge_operation(const EnergySite& site, std::string_view kind) {
  const auto& inputs = site.inputs;
  Operation merge{.circuit = Circuit::kAdder};
  if (kind == "Multiply") {
    merge.output = inputs.front();
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      merge = multiply(merge.output, inputs[i]);
    }
    return merge;
  }
  merge.output = common_type(inputs);
  if (kind == "Add" || kind == "Subtract") {
    merge.output.bits += merge.output.is_float() ? 0 : 1;
    merge.output.int_bits += merge.output.is_float() ? 0 : 1;
  } else {
    const bool same = std::ranges::all_of(
        inputs, [&](const NumberType& type) { return same_type(type, inputs.front()); });
    merge.output = same ? inputs.front() : merge.output;
    merge.gate_factor = kind == "Concatenate" ? 0 : kind == "Average" ? 1 : 0.2;
  }
  merge.gate_bits = merge.output.bits;
  return merge;
}

Result<LayerEnergy> merge_layer(const EnergySite& site) {
  const auto kind = plain(site.layer.class_name);
  LayerEnergy result;
  result.product = merge_operation(site, kind);
  result.output = result.product->output;
  double most = 0;
  for (const auto& shape : site.input_shapes) {
    most = std::max(most, elements(shape));
  }
  TESSERA_TRY(result.operations, whole(most, site.layer.name));
  const bool counted = site.physical() || kind == "Add" || kind == "Multiply" || kind == "Subtract";
  if (counted) {
    const auto others = static_cast<double>(site.inputs.size() - 1);
    result.computed = others * most * energy_of(*result.product);
  }
  return result;
}

Result<LayerEnergy> average_layer(const EnergySite& site) {
  const auto& layer = site.layer;
  const auto& input = site.input_shapes.front();
  const bool quantized = is_qkeras(layer.class_name);
  double window = input.empty() ? 1 : elements({input.begin(), input.end() - 1});
  if (plain(layer.class_name) == "AveragePooling2D") {
    TESSERA_TRY(const auto pool, LayerConfig(layer).extents("pool_size", 2, 2));
    window = elements(pool);
  }
  LayerEnergy result;
  auto term = site.inputs.front();
  result.sum = accumulate(window, term);
  result.output = *result.sum;
  if (quantized) {
    TESSERA_TRY(const auto average, type_at(layer, "average_quantizer", usual_type()));
    result.product = multiply(*result.sum, average);
    result.output = result.product->output;
  }
  const auto channels =
      site.output_shape.empty() ? 1.0 : static_cast<double>(site.output_shape.back());
  const double outputs = site.physical() ? elements(site.output_shape) : channels;
  const bool counted = site.physical() || !quantized;
  TESSERA_TRY(result.operations, whole(counted ? outputs * window : 0, layer.name));
  result.computed = static_cast<double>(result.operations) * addition(*result.sum);
  if (site.physical() && result.product) {
    result.computed += outputs * energy_of(*result.product);
  }
  return result;
}

Result<LayerEnergy> activation_layer(const EnergySite& site) {
  LayerEnergy result;
  result.output = float_type(32);
  TESSERA_TRY(result.operations, whole(elements(site.input_shapes.front()), site.layer.name));
  return result;
}

Result<LayerEnergy> compute(const EnergySite& site) {
  switch (family_of(site.layer.class_name)) {
    case Family::kProduct:
      return product_layer(site, false);
    case Family::kFolded:
      return product_layer(site, true);
    case Family::kNorm:
      return norm_layer(site);
    case Family::kMerge:
      return merge_layer(site);
    case Family::kAverage:
      return average_layer(site);
    case Family::kActivation:
      return activation_layer(site);
    case Family::kReshape:
      break;
    case Family::kOther:
      if (site.physical() && !site.layer.weights.empty()) {
        return fail(ErrorCode::kUnimplemented,
                    "layer '{}': the operations of {} are not counted here", site.layer.name,
                    site.layer.class_name)
            .hint("as QTools counts it has none: ask for the rules of QTools to see the others");
      }
      break;
  }
  LayerEnergy moved;
  moved.output = site.inputs.front();
  return moved;
}

/// Parts of a layer that enter QTools' sum (qtools/config_public.py).
double counted_by_qtools(const std::string& class_name, const LayerEnergy& energy) {
  if (class_name == "QActivation" || class_name == "QAdaptiveActivation" ||
      class_name == "Activation") {
    return energy.written;
  }
  if (class_name == "QBatchNormalization" || class_name == "BatchNormalization") {
    return energy.parameters;
  }
  if (class_name == "Add" || class_name == "Subtract" || class_name == "MaxPooling2D") {
    return energy.computed;
  }
  return energy.read + energy.parameters + energy.computed;
}

}  // namespace

Result<std::int64_t> whole(double count, const std::string& layer) {
  constexpr double kEnd = 9007199254740992;  // 2^53
  if (!(count < kEnd)) {
    return fail(ErrorCode::kUnimplemented, "layer '{}': {:g} operations are too many to count",
                layer, count)
        .hint("give the inputs of the network smaller extents");
  }
  return static_cast<std::int64_t>(count);
}

Result<std::optional<Quantizer>> own_quantizer(const Layer& layer) {
  if (!is_qkeras(layer.class_name)) {
    return std::nullopt;
  }
  const auto where = fmt::format("layer '{}': activation", layer.name);
  if (layer.class_name == "QAdaptiveActivation") {
    const auto named = [&](std::string_view name) {
      return std::ranges::find(layer.weights, name, &Weight::name);
    };
    const auto low = named("ema_min");
    const auto high = named("ema_max");
    if (low == layer.weights.end() || high == layer.weights.end()) {
      return no_kernel(layer);
    }
    return adaptive_quantizer(layer.config, low->value.view(), high->value.view(), where);
  }
  return activation_quantizer(layer, LayerConfig(layer).at("activation"), where);
}

Result<LayerEnergy> energy_of_layer(const EnergySite& site) {
  TESSERA_TRY(auto result, compute(site));
  TESSERA_TRY(const auto quantizer, own_quantizer(site.layer));
  if (quantizer) {
    result.output = type_of(*quantizer);
  } else if (!site.physical()) {
    result.output = handed_on(result.output);
  }
  result.inputs = site.inputs;
  result.class_name = site.layer.class_name;
  const bool moves = !site.physical() || family_of(site.layer.class_name) != Family::kReshape;
  if (moves) {
    for (std::size_t i = 0; i < site.inputs.size(); ++i) {
      const double bits = elements(site.input_shapes[i]) * site.inputs[i].bits;
      result.read += moving({bits, site.first}, site.options.activations, site.options);
    }
    const double bits = elements(site.output_shape) * result.output.bits;
    result.written = moving({bits, site.last}, site.options.activations, site.options);
  }
  result.counted = site.physical() ? result.total() : counted_by_qtools(result.class_name, result);
  return result;
}

}  // namespace tessera::keras
