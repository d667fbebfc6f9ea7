// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/onnx/model.h"

namespace tessera::onnx {

/// What was rewritten.
struct LayoutChange {
  std::vector<NodeId> operators;  ///< that compute channels-last now, on 8-bit integers
  std::int64_t transposes = 0;    ///< that were added at the borders
};

/// Writes the integer part of a model in the layout that its kernels have: QLinearConv of
/// com.microsoft with `channels_last`, and whatever stands between such convolutions (pools,
/// element-wise operators, Concat, Resize, Slice, Split, Pad; also float ones between
/// DequantizeLinear and QuantizeLinear) with them. Values change their layout at the borders only,
/// by Transpose operators on 8-bit integers; a Transpose that the model has is joined with them.
/// ONNX Runtime does the same by itself as long as it knows every operator on the way; this is for
/// models where it does not, and for those whose layout is to be known beforehand.
///
/// Channel shuffles become the order in which convolutions compute their channels, or one Transpose
/// of three axes; convolutions with few channels compute two columns as one pixel. Both need the
/// extents of what they read, see image_shapes().
///
/// Two-dimensional convolutions only. Results are bit for bit the same.
/// Cost: O(operators). Errors: those of Model::written_order().
[[nodiscard]] Result<LayoutChange> write_channels_last(Model& model);

}  // namespace tessera::onnx
