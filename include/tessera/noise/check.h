// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/noise/subsets.h"
#include "tessera/noise/switchable.h"

namespace tessera::noise {

/// One mixed model, measured both ways. Errors as in SweepRecord.
struct CheckRow {
  std::vector<std::string> layers;
  double built_error = 0;  ///< of the model that the quantizer wrote, as the runtime runs it
  double engine_error = 0;
  double built_sqnr_db = 0;
  double engine_sqnr_db = 0;

  /// engine / built - 1; 0 if both are 0.
  [[nodiscard]] double deviation() const noexcept;
};

/// How close estimates are to the truth.
struct Agreement {
  double median_deviation = 0;  ///< of |estimate / truth - 1|
  double p95_deviation = 0;
  double worst_deviation = 0;
  double spearman = 0;  ///< rank correlation; NaN for fewer than two plans or no variation
};

struct Check {
  std::vector<CheckRow> rows;
  std::int64_t images = 0;
  Agreement engine;
  double engine_cpu_us = 0;  ///< per plan, setup included
  double built_cpu_us = 0;   ///< per plan: quantize, open, run
};

/// Quantizes the model for every subset by the quantizer that users run, runs it as it would be
/// deployed (`setup.session`) and compares its error with that of the switchable model, on the same
/// samples. Subsets are of entries_of(setup.switches). Errors are against the float model as it is.
/// Errors: those of SwitchableModel, quantize and runtime; kCancelled.
[[nodiscard]] Result<Check> run_check(const SwitchableSetup& setup, const data::SampleSet& samples,
                                      std::span<const LayerSet> subsets, Monitor& monitor);

/// Agreement of estimates with the truth, pair by pair.
[[nodiscard]] Agreement agreement_of(std::span<const double> estimates,
                                     std::span<const double> truths);

[[nodiscard]] Json to_json(const Check& check);

}  // namespace tessera::noise
