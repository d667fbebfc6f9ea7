// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tessera/report/format.h"

namespace tessera::report {
namespace {

using placement::Plan;
using placement::Standing;

std::string amount(double value, const std::string& unit) {
  if (unit == "us") {
    return duration(value);
  }
  if (unit == "J") {
    return energy(value);
  }
  if (unit == "B") {
    return bytes(value);
  }
  return (unit == "parts" ? fmt::format("{:.0f}", value) : number(value) + " " + unit);
}

/// Two digits of a share, however small.
std::string percent(double share) {
  const double value = 100 * share;
  if (!(value > 0)) {
    return "0 %";
  }
  const auto magnitude = static_cast<int>(std::floor(std::log10(value)));
  auto text = fmt::format("{:.{}f}", value, std::max(0, 1 - magnitude));
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    text.erase(text.find_last_not_of('.') + 1);
  }
  return text + " %";
}

std::string energy_cell(const std::optional<double>& joules) {
  return or_dash(joules, [](double value) { return number(value * 1e3); });
}

/// How good the plan is known to be.
std::string proven_text(const Plan& plan) {
  if (plan.status == Standing::kOptimal && plan.bound >= plan.objective) {
    return "proven: none is better";
  }
  constexpr double kLeastShare = 1e-4;  // more digits say nothing
  const auto text = "proven within " + percent(std::max(plan.gap, kLeastShare));
  const auto bound = amount(plan.bound, plan.objective_unit);
  return bound == amount(plan.objective, plan.objective_unit)
             ? text
             : fmt::format("{} (bound {})", text, bound);
}

/// What was to be least, and how little it is.
std::string goal_text(const Plan& plan) {
  const auto value = amount(plan.objective, plan.objective_unit);
  if (plan.goal != placement::Objective::kThroughput || plan.objective <= 0) {
    return fmt::format("{} {}", to_string(plan.goal), value);
  }
  return fmt::format("throughput {} inferences/s (busiest stage {})", number(1e6 / plan.objective),
                     value);
}

std::string head(const Plan& plan) {
  auto text =
      fmt::format("plan      {}, {} in {} part{}, {}, found in {} by {}\n", to_string(plan.status),
                  goal_text(plan), plan.parts, plan.parts == 1 ? "" : "s", proven_text(plan),
                  duration(plan.wall_us), plan.method);
  text += fmt::format("latency   {} ({} to {} by the latency models)", duration(plan.latency_us),
                      duration(plan.latency_low_us), duration(plan.latency_high_us));
  // Where nothing runs beside anything else it is the same.
  const auto makespan = duration(plan.schedule.makespan_us);
  if (plan.parts > 1 && makespan != duration(plan.latency_us)) {
    text += fmt::format("; {} with machines and links side by side", makespan);
  }
  text += "\nenergy    ";
  text += plan.energy_j ? amount(*plan.energy_j, "J") : "not known: machines have no busy_watts";
  if (plan.energy_j && !plan.energy_sources.empty()) {
    text += fmt::format(" ({})", fmt::join(plan.energy_sources, "; "));
  }
  text += "\nerror     ";
  text += plan.error ? fmt::format("{} by the error model's bound, {} predicted (l2 per element)",
                                   number(*plan.error), number(plan.error_predicted.value_or(0)))
                     : "not known: " + plan.error_why;
  return text + "\n";
}

std::string machines(const Plan& plan, Page page) {
  Table table({{"machine", Align::kLeft, true},
               {"layers"},
               {"ms"},
               {"memory"},
               {"mJ"},
               {"precisions", Align::kLeft}});
  for (const auto& share : plan.machines) {
    std::map<std::string, std::map<std::string, bool>> layers;
    for (const auto& one : plan.assignments) {
      if (one.machine == share.machine) {
        layers[one.precision][one.layer] = true;
      }
    }
    std::string precisions;
    for (const auto& [precision, names] : layers) {
      precisions += fmt::format("{}{} {}", precisions.empty() ? "" : ", ", names.size(), precision);
    }
    table.add_row({share.machine, fmt::format("{}", share.layers), milliseconds(share.compute_us),
                   share.layers > 0 ? bytes(static_cast<double>(share.memory_bytes)) : "-",
                   share.layers > 0 ? energy_cell(share.energy_j) : "-", precisions});
  }
  auto text = table.text(page);
  for (const auto& share : plan.machines) {
    if (!share.why_idle.empty()) {
      text += fmt::format("{} got no layers: {}\n", share.machine, share.why_idle);
    }
  }
  return text;
}

std::string cuts(const Plan& plan, Page page, std::size_t top) {
  if (plan.cuts.empty()) {
    return {};
  }
  Table table({{"what crosses", Align::kLeft, true},
               {"from", Align::kLeft},
               {"to", Align::kLeft},
               {"as", Align::kLeft},
               {"bytes"},
               {"ms"},
               {"mJ"}});
  for (const auto& cut : plan.cuts) {
    table.add_row({cut.tensor, cut.from, cut.to, cut.wire_dtype,
                   bytes(static_cast<double>(cut.bytes)), milliseconds(cut.us),
                   energy_cell(cut.energy_j)});
  }
  return "\n" + table.text(page, top);
}

/// Nobody priced it, and the plan is near it.
bool is_unknown(const placement::LimitUse& limit) {
  constexpr double kNear = 0.9;
  return !limit.price && limit.used > kNear * limit.bound;
}

std::string limits(const Plan& plan, Page page) {
  if (plan.limits.empty()) {
    return {};
  }
  Table table({{"limit", Align::kLeft, true},
               {"used"},
               {"allowed"},
               {"a tenth more would save", Align::kLeft}});
  for (const auto& limit : plan.limits) {
    const bool binds = limit.price && *limit.price > 0;
    const double tenth = limit.bound / 10;
    table.add_row({limit.name, amount(limit.used, limit.unit), amount(limit.bound, limit.unit),
                   binds ? "about " + amount(*limit.price * tenth, plan.objective_unit)
                   : is_unknown(limit) ? "not known"
                                       : "nothing"});
  }
  return "\n" + table.text(page);
}

std::string baselines(const Plan& plan, Page page) {
  if (plan.baselines.empty()) {
    return {};
  }
  const auto wrapped = [](const char* header) {
    return Column{.header = header, .align = Align::kLeft, .wraps = true};
  };
  Table table({wrapped("instead"), {"ms"}, {"mJ"}, {"error"}, {"times the plan"}, wrapped("note")});
  for (const auto& baseline : plan.baselines) {
    const bool compares = baseline.objective && plan.objective > 0;
    table.add_row({baseline.name,
                   or_dash(baseline.latency_us, [](double us) { return milliseconds(us); }),
                   energy_cell(baseline.energy_j),
                   or_dash(baseline.error, [](double error) { return number(error); }),
                   compares ? fmt::format("{:.2f}", *baseline.objective / plan.objective) : "-",
                   !baseline.feasible && baseline.latency_us ? "over the limit of " + baseline.why
                                                             : baseline.why});
  }
  return "\n" + table.text(page);
}

std::string layers(const Plan& plan, Page page, std::size_t top) {
  Table table(
      {{"operator", Align::kLeft, true}, {"machine", Align::kLeft}, {"precision", Align::kLeft}});
  for (const auto& one : plan.assignments) {
    table.add_row({one.op, one.machine, one.precision});
  }
  return "\n" + table.text(page, top);
}

std::string explanations(const Plan& plan, Page page) {
  std::string text;
  for (const auto& one : plan.explanations) {
    text += fmt::format("\n{} is on {} in {}; instead:\n", one.layer, one.machine, one.precision);
    Table table({{"machine", Align::kLeft},
                 {"precision", Align::kLeft},
                 {"costs more"},
                 {"no less than"},
                 {"note", Align::kLeft, true}});
    for (const auto& other : one.alternatives) {
      table.add_row({other.machine, other.precision,
                     other.regret ? amount(*other.regret, plan.objective_unit) : "-",
                     other.regret ? amount(other.least_regret, plan.objective_unit) : "-",
                     other.why});
    }
    text += table.text(page);
  }
  return text;
}

std::string turns(const Plan& plan) {
  std::string text;
  for (const auto& turn : plan.turning_points) {
    const auto value = turn.unit == "bytes/s" ? fmt::format(" ({} MB/s)", number(turn.value / 1e6))
                                              : std::string();
    text += fmt::format("with {} times the {}{} the plan would use {}\n", number(turn.factor),
                        turn.what, value, turn.then);
  }
  const auto& why = plan.turning_points_why;
  if (text.empty() && why.empty() && plan.machines.size() > 1) {
    text =
        "no link or machine that is up to 1000 times faster, or slower, changes which are used\n";
  } else if (!why.empty() && plan.machines.size() > 1) {
    text += "turning points: " + why + "\n";
  }
  return text.empty() ? text : "\n" + text;
}

std::string front(const Plan& plan, Page page) {
  if (plan.pareto.empty()) {
    return {};
  }
  Table table({{"ms"},
               {"no plan below ms"},
               {"error"},
               {"mJ"},
               {.header = "layers", .align = Align::kLeft, .wraps = true}});
  for (const auto& point : plan.pareto) {
    std::string counts;
    for (const auto& [what, count] : point.layers_by_precision) {
      counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count, what);
    }
    table.add_row({milliseconds(point.latency_us), milliseconds(point.bound_us),
                   or_dash(point.error, [](double error) { return number(error); }),
                   energy_cell(point.energy_j), counts});
  }
  return "\nfront     plans of which none is better in both\n" + table.text(page) +
         (plan.pareto_why.empty() ? "" : plan.pareto_why + "\n");
}

