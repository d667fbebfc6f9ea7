// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "placement/planner.h"

namespace tessera::placement {

/// The best plan of several problems, and the best of their bounds.
class Pool {
 public:
  Pool(const Planner& planner, const Goal& goal) : planner_(planner), goal_(goal) {}

  /// `own`: of the problem that was solved, where its bound is the goal's and may be proven by it.
  void offer(Solved solved, const Goal* own = nullptr);
  /// Shown to have no plan.
  void refute(Solved solved) { refuted_ = std::move(solved); }
  /// The last one counts.
  void price(const std::string& limit, double price) { prices_[limit] = price; }
  void raise(double bound) { bound_ = std::max(bound_.value_or(bound), bound); }
  [[nodiscard]] bool has_plan() const { return best_.has_value(); }
  [[nodiscard]] double objective() const { return best_->account->objective; }
  [[nodiscard]] double bound() const { return bound_.value_or(0); }
  [[nodiscard]] bool is_done() const {
    return best_ ? is_near(*best_, bound()) : refuted_.has_value();
  }
  /// The best plan, for another problem to begin with; none if there is none.
  [[nodiscard]] std::optional<Start> start() const;
  /// Otherwise what is given, without a plan.
  [[nodiscard]] Solved result(Solved otherwise);

 private:
  struct Own {
    Goal goal;
    Solved solved;
  };

  [[nodiscard]] bool is_near(const Solved& solved, double bound) const;
  void take_proven();
  [[nodiscard]] bool is_proof(const Solved& solved) const;

  const Planner& planner_;
  const Goal& goal_;
  std::optional<Solved> best_;
  std::optional<Own> proven_;  ///< of the best bound
  std::optional<Solved> refuted_;
  std::optional<double> bound_;
  std::map<std::string, double> prices_;
};

}  // namespace tessera::placement
