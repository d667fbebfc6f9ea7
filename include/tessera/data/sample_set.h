// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/preprocess.h"
#include "tessera/tensor/affine.h"
#include "tessera/tensor/tensor.h"

namespace tessera::data {

/// Integers that stand for real numbers.
struct QuantizedType {
  DType dtype = DType::kInt8;
  AffineQuantization quantization;
};

/// What a model wants to be fed. Extents are -1 where any value will do; a first extent of -1
/// counts 1 where the data does not say more.
struct InputSpec {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;
  bool any_rank = false;  ///< nothing is known of the shape, which is empty
  /// Rows of the table that an integer input is an index into, if that is known.
  std::optional<std::int64_t> index_limit;
  /// Of an input of integers that stand for real numbers: samples are these numbers (`dtype` is
  /// float32), and whoever runs the model quantizes them. Arrays of its type are quantized already.
  std::optional<QuantizedType> quantized;
};

/// One sample: a tensor per input of the model, in the order of the specs, batch axis included.
struct Sample {
  std::string name;  ///< file name, "random:3" or "FILE.npz[3]"
  std::vector<NamedTensor> tensors;
  std::optional<std::int64_t> label;
};

/// The output of one step that an input of the next one is fed with.
struct StateLink {
  std::string output;
  std::string input;
};

/// Runs the float model on one step and gives its state outputs, in the order of the links.
using StepFunction = std::function<Result<std::vector<Tensor>>(const Sample& step)>;

/// An input that is the same in every sample: a number, numbers separated by commas, true, false,
/// or the path of a .npy file.
struct ConstantInput {
  std::string input;
  std::string value;
};

/// Where samples come from, by the form of `SampleOptions::source`:
/// - a folder: every .jpg, .jpeg, .png, .npy and .npz file in it and below, one sample each. For a
///   model with several inputs it has one folder per input, named as the input is ('/' and ':'
///   become '_'), with files of the same names but for the extension, or .npz files with one array
///   per input;
/// - a list file: one path per line relative to the list, in the order of the list; several inputs
///   are separated by tabs, or together in an .npz. Empty lines and lines that begin with '#' are
///   skipped;
/// - FILE.npz: one array per input (a single array may have any name). The first axis counts the
///   samples: a slice gets the batch axis back. An array with one axis more than the input is cut
///   into whole batches; with a fixed batch B, so are B rows each. A scalar input may have one
///   value for all samples;
/// - one .jpg, .png or .npy file;
/// - "random:N": N samples from the seed: floating inputs standard normal, 8- and 16-bit integers
///   uniform over their type (as real numbers where they stand for such), indices uniform below
///   their limit, other wide integers and bool 0 or 1, the first of them 1 (safe as masks and
///   lengths). An open first extent is 1, open height and width of an image 224, others 16.
/// Array files that cannot be one sample (a fixed batch of 1) are cut as FILE.npz is. Extents may
/// differ between samples where the input leaves them open.
/// Real numbers are what inputs of integers with a scale are given, too; an array of their integer
/// type holds them quantized. Tensors are cast to the input's type where every value fits (see
/// cast()); NaN is refused.
///
/// With `states`, samples are the steps of sequences. Each array file is a sequence whose first
/// axis counts the steps; files in a folder further down are the steps of one sequence each. Inputs
/// that are states are not in the data: they start as zeros, or as the array "NAME0" of the archive
/// says, and are recorded from the float model once. An open first extent of a state is that of the
/// data, others are 0 where the state grows from step to step and the model takes an empty one.
struct SampleOptions {
  std::string source;
  std::optional<Preprocess> preprocess;  ///< absent: guessed from the input, with a warning
  std::filesystem::path labels;          ///< CSV with file,class_index; empty: none
  std::int64_t limit = 0;                ///< at most so many samples, spread evenly; 0: all
  std::int64_t shard_index = 0;          ///< of those, one part of shard_count
  std::int64_t shard_count = 1;
  /// Parts take turns: folders are often sorted by class, and each part should see all. Otherwise
  /// they follow each other, so that parts in order are the whole in order.
  bool interleaved = false;
  std::uint64_t seed = 0;
  std::vector<ConstantInput> constants;
  std::vector<StateLink> states;
  StepFunction step;  ///< needed with states
};

/// What the samples of a set have in common in the shape of an input.
struct InputExtents {
  std::string input;
  /// One per axis; absent where samples differ. Absent as a whole if their ranks do.
  std::optional<std::vector<std::optional<std::int64_t>>> extents;
};

/// An ordered set of samples that are decoded when asked for, one at a time, so that memory does
/// not grow with their number: of an .npz the rows that are asked for are unpacked. Recorded states
/// are held. Order: paths sorted bytewise.
class SampleSet {
 public:
  /// Lists the samples and checks the first. Warnings: guessed-preprocess, unlabelled-samples, and
  /// image-size, which says how large images become where the model leaves it open.
  /// Errors: kNotFound for a missing or empty source; kInvalidArgument where inputs and data do
  /// not fit, with expected and actual shapes; kDataLoss for unreadable files; kResourceExhausted
  /// for samples or states that memory does not hold.
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
  /// Extents that all samples share, per input in the order of the specs: what open extents of the
  /// model may be taken for. Reads headers only.
  [[nodiscard]] Result<std::vector<InputExtents>> extents() const;
  /// The samples whose tensors have the most frequent shapes (the first of equally frequent ones),
  /// ascending: what may be timed together. All of them where the samples are alike.
  [[nodiscard]] Result<std::vector<std::int64_t>> alike() const;
  /// What was used, guessed or given; absent if no image was involved.
  [[nodiscard]] const std::optional<Preprocess>& preprocess() const noexcept;
  [[nodiscard]] bool has_labels() const noexcept;
  /// The states that the samples are steps with; empty for plain samples.
  [[nodiscard]] const std::vector<StateLink>& states() const noexcept;
  /// True if sample `index` is the step after sample `index` - 1: its states come from that one.
  [[nodiscard]] bool follows(std::int64_t index) const noexcept;
  /// {source, samples, preprocess, labels} and, where they play a part, shard, seed, image_size,
  /// inputs and states: for every artefact made from this data.
  [[nodiscard]] Json describe() const;

 private:
  struct State;
  explicit SampleSet(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tessera::data
