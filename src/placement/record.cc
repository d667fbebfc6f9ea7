// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/placement/record.h"

#include <array>
#include <nlohmann/json.hpp>

#include "tessera/placement/fields.h"

namespace tessera::placement {

std::string_view to_string(Objective objective) noexcept {
  switch (objective) {
    case Objective::kLatency:
      return "latency";
    case Objective::kEnergy:
      return "energy";
    case Objective::kWeighted:
      return "weighted";
    case Objective::kThroughput:
      return "throughput";
  }
  return "latency";
}

std::string_view to_string(Standing standing) noexcept {
  switch (standing) {
    case Standing::kOptimal:
      return "optimal";
    case Standing::kFeasible:
      return "feasible";
    case Standing::kInfeasible:
      return "infeasible";
    case Standing::kUnknown:
      return "unknown";
  }
  return "feasible";
}

Fields<Assigned> fields_of(const Assigned*) {
  static constexpr std::array kFields = {
      field<&Assigned::op>("op", "name of the operator"),
      field<&Assigned::machine>("machine", "that runs it"),
      field<&Assigned::precision>("precision", "fp32, int8, further schemes by name"),
      field<&Assigned::layer>("layer", "of the profile: its operators are placed as one")};
  return kFields;
}

Fields<CutEdge> fields_of(const CutEdge*) {
  static constexpr std::array kFields = {
      field<&CutEdge::tensor>("tensor", "that crosses"),
      field<&CutEdge::from>("from", "machine"),
      field<&CutEdge::to>("to", "machine"),
      field<&CutEdge::wire_dtype>("wire_dtype", "float32, float16, int8, or the codec of an input"),
      field<&CutEdge::bytes>("bytes", "on the link"),
      figure<&CutEdge::us>("us", "conversions at both ends included"),
      field<&CutEdge::energy_j>("energy_j", "of both ends; null if it is not known")};
  return kFields;
}

Fields<MachineShare> fields_of(const MachineShare*) {
  static constexpr std::array kFields = {
      field<&MachineShare::machine>("machine", "its name"),
      field<&MachineShare::layers>("layers", "how many it runs"),
      figure<&MachineShare::compute_us>("compute_us", "of its layers and conversions among them"),
      figure<&MachineShare::latency_interval>(
          "latency_interval", "of its latency model: 90 % of plans are within that share"),
      field<&MachineShare::memory_bytes>("memory_bytes",
                                         "weights, and activations of the whole model"),
      field<&MachineShare::energy_j>("energy_j", "null if its power is not known"),
      word<&MachineShare::energy_source>("energy_source", "where that comes from"),
      word<&MachineShare::why_idle>("why_idle", "why it got nothing")};
  return kFields;
}

Fields<LinkShare> fields_of(const LinkShare*) {
  static constexpr std::array kFields = {field<&LinkShare::from>("from", "machine"),
                                         field<&LinkShare::to>("to", "machine"),
                                         field<&LinkShare::bytes>("bytes", "that it moves"),
                                         figure<&LinkShare::us>("us", "that this takes")};
  return kFields;
}

Fields<LimitUse> fields_of(const LimitUse*) {
  static constexpr std::array kFields = {
      field<&LimitUse::name>("name", "error, energy, latency, memory of MACHINE, ..."),
      field<&LimitUse::unit>("unit", "of the figures"),
      figure<&LimitUse::used>("used", "by the plan, as its other figures say"),
      figure<&LimitUse::bound>("bound", "that was asked for"),
      field<&LimitUse::price>("price", "what one unit more would save of the objective, about")};
  return kFields;
}

Fields<Baseline> fields_of(const Baseline*) {
  static constexpr std::array kFields = {
      field<&Baseline::feasible>("feasible", "it can be done and keeps the limits"),
      word<&Baseline::why>("why", "why not"),
      field<&Baseline::latency_us>("latency_us", "as that of plans"),
      field<&Baseline::energy_j>("energy_j", "as that of plans"),
      field<&Baseline::error>("error", "as that of plans"),
      field<&Baseline::objective>("objective", "as that of plans")};
  return kFields;
}

Fields<Activity> fields_of(const Activity*) {
  static constexpr std::array kFields = {
      field<&Activity::where>("where", "a machine, or a link as FROM-TO"),
      field<&Activity::what>("what", "a part, or the tensor that is moved"),
      field<&Activity::precision>("precision", "of most of its time, or the form on the link"),
      figure<&Activity::start_us>("start_us", "from when the inputs are there"),
      figure<&Activity::end_us>("end_us", "from when the inputs are there")};
  return kFields;
}

Fields<ConflictingLimit> fields_of(const ConflictingLimit*) {
  static constexpr std::array kFields = {
      field<&ConflictingLimit::name>("name", "of the limit"),
      field<&ConflictingLimit::unit>("unit", "of the figures"),
      figure<&ConflictingLimit::bound>("bound", "that was asked for"),
      field<&ConflictingLimit::enough>("enough",
                                       "the least bound with which a plan was found, the others as "
                                       "they are; null: none was"),
      figure<&ConflictingLimit::least>("least", "proven: less is not enough")};
  return kFields;
}

Fields<Explanation::Alternative> fields_of(const Explanation::Alternative*) {
  using Alternative = Explanation::Alternative;
  static constexpr std::array kFields = {
      field<&Alternative::machine>("machine", "where it could run instead"),
      field<&Alternative::precision>("precision", "in which it could run instead"),
      field<&Alternative::regret>("regret",
                                  "what the best plan with that costs more; null: there is none"),
      figure<&Alternative::least_regret>("least_regret", "proven: it costs no less more"),
      word<&Alternative::why>("why", "why there is none")};
  return kFields;
}

Fields<Explanation> fields_of(const Explanation*) {
  static constexpr std::array kFields = {
      field<&Explanation::layer>("layer", "of the profile"),
      field<&Explanation::machine>("machine", "where it is"),
      field<&Explanation::precision>("precision", "in which it is"),
      field<&Explanation::alternatives>("alternatives", "the best first")};
  return kFields;
}

Fields<TurningPoint> fields_of(const TurningPoint*) {
  static constexpr std::array kFields = {
      field<&TurningPoint::what>("what", "that would have to change"),
      figure<&TurningPoint::factor>("factor", "of what it is now"),
      figure<&TurningPoint::value>("value", "that it would have then"),
      field<&TurningPoint::unit>("unit", "of the value"),
      field<&TurningPoint::then>("then", "machines that the plan uses from there on")};
  return kFields;
}

Fields<ParetoPoint> fields_of(const ParetoPoint*) {
  static constexpr std::array kFields = {
      figure<&ParetoPoint::latency_us>("latency_us", "of the plan"),
      field<&ParetoPoint::error>("error", "of the plan"),
      field<&ParetoPoint::energy_j>("energy_j", "of the plan"),
      figure<&ParetoPoint::bound_us>("bound_us",
                                     "proven: no plan within the point's limit is faster"),
      Field<ParetoPoint>{"layers", "how many by machine and precision",
                         [](const ParetoPoint& point) {
                           auto json = Json::object();
                           for (const auto& [what, count] : point.layers_by_precision) {
                             json[what] = count;
                           }
                           return json;
                         }}};
  return kFields;
}

Fields<Plan::Certificate> fields_of(const Plan::Certificate*) {
  using Certificate = Plan::Certificate;
  static constexpr std::array kFields = {
      field<&Certificate::file>("file", "for tessera-check-plan"),
      field<&Certificate::sha256>("sha256", "of that file")};
  return kFields;
}

Fields<ExportedProblem> fields_of(const ExportedProblem*) {
  using Export = ExportedProblem;
  static constexpr std::array kFields = {
      field<&Export::file>("file", "with the problem, for other solvers"),
      field<&Export::unit>("unit", "of its costs: ns, nJ"),
      field<&Export::offset>("offset",
                             "by which its costs are higher than the objective; may be negative")};
  return kFields;
}

namespace {

/// A number that only a plan has.
template <auto Member>
constexpr Field<Plan> of_plan(std::string_view name, std::string_view says) {
  return {name, says, [](const Plan& plan) {
            return plan.is_there() ? finite_or_null(static_cast<double>(plan.*Member)) : Json();
          }};
}

}  // namespace

Fields<Plan> fields_of(const Plan*) {
  static constexpr std::array kFields = {
      Field<Plan>{"status",
                  "optimal (within the gap that was asked for), feasible, infeasible, unknown",
                  [](const Plan& plan) { return Json(to_string(plan.status)); }},
      Field<Plan>{"minimize", "what is minimized",
                  [](const Plan& plan) { return Json(to_string(plan.goal)); }},
      field<&Plan::objective_unit>("objective_unit", "us, J"),
      of_plan<&Plan::objective>("objective", "of the plan; null: there is none"),
      Field<Plan>{"bound", "proven: no plan that keeps the limits has less; null: none keeps them",
                  [](const Plan& plan) {
                    return plan.status == Standing::kInfeasible ? Json()
                                                                : finite_or_null(plan.bound);
                  }},
      of_plan<&Plan::gap>("gap", "(objective - bound) / objective; null without a plan"),
      figure<&Plan::asked_gap>("asked_gap", "that was good enough"),
      figure<&Plan::wall_us>("wall_us", "that making the plan took"),
      field<&Plan::interrupted>("interrupted", "the user stopped it: the best so far"),
      field<&Plan::method>("method", "that made it"),
      field<&Plan::assignments>("assignments", "by operator, in the order of the model"),
      field<&Plan::cuts>("cuts", "values that cross from one machine to another"),
      of_plan<&Plan::latency_us>("latency_us",
                                 "of one inference, one thing after another; null without a plan"),
      of_plan<&Plan::latency_low_us>("latency_low_us", "by the intervals of the latency models"),
      of_plan<&Plan::latency_high_us>("latency_high_us", "by the intervals of the latency models"),
      Field<Plan>{"makespan_us", "of one inference, machines and links side by side",
                  [](const Plan& plan) {
                    return plan.is_there() ? finite_or_null(plan.schedule.makespan_us) : Json();
                  }},
      field<&Plan::energy_j>("energy_j", "of one inference; null if it is not known"),
      field<&Plan::energy_sources>("energy_sources", "where that comes from"),
      field<&Plan::error>("error", "by the bound of the error model; null if it is not known"),
      field<&Plan::error_predicted>("error_predicted", "by the error model"),
      word<&Plan::error_why>("error_why", "why it is not known"),
      Field<Plan>{"parts", "stretches of layers on one machine",
                  [](const Plan& plan) { return plan.is_there() ? Json(plan.parts) : Json(); }},
      field<&Plan::machines>("machines", "what each has to do"),
      field<&Plan::links>("links", "what each has to move"),
      field<&Plan::limits>("limits", "how much of each is used, and what it costs"),
      Field<Plan>{"baselines", "other ways to run the model, by name",
                  [](const Plan& plan) {
                    auto json = Json::object();
                    for (const auto& baseline : plan.baselines) {
                      json[baseline.name] = as_json(baseline);
                    }
                    return json;
                  }},
      field<&Plan::conflicts>("conflicts", "of an infeasible one: limits that exclude each other"),
      field<&Plan::explanations>("explanations", "with --explain"),
      field<&Plan::turning_points>("turning_points",
                                   "from where on the plan would use other machines"),
      word<&Plan::turning_points_why>("turning_points_why",
                                      "why they were not looked for, or not all; null: they were"),
      field<&Plan::pareto>("pareto", "with --pareto: plans of which none is better in both"),
      word<&Plan::pareto_why>("pareto_why",
                              "why there are fewer points than asked for, or some are unproven"),
      field<&Plan::left_out>("left_out", "states that were not offered, and why"),
      Field<Plan>{"schedule", "one inference: what runs when",
                  [](const Plan& plan) { return as_json(plan.schedule.activities); }},
      field<&Plan::certificate>("certificate", "null without -o, or where there is no proof"),
      field<&Plan::exported>("exported", "null without --export")};
  return kFields;
}

Json to_json(const Plan& plan) {
  return as_json(plan);
}

}  // namespace tessera::placement
