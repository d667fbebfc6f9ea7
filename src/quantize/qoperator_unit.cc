// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/qoperator_unit.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tessera/numerics/kernels.h"
#include "tessera/onnx/query.h"

namespace tessera::quantize {
namespace {

using onnx::Model;
using onnx::NodeId;

std::vector<std::int32_t> integers_of(const TensorView& tensor) {
  std::vector<std::int32_t> values;
  for (const auto byte : tensor.bytes) {
    const auto bits = static_cast<std::uint8_t>(byte);
    values.push_back(tensor.dtype == DType::kInt8 ? static_cast<std::int8_t>(bits) : bits);
  }
  return values;
}

/// scale and zero point of a Q or DQ; the zero point is made if the operator leaves it out.
std::optional<IntegerValue> parameters(Model& model, const std::vector<std::string>& inputs,
                                       std::optional<DType> dtype) {
  IntegerValue value;
  value.scale = inputs[1];
  const auto scale = model.initializer(value.scale);
  if (!scale || scale->dtype != DType::kFloat32 || scale->shape.size() > 1) {
    return std::nullopt;
  }
  value.scales.assign(scale->as<float>().begin(), scale->as<float>().end());
  if (inputs.size() > 2 && !inputs[2].empty()) {
    value.zero_point = inputs[2];
  } else {
    value.zero_point = model.unique_name(value.scale + "_zero_point");
    Tensor zeros(dtype.value_or(DType::kUInt8), Shape(scale->shape.begin(), scale->shape.end()));
    model.set_initializer(value.zero_point, std::move(zeros));
  }
  const auto zero_point = model.initializer(value.zero_point);
  if (!zero_point) {
    return std::nullopt;
  }
  value.dtype = zero_point->dtype;
  if (value.dtype != DType::kInt8 && value.dtype != DType::kUInt8) {
    return std::nullopt;
  }
  value.zeros = integers_of(*zero_point);
  const bool matched = value.zeros.size() == value.scales.size() && !value.scales.empty();
  return matched ? std::optional(value) : std::nullopt;
}

std::optional<float> constant_bound(const Model& model, const std::vector<std::string>& inputs,
                                    std::size_t index, float fallback) {
  if (inputs.size() <= index || inputs[index].empty()) {
    return fallback;
  }
  const auto bound = model.initializer(inputs[index]);
  if (!bound || bound->dtype != DType::kFloat32 || bound->size() != 1) {
    return std::nullopt;
  }
  return bound->as<float>().front();
}

float bound_attribute(const Model& model, NodeId node, std::string_view name, float fallback) {
  return onnx::attribute_as<float>(model, node, name).value_or(fallback);
}

bool nearly_equal(float a, float b) {
  return std::abs(a - b) <= 1e-6F * std::max(std::abs(a), std::abs(b));
}

/// The bias as real numbers, and the scale under which it is stored in integers, if it is.
struct Bias {
  std::string integers;
  std::vector<float> scales;
  std::vector<double> values;
  Shape shape;
};

Result<Bias> read_bias(const Model& model, const std::string& name) {
  Bias bias;
  const auto computed = [&] {
    return fail(ErrorCode::kUnimplemented, "bias '{}' is computed at run time", name);
  };
  const auto producer = model.producer(name);
  if (!producer || model.op_type(*producer) != "DequantizeLinear") {
    if (!model.is_constant(name)) {
      return computed();
    }
    TESSERA_TRY(const auto values, model.initializer(name));
    TESSERA_TRY(const auto floats, to_float32(values));
    bias.values.assign(floats.begin(), floats.end());
    bias.shape.assign(values.shape.begin(), values.shape.end());
    return bias;
  }
  const auto inputs = model.inputs(*producer);
  if (!model.is_constant(inputs[0]) || !model.is_constant(inputs[1])) {
    return computed();
  }
  TESSERA_TRY(const auto values, model.initializer(inputs[0]));
  TESSERA_TRY(const auto scales, model.initializer(inputs[1]));
  if (values.dtype != DType::kInt32 || scales.dtype != DType::kFloat32) {
    return fail(ErrorCode::kUnimplemented, "bias '{}' is not stored in int32", name);
  }
  bias.integers = inputs[0];
  bias.shape.assign(values.shape.begin(), values.shape.end());
  bias.scales.assign(scales.as<float>().begin(), scales.as<float>().end());
  const auto integers = values.as<std::int32_t>();
  for (std::size_t i = 0; i < integers.size(); ++i) {
    const double scale = bias.scales[bias.scales.size() == 1 ? 0 : i % bias.scales.size()];
    bias.values.push_back(scale * integers[i]);
  }
  return bias;
}

bool stored_under(const Bias& bias, const std::vector<float>& scales) {
  if (bias.integers.empty() || bias.scales.size() > scales.size()) {
    return false;
  }
  for (std::size_t i = 0; i < scales.size(); ++i) {
    if (!nearly_equal(bias.scales[bias.scales.size() == 1 ? 0 : i], scales[i])) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::optional<IntegerValue> dequantized_from(Model& model, std::string_view value) {
  const auto producer = model.producer(value);
  if (!producer || model.op_type(*producer) != "DequantizeLinear" ||
      model.int_attribute(*producer, "block_size", 0) != 0) {
    return std::nullopt;
  }
  const auto inputs = model.inputs(*producer);
  const auto stored = model.initializer_type(inputs[0]);
  auto result = parameters(model, inputs, stored ? std::optional(stored->dtype) : std::nullopt);
  if (result) {
    result->values = inputs[0];
    result->axis = model.int_attribute(*producer, "axis", 1);
  }
  return result;
}

std::optional<NodeId> quantizer_of(const Model& model, std::string_view value) {
  std::optional<NodeId> found;
  for (const auto reader : model.consumers(value)) {
    if (model.op_type(reader) != "QuantizeLinear" || model.inputs(reader).front() != value) {
      continue;
    }
    if (found) {
      return std::nullopt;
    }
    found = reader;
  }
  return found;
}

std::optional<IntegerValue> quantized_by(Model& model, NodeId node) {
  auto result = parameters(model, model.inputs(node), std::nullopt);
  if (!result || result->per_channel()) {
    return std::nullopt;
  }
  result->values = model.outputs(node).front();
  return result;
}

std::optional<numerics::RealRange> activation_bounds(const Model& model, NodeId node) {
  constexpr float kLowest = std::numeric_limits<float>::lowest();
  constexpr float kHighest = std::numeric_limits<float>::max();
  const auto& type = model.op_type(node);
  if (type == "Relu") {
    return numerics::RealRange{0, double{kHighest}};
  }
  if (type != "Clip") {
    return std::nullopt;
  }
  const auto inputs = model.inputs(node);
  const auto low = constant_bound(model, inputs, 1, bound_attribute(model, node, "min", kLowest));
  const auto high = constant_bound(model, inputs, 2, bound_attribute(model, node, "max", kHighest));
  if (!low || !high || !(*low <= *high)) {
    return std::nullopt;
  }
  return numerics::RealRange{double{*low}, double{*high}};
}

IntegerBounds to_integers(numerics::RealRange bounds, const IntegerValue& value) {
  const auto limits = numerics::full_range(value.dtype);
  const auto quantized = [&](double bound) {
    const float steps = std::nearbyint(static_cast<float>(bound) / value.scales.front());
    const double moved = double{steps} + value.zeros.front();
    return static_cast<std::int32_t>(
        std::clamp(moved, static_cast<double>(limits.min), static_cast<double>(limits.max)));
  };
  return {quantized(bounds.min), quantized(bounds.max)};
}

Tensor scalar_of(DType dtype, std::int32_t value) {
  Tensor tensor(dtype, {});
  tensor.bytes().front() = static_cast<std::byte>(static_cast<std::uint8_t>(value));
  return tensor;
}

Result<std::vector<double>> real_bias(const Model& model, const std::string& name) {
  TESSERA_TRY(auto bias, read_bias(model, name));
  return std::move(bias.values);
}

Result<std::string> integer_bias(Model& model, const std::string& name,
                                 const std::vector<float>& scales, float factor) {
  if (name.empty()) {
    return std::string();
  }
  TESSERA_TRY(const auto bias, read_bias(model, name));
  if (factor == 1 && stored_under(bias, scales)) {
    return bias.integers;
  }
  const std::size_t channels = bias.shape.empty() ? 1 : static_cast<std::size_t>(bias.shape.back());
  if (scales.size() > 1 && channels != scales.size()) {
    return fail(ErrorCode::kUnimplemented, "bias '{}' has {} elements for {} channels", name,
                channels, scales.size());
  }
  std::vector<std::int32_t> integers;
  for (std::size_t i = 0; i < bias.values.size(); ++i) {
    const double scale = scales[scales.size() == 1 ? 0 : i % scales.size()];
    const double rounded = std::nearbyint(bias.values[i] * double{factor} / scale);
    if (!(std::abs(rounded) <= double{std::numeric_limits<std::int32_t>::max()})) {
      return fail(ErrorCode::kUnimplemented, "bias '{}' does not fit 32 bits at scale {}", name,
                  scale);
    }
    integers.push_back(static_cast<std::int32_t>(rounded));
  }
  auto stored = model.unique_name(name + "_integer");
  model.set_initializer(stored, Tensor::of(integers, bias.shape));
  return stored;
}

}  // namespace tessera::quantize
