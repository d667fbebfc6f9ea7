// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "tessera/onnx/model.h"

namespace tessera::quantize {

/// The value of an attribute; none where it is missing or of another kind than T. The runtime would
/// refuse such a model, but it is not asked before models are rewritten.
template <class T>
[[nodiscard]] std::optional<T> attribute_as(const onnx::Model& model, onnx::NodeId node,
                                            std::string_view name) {
  const auto value = model.attribute(node, name);
  const auto* typed = value ? std::get_if<T>(&*value) : nullptr;
  return typed == nullptr ? std::nullopt : std::optional<T>(*typed);
}

}  // namespace tessera::quantize
