// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "tessera/onnx/image_shapes.h"
#include "tessera/onnx/model.h"

/// Channel shuffles: the channels of g groups dealt out one by one. Exporters write them as
/// Reshape to [N, g, C / g, H, W], Transpose, Reshape; here they are a Gather along the channels in
/// between, which says what is computed whatever the layout.
namespace tessera::onnx {

/// Reshape, Transpose and Reshape that are a shuffle.
struct Shuffle {
  std::array<NodeId, 3> operators;
  std::int64_t groups = 1;
};

/// The shuffle of images of `image` that a Reshape begins; none if it does not.
[[nodiscard]] std::optional<Shuffle> shuffle_from(const Model& model, NodeId first,
                                                  const ImageShape& image);

/// Writes shuffles of 8-bit values as Gather. Returns how many there were.
/// Cost: O(operators).
std::int64_t gather_shuffles(Model& model, const std::vector<NodeId>& order,
                             const ImageShapes& shapes);

/// Whether a Gather of channels (axis 1) is a shuffle of images of `image`.
[[nodiscard]] bool is_shuffle(const Model& model, NodeId gather, const ImageShape& image);

/// Has channels-last convolutions compute their channels in the order that the Gather (axis 1, on
/// channels-last images of `shape`) wants, where nothing else reads them; else writes it as one
/// Transpose, which the runtime is fast at if there are three axes.
void apply_shuffle(Model& model, NodeId gather, const ImageShape& shape);

}  // namespace tessera::onnx
