// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "onnx/space_to_depth.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/onnx/query.h"

namespace tessera::onnx {
namespace {

using Ints = std::vector<std::int64_t>;

constexpr std::int64_t kBlock = 2;
constexpr std::int64_t kPictures = kBlock * kBlock;
constexpr std::int64_t kMostChannels = 4;

/// Every second pixel of an image.
struct Picture {
  std::string image;
  std::int64_t row = 0;  ///< of the first pixel
  std::int64_t column = 0;
};

/// Rows and columns may be left out by one Slice or by two.
std::optional<Picture> picture_of(const Model& model, const std::string& value) {
  Picture picture{.image = value};
  std::array<std::optional<std::int64_t>, 2> first;  // row, column
  while (!first[0] || !first[1]) {
    const auto slice = model.producer(picture.image);
    const auto stepped = slice ? stepped_axes(model, *slice) : std::nullopt;
    if (!stepped || stepped->empty()) {
      return std::nullopt;
    }
    for (const auto& [axis, start, step] : *stepped) {
      const bool wanted = (axis == 2 || axis == 3) && start < kBlock && step == kBlock;
      if (!wanted || first.at(static_cast<std::size_t>(axis - 2))) {
        return std::nullopt;
      }
      first.at(static_cast<std::size_t>(axis - 2)) = start;
    }
    picture.image = model.inputs(*slice).front();
  }
  picture.row = *first[0];
  picture.column = *first[1];
  return picture;
}

/// All four of one image, in the order they are joined in.
std::optional<std::vector<Picture>> pictures_of(const Model& model, NodeId concat) {
  const auto joined = model.inputs(concat);
  if (model.op_type(concat) != "Concat" || !model.domain(concat).empty() ||
      std::ssize(joined) != kPictures || model.int_attribute(concat, "axis", 0) != 1) {
    return std::nullopt;
  }
  std::vector<Picture> pictures;
  std::array<bool, kPictures> seen{};
  for (const auto& value : joined) {
    auto picture = picture_of(model, value);
    if (!picture || (!pictures.empty() && picture->image != pictures.front().image)) {
      return std::nullopt;
    }
    seen.at(static_cast<std::size_t>(picture->row * kBlock + picture->column)) = true;
    pictures.push_back(*std::move(picture));
  }
  const bool whole = std::ranges::all_of(seen, [](bool one) { return one; });
  return whole ? std::optional(std::move(pictures)) : std::nullopt;
}

/// One pixel after the other, padded by numbers that are written down.
bool is_plain(const Model& model, NodeId convolution) {
  const auto ones = [&](std::string_view name) {
    return attribute_as<Ints>(model, convolution, name).value_or(Ints{1, 1}) == Ints{1, 1};
  };
  const auto padding = attribute_as<std::string>(model, convolution, "auto_pad").value_or("NOTSET");
  return model.op_type(convolution) == "Conv" && model.domain(convolution).empty() &&
         model.inputs(convolution).size() >= 2 &&
         model.int_attribute(convolution, "group", 1) == 1 && padding == "NOTSET" &&
         ones("strides") && ones("dilations");
}

/// [O, 4 C, height, width] -> [O, C, 2 height, 2 width].
Tensor interleaved(const TensorView& weights, const std::vector<Picture>& pictures) {
  const auto outputs = weights.shape[0];
  const auto channels = weights.shape[1] / kPictures;
  const auto height = weights.shape[2];
  const auto width = weights.shape[3];
  Tensor result(DType::kFloat32, {outputs, channels, kBlock * height, kBlock * width});
  const auto from = weights.as<float>();
  const auto to = result.as<float>();
  std::size_t next = 0;
  for (std::int64_t output = 0; output < outputs; ++output) {
    for (const auto& picture : pictures) {
      for (std::int64_t channel = 0; channel < channels; ++channel) {
        for (std::int64_t row = 0; row < height; ++row) {
          for (std::int64_t column = 0; column < width; ++column) {
            const auto line =
                (output * channels + channel) * kBlock * height + kBlock * row + picture.row;
            const auto place = line * kBlock * width + kBlock * column + picture.column;
            to[static_cast<std::size_t>(place)] = from[next++];
          }
        }
      }
    }
  }
  return result;
}

bool is_read(const Model& model, const std::string& value) {
  return model.is_output(value) || model.used_by_body(value) || !model.consumers(value).empty();
}

/// What made a value, and what only that read.
void remove_unread(Model& model, const std::string& value) {
  const auto maker = is_read(model, value) ? std::nullopt : model.producer(value);
  if (!maker) {
    return;
  }
  const auto read = model.inputs(*maker);
  model.remove_node(*maker);
  for (const auto& input : read) {
    remove_unread(model, input);
  }
}

}  // namespace

bool fold_space_to_depth(Model& model, NodeId convolution) {
  if (!is_plain(model, convolution)) {
    return false;
  }
  const auto inputs = model.inputs(convolution);
  const auto concat = model.producer(inputs[0]);
  const auto pictures = concat ? pictures_of(model, *concat) : std::nullopt;
  const auto type = model.initializer_type(inputs[1]);
  if (!pictures || model.consumers(inputs[0]).size() != 1 || model.is_output(inputs[0]) ||
      model.used_by_body(inputs[0]) || !model.is_constant(inputs[1]) || !type ||
      type->dtype != DType::kFloat32) {
    return false;
  }
  const auto weights = model.initializer(inputs[1]);
  if (!weights || weights->shape.size() != 4 || weights->shape[1] % kPictures != 0 ||
      weights->shape[1] > kPictures * kMostChannels) {
    return false;
  }
  auto pads = attribute_as<Ints>(model, convolution, "pads").value_or(Ints(4, 0));
  if (pads.size() != 4) {
    return false;
  }
  for (auto& pad : pads) {
    pad *= kBlock;
  }
  auto kernel = interleaved(*weights, *pictures);
  model.set_attribute(convolution, "kernel_shape", Ints{kernel.shape()[2], kernel.shape()[3]});
  model.set_attribute(convolution, "strides", Ints{kBlock, kBlock});
  model.set_attribute(convolution, "pads", pads);
  const auto name = model.unique_name(inputs[1] + "_interleaved");
  model.set_initializer(name, std::move(kernel));
  model.set_input(convolution, 1, name);
  model.set_input(convolution, 0, pictures->front().image);
  remove_unread(model, inputs[0]);
  return true;
}

}  // namespace tessera::onnx
