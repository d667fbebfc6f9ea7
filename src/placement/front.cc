// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/front.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "placement/words.h"

namespace tessera::placement {
namespace {

bool is_by_error(const PlanOptions& options) {
  return options.against == PlanOptions::Against::kError;
}

/// More than any plan's error: every term, and every value rounded for the way besides.
double beyond_any_error(const noise::ErrorModel& model) {
  constexpr double kMargin = 100;
  const auto& terms = model.bounds[model.chosen_bound].model;
  double sum = 0;
  for (const auto& term : terms.terms) {
    sum += std::abs(term.coefficient);
  }
  return sum > 0 ? terms.error_of(kMargin * sum) : 1;
}

ParetoPoint point_of(const Solved& one) {
  ParetoPoint point{
      one.account->latency_us, one.account->error, one.account->energy_j, one.bound, {}};
  std::map<std::string, std::int64_t> counts;
  for (std::size_t i = 0; i < one.instance.places.size(); ++i) {
    const auto& place = one.instance.places[i][(*one.solution.assignment)[i]];
    const auto& site = one.instance.sites[place.machine];
    ++counts[site.machine->name + " " + site.precisions[place.local.state]];
  }
  point.layers_by_precision.assign(counts.begin(), counts.end());
  return point;
}

/// What another point is at least as good in is not on the front.
std::vector<ParetoPoint> best_of(const std::vector<ParetoPoint>& points, bool by_error) {
  const auto value = [&](const ParetoPoint& point) {
    return (by_error ? point.error : point.energy_j).value_or(0);
  };
  std::vector<ParetoPoint> kept;
  for (const auto& point : points) {
    const bool beaten = std::ranges::any_of(points, [&](const auto& other) {
      return other.latency_us <= point.latency_us && value(other) <= value(point) &&
             (other.latency_us < point.latency_us || value(other) < value(point));
    });
    const bool known = std::ranges::any_of(kept, [&](const auto& other) {
      return other.latency_us == point.latency_us && value(other) == value(point);
    });
    if (!beaten && !known) {
      kept.push_back(point);
    }
  }
  return kept;
}

/// Follows a front from the fastest plan down.
class Walk {
 public:
  Walk(const Planner& planner, const Goal& goal, const PlanOptions& options, Monitor& monitor)
      : planner_(planner),
        goal_(goal),
        by_error_(is_by_error(options)),
        count_(std::max<std::int64_t>(options.front_points, 2)),
        monitor_(monitor) {}

  Result<Front> from(const Solved& solved) {
    take(solved);
    for (std::int64_t k = 1; k < count_ && why_.empty(); ++k) {
      monitor_.progress("front", k, count_);
      TESSERA_CHECK(step(k));
    }
    Front made{best_of(points_, by_error_), why_};
    if (open_ > 0) {
      made.why += fmt::format("{}{} of the points looked at are not proven to be the fastest",
                              made.why.empty() ? "" : "; ", open_);
    }
    return made;
  }

 private:
  [[nodiscard]] std::string_view axis() const { return by_error_ ? "error" : "energy"; }
  [[nodiscard]] std::string words(double amount) const {
    return by_error_ ? fmt::format("{:.3g}", amount) : in_words(amount, "J");
  }
  [[nodiscard]] std::optional<double> figure(const Account& account) const {
    return by_error_ ? account.error : account.energy_j;
  }

  void take(const Solved& one) {
    at_ = std::min(at_, figure(*one.account).value_or(at_));
    open_ += one.solution.outcome == plan::Outcome::kInterrupted ? 1 : 0;
    points_.push_back(point_of(one));
  }

  /// Each point's limit is a share of what the one before takes.
  Status step(std::int64_t k) {
    constexpr double kLeastShare = 1e-3;
    const double ratio =
        by_error_ ? std::pow(kLeastShare, 1 / static_cast<double>(count_ - 1)) : 0.9;
    if (!(at_ > 0)) {
      why_ = fmt::format("the last point has no {}: there is nothing below", axis());
      return {};
    }
    at_ *= ratio;
    auto within = goal_;
    (by_error_ ? within.max_error : within.max_energy_j) = at_;
    const auto share = planner_.within(1 / static_cast<double>(count_ - k));
    const auto made = share.solve(within);
    const bool late = share.is_late();
    if (made && made->account) {
      take(*made);
    }
    if (monitor_.cancelled()) {
      why_ = fmt::format("stopped after {} of {} points were looked for", k, count_);
      return {};
    }
    if (!made) {
      return tl::unexpected(made.error());
    }
    if (!made->account) {
      why_ = made->solution.outcome == plan::Outcome::kInfeasible
                 ? fmt::format("no plan has an {} of at most {}", axis(), words(at_))
                 : fmt::format(
                       "no plan with an {} of at most {} was found{}; whether there is one "
                       "is not known",
                       axis(), words(at_), late ? " until the time limit" : "");
    }
    return {};
  }

  const Planner& planner_;
  const Goal& goal_;
  bool by_error_;
  std::int64_t count_;
  Monitor& monitor_;
  std::vector<ParetoPoint> points_;
  double at_ = 1e300;  ///< the least of the axis so far
  int open_ = 0;       ///< points that are not proven
  std::string why_;    ///< why the walk ended
};

}  // namespace

Goal goal_of_front(const Setting& setting, const Goal& asked, const PlanOptions& options) {
  auto goal = asked;
  if (options.front_points > 0 && is_by_error(options) && !goal.max_error &&
      setting.error_model != nullptr) {
    goal.max_error = beyond_any_error(*setting.error_model);
  }
  return goal;
}

Result<Front> front(const Planner& planner, const Goal& goal, const PlanOptions& options,
                    const Solved& solved, Monitor& monitor) {
  const bool by_error = is_by_error(options);
  if (!(by_error ? solved.account->error : solved.account->energy_j)) {
    return fail(ErrorCode::kInvalidArgument, "a front of latency against {} needs to know the {}",
                by_error ? "error" : "energy", by_error ? "error" : "energy")
        .hint("{}", by_error ? "give --error-model E.json"
                             : "give machines busy_watts and links an energy in the cluster file");
  }
  return Walk(planner, goal, options, monitor).from(solved);
}

Status check_surroundings(const Setting& setting, const Goal& asked, const PlanOptions& options) {
  if (!options.explain.empty() && asked.objective == Objective::kThroughput) {
    return fail(ErrorCode::kInvalidArgument,
                "alternatives are not explained where throughput is what counts")
        .hint("leave out --explain, or minimize latency");
  }
  const bool has_front = options.front_points > 0;
  if (has_front && is_by_error(options) && setting.error_model == nullptr) {
    return fail(ErrorCode::kInvalidArgument,
                "a front of latency against error needs an error model")
        .hint("make one with tessera error sweep and tessera error fit, and give --error-model");
  }
  if (options.explain.empty() && !has_front) {
    return {};
  }
  // The front's problems have a limit on energy: what these need to know is missed here already.
  auto goal = goal_of_front(setting, asked, options);
  if (has_front && !is_by_error(options) && !goal.max_energy_j) {
    constexpr double kAnyJoules = 1e6;
    goal.max_energy_j = kAnyJoules;
  }
  TESSERA_TRY(const auto loose, make_loose_instance(setting, goal));
  for (const auto& name : options.explain) {
    TESSERA_CHECK(find_layer(setting, loose, name));
  }
  return {};
}

}  // namespace tessera::placement
