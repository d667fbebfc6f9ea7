// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "keras/layers.h"
#include "keras/products.h"

namespace tessera::keras::lower_layer {
namespace {

Shape kernel_shape(const Convolution& how) {
  Shape shape;
  for (const auto& window : how.windows) {
    shape.push_back(window.size);
  }
  return shape;
}

Shape kernel_shape(const Convolution& how, std::int64_t rows, std::int64_t columns) {
  auto shape = kernel_shape(how);
  shape.insert(shape.end(), {rows, columns});
  return shape;
}

/// The bias behind its quantizer, if the layer has one: weight `at`.
Result<std::string> add_bias(Lowering& lowering, const Site& site, const Weights& weights,
                             std::size_t at) {
  if (weights.size() <= at) {
    return std::string();
  }
  TESSERA_TRY(const auto bias,
              factor(lowering, site, weights[at], "bias_quantizer", WeightUse::kBias));
  return lowering.weight(site, "bias", [&] { return Tensor(bias.view()); });
}

Result<std::vector<WeightSpec>> with_bias(const Site& site, std::vector<WeightSpec> specs,
                                          std::int64_t width) {
  TESSERA_TRY(const bool biased, site.config().flag("use_bias", true));
  if (biased) {
    specs.push_back({"bias", {width}});
  }
  return specs;
}

/// QKeras multiplies the kernel by a mask where there is one.
Status expect_no_mask(const Site& site) {
  if (site.config().has("mask")) {
    return fail(ErrorCode::kUnimplemented, "{}: has a mask over its kernel", site.title())
        .hint("multiply the kernel by the mask and save the network without it");
  }
  return {};
}

}  // namespace

Result<Values> convolution(Lowering& lowering, const Site& site) {
  TESSERA_CHECK(expect_no_mask(site));
  TESSERA_TRY(auto how, read_convolution(site));
  TESSERA_TRY(how.filters, site.config().positive("filters"));
  const auto channels = site.input().channels().value;
  if (channels % how.groups != 0 || how.filters % how.groups != 0) {
    return site.config().wrong("groups", "a divisor of channels and filters");
  }
  TESSERA_TRY(const auto specs,
              with_bias(site, {{"kernel", kernel_shape(how, channels / how.groups, how.filters)}},
                        how.filters));
  TESSERA_TRY(const auto weights, weights_of(site, specs));
  TESSERA_TRY(const auto kernel,
              factor(lowering, site, weights[0], "kernel_quantizer", WeightUse::kKernel));
  const auto weight =
      store(lowering, site, "kernel", kernel, kernel_arrangement(how.windows.size()));
  TESSERA_TRY(const auto bias, add_bias(lowering, site, weights, 1));
  TESSERA_TRY(auto value, convolve(lowering, site, site.input(), how, weight, bias));
  return activated(lowering, site, std::move(value));
}

Result<Values> depthwise(Lowering& lowering, const Site& site) {
  TESSERA_TRY(auto how, read_convolution(site));
  TESSERA_TRY(const auto multiplier, site.config().positive_or("depth_multiplier", 1));
  const auto channels = site.input().channels().value;
  how.groups = channels;
  how.filters = channels * multiplier;
  TESSERA_TRY(const auto specs,
              with_bias(site, {{"depthwise_kernel", kernel_shape(how, channels, multiplier)}},
                        how.filters));
  TESSERA_TRY(const auto weights, weights_of(site, specs));
  TESSERA_TRY(const auto kernel, factor(lowering, site, weights[0], "depthwise_quantizer",
                                        WeightUse::kDepthwiseKernel));
  const auto weight = store(lowering, site, "kernel", kernel,
                            depthwise_arrangement(how.windows.size(), channels, multiplier));
  TESSERA_TRY(const auto bias, add_bias(lowering, site, weights, 1));
  TESSERA_TRY(auto value, convolve(lowering, site, site.input(), how, weight, bias));
  return activated(lowering, site, std::move(value));
}

Result<Values> separable(Lowering& lowering, const Site& site) {
  TESSERA_TRY(auto how, read_convolution(site));
  TESSERA_TRY(const auto multiplier, site.config().positive_or("depth_multiplier", 1));
  TESSERA_TRY(const auto filters, site.config().positive("filters"));
  const auto channels = site.input().channels().value;
  how.groups = channels;
  how.filters = channels * multiplier;
  Convolution pointwise;
  pointwise.windows.resize(how.windows.size());
  pointwise.filters = filters;
  TESSERA_TRY(const auto specs,
              with_bias(site,
                        {{"depthwise_kernel", kernel_shape(how, channels, multiplier)},
                         {"pointwise_kernel", kernel_shape(pointwise, how.filters, filters)}},
                        filters));
  TESSERA_TRY(const auto weights, weights_of(site, specs));
  TESSERA_TRY(const auto depth, factor(lowering, site, weights[0], "depthwise_quantizer",
                                       WeightUse::kDepthwiseKernel));
  TESSERA_TRY(const auto point,
              factor(lowering, site, weights[1], "pointwise_quantizer", WeightUse::kKernel));
  const auto first = store(lowering, site, "depthwise_kernel", depth,
                           depthwise_arrangement(how.windows.size(), channels, multiplier));
  const auto second =
      store(lowering, site, "pointwise_kernel", point, kernel_arrangement(how.windows.size()));
  TESSERA_TRY(const auto bias, add_bias(lowering, site, weights, 2));
  TESSERA_TRY(auto value, convolve(lowering, site, site.input(), how, first, {}));
  TESSERA_TRY(value, activate(lowering, site, std::move(value),
                              site.config().at("depthwise_activation"), "depthwise_activation"));
  TESSERA_TRY(value, convolve(lowering, site, value, pointwise, second, bias));
  return activated(lowering, site, std::move(value));
}

Result<Values> transposed(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto how, read_convolution(site));
  TESSERA_TRY(const auto filters, site.config().positive("filters"));
  const auto channels = site.input().channels().value;
  TESSERA_TRY(const auto specs,
              with_bias(site, {{"kernel", kernel_shape(how, filters, channels)}}, filters));
  TESSERA_TRY(const auto weights, weights_of(site, specs));
  TESSERA_TRY(const auto kernel,
              factor(lowering, site, weights[0], "kernel_quantizer", WeightUse::kKernel));
  const auto weight =
      store(lowering, site, "kernel", kernel, kernel_arrangement(how.windows.size()));
  TESSERA_TRY(const auto bias, add_bias(lowering, site, weights, 1));
  std::vector<std::int64_t> paddings;
  if (site.config().has("output_padding")) {
    TESSERA_TRY(paddings, site.config().integers("output_padding"));
    paddings.resize(how.windows.size(), paddings.empty() ? 0 : paddings.front());
  }
  const auto input = lowering.channels_first(site, site.input());
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations;
  std::vector<std::int64_t> pads(2 * how.windows.size(), 0);
  std::vector<std::int64_t> more;
  Value value;
  value.layout = Layout::kChannelsFirst;
  value.shape.push_back(input.shape.front());
  for (std::size_t i = 0; i < how.windows.size(); ++i) {
    const auto axis = transposed_axis(how.windows[i], input.shape[i + 1], how.padding,
                                      paddings.empty() ? std::nullopt : std::optional(paddings[i]));
    if (!axis) {
      return fail(ErrorCode::kDataLoss, "{}: nothing is left of an input of {}", site.title(),
                  to_string(input.shape));
    }
    strides.push_back(how.windows[i].stride);
    dilations.push_back(how.windows[i].dilation);
    pads[i] = axis->pads.begin;
    pads[i + how.windows.size()] = axis->pads.end;
    more.push_back(axis->output_padding);
    value.shape.push_back(axis->extent);
  }
  value.shape.push_back(known_dim(filters));
  std::vector<std::string> inputs{input.name, weight};
  if (!bias.empty()) {
    inputs.push_back(bias);
  }
  value.name = lowering.op(site, "ConvTranspose", std::move(inputs),
                           {{"kernel_shape", kernel_shape(how)},
                            {"strides", strides},
                            {"dilations", dilations},
                            {"pads", pads},
                            {"output_padding", more}});
  return activated(lowering, site, std::move(value));
}

}  // namespace tessera::keras::lower_layer
