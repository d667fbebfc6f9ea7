// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "tessera/optimize/record.h"
#include "tessera/placement/record.h"
#include "tessera/quantize/recipe.h"

/// `optimize --cluster`: the best plan for several machines, beside the best model for this one.
namespace tessera::cli {

struct PlacementOptions {
  std::string cluster;      ///< empty: nothing is placed
  std::string error_model;  ///< what limits on the error are counted by
};

/// What was planned, for the summary and for people.
struct Placed {
  placement::Plan plan;
  std::string text;
  /// Its precisions, where all of it is on this machine; parts for several are no single model.
  std::optional<quantize::Recipe> mix;
  /// profile.json, plan.json, plan.cert.json, plan-recipe.json, plan.svg, schedule.svg
  std::vector<std::string> files;
};

/// What placing needs of the run.
struct PlacementSetup {
  const network::Network* model = nullptr;
  const data::SampleSet* samples = nullptr;
  const calibrate::Ranges* ranges = nullptr;
  RunOptions run;
  optimize::Limits limits;
  double budget_us = 0;
};

/// Whether place_on_cluster() has what it needs, before anything is measured. Nothing to do without
/// a cluster. Errors: as there.
[[nodiscard]] Status check_placement(const PlacementOptions& options,
                                     const optimize::Limits& limits);

/// The machine of the cluster that this one stands for is the only one with neither a profile nor a
/// scaling; it is profiled here. Files are written to `folder`.
/// Errors: kInvalidArgument for a cluster without such a machine, or limits on the error without
/// an error model; those of profiling and planning.
[[nodiscard]] Result<Placed> place_on_cluster(const PlacementOptions& options,
                                              const PlacementSetup& setup,
                                              const std::filesystem::path& folder,
                                              Context& context);

}  // namespace tessera::cli
