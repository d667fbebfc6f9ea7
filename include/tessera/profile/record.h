// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/evaluate/race.h"
#include "tessera/graph/inspect.h"
#include "tessera/profile/latency_model.h"
#include "tessera/quantize/scheme.h"
#include "tessera/runtime/record.h"

/// What a profile says, for those who measure it and for those who plan by it.
namespace tessera::profile {

/// Time of one conversion of so many elements.
struct ConversionPoint {
  std::int64_t elements = 0;
  double us = 0;
};

/// What it takes to change the type of a tensor, as a function of its size: a start and a rate,
/// fitted (least relative squares) to the points. Without points nothing is known: the library
/// lacks the operator.
struct ConversionCurve {
  std::vector<ConversionPoint> points;
  double base_us = 0;
  double ns_per_element = 0;
};

struct ConversionCosts {
  ConversionCurve quantize;         ///< float32 -> 8-bit integers
  ConversionCurve dequantize;       ///< 8-bit integers -> float32
  ConversionCurve cast;             ///< float32 -> float16
  ConversionCurve transpose_float;  ///< NCHW -> NHWC, float32
  ConversionCurve transpose_int8;   ///< NCHW -> NHWC, 8-bit integers
};

/// {quantize_ns_per_element, dequantize_ns_per_element, cast_ns_per_element, ..., curves{}}.
[[nodiscard]] Json to_json(const ConversionCosts& costs);
[[nodiscard]] Result<ConversionCosts> conversions_from_json(const Json& json);

/// What one core of this machine can do at most, measured: the two slopes of a roofline (Williams,
/// Waterman and Patterson, "Roofline", CACM 2009).
struct Roofline {
  /// 2 x multiply-accumulates per second, in 1e9, of the faster of a large MatMul and a large Conv
  /// through the runtime: what layers can reach there, not what the instruction set could do.
  double fp32_gflops = 0;
  double int8_gops = 0;  ///< the same in 8-bit integers: see network::matrix_product()
  /// Triad a = b + s c on arrays well beyond the last-level cache, 24 bytes per element as STREAM
  /// counts them (McCalpin 1995): the read of `a` before it is written is not counted.
  double bandwidth_bytes_per_s = 0;
  std::string method;  ///< which kernels gave the figures, on which sizes

  /// Operations per byte above which arithmetic limits and below which memory does.
  [[nodiscard]] double fp32_ridge() const noexcept;
  [[nodiscard]] double int8_ridge() const noexcept;
};
/// {fp32_gflops, int8_gops, bandwidth_bytes_per_s, fp32_ridge_flop_per_byte,
/// int8_ridge_op_per_byte, method}.
[[nodiscard]] Json to_json(const Roofline& roofline);

/// What one layer takes in one precision, in its place in the uniform model of that precision.
struct PrecisionCost {
  Timing time;                       ///< its own kernels
  Timing conversion;                 ///< type and layout changes of its result
  std::vector<std::string> kernels;  ///< types that ran; empty if it was folded into a neighbour
  std::vector<std::string> conversion_kernels;
  bool integer = false;  ///< computed on integers
  bool fused = false;    ///< one kernel computes it together with a neighbour
};

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
  std::vector<std::string> takes;  ///< names of the schemes that it can be computed in
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
  runtime::OptLevel opt_level = runtime::OptLevel::kAll;  ///< of the runtime's graph optimization
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

/// {layers[], conversions{}, whole{}, validation{}, gain_only[], curve[], stability{}, model{}}.
[[nodiscard]] Json to_json(const Profile& profile);
[[nodiscard]] Result<Profile> profile_from_json(const Json& result);
/// The same plan by plan; the shortest form that is read back exactly.
[[nodiscard]] Json to_json(const PlanTimes& times);
/// Errors: kDataLoss.
[[nodiscard]] Result<PlanTimes> plan_times_from_json(const Json& json);
/// The units of a graph as the layers of a profile have them: whoever plans by profiles need not
/// quantize anything to find them.
/// Errors: kInvalidArgument if the profile's layers are not made of the graph's operators.
[[nodiscard]] Result<Units> units_of(const graph::Graph& graph, const Profile& profile);

/// A tessera.profile document.
struct StoredProfile {
  Profile profile;
  std::optional<ModelInfo> model;
  std::string cpu;  ///< of the machine that it was measured on
};
[[nodiscard]] Result<StoredProfile> stored_profile_from_json(const Json& document,
                                                             std::string_view what);
[[nodiscard]] Result<StoredProfile> read_profile(const std::filesystem::path& path);

}  // namespace tessera::profile
