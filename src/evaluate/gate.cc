// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "evaluate/gate.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "tessera/core/text.h"

namespace tessera::evaluate {
namespace {

using Relation = Gate::Relation;

struct Spelling {
  std::string_view text;
  Relation relation;
};
/// The longer ones first, so that ">=" is not read as ">".
constexpr std::array<Spelling, 4> kRelations{{{">=", Relation::kAtLeast},
                                              {"<=", Relation::kAtMost},
                                              {">", Relation::kAbove},
                                              {"<", Relation::kBelow}}};
constexpr std::array<std::string_view, 10> kMetrics{
    "sqnr_db",       "cosine",     "max_abs", "l2_per_element", "relative_l2",
    "worst_sqnr_db", "non_finite", "top1",    "top1_drop",      "top1_agreement"};

double worst_sqnr_db(const Accuracy& accuracy) {
  double worst = INFINITY;
  for (const auto& output : accuracy.outputs) {
    worst = std::min(worst, output.error.sqnr_db);
  }
  return worst;
}

std::optional<double> top1_value(std::string_view metric, const std::optional<Top1>& top1) {
  if (!top1) {
    return std::nullopt;
  }
  if (metric == "top1") {
    return top1->candidate_percent;
  }
  return metric == "top1_drop" ? top1->drop() : std::optional(top1->agreement_percent);
}

Result<double> value_of(std::string_view metric, const Accuracy& accuracy) {
  const auto& overall = accuracy.overall;
  const std::array<std::pair<std::string_view, double>, 7> plain{
      {{"sqnr_db", overall.sqnr_db},
       {"cosine", overall.cosine},
       {"max_abs", overall.max_abs},
       {"l2_per_element", overall.l2_per_element},
       {"relative_l2", overall.relative_l2},
       {"worst_sqnr_db", worst_sqnr_db(accuracy)},
       {"non_finite", static_cast<double>(overall.non_finite)}}};
  for (const auto& [name, value] : plain) {
    if (name == metric) {
      return value;
    }
  }
  if (const auto value = top1_value(metric, accuracy.top1)) {
    return *value;
  }
  return fail(ErrorCode::kInvalidArgument, "the gate on {} needs {}", metric,
              accuracy.top1 ? "labels" : "a classifier: an output with one score per class")
      .hint("give labels with --labels FILE.csv, or another gate");
}

}  // namespace

bool Gate::holds(double value) const noexcept {
  switch (relation) {
    case Relation::kAtLeast:
      return value >= limit;
    case Relation::kAtMost:
      return value <= limit;
    case Relation::kAbove:
      return value > limit;
    case Relation::kBelow:
      return value < limit;
  }
  return false;
}

std::string to_string(const Gate& gate) {
  const auto* const spelling =
      std::find_if(kRelations.begin(), kRelations.end(),
                   [&](const Spelling& known) { return known.relation == gate.relation; });
  return fmt::format("{}{}{}", gate.metric, spelling->text, gate.limit);
}

Result<Gate> parse_gate(std::string_view text) {
  for (const auto& [spelling, relation] : kRelations) {
    const auto at = text.find(spelling);
    if (at == std::string_view::npos) {
      continue;
    }
    const auto metric = trim(text.substr(0, at));
    const auto number = trim(text.substr(at + spelling.size()));
    if (std::find(kMetrics.begin(), kMetrics.end(), metric) == kMetrics.end()) {
      return fail(ErrorCode::kInvalidArgument, "gate '{}': unknown metric '{}'", text, metric)
          .hint("metrics: {}", fmt::join(kMetrics, ", "));
    }
    double limit = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), limit);
    if (error != std::errc() || end != number.data() + number.size() || std::isnan(limit)) {
      return fail(ErrorCode::kInvalidArgument, "gate '{}': '{}' is no number", text, number)
          .hint("write for example 'sqnr_db>=20'");
    }
    return Gate{std::string(metric), relation, limit};
  }
  return fail(ErrorCode::kInvalidArgument, "gate '{}' has no relation", text)
      .hint("write for example 'sqnr_db>=20' or 'top1_drop<=1.0'");
}

Result<std::vector<GateResult>> check_gates(const std::vector<Gate>& gates,
                                            const Accuracy& accuracy) {
  std::vector<GateResult> results;
  for (const auto& gate : gates) {
    TESSERA_TRY(const double value, value_of(gate.metric, accuracy));
    results.push_back({gate, value, gate.holds(value)});
  }
  return results;
}

}  // namespace tessera::evaluate
