// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/lab.h"
#include "tessera/profile/latency_model.h"
#include "tessera/profile/units.h"

namespace tessera::profile {

/// Runs of one plan, taken apart by the runtime's own profiler.
struct Trace {
  PlanTimes times;                        ///< but for its states, which the caller knows
  std::vector<Timing> unit_timing;        ///< by unit
  std::vector<Timing> conversion_timing;  ///< by unit, last the model's inputs
  std::vector<std::vector<std::string>> unit_kernels;        ///< types, as they ran
  std::vector<std::vector<std::string>> conversion_kernels;  ///< types
  std::vector<bool> fused;     ///< by unit: shares a kernel with another unit
  std::vector<bool> integers;  ///< by unit: the first of its kernels computes on integers
  struct Event {
    std::string kernel;  ///< type
    std::string unit;    ///< name; empty for the model's inputs
    double start_us = 0;
    double duration_us = 0;
  };
  std::vector<Event> events;   ///< of one undisturbed run, for a timeline
  std::int64_t runs = 0;       ///< that count
  std::int64_t disturbed = 0;  ///< left out: another program ran in the middle
  double reference_us = 0;     ///< float32 around the runs: the pace of the machine
  double after_us = 0;         ///< float32 behind them

  // What the timings of units are made of.
  std::vector<std::vector<double>> own_sums;     ///< by unit, then run: kernels of its own
  std::vector<std::vector<double>> shared_sums;  ///< by PlanTimes::shared, then run
  std::int64_t warmup = 0;

  /// As PlanTimes::share_by(), and time_shares().
  void share_by(std::span<const double> weights);
  /// Timings of units that share kernels, by how their time is divided.
  void time_shares();
};

struct TraceOptions {
  std::int64_t runs = 7;  ///< at least: of a short model as many as take 10 ms, at most 60
  std::int64_t warmup = 2;
  std::optional<double> before_us;  ///< float32 just before, where it was measured
};

/// Opens `built` under the profiler and runs it. Runs during which the thread did not have its
/// processor (wall time above CPU time) are repeated, up to as many again, and left out. A kernel's
/// time is the mean of the middle half of its runs: the profiler's clock ticks in microseconds, and
/// a median of whole numbers would hide what lies between them.
[[nodiscard]] Result<Trace> trace_plan(evaluate::Lab& lab, const Units& units,
                                       const evaluate::Built& built, const TraceOptions& options,
                                       Monitor& monitor);

/// Mean of the middle half of the values; they are sorted for it.
[[nodiscard]] double midmean(std::vector<double> values);

}  // namespace tessera::profile
