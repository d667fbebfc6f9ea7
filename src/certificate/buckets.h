// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "certificate/exact.h"

/// The checker's own elimination: the least sum of tables, node after node.
namespace tessera::certificate {

/// Over some nodes, the last of its scope fastest.
struct Factor {
  std::vector<std::uint32_t> scope;
  std::vector<Wide> table;
};

struct Graph {
  std::vector<std::size_t> values;  ///< of each node
  std::vector<Factor> factors;
};

/// Which tables are added up where, for an order of the nodes. In each node's turn all tables that
/// know it are put into groups: those of most nodes first, else as they came, each into the first
/// group that has at most `bucket_cells` with it. A group is minimized over the node for itself.
class Buckets {
 public:
  /// What is wrong with the order, or none: then run() may be called.
  [[nodiscard]] std::optional<std::string> lay_out(const Graph& graph,
                                                   const std::vector<std::uint32_t>& order,
                                                   std::size_t bucket_cells);
  /// Of all groups together; only approximate beyond 2^53.
  [[nodiscard]] double cells() const noexcept { return cells_; }

  struct Answer {
    Wide least = 0;
    /// By node and value, what all is at least if the node has the value. Empty unless asked for.
    std::vector<std::vector<Wide>> with;
  };
  /// In 64 bits where that is enough, else in 128: no table has more than 2^100 in it.
  [[nodiscard]] Answer run(const Graph& graph, bool with_values) const;

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  struct Input {
    std::size_t factor = kNone;  ///< or:
    std::size_t group = kNone;   ///< whose message it is
    std::vector<std::size_t> extents;
    std::vector<std::size_t> strides;
  };
  struct Group {
    std::uint32_t node = 0;
    std::vector<std::uint32_t> scope;  ///< without the node, the last to go first
    std::vector<Input> inputs;
    std::size_t cells = 1;
  };
  struct Pending {
    Input input;
    std::vector<std::uint32_t> scope;   ///< as its table has it
    std::vector<std::uint32_t> varies;  ///< ascending
  };
  template <class Number>
  class Run;

  [[nodiscard]] std::optional<std::string> place(const std::vector<std::uint32_t>& order);
  [[nodiscard]] std::vector<std::vector<std::uint32_t>> varying(const Graph& graph) const;
  [[nodiscard]] double cells_of(const std::vector<std::uint32_t>& scope) const;
  void close(std::uint32_t node, std::vector<Pending> pending, std::size_t bucket_cells,
             std::vector<std::vector<Pending>>& waiting);
  void add_group(std::uint32_t node, const std::vector<std::uint32_t>& varies,
                 const std::vector<Pending*>& members, std::vector<std::vector<Pending>>& waiting);
  void set_strides(const Group& group, Pending& member) const;

  std::vector<std::size_t> values_;
  std::vector<std::size_t> place_;  ///< by node, in the order; kNone if it is not there
  std::vector<Group> groups_;
  std::vector<std::size_t> constants_;  ///< factors of nodes that cannot vary
  double cells_ = 0;
};

}  // namespace tessera::certificate
