// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "profile/isolated.h"

#include <algorithm>
#include <utility>

#include "tessera/core/random.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/evaluate/measuring.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/quantize.h"

namespace tessera::profile {
namespace {

/// Random values for every input of a session. Errors: an open extent.
Result<std::vector<NamedTensor>> random_inputs(const runtime::Session& session) {
  std::vector<NamedTensor> inputs;
  Random random(1);
  for (const auto& input : session.inputs()) {
    if (input.dtype != DType::kFloat32 || std::any_of(input.shape.begin(), input.shape.end(),
                                                      [](auto extent) { return extent < 0; })) {
      return fail(ErrorCode::kUnimplemented, "'{}' cannot be fed at random", input.name);
    }
    Tensor tensor(DType::kFloat32, input.shape);
    for (auto& value : tensor.as<float>()) {
      value = static_cast<float>(random.uniform());
    }
    inputs.push_back({input.name, std::move(tensor)});
  }
  return inputs;
}

class Bench {
 public:
  Bench(std::shared_ptr<const runtime::Library> library, const runtime::SessionOptions& session)
      : library_(std::move(library)),
        session_(session),
        clock_(evaluate::clock_of(evaluate::timer_for(session))) {}

  /// Median of a few runs, after one that warms up.
  Result<double> time(const network::Network& model) {
    TESSERA_TRY(auto session, model.open(library_, session_));
    TESSERA_TRY(const auto inputs, random_inputs(session));
    std::vector<runtime::Feed> feeds;
    for (const auto& input : inputs) {
      feeds.push_back({input.name, input.tensor.view()});
    }
    constexpr std::size_t kMostRuns = 200;
    constexpr std::size_t kLeastRuns = 3;
    constexpr double kEnoughUs = 10e3;
    std::vector<double> times;
    double total = 0;
    for (std::size_t run = 0; run <= kMostRuns; ++run) {
      const double start = clock_();
      TESSERA_CHECK(session.run(feeds).map([](const auto&) {}));
      const double time = clock_() - start;
      if (run > 0) {
        times.push_back(time);
        total += time;
      }
      if (times.size() >= kLeastRuns && total > kEnoughUs) {
        break;
      }
    }
    return summarize(times, 1).median_us;
  }

 private:
  std::shared_ptr<const runtime::Library> library_;
  const runtime::SessionOptions& session_;
  Clock clock_;
};

}  // namespace

Result<std::vector<std::optional<IsolatedCost>>> time_isolated(
    const network::Network& model, const graph::Graph& view, const Units& units,
    const std::vector<bool>& wanted, const quantize::Scheme& scheme,
    const calibrate::Ranges& ranges, std::shared_ptr<const runtime::Library> library,
    const runtime::SessionOptions& session, double budget_us, Monitor& monitor) {
  std::vector<std::optional<IsolatedCost>> costs(units.size());
  Bench bench(std::move(library), session);
  const auto clock = steady_clock_us();
  const double start = clock();
  for (std::size_t i = 0; i < units.size() && clock() - start < budget_us; ++i) {
    TESSERA_CHECK(monitor.check());
    monitor.progress("layers alone", static_cast<std::int64_t>(i),
                     static_cast<std::int64_t>(units.size()));
    const auto& unit = units.units[i];
    const bool product = unit.takes.front() && unit.macs > 0;
    if (!product && !wanted[i]) {
      continue;
    }
    const auto border = network::border_of(view, unit.ops);
    auto part = model.part({view, unit.ops, border.inputs, border.outputs});
    if (!part) {
      continue;
    }
    const auto fp32 = bench.time(*part);
    if (!fp32) {
      continue;
    }
    if (!unit.takes.front()) {
      costs[i] = IsolatedCost{*fp32, {}};
      continue;
    }
    TESSERA_TRY(const auto part_view, part->view());
    const quantize::Assignment assignment(part_view.ops().size(), scheme);
    const auto quantized = quantize::quantize(*part, assignment, &ranges, {}, Monitor::silent());
    const auto int8 = quantized ? bench.time(*part) : Result<double>(0.0);
    const bool both = quantized && int8;
    if (both || wanted[i]) {
      costs[i] = IsolatedCost{*fp32, both ? std::optional(*int8) : std::nullopt};
    }
  }
  return costs;
}

}  // namespace tessera::profile
