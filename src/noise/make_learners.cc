// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "noise/cross_validation.h"
#include "noise/learners.h"
#include "tessera/noise/scores.h"

namespace tessera::noise {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

// Shapes are searched on so many subsets: their best values hardly depend on the number, the cost
// grows with its cube.
constexpr Index kSearchRows = 500;
// Beyond so many products a polynomial says nothing and costs much.
constexpr double kMostTerms = 20000;
// Triples are offered to the scaled model while there are so many.
constexpr double kMostTriples = 6000;

/// Largest change of log error that is forgiven, on average.
double criterion(const VectorXd& predicted, const Sample& sample) {
  return score({predicted.data(), static_cast<std::size_t>(predicted.size())},
               {sample.errors.data(), static_cast<std::size_t>(sample.errors.size())})
      .mean_abs_log_ratio;
}

Sample first_rows(const Sample& sample, Index rows) {
  std::vector<Index> chosen(static_cast<std::size_t>(std::min(rows, sample.errors.size())));
  std::iota(chosen.begin(), chosen.end(), Index{0});
  return pick(sample, chosen);
}

AdditiveShape search_additive(const Sample& sample) {
  AdditiveShape best;
  double lowest = std::numeric_limits<double>::infinity();
  for (const double exponent : {2.0, 1.0, 1.5, 3.0, 4.0}) {
    for (const double relative : {1.0, 0.75, 0.5, 0.0}) {
      const AdditiveShape shape{exponent, relative};
      const double value = criterion(
          predict_left_out(sample, [&](const Sample& part) { return fit_additive(part, shape); }),
          sample);
      if (value < lowest) {
        lowest = value;
        best = shape;
      }
    }
  }
  return best;
}

/// One property of a shape and the values that are tried.
struct Knob {
  double& (*of)(ScaledShape&);
  std::vector<double> values;
};

std::vector<Knob> knobs(const std::vector<std::int32_t>& operators) {
  const Knob noise{[](ScaledShape& s) -> double& { return s.noise; },
                   {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1}};
  const Knob pairs{[](ScaledShape& s) -> double& { return s.pairs; }, {0.1, 1, 10, 100, 1000}};
  const Knob exponent{[](ScaledShape& s) -> double& { return s.additive.exponent; },
                      {1, 1.5, 2, 3, 4}};
  const Knob relative{[](ScaledShape& s) -> double& { return s.additive.relative; },
                      {0.5, 0.75, 1}};
  std::vector<Knob> all{noise, pairs, exponent, relative};
  if (monomial_count(operators, 3) <= kMostTriples && operator_count(operators) >= 3) {
    all.push_back({[](ScaledShape& s) -> double& { return s.triples; }, {0, 1, 10, 100}});
  }
  all.push_back(noise);
  return all;
}

/// Coordinate search: each knob in turn, its neighbours first in the order of the list; ends when
/// a round changes nothing.
ScaledShape search_scaled(const Sample& sample, ScaledShape shape) {
  const auto value_of = [&](const ScaledShape& s) {
    return criterion(fit_scaled(sample, s, true).left_out, sample);
  };
  double lowest = value_of(shape);
  constexpr int kRounds = 2;
  for (int round = 0; round < kRounds; ++round) {
    bool changed = false;
    for (const auto& knob : knobs(sample.operators)) {
      const double present = knob.of(shape);
      for (const double value : knob.values) {
        auto next = shape;
        knob.of(next) = value;
        const double found = value == present ? lowest : value_of(next);
        if (found < lowest) {
          lowest = found;
          shape = next;
          changed = true;
        }
      }
    }
    if (!changed) {
      break;
    }
  }
  return shape;
}

template <class Fit>
std::size_t best_of(const Sample& sample, std::size_t count, const Fit& fit) {
  std::size_t best = 0;
  double lowest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < count; ++i) {
    const double value = criterion(
        predict_left_out(sample, [&](const Sample& part) { return fit(part, i); }), sample);
    if (value < lowest) {
      lowest = value;
      best = i;
    }
  }
  return best;
}

Learner polynomial_learner(int degree, bool underdetermined) {
  return {.name = fmt::format("polynomial-{}", degree),
          .description = fmt::format(
              "least squares of the error on all products of up to {} layers and a constant{}",
              degree, underdetermined ? " (minimum norm: fewer subsets than terms)" : ""),
          .fit = [degree](const Sample& sample) { return fit_polynomial(sample, degree); },
          .underdetermined = underdetermined};
}

