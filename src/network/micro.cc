// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/network/micro.h"

#include <fmt/format.h>

#include <utility>

#include "network/micro_parts.h"
#include "tessera/core/random.h"

namespace tessera::network {

bool reads_integers(Conversion kind) {
  return kind == Conversion::kDequantize || kind == Conversion::kTransposeInt8;
}

Shape map_extents(std::int64_t elements) {
  constexpr std::int64_t kMapChannels = 32;
  return {1, kMapChannels, elements / kMapChannels, 1};
}

Tensor float_map(std::int64_t elements) {
  Tensor tensor(DType::kFloat32, map_extents(elements));
  auto values = tensor.as<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i % 251) * 0.02F - 2.3F;
  }
  return tensor;
}

Tensor integer_map(DType dtype, std::int64_t elements) {
  Tensor tensor(dtype, map_extents(elements));
  auto values = tensor.as<std::uint8_t>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<std::uint8_t>(i * 37);
  }
  return tensor;
}

Tensor random_operand(DType dtype, Shape shape) {
  Tensor tensor(dtype, std::move(shape));
  Random random(1);
  if (dtype == DType::kFloat32) {
    for (auto& value : tensor.as<float>()) {
      value = static_cast<float>(random.normal());
    }
    return tensor;
  }
  for (auto& byte : tensor.bytes()) {
    byte = static_cast<std::byte>(random() & 0xFF);
  }
  return tensor;
}

std::string product_name(std::string_view type) {
  return fmt::format("{} {}x{}x{}", type, kRows, kRows, kRows);
}
std::string convolution_name(std::string_view type) {
  return fmt::format("{} 3x3, {} channels of {}x{}", type, kChannels, kExtent, kExtent);
}

namespace {

/// What the format makes of it, by its own function.
template <class Onnx, class Litert>
Result<Micro> of_format(FileFormat format, const Onnx& onnx, const Litert& litert) {
  switch (format) {
    case FileFormat::kOnnx:
      return onnx();
    case FileFormat::kLitert:
      return litert();
    case FileFormat::kOther:
      break;
  }
  return fail(ErrorCode::kUnimplemented, "this format has no networks to measure a machine by")
      .hint("measure the machine with an ONNX or a .tflite model");
}

}  // namespace

Result<Micro> conversion(FileFormat format, Conversion kind, std::int64_t elements) {
  return of_format(
      format, [&] { return onnx_conversion(kind, elements); },
      [&] { return litert_conversion(kind, elements); });
}

Result<Micro> matrix_product(FileFormat format, bool integer) {
  return of_format(
      format, [&] { return onnx_matrix_product(integer); },
      [&] { return litert_matrix_product(integer); });
}

Result<Micro> convolution(FileFormat format, bool integer) {
  return of_format(
      format, [&] { return onnx_convolution(integer); },
      [&] { return litert_convolution(integer); });
}

}  // namespace tessera::network
