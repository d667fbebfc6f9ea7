// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tessera/evaluate/lab.h"
#include "tessera/optimize/optimize.h"
#include "tessera/profile/profile.h"

namespace tessera::optimize {

/// What a mixer works with. What it refers to outlives the mixer.
struct MixerSetup {
  evaluate::Lab& lab;
  const network::Network& model;
  const data::SampleSet& samples;
  const calibrate::Ranges& ranges;
  std::shared_ptr<const runtime::Library> library;
  const OptimizeOptions& options;
  double prepare_us = 0;  ///< what building and opening a model takes
};

/// Proposes mixes of float32 and integer layers. Where the kernels of the provider can be told
/// apart by layer: those that the latency model takes for the fastest at several prices of error.
/// Where they cannot: the layers that add most error, more and more of them in float; what these
/// take is measured of whole models.
class Mixer {
 public:
  /// The integer layers of mixes are those of `base`: its scheme, and for some operators the
  /// dynamic form of it.
  Mixer(const MixerSetup& setup, const Candidate& base, Monitor& monitor);

  /// Fits the latency model and measures what error each layer adds alone. `left_us`: time that
  /// may be spent, of which this takes about half. Errors: kDeadlineExceeded if even the least does
  /// not fit into that.
  [[nodiscard]] Result<OptimizeResult::Mixing> open(double left_us);
  /// Mixes that were not proposed before, fastest first (or most integer layers first); few enough
  /// to be measured.
  [[nodiscard]] Result<std::vector<Candidate>> propose();
  /// What the budget left out of it, in words; empty if nothing.
  [[nodiscard]] const std::string& cut_off() const noexcept { return cut_off_; }
  /// Takes the fastest of the measured proposals apart, so that the next ones are better. Does
  /// nothing where layers cannot be told apart.
  [[nodiscard]] Status learn(std::span<const Candidate> proposals);

 private:
  [[nodiscard]] Result<profile::ProfileOptions> study_options(double budget_us) const;
  [[nodiscard]] Status measure_noise(double budget_us);
  [[nodiscard]] std::vector<std::pair<std::optional<double>, profile::States>> by_price();
  [[nodiscard]] std::vector<std::pair<std::optional<double>, profile::States>> by_noise();
  [[nodiscard]] Candidate candidate_of(const profile::States& states) const;
  [[nodiscard]] std::vector<quantize::Scheme> assignment_of(const profile::States& states) const;

  MixerSetup setup_;
  const Candidate base_;
  quantize::Scheme scheme_;
  std::vector<std::pair<graph::OpId, quantize::Scheme>> others_;  ///< dynamic ones
  Monitor& monitor_;
  evaluate::QuietMonitor quiet_;
  bool layers_seen_;  ///< the provider's kernels can be told apart by layer
  std::optional<profile::Study> study_;
  profile::Units units_;
  profile::States all_;        ///< every unit that can be integers
  std::vector<double> noise_;  ///< by unit: noise power at the outputs over the signal's
  std::set<profile::States> seen_;
  std::string cut_off_;
};

/// Of units that add `noise` each (0: not known to add any), the mixes that leave more and more of
/// the noisiest in float, from few to many; at most `most`, each once, none of `all` itself.
[[nodiscard]] std::vector<profile::States> without_noisiest(const profile::States& all,
                                                            std::span<const double> noise,
                                                            std::size_t most);

}  // namespace tessera::optimize
