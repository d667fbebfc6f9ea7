// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/model.h"

#include <algorithm>
#include <cmath>

namespace tessera::noise {
namespace {

bool within(const LayerSet& layers, const LayerSet& subset) {
  return std::includes(subset.begin(), subset.end(), layers.begin(), layers.end());
}

std::size_t at(std::int32_t index) {
  return static_cast<std::size_t>(index);
}

const IntervalBin& bin_of(const Intervals& intervals, double error) {
  const auto found = std::find_if(intervals.bins.begin(), intervals.bins.end(),
                                  [&](const IntervalBin& bin) { return error <= bin.up_to; });
  return found == intervals.bins.end() ? intervals.bins.back() : *found;
}

double decibels(double offset_db, double error) {
  return offset_db - 20 * std::log10(error);
}

}  // namespace

double TermModel::sum(const LayerSet& subset) const {
  double total = 0;
  for (const auto& term : terms) {
    if (within(term.layers, subset)) {
      total += term.coefficient;
    }
  }
  return total;
}

double TermModel::error_of(double sum) const {
  if (exponent == 0) {
    return std::exp(sum);
  }
  return sum <= 0 ? 0 : std::pow(sum, 1 / exponent);
}

double TermModel::error(const LayerSet& subset) const {
  return error_of(sum(subset));
}

int TermModel::degree() const {
  std::size_t largest = 0;
  for (const auto& term : terms) {
    largest = std::max(largest, term.layers.size());
  }
  return static_cast<int>(largest);
}

TermSum::TermSum(const TermModel& model, std::size_t layers)
    : model_(&model), terms_of_(layers), present_(layers, 0) {
  for (std::size_t t = 0; t < model.terms.size(); ++t) {
    const auto& term = model.terms[t];
    absent_.push_back(static_cast<std::int32_t>(term.layers.size()));
    for (const auto layer : term.layers) {
      terms_of_[at(layer)].push_back(static_cast<std::int32_t>(t));
    }
    sum_ += term.layers.empty() ? term.coefficient : 0;
  }
}

bool TermSum::has(std::int32_t layer) const {
  return present_[at(layer)] != 0;
}

/// Of toggling `layer` once `also` (-1: none) has been toggled.
double TermSum::change(std::int32_t layer, std::int32_t also) const {
  const std::int32_t own = has(layer) ? 0 : 1;
  double total = 0;
  for (const auto t : terms_of_[at(layer)]) {
    std::int32_t absent = absent_[at(t)] - own;
    if (also >= 0) {
      const auto& layers = model_->terms[at(t)].layers;
      if (std::binary_search(layers.begin(), layers.end(), also)) {
        absent += has(also) ? 1 : -1;
      }
    }
    total += absent == 0 ? model_->terms[at(t)].coefficient : 0;
  }
  return own == 1 ? total : -total;
}

double TermSum::sum_after(std::int32_t layer) const {
  return sum_ + change(layer, -1);
}

double TermSum::sum_after(std::int32_t first, std::int32_t second) const {
  return sum_ + change(first, -1) + change(second, first);
}

double TermSum::sum_after(std::span<const std::int32_t> layers) {
  if (layers.size() < 2) {
    return layers.empty() ? sum_ : sum_after(layers.front());
  }
  const double before = sum_;
  for (const auto layer : layers.subspan(1)) {
    toggle(layer);
  }
  const double after = sum_after(layers.front());
  for (const auto layer : layers.subspan(1)) {
    toggle(layer);
  }
  sum_ = before;  // no rounding of the way there and back
  return after;
}

void TermSum::toggle(std::int32_t layer) {
  sum_ = sum_after(layer);
  const std::int32_t step = has(layer) ? 1 : -1;
  for (const auto t : terms_of_[at(layer)]) {
    absent_[at(t)] += step;
  }
  present_[at(layer)] = has(layer) ? 0 : 1;
}

Prediction predict(const ErrorModel& model, const LayerSet& subset) {
  Prediction prediction;
  const double infinity = std::numeric_limits<double>::infinity();
  const bool has_sqnr = std::isfinite(model.sqnr_offset_db);
  if (subset.empty()) {
    prediction.sqnr_db = has_sqnr ? infinity : prediction.sqnr_db;
    prediction.sqnr_bound_db = prediction.sqnr_db;
    return prediction;
  }
  prediction.error = model.terms.error(subset);
  const auto& bin = bin_of(model.intervals, prediction.error);
  prediction.lower = prediction.error * bin.low;
  prediction.upper = prediction.error * bin.high;
  prediction.bound = model.bounds[model.chosen_bound].model.error(subset);
  if (has_sqnr) {
    prediction.sqnr_db = decibels(model.sqnr_offset_db, prediction.error);
    prediction.sqnr_bound_db = decibels(model.sqnr_offset_db, prediction.bound);
  }
  return prediction;
}

}  // namespace tessera::noise
