// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "plan/ledger.h"

namespace tessera::plan {

/// Another state of a variable.
struct Change {
  std::size_t variable = 0;
  std::uint8_t state = 0;
};

/// The best plan so far, made of assignments that others find.
class Incumbent {
 public:
  struct Move {
    Change change;
    double gain = 0;    ///< of cost, negative if it costs
    double relief = 0;  ///< of the excess, or of all limits where none is exceeded
    double worth = 0;   ///< what it is sorted by, the most first
  };

  explicit Incumbent(const Problem& problem);

  /// Repairs the assignment if it breaks limits, crosses it with the best plan, and keeps what
  /// comes out if it is better.
  void offer(const Assignment& assignment);
  /// Improves the best plan, if it is new: changes of one variable, then of two where one gains
  /// and the other makes room, then of more where nothing but limits connects variables.
  void polish();

  [[nodiscard]] const std::optional<Assignment>& best() const noexcept { return best_; }
  [[nodiscard]] std::int64_t cost() const noexcept { return cost_; }

 private:
  /// Single changes that lower the excess, those of least cost for it first.
  void repair(int rounds);
  /// From the best plan, takes over parts of the assignment, each of variables that tensors
  /// connect: first what uses less, then what saves most for what it uses.
  void cross(const Assignment& assignment);
  void change_one();
  /// Changes that gain, and such that make room, the best first.
  struct Partners {
    std::vector<Move> gains;
    std::vector<Move> rooms;
  };
  [[nodiscard]] Partners partners();
  /// True if it found a change for the better, and made it.
  bool swap_two(const Partners& partners);
  bool swap_three(const Partners& partners);
  /// One gains, and as many others as it takes make room.
  bool make_room_for(const Partners& partners);
  bool any_two_with(const Move& one, std::span<const Move> others);
  void keep();
  void make(const std::vector<Change>& changes);
  [[nodiscard]] std::vector<std::vector<Change>> parts(const Assignment& from,
                                                       const Assignment& to) const;

  Ledger ledger_;
  std::optional<Assignment> best_;
  std::int64_t cost_ = 0;
  bool is_new_ = false;  ///< since the last polish
  /// Nothing but limits connects variables: costs add up, and changes are cheap.
  bool is_plain_ = false;
};

}  // namespace tessera::plan
