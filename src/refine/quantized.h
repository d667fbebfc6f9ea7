// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "refine/simulator.h"
#include "tessera/quantize/onnx.h"

namespace tessera::refine {

/// The float model with the weights that quantize() would write.
/// Errors: those of quantizing a weight.
[[nodiscard]] Result<onnx::Model> with_rounded_weights(const onnx::Model& model,
                                                       const quantize::StaticDetails& details,
                                                       const quantize::WeightOverrides& overrides);

/// Every activation of `details` is rounded from now on.
void round_activations(Simulator& simulator, const quantize::StaticDetails& details);

/// All values that are rounded, and `more`.
[[nodiscard]] std::vector<std::string> taps_of(const quantize::StaticDetails& details,
                                               const std::vector<std::string>& more);

/// What a core does in a second where work is counted and not timed.
inline constexpr double kMacsPerSecond = 20e9;

/// How many runs of one sample, with so many values passing the taps, are about `effort_s` seconds
/// of work for a core that does 20e9 multiply-accumulates or 0.5e9 roundings in one. At least 1.
[[nodiscard]] Result<std::int64_t> runs_within(double effort_s, const onnx::Model& model,
                                               std::int64_t values);

}  // namespace tessera::refine
