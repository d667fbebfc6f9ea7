// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/evidence.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <utility>

#include "profile/forms_json.h"
#include "tessera/core/record.h"
#include "tessera/core/statistics.h"
#include "tessera/core/timing.h"
#include "tessera/profile/search.h"

namespace tessera::profile {
namespace {

/// float32, or integers wherever the first scheme takes a unit.
bool is_uniform(const Units& units, const States& states) {
  return integers_in(states) == 0 || states == uniform_states(units, 1);
}

/// Its time in a race to the sum of its kernels; absent if it was not raced.
std::optional<double> pace_of(const Evidence& evidence, const PlanTimes& plan) {
  const auto race =
      std::find_if(evidence.races.begin(), evidence.races.end(), [&](const auto& one) {
        return one.use == RacedPlan::Use::kCorrection && one.states == plan.states;
      });
  const double us = plan.kernel_us();
  return race != evidence.races.end() && us > 0 ? std::optional(race->us / us) : std::nullopt;
}

std::vector<PlanTimes> plans_as_raced(const Evidence& evidence) {
  auto plans = evidence.plans;
  if (const auto usual = race_pace(evidence)) {
    for (auto& plan : plans) {
      plan.scale_by(pace_of(evidence, plan).value_or(*usual));
    }
  }
  return plans;
}

/// Plans that were both taken apart and raced.
void correct_for_profiler(const Evidence& evidence, LatencyModel& model) {
  const auto traced = plans_as_raced(evidence);
  std::vector<PlanTimes> plans;
  std::vector<double> wholes;
  for (const auto& race : evidence.races) {
    const auto twin = std::find_if(traced.begin(), traced.end(),
                                   [&](const auto& plan) { return plan.states == race.states; });
    if (race.use != RacedPlan::Use::kCorrection || twin == traced.end()) {
      continue;
    }
    // The uniform models count for several: they are what everything is compared with.
    constexpr int kWeight = 5;
    for (int i = 0; i < (is_uniform(evidence.units, race.states) ? kWeight : 1); ++i) {
      plans.push_back(*twin);
      wholes.push_back(race.us);
    }
  }
  fit_overheads(model, plans, wholes);
}

Validation validate(const Evidence& evidence, const LatencyModel& model) {
  Validation validation;
  std::vector<double> errors;
  std::vector<double> isolated_errors;
  std::vector<double> predicted;
  std::vector<double> measured;
  double inside = 0;
  for (const auto& race : evidence.races) {
    if (race.use != RacedPlan::Use::kValidation) {
      continue;
    }
    const auto prediction = model.predict(evidence.units, race.states);
    validation.points.push_back(
        {integers_in(race.states), prediction.us, race.us, race.isolated_us});
    errors.push_back(std::abs(prediction.us / race.us - 1));
    if (race.isolated_us > 0) {
      isolated_errors.push_back(std::abs(race.isolated_us / race.us - 1));
    }
    predicted.push_back(prediction.us);
    measured.push_back(race.us);
    inside += race.us >= prediction.low_us && race.us <= prediction.high_us ? 1 : 0;
  }
  if (errors.empty()) {
    return validation;
  }
  std::sort(errors.begin(), errors.end());
  validation.median_abs_error = quantile(errors, 0.5);
  validation.p95_abs_error = quantile(errors, 0.95);
  validation.spearman = spearman(predicted, measured);
  validation.inside_interval = inside / static_cast<double>(errors.size());
  if (!isolated_errors.empty()) {
    std::sort(isolated_errors.begin(), isolated_errors.end());
    validation.isolated_median_abs_error = quantile(isolated_errors, 0.5);
    validation.isolated_p95_abs_error = quantile(isolated_errors, 0.95);
  }
  return validation;
}

Profile::Fastest fastest_of(const Units& units, const LatencyModel& model) {
  const auto states = fastest_states(model, units);
  Profile::Fastest fastest{.predicted_us = model.predict(units, states).us};
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto& unit = units.units[i];
    if (states[i] != 0) {
      fastest.integer_layers.push_back(unit.name);
    } else if (unit.quantizable()) {
      fastest.float_layers.push_back(unit.name);
    }
    if (states[i] > 1) {
      fastest.further.emplace(unit.name, model.schemes[states[i] - 1U]);
    }
  }
  return fastest;
}

constexpr std::array<const char*, 3> kUses = {"correction", "calibration", "validation"};

Json unit_json(const Unit& unit) {
  return {{"name", unit.name},
          {"type", unit.type},
          {"output_bytes", unit.output_bytes},
          {"producers", unit.producers},
          {"consumers", unit.consumers},
          {"reads_input", unit.reads_input},
          {"makes_output", unit.makes_output},
          {"takes", unit.takes}};
}

/// Negative ones become too large: check() refuses both.
std::vector<std::size_t> indices_from(const Json& json) {
  std::vector<std::size_t> indices;
  for (const auto& index : json) {
    indices.push_back(static_cast<std::size_t>(integer_from(index)));
  }
  return indices;
}

Unit unit_from(const Json& json) {
  Unit unit;
  unit.name = json.at("name").get<std::string>();
  unit.type = json.at("type").get<std::string>();
  unit.output_bytes = integer_from(json.at("output_bytes"));
  unit.producers = indices_from(json.at("producers"));
  unit.consumers = indices_from(json.at("consumers"));
  unit.reads_input = json.at("reads_input").get<bool>();
  unit.makes_output = json.at("makes_output").get<bool>();
  // Documents of a time when there was one scheme have the second.
  unit.takes = json.contains("quantizable") ? std::vector<bool>{json.at("quantizable").get<bool>()}
                                            : json.at("takes").get<std::vector<bool>>();
  return unit;
}

/// Every index and length that later code relies on.
Status check(const Evidence& evidence) {
  const auto count = evidence.units.size();
  const auto inside = [count](std::size_t unit) { return unit < count; };
  const auto schemes = evidence.forms.size() - 1;
  const auto states_fit = [&](const States& states) {
    return states.size() == count &&
           std::all_of(states.begin(), states.end(), [&](auto state) { return state <= schemes; });
  };
  bool fits = true;
  for (const auto& unit : evidence.units.units) {
    fits = fits && std::all_of(unit.producers.begin(), unit.producers.end(), inside) &&
           std::all_of(unit.consumers.begin(), unit.consumers.end(), inside) &&
           unit.takes.size() == schemes;
  }
  for (const auto& plan : evidence.plans) {
    fits = fits && plan.fits(count) && states_fit(plan.states);
  }
  for (const auto& race : evidence.races) {
    fits = fits && states_fit(race.states) && race.us > 0;
  }
  if (!fits) {
    return fail(ErrorCode::kDataLoss, "the plans do not fit the layers");
  }
  return {};
}

double pace_of(const Shard& shard) {
  const auto found = shard.profile.whole.find("fp32");
  return found == shard.profile.whole.end() ? 0 : found->second.latency.median_us;
}

Status check_together(const std::vector<Shard>& shards) {
  const auto& first = shards.front();
  for (std::int64_t index = 0; index < first.count; ++index) {
    const auto given = std::count_if(shards.begin(), shards.end(),
                                     [index](const Shard& shard) { return shard.index == index; });
    if (given != 1) {
      return fail(ErrorCode::kInvalidArgument, "shard {} of {} is {}", index, first.count,
                  given == 0 ? "missing" : "there twice")
          .hint("give every shard of one profile once");
    }
  }
  const auto foreign = std::find_if(shards.begin(), shards.end(), [&](const Shard& shard) {
    return shard.index < 0 || shard.index >= first.count;
  });
  if (foreign != shards.end()) {
    return fail(ErrorCode::kInvalidArgument, "shard {} is none of {}", foreign->index, first.count)
        .hint("give every shard of one profile once");
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const auto& shard = shards[i];
    if (shard.count != first.count) {
      return fail(ErrorCode::kInvalidArgument, "a shard of {} among shards of {}", shard.count,
                  first.count)
          .hint("give every shard of one profile once");
    }
    const auto differs = [&](const char* what, const std::string& a, const std::string& b) {
      return fail(ErrorCode::kInvalidArgument, "shard {} has another {}: '{}', not '{}'", i, what,
                  b, a)
          .hint("figures of different machines or models do not mix: keep a profile of each");
    };
    if (shard.model_sha256 != first.model_sha256) {
      return differs("model", first.model_sha256, shard.model_sha256);
    }
    if (shard.profile.scheme != first.profile.scheme) {
      return differs("scheme", first.profile.scheme, shard.profile.scheme);
    }
    if (shard.evidence.schemes != first.evidence.schemes) {
      return differs("scheme", fmt::format("{}", fmt::join(first.evidence.schemes, ", ")),
                     fmt::format("{}", fmt::join(shard.evidence.schemes, ", ")));
    }
    if (shard.profile.opt_level != first.profile.opt_level) {
      return differs("level", std::string(to_string(first.profile.opt_level)),
                     std::string(to_string(shard.profile.opt_level)));
    }
    if (shard.cpu != first.cpu) {
      return differs("processor", first.cpu, shard.cpu);
    }
    if (shard.runtime != first.runtime) {
      return differs("runtime", first.runtime, shard.runtime);
    }
    if (shard.evidence.units.size() != first.evidence.units.size() || pace_of(shard) <= 0) {
      return fail(ErrorCode::kDataLoss, "shard {} has other layers or no float32 time", i);
    }
  }
  return {};
}

}  // namespace

