// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/json.h"

namespace tessera {

/// A clock in microseconds with an arbitrary origin. Passed in, so that tests can fake it.
using Clock = std::function<double()>;

/// Monotonic wall clock.
[[nodiscard]] Clock steady_clock_us();
/// CPU time of the calling thread.
[[nodiscard]] double thread_cpu_us();
/// CPU time of all threads of this process.
[[nodiscard]] double process_cpu_us();
/// Now, as "2026-01-31T12:00:00Z".
[[nodiscard]] std::string utc_now();

/// What a set of repeated timings says. Never a bare average: noise is one-sided.
struct Timing {
  double median_us = 0;
  double p10_us = 0;
  double p90_us = 0;
  std::int64_t n = 0;
  std::int64_t warmup = 0;

  /// (p90 - p10) / median, the relative spread.
  [[nodiscard]] double spread() const noexcept;
};

/// Summary of samples in microseconds; quantiles interpolate linearly (type 7 of Hyndman and
/// Fan 1996). No samples give all zeros.
[[nodiscard]] Timing summarize(std::span<const double> samples_us, std::int64_t warmup);

/// The `p` quantile, 0 <= p <= 1, of sorted values. NaN for none.
[[nodiscard]] double quantile(std::span<const double> sorted, double p);

[[nodiscard]] Json to_json(const Timing& timing);

}  // namespace tessera
