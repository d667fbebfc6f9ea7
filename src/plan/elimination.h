// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "plan/factor_graph.h"

namespace tessera::plan {

/// Bucket elimination: nodes are minimized out one after another; what is left of the factors
/// that know a node is a message, a table over their other nodes. The structure is made once and
/// run with many tables.
///
/// A bucket whose table would be too large is split into several that are minimized each for
/// itself (mini-buckets): the minimum is then a lower bound.
class Elimination {
 public:
  /// Of factors with scopes like those of `graph`; no bucket has more than `most_cells` unless a
  /// single factor has. Every node needs a factor. Tables are not looked at.
  Elimination(const FactorGraph& graph, std::vector<Node> order, std::size_t most_cells);

  /// No bucket was split: minima are what they are called.
  [[nodiscard]] bool exact() const noexcept { return exact_; }
  /// Of all tables together.
  [[nodiscard]] double cells() const noexcept { return cells_; }
  /// Some bucket has both nodes: a factor of them would make no table larger.
  [[nodiscard]] bool has_together(Node a, Node b) const;

  /// The minimum of the sum of the factors, which stay in use until the next call.
  std::int64_t minimum(const FactorGraph& graph);
  /// What minimum() found.
  [[nodiscard]] std::int64_t least() const noexcept { return minimum_; }
  /// Values of the nodes that have it, if exact, the lowest of several. After minimum().
  [[nodiscard]] std::vector<std::size_t> best() const;
  /// By node and value: the minimum if the node has the value, if exact, else a lower bound.
  /// After minimum(). Cost: about twice that of minimum().
  [[nodiscard]] std::vector<Table> min_marginals() const;

 private:
  /// How a table is read along a part of a bucket's cells: dimensions that are walked through as
  /// one are one.
  struct Walk {
    std::vector<std::size_t> extents;
    std::vector<std::size_t> strides;
  };
  struct Input {
    bool is_message = false;
    std::size_t index = 0;                   ///< of a factor, or of the step that made the message
    std::size_t node_stride = 0;             ///< in its table
    std::vector<std::size_t> outer_strides;  ///< by outer dimension
    Walk inner;
  };
  /// The table of a bucket is never there as a whole: for each value of the node and of the outer
  /// dimensions it is a block, which stays in the cache.
  struct Step {
    Node node = 0;
    std::vector<Node> scope;  ///< the first to be eliminated first, which is slowest in the message
    std::size_t outer = 0;    ///< so many of the scope are outer dimensions
    std::size_t block = 1;    ///< cells of the others
    std::vector<Input> inputs;
    std::size_t cells = 1;  ///< of scope and node
    Table message;          ///< over the scope
  };
  struct Waiting;  // what waits in a bucket

  void add_steps(Node node, std::vector<Waiting>& waiting, std::size_t most_cells,
                 std::vector<std::vector<Waiting>>& buckets);
  [[nodiscard]] Input input_of(const Step& step, const Waiting& waiting) const;
  [[nodiscard]] const Table& table_of(const Input& input) const;
  /// Shows the visitor the bucket block by block: the node's value, the first cell in the message,
  /// the sums, and where the block begins in the table of each input.
  template <class Visit>
  void by_block(const Step& step, const Visit& visit) const;
  template <class Visit>
  static void along(const Walk& walk, const Visit& visit);

  std::vector<std::size_t> domains_;
  std::vector<std::size_t> position_;  ///< by node, in the order
  std::vector<Step> steps_;
  const FactorGraph* graph_ = nullptr;
  std::int64_t minimum_ = 0;
  double cells_ = 0;
  bool exact_ = true;
};

}  // namespace tessera::plan
