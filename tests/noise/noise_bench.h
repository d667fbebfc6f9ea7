// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/small_classifier.h"
#include "tessera/noise/entries.h"
#include "tessera/noise/run_sweep.h"
#include "tessera/noise/subsets.h"
#include "tessera/noise/switchable.h"

namespace tessera::noise {

/// What a sweep needs, made from a model.
struct Bench {
  std::shared_ptr<const runtime::Library> library;
  network::Network model;
  std::optional<data::SampleSet> samples;
  calibrate::Ranges ranges;
  SwitchableSetup setup;

  [[nodiscard]] std::vector<Entry> entries() const { return entries_of(setup.switches); }
  /// Every layer may be in this scheme, too.
  void add(const quantize::Scheme& scheme) {
    for (auto& item : setup.switches) {
      item.schemes.push_back(scheme);
    }
  }
};

/// Layers of one scheme.
inline std::vector<Entry> entries_named(const std::vector<std::string>& names) {
  std::vector<Switch> switches;
  for (const auto& name : names) {
    switches.push_back({name, {quantize::Scheme{}}});
  }
  return entries_of(switches);
}

inline quantize::Scheme scheme_of_tests() {
  quantize::Scheme scheme;
  scheme.per_channel = true;
  return scheme;
}

/// The same with the operators of libtessera_kernels.
inline quantize::Scheme kernels_of_tests() {
  auto scheme = scheme_of_tests();
  scheme.format = quantize::Format::kKernels;
  return scheme;
}

/// Every layer that can be quantized is a switch.
inline Result<std::unique_ptr<Bench>> bench_of(onnx::Model given,
                                               const quantize::Scheme& scheme = scheme_of_tests()) {
  auto model = network::Network::of(std::move(given));
  auto bench = std::make_unique<Bench>(Bench{{}, std::move(model), {}, {}, {}});
  TESSERA_TRY(bench->library, runtime::Library::load());
  TESSERA_CHECK(bench->model.infer_types(bench->library));
  TESSERA_TRY(const auto inputs, network::input_specs(bench->model));
  TESSERA_TRY(auto samples,
              data::SampleSet::open({.source = "random:3"}, inputs, Monitor::silent()));
  bench->samples.emplace(std::move(samples));
  calibrate::CalibrateOptions options;
  options.methods = {numerics::RangeMethod::kMinMax};
  options.channels = scheme.format == quantize::Format::kKernels;
  TESSERA_TRY(bench->ranges, calibrate::calibrate(bench->model, *bench->samples, bench->library,
                                                  options, Monitor::silent()));
  TESSERA_TRY(const auto graph, bench->model.view());
  const quantize::Assignment schemes(graph.ops().size(), scheme);
  TESSERA_TRY(const auto layers, choose_layers(graph, "all", schemes));
  for (const auto op : layers) {
    bench->setup.switches.push_back({graph.op(op).name, {scheme}});
  }
  bench->setup.model = &bench->model;
  bench->setup.library = bench->library;
  bench->setup.ranges = &bench->ranges;
  return bench;
}

}  // namespace tessera::noise
