// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "keras/layers.h"
#include "keras/trained.h"

/// What TensorFlow Model Optimization wraps around layers in quantization-aware training.
namespace tessera::keras::lower_layer {
namespace {

/// In the order in which layers of Keras list them; the wrapper lists what it quantizes last.
constexpr std::array<std::string_view, 10> kWeightOrder = {"depthwise_kernel",
                                                           "pointwise_kernel",
                                                           "kernel",
                                                           "recurrent_kernel",
                                                           "alpha",
                                                           "bias",
                                                           "gamma",
                                                           "beta",
                                                           "moving_mean",
                                                           "moving_variance"};

Result<std::vector<float>> values_of(const Site& site, const Weight& weight) {
  auto values = to_float32(weight.value.view());
  if (!values) {
    return fail(ErrorCode::kDataLoss, "{}: {} is no range of numbers", site.title(), weight.path);
  }
  return values;
}

/// Every pair NAME_min, NAME_max among the weights, under NAME.
Result<TrainedRanges> ranges_of(const Site& site, std::string_view prefix = {}) {
  constexpr std::size_t kEnding = 4;
  TrainedRanges ranges;
  for (const auto& weight : site.layer.weights) {
    const bool low = weight.name.ends_with("_min");
    if ((!low && !weight.name.ends_with("_max")) || !weight.name.starts_with(prefix)) {
      continue;
    }
    TESSERA_TRY(auto values, values_of(site, weight));
    auto& range = ranges[weight.name.substr(0, weight.name.size() - kEnding)];
    (low ? range.low : range.high) = std::move(values);
  }
  for (const auto& [name, range] : ranges) {
    if (range.low.size() != range.high.size() || range.low.empty()) {
      return fail(ErrorCode::kDataLoss, "{}: {}_min has {} numbers, {}_max {}", site.title(), name,
                  range.low.size(), name, range.high.size());
    }
  }
  return ranges;
}

bool is_bookkeeping(const std::string& name) {
  return name == "optimizer_step" || name.ends_with("_min") || name.ends_with("_max");
}

std::vector<Weight> inner_weights(const Site& site) {
  std::vector<Weight> weights;
  std::copy_if(site.layer.weights.begin(), site.layer.weights.end(), std::back_inserter(weights),
               [](const auto& weight) { return !is_bookkeeping(weight.name); });
  const auto place = [](const Weight& weight) {
    return std::find(kWeightOrder.begin(), kWeightOrder.end(), weight.name);
  };
  std::stable_sort(weights.begin(), weights.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return weights;
}

/// The ranges are those of 8-bit codes, weights without the lowest.
Status expect_default_config(const Site& site) {
  const auto& config = site.config().at("quantize_config");
  const auto name =
      config.is_object() && config.contains("class_name") && config["class_name"].is_string()
          ? config["class_name"].get<std::string>()
          : std::string();
  const auto plain = name.substr(name.rfind('>') + 1);
  if (!plain.starts_with("Default8Bit") && plain != "NoOpQuantizeConfig" &&
      plain != "OutputOnlyConfig") {
    return fail(ErrorCode::kUnimplemented, "{}: quantize_config '{}' is not known", site.title(),
                name)
        .hint("known are those of the default 8-bit scheme: Default8Bit..., NoOpQuantizeConfig");
  }
  return {};
}

Result<Value> behind(Lowering& lowering, const Site& site, Value value, const TrainedRange& range) {
  if (value.layout == Layout::kFlatChannelsFirst && range.low.size() > 1) {
    value = lowering.keras_order(site, value);
  }
  TESSERA_TRY(value.name, add_fake_quantizer(lowering.model(), range, value.name, site.name)
                              .map_error(in_file(site.title())));
  return value;
}

}  // namespace

Result<Values> quantize_layer(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto ranges, ranges_of(site));
  const auto& quantizer = site.config().at("quantizer");
  if (ranges.empty()) {
    // Without a quantizer the layer does nothing.
    return quantizer.is_null()
               ? Result<Values>(Values{site.input()})
               : fail(ErrorCode::kDataLoss, "{}: has no trained range", site.title());
  }
  const auto& settings = quantizer.is_object() && quantizer.contains("config")
                             ? quantizer.at("config")
                             : Json::object();
  auto range = ranges.begin()->second;
  range.bits =
      static_cast<int>(std::clamp<std::int64_t>(whole_number_or(settings, "num_bits", 8), 0, 32));
  range.narrow = settings.is_object() && settings.contains("narrow_range") &&
                 settings["narrow_range"] == Json(true);
  TESSERA_TRY(auto value, behind(lowering, site, site.input(), range));
  return Values{std::move(value)};
}

Result<Values> quantize_wrapper(Lowering& lowering, const Site& site) {
  TESSERA_CHECK(expect_default_config(site));
  if (!site.layer.inner || site.layer.inner->layers.empty()) {
    return fail(ErrorCode::kDataLoss, "{}: wraps no layer", site.title());
  }
  TESSERA_TRY(auto ranges, ranges_of(site));
  for (auto& [name, range] : ranges) {
    range.narrow = name != "pre_activation" && name != "post_activation" && name != "output";
  }
  const auto& wrapped = site.layer.inner->layers.back();
  const auto* const known = find_layer(wrapped.class_name);
  if (known == nullptr || site.inputs.size() < known->least_inputs ||
      site.inputs.size() > known->most_inputs) {
    return fail(ErrorCode::kUnimplemented, "{}: wraps a {}, which is not known", site.title(),
                wrapped.class_name);
  }
  const auto& inner = lowering.keep({.name = wrapped.name,
                                     .class_name = wrapped.class_name,
                                     .config = wrapped.config,
                                     .weights = inner_weights(site)});
  const Site inside{inner, site.call, site.name, site.inputs, site.generation, &ranges};
  TESSERA_TRY(auto values, known->lower(lowering, inside));
  if (const auto output = ranges.find("output"); output != ranges.end()) {
    TESSERA_TRY(values.front(), behind(lowering, site, std::move(values.front()), output->second));
  }
  return values;
}

}  // namespace tessera::keras::lower_layer
