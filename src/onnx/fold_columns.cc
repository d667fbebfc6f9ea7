// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "onnx/fold_columns.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/onnx/query.h"

namespace tessera::onnx {
namespace {

using Ints = std::vector<std::int64_t>;

/// Columns of the result that become one.
constexpr std::int64_t kColumns = 2;

/// A convolution along the width. Pixels of the folded images are called blocks.
struct Columns {
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t before = 0;  ///< columns of padding
  std::int64_t after = 0;

  [[nodiscard]] std::int64_t block() const { return kColumns * stride; }
  /// The column that tap `tap` reads for result `place` of block 0.
  [[nodiscard]] std::int64_t column(std::int64_t place, std::int64_t tap) const {
    return place * stride - before + tap;
  }
  /// Blocks that lie before block 0 and have to be read for it, and the same behind it.
  [[nodiscard]] std::int64_t blocks_before() const { return (before + block() - 1) / block(); }
  [[nodiscard]] std::int64_t blocks_after() const {
    return std::max<std::int64_t>(0, column(kColumns - 1, kernel - 1)) / block();
  }
  [[nodiscard]] std::int64_t blocks() const { return blocks_before() + 1 + blocks_after(); }
};

bool is_zero(const Model& model, const std::string& name) {
  const auto value = model.initializer(name);
  return value &&
         std::ranges::all_of(value->bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

/// Measured on images of 28 to 640 pixels: with more channels, more rows of a kernel or more
/// results, multiplying by zeros takes longer than what is saved.
bool pays(std::span<const std::int64_t> weights) {
  constexpr std::int64_t kLargestKernel = 256;
  const auto outputs = weights[0];
  const auto channels = weights[1];
  const bool photo = channels <= 3 && channels * weights[2] * weights[3] <= kLargestKernel;
  return weights[3] > 1 && (photo || outputs <= 8 || (channels <= 8 && outputs <= 16));
}

bool has_ones(const Model& model, NodeId node, std::string_view attribute) {
  const auto values = attribute_as<Ints>(model, node, attribute).value_or(Ints{1, 1});
  return std::ranges::all_of(values, [](std::int64_t value) { return value == 1; });
}

std::optional<Columns> columns_of(const Model& model, NodeId node,
                                  std::span<const std::int64_t> weights, std::int64_t width) {
  const auto strides = attribute_as<Ints>(model, node, "strides").value_or(Ints{1, 1});
  const auto pads = attribute_as<Ints>(model, node, "pads").value_or(Ints(4, 0));
  const auto padding = attribute_as<std::string>(model, node, "auto_pad").value_or("NOTSET");
  if (padding != "NOTSET" || strides.size() != 2 || pads.size() != 4 || strides[1] < 1 ||
      std::ranges::any_of(pads, [](std::int64_t pad) { return pad < 0; })) {
    return std::nullopt;
  }
  const Columns columns{weights[3], strides[1], pads[1], pads[3]};
  const auto room = width + columns.before + columns.after - columns.kernel;
  const bool divides = width > 0 && width % columns.block() == 0;
  const bool whole = room >= 0 && room / columns.stride + 1 == width / columns.stride;
  return divides && whole ? std::optional(columns) : std::nullopt;
}

/// [O, C, height, kernel] -> [2 O, block C, height, blocks].
Tensor folded_weights(const TensorView& weights, const Columns& columns) {
  const auto outputs = weights.shape[0];
  const auto channels = weights.shape[1];
  const auto height = weights.shape[2];
  Tensor folded(weights.dtype,
                {kColumns * outputs, columns.block() * channels, height, columns.blocks()});
  const auto wide = columns.block() * channels;
  const auto put = [&](std::int64_t place, std::int64_t tap, std::int64_t output,
                       std::int64_t channel) {
    const auto column = columns.column(place, tap) + columns.blocks_before() * columns.block();
    const auto block = column / columns.block();
    const auto inner = column % columns.block() * channels + channel;
    for (std::int64_t row = 0; row < height; ++row) {
      const auto to =
          (((place * outputs + output) * wide + inner) * height + row) * columns.blocks() + block;
      const auto from = ((output * channels + channel) * height + row) * columns.kernel + tap;
      folded.bytes()[static_cast<std::size_t>(to)] = weights.bytes[static_cast<std::size_t>(from)];
    }
  };
  for (std::int64_t place = 0; place < kColumns; ++place) {
    for (std::int64_t tap = 0; tap < columns.kernel; ++tap) {
      for (std::int64_t output = 0; output < outputs; ++output) {
        for (std::int64_t channel = 0; channel < channels; ++channel) {
          put(place, tap, output, channel);
        }
      }
    }
  }
  return folded;
}

class Folder {
 public:
  Folder(Model& model, NodeId node, const Columns& columns, std::span<const std::int64_t> weights)
      : model_(model),
        node_(node),
        columns_(columns),
        outputs_(weights[0]),
        channels_(weights[1]) {}

  void fold(std::int64_t width) {
    const auto inputs = model_.inputs(node_);
    const auto image = model_.unique_name(inputs[0] + "_folded");
    reshape(inputs[0], image, {0, 0, width / columns_.block(), columns_.block() * channels_});
    model_.set_input(node_, 0, image);
    model_.set_input(
        node_, 3,
        added(inputs[3] + "_folded", folded_weights(*model_.initializer(inputs[3]), columns_)));
    for (const std::size_t per_output : {4U, 5U, 8U}) {
      repeat(per_output);
    }
    set_attributes();
    const auto result = model_.outputs(node_).front();
    const auto folded = model_.unique_name(result + "_folded");
    model_.set_output(node_, 0, folded);
    reshape(folded, result, {0, 0, width / columns_.stride, outputs_});
  }

 private:
  std::string added(const std::string& name, Tensor value) {
    auto unique = model_.unique_name(name);
    model_.set_initializer(unique, std::move(value));
    return unique;
  }

  void reshape(const std::string& value, const std::string& result, const Ints& shape) {
    model_.add_node(
        {.name = model_.unique_name(result + "_reshape"),
         .op_type = "Reshape",
         .domain = "",
         .inputs = {value, added(result + "_shape", Tensor::of(shape, {std::ssize(shape)}))},
         .outputs = {result},
         .attributes = {}});
  }

  /// An input with a number per output has them for both columns.
  void repeat(std::size_t index) {
    const auto inputs = model_.inputs(node_);
    if (index >= inputs.size() || inputs[index].empty()) {
      return;
    }
    const auto once = *model_.initializer(inputs[index]);
    if (once.shape.empty() || once.size() != outputs_) {
      return;  // one for all
    }
    Tensor twice(once.dtype, {kColumns * outputs_});
    for (std::size_t i = 0; i < twice.bytes().size(); ++i) {
      twice.bytes()[i] = once.bytes[i % once.bytes.size()];
    }
    model_.set_input(node_, index, added(inputs[index] + "_folded", std::move(twice)));
  }

  void set_attributes() {
    const auto kernel = model_.initializer_type(model_.inputs(node_)[3])->shape;
    auto strides = attribute_as<Ints>(model_, node_, "strides").value_or(Ints{1, 1});
    auto pads = attribute_as<Ints>(model_, node_, "pads").value_or(Ints(4, 0));
    strides[1] = 1;
    pads[1] = columns_.blocks_before();
    pads[3] = columns_.blocks_after();
    model_.set_attribute(node_, "kernel_shape", Ints{(*kernel)[2].value, (*kernel)[3].value});
    model_.set_attribute(node_, "strides", strides);
    model_.set_attribute(node_, "pads", pads);
  }

  Model& model_;
  NodeId node_;
  Columns columns_;
  std::int64_t outputs_;
  std::int64_t channels_;
};

/// Every input but the image is a constant, so that it can be written twice.
bool has_constants(const Model& model, NodeId node) {
  const auto inputs = model.inputs(node);
  return std::all_of(inputs.begin() + 1, inputs.end(), [&](const std::string& input) {
    return input.empty() || (model.is_constant(input) && model.initializer(input));
  });
}

}  // namespace

bool fold_columns(Model& model, NodeId convolution, std::int64_t width) {
  if (!has_constants(model, convolution) || model.int_attribute(convolution, "group", 1) != 1 ||
      !has_ones(model, convolution, "dilations")) {
    return false;
  }
  const auto inputs = model.inputs(convolution);
  const auto weights = *model.initializer(inputs[3]);
  if (weights.shape.size() != 4 || !pays(weights.shape) || !is_zero(model, inputs[5])) {
    return false;
  }
  const auto columns = columns_of(model, convolution, weights.shape, width);
  if (!columns) {
    return false;
  }
  Folder(model, convolution, *columns, weights.shape).fold(width);
  return true;
}

}  // namespace tessera::onnx
