// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "numerics/cells.h"
#include "numerics/simd.h"
#include "tessera/core/result.h"

namespace tessera::numerics {

/// Counts of float values in bins of their leading bits, for the 16 octaves below the largest
/// magnitude seen. When that grows, the lowest octaves fold into bin 0: max(key - base, 0) of a
/// growing base composes to that of the last one, so the state depends on the set of values alone.
class Histogram {
 public:
  /// Tables that several histograms of one thread share.
  using Tables = std::vector<std::uint32_t>;
  [[nodiscard]] static Tables make_tables();

  /// Extrema of the finite values of this call are merged into `extrema`, the rest counted there.
  void add(std::span<const float> values, Tables& tables, MinMax& extrema);
  void merge(const Histogram& other);
  /// `seen` are the extrema of everything added.
  [[nodiscard]] Distribution distribution(RealRange seen) const;

  [[nodiscard]] std::int64_t count() const noexcept { return count_; }
  /// Base key and counts, "BASE gap count gap count ...": the inverse of parse().
  [[nodiscard]] std::string to_text() const;
  [[nodiscard]] static Result<Histogram> parse(std::string_view text);
  /// Every counted value lies within [min, max], up to the width of a bin, and reaches its top.
  [[nodiscard]] bool fits(RealRange seen) const;

 private:
  static constexpr int kPerSign = simd::FloatBins::kPerSign;

  [[nodiscard]] float limit() const;
  [[nodiscard]] std::uint64_t at(std::size_t bin) const;
  void increase(std::size_t bin, std::uint64_t count);
  void allow_negatives();
  /// Makes room for a magnitude.
  void grow(float magnitude);
  void raise_base(std::int32_t base);
  /// Adds the tables up and clears them; `total` values will have been counted then.
  void take(Tables& tables, std::int64_t total);
  /// Counts infinities and what is no number into `extrema`, returns the rest, and makes the bins
  /// fit for it.
  std::vector<float> make_room(std::span<const float> values, MinMax& extrema);
  /// Counts as far as the bins allow; returns how many values.
  std::size_t add_stretches(std::span<const float> values, Tables& tables, MinMax& extrema);

  std::int32_t base_ = -kPerSign;  // key of bin 0; kPerSign below: nothing fits
  std::int64_t count_ = 0;
  std::vector<std::uint32_t> low_;   // counts modulo 2^32: positive bins, then negative ones
  std::vector<std::uint32_t> high_;  // carries, allocated with the first one
};

}  // namespace tessera::numerics
