// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "numerics/simd.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/simd.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

// Compiled once per target and called through tables, which Highway makes of CamelCase names.
// NOLINTBEGIN(misc-use-internal-linkage,readability-identifier-naming)
HWY_BEFORE_NAMESPACE();
namespace tessera::numerics::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using IntTag = hn::RebindToSigned<FloatTag>;

/// Element by element: for the few stretches that hold NaN or infinities, and for tails.
inline void scan_scalar(const float* values, std::size_t count, MinMax& result) {
  for (std::size_t i = 0; i < count; ++i) {
    const float value = values[i];
    if (std::isnan(value)) {
      ++result.nan;
    } else if (std::isinf(value)) {
      ++result.infinite;
    } else {
      result.min = std::min(result.min, value);
      result.max = std::max(result.max, value);
      ++result.finite;
    }
  }
}

MinMax FindMinMax(const float* values, std::size_t count) {
  constexpr std::size_t kStretch = 4096;
  const FloatTag d;
  const IntTag di;
  const std::size_t lanes = hn::Lanes(d);
  const auto infinity = hn::Set(d, std::numeric_limits<float>::infinity());
  MinMax result{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), 0,
                0, 0};
  auto low = infinity;
  auto high = hn::Neg(infinity);
  std::size_t begin = 0;
  while (begin < count) {
    const std::size_t end = std::min(count, begin + kStretch);
    std::size_t i = begin;
    auto low0 = infinity;
    auto low1 = infinity;
    auto high0 = hn::Neg(infinity);
    auto high1 = high0;
    // NaN and infinities are found by their bits and handled apart, so that minimum and maximum,
    // whose NaN rules differ between instruction sets, never see one that counts.
    auto magnitude = hn::Zero(di);
    for (; i + 2 * lanes <= end; i += 2 * lanes) {
      const auto a = hn::LoadU(d, values + i);
      const auto b = hn::LoadU(d, values + i + lanes);
      low0 = hn::Min(low0, a);
      low1 = hn::Min(low1, b);
      high0 = hn::Max(high0, a);
      high1 = hn::Max(high1, b);
      magnitude =
          hn::Max(magnitude, hn::Max(hn::BitCast(di, hn::Abs(a)), hn::BitCast(di, hn::Abs(b))));
    }
    if (!hn::AllTrue(di, hn::Lt(magnitude, hn::BitCast(di, infinity)))) {
      scan_scalar(values + begin, end - begin, result);
    } else {
      low = hn::Min(low, hn::Min(low0, low1));
      high = hn::Max(high, hn::Max(high0, high1));
      result.finite += static_cast<std::int64_t>(i - begin);
      scan_scalar(values + i, end - i, result);
    }
    begin = end;
  }
  result.min = std::min(result.min, hn::GetLane(hn::MinOfLanes(d, low)));
  result.max = std::max(result.max, hn::GetLane(hn::MaxOfLanes(d, high)));
  return result;
}

bool AccumulateMinMax(const float* values, std::size_t count, float* min, float* max) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  const auto infinity = hn::Set(d, std::numeric_limits<float>::infinity());
  auto finite = hn::Eq(infinity, infinity);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto value = hn::LoadU(d, values + i);
    finite = hn::And(finite, hn::Lt(hn::Abs(value), infinity));
    hn::StoreU(hn::Min(hn::LoadU(d, min + i), value), d, min + i);
    hn::StoreU(hn::Max(hn::LoadU(d, max + i), value), d, max + i);
  }
  bool all_finite = hn::AllTrue(d, finite);
  for (; i < count; ++i) {
    all_finite = all_finite && std::isfinite(values[i]);
    min[i] = std::min(min[i], values[i]);
    max[i] = std::max(max[i], values[i]);
  }
  return all_finite;
}

