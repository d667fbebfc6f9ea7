// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <nlohmann/json.hpp>

#include "tessera/evaluate/bench.h"
#include "tessera/optimize/fields.h"
#include "tessera/optimize/record.h"

namespace tessera::optimize {
namespace {

Json methods_json(const Candidate& candidate) {
  auto methods = Json::object();
  for (const auto& [method, sqnr_db] : candidate.methods) {
    methods[std::string(numerics::to_string(method))] = {{"sqnr_db", sqnr_db}};
  }
  return methods;
}

Json limits_json(const Limits& limits) {
  return {{"max_error", or_null(limits.max_error)},
          {"min_sqnr_db", or_null(limits.min_sqnr_db)},
          {"max_top1_drop", or_null(limits.max_top1_drop)}};
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

Fields<Candidate> fields_of(const Candidate*) {
  static constexpr std::array kFields = {
      written_within<&Candidate::row>(),
      written<&Candidate::on_front>("on_front",
                                    "no other candidate is both faster and closer to float32"),
      written<&Candidate::verdict>("verdict", "chosen, or why not"),
      Field<Candidate>{"methods", "range methods tried, with the error of each", methods_json},
      written<&Candidate::predicted_us>("predicted_us", "of a mixed model, before it was measured"),
      written<&Candidate::refinement>("refinement", "of a candidate that was refined"),
      Field<Candidate>{"recipe", "of a mixed model", [](const Candidate& candidate) {
                         return candidate.assignment.empty() ? Json() : to_json(candidate.recipe);
                       }}};
  return kFields;
}

Fields<Exclusion> fields_of(const Exclusion*) {
  static constexpr std::array kFields = {written<&Exclusion::what>("what", "the combination"),
                                         written<&Exclusion::why>("why", "in a few words")};
  return kFields;
}

Json to_json(const OptimizeResult& result) {
  const auto& best = result.chosen ? result.candidates[*result.chosen].row : result.baseline;
  Json written;
  if (result.written) {
    written = {{"planned_integer_products", result.written->planned},
               {"integer_products", result.written->ran},
               {"integer_kernels", result.written->integer_kernels}};
  }
  Json confirmation;
  if (result.confirmation) {
    confirmation = {{"speedup", as_json(*result.confirmation)},
                    {"latency", to_json(result.confirmed_latency)},
                    {"baseline_latency", to_json(result.confirmed_baseline_latency)}};
  }
  return {{"chosen", to_json(best)},
          {"reason", result.reason},
          {"speedup", result.chosen ? result.confirmation->median : 1.0},
          {"error", best.accuracy ? to_json(*best.accuracy) : Json()},
          {"confirmation", confirmation},
          {"baseline", to_json(result.baseline)},
          {"candidates", as_json(result.candidates)},
          {"excluded", as_json(result.excluded)},
          {"cut_off", as_json(result.cut_off)},
          {"interrupted", result.interrupted},
          {"quantization", evaluate::given_json(result.quantization, result.requantize)},
          {"applied_limits", limits_json(result.applied)},
          {"written", written},
          {"mixing", result.mixing ? mixing_json(*result.mixing) : Json()},
          {"timer", to_string(result.timer)}};
}

}  // namespace tessera::optimize
