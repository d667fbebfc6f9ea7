// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keras/lowering.h"

namespace tessera::keras {
namespace {

std::string listed(const std::vector<WeightSpec>& specs) {
  std::string text;
  for (const auto& spec : specs) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", spec.name);
  }
  return text.empty() ? "none" : text;
}

bool fits(const Shape& expected, const Shape& found) {
  return std::equal(expected.begin(), expected.end(), found.begin(), found.end(),
                    [](auto want, auto have) { return want == -1 || want == have; });
}

Status add_checked(const Site& site, const WeightSpec& spec, const Weight& weight,
                   Weights& weights) {
  const auto& shape = weight.value.shape();
  if (!fits(spec.shape, shape)) {
    return fail(ErrorCode::kDataLoss, "{}: weight {} ({}) has shape {}; expected {}", site.title(),
                spec.name, weight.path, tessera::to_string(shape), tessera::to_string(spec.shape))
        .hint("the configuration and the weights are of different networks");
  }
  if (weight.value.dtype() == DType::kFloat32) {
    weights.add(weight.value);
  } else {
    TESSERA_TRY(const auto values, to_float32(weight.value.view()));
    weights.adopt(Tensor::of(values, shape));
  }
  const auto values = weights.values(weights.size() - 1);
  if (!std::all_of(values.begin(), values.end(),
                   [](float value) { return std::isfinite(value); })) {
    return fail(ErrorCode::kDataLoss, "{}: weight {} ({}) has values that are NaN or infinite",
                site.title(), spec.name, weight.path)
        .hint("the training has diverged; save the network of an earlier epoch");
  }
  return {};
}

}  // namespace

void Weights::adopt(Tensor tensor) {
  own_.push_back(std::make_unique<const Tensor>(std::move(tensor)));
  views_.push_back(own_.back()->view());
}

Status add_weights_checked(const Site& site, const std::vector<WeightSpec>& specs,
                           const std::vector<const Weight*>& found, Weights& weights) {
  for (std::size_t i = 0; i < specs.size(); ++i) {
    TESSERA_CHECK(add_checked(site, specs[i], *found[i], weights));
  }
  return {};
}

Result<Weights> weights_of(const Site& site, const std::vector<WeightSpec>& specs) {
  const auto& found = site.layer.weights;
  if (found.size() != specs.size()) {
    return fail(ErrorCode::kDataLoss, "{}: has {} weights; expected {} ({})", site.title(),
                found.size(), specs.size(), listed(specs))
        .hint("the configuration and the weights are of different networks");
  }
  Weights weights;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    TESSERA_CHECK(add_checked(site, specs[i], found[i], weights));
  }
  return weights;
}

std::string_view owner_of(std::string_view path) {
  constexpr std::string_view kNumbered = "/vars";
  const auto name = path.rfind('/');
  path = path.substr(0, name == std::string_view::npos ? 0 : name);
  if (path.ends_with(kNumbered)) {
    path.remove_suffix(kNumbered.size());
  }
  return path.substr(path.rfind('/') + 1);
}

namespace {

bool is_number(std::string_view name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
}

/// What numbered weights (.keras) of the layers that QKeras adds are called, in their order.
std::vector<std::string> own_names(const Layer& layer) {
  if (layer.class_name == "QAdaptiveActivation") {
    return {"step", "ema_min", "ema_max"};
  }
  const bool depthwise = layer.class_name.find("Depthwise") != std::string::npos;
  std::vector<std::string> names{depthwise ? "depthwise_kernel" : "kernel"};
  if (LayerConfig(layer).flag("use_bias", true).value_or(true)) {
    names.emplace_back("bias");
  }
  names.emplace_back("iteration");
  return names;
}

std::vector<std::string> norm_names(const Layer& layer) {
  std::vector<std::string> names;
  if (LayerConfig(layer).flag("scale", true).value_or(true)) {
    names.emplace_back("gamma");
  }
  if (LayerConfig(layer).flag("center", true).value_or(true)) {
    names.emplace_back("beta");
  }
  names.insert(names.end(), {"moving_mean", "moving_variance"});
  return names;
}

std::string name_of(const Layer& layer, const Weight& weight) {
  if (!is_number(weight.name)) {
    return weight.name;
  }
  const auto owner = owner_of(weight.path);
  const auto names = owner.starts_with("batchnorm") || owner.starts_with("batch_normalization")
                         ? norm_names(layer)
                         : own_names(layer);
  // Longer numbers are of no weight.
  const auto place = weight.name.size() > 2 ? names.size() : std::stoul(weight.name);
  return place < names.size() ? names[place] : weight.name;
}

}  // namespace

Result<Weights> weights_by_name(const Site& site, const std::vector<WeightSpec>& specs) {
  Weights weights;
  const auto& found = site.layer.weights;
  for (const auto& spec : specs) {
    const auto weight = std::find_if(found.begin(), found.end(), [&](const auto& one) {
      return name_of(site.layer, one) == spec.name;
    });
    if (weight == found.end()) {
      return fail(ErrorCode::kDataLoss, "{}: has no weight {}; expected {}", site.title(),
                  spec.name, listed(specs))
          .hint("the configuration and the weights are of different networks");
    }
    TESSERA_CHECK(add_checked(site, spec, *weight, weights));
  }
  return weights;
}

}  // namespace tessera::keras