/// Steps from the zero point, clipped to [low, high] and rounded half to even. NaN gives 0.
template <class V>
HWY_INLINE hn::Vec<IntTag> steps(V value, V scale, V low, V high) {
  const auto ratio = hn::Div(value, scale);
  const auto number = hn::IfThenElseZero(hn::Eq(ratio, ratio), ratio);
  return hn::NearestInt(hn::Min(hn::Max(number, low), high));
}

inline std::int32_t scalar_steps(float value, float scale, float low, float high) {
  const float ratio = value / scale;
  if (std::isnan(ratio)) {
    return 0;
  }
  return static_cast<std::int32_t>(std::nearbyint(std::min(std::max(ratio, low), high)));
}

template <class T>
void QuantizeAll(const float* values, std::size_t count, QParams qparams, IntegerRange levels,
                 T* out) {
  const FloatTag d;
  const hn::Rebind<T, FloatTag> dt;
  const IntTag di;
  const std::size_t lanes = hn::Lanes(d);
  const float low = static_cast<float>(levels.min - qparams.zero_point);
  const float high = static_cast<float>(levels.max - qparams.zero_point);
  const auto scale_v = hn::Set(d, qparams.scale);
  const auto low_v = hn::Set(d, low);
  const auto high_v = hn::Set(d, high);
  const auto zero_v = hn::Set(di, qparams.zero_point);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto q = hn::Add(steps(hn::LoadU(d, values + i), scale_v, low_v, high_v), zero_v);
    hn::StoreU(hn::DemoteTo(dt, q), dt, out + i);
  }
  for (; i < count; ++i) {
    out[i] = static_cast<T>(scalar_steps(values[i], qparams.scale, low, high) + qparams.zero_point);
  }
}

template <class T>
void QuantizeEach(const float* values, std::size_t count, const float* scales,
                  const std::int32_t* zero_points, IntegerRange levels, T* out) {
  const FloatTag d;
  const hn::Rebind<T, FloatTag> dt;
  const IntTag di;
  const std::size_t lanes = hn::Lanes(d);
  const auto minimum = hn::Set(di, static_cast<std::int32_t>(levels.min));
  const auto maximum = hn::Set(di, static_cast<std::int32_t>(levels.max));
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto zero = hn::LoadU(di, zero_points + i);
    const auto low = hn::ConvertTo(d, hn::Sub(minimum, zero));
    const auto high = hn::ConvertTo(d, hn::Sub(maximum, zero));
    const auto q =
        hn::Add(steps(hn::LoadU(d, values + i), hn::LoadU(d, scales + i), low, high), zero);
    hn::StoreU(hn::DemoteTo(dt, q), dt, out + i);
  }
  for (; i < count; ++i) {
    const float low = static_cast<float>(levels.min - zero_points[i]);
    const float high = static_cast<float>(levels.max - zero_points[i]);
    out[i] = static_cast<T>(scalar_steps(values[i], scales[i], low, high) + zero_points[i]);
  }
}

template <class T>
void DequantizeAll(const T* values, std::size_t count, QParams qparams, float* out) {
  const FloatTag d;
  const hn::Rebind<T, FloatTag> dt;
  const IntTag di;
  const std::size_t lanes = hn::Lanes(d);
  const auto scale = hn::Set(d, qparams.scale);
  const auto zero = hn::Set(di, qparams.zero_point);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto q = hn::PromoteTo(di, hn::LoadU(dt, values + i));
    hn::StoreU(hn::Mul(hn::ConvertTo(d, hn::Sub(q, zero)), scale), d, out + i);
  }
  for (; i < count; ++i) {
    out[i] = static_cast<float>(std::int32_t{values[i]} - qparams.zero_point) * qparams.scale;
  }
}

/// Minimum, maximum and largest magnitude as bits, in one pass over a stretch, and how many of its
/// bins were written.
struct StretchExtrema {
  float min;
  float max;
  std::int32_t magnitude;
  std::size_t bins;
};

/// A vector that is written behind the last bin.
constexpr std::size_t kBinsPadding = 64;

