// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/noise/rank.h"
#include "tessera/search/search.h"

namespace tessera::noise {
namespace {

/// Operators in one of their schemes or in none: what that gains, and what error it adds.
class Subsets final : public search::Landscape {
 public:
  Subsets(const ErrorModel& model, const TermModel& terms, const Gains& gains, double limit,
          LimitBy by)
      : model_(model),
        terms_(terms),
        gains_(gains),
        limit_(limit),
        by_(by),
        sum_(terms, model.layers.size()) {
    const auto operators = operators_of(model.layers);
    for (std::size_t layer = 0; layer < operators.size(); ++layer) {
      const auto place = static_cast<std::size_t>(operators[layer]);
      layers_.resize(std::max(layers_.size(), place + 1));
      layers_[place].push_back(static_cast<std::int32_t>(layer));
    }
    here_.assign(layers_.size(), 0);
  }

  [[nodiscard]] search::Options options() const;
  [[nodiscard]] FoundSubset found(const search::Choices& choices) const;

  [[nodiscard]] const search::Choices& here() const noexcept override { return here_; }
  [[nodiscard]] double cost_after(std::span<const search::Change> changes) override;
  [[nodiscard]] double use_after(std::span<const search::Change> changes) override;
  [[nodiscard]] bool fits_after(std::span<const search::Change> changes) override;
  void make(std::span<const search::Change> changes) override;

 private:
  /// -1 for float32.
  [[nodiscard]] std::int32_t layer_of(std::size_t place, std::uint8_t option) const {
    return option == 0 ? -1 : layers_[place][option - 1U];
  }
  [[nodiscard]] double gain_of(std::int32_t layer) const {
    return layer < 0 ? 0 : gains_.gain[static_cast<std::size_t>(layer)];
  }
  /// Layers that leave or enter.
  [[nodiscard]] const std::vector<std::int32_t>& toggled(std::span<const search::Change> changes);
  [[nodiscard]] bool allows(double sum) const;

