// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

namespace tessera::quantize {

/// [.., M, N] -> [.., N, M]. Elements of 1, 2, 4 or 8 bytes.
/// Errors: kInvalidArgument for fewer than two dimensions or packed elements.
[[nodiscard]] Result<Tensor> transpose_last_two(const TensorView& tensor);

}  // namespace tessera::quantize
