// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "tessera/core/result.h"
#include "tessera/onnx/model.h"

namespace tessera::onnx {

struct NormalizeOptions {
  /// Folds a BatchNormalization into the Conv or ConvTranspose before it: equal up to rounding of
  /// the weights. The runtime does so itself in float, but not across Q/DQ.
  bool fold_batch_normalization = true;
};

/// What was simplified.
struct Normalization {
  std::int64_t removed_identities = 0;  ///< Identity, Dropout, Pad by nothing
  std::int64_t folded_pads = 0;
  std::int64_t folded_batch_normalizations = 0;
  std::int64_t dropped_regions = 0;
  std::int64_t folded_slices = 0;  ///< groups of four in front of a convolution
  bool operator==(const Normalization&) const = default;
};

/// Brings a model into the form that quantizes well, without changing what it computes:
///
/// - Identity, Dropout and Pad operators that pass their input on are taken out.
/// - Pad in front of pools and convolutions becomes their `pads`. Padding with the lowest number
///   before MaxPool is an idiom of converters; quantized, that number would own the whole range.
/// - BatchNormalization behind a convolution is folded into its weights.
/// - Slices of every second pixel, joined in front of a convolution (the first layers of YOLOv5 and
///   YOLOX), become its stride.
/// - Regions of interest that a Resize does not look at are taken off it: an empty tensor less that
///   the runtime has to move when it changes layouts.
///
/// Values that remain keep their names and hold what they held, so that ranges measured on the
/// original model fit. Outputs of the model keep their names.
/// Cost: O(operators), plus one pass over the weights that are folded.
/// Errors: those of reading the weights that are folded.
[[nodiscard]] Result<Normalization> normalize_for_quantization(
    Model& model, const NormalizeOptions& options = {});

}  // namespace tessera::onnx
