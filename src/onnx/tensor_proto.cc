// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "onnx/tensor_proto.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

namespace tessera::onnx {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

WeightFile::WeightFile(std::filesystem::path path, MappedFile mapped)
    : path_(std::move(path)),
      size_bytes_(static_cast<std::int64_t>(mapped.bytes().size())),
      mapped_(std::move(mapped)) {}

Result<std::span<const std::byte>> WeightFile::range(std::int64_t offset, std::int64_t size) {
  const std::lock_guard lock(mutex_);
  if (!mapped_) {
    TESSERA_TRY(mapped_, MappedFile::open(path_));
  }
  const auto bytes = mapped_->bytes();
  const auto available = static_cast<std::int64_t>(bytes.size());
  if (offset < 0 || size < 0 || offset > available || size > available - offset) {
    return fail(ErrorCode::kDataLoss, "'{}' became shorter while it was in use", path_.string())
        .hint("do not change a model's files while they are read");
  }
  return bytes.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

void WeightFile::release(std::int64_t offset, std::int64_t size) {
  const std::lock_guard lock(mutex_);
  if (mapped_) {
    mapped_->release(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
  }
}

namespace {

/// Element type as far as DType knows it; newer ones are carried along, but not interpreted.
DType known_dtype(std::int32_t data_type) {
  const auto last = static_cast<std::int32_t>(DType::kInt4);
  return data_type > 0 && data_type <= last ? static_cast<DType>(data_type) : DType::kUndefined;
}

/// Elements of the typed field that holds `count` elements of `dtype`.
std::int64_t typed_field_size(const proto::TensorProto& tensor, DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kComplex64:
      return tensor.float_data_size();
    case DType::kFloat64:
    case DType::kComplex128:
      return tensor.double_data_size();
    case DType::kInt64:
      return tensor.int64_data_size();
    case DType::kUInt32:
    case DType::kUInt64:
      return tensor.uint64_data_size();
    case DType::kString:
      return tensor.string_data_size();
    default:
      return tensor.int32_data_size();
  }
}

std::int64_t expected_field_size(DType dtype, std::int64_t count) {
  switch (dtype) {
    case DType::kComplex64:
    case DType::kComplex128:
      return 2 * count;
    case DType::kInt4:
    case DType::kUInt4:
      return (count + 1) / 2;
    default:
      return count;
  }
}

template <class T, class Field>
void narrow(const Field& field, Tensor& tensor) {
  auto* target = tensor.bytes().data();
  for (const auto value : field) {
    const auto narrowed = static_cast<T>(value);
    std::memcpy(target, &narrowed, sizeof(T));
    target += sizeof(T);
  }
}

void unpack_typed(const proto::TensorProto& source, Tensor& target) {
  switch (target.dtype()) {
    case DType::kFloat32:
    case DType::kComplex64:
      return narrow<float>(source.float_data(), target);
    case DType::kFloat64:
    case DType::kComplex128:
      return narrow<double>(source.double_data(), target);
    case DType::kInt64:
      return narrow<std::int64_t>(source.int64_data(), target);
    case DType::kUInt64:
      return narrow<std::uint64_t>(source.uint64_data(), target);
    case DType::kUInt32:
      return narrow<std::uint32_t>(source.uint64_data(), target);
    case DType::kInt32:
      return narrow<std::int32_t>(source.int32_data(), target);
    case DType::kInt16:
    case DType::kUInt16:
    case DType::kFloat16:
    case DType::kBFloat16:
      return narrow<std::uint16_t>(source.int32_data(), target);
    default:
      return narrow<std::uint8_t>(source.int32_data(), target);
  }
}

Failure size_mismatch(const proto::TensorProto& tensor, std::int64_t expected, std::int64_t actual,
                      std::string_view unit) {
  return fail(ErrorCode::kDataLoss,
              "tensor '{}' of type {} and shape {} needs {} {}; the file has {}", tensor.name(),
              to_string(dtype_of(tensor)), to_string(shape_of(tensor)), expected, unit, actual);
}

}  // namespace

DType dtype_of(const proto::TensorProto& tensor) {
  return known_dtype(tensor.data_type());
}

Shape shape_of(const proto::TensorProto& tensor) {
  return Shape(tensor.dims().begin(), tensor.dims().end());
}

ValueType to_value_type(DType dtype, std::span<const std::int64_t> shape) {
  std::vector<Dim> dims;
  dims.reserve(shape.size());
  for (const auto extent : shape) {
    dims.push_back({extent, {}});
  }
  return {dtype, std::move(dims)};
}

ValueType to_value_type(const proto::TypeProto& type) {
  if (!type.has_tensor_type()) {
    return {};
  }
  const auto& tensor = type.tensor_type();
  ValueType result{known_dtype(tensor.elem_type()), std::nullopt};
  if (!tensor.has_shape()) {
    return result;
  }
  result.shape.emplace();
  for (const auto& dim : tensor.shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() >= 0) {
      result.shape->push_back({dim.dim_value(), {}});
    } else {
      result.shape->push_back({-1, dim.dim_param()});
    }
  }
  return result;
}

void assign_type(proto::TypeProto& target, const ValueType& type) {
  if (type.dtype == DType::kUndefined) {
    return;
  }
  auto& tensor = *target.mutable_tensor_type();
  tensor.set_elem_type(static_cast<std::int32_t>(type.dtype));
  tensor.clear_shape();
  if (!type.shape) {
    return;
  }
  auto& shape = *tensor.mutable_shape();
  for (const auto& dim : *type.shape) {
    auto& extent = *shape.add_dim();
    if (dim.known()) {
      extent.set_dim_value(dim.value);
    } else if (!dim.symbol.empty()) {
      extent.set_dim_param(dim.symbol);
    }
  }
}

Status check_tensor(const proto::TensorProto& tensor, std::optional<std::int64_t> external_bytes) {
  if (tensor.has_segment()) {
    return fail(ErrorCode::kUnimplemented, "tensor '{}' is stored in segments", tensor.name());
  }
  const auto shape = shape_of(tensor);
  const auto negative = std::any_of(shape.begin(), shape.end(), [](auto dim) { return dim < 0; });
  const auto count = negative ? -1 : element_count(shape);
  constexpr auto kLimit = std::int64_t{1} << 58;  // keeps byte counts within 63 bits
  if (count < 0 || count > kLimit) {
    return fail(ErrorCode::kDataLoss, "tensor '{}' has the impossible shape {}", tensor.name(),
                to_string(shape));
  }
  const auto dtype = dtype_of(tensor);
  if (dtype == DType::kUndefined) {
    // A type newer than this build: its size is not known, the runtime will judge.
    return tensor.data_type() > 0
               ? Status{}
               : fail(ErrorCode::kDataLoss, "tensor '{}' has no element type", tensor.name());
  }
  if (external_bytes || tensor.has_raw_data()) {
    if (dtype == DType::kString) {
      return fail(ErrorCode::kDataLoss, "string tensor '{}' has raw data", tensor.name());
    }
    const auto actual =
        external_bytes.value_or(static_cast<std::int64_t>(tensor.raw_data().size()));
    const auto expected = bytes_of(dtype, count);
    // An empty raw_data beside a typed field is how some writers say "absent".
    if (actual != expected && (external_bytes || !tensor.raw_data().empty())) {
      return size_mismatch(tensor, expected, actual, "bytes");
    }
    if (actual == expected) {
      return {};
    }
  }
  const auto expected = expected_field_size(dtype, count);
  const auto actual = typed_field_size(tensor, dtype);
  if (actual != expected) {
    return size_mismatch(tensor, expected, actual, "values");
  }
  return {};
}

Status check_sparse(const proto::SparseTensorProto& tensor) {
  if (is_external(tensor.values()) || is_external(tensor.indices())) {
    return fail(ErrorCode::kUnimplemented, "sparse initializer '{}' lies in an external file",
                tensor.values().name());
  }
  TESSERA_CHECK(check_tensor(tensor.values(), std::nullopt));
  return check_tensor(tensor.indices(), std::nullopt);
}

Result<Tensor> unpack(const proto::TensorProto& tensor) {
  const auto dtype = dtype_of(tensor);
  if (dtype == DType::kString || dtype == DType::kUndefined) {
    return fail(ErrorCode::kUnimplemented,
                "the values of tensor '{}' (ONNX data type {}) cannot be read", tensor.name(),
                tensor.data_type());
  }
  Tensor result(dtype, shape_of(tensor));
  if (result.bytes().empty()) {
    return result;
  }
  if (tensor.raw_data().size() == result.bytes().size()) {
    std::memcpy(result.bytes().data(), tensor.raw_data().data(), result.bytes().size());
  } else {
    unpack_typed(tensor, result);
  }
  return result;
}

proto::TensorProto pack(const TensorView& tensor) {
  proto::TensorProto result;
  result.set_data_type(static_cast<std::int32_t>(tensor.dtype));
  for (const auto extent : tensor.shape) {
    result.add_dims(extent);
  }
  result.set_raw_data(tensor.bytes.data(), tensor.bytes.size());
  return result;
}

bool is_external(const proto::TensorProto& tensor) {
  return tensor.data_location() == proto::TensorProto::EXTERNAL;
}

Result<ExternalLocation> external_location(const proto::TensorProto& tensor) {
  ExternalLocation result;
  const auto number = [&](const std::string& text) -> Result<std::int64_t> {
    std::int64_t value = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end || value < 0) {
      return fail(ErrorCode::kDataLoss, "tensor '{}' lies at the impossible place '{}'",
                  tensor.name(), text);
    }
    return value;
  };
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") {
      result.location = entry.value();
    } else if (entry.key() == "offset") {
      TESSERA_TRY(result.offset, number(entry.value()));
    } else if (entry.key() == "length") {
      TESSERA_TRY(result.length, number(entry.value()));
    }
  }
  const std::filesystem::path path(result.location);
  const auto escapes =
      std::any_of(path.begin(), path.end(), [](auto& part) { return part == ".."; });
  if (result.location.empty() || path.is_absolute() || escapes ||
      result.location.find('\0') != std::string::npos) {
    return fail(ErrorCode::kDataLoss,
                "tensor '{}' is stored in '{}', which is not within the model's folder",
                tensor.name(), result.location)
        .hint("external data must lie beside the model or in a folder below it");
  }
  return result;
}

}  // namespace tessera::onnx
