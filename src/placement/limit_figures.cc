// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/limit_figures.h"

#include <algorithm>
#include <functional>

#include "tessera/graph/cost.h"

namespace tessera::placement {
namespace {

constexpr std::string_view kMemory = "memory of ";

/// What a row of a problem is about, for people.
struct Figure {
  std::string name;
  std::string unit;
  double asked = 0;
  double used = 0;            ///< by the plan's account, if there is a plan
  double units_per_step = 0;  ///< of the figure, near the bound: what one of the row's counts is
  std::function<double(std::int64_t)> of;  ///< the figure that an amount of the row stands for
};

class Figures {
 public:
  Figures(const Setting& setting, const Goal& asked, const Solved& solved)
      : setting_(setting), asked_(asked), solved_(solved) {}

  /// None for rows that nobody asked for: those of stages, and of fewer and fewer crossings.
  [[nodiscard]] std::optional<Figure> figure(const plan::Limit& row) const {
    if (row.name == "error" && asked_.max_error) {
      return error(row);
    }
    if (row.name == "energy" && asked_.max_energy_j) {
      return shifted("energy", "J", *asked_.max_energy_j,
                     account() != nullptr ? account()->energy_j.value_or(0) : 0, row, 1e-9);
    }
    if (row.name == "latency" && asked_.max_latency_us) {
      return shifted("latency", "us", *asked_.max_latency_us,
                     account() != nullptr ? account()->latency_us : 0, row, 1e-3);
    }
    if (row.name.starts_with(kMemory)) {
      return memory(row);
    }
    return std::nullopt;
  }

  [[nodiscard]] const Account* account() const {
    return solved_.account ? &*solved_.account : nullptr;
  }

 private:
  /// Amounts are figures in another unit, from another zero: what the bound leaves out.
  [[nodiscard]] static Figure shifted(std::string name, std::string unit, double asked, double used,
                                      const plan::Limit& row, double factor) {
    const double zero = asked - static_cast<double>(row.bound) * factor;
    return {std::move(name),
            std::move(unit),
            asked,
            used,
            factor,
            [=](std::int64_t amount) { return static_cast<double>(amount) * factor + zero; }};
  }

  /// The row is of weights; activations of the whole model are the same in every plan.
  [[nodiscard]] std::optional<Figure> memory(const plan::Limit& row) const {
    for (std::size_t k = 0; k < setting_.cluster->machines.size(); ++k) {
      const auto& machine = setting_.cluster->machines[k];
      const auto whole = std::string(kMemory) + machine.name;
      const bool nothing_fits = row.name.starts_with(whole + " (");
      if (row.name != whole && !nothing_fits) {
        continue;
      }
      const auto given = asked_.max_memory_bytes.find(machine.name);
      const auto most = given != asked_.max_memory_bytes.end() ? std::optional(given->second)
                                                               : machine.memory_bytes;
      const double used =
          account() != nullptr ? static_cast<double>(account()->machines[k].memory_bytes) : 0;
      auto figure = shifted(whole, "B", static_cast<double>(most.value_or(0)), used, row, 1);
      if (nothing_fits) {  // the row counts layers there: one is one too many
        const auto least = graph::peak_activation_bytes(*setting_.graph).value_or(0);
        figure.of = [least](std::int64_t) { return static_cast<double>(least); };
        figure.units_per_step = 0;
      }
      return figure;
    }
    return std::nullopt;
  }

  /// The row counts parts of the limit, of what adds up: a power of the error, less the constant.
  [[nodiscard]] Figure error(const plan::Limit& row) const {
    const auto& model = *setting_.error_model;
    const auto& terms = model.bounds[model.chosen_bound].model;
    double constant = 0;
    for (const auto& term : terms.terms) {
      constant += term.layers.empty() ? term.coefficient : 0;
    }
    const double limit = solved_.instance.error_limit;
    const double step = row.bound > 0 ? (limit - constant) / static_cast<double>(row.bound) : 0;
    const auto of = [&terms, constant, step](std::int64_t amount) {
      return terms.error_of(static_cast<double>(amount) * step + constant);
    };
    const double near =
        row.bound > 0 ? *asked_.max_error / (terms.exponent * limit) * step : 0;  // d error
    return {"error",
            "l2 per element",
            *asked_.max_error,
            account() != nullptr ? account()->error.value_or(0) : 0,
            near,
            of};
  }

  const Setting& setting_;
  const Goal& asked_;
  const Solved& solved_;
};

}  // namespace

std::vector<LimitUse> limits_of(const Setting& setting, const Goal& asked, const Solved& solved) {
  const auto& account = *solved.account;
  std::vector<LimitUse> limits;
  const auto add = [&](const char* name, const char* unit, std::optional<double> most,
                       std::optional<double> used) {
    if (most && used) {
      limits.push_back({name, unit, *used, *most, std::nullopt});
    }
  };
  add("error", "l2 per element", asked.max_error, account.error);
  add("energy", "J", asked.max_energy_j, account.energy_j);
  add("latency", "us", asked.max_latency_us, account.latency_us);
  // Rows have prices, where there are any; memory is a limit where it may matter, which has a row.
  const Figures figures(setting, asked, solved);
  const auto& rows = solved.instance.problem.limits;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto figure = figures.figure(rows[r]);
    if (!figure) {
      continue;
    }
    auto at = std::ranges::find(limits, figure->name, &LimitUse::name);
    if (at == limits.end()) {
      limits.push_back({figure->name, figure->unit, figure->used, figure->asked, std::nullopt});
      at = limits.end() - 1;
    }
    const bool has_price = r < solved.solution.price_ns.size() && figure->units_per_step > 0;
    if (has_price && asked.objective != Objective::kThroughput) {
      at->price = solved.solution.price_ns[r] / figure->units_per_step /
                  solved.instance.units_per_objective;
    }
  }
  for (auto& limit : limits) {
    const auto priced = solved.prices.find(limit.name);
    if (!limit.price && priced != solved.prices.end()) {
      limit.price = priced->second;
    }
    if (limit.name == to_string(asked.objective)) {  // more of it would not be used
      limit.price = 0;
    }
  }
  if (asked.max_parts) {
    limits.push_back({"parts", "parts", static_cast<double>(account.parts),
                      static_cast<double>(*asked.max_parts), std::nullopt});
  }
  return limits;
}

std::vector<ConflictingLimit> conflicts_of(const Setting& setting, const Goal& asked,
                                           const Solved& solved) {
  const Figures figures(setting, asked, solved);
  std::vector<ConflictingLimit> conflicts;
  const auto add = [&](std::size_t r, std::optional<std::int64_t> enough, std::int64_t least) {
    const auto figure = figures.figure(solved.instance.problem.limits[r]);
    if (!figure) {
      return;
    }
    const bool known =
        std::ranges::any_of(conflicts, [&](const auto& one) { return one.name == figure->name; });
    if (!known) {
      conflicts.push_back({figure->name, figure->unit, figure->asked,
                           enough ? std::optional(figure->of(*enough)) : std::nullopt,
                           figure->of(least)});
    }
  };
  if (solved.solution.joint) {
    for (const auto& relief : solved.solution.joint->limits) {
      if (relief.helps) {
        add(relief.limit, relief.found, relief.proven);
      }
    }
  }
  for (const auto& conflict : solved.solution.conflicts) {
    add(conflict.limit, std::nullopt, conflict.least);
  }
  for (const auto& refuted : solved.refuted) {
    conflicts.push_back(refuted);
  }
  return conflicts;
}

}  // namespace tessera::placement
