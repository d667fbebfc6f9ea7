// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/evaluate/accuracy.h"

namespace tessera::evaluate {
namespace {

bool is_floating_value(const onnx::Model& model, std::string_view value) {
  if (const auto type = model.type_of(value)) {
    return is_floating(type->dtype);
  }
  // A quantizer may have added values after types were inferred.
  const auto producer = model.producer(value);
  return producer && model.op_type(*producer) == "DequantizeLinear";
}

/// Beyond these, a value is a number in a quantized domain and its floating ancestors stand for
/// something else.
bool computes_on_integers(std::string_view op_type) {
  constexpr std::array<std::string_view, 5> kNames = {"QGemm", "ConvInteger", "MatMulInteger",
                                                      "QAttention", "DynamicQuantizeMatMul"};
  return op_type.starts_with("QLinear") ||
         std::find(kNames.begin(), kNames.end(), op_type) != kNames.end();
}

/// The nearest floating activation that `output` is computed from, by breadth-first search.
std::optional<std::string> floating_ancestor(const onnx::Model& model, const std::string& output) {
  std::vector<std::string> front{output};
  std::set<std::string> seen{output};
  while (!front.empty()) {
    std::vector<std::string> next;
    for (const auto& value : front) {
      const auto producer = model.producer(value);
      if (!producer || computes_on_integers(model.op_type(*producer))) {
        continue;
      }
      for (const auto& input : model.inputs(*producer)) {
        if (input.empty() || !model.producer(input) || !seen.insert(input).second) {
          continue;  // absent, a graph input, an initializer, or seen
        }
        if (is_floating_value(model, input)) {
          return input;
        }
        next.push_back(input);
      }
    }
    front = std::move(next);
  }
  return std::nullopt;
}

}  // namespace

Result<bool> expose_floating_outputs(onnx::Model& model) {
  bool added = false;
  bool measurable = false;
  for (const auto& output : model.outputs()) {
    if (is_floating_value(model, output)) {
      measurable = true;
      continue;
    }
    const auto ancestor = floating_ancestor(model, output);
    measurable = measurable || ancestor.has_value();
    if (ancestor && !model.is_output(*ancestor)) {
      model.add_output(*ancestor);
      added = true;
    }
  }
  if (!measurable) {
    return fail(ErrorCode::kUnimplemented,
                "no output of '{}' is computed from a floating value that could be compared",
                model.path().string())
        .hint("make a floating tensor an output of the model");
  }
  return added;
}

}  // namespace tessera::evaluate
