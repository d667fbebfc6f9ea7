// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/onnx_simulation.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

#include "tessera/numerics/kernels.h"

namespace tessera::quantize {
namespace {

/// scale x (q - zero point), by the channel of `axis`.
Result<Tensor> dequantized(const Tensor& integers, const Shape& shape,
                           const std::vector<numerics::QParams>& qparams, int axis) {
  TESSERA_TRY(const auto levels, to_float32(integers.view()));
  Tensor result(DType::kFloat32, shape);
  auto reals = result.as<float>();
  std::size_t inner = 1;
  std::size_t extent = 1;
  if (axis >= 0) {
    extent = static_cast<std::size_t>(shape[static_cast<std::size_t>(axis)]);
    for (auto i = static_cast<std::size_t>(axis) + 1; i < shape.size(); ++i) {
      inner *= static_cast<std::size_t>(shape[i]);
    }
  }
  for (std::size_t i = 0; i < reals.size(); ++i) {
    const auto& one = qparams[axis < 0 ? 0 : i / inner % extent];
    reals[i] = one.scale * (levels[i] - static_cast<float>(one.zero_point));
  }
  return result;
}

/// Relu and those that come near it. SiLU is a Sigmoid and a Mul.
bool is_rectified(const onnx::Model& model, const std::string& value) {
  constexpr std::array<std::string_view, 8> kTypes = {"Relu",      "Clip", "Sigmoid",   "Mul",
                                                      "LeakyRelu", "Gelu", "HardSwish", "PRelu"};
  bool sigmoid_or_relu = false;
  for (const auto reader : model.consumers(value)) {
    const auto& type = model.op_type(reader);
    if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
      return false;
    }
    sigmoid_or_relu = sigmoid_or_relu || type != "Mul";
  }
  return sigmoid_or_relu && !model.is_output(value);
}

/// What a Gemm multiplies its bias by.
double beta_of(const onnx::Model& model, onnx::NodeId node) {
  const auto beta = model.attribute(node, "beta");
  const auto* const number = beta ? std::get_if<float>(&*beta) : nullptr;
  return beta && number != nullptr ? double{*number} : 1;
}

bool has_bias(const std::vector<std::string>& inputs) {
  return inputs.size() > 2 && !inputs[2].empty();
}

/// Adds the product to those that have a bias, or to those without; a bias of another shape, or one
/// that counts for nothing, is none of either.
void add_product(const onnx::Model& model, const WeightScale& scale, Simulation& to) {
  const auto& type = model.op_type(scale.node);
  const auto inputs = model.inputs(scale.node);
  const auto weight = model.initializer_type(scale.initializer);
  const bool fixed = has_bias(inputs) && !model.is_constant(inputs[2]);
  const bool convolution = type == "Conv" || type == "ConvTranspose";
  if ((!convolution && type != "Gemm") || scale.input != 1 || fixed || !weight || !weight->shape ||
      weight->shape->size() < 2) {
    to.without_biases.push_back(model.name(scale.node));
    return;
  }
  const auto result = model.outputs(scale.node).front();
  const auto axis = type == "Conv" || model.int_attribute(scale.node, "transB", 0) != 0 ? 0 : 1;
  Product product{.source = scale.node.value,
                  .result = result,
                  .channels = (*weight->shape)[static_cast<std::size_t>(axis)].value,
                  .channels_last = !convolution,
                  .rectified = is_rectified(model, result)};
  const auto bias = has_bias(inputs) ? model.initializer_type(inputs[2]) : std::nullopt;
  std::int64_t elements = 1;
  for (std::size_t i = 0; bias && i < bias->shape->size(); ++i) {
    elements *= (*bias->shape)[i].value;
  }
  if (beta_of(model, scale.node) != 0 && (!bias || elements == product.channels || elements == 1)) {
    to.products.push_back(std::move(product));
  }
}

}  // namespace

Result<onnx::Model> with_rounded_weights(const onnx::Model& model,
                                         const quantize::StaticDetails& details,
                                         const quantize::WeightOverrides& overrides) {
  auto rounded = model.clone();
  for (const auto& weight : details.weights) {
    TESSERA_TRY(const auto values, model.initializer(weight.initializer));
    const Shape shape(values.shape.begin(), values.shape.end());
    const auto given = overrides.find(weight.initializer);
    if (given != overrides.end() && given->second.qparams == weight.qparams &&
        given->second.dtype == weight.dtype && given->second.axis == weight.axis) {
      TESSERA_TRY(auto reals,
                  dequantized(given->second.values, shape, weight.qparams, weight.axis));
      replace_constant(rounded, weight.node, weight.input, std::move(reals));
      continue;
    }
    TESSERA_TRY(const auto integers,
                numerics::quantize_weights_with(values, weight.dtype, weight.qparams, weight.axis));
    TESSERA_TRY(auto reals, dequantized(integers.values, shape, weight.qparams, weight.axis));
    replace_constant(rounded, weight.node, weight.input, std::move(reals));
  }
  return rounded;
}

void replace_constant(onnx::Model& model, onnx::NodeId node, std::size_t input, Tensor value) {
  const auto name = model.inputs(node)[input];
  if (model.has_initializer(name) && model.consumers(name).size() == 1 &&
      !model.used_by_body(name) && !model.is_output(name)) {
    model.set_initializer(name, std::move(value));
    return;
  }
  const auto fresh = model.unique_name(name.empty() ? model.name(node) + "_constant" : name);
  model.set_initializer(fresh, std::move(value));
  model.set_input(node, input, fresh);
}

Result<Simulation> simulate_onnx(const onnx::Model& model, const Assignment& assignment,
                                 const calibrate::Ranges& ranges, const QuantizeOptions& options,
                                 Monitor& monitor) {
  TESSERA_TRY(const auto details, describe_static(model, assignment, ranges, options, monitor));
  static const WeightOverrides kNone;
  TESSERA_TRY(auto rounded,
              with_rounded_weights(model, details, options.weights ? *options.weights : kNone));
  Simulation simulation{network::Network::of(std::move(rounded)), {}, {}, {}};
  for (const auto& scale : details.activations) {
    simulation.rounded.push_back({scale.spec.dtype, scale.qparams, scale.tensors});
  }
  std::set<std::uint32_t> seen;
  for (const auto& scale : details.weights) {
    if (seen.insert(scale.node.value).second) {
      add_product(model, scale, simulation);
    }
  }
  return simulation;
}

Status add_to_bias(onnx::Model& model, const Product& product, std::span<const double> by) {
  const onnx::NodeId node{product.source};
  auto inputs = model.inputs(node);
  Tensor bias(DType::kFloat32, {product.channels});
  auto values = bias.as<float>();
  const bool given = has_bias(inputs);
  if (given) {
    TESSERA_TRY(const auto old, model.initializer(inputs[2]));
    const auto old_values = old.as<float>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = old_values[old_values.size() == 1 ? 0 : i];
    }
    if (old.size() == product.channels) {
      bias.reshape(Shape(old.shape.begin(), old.shape.end()));
    }
  }
  const auto beta = beta_of(model, node);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(double{values[i]} + by[i] / beta);
  }
  if (!given) {
    inputs.resize(3);
    inputs[2] = model.unique_name(model.name(node) + "_bias");
    model.set_initializer(inputs[2], std::move(bias));
    model.set_inputs(node, inputs);
    return {};
  }
  replace_constant(model, node, 2, std::move(bias));
  return {};
}

}  // namespace tessera::quantize
