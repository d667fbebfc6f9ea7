// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "optimize/mixer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "tessera/core/timing.h"
#include "tessera/quantize/keep.h"

namespace tessera::optimize {
namespace {

using profile::States;

/// Shares of the time that is left.
constexpr double kStudyShare = 0.4;
constexpr double kNoiseShare = 0.15;
/// Error of a layer alone needs no more: proposals are measured on all samples.
constexpr std::int64_t kNoiseSamples = 2;
constexpr std::size_t kProposals = 6;
constexpr std::size_t kLearned = 3;

/// Counted by type, not by MACs: those are unknown where extents are symbolic.
bool multiplies(const profile::Unit& unit) {
  return unit.type == "Conv" || unit.type == "ConvTranspose" || unit.type == "Gemm" ||
         unit.type == "MatMul" || unit.type == "LSTM" || unit.type == "Attention";
}

/// Plans of the study for a time: each is built, opened and run a few times.
struct Plans {
  std::int64_t training = 44;
  std::int64_t calibration = 8;
  std::int64_t validation = 12;
};
/// None if the time is not worth beginning.
std::optional<Plans> plans_for(double budget_us, double prepare_us) {
  constexpr double kUniformModels = 8;
  const Plans all;
  const Plans least{.training = 10, .calibration = 4, .validation = 6};
  const auto cost = [&](const Plans& plans) {
    return prepare_us * (kUniformModels + static_cast<double>(plans.training + plans.calibration +
                                                              plans.validation));
  };
  if (cost(all) <= budget_us) {
    return all;
  }
  if (cost(least) > budget_us) {
    return std::nullopt;
  }
  const double share = (budget_us - cost(least)) / (cost(all) - cost(least));
  const auto between = [&](std::int64_t few, std::int64_t many) {
    return few + static_cast<std::int64_t>(share * static_cast<double>(many - few));
  };
  return Plans{between(least.training, all.training), between(least.calibration, all.calibration),
               between(least.validation, all.validation)};
}

/// Noise power over signal power.
double noise_of(const evaluate::Accuracy& accuracy) {
  const auto sqnr_db = accuracy.overall.sqnr_db;
  return std::isfinite(sqnr_db) ? std::pow(10, -sqnr_db / 10) : 0;
}

}  // namespace

Result<OptimizeResult::Mixing> Mixer::open(const network::Network& model,
                                           const data::SampleSet& samples,
                                           const calibrate::Ranges& ranges,
                                           std::shared_ptr<const runtime::Library> library,
                                           double left_us) {
  const auto plans = plans_for(kStudyShare * left_us, prepare_us_);
  if (!plans) {
    return fail(ErrorCode::kDeadlineExceeded, "the time budget");
  }
  for (const auto& name : base_.dynamic) {
    if (const auto op = lab_.graph().find_op(name)) {
      others_.emplace_back(*op, base_.assignment[op->value]);
    }
  }
  const profile::ProfileOptions options{.scheme = scheme_,
                                        .others = others_,
                                        .requantize = options_.requantize,
                                        .selection = options_.selection,
                                        .session = options_.session,
                                        .training_plans = plans->training,
                                        .calibration_plans = plans->calibration,
                                        .validation_plans = plans->validation,
                                        .isolated = false,
                                        .machine = false,
                                        .budget_us = kStudyShare * left_us,
                                        .memory_bytes = options_.memory_bytes,
                                        .seed = options_.seed};
  TESSERA_TRY(auto study,
              profile::Study::open(model, samples, ranges, std::move(library), options, monitor_));
  TESSERA_TRY(const auto profile, study.measure());
  TESSERA_CHECK(monitor_.check());  // what it has of an interrupted study is not enough
  study_.emplace(std::move(study));
  TESSERA_CHECK(measure_noise(kNoiseShare * left_us));
  return OptimizeResult::Mixing{.scheme = quantize::to_string(scheme_),
                                .validation = profile.validation};
}

Status Mixer::measure_noise(double budget_us) {
  const auto& units = study_->units();
  noise_.assign(units.size(), 0);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units.units[i].quantizable && multiplies(units.units[i])) {
      order.push_back(i);
      noise_[i] = std::numeric_limits<double>::quiet_NaN();  // not known yet
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return units.units[a].macs > units.units[b].macs; });
  const auto clock = steady_clock_us();
  const double start = clock();
  std::vector<double> known;
  for (const auto unit : order) {
    if (clock() - start > budget_us) {
      cut_off_ =
          fmt::format("error of {} of {} single layers", order.size() - known.size(), order.size());
      break;
    }
    monitor_.progress("error of single layers", static_cast<std::int64_t>(known.size()),
                      static_cast<std::int64_t>(order.size()));
    States states(units.size(), false);
    states[unit] = true;
    const auto noise = noise_alone(states);
    TESSERA_CHECK(monitor_.check());
    // A layer that does not run alone is taken for one like the others.
    noise_[unit] = noise.value_or(std::numeric_limits<double>::quiet_NaN());
    if (noise) {
      known.push_back(*noise);
    }
  }
  if (known.empty()) {
    noise_.assign(units.size(), 0);
    return {};
  }
  std::sort(known.begin(), known.end());
  for (const auto unit : order) {
    if (std::isnan(noise_[unit])) {
      noise_[unit] = quantile(known, 0.5);
    }
  }
  return {};
}

