// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "optimize/mixer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include "optimize/rules.h"
#include "tessera/core/timing.h"
#include "tessera/profile/search.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/keep.h"

namespace tessera::optimize {
namespace {

using profile::States;

/// Shares of the time that is left.
constexpr double kStudyShare = 0.4;
constexpr double kNoiseShare = 0.15;
/// Error of a layer alone needs no more: proposals are measured on all samples.
constexpr std::int64_t kNoiseSamples = 4;
constexpr std::size_t kProposals = 6;
constexpr std::size_t kStretches = 40;
constexpr std::size_t kLearned = 3;

/// Plans of the study for a time: each is built, opened and run a few times.
struct Plans {
  std::int64_t training = 44;
  std::int64_t calibration = 8;
  std::int64_t validation = 8;
  /// Under the profiler. What one plan's clock hides, the other plans show.
  std::int64_t runs = 5;
  std::int64_t rounds = 16;
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

constexpr double kEndless = std::numeric_limits<double>::infinity();

/// The settings that turn one switch each, to each of its schemes.
std::vector<noise::Setting> one_at_a_time(const std::vector<noise::Switch>& switches) {
  std::vector<noise::Setting> settings;
  for (std::size_t i = 0; i < switches.size(); ++i) {
    for (std::size_t k = 1; k <= switches[i].schemes.size(); ++k) {
      settings.emplace_back(switches.size(), 0)[i] = static_cast<std::uint8_t>(k);
    }
  }
  return settings;
}

bool is_given_up(const States& mix) {
  return profile::integers_in(mix) == 0;
}

/// Of noise that was summed over outputs and samples: over the signal's, the median where a layer
/// showed none that can be told.
std::vector<double> relative(const std::vector<ErrorSums>& sums) {
  std::vector<double> known;
  for (const auto& sum : sums) {
    if (sum.signal > 0 && std::isfinite(sum.noise)) {
      known.push_back(sum.noise / sum.signal);
    }
  }
  std::sort(known.begin(), known.end());
  const double median = known.empty() ? 0 : quantile(known, 0.5);
  std::vector<double> noise;
  for (const auto& sum : sums) {
    noise.push_back(sum.signal > 0 && std::isfinite(sum.noise) ? sum.noise / sum.signal : median);
  }
  return noise;
}

}  // namespace

std::vector<States> without_noisiest(const States& all, std::span<const double> noise,
                                     std::size_t most, std::uint8_t instead,
                                     const std::vector<bool>& may) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] != 0 && noise[i] > 0 && (may.empty() || may[i])) {
      order.push_back(i);
    }
  }
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return noise[a] > noise[b]; });
  std::vector<States> mixes;
  std::size_t before = 0;
  for (std::size_t i = 1; i <= most; ++i) {
    // Few at first: most of the noise comes of a few layers.
    const double share = static_cast<double>(i * i) / static_cast<double>((most + 1) * (most + 1));
    const auto count = std::max(
        before + 1, static_cast<std::size_t>(share * static_cast<double>(order.size()) + 0.5));
    if (count > order.size()) {
      break;
    }
    auto states = all;
    for (std::size_t k = 0; k < count; ++k) {
      states[order[k]] = instead;
    }
    before = count;
    if (!is_given_up(states)) {
      mixes.push_back(std::move(states));
    }
  }
  return mixes;
}

Mixer::Mixer(const MixerSetup& setup, const Candidate& base,
             const std::vector<quantize::Scheme>& further, Monitor& monitor)
    : setup_(setup),
      base_(base),
      schemes_{base.row.scheme},
      monitor_(monitor),
      quiet_(monitor),
      layers_seen_(runtime::short_provider_name(setup.options.session.provider) == "cpu") {
  schemes_.insert(schemes_.end(), further.begin(), further.end());
  const auto* combined = std::get_if<Combined>(&base_.making);
  for (const auto& name : combined != nullptr ? combined->dynamic : std::vector<std::string>()) {
    if (const auto op = setup_.lab.graph().find_op(name)) {
      others_.emplace_back(*op, base_.assignment[*op]);
    }
  }
}

