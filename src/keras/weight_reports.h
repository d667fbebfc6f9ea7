// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "keras/model.h"
#include "tessera/core/result.h"
#include "tessera/keras/tensor_report.h"

namespace tessera::keras {

/// All weights that have a quantizer, nested networks included; folded convolutions with the batch
/// normalization in them; and the grids of activations, of which nothing is known that depends on
/// data. Errors: those of parsing and applying quantizers; kDataLoss where weights are missing or
/// do not fit each other.
[[nodiscard]] Result<std::vector<TensorReport>> weight_reports(const Model& model);

}  // namespace tessera::keras
