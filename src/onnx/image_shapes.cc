// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/image_shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>
#include <string_view>

#include "onnx/channel_shuffle.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/query.h"

namespace tessera::onnx {
namespace {

using Ints = std::vector<std::int64_t>;

std::optional<ImageShape> image_of(const std::optional<ValueType>& type) {
  if (!type || !type->shape || type->shape->size() != 4) {
    return std::nullopt;
  }
  const auto& extents = *type->shape;
  const ImageShape image{extents[0].value, extents[1].value, extents[2].value, extents[3].value};
  const bool known = image.channels > 0 && image.height > 0 && image.width > 0;
  return known ? std::optional(image) : std::nullopt;
}

bool is_one_of(std::string_view type, std::initializer_list<std::string_view> types) {
  return std::ranges::find(types, type) != types.end();
}

class Shapes {
 public:
  explicit Shapes(const Model& model) : model_(model) {
    for (const auto& input : model.inputs()) {
      note(input, image_of(model.declared_type(input)));
    }
  }

  void visit(NodeId node) {
    const auto outputs = model_.outputs(node);
    for (const auto& output : outputs) {
      note(output, image_of(model_.general_type_of(output)));
    }
    if (outputs.empty()) {
      return;
    }
    const auto& type = model_.op_type(node);
    if (type == "Reshape") {
      visit_reshape(node);
    } else if (type == "Split") {
      visit_split(node);
    } else {
      note(outputs.front(), result_of(node, type));
    }
  }

  ImageShapes take() { return std::move(shapes_); }

 private:
  void note(const std::string& value, const std::optional<ImageShape>& image) {
    if (image && !value.empty()) {
      shapes_.emplace(value, *image);
    }
  }

  [[nodiscard]] std::optional<ImageShape> shape_of(NodeId node, std::size_t index) const {
    const auto inputs = model_.inputs(node);
    const auto found = index < inputs.size() ? shapes_.find(inputs[index]) : shapes_.end();
    return found == shapes_.end() ? std::nullopt : std::optional(found->second);
  }

  [[nodiscard]] std::optional<ImageShape> result_of(NodeId node, const std::string& type) const {
    if (is_one_of(type, {"QuantizeLinear", "DequantizeLinear", "Lookup", "QLinearSigmoid",
                         "QLinearLeakyRelu", "Identity"})) {
      return shape_of(node, 0);
    }
    if (is_one_of(type, {"QLinearAdd", "QLinearMul"})) {
      const auto a = shape_of(node, 0);
      return a == shape_of(node, 3) ? a : std::nullopt;
    }
    if (is_one_of(type, {"Concat", "QLinearConcat"})) {
      return joined(node, type == "Concat" ? 0 : 2, type == "Concat" ? 1 : 3);
    }
    if (type == "QLinearConv") {
      return convolved(node);
    }
    if (is_one_of(type, {"MaxPool", "QLinearAveragePool"})) {
      const auto kernel = attribute_as<Ints>(model_, node, "kernel_shape");
      return kernel ? slid(node, *kernel) : std::nullopt;
    }
    if (type == "DepthToSpace" && model_.domain(node) == kKernelsDomain) {
      return spread(node);
    }
    return type == "Resize" ? resized(node) : std::nullopt;
  }

  /// Along the channels.
  [[nodiscard]] std::optional<ImageShape> joined(NodeId node, std::size_t first,
                                                 std::size_t step) const {
    auto sum = shape_of(node, first);
    if (!sum || model_.int_attribute(node, "axis", 0) != 1) {
      return std::nullopt;
    }
    for (std::size_t i = first + step; i < model_.inputs(node).size(); i += step) {
      const auto next = shape_of(node, i);
      if (!next) {
        return std::nullopt;
      }
      sum->channels += next->channels;
    }
    return sum;
  }

  [[nodiscard]] std::optional<ImageShape> convolved(NodeId node) const {
    const auto inputs = model_.inputs(node);
    const auto weights = inputs.size() > 3 ? model_.initializer_type(inputs[3]) : std::nullopt;
    if (!weights || !weights->shape || weights->shape->size() != 4) {
      return std::nullopt;
    }
    auto image = slid(node, {(*weights->shape)[2].value, (*weights->shape)[3].value});
    if (image) {
      image->channels = (*weights->shape)[0].value;
    }
    return image;
  }

