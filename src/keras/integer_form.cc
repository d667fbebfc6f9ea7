// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/integer_form.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/onnx/query.h"
#include "tessera/tensor/make.h"

namespace tessera::keras {
namespace {

using onnx::NodeId;

/// The scale and zero point that a value was dequantized with, by the names of their constants.
struct ByteGrid {
  std::string scale;
  std::string zero_point;
  float step = 0;
};

template <std::size_t N>
bool is_one_of(std::string_view type, const std::array<std::string_view, N>& types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

/// Operators that hand on values as they are.
constexpr std::array<std::string_view, 7> kMoving = {"MaxPool", "Reshape",   "Flatten", "Transpose",
                                                     "Squeeze", "Unsqueeze", "Identity"};

bool is_nearest_resize(const onnx::Model& model, NodeId node) {
  return model.op_type(node) == "Resize" &&
         onnx::attribute_as<std::string>(model, node, "mode") == "nearest";
}

/// The 8-bit grid, with one scale for all, that a DequantizeLinear puts its result on.
std::optional<ByteGrid> grid_of_result(const onnx::Model& model, NodeId node) {
  const auto inputs = model.inputs(node);
  if (model.op_type(node) != "DequantizeLinear" || inputs.size() != 3 ||
      model.has_initializer(inputs[0])) {
    return std::nullopt;
  }
  const auto scale = model.initializer(inputs[1]);
  const auto zero = model.initializer_type(inputs[2]);
  if (!scale || scale->size() != 1 || !scale->shape.empty() || !zero ||
      zero->dtype != DType::kUInt8) {
    return std::nullopt;
  }
  return ByteGrid{inputs[1], inputs[2], scale->as<float>().front()};
}

/// The grid that a value lies on, looked for behind operators that only move it.
std::optional<ByteGrid> grid_of_value(const onnx::Model& model, std::string value) {
  while (const auto producer = model.producer(value)) {
    if (!is_one_of(model.op_type(*producer), kMoving)) {
      return grid_of_result(model, *producer);
    }
    value = model.inputs(*producer).front();
  }
  return std::nullopt;
}

/// Whether steps and zero points are equal: constants of equal grids may have different names.
bool same_grid(const onnx::Model& model, const ByteGrid& a, const ByteGrid& b) {
  const auto zero = [&](const ByteGrid& grid) {
    const auto value = model.initializer(grid.zero_point);
    return value ? int{value->as<std::uint8_t>().front()} : -1;
  };
  return a.step == b.step && zero(a) == zero(b);
}

/// Scales of int8 weights: one, or one per channel of the result.
std::optional<std::vector<float>> weight_scales(const onnx::Model& model, const std::string& weight,
                                                std::int64_t channel_axis) {
  const auto node = model.producer(weight);
  if (!node || model.op_type(*node) != "DequantizeLinear") {
    return std::nullopt;
  }
  const auto inputs = model.inputs(*node);
  const auto codes = model.initializer_type(inputs[0]);
  const auto scale = model.initializer(inputs[1]);
  if (!codes || codes->dtype != DType::kInt8 || !scale) {
    return std::nullopt;
  }
  if (scale->size() > 1 && model.int_attribute(*node, "axis", 1) != channel_axis) {
    return std::nullopt;
  }
  const auto values = scale->as<float>();
  return std::vector<float>(values.begin(), values.end());
}

/// A bias as integers, and the scales of them.
struct IntegerBias {
  std::vector<std::int32_t> codes;
  std::vector<float> scales;  ///< one, or one per element
};

/// Absent where the integers say another number. `rounding`: the nearest ones will do.
std::optional<IntegerBias> integer_bias(std::span<const float> bias, float input,
                                        const std::vector<float>& weights, bool rounding) {
  constexpr double kDeviation = 1e-7;
  constexpr double kMost = 2147483647.0;
  double largest = 0;
  for (const float one : bias) {
    largest = std::max(largest, std::abs(double{one}));
  }
  IntegerBias result;
  for (const float weight : weights) {
    result.scales.push_back(input * weight);
    // A zero of a channel that is never used, and products that no float holds.
    if (!std::isnormal(result.scales.back())) {
      return std::nullopt;
    }
  }
  for (std::size_t i = 0; i < bias.size(); ++i) {
    const float scale = result.scales[weights.size() == 1 ? 0 : i];
    const double code = std::nearbyint(double{bias[i]} / double{scale});
    if (!(std::abs(code) <= kMost)) {
      return std::nullopt;
    }
    const float again = static_cast<float>(code) * scale;
    if (!rounding && std::abs(double{again} - double{bias[i]}) > kDeviation * largest) {
      return std::nullopt;
    }
    result.codes.push_back(static_cast<std::int32_t>(code));
  }
  return result;
}

/// A product whose factors are on grids.
struct Product {
  NodeId node;
  ByteGrid input;
  std::vector<float> weights;
};

std::optional<Product> product_at(const onnx::Model& model, NodeId node) {
  const bool convolution = model.op_type(node) == "Conv";
  const auto inputs = model.inputs(node);
  if ((!convolution && model.op_type(node) != "Gemm") || inputs.size() < 2) {
    return std::nullopt;
  }
  auto input = grid_of_value(model, inputs[0]);
  auto weights = weight_scales(model, inputs[1], convolution ? 0 : 1);
  if (!input || !weights) {
    return std::nullopt;
  }
  return Product{node, std::move(*input), std::move(*weights)};
}

void store_bias(onnx::Model& model, const Product& product, const std::string& bias,
                const IntegerBias& integers) {
  const auto count = std::ssize(integers.codes);
  const auto codes = model.unique_name(bias + "_codes");
  model.set_initializer(codes, Tensor::of(integers.codes, {count}));
  const auto scale = model.unique_name(bias + "_scale");
  const bool single = integers.scales.size() == 1;
  model.set_initializer(scale, single ? Tensor::scalar(integers.scales.front())
                                      : Tensor::of(integers.scales, {count}));
  const auto name = model.unique_name(bias + "_dequantized");
  std::vector<onnx::NamedAttribute> attributes;
  if (!single) {
    attributes.push_back({"axis", std::int64_t{0}});
  }
  model.add_node({name, "DequantizeLinear", {}, {codes, scale}, {name}, std::move(attributes)},
                 product.node);
  model.set_input(product.node, 2, name);
}

/// Adds the bias behind the product, in front of what reads it.
void split_bias(onnx::Model& model, const Product& product, const std::string& bias,
                const TensorView& values) {
  auto inputs = model.inputs(product.node);
  const auto result = model.outputs(product.node).front();
  const auto plain = model.unique_name(result + "/product");
  std::string term = bias;
  if (model.op_type(product.node) == "Conv") {
    const auto codes = model.inputs(*model.producer(inputs[1])).front();
    Shape shape(model.initializer(codes)->shape.size() - 1, 1);
    shape.front() = values.size();
    Tensor moved(values);
    moved.reshape(shape);
    term = model.unique_name(bias + "_term");
    model.set_initializer(term, std::move(moved));
  }
  inputs.resize(2);
  model.set_inputs(product.node, inputs);
  model.set_output(product.node, 0, plain);
  model.add_node({model.unique_name(result + "/Add"), "Add", {}, {plain, term}, {result}, {}});
}

Status place_bias(onnx::Model& model, const Product& product, bool rounding) {
  const auto inputs = model.inputs(product.node);
  if (inputs.size() < 3 || !model.has_initializer(inputs[2])) {
    return {};
  }
  TESSERA_TRY(const auto bias, model.initializer(inputs[2]));
  const auto integers =
      integer_bias(bias.as<float>(), product.input.step, product.weights, rounding);
  if (integers) {
    store_bias(model, product, inputs[2], *integers);
    return {};
  }
  split_bias(model, product, inputs[2], Tensor(bias).view());
  return {};
}

/// Whether the one reader of a value is of this type.
std::optional<NodeId> only_reader(const onnx::Model& model, std::string_view value,
                                  std::string_view type) {
  const auto readers = model.consumers(value);
  if (readers.size() != 1 || model.is_output(value) || model.op_type(readers.front()) != type) {
    return std::nullopt;
  }
  return readers.front();
}

/// What batch normalization does to each channel: value * factor + term.
struct Normalization {
  std::vector<double> factor;
  std::vector<double> term;
};

Result<Normalization> normalization_of(const onnx::Model& model, NodeId node) {
  std::array<std::vector<float>, 4> parameters;  // gamma, beta, mean, variance
  const auto inputs = model.inputs(node);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    TESSERA_TRY(const auto values, model.initializer(inputs[i + 1]));
    parameters[i].assign(values.as<float>().begin(), values.as<float>().end());
  }
  constexpr float kEpsilon = 1e-5F;
  const double above_zero =
      double{onnx::attribute_as<float>(model, node, "epsilon").value_or(kEpsilon)};
  Normalization result;
  for (std::size_t c = 0; c < parameters[0].size(); ++c) {
    const double factor =
        double{parameters[0][c]} / std::sqrt(double{parameters[3][c]} + above_zero);
    result.factor.push_back(factor);
    result.term.push_back(double{parameters[1][c]} - double{parameters[2][c]} * factor);
  }
  return result;
}

/// int8 weights [O, ...] whose channels have a sign each; absent where one has no opposite.
std::optional<Tensor> with_signs(const TensorView& codes, const std::vector<double>& signs) {
  Tensor result(codes);
  const auto values = result.as<std::int8_t>();
  const auto inner = values.size() / signs.size();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (signs[i / inner] < 0) {
      if (values[i] == std::numeric_limits<std::int8_t>::min()) {
        return std::nullopt;
      }
      values[i] = static_cast<std::int8_t>(-values[i]);
    }
  }
  return result;
}

/// Folds batch normalization behind a convolution on grids into the scales of its weights, where a
/// quantizer reads the result. The bias goes into the units of the sums.
Status fold_norm(onnx::Model& model, const Product& product) {
  const auto result = model.outputs(product.node).front();
  const auto norm = only_reader(model, result, "BatchNormalization");
  if (!norm || model.op_type(product.node) != "Conv" ||
      !only_reader(model, model.outputs(*norm).front(), "QuantizeLinear")) {
    return {};
  }
  TESSERA_TRY(auto by, normalization_of(model, *norm));
  const auto inputs = model.inputs(product.node);
  const auto dequantize = *model.producer(inputs[1]);
  auto weights = model.inputs(dequantize);
  TESSERA_TRY(const auto codes, model.initializer(weights[0]));
  if (codes.shape.empty() || codes.shape[0] != std::ssize(by.factor)) {
    return {};
  }
  auto turned = with_signs(codes, by.factor);
  std::vector<float> scales;
  for (std::size_t c = 0; c < by.factor.size(); ++c) {
    const float weight = product.weights[product.weights.size() == 1 ? 0 : c];
    scales.push_back(static_cast<float>(double{weight} * std::abs(by.factor[c])));
  }
  if (!turned ||
      !std::all_of(scales.begin(), scales.end(), [](float one) { return std::isnormal(one); })) {
    return {};
  }
  if (inputs.size() > 2) {
    TESSERA_TRY(const auto bias, model.initializer(inputs[2]));
    for (std::size_t c = 0; c < by.term.size(); ++c) {
      by.term[c] += double{bias.as<float>()[c]} * by.factor[c];
    }
  }
  const auto layer = model.outputs(*norm).front();
  const auto named = [&](const char* what) {
    return model.unique_name(fmt::format("{}/folded_{}", layer, what));
  };
  const auto count = std::ssize(scales);
  weights = {named("codes"), named("scale"), named("zero_point")};
  model.set_initializer(weights[0], std::move(*turned));
  model.set_initializer(weights[1], Tensor::of(scales, {count}));
  model.set_initializer(weights[2], Tensor(DType::kInt8, {count}));
  const auto kernel = named("kernel");
  model.add_node({kernel, "DequantizeLinear", {}, weights, {kernel}, {{"axis", std::int64_t{0}}}},
                 product.node);
  const auto bias = named("bias");
  model.set_initializer(bias,
                        Tensor::of(std::vector<float>(by.term.begin(), by.term.end()), {count}));
  model.remove_node(*norm);
  model.set_inputs(product.node, {inputs[0], kernel, bias});
  model.set_output(product.node, 0, layer);
  if (model.consumers(inputs[1]).empty()) {
    model.remove_node(dequantize);
  }
  return {};
}

/// The grid that all inputs of a node share.
std::optional<ByteGrid> common_grid(const onnx::Model& model, NodeId node) {
  const bool joining = model.op_type(node) == "Concat";
  if (!joining && !is_nearest_resize(model, node)) {
    return std::nullopt;
  }
  const auto inputs = model.inputs(node);
  const auto first = grid_of_value(model, inputs.front());
  if (!first) {
    return std::nullopt;
  }
  const auto others = joining ? inputs.size() : 1;
  for (std::size_t i = 1; i < others; ++i) {
    const auto grid = grid_of_value(model, inputs[i]);
    if (!grid || !same_grid(model, *first, *grid)) {
      return std::nullopt;
    }
  }
  return first;
}

void mark_grid(onnx::Model& model, NodeId node, const ByteGrid& grid) {
  const auto result = model.outputs(node).front();
  const auto moved = model.unique_name(result + "/moved");
  const auto codes = model.unique_name(result + "/QuantizeLinear");
  model.set_output(node, 0, moved);
  model.add_node({codes, "QuantizeLinear", {}, {moved, grid.scale, grid.zero_point}, {codes}, {}});
  model.add_node({model.unique_name(result + "/DequantizeLinear"),
                  "DequantizeLinear",
                  {},
                  {codes, grid.scale, grid.zero_point},
                  {result},
                  {}});
}

/// A matrix product of floats with int8 weights: ONNX Runtime would make it a kernel that rounds
/// the floats to 8 bits as well (MatMulNBits), unless the weights stand the other way round.
Status keep_floats(onnx::Model& model, NodeId node) {
  const auto inputs = model.inputs(node);
  if (inputs.size() < 2 || grid_of_value(model, inputs[0]) || !weight_scales(model, inputs[1], 1)) {
    return {};
  }
  const auto source = *model.producer(inputs[1]);
  auto weights = model.inputs(source);
  TESSERA_TRY(const auto codes, model.initializer(weights[0]));
  if (codes.shape.size() != 2) {
    return {};
  }
  if (model.op_type(node) == "MatMul") {
    // It cannot read them so: the numbers themselves.
    TESSERA_TRY(const auto scale, model.initializer(weights[1]));
    const auto scales = scale.as<float>();
    const auto from = codes.as<std::int8_t>();
    Tensor floats(DType::kFloat32, Shape(codes.shape.begin(), codes.shape.end()));
    const auto to = floats.as<float>();
    for (std::size_t i = 0; i < to.size(); ++i) {
      to[i] = static_cast<float>(from[i]) * scales[i % scales.size()];
    }
    const auto name = model.unique_name(inputs[1] + "_floats");
    model.set_initializer(name, std::move(floats));
    model.set_input(node, 1, name);
  } else {
    const bool alone = model.consumers(inputs[1]).size() == 1;
    TESSERA_TRY(auto other, transpose_last_two(codes));
    weights[0] = alone ? weights[0] : model.unique_name(weights[0] + "_turned");
    model.set_initializer(weights[0], std::move(other));
    const bool per_channel = model.attribute(source, "axis").has_value();
    if (alone && per_channel) {
      model.set_attribute(source, "axis", std::int64_t{0});
    } else if (!alone) {
      const auto name = model.unique_name(inputs[1] + "_turned");
      std::vector<onnx::NamedAttribute> attributes;
      if (per_channel) {
        attributes.push_back({"axis", std::int64_t{0}});
      }
      model.add_node({name, "DequantizeLinear", {}, weights, {name}, std::move(attributes)}, node);
      model.set_input(node, 1, name);
    }
    model.set_attribute(node, "transB", std::int64_t{1});
  }
  if (model.consumers(inputs[1]).empty()) {
    model.remove_node(source);
  }
  return {};
}

}  // namespace

Status use_integer_form(onnx::Model& model, bool folding) {
  for (const auto node : model.nodes()) {
    if (const auto grid = common_grid(model, node)) {
      mark_grid(model, node, *grid);
    }
  }
  std::vector<NodeId> convolutions;
  for (const auto node : model.nodes()) {
    if (folding && model.op_type(node) == "Conv") {
      convolutions.push_back(node);
    }
  }
  for (const auto node : convolutions) {
    if (const auto product = product_at(model, node)) {
      TESSERA_CHECK(fold_norm(model, *product));
    }
  }
  for (const auto node : model.nodes()) {
    if (const auto product = product_at(model, node)) {
      TESSERA_CHECK(place_bias(model, *product, folding));
    } else if (model.op_type(node) == "MatMul" || model.op_type(node) == "Gemm") {
      TESSERA_CHECK(keep_floats(model, node));
    }
  }
  return {};
}

}  // namespace tessera::keras
