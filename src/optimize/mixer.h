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
  /// The integer layers of mixes are those of `base`: its scheme, and for some operators the
  /// dynamic form of it. `prepare_us`: what building and opening a model takes.
  Mixer(evaluate::Lab& lab, const Candidate& base, double prepare_us,
        const OptimizeOptions& options, Monitor& monitor)
      : lab_(lab),
        scheme_(base.row.scheme),
        base_(base),
        prepare_us_(prepare_us),
        options_(options),
        monitor_(monitor),
        quiet_(monitor) {}

  /// Fits the latency model and measures what error each layer adds alone. `left_us`: time that
  /// may be spent, of which this takes about half. Errors: kDeadlineExceeded if even the least does
  /// not fit into that.
  [[nodiscard]] Result<OptimizeResult::Mixing> open(const network::Network& model,
                                                    const data::SampleSet& samples,
                                                    const calibrate::Ranges& ranges,
                                                    std::shared_ptr<const runtime::Library> library,
                                                    double left_us);
  /// Mixes that were not proposed before, fastest first; few enough to be measured.
  [[nodiscard]] Result<std::vector<Candidate>> propose();
  /// What the budget left out of it, in words; empty if nothing.
  [[nodiscard]] const std::string& cut_off() const noexcept { return cut_off_; }
  /// Takes the fastest of the measured proposals apart, so that the next ones are better.
  [[nodiscard]] Status learn(std::span<const Candidate> proposals);

 private:
  [[nodiscard]] Status measure_noise(double budget_us);
  [[nodiscard]] Result<double> noise_alone(const profile::States& states);
  [[nodiscard]] Candidate candidate_of(const profile::States& states) const;
  [[nodiscard]] std::vector<quantize::Scheme> assignment_of(const profile::States& states) const;

  evaluate::Lab& lab_;
  quantize::Scheme scheme_;
  const Candidate base_;
  double prepare_us_;
  std::vector<std::pair<graph::OpId, quantize::Scheme>> others_;  ///< dynamic ones
  const OptimizeOptions& options_;
  Monitor& monitor_;
  evaluate::QuietMonitor quiet_;
  std::optional<profile::Study> study_;
  std::vector<double> noise_;  ///< by unit: noise power at the outputs over the signal's
  std::set<profile::States> seen_;
  std::string cut_off_;
};

}  // namespace tessera::optimize
