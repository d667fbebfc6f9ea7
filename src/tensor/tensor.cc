// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/tensor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace tessera {
namespace {

constexpr std::size_t kAlignmentBytes = 64;

/// The size is a promise of the caller; one that cannot be kept ends like any lack of memory.
std::size_t checked_bytes(DType dtype, const Shape& shape) {
  const auto count = element_count(shape);
  if (count < 0 || count > std::numeric_limits<std::int64_t>::max() / 16) {
    throw std::bad_alloc();
  }
  return static_cast<std::size_t>(bytes_of(dtype, count));
}

std::byte* allocate(std::size_t size_bytes) {
  const auto rounded = (std::max<std::size_t>(size_bytes, 1) + kAlignmentBytes - 1) /
                       kAlignmentBytes * kAlignmentBytes;
  auto* data = static_cast<std::byte*>(std::aligned_alloc(kAlignmentBytes, rounded));
  if (data == nullptr) {
    throw std::bad_alloc();
  }
  return data;
}

/// Element by element, since a view may begin anywhere in memory.
template <class T, class Convert>
std::vector<float> convert(const TensorView& tensor, const Convert& to_float) {
  std::vector<float> result(tensor.bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < result.size(); ++i) {
    T element;
    std::memcpy(&element, tensor.bytes.data() + i * sizeof(T), sizeof(T));
    result[i] = to_float(element);
  }
  return result;
}

template <class T>
std::vector<float> cast(const TensorView& tensor) {
  return convert<T>(tensor, [](T value) { return static_cast<float>(value); });
}

/// Two elements per byte, the first in the low half.
std::vector<float> unpack_4_bit(const TensorView& tensor) {
  const bool is_signed = tensor.dtype == DType::kInt4;
  std::vector<float> result(static_cast<std::size_t>(tensor.size()));
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto byte = std::to_integer<int>(tensor.bytes[i / 2]);
    const int nibble = i % 2 == 0 ? byte & 0xf : byte >> 4;
    result[i] = static_cast<float>(is_signed && nibble >= 8 ? nibble - 16 : nibble);
  }
  return result;
}

}  // namespace

std::int64_t element_count(std::span<const std::int64_t> shape) noexcept {
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 0; })) {
    return -1;
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
    return 0;
  }
  std::int64_t count = 1;
  for (const auto extent : shape) {
    if (count > std::numeric_limits<std::int64_t>::max() / extent) {
      return -1;
    }
    count *= extent;
  }
  return count;
}

std::string to_string(std::span<const std::int64_t> shape) {
  if (shape.empty()) {
    return "scalar";
  }
  std::string text;
  for (const auto extent : shape) {
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  }
  return text;
}

void Tensor::Free::operator()(std::byte* data) const noexcept {
  std::free(data);
}

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  size_bytes_ = checked_bytes(dtype_, shape_);
  data_.reset(allocate(size_bytes_));
  std::memset(data_.get(), 0, size_bytes_);
}

Tensor::Tensor(const TensorView& view)
    : dtype_(view.dtype), shape_(view.shape.begin(), view.shape.end()) {
  size_bytes_ = checked_bytes(dtype_, shape_);
  data_.reset(allocate(size_bytes_));
  const auto copied = std::min(size_bytes_, view.bytes.size());
  if (copied > 0) {
    std::memcpy(data_.get(), view.bytes.data(), copied);
  }
  std::memset(data_.get() + copied, 0, size_bytes_ - copied);
}

Tensor::Tensor(const Tensor& other) : dtype_(other.dtype_), shape_(other.shape_) {
  if (other.data_ == nullptr) {
    return;
  }
  data_.reset(allocate(other.size_bytes_));
  size_bytes_ = other.size_bytes_;
  std::memcpy(data_.get(), other.data_.get(), size_bytes_);
}

Tensor& Tensor::operator=(const Tensor& other) {
  if (this != &other) {
    *this = Tensor(other);
  }
  return *this;
}

Result<std::vector<float>> to_float32(const TensorView& tensor) {
  switch (tensor.dtype) {
    case DType::kFloat32:
      return cast<float>(tensor);
    case DType::kFloat64:
      return cast<double>(tensor);
    case DType::kFloat16:
      return convert<std::uint16_t>(tensor, float16_to_float32);
    case DType::kBFloat16:
      return convert<std::uint16_t>(tensor, bfloat16_to_float32);
    case DType::kUInt8:
    case DType::kBool:
      return cast<std::uint8_t>(tensor);
    case DType::kInt8:
      return cast<std::int8_t>(tensor);
    case DType::kUInt16:
      return cast<std::uint16_t>(tensor);
    case DType::kInt16:
      return cast<std::int16_t>(tensor);
    case DType::kUInt32:
      return cast<std::uint32_t>(tensor);
    case DType::kInt32:
      return cast<std::int32_t>(tensor);
    case DType::kUInt64:
      return cast<std::uint64_t>(tensor);
    case DType::kInt64:
      return cast<std::int64_t>(tensor);
    case DType::kUInt4:
    case DType::kInt4:
      return unpack_4_bit(tensor);
    default:
      return fail(ErrorCode::kUnimplemented, "a tensor of {} has no float32 form",
                  to_string(tensor.dtype))
          .hint("cast it to a numeric type first");
  }
}

}  // namespace tessera
