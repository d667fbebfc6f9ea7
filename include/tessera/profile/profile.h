// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/graph/graph.h"
#include "tessera/network/network.h"
#include "tessera/profile/latency_model.h"
#include "tessera/profile/record.h"
#include "tessera/profile/units.h"
#include "tessera/quantize/recipe.h"
#include "tessera/quantize/scheme.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::evaluate {
class Lab;
}

namespace tessera::profile {

struct Evidence;

struct ProfileOptions {
  quantize::Scheme scheme;  ///< of the integer layers
  /// Operators whose integer form is another than `scheme`: recurrent layers, dynamically.
  std::vector<std::pair<graph::OpId, quantize::Scheme>> others;
  bool requantize = false;  ///< see evaluate::LabSetup
  /// Schemes that mixes draw from besides; uniform models in them get a column of their own.
  std::vector<quantize::Scheme> further;
  quantize::Selection selection;  ///< layers that may be integers
  runtime::SessionOptions session;
  std::int64_t training_plans = 56;
  std::int64_t calibration_plans = 14;
  std::int64_t validation_plans = 32;
  std::int64_t runs = 7;  ///< of each plan under the profiler
  /// Of the race without it, at most: it ends as soon as every plan's time is known within 2 %,
  /// which takes longer where the machine's pace varies.
  std::int64_t rounds = 64;
  bool isolated = true;  ///< also time layers alone, to show how far that is off
  bool machine = true;   ///< also conversion kernels alone, the roofline, memory of sessions
  bool curve = false;
  /// Several machines of one kind may share the plans: this one takes those whose number leaves
  /// shard_index when divided by shard_count (see merge_shards()).
  std::int64_t shard_index = 0;
  std::int64_t shard_count = 1;
  double budget_us = 240e6;  ///< for everything: fewer plans, points and rounds in less time
  double spent_us = 0;       ///< of the budget, before: for calibration
  std::int64_t memory_bytes = 0;
  std::uint64_t seed = 0;
  /// Profile::traced of an interrupted run with the same model, options, seed and machine.
  std::vector<TracedPlan> known;
};

/// A model as units, and of the operators that are not integers when all may be, why not.
struct FoundUnits {
  Units units;
  std::vector<std::string> reasons;  ///< by OpId
};
/// Quantizes a copy of the lab's model as `options` (scheme, others, selection, requantize) ask,
/// and looks at what became of the operators of `view`. Errors: those of quantizing.
[[nodiscard]] Result<FoundUnits> find_units(const evaluate::Lab& lab, const graph::Graph& view,
                                            const ProfileOptions& options, Monitor& monitor);

/// Measures what every layer of a model costs in each precision where it stands, and fits a model
/// that predicts the latency of any mix.
///
/// 1. float32, the uniform models and random plans that mix them layer by layer are built, run
/// under the runtime's profiler, and their kernels assigned to layers; 2. the latency model is
/// fitted; 3. other mixed plans race against float32 without the profiler: some correct the model
/// for what the profiler adds and set its interval, the rest (`validation`) judge it.
class Study {
 public:
  /// `samples`: inputs that the runs rotate through, and what errors of the curve are measured on.
  /// Nothing is owned but the library; all outlive the study.
  /// Errors: those of building and running the float model; kFailedPrecondition if no operator
  /// takes the scheme.
  [[nodiscard]] static Result<Study> open(const network::Network& model,
                                          const data::SampleSet& samples,
                                          const calibrate::Ranges& ranges,
                                          std::shared_ptr<const runtime::Library> library,
                                          const ProfileOptions& options, Monitor& monitor);
  /// The same in a lab that is there, which measures other things besides: its model, samples,
  /// ranges, library, session and `requantize` are taken and those of `options` passed over. The
  /// lab outlives the study. A curve needs a lab with errors.
  [[nodiscard]] static Result<Study> in(evaluate::Lab& lab, ProfileOptions options,
                                        Monitor& monitor);
  Study(Study&&) noexcept;
  Study& operator=(Study&&) noexcept;
  ~Study();

  /// Everything above. Errors: kCancelled; those of the runtime.
  [[nodiscard]] Result<Profile> measure();
  /// Runs one more plan under the profiler and fits the model again, its corrections kept: what a
  /// search proposes is where the model must be right. After measure().
  [[nodiscard]] Status learn(const States& states);

  [[nodiscard]] const Units& units() const noexcept;
  [[nodiscard]] const LatencyModel& model() const noexcept;
  [[nodiscard]] const Evidence& evidence() const noexcept;  ///< after measure()

 private:
  class Profiler;
  explicit Study(std::unique_ptr<Profiler> profiler);
  std::unique_ptr<Profiler> profiler_;
};

/// Study::open(...).measure().
[[nodiscard]] Result<Profile> profile(const network::Network& model, const data::SampleSet& samples,
                                      const calibrate::Ranges& ranges,
                                      std::shared_ptr<const runtime::Library> library,
                                      const ProfileOptions& options, Monitor& monitor);

}  // namespace tessera::profile