std::optional<double> race_pace(const Evidence& evidence) {
  const bool sums = std::any_of(evidence.plans.begin(), evidence.plans.end(),
                                [](const PlanTimes& plan) { return !plan.shared.empty(); });
  std::vector<double> paces;
  for (const auto& plan : evidence.plans) {
    if (const auto pace = pace_of(evidence, plan); sums && pace) {
      paces.push_back(*pace);
    }
  }
  if (paces.empty()) {
    return std::nullopt;
  }
  std::sort(paces.begin(), paces.end());
  return quantile(paces, 0.5);
}

Result<LatencyModel> fit_cells(const Evidence& evidence) {
  TESSERA_TRY(auto model, fit_latency(evidence.units, plans_as_raced(evidence), evidence.forms));
  model.schemes = evidence.schemes;
  return model;
}

Status conclude(const Evidence& evidence, Profile& profile) {
  TESSERA_TRY(profile.model, fit_cells(evidence));
  correct_for_profiler(evidence, profile.model);
  std::vector<WholeTime> calibration;
  for (const auto& race : evidence.races) {
    if (race.use == RacedPlan::Use::kCalibration) {
      calibration.push_back({race.states, race.us});
    }
  }
  fit_interval(profile.model, evidence.units, calibration);
  profile.validation = validate(evidence, profile.model);
  profile.fastest = fastest_of(evidence.units, profile.model);
  profile.training_plans = static_cast<std::int64_t>(evidence.plans.size());
  return {};
}

