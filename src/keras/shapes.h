// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/tensor/value_type.h"

/// Extents of what layers make, in Keras' order: [N, ...]. An extent that is open stays open.
namespace tessera::keras {

using Dims = std::vector<Dim>;

[[nodiscard]] inline Dim known_dim(std::int64_t extent) {
  return {extent, {}};
}
/// All extents but the first; none if one is open.
[[nodiscard]] std::optional<std::vector<std::int64_t>> extents_behind_batch(const Dims& shape);

enum class Padding : std::uint8_t { kValid, kSame, kCausal };

/// A window that is moved along an axis.
struct Window {
  std::int64_t size = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  /// Elements from its first to its last.
  [[nodiscard]] std::int64_t reach() const { return (size - 1) * dilation + 1; }
};

/// Steps of the window along `input`. Absent where it does not fit once.
[[nodiscard]] std::optional<Dim> steps_of(const Window& window, const Dim& input, Padding padding);

/// Zeros in front and behind. Absent where they depend on an extent that is open.
struct Pads {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};
[[nodiscard]] std::optional<Pads> pads_of(const Window& window, const Dim& input, Padding padding);

/// What a transposed convolution makes of an axis, and how ONNX is told.
struct TransposedAxis {
  Dim extent;
  Pads pads;
  std::int64_t output_padding = 0;
};
/// `output_padding`: of the configuration. Absent where nothing would be left.
[[nodiscard]] std::optional<TransposedAxis> transposed_axis(
    const Window& window, const Dim& input, Padding padding,
    const std::optional<std::int64_t>& output_padding);

/// The shape of an element by element function of two values, by NumPy's rules. Absent where they
/// do not fit.
[[nodiscard]] std::optional<Dims> broadcast(const Dims& a, const Dims& b);

/// [N, target...], where one extent of the target may be -1. Absent where the number of elements
/// differs, or where what -1 stands for cannot be known.
[[nodiscard]] std::optional<Dims> reshaped(const Dims& shape,
                                           const std::vector<std::int64_t>& target);

}  // namespace tessera::keras
