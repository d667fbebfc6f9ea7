// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "kernels/depthwise.h"
#include "kernels/operators.h"
#include "kernels/quantized_inputs.h"
#include "kernels/window.h"

namespace tessera::kernels {
namespace {

constexpr auto kFloat = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
constexpr auto kInt8 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8;
constexpr auto kInt32 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
constexpr std::size_t kX = 0;
constexpr std::size_t kW = 3;
constexpr std::size_t kWScale = 4;
constexpr std::size_t kWZero = 5;
constexpr std::size_t kB = 8;

/// Multiply-accumulates that a thread takes at once, in whole groups of rows: neighbouring rows
/// share what is read.
constexpr std::size_t kMacsPerTask = std::size_t{1} << 20;
constexpr std::size_t kRowsTogether = 4;

class ConvKernel : public Kernel {
 public:
  ConvKernel(const Window& attributes, Shape weights, PackedDepthwise conv)
      : attributes_(attributes), weights_(std::move(weights)), conv_(std::move(conv)) {}

  [[nodiscard]] Outcome<void> run(const Run& run) const override {
    TESSERA_KERNELS_TRY(const auto x, run.input(kX));
    if (x.shape.size() != 4 || x.shape[3] != weights_[0]) {
      return problem("x has the shape ", text_of(x.shape), "; NxHxWx", weights_[0],
                     " was expected");
    }
    TESSERA_KERNELS_TRY(const auto y_axis, window_axis(attributes_, 0, x.shape[1], weights_[2]));
    TESSERA_KERNELS_TRY(const auto x_axis, window_axis(attributes_, 1, x.shape[2], weights_[3]));
    const ConvShape shape = {.batch = static_cast<std::size_t>(x.shape[0]),
                             .channels = static_cast<std::size_t>(x.shape[3]),
                             .y = y_axis,
                             .x = x_axis};
    TESSERA_KERNELS_TRY(auto* const y,
                        run.output({x.shape[0], static_cast<std::int64_t>(y_axis.output),
                                    static_cast<std::int64_t>(x_axis.output), x.shape[3]}));
    const std::size_t rows = shape.batch * y_axis.output;
    const std::size_t macs =
        kRowsTogether * x_axis.output * shape.channels * y_axis.kernel * x_axis.kernel;
    const std::size_t rows_per_task =
        kRowsTogether * std::max<std::size_t>(1, kMacsPerTask / std::max<std::size_t>(1, macs));
    return run.each((rows + rows_per_task - 1) / rows_per_task, [&](std::size_t task) {
      const std::size_t begin = task * rows_per_task;
      conv_.run(shape, x.as<std::uint8_t>(), static_cast<std::uint8_t*>(y), begin,
                std::min(begin + rows_per_task, rows));
    });
  }

