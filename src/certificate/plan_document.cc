// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tessera/certificate/certificate.h"
#include "tessera/core/fields.h"

namespace tessera::certificate {
namespace {

using Difference = std::optional<std::string>;

/// Throws Json::exception, as all below.
const Json& member(const Json& json, const char* key) {
  if (!json.is_object() || !json.contains(key)) {
    refuse_value(json, fmt::format("has no member '{}'", key));
  }
  return json.at(key);
}

/// What a whole number of the certificate is in the plan's unit, times the scale.
double in_plan(std::int64_t whole, const Certificate& certificate) {
  return static_cast<double>(whole) - static_cast<double>(certificate.objective_offset);
}

double scaled(const Json& plan, const char* key, const Certificate& certificate) {
  return member(plan, key).get<double>() * static_cast<double>(certificate.objective_scale);
}

/// As exact as a number of floating point of that size can be.
double rounding_of(double whole) {
  constexpr double kRounding = 1e-12;
  return std::max(0.5, std::abs(whole) * kRounding);
}

Difference differs(const char* key, double of_plan, double of_certificate,
                   const Certificate& certificate) {
  const auto scale = static_cast<double>(certificate.objective_scale);
  return fmt::format("the plan's {} is {}, and the certificate's {}", key, of_plan / scale,
                     of_certificate / scale);
}

/// The plan may really cost more than the problem counts, and not less.
Difference compare_objective(const Json& plan, const Certificate& certificate) {
  const auto value = scaled(plan, "objective", certificate);
  const auto expected = in_plan(certificate.claim.cost, certificate);
  return value >= expected - rounding_of(expected)
             ? std::nullopt
             : differs("objective", value, expected, certificate);
}

Difference compare_bound(const Json& plan, const Certificate& certificate) {
  const auto value = scaled(plan, "bound", certificate);
  const auto expected = in_plan(certificate.claim.bound, certificate);
  return std::abs(value - expected) <= rounding_of(expected)
             ? std::nullopt
             : differs("bound", value, expected, certificate);
}

/// What people read as latency or energy is the objective, but for costs being whole numbers.
Difference compare_figure(const Json& plan) {
  const auto goal = plan.value("minimize", std::string());
  const char* name = goal == "latency" ? "latency_us" : goal == "energy" ? "energy_j" : nullptr;
  if (name == nullptr) {
    return std::nullopt;
  }
  const auto figure = member(plan, name).get<double>();
  const auto objective = member(plan, "objective").get<double>();
  constexpr double kRounding = 1e-4;
  if (std::abs(figure - objective) <= kRounding * std::abs(objective)) {
    return std::nullopt;
  }
  return fmt::format("the plan's {} is {}, and its objective {}", name, figure, objective);
}

/// The name of an operator's state by the certificate; the operators of a variable share it.
std::map<std::string, const std::string*> states_of(const Certificate& certificate) {
  std::map<std::string, const std::string*> states;
  const auto& variables = certificate.problem.variables;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const auto& name = variables[i].states[certificate.claim.assignment[i]];
    for (const auto& op : variables[i].operators) {
      states[op] = &name;
    }
  }
  return states;
}

bool is_state(const std::string& name, const std::string& machine, const std::string& precision) {
  const auto start = machine + "/" + precision;
  return name == start || name.starts_with(start + "/");
}

Difference compare_assignments(const Certificate& certificate, const Json& assignments) {
  auto states = states_of(certificate);
  for (const auto& each : assignments.get_ref<const Json::array_t&>()) {
    const auto op = member(each, "op").get<std::string>();
    const auto at = states.find(op);
    if (at == states.end()) {
      return fmt::format("the plan assigns operator '{}' twice, or the certificate has it not", op);
    }
    const auto machine = member(each, "machine").get<std::string>();
    const auto precision = member(each, "precision").get<std::string>();
    if (!is_state(*at->second, machine, precision)) {
      return fmt::format("the plan has operator '{}' at '{}/{}', and the certificate at '{}'", op,
                         machine, precision, *at->second);
    }
    states.erase(at);
  }
  if (!states.empty()) {
    return fmt::format("the plan does not assign operator '{}'", states.begin()->first);
  }
  return std::nullopt;
}

bool has_plan(Status status) {
  return status == Status::kOptimal || status == Status::kFeasible;
}

/// Plans call themselves optimal within the gap that was asked for, by what they really cost.
Difference compare_status(const Certificate& certificate, const Json& plan) {
  const auto status = member(plan, "status").get<std::string>();
  const auto different = fmt::format("the plan's status is '{}', and the certificate's '{}'",
                                     status, to_string(certificate.claim.status));
  if (!has_plan(certificate.claim.status)) {
    return status == to_string(certificate.claim.status) ? std::nullopt : Difference(different);
  }
  const auto objective = scaled(plan, "objective", certificate);
  const auto open = objective - in_plan(certificate.claim.bound, certificate);
  const auto allowed = objective * member(plan, "asked_gap").get<double>();
  // Numbers that close to the gap may be called either.
  constexpr double kRounding = 1e-9;
  const auto rounding = objective * kRounding + rounding_of(objective);
  const bool fits = status == to_string(Status::kOptimal)    ? open <= allowed + rounding
                    : status == to_string(Status::kFeasible) ? open >= allowed - rounding
                                                             : false;
  return fits ? std::nullopt : Difference(different);
}

Difference compare(const Certificate& certificate, std::string_view sum, const Json& plan) {
  const auto& claim = certificate.claim;
  if (member(plan, "certificate").is_null()) {
    return "the plan names no certificate: this one is of another plan";
  }
  if (const auto named = member(member(plan, "certificate"), "sha256").get<std::string>();
      named != sum) {
    return fmt::format("the plan names the certificate with the SHA-256 {}, and this one has {}",
                       named, sum);
  }
  if (auto difference = compare_status(certificate, plan)) {
    return difference;
  }
  if (claim.assignment.size() != certificate.problem.variables.size() ||
      claim.status == Status::kInfeasible) {
    return std::nullopt;
  }
  if (auto difference = compare_objective(plan, certificate)) {
    return difference;
  }
  if (auto difference = compare_bound(plan, certificate)) {
    return difference;
  }
  if (auto difference = compare_figure(plan)) {
    return difference;
  }
  return compare_assignments(certificate, member(plan, "assignments"));
}

}  // namespace

Result<std::optional<std::string>> compare_with_plan(const Certificate& certificate,
                                                     std::string_view certificate_sha256,
                                                     const Json& plan, std::string_view what) {
  try {
    return compare(certificate, certificate_sha256, plan);
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "{} is no plan: {}", what, problem.what())
        .hint("expected what 'tessera plan' writes with -o");
  }
}

}  // namespace tessera::certificate
