// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "keras/layers.h"
#include "keras/norms.h"

namespace tessera::keras {
namespace {

constexpr float kBatchNormEpsilon = 1e-3F;
constexpr float kLayerNormEpsilon = 1e-3F;

}  // namespace

Result<std::int64_t> norm_axis(const Site& site) {
  const auto rank = static_cast<std::int64_t>(site.input().rank());
  std::vector<std::int64_t> axes{-1};
  if (site.config().has("axis")) {
    TESSERA_TRY(axes, site.config().integers("axis"));
  }
  if (axes.size() != 1) {
    return fail(ErrorCode::kUnimplemented, "{}: over {} axes; expected one", site.title(),
                axes.size());
  }
  const auto axis = axes.front() < 0 ? axes.front() + rank : axes.front();
  if (axis < 1 || axis >= rank) {
    return site.config().wrong("axis", "an axis of the input");
  }
  if (!site.input().shape[static_cast<std::size_t>(axis)].known()) {
    return fail(ErrorCode::kUnimplemented, "{}: input of {}; expected a known extent of axis {}",
                site.title(), to_string(site.input().shape), axis);
  }
  return axis;
}

Value scale_and_shift(Lowering& lowering, const Site& site, Value value, std::int64_t axis,
                      const std::vector<float>& scale, const std::vector<float>& shift) {
  if (value.layout == Layout::kFlatChannelsFirst) {
    value = lowering.keras_order(site, value);
  }
  value = lowering.floats(site, std::move(value));
  const auto place = value.stored_axis(axis);
  Shape shape(static_cast<std::size_t>(static_cast<std::int64_t>(value.rank()) - place), 1);
  shape.front() = std::ssize(scale);
  const auto name = [&](const char* what) { return fmt::format("{}_{}", what, place); };
  const auto factor =
      lowering.weight(site, name("scale"), [&] { return Tensor::of(scale, shape); });
  const auto term = lowering.weight(site, name("shift"), [&] { return Tensor::of(shift, shape); });
  value.name = lowering.op(site, "Add", {lowering.op(site, "Mul", {value.name, factor}), term});
  return value;
}

Result<BatchNorm> read_batch_norm(const Site& site, std::int64_t width, bool by_name) {
  const auto config = site.config();
  TESSERA_TRY(const bool center, config.flag("center", true));
  TESSERA_TRY(const bool scale, config.flag("scale", true));
  BatchNorm result;
  TESSERA_TRY(result.epsilon, config.number("epsilon", kBatchNormEpsilon));
  std::vector<WeightSpec> specs;
  if (scale) {
    specs.push_back({"gamma", {width}});
  }
  if (center) {
    specs.push_back({"beta", {width}});
  }
  specs.push_back({"moving_mean", {width}});
  specs.push_back({"moving_variance", {width}});
  TESSERA_TRY(const auto weights, by_name ? weights_by_name(site, specs) : weights_of(site, specs));
  const auto values = [&](std::size_t i) {
    return std::vector<float>(weights.values(i).begin(), weights.values(i).end());
  };
  std::size_t at = 0;
  result.gamma = scale ? values(at++) : std::vector<float>(static_cast<std::size_t>(width), 1);
  result.beta = center ? values(at++) : std::vector<float>(static_cast<std::size_t>(width), 0);
  result.mean = values(at);
  result.variance = values(at + 1);
  for (const auto one : result.variance) {
    if (one + result.epsilon <= 0) {
      return fail(ErrorCode::kDataLoss, "{}: a variance of {}; expected numbers from 0 up",
                  site.title(), one);
    }
  }
  return result;
}

namespace lower_layer {

Result<Values> batch_norm(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto axis, norm_axis(site));
  const auto width = site.input().shape[static_cast<std::size_t>(axis)].value;
  TESSERA_TRY(const auto norm, read_batch_norm(site, width, false));
  auto value = lowering.floats(site, site.input());
  // ONNX has its channels second.
  if (value.layout != Layout::kFlatChannelsFirst && value.stored_axis(axis) == 1) {
    value.name = lowering.op(site, "BatchNormalization",
                             {value.name, lowering.numbers(site, "gamma", norm.gamma),
                              lowering.numbers(site, "beta", norm.beta),
                              lowering.numbers(site, "moving_mean", norm.mean),
                              lowering.numbers(site, "moving_variance", norm.variance)},
                             {{"epsilon", norm.epsilon}});
    return Values{std::move(value)};
  }
  std::vector<float> scale(norm.gamma.size());
  std::vector<float> shift(norm.gamma.size());
  for (std::size_t i = 0; i < scale.size(); ++i) {
    scale[i] = norm.gamma[i] / std::sqrt(norm.variance[i] + norm.epsilon);
    shift[i] = norm.beta[i] - norm.mean[i] * scale[i];
  }
  return Values{scale_and_shift(lowering, site, std::move(value), axis, scale, shift)};
}

Result<Values> layer_norm(Lowering& lowering, const Site& site) {
  const auto config = site.config();
  auto value = lowering.keras_order(site, site.input());
  const auto rank = static_cast<std::int64_t>(value.rank());
  std::vector<std::int64_t> axes{-1};
  if (config.has("axis")) {
    TESSERA_TRY(axes, config.integers("axis"));
  }
  Shape shape;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    // The last axes in order are what ONNX can do.
    if (axis < 1 || axis != rank - std::ssize(axes) + static_cast<std::int64_t>(i)) {
      return fail(ErrorCode::kUnimplemented, "{}: axis {} of {}; expected the last ones",
                  site.title(), axes[i], to_string(value.shape));
    }
    const auto& extent = value.shape[static_cast<std::size_t>(axis)];
    shape.push_back(extent.known() ? extent.value : -1);
  }
  TESSERA_TRY(const bool center, config.flag("center", true));
  TESSERA_TRY(const bool scale, config.flag("scale", true));
  TESSERA_TRY(const bool rms, config.flag("rms_scaling", false));
  constexpr std::int64_t kMostNormalized = std::int64_t{1} << 28;
  if (rms || element_count(shape) < 1 || element_count(shape) > kMostNormalized) {
    return fail(
        ErrorCode::kUnimplemented, "{}: {}", site.title(),
        rms ? "rms_scaling; expected a mean, too" : "axes of open extents; expected known ones");
  }
  TESSERA_TRY(const auto epsilon, config.number("epsilon", kLayerNormEpsilon));
  std::vector<WeightSpec> specs;
  if (scale) {
    specs.push_back({"gamma", shape});
  }
  if (center) {
    specs.push_back({"beta", shape});
  }
  TESSERA_TRY(const auto weights, weights_of(site, specs));
  const auto gamma = lowering.weight(site, "gamma", [&] {
    return scale ? Tensor(weights[0])
                 : Tensor::of(std::vector<float>(static_cast<std::size_t>(element_count(shape)), 1),
                              shape);
  });
  std::vector<std::string> inputs{value.name, gamma};
  if (center) {
    inputs.push_back(lowering.weight(site, "beta", [&] { return Tensor(weights[scale ? 1 : 0]); }));
  }
  value.name = lowering.op(site, "LayerNormalization", std::move(inputs),
                           {{"axis", rank - std::ssize(axes)}, {"epsilon", epsilon}});
  return Values{std::move(value)};
}

