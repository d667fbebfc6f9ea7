// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "certificate/exact.h"
#include "certificate/replay.h"
#include "certificate/seal.h"
#include "tessera/certificate/certificate.h"

namespace tessera::certificate {
namespace {

bool has_plan(const Claim& claim) {
  return claim.status == Status::kOptimal || claim.status == Status::kFeasible;
}

/// Why the assignment is not what is claimed of it, or nothing. Numbers of a problem that was read
/// fit 64 bits.
std::string check_assignment(const Certificate& certificate, Verdict& verdict) {
  const auto& [problem, claim] = std::tie(certificate.problem, certificate.claim);
  verdict.cost = static_cast<std::int64_t>(cost_of(problem, claim.assignment));
  if (*verdict.cost != claim.cost) {
    return fmt::format("the assignment costs {} {}, and {} are claimed", *verdict.cost,
                       certificate.unit, claim.cost);
  }
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    const auto& limit = problem.limits[r];
    const auto used = static_cast<std::int64_t>(use_of(problem, limit, claim.assignment));
    if (used != claim.used[r]) {
      return fmt::format("the assignment uses {} {} of limit '{}', and {} are claimed", used,
                         limit.unit, limit.name, claim.used[r]);
    }
    if (used > limit.bound) {
      return fmt::format("the assignment uses {} {} of limit '{}', which allows {}", used,
                         limit.unit, limit.name, limit.bound);
    }
  }
  if (certificate.impossible && *verdict.cost >= *certificate.impossible) {
    return fmt::format("the assignment costs {} {}, as much as what must not be", *verdict.cost,
                       certificate.unit);
  }
  if (claim.bound > claim.cost) {
    return fmt::format("the bound of {} {} is above the cost of {}", claim.bound, certificate.unit,
                       claim.cost);
  }
  if (claim.status == Status::kOptimal && claim.bound != claim.cost) {
    return fmt::format("the plan is called optimal, but costs {} {} with a bound of {}", claim.cost,
                       certificate.unit, claim.bound);
  }
  return {};
}

/// Why the proof does not show what is claimed, or nothing.
std::string check_proof(const Certificate& certificate, const CheckOptions& options,
                        Verdict& verdict) {
  const auto& [problem, claim] = std::tie(certificate.problem, certificate.claim);
  const auto shown = replay(problem, certificate.proof, options);
  verdict.nodes = shown.nodes;
  verdict.layouts = shown.layouts;
  if (!shown.wrong.empty()) {
    return shown.wrong;
  }
  // What costs more than any assignment is no plan, nor what must not be.
  const auto is_plan = [&](Wide cost) {
    return cost <= dearest_cost(problem) &&
           !(certificate.impossible && cost >= *certificate.impossible);
  };
  const auto bound = shown.bound && is_plan(*shown.bound) ? shown.bound : std::nullopt;
  if (bound) {
    verdict.bound = static_cast<std::int64_t>(*bound);
  }
  if (claim.status == Status::kInfeasible) {
    return bound ? fmt::format(
                       "not proven: that no plan keeps the limits; node {} of the proof "
                       "shows only that none costs less than {} {}",
                       shown.at, *verdict.bound, certificate.unit)
                 : "";
  }
  if (bound && *bound < claim.bound) {
    return fmt::format(
        "not proven: node {} of the proof shows a bound of {} {}, and {} are "
        "claimed",
        shown.at, *verdict.bound, certificate.unit, claim.bound);
  }
  return {};
}

}  // namespace

Verdict check(const Certificate& certificate, const CheckOptions& options) {
  Verdict verdict;
  verdict.status = certificate.claim.status;
  if (has_plan(certificate.claim)) {
    verdict.reason = check_assignment(certificate, verdict);
  }
  if (verdict.reason.empty()) {
    verdict.reason = check_proof(certificate, options, verdict);
  }
  verdict.accepted = verdict.reason.empty();
  return verdict;
}

Result<Verdict> check_document(const Json& document, std::string_view what,
                               const CheckOptions& options) {
  TESSERA_TRY(const auto certificate, from_json(document, what));
  const auto seal = document.find("seal");
  if (seal == document.end() || !seal->is_string()) {
    return fail(ErrorCode::kDataLoss, "{} has no seal", what)
        .hint("expected what 'tessera plan' writes as plan.cert.json; see docs/certificate.md");
  }
  if (*seal != seal_of(document)) {
    Verdict verdict;
    verdict.status = certificate.claim.status;
    verdict.reason = "the seal is not the sum of the rest: the certificate was changed";
    return verdict;
  }
  return check(certificate, options);
}

}  // namespace tessera::certificate
