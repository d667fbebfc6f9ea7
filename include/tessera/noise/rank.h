// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/monitor.h"
#include "tessera/noise/model.h"

/// Which layers are worth quantizing: error against what they bring.
namespace tessera::noise {

/// What quantizing each layer brings.
struct Gains {
  std::string unit;          ///< "us" saved, or "macs" done in integers
  std::vector<double> gain;  ///< by layer; <= 0: nothing
  std::size_t unknown = 0;   ///< layers that the source does not know: gain 0
};

/// Multiply-accumulates, where there is no profile.
[[nodiscard]] Gains gains_of_macs(std::span<const ObservedLayer> layers);

/// Microseconds saved, from the result of `tessera profile`: layers[]{name, precisions{fp32
/// {median_us}, int8{median_us, conversion{median_us}}}}, found by the operator's name or else by
/// `ops`. A layer takes the column of its scheme, whatever the method of its ranges; where there is
/// none, int8 if it is the operator's first scheme. Where a layer has no int8 time, fp32 and
/// `speedup` say it. Errors: kDataLoss; kInvalidArgument for a profile of another model, of none of
/// the layers, or of operators of libtessera_kernels where the layers are not, and the reverse.
[[nodiscard]] Result<Gains> gains_from_profile(const Json& document, const ModelInfo& network,
                                               std::span<const ObservedLayer> layers,
                                               std::string_view what);

/// One layer's part in the error. "All" are all operators in their first schemes, the layer's own
/// in that of the layer.
struct LayerRank {
  std::int32_t layer = 0;
  double alone = 0;  ///< error with only this layer quantized
  double added = 0;  ///< of all layers quantized: what the error falls by without this one
  /// Part in error^exponent of all layers together, each term split evenly among its layers: the
  /// value of Shapley (1953), which adds up to 1 over first schemes.
  double share = 0;
  double gain = 0;
  /// share x error of all / gain; +inf without gain.
  double error_per_gain = 0;
};

/// Worst first: most error per gain, then most share.
[[nodiscard]] std::vector<LayerRank> rank_layers(const ErrorModel& model, const Gains& gains);

/// What must not exceed the limit.
enum class LimitBy : std::uint8_t {
  kBound,       ///< the conservative bound
  kInterval,    ///< the upper end of the prediction interval
  kPrediction,  ///< the prediction itself
};
[[nodiscard]] std::string_view to_string(LimitBy by) noexcept;
[[nodiscard]] Result<LimitBy> limit_by_from_string(std::string_view name);

/// A subset that a search found.
struct FoundSubset {
  LayerSet layers;
  double gain = 0;
  Prediction prediction;
};

/// Is proven to be the best: nothing gains more than rounding may hide.
inline constexpr double kOptimalGap = 1e-6;

struct SearchResult {
  FoundSubset best;
  /// Proven: no subset within the limit of layers that gain something gains more.
  double gain_at_most = 0;

  /// (gain_at_most - gain) / gain_at_most; 0 where nothing can be gained.
  [[nodiscard]] double gap() const;
  [[nodiscard]] bool is_optimal() const { return gap() <= kOptimalGap; }
};

/// Looks for the subset with the largest gain whose error stays at or below `limit` and that holds
/// every operator at most once. Layers that gain nothing stay in float32, also where they would
/// lower the error.
///
/// By plan::solve(): a state for each scheme, the limit as a row of layers and pairs; products of
/// three layers or more by variables that are tied to two of them. What is found is judged by the
/// model itself. Deterministic. Cost: milliseconds for the bound of 100 layers, seconds for
/// thousands of pairs, and then without the proof of an optimum as a rule. Errors:
/// kInvalidArgument for a limit that is negative or no number, or more than 255 schemes of an
/// operator.
[[nodiscard]] Result<SearchResult> find_subset(const ErrorModel& model, const Gains& gains,
                                               double limit, LimitBy by);

[[nodiscard]] Json to_json(const std::vector<LayerRank>& ranks, const ErrorModel& model,
                           const Gains& gains);
/// {best{layers, gain, prediction}, gain_at_most, outcome, gap}.
[[nodiscard]] Json to_json(const SearchResult& result, const ErrorModel& model);

}  // namespace tessera::noise
