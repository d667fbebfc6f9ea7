// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "support/model_builder.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/network/load.h"

/// A model that is measured in a moment, for tests of the rooms that measure.
namespace tessera::testing {

/// Conv, Relu, Conv, Relu, GlobalAveragePool, Flatten, Gemm: small, and quantized as real ones are.
inline onnx::Model small_classifier() {
  const std::vector<std::int64_t> pads{1, 1, 1, 1};
  return ModelBuilder(13)
      .input("x", {1, 3, 24, 24})
      .weight("w1", {16, 3, 3, 3}, 0.2)
      .weight("b1", {16}, 0.1)
      .op("Conv", {"x", "w1", "b1"}, {"c1"}, {{"pads", pads}})
      .op("Relu", {"c1"}, {"r1"})
      .weight("w2", {32, 16, 3, 3}, 0.1)
      .weight("b2", {32}, 0.1)
      .op("Conv", {"r1", "w2", "b2"}, {"c2"}, {{"pads", pads}})
      .op("Relu", {"c2"}, {"r2"})
      .op("GlobalAveragePool", {"r2"}, {"p"})
      .op("Flatten", {"p"}, {"f"})
      .weight("w3", {32, 10}, 0.3)
      .weight("b3", {10}, 0.1)
      .op("Gemm", {"f", "w3", "b3"}, {"y"})
      .output("y", {1, 10})
      .build();
}

/// A model with its ranges and samples, as the commands have them.
struct Fixture {
  std::shared_ptr<const runtime::Library> library;
  network::Network model;
  data::SampleSet samples;
  calibrate::Ranges ranges;
};

inline Result<Fixture> make_fixture(onnx::Model classifier = small_classifier()) {
  TESSERA_TRY(auto library, runtime::Library::load());
  auto model = network::Network::of(std::move(classifier));
  TESSERA_CHECK(model.infer_types(library));
  TESSERA_TRY(const auto inputs, network::input_specs(model));
  TESSERA_TRY(auto samples,
              data::SampleSet::open({.source = "random:8"}, inputs, Monitor::silent()));
  TESSERA_TRY(auto ranges, calibrate::calibrate(model, samples, library, {}, Monitor::silent()));
  return Fixture{std::move(library), std::move(model), std::move(samples), std::move(ranges)};
}

}  // namespace tessera::testing
