// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "noise/conformal.h"
#include "noise/cross_validation.h"
#include "noise/learners.h"
#include "tessera/core/names.h"
#include "tessera/core/random.h"
#include "tessera/core/timing.h"

namespace tessera::noise {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kFewest = 10;
// Spread of SQNR around its line over the error, in decibels, from which it is worth a word.
constexpr double kLooseSqnrDb = 3;

std::span<const double> view(const VectorXd& values) {
  return {values.data(), static_cast<std::size_t>(values.size())};
}

std::vector<double> copy(const VectorXd& values) {
  return {values.begin(), values.end()};
}

/// Rows to fit to and to test on.
struct Split {
  std::vector<std::size_t> train;
  std::vector<std::size_t> test;
};

/// A number, or a share of `all` if below 1.
Result<std::size_t> part_of(double wanted, std::size_t all, const char* option) {
  if (!(wanted >= 0) || (wanted >= 1 && wanted != std::floor(wanted))) {
    return fail(ErrorCode::kInvalidArgument, "--{} {}: a count or a share below 1 was expected",
                option, wanted)
        .hint("for example --train 1000 --test 100, or --test 0.1");
  }
  const double count = wanted < 1 ? std::round(wanted * static_cast<double>(all)) : wanted;
  if (count > static_cast<double>(all)) {
    return fail(ErrorCode::kInvalidArgument, "--{} {}: the sweep has {} usable subsets", option,
                wanted, all)
        .hint("ask for less, or measure more subsets with 'tessera error sweep'");
  }
  return static_cast<std::size_t>(count);
}

Result<Split> split_rows(std::size_t all, const FitOptions& options) {
  constexpr double kTestShare = 1.0 / 11;
  TESSERA_TRY(const auto test, part_of(options.test > 0 ? options.test : kTestShare, all, "test"));
  TESSERA_TRY(auto train, part_of(options.train, all, "train"));
  train = train == 0 ? all - test : train;
  if (train + test > all) {
    return fail(ErrorCode::kInvalidArgument, "--train {} and --test {} need {} subsets of {}",
                train, test, train + test, all)
        .hint("ask for less, or measure more subsets with 'tessera error sweep'");
  }
  if (train < kFewest) {
    return fail(ErrorCode::kFailedPrecondition, "{} subsets to fit to; at least {} are needed",
                train, kFewest)
        .hint("measure more subsets with 'tessera error sweep'");
  }
  std::vector<std::size_t> order(all);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Random random(options.seed);
  for (std::size_t i = all - 1; i > 0; --i) {
    std::swap(order[i], order[random.below(i + 1)]);
  }
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(train);
  return Split{{order.begin(), middle}, {middle, middle + static_cast<std::ptrdiff_t>(test)}};
}

void warn_about_layers(const Observations& observations, const Sample& sample, Monitor& monitor) {
  const auto layers = sample.indicators.cols();
  if (sample.errors.size() < layers) {
    monitor.warn({"few-subsets",
                  fmt::format("{} subsets for {} layers: what single layers add is not determined, "
                              "priors fill in",
                              sample.errors.size(), layers),
                  "measure at least three subsets per layer"});
  }
  std::vector<std::string> unobserved;
  for (Index i = 0; i < layers; ++i) {
    if (!(sample.indicators.col(i).maxCoeff() > 0)) {
      unobserved.push_back(observations.layers[static_cast<std::size_t>(i)].name);
    }
  }
  if (!unobserved.empty()) {
    monitor.warn({"unobserved-layers",
                  fmt::format("{} layers are in no subset that was fitted to: {}",
                              unobserved.size(), fmt::join(unobserved, ", ")),
                  "predictions know nothing of them; the bound takes the worst layer's share"});
  }
}

/// Decibels that an error of 1 would have.
double sqnr_offset(const Observations& observations, Monitor& monitor) {
  std::vector<double> offsets;
  for (const auto& row : observations.rows) {
    if (std::isfinite(row.sqnr_db) && row.error > 0) {
      offsets.push_back(row.sqnr_db + 20 * std::log10(row.error));
    }
  }
  if (offsets.empty()) {
    return observations.signal > 0 ? 10 * std::log10(observations.signal) : kNan;
  }
  std::sort(offsets.begin(), offsets.end());
  const double spread = quantile(offsets, 0.95) - quantile(offsets, 0.05);
  if (spread > kLooseSqnrDb) {
    monitor.warn({"loose-sqnr", fmt::format("SQNR follows the error within {:.1f} dB only", spread),
                  "images or outputs of very different scale; trust the error"});
  }
  return quantile(offsets, 0.5);
}

Alternative evaluate(const Learner& learner, const Sample& train, const Sample& test,
                     VectorXd& left_out) {
  left_out = predict_left_out(train, learner.fit);
  Alternative result{.name = learner.name,
                     .description = learner.description,
                     .terms = learner.fit(train),
                     .underdetermined = learner.underdetermined};
  const VectorXd on_train = errors_of(result.terms, train);
  const VectorXd on_test = errors_of(result.terms, test);
  result.cross_validation = score(view(left_out), view(train.errors));
  result.train = score(view(on_train), view(train.errors));
  result.test = score(view(on_test), view(test.errors));
  result.train_points = {copy(train.errors), copy(on_train)};
  result.test_points = {copy(test.errors), copy(on_test)};
  return result;
}

/// The alternative with the lowest criterion; of equals the one with fewer terms.
std::size_t best_alternative(const std::vector<Alternative>& alternatives) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < alternatives.size(); ++i) {
    const double value = alternatives[i].cross_validation.mean_abs_log_ratio;
    const double lowest = alternatives[best].cross_validation.mean_abs_log_ratio;
    if (value < lowest || (value == lowest && alternatives[i].terms.terms.size() <
                                                  alternatives[best].terms.terms.size())) {
      best = i;
    }
  }
  return best;
}

