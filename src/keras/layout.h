// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/tensor/tensor.h"

/// Axes of values and weights moved about.
namespace tessera::keras {

/// Where axis i of the result comes from, as Transpose has it.
using Permutation = std::vector<std::int64_t>;

/// [N, ..., C] to [N, C, ...].
[[nodiscard]] Permutation to_channels_first(std::size_t rank);
/// The way back.
[[nodiscard]] Permutation to_channels_last(std::size_t rank);

/// The elements with their axes in another order. `axes` is a permutation of the tensor's axes,
/// whose elements have whole bytes. Cost: O(elements).
[[nodiscard]] Tensor permuted(const TensorView& tensor, std::span<const std::int64_t> axes);

}  // namespace tessera::keras