  const ErrorModel& model_;
  const TermModel& terms_;
  const Gains& gains_;
  double limit_;
  LimitBy by_;
  TermSum sum_;
  std::vector<std::vector<std::int32_t>> layers_;  ///< by place and option - 1
  std::vector<std::int32_t> toggled_;
  search::Choices here_;
  double gain_ = 0;
};

search::Options Subsets::options() const {
  search::Options options(layers_.size());
  for (std::size_t place = 0; place < layers_.size(); ++place) {
    for (std::size_t option = 1; option <= layers_[place].size(); ++option) {
      options[place].push_back(static_cast<std::uint8_t>(option));
    }
  }
  return options;
}

const std::vector<std::int32_t>& Subsets::toggled(std::span<const search::Change> changes) {
  toggled_.clear();
  for (const auto& [place, option] : changes) {
    for (const auto layer : {layer_of(place, here_[place]), layer_of(place, option)}) {
      if (layer >= 0 && here_[place] != option) {
        toggled_.push_back(layer);
      }
    }
  }
  return toggled_;
}

double Subsets::cost_after(std::span<const search::Change> changes) {
  double gain = gain_;
  for (const auto& [place, option] : changes) {
    gain += gain_of(layer_of(place, option)) - gain_of(layer_of(place, here_[place]));
  }
  return -gain;
}

double Subsets::use_after(std::span<const search::Change> changes) {
  return sum_.sum_after(toggled(changes));
}

bool Subsets::fits_after(std::span<const search::Change> changes) {
  return allows(use_after(changes));
}

void Subsets::make(std::span<const search::Change> changes) {
  gain_ = -cost_after(changes);
  for (const auto layer : toggled(changes)) {
    sum_.toggle(layer);
  }
  for (const auto& [place, option] : changes) {
    here_[place] = option;
  }
}

bool Subsets::allows(double sum) const {
  double error = terms_.error_of(sum);
  if (by_ == LimitBy::kInterval) {
    const auto& bins = model_.intervals.bins;
    const auto bin = std::find_if(bins.begin(), bins.end(),
                                  [&](const IntervalBin& b) { return error <= b.up_to; });
    error *= bin == bins.end() ? bins.back().high : bin->high;
  }
  return error <= limit_;
}

FoundSubset Subsets::found(const search::Choices& choices) const {
  FoundSubset result;
  for (std::size_t place = 0; place < choices.size(); ++place) {
    if (const auto layer = layer_of(place, choices[place]); layer >= 0) {
      result.layers.push_back(layer);
    }
  }
  std::sort(result.layers.begin(), result.layers.end());
  for (const auto layer : result.layers) {
    // Summed anew: no rounding of the way here.
    result.gain += gain_of(layer);
  }
  result.prediction = predict(model_, result.layers);
  return result;
}

/// What a layer brings per noise; endless where it adds none.
double worth(double gain, double noise) {
  return noise > 0 ? gain / noise : std::numeric_limits<double>::infinity();
}

/// What an operator can take on: so much more gain for so much more noise.
struct Step {
  double gain = 0;
  double noise = 0;
};

/// The upper hull over an operator's schemes, from none of them on, as steps from corner to corner:
/// what parts of them that add up to one can gain at most. Each is less steep than the one before.
std::vector<Step> hull_of(std::vector<Step> schemes) {
  std::stable_sort(schemes.begin(), schemes.end(), [](const Step& a, const Step& b) {
    return a.noise != b.noise ? a.noise < b.noise : a.gain > b.gain;
  });
  std::vector<Step> corners{{0, 0}};
  const auto slope = [](const Step& from, const Step& to) {
    return worth(to.gain - from.gain, to.noise - from.noise);
  };
  for (const auto& next : schemes) {
    if (next.gain <= corners.back().gain) {
      continue;
    }
    while (corners.size() > 1 &&
           slope(corners.back(), next) >= slope(corners[corners.size() - 2], corners.back())) {
      corners.pop_back();
    }
    corners.push_back(next);
  }
  std::vector<Step> steps;
  for (std::size_t i = 1; i < corners.size(); ++i) {
    steps.push_back(
        {corners[i].gain - corners[i - 1].gain, corners[i].noise - corners[i - 1].noise});
  }
  return steps;
}

/// Pairs of the bound only add, so without them more fits; and more still if parts of layers may
/// be taken, of an operator parts of several schemes that add up to one. The best of that takes the
/// steepest steps of all operators' hulls first (Sinha and Zoltners 1979), and so never one before
/// the step of its operator that it starts from.
double fractional_gain(const ErrorModel& model, const TermModel& bound, const Gains& gains,
                       double limit) {
  const double room = std::pow(limit, bound.exponent);
  std::vector<double> noise(gains.gain.size(), 0);
  for (const auto& term : bound.terms) {
    if (term.layers.size() == 1) {
      noise[static_cast<std::size_t>(term.layers.front())] += term.coefficient;
    }
  }
  const auto operators = operators_of(model.layers);
  std::vector<std::vector<Step>> schemes(operators.size());  // by operator
  for (std::size_t i = 0; i < noise.size(); ++i) {
    // What does not fit alone is in no subset.
    if (gains.gain[i] > 0 && noise[i] <= room) {
      schemes[static_cast<std::size_t>(operators[i])].push_back({gains.gain[i], noise[i]});
    }
  }
  std::vector<Step> steps;
  for (auto& own : schemes) {
    const auto hull = hull_of(std::move(own));
    steps.insert(steps.end(), hull.begin(), hull.end());
  }
  std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) {
    return worth(a.gain, a.noise) > worth(b.gain, b.noise);
  });
  double left = room;
  double total = 0;
  for (const auto& step : steps) {
    const double part = step.noise <= left ? 1 : left / step.noise;
    total += part * step.gain;
    left -= part * step.noise;
    if (part < 1) {
      break;
    }
  }
  return total;
}

}  // namespace

Result<SearchResult> find_subset(const ErrorModel& model, const Gains& gains, double limit,
                                 LimitBy by, std::uint64_t seed, int restarts) {
  if (!(limit >= 0) || !std::isfinite(limit)) {
    return fail(ErrorCode::kInvalidArgument, "a limit of {} on the error", limit)
        .hint("give --max-error a number that is not negative, or --min-sqnr-db");
  }
  const auto& bound = model.bounds[model.chosen_bound].model;
  const auto& terms = by == LimitBy::kBound ? bound : model.terms;
  Subsets subsets(model, terms, gains, limit, by);
  const auto found = search::under_limit(subsets, subsets.options(), seed, restarts);
  SearchResult result{.greedy = subsets.found(found.greedy),
                      .exchange = subsets.found(found.exchange)};
  result.exchange_won = result.exchange.gain > result.greedy.gain;
  if (by == LimitBy::kBound) {
    result.gain_at_most = fractional_gain(model, bound, gains, limit);
  }
  return result;
}

}  // namespace tessera::noise