Json to_json(const Evidence& evidence) {
  auto units = Json::array();
  for (const auto& unit : evidence.units.units) {
    units.push_back(unit_json(unit));
  }
  auto plans = Json::array();
  for (const auto& plan : evidence.plans) {
    plans.push_back(to_json(plan));
  }
  auto races = Json::array();
  for (const auto& race : evidence.races) {
    races.push_back({{"use", kUses[static_cast<std::size_t>(race.use)]},
                     {"states", digits_of(race.states)},
                     {"us", race.us},
                     {"isolated_us", race.isolated_us}});
  }
  return {{"schemes", forms_json(evidence.schemes, evidence.forms)},
          {"units", units},
          {"plans", plans},
          {"races", races}};
}

Result<Evidence> evidence_from_json(const Json& json) {
  Evidence evidence;
  try {
    // Documents of a time when there was one scheme have none.
    if (const auto schemes = json.find("schemes"); schemes != json.end()) {
      TESSERA_CHECK(read_forms(*schemes, evidence.schemes, evidence.forms));
    }
    for (const auto& unit : json.at("units")) {
      evidence.units.units.push_back(unit_from(unit));
    }
    for (const auto& plan : json.at("plans")) {
      TESSERA_TRY(auto times, plan_times_from_json(plan));
      evidence.plans.push_back(std::move(times));
    }
    for (const auto& race : json.at("races")) {
      const auto use = std::find(kUses.begin(), kUses.end(), race.at("use").get<std::string>());
      if (use == kUses.end()) {
        return fail(ErrorCode::kDataLoss, "a race of unknown use");
      }
      TESSERA_TRY(auto states, states_from(race.at("states").get<std::string>()));
      evidence.races.push_back({static_cast<RacedPlan::Use>(use - kUses.begin()), std::move(states),
                                race.at("us").get<double>(), race.at("isolated_us").get<double>()});
    }
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "the evidence is damaged: {}", problem.what());
  }
  TESSERA_CHECK(check(evidence));
  return evidence;
}

