// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/onnx/model.h"

namespace tessera::onnx {

/// Takes the four interleaved pictures that a detector's first convolution reads (every second
/// pixel of every second row, four times, joined along the channels) for what they are: a
/// convolution of the image itself with twice the kernel and a stride of 2. As many
/// multiplications, nothing to slice and join. Photos only (at most 4 channels): with more, twice
/// the kernel takes longer. Values that nobody reads any more go. Says whether anything was
/// changed. Cost: that of the kernel.
bool fold_space_to_depth(Model& model, NodeId convolution);

}  // namespace tessera::onnx
