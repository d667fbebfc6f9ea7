// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/metrics.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>

#include "tessera/tensor/fields.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/metrics.cc"  // compiled once per instruction set
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef TESSERA_TENSOR_METRICS_ONCE
#define TESSERA_TENSOR_METRICS_ONCE
namespace tessera {

/// Sums are kept in eight columns (element i goes to column i mod 8) whatever the vector width,
/// and nothing is fused (see cmake/warnings.cmake), so that every machine finds the same bits.
inline constexpr std::size_t kColumns = 8;

struct ColumnSums {
  alignas(64) double signal[kColumns] = {};
  alignas(64) double noise[kColumns] = {};
  alignas(64) double dot[kColumns] = {};
  alignas(64) double candidate[kColumns] = {};
  alignas(64) double max_abs[kColumns] = {};
  bool all_finite = true;
};

}  // namespace tessera
#endif

HWY_BEFORE_NAMESPACE();
namespace tessera::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// `count` is a multiple of kColumns. Pairs with a NaN or an infinity count as (0, 0), and so does
/// the largest float: it is how exporters write an infinity (the padding of a max pool).
// NOLINTNEXTLINE(misc-use-internal-linkage): compiled once per target, called through a table
void accumulate_columns(const float* reference, const float* candidate, std::size_t count,
                        ColumnSums& sums) {
  const hn::CappedTag<double, kColumns> d;
  const hn::Rebind<float, decltype(d)> f;
  const auto largest = hn::Set(d, static_cast<double>(std::numeric_limits<float>::max()));
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t column = 0; column < kColumns; column += lanes) {
    auto signal = hn::Load(d, sums.signal + column);
    auto noise = hn::Load(d, sums.noise + column);
    auto dot = hn::Load(d, sums.dot + column);
    auto power = hn::Load(d, sums.candidate + column);
    auto max_abs = hn::Load(d, sums.max_abs + column);
    auto all_finite = hn::Eq(signal, signal);
    for (std::size_t i = column; i < count; i += kColumns) {
      auto x = hn::PromoteTo(d, hn::LoadU(f, reference + i));
      auto y = hn::PromoteTo(d, hn::LoadU(f, candidate + i));
      const auto finite = hn::And(hn::Lt(hn::Abs(x), largest), hn::Lt(hn::Abs(y), largest));
      x = hn::IfThenElseZero(finite, x);
      y = hn::IfThenElseZero(finite, y);
      const auto difference = hn::Sub(x, y);
      signal = hn::Add(signal, hn::Mul(x, x));
      noise = hn::Add(noise, hn::Mul(difference, difference));
      dot = hn::Add(dot, hn::Mul(x, y));
      power = hn::Add(power, hn::Mul(y, y));
      max_abs = hn::Max(max_abs, hn::Abs(difference));
      all_finite = hn::And(all_finite, finite);
    }
    hn::Store(signal, d, sums.signal + column);
    hn::Store(noise, d, sums.noise + column);
    hn::Store(dot, d, sums.dot + column);
    hn::Store(power, d, sums.candidate + column);
    hn::Store(max_abs, d, sums.max_abs + column);
    sums.all_finite = sums.all_finite && hn::AllTrue(d, all_finite);
  }
}

}  // namespace tessera::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera {
namespace {

HWY_EXPORT(accumulate_columns);

/// Small enough that the passes over it, one per group of columns, find it in the first cache.
constexpr std::size_t kStrip = 1024;

double total(const double (&columns)[kColumns]) {
  // A fixed tree: the order of the additions is part of the result.
  return ((columns[0] + columns[4]) + (columns[2] + columns[6])) +
         ((columns[1] + columns[5]) + (columns[3] + columns[7]));
}

bool same_value(float a, float b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

bool is_measurable(float value) {
  return std::fabs(value) < std::numeric_limits<float>::max();  // false for NaN
}

std::int64_t count_non_finite(std::span<const float> reference, std::span<const float> candidate) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const bool finite = is_measurable(reference[i]) && is_measurable(candidate[i]);
    count += !finite && !same_value(reference[i], candidate[i]) ? 1 : 0;
  }
  return count;
}

}  // namespace

