// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
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
  std::string name;   ///< "MatMul 512x512x512"
  std::string types;  ///< of the operands of a product: "u8 x s8"
  Network network;
  std::string input;      ///< its name
  Tensor values;          ///< for it
  double operations = 0;  ///< of arithmetic in one run; 0: a conversion
};

/// Of a feature map of so many elements (a multiple of 32), to and from the integers that networks
/// of the format have between layers: u8 in ONNX, s8 in .tflite. Errors: kUnimplemented for a
/// format without such operators; a library may still lack one of them, which opening the network
/// tells.
[[nodiscard]] Result<Micro> conversion(FileFormat format, Conversion kind, std::int64_t elements);

/// A matrix product whose operands stay in the cache of a core, in float32 or in the integers of
/// the format: u8 x s8 to 32 bits in ONNX; s8 x s8 to s8, one scale for all weights, in .tflite.
/// Errors: as for conversion().
[[nodiscard]] Result<Micro> matrix_product(FileFormat format, bool integer);

/// A 3x3 convolution in the middle of a typical network; the integer one of .tflite has a scale for
/// each output channel.
[[nodiscard]] Result<Micro> convolution(FileFormat format, bool integer);

/// A table of 256 looked up by the kernels of libtessera_kernels: opens where that library is
/// there.
[[nodiscard]] Micro lookup_of_kernels();
/// Runs it: whether models with operators of libtessera_kernels can be run here. Takes
/// milliseconds. Errors: those of opening such a model.
[[nodiscard]] Status try_kernels(std::shared_ptr<const runtime::Library> library,
                                 const runtime::SessionOptions& session);

}  // namespace tessera::network