Result<double> Mixer::noise_alone(const States& states) {
  TESSERA_TRY(const auto built, lab_.build(assignment_of(states), quiet_));
  TESSERA_TRY(const auto accuracy, lab_.error_of(built, kNoiseSamples, quiet_));
  return noise_of(accuracy);
}

std::vector<quantize::Scheme> Mixer::assignment_of(const States& states) const {
  const auto& units = study_->units();
  auto assignment = profile::assignment_of(units, states, scheme_);
  for (const auto& [op, scheme] : others_) {
    if (states[units.of_op[op.value]]) {
      assignment[op.value] = scheme;
    }
  }
  if (!options_.requantize) {
    quantize::keep_quantized(lab_.graph(), assignment);
  }
  return assignment;
}

Result<std::vector<Candidate>> Mixer::propose() {
  const auto& units = study_->units();
  const auto& model = study_->model();
  States all(units.size(), false);
  for (std::size_t i = 0; i < units.size(); ++i) {
    all[i] = units.units[i].quantizable;
  }
  seen_.insert(all);
  seen_.insert(States(units.size(), false));
  const double total_noise = std::accumulate(noise_.begin(), noise_.end(), 0.0);
  const double all_us = model.predict(units, all).us;
  // What the error of the all-integer model may be worth, in shares of its time.
  constexpr double kPrices[] = {0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2};
  std::vector<std::pair<double, States>> found;
  for (const double price : kPrices) {
    TESSERA_CHECK(monitor_.check());
    profile::Penalty penalty;
    if (total_noise > 0 && price > 0) {
      penalty = {noise_, price * all_us / total_noise};
    }
    auto states = profile::fastest_states(model, units, {}, penalty);
    if (seen_.insert(states).second) {
      found.emplace_back(model.predict(units, states).us, std::move(states));
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<Candidate> proposals;
  for (const auto& [us, states] : found) {
    if (proposals.size() < kProposals) {
      proposals.push_back(candidate_of(states));
      proposals.back().predicted_us = us;
    }
  }
  return proposals;
}

Candidate Mixer::candidate_of(const States& states) const {
  const auto& units = study_->units();
  Candidate candidate;
  candidate.row.scheme = scheme_;
  candidate.searched = true;
  candidate.dynamic = base_.dynamic;
  candidate.assignment = assignment_of(states);
  quantize::Rule floats;
  floats.scheme.mode = quantize::Mode::kFloat32;
  std::int64_t integers = 0;
  std::int64_t layers = 0;
  for (std::size_t i = 0; i < units.size(); ++i) {
    layers += units.units[i].quantizable ? 1 : 0;
    integers += states[i] ? 1 : 0;
    for (const auto op : units.units[i].ops) {
      if (!states[i]) {
        floats.match.push_back(lab_.graph().op(op).name);
      }
    }
  }
  candidate.row.operators = fmt::format("mixed: {} of {} layers", integers, layers);
  candidate.recipe = base_.recipe.rules.empty() ? quantize::uniform_recipe(scheme_) : base_.recipe;
  candidate.recipe.rules.push_back(std::move(floats));
  return candidate;
}

Status Mixer::learn(std::span<const Candidate> proposals) {
  std::vector<const Candidate*> order;
  for (const auto& proposal : proposals) {
    if (proposal.row.speedup.rounds > 0) {
      order.push_back(&proposal);
    }
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->row.speedup.median > b->row.speedup.median;
  });
  const auto& units = study_->units();
  for (std::size_t i = 0; i < std::min(order.size(), kLearned); ++i) {
    States states(units.size(), false);
    for (std::size_t op = 0; op < units.of_op.size(); ++op) {
      if (order[i]->assignment[op].mode != quantize::Mode::kFloat32) {
        states[units.of_op[op]] = true;
      }
    }
    TESSERA_CHECK(study_->learn(states));
  }
  return {};
}

}  // namespace tessera::optimize
