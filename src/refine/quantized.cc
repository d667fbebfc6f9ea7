// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/quantized.h"

#include <algorithm>
#include <set>

#include "tessera/graph/cost.h"

namespace tessera::refine {
namespace {

std::vector<quantize::RoundedValues> rounded_by(const quantize::StaticDetails& details) {
  std::vector<quantize::RoundedValues> rounded;
  rounded.reserve(details.activations.size());
  for (const auto& scale : details.activations) {
    rounded.push_back({scale.spec.dtype, scale.qparams, scale.tensors});
  }
  return rounded;
}

}  // namespace

void round_activations(Simulator& simulator, std::span<const quantize::RoundedValues> rounded) {
  for (const auto& values : rounded) {
    for (const auto& name : values.names) {
      if (const auto point = simulator.point_of(name)) {
        simulator.round(*point, Rounder{values.dtype, values.qparams});
      }
    }
  }
}

void round_activations(Simulator& simulator, const quantize::StaticDetails& details) {
  round_activations(simulator, rounded_by(details));
}

Result<std::int64_t> runs_within(double effort_s, const graph::Graph& model, std::int64_t values) {
  constexpr double kValuesPerSecond = 0.5e9;
  constexpr double kOverhead = 1e-4;  // of a run of a tiny model, in seconds
  double macs = 0;
  for (const auto& cost : graph::operator_costs(model, graph::QdqCounting::kExclude)) {
    macs += static_cast<double>(cost.macs.value_or(0));
  }
  const double run_s =
      macs / kMacsPerSecond + static_cast<double>(values) / kValuesPerSecond + kOverhead;
  return static_cast<std::int64_t>(std::clamp(effort_s / run_s, 1.0, 1e9));
}

std::vector<std::string> taps_of(std::span<const quantize::RoundedValues> rounded,
                                 const std::vector<std::string>& more) {
  std::set<std::string> all(more.begin(), more.end());
  for (const auto& values : rounded) {
    all.insert(values.names.begin(), values.names.end());
  }
  return {all.begin(), all.end()};
}

std::vector<std::string> taps_of(const quantize::StaticDetails& details,
                                 const std::vector<std::string>& more) {
  return taps_of(rounded_by(details), more);
}

}  // namespace tessera::refine