Json to_json(const Shard& shard) {
  return {{"shard", shard.index},
          {"shards", shard.count},
          {"profile", to_json(shard.profile)},
          {"evidence", to_json(shard.evidence)}};
}

Result<Shard> shard_from_json(const Json& document, std::string_view what) {
  TESSERA_TRY(const auto result, open_envelope(document, "profile-shard", what));
  Shard shard;
  try {
    shard.index = integer_from(result.at("shard"));
    shard.count = integer_from(result.at("shards"));
    shard.model_sha256 = document.at("model").at("sha256").get<std::string>();
    if (const auto context = document.find("context"); context != document.end()) {
      shard.cpu = context->at("cpu").get<std::string>();
      shard.runtime = context->at("runtime").at("name").get<std::string>() + " " +
                      context->at("runtime").at("version").get<std::string>();
    }
    TESSERA_TRY(shard.profile, profile_from_json(result.at("profile")));
    TESSERA_TRY(shard.evidence, evidence_from_json(result.at("evidence")));
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "{}: the shard is damaged: {}", what, problem.what());
  }
  return shard;
}

Result<Profile> merge_shards(std::vector<Shard> shards) {
  if (shards.empty()) {
    return fail(ErrorCode::kInvalidArgument, "there are no shards to merge");
  }
  std::sort(shards.begin(), shards.end(),
            [](const auto& a, const auto& b) { return a.index < b.index; });
  TESSERA_CHECK(check_together(shards));
  auto merged = shards.front().profile;
  const auto& first = shards.front().evidence;
  Evidence all{.units = first.units, .schemes = first.schemes, .forms = first.forms};
  const double pace = pace_of(shards.front());
  merged.wall_us = 0;
  merged.stability = {};
  for (const auto& shard : shards) {
    const double factor = pace / pace_of(shard);
    for (auto plan : shard.evidence.plans) {
      plan.scale_by(factor);
      all.plans.push_back(std::move(plan));
    }
    for (auto race : shard.evidence.races) {
      race.us *= factor;
      race.isolated_us *= factor;
      all.races.push_back(std::move(race));
    }
    merged.wall_us += shard.profile.wall_us;
    const auto& stability = shard.profile.stability;
    merged.stability.runs += stability.runs;
    merged.stability.disturbed_runs += stability.disturbed_runs;
    merged.stability.reference_spread =
        std::max(merged.stability.reference_spread, stability.reference_spread);
    merged.stability.stable = merged.stability.stable && stability.stable;
  }
  TESSERA_CHECK(conclude(all, merged));
  return merged;
}

}  // namespace tessera::profile
