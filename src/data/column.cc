// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "data/column.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "data/layout.h"
#include "tessera/core/host.h"
#include "tessera/core/random.h"
#include "tessera/data/image.h"
#include "tessera/tensor/npy.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

bool batch_may_be_one(const InputSpec& spec) {
  return !spec.shape.empty() && (spec.shape[0] < 0 || spec.shape[0] == 1);
}

Failure misfit(const InputSpec& spec, std::string_view what, const Shape& actual) {
  return fail(ErrorCode::kInvalidArgument, "{}: the array is {}; input '{}' wants {}", what,
              to_string(actual), spec.name, shape_text(spec.shape))
      .hint("save arrays in the shape of the model's input, with or without the batch axis");
}

Status check_numbers(const Tensor& tensor, const InputSpec& spec, std::string_view what) {
  if (tensor.dtype() != DType::kFloat32) {
    return {};
  }
  const auto values = tensor.as<float>();
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float value) { return std::isnan(value); });
  if (bad == values.end()) {
    return {};
  }
  return fail(ErrorCode::kDataLoss, "{}: the tensor for input '{}' is NaN at element {}", what,
              spec.name, bad - values.begin())
      .hint("repair the sample or remove it from the data");
}

/// How an array is cut into samples.
struct Cut {
  std::int64_t count = 1;
  std::int64_t rows = 0;  ///< of the array in each sample; 0: the array is the sample
  Shape shape;            ///< of each sample
};

std::optional<Cut> as_one_sample(const Shape& shape, const InputSpec& spec) {
  Cut cut{1, 0, shape};
  if (!spec.any_rank && shape.size() + 1 == spec.shape.size() && batch_may_be_one(spec)) {
    cut.shape.insert(cut.shape.begin(), 1);
  }
  return fits(cut.shape, spec) ? std::optional(cut) : std::nullopt;
}

Result<Cut> as_samples(const Shape& shape, const InputSpec& spec, const std::string& what) {
  if (shape.empty()) {
    return fits(shape, spec) ? Result<Cut>(Cut{1, 0, shape}) : misfit(spec, what, shape);
  }
  const Shape inner(shape.begin() + 1, shape.end());
  if (fits(inner, spec)) {  // whole batches
    return Cut{shape[0], 1, inner};
  }
  auto one = shape;
  const auto batch = spec.shape.empty() ? 1 : std::max<std::int64_t>(spec.shape[0], 1);
  one[0] = batch;
  if (!fits(one, spec)) {
    return misfit(spec, what, shape);
  }
  if (shape[0] % batch != 0) {
    return fail(ErrorCode::kInvalidArgument,
                "{}: {} rows are no whole number of batches; input '{}' has a fixed batch of {}",
                what, shape[0], spec.name, batch)
        .hint("give a multiple of {} rows", batch);
  }
  return Cut{shape[0] / batch, batch, std::move(one)};
}

Result<Cut> cut_of(const Shape& shape, const InputSpec& spec, FileUse use,
                   const std::string& what) {
  if (use == FileUse::kSample) {
    if (auto one = as_one_sample(shape, spec)) {
      return *std::move(one);
    }
    auto several = as_samples(shape, spec, what);
    // Rows are a second thought; the message is about what was expected first.
    return several || shape.size() != spec.shape.size() ? std::move(several)
                                                        : misfit(spec, what, shape);
  }
  return as_samples(shape, spec, what);
}

/// A sample is a copy in memory, and several are at a time.
Status check_size(const Cut& cut, DType dtype, const std::string& what) {
  constexpr std::int64_t kMiB = std::int64_t{1} << 20;
  constexpr std::int64_t kLeast = 256 * kMiB;
  const auto most = std::max(describe_host().memory_bytes / 4, kLeast);
  const auto elements = element_count(cut.shape);
  const auto width = std::max(bits_of(dtype) / 8, 1);
  if (elements >= 0 && elements <= most / width) {
    return {};
  }
  return fail(ErrorCode::kResourceExhausted,
              "{}: one sample of {} elements takes more than a quarter of the memory ({} MiB)",
              what, to_string(cut.shape), most / kMiB)
      .hint("give smaller samples: the first axis of an array counts them");
}

