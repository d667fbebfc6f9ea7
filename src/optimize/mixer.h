// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "tessera/evaluate/lab.h"
#include "tessera/optimize/optimize.h"
#include "tessera/profile/profile.h"

namespace tessera::optimize {

/// Proposes mixes of float32 and integer layers: those that the latency model takes for the
/// fastest at several prices of error.
class Mixer {
 public:
  Mixer(evaluate::Lab& lab, const quantize::Scheme& scheme, const OptimizeOptions& options,
        Monitor& monitor)
      : lab_(lab), scheme_(scheme), options_(options), monitor_(monitor), quiet_(monitor) {}

  /// Fits the latency model and measures what error each layer adds alone. `left_us`: time that
  /// may be spent, of which this takes about half.
  [[nodiscard]] Result<OptimizeResult::Mixing> open(const onnx::Model& model,
                                                    const data::SampleSet& samples,
                                                    const calibrate::Ranges& ranges,
                                                    std::shared_ptr<const runtime::Library> library,
                                                    double left_us);
  /// Mixes that were not proposed before, fastest first; few enough to be measured.
  [[nodiscard]] Result<std::vector<Candidate>> propose();
  /// Takes the fastest of the measured proposals apart, so that the next ones are better.
  [[nodiscard]] Status learn(std::span<const Candidate> proposals);

 private:
  [[nodiscard]] Status measure_noise(double budget_us);
  [[nodiscard]] Candidate candidate_of(const profile::States& states) const;

  evaluate::Lab& lab_;
  quantize::Scheme scheme_;
  const OptimizeOptions& options_;
  Monitor& monitor_;
  evaluate::QuietMonitor quiet_;
  std::optional<profile::Study> study_;
  std::vector<double> noise_;  ///< by unit: noise power at the outputs over the signal's
  std::set<profile::States> seen_;
};

}  // namespace tessera::optimize
