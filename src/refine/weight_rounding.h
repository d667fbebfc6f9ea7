// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "refine/step.h"
#include "tessera/refine/refine.h"

namespace tessera::refine {

/// Scales (RefineOptions::scales) and integers (RefineOptions::rounding) of the weights, from the
/// second moments of each layer's rounded input. Fills `state.weights`; returns how many weights
/// got an entry. With bias correction to follow, moments are taken about the mean, because the bias
/// will make up for a constant error.
[[nodiscard]] Result<std::int64_t> round_weights(const StepContext& context, Draft& state,
                                                 const RefineOptions& options);

}  // namespace tessera::refine
