// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "tessera/core/result.h"
#include "tessera/network/network.h"
#include "tessera/tensor/tensor.h"

namespace tessera::network {

/// A change of type or layout.
enum class Conversion : std::uint8_t {
  kQuantize,
  kDequantize,
  kCast,  ///< float32 to float16
  kTransposeFloat,
  kTransposeInt8,
};

/// A network of one operator with one input, to measure a machine by.
struct Micro {
  std::string name;  ///< "MatMul 512x512x512"
  Network network;
  std::string input;      ///< its name
  Tensor values;          ///< for it
  double operations = 0;  ///< of arithmetic in one run; 0: a conversion
};

/// Of a feature map of so many elements (a multiple of 32). Errors: kUnimplemented for a format
/// without such operators.
[[nodiscard]] Result<Micro> conversion(FileFormat format, Conversion kind, std::int64_t elements);

/// A matrix product whose operands stay in the cache of a core, in float32 or u8 x s8.
/// Errors: as for conversion().
[[nodiscard]] Result<Micro> matrix_product(FileFormat format, bool integer);

/// A 3x3 convolution in the middle of a typical network.
[[nodiscard]] Result<Micro> convolution(FileFormat format, bool integer);

}  // namespace tessera::network
