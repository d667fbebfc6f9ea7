// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "tessera/onnx/model.h"

namespace tessera::onnx {

/// Has a channels-last QLinearConv with few channels compute two neighbours of a row as one pixel
/// of twice the channels: the image [N, H, W, C] is read as [N, H, W / b, b C], where b columns are
/// the strides of two, and what is computed as [N, H', W' / 2, 2 C'] is [N, H', W', C'] in memory.
/// The runtime copies the pixels under each place of the kernel one by one and multiplies matrices
/// with C rows a pixel, which for the three channels of a photo takes two to three times as long.
/// The kernels get weights of 0 where a neighbour's columns are, so the sums stay the same.
///
/// `width`: W. Does nothing (and says so) where it does not pay, or the widths do not divide.
/// Cost: that of the kernels.
bool fold_columns(Model& model, NodeId convolution, std::int64_t width);

}  // namespace tessera::onnx
