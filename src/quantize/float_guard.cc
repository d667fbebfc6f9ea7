// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/float_guard.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quantize/qdq_emitter.h"
#include "tessera/tensor/tensor.h"

namespace tessera::quantize {
namespace {

using onnx::NodeId;

bool is_quantize(const onnx::Model& model, NodeId node) {
  return model.op_type(node) == "QuantizeLinear";
}

/// The runtime moves Quantize and Dequantize past it.
bool lets_pass(const onnx::Model& model, NodeId node) {
  constexpr std::array<std::string_view, 6> kTypes = {"MaxPool", "Reshape",   "Slice",
                                                      "Squeeze", "Transpose", "Unsqueeze"};
  return model.domain(node).empty() &&
         std::find(kTypes.begin(), kTypes.end(), model.op_type(node)) != kTypes.end();
}

class Guard {
 public:
  explicit Guard(onnx::Model& model) : model_(model), emitter_(model) {}

  Result<std::int64_t> run() {
    std::int64_t guarded = 0;
    // Looked up before anything is removed.
    std::vector<std::pair<NodeId, Channels>> candidates;
    for (const auto node : model_.nodes()) {
      if (const auto channels = channels_of(node); channels && leads_to_quantize(node)) {
        candidates.emplace_back(node, *channels);
      }
    }
    for (const auto& [node, channels] : candidates) {
      if (const auto dequantize = dequantize_before(node)) {
        TESSERA_TRY(const bool done, split_scale(node, *dequantize, channels));
        guarded += done ? 1 : 0;
      }
    }
    return guarded;
  }

 private:
  struct Channels {
    std::int64_t count = 0;
    std::int64_t axis = 1;
  };

  /// Of the first input, where the operator is one that the runtime would take: its weights are
  /// float constants.
  [[nodiscard]] std::optional<Channels> channels_of(NodeId node) const {
    const auto& type = model_.op_type(node);
    const auto inputs = model_.inputs(node);
    const bool candidate = type == "Conv" || type == "ConvTranspose" || type == "Gemm";
    if (!candidate || !model_.domain(node).empty() || inputs.size() < 2) {
      return std::nullopt;
    }
    const auto weight = model_.initializer_type(inputs[1]);
    if (!weight || weight->dtype != DType::kFloat32 || !weight->shape ||
        weight->shape->size() < 2) {
      return std::nullopt;
    }
    const auto extent = [&](std::size_t axis) { return (*weight->shape)[axis].value; };
    if (type == "Conv") {
      return Channels{extent(1) * model_.int_attribute(node, "group", 1), 1};
    }
    if (type == "ConvTranspose") {
      return Channels{extent(0), 1};
    }
    const bool transposed = model_.int_attribute(node, "transB", 0) != 0;
    return Channels{extent(transposed ? 1 : 0),
                    model_.int_attribute(node, "transA", 0) != 0 ? 0 : 1};
  }

  [[nodiscard]] std::optional<NodeId> dequantize_before(NodeId node) const {
    auto before = model_.producer(model_.inputs(node).front());
    while (before && lets_pass(model_, *before)) {
      before = model_.producer(model_.inputs(*before).front());
    }
    return before && model_.op_type(*before) == "DequantizeLinear" ? before : std::nullopt;
  }

  /// By way of Relu and Clip, with a single reader each: what the runtime looks for.
  [[nodiscard]] bool leads_to_quantize(NodeId node) const {
    for (auto at = node;;) {
      const auto outputs = model_.outputs(at);
      if (outputs.size() != 1) {
        return false;
      }
      // An output of the model is no obstacle to the runtime.
      const auto readers = model_.consumers(outputs.front());
      if (readers.size() != 1) {
        return false;
      }
      if (is_quantize(model_, readers.front())) {
        return true;
      }
      const auto& type = model_.op_type(readers.front());
      if (type != "Relu" && type != "Clip" && !lets_pass(model_, readers.front())) {
        return false;
      }
      at = readers.front();
    }
  }

  Result<bool> split_scale(NodeId node, NodeId dequantize, const Channels& channels) {
    const auto inputs = model_.inputs(dequantize);
    if (inputs.size() < 3 || inputs[2].empty() || channels.count < 2 ||
        !model_.is_constant(inputs[1]) || !model_.is_constant(inputs[2])) {
      return false;
    }
    TESSERA_TRY(const auto scale, model_.initializer(inputs[1]));
    TESSERA_TRY(const auto zero_point, model_.initializer(inputs[2]));
    if (scale.size() != 1 || zero_point.size() != 1 || scale.dtype != DType::kFloat32) {
      return false;
    }
    const auto dtype = zero_point.dtype;
    TESSERA_TRY(const auto zero, to_float32(zero_point));
    const numerics::QParams one{scale.as<float>()[0], static_cast<std::int32_t>(zero.front())};
    const std::vector<numerics::QParams> each(static_cast<std::size_t>(channels.count), one);
    const auto value = model_.inputs(node).front();
    const auto names = emitter_.add_qparams(value, each, dtype);
    const bool direct = model_.producer(value) == dequantize;
    const auto integers = direct
                              ? inputs.front()
                              : emitter_.add_quantize(value, value, {inputs[1], inputs[2]}, dtype);
    const auto dequantized =
        emitter_.add_dequantize(integers, value, names, dtype, static_cast<int>(channels.axis));
    model_.set_input(node, 0, dequantized);
    if (direct && model_.consumers(value).empty() && !model_.is_output(value) &&
        !model_.used_by_body(value)) {
      model_.remove_node(dequantize);
    }
    return true;
  }

  onnx::Model& model_;
  QdqEmitter emitter_;
};

}  // namespace

Result<std::int64_t> guard_float_operators(onnx::Model& model) {
  return Guard(model).run();
}

}  // namespace tessera::quantize
