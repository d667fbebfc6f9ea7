// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tessera/cluster/cluster.h"
#include "tessera/core/file.h"
#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/noise/model.h"
#include "tessera/placement/plan.h"

/// What plans are made from, as files.
namespace tessera::cli {

struct PlanFiles {
  std::string cluster;                ///< empty: the only profile's machine
  std::vector<std::string> profiles;  ///< MACHINE=FILE, or FILE where one machine lacks one
  std::string error_model;            ///< empty: none
  std::vector<std::string> changes;   ///< of the cluster, see cluster::change()
};

class PlanInputs {
 public:
  /// Errors: kInvalidArgument for files of another model, machines without times; those of reading.
  [[nodiscard]] static Result<PlanInputs> read(const PlanFiles& files, const ModelInfo& model);

  /// Of this object, and of the graph: both outlive it.
  [[nodiscard]] placement::Setting setting(const graph::Graph& graph) const {
    return {.graph = &graph,
            .cluster = &cluster_,
            .profiles = &profiles_,
            .error_model = error_model_ ? &*error_model_ : nullptr};
  }
  /// SHA-256 by file.
  [[nodiscard]] const std::map<std::string, std::string>& sums() const { return sums_; }
  [[nodiscard]] const cluster::Cluster& cluster() const { return cluster_; }
  /// The stricter of both limits as an error, if there is one. Errors: kInvalidArgument for
  /// decibels without an error model that knows them.
  [[nodiscard]] Result<std::optional<double>> error_limit(std::optional<double> max_error,
                                                          std::optional<double> min_sqnr_db) const;

 private:
  Status note(const std::string& path);

  cluster::Cluster cluster_;
  std::vector<profile::Profile> profiles_;
  std::optional<noise::ErrorModel> error_model_;
  std::map<std::string, std::string> sums_;
};

/// The only machine with neither a profile nor a scaling. Errors: kInvalidArgument.
[[nodiscard]] Result<std::string> machine_without_times(const cluster::Cluster& cluster);

/// Writes the certificate of a plan with a proof, and names it in the plan.
[[nodiscard]] Status write_certificate(const std::filesystem::path& path, const PlanInputs& inputs,
                                       const std::string& model_sha256, const graph::Graph& graph,
                                       placement::Planned& planned, Overwrite overwrite);

}  // namespace tessera::cli
