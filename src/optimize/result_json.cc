// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tessera/evaluate/bench.h"
#include "tessera/optimize/optimize.h"

namespace tessera::optimize {
namespace {

Json methods_json(const Candidate& candidate) {
  auto methods = Json::object();
  for (const auto& [method, sqnr_db] : candidate.methods) {
    methods[std::string(numerics::to_string(method))] = {{"sqnr_db", sqnr_db}};
  }
  return methods;
}

Json candidate_json(const Candidate& candidate) {
  auto json = to_json(candidate.row);
  json["on_front"] = candidate.on_front;
  json["verdict"] = candidate.verdict;
  json["methods"] = methods_json(candidate);
  json["predicted_us"] = or_null(candidate.predicted_us);
  json["refinement"] = candidate.refinement ? to_json(*candidate.refinement) : Json();
  json["recipe"] = candidate.assignment.empty() ? Json() : to_json(candidate.recipe);
  return json;
}

Json limits_json(const Limits& limits) {
  return {{"max_error", or_null(limits.max_error)},
          {"min_sqnr_db", or_null(limits.min_sqnr_db)},
          {"max_top1_drop", or_null(limits.max_top1_drop)}};
}

Json speedup_json(const Speedup& speedup) {
  return {{"median", speedup.median},
          {"low", speedup.low},
          {"high", speedup.high},
          {"rounds", speedup.rounds}};
}

Json mixing_json(const OptimizeResult::Mixing& mixing) {
  return {{"scheme", mixing.scheme},
          {"further", mixing.further},
          {"proposals", mixing.proposals},
          {"best_predicted_us", mixing.best_predicted_us},
          {"best_measured_us", mixing.best_measured_us},
          {"latency_model",
           {{"plans", mixing.validation.points.size()},
            {"median_abs_error", mixing.validation.median_abs_error},
            {"p95_abs_error", mixing.validation.p95_abs_error}}}};
}

}  // namespace

Json to_json(const OptimizeResult& result) {
  auto candidates = Json::array();
  for (const auto& candidate : result.candidates) {
    candidates.push_back(candidate_json(candidate));
  }
  auto excluded = Json::array();
  for (const auto& exclusion : result.excluded) {
    excluded.push_back({{"what", exclusion.what}, {"why", exclusion.why}});
  }
  const auto& best = result.chosen ? result.candidates[*result.chosen].row : result.baseline;
  auto cut_off = Json::array();
  for (const auto& exclusion : result.cut_off) {
    cut_off.push_back({{"what", exclusion.what}, {"why", exclusion.why}});
  }
  Json written;
  if (result.written) {
    written = {{"planned_integer_products", result.written->planned},
               {"integer_products", result.written->ran},
               {"integer_kernels", result.written->integer_kernels}};
  }
  Json confirmation;
  if (result.confirmation) {
    confirmation = {{"speedup", speedup_json(*result.confirmation)},
                    {"latency", to_json(result.confirmed_latency)},
                    {"baseline_latency", to_json(result.confirmed_baseline_latency)}};
  }
  return {{"chosen", to_json(best)},
          {"reason", result.reason},
          {"speedup", result.chosen ? result.confirmation->median : 1.0},
          {"error", best.accuracy ? to_json(*best.accuracy) : Json()},
          {"confirmation", confirmation},
          {"baseline", to_json(result.baseline)},
          {"candidates", candidates},
          {"excluded", excluded},
          {"cut_off", cut_off},
          {"interrupted", result.interrupted},
          {"quantization", evaluate::given_json(result.quantization, result.requantize)},
          {"applied_limits", limits_json(result.applied)},
          {"written", written},
          {"mixing", result.mixing ? mixing_json(*result.mixing) : Json()},
          {"timer", to_string(result.timer)}};
}

}  // namespace tessera::optimize
