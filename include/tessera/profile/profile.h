// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/core/timing.h"
#include "tessera/data/sample_set.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/evaluate/race.h"
#include "tessera/graph/inspect.h"
#include "tessera/network/network.h"
#include "tessera/profile/conversions.h"
#include "tessera/profile/latency_model.h"
#include "tessera/profile/roofline.h"
#include "tessera/profile/units.h"
#include "tessera/quantize/recipe.h"
#include "tessera/quantize/scheme.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/memory.h"

namespace tessera::evaluate {
class Lab;
}

namespace tessera::profile {

/// What one layer takes in one precision, in its place in the uniform model of that precision.
struct PrecisionCost {
  Timing time;                       ///< its own kernels
  Timing conversion;                 ///< type and layout changes of its result
  std::vector<std::string> kernels;  ///< types that ran; empty if it was folded into a neighbour
  std::vector<std::string> conversion_kernels;
  bool integer = false;  ///< computed on integers
  bool fused = false;    ///< one kernel computes it together with a neighbour
};

struct Evidence;

/// A unit of the model and its costs. Precisions: "fp32", "int8" (the scheme of the profile), and
/// any further scheme by its name.
struct Layer {
  std::string name;
  std::string type;
  std::vector<std::string> ops;
  std::int64_t macs = 0;
  std::int64_t weight_bytes = 0;
  std::int64_t input_bytes = 0;
  std::int64_t output_bytes = 0;
  bool quantizable = false;
  std::map<std::string, PrecisionCost> precisions;
  /// float32 / int8, conversions included; absent where either is below the clock's resolution.
  std::optional<double> speedup;
  std::string why;  ///< of a layer that integers do not make faster: in one sentence
  /// The same layer cut out and timed alone, where that was done.
  std::optional<double> isolated_fp32_us;
  std::optional<double> isolated_int8_us;

