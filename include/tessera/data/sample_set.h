// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/preprocess.h"
#include "tessera/tensor/tensor.h"

namespace tessera::data {

/// What a model wants to be fed. Extents are -1 where any value will do.
struct InputSpec {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;
};

/// One sample: a tensor per input of the model, in the order of the specs, batch axis included.
struct Sample {
  std::string name;  ///< file name, "random:3" or "FILE.npz[3]"
  std::vector<NamedTensor> tensors;
  std::optional<std::int64_t> label;
};

/// Where samples come from, by the form of `SampleOptions::source`:
/// - a folder: every .jpg, .jpeg, .png and .npy file in it and below. For a model with several
///   inputs it has one folder per input, named as the input is ('/' and ':' become '_'), with
///   files of the same names but for the extension;
/// - a list file: one path per line relative to the list, in the order of the list; several inputs
///   are separated by tabs. Empty lines and lines that begin with '#' are skipped;
/// - FILE.npz: one array per input (a single array may have any name). The first axis counts the
///   samples: a slice gets the batch axis back. An array with one axis more than the input is cut
///   into whole batches; with a fixed batch B, so are B rows each;
/// - one .jpg, .png or .npy file;
/// - "random:N": N samples from the seed: floating inputs standard normal, 8- and 16-bit integers
///   uniform over their type, wider integers and bool 0 or 1 (safe as indices and masks).
/// Tensors are cast to the input's type where every value fits (see cast()); NaN is refused.
struct SampleOptions {
  std::string source;
  std::optional<Preprocess> preprocess;  ///< absent: guessed from the input, with a warning
  std::filesystem::path labels;          ///< CSV with file,class_index; empty: none
  std::int64_t limit = 0;                ///< at most so many samples, spread evenly; 0: all
  std::int64_t shard_index = 0;
  std::int64_t shard_count = 1;
  std::uint64_t seed = 0;
};

/// An ordered set of samples that are decoded when asked for, one at a time, so that memory does
/// not grow with their number (an .npz is held as a whole). Order: paths sorted bytewise.
class SampleSet {
 public:
  /// Lists the samples and checks the first. A guess of the preprocessing and samples without a
  /// label are warnings: guessed-preprocess, unlabelled-samples.
  /// Errors: kNotFound for a missing or empty source; kInvalidArgument where inputs and data do
  /// not fit, with expected and actual shapes; kDataLoss for unreadable files.
  [[nodiscard]] static Result<SampleSet> open(const SampleOptions& options,
                                              const std::vector<InputSpec>& inputs,
                                              Monitor& monitor);
  SampleSet(SampleSet&&) noexcept;
  SampleSet& operator=(SampleSet&&) noexcept;
  ~SampleSet();

  [[nodiscard]] std::int64_t size() const noexcept;
  /// Decodes and preprocesses sample `index`. Thread-safe.
  /// Errors: as open, naming the file.
  [[nodiscard]] Result<Sample> load(std::int64_t index) const;
  /// What was used, guessed or given; absent if no image was involved.
  [[nodiscard]] const std::optional<Preprocess>& preprocess() const noexcept;
  [[nodiscard]] bool has_labels() const noexcept;
  /// {source, samples, preprocess, labels}: for every artefact made from this data.
  [[nodiscard]] Json describe() const;

 private:
  struct State;
  explicit SampleSet(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tessera::data
