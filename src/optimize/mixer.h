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
#include "tessera/noise/switchable.h"
#include "tessera/optimize/optimize.h"
#include "tessera/profile/profile.h"
#include "tessera/quantize/assignment.h"

namespace tessera::optimize {

/// What a mixer works with. What it refers to outlives the mixer.
struct MixerSetup {
  evaluate::Lab& lab;
  const OptimizeOptions& options;
  double prepare_us = 0;  ///< what building and opening a model takes
};

/// Proposes mixes of float32 and one or more schemes. Where the kernels of the provider can be told
/// apart by layer: those that the latency model takes for the fastest at several prices of error.
/// Where they cannot: the layers that add most error, more and more of them in float or in a closer
/// scheme; what these take is measured of whole models.
class Mixer {
 public:
  /// The layers of mixes are in the scheme of `base` (some operators in the dynamic form of it), in
  /// one of `further`, or in float32.
  Mixer(const MixerSetup& setup, const Candidate& base,
        const std::vector<quantize::Scheme>& further, Monitor& monitor);

  /// Fits the latency model and measures what error each layer adds alone. `left_us`: time that
  /// may be spent, of which this takes about half. Errors: kDeadlineExceeded if even the least does
  /// not fit into that.
  [[nodiscard]] Result<OptimizeResult::Mixing> open(double left_us);
  /// Mixes that were not proposed before, fastest first (or most integer layers first); few enough
  /// to be measured.
  /// One of them is the fastest that is predicted to keep the limits.
  [[nodiscard]] Result<std::vector<Candidate>> propose(const Limits& limits);
  /// What the budget left out of it, in words; empty if nothing.
  [[nodiscard]] const std::string& cut_off() const noexcept { return cut_off_; }
  /// Takes the fastest of the measured proposals apart, so that the next ones are better. Does
  /// nothing where layers cannot be told apart.
  [[nodiscard]] Status learn(std::span<const Candidate> proposals);

 private:
  [[nodiscard]] Result<profile::ProfileOptions> study_options(double budget_us) const;
  [[nodiscard]] Status measure_noise(double budget_us);
  [[nodiscard]] Status measure_stretches(double until_us);
  [[nodiscard]] Result<std::optional<double>> noise_of(const profile::States& states);
  /// Of schemes by which every layer is measured alone: which unit and state each stands for.
  struct Alone {
    std::vector<noise::Switch> switches;
    std::vector<std::size_t> units;                ///< by switch
    std::vector<std::vector<std::size_t>> states;  ///< by switch, by scheme of it
  };
  [[nodiscard]] Alone layers_alone() const;
  struct Proposal {
    std::optional<double> us;  ///< as predicted
    profile::States states;
    bool misses = false;  ///< the limits, as predicted
  };
  [[nodiscard]] std::vector<Proposal> by_price(double most_noise);
  [[nodiscard]] std::vector<Proposal> by_noise();
  void note_noise(const profile::States& states, const evaluate::Measurement& row);
  /// What the noise of layers may add up to under the limits; infinite without any.
  [[nodiscard]] double most_noise(const Limits& limits) const;
  [[nodiscard]] Candidate candidate_of(const profile::States& states) const;
  [[nodiscard]] quantize::Assignment assignment_of(const profile::States& states) const;
  [[nodiscard]] profile::States states_of(const quantize::Assignment& assignment) const;

  MixerSetup setup_;
  const Candidate base_;
  std::vector<quantize::Scheme> schemes_;                         ///< by state - 1
  std::vector<std::pair<graph::OpId, quantize::Scheme>> others_;  ///< dynamic ones
  Monitor& monitor_;
  evaluate::QuietMonitor quiet_;
  bool layers_seen_;  ///< the provider's kernels can be told apart by layer
  std::optional<profile::Study> study_;
  profile::Units units_;
  profile::States all_;  ///< every unit that can be in the base's scheme
  /// By state - 1, by unit: noise power at the outputs over the signal's.
  std::vector<std::vector<double>> noise_;
  /// Of whole models, the base and what was learned: as measured, and summed of their layers.
  std::vector<std::pair<double, double>> measured_;
  std::set<std::string> seen_;  ///< as digits
  std::string cut_off_;
};

/// Of units that add `noise` each (0: not known to add any), the mixes that have more and more of
/// the noisiest in `instead` where they `may`, from few to many; at most `most`, each once, none of
/// `all` itself nor without any unit of it.
[[nodiscard]] std::vector<profile::States> without_noisiest(const profile::States& all,
                                                            std::span<const double> noise,
                                                            std::size_t most,
                                                            std::uint8_t instead = 0,
                                                            const std::vector<bool>& may = {});

}  // namespace tessera::optimize
