// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "tessera/core/random.h"
#include "tessera/numerics/kernels.h"
#include "tessera/numerics/range_estimator.h"

namespace tessera::numerics {
namespace {

/// A feature map of 640x640 detectors: 6 MiB, more than a core's own caches hold.
constexpr std::size_t kCount = 1'600'000;

std::vector<float> activations(bool relu) {
  Random random(0);
  std::vector<float> values(kCount);
  for (float& value : values) {
    const auto x = static_cast<float>(random.normal());
    value = relu ? std::max(x, 0.0F) : x;
  }
  return values;
}

void count_elements(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * std::int64_t{kCount});
}

void find_extrema(benchmark::State& state) {
  const std::vector<float> values = activations(false);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(find_min_max(values));
  }
  count_elements(state);
}
BENCHMARK(find_extrema);

void observe(benchmark::State& state) {
  const std::vector<float> values = activations(state.range(0) != 0);
  RangeEstimator estimator;
  EstimatorScratch scratch;
  for ([[maybe_unused]] auto _ : state) {
    estimator.add(values, 0, scratch);
  }
  count_elements(state);
}
BENCHMARK(observe)->ArgName("relu")->Arg(0)->Arg(1);

void search(benchmark::State& state) {
  RangeEstimator estimator;
  estimator.add(activations(false));
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(estimator.range(static_cast<RangeMethod>(state.range(0))));
  }
}
BENCHMARK(search)->ArgName("method")->DenseRange(0, 5);

void quantize_u8(benchmark::State& state) {
  const std::vector<float> values = activations(false);
  std::vector<std::byte> out(values.size());
  for ([[maybe_unused]] auto _ : state) {
    quantize(values, {0.04F, 128}, DType::kUInt8, out);
  }
  count_elements(state);
}
BENCHMARK(quantize_u8);

void dequantize_u8(benchmark::State& state) {
  const std::vector<std::byte> values(kCount, std::byte{77});
  std::vector<float> out(kCount);
  for ([[maybe_unused]] auto _ : state) {
    dequantize(values, {0.04F, 128}, DType::kUInt8, out);
  }
  count_elements(state);
}
BENCHMARK(dequantize_u8);

void quantize_weights_by_channel(benchmark::State& state) {
  // Axis 0 as of convolutions; axis 1 as of matrix products, whose channels are not contiguous.
  const Tensor weights = Tensor::of(activations(false), {1600, 1000});
  const QuantSpec spec{.dtype = DType::kInt8, .symmetric = true};
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(
        quantize_weights(weights.view(), spec, static_cast<int>(state.range(0))));
  }
  count_elements(state);
}
BENCHMARK(quantize_weights_by_channel)->ArgName("axis")->Arg(0)->Arg(1);

}  // namespace
}  // namespace tessera::numerics
