// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "onnx/passthrough.h"
#include "onnx/simplify_passes.h"

namespace tessera::onnx {
namespace {

bool is_identity_permutation(const Model& model, NodeId node) {
  const auto value = model.attribute(node, "perm");
  const auto* axes = value ? std::get_if<std::vector<std::int64_t>>(&*value) : nullptr;
  if (axes == nullptr) {
    return false;
  }
  for (std::size_t i = 0; i < axes->size(); ++i) {
    if ((*axes)[i] != static_cast<std::int64_t>(i)) {
      return false;
    }
  }
  return true;
}

/// Operators that move or repeat elements in order: with the same shape before and after they do
/// nothing.
bool keeps_shape(const Model& model, NodeId node, const std::vector<std::string>& inputs) {
  static const StringSet kTypes = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand"};
  if (!kTypes.contains(model.op_type(node))) {
    return false;
  }
  const auto before = proven_shape(model, inputs.front());
  const auto after = before ? proven_shape(model, model.outputs(node).front()) : std::nullopt;
  return before && after && *before == *after;
}

bool does_nothing(const Model& model, NodeId node) {
  if (hands_on(model, node)) {
    return true;
  }
  const auto inputs = model.inputs(node);
  const auto outputs = model.outputs(node);
  if (!model.domain(node).empty() || inputs.empty() || inputs.front().empty() ||
      outputs.size() != 1) {
    return false;
  }
  const auto& type = model.op_type(node);
  if (type == "Cast") {
    const auto dtype = proven_dtype(model, inputs.front());
    return dtype != DType::kUndefined &&
           model.int_attribute(node, "to", 0) == static_cast<std::int64_t>(dtype);
  }
  if (type == "Transpose") {
    return is_identity_permutation(model, node);
  }
  if (type == "Concat" || type == "Sum" || type == "Max" || type == "Min") {
    return inputs.size() == 1;
  }
  return keeps_shape(model, node, inputs);
}

bool is_unread(const Model& model, NodeId node) {
  const auto outputs = model.outputs(node);
  return std::all_of(outputs.begin(), outputs.end(), [&](const auto& value) {
    return value.empty() || (!model.is_output(value) && !model.used_by_body(value) &&
                             model.consumers(value).empty());
  });
}

}  // namespace

void remove_passthrough(Model& model, Simplification& what) {
  for (const auto node : model.nodes()) {
    what.passed_through += does_nothing(model, node) && bypass(model, node) ? 1 : 0;
  }
}

void remove_unread(Model& model, Simplification& what) {
  auto nodes = model.nodes();
  // From the end: what only an unread operator read is unread in turn.
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    if (is_unread(model, *node)) {
      model.remove_node(*node);
      ++what.unread_operators;
    }
  }
  const auto before = model.initializers().size();
  model.remove_unused_initializers();
  what.unread_constants += static_cast<std::int64_t>(before - model.initializers().size());
}

}  // namespace tessera::onnx
