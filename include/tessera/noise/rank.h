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

struct SearchResult {
  FoundSubset greedy;
  FoundSubset exchange;
  bool exchange_won = false;  ///< strictly more gain
  /// No subset within the limit can gain more: a fractional knapsack over the single terms of the
  /// bound, with a choice of schemes. NaN unless limited by the bound.
  double gain_at_most = std::numeric_limits<double>::quiet_NaN();

  [[nodiscard]] const FoundSubset& best() const { return exchange_won ? exchange : greedy; }
};

/// Looks for the subset with the largest gain whose error stays at or below `limit` and that holds
/// every operator at most once.
///
/// Greedy: layers enter by gain per noise added, or leave a full set by noise per gain, whichever
/// ends better. Exchange: starts there and adds, swaps one for one (also one scheme of an operator
/// for another), one for two and two for one as long as that gains; then from seeded disturbances
/// of the best, as often as `restarts` says. Deterministic. Cost: for 100 layers and pairs a
/// second. Errors: kInvalidArgument for a limit that is negative or no number.
[[nodiscard]] Result<SearchResult> find_subset(const ErrorModel& model, const Gains& gains,
                                               double limit, LimitBy by, std::uint64_t seed,
                                               int restarts = 20);

[[nodiscard]] Json to_json(const std::vector<LayerRank>& ranks, const ErrorModel& model,
                           const Gains& gains);
[[nodiscard]] Json to_json(const SearchResult& result, const ErrorModel& model);

}  // namespace tessera::noise
