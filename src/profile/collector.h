// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "profile/attribution.h"
#include "profile/trace.h"

namespace tessera::profile {

/// Kernel times by site and run.
class Collector {
 public:
  Collector(std::size_t units, std::size_t runs);

  /// `run` counts from 0; types of kernels are those of the first. A partition's time is kept by
  /// its units together, and divided evenly until someone knows better (Trace::share_by).
  void add(std::size_t run, const Site& site, const runtime::KernelTime& kernel);
  /// Fills times, timings and kernels of `trace`.
  void finish(Trace& trace, std::int64_t warmup) const;

 private:
  struct Row {
    std::vector<std::vector<double>> us;  ///< by run, then by kernel
    std::vector<std::string> types;
    bool integer = false;  ///< the first of them computes on integers

    /// Kernel by kernel, so that a disturbance of one does not drop the others of its run. Where
    /// the runs call different numbers of kernels, these have no partners: whole runs then.
    [[nodiscard]] double time_us() const;
    [[nodiscard]] Timing timing(std::int64_t warmup) const;
    [[nodiscard]] std::vector<double> sums() const;
  };

  std::vector<Row> own_;
  std::vector<Row> conversion_;                     ///< last the model's inputs
  std::map<std::vector<std::size_t>, Row> shared_;  ///< by the units of a partition
  std::size_t runs_;
};

}  // namespace tessera::profile
