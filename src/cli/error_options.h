// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/scheme_options.h"
#include "tessera/calibrate/ranges.h"
#include "tessera/noise/switchable.h"
#include "tessera/quantize/recipe.h"

/// What the commands that switch layers have in common.
namespace tessera::cli {

struct SwitchOptions {
  std::string model;
  LoadOptions loading;
  RunOptions run;
  DataOptions data;
  std::string layers = "top-macs:15";
  std::string recipe;
  SchemeOptions scheme;
  std::vector<std::string> further;
  std::string ranges;
  std::int64_t calibration_samples = 100;
  std::int64_t memory_mib = 256;
};

/// MODEL, --data, --images, --recipe, scheme, --ranges and the usual ones.
void add_mix_options(CLI::App& command, SwitchOptions& options);
/// These, and --layers, --schemes and --memory.
void add_switch_options(CLI::App& command, SwitchOptions& options);

/// Everything that a switchable model is made from. Does not move.
struct SwitchInput {
  network::Network model;
  data::SampleSet samples;
  std::optional<calibrate::Ranges> ranges;
  noise::SwitchableSetup setup;  ///< points into this object
  quantize::Recipe recipe;       ///< what quantizes the whole model in these schemes
};

/// Loads, reads the ranges or measures them; no layer is switched.
[[nodiscard]] Result<std::unique_ptr<SwitchInput>> load_mix(const SwitchOptions& options,
                                                            Context& context);
/// The same, and chooses layers and their schemes.
[[nodiscard]] Result<std::unique_ptr<SwitchInput>> load_switches(const SwitchOptions& options,
                                                                 Context& context);

}  // namespace tessera::cli
