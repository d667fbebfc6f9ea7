// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <nlohmann/json.hpp>

#include "tessera/evaluate/bench.h"
#include "tessera/optimize/fields.h"
#include "tessera/optimize/record.h"
#include "tessera/refine/fields.h"

namespace tessera::optimize {
namespace {

Json methods_json(const Candidate& candidate) {
  auto methods = Json::object();
  for (const auto& [method, sqnr_db] : candidate.methods) {
    methods[std::string(numerics::to_string(method))] = {{"sqnr_db", sqnr_db}};
  }
  return methods;
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

Fields<Limits> fields_of(const Limits*) {
  static constexpr std::array kFields = {
      written<&Limits::max_error>("max_error", "most l2_per_element; null: no limit"),
      written<&Limits::min_sqnr_db>("min_sqnr_db", "least SQNR; null: no limit"),
      written<&Limits::max_top1_drop>("max_top1_drop", "most points of top-1; null: no limit")};
  return kFields;
}

Fields<OptimizeResult::Written> fields_of(const OptimizeResult::Written*) {
  using Written = OptimizeResult::Written;
  static constexpr std::array kFields = {
      written<&Written::planned>(
          "planned_integer_products",
          "convolutions, matrix products and recurrent layers that were planned in integers"),
      written<&Written::ran>("integer_products", "of these, what ran in integers"),
      written<&Written::integer_kernels>("integer_kernels", "all that ran")};
  return kFields;
}

Fields<OptimizeResult::Mixing> fields_of(const OptimizeResult::Mixing*) {
  using Mixing = OptimizeResult::Mixing;
  static constexpr std::array kFields = {
      written<&Mixing::scheme>("scheme", "that mixes are of"),
      written<&Mixing::further>("further", "schemes that mixes drew from besides").later(),
      written<&Mixing::proposals>("proposals", "mixes that were built and measured"),
      written<&Mixing::best_predicted_us>("best_predicted_us", "of the one measured fastest"),
      written<&Mixing::best_measured_us>("best_measured_us", "what that took"),
      Field<Mixing>{"latency_model", "how it met the plans that it had not seen",
                    [](const Mixing& mixing) {
                      const auto& met = mixing.validation;
                      return Json{{"plans", met.points.size()},
                                  {"median_abs_error", met.median_abs_error},
                                  {"p95_abs_error", met.p95_abs_error}};
                    }}};
  return kFields;
}

Fields<PortableChoice> fields_of(const PortableChoice*) {
  using Portable = PortableChoice;
  static constexpr std::array kFields = {
      written<&Portable::name>("name", "of the candidate, or of what was given"),
      written<&Portable::speedup>("speedup", "over float32"),
      written<&Portable::sqnr_db>("sqnr_db", "of the outputs; null of what was given")};
  return kFields;
}

Fields<OptimizeResult::WithKernels> fields_of(const OptimizeResult::WithKernels*) {
  using WithKernels = OptimizeResult::WithKernels;
  static constexpr std::array kFields = {
      written<&WithKernels::name>("name", "of the candidate, which --kernels tessera may take"),
      written<&WithKernels::speedup>("speedup", "over float32"),
      written<&WithKernels::sqnr_db>("sqnr_db", "of the outputs"),
      written<&WithKernels::portable_speedup>("portable_speedup",
                                              "of what was chosen; 1 if float32 stays")};
  return kFields;
}

Json to_json(const OptimizeResult& result) {
  const auto& best = result.chosen ? result.candidates[*result.chosen].row : result.baseline;
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
          {"applied_limits", as_json(result.applied)},
          {"written", as_json(result.written)},
          {"mixing", as_json(result.mixing)},
          {"portable", as_json(result.portable)},
          {"with_kernels", as_json(result.with_kernels)},
          {"timer", to_string(result.timer)}};
}

}  // namespace tessera::optimize
