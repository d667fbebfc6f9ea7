// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "profile/trace.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "profile/attribution.h"
#include "profile/collector.h"

namespace tessera::profile {
namespace {

using evaluate::Lane;

/// One inference by both clocks.
struct Lap {
  double wall_us = 0;
  double cpu_us = 0;

  /// Another program had the processor meanwhile. A few microseconds of interrupts are no matter.
  [[nodiscard]] bool disturbed() const {
    constexpr double kShare = 1.02;
    constexpr double kSlackUs = 30;
    return wall_us > kShare * cpu_us + kSlackUs;
  }
};

Result<Lap> run_once(Lane& lane, std::int64_t round) {
  static const Clock wall = steady_clock_us();
  const auto& feeds = lane.feeds[static_cast<std::size_t>(round) % lane.feeds.size()];
  const double wall_start = wall();
  const double cpu_start = thread_cpu_us();
  TESSERA_CHECK(lane.session.run(feeds).map([](const auto&) {}));
  return Lap{wall() - wall_start, thread_cpu_us() - cpu_start};
}

/// Pace of the machine: the fastest of a few runs of the float model, or of a moment's where these
/// are shorter than an interruption.
Result<double> reference_us(evaluate::Lab& lab) {
  constexpr int kRuns = 3;
  constexpr int kMostRuns = 30;
  constexpr double kMomentUs = 2e3;
  double fastest = INFINITY;
  double total_us = 0;
  for (int i = 0; i < kRuns || (i < kMostRuns && total_us < kMomentUs); ++i) {
    TESSERA_TRY(const auto lap, run_once(lab.reference_lane(), i));
    fastest = std::min(fastest, lap.cpu_us);
    total_us += lap.wall_us;
  }
  return fastest;
}

/// So many that they take a moment, at least `least`.
std::int64_t runs_for(const Lap& lap, std::int64_t least) {
  constexpr double kMomentUs = 10e3;
  constexpr double kMostRuns = 60;
  const double fitting = std::min(kMomentUs / std::max(lap.wall_us, 1.0), kMostRuns);
  return std::max(least, static_cast<std::int64_t>(fitting));
}

void keep_events(Trace& trace, const Units& units, const Attribution& attribution,
                 std::span<const runtime::KernelTime> run) {
  const double start = run.empty() ? 0 : run.front().start_us;
  for (const auto& kernel : run) {
    const auto unit = attribution.site_of(kernel).unit;
    trace.events.push_back({kernel.op_type, unit < units.size() ? units.units[unit].name : "",
                            kernel.start_us - start, kernel.duration_us});
  }
}

}  // namespace

double midmean(std::vector<double> values) {
  if (values.empty()) {
    return 0;
  }
  std::sort(values.begin(), values.end());
  const auto cut = values.size() / 4;
  const auto first = values.begin() + static_cast<std::ptrdiff_t>(cut);
  const auto last = values.end() - static_cast<std::ptrdiff_t>(cut);
  return std::accumulate(first, last, 0.0) / static_cast<double>(last - first);
}

Result<Trace> trace_plan(evaluate::Lab& lab, const Units& units, const evaluate::Built& built,
                         const TraceOptions& options, Monitor& monitor) {
  Trace trace;
  TESSERA_TRY(auto lane, lab.open_lane(built, {.profile = true, .kernel_sources = true}));
  double before_us = options.before_us.value_or(0);
  if (!options.before_us) {
    TESSERA_TRY(before_us, reference_us(lab));
  }
  std::vector<Lap> laps;
  std::int64_t good = 0;
  std::int64_t wanted = options.runs;
  for (std::int64_t run = 0; run < options.warmup + 2 * wanted && good < wanted; ++run) {
    TESSERA_CHECK(monitor.check());
    TESSERA_TRY(const auto lap, run_once(lane, run));
    laps.push_back(lap);
    if (run == options.warmup) {
      wanted = runs_for(lap, options.runs);
    }
    good += run >= options.warmup && !lap.disturbed() ? 1 : 0;
  }
  TESSERA_TRY(trace.after_us, reference_us(lab));
  trace.reference_us = (before_us + trace.after_us) / 2;
  TESSERA_TRY(const auto kernels, lane.session.end_profile());
  const Attribution attribution(lab.graph(), units, kernels);

  const auto by_run = runtime::kernels_by_run(kernels);
  if (!kernels.empty() && by_run.size() != laps.size()) {
    return fail(ErrorCode::kUnavailable, "the runtime's profile tells of {} runs; there were {}",
                by_run.size(), laps.size())
        .hint("use another --runtime");
  }
  std::vector<std::size_t> counted;
  for (auto run = static_cast<std::size_t>(options.warmup); run < laps.size(); ++run) {
    // Where hardly any run was undisturbed, all count, and the record says how many were.
    if (!laps[run].disturbed() || good < 3) {
      counted.push_back(run);
    }
  }
  Collector collector(units.size(), counted.size());
  trace.fused.assign(units.size(), false);
  for (std::size_t i = 0; i < counted.size(); ++i) {
    const auto run = kernels.empty() ? std::span<const runtime::KernelTime>() : by_run[counted[i]];
    for (const auto& kernel : run) {
      const auto site = attribution.site_of(kernel);
      collector.add(i, site, kernel);
      for (const auto unit : site.fused) {
        trace.fused[unit] = true;
      }
    }
    if (i == 0) {
      keep_events(trace, units, attribution, run);
    }
  }
  collector.finish(trace, options.warmup);
  trace.runs = static_cast<std::int64_t>(counted.size());
  trace.disturbed = static_cast<std::int64_t>(laps.size()) - options.warmup - good;
  return trace;
}

}  // namespace tessera::profile
