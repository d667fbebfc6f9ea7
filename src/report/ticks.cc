// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "tessera/report/chart.h"

namespace tessera::report {
namespace {

constexpr std::size_t kMostTicks = 10;
constexpr double kEqual = 1e-9;
/// Smaller ranges are one point: powers of ten end soon below.
constexpr double kSmallest = 1e-290;
/// Bounds within this factor get linear ticks on a logarithmic axis: no set of round numbers is
/// dense enough for four of them there.
constexpr double kNarrow = 3;

/// mantissa * 10^exponent, the nearest double: a quotient where a product would round twice.
double scaled(double mantissa, int exponent) {
  return exponent < 0 ? mantissa / std::pow(10.0, -exponent) : mantissa * std::pow(10.0, exponent);
}

/// All multiples of `multiple * 10^exponent` that cover the bounds.
std::vector<double> multiples(double lower, double upper, double multiple, int exponent) {
  const auto step = scaled(multiple, exponent);
  auto first = std::floor(lower / step);
  auto last = std::ceil(upper / step);
  // The quotient may have been rounded past the bound.
  first -= scaled(first * multiple, exponent) > lower ? 1 : 0;
  last += scaled(last * multiple, exponent) < upper ? 1 : 0;
  std::vector<double> ticks;
  for (auto i = first; i <= last && ticks.size() <= kMostTicks; ++i) {
    ticks.push_back(scaled(i * multiple, exponent));
  }
  return ticks;
}

/// The values of `mantissas` in every decade that cover the bounds; empty if they are too many.
template <std::size_t N>
std::vector<double> in_decades(double lower, double upper, const std::array<double, N>& mantissas) {
  const auto first = static_cast<int>(std::floor(std::log10(lower))) - 1;
  std::vector<double> ticks;
  for (int decade = first; ticks.size() <= kMostTicks; ++decade) {
    for (const auto mantissa : mantissas) {
      const auto value = scaled(mantissa, decade);
      if (value <= lower) {
        ticks.assign(1, value);
      } else if (ticks.back() < upper) {
        ticks.push_back(value);
      }
    }
    if (ticks.back() >= upper) {
      return ticks.size() <= kMostTicks ? ticks : std::vector<double>{};
    }
  }
  return {};
}

}  // namespace

std::vector<double> linear_ticks(double lower, double upper) {
  if (lower > upper) {
    std::swap(lower, upper);
  }
  const auto size = std::max(std::abs(lower), std::abs(upper));
  if (upper - lower <= std::max(size * kEqual, kSmallest)) {
    const auto room = size > kSmallest ? size / 2 : 1;
    lower -= room;
    upper += room;
  }
  // The finest step that needs no more than ten: as 1, 2 and 5 are at most a factor 2.5 apart,
  // it gives at least five.
  const auto finest = static_cast<int>(std::floor(std::log10((upper - lower) / kMostTicks))) - 1;
  for (int exponent = finest;; ++exponent) {
    for (const auto multiple : {1.0, 2.0, 5.0}) {
      auto ticks = multiples(lower, upper, multiple, exponent);
      if (ticks.size() <= kMostTicks) {
        return ticks;
      }
    }
  }
}

std::vector<double> log_ticks(double lower, double upper) {
  if (lower > upper) {
    std::swap(lower, upper);
  }
  if (upper - lower <= upper * kEqual) {
    lower /= 2;
    upper *= 2;
  }
  if (upper < lower * kNarrow) {
    return linear_ticks(lower, upper);
  }
  if (auto ticks = in_decades(lower, upper, std::array{1.0, 1.5, 2.0, 3.0, 5.0, 7.0});
      !ticks.empty()) {
    return ticks;
  }
  if (auto ticks = in_decades(lower, upper, std::array{1.0, 2.0, 5.0}); !ticks.empty()) {
    return ticks;
  }
  if (auto ticks = in_decades(lower, upper, std::array{1.0}); !ticks.empty()) {
    return ticks;
  }
  auto lowest = static_cast<int>(std::floor(std::log10(lower)));
  auto highest = static_cast<int>(std::ceil(std::log10(upper)));
  lowest -= scaled(1, lowest) > lower ? 1 : 0;
  highest += scaled(1, highest) < upper ? 1 : 0;
  auto exponents = linear_ticks(lowest, highest);
  for (auto& exponent : exponents) {
    exponent = scaled(1.0, static_cast<int>(exponent));
  }
  return exponents;
}

}  // namespace tessera::report
