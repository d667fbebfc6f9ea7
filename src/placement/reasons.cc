// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/reasons.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "placement/error_row.h"
#include "placement/limit_figures.h"
#include "placement/words.h"

namespace tessera::placement {
namespace {

/// Of a value that crosses: what its form does to the error is not known.
bool is_unknown(const cluster::Cluster& cluster, const std::string& wire) {
  for (const auto& codec : cluster.codecs) {
    if (codec.name == wire) {
      return codec.sqnr_db.has_value();
    }
  }
  return wire != "float32";
}

}  // namespace

std::string_view unit_of(Objective objective) noexcept {
  return objective == Objective::kEnergy ? "J" : "us";
}

Standing standing_of(const Solved& solved) noexcept {
  if (solved.solution.outcome == plan::Outcome::kInfeasible) {
    return Standing::kInfeasible;
  }
  if (!solved.solution.assignment) {
    return Standing::kUnknown;
  }
  return solved.solution.outcome == plan::Outcome::kInterrupted ? Standing::kFeasible
                                                                : Standing::kOptimal;
}

std::string why_no_plan(const Setting& setting, const Goal& asked, const Solved& solved) {
  const auto& solution = solved.solution;
  if (solution.outcome != plan::Outcome::kInfeasible) {
    return "not known: no plan was found that keeps the limits, and none was ruled out";
  }
  if (solution.bound_ns >= solved.instance.never) {
    return "there is no way for some value";
  }
  std::vector<std::string> limits;
  for (const auto& conflict : conflicts_of(setting, asked, solved)) {
    limits.push_back(fmt::format("{} of {} at least, where {} are allowed", conflict.name,
                                 in_words(conflict.least, conflict.unit),
                                 in_words(conflict.bound, conflict.unit)));
  }
  return limits.empty() ? "no plan keeps the limits together"
                        : fmt::format("it would take {}", fmt::join(limits, ", "));
}

std::string why_idle(const Planner& planner, const Goal& goal, const Solved& solved,
                     std::size_t k) {
  const auto there =
      planner.keeping([k](std::size_t, const Place& place) { return place.machine == k; });
  // Halving stages takes long; of one machine its own is what counts.
  const auto alone =
      goal.objective == Objective::kThroughput ? there.solve_once(goal) : there.solve(goal);
  if (!alone) {
    const auto& error = alone.error();
    if (error.code == ErrorCode::kFailedPrecondition) {
      return "it cannot run the whole model alone: " + error.message +
             ", and parts of it there do not pay";
    }
    return error.code == ErrorCode::kCancelled
               ? "not known: stopped before it was looked into"
               : "not known: looking into it failed: " + error.message;
  }
  const bool proven = standing_of(solved) == Standing::kOptimal;
  if (!alone->solution.assignment) {
    return "the whole model there: " + why_no_plan(planner.setting(), goal, *alone);
  }
  if (const auto why =
          planner.broken_limit(goal, alone->instance, *alone->account, *alone->solution.assignment);
      !why.empty()) {
    return "the whole model there breaks a limit: " + why;
  }
  const auto more = alone->account->objective - solved.account->objective;
  if (more < 0) {
    return fmt::format("everything there would take {} less: the plan is not the best there is",
                       in_words(-more, unit_of(goal.objective)));
  }
  return fmt::format("everything there would take {} more{}",
                     in_words(more, unit_of(goal.objective)),
                     proven ? ", and no part of the model there saves what it costs" : "");
}

std::string why_no_error(const Setting& setting, const Solved& solved) {
  if (solved.account->error) {
    return {};
  }
  if (setting.error_model == nullptr) {
    return "no error model was given (--error-model)";
  }
  const auto& instance = solved.instance;
  const ErrorRow row(setting, instance);
  std::map<std::string, int> unknown;
  for (std::size_t i = 0; i < instance.places.size(); ++i) {
    const auto& place = instance.places[i][(*solved.solution.assignment)[i]];
    if (!row.entries_of(i, place)) {
      const auto& site = instance.sites[place.machine];
      ++unknown[site.precisions[place.local.asked()] + " on " + site.machine->name];
    }
  }
  std::vector<std::string> words;
  for (const auto& [what, count] : unknown) {
    words.push_back(fmt::format("{} ({} layers)", what, count));
  }
  if (!words.empty()) {
    return fmt::format(
        "the error model does not know {}; with --max-error only what it knows is "
        "planned with",
        fmt::join(words, ", "));
  }
  for (const auto& cut : solved.account->cuts) {
    if (is_unknown(*setting.cluster, cut.wire_dtype)) {
      return fmt::format("the error model does not know what '{}' loses by crossing as {}",
                         cut.tensor, cut.wire_dtype);
    }
  }
  return "the error model does not know what layers in integers beside layers in float add";
}

std::vector<std::string> missing_precisions(const std::vector<Site>& sites) {
  std::vector<std::string> all;
  for (const auto& site : sites) {
    for (const auto& precision : site.precisions) {
      if (std::ranges::find(all, precision) == all.end()) {
        all.push_back(precision);
      }
    }
  }
  std::vector<std::string> lines;
  for (const auto& site : sites) {
    const auto& wanted = site.machine->precisions;
    for (const auto& precision : all) {
      if (!wanted.empty() && std::ranges::find(wanted, precision) == wanted.end()) {
        continue;
      }
      const auto at = std::ranges::find(site.precisions, precision);
      if (at == site.precisions.end()) {
        lines.push_back(fmt::format("{} on {} is not offered: its profile was measured without it",
                                    precision, site.machine->name));
      } else if (!site.may[static_cast<std::size_t>(at - site.precisions.begin())]) {
        lines.push_back(fmt::format("{} on {} is not offered: its scaling has no factor for it",
                                    precision, site.machine->name));
      }
    }
  }
  return lines;
}

}  // namespace tessera::placement
