// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/subset_problem.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace tessera::noise {
namespace {

/// What all amounts of a row come to. The planner multiplies them by whole prices, in 59 bits: what
/// amounts do not take is left for the prices.
constexpr double kAllAmounts = 0x1p40;
/// What all costs come to, where a limit allows all that there is; less where prices are higher.
constexpr double kAllCosts = 0x1p38;
constexpr double kLeastCosts = 0x1p24;
/// Of what is next to nothing.
constexpr double kFinest = 1e300;
/// Of the sizes that are added up: more than rounding ever is.
constexpr double kRounding = 1e-9;

std::size_t at(std::int32_t index) {
  return static_cast<std::size_t>(index);
}

std::int64_t floor_of(double value) {
  return static_cast<std::int64_t>(std::floor(value));
}

}  // namespace

SubsetProblem::SubsetProblem(const std::vector<ObservedLayer>& layers, const TermModel& terms,
                             const Gains& gains, const SumRange& range) {
  offer_layers(layers, terms, gains, range.up_to);
  read_products(terms);
  tie_products();
  if (std::isfinite(range.up_to)) {
    add_row(1, range.up_to);
  }
  if (std::isfinite(range.above)) {
    add_row(-1, range.above);
  }
  add_costs(gains);
}

/// What gains nothing is not worth its noise, and what is beyond the limit with all that lowers
/// noise is in no subset.
void SubsetProblem::offer_layers(const std::vector<ObservedLayer>& layers, const TermModel& terms,
                                 const Gains& gains, double most) {
  std::vector<double> alone(layers.size(), 0);
  double least = 0;
  double size = std::isfinite(most) ? std::abs(most) : 0;
  for (const auto& term : terms.terms) {
    const bool is_alone = term.layers.size() == 1 && term.coefficient > 0;
    if (is_alone) {
      alone[at(term.layers.front())] += term.coefficient;
    } else if (term.layers.empty() || term.coefficient < 0) {
      least += term.coefficient;
      size += std::abs(term.coefficient);
    }
  }
  const auto operators = operators_of(layers);
  std::map<std::int32_t, std::size_t> variable_of;
  factor_of_.resize(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!(gains.gain[i] > 0) || alone[i] + least - most > kRounding * (size + alone[i])) {
      continue;
    }
    const auto [place, is_new] = variable_of.try_emplace(operators[i], layers_.size());
    if (is_new) {
      layers_.emplace_back();
      problem_.variables.push_back({layers[i].operator_name(), {0}});
    }
    auto& own = layers_[place->second];
    own.push_back(static_cast<std::int32_t>(i));
    problem_.variables[place->second].cost_ns.push_back(0);
    factor_of_[i] = {place->second, static_cast<std::uint8_t>(own.size())};
  }
}

void SubsetProblem::read_products(const TermModel& terms) {
  for (const auto& term : terms.terms) {
    Product product{{}, term.coefficient};
    for (const auto layer : term.layers) {
      product.factors.push_back(factor_of_[at(layer)]);
    }
    std::ranges::sort(product.factors);
    const bool is_offered =
        std::ranges::none_of(product.factors, [](const Factor& f) { return f.state == 0; });
    // Two schemes of one operator are never together.
    const bool is_possible =
        std::ranges::adjacent_find(product.factors, {}, &Factor::variable) == product.factors.end();
    if (product.factors.empty()) {
      constant_ += product.coefficient;
    } else if (product.coefficient != 0 && is_offered && is_possible) {
      products_.push_back(std::move(product));
    }
  }
}

/// Products of three layers or more become such of two: a pair that most of them have is one
/// variable, until all are short enough.
void SubsetProblem::tie_products() {
  for (;;) {
    std::map<std::pair<Factor, Factor>, std::size_t> uses;
    for (const auto& [factors, coefficient] : products_) {
      for (std::size_t b = 1; factors.size() > 2 && b < factors.size(); ++b) {
        for (std::size_t a = 0; a < b; ++a) {
          ++uses[{factors[a], factors[b]}];
        }
      }
    }
    if (uses.empty()) {
      return;
    }
    const auto most =
        std::ranges::max_element(uses, {}, [](const auto& entry) { return entry.second; });
    const auto [first, second] = most->first;
    const auto both = product_of(first, second);
    for (auto& [factors, coefficient] : products_) {
      const bool has_both =
          std::ranges::binary_search(factors, first) && std::ranges::binary_search(factors, second);
      if (factors.size() > 2 && has_both) {
        std::erase_if(factors,
                      [&, a = first, b = second](const Factor& f) { return f == a || f == b; });
        factors.push_back(both);
      }
    }
  }
}

SubsetProblem::Factor SubsetProblem::product_of(const Factor& first, const Factor& second) {
  const Factor both{problem_.variables.size(), 1};
  problem_.variables.push_back(
      {problem_.variables[first.variable].name + "*" + problem_.variables[second.variable].name,
       {0, 0}});
  tied_.emplace_back(first, second);
  return both;
}

