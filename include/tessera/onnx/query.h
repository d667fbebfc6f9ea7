// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "tessera/onnx/model.h"

/// What passes that rewrite a model ask of it.
namespace tessera::onnx {

/// The value of an attribute; none where it is missing or of another kind than T. The runtime would
/// refuse such a model, but it is not asked before models are rewritten.
template <class T>
[[nodiscard]] std::optional<T> attribute_as(const Model& model, NodeId node,
                                            std::string_view name) {
  const auto value = model.attribute(node, name);
  const auto* typed = value ? std::get_if<T>(&*value) : nullptr;
  return typed == nullptr ? std::nullopt : std::optional<T>(*typed);
}

/// The numbers of a constant, in their order; none if it is no constant of T. Cost: a copy of them.
template <class T>
[[nodiscard]] std::optional<std::vector<T>> constant_as(const Model& model, std::string_view name) {
  if (!model.is_constant(name)) {
    return std::nullopt;
  }
  const auto value = model.initializer(name);
  if (!value || value->dtype != dtype_of<T>()) {
    return std::nullopt;
  }
  const auto numbers = value->template as<T>();
  return std::vector<T>(numbers.begin(), numbers.end());
}

/// Whether a value is float32, as far as is known. Operators that passes added have no inferred
/// types: their outputs are judged by what made them. Cost: the depth of such operators.
[[nodiscard]] bool is_float32(const Model& model, std::string_view value);

/// Whether a value is known to be int8 or uint8. Values that passes made have no inferred types:
/// they are what made them, or of what they were moved.
[[nodiscard]] bool is_in_bytes(const Model& model, const std::string& value);

/// Along one axis: every `step`-th element from `start` to the last one.
struct SteppedAxis {
  std::int64_t axis = 0;
  std::int64_t start = 0;
  std::int64_t step = 1;
};
/// The axes of a Slice whose indices are constants, none of them negative, and which leaves out
/// nothing at their ends; none of another operator.
[[nodiscard]] std::optional<std::vector<SteppedAxis>> stepped_axes(const Model& model, NodeId node);

/// Extents of a matrix [rows, columns].
struct MatrixExtents {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};
/// Those of a constant, leading ones left out; none if it is no matrix.
[[nodiscard]] std::optional<MatrixExtents> matrix_extents(const Model& model,
                                                          std::string_view name);

/// Bytes of all initializers together, deferred ones included.
[[nodiscard]] std::int64_t constant_bytes(const Model& model);

}  // namespace tessera::onnx