std::string infeasible(const Plan& plan) {
  std::string text = "plan      infeasible: no plan keeps the limits\n";
  for (const auto& limit : plan.conflicts) {
    text += fmt::format("{} allows {}: ", limit.name, amount(limit.bound, limit.unit));
    if (!limit.enough) {
      text += fmt::format("at least {} would be needed\n", amount(limit.least, limit.unit));
    } else {
      text += fmt::format(
          "{} would do{}\n", amount(*limit.enough, limit.unit),
          *limit.enough <= limit.least
              ? ", less would not"
              : fmt::format(", less than {} would not", amount(limit.least, limit.unit)));
    }
  }
  return text;
}

std::string left_out(const Plan& plan) {
  std::string text;
  if (plan.exported) {
    const auto& [file, unit, offset] = *plan.exported;
    const bool too_low = offset < 0;
    text += fmt::format(
        "note: costs in {0} are in {1}, and {2:.0f} too {3}: a plan takes its cost "
        "{4} {2:.0f} {1}\n",
        file, unit, std::abs(static_cast<double>(offset)), too_low ? "low" : "high",
        too_low ? "plus" : "less");
  }
  for (const auto& line : plan.left_out) {
    text += "note: " + line + "\n";
  }
  return text;
}

}  // namespace

std::string plan_text(const Plan& plan, Page page, std::size_t top) {
  if (plan.assignments.empty()) {
    return (plan.status == Standing::kInfeasible
                ? infeasible(plan)
                : fmt::format("plan      none was found; whether there is one is not known "
                              "(looked for {})\n",
                              duration(plan.wall_us))) +
           left_out(plan) + baselines(plan, page);
  }
  return head(plan) + left_out(plan) + "\n" + machines(plan, page) + cuts(plan, page, top) +
         limits(plan, page) + baselines(plan, page) + explanations(plan, page) + turns(plan) +
         front(plan, page) + layers(plan, page, top);
}

Table plan_sheet(const Plan& plan) {
  Table table({{"operator", Align::kLeft},
               {"machine", Align::kLeft},
               {"precision", Align::kLeft},
               {"layer", Align::kLeft}});
  for (const auto& one : plan.assignments) {
    table.add_row({one.op, one.machine, one.precision, one.layer});
  }
  return table;
}

}  // namespace tessera::report
