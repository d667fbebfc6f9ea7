// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/conformal.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "noise/cross_validation.h"
#include "noise/learners.h"

namespace tessera::noise {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// A bin of fewer held-out subsets would say little about its 5 % quantiles.
constexpr Index kBinSize = 100;
constexpr Index kMostBins = 6;
// Subsets on which the shape of a bound is searched.
constexpr Index kSearchRows = 500;

double ratio(double measured, double predicted) {
  if (predicted > 0) {
    return measured / predicted;
  }
  return measured > 0 ? kInfinity : 1;
}

std::vector<double> ratios_of(const VectorXd& measured, const VectorXd& predicted) {
  std::vector<double> ratios;
  ratios.reserve(static_cast<std::size_t>(measured.size()));
  for (Index i = 0; i < measured.size(); ++i) {
    ratios.push_back(ratio(measured[i], predicted[i]));
  }
  return ratios;
}

/// A bound before its inflation is known.
struct Envelope {
  double exponent = 2;
  double asymmetry = 0.9;
};

struct Inflated {
  double inflation = 1;
  double looseness = kInfinity;
};

/// How much an envelope must grow, on error^exponent, and how loose it is then, as an error.
Inflated inflate(const Sample& sample, const Envelope& envelope, std::span<const LayerSet> pairs,
                 double level) {
  const VectorXd bound = predict_left_out(sample, [&](const Sample& part) {
    return fit_envelope(part, envelope.exponent, envelope.asymmetry, pairs);
  });
  const auto ratios = ratios_of(sample.errors, bound);
  const double factor = conformal_quantile(ratios, level);
  double logs = 0;
  double count = 0;
  for (const double value : ratios) {
    if (value > 0 && value < kInfinity) {
      logs += std::log(factor / value);
      count += 1;
    }
  }
  return {.inflation = std::pow(factor, envelope.exponent),
          .looseness = count > 0 ? std::exp(logs / count) : 1};
}

std::vector<LayerSet> pairs_of(const Sample& sample, double exponent, std::size_t count) {
  const ScaledShape shape{
      .additive = {.exponent = exponent, .relative = 1}, .pairs = 10, .noise = 1e-2};
  return important_pairs(sample, shape, count, true);
}

ErrorBound make_bound(const Sample& sample, double exponent, std::size_t count, double level) {
  std::vector<Index> rows(static_cast<std::size_t>(std::min(kSearchRows, sample.errors.size())));
  std::iota(rows.begin(), rows.end(), Index{0});
  const auto few = pick(sample, rows);
  const auto pairs = pairs_of(sample, exponent, count);
  Envelope best{exponent, 0.9};
  double least = kInfinity;
  for (const double asymmetry : {0.9, 0.5, 0.98}) {
    const auto tried = inflate(few, {exponent, asymmetry}, pairs, level);
    if (tried.looseness < least) {
      least = tried.looseness;
      best.asymmetry = asymmetry;
    }
  }
  const auto inflated = inflate(sample, best, pairs, level);
  ErrorBound bound{.model = fit_envelope(sample, exponent, best.asymmetry, pairs),
                   .inflation = inflated.inflation,
                   .level = level,
                   .looseness = inflated.looseness};
  for (auto& term : bound.model.terms) {
    term.coefficient *= bound.inflation;
  }
  return bound;
}

}  // namespace

double conformal_quantile(std::vector<double> values, double level) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  // A hair less, so that 0.9 x 10 is 9.
  const auto rank = static_cast<std::size_t>(std::ceil((n + 1) * level - 1e-9));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

Intervals make_intervals(const VectorXd& predicted, const VectorXd& measured, double level) {
  std::vector<Index> order(static_cast<std::size_t>(predicted.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return predicted[a] < predicted[b]; });
  const Index n = predicted.size();
  const Index bins = std::clamp<Index>(n / kBinSize, 1, kMostBins);
  Intervals intervals{.level = level, .bins = {}};
  Index begin = 0;
  for (Index b = 0; b < bins; ++b) {
    const Index end = (b + 1) * n / bins;
    std::vector<double> high;
    std::vector<double> low;
    for (Index i = begin; i < end; ++i) {
      const Index row = order[static_cast<std::size_t>(i)];
      high.push_back(ratio(measured[row], predicted[row]));
      low.push_back(-high.back());
    }
    const bool last = b + 1 == bins;
    intervals.bins.push_back(
        {.up_to = last ? kInfinity : predicted[order[static_cast<std::size_t>(end - 1)]],
         .low = -conformal_quantile(low, (1 + level) / 2),
         .high = conformal_quantile(high, (1 + level) / 2),
         .n = end - begin});
    begin = end;
  }
  return intervals;
}

Bounds make_bounds(const Sample& sample, std::size_t pairs, double level) {
  Bounds result;
  for (const double exponent : {2.0, 1.0}) {
    result.bounds.push_back(make_bound(sample, exponent, pairs, level));
  }
  std::optional<ErrorBound> steeper;
  for (const double exponent : {3.0, 4.0}) {
    auto bound = make_bound(sample, exponent, pairs, level);
    if (!steeper || bound.looseness < steeper->looseness) {
      steeper = std::move(bound);
    }
  }
  if (steeper->looseness < result.bounds.front().looseness) {
    result.bounds.push_back(*std::move(steeper));
  }
  const auto best = std::min_element(
      result.bounds.begin(), result.bounds.end(),
      [](const ErrorBound& a, const ErrorBound& b) { return a.looseness < b.looseness; });
  result.chosen = static_cast<std::size_t>(best - result.bounds.begin());
  return result;
}

}  // namespace tessera::noise
