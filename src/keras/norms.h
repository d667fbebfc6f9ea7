// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "keras/lowering.h"

/// What batch normalization is made of, alone and folded into convolutions.
namespace tessera::keras {

struct BatchNorm {
  std::vector<float> gamma;
  std::vector<float> beta;
  std::vector<float> mean;
  std::vector<float> variance;
  float epsilon = 0;
};
/// The four, 1 and 0 where the layer leaves gamma or beta out. `by_name`: among other weights.
[[nodiscard]] Result<BatchNorm> read_batch_norm(const Site& site, std::int64_t width, bool by_name);
/// The axis that `axis` of a configuration names, counted from the front. Errors: kUnimplemented
/// for several and for one of open extent.
[[nodiscard]] Result<std::int64_t> norm_axis(const Site& site);
/// value * scale + shift along an axis of Keras; one number stands for all.
[[nodiscard]] Value scale_and_shift(Lowering& lowering, const Site& site, Value value,
                                    std::int64_t axis, const std::vector<float>& scale,
                                    const std::vector<float>& shift);

}  // namespace tessera::keras
