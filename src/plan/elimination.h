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
  /// How a table is read along the cells of a bucket: dimensions that are walked through as one
  /// are one.
  struct Walk {
    std::vector<std::size_t> extents;
    std::vector<std::size_t> strides;
  };
  struct Input {
    bool is_message = false;
    std::size_t index = 0;  ///< of a factor, or of the step that made the message
    Walk walk;
  };
  struct Step {
    Node node = 0;
    std::vector<Node> scope;  ///< the last to be eliminated first
    std::vector<Input> inputs;
    std::size_t cells = 1;  ///< of scope and node
    Table message;          ///< over the scope
  };
  struct Waiting;  // what waits in a bucket

  void add_steps(Node node, std::vector<Waiting>& waiting, std::size_t most_cells,
                 std::vector<std::vector<Waiting>>& buckets);
  [[nodiscard]] Walk walk_of(const Step& step, const std::vector<Node>& scope) const;
  [[nodiscard]] const Table& table_of(const Input& input) const;
  void add_inputs(const Step& step, Table& sum) const;
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
