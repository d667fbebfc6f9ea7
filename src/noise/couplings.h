// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "noise/segments.h"
#include "tessera/graph/graph.h"
#include "tessera/noise/switchable.h"

/// Layers whose rounding depends on the setting of others.
namespace tessera::noise {

/// A convolution and the depthwise ones that alone read what it makes. With Format::kKernels the
/// value between them gets a scale per channel, but only where all of them are in integers.
struct Coupling {
  graph::TensorId value;            ///< between them
  std::vector<std::size_t> layers;  ///< the switch of the first one, then those of its readers
  /// A switch of `layers` and another one that reads the same weight.
  std::vector<std::pair<std::size_t, std::size_t>> shares;
};

/// Those among `layers`, the operators of `switches`, which have to be all of a value's readers.
/// May name more than there are: then settings have less in common, and errors stay what they are.
/// Cost: linear in the edges of the graph, and quadratic in the layers.
[[nodiscard]] std::vector<Coupling> couplings_of(const graph::Graph& graph,
                                                 std::span<const graph::OpId> layers,
                                                 std::span<const Switch> switches);

/// By switch: all that decide with it how it rounds, as cut_at_layers() wants them.
[[nodiscard]] std::vector<SwitchSet> switches_together(std::span<const Coupling> couplings,
                                                       std::size_t switches);

/// Whether a model holds the integers of a weight once for both.
[[nodiscard]] bool round_weights_alike(const quantize::Scheme& a, const quantize::Scheme& b);

}  // namespace tessera::noise