Result<std::unique_ptr<StoredArray>> open_array(const fs::path& path, const InputSpec& spec,
                                                bool only_input) {
  if (!is_archive(path)) {
    return open_npy(path);
  }
  TESSERA_TRY(const auto archive, NpzArchive::open(path));
  const auto& names = archive.names();
  auto found = std::find(names.begin(), names.end(), spec.name);
  if (found == names.end() && only_input && names.size() == 1) {
    found = names.begin();
  }
  if (found == names.end()) {
    return fail(ErrorCode::kInvalidArgument, "{}: no array '{}' for the input of that name",
                path.string(), spec.name)
        .hint("the archive holds: {}; an input that never changes: --input {}=VALUE",
              names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", ")), spec.name);
  }
  return archive.array(static_cast<std::size_t>(found - names.begin()));
}

/// What stands for the array in messages.
std::string array_name(const fs::path& path, const InputSpec& spec) {
  return is_archive(path) ? fmt::format("{}[{}]", path.string(), spec.name) : path.string();
}

/// A file and the samples it holds.
struct Part {
  fs::path path;
  std::int64_t first = 0;  ///< number of its first sample
  Cut cut;
  bool is_image = false;
  bool counts = false;  ///< its first axis counts samples
};

class FileColumn final : public Column {
 public:
  FileColumn(FileSource source, InputSpec spec)
      : spec_(std::move(spec)),
        preprocess_(std::move(source.preprocess)),
        only_input_(source.only_input) {}

  Status list(const FileSource& source) {
    for (std::size_t i = 0; i < source.files.size(); ++i) {
      TESSERA_TRY(auto part, look(source.files[i], source.use[i]));
      part.first = size_;
      size_ += part.cut.count;
      if (part.cut.count > 0) {
        parts_.push_back(std::move(part));
      }
    }
    return {};
  }

  [[nodiscard]] std::int64_t size() const override { return size_; }
  [[nodiscard]] std::string name(std::int64_t index) const override {
    const auto& part = part_of(index);
    const auto file = part.path.filename().string();
    return part.counts ? fmt::format("{}[{}]", file, index - part.first) : file;
  }
  [[nodiscard]] fs::path file(std::int64_t index) const override {
    const auto& part = part_of(index);
    return part.counts ? fs::path() : part.path;
  }
  [[nodiscard]] Result<Shape> shape(std::int64_t index) const override {
    const auto& part = part_of(index);
    if (!part.is_image) {
      return part.cut.shape;
    }
    if (const auto known = image_tensor_shape(*preprocess_, spec_.shape)) {
      return *known;
    }
    TESSERA_TRY(const auto size, read_image_size(part.path));
    return image_tensor_shape(*preprocess_, spec_.shape, size).value_or(Shape());
  }
  [[nodiscard]] bool starts_sequence(std::int64_t index) const override {
    const auto& part = part_of(index);
    if (part.counts || index == 0) {
      return index == part.first;
    }
    const auto& before = part_of(index - 1);
    return before.counts || before.path.parent_path() != part.path.parent_path();
  }

  [[nodiscard]] Result<Tensor> load(std::int64_t index) const override {
    const auto& part = part_of(index);
    if (part.is_image) {
      TESSERA_TRY(const auto image, read_image(part.path));
      return image_to_tensor(image, *preprocess_, spec_.dtype, spec_.shape)
          .map_error(in_file(part.path.string()));
    }
    TESSERA_TRY(const auto array, array_of(part));
    const auto row = (index - part.first) * part.cut.rows;
    TESSERA_TRY(auto tensor,
                part.cut.rows == 0 ? array->all() : array->rows(row, row + part.cut.rows));
    if (tensor.size() != element_count(part.cut.shape)) {
      return fail(ErrorCode::kDataLoss, "{}: the file was replaced while it was read",
                  part.path.string())
          .hint("leave the data alone while the command runs");
    }
    tensor.reshape(part.cut.shape);
    const auto what = part.counts ? fmt::format("{}[{}]", part.path.string(), index - part.first)
                                  : part.path.string();
    return finish(std::move(tensor), spec_, what);
  }

