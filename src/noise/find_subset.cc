// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "tessera/core/random.h"
#include "tessera/noise/rank.h"

namespace tessera::noise {
namespace {

/// Layers that are in, their gain, and whether they keep to the limit.
class Selection {
 public:
  Selection(const ErrorModel& model, const TermModel& terms, const Gains& gains, double limit,
            LimitBy by)
      : model_(&model),
        terms_(&terms),
        gains_(&gains),
        limit_(limit),
        by_(by),
        sum_(terms, model.layers.size()) {}

  [[nodiscard]] bool has(std::int32_t layer) const { return sum_.has(layer); }
  [[nodiscard]] double gain() const noexcept { return gain_; }
  [[nodiscard]] double noise() const noexcept { return sum_.sum(); }
  [[nodiscard]] double noise_after(std::int32_t layer) const { return sum_.sum_after(layer); }
  [[nodiscard]] double gain_of(std::int32_t layer) const {
    return gains_->gain[static_cast<std::size_t>(layer)];
  }
  [[nodiscard]] bool fits() const { return size_ == 0 || allows(sum_.sum()); }
  [[nodiscard]] bool fits_after(std::int32_t layer) const {
    return (size_ == 1 && has(layer)) || allows(sum_.sum_after(layer));
  }
  /// After one leaves and another enters, or two enter.
  [[nodiscard]] bool fits_after(std::int32_t first, std::int32_t second) const {
    return allows(sum_.sum_after(first, second));
  }

  void toggle(std::int32_t layer) {
    const double sign = has(layer) ? -1 : 1;
    gain_ += sign * gain_of(layer);
    size_ += has(layer) ? -1 : 1;
    sum_.toggle(layer);
  }
  [[nodiscard]] FoundSubset found() const;

 private:
  [[nodiscard]] bool allows(double sum) const;

  const ErrorModel* model_;
  const TermModel* terms_;
  const Gains* gains_;
  double limit_;
  LimitBy by_;
  TermSum sum_;
  double gain_ = 0;
  std::int64_t size_ = 0;
};

bool Selection::allows(double sum) const {
  double error = terms_->error_of(sum);
  if (by_ == LimitBy::kInterval) {
    const auto& bins = model_->intervals.bins;
    const auto bin = std::find_if(bins.begin(), bins.end(),
                                  [&](const IntervalBin& b) { return error <= b.up_to; });
    error *= bin == bins.end() ? bins.back().high : bin->high;
  }
  return error <= limit_;
}

FoundSubset Selection::found() const {
  FoundSubset result;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(model_->layers.size()); ++i) {
    if (has(i)) {
      result.layers.push_back(i);
      // Summed anew: no rounding of the way here.
      result.gain += gain_of(i);
    }
  }
  result.prediction = predict(*model_, result.layers);
  return result;
}

/// What a layer brings per noise; endless where it adds none.
double worth(double gain, double noise) {
  return noise > 0 ? gain / noise : std::numeric_limits<double>::infinity();
}

class Search {
 public:
  Search(Selection empty, std::int32_t layers)
      : empty_(std::move(empty)), even_(static_cast<std::size_t>(layers), 1) {
    // What brings nothing stays out.
    for (std::int32_t i = 0; i < layers; ++i) {
      if (empty_.gain_of(i) > 0) {
        candidates_.push_back(i);
      }
    }
  }

  [[nodiscard]] Selection greedy() const;
  [[nodiscard]] Selection exchange(Selection start, std::uint64_t seed, int restarts) const;

 private:
  /// `liking` multiplies the worth of each layer.
  [[nodiscard]] Selection enter_greedily(Selection from, const std::vector<double>& liking) const;
  [[nodiscard]] Selection leave_greedily(Selection from) const;
  [[nodiscard]] bool improve(Selection& selection) const;
  [[nodiscard]] bool add_one(Selection& selection) const;
  [[nodiscard]] bool swap_one(Selection& selection) const;
  [[nodiscard]] bool swap_with_two(Selection& selection, bool leaves) const;
  [[nodiscard]] Selection climb(Selection selection) const;

