// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/result.h"
#include "tessera/evaluate/kernel_check.h"
#include "tessera/runtime/session.h"
#include "tessera/tensor/tensor.h"

namespace tessera::evaluate {

/// Adds up how far tensors of one operator are apart, sample by sample.
class KernelGauge {
 public:
  /// `info` has the name and the scale. Errors: kUnavailable if types or sizes differ.
  [[nodiscard]] Status add(const TensorView& reference, const TensorView& other,
                           const runtime::ValueInfo& info);
  [[nodiscard]] KernelDifference result() const;
  [[nodiscard]] bool empty() const noexcept { return sum_.elements == 0; }

 private:
  KernelDifference sum_;
  double largest_ = 0;  ///< finite value of floats
  bool floating_ = false;
};

}  // namespace tessera::evaluate