std::string reason(const std::vector<Alternative>& alternatives, std::size_t chosen) {
  const Alternative* next = nullptr;
  for (std::size_t i = 0; i < alternatives.size(); ++i) {
    if (i != chosen && (next == nullptr || alternatives[i].cross_validation.mean_abs_log_ratio <
                                               next->cross_validation.mean_abs_log_ratio)) {
      next = &alternatives[i];
    }
  }
  return fmt::format(
      "lowest mean |log(predicted / measured)| of subsets left out in {}-fold cross-validation: "
      "{:.3g}; next is {} with {:.3g}",
      kFolds, alternatives[chosen].cross_validation.mean_abs_log_ratio, next->name,
      next->cross_validation.mean_abs_log_ratio);
}

Result<std::size_t> choose(const std::vector<Alternative>& alternatives, const FitOptions& options,
                           std::string& why) {
  if (options.model.empty()) {
    const auto chosen = best_alternative(alternatives);
    why = reason(alternatives, chosen);
    return chosen;
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < alternatives.size(); ++i) {
    if (alternatives[i].name == options.model) {
      why = "asked for";
      return i;
    }
    names.push_back(alternatives[i].name);
  }
  return fail(ErrorCode::kInvalidArgument, "no model is named '{}'", options.model)
      .hint("these data allow: {}", fmt::join(names, ", "));
}

double coverage(const ErrorModel& model, const Observations& observations,
                const std::vector<std::size_t>& rows) {
  double inside = 0;
  for (const auto row : rows) {
    const auto& observation = observations.rows[row];
    const auto prediction = predict(model, observation.layers);
    inside += observation.error >= prediction.lower && observation.error <= prediction.upper;
  }
  return rows.empty() ? kNan : inside / static_cast<double>(rows.size());
}

BoundTest test_bound(const ErrorBound& bound, const Sample& test) {
  BoundTest result{.exponent = bound.model.exponent, .holds = kNan, .median_ratio = kNan};
  const VectorXd bounds = errors_of(bound.model, test);
  std::vector<double> ratios;
  double holds = 0;
  for (Index i = 0; i < bounds.size(); ++i) {
    holds += test.errors[i] <= bounds[i] ? 1 : 0;
    if (test.errors[i] > 0) {
      ratios.push_back(bounds[i] / test.errors[i]);
    }
  }
  std::sort(ratios.begin(), ratios.end());
  if (bounds.size() > 0) {
    result.holds = holds / static_cast<double>(bounds.size());
    result.median_ratio = quantile(ratios, 0.5);
  }
  return result;
}

