// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "quantize/passes.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/query.h"

namespace tessera::quantize {
namespace {

using onnx::Model;
using onnx::NodeId;
using Ints = std::vector<std::int64_t>;

/// Operators of com.microsoft that the library has, too, with the same inputs.
constexpr std::array<std::string_view, 4> kFaster = {"QLinearAdd", "QLinearConcat", "QLinearMul",
                                                     "QLinearSoftmax"};

bool all_zero(const Model& model, const std::string& name) {
  const auto value = model.initializer(name);
  return value && std::all_of(value->bytes.begin(), value->bytes.end(),
                              [](std::byte byte) { return byte == std::byte{0}; });
}

/// Channels-last, one kernel per channel, signed weights.
bool is_depthwise(const Model& model, NodeId node) {
  const auto inputs = model.inputs(node);
  if (model.op_type(node) != "QLinearConv" || model.int_attribute(node, "channels_last", 0) == 0) {
    return false;
  }
  const auto weights = model.initializer_type(inputs[3]);
  if (!weights || !weights->shape || weights->dtype != DType::kInt8) {
    return false;
  }
  const auto& shape = *weights->shape;
  return shape.size() == 4 && shape[1].value == 1 && shape[0].value > 1 &&
         model.int_attribute(node, "group", 1) == shape[0].value && all_zero(model, inputs[5]);
}

bool is_plain_pool(const Model& model, NodeId node) {
  return model.op_type(node) == "NhwcMaxPool" && model.int_attribute(node, "ceil_mode", 0) == 0;
}

/// The library wants scales, zero points and biases as constants; a model may come with operators
/// that compute theirs.
bool has_constant_parameters(const Model& model, NodeId node) {
  const auto inputs = model.inputs(node);
  const auto& type = model.op_type(node);
  const bool concat = type == "QLinearConcat";
  const bool second = type != "QLinearSoftmax";
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool data = concat ? i % 3 == 2 : i == 0 || (second && i == 3);
    if (!data && !inputs[i].empty() && !model.is_constant(inputs[i])) {
      return false;
    }
  }
  return true;
}

bool is_faster_of_microsoft(const Model& model, NodeId node) {
  if (model.domain(node) != onnx::kMicrosoftDomain || !has_constant_parameters(model, node)) {
    return false;
  }
  const auto& type = model.op_type(node);
  return std::find(kFaster.begin(), kFaster.end(), type) != kFaster.end() ||
         is_depthwise(model, node) || is_plain_pool(model, node);
}

void take(Model& model, NodeId node, const std::string& type) {
  model.set_op_type(node, type, onnx::kKernelsDomain);
  model.set_opset(onnx::kKernelsDomain, onnx::kKernelsOpset);
}

// --- operators on pixels of channels-last images ----------------------------------------------

/// The numbers of an input; none if it is absent, or no constant of T.
template <class T>
std::optional<std::vector<T>> numbers(const Model& model, const std::vector<std::string>& inputs,
                                      std::size_t index) {
  return index < inputs.size() ? onnx::constant_as<T>(model, inputs[index]) : std::nullopt;
}

/// Result pixel i is input pixel floor(i / factor). Between whole factors the middles of pixels
/// are never as far from two of them.
bool repeats_pixels(const Model& model, NodeId node) {
  const auto text = [&](std::string_view name, std::string_view fallback) {
    return onnx::attribute_as<std::string>(model, node, name).value_or(std::string(fallback));
  };
  const auto where = text("coordinate_transformation_mode", "half_pixel");
  const auto nearest = text("nearest_mode", "round_prefer_floor");
  return text("mode", "nearest") == "nearest" &&
         ((where == "asymmetric" && nearest == "floor") ||
          (where == "half_pixel" && nearest.starts_with("round_prefer")));
}

/// [height, width] of a Resize that repeats pixels so many times; nothing if it does not.
std::optional<Ints> whole_factors(const Model& model, NodeId node) {
  constexpr float kMost = 1024;
  const auto inputs = model.inputs(node);
  const auto scales = numbers<float>(model, inputs, 2);
  const bool by_sizes = inputs.size() > 3 && !inputs[3].empty();
  if (!repeats_pixels(model, node) || by_sizes || !scales || scales->size() != 4 ||
      (*scales)[0] != 1 || (*scales)[3] != 1) {
    return std::nullopt;
  }
  Ints factors;
  for (const float scale : {(*scales)[1], (*scales)[2]}) {
    if (!(scale >= 1 && scale <= kMost) || scale != std::floor(scale)) {
      return std::nullopt;
    }
    factors.push_back(static_cast<std::int64_t>(scale));
  }
  return factors;
}

/// Every so many pixels, from a first one to the last.
struct Stride {
  Ints starts{0, 0};  ///< height, width
  Ints steps{1, 1};
};

std::optional<Stride> stride_of(const Model& model, NodeId node) {
  const auto stepped = onnx::stepped_axes(model, node);
  if (!stepped) {
    return std::nullopt;
  }
  Stride stride;
  for (const auto& [axis, start, step] : *stepped) {
    if (axis != 1 && axis != 2) {
      return std::nullopt;
    }
    stride.starts[static_cast<std::size_t>(axis - 1)] = start;
    stride.steps[static_cast<std::size_t>(axis - 1)] = step;
  }
  return stride;
}

/// The operator reads one image and says the rest in attributes.
void replace(Model& model, NodeId node, const std::string& type,
             const std::vector<onnx::NamedAttribute>& attributes) {
  for (const auto& name : model.attribute_names(node)) {
    model.remove_attribute(node, name);
  }
  model.set_inputs(node, {model.inputs(node).front()});
  for (const auto& attribute : attributes) {
    model.set_attribute(node, attribute.name, attribute.value);
  }
  take(model, node, type);
}

void use_on_pixels(Model& model, NodeId node) {
  const auto& type = model.op_type(node);
  if ((type != "Resize" && type != "Slice") ||
      !onnx::is_in_bytes(model, model.inputs(node).front())) {
    return;
  }
  if (type == "Resize") {
    if (const auto factors = whole_factors(model, node)) {
      replace(model, node, "NhwcUpsample", {{"scales", *factors}});
    }
  } else if (type == "Slice") {
    if (const auto stride = stride_of(model, node)) {
      replace(model, node, "NhwcSlice", {{"starts", stride->starts}, {"steps", stride->steps}});
    }
  }
}

}  // namespace

void use_kernels(Model& model, const std::vector<NodeId>& channels_last) {
  for (const auto node : channels_last) {
    use_on_pixels(model, node);
  }
  for (const auto node : model.nodes()) {
    if (is_faster_of_microsoft(model, node)) {
      take(model, node, std::string(model.op_type(node)));
    }
  }
  model.remove_unused_initializers();
}

}  // namespace tessera::quantize