Result<profile::ProfileOptions> Mixer::study_options(double budget_us) const {
  const auto plans = plans_for(budget_us, setup_.prepare_us);
  if (!plans && layers_seen_) {
    return fail(ErrorCode::kDeadlineExceeded, "the time budget");
  }
  const auto& options = setup_.options;
  return profile::ProfileOptions{.scheme = schemes_.front(),
                                 .others = others_,
                                 .requantize = options.requantize,
                                 .further = {schemes_.begin() + 1, schemes_.end()},
                                 .selection = options.selection,
                                 .session = options.session,
                                 .training_plans = plans ? plans->training : 0,
                                 .calibration_plans = plans ? plans->calibration : 0,
                                 .validation_plans = plans ? plans->validation : 0,
                                 .runs = Plans().runs,
                                 .rounds = Plans().rounds,
                                 .isolated = false,
                                 .machine = false,
                                 .budget_us = budget_us,
                                 .memory_bytes = options.memory_bytes,
                                 .seed = options.seed};
}

Result<OptimizeResult::Mixing> Mixer::open(double left_us) {
  TESSERA_TRY(const auto options, study_options(kStudyShare * left_us));
  OptimizeResult::Mixing mixing{.scheme = quantize::to_string(schemes_.front())};
  if (layers_seen_) {
    TESSERA_TRY(auto study, profile::Study::in(setup_.lab, options, monitor_));
    TESSERA_TRY(const auto profile, study.measure());
    TESSERA_CHECK(monitor_.check());  // what it has of an interrupted study is not enough
    mixing.validation = profile.validation;
    schemes_.resize(1);  // some of the others may not run
    schemes_.insert(schemes_.end(), profile.further_schemes.begin(), profile.further_schemes.end());
    units_ = study.units();
    study_.emplace(std::move(study));
  } else {
    TESSERA_TRY(auto found, profile::find_units(setup_.lab, setup_.lab.graph(), options, monitor_));
    units_ = std::move(found.units);
  }
  all_ = profile::uniform_states(units_, 1);
  seen_ = {profile::digits_of(States(units_.size(), 0))};
  for (std::size_t scheme = 1; scheme <= schemes_.size(); ++scheme) {
    seen_.insert(profile::digits_of(profile::uniform_states(units_, scheme)));
    if (scheme > 1) {
      mixing.further.push_back(quantize::to_string(schemes_[scheme - 1]));
    }
  }
  TESSERA_CHECK(measure_noise(kNoiseShare * left_us));
  return mixing;
}

Mixer::Alone Mixer::layers_alone() const {
  Alone alone;
  const auto base = assignment_of(all_);
  for (std::size_t i = 0; i < units_.size(); ++i) {
    const auto& unit = units_.units[i];
    const auto& op = setup_.lab.graph().op(unit.worker);
    // Told by kind, not by MACs: those are unknown where extents are symbolic.
    if (!graph::is_sum_of_products(op.kind)) {
      continue;
    }
    noise::Switch one{op.name, {}};
    std::vector<std::size_t> states;
    for (std::size_t state = 1; state <= schemes_.size(); ++state) {
      const auto& scheme = state == 1 ? base[unit.worker.value] : schemes_[state - 1];
      if (unit.takes[state - 1] && scheme.mode != quantize::Mode::kFloat32) {
        one.schemes.push_back(scheme);
        states.push_back(state);
      }
    }
    if (!states.empty()) {
      alone.switches.push_back(std::move(one));
      alone.units.push_back(i);
      alone.states.push_back(std::move(states));
    }
  }
  return alone;
}