  /// Operations (2 per MAC) per byte of weights and activations in float32.
  [[nodiscard]] double arithmetic_intensity() const noexcept;
};

/// A whole model in one precision.
struct WholeCost {
  std::string scheme;
  Timing latency;             ///< without the profiler, interleaved with float32
  evaluate::Speedup speedup;  ///< against float32
  double kernel_sum_us = 0;   ///< of the layers and conversions, as the profiler saw them
  double explained_us = 0;    ///< the same after the model's correction: comparable to latency
  std::int64_t size_bytes = 0;
  std::int64_t kernels = 0;
  std::int64_t disturbed_runs = 0;
  std::optional<runtime::SessionMemory> memory;  ///< of a session of its own
};

/// A random mixed plan that the model was not fitted on.
struct ValidationPoint {
  std::int64_t integer_layers = 0;
  double predicted_us = 0;
  double measured_us = 0;
  double isolated_us = 0;  ///< by the sum of layers timed alone; 0 if not asked for
};

struct Validation {
  std::vector<ValidationPoint> points;
  double median_abs_error = 0;  ///< |predicted / measured - 1|
  double p95_abs_error = 0;
  double spearman = 0;
  double inside_interval = 0;  ///< share of the points within the model's 90 % interval
  double isolated_median_abs_error = 0;
  double isolated_p95_abs_error = 0;
};

/// The model in which only layers that are faster in integers are integers, by either way of
/// knowing.
struct GainOnly {
  std::string by;  ///< "isolated" or "context"
  std::int64_t integer_layers = 0;
  double predicted_speedup = 0;
  evaluate::Speedup measured;
};

/// One point of the curve over the k layers with most MACs.
struct CurvePoint {
  std::int64_t k = 0;
  std::string layer;  ///< the k-th
  double predicted_us = 0;
  double measured_us = 0;
  double speedup = 0;
  double sqnr_db = 0;
  double l2_per_element = 0;
};

/// A mixed plan that ran under the profiler, and float32 beside it.
struct TracedPlan {
  std::int64_t number = 0;  ///< among the plans that the seed draws
  double reference_us = 0;
  PlanTimes times;
};

struct Profile {
  std::string scheme;  ///< of "int8"
  /// The same as it is given to the quantizer. Of older documents: not known.
  std::optional<quantize::Scheme> integer_scheme;
  /// Those that mixes drew from besides.
  std::vector<quantize::Scheme> further_schemes;
  graph::Quantization quantization;  ///< of the model as it was given
  std::vector<std::string> cut_off;  ///< what the budget left out
  bool interrupted = false;          ///< the user stopped it: layers are measured, no more
  std::vector<TracedPlan> traced;    ///< of an interrupted one: what another run need not repeat
  std::string provider;
  evaluate::Timer timer = evaluate::Timer::kWall;
  std::vector<Layer> layers;
  std::map<std::string, WholeCost> whole;  ///< by precision
  ConversionCosts conversions;
  std::optional<Roofline> roofline;  ///< what this core reaches
  LatencyModel model;
  Validation validation;
  struct Fastest {
    double predicted_us = 0;
    std::vector<std::string> integer_layers;
    std::vector<std::string> float_layers;  ///< that could be integers
    /// Of the integer layers those in another scheme than the profile's first, with its name.
    std::map<std::string, std::string> further;
  };
  Fastest fastest;  ///< the mix that the model takes for the fastest
  std::vector<GainOnly> gain_only;
  std::vector<CurvePoint> curve;
  struct Stability {
    std::int64_t runs = 0;
    std::int64_t disturbed_runs = 0;
    double reference_spread = 0;  ///< (p90 - p10) / median of float32 over the whole time
    bool stable = true;
  };
  Stability stability;
  std::int64_t training_plans = 0;
  double wall_us = 0;
  /// For a timeline: one run of every uniform precision.
  struct Event {
    std::string precision;
    std::string layer;
    std::string kernel;
    double start_us = 0;
    double duration_us = 0;
  };
  std::vector<Event> events;
};

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
  bool isolated = true;   ///< also time layers alone, to show how far that is off
  bool machine = true;    ///< also conversion kernels alone, the roofline, memory of sessions
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

/// {layers[], conversions{}, whole{}, validation{}, gain_only[], curve[], stability{}, model{}}.
[[nodiscard]] Json to_json(const Profile& profile);
[[nodiscard]] Result<Profile> profile_from_json(const Json& result);
/// The same plan by plan; the shortest form that is read back exactly.
[[nodiscard]] Json to_json(const PlanTimes& times);
/// Errors: kDataLoss.
[[nodiscard]] Result<PlanTimes> plan_times_from_json(const Json& json);
/// A tessera.profile document.
struct StoredProfile {
  Profile profile;
  std::optional<ModelInfo> model;
  std::string cpu;  ///< of the machine that it was measured on
};
[[nodiscard]] Result<StoredProfile> stored_profile_from_json(const Json& document,
                                                             std::string_view what);
[[nodiscard]] Result<StoredProfile> read_profile(const std::filesystem::path& path);

/// What a search weighs against time.
struct Penalty {
  /// Of a unit in a scheme: by state - 1, then by unit; empty: none.
  std::vector<std::vector<double>> by_scheme;
  double us_per_unit = 0;  ///< microseconds that one unit of penalty is worth
};
/// The predicted fastest mix: a local search over the model (single layers, then runs of up to
/// three) from every uniform plan, the best of these. Deterministic. `allowed`: layers that may be
/// integers (empty: all that can be). Cost: about 0.1 s for 300 layers and one scheme; it grows
/// with the square of the schemes.
[[nodiscard]] States fastest_states(const LatencyModel& model, const Units& units,
                                    const std::vector<bool>& allowed = {},
                                    const Penalty& penalty = {});
/// The predicted fastest mix whose penalties (of a unit in a scheme: by state - 1, then by unit)
/// sum to at most `limit`, >= 0: the price of a unit of penalty is bisected until the fastest mix
/// just keeps the limit, and what is left of that is spent by local search. Deterministic. Cost:
/// about 20 times that of fastest_states().
[[nodiscard]] States fastest_within(const LatencyModel& model, const Units& units,
                                    const std::vector<std::vector<double>>& penalties,
                                    double limit);
/// Sum of the penalties of a mix.
[[nodiscard]] double penalty_of(const States& states,
                                const std::vector<std::vector<double>>& penalties);

}  // namespace tessera::profile
