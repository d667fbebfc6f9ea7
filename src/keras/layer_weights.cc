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
  std::vector<const Weight*> all;
  for (const auto& weight : found) {
    all.push_back(&weight);
  }
  Weights weights;
  TESSERA_CHECK(add_weights_checked(site, specs, all, weights));
  return weights;
}

Result<Weights> weights_by_name(const Site& site, const std::vector<WeightSpec>& specs) {
  Weights weights;
  const auto& found = site.layer.weights;
  for (const auto& spec : specs) {
    const auto weight = std::ranges::find(found, spec.name, &Weight::name);
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
