// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <limits>
#include <set>
#include <tuple>

#include "plan/incumbent.h"
#include "plan/lagrange.h"
#include "plan/split.h"

namespace tessera::plan {

/// More than any plan costs.
[[nodiscard]] std::int64_t beyond(const Problem& problem);

struct TreeOptions {
  double gap = 0;
  std::int64_t most_nodes = 0;
  std::size_t most_cells = 0;
  /// Follows each node down before it looks at others: for plans, not for bounds.
  bool dives = false;
  std::function<bool()> stop;  ///< asked often
  Proof* proof = nullptr;      ///< is told what was done, if there is one
};

/// The tree of branch and bound: nodes are domains, bounded by multipliers around elimination.
class Tree {
 public:
  /// `beyond_ns` is more than any plan costs.
  Tree(const Problem& problem, std::int64_t beyond_ns, const TreeOptions& options,
       Incumbent& incumbent)
      : problem_(problem), beyond_ns_(beyond_ns), options_(options), incumbent_(incumbent) {}

  /// Looks at all assignments of the domains, or stops before.
  void grow(Domains domains, Multipliers start);
  /// Sends of at most so many are one factor each; 0 finds out what is cheapest.
  void lay_out_for(std::size_t most_consumers) noexcept { most_consumers_ = most_consumers; }
  [[nodiscard]] std::size_t most_consumers() const noexcept { return most_consumers_; }

  /// No plan of the domains costs less, unless it is the incumbent.
  [[nodiscard]] std::int64_t bound_ns() const;
  [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }
  [[nodiscard]] std::int64_t nodes() const noexcept { return nodes_; }
  /// The best multipliers of the first node.
  [[nodiscard]] const Multipliers& first_multipliers() const noexcept { return first_; }

 private:
  struct Branch {
    std::int64_t bound_ns = 0;
    std::int64_t number = 0;  ///< settles ties
    Domains domains;
    Multipliers multipliers;
    std::size_t proof_node = 0;
    /// Those that come nearest to showing that no plan is there, while none is known.
    std::optional<Multipliers> against;
    /// What made it, and its parent's bound.
    struct Origin {
      Split split;
      bool inside = false;
      std::int64_t bound_ns = 0;
    };
    std::optional<Origin> origin;

    bool operator<(const Branch& other) const {
      return std::tie(bound_ns, number) < std::tie(other.bound_ns, other.number);
    }
  };

  /// Branches with this bound, or a higher one, need not be looked at.
  [[nodiscard]] std::int64_t enough() const;
  void note_pruned(std::int64_t bound_ns) { pruned_ns_ = std::min(pruned_ns_, bound_ns); }
  [[nodiscard]] Branch next();
  void look_at(Branch branch);
  /// Raises the bound. False if that settles the branch, or if it is time to stop.
  bool bound(Relaxation& relaxation, Branch& branch, Raised& raised);
  /// By how much the split that made it has raised the bound.
  void note_gain(Branch& branch);
  /// Whether no assignment of the branch keeps the limits. Asked only while no plan is known.
  bool is_contradiction(Relaxation& relaxation, Branch& branch, const Raise& how);
  /// Takes states out that cannot be part of a better plan; how many, or none if a variable has
  /// no state left.
  std::optional<std::size_t> drop_states(StateValues& values, Branch& branch);
  void note_layout(const Branch& branch, const Relaxation& relaxation,
                   const Multipliers& multipliers);
  void note_dropped(const Branch& branch, std::size_t variable, std::uint8_t state);
  void settle_single(const Domains& domains);
  void split(const Branch& branch, const Relaxation& relaxation, const StateValues& values,
             const Raised& raised);
  /// Dives where only states of the best plan and of recent assignments are left.
  void polish(const Branch& branch);

  const Problem& problem_;
  std::int64_t beyond_ns_ = 0;
  const TreeOptions& options_;
  Incumbent& incumbent_;
  std::set<Branch> open_;
  std::vector<Assignment> recent_;
  std::int64_t pruned_ns_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t nodes_ = 0;
  std::int64_t next_polish_ = 1;  ///< the number of the node to dive from
  std::int64_t last_number_ = 0;
  SplitGains gains_;
  std::size_t most_consumers_ = 0;  ///< of the first layout, for all others
  bool interrupted_ = false;
  Multipliers first_;
};

}  // namespace tessera::plan