void SubsetProblem::add_amount(plan::Limit& limit, const Product& product,
                               std::int64_t amount) const {
  const auto& first = product.factors.front();
  if (product.factors.size() == 1) {
    limit.states.push_back({first.variable, first.state, amount});
    return;
  }
  const auto& second = product.factors.back();
  limit.pairs.push_back({first.variable, second.variable, {first.state}, {second.state}, amount});
}

void SubsetProblem::add_row(double sign, double most) {
  const double room = sign * (most - constant_);
  double lowering = 0;
  double raising = 0;
  for (const auto& product : products_) {
    (sign * product.coefficient < 0 ? lowering : raising) += std::abs(product.coefficient);
  }
  // Whatever is above it is beyond the limit by any number.
  const double cap = std::max(room, 0.0) + lowering;
  double all = 0;
  for (const auto& product : products_) {
    const double size = std::abs(product.coefficient);
    // Pairs that the planner relaxes count twice for it.
    all += (product.factors.size() == 1 ? 1 : 2) * (cap > 0 ? std::min(size, cap) : size);
  }
  const double units = all > 0 ? std::min(kAllAmounts / all, kFinest) : 1;
  std::int64_t lowered = 0;
  for (const auto& product : products_) {
    const double value = sign * product.coefficient * units;
    lowered -= value < 0 ? floor_of(value) : 0;
  }
  const auto slack = 1 + static_cast<std::int64_t>(products_.size() / 1024);
  plan::Limit limit{.name = "error", .unit = "parts", .bound = -lowered - 1};
  // Else not even all that lowers it is enough.
  if (room + lowering >= -kRounding * (std::abs(most) + std::abs(constant_) + lowering)) {
    const double most_used = std::clamp(room, -2 * lowering, lowering + raising);
    limit.bound = floor_of(most_used * units) + slack;
  }
  const auto beyond = std::max<std::int64_t>(limit.bound, 0) + lowered + 1;
  for (const auto& product : products_) {
    const double value = sign * product.coefficient * units;
    add_amount(limit, product, value < static_cast<double>(beyond) ? floor_of(value) : beyond);
  }
  const double loose = std::min(cap, lowering + raising);
  room_share_ = all > 0 ? std::min(room_share_, loose / all) : room_share_;
  roundings_.push_back(static_cast<std::int64_t>(products_.size()) + 2 * slack);
  problem_.limits.push_back(std::move(limit));
}

void SubsetProblem::add_costs(const Gains& gains) {
  std::vector<double> largest;
  for (const auto& own : layers_) {
    largest.push_back(0);
    for (const auto layer : own) {
      largest.back() = std::max(largest.back(), gains.gain[at(layer)]);
    }
    all_gains_ += largest.back();
  }
  // A price is at most all gains for what may be used, and has to fit.
  const double finest = kAllCosts / static_cast<double>(1 + tied_.size());
  const double all_costs = std::max(finest * std::min(room_share_, 1.0), kLeastCosts);
  units_per_gain_ = all_gains_ > 0 ? all_costs / all_gains_ : 1;
  std::int64_t all = 1;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    auto& costs = problem_.variables[i].cost_ns;
    costs[0] = floor_of(largest[i] * units_per_gain_);
    all += costs[0];
    for (std::size_t k = 0; k < layers_[i].size(); ++k) {
      costs[k + 1] = floor_of((largest[i] - gains.gain[at(layers_[i][k])]) * units_per_gain_);
    }
  }
  for (std::size_t k = 0; k < tied_.size(); ++k) {
    plan::Coupling coupling{"product", {}, {0, all, 0, all, 0, all, all, 0}};
    for (const auto& factor : {tied_[k].first, tied_[k].second, Factor{layers_.size() + k, 1}}) {
      std::vector<plan::Class> classes(problem_.variables[factor.variable].cost_ns.size(), 0);
      classes[factor.state] = 1;
      coupling.variables.push_back({factor.variable, std::move(classes), 2});
    }
    problem_.couplings.push_back(std::move(coupling));
  }
}

std::int64_t SubsetProblem::pairs() const {
  std::size_t pairs = 0;
  for (const auto& limit : problem_.limits) {
    pairs += limit.pairs.size();
  }
  return static_cast<std::int64_t>(pairs);
}

LayerSet SubsetProblem::layers_of(const plan::Assignment& assignment) const {
  LayerSet layers;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (assignment[i] != 0) {
      layers.push_back(layers_[i][assignment[i] - 1U]);
    }
  }
  std::ranges::sort(layers);
  return layers;
}

double SubsetProblem::gain_at_most(std::int64_t cost) const {
  return std::max(all_gains_ - static_cast<double>(cost) / units_per_gain_, 0.0);
}

void SubsetProblem::leave_out(const plan::Assignment& assignment) {
  plan::Limit others{.name = "others", .unit = "operators", .bound = -1};
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    others.bound += 1;
    others.states.push_back({i, assignment[i], 1});
  }
  roundings_.push_back(0);
  problem_.limits.push_back(std::move(others));
}

void SubsetProblem::round_inwards() {
  for (std::size_t r = 0; r < roundings_.size(); ++r) {
    problem_.limits[r].bound -= roundings_[r];
  }
}

}  // namespace tessera::noise