  Selection empty_;
  std::vector<double> even_;
  std::vector<std::int32_t> candidates_;
};

Selection Search::enter_greedily(Selection from, const std::vector<double>& liking) const {
  for (;;) {
    std::int32_t best = -1;
    double most = -1;
    for (const auto layer : candidates_) {
      if (!from.has(layer) && from.fits_after(layer)) {
        const double value = liking[static_cast<std::size_t>(layer)] *
                             worth(from.gain_of(layer), from.noise_after(layer) - from.noise());
        if (value > most) {
          most = value;
          best = layer;
        }
      }
    }
    if (best < 0) {
      return from;
    }
    from.toggle(best);
  }
}

Selection Search::leave_greedily(Selection from) const {
  while (!from.fits()) {
    std::int32_t worst = -1;
    double least = std::numeric_limits<double>::infinity();
    for (const auto layer : candidates_) {
      if (from.has(layer)) {
        const double value = worth(from.gain_of(layer), from.noise() - from.noise_after(layer));
        if (worst < 0 || value < least) {
          least = value;
          worst = layer;
        }
      }
    }
    if (worst < 0) {
      return empty_;
    }
    from.toggle(worst);
  }
  return from;
}

Selection Search::greedy() const {
  auto full = empty_;
  for (const auto layer : candidates_) {
    full.toggle(layer);
  }
  auto one = enter_greedily(empty_, even_);
  // What fits in again after others have left.
  auto other = enter_greedily(leave_greedily(std::move(full)), even_);
  return other.gain() > one.gain() ? other : one;
}

bool Search::add_one(Selection& selection) const {
  std::int32_t best = -1;
  for (const auto layer : candidates_) {
    if (!selection.has(layer) && selection.fits_after(layer) &&
        (best < 0 || selection.gain_of(layer) > selection.gain_of(best))) {
      best = layer;
    }
  }
  if (best >= 0) {
    selection.toggle(best);
  }
  return best >= 0;
}

bool Search::swap_one(Selection& selection) const {
  std::int32_t leaves = -1;
  std::int32_t enters = -1;
  double most = 0;
  for (const auto out : candidates_) {
    for (const auto in : candidates_) {
      const double gained = selection.gain_of(in) - selection.gain_of(out);
      if (gained > most && selection.has(out) && !selection.has(in) &&
          selection.fits_after(out, in)) {
        most = gained;
        leaves = out;
        enters = in;
      }
    }
  }
  if (leaves >= 0) {
    selection.toggle(leaves);
    selection.toggle(enters);
  }
  return leaves >= 0;
}

/// One leaves and two enter, or one enters and two leave.
bool Search::swap_with_two(Selection& selection, bool leaves) const {
  for (const auto one : candidates_) {
    if (selection.has(one) != leaves) {
      continue;
    }
    selection.toggle(one);
    for (std::size_t a = 0; a < candidates_.size(); ++a) {
      const auto first = candidates_[a];
      if (first == one || selection.has(first) == leaves) {
        continue;
      }
      for (std::size_t b = a + 1; b < candidates_.size(); ++b) {
        const auto second = candidates_[b];
        const double more =
            selection.gain_of(first) + selection.gain_of(second) - selection.gain_of(one);
        if (second != one && selection.has(second) != leaves && (leaves ? more > 0 : more < 0) &&
            selection.fits_after(first, second)) {
          selection.toggle(first);
          selection.toggle(second);
          return true;
        }
      }
    }
    selection.toggle(one);
  }
  return false;
}

bool Search::improve(Selection& selection) const {
  return add_one(selection) || swap_one(selection) || swap_with_two(selection, false) ||
         swap_with_two(selection, true);
}

Selection Search::climb(Selection selection) const {
  // Every step gains, so this ends; the limit is for gains that differ by rounding only.
  constexpr int kMostSteps = 400;
  for (int step = 0; step < kMostSteps && improve(selection); ++step) {
  }
  return selection;
}

Selection Search::exchange(Selection start, std::uint64_t seed, int restarts) const {
  auto best = climb(std::move(start));
  if (candidates_.empty()) {
    return best;
  }
  Random random(seed);
  std::vector<double> liking(even_.size());
  for (int i = 0; i < restarts; ++i) {
    // Near the best in one turn, anywhere in the next.
    auto begun = i % 2 == 0 ? best : empty_;
    const auto flips = i % 2 == 0 ? 2 + random.below(3) : 0;
    for (std::uint64_t flip = 0; flip < flips; ++flip) {
      begun.toggle(candidates_[random.below(candidates_.size())]);
    }
    for (double& value : liking) {
      value = std::exp(random.normal());
    }
    auto climbed = climb(enter_greedily(leave_greedily(std::move(begun)), liking));
    if (climbed.gain() > best.gain() && climbed.fits()) {
      best = std::move(climbed);
    }
  }
  return best;
}

/// Pairs of the bound only add, so without them more fits; and more still if parts of layers may
/// be taken.
double fractional_gain(const TermModel& bound, const Gains& gains, double limit) {
  const double room = std::pow(limit, bound.exponent);
  std::vector<double> noise(gains.gain.size(), 0);
  for (const auto& term : bound.terms) {
    if (term.layers.size() == 1) {
      noise[static_cast<std::size_t>(term.layers.front())] += term.coefficient;
    }
  }
  std::vector<std::size_t> order(noise.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return worth(gains.gain[a], noise[a]) > worth(gains.gain[b], noise[b]);
  });
  double left = room;
  double total = 0;
  for (const auto i : order) {
    // What does not fit alone is in no subset.
    if (gains.gain[i] <= 0 || noise[i] > room) {
      continue;
    }
    const double part = noise[i] <= left ? 1 : left / noise[i];
    total += part * gains.gain[i];
    left -= part * noise[i];
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
  const Search search(Selection(model, terms, gains, limit, by),
                      static_cast<std::int32_t>(model.layers.size()));
  const auto greedy = search.greedy();
  const auto exchange = search.exchange(greedy, seed, restarts);
  SearchResult result{.greedy = greedy.found(), .exchange = exchange.found()};
  result.exchange_won = result.exchange.gain > result.greedy.gain;
  if (by == LimitBy::kBound) {
    result.gain_at_most = fractional_gain(bound, gains, limit);
  }
  return result;
}

}  // namespace tessera::noise
