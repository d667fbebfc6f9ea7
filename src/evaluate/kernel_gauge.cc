// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "evaluate/kernel_gauge.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera::evaluate {

Status KernelGauge::add(const TensorView& reference, const TensorView& other,
                        const runtime::ValueInfo& info) {
  if (reference.dtype != other.dtype || reference.bytes.size() != other.bytes.size()) {
    return fail(ErrorCode::kUnavailable, "'{}' is {} {} in one set of kernels, {} {} in another",
                info.name, to_string(reference.dtype), to_string(reference.shape),
                to_string(other.dtype), to_string(other.shape));
  }
  TESSERA_TRY(const auto x, to_float32(reference));
  TESSERA_TRY(const auto y, to_float32(other));
  floating_ = is_floating(reference.dtype);
  double apart = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isfinite(x[i])) {
      largest_ = std::max(largest_, std::abs(double{x[i]}));
    }
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) {
      continue;
    }
    ++sum_.differing;
    const double step = std::abs(double{x[i]} - double{y[i]});
    apart = std::max(apart, std::isfinite(step) ? step : std::numeric_limits<double>::infinity());
  }
  sum_.elements += std::ssize(x);
  const bool scaled = !floating_ && info.quantization;
  sum_.max_abs = std::max(sum_.max_abs, scaled ? apart * info.quantization->scale : apart);
  if (!floating_) {
    sum_.max_lsb = std::max(sum_.max_lsb.value_or(0), static_cast<std::int64_t>(apart));
  }
  return {};
}

KernelDifference KernelGauge::result() const {
  auto result = sum_;
  if (floating_) {
    result.max_relative = sum_.max_abs == 0 ? 0 : sum_.max_abs / largest_;
  }
  return result;
}

}  // namespace tessera::evaluate
