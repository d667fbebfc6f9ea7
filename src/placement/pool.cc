// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/pool.h"

namespace tessera::placement {
namespace {

/// A lower bound that has a certificate is the better one unless it makes the gap so much larger.
constexpr double kForProof = 1.1;

}  // namespace

void Pool::offer(Solved solved, const Goal* own) {
  if (!solved.account) {
    return;
  }
  if (own != nullptr && solved.solution.proof &&
      (!proven_ || solved.bound > proven_->solved.bound)) {
    proven_ = Own{*own, solved};
  }
  solved.account =
      account_of(planner_.setting(), goal_, solved.instance, *solved.solution.assignment);
  const bool better = !best_ || solved.account->objective < best_->account->objective;
  if (better && planner_.keeps(goal_, solved)) {
    best_ = std::move(solved);
    best_->is_own = own != nullptr;
  }
}

/// The best plan as one of the problem whose bound is proven, if it is one.
void Pool::take_proven() {
  auto& [goal, solved] = *proven_;
  if (const auto assignment = fixed_assignment(
          solved.instance, wishes_of(best_->instance, *best_->solution.assignment))) {
    planner_.take_plan(goal, *assignment, solved);
  }
  solved.account =
      account_of(planner_.setting(), goal_, solved.instance, *solved.solution.assignment);
  constexpr double kSame = 1 + 1e-9;
  if (planner_.keeps(goal_, solved) && is_proof(solved) &&
      solved.account->objective <= best_->account->objective * kSame) {
    best_ = std::move(solved);
    best_->is_own = true;
  }
}

std::optional<Start> Pool::start() const {
  if (!best_) {
    return std::nullopt;
  }
  return Start{wishes_of(best_->instance, *best_->solution.assignment), objective(), prices_};
}

Solved Pool::result(Solved otherwise) {
  if (refuted_ && !best_) {
    return *std::move(refuted_);
  }
  if (best_ && proven_) {
    take_proven();
  }
  auto result = best_ ? *std::move(best_) : std::move(otherwise);
  if (!best_) {
    result.account.reset();
    result.solution.assignment.reset();
    result.solution.proof.reset();
    result.solution.conflicts.clear();
    result.solution.joint.reset();
  }
  if (!best_ || !result.is_own ||
      !is_proof(result)) {  // it would be of another problem, or of a lower bound
    result.solution.proof.reset();
    result.bound = bound();
  }
  if (!result.is_own) {
    result.solution.price_ns.clear();
  }
  result.prices = prices_;
  result.solution.outcome = best_ && is_near(result, result.bound) ? plan::Outcome::kWithinGap
                                                                   : plan::Outcome::kInterrupted;
  return result;
}

/// Its own bound, which has a proof, is good enough.
bool Pool::is_proof(const Solved& solved) const {
  const double open = solved.account->objective - solved.bound;
  const double least = solved.account->objective - bound();
  return solved.solution.proof && (is_near(solved, solved.bound) || open <= kForProof * least);
}

bool Pool::is_near(const Solved& solved, double bound) const {
  const double objective = solved.account->objective;
  return objective - bound <= planner_.gap() * objective;
}

}  // namespace tessera::placement