  [[nodiscard]] Result<std::optional<Tensor>> beside(std::int64_t index,
                                                     const std::string& name) const override {
    const auto& part = part_of(index);
    if (!is_archive(part.path)) {
      return std::nullopt;
    }
    TESSERA_TRY(const auto archive, NpzArchive::open(part.path));
    const auto& names = archive.names();
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      return std::nullopt;
    }
    TESSERA_TRY(const auto array, archive.array(static_cast<std::size_t>(found - names.begin())));
    TESSERA_TRY(auto tensor, array->all());
    return std::optional(std::move(tensor));
  }

 private:
  [[nodiscard]] Result<Part> look(const fs::path& path, FileUse use) const {
    Part part{.path = path};
    if (is_image_file(path)) {
      part.is_image = true;
      return part;
    }
    TESSERA_TRY(const auto array, open_array(path, spec_, only_input_));
    const auto what = array_name(path, spec_);
    TESSERA_TRY(part.cut, cut_of(array->shape(), spec_, use, what));
    TESSERA_CHECK(check_size(part.cut, array->dtype(), what));
    part.counts = part.cut.rows > 0;
    return part;
  }

  [[nodiscard]] const Part& part_of(std::int64_t index) const {
    const auto after =
        std::upper_bound(parts_.begin(), parts_.end(), index,
                         [](std::int64_t at, const Part& part) { return at < part.first; });
    return *std::prev(after);
  }

  /// Opened once for all samples of a file; a folder of many files keeps the last one open.
  [[nodiscard]] Result<std::shared_ptr<const StoredArray>> array_of(const Part& part) const {
    if (!part.counts) {
      return open_array(part.path, spec_, only_input_);
    }
    const std::lock_guard lock(mutex_);
    if (open_part_ != &part) {
      TESSERA_TRY(open_, open_array(part.path, spec_, only_input_));
      open_part_ = &part;
    }
    return open_;
  }

  InputSpec spec_;
  std::optional<Preprocess> preprocess_;
  bool only_input_;
  std::vector<Part> parts_;
  std::int64_t size_ = 0;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const StoredArray> open_;
  mutable const Part* open_part_ = nullptr;
};

class RandomColumn final : public Column {
 public:
  RandomColumn(std::int64_t count, InputSpec spec, std::uint64_t seed)
      : count_(count), spec_(std::move(spec)), seed_(seed) {}

  [[nodiscard]] std::int64_t size() const override { return count_; }
  [[nodiscard]] std::string name(std::int64_t index) const override {
    return fmt::format("random:{}", index);
  }
  [[nodiscard]] Result<Shape> shape(std::int64_t) const override { return spec_.shape; }
  [[nodiscard]] Result<Tensor> load(std::int64_t index) const override {
    // A generator per sample: the same values in any order and number of calls.
    Random mixer(seed_ + static_cast<std::uint64_t>(index));
    Random random(mixer());
    const auto dtype = spec_.quantized ? spec_.quantized->dtype : spec_.dtype;
    if (!spec_.index_limit && bits_of(dtype) <= 16 && is_integer(dtype)) {
      Tensor tensor(dtype, spec_.shape);
      for (auto& byte : tensor.bytes()) {
        byte = static_cast<std::byte>(random.below(256));
      }
      return finish(std::move(tensor), spec_, name(index));
    }
    std::vector<double> values(static_cast<std::size_t>(element_count(spec_.shape)));
    for (auto& value : values) {
      value =
          is_floating(spec_.dtype) ? double{static_cast<float>(random.normal())} : whole(random);
    }
    // A mask that lets nothing pass and a length of 0 make networks fail.
    if (!is_floating(spec_.dtype) && !spec_.index_limit && !values.empty()) {
      values.front() = 1;
    }
    return cast(Tensor::of(values, spec_.shape).view(), spec_.dtype);
  }

 private:
  [[nodiscard]] double whole(Random& random) const {
    return static_cast<double>(random.below(
        static_cast<std::uint64_t>(std::max<std::int64_t>(spec_.index_limit.value_or(2), 1))));
  }

  std::int64_t count_;
  InputSpec spec_;
  std::uint64_t seed_;
};

class ConstantColumn final : public Column {
 public:
  ConstantColumn(std::int64_t count, Tensor value) : count_(count), value_(std::move(value)) {}
  [[nodiscard]] std::int64_t size() const override { return count_; }
  [[nodiscard]] std::string name(std::int64_t index) const override {
    return fmt::format("sample {}", index);
  }
  [[nodiscard]] Result<Shape> shape(std::int64_t) const override { return value_.shape(); }
  [[nodiscard]] Result<Tensor> load(std::int64_t) const override { return value_; }

 private:
  std::int64_t count_;
  Tensor value_;
};

