// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tessera/numerics/kernels.h"

/// Loops that are compiled once per instruction set and dispatched at run time. Every target gives
/// the same bits.
namespace tessera::numerics::simd {

/// Extrema of finite values; the fields of MinMax otherwise.
[[nodiscard]] MinMax find_min_max(std::span<const float> values) noexcept;

/// min[i] = min(min[i], values[i]), max likewise. False if a value is NaN or infinite.
[[nodiscard]] bool accumulate_min_max(std::span<const float> values, std::span<float> min,
                                      std::span<float> max) noexcept;

/// Integers of T from float32, one scale and zero point for all. `levels` clips.
template <class T>
void quantize(std::span<const float> values, QParams qparams, IntegerRange levels,
              std::span<T> out) noexcept;

/// The same with a scale and zero point per element.
template <class T>
void quantize_each(std::span<const float> values, std::span<const float> scales,
                   std::span<const std::int32_t> zero_points, IntegerRange levels,
                   std::span<T> out) noexcept;

template <class T>
void dequantize(std::span<const T> values, QParams qparams, std::span<float> out) noexcept;

/// Bins of float values: the sign, the 8 bits of the exponent counted down from the top one, and
/// the first bits of the mantissa.
struct FloatBins {
  static constexpr int kMantissaBits = 8;
  static constexpr int kOctaves = 16;
  static constexpr int kShift = 23 - kMantissaBits;
  /// Of one sign. Bin 0 takes everything below the lowest octave as well.
  static constexpr int kPerSign = kOctaves << kMantissaBits;
  /// Interleaved tables break the chain of dependent additions where neighbours share a bin.
  static constexpr int kTables = 4;
};

struct HistogramScan {
  std::size_t done = 0;  ///< values counted; the stretch that begins here does not fit the bins
  float min = 0;         ///< of the counted values
  float max = 0;
};
inline constexpr std::size_t kHistogramStretch = 1024;

/// Counts values into `tables` (`table_count` of 2 x kPerSign counters, positive values first)
/// until a stretch of kHistogramStretch holds a magnitude of at least `limit` (NaN and infinities
/// included) or, unless `negatives`, a value below 0. Bin of x: (bits(|x|) >> kShift) - base.
[[nodiscard]] HistogramScan count_histogram(std::span<const float> values, std::int32_t base,
                                            float limit, bool negatives, std::uint32_t* tables,
                                            int table_count) noexcept;

/// Cells of even density between `low` and `high`, and `points` values at `low`; of equal sizes.
struct Densities {
  std::span<const double> low;
  std::span<const double> high;
  std::span<const double> density;
  std::span<const double> points;
};
/// `last` + 1 levels from `origin` on, `scale` apart.
struct Levels {
  double scale = 1;
  double origin = 0;
  double last = 0;
};

/// By cell: the sum over its values of the squared distance to the nearest level.
void squared_distances(const Densities& cells, const Levels& levels,
                       std::span<double> out) noexcept;

/// Instruction sets this build carries and this processor has, best first, by name.
struct Target {
  std::int64_t id = 0;
  std::string name;
};
[[nodiscard]] std::vector<Target> targets();
/// Restricts dispatch to one target; 0 lifts the restriction. For tests; not thread-safe.
void force_target(std::int64_t id);

}  // namespace tessera::numerics::simd
