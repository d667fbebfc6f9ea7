// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera::plan {

/// A directed network of vertices and capacities; the largest flow by Dinic's method. Every
/// capacity, and the largest flow, has to be less than 2^61.
class MaxFlow {
 public:
  /// Vertices 0 and 1 are the source and the sink.
  static constexpr std::size_t kSource = 0;
  static constexpr std::size_t kSink = 1;

  MaxFlow() : arcs_of_(2) {}

  [[nodiscard]] std::size_t add_vertex();
  /// An arc of capacity 0 is none.
  void add_arc(std::size_t from, std::size_t to, std::int64_t capacity);
  /// Cost: vertices^2 * arcs at worst, nearly linear for networks of plans.
  std::int64_t run();
  /// By vertex, whether it is on the source's side of a smallest cut. After run().
  [[nodiscard]] std::vector<char> source_side() const;

 private:
  struct Arc {
    std::size_t to = 0;
    std::int64_t left = 0;  ///< of its capacity
  };

  bool find_levels();
  std::int64_t push();

  std::vector<Arc> arcs_;  ///< an arc and its opposite stand side by side
  std::vector<std::vector<std::size_t>> arcs_of_;
  std::vector<std::size_t> level_;
  std::vector<std::size_t> next_;
};

}  // namespace tessera::plan
