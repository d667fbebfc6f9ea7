// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "tessera/core/file.h"
#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"
#include "tessera/tensor/value_type.h"

namespace tessera::onnx {

namespace proto = ::onnx;

/// A file of weights that is mapped when it is first looked into. Shared by all tensors in it.
class WeightFile {
 public:
  WeightFile(std::filesystem::path path, std::int64_t size_bytes)
      : path_(std::move(path)), size_bytes_(size_bytes) {}
  explicit WeightFile(std::filesystem::path path, MappedFile mapped);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::int64_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] Result<std::span<const std::byte>> range(std::int64_t offset, std::int64_t size);
  /// The range will not be read again soon.
  void release(std::int64_t offset, std::int64_t size);

 private:
  std::filesystem::path path_;
  std::int64_t size_bytes_ = 0;
  std::mutex mutex_;
  std::optional<MappedFile> mapped_;
};

/// Where in a file the bytes of a tensor lie.
struct FileRange {
  std::shared_ptr<WeightFile> file;
  std::int64_t offset = 0;
  std::int64_t size_bytes = 0;

  /// The bytes will not be read again soon.
  void release() const { file->release(offset, size_bytes); }
};

[[nodiscard]] DType dtype_of(const proto::TensorProto& tensor);
[[nodiscard]] Shape shape_of(const proto::TensorProto& tensor);
[[nodiscard]] ValueType to_value_type(DType dtype, std::span<const std::int64_t> shape);
[[nodiscard]] ValueType to_value_type(const proto::TypeProto& type);
/// Overwrites type and shape; a type that is no tensor and stays undefined is kept.
void assign_type(proto::TypeProto& target, const ValueType& type);

/// Whether the extents are valid and the data, inline or of `external_bytes`, has their size.
/// Errors: kDataLoss naming the tensor.
[[nodiscard]] Status check_tensor(const proto::TensorProto& tensor,
                                  std::optional<std::int64_t> external_bytes);

/// The same of both parts of a sparse tensor. Errors: kUnimplemented in external files.
[[nodiscard]] Status check_sparse(const proto::SparseTensorProto& tensor);

/// The elements of a tensor that carries its data itself and passed check_tensor().
/// Errors: kUnimplemented for strings.
[[nodiscard]] Result<Tensor> unpack(const proto::TensorProto& tensor);
/// Type, shape and raw data.
[[nodiscard]] proto::TensorProto pack(const TensorView& tensor);

/// What an `external_data` entry says.
struct ExternalLocation {
  std::string location;
  std::int64_t offset = 0;
  std::optional<std::int64_t> length;
};
[[nodiscard]] bool is_external(const proto::TensorProto& tensor);
/// Errors: kDataLoss if the entry is malformed or leads out of the model's folder.
[[nodiscard]] Result<ExternalLocation> external_location(const proto::TensorProto& tensor);

}  // namespace tessera::onnx
