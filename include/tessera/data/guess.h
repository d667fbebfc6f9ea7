// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "tessera/data/preprocess.h"
#include "tessera/tensor/affine.h"

namespace tessera::data {

/// The preset that makes just the values of this range out of pixels, marked as guessed: what an
/// input of integers was trained with, by what they can stand for. Absent if there is none.
[[nodiscard]] std::optional<Preprocess> preprocess_of_range(const RealRange& range);

}  // namespace tessera::data
