// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "plan/ledger.h"

namespace tessera::plan {

/// The best plan so far, made of assignments that others find.
class Incumbent {
 public:
  explicit Incumbent(const Problem& problem) : ledger_(problem) {}

  /// Repairs the assignment if it breaks limits, crosses it with the best plan, and keeps what
  /// comes out if it is better.
  void offer(const Assignment& assignment);
  /// Improves the best plan, if it is new: changes of one variable, then of two where one gains
  /// and the other makes room.
  void polish();

  [[nodiscard]] const std::optional<Assignment>& best() const noexcept { return best_; }
  [[nodiscard]] std::int64_t cost() const noexcept { return cost_; }

 private:
  using Change = search::Change;

  /// Single changes that lower the excess, those of least cost for it first.
  void repair(int rounds);
  /// From the best plan, takes over parts of the assignment, each of variables that tensors
  /// connect: first what uses less, then what saves most for what it uses.
  void cross(const Assignment& assignment);
  void change_one();
  bool swap_two();
  void keep();
  void make(const std::vector<Change>& changes);
  [[nodiscard]] std::vector<std::vector<Change>> parts(const Assignment& from,
                                                       const Assignment& to) const;

  Ledger ledger_;
  std::optional<Assignment> best_;
  std::int64_t cost_ = 0;
  bool is_new_ = false;  ///< since the last polish
};

}  // namespace tessera::plan
