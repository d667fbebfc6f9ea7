// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/error_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/report/format.h"
#include "tessera/report/table.h"

namespace tessera::report {
namespace {

std::string percent(double share, int digits = 2) {
  return std::isfinite(share) ? fmt::format("{:.{}f}", 100 * share, digits) : "-";
}

std::string figure(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "-";
}

std::string error_cell(double error) {
  return std::isfinite(error) ? fmt::format("{:.3e}", error) : "-";
}

std::string decibels(double db) {
  if (std::isnan(db)) {
    return "-";
  }
  return std::isinf(db) && db > 0 ? "exact" : fmt::format("{:.1f}", db);
}

std::string gain_cell(double gain, const std::string& unit) {
  return unit == "us" ? fmt::format("{:.1f}", gain) : count(gain);
}

std::string gain_text(double gain, const std::string& unit) {
  return unit == "us" ? duration(gain) : count(gain) + " MACs";
}

std::string proof_text(const noise::SearchResult& result, const std::string& unit) {
  if (result.is_optimal()) {
    return "optimal, no subset of layers that gain something gains more";
  }
  return fmt::format("within {:.2g} % of the optimum, no subset gains more than {}",
                     100 * result.gap(), gain_text(result.gain_at_most, unit));
}

}  // namespace

std::string fit_text(const noise::FitReport& report, Page page) {
  Table table({{"model", Align::kLeft},
               {.header = "terms", .rank = 2},
               {.header = "power", .rank = 3},
               {"left out %"},
               {.header = "train R2", .rank = 1},
               {"test R2"},
               {"median %"},
               {"p95 %"},
               {"Spearman"}});
  for (std::size_t i = 0; i < report.alternatives.size(); ++i) {
    const auto& row = report.alternatives[i];
    table.add_row({row.name + (i == report.chosen    ? " *"
                               : row.underdetermined ? " ?"
                                                     : ""),
                   fmt::format("{}", row.terms.terms.size()),
                   row.terms.exponent == 0 ? "log" : fmt::format("{:g}", row.terms.exponent),
                   percent(row.cross_validation.mean_abs_log_ratio), figure(row.train.r2, 5),
                   figure(row.test.r2, 5), percent(row.test.median_abs_relative_error),
                   percent(row.test.p95_abs_relative_error), figure(row.test.spearman, 4)});
  }
  const auto& model = report.model;
  const auto& bound = model.bounds[model.chosen_bound];
  const auto& tested = report.bounds[model.chosen_bound];
  const auto& chosen = report.alternatives[report.chosen];
  return fmt::format(
      "layers    {}\nsubsets   {} to fit to, {} to test on\n\n{}\n"
      "* chosen  {}\n          {}\nintervals {:.0f} % wanted, {} % of the test inside\n"
      "bound     error^{:g} <= sum of {} terms: holds on {} % of the test, {:.2f} x the error in "
      "the "
      "median\n",
      model.layers.size(), report.train, report.test, table.text(page), report.why,
      chosen.description, 100 * model.intervals.level, percent(report.interval_coverage, 1),
      bound.model.exponent, bound.model.terms.size(), percent(tested.holds, 1),
      tested.median_ratio);
}

std::string ranks_text(const std::vector<noise::LayerRank>& ranks, const noise::ErrorModel& model,
                       const noise::Gains& gains, Page page, std::size_t top) {
  const bool timed = gains.unit == "us";
  Table table({{"layer", Align::kLeft, true},
               {.header = "type", .align = Align::kLeft, .rank = 1},
               {"alone"},
               {"added"},
               {.header = "noise %", .rank = 2},
               {timed ? "gain us" : "MACs"},
               {timed ? "error/us" : "error/GMAC"}});
  for (const auto& rank : ranks) {
    const auto& layer = model.layers[static_cast<std::size_t>(rank.layer)];
    table.add_row({layer.name, layer.type, error_cell(rank.alone),
                   rank.added > 0 ? error_cell(rank.added) : "none", percent(rank.share),
                   gain_cell(rank.gain, gains.unit),
                   std::isinf(rank.error_per_gain)
                       ? "no gain"
                       : error_cell(rank.error_per_gain * (timed ? 1 : 1e9))});
  }
  return table.text(page, top);
}

std::string search_text(const noise::SearchResult& result, const noise::ErrorModel& model,
                        const noise::Gains& gains, double limit, noise::LimitBy by) {
  const auto& best = result.best;
  std::string names;
  for (const auto layer : best.layers) {
    names += " " + model.layers[static_cast<std::size_t>(layer)].name;
  }
  return fmt::format(
      "limit     {} at most {:.3e}\n"
      "best      {} layers, {}: error {:.3e} ({:.3e} to {:.3e}), bound {:.3e}, SQNR {}\n"
      "proof     {}\nlayers   {}\n",
      noise::to_string(by), limit, best.layers.size(), gain_text(best.gain, gains.unit),
      best.prediction.error, best.prediction.lower, best.prediction.upper, best.prediction.bound,
      std::isfinite(best.prediction.sqnr_db) ? decibels(best.prediction.sqnr_db) + " dB"
                                             : decibels(best.prediction.sqnr_db),
      proof_text(result, gains.unit), names.empty() ? " none" : names);
}

std::string predictions_text(const std::vector<PredictedSubset>& subsets, double level, Page page,
                             std::size_t top) {
  const bool measured =
      std::any_of(subsets.begin(), subsets.end(),
                  [](const PredictedSubset& subset) { return std::isfinite(subset.measured); });
  std::vector<Column> columns{{"subset", Align::kLeft, true},
                              {"layers"},
                              {"error"},
                              {.header = fmt::format("{:.0f} % from", 100 * level), .rank = 1},
                              {.header = "to", .rank = 1},
                              {"bound"},
                              {"SQNR dB"}};
  if (measured) {
    columns.push_back({"measured"});
  }
  Table table(std::move(columns));
  for (const auto& subset : subsets) {
    table.add_row({subset.name, fmt::format("{}", subset.layers),
                   error_cell(subset.prediction.error), error_cell(subset.prediction.lower),
                   error_cell(subset.prediction.upper), error_cell(subset.prediction.bound),
                   decibels(subset.prediction.sqnr_db), error_cell(subset.measured)});
  }
  return table.text(page, top);
}

}  // namespace tessera::report
