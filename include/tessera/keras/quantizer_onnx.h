// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tessera/core/result.h"
#include "tessera/keras/quantizer.h"
#include "tessera/onnx/model.h"
#include "tessera/tensor/dtype.h"

/// Quantizers as ONNX operators.
namespace tessera::keras {

/// The first opset with QuantizeLinear and DequantizeLinear of 16 bits.
inline constexpr std::int64_t kOpsetOf16Bits = 21;

/// An affine grid with zero at zero: value = code * scale, low <= code <= high.
struct ActivationGrid {
  float scale = 1;  ///< a power of two for most quantizers
  std::int64_t low = 0;
  std::int64_t high = 0;
  DType dtype = DType::kInt8;  ///< the narrowest of uint8, int8, uint16, int16, int32
};

/// The grid that the results of a quantizer lie on; absent where it has none (powers of two,
/// u-law, a slope below zero with another grid), or depends on the data or the channel.
[[nodiscard]] std::optional<ActivationGrid> grid_of(const Quantizer& quantizer);

struct QuantizerPlacement {
  /// Axis of the channels where `value` lies: 1 for NCHW, the last one for NHWC. Only quantizers
  /// with bits per channel ask for it.
  std::int64_t channel_axis = 1;
  std::int64_t rank = 4;
};

/// Adds operators that compute quantizer(value) exactly to the end of the model; `name` begins the
/// names of operators and values. Returns the name of the result. Values must be finite.
///
/// A grid of up to 8 bits (16 from kOpsetOf16Bits on) becomes QuantizeLinear ->
/// Clip -> DequantizeLinear, the Clip only where the grid is narrower than its type (before it for
/// 16 bits, which ONNX Runtime does not clip as integers); anything else exact float operators:
/// powers of two are looked up between thresholds, steps are Greater -> Where, since ONNX's Sign
/// has a zero. Errors: kUnimplemented by name for scales that depend on the data.
[[nodiscard]] Result<std::string> add_quantizer(onnx::Model& model, const Quantizer& quantizer,
                                                std::string_view value, std::string_view name,
                                                const QuantizerPlacement& placement = {});

}  // namespace tessera::keras
