// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tessera/network/load.h"

namespace tessera::network {
namespace {

using graph::TensorId;

bool passes_indices_on(const graph::Op& op) {
  return op.kind == graph::OpKind::kCast || op.kind == graph::OpKind::kReshape;
}

/// Rows of the table that an operator picks from by the value.
std::optional<std::int64_t> rows_of(const graph::Graph& graph, const graph::Op& gather) {
  const auto& table = graph.tensor(*gather.inputs[0]);
  if (table.kind != graph::TensorKind::kInitializer || !table.shape) {
    return std::nullopt;
  }
  const auto from_front = gather.int_or("axis", 0);
  const auto axis =
      static_cast<std::size_t>(from_front < 0 ? from_front + std::ssize(*table.shape) : from_front);
  return axis < table.shape->size() && (*table.shape)[axis].known()
             ? std::optional((*table.shape)[axis].value)
             : std::nullopt;
}

/// Rows of the smallest table that a value is an index into, also in another shape or type.
std::optional<std::int64_t> index_limit(const graph::Graph& graph, TensorId value, int depth = 0) {
  constexpr int kDeepest = 4;
  std::optional<std::int64_t> limit;
  const auto lower = [&](std::optional<std::int64_t> other) {
    limit = limit && other ? std::min(limit, other) : limit ? limit : other;
  };
  for (const auto id : graph.tensor(value).consumers) {
    const auto& op = graph.op(id);
    if (op.kind == graph::OpKind::kGather && op.inputs.size() == 2 && op.inputs[0] &&
        op.inputs[1] == value) {
      lower(rows_of(graph, op));
    }
    if (passes_indices_on(op) && depth < kDeepest && op.inputs[0] == value && op.outputs[0]) {
      lower(index_limit(graph, *op.outputs[0], depth + 1));
    }
  }
  return limit;
}

Result<data::InputSpec> input_spec(const Network& network, const graph::Graph& graph,
                                   const std::string& name) {
  // What the model allows, whatever is assumed of the samples.
  const auto type = network.declared_type(name);
  if (!type || type->dtype == DType::kUndefined) {
    return fail(ErrorCode::kUnimplemented, "input '{}' is no tensor", name)
        .hint("sequences, maps and optional inputs cannot be fed from files");
  }
  data::InputSpec spec{.name = name, .dtype = type->dtype};
  if (const auto id = graph.find_tensor(name); id && is_integer(spec.dtype)) {
    const auto& quantization = graph.tensor(*id).quantization;
    // Wider ones are no samples of real numbers, whatever scale a file gives them.
    const bool narrow = bits_of(spec.dtype) == 8 || bits_of(spec.dtype) == 16;
    if (quantization && narrow) {
      spec.quantized = {spec.dtype, *quantization};
      spec.dtype = DType::kFloat32;
    } else {
      spec.index_limit = index_limit(graph, *id);
    }
  }
  spec.any_rank = !type->shape;
  if (!spec.any_rank) {
    for (const Dim& dim : *type->shape) {
      spec.shape.push_back(dim.known() ? dim.value : -1);
    }
  }
  return spec;
}

}  // namespace

Result<std::vector<data::InputSpec>> input_specs(const Network& network) {
  TESSERA_TRY(const auto graph, network.view());
  std::vector<data::InputSpec> specs;
  for (const std::string& name : network.inputs()) {
    TESSERA_TRY(data::InputSpec spec, input_spec(network, graph, name));
    specs.push_back(std::move(spec));
  }
  if (specs.empty()) {
    return fail(ErrorCode::kInvalidArgument, "the model has no inputs")
        .hint("there is nothing to feed it with");
  }
  return specs;
}

}  // namespace tessera::network
