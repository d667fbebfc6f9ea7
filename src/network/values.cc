// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <set>

#include "tessera/graph/cost.h"
#include "tessera/network/network.h"

namespace tessera::network {
namespace {

using graph::Graph;
using graph::OpId;
using graph::TensorId;

bool is_floating_value(const Graph& graph, TensorId id) {
  const auto& tensor = graph.tensor(id);
  if (tensor.dtype != DType::kUndefined) {
    return is_floating(tensor.dtype);
  }
  // A quantizer may have added values after types were inferred.
  return tensor.producer && is_dequantize(graph.op(*tensor.producer));
}

/// Floats, and integers of which the file says what real numbers they stand for. What is only
/// rounded to integers at the very end is judged before that.
bool is_real_value(const Graph& graph, TensorId id) {
  const auto& tensor = graph.tensor(id);
  const bool integers = is_integer(tensor.dtype) && tensor.quantization;
  const bool rounded = tensor.producer && is_quantize(graph.op(*tensor.producer)) &&
                       !is_integer_op(graph.op(*tensor.producer));
  return is_floating_value(graph, id) || (integers && !rounded);
}

/// The nearest floating activation that `output` is computed from, by breadth-first search. Beyond
/// integer operators, a value is a number in a quantized domain and its floating ancestors stand
/// for something else.
std::optional<TensorId> floating_ancestor(const Graph& graph, TensorId output) {
  std::vector<TensorId> front{output};
  std::set<TensorId> seen{output};
  while (!front.empty()) {
    std::vector<TensorId> next;
    for (const auto value : front) {
      const auto producer = graph.tensor(value).producer;
      if (!producer || is_integer_op(graph.op(*producer))) {
        continue;
      }
      for (const auto& input : graph.op(*producer).inputs) {
        if (!input || !graph.tensor(*input).producer || !seen.insert(*input).second) {
          continue;  // absent, an input of the network, a constant, or seen
        }
        if (is_floating_value(graph, *input)) {
          return *input;
        }
        next.push_back(*input);
      }
    }
    front = std::move(next);
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<TensorId>> judged_values(const Graph& graph, std::string_view what) {
  std::vector<TensorId> values;
  for (const auto output : graph.outputs()) {
    const auto value =
        is_real_value(graph, output) ? std::optional(output) : floating_ancestor(graph, output);
    if (value && std::find(values.begin(), values.end(), *value) == values.end()) {
      values.push_back(*value);
    }
  }
  if (values.empty()) {
    return fail(ErrorCode::kUnimplemented,
                "no output of '{}' is computed from a floating value that could be compared", what)
        .hint("make a floating tensor an output of the model");
  }
  return values;
}

Result<bool> expose_judged_values(Network& network) {
  TESSERA_TRY(const auto graph, network.view());
  TESSERA_TRY(const auto values, judged_values(graph, network.path().string()));
  std::vector<std::string> added;
  for (const auto value : values) {
    if (!graph.tensor(value).is_output) {
      added.push_back(graph.tensor(value).name);
    }
  }
  network.expose(added);
  return !added.empty();
}

Border border_of(const Graph& graph, std::span<const OpId> ops) {
  const auto constant = graph::constant_tensors(graph);
  const std::set<OpId> chosen(ops.begin(), ops.end());
  Border border;
  std::set<TensorId> seen;
  for (const auto op : chosen) {
    for_each_read(graph.op(op), [&](TensorId id) {
      const auto& tensor = graph.tensor(id);
      const bool inside = tensor.producer && chosen.contains(*tensor.producer);
      if (!inside && !constant[id.value] && seen.insert(id).second) {
        border.inputs.push_back(id);
      }
    });
    for (const auto& output : graph.op(op).outputs) {
      if (!output) {
        continue;
      }
      const auto& tensor = graph.tensor(*output);
      // Constants are made again where they are read.
      const bool read = !constant[output->value] &&
                        (tensor.used_by_body ||
                         std::any_of(tensor.consumers.begin(), tensor.consumers.end(),
                                     [&](OpId reader) { return !chosen.contains(reader); }));
      const bool leaves = tensor.is_output || read;
      if (leaves) {
        border.outputs.push_back(*output);
      }
    }
  }
  return border;
}

}  // namespace tessera::network
