// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tessera/network/micro.h"
#include "tessera/tensor/tensor.h"

namespace tessera::network {

// What the networks to measure a machine by have alike in every format.

/// Operands of matrix products that stay in the cache of a core (1 MiB each in float32).
inline constexpr std::int64_t kRows = 512;
inline constexpr std::int64_t kChannels = 128;
inline constexpr std::int64_t kExtent = 28;
inline constexpr std::int64_t kTaps = 9;
inline constexpr double kProductOperations = 2.0 * kRows * kRows * kRows;
inline constexpr double kConvolutionOperations =
    2.0 * kChannels * kChannels * kExtent * kExtent * kTaps;

[[nodiscard]] bool reads_integers(Conversion kind);

/// Extents of a feature map of so many elements: channels last in transposes.
[[nodiscard]] Shape map_extents(std::int64_t elements);
[[nodiscard]] Tensor float_map(std::int64_t elements);
/// 8-bit integers.
[[nodiscard]] Tensor integer_map(DType dtype, std::int64_t elements);

/// Values of the whole range of the type, or normal ones: products of zeros may be cheaper.
[[nodiscard]] Tensor random_operand(DType dtype, Shape shape);

/// "MatMul 512x512x512"
[[nodiscard]] std::string product_name(std::string_view type);
[[nodiscard]] std::string convolution_name(std::string_view type);

[[nodiscard]] Micro onnx_conversion(Conversion kind, std::int64_t elements);
[[nodiscard]] Micro onnx_matrix_product(bool integer);
[[nodiscard]] Micro onnx_convolution(bool integer);

[[nodiscard]] Result<Micro> litert_conversion(Conversion kind, std::int64_t elements);
[[nodiscard]] Result<Micro> litert_matrix_product(bool integer);
[[nodiscard]] Result<Micro> litert_convolution(bool integer);

}  // namespace tessera::network
