// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tessera/noise/sweep.h"
#include "tessera/tensor/metrics.h"

namespace tessera::noise {

/// Turns sums over single samples into the figures of a record.
class Score {
 public:
  /// One sample: by output.
  void add(std::span<const ErrorSums> outputs, std::span<const SweepOutput> described,
           std::optional<bool> agrees = std::nullopt);
  /// Fills everything but index, layers and metric.
  void finish(std::span<const SweepOutput> described, SweepRecord& record) const;

 private:
  struct Total {
    ErrorSums sums;
    double error = 0;  ///< sum over the samples of |x - y|_2 / elements
  };
  std::vector<Total> totals_;
  double error_ = 0;
  std::int64_t images_ = 0;
  std::int64_t voted_ = 0;
  std::int64_t agreed_ = 0;
};

}  // namespace tessera::noise
