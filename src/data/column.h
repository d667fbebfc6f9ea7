// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/data/sample_set.h"

namespace tessera::data {

/// The values that one input takes, sample by sample. Thread-safe.
class Column {
 public:
  virtual ~Column() = default;
  [[nodiscard]] virtual std::int64_t size() const = 0;
  [[nodiscard]] virtual std::string name(std::int64_t index) const = 0;
  /// The file a sample is, for its label; empty if it is none.
  [[nodiscard]] virtual std::filesystem::path file(std::int64_t /*index*/) const { return {}; }
  /// Of the input's dtype and shape, free of NaN.
  [[nodiscard]] virtual Result<Tensor> load(std::int64_t index) const = 0;
};

/// Image and .npy files. `preprocess` is needed if there is an image among them.
[[nodiscard]] std::unique_ptr<Column> file_column(std::vector<std::filesystem::path> files,
                                                  InputSpec spec,
                                                  std::optional<Preprocess> preprocess);
/// Slices of an array. Errors: kInvalidArgument if its shape does not fit the input.
[[nodiscard]] Result<std::unique_ptr<Column>> array_column(Tensor array, InputSpec spec,
                                                           std::string file);
/// Errors: kInvalidArgument if an extent of the input other than the batch is open.
[[nodiscard]] Result<std::unique_ptr<Column>> random_column(std::int64_t count, InputSpec spec,
                                                            std::uint64_t seed);

[[nodiscard]] bool is_image_file(const std::filesystem::path& path);
[[nodiscard]] bool is_array_file(const std::filesystem::path& path);
/// Extension in lower case, with the dot.
[[nodiscard]] std::string extension_of(const std::filesystem::path& path);

}  // namespace tessera::data
