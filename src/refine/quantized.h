// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "refine/simulator.h"
#include "tessera/graph/graph.h"
#include "tessera/quantize/onnx.h"
#include "tessera/quantize/simulation.h"

namespace tessera::refine {

/// Every value that is rounded, from now on.
void round_activations(Simulator& simulator, std::span<const quantize::RoundedValues> rounded);
void round_activations(Simulator& simulator, const quantize::StaticDetails& details);

/// All values that are rounded, and `more`.
[[nodiscard]] std::vector<std::string> taps_of(std::span<const quantize::RoundedValues> rounded,
                                               const std::vector<std::string>& more);
[[nodiscard]] std::vector<std::string> taps_of(const quantize::StaticDetails& details,
                                               const std::vector<std::string>& more);

/// What a core does in a second where work is counted and not timed.
inline constexpr double kMacsPerSecond = 20e9;

/// How many runs of one sample, with so many values passing the taps, are about `effort_s` seconds
/// of work for a core that does 20e9 multiply-accumulates or 0.5e9 roundings in one. At least 1.
[[nodiscard]] Result<std::int64_t> runs_within(double effort_s, const graph::Graph& model,
                                               std::int64_t values);

}  // namespace tessera::refine
