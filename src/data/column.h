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
  /// The extents of load(index), without reading the values.
  [[nodiscard]] virtual Result<Shape> shape(std::int64_t index) const = 0;
  /// True if nothing of the sample before carries over into this one.
  [[nodiscard]] virtual bool starts_sequence(std::int64_t index) const { return index == 0; }
  /// An array that stands beside the sample in the same archive; none if there is no such array.
  [[nodiscard]] virtual Result<std::optional<Tensor>> beside(std::int64_t /*index*/,
                                                             const std::string& /*name*/) const {
    return std::nullopt;
  }
};

/// What a file of arrays holds.
enum class FileUse : std::uint8_t {
  kSample,   ///< one sample, or several only where it cannot be one
  kSamples,  ///< a sample per element of the first axis
};

/// Where the samples of an input lie: images, .npy or .npz files.
struct FileSource {
  std::vector<std::filesystem::path> files;
  std::vector<FileUse> use;  ///< of each
  /// `preprocess` is needed if there is an image among the files.
  std::optional<Preprocess> preprocess;
  /// The model has this input alone, so that a single array may have any name.
  bool only_input = false;
};

/// Lists the samples from the headers of the files.
/// Errors: kInvalidArgument if an array is missing or does not fit; those of reading.
[[nodiscard]] Result<std::unique_ptr<Column>> file_column(FileSource source, InputSpec spec);
/// Open extents get a value, see SampleOptions.
[[nodiscard]] Result<std::unique_ptr<Column>> random_column(std::int64_t count, InputSpec spec,
                                                            std::uint64_t seed, bool only_input);
/// The same value in each of `count` samples.
[[nodiscard]] std::unique_ptr<Column> constant_column(std::int64_t count, Tensor value);
/// Tensors by sample; those in between that are absent are never asked for.
[[nodiscard]] std::unique_ptr<Column> recorded_column(std::vector<std::optional<Tensor>> values);

/// "1x3x?x?": an open extent shows as '?'.
[[nodiscard]] std::string shape_text(const std::vector<std::int64_t>& shape);
/// True if the tensor's extents are those of the input, whatever stands at open ones.
[[nodiscard]] bool fits(const Shape& shape, const InputSpec& spec);
/// As the input wants it: cast, free of NaN; `what` names the sample.
[[nodiscard]] Result<Tensor> finish(Tensor tensor, const InputSpec& spec, const std::string& what);

[[nodiscard]] bool is_image_file(const std::filesystem::path& path);
[[nodiscard]] bool is_array_file(const std::filesystem::path& path);
[[nodiscard]] bool is_archive(const std::filesystem::path& path);
/// Extension in lower case, with the dot.
[[nodiscard]] std::string extension_of(const std::filesystem::path& path);

}  // namespace tessera::data
