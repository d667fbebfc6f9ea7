// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/core/timing.h"

namespace tessera::evaluate {

/// One contestant of a race: does its work once. The same `round` means the same input for all.
using Contestant = std::function<Status(std::int64_t round)>;

struct RaceOptions {
  std::int64_t warmup = 2;      ///< untimed runs of every contestant before the first round
  std::int64_t min_rounds = 3;  ///< even beyond the budget
  std::int64_t max_rounds = 60;
  double budget_us = 30e6;
  /// A contestant whose speed-up is known this well (half the width of its 95 % interval, relative)
  /// leaves the race, but not before `settle_rounds`; the rounds end early once all that matter
  /// have left.
  double wanted_precision = 0.01;
  std::int64_t settle_rounds = 15;
  /// After five rounds, contestants this much slower than the fastest run every fourth round only.
  double slow_factor = 1.5;
  std::uint64_t seed = 0;  ///< of the order within a round
  Clock clock;             ///< what runs are timed with; empty: the steady clock
  Clock budget_clock;      ///< what the budget counts; empty: the steady clock
};

/// What one contestant did.
struct Track {
  Status status;                  ///< the first failure; a contestant that failed is out
  std::vector<double> rounds_us;  ///< its fastest run of each round, NaN where it sat out
  Timing timing;                  ///< of those
};

/// Times contestants against each other, round-robin in one process, so that clock changes and
/// other load fall on all alike. Contestant 0 is the reference and runs in every round.
///
/// Where the reference takes less than 50 ms, a turn is two to ten runs (about 5 ms of the
/// reference), of which the fastest counts: the first pays for caches that the others have just
/// taken and that a deployed model has for itself, and any may be interrupted by other programs.
/// All contestants have the same number of runs. The order within a round is shuffled.
/// Errors: kCancelled before a first round is complete; later the race ends with the rounds it has,
/// and the caller asks the monitor. Failures of contestants are in their tracks.
[[nodiscard]] Result<std::vector<Track>> race(std::span<const Contestant> contestants,
                                              const RaceOptions& options, std::string_view stage,
                                              Monitor& monitor);

/// How many times faster than the reference: ratio of the medians over the rounds that both ran,
/// with a 95 % interval by bootstrap over rounds. Rounds are resampled whole, so that load that
/// falls on both does not widen it (Efron and Tibshirani 1993).
struct Speedup {
  double median = 0;
  double low = 0;
  double high = 0;
  std::int64_t rounds = 0;

  /// Faster beyond what noise explains.
  [[nodiscard]] bool certain() const noexcept { return rounds >= 6 && low > 1; }
  [[nodiscard]] double half_width() const noexcept {
    return median > 0 ? (high - low) / (2 * median) : 0;
  }
};
[[nodiscard]] Speedup speedup_of(const Track& reference, const Track& candidate);

}  // namespace tessera::evaluate
