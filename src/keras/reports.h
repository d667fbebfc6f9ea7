// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tessera/core/result.h"
#include "tessera/keras/quantizer.h"
#include "tessera/keras/tensor_report.h"

/// Reports are made where weights are quantized.
namespace tessera::keras {

/// Of float32 numbers and what `quantizer` made of them. Errors: kInternal where these are others.
/// Cost: one pass.
[[nodiscard]] Result<TensorReport> report_of(std::string layer, std::string what,
                                             const Quantizer& quantizer, const TensorView& before,
                                             const QuantizedWeight& after);

/// The grid of an activation, without what depends on data.
[[nodiscard]] TensorReport report_of_grid(std::string layer, std::string what,
                                          const Quantizer& quantizer);

}  // namespace tessera::keras
