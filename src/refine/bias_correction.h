// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "refine/step.h"
#include "tessera/refine/refine.h"

namespace tessera::refine {

/// Takes off the biases of `state.model` what the rounded model's layers have too much on average,
/// channel by channel. Layers without a bias get one. Of a result that goes through Relu, SiLU and
/// the like, it is the mean of the positive part that is restored: errors of what is cut off anyway
/// are another thing, and correcting for them spoils the rest. Returns how many layers changed.
///
/// A layer's own error and what it inherits from the layers before it are told apart by correcting
/// while running: each layer's estimate so far is applied inside of the run, so that the layers
/// behind it see a corrected one. A second pass over the samples starts from the first one's
/// estimates.
[[nodiscard]] Result<std::int64_t> correct_biases(const StepContext& context, Draft& state);

}  // namespace tessera::refine
