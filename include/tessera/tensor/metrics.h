// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

namespace tessera {

/// How far a candidate tensor is from its reference.
struct ErrorMetrics {
  /// 10 log10(sum x^2 / sum (x-y)^2). +inf if equal, -inf for a zero reference that differs, and
  /// where nothing but zeros is finite on both sides and some are not.
  double sqnr_db = 0;
  /// x.y / (|x| |y|); 1 if both are zero, 0 if one is.
  double cosine = 1;
  double max_abs = 0;
  /// |x-y|_2 / number of elements: the measure of the layer-wise studies.
  double l2_per_element = 0;
  /// |x-y|_2 / |x|_2.
  double relative_l2 = 0;
  std::int64_t elements = 0;
  /// Elements where exactly one side is NaN or infinite, or both are and differ. Neither these nor
  /// equal ones enter the sums above. The largest float counts as infinite: exporters write it for
  /// an infinity, and next to it every other value would vanish.
  std::int64_t non_finite = 0;
};

/// What the metrics are made of. Sums over the elements that are finite on both sides.
struct ErrorSums {
  double signal = 0;     ///< sum of x^2
  double noise = 0;      ///< sum of (x - y)^2
  double dot = 0;        ///< sum of x y
  double candidate = 0;  ///< sum of y^2
  std::int64_t elements = 0;
  std::int64_t non_finite = 0;  ///< as in ErrorMetrics
};

/// Accumulates over many samples, so that metrics of a whole data set need no memory. Sums are
/// kept in double; a sample's contribution does not depend on the number of threads.
class ErrorAccumulator {
 public:
  /// Both spans have the same length.
  void add(std::span<const float> reference, std::span<const float> candidate) noexcept;
  void merge(const ErrorAccumulator& other) noexcept;
  [[nodiscard]] ErrorMetrics metrics() const noexcept;
  [[nodiscard]] ErrorSums sums() const noexcept {
    return {signal_, noise_, dot_, candidate_, elements_, non_finite_};
  }

 private:
  double signal_ = 0;
  double noise_ = 0;
  double dot_ = 0;
  double candidate_ = 0;
  double max_abs_ = 0;
  std::int64_t elements_ = 0;
  std::int64_t non_finite_ = 0;
};

/// Index of the largest element, the first of equals; NaN is never the largest. -1 if empty.
[[nodiscard]] std::int64_t argmax(std::span<const float> values) noexcept;

[[nodiscard]] Json to_json(const ErrorMetrics& metrics);

}  // namespace tessera
