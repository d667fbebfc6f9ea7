// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/graph/graph.h"

/// Where a model falls apart if some of its layers are switches.
namespace tessera::noise {

/// Switches by their places, ascending.
using SwitchSet = std::set<std::size_t>;

/// Operators that depend on the very same switches: computed once, they serve every setting that
/// agrees on these.
struct Segment {
  std::vector<graph::OpId> ops;      ///< in topological order
  std::vector<std::size_t> layers;   ///< the switches within, as their operators come
  std::vector<std::size_t> depends;  ///< switches that decide its values, ascending
  std::vector<graph::TensorId> inputs;
  /// By input: the segment that makes it; none for an input of the model.
  std::vector<std::optional<std::size_t>> sources;
  std::vector<graph::TensorId> outputs;
};

/// Part of an output of the model: a tensor that is moved into it unchanged.
struct Piece {
  graph::TensorId tensor;
  std::size_t segment = 0;
  std::size_t place = 0;  ///< in Segment::outputs
};

struct Segmentation {
  std::vector<Segment> segments;            ///< in topological order; none is of no use
  std::vector<std::vector<Piece>> outputs;  ///< by measured output
};

/// Groups the operators of `graph` by the switches in `layers` that they depend on, which makes
/// parts that can follow one another: what depends on more comes later. A layer depends on its own
/// switch and on those of `together`, by layer: switches that are in each other's lists are one
/// part, and a part holds more than one switch for no other reason. `measured` outputs are traced
/// back through what only joins, reshapes and permutes to the values that they are put
/// together from, unless their entry of `whole` says that they are needed in one piece.
///
/// Operators on constants alone are left out: whoever reads their values computes them again.
/// Cost: O((operators + edges) x layers / 64).
/// Errors: kUnimplemented naming a value that is no tensor and would cross from part to part.
[[nodiscard]] Result<Segmentation> cut_at_layers(const graph::Graph& graph,
                                                 std::span<const graph::OpId> layers,
                                                 std::span<const SwitchSet> together,
                                                 std::span<const graph::TensorId> measured,
                                                 const std::vector<bool>& whole);

}  // namespace tessera::noise
