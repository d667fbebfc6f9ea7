// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "refine/simulator.h"
#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/data/sample_set.h"
#include "tessera/network/network.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/dialect.h"
#include "tessera/refine/refine.h"
#include "tessera/runtime/library.h"

namespace tessera::refine {

/// Some of the samples, by their indices.
class SomeSamples {
 public:
  SomeSamples(const data::SampleSet& all, std::vector<std::int64_t> indices)
      : all_(all), indices_(std::move(indices)) {}
  [[nodiscard]] std::int64_t size() const noexcept { return std::ssize(indices_); }
  [[nodiscard]] Result<data::Sample> load(std::int64_t at) const {
    return all_.load(indices_[static_cast<std::size_t>(at)]);
  }

 private:
  const data::SampleSet& all_;
  std::vector<std::int64_t> indices_;
};

/// Runs of one sample that searches may still spend. Counted, not timed, so that the result does
/// not depend on the machine.
class Budget {
 public:
  explicit Budget(std::int64_t runs) : left_(runs) {}
  [[nodiscard]] bool allows(std::int64_t runs) const noexcept { return runs <= left_; }
  void spend(std::int64_t runs) noexcept { left_ -= runs; }
  [[nodiscard]] std::int64_t left() const noexcept { return left_; }

 private:
  std::int64_t left_;
};

/// What the steps change, a Refinement in the making.
struct Draft {
  network::Network model;
  quantize::Assignment assignment;
  calibrate::Ranges ranges;
  quantize::WeightOverrides weights;
  std::vector<quantize::OpOutcome> gone;
  RefineReport report;
};

/// What every step works with. Nothing is owned.
struct StepContext {
  const SomeSamples& samples;  ///< to fit to; none of those that prove
  std::shared_ptr<const runtime::Library> library;
  const quantize::Dialect& dialect;  ///< of the model's format
  const Judge& judge;
  const std::vector<std::string>& judged;
  const quantize::QuantizeOptions& quantizing;  ///< of the model that is made; without weights
  Monitor& monitor;
  std::vector<std::string>& skipped;
  Budget& budget;
};

/// What quantize() would round.
[[nodiscard]] Result<quantize::Simulation> simulate(const StepContext& context,
                                                    const network::Network& model,
                                                    const quantize::Assignment& assignment,
                                                    const calibrate::Ranges& ranges,
                                                    const quantize::WeightOverrides& weights);
/// The model with everything rounded as quantize() would round it, open to be judged.
[[nodiscard]] Result<std::unique_ptr<Simulator>> open_quantized(
    const StepContext& context, const network::Network& model,
    const quantize::Assignment& assignment, const calibrate::Ranges& ranges,
    const quantize::WeightOverrides& weights);
/// What the judge says of it.
[[nodiscard]] Result<Verdict> quantized_verdict(const StepContext& context,
                                                const network::Network& model,
                                                const quantize::Assignment& assignment,
                                                const calibrate::Ranges& ranges,
                                                const quantize::WeightOverrides& weights);

}  // namespace tessera::refine
