// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tessera/onnx/model.h"

namespace tessera::onnx {

/// Extents of a channels-first image.
struct ImageShape {
  std::int64_t batch = -1;  ///< -1 if it is not known
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  bool operator==(const ImageShape&) const = default;
};
using ImageShapes = std::map<std::string, ImageShape, std::less<>>;

/// Those of the 8-bit values of a model with integer operators, as far as they hold for everything
/// that may be fed: from the model's types, and where these were inferred for one batch only, from
/// its inputs on through the operators of which image networks consist.
/// `order`: that of the operators. Cost: O(operators).
[[nodiscard]] ImageShapes image_shapes(const Model& model, const std::vector<NodeId>& order);

}  // namespace tessera::onnx