 private:
  Window attributes_;
  Shape weights_;
  PackedDepthwise conv_;
};

/// The weights [C, 1, kernel height, kernel width].
Outcome<TensorIn> weights_of(const Node& node) {
  TESSERA_KERNELS_TRY(auto w, constant_of(node, kW, "w"));
  if (w.shape.size() != 4 || w.count() == 0) {
    return problem("w has the shape ", text_of(w.shape), "; Cx1xHxW was expected");
  }
  const auto group = node.integer("group").value_or(1);
  if (w.shape[1] != 1 || group != w.shape[0]) {
    return problem(
        "it has ", group, " groups and weights ", text_of(w.shape),
        "; only depthwise convolutions are taken: as many groups as output channels, and "
        "one input channel each");
  }
  std::int64_t kernel[2] = {w.shape[2], w.shape[3]};
  TESSERA_KERNELS_CHECK(read_list(node, "kernel_shape", 1, kernel));
  if (kernel[0] != w.shape[2] || kernel[1] != w.shape[3]) {
    return problem("kernel_shape is ", kernel[0], "x", kernel[1], ", and the weights are ",
                   text_of(w.shape));
  }
  TESSERA_KERNELS_TRY(const bool has_zero, node.has_input(kWZero));
  if (!has_zero) {
    return w;
  }
  TESSERA_KERNELS_TRY(const auto zeros, constant_of(node, kWZero, "w_zero_point"));
  const auto* const zero = zeros.as<std::int8_t>();
  if (!std::all_of(zero, zero + zeros.count(), [](std::int8_t z) { return z == 0; })) {
    return problem("w_zero_point is not 0");
  }
  return w;
}

/// By channel: what a step of the sum is in steps of the output.
Outcome<std::vector<float>> scales_of(const Node& node, Quantization x, Quantization y,
                                      std::size_t channels) {
  TESSERA_KERNELS_TRY(const auto w, constant_of(node, kWScale, "w_scale"));
  if (w.count() != 1 && (w.shape.size() != 1 || w.count() != channels)) {
    return problem("w_scale has the shape ", text_of(w.shape), "; one number, or ", channels,
                   " were expected");
  }
  std::vector<float> scales(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const float scale = w.as<float>()[w.count() == 1 ? 0 : c];
    TESSERA_KERNELS_CHECK(check_scale(scale, "w_scale"));
    scales[c] = x.scale * scale / y.scale;
    if (!std::isfinite(scales[c])) {
      return problem("x_scale * w_scale / y_scale is beyond float32");
    }
  }
  return scales;
}

/// The bias, or no values.
Outcome<const std::int32_t*> bias_of(const Node& node, std::size_t channels) {
  TESSERA_KERNELS_TRY(const bool has_bias, node.has_input(kB));
  if (!has_bias) {
    return nullptr;
  }
  TESSERA_KERNELS_TRY(const auto bias, constant_of(node, kB, "B"));
  if (bias.shape.size() != 1 || bias.count() != channels) {
    return problem("B has the shape ", text_of(bias.shape), "; ", channels, " was expected");
  }
  return bias.as<std::int32_t>();
}

template <ONNXTensorElementDataType kElement>
Outcome<std::unique_ptr<Kernel>> create(const Node& node, Target target) {
  if (node.integer("channels_last").value_or(0) != 1) {
    return problem("channels_last is not 1: x is taken as NxHxWxC only");
  }
  TESSERA_KERNELS_TRY(const auto attributes, window_of(node));
  TESSERA_KERNELS_TRY(const auto w, weights_of(node));
  const auto channels = static_cast<std::size_t>(w.shape[0]);
  TESSERA_KERNELS_TRY(const auto x, quantization_of(node, kX + 1, "x", kElement));
  TESSERA_KERNELS_TRY(const auto y, quantization_of(node, 6, "y", kElement));
  TESSERA_KERNELS_TRY(auto scales, scales_of(node, x, y, channels));
  TESSERA_KERNELS_TRY(const auto* const bias, bias_of(node, channels));
  auto what = depthwise_of(channels, static_cast<std::size_t>(w.shape[2]),
                           static_cast<std::size_t>(w.shape[3]), w.as<std::int8_t>(), bias,
                           std::move(scales), x, y, kElement == kInt8);
  PackedDepthwise packed(target, std::move(what), static_cast<std::size_t>(attributes.stride[1]),
                         static_cast<std::size_t>(attributes.dilation[1]));
  return std::unique_ptr<Kernel>(
      std::make_unique<ConvKernel>(attributes, w.shape, std::move(packed)));
}

std::optional<Inference::Extents> infer(const Inference& inference) {
  auto x = inference.input(kX);
  const auto w = inference.input(kW);
  const auto attributes = window_of(inference);
  if (!x || x->size() != 4 || !w || w->size() != 4 || !attributes) {
    return std::nullopt;
  }
  for (const std::size_t axis : {std::size_t{0}, std::size_t{1}}) {
    auto& extent = (*x)[axis + 1];
    const auto kernel = (*w)[axis + 2].value;
    if (extent.value < 0 || kernel < 1) {
      return std::nullopt;
    }
    const auto known = window_axis(*attributes, axis, extent.value, kernel);
    if (!known) {
      return std::nullopt;
    }
    extent.value = static_cast<std::int64_t>(known->output);
  }
  return x;
}

template <ONNXTensorElementDataType kElement>
Description description() {
  const InputKind tensor = {kElement};
  return {.name = "QLinearConv",
          .inputs = {tensor,
                     {kFloat},
                     tensor,
                     {kInt8},
                     {kFloat},
                     {kInt8},
                     {kFloat},
                     tensor,
                     {kInt32, INPUT_OUTPUT_OPTIONAL}},
          .output = kElement,
          .create = create<kElement>,
          .infer = infer};
}

}  // namespace

std::vector<Description> conv_operators() {
  return {description<ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8>(), description<kInt8>()};
}

}  // namespace tessera::kernels
