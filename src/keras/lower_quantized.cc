// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "keras/layers.h"
#include "keras/norms.h"
#include "keras/products.h"
#include "tessera/keras/quantizer_onnx.h"

/// Layers that QKeras has beside those of Keras with quantizers.
namespace tessera::keras::lower_layer {
namespace {

std::vector<float> floats_of(const TensorView& view) {
  const auto values = view.as<float>();
  return {values.begin(), values.end()};
}

/// A parameter of batch normalization behind its quantizer.
Result<std::vector<float>> behind_quantizer(Lowering& lowering, const Site& site,
                                            const std::vector<float>& values, const char* key,
                                            WeightUse use) {
  const auto tensor = Tensor::of(values, {std::ssize(values)});
  TESSERA_TRY(const auto result, factor(lowering, site, tensor.view(), key, use));
  return floats_of(result.view());
}

/// gamma / sqrt(variance + epsilon), in the order of operations that TensorFlow has.
std::vector<float> inverse_of(const BatchNorm& norm) {
  std::vector<float> inverse(norm.gamma.size());
  for (std::size_t i = 0; i < inverse.size(); ++i) {
    inverse[i] = norm.gamma[i] * (1.0F / std::sqrt(norm.variance[i] + norm.epsilon));
  }
  return inverse;
}

/// The factor 1 / area behind its quantizer; absent where the layer has none.
Result<std::optional<float>> average_factor(const Site& site, std::int64_t area) {
  TESSERA_TRY(const auto quantizer,
              parse_quantizer(site.config().at("average_quantizer"),
                              fmt::format("{}: average_quantizer", site.title())));
  if (!quantizer) {
    return std::nullopt;
  }
  const auto exact = Tensor::scalar(static_cast<float>(1.0 / static_cast<double>(area)));
  TESSERA_TRY(const auto rounded, apply(*quantizer, exact.view()));
  return rounded.as<float>().front();
}

/// The kernel times what its output channel is scaled by. Channels are the last axes of the
/// kernel: one of them, or C and M of a depthwise one.
Tensor scaled(const TensorView& kernel, const std::vector<float>& by) {
  Tensor result(kernel);
  const auto values = result.as<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] *= by[i % by.size()];
  }
  return result;
}

}  // namespace

Result<Values> q_adaptive_activation(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto averages, weights_by_name(site, {{"ema_min", {-1}}, {"ema_max", {-1}}}));
  TESSERA_TRY(const auto quantizer,
              adaptive_quantizer(site.layer.config, averages[0], averages[1], site.title()));
  auto value = site.input();
  if (value.layout == Layout::kFlatChannelsFirst && !quantizer.channel_integers.empty()) {
    value = lowering.keras_order(site, value);
  }
  const auto rank = static_cast<std::int64_t>(value.rank());
  TESSERA_TRY(value.name,
              add_quantizer(lowering.model(), quantizer, value.name, site.name,
                            {.channel_axis = value.stored_axis(rank - 1), .rank = rank}));
  return Values{std::move(value)};
}

Result<Values> q_batch_norm(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto axis, norm_axis(site));
  const auto width = site.input().shape[static_cast<std::size_t>(axis)].value;
  TESSERA_TRY(auto norm, read_batch_norm(site, width, false));
  TESSERA_TRY(const bool center, site.config().flag("center", true));
  TESSERA_TRY(const bool scale, site.config().flag("scale", true));
  if (scale) {
    TESSERA_TRY(norm.gamma,
                behind_quantizer(lowering, site, norm.gamma, "gamma_quantizer", WeightUse::kGamma));
  }
  if (center) {
    TESSERA_TRY(norm.beta,
                behind_quantizer(lowering, site, norm.beta, "beta_quantizer", WeightUse::kBeta));
  }
  TESSERA_TRY(norm.mean,
              behind_quantizer(lowering, site, norm.mean, "mean_quantizer", WeightUse::kMean));
  TESSERA_TRY(norm.variance, behind_quantizer(lowering, site, norm.variance, "variance_quantizer",
                                              WeightUse::kVariance));
  auto inverse = inverse_of(norm);
  TESSERA_TRY(inverse,
              behind_quantizer(lowering, site, inverse, "inverse_quantizer", WeightUse::kGamma));
  std::vector<float> shift(inverse.size());
  for (std::size_t i = 0; i < shift.size(); ++i) {
    shift[i] = norm.beta[i] - norm.mean[i] * inverse[i];
  }
  return Values{scale_and_shift(lowering, site, site.input(), axis, inverse, shift)};
}

