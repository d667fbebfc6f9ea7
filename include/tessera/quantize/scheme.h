// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/host.h"
#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/numerics/range_estimator.h"
#include "tessera/tensor/dtype.h"

namespace tessera::quantize {

enum class Mode : std::uint8_t {
  kFloat32,  ///< left as it is
  kStatic,   ///< integer activations and weights, ranges known beforehand
  kDynamic,  ///< integer weights, activation ranges taken at run time
  kFloat16,
  kWeightOnly,  ///< integer weights by block, float arithmetic
};

enum class Format : std::uint8_t {
  kQdq,        ///< float operators between QuantizeLinear and DequantizeLinear
  kQOperator,  ///< QLinearConv, QGemm, ... on integer tensors
  /// Q/DQ in front of convolutions and matrix products only; results and biases stay float. For
  /// providers that compile the graph (OpenVINO, TensorRT): they fuse what follows a convolution
  /// into its kernel and move the rounding by themselves. The CPU provider computes it in float.
  kQdqInputs,
  /// kQOperator, channels-last, with the operators of libtessera_kernels where those are faster or
  /// round less. Runs where that library is loaded.
  kKernels,
};

/// Integer operators on integer tensors, whoever brings them.
[[nodiscard]] constexpr bool has_integer_operators(Format format) noexcept {
  return format == Format::kQOperator || format == Format::kKernels;
}

enum class WeightSymmetry : std::uint8_t { kAuto, kOn, kOff };

/// How one operator is computed. The fields are the options of `tessera quantize`.
struct Scheme {
  Mode mode = Mode::kStatic;
  Format format = Format::kQdq;
  DType activation = DType::kUInt8;  ///< u8 s8 u16 s16
  DType weight = DType::kInt8;       ///< s8 u8 s16 s4 u4
  bool per_channel = false;
  bool reduce_range = false;
  bool activation_symmetric = false;
  WeightSymmetry weight_symmetric = WeightSymmetry::kAuto;  ///< auto: on for signed types
  numerics::RangeMethod method = numerics::RangeMethod::kMinMax;
  /// Weight-only: elements that share a scale; 0: one scale, or one per channel, as `per_channel`
  /// says.
  int block_size = 128;
  /// kFloat32 only: reads the float result of its producers even where that keeps them from an
  /// integer kernel. Operators that the user excludes are so; without it, a float operator behind
  /// an integer kernel reads what the kernel made, dequantized.
  bool exact_inputs = false;

  bool operator==(const Scheme&) const = default;
};

/// As it is; its inputs may come from integer kernels, dequantized (Scheme::exact_inputs is off).
[[nodiscard]] Scheme float32_scheme();

/// What `weight_symmetric` comes to for the scheme's type of weights.
[[nodiscard]] bool has_symmetric_weights(const Scheme& scheme) noexcept;

/// Types that this machine's integer kernels are fastest and safe with: u8 activations and s8
/// weights where dot products do not saturate (VNNI, AMX), the same with reduced range on AVX2 and
/// AVX-512 without VNNI, s8 x s8 on Arm.
[[nodiscard]] Scheme scheme_for(const Host& host);

/// Short stable name: "qdq-u8s8-channel", "float16", "dynamic-u8s8", "weight-only-s4-b32".
[[nodiscard]] std::string to_string(const Scheme& scheme);
[[nodiscard]] std::string_view to_string(Mode mode) noexcept;
[[nodiscard]] std::string_view to_string(Format format) noexcept;
/// "u8", "s8", "u16", "s16", "u4", "s4".
[[nodiscard]] std::string short_name(DType dtype);
[[nodiscard]] Result<DType> dtype_from_short_name(std::string_view name);

/// Refuses what no format knows, with what to use instead. What a format knows says its dialect.
[[nodiscard]] Status validate(const Scheme& scheme);

/// Scheme fields from JSON, those absent taken from `base`. A string stands for a mode with the
/// other fields of `base`: "float32", "float16", "static", "dynamic", "weight-only".
/// Errors: kInvalidArgument naming the unknown key or value and the known ones, or as validate().
[[nodiscard]] Result<Scheme> scheme_from_json(const Json& json, const Scheme& base);
[[nodiscard]] Json to_json(const Scheme& scheme);

}  // namespace tessera::quantize
