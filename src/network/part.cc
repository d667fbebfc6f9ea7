// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "network/part.h"

#include <vector>

namespace tessera::network {

std::set<std::uint32_t> with_constants(const graph::Graph& graph,
                                       std::span<const graph::OpId> ops) {
  const auto constant = graph::constant_tensors(graph);
  std::set<std::uint32_t> nodes;
  std::vector<graph::OpId> open(ops.begin(), ops.end());
  while (!open.empty()) {
    const auto op = open.back();
    open.pop_back();
    if (!nodes.insert(graph.op(op).source).second) {
      continue;
    }
    for_each_read(graph.op(op), [&](graph::TensorId tensor) {
      const auto producer = graph.tensor(tensor).producer;
      if (producer && constant[tensor.value]) {
        open.push_back(*producer);
      }
    });
  }
  return nodes;
}

}  // namespace tessera::network