/// Bins of a stretch that are not bin 0, and its extrema: where those are beyond the bins, the bins
/// mean nothing. Most of what passes a ReLU is 0: increments of one counter would wait for each
/// other.
inline StretchExtrema histogram_bins(const float* values, std::size_t count, std::int32_t base,
                                     std::int32_t* bins) {
  const FloatTag d;
  const IntTag di;
  const std::size_t lanes = hn::Lanes(d);
  const auto base_v = hn::Set(di, base);
  const auto negative = hn::Set(di, FloatBins::kPerSign);
  StretchExtrema result{values[0], values[0], 0, 0};
  std::size_t i = 0;
  if (count >= lanes && lanes <= kBinsPadding) {
    auto low = hn::LoadU(d, values);
    auto high = low;
    auto largest = hn::Zero(di);
    for (; i + lanes <= count; i += lanes) {
      const auto value = hn::LoadU(d, values + i);
      const auto bits = hn::BitCast(di, hn::Abs(value));
      low = hn::Min(low, value);
      high = hn::Max(high, value);
      largest = hn::Max(largest, bits);
      const auto of_magnitude =
          hn::Max(hn::Sub(hn::ShiftRight<FloatBins::kShift>(bits), base_v), hn::Zero(di));
      const auto below_zero = hn::RebindMask(di, hn::Lt(value, hn::Zero(d)));
      const auto bin = hn::Add(of_magnitude, hn::IfThenElseZero(below_zero, negative));
      const auto counts = hn::Ne(bin, hn::Zero(di));
      hn::StoreU(hn::Compress(bin, counts), di, bins + result.bins);
      result.bins += hn::CountTrue(di, counts);
    }
    result.min = hn::GetLane(hn::MinOfLanes(d, low));
    result.max = hn::GetLane(hn::MaxOfLanes(d, high));
    result.magnitude = hn::GetLane(hn::MaxOfLanes(di, largest));
  }
  for (; i < count; ++i) {
    const auto bits = std::bit_cast<std::int32_t>(std::abs(values[i]));
    result.min = std::min(result.min, values[i]);
    result.max = std::max(result.max, values[i]);
    result.magnitude = std::max(result.magnitude, bits);
    const auto bin =
        std::max((bits >> FloatBins::kShift) - base, 0) + (values[i] < 0 ? FloatBins::kPerSign : 0);
    bins[result.bins] = bin;
    result.bins += bin != 0 ? 1 : 0;
  }
  return result;
}

inline void count_bins(const std::int32_t* bins, std::size_t count, std::uint32_t* tables,
                       int table_count) {
  constexpr std::size_t kSize = std::size_t{2} * FloatBins::kPerSign;
  const std::size_t stride = table_count == FloatBins::kTables ? kSize : 0;
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    ++tables[bins[i]];
    ++tables[stride + static_cast<std::uint32_t>(bins[i + 1])];
    ++tables[2 * stride + static_cast<std::uint32_t>(bins[i + 2])];
    ++tables[3 * stride + static_cast<std::uint32_t>(bins[i + 3])];
  }
  for (; i < count; ++i) {
    ++tables[bins[i]];
  }
}

HistogramScan CountHistogram(const float* values, std::size_t count, std::int32_t base, float limit,
                             bool negatives, std::uint32_t* tables, int table_count) {
  alignas(64) std::int32_t bins[kHistogramStretch + kBinsPadding];
  const auto limit_bits = std::bit_cast<std::int32_t>(limit);
  HistogramScan scan{0, std::numeric_limits<float>::infinity(),
                     -std::numeric_limits<float>::infinity()};
  while (scan.done < count) {
    const std::size_t stretch = std::min(kHistogramStretch, count - scan.done);
    const StretchExtrema extrema = histogram_bins(values + scan.done, stretch, base, bins);
    if (extrema.magnitude >= limit_bits || (!negatives && extrema.min < 0)) {
      break;
    }
    tables[0] += static_cast<std::uint32_t>(stretch - extrema.bins);
    count_bins(bins, extrema.bins, tables, table_count);
    scan.min = std::min(scan.min, extrema.min);
    scan.max = std::max(scan.max, extrema.max);
    scan.done += stretch;
  }
  return scan;
}