/// (x - mean) / max(sqrt(variance), 1e-7), by numbers of the configuration or learnt by adapt().
Result<Values> normalization(Lowering& lowering, const Site& site) {
  constexpr float kLeastDeviation = 1e-7F;
  const auto config = site.config();
  TESSERA_TRY(const bool invert, config.flag("invert", false));
  const bool given = config.has("mean") && config.has("variance");
  std::int64_t axis = static_cast<std::int64_t>(site.input().rank()) - 1;
  std::vector<float> mean;
  std::vector<float> variance;
  if (config.has("axis") && !(config.at("axis").is_array() && config.at("axis").empty())) {
    TESSERA_TRY(axis, norm_axis(site));
  }
  if (given) {
    TESSERA_TRY(mean, config.numbers("mean"));
    TESSERA_TRY(variance, config.numbers("variance"));
  } else {
    const bool scalar = config.at("axis").is_null() && site.layer.config.contains("axis");
    const auto width = site.input().shape[static_cast<std::size_t>(axis)].value;
    const Shape shape = scalar ? Shape{} : Shape{width};
    // Behind them Keras counts the samples that it has seen.
    std::vector<WeightSpec> specs{{"mean", shape}, {"variance", shape}};
    if (site.layer.weights.size() == 3) {
      specs.push_back({"count", {}});
    }
    TESSERA_TRY(const auto weights, weights_of(site, specs));
    mean.assign(weights.values(0).begin(), weights.values(0).end());
    variance.assign(weights.values(1).begin(), weights.values(1).end());
  }
  if (mean.size() != variance.size() || mean.empty()) {
    return config.wrong("mean", "as many numbers as the variance has");
  }
  std::vector<float> scale(mean.size());
  std::vector<float> shift(mean.size());
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const float deviation = std::max(std::sqrt(std::max(variance[i], 0.0F)), kLeastDeviation);
    scale[i] = invert ? deviation : 1 / deviation;
    shift[i] = invert ? mean[i] : -mean[i] / deviation;
  }
  const auto& extent = site.input().shape[static_cast<std::size_t>(axis)];
  if (mean.size() > 1 && (!extent.known() || extent.value != std::ssize(mean))) {
    return config.wrong("mean", "one number per channel");
  }
  return Values{scale_and_shift(lowering, site, site.input(), axis, scale, shift)};
}

Result<Values> rescaling(Lowering& lowering, const Site& site) {
  TESSERA_TRY(auto scale, site.config().numbers("scale"));
  std::vector<float> offset{0};
  if (site.config().has("offset")) {
    TESSERA_TRY(offset, site.config().numbers("offset"));
  }
  const auto width = std::max(scale.size(), offset.size());
  if ((scale.size() != 1 && scale.size() != width) ||
      (offset.size() != 1 && offset.size() != width)) {
    return site.config().wrong("scale", "one number, or one per channel");
  }
  const auto& extent = site.input().channels();
  if (width > 1 && (!extent.known() || extent.value != static_cast<std::int64_t>(width))) {
    return site.config().wrong("scale", "one number, or one per channel");
  }
  scale.resize(width, scale.front());
  offset.resize(width, offset.front());
  const auto axis = static_cast<std::int64_t>(site.input().rank()) - 1;
  return Values{scale_and_shift(lowering, site, site.input(), axis, scale, offset)};
}

}  // namespace lower_layer
}  // namespace tessera::keras