/// On the CPU whatever the provider: it is the numbers' error, not the machine's.
Status Mixer::measure_noise(double budget_us) {
  noise_.assign(schemes_.size(), std::vector<double>(units_.size(), 0));
  const auto alone = layers_alone();
  if (alone.switches.empty()) {
    return {};
  }
  const auto& given = setup_.lab.setup();
  const noise::SwitchableSetup setup{.model = given.model,
                                     .library = given.library,
                                     .session = {.threads = given.session.threads},
                                     .ranges = given.ranges,
                                     .switches = alone.switches};
  const auto clock = steady_clock_us();
  const double start = clock();
  auto model = noise::SwitchableModel::open(setup, quiet_);
  TESSERA_CHECK(monitor_.check());
  if (!model) {
    cut_off_ = "error of single layers: " + model.error().message;
    return {};
  }
  const auto settings = one_at_a_time(alone.switches);
  const auto count = std::min(given.samples->size(), kNoiseSamples);
  std::vector<ErrorSums> sums(settings.size());
  for (std::int64_t i = 0; i < count && (i == 0 || clock() - start < budget_us); ++i) {
    monitor_.progress("error of single layers", i, count);
    TESSERA_TRY(const auto sample, given.samples->load(i * given.samples->size() / count));
    TESSERA_CHECK(model->measure(
        sample, settings,
        [&](std::size_t index, const noise::SettingResult& result) -> Status {
          for (const auto& output : result.outputs) {
            sums[index].noise += output.noise;
            sums[index].signal += output.signal;
          }
          return {};
        },
        monitor_));
  }
  const auto added = relative(sums);
  std::size_t setting = 0;
  for (std::size_t i = 0; i < alone.switches.size(); ++i) {
    for (const auto state : alone.states[i]) {
      noise_[state - 1][alone.units[i]] = added[setting++];
    }
  }
  if (needs_library(base_)) {
    TESSERA_CHECK(measure_stretches(start + budget_us));
  }
  note_noise(all_, base_.row);
  return {};
}

/// A lookup rounds once what stands between two layers, and scales per channel go from one layer to
/// the next: layers side by side add less than each alone. What stretches of them add is measured
/// of models with nothing else in integers.
Status Mixer::measure_stretches(double until_us) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if (all_[i] != 0 && noise_.front()[i] > 0) {
      order.push_back(i);
    }
  }
  const auto clock = steady_clock_us();
  const std::size_t stretches = std::min(kStretches, order.size());
  for (std::size_t k = 0; k < stretches; ++k) {
    if (clock() >= until_us) {
      cut_off_ = fmt::format("error of {} of {} stretches of layers", stretches - k, stretches);
      return {};
    }
    monitor_.progress("error of stretches", static_cast<std::int64_t>(k),
                      static_cast<std::int64_t>(stretches));
    const std::size_t first = k * order.size() / stretches;
    const std::size_t end = (k + 1) * order.size() / stretches;
    auto states = all_;
    std::fill(states.begin(), states.end(), 0);
    const std::size_t from = k == 0 ? 0 : order[first];
    const std::size_t to = end < order.size() ? order[end] : all_.size();
    std::copy(all_.begin() + static_cast<std::ptrdiff_t>(from),
              all_.begin() + static_cast<std::ptrdiff_t>(to),
              states.begin() + static_cast<std::ptrdiff_t>(from));
    TESSERA_TRY(const auto noise, noise_of(states));
    const double summed = profile::penalty_of(states, noise_);
    if (!noise || summed <= 0) {
      continue;
    }
    for (std::size_t i = first; i < end; ++i) {
      noise_.front()[order[i]] *= *noise / summed;
    }
  }
  return {};
}

