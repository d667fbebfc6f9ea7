// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

namespace tessera::quantize {

inline constexpr double kLargestFloat16 = 65504.0;
/// Below it a float16 has fewer than 11 significant bits.
inline constexpr double kSmallestNormalFloat16 = 6.103515625e-05;

/// What a conversion to float16 lost.
struct Float16Loss {
  std::int64_t clipped = 0;  ///< finite values beyond +-65504
  std::int64_t flushed = 0;  ///< values other than 0 that became 0
};

/// To nearest even. Finite values beyond the range are clipped to it; infinities and NaN stay.
/// Errors: kInvalidArgument if the tensor is not float32.
[[nodiscard]] Result<Tensor> to_float16(const TensorView& tensor, Float16Loss& loss);

/// Why operators of this type stay in float32; empty if they can run in float16.
[[nodiscard]] std::string_view reason_for_float32(std::string_view op_type, std::string_view domain,
                                                  std::int64_t opset);

/// Inputs and outputs that stay float32 in a float16 operator.
[[nodiscard]] bool is_float32_input(std::string_view op_type, std::size_t index,
                                    std::int64_t opset);
[[nodiscard]] bool is_float32_output(std::string_view op_type, std::size_t index);

}  // namespace tessera::quantize
