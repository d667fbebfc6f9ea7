// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/extract.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace tessera::onnx {
namespace {

/// What the chosen operators exchange with the rest.
struct Border {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

Border border_of(const Model& model, const std::set<NodeId>& chosen) {
  Border border;
  std::set<std::string> made;
  std::set<std::string> seen;
  for (const auto node : chosen) {
    for (const auto& output : model.outputs(node)) {
      made.insert(output);
    }
  }
  for (const auto node : chosen) {
    for (const auto& input : model.inputs(node)) {
      if (!input.empty() && !made.contains(input) && !model.is_constant(input) &&
          seen.insert(input).second) {
        border.inputs.push_back(input);
      }
    }
    for (const auto& output : model.outputs(node)) {
      const auto readers = model.consumers(output);
      const bool leaves = model.is_output(output) || model.used_by_body(output) ||
                          std::any_of(readers.begin(), readers.end(),
                                      [&](NodeId reader) { return !chosen.contains(reader); });
      if (!output.empty() && leaves) {
        border.outputs.push_back(output);
      }
    }
  }
  return border;
}

}  // namespace

Result<Model> extract(const Model& model, std::span<const NodeId> nodes) {
  const std::set<NodeId> chosen(nodes.begin(), nodes.end());
  const auto border = border_of(model, chosen);
  auto part = model.clone();
  for (const auto& output : part.outputs()) {
    part.remove_output(output);
  }
  for (const auto node : part.nodes()) {
    const auto outputs = part.outputs(node);
    const bool constant = std::any_of(outputs.begin(), outputs.end(), [&](const auto& output) {
      return model.is_constant(output);
    });
    if (!constant && !chosen.contains(node)) {
      part.remove_node(node);
    }
  }
  for (const auto& input : part.inputs()) {
    if (std::find(border.inputs.begin(), border.inputs.end(), input) == border.inputs.end()) {
      part.remove_input(input);
    }
  }
  for (const auto& input : border.inputs) {
    const auto type = model.type_of(input);
    if (!type) {
      return fail(ErrorCode::kUnimplemented, "the type of '{}' is unknown", input)
          .hint("give symbolic dimensions values with --dim");
    }
    if (!part.is_input(input)) {
      part.add_input(input, *type);
    }
  }
  for (const auto& output : border.outputs) {
    part.add_output(output);
  }
  part.remove_unused_initializers();
  return part;
}

}  // namespace tessera::onnx