void ErrorAccumulator::add(std::span<const float> reference,
                           std::span<const float> candidate) noexcept {
  ColumnSums sums;
  const auto kernel = HWY_DYNAMIC_DISPATCH(accumulate_columns);
  for (std::size_t begin = 0; begin < reference.size(); begin += kStrip) {
    const auto x = reference.subspan(begin, std::min(kStrip, reference.size() - begin));
    const auto y = candidate.subspan(begin, x.size());
    sums.all_finite = true;
    const auto whole = x.size() / kColumns * kColumns;
    kernel(x.data(), y.data(), whole, sums);
    if (whole < x.size()) {
      float tail_x[kColumns] = {};
      float tail_y[kColumns] = {};
      std::copy(x.begin() + static_cast<std::ptrdiff_t>(whole), x.end(), tail_x);
      std::copy(y.begin() + static_cast<std::ptrdiff_t>(whole), y.end(), tail_y);
      kernel(tail_x, tail_y, kColumns, sums);
    }
    if (!sums.all_finite) {
      non_finite_ += count_non_finite(x, y);
    }
  }
  signal_ += total(sums.signal);
  noise_ += total(sums.noise);
  dot_ += total(sums.dot);
  candidate_ += total(sums.candidate);
  max_abs_ = std::max(max_abs_, *std::max_element(sums.max_abs, sums.max_abs + kColumns));
  elements_ += static_cast<std::int64_t>(reference.size());
}

void ErrorAccumulator::merge(const ErrorAccumulator& other) noexcept {
  signal_ += other.signal_;
  noise_ += other.noise_;
  dot_ += other.dot_;
  candidate_ += other.candidate_;
  max_abs_ = std::max(max_abs_, other.max_abs_);
  elements_ += other.elements_;
  non_finite_ += other.non_finite_;
}

ErrorMetrics ErrorAccumulator::metrics() const noexcept {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  ErrorMetrics result;
  result.elements = elements_;
  result.non_finite = non_finite_;
  result.max_abs = max_abs_;
  // Nothing but zeros could be compared, and something differs beyond that.
  const bool nothing_left = signal_ == 0 && noise_ == 0 && non_finite_ > 0;
  if (noise_ == 0) {
    result.sqnr_db = nothing_left ? -kInfinity : kInfinity;
  } else {
    result.sqnr_db = signal_ == 0 ? -kInfinity : 10 * std::log10(signal_ / noise_);
    result.relative_l2 = signal_ == 0 ? kInfinity : std::sqrt(noise_ / signal_);
  }
  if (signal_ > 0 && candidate_ > 0) {
    result.cosine = std::clamp(dot_ / std::sqrt(signal_ * candidate_), -1.0, 1.0);
  } else {
    result.cosine = signal_ == candidate_ && !nothing_left ? 1 : 0;
  }
  if (elements_ > 0) {
    result.l2_per_element = std::sqrt(noise_) / static_cast<double>(elements_);
  }
  return result;
}

std::int64_t argmax(std::span<const float> values) noexcept {
  std::int64_t best = -1;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool larger = best < 0 || values[i] > values[static_cast<std::size_t>(best)];
    if (larger && !std::isnan(values[i])) {
      best = static_cast<std::int64_t>(i);
    }
  }
  return best;
}

Fields<ErrorMetrics> fields_of(const ErrorMetrics*) {
  static constexpr std::array kFields = {
      written<&ErrorMetrics::sqnr_db>("sqnr_db",
                                      "10 log10(sum x^2 / sum (x-x')^2); null if they are equal"),
      written<&ErrorMetrics::cosine>("cosine", "x.x' / (|x| |x'|)"),
      written<&ErrorMetrics::max_abs>("max_abs", "largest |x-x'|"),
      written<&ErrorMetrics::l2_per_element>("l2_per_element", "sqrt(sum (x-x')^2) / elements"),
      written<&ErrorMetrics::relative_l2>("relative_l2", "|x-x'|_2 / |x|_2"),
      written<&ErrorMetrics::elements>("elements", "that were compared"),
      written<&ErrorMetrics::non_finite>(
          "non_finite", "elements that are NaN or infinite on one side only; they enter no sum")};
  return kFields;
}

Json to_json(const ErrorMetrics& metrics) {
  return as_json(metrics);
}

}  // namespace tessera
#endif
