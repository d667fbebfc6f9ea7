// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "profile/collector.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace tessera::profile {

Collector::Collector(std::size_t units, std::size_t runs)
    : own_(units), conversion_(units + 1), runs_(runs) {
  for (auto* rows : {&own_, &conversion_}) {
    for (auto& row : *rows) {
      row.us.resize(runs);
    }
  }
}

void Collector::add(std::size_t run, const Site& site, const runtime::KernelTime& kernel) {
  const auto row_of = [&]() -> Row& {
    if (kernel.partition && !site.fused.empty()) {
      return shared_[site.fused];
    }
    return site.kind == Site::Kind::kUnit ? own_[site.unit] : conversion_[site.unit];
  };
  auto& row = row_of();
  row.us.resize(runs_);
  row.us[run].push_back(kernel.duration_us);
  if (run == 0) {
    row.integer = row.types.empty() ? is_integer(kernel.role) : row.integer;
    row.types.push_back(kernel.op_type);
  }
}

void Collector::finish(Trace& trace, std::int64_t warmup) const {
  for (const auto& row : own_) {
    trace.times.unit_us.push_back(row.time_us());
    trace.times.unit_kernels.push_back(static_cast<double>(row.types.size()));
    trace.own_sums.push_back(row.sums());
    trace.unit_timing.push_back(row.timing(warmup));
    trace.unit_kernels.push_back(row.types);
    trace.integers.push_back(row.integer);
  }
  trace.warmup = warmup;
  for (const auto& [units, row] : shared_) {
    const auto part = 1 / static_cast<double>(units.size());
    for (const auto unit : units) {
      trace.times.unit_us[unit] += part * row.time_us();
      trace.times.unit_kernels[unit] += part * static_cast<double>(row.types.size());
      auto& types = trace.unit_kernels[unit];
      trace.integers[unit] = types.empty() ? row.integer : trace.integers[unit];
      types.insert(types.end(), row.types.begin(), row.types.end());
    }
    trace.times.shared.push_back({units, std::vector<double>(units.size(), part * row.time_us())});
    trace.shared_sums.push_back(row.sums());
  }
  trace.time_shares();
  for (const auto& row : conversion_) {
    trace.times.conversion_us.push_back(row.time_us());
    trace.times.conversion_kernels.push_back(static_cast<double>(row.types.size()));
    trace.conversion_timing.push_back(row.timing(warmup));
    trace.conversion_kernels.push_back(row.types);
  }
}

void Trace::share_by(std::span<const double> weights) {
  times.share_by(weights);
  time_shares();
}

void Trace::time_shares() {
  auto sums = own_sums;
  std::vector<bool> shares(sums.size(), false);
  for (std::size_t i = 0; i < times.shared.size(); ++i) {
    const auto& kernel = times.shared[i];
    const double total = std::accumulate(kernel.us.begin(), kernel.us.end(), 0.0);
    for (std::size_t j = 0; j < kernel.units.size() && total > 0; ++j) {
      const auto unit = kernel.units[j];
      shares[unit] = true;
      for (std::size_t run = 0; run < sums[unit].size(); ++run) {
        sums[unit][run] += kernel.us[j] / total * shared_sums[i][run];
      }
    }
  }
  for (std::size_t unit = 0; unit < sums.size(); ++unit) {
    if (shares[unit]) {
      unit_timing[unit] = summarize(sums[unit], warmup);
    }
  }
}

double Collector::Row::time_us() const {
  if (std::any_of(us.begin(), us.end(),
                  [&](const auto& run) { return run.size() != types.size(); })) {
    return midmean(sums());
  }
  double sum = 0;
  for (std::size_t kernel = 0; kernel < types.size(); ++kernel) {
    std::vector<double> values;
    values.reserve(us.size());
    for (const auto& run : us) {
      values.push_back(run[kernel]);
    }
    sum += midmean(std::move(values));
  }
  return sum;
}

Timing Collector::Row::timing(std::int64_t warmup) const {
  return types.empty() ? Timing{} : summarize(sums(), warmup);
}

std::vector<double> Collector::Row::sums() const {
  std::vector<double> by_run;
  by_run.reserve(us.size());
  for (const auto& run : us) {
    by_run.push_back(std::accumulate(run.begin(), run.end(), 0.0));
  }
  return by_run;
}

}  // namespace tessera::profile
