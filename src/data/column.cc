// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "data/column.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tessera/core/random.h"
#include "tessera/data/image.h"
#include "tessera/tensor/npy.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

/// "1x3x?x?": an open extent shows as '?'.
std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const auto extent : shape) {
    text += (text.empty() ? "" : "x") + (extent < 0 ? std::string("?") : std::to_string(extent));
  }
  return text.empty() ? "scalar" : text;
}

bool matches(std::span<const std::int64_t> shape, std::span<const std::int64_t> wanted) {
  return std::equal(shape.begin(), shape.end(), wanted.begin(), wanted.end(),
                    [](auto extent, auto want) { return want < 0 || extent == want; });
}

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

/// As the input wants it; `what` names the sample.
Result<Tensor> finish(Tensor tensor, const InputSpec& spec, const std::string& what) {
  if (tensor.dtype() != spec.dtype) {
    auto converted = cast(tensor.view(), spec.dtype).map_error(in_file(what));
    TESSERA_TRY(tensor, std::move(converted));
  }
  TESSERA_CHECK(check_numbers(tensor, spec, what));
  return tensor;
}

class FileColumn : public Column {
 public:
  FileColumn(std::vector<fs::path> files, InputSpec spec, std::optional<Preprocess> preprocess)
      : files_(std::move(files)), spec_(std::move(spec)), preprocess_(std::move(preprocess)) {}

  [[nodiscard]] std::int64_t size() const override {
    return static_cast<std::int64_t>(files_.size());
  }
  [[nodiscard]] std::string name(std::int64_t index) const override {
    return file(index).filename().string();
  }
  [[nodiscard]] fs::path file(std::int64_t index) const override {
    return files_[static_cast<std::size_t>(index)];
  }

  [[nodiscard]] Result<Tensor> load(std::int64_t index) const override {
    const auto path = file(index);
    if (is_array_file(path)) {
      return load_array(path);
    }
    TESSERA_TRY(const auto image, read_image(path));
    return image_to_tensor(image, *preprocess_, spec_.dtype, spec_.shape)
        .map_error(in_file(path.string()));
  }

 private:
  [[nodiscard]] Result<Tensor> load_array(const fs::path& path) const {
    TESSERA_TRY(auto array, read_npy(path));
    auto shape = array.shape();
    if (shape.size() + 1 == spec_.shape.size() && batch_may_be_one(spec_)) {
      shape.insert(shape.begin(), 1);
    }
    if (!matches(shape, spec_.shape)) {
      return misfit(spec_, path.string(), array.shape());
    }
    array.reshape(std::move(shape));
    return finish(std::move(array), spec_, path.string());
  }

  std::vector<fs::path> files_;
  InputSpec spec_;
  std::optional<Preprocess> preprocess_;
};

class ArrayColumn : public Column {
 public:
  ArrayColumn(Tensor array, InputSpec spec, std::string file, std::int64_t count, Shape slice)
      : array_(std::move(array)),
        spec_(std::move(spec)),
        file_(std::move(file)),
        count_(count),
        slice_(std::move(slice)) {}

  [[nodiscard]] std::int64_t size() const override { return count_; }
  [[nodiscard]] std::string name(std::int64_t index) const override {
    return fmt::format("{}[{}]", fs::path(file_).filename().string(), index);
  }
  [[nodiscard]] Result<Tensor> load(std::int64_t index) const override {
    const auto slice_bytes =
        static_cast<std::size_t>(bytes_of(array_.dtype(), element_count(slice_)));
    const auto bytes =
        array_.bytes().subspan(static_cast<std::size_t>(index) * slice_bytes, slice_bytes);
    return finish(Tensor(TensorView{array_.dtype(), slice_, bytes}), spec_,
                  fmt::format("{}[{}]", file_, index));
  }

 private:
  Tensor array_;
  InputSpec spec_;
  std::string file_;
  std::int64_t count_;
  Shape slice_;
};

class RandomColumn : public Column {
 public:
  RandomColumn(std::int64_t count, InputSpec spec, std::uint64_t seed)
      : count_(count), spec_(std::move(spec)), seed_(seed) {}

