// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/query.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

namespace tessera::onnx {

bool is_float32(const Model& model, std::string_view value) {
  if (value.empty()) {
    return false;
  }
  if (const auto type = model.type_of(value)) {
    return type->dtype == DType::kFloat32;  // of sequences and the like it is undefined
  }
  const auto producer = model.producer(value);
  if (!producer) {
    return false;
  }
  const auto& op_type = model.op_type(*producer);
  const auto inputs = model.inputs(*producer);
  if (op_type == "QuantizeLinear" || op_type == "DynamicQuantizeLinear" || op_type == "Shape") {
    return false;
  }
  if (op_type == "Cast") {
    return model.int_attribute(*producer, "to", 0) == static_cast<std::int64_t>(DType::kFloat32);
  }
  if (op_type == "DequantizeLinear" && inputs.size() > 1) {
    return is_float32(model, inputs[1]);
  }
  return inputs.empty() || std::any_of(inputs.begin(), inputs.end(),
                                       [&](const auto& input) { return is_float32(model, input); });
}

bool is_in_bytes(const Model& model, const std::string& value) {
  if (const auto type = model.type_of(value)) {
    return type->dtype == DType::kUInt8 || type->dtype == DType::kInt8;
  }
  const auto producer = model.producer(value);
  if (!producer) {
    return false;
  }
  const auto& type = model.op_type(*producer);
  if (type == "QuantizeLinear" || type == "Lookup" || type.starts_with("QLinear")) {
    return true;
  }
  constexpr std::array<std::string_view, 13> kMoves = {
      "Concat",      "Gather",    "Identity",     "MaxPool", "NhwcDepthToSpace",
      "NhwcMaxPool", "NhwcSlice", "NhwcUpsample", "Reshape", "Resize",
      "Slice",       "Split",     "Transpose"};
  const auto inputs = model.inputs(*producer);
  return std::find(kMoves.begin(), kMoves.end(), type) != kMoves.end() && !inputs.empty() &&
         is_in_bytes(model, inputs.front());
}

std::optional<std::vector<SteppedAxis>> stepped_axes(const Model& model, NodeId node) {
  constexpr auto kEnd = std::int64_t{std::numeric_limits<std::int32_t>::max()};
  using Ints = std::vector<std::int64_t>;
  const auto inputs = model.inputs(node);
  if (model.op_type(node) != "Slice" || !model.domain(node).empty() || inputs.size() < 4) {
    return std::nullopt;
  }
  const auto starts = constant_as<std::int64_t>(model, inputs[1]);
  const auto ends = constant_as<std::int64_t>(model, inputs[2]);
  const auto axes = constant_as<std::int64_t>(model, inputs[3]);
  if (!starts || !ends || !axes || ends->size() != starts->size() ||
      axes->size() != starts->size()) {
    return std::nullopt;
  }
  const bool by_ones = inputs.size() < 5 || inputs[4].empty();
  const auto steps =
      by_ones ? Ints(starts->size(), 1) : constant_as<std::int64_t>(model, inputs[4]);
  if (!steps || steps->size() != starts->size()) {
    return std::nullopt;
  }
  std::vector<SteppedAxis> stepped;
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const SteppedAxis one{(*axes)[i], (*starts)[i], (*steps)[i]};
    if (one.axis < 0 || one.start < 0 || one.step < 1 || (*ends)[i] < kEnd) {
      return std::nullopt;
    }
    stepped.push_back(one);
  }
  return stepped;
}

std::optional<MatrixExtents> matrix_extents(const Model& model, std::string_view name) {
  const auto type = model.initializer_type(name);
  if (!type || !type->shape || type->shape->size() < 2) {
    return std::nullopt;
  }
  const auto& shape = *type->shape;
  const auto last = shape.end();
  if (std::any_of(shape.begin(), last - 2, [](const Dim& dim) { return dim.value != 1; })) {
    return std::nullopt;
  }
  return MatrixExtents{(last - 2)->value, (last - 1)->value};
}

std::int64_t constant_bytes(const Model& model) {
  std::int64_t bytes = 0;
  for (const auto& name : model.initializers()) {
    const auto type = model.initializer_type(name);
    if (!type || !type->shape) {
      continue;
    }
    std::int64_t elements = 1;
    for (const auto& dim : *type->shape) {
      elements *= dim.value;
    }
    bytes += bytes_of(type->dtype, elements);
  }
  return bytes;
}

}  // namespace tessera::onnx
