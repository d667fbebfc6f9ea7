// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "onnx/passthrough.h"

#include <algorithm>

#include "onnx/model_state.h"

namespace tessera::onnx {
namespace {

/// The first opset whose Dropout may be told to train.
constexpr std::int64_t kOpsetOfTrainingMode = 12;
/// Before, an attribute said whether the operator was at test.
constexpr std::int64_t kOpsetOfInferenceDropout = 7;

std::string input(const Model& model, NodeId node, std::size_t index) {
  const auto inputs = model.inputs(node);
  return index < inputs.size() ? inputs[index] : std::string();
}

bool is_unread(const Model& model, const std::string& value) {
  return value.empty() ||
         (!model.is_output(value) && !model.used_by_body(value) && model.consumers(value).empty());
}

bool is_inference_dropout(const Model& model, NodeId node) {
  const auto outputs = model.outputs(node);
  if (std::any_of(outputs.begin() + 1, outputs.end(),
                  [&](const auto& mask) { return !is_unread(model, mask); })) {
    return false;
  }
  const auto opset = model.opset().value_or(1);
  if (opset < kOpsetOfInferenceDropout) {
    return model.int_attribute(node, "is_test", 0) != 0;
  }
  const auto training = input(model, node, 2);
  if (opset < kOpsetOfTrainingMode || training.empty()) {
    return true;
  }
  const auto flag = model.is_constant(training) ? model.initializer(training)
                                                : fail(ErrorCode::kNotFound, "no constant");
  return flag && flag->bytes.size() == 1 && flag->bytes.front() == std::byte{0};
}

}  // namespace

bool hands_on(const Model& model, NodeId node) {
  if (!model.domain(node).empty() || input(model, node, 0).empty() || model.outputs(node).empty() ||
      model.outputs(node).front().empty()) {
    return false;
  }
  return model.op_type(node) == "Identity" ||
         (model.op_type(node) == "Dropout" && is_inference_dropout(model, node));
}

bool bypass(Model& model, NodeId node) {
  const auto from = input(model, node, 0);
  const auto to = model.outputs(node).front();
  if (from.empty() || from == to) {
    return false;
  }
  if (!model.is_output(to)) {
    if (!replace_captures(StateAccess::of(model), to, from)) {
      return false;
    }
    model.replace_uses(to, from);
    model.remove_node(node);
    return true;
  }
  // An output of the model keeps its name: its maker takes it over. What is known of bodies is kept
  // under the name of the operator's output, so those stay as they are.
  const auto producer = model.producer(from);
  if (!producer || model.is_output(from) || model.is_constant(from) || model.has_body(*producer) ||
      !replace_captures(StateAccess::of(model), from, to)) {
    return false;
  }
  const auto outputs = model.outputs(*producer);
  const auto index = std::find(outputs.begin(), outputs.end(), from) - outputs.begin();
  model.remove_node(node);
  model.set_output(*producer, static_cast<std::size_t>(index), to);
  model.replace_uses(from, to);
  return true;
}

}  // namespace tessera::onnx