/// Rounds to the nearest integer, half to even. Exact for |x| < 2^51.
constexpr double kRoundEven = 6755399441055744.0;  // 1.5 x 2^52

inline double scalar_squared_distance(double low, double high, double density, double points,
                                      const Levels& levels) {
  const double inverse = 1 / levels.scale;
  const double a = low - levels.origin;
  const double b = high - levels.origin;
  const auto level_of = [&](double x) {
    return std::min(std::max((x * inverse + kRoundEven) - kRoundEven, 0.0), levels.last);
  };
  const double n_a = level_of(a);
  const double n_b = level_of(b);
  const double r_a = a - n_a * levels.scale;
  const double r_b = b - n_b * levels.scale;
  const double per_level = levels.scale * levels.scale * levels.scale / 12;
  const double integral = (n_b - n_a) * per_level + (r_b * r_b * r_b - r_a * r_a * r_a) / 3;
  return density * integral + points * r_a * r_a;
}

/// The operations of scalar_squared_distance(), one by one.
void SquaredDistances(const Densities& cells, const Levels& levels, double* out) {
#if HWY_HAVE_FLOAT64
  const hn::ScalableTag<double> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto scale = hn::Set(d, levels.scale);
  const auto inverse = hn::Set(d, 1 / levels.scale);
  const auto per_level = hn::Set(d, levels.scale * levels.scale * levels.scale / 12);
  const auto origin = hn::Set(d, levels.origin);
  const auto last = hn::Set(d, levels.last);
  const auto magic = hn::Set(d, kRoundEven);
  const auto three = hn::Set(d, 3.0);
  const auto level_of = [&](auto x) HWY_ATTR {
    const auto rounded = hn::Sub(hn::Add(hn::Mul(x, inverse), magic), magic);
    return hn::Min(hn::Max(rounded, hn::Zero(d)), last);
  };
  std::size_t i = 0;
  for (; i + lanes <= cells.low.size(); i += lanes) {
    const auto a = hn::Sub(hn::LoadU(d, cells.low.data() + i), origin);
    const auto b = hn::Sub(hn::LoadU(d, cells.high.data() + i), origin);
    const auto n_a = level_of(a);
    const auto n_b = level_of(b);
    const auto r_a = hn::Sub(a, hn::Mul(n_a, scale));
    const auto r_b = hn::Sub(b, hn::Mul(n_b, scale));
    const auto cubes = hn::Sub(hn::Mul(hn::Mul(r_b, r_b), r_b), hn::Mul(hn::Mul(r_a, r_a), r_a));
    const auto integral = hn::Add(hn::Mul(hn::Sub(n_b, n_a), per_level), hn::Div(cubes, three));
    const auto points = hn::LoadU(d, cells.points.data() + i);
    hn::StoreU(hn::Add(hn::Mul(hn::LoadU(d, cells.density.data() + i), integral),
                       hn::Mul(hn::Mul(points, r_a), r_a)),
               d, out + i);
  }
#else
  std::size_t i = 0;
#endif
  for (; i < cells.low.size(); ++i) {
    out[i] = scalar_squared_distance(cells.low[i], cells.high[i], cells.density[i], cells.points[i],
                                     levels);
  }
}

#define TESSERA_NUMERICS_TYPED(NAME, T)                                                       \
  void QuantizeAll##NAME(const float* values, std::size_t count, QParams qparams,             \
                         IntegerRange levels, T* out) {                                       \
    QuantizeAll<T>(values, count, qparams, levels, out);                                      \
  }                                                                                           \
  void QuantizeEach##NAME(const float* values, std::size_t count, const float* scales,        \
                          const std::int32_t* zero_points, IntegerRange levels, T* out) {     \
    QuantizeEach<T>(values, count, scales, zero_points, levels, out);                         \
  }                                                                                           \
  void DequantizeAll##NAME(const T* values, std::size_t count, QParams qparams, float* out) { \
    DequantizeAll<T>(values, count, qparams, out);                                            \
  }

