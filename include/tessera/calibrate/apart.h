// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "tessera/calibrate/calibrate.h"

namespace tessera::calibrate {

/// Ranges of one run with which two things can be done: choose a method on samples that its ranges
/// do not know, and quantize with what all samples showed.
struct SplitRanges {
  Ranges fitted;  ///< of the samples that were not held out; those of all if none was
  /// Those of all samples, by these methods. Measured when asked for: to search the ranges of a
  /// method takes as long as to run several samples, and most are not wanted.
  std::function<Result<Ranges>(const std::vector<numerics::RangeMethod>& methods, Monitor&)> all;
};

/// calibrate() in one pass with some samples (indices, ascending, not all of them) set apart.
/// Memory: another 32 KiB per tensor.
[[nodiscard]] Result<SplitRanges> calibrate_apart(
    const network::Network& model, const data::SampleSet& samples,
    const std::vector<std::int64_t>& held_out,
    const std::shared_ptr<const runtime::Library>& library, const CalibrateOptions& options,
    Monitor& monitor);

}  // namespace tessera::calibrate
