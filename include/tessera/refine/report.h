// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/core/json.h"

namespace tessera::refine {

/// One step and what it did to the error of the outputs, everything quantized: SQNR in dB on
/// samples that nothing was fitted to. A step that did not gain there, by more than chance, is
/// taken back.
struct Step {
  std::string branch;  ///< "fast": without ranges_by_output and scales; "full"
  std::string name;    ///< "equalize", "ranges-by-output", "scales", "rounding", "bias-correction"
  double before_db = 0;
  double after_db = 0;
  bool kept = false;
  std::int64_t changed = 0;  ///< tensors, weights or layers
  double cpu_us = 0;
};

struct RefineReport {
  std::int64_t samples = 0;        ///< all that were given
  std::int64_t error_samples = 0;  ///< of these, those that decided whether a step stays
  std::vector<Step> steps;
  std::string branch;                ///< the one that was taken; steps of the other are not kept
  std::vector<std::string> skipped;  ///< why tensors or layers were left out, one line each
};
[[nodiscard]] Json to_json(const RefineReport& report);

}  // namespace tessera::refine
