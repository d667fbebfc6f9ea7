// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "graph/folding.h"

#include <algorithm>

#include "tessera/graph/cost.h"

namespace tessera::graph {
namespace {

bool is_activation(const Op& op) {
  return op.kind == OpKind::kClamp;
}

}  // namespace

Folding::Folding(const Graph& graph)
    : graph_(graph), constant_(constant_tensors(graph)), folds_(graph.ops().size(), false) {
  for (std::size_t i = 0; i < folds_.size(); ++i) {
    folds_[i] = becomes_integer(graph.ops()[i]);
  }
}

bool Folding::absorbed(const Op& op) const {
  if (op.inputs.empty() || !op.inputs[0] || op.outputs.empty() || !op.outputs[0]) {
    return false;
  }
  if (is_dequantize(op)) {
    const auto& output = graph_.tensor(*op.outputs[0]);
    return !output.consumers.empty() && !output.is_output &&
           std::all_of(output.consumers.begin(), output.consumers.end(),
                       [&](OpId reader) { return folds_[reader.value]; });
  }
  const auto producer = graph_.tensor(*op.inputs[0]).producer;
  if (!producer) {
    return false;
  }
  const auto& maker = graph_.op(*producer);
  if (is_activation(maker) && !maker.inputs.empty() && maker.inputs[0]) {
    const auto before = graph_.tensor(*maker.inputs[0]).producer;
    if (before && folds_[before->value]) {
      return true;
    }
  }
  return folds_[producer->value];
}

bool Folding::reads_dequantized(const Op& op) const {
  bool any = false;
  for (const auto& input : op.inputs) {
    if (!input || graph_.tensor(*input).dtype == DType::kInt64) {
      continue;  // absent, or a shape
    }
    const auto producer = graph_.tensor(*input).producer;
    if (producer && is_dequantize(graph_.op(*producer))) {
      any = true;
    } else if (!constant_[input->value]) {
      return false;
    }
  }
  return any;
}

/// All readers quantize, possibly behind one clamp.
bool Folding::is_requantized(TensorId id, bool through_activation) const {
  const auto& tensor = graph_.tensor(id);
  if (tensor.is_output || tensor.used_by_body || tensor.consumers.empty()) {
    return false;
  }
  return std::all_of(tensor.consumers.begin(), tensor.consumers.end(), [&](OpId reader) {
    const auto& op = graph_.op(reader);
    return is_quantize(op) || (through_activation && is_activation(op) && !op.outputs.empty() &&
                               op.outputs[0] && is_requantized(*op.outputs[0], false));
  });
}

bool Folding::becomes_integer(const Op& op) const {
  if (!op.integer_kernel || op.outputs.empty() || !op.outputs[0] || !reads_dequantized(op)) {
    return false;
  }
  // Weights alone do not make an integer kernel: some activation must come in integers.
  const auto integer_activation =
      std::any_of(op.inputs.begin(), op.inputs.end(), [&](const auto& input) {
        return input && !constant_[input->value] && graph_.tensor(*input).producer &&
               is_dequantize(graph_.op(*graph_.tensor(*input).producer));
      });
  if (!integer_activation) {
    return false;
  }
  // A matrix product may also end in floats (MatMulIntegerToFloat).
  return op.kind == OpKind::kMatMul || is_requantized(*op.outputs[0], true);
}

}  // namespace tessera::graph