/// Of the outputs, over their signal; none if such a model does not run.
Result<std::optional<double>> Mixer::noise_of(const States& states) {
  const auto built = setup_.lab.build(assignment_of(states), quiet_);
  TESSERA_CHECK(monitor_.check());
  if (!built) {
    return std::nullopt;
  }
  evaluate::Measurement row;
  row.scheme = schemes_.front();
  TESSERA_CHECK(setup_.lab.prepare(*built, row, quiet_, kNoiseSamples).map([](const auto&) {}));
  const double relative = row.accuracy ? row.accuracy->overall.relative_l2 : kEndless;
  return std::isfinite(relative) ? std::optional(relative * relative) : std::nullopt;
}

quantize::Assignment Mixer::assignment_of(const States& states) const {
  auto assignment = profile::assignment_of(units_, states, schemes_);
  for (const auto& [op, scheme] : others_) {
    if (states[units_.of_op[op.value]] == 1) {
      assignment[op] = scheme;
    }
  }
  if (!setup_.options.requantize) {
    quantize::keep_quantized(setup_.lab.graph(), assignment);
  }
  return assignment;
}

void Mixer::note_noise(const States& states, const evaluate::Measurement& row) {
  const double summed = profile::penalty_of(states, noise_);
  const double relative = row.accuracy ? row.accuracy->overall.relative_l2 : 0;
  if (summed > 0 && relative > 0 && std::isfinite(relative)) {
    measured_.emplace_back(relative * relative, summed);
  }
}

double Mixer::most_noise(const Limits& limits) const {
  double most = limits.min_sqnr_db ? std::pow(10, -*limits.min_sqnr_db / 10) : kEndless;
  const auto& base = base_.row.accuracy;
  if (limits.max_error && base && base->overall.l2_per_element > 0) {
    const double relative =
        *limits.max_error / base->overall.l2_per_element * base->overall.relative_l2;
    most = std::min(most, relative * relative);
  }
  // Layers' noise does not quite add up: as that of the nearest model did.
  const auto nearest = std::ranges::min_element(
      measured_, {}, [&](const auto& one) { return std::abs(std::log(one.first / most)); });
  return nearest == measured_.end() || most == kEndless ? most
                                                        : most * nearest->second / nearest->first;
}

std::vector<Mixer::Proposal> Mixer::by_price(double most_noise) {
  const auto& model = study_->model();
  const double total_noise = profile::penalty_of(all_, noise_);
  const double all_us = model.predict(units_, all_).us;
  std::vector<Proposal> found;
  // Refining takes the rest, where it is done.
  const bool refines = setup_.options.limits.any() && setup_.options.calibration != nullptr;
  const double near = (refines ? std::pow(10, kRefiningDb / 10) : 1) * most_noise;
  const auto add = [&](States states) {
    const bool misses = profile::penalty_of(states, noise_) > near;
    found.push_back({model.predict(units_, states).us, std::move(states), misses});
  };
  // What the error of the all-integer model may be worth, in shares of its time.
  constexpr double kPrices[] = {0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2};
  for (const double price : kPrices) {
    profile::Penalty penalty;
    if (total_noise > 0 && price > 0) {
      penalty = {noise_, price * all_us / total_noise};
    }
    add(profile::fastest_states(model, units_, {}, penalty));
    if (monitor_.cancelled()) {
      return found;
    }
  }
  // Layers' noise does not quite add up: one with something to spare.
  constexpr double kSparing = 0.7;
  for (const double noise :
       {near, std::sqrt(near * most_noise), most_noise, kSparing * most_noise}) {
    if (std::isfinite(most_noise) && total_noise > 0) {
      add(profile::fastest_within(model, units_, noise_, noise));
    }
  }
  return found;
}

std::vector<Mixer::Proposal> Mixer::by_noise() {
  std::vector<std::vector<States>> ways{without_noisiest(all_, noise_.front(), kProposals)};
  for (std::size_t state = 2; state <= schemes_.size(); ++state) {
    std::vector<bool> closer(units_.size());
    for (std::size_t i = 0; i < units_.size(); ++i) {
      closer[i] = units_.units[i].takes[state - 1] && noise_[state - 1][i] < noise_.front()[i];
    }
    ways.push_back(without_noisiest(all_, noise_.front(), kProposals,
                                    static_cast<std::uint8_t>(state), closer));
  }
  // In turns: which way is the fastest is not known.
  std::vector<Proposal> found;
  for (std::size_t i = 0; i < kProposals; ++i) {
    for (auto& way : ways) {
      if (i < way.size()) {
        found.push_back({std::nullopt, std::move(way[i])});
      }
    }
  }
  return found;
}

