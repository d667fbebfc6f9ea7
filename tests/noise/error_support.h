// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tessera/core/monitor.h"
#include "tessera/core/random.h"
#include "tessera/noise/observations.h"

namespace tessera::noise::testing {

/// Keeps warnings.
class Listener : public Monitor {
 public:
  void progress(std::string_view /*stage*/, std::int64_t /*done*/,
                std::int64_t /*total*/) override {}
  void warn(const Warning& warning) override { ids.insert(warning.id); }
  [[nodiscard]] bool cancelled() const noexcept override { return cancel; }

  std::set<std::string> ids;
  bool cancel = false;
};

inline std::vector<ObservedLayer> layers_named(std::int32_t count) {
  std::vector<ObservedLayer> layers;
  for (std::int32_t i = 0; i < count; ++i) {
    std::string name = "l";
    name += std::to_string(i);
    layers.push_back({.name = std::move(name), .type = "Conv", .macs = 1000 * (i + 1)});
  }
  return layers;
}

inline LayerSet random_subset(std::int32_t layers, double share, Random& random) {
  LayerSet subset;
  for (std::int32_t i = 0; i < layers; ++i) {
    if (random.uniform() < share) {
      subset.push_back(i);
    }
  }
  return subset;
}

/// Distinct non-empty subsets of every size and what `error` says of them.
inline Observations observe(std::int32_t layers, std::size_t rows, std::uint64_t seed,
                            const std::function<double(const LayerSet&)>& error) {
  Observations result{.model = {"m.onnx", "abc", "onnx"}, .layers = layers_named(layers)};
  Random random(seed);
  std::set<LayerSet> seen;
  while (seen.size() < rows) {
    auto subset = random_subset(layers, 0.05 + 0.9 * random.uniform(), random);
    if (!subset.empty()) {
      seen.insert(std::move(subset));
    }
  }
  for (const auto& subset : seen) {
    result.rows.push_back({.layers = subset, .error = error(subset)});
  }
  return result;
}

/// Noise powers that add up, with pairs that share some of it, and a relative disturbance.
class PlantedNoise {
 public:
  PlantedNoise(std::int32_t layers, std::uint64_t seed, double disturbance = 0)
      : random_(seed), disturbance_(disturbance) {
    for (std::int32_t i = 0; i < layers; ++i) {
      // A few layers add most of the noise, as in real networks.
      power.push_back(std::exp(2 * random_.normal()));
    }
    for (std::int32_t i = 0; i + 1 < layers; i += 2) {
      pair.push_back((random_.uniform() - 0.3) * std::sqrt(power[static_cast<std::size_t>(i)] *
                                                           power[static_cast<std::size_t>(i) + 1]));
    }
  }

  double squared(const LayerSet& subset) const {
    double total = 0;
    std::int32_t before = -2;
    for (const auto layer : subset) {
      total += power[static_cast<std::size_t>(layer)];
      if (layer % 2 == 1 && before == layer - 1) {
        total += pair[static_cast<std::size_t>(layer) / 2];
      }
      before = layer;
    }
    return total;
  }
  double operator()(const LayerSet& subset) {
    return std::sqrt(squared(subset)) * std::exp(disturbance_ * random_.normal());
  }

  std::vector<double> power;
  std::vector<double> pair;

 private:
  Random random_;
  double disturbance_;
};

}  // namespace tessera::noise::testing
