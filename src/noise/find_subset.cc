// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "tessera/core/random.h"
#include "tessera/noise/rank.h"

namespace tessera::noise {
namespace {

/// Layers that are in, their gain, and whether they keep to the limit and to one scheme for each
/// operator. On the way, an operator may be in several.
class Selection {
 public:
  Selection(const ErrorModel& model, const TermModel& terms, const Gains& gains, double limit,
            LimitBy by)
      : model_(&model),
        terms_(&terms),
        gains_(&gains),
        limit_(limit),
        by_(by),
        sum_(terms, model.layers.size()),
        operators_(operators_of(model.layers)),
        schemes_in_(model.layers.size(), 0) {}

  [[nodiscard]] bool has(std::int32_t layer) const { return sum_.has(layer); }
  [[nodiscard]] double gain() const noexcept { return gain_; }
  [[nodiscard]] double noise() const noexcept { return sum_.sum(); }
  [[nodiscard]] double noise_after(std::int32_t layer) const { return sum_.sum_after(layer); }
  [[nodiscard]] double gain_of(std::int32_t layer) const {
    return gains_->gain[static_cast<std::size_t>(layer)];
  }
  [[nodiscard]] bool fits() const { return size_ == 0 || (surplus_ == 0 && allows(sum_.sum())); }
  [[nodiscard]] bool fits_after(std::int32_t layer) const {
    return (size_ == 1 && has(layer)) ||
           (surplus_ + more_surplus(layer, -1) == 0 && allows(sum_.sum_after(layer)));
  }
  /// After one leaves and another enters, or two enter.
  [[nodiscard]] bool fits_after(std::int32_t first, std::int32_t second) const {
    return surplus_ + more_surplus(first, -1) + more_surplus(second, first) == 0 &&
           allows(sum_.sum_after(first, second));
  }
  [[nodiscard]] bool same_operator(std::int32_t a, std::int32_t b) const {
    return operator_of(a) == operator_of(b);
  }

  void toggle(std::int32_t layer) {
    const double sign = has(layer) ? -1 : 1;
    gain_ += sign * gain_of(layer);
    size_ += has(layer) ? -1 : 1;
    surplus_ += more_surplus(layer, -1);
    schemes_in_[operator_of(layer)] += has(layer) ? -1 : 1;
    sum_.toggle(layer);
  }
  /// Takes the layer out, or puts it in for the scheme that its operator was in.
  void flip(std::int32_t layer) {
    for (std::int32_t i = 0; !has(layer) && i < static_cast<std::int32_t>(operators_.size()); ++i) {
      if (has(i) && same_operator(i, layer)) {
        toggle(i);
      }
    }
    toggle(layer);
  }
  [[nodiscard]] FoundSubset found() const;

 private:
  [[nodiscard]] bool allows(double sum) const;
  [[nodiscard]] std::size_t operator_of(std::int32_t layer) const {
    return static_cast<std::size_t>(operators_[static_cast<std::size_t>(layer)]);
  }
  /// What toggling `layer` adds to the surplus once `also` (-1: none) has been toggled.
  [[nodiscard]] std::int32_t more_surplus(std::int32_t layer, std::int32_t also) const {
    auto before = schemes_in_[operator_of(layer)];
    if (also >= 0 && same_operator(layer, also)) {
      before += has(also) ? -1 : 1;
    }
    const auto after = before + (has(layer) ? -1 : 1);
    return std::max(after - 1, 0) - std::max(before - 1, 0);
  }

  const ErrorModel* model_;
  const TermModel* terms_;
  const Gains* gains_;
  double limit_;
  LimitBy by_;
  TermSum sum_;
  std::vector<std::int32_t> operators_;   ///< by layer
  std::vector<std::int32_t> schemes_in_;  ///< by operator
  std::int32_t surplus_ = 0;              ///< schemes in, beyond one for each operator
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
    // Of each operator what gains most.
    const bool most = std::none_of(candidates_.begin(), candidates_.end(), [&](std::int32_t other) {
      const double more = full.gain_of(other) - full.gain_of(layer);
      return full.same_operator(other, layer) && (more > 0 || (more == 0 && other < layer));
    });
    if (most) {
      full.toggle(layer);
    }
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
      begun.flip(candidates_[random.below(candidates_.size())]);
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
  const Search search(Selection(model, terms, gains, limit, by),
                      static_cast<std::int32_t>(model.layers.size()));
  const auto greedy = search.greedy();
  const auto exchange = search.exchange(greedy, seed, restarts);
  SearchResult result{.greedy = greedy.found(), .exchange = exchange.found()};
  result.exchange_won = result.exchange.gain > result.greedy.gain;
  if (by == LimitBy::kBound) {
    result.gain_at_most = fractional_gain(model, bound, gains, limit);
  }
  return result;
}

}  // namespace tessera::noise
