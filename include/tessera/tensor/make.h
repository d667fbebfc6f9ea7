// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

/// Tensors made of others or of plain numbers.
namespace tessera {

/// Integers in `dtype`, as zero points and biases are stored: of 4 (packed, low nibble first), 8 or
/// 16 bits, int32 for every other type. Values must fit; those beyond the type lose their high
/// bits.
[[nodiscard]] Tensor integer_tensor(DType dtype, std::span<const std::int32_t> values, Shape shape);

/// [.., M, N] -> [.., N, M]. Elements of 1, 2, 4 or 8 bytes.
/// Errors: kInvalidArgument for fewer than two dimensions or packed elements.
[[nodiscard]] Result<Tensor> transpose_last_two(const TensorView& tensor);

}  // namespace tessera