Result<std::vector<Candidate>> Mixer::propose(const Limits& limits) {
  auto found = layers_seen_ ? by_price(most_noise(limits)) : by_noise();
  TESSERA_CHECK(monitor_.check());
  std::stable_sort(found.begin(), found.end(), [](const Proposal& a, const Proposal& b) {
    return std::tuple(a.misses, a.us) < std::tuple(b.misses, b.us);
  });
  std::vector<Candidate> proposals;
  for (const auto& one : found) {
    if (proposals.size() < kProposals && seen_.insert(profile::digits_of(one.states)).second) {
      proposals.push_back(candidate_of(one.states));
      proposals.back().predicted_us = one.us;
    }
  }
  return proposals;
}

Candidate Mixer::candidate_of(const States& states) const {
  const auto& units = units_;
  Candidate candidate;
  candidate.row.scheme = schemes_.front();
  candidate.making = Mixed();
  candidate.assignment = assignment_of(states);
  std::vector<quantize::Rule> rules(1 + schemes_.size());  // by state
  std::vector<std::int64_t> counts(rules.size(), 0);
  std::int64_t layers = 0;
  for (std::size_t i = 0; i < units.size(); ++i) {
    layers += units.units[i].quantizable() ? 1 : 0;
    ++counts[states[i]];
    for (const auto op : units.units[i].ops) {
      rules[states[i]].match.push_back(setup_.lab.graph().op(op).name);
    }
  }
  candidate.row.operators =
      fmt::format("mixed: {} of {} layers", profile::integers_in(states), layers);
  candidate.recipe =
      base_.recipe.rules.empty() ? setup_.lab.recipe(schemes_.front()) : base_.recipe;
  for (std::size_t state = 2; state < rules.size(); ++state) {
    if (counts[state] > 0) {
      candidate.row.operators +=
          fmt::format(", {} {}", counts[state], quantize::to_string(schemes_[state - 1]));
      rules[state].scheme = schemes_[state - 1];
      candidate.recipe.rules.push_back(std::move(rules[state]));
    }
  }
  rules.front().scheme = quantize::float32_scheme();
  candidate.recipe.rules.push_back(std::move(rules.front()));
  return candidate;
}

States Mixer::states_of(const quantize::Assignment& assignment) const {
  States states(units_.size(), 0);
  for (std::size_t op = 0; op < units_.of_op.size(); ++op) {
    if (assignment[op].mode == quantize::Mode::kFloat32) {
      continue;
    }
    // A dynamic layer of the base is in the base's state, too.
    const auto further = std::find(schemes_.begin() + 1, schemes_.end(), assignment[op]);
    states[units_.of_op[op]] =
        static_cast<std::uint8_t>(further == schemes_.end() ? 1 : 1 + (further - schemes_.begin()));
  }
  return states;
}

Status Mixer::learn(std::span<const Candidate> proposals) {
  if (!study_) {
    return {};
  }
  std::vector<const Candidate*> order;
  for (const auto& proposal : proposals) {
    note_noise(states_of(proposal.assignment), proposal.row);
    if (proposal.row.speedup.rounds > 0) {
      order.push_back(&proposal);
    }
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->row.speedup.median > b->row.speedup.median;
  });
  for (std::size_t i = 0; i < std::min(order.size(), kLearned); ++i) {
    TESSERA_CHECK(study_->learn(states_of(order[i]->assignment)));
  }
  return {};
}

}  // namespace tessera::optimize
