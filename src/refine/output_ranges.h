// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "refine/step.h"
#include "tessera/quantize/assignment.h"

namespace tessera::refine {

/// Proposes, scale by scale, the most harmful first, the range of the method with which this scale
/// *alone* disturbs the outputs least. Alone, because its error would drown in that of the others;
/// a proposal is taken if all together are closer for it. Spends at most half of the budget.
/// Returns how many ranges changed.
[[nodiscard]] Result<std::int64_t> choose_methods(const StepContext& context,
                                                  const onnx::Model& model,
                                                  const quantize::Assignment& assignment,
                                                  calibrate::Ranges& ranges);

/// Draws in the ends of the ranges that disturb the outputs most, one after the other, as long as
/// that scale's own disturbance falls, and all together are closer for it. Returns how many ranges
/// changed.
[[nodiscard]] Result<std::int64_t> refine_ends(const StepContext& context, const onnx::Model& model,
                                               const quantize::Assignment& assignment,
                                               calibrate::Ranges& ranges);

}  // namespace tessera::refine