Result<Values> q_folded_convolution(Lowering& lowering, const Site& site) {
  const auto config = site.config();
  const bool depthwise = site.layer.class_name.find("Depthwise") != std::string::npos;
  TESSERA_TRY(auto how, read_convolution(site));
  const auto channels = site.input().channels().value;
  std::int64_t multiplier = 1;
  if (depthwise) {
    TESSERA_TRY(multiplier, config.positive_or("depth_multiplier", 1));
    how.groups = channels;
    how.filters = channels * multiplier;
  } else {
    TESSERA_TRY(how.filters, config.positive("filters"));
    if (channels % how.groups != 0) {
      return config.wrong("groups", "a divisor of the channels");
    }
  }
  Shape shape;
  for (const auto& window : how.windows) {
    shape.push_back(window.size);
  }
  shape.push_back(depthwise ? channels : channels / how.groups);
  shape.push_back(depthwise ? multiplier : how.filters);
  TESSERA_TRY(const auto norm, read_batch_norm(site, how.filters, true));
  TESSERA_TRY(const bool biased, config.flag("use_bias", true));
  std::vector<WeightSpec> specs{{depthwise ? "depthwise_kernel" : "kernel", shape}};
  if (biased) {
    specs.push_back({"bias", {how.filters}});
  }
  TESSERA_TRY(const auto weights, weights_by_name(site, specs));
  const auto inverse = inverse_of(norm);
  const auto folded = scaled(weights[0], inverse);
  std::vector<float> shift(inverse.size());
  for (std::size_t i = 0; i < shift.size(); ++i) {
    shift[i] = inverse[i] * ((biased ? weights.values(1)[i] : 0.0F) - norm.mean[i]) + norm.beta[i];
  }
  TESSERA_TRY(
      const auto kernel,
      factor(lowering, site, folded.view(), depthwise ? "depthwise_quantizer" : "kernel_quantizer",
             depthwise ? WeightUse::kDepthwiseKernel : WeightUse::kKernel));
  TESSERA_TRY(shift, behind_quantizer(lowering, site, shift, "bias_quantizer", WeightUse::kBias));
  const auto weight =
      store(lowering, site, "kernel", kernel,
            depthwise ? depthwise_arrangement(how.windows.size(), channels, multiplier)
                      : kernel_arrangement(how.windows.size()));
  const auto bias = lowering.numbers(site, "bias", shift);
  TESSERA_TRY(auto value, convolve(lowering, site, site.input(), how, weight, bias));
  return activated(lowering, site, std::move(value));
}

/// The mean of area * x, times what the quantizer makes of 1 / area.
Result<Values> q_average_pool(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto sizes, site.config().extents("pool_size", 2, 2));
  const auto area = sizes[0] * sizes[1];
  TESSERA_TRY(const auto by, average_factor(site, area));
  if (!by) {
    TESSERA_TRY(auto plain, average_pool(lowering, site));
    return activated(lowering, site, std::move(plain.front()));
  }
  auto inside = site;
  inside.inputs.front().name = lowering.op(
      site, "Mul", {site.input().name, lowering.number(site, "area", static_cast<float>(area))});
  TESSERA_TRY(auto values, average_pool(lowering, inside));
  auto value = std::move(values.front());
  value.name = lowering.op(site, "Mul", {value.name, lowering.number(site, "factor", *by)});
  return activated(lowering, site, std::move(value));
}

Result<Values> q_global_average_pool(Lowering& lowering, const Site& site) {
  const auto config = site.config();
  TESSERA_CHECK(config.expect_channels_last());
  const auto extents = extents_behind_batch(site.input().shape);
  if (!extents || extents->size() != 3) {
    return fail(ErrorCode::kUnimplemented, "{}: input of {}; expected an image of known size",
                site.title(), to_string(site.input().shape));
  }
  TESSERA_TRY(const auto by, average_factor(site, (*extents)[0] * (*extents)[1]));
  if (!by) {
    TESSERA_TRY(auto plain, global_average_pool(lowering, site));
    return activated(lowering, site, std::move(plain.front()));
  }
  TESSERA_TRY(const bool keep, config.flag("keepdims", false));
  auto value = lowering.channels_first(site, site.input());
  const auto channels = value.channels();
  value.name = lowering.reduce(site, "ReduceSum", value.name, {2, 3}, keep);
  value.shape = keep ? Dims{value.shape.front(), known_dim(1), known_dim(1), channels}
                     : Dims{value.shape.front(), channels};
  value.layout = keep ? Layout::kChannelsFirst : Layout::kKeras;
  value.name = lowering.op(site, "Mul", {value.name, lowering.number(site, "factor", *by)});
  return activated(lowering, site, std::move(value));
}

}  // namespace tessera::keras::lower_layer
