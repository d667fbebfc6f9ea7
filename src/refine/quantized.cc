// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/quantized.h"

#include <algorithm>
#include <set>

#include "refine/layers.h"
#include "tessera/graph/cost.h"
#include "tessera/numerics/kernels.h"

namespace tessera::refine {
namespace {

/// scale x (q - zero point), by the channel of `axis`.
Result<Tensor> dequantized(const Tensor& integers, const Shape& shape,
                           const std::vector<numerics::QParams>& qparams, int axis) {
  TESSERA_TRY(const auto levels, to_float32(integers.view()));
  Tensor result(DType::kFloat32, shape);
  auto reals = result.as<float>();
  std::size_t inner = 1;
  std::size_t extent = 1;
  if (axis >= 0) {
    extent = static_cast<std::size_t>(shape[static_cast<std::size_t>(axis)]);
    for (auto i = static_cast<std::size_t>(axis) + 1; i < shape.size(); ++i) {
      inner *= static_cast<std::size_t>(shape[i]);
    }
  }
  for (std::size_t i = 0; i < reals.size(); ++i) {
    const auto& one = qparams[axis < 0 ? 0 : i / inner % extent];
    reals[i] = one.scale * (levels[i] - static_cast<float>(one.zero_point));
  }
  return result;
}

}  // namespace

Result<onnx::Model> with_rounded_weights(const onnx::Model& model,
                                         const quantize::StaticDetails& details,
                                         const quantize::WeightOverrides& overrides) {
  auto rounded = model.clone();
  for (const auto& weight : details.weights) {
    TESSERA_TRY(const auto values, model.initializer(weight.initializer));
    const Shape shape(values.shape.begin(), values.shape.end());
    const auto given = overrides.find(weight.initializer);
    if (given != overrides.end() && given->second.qparams == weight.qparams &&
        given->second.dtype == weight.dtype && given->second.axis == weight.axis) {
      TESSERA_TRY(auto reals,
                  dequantized(given->second.values, shape, weight.qparams, weight.axis));
      replace_constant(rounded, weight.node, weight.input, std::move(reals));
      continue;
    }
    TESSERA_TRY(const auto integers,
                numerics::quantize_weights_with(values, weight.dtype, weight.qparams, weight.axis));
    TESSERA_TRY(auto reals, dequantized(integers.values, shape, weight.qparams, weight.axis));
    replace_constant(rounded, weight.node, weight.input, std::move(reals));
  }
  return rounded;
}

void round_activations(Simulator& simulator, const quantize::StaticDetails& details) {
  for (const auto& scale : details.activations) {
    for (const auto& tensor : scale.tensors) {
      if (const auto point = simulator.point_of(tensor)) {
        simulator.round(*point, Rounder{scale.spec.dtype, scale.qparams});
      }
    }
  }
}

Result<std::int64_t> runs_within(double effort_s, const onnx::Model& model, std::int64_t values) {
  constexpr double kValuesPerSecond = 0.5e9;
  constexpr double kOverhead = 1e-4;  // of a run of a tiny model, in seconds
  TESSERA_TRY(const auto graph, model.view());
  double macs = 0;
  for (const auto& cost : graph::operator_costs(graph, graph::QdqCounting::kExclude)) {
    macs += static_cast<double>(cost.macs.value_or(0));
  }
  const double run_s =
      macs / kMacsPerSecond + static_cast<double>(values) / kValuesPerSecond + kOverhead;
  return static_cast<std::int64_t>(std::clamp(effort_s / run_s, 1.0, 1e9));
}

std::vector<std::string> taps_of(const quantize::StaticDetails& details,
                                 const std::vector<std::string>& more) {
  std::set<std::string> all(more.begin(), more.end());
  for (const auto& scale : details.activations) {
    all.insert(scale.tensors.begin(), scale.tensors.end());
  }
  return {all.begin(), all.end()};
}

}  // namespace tessera::refine
