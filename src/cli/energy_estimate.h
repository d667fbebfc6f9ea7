// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/context.h"
#include "tessera/keras/energy.h"

namespace tessera::cli {

/// `energy --estimate`: from widths and counts, for hardware that is made for the network.
struct EstimateOptions {
  std::string rules;  ///< empty: no estimate is wanted
  std::string weights = "dram";
  std::string activations = "dram";
  std::string network_io = "dram";
  keras::EnergyOptions energy;
  std::string config;
};

void add_estimate_options(CLI::App& command, EstimateOptions& options);

/// Answers, and writes the record to `output` unless that is empty. `top`: rows of the table, 0 for
/// all.
[[nodiscard]] Status answer_estimate(const std::string& model, EstimateOptions options,
                                     const std::string& output, Overwrite overwrite,
                                     std::size_t top, Context& context);

}  // namespace tessera::cli
