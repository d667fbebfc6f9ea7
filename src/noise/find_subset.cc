// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "noise/subset_problem.h"
#include "tessera/noise/rank.h"
#include "tessera/plan/solve.h"

namespace tessera::noise {
namespace {

/// Good enough, in parts of what is not gained.
constexpr double kGap = 1e-7;
/// How long to look: by nodes, not by time, so that the answer is always the same. What a node
/// takes grows with the pairs.
constexpr std::int64_t kMostNodes = 400;
constexpr std::int64_t kLeastNodes = 50;
constexpr std::int64_t kMostPairsOfNodes = 800'000;
constexpr double kNoTimeLimit = 1e9;
/// Subsets that are beyond the limit by rounding only are left out one by one, so many.
constexpr int kMostLeftOut = 3;

/// The largest number that is `low` enough, which larger ones are not; -inf if none is.
template <class Low>
double largest_that(const Low& low) {
  // Numbers in their order, as integers.
  const auto number = [](std::int64_t place) {
    const auto bits = static_cast<std::uint64_t>(place < 0 ? -place : place);
    const auto size = std::bit_cast<double>(bits);
    return place < 0 ? -size : size;
  };
  auto above = static_cast<std::int64_t>(
      std::bit_cast<std::uint64_t>(std::numeric_limits<double>::infinity()));
  auto from = -above;
  while (from + 1 < above) {
    const auto middle = std::midpoint(from, above);
    (low(number(middle)) ? from : above) = middle;
  }
  return number(from);
}

/// Sums that the limit allows, ascending.
std::vector<SumRange> allowed_sums(const ErrorModel& model, const TermModel& terms, double limit,
                                   LimitBy by) {
  if (by != LimitBy::kInterval) {
    return {{.up_to = largest_that([&](double sum) { return terms.error_of(sum) <= limit; })}};
  }
  const auto& bins = model.intervals.bins;
  std::vector<SumRange> ranges;
  double above = -std::numeric_limits<double>::infinity();
  for (std::size_t b = 0; b < bins.size(); ++b) {
    const double end =
        b + 1 < bins.size() ? bins[b].up_to : std::numeric_limits<double>::infinity();
    const double in_bin = largest_that([&](double sum) { return terms.error_of(sum) <= end; });
    const double up_to = std::min(in_bin, largest_that([&](double sum) {
                                    return terms.error_of(sum) * bins[b].high <= limit;
                                  }));
    if (up_to > above && !ranges.empty() && ranges.back().up_to == above) {
      ranges.back().up_to = up_to;
    } else if (up_to > above) {
      ranges.push_back({above, up_to});
    }
    above = in_bin;
  }
  return ranges;
}

bool holds(const SumRange& range, double sum) {
  return sum > range.above && sum <= range.up_to;
}

/// The empty subset has no error, whatever the sum.
bool is_allowed(const std::vector<SumRange>& ranges, const TermModel& terms,
                const LayerSet& layers) {
  const double sum = terms.sum(layers);
  return layers.empty() ||
         std::ranges::any_of(ranges, [&](const SumRange& range) { return holds(range, sum); });
}

/// Looks for subsets by their sums.
class Search {
 public:
  Search(const ErrorModel& model, const TermModel& terms, const Gains& gains)
      : model_(model), terms_(terms), gains_(gains) {}

  struct Part {
    std::optional<LayerSet> layers;  ///< none: nothing but the empty subset
    double at_most = 0;
  };
  /// The subset of most gain whose sum is in the range; the empty one is in every range.
  [[nodiscard]] Result<Part> look_in(const SumRange& range) const;
  [[nodiscard]] FoundSubset found(LayerSet layers) const;

 private:
  [[nodiscard]] double gain_of(const LayerSet& layers) const;

  const ErrorModel& model_;
  const TermModel& terms_;
  const Gains& gains_;
};

Result<Search::Part> Search::look_in(const SumRange& range) const {
  SubsetProblem posed(model_.layers, terms_, gains_, range);
  Part part{std::nullopt, posed.gain_at_most(0)};
  plan::Options options{.gap = kGap, .time_limit_s = kNoTimeLimit};
  options.most_nodes = std::clamp(kMostPairsOfNodes / (1 + posed.pairs()), kLeastNodes, kMostNodes);
  options.explain_limit_s = 0;
  for (int tries = 0; tries <= kMostLeftOut + 1; ++tries) {
    if (tries > kMostLeftOut) {
      posed.round_inwards();
    }
    TESSERA_TRY(const auto solution, plan::solve(posed.problem(), options));
    if (tries <= kMostLeftOut) {
      part.at_most = solution.outcome == plan::Outcome::kInfeasible
                         ? 0
                         : std::min(part.at_most, posed.gain_at_most(solution.bound_ns));
    }
    if (!solution.assignment) {
      return part;
    }
    auto layers = posed.layers_of(*solution.assignment);
    if (is_allowed({range}, terms_, layers)) {
      if (solution.outcome == plan::Outcome::kOptimal && tries <= kMostLeftOut) {
        part.at_most = std::min(part.at_most, gain_of(layers));  // not what rounding adds
      }
      part.layers = std::move(layers);
      return part;
    }
    posed.leave_out(*solution.assignment);
  }
  return part;
}

double Search::gain_of(const LayerSet& layers) const {
  double gain = 0;
  for (const auto layer : layers) {
    gain += gains_.gain[static_cast<std::size_t>(layer)];
  }
  return gain;
}

FoundSubset Search::found(LayerSet layers) const {
  return {layers, gain_of(layers), predict(model_, layers)};
}

}  // namespace

double SearchResult::gap() const {
  return gain_at_most > 0 ? (gain_at_most - best.gain) / gain_at_most : 0;
}

Result<SearchResult> find_subset(const ErrorModel& model, const Gains& gains, double limit,
                                 LimitBy by) {
  if (!(limit >= 0) || !std::isfinite(limit)) {
    return fail(ErrorCode::kInvalidArgument, "a limit of {} on the error", limit)
        .hint("give --max-error a number that is not negative, or --min-sqnr-db");
  }
  const auto& terms = by == LimitBy::kBound ? model.bounds[model.chosen_bound].model : model.terms;
  const Search search(model, terms, gains);
  SearchResult result{.best = search.found({})};
  const auto consider = [&](const Search::Part& part) {
    result.gain_at_most = std::max(result.gain_at_most, part.at_most);
    if (part.layers) {
      if (auto found = search.found(*part.layers); found.gain > result.best.gain) {
        result.best = std::move(found);
      }
    }
  };
  const auto ranges = allowed_sums(model, terms, limit, by);
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
    // All that is below its end, first: what lies between ranges is seldom in the way.
    TESSERA_TRY(const auto below, search.look_in({.up_to = range->up_to}));
    if (below.at_most <= result.best.gain) {
      break;
    }
    if (!below.layers || is_allowed(ranges, terms, *below.layers)) {
      consider(below);
      break;
    }
    TESSERA_TRY(const auto part, search.look_in(*range));
    consider(part);
  }
  result.gain_at_most = std::max(result.gain_at_most, result.best.gain);
  return result;
}

}  // namespace tessera::noise
