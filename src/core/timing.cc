// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/timing.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "tessera/core/fields.h"

namespace tessera {
namespace {

double read_clock_us(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

}  // namespace

Clock steady_clock_us() {
  return [] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double, std::micro>(now).count();
  };
}

double thread_cpu_us() {
  return read_clock_us(CLOCK_THREAD_CPUTIME_ID);
}

double process_cpu_us() {
  return read_clock_us(CLOCK_PROCESS_CPUTIME_ID);
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

double Timing::spread() const noexcept {
  return median_us > 0 ? (p90_us - p10_us) / median_us : 0;
}

double quantile(std::span<const double> sorted, double p) {
  if (sorted.empty()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const auto position = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], position - static_cast<double>(below));
}

Timing summarize(std::span<const double> samples_us, std::int64_t warmup) {
  if (samples_us.empty()) {
    return {.warmup = warmup};
  }
  std::vector<double> sorted(samples_us.begin(), samples_us.end());
  std::sort(sorted.begin(), sorted.end());
  return {.median_us = quantile(sorted, 0.5),
          .p10_us = quantile(sorted, 0.1),
          .p90_us = quantile(sorted, 0.9),
          .n = static_cast<std::int64_t>(sorted.size()),
          .warmup = warmup};
}

Fields<Timing> fields_of(const Timing*) {
  static constexpr std::array kFields = {
      field<&Timing::median_us>("median_us", "half of the runs take less"),
      field<&Timing::p10_us>("p10_us", "10th percentile"),
      field<&Timing::p90_us>("p90_us", "90th percentile"), field<&Timing::n>("n", "measured runs"),
      field<&Timing::warmup>("warmup", "runs before, not measured")};
  return kFields;
}

Json to_json(const Timing& timing) {
  return as_json(timing);
}

}  // namespace tessera