  /// What a window gives that slides over the image.
  [[nodiscard]] std::optional<ImageShape> slid(NodeId node, const Ints& kernel) const {
    auto image = shape_of(node, 0);
    const auto pairs = [&](std::string_view name, std::int64_t fallback, std::size_t count) {
      const auto values = attribute_as<Ints>(model_, node, name);
      return values && values->size() == count ? *values : Ints(count, values ? 0 : fallback);
    };
    const auto strides = pairs("strides", 1, 2);
    const auto dilations = pairs("dilations", 1, 2);
    const auto pads = pairs("pads", 0, 4);
    const auto padding = attribute_as<std::string>(model_, node, "auto_pad").value_or("NOTSET");
    if (!image || kernel.size() != 2 || padding != "NOTSET" ||
        model_.int_attribute(node, "ceil_mode", 0) != 0) {
      return std::nullopt;
    }
    std::int64_t* const extents[] = {&image->height, &image->width};
    for (std::size_t i = 0; i < 2; ++i) {
      const auto room = *extents[i] + pads[i] + pads[i + 2] - (dilations[i] * (kernel[i] - 1) + 1);
      if (room < 0 || strides[i] < 1 || dilations[i] < 1) {
        return std::nullopt;
      }
      *extents[i] = room / strides[i] + 1;
    }
    return image;
  }

  /// Pixels become blocks of pixels.
  [[nodiscard]] std::optional<ImageShape> spread(NodeId node) const {
    auto image = shape_of(node, 0);
    const auto blocks = attribute_as<Ints>(model_, node, "blocks");
    const auto fits = [](std::int64_t size) { return size >= 1 && size <= 1024; };
    if (!image || !blocks || blocks->size() != 2 || !std::ranges::all_of(*blocks, fits) ||
        image->channels % ((*blocks)[0] * (*blocks)[1]) != 0) {
      return std::nullopt;
    }
    image->channels /= (*blocks)[0] * (*blocks)[1];
    image->height *= (*blocks)[0];
    image->width *= (*blocks)[1];
    return image;
  }

  /// By whole factors.
  [[nodiscard]] std::optional<ImageShape> resized(NodeId node) const {
    constexpr float kMost = 1024;
    auto image = shape_of(node, 0);
    const auto inputs = model_.inputs(node);
    const auto scales = inputs.size() == 3 ? constant_as<float>(model_, inputs[2]) : std::nullopt;
    if (!image || !scales || scales->size() != 4 || (*scales)[0] != 1 || (*scales)[1] != 1 ||
        model_.attribute(node, "axes")) {
      return std::nullopt;
    }
    for (const float scale : {(*scales)[2], (*scales)[3]}) {
      if (!(scale >= 1 && scale <= kMost) || scale != std::floor(scale)) {
        return std::nullopt;
      }
    }
    image->height *= static_cast<std::int64_t>((*scales)[2]);
    image->width *= static_cast<std::int64_t>((*scales)[3]);
    return image;
  }

  /// Along the channels, into parts of constant sizes.
  void visit_split(NodeId node) {
    auto image = shape_of(node, 0);
    const auto inputs = model_.inputs(node);
    const auto outputs = model_.outputs(node);
    const auto parts = inputs.size() == 2 ? constant_as<std::int64_t>(model_, inputs[1])
                                          : attribute_as<Ints>(model_, node, "split");
    if (!image || !parts || parts->size() != outputs.size() ||
        model_.int_attribute(node, "axis", 0) != 1 ||
        std::accumulate(parts->begin(), parts->end(), std::int64_t{0}) != image->channels) {
      return;
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      image->channels = (*parts)[i];
      note(outputs[i], image->channels > 0 ? image : std::nullopt);
    }
  }

  /// The first operator of a shuffle, whose last one gives as many channels.
  void visit_reshape(NodeId node) {
    const auto image = shape_of(node, 0);
    const auto shuffle = image ? shuffle_from(model_, node, *image) : std::nullopt;
    if (shuffle) {
      note(model_.outputs(shuffle->operators.back()).front(), image);
    }
  }

  const Model& model_;
  ImageShapes shapes_;
};

}  // namespace

ImageShapes image_shapes(const Model& model, const std::vector<NodeId>& order) {
  Shapes shapes(model);
  for (const auto node : order) {
    shapes.visit(node);
  }
  return shapes.take();
}

}  // namespace tessera::onnx
