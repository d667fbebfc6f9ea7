// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/litert/content.h"

namespace tessera::litert {

/// The bytes of a sparse constant as a dense one of its shape, zeros (all bits 0) where the file
/// has nothing: what the operator DENSIFY makes of it.
///
/// Errors: kDataLoss naming the tensor where levels, segments, indices, blocks and shape do not fit
/// each other or the buffer; kUnimplemented for elements that do not fill bytes;
/// kResourceExhausted beyond 1024 times what is stored and 64 MiB.
/// Source: the storage of TACO (Kjolstad et al. 2017) with blocks, as the format describes it.
/// Cost: O(elements of the shape).
[[nodiscard]] Result<std::vector<std::byte>> dense_bytes(const Tensor& tensor, const Data& stored);

}  // namespace tessera::litert