  [[nodiscard]] std::int64_t size() const override { return count_; }
  [[nodiscard]] std::string name(std::int64_t index) const override {
    return fmt::format("random:{}", index);
  }
  [[nodiscard]] Result<Tensor> load(std::int64_t index) const override {
    // A generator per sample: the same values in any order and number of calls.
    Random mixer(seed_ + static_cast<std::uint64_t>(index));
    Random random(mixer());
    const auto count = static_cast<std::size_t>(element_count(spec_.shape));
    if (bits_of(spec_.dtype) <= 16 && is_integer(spec_.dtype)) {
      Tensor tensor(spec_.dtype, spec_.shape);
      for (auto& byte : tensor.bytes()) {
        byte = static_cast<std::byte>(random.below(256));
      }
      return tensor;
    }
    std::vector<float> values(count);
    for (auto& value : values) {
      value = static_cast<float>(is_floating(spec_.dtype) ? random.normal()
                                                          : static_cast<double>(random.below(2)));
    }
    return cast(Tensor::of(values, spec_.shape).view(), spec_.dtype);
  }

 private:
  std::int64_t count_;
  InputSpec spec_;
  std::uint64_t seed_;
};

}  // namespace

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

std::unique_ptr<Column> file_column(std::vector<fs::path> files, InputSpec spec,
                                    std::optional<Preprocess> preprocess) {
  return std::make_unique<FileColumn>(std::move(files), std::move(spec), std::move(preprocess));
}

Result<std::unique_ptr<Column>> array_column(Tensor array, InputSpec spec, std::string file) {
  const auto& shape = array.shape();
  const auto what = fmt::format("{}[{}]", file, spec.name);
  if (shape.empty()) {
    return misfit(spec, what, shape);
  }
  if (shape.size() == spec.shape.size() + 1) {  // whole batches
    Shape slice(shape.begin() + 1, shape.end());
    if (!matches(slice, spec.shape)) {
      return misfit(spec, what, shape);
    }
    const auto count = shape[0];
    return std::make_unique<ArrayColumn>(std::move(array), std::move(spec), std::move(file), count,
                                         std::move(slice));
  }
  const bool same_rank = shape.size() == spec.shape.size();
  if (!same_rank || !matches(std::span(shape).subspan(1), std::span(spec.shape).subspan(1))) {
    return misfit(spec, what, shape);
  }
  const auto batch = std::max<std::int64_t>(spec.shape[0], 1);
  if (shape[0] % batch != 0) {
    return fail(ErrorCode::kInvalidArgument,
                "{}: {} rows are no whole number of batches; input '{}' has a fixed batch of {}",
                what, shape[0], spec.name, batch)
        .hint("give a multiple of {} rows", batch);
  }
  auto slice = shape;
  slice[0] = batch;
  const auto count = shape[0] / batch;
  return std::make_unique<ArrayColumn>(std::move(array), std::move(spec), std::move(file), count,
                                       std::move(slice));
}

Result<std::unique_ptr<Column>> random_column(std::int64_t count, InputSpec spec,
                                              std::uint64_t seed) {
  if (!spec.shape.empty() && spec.shape[0] < 0) {
    spec.shape[0] = 1;
  }
  if (std::any_of(spec.shape.begin(), spec.shape.end(), [](auto extent) { return extent < 0; })) {
    return fail(ErrorCode::kInvalidArgument,
                "input '{}' is {}: random data needs every extent but the batch", spec.name,
                shape_text(spec.shape))
        .hint("give the symbolic dimensions values with --dim NAME=VALUE");
  }
  constexpr std::int64_t kMaxElements = std::int64_t{1} << 31;
  const auto elements = element_count(spec.shape);
  if (elements < 0 || elements > kMaxElements) {
    return fail(ErrorCode::kResourceExhausted, "input '{}' of {} is too large for random data",
                spec.name, shape_text(spec.shape));
  }
  return std::make_unique<RandomColumn>(count, std::move(spec), seed);
}

}  // namespace tessera::data
