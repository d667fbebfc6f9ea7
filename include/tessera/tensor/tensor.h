// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/tensor/dtype.h"

namespace tessera {

/// Extents, outermost first. All known and >= 0; unknown extents exist only in graph::Dim.
using Shape = std::vector<std::int64_t>;

/// Number of elements; 1 for a scalar. -1 if it does not fit 63 bits.
[[nodiscard]] std::int64_t element_count(std::span<const std::int64_t> shape) noexcept;
/// "1x3x224x224"; "scalar" for no dimensions.
[[nodiscard]] std::string to_string(std::span<const std::int64_t> shape);

/// A read-only look at somebody else's dense row-major tensor.
struct TensorView {
  DType dtype = DType::kUndefined;
  std::span<const std::int64_t> shape;
  std::span<const std::byte> bytes;

  [[nodiscard]] std::int64_t size() const noexcept { return element_count(shape); }
  /// The elements, if T is the element type; the caller has checked `dtype`.
  template <class T>
  [[nodiscard]] std::span<const T> as() const noexcept {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

/// A dense row-major tensor that owns its elements, aligned to 64 bytes.
class Tensor {
 public:
  Tensor() = default;
  /// Zero-filled. The shape's element count must be valid.
  Tensor(DType dtype, Shape shape);
  /// Copies.
  explicit Tensor(const TensorView& view);
  Tensor(const Tensor&);
  Tensor& operator=(const Tensor&);
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(Tensor&&) noexcept = default;
  ~Tensor() = default;

  /// A tensor of T from values. `values.size()` must be the shape's element count.
  template <class T>
  [[nodiscard]] static Tensor of(std::span<const T> values, Shape shape);
  template <class T>
  [[nodiscard]] static Tensor of(const std::vector<T>& values, Shape shape) {
    return of(std::span<const T>(values), std::move(shape));
  }
  template <class T>
  [[nodiscard]] static Tensor scalar(T value) {
    return of(std::span<const T>(&value, 1), {});
  }

  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::int64_t size() const noexcept { return element_count(shape_); }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {data_.get(), size_bytes_};
  }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {data_.get(), size_bytes_}; }
  [[nodiscard]] TensorView view() const noexcept { return {dtype_, shape_, bytes()}; }

  template <class T>
  [[nodiscard]] std::span<const T> as() const noexcept {
    return {reinterpret_cast<const T*>(data_.get()), size_bytes_ / sizeof(T)};
  }
  template <class T>
  [[nodiscard]] std::span<T> as() noexcept {
    return {reinterpret_cast<T*>(data_.get()), size_bytes_ / sizeof(T)};
  }

  /// The same elements under another shape of equal element count.
  void reshape(Shape shape) { shape_ = std::move(shape); }

 private:
  struct Free {
    void operator()(std::byte* data) const noexcept;
  };
  DType dtype_ = DType::kUndefined;
  Shape shape_;
  std::unique_ptr<std::byte[], Free> data_;
  std::size_t size_bytes_ = 0;
};

/// A tensor under the name it has in a model.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// The DType of a C++ arithmetic type.
template <class T>
[[nodiscard]] consteval DType dtype_of();

template <>
consteval DType dtype_of<float>() {
  return DType::kFloat32;
}
template <>
consteval DType dtype_of<double>() {
  return DType::kFloat64;
}
template <>
consteval DType dtype_of<std::int8_t>() {
  return DType::kInt8;
}
template <>
consteval DType dtype_of<std::uint8_t>() {
  return DType::kUInt8;
}
template <>
consteval DType dtype_of<std::int16_t>() {
  return DType::kInt16;
}
template <>
consteval DType dtype_of<std::uint16_t>() {
  return DType::kUInt16;
}
template <>
consteval DType dtype_of<std::int32_t>() {
  return DType::kInt32;
}
template <>
consteval DType dtype_of<std::uint32_t>() {
  return DType::kUInt32;
}
template <>
consteval DType dtype_of<std::int64_t>() {
  return DType::kInt64;
}
template <>
consteval DType dtype_of<std::uint64_t>() {
  return DType::kUInt64;
}

template <class T>
Tensor Tensor::of(std::span<const T> values, Shape shape) {
  Tensor tensor(dtype_of<T>(), std::move(shape));
  const auto source = std::as_bytes(values);
  std::copy(source.begin(), source.end(), tensor.bytes().begin());
  return tensor;
}

/// Elements as float32, converted exactly or rounded to nearest even: float16, bfloat16, float64
/// and integers are accepted, 4-bit types unpacked.
/// Errors: kUnimplemented for strings, complex and 8-bit floats.
[[nodiscard]] Result<std::vector<float>> to_float32(const TensorView& tensor);

/// The elements as another numeric type. To a floating type: rounded to nearest even. To an
/// integer type or bool: only if every value is a whole number that the type holds.
/// Errors: kInvalidArgument naming the first value that does not fit; kUnimplemented for strings,
/// complex, 8-bit floats and 4-bit targets.
[[nodiscard]] Result<Tensor> cast(const TensorView& tensor, DType dtype);

/// IEEE binary16 and bfloat16 bit patterns, rounding to nearest even.
[[nodiscard]] float float16_to_float32(std::uint16_t bits) noexcept;
[[nodiscard]] std::uint16_t float32_to_float16(float value) noexcept;
[[nodiscard]] float bfloat16_to_float32(std::uint16_t bits) noexcept;
[[nodiscard]] std::uint16_t float32_to_bfloat16(float value) noexcept;

}  // namespace tessera