class RecordedColumn final : public Column {
 public:
  explicit RecordedColumn(std::vector<std::optional<Tensor>> values) : values_(std::move(values)) {}
  [[nodiscard]] std::int64_t size() const override { return std::ssize(values_); }
  [[nodiscard]] std::string name(std::int64_t index) const override {
    return fmt::format("sample {}", index);
  }
  [[nodiscard]] Result<Shape> shape(std::int64_t index) const override { return at(index).shape(); }
  [[nodiscard]] Result<Tensor> load(std::int64_t index) const override { return at(index); }

 private:
  [[nodiscard]] const Tensor& at(std::int64_t index) const {
    return *values_[static_cast<std::size_t>(index)];
  }
  std::vector<std::optional<Tensor>> values_;
};

/// Open extents of random data: 1 in front, a usual size for images, a few steps elsewhere.
void close_extents(InputSpec& spec, bool only_input) {
  constexpr std::int64_t kPixels = 224;
  constexpr std::int64_t kSteps = 16;
  auto layout = image_layout(spec.shape);
  // Among several inputs one with a single channel may as well be a mask.
  if (layout && !(layout->colours_known || (only_input && layout->rank == 4))) {
    layout.reset();
  }
  auto& shape = spec.shape;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] >= 0) {
      continue;
    }
    const bool is_batch = axis == 0 && !(layout && layout->rank == 3);
    const bool is_channels =
        layout && axis == (layout->channels_first ? layout->rank - 3 : layout->rank - 1);
    shape[axis] = is_batch ? 1 : is_channels ? layout->channels : layout ? kPixels : kSteps;
  }
}

}  // namespace

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const auto extent : shape) {
    text += (text.empty() ? "" : "x") + (extent < 0 ? std::string("?") : std::to_string(extent));
  }
  return text.empty() ? "scalar" : text;
}

bool fits(const Shape& shape, const InputSpec& spec) {
  return spec.any_rank ||
         std::equal(shape.begin(), shape.end(), spec.shape.begin(), spec.shape.end(),
                    [](auto extent, auto want) { return want < 0 || extent == want; });
}

Result<Tensor> finish(Tensor tensor, const InputSpec& spec, const std::string& what) {
  if (spec.quantized && tensor.dtype() == spec.quantized->dtype) {
    return dequantized(tensor.view(), spec.quantized->quantization);
  }
  if (tensor.dtype() != spec.dtype) {
    auto converted = cast(tensor.view(), spec.dtype).map_error(in_file(what));
    TESSERA_TRY(tensor, std::move(converted));
  }
  TESSERA_CHECK(check_numbers(tensor, spec, what));
  return tensor;
}

std::string extension_of(const fs::path& path) {
  auto extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return extension;
}

bool is_image_file(const fs::path& path) {
  const auto extension = extension_of(path);
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

bool is_array_file(const fs::path& path) {
  return extension_of(path) == ".npy";
}

bool is_archive(const fs::path& path) {
  return extension_of(path) == ".npz";
}

Result<std::unique_ptr<Column>> file_column(FileSource source, InputSpec spec) {
  auto column = std::make_unique<FileColumn>(source, std::move(spec));
  TESSERA_CHECK(column->list(source));
  return column;
}

std::unique_ptr<Column> constant_column(std::int64_t count, Tensor value) {
  return std::make_unique<ConstantColumn>(count, std::move(value));
}

std::unique_ptr<Column> recorded_column(std::vector<std::optional<Tensor>> values) {
  return std::make_unique<RecordedColumn>(std::move(values));
}

Result<std::unique_ptr<Column>> random_column(std::int64_t count, InputSpec spec,
                                              std::uint64_t seed, bool only_input) {
  if (spec.any_rank) {
    return fail(ErrorCode::kInvalidArgument,
                "the rank of input '{}' is unknown; random data needs it", spec.name)
        .hint("give samples as .npy or .npz, or the input a shape when exporting the model");
  }
  close_extents(spec, only_input);
  constexpr std::int64_t kMaxElements = std::int64_t{1} << 31;
  const auto elements = element_count(spec.shape);
  if (elements < 0 || elements > kMaxElements) {
    return fail(ErrorCode::kResourceExhausted, "input '{}' of {} is too large for random data",
                spec.name, shape_text(spec.shape));
  }
  return std::make_unique<RandomColumn>(count, std::move(spec), seed);
}

}  // namespace tessera::data