void add_polynomials(const Sample& sample, Monitor& monitor, std::vector<Learner>& learners) {
  const int most = std::clamp(operator_count(sample.operators), 1, 3);
  for (int degree = 1; degree <= most; ++degree) {
    const double terms = monomial_count(sample.operators, degree);
    if (terms > kMostTerms) {
      monitor.warn(
          {"too-many-terms",
           fmt::format("no polynomial of degree {}: it would have {:.0f} terms", degree, terms),
           "select fewer layers if you want it; the scaled models cover all pairs"});
      break;
    }
    const bool underdetermined = terms >= static_cast<double>(sample.errors.size());
    if (underdetermined) {
      monitor.warn({"underdetermined",
                    fmt::format("the polynomial of degree {} has {:.0f} terms and {} subsets to "
                                "fit them to: the solution of minimum norm is taken",
                                degree, terms, sample.errors.size()),
                    "measure more subsets, or use the chosen model, which is regularised"});
    }
    learners.push_back(polynomial_learner(degree, underdetermined));
  }
}

std::string describe(const AdditiveShape& shape) {
  return fmt::format("error^{:g}, residuals relative to value^{:g}", shape.exponent,
                     shape.relative);
}

void add_scaled(const Sample& sample, const AdditiveShape& additive,
                std::vector<Learner>& learners) {
  const auto few = first_rows(sample, kSearchRows);
  const auto shape = search_scaled(few, {.additive = additive});
  const bool triples = shape.triples > 0;
  learners.push_back(
      {.name = triples ? "scaled-triples" : "scaled-pairs",
       .description = fmt::format(
           "non-negative sum of layers plus {} shrunk by a prior of the size of their layers' "
           "product; {}, prior of pairs {:g}, triples {:g}, noise {:g}",
           triples ? "pairs and triples" : "pairs", describe(shape.additive), shape.pairs,
           shape.triples, shape.noise),
       .fit = [shape](const Sample& part) { return fit_scaled(part, shape, false).model; }});
  auto pairs_only = shape;
  pairs_only.triples = 0;
  const auto layers = static_cast<std::size_t>(sample.indicators.cols());
  const auto most = static_cast<std::size_t>(monomial_count(sample.operators, 2)) - layers;
  std::vector<std::size_t> counts;
  for (const std::size_t wanted : {layers / 2, layers, 3 * layers}) {
    if (wanted > 0 && wanted < most) {
      counts.push_back(wanted);
    }
  }
  if (counts.empty()) {
    return;
  }
  const auto count = counts[best_of(few, counts.size(), [&](const Sample& part, std::size_t i) {
    return fit_selected(part, pairs_only, counts[i]);
  })];
  learners.push_back(
      {.name = "selected-pairs",
       .description = fmt::format("as scaled-pairs with only the {} pairs that matter most; {}",
                                  count, describe(pairs_only.additive)),
       .fit = [pairs_only, count](const Sample& part) {
         return fit_selected(part, pairs_only, count);
       }});
}

void add_logarithmic(const Sample& sample, std::vector<Learner>& learners) {
  const auto few = first_rows(sample, kSearchRows);
  struct Shape {
    double pairs;
    double noise;
  };
  std::vector<Shape> shapes;
  for (const double pairs : {0.0, 1.0, 10.0}) {
    for (const double noise : {1e-4, 1e-3, 1e-2, 1e-1}) {
      shapes.push_back({pairs, noise});
    }
  }
  const auto best = shapes[best_of(few, shapes.size(), [&](const Sample& part, std::size_t i) {
    return fit_logarithmic(part, shapes[i].pairs, shapes[i].noise);
  })];
  learners.push_back(
      {.name = "log-pairs",
       .description = fmt::format("log of the error as a sum of layers and pairs, shrunk; prior of "
                                  "pairs {:g}, noise {:g}",
                                  best.pairs, best.noise),
       .fit = [best](const Sample& part) {
         return fit_logarithmic(part, best.pairs, best.noise);
       }});
}

}  // namespace

std::vector<Learner> make_learners(const Sample& sample, Monitor& monitor) {
  std::vector<Learner> learners;
  add_polynomials(sample, monitor, learners);
  const auto additive = search_additive(sample);
  learners.push_back(
      {.name = "additive",
       .description = "non-negative sum of layers; " + describe(additive),
       .fit = [additive](const Sample& part) { return fit_additive(part, additive); }});
  add_scaled(sample, additive, learners);
  add_logarithmic(sample, learners);
  return learners;
}

}  // namespace tessera::noise
