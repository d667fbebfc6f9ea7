// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "tessera/graph/graph.h"

namespace tessera::testing {

/// The same graph in a format that calls every operator something else: what asks for kinds gives
/// the same answer.
inline graph::Graph under_other_names(const graph::Graph& graph) {
  graph::Graph other;
  for (auto tensor : graph.tensors()) {
    tensor.producer.reset();
    tensor.consumers.clear();
    tensor.is_output = false;
    other.add_tensor(std::move(tensor));
  }
  for (const auto input : graph.inputs()) {
    other.mark_input(input);
  }
  for (auto op : graph.ops()) {
    op.type = "NO_NAME_OF_" + op.type;
    op.domain = "other";
    for (auto& body : op.bodies) {
      body = under_other_names(body);
    }
    other.add_op(std::move(op));
  }
  for (const auto output : graph.outputs()) {
    other.mark_output(output);
  }
  static_cast<void>(other.finish());
  return other;
}

}  // namespace tessera::testing
