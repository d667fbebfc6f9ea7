// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/lab.h"
#include "tessera/evaluate/measurement.h"

namespace tessera::evaluate {

/// A model's file beside the model that it was made from.
struct FileTiming {
  Speedup speedup;
  Timing latency;
  Timing reference_latency;
  KernelSummary kernels;  ///< that ran

  /// Faster beyond noise, and by enough to be worth the change: 2 %.
  [[nodiscard]] bool worth_it() const noexcept;
};
/// {speedup, speedup_low, speedup_high, latency{}, reference_latency{}, kernels{}}.
[[nodiscard]] Json to_json(const FileTiming& timing);

/// What lanes took in one race.
struct LaneTimes {
  Timing reference;               ///< of the lab's model
  std::vector<Measurement> rows;  ///< by lane; one that failed says so in its status
};
/// Races lanes against the model of the lab, long enough to tell 2 % where the budget allows.
/// Errors: those of running the lab's model; kCancelled.
[[nodiscard]] Result<LaneTimes> time_lanes(Lab& lab, std::vector<Lane>& lanes,
                                           std::string_view stage, double budget_us,
                                           Monitor& monitor);

/// Reads a written file again, runs it, and races it against the model of `setup`.
/// Errors: those of opening and running either; kCancelled.
[[nodiscard]] Result<FileTiming> time_file(const LabSetup& setup, const std::filesystem::path& file,
                                           double budget_us, Monitor& monitor);

}  // namespace tessera::evaluate
