// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "plan/elimination.h"
#include "tessera/plan/problem.h"
#include "tessera/plan/proof.h"

namespace tessera::plan {

/// 128 bits: a product of a multiplier and a bound.
__extension__ using Wide = __int128;

/// States that variables may still take, ascending.
using Domains = std::vector<std::vector<std::uint8_t>>;

[[nodiscard]] Domains all_states(const Problem& problem);

/// Whole numbers that weigh a problem's parts: `cost` times the costs, plus for every limit its
/// multiplier times (use - bound). None is negative, so that what comes out is never more for an
/// assignment that keeps the limits than `cost` times its cost.
struct Multipliers {
  std::int64_t cost = 1;
  std::vector<std::int64_t> limits;
  /// By limit and pair, used where the pair is relaxed.
  std::vector<std::vector<std::int64_t>> pairs;
};

/// Multipliers of 0 for a problem, the costs as finely divided as 64 bits allow.
[[nodiscard]] Multipliers no_multipliers(const Problem& problem);
/// The largest multiplier of a limit with which 64 bits are enough.
[[nodiscard]] std::int64_t largest_multiplier(const Problem& problem, std::size_t limit);

/// A problem without its limits, which are in the objective instead. States of a variable that no
/// tensor and no pair tells apart are one value. A send that many share is one factor of all
/// who take part, or a node for each class that says whether it is sent: whichever is cheaper.
/// A pair is a factor where that makes no table larger. Any other is relaxed: for an amount g > 0
/// and q, q' whether its two variables take part, g q q' >= m (q + q' - 1) for any 0 <= m <= g;
/// for g < 0, g q q' >= -m q - (|g| - m) q'.
class Relaxation {
 public:
  /// Sends of at most `most_consumers` are one factor each; 0 finds out what is cheapest.
  Relaxation(const Problem& problem, Domains domains, std::size_t most_cells,
             std::size_t most_consumers = 0);

  struct Point {
    Wide value = 0;  ///< no assignment of these domains that keeps the limits has cost * cost less
    Assignment assignment;
  };
  [[nodiscard]] Point minimize(const Multipliers& multipliers);
  /// Of the last minimize(), by variable and place in its domain: `value` if it has that state,
  /// or less.
  [[nodiscard]] std::vector<std::vector<Wide>> state_values() const;

  /// How `use - bound` of a limit counts at an assignment, with its relaxed pairs as above.
  [[nodiscard]] Wide slack(std::size_t limit, const Assignment& assignment,
                           const Multipliers& multipliers) const;
  /// The same of a relaxed pair's multiplier: how the value grows with it.
  [[nodiscard]] std::int64_t pair_slack(std::size_t limit, std::size_t pair,
                                        const Assignment& assignment,
                                        const Multipliers& multipliers) const;
  [[nodiscard]] bool is_relaxed(std::size_t limit, std::size_t pair) const {
    return relaxed_[limit][pair];
  }
  /// Whether the first and the second variable of a pair are in the states it names.
  [[nodiscard]] std::pair<bool, bool> takes_part(std::size_t limit, std::size_t pair,
                                                 const Assignment& assignment) const;
  /// What no tensor and no coupling tells apart has one number. The state is of the domains that
  /// the relaxation was made for.
  [[nodiscard]] std::size_t value_of(std::size_t variable, std::uint8_t state) const;
  /// How its bound is computed again for these multipliers; nothing is dropped.
  [[nodiscard]] ProofLayout layout(const Multipliers& multipliers) const;
  /// What was given, or found.
  [[nodiscard]] std::size_t most_consumers() const noexcept { return most_consumers_; }
  [[nodiscard]] bool exact() const noexcept { return elimination_->exact(); }
  [[nodiscard]] double cells() const noexcept { return elimination_->cells(); }

 private:
  struct Send {
    std::size_t limit = 0;
    std::size_t entry = 0;  ///< of the tensor's table
    std::int64_t amount = 0;
  };
  struct Cells {
    std::size_t limit = 0;
    const CellTerm* term = nullptr;
  };
  struct TensorFactors {
    std::size_t tensor = 0;
    std::size_t first_factor = 0;
    bool is_one = true;          ///< or a node per class
    std::vector<Class> classes;  ///< of the nodes
  };
  struct PairFactor {
    std::size_t limit = 0;
    std::size_t pair = 0;
    std::size_t factor = 0;
  };

  void find_values();
  void lay_out(std::size_t most_cells);
  void lay_out_pairs(std::size_t most_cells);
  [[nodiscard]] FactorGraph graph_with(std::size_t most_consumers,
                                       std::vector<TensorFactors>& tensors) const;
  void fill_states(const Multipliers& multipliers);
  void fill_pair_states(const Multipliers& multipliers, std::size_t limit);
  void fill_tensor(const TensorFactors& factors, const Multipliers& multipliers);
  void fill_shared(const Tensor& tensor, const Table& costs, Factor& factor) const;
  void fill_by_class(const TensorFactors& factors, const Table& costs);
  void fill_coupling(std::size_t c, const Multipliers& multipliers);
  [[nodiscard]] bool follows_from_value(const std::vector<char>& among, std::size_t variable) const;
  [[nodiscard]] bool is_used_up(std::size_t limit, std::size_t pair,
                                const Multipliers& multipliers) const;
  [[nodiscard]] Class class_at(const std::vector<Class>& classes, std::size_t variable,
                               std::size_t value) const {
    return classes[domains_[variable][first_of_[variable][value]]];
  }

  const Problem& problem_;
  Domains domains_;
  std::vector<std::vector<std::size_t>> value_of_;  ///< by variable and place in its domain
  std::vector<std::vector<std::size_t>> first_of_;  ///< by variable and value: a place that has it
  std::vector<std::vector<Send>> sends_;            ///< by tensor
  std::vector<std::vector<Cells>> cells_;           ///< by coupling
  std::vector<std::vector<char>> relaxed_;          ///< by limit and pair
  std::vector<std::vector<std::vector<char>>> among_first_;  ///< by limit, pair and state
  std::vector<std::vector<std::vector<char>>> among_second_;
  std::vector<TensorFactors> tensors_;
  std::vector<PairFactor> pairs_;
  std::size_t first_coupling_ = 0;  ///< their factors are one behind the other
  std::vector<Table> states_;  ///< by variable and place in its domain: what the state itself costs
  FactorGraph graph_;          ///< first a factor of each node
  std::vector<Node> order_;
  std::size_t bucket_cells_ = 0;
  std::optional<Elimination> elimination_;
  Wide last_value_ = 0;
  std::size_t most_consumers_ = 0;
  std::int64_t filled_cost_ = -1;  ///< the multiplier of the costs that tables have
};

}  // namespace tessera::plan
