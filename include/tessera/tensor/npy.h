// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/file.h"
#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

namespace tessera {

/// Parses a NumPy .npy file (format versions 1 to 3). Little- and big-endian numbers, C and
/// Fortran order; the result is native and row-major. `what` names the source in errors.
/// Errors: kDataLoss if truncated or malformed; kUnimplemented for object and string arrays.
[[nodiscard]] Result<Tensor> parse_npy(std::span<const std::byte> bytes, std::string_view what);
/// Version 1.0 bytes of a tensor, readable by NumPy.
[[nodiscard]] std::vector<std::byte> format_npy(const TensorView& tensor);

[[nodiscard]] Result<Tensor> read_npy(const std::filesystem::path& path);
[[nodiscard]] Status write_npy(const std::filesystem::path& path, const TensorView& tensor,
                               Overwrite overwrite);

/// All arrays of a NumPy .npz (a zip of .npy, stored or deflated, zip64), in archive order.
[[nodiscard]] Result<std::vector<NamedTensor>> parse_npz(std::span<const std::byte> bytes,
                                                         std::string_view what);
[[nodiscard]] Result<std::vector<NamedTensor>> read_npz(const std::filesystem::path& path);

/// An array in a file, of which only what is asked for is brought into memory. Thread-safe.
class StoredArray {
 public:
  virtual ~StoredArray() = default;
  [[nodiscard]] virtual DType dtype() const noexcept = 0;
  [[nodiscard]] virtual const Shape& shape() const noexcept = 0;
  /// Elements [begin, end) of the first axis; the array has one. Reading on is cheap; going back
  /// in a compressed array unpacks at most a part of it again.
  /// Errors: kDataLoss where the file is damaged.
  [[nodiscard]] virtual Result<Tensor> rows(std::int64_t begin, std::int64_t end) const = 0;
  /// All of it, a scalar too.
  [[nodiscard]] virtual Result<Tensor> all() const = 0;
};

/// How an array is opened.
struct StoredArrayOptions {
  /// A compressed array of at most so many bytes is unpacked once and kept, its checksum proved.
  std::int64_t keep_bytes = std::int64_t{64} << 20;
  /// An array that can only be read as a whole (compressed, with its first axis innermost) is
  /// refused above.
  std::int64_t most_bytes = std::int64_t{1} << 31;
};

/// A .npy file. Errors: those of read_npy.
[[nodiscard]] Result<std::unique_ptr<StoredArray>> open_npy(const std::filesystem::path& path);

/// A .npz file whose arrays are read one by one, and those by rows.
class NpzArchive {
 public:
  /// Reads the directory alone. Errors: kDataLoss for no or a damaged archive; kNotFound.
  [[nodiscard]] static Result<NpzArchive> open(const std::filesystem::path& path);
  NpzArchive(NpzArchive&&) noexcept;
  NpzArchive& operator=(NpzArchive&&) noexcept;
  ~NpzArchive();

  /// Of the arrays, in archive order.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept;
  /// Array `index`, which may outlive the archive.
  /// Errors: kDataLoss if damaged; kUnimplemented for object and string arrays; kResourceExhausted
  /// above `options.most_bytes`.
  [[nodiscard]] Result<std::unique_ptr<StoredArray>> array(
      std::size_t index, const StoredArrayOptions& options = {}) const;

 private:
  struct State;
  explicit NpzArchive(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

}  // namespace tessera