Status check_options(const FitOptions& options) {
  for (const double level : {options.interval_level, options.bound_level}) {
    if (!(level > 0 && level < 1)) {
      return fail(ErrorCode::kInvalidArgument, "level {} is not between 0 and 1", level)
          .hint("for example --level 0.9 --bound-level 0.99");
    }
  }
  return {};
}

Json points_to_json(const FitPoints& points) {
  return {{"measured", points.measured}, {"predicted", points.predicted}};
}

Json alternative_to_json(const Alternative& alternative, bool chosen) {
  return {{"name", alternative.name},
          {"chosen", chosen},
          {"description", alternative.description},
          {"degree", alternative.terms.degree()},
          {"exponent", alternative.terms.exponent},
          {"terms", alternative.terms.terms.size()},
          {"underdetermined", alternative.underdetermined},
          {"cross_validation", to_json(alternative.cross_validation)},
          {"train", to_json(alternative.train)},
          {"test", to_json(alternative.test)},
          {"points",
           {{"train", points_to_json(alternative.train_points)},
            {"test", points_to_json(alternative.test_points)}}}};
}

}  // namespace

Result<FitReport> fit(const Observations& observations, const FitOptions& options,
                      Monitor& monitor) {
  TESSERA_CHECK(check_options(options));
  TESSERA_TRY(const auto split, split_rows(observations.rows.size(), options));
  const auto train = make_sample(observations, split.train);
  const auto test = make_sample(observations, split.test);
  warn_about_layers(observations, train, monitor);

  FitReport report;
  report.train = static_cast<std::int64_t>(split.train.size());
  report.test = static_cast<std::int64_t>(split.test.size());
  const auto learners = make_learners(train, monitor);
  const auto steps = static_cast<std::int64_t>(learners.size()) + 1;
  std::vector<VectorXd> left_out(learners.size());
  for (std::size_t i = 0; i < learners.size(); ++i) {
    TESSERA_CHECK(monitor.check());
    monitor.progress("fit", static_cast<std::int64_t>(i), steps);
    report.alternatives.push_back(evaluate(learners[i], train, test, left_out[i]));
  }
  TESSERA_TRY(report.chosen, choose(report.alternatives, options, report.why));
  monitor.progress("fit", steps - 1, steps);

  const auto& chosen = report.alternatives[report.chosen];
  auto& model = report.model;
  model.network = observations.model;
  model.layers = observations.layers;
  model.kind = chosen.name;
  model.terms = chosen.terms;
  model.intervals = make_intervals(left_out[report.chosen], train.errors, options.interval_level);
  auto bounds = make_bounds(train, options.bound_pairs, options.bound_level);
  model.bounds = std::move(bounds.bounds);
  model.chosen_bound = bounds.chosen;
  model.sqnr_offset_db = sqnr_offset(observations, monitor);
  report.interval_coverage = coverage(model, observations, split.test);
  for (const auto& bound : model.bounds) {
    report.bounds.push_back(test_bound(bound, test));
  }
  monitor.progress("fit", steps, steps);
  return report;
}

Json to_json(const FitReport& report) {
  Json json = to_json(report.model);
  const auto& chosen = report.alternatives[report.chosen];
  json["model"]["description"] = chosen.description;
  json["why"] = report.why;
  json["train"] = to_json(chosen.train);
  json["test"] = to_json(chosen.test);
  json["cross_validation"] = to_json(chosen.cross_validation);
  json["intervals"]["test_coverage"] = finite_or_null(report.interval_coverage);
  const auto describe = [&](Json& bound, const BoundTest& tested) {
    bound["test_holds"] = finite_or_null(tested.holds);
    bound["test_median_ratio"] = finite_or_null(tested.median_ratio);
  };
  for (std::size_t i = 0; i < report.bounds.size(); ++i) {
    describe(json["bounds"][i], report.bounds[i]);
  }
  describe(json["bound"], report.bounds[report.model.chosen_bound]);
  json["alternatives"] = Json::array();
  for (std::size_t i = 0; i < report.alternatives.size(); ++i) {
    json["alternatives"].push_back(alternative_to_json(report.alternatives[i], i == report.chosen));
  }
  return json;
}

}  // namespace tessera::noise
