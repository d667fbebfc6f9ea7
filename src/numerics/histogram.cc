// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "numerics/histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "numerics/text_numbers.h"

namespace tessera::numerics {
namespace {

using simd::FloatBins;

constexpr std::size_t kTableSize = std::size_t{2} * FloatBins::kPerSign;
constexpr std::int32_t kOctave = 1 << FloatBins::kMantissaBits;
/// Below this many values, the four tables cost more to sum up than they save.
constexpr std::size_t kTablesPay = 16384;
/// As long as no more values than this were counted, no counter can have overflown.
constexpr std::int64_t kMostWithoutCarry = std::numeric_limits<std::uint32_t>::max();
constexpr std::int32_t kInfinityKey = 0xFF << FloatBins::kMantissaBits;

std::int32_t key_of(float magnitude) {
  return std::bit_cast<std::int32_t>(magnitude) >> FloatBins::kShift;
}

/// Smallest magnitude with a key.
double edge_of(std::int32_t key) {
  return double{std::bit_cast<float>(key << FloatBins::kShift)};
}

}  // namespace

Histogram::Tables Histogram::make_tables() {
  return Tables(kTableSize * FloatBins::kTables);
}

float Histogram::limit() const {
  const std::int32_t top = base_ + kPerSign;
  if (top <= 0) {
    return 0;  // even 0 is too large: nothing was counted yet
  }
  return top < kInfinityKey ? std::bit_cast<float>(top << FloatBins::kShift)
                            : std::numeric_limits<float>::max();
}

std::uint64_t Histogram::at(std::size_t bin) const {
  if (bin >= low_.size()) {
    return 0;
  }
  const std::uint64_t carry = bin < high_.size() ? high_[bin] : 0;
  return (carry << 32U) | low_[bin];
}

void Histogram::increase(std::size_t bin, std::uint64_t count) {
  if (count == 0) {
    return;
  }
  const std::uint64_t sum = at(bin) + count;
  low_[bin] = static_cast<std::uint32_t>(sum);
  if (const std::uint64_t carry = sum >> 32U; carry != 0) {
    high_.resize(kTableSize);
    high_[bin] = static_cast<std::uint32_t>(carry);
  }
}

void Histogram::allow_negatives() {
  low_.resize(kTableSize);
}

void Histogram::raise_base(std::int32_t base) {
  const std::int32_t shift = base - base_;
  if (low_.empty()) {
    low_.resize(kPerSign);
  } else if (shift > 0) {
    for (std::size_t sign = 0; sign < low_.size(); sign += kPerSign) {
      for (std::int32_t bin = 1; bin < kPerSign; ++bin) {
        const std::size_t from = sign + static_cast<std::size_t>(bin);
        const std::uint64_t moved = at(from);
        low_[from] = 0;
        if (from < high_.size()) {
          high_[from] = 0;
        }
        increase(sign + static_cast<std::size_t>(std::max(bin - shift, 0)), moved);
      }
    }
  }
  base_ = base;
}

void Histogram::grow(float magnitude) {
  // Whole octaves, so that the base depends on the exponent of the largest magnitude alone.
  const std::int32_t top = (key_of(magnitude) / kOctave + 1) * kOctave;
  if (top > base_ + kPerSign) {
    raise_base(top - kPerSign);
  }
}

void Histogram::take(Tables& tables, std::int64_t total) {
  const std::uint32_t* a = tables.data();
  const std::uint32_t* b = a + kTableSize;
  const std::uint32_t* c = b + kTableSize;
  const std::uint32_t* d = c + kTableSize;
  if (total <= kMostWithoutCarry) {
    for (std::size_t bin = 0; bin < low_.size(); ++bin) {
      low_[bin] += (a[bin] + b[bin]) + (c[bin] + d[bin]);
    }
  } else {
    for (std::size_t bin = 0; bin < low_.size(); ++bin) {
      increase(bin, std::uint64_t{a[bin]} + b[bin] + c[bin] + d[bin]);
    }
  }
  std::fill(tables.begin(), tables.end(), 0U);
}

std::size_t Histogram::add_stretches(std::span<const float> values, Tables& tables,
                                     MinMax& extrema) {
  const bool negatives = low_.size() == kTableSize;
  // Without carries, counts can go straight to their place.
  const bool direct =
      values.size() < kTablesPay && count_ + std::ssize(values) <= kMostWithoutCarry;
  // A table is summed up before one of its counters can overflow.
  constexpr std::size_t kMost = std::size_t{1} << 30;
  const auto part = values.first(std::min(values.size(), kMost));
  const simd::HistogramScan scan =
      direct ? simd::count_histogram(part, base_, limit(), negatives, low_.data(), 1)
             : simd::count_histogram(part, base_, limit(), negatives, tables.data(),
                                     FloatBins::kTables);
  if (!direct && scan.done > 0) {
    take(tables, count_ + static_cast<std::int64_t>(scan.done));
  }
  count_ += static_cast<std::int64_t>(scan.done);
  extrema.finite += static_cast<std::int64_t>(scan.done);
  if (scan.done > 0) {
    extrema.min = std::min(extrema.min, scan.min);
    extrema.max = std::max(extrema.max, scan.max);
  }
  return scan.done;
}

void Histogram::add(std::span<const float> values, Tables& tables, MinMax& extrema) {
  while (!values.empty()) {
    values = values.subspan(add_stretches(values, tables, extrema));
    if (values.empty()) {
      return;
    }
    const auto stretch = values.first(std::min(values.size(), simd::kHistogramStretch));
    const std::vector<float> numbers = make_room(stretch, extrema);
    if (numbers.size() == stretch.size()) {
      continue;
    }
    for (std::size_t done = 0; done < numbers.size();) {
      done += add_stretches(std::span(numbers).subspan(done), tables, extrema);
    }
    values = values.subspan(stretch.size());
  }
}

std::vector<float> Histogram::make_room(std::span<const float> values, MinMax& extrema) {
  std::vector<float> numbers;
  float largest = 0;
  bool negative = false;
  for (const float value : values) {
    const float magnitude = std::abs(value);
    if (std::isnan(value)) {
      ++extrema.nan;
    } else if (magnitude >= std::numeric_limits<float>::max()) {
      ++extrema.infinite;
    } else {
      numbers.push_back(value);
      largest = std::max(largest, magnitude);
      negative = negative || value < 0;
    }
  }
  if (!numbers.empty()) {
    grow(largest);
  }
  if (negative) {
    allow_negatives();
  }
  return numbers;
}

void Histogram::merge(const Histogram& other) {
  if (other.count_ == 0) {
    return;
  }
  if (other.base_ > base_) {
    raise_base(other.base_);
  }
  if (other.low_.size() > low_.size()) {
    allow_negatives();
  }
  const std::int32_t shift = base_ - other.base_;
  for (std::size_t sign = 0; sign < other.low_.size(); sign += kPerSign) {
    for (std::int32_t bin = 0; bin < kPerSign; ++bin) {
      increase(sign + static_cast<std::size_t>(std::max(bin - shift, 0)),
               other.at(sign + static_cast<std::size_t>(bin)));
    }
  }
  count_ += other.count_;
}

Distribution Histogram::distribution(RealRange seen) const {
  Distribution result;
  result.seen = seen;
  result.count = static_cast<double>(count_);
  // Most bins are empty: their edges are not asked for.
  const auto put = [&](std::int32_t bin, double sign, std::uint64_t count) {
    const double near = sign * edge_of(std::max(base_ + bin, 0));
    const double far = sign * edge_of(std::max(base_ + bin + 1, 0));
    const double low = std::max(std::min(near, far), seen.min);
    const double high = std::max(low, std::min(std::max(near, far), seen.max));
    result.cells.push_back({low, high, static_cast<double>(count)});
  };
  const bool negatives = low_.size() == kTableSize;
  for (std::int32_t bin = negatives ? kPerSign - 1 : 0; bin > 0; --bin) {
    if (const auto count = at(std::size_t{kPerSign} + static_cast<std::size_t>(bin)); count != 0) {
      put(bin, -1, count);
    }
  }
  if (const std::uint64_t zeros = at(0) + at(kPerSign); zeros != 0) {
    const double zero = std::clamp(0.0, seen.min, seen.max);
    result.cells.push_back({zero, zero, static_cast<double>(zeros)});
  }
  for (std::int32_t bin = 1; bin < kPerSign; ++bin) {
    if (const auto count = at(static_cast<std::size_t>(bin)); count != 0) {
      put(bin, 1, count);
    }
  }
  return result;
}

std::string Histogram::to_text() const {
  std::string text = fmt::format("{}", base_);
  std::size_t previous = 0;
  for (std::size_t bin = 0; bin < low_.size(); ++bin) {
    if (const std::uint64_t count = at(bin); count != 0) {
      fmt::format_to(std::back_inserter(text), " {} {}", bin - previous, count);
      previous = bin;
    }
  }
  return text;
}

Result<Histogram> Histogram::parse(std::string_view text) {
  const auto broken = [] {
    return fail(ErrorCode::kDataLoss, "a histogram is damaged").hint("make the shard file again");
  };
  constexpr std::int64_t kMostCount = std::int64_t{1} << 55;
  TextNumbers numbers(text);
  Histogram result;
  std::int32_t base = 0;
  if (!numbers.next(base) || base % kOctave != 0 || base < -kPerSign ||
      base > kInfinityKey - kPerSign) {
    return broken();
  }
  if (numbers.done() && base != result.base_) {
    return broken();
  }
  if (!numbers.done()) {
    result.raise_base(base);
  }
  std::size_t bin = 0;
  bool first = true;
  while (!numbers.done()) {
    std::size_t gap = 0;
    std::int64_t count = 0;
    if (!numbers.next(gap) || !numbers.next(count) || gap > kTableSize || count <= 0 ||
        (gap == 0 && !first)) {
      return broken();
    }
    first = false;
    bin += gap;
    if (bin >= kTableSize || count > kMostCount - result.count_) {
      return broken();
    }
    if (bin >= kPerSign) {
      result.allow_negatives();
    }
    result.increase(bin, static_cast<std::uint64_t>(count));
    result.count_ += count;
  }
  return result;
}

bool Histogram::fits(RealRange seen) const {
  if (count_ == 0) {
    return true;
  }
  const auto magnitude = static_cast<float>(std::max(std::abs(seen.min), std::abs(seen.max)));
  const auto bin_of = [&](double value) {
    return std::max(key_of(std::abs(static_cast<float>(value))) - base_, 0);
  };
  Histogram expected;
  expected.grow(magnitude);
  if (expected.base_ != base_) {
    return false;
  }
  const auto used = [&](std::size_t sign, bool highest) {
    std::int32_t found = -1;
    for (std::int32_t bin = 0; bin < kPerSign; ++bin) {
      if (at(sign + static_cast<std::size_t>(bin)) != 0) {
        found = bin;
        if (!highest) {
          break;
        }
      }
    }
    return found;
  };
  const std::size_t high_sign = seen.max < 0 ? kPerSign : 0;
  const std::size_t low_sign = seen.min < 0 ? kPerSign : 0;
  if (seen.max < 0 && used(0, true) >= 0) {
    return false;
  }
  if (seen.min >= 0 && used(kPerSign, true) >= 0) {
    return false;
  }
  return used(high_sign, seen.max >= 0) == bin_of(seen.max) &&
         used(low_sign, seen.min < 0) == bin_of(seen.min);
}

}  // namespace tessera::numerics
