// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/layers.h"

#include <algorithm>
#include <cmath>

namespace tessera::refine {
namespace {

std::vector<std::int64_t> ints(const onnx::Model& model, onnx::NodeId node, std::string_view name) {
  const auto value = model.attribute(node, name);
  const auto* list = value ? std::get_if<std::vector<std::int64_t>>(&*value) : nullptr;
  return list != nullptr ? *list : std::vector<std::int64_t>();
}

template <std::size_t N>
void take(const std::vector<std::int64_t>& list, std::array<std::int64_t, N>& out) {
  if (list.size() == N) {
    std::copy(list.begin(), list.end(), out.begin());
  }
}

Failure left_out(const std::string& name, std::string_view why) {
  return fail(ErrorCode::kUnimplemented, "'{}': {}", name, why);
}

Result<Layer> describe_conv(const onnx::Model& model, Layer layer, const Shape& weight) {
  if (weight.size() != 4) {
    return left_out(layer.name, "only two-dimensional convolutions are laid out as rows");
  }
  const auto node = layer.scale.node;
  layer.conv = true;
  layer.outputs = weight[0];
  layer.groups = model.int_attribute(node, "group", 1);
  layer.columns = weight[1] * weight[2] * weight[3];
  layer.kernel = {weight[2], weight[3]};
  take(ints(model, node, "strides"), layer.stride);
  take(ints(model, node, "dilations"), layer.dilation);
  take(ints(model, node, "pads"), layer.pads);
  const auto automatic = model.attribute(node, "auto_pad");
  const auto* text = automatic ? std::get_if<std::string>(&*automatic) : nullptr;
  layer.auto_pad = text != nullptr ? *text : "NOTSET";
  return layer;
}

/// The padding at the beginning of one dimension, and the extent of the result.
struct Reach {
  std::int64_t before = 0;
  std::int64_t extent = 0;
};

Reach reach_of(const Layer& layer, std::size_t axis, std::int64_t size) {
  const auto window = (layer.kernel[axis] - 1) * layer.dilation[axis] + 1;
  const auto step = layer.stride[axis];
  if (layer.auto_pad.starts_with("SAME")) {
    const auto extent = (size + step - 1) / step;
    const auto total = std::max<std::int64_t>(0, (extent - 1) * step + window - size);
    const bool upper = layer.auto_pad == "SAME_UPPER";
    return {upper ? total / 2 : total - total / 2, extent};
  }
  const bool none = layer.auto_pad == "VALID";
  const auto before = none ? 0 : layer.pads[axis];
  const auto after = none ? 0 : layer.pads[axis + 2];
  return {before, std::max<std::int64_t>(0, (size + before + after - window) / step + 1)};
}

/// A different start for every sample, so that together they cover the image evenly.
double phase_of(std::int64_t sample) {
  constexpr double kGolden = 0.6180339887498949;
  const double turn = static_cast<double>(sample) * kGolden;
  return turn - std::floor(turn);
}

std::int64_t rows_of_matrix(const Layer& layer, std::span<const float> values, std::int64_t want,
                            double phase, std::vector<float>& out) {
  const auto total = std::ssize(values) / layer.columns;
  const auto rows = std::min(want, total);
  out.resize(static_cast<std::size_t>(rows * layer.columns));
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto at = static_cast<std::int64_t>(
        (static_cast<double>(i) + phase) * static_cast<double>(total) / static_cast<double>(rows));
    const auto from = values.begin() + std::min(at, total - 1) * layer.columns;
    std::copy(from, from + layer.columns, out.begin() + i * layer.columns);
  }
  return rows;
}

}  // namespace

Result<Layer> describe_layer(const onnx::Model& model, const quantize::WeightScale& scale) {
  Layer layer;
  layer.scale = scale;
  layer.name = model.name(scale.node);
  if (layer.name.empty()) {
    layer.name = model.op_type(scale.node) + " of " + model.outputs(scale.node).front();
  }
  const auto inputs = model.inputs(scale.node);
  layer.input = inputs.front();
  layer.output = model.outputs(scale.node).front();
  layer.alone =
      model.consumers(scale.initializer).size() == 1 && !model.used_by_body(scale.initializer);
  const auto type = model.initializer_type(scale.initializer);
  if (!type || !type->shape || type->dtype != DType::kFloat32) {
    return left_out(layer.name, "its weight is not float32");
  }
  Shape shape;
  for (const auto& dim : *type->shape) {
    shape.push_back(dim.value);
  }
  const auto& op = model.op_type(scale.node);
  if (op == "Conv") {
    return describe_conv(model, std::move(layer), shape);
  }
  const bool matrix =
      scale.input == 1 && shape.size() == 2 && model.int_attribute(scale.node, "transA", 0) == 0;
  if ((op != "Gemm" && op != "MatMul") || !matrix) {
    return left_out(layer.name, "its weight is not a matrix on the right");
  }
  layer.column_major = op == "MatMul" || model.int_attribute(scale.node, "transB", 0) == 0;
  layer.outputs = layer.column_major ? shape[1] : shape[0];
  layer.columns = layer.column_major ? shape[0] : shape[1];
  return layer;
}

std::vector<float> as_rows(const Layer& layer, std::span<const float> weights) {
  std::vector<float> rows(weights.begin(), weights.end());
  if (layer.column_major) {
    for (std::int64_t r = 0; r < layer.outputs; ++r) {
      for (std::int64_t c = 0; c < layer.columns; ++c) {
        rows[static_cast<std::size_t>(r * layer.columns + c)] =
            weights[static_cast<std::size_t>(c * layer.outputs + r)];
      }
    }
  }
  return rows;
}

std::int64_t sample_rows(const Layer& layer, std::span<const std::int64_t> shape,
                         std::span<const float> values, std::int64_t want, std::int64_t sample,
                         std::vector<float>& out) {
  const double phase = phase_of(sample);
  if (!layer.conv) {
    return rows_of_matrix(layer, values, want, phase, out);
  }
  if (shape.size() != 4) {
    return 0;
  }
  const auto tall = reach_of(layer, 0, shape[2]);
  const auto wide = reach_of(layer, 1, shape[3]);
  const auto total = shape[0] * tall.extent * wide.extent;
  const auto rows = std::min(want, total);
  const auto depth = shape[1] / layer.groups;
  out.assign(static_cast<std::size_t>(layer.groups * rows * layer.columns), 0);
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto place =
        std::min(total - 1,
                 static_cast<std::int64_t>((static_cast<double>(i) + phase) *
                                           static_cast<double>(total) / static_cast<double>(rows)));
    const auto image = place / (tall.extent * wide.extent);
    const auto top = place / wide.extent % tall.extent * layer.stride[0] - tall.before;
    const auto left = place % wide.extent * layer.stride[1] - wide.before;
    for (std::int64_t channel = 0; channel < shape[1]; ++channel) {
      const auto group = channel / depth;
      const auto* plane = values.data() + (image * shape[1] + channel) * shape[2] * shape[3];
      auto* row = out.data() + (group * rows + i) * layer.columns +
                  channel % depth * layer.kernel[0] * layer.kernel[1];
      for (std::int64_t y = 0; y < layer.kernel[0]; ++y) {
        const auto v = top + y * layer.dilation[0];
        for (std::int64_t x = 0; x < layer.kernel[1]; ++x) {
          const auto u = left + x * layer.dilation[1];
          if (v >= 0 && v < shape[2] && u >= 0 && u < shape[3]) {
            row[y * layer.kernel[1] + x] = plane[v * shape[3] + u];
          }
        }
      }
    }
  }
  return rows;
}

}  // namespace tessera::refine
