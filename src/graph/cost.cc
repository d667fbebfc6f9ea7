// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/graph/cost.h"

#include <algorithm>
#include <utility>

#include "graph/folding.h"
#include "graph/op_cost.h"
#include "tessera/core/checked.h"

namespace tessera::graph {
namespace {

struct BodyCost {
  std::optional<std::int64_t> macs = 0;
  std::optional<std::int64_t> flops = 0;
};

BodyCost cost_of_body(const Graph& body, QdqCounting counting) {
  BodyCost total;
  for (const auto& cost : operator_costs(body, counting)) {
    total.macs = checked_add(total.macs, cost.macs);
    total.flops = checked_add(total.flops, cost.flops);
  }
  return total;
}

/// How often a body runs, as far as shapes tell: one that scans inputs once per element of the
/// first of them.
std::optional<std::int64_t> trips(const Graph& graph, const Op& op) {
  const auto scans = op.int_or("num_scan_inputs", 0);
  if (scans == 0) {
    return 1;
  }
  const auto first = static_cast<std::int64_t>(op.inputs.size()) - scans;
  if (first < 0 || first >= static_cast<std::int64_t>(op.inputs.size()) ||
      !op.inputs[static_cast<std::size_t>(first)]) {
    return std::nullopt;
  }
  const auto shape = graph.tensor(*op.inputs[static_cast<std::size_t>(first)]).static_shape();
  const auto axes = op.ints_or("scan_input_axes", {0});
  const auto axis = axes.empty() ? 0 : axes.front();
  if (!shape || axis < 0 || axis >= static_cast<std::int64_t>(shape->size())) {
    return std::nullopt;
  }
  return (*shape)[static_cast<std::size_t>(axis)];
}

BodyCost cost_of_bodies(const Graph& graph, const Op& op, QdqCounting counting) {
  BodyCost dearest;
  for (const auto& body : op.bodies) {
    const auto cost = cost_of_body(body, counting);
    if (!cost.macs || !dearest.macs) {
      dearest.macs = std::nullopt;
    } else {
      dearest.macs = std::max(*dearest.macs, *cost.macs);
    }
    if (!cost.flops || !dearest.flops) {
      dearest.flops = std::nullopt;
    } else {
      dearest.flops = std::max(*dearest.flops, *cost.flops);
    }
  }
  const auto times = trips(graph, op);
  return {checked_mul(times, dearest.macs), checked_mul(times, dearest.flops)};
}

void add_weights(const Graph& graph, const Op& op, OpCost& cost) {
  std::vector<TensorId> seen;
  for (const auto& input : op.inputs) {
    if (!input || graph.tensor(*input).kind != TensorKind::kInitializer ||
        std::find(seen.begin(), seen.end(), *input) != seen.end()) {
      continue;
    }
    seen.push_back(*input);
    const auto& tensor = graph.tensor(*input);
    cost.weight_bytes = saturating_add(cost.weight_bytes, tensor.size_bytes().value_or(0));
    if (const auto shape = tensor.static_shape()) {
      cost.parameters =
          saturating_add(cost.parameters, std::max<std::int64_t>(element_count(*shape), 0));
    }
  }
  for (const auto& body : op.bodies) {
    for (const auto& inner : body.ops()) {
      add_weights(body, inner, cost);
    }
  }
}

std::optional<std::int64_t> bytes_of_outputs(const Graph& graph, const Op& op) {
  std::optional<std::int64_t> total = 0;
  for (const auto& output : op.outputs) {
    if (output) {
      total = checked_add(total, graph.tensor(*output).size_bytes());
    }
  }
  return total;
}

bool is_conversion(const Op& op) {
  return is_quantize(op) || is_dequantize(op);
}

}  // namespace

std::vector<OpCost> operator_costs(const Graph& graph, QdqCounting counting) {
  const auto folding =
      counting == QdqCounting::kDiscount ? std::optional<Folding>(graph) : std::nullopt;
  std::vector<OpCost> costs;
  costs.reserve(graph.ops().size());
  for (const auto& op : graph.ops()) {
    OpCost cost;
    const auto work = work_of(graph, op);
    cost.macs = work.macs;
    cost.flops = work.flops;
    const auto uncounted = is_conversion(op) && (counting == QdqCounting::kExclude ||
                                                 (folding && folding->absorbed(op)));
    if (uncounted) {
      cost.macs = 0;
      cost.flops = 0;
    }
    if (!op.bodies.empty()) {
      const auto bodies = cost_of_bodies(graph, op, counting);
      cost.macs = bodies.macs;
      cost.flops = bodies.flops;
    }
    add_weights(graph, op, cost);
    cost.output_bytes = bytes_of_outputs(graph, op);
    costs.push_back(cost);
  }
  return costs;
}

namespace {

/// Bytes that a value occupies among the activations; sequences, maps and strings live elsewhere.
std::optional<std::int64_t> activation_bytes(const Graph& graph, TensorId id) {
  const auto& tensor = graph.tensor(id);
  const auto* maker = tensor.producer ? &graph.op(*tensor.producer) : nullptr;
  const auto makes_sequence =
      maker != nullptr && tensor.dtype == DType::kUndefined && maker->kind == OpKind::kContainer;
  return tensor.dtype == DType::kString || makes_sequence ? 0 : tensor.size_bytes();
}

}  // namespace

std::optional<std::int64_t> peak_activation_bytes(const Graph& graph) {
  const auto ops = graph.ops();
  const auto constant = constant_tensors(graph);
  constexpr std::size_t kNever = static_cast<std::size_t>(-1);
  std::vector<std::size_t> last_use(graph.tensors().size(), kNever);
  const auto use = [&](TensorId id, std::size_t at) {
    auto& last = last_use[id.value];
    last = last == kNever ? at : std::max(last, at);
  };
  for (std::size_t i = 0; i < ops.size(); ++i) {
    for_each_read(ops[i], [&](TensorId id) { use(id, i); });
    for (const auto& tensor : ops[i].outputs) {
      if (tensor) {
        use(*tensor, i);
      }
    }
  }
  for (const auto output : graph.outputs()) {
    use(output, ops.size());
  }
  std::vector<std::vector<TensorId>> dies(ops.size() + 1);
  std::int64_t live = 0;
  const auto is_live = [&](TensorId id) {
    return !constant[id.value] && last_use[id.value] != kNever;
  };
  const auto give_birth = [&](TensorId id) {
    const auto more = checked_add(live, activation_bytes(graph, id));
    if (!more) {
      return false;
    }
    live = *more;
    dies[last_use[id.value]].push_back(id);
    return true;
  };
  for (const auto input : graph.inputs()) {
    if (is_live(input) && !give_birth(input)) {
      return std::nullopt;
    }
  }
  auto peak = live;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    for (const auto& output : ops[i].outputs) {
      if (output && is_live(*output) && !give_birth(*output)) {
        return std::nullopt;
      }
    }
    peak = std::max(peak, live);
    for (const auto id : dies[i]) {
      live -= *activation_bytes(graph, id);
    }
  }
  return peak;
}

bool is_quantize(const Op& op) noexcept {
  return op.kind == OpKind::kQuantize || op.kind == OpKind::kDynamicQuantize;
}

bool is_dequantize(const Op& op) noexcept {
  return op.kind == OpKind::kDequantize;
}

bool is_integer_op(const Op& op) noexcept {
  return op.arithmetic == Arithmetic::kInteger || op.arithmetic == Arithmetic::kDynamic;
}

}  // namespace tessera::graph