TESSERA_NUMERICS_TYPED(U8, std::uint8_t)
TESSERA_NUMERICS_TYPED(S8, std::int8_t)
TESSERA_NUMERICS_TYPED(U16, std::uint16_t)
TESSERA_NUMERICS_TYPED(S16, std::int16_t)
#undef TESSERA_NUMERICS_TYPED

}  // namespace tessera::numerics::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
// NOLINTEND(misc-use-internal-linkage,readability-identifier-naming)

#if HWY_ONCE
namespace tessera::numerics::simd {

HWY_EXPORT(FindMinMax);
HWY_EXPORT(AccumulateMinMax);
HWY_EXPORT(CountHistogram);
HWY_EXPORT(SquaredDistances);

MinMax find_min_max(std::span<const float> values) noexcept {
  return HWY_DYNAMIC_DISPATCH(FindMinMax)(values.data(), values.size());
}

bool accumulate_min_max(std::span<const float> values, std::span<float> min,
                        std::span<float> max) noexcept {
  return HWY_DYNAMIC_DISPATCH(AccumulateMinMax)(values.data(), values.size(), min.data(),
                                                max.data());
}

HistogramScan count_histogram(std::span<const float> values, std::int32_t base, float limit,
                              bool negatives, std::uint32_t* tables, int table_count) noexcept {
  return HWY_DYNAMIC_DISPATCH(CountHistogram)(values.data(), values.size(), base, limit, negatives,
                                              tables, table_count);
}

void squared_distances(const Densities& cells, const Levels& levels,
                       std::span<double> out) noexcept {
  HWY_DYNAMIC_DISPATCH(SquaredDistances)(cells, levels, out.data());
}

#define TESSERA_NUMERICS_EXPORT(NAME, T)                                                          \
  HWY_EXPORT(QuantizeAll##NAME);                                                                  \
  HWY_EXPORT(QuantizeEach##NAME);                                                                 \
  HWY_EXPORT(DequantizeAll##NAME);                                                                \
  template <>                                                                                     \
  void quantize<T>(std::span<const float> values, QParams qparams, IntegerRange levels,           \
                   std::span<T> out) noexcept {                                                   \
    HWY_DYNAMIC_DISPATCH(QuantizeAll##NAME)                                                       \
    (values.data(), values.size(), qparams, levels, out.data());                                  \
  }                                                                                               \
  template <>                                                                                     \
  void quantize_each<T>(std::span<const float> values, std::span<const float> scales,             \
                        std::span<const std::int32_t> zero_points, IntegerRange levels,           \
                        std::span<T> out) noexcept {                                              \
    HWY_DYNAMIC_DISPATCH(QuantizeEach##NAME)                                                      \
    (values.data(), values.size(), scales.data(), zero_points.data(), levels, out.data());        \
  }                                                                                               \
  template <>                                                                                     \
  void dequantize<T>(std::span<const T> values, QParams qparams, std::span<float> out) noexcept { \
    HWY_DYNAMIC_DISPATCH(DequantizeAll##NAME)                                                     \
    (values.data(), values.size(), qparams, out.data());                                          \
  }

TESSERA_NUMERICS_EXPORT(U8, std::uint8_t)
TESSERA_NUMERICS_EXPORT(S8, std::int8_t)
TESSERA_NUMERICS_EXPORT(U16, std::uint16_t)
TESSERA_NUMERICS_EXPORT(S16, std::int16_t)
#undef TESSERA_NUMERICS_EXPORT

std::vector<Target> targets() {
  std::vector<Target> all;
  for (const std::int64_t id : hwy::SupportedAndGeneratedTargets()) {
    all.push_back({id, hwy::TargetName(id)});
  }
  return all;
}

void force_target(std::int64_t id) {
  hwy::SetSupportedTargetsForTest(id);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace tessera::numerics::simd
#endif  // HWY_ONCE
