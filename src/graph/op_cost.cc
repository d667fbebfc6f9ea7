// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "graph/op_cost.h"

#include <algorithm>
#include <map>
#include <string>

#include "tessera/core/checked.h"

namespace tessera::graph {
namespace {

Count product(std::span<const std::int64_t> values) {
  const auto count = element_count(values);
  return count < 0 ? std::nullopt : Count(count);
}

/// One operator with its shapes at hand.
class Site {
 public:
  Site(const Graph& graph, const Op& operation) : op(operation), graph_(graph) {}

  [[nodiscard]] bool has_input(std::optional<std::size_t> index) const {
    return index && *index < op.inputs.size() && op.inputs[*index].has_value();
  }
  [[nodiscard]] std::optional<Shape> input(std::size_t index) const {
    return has_input(index) ? graph_.tensor(*op.inputs[index]).static_shape() : std::nullopt;
  }
  [[nodiscard]] std::optional<Shape> output(std::size_t index = 0) const {
    return index < op.outputs.size() && op.outputs[index]
               ? graph_.tensor(*op.outputs[index]).static_shape()
               : std::nullopt;
  }
  [[nodiscard]] Count input_size(std::size_t index) const {
    const auto shape = input(index);
    return shape ? product(*shape) : std::nullopt;
  }
  [[nodiscard]] Count output_size(std::size_t index = 0) const {
    const auto shape = output(index);
    return shape ? product(*shape) : std::nullopt;
  }
  /// Extent of an input, counted from the back if negative; absent if there is none.
  [[nodiscard]] Count extent(std::size_t index, std::ptrdiff_t axis) const {
    const auto shape = input(index);
    if (!shape) {
      return std::nullopt;
    }
    const auto rank = static_cast<std::ptrdiff_t>(shape->size());
    const auto at = axis < 0 ? axis + rank : axis;
    return at >= 0 && at < rank ? Count((*shape)[static_cast<std::size_t>(at)]) : std::nullopt;
  }

  const Op& op;

 private:
  const Graph& graph_;
};

/// Work of `macs`, plus `extra` operations besides them.
Work from_macs(Count macs, Count extra = 0) {
  return {macs, checked_add(checked_mul(2, macs), extra)};
}

Work elementwise(Count elements, std::int64_t operations) {
  return {0, checked_mul(elements, operations)};
}

// --- operators with multiply-accumulates ----------------------------------------------------

/// Weights per output of a convolution, or per input of a transposed one.
Count filter_size(const Site& site) {
  auto shape = site.input(site.op.operands.weights);
  const auto axis = site.op.operands.filter_axis;
  if (!shape || axis >= shape->size()) {
    return std::nullopt;
  }
  shape->erase(shape->begin() + static_cast<std::ptrdiff_t>(axis));
  return product(*shape);
}

/// Every output is a dot product of one filter: weights [O, I / group, k...].
Work convolution(const Site& site) {
  const auto filter = filter_size(site);
  if (!filter) {
    return {};
  }
  const auto outputs = site.output_size();
  return from_macs(checked_mul(outputs, filter),
                   site.has_input(site.op.operands.bias) ? outputs : Count(0));
}

/// Every input is spread over one filter: weights [I, O / group, k...].
Work transposed_convolution(const Site& site) {
  const auto filter = filter_size(site);
  if (!filter) {
    return {};
  }
  return from_macs(checked_mul(site.input_size(site.op.operands.input), filter),
                   site.has_input(site.op.operands.bias) ? site.output_size() : Count(0));
}

/// What one output is the sum of.
Count depth_of(const Site& site) {
  const auto& operands = site.op.operands;
  if (operands.depth_axis) {
    return site.extent(operands.weights, static_cast<std::ptrdiff_t>(*operands.depth_axis));
  }
  const auto transposed = site.op.int_or("transA", 0) != 0;
  const auto shape = site.input(0);
  return shape && shape->size() == 1 ? Count(shape->front()) : site.extent(0, transposed ? -2 : -1);
}

Work matrix_product(const Site& site) {
  const auto outputs = site.output_size();
  return from_macs(checked_mul(outputs, depth_of(site)),
                   site.has_input(site.op.operands.bias) ? outputs : Count(0));
}

/// A sum over every index of the equation: the product of all extents, once per multiplication.
Work einsum(const Site& site) {
  auto equation = site.op.string_or("equation", "");
  std::erase(equation, ' ');
  const auto arrow = equation.find("->");
  const auto left = equation.substr(0, arrow);
  std::map<char, std::int64_t> extents;
  std::map<std::ptrdiff_t, std::int64_t> ellipsis;  // by distance from its end
  std::size_t operand = 0;
  for (std::size_t start = 0; start <= left.size(); ++operand) {
    const auto comma = std::min(left.find(',', start), left.size());
    const auto term = left.substr(start, comma - start);
    start = comma + 1;
    const auto shape = site.input(operand);
    if (!shape) {
      return {};
    }
    const auto dots = term.find("...");
    const auto labels = term.size() - (dots == std::string::npos ? 0 : 3);
    if (labels > shape->size() || (dots == std::string::npos && labels != shape->size())) {
      return {};
    }
    const auto implied = shape->size() - labels;
    for (std::size_t i = 0, axis = 0; i < term.size(); ++i) {
      if (i == dots) {
        for (std::size_t k = 0; k < implied; ++k, ++axis) {
          auto& extent = ellipsis[static_cast<std::ptrdiff_t>(implied - k)];
          extent = std::max(extent, (*shape)[axis]);
        }
        i += 2;
        continue;
      }
      auto& extent = extents[term[i]];
      extent = std::max(extent, (*shape)[axis++]);
    }
  }
  Count total = 1;
  for (const auto& [label, extent] : extents) {
    total = checked_mul(total, extent);
  }
  for (const auto& [axis, extent] : ellipsis) {
    total = checked_mul(total, extent);
  }
  return operand < 2 ? elementwise(total, 1)
                     : from_macs(checked_mul(total, static_cast<std::int64_t>(operand) - 1));
}

constexpr std::int64_t kOperationsPerGate = 3;  // bias, activation, use

/// Weights for inputs and states of each gate that are inputs of their own: [cells, width].
Work recurrent_of_factors(const Site& site) {
  auto extents = site.input(0);
  if (!extents || extents->empty()) {
    return {};
  }
  extents->pop_back();
  const auto steps = product(*extents);
  Count weights = 0;
  Count cells = 0;
  for (const auto factor : site.op.operands.factors) {
    if (site.has_input(factor)) {
      weights = checked_add(weights, site.input_size(factor));
      cells = checked_add(cells, site.extent(factor, 0));
    }
  }
  const auto gates = cells ? Count(*cells / 2) : std::nullopt;
  return from_macs(checked_mul(steps, weights),
                   checked_mul(checked_mul(steps, gates), kOperationsPerGate));
}

/// Input and recurrent weights are read once per step and sample; gates are element-wise.
Work recurrent(const Site& site) {
  if (!site.op.operands.factors.empty()) {
    return recurrent_of_factors(site);
  }
  const auto steps = checked_mul(site.extent(0, 0), site.extent(0, 1));
  const auto macs = checked_mul(steps, checked_add(site.input_size(1), site.input_size(2)));
  const auto input_extent = site.extent(0, 2);
  // W is [directions, gates x hidden, input], so size / input is the number of gate values.
  const auto gates = input_extent && *input_extent > 0 && site.input_size(1)
                         ? Count(*site.input_size(1) / *input_extent)
                         : std::nullopt;
  return from_macs(macs, checked_mul(checked_mul(steps, gates), kOperationsPerGate));
}

/// Scores and their application: every query meets every key.
Count attention_macs(Count batch, Count queries, Count keys, Count query_width, Count value_width) {
  return checked_mul(checked_mul(batch, checked_mul(queries, keys)),
                     checked_add(query_width, value_width));
}

Work attention_work(Count macs, Count scores) {
  constexpr std::int64_t kSoftmaxOperations = 5;
  return from_macs(macs, checked_mul(scores, kSoftmaxOperations));
}

/// Input [B, S, D], weights [D, 3 x H].
Work fused_attention(const Site& site) {
  const auto batch = site.extent(0, 0);
  const auto sequence = site.extent(0, 1);
  const auto packed = site.extent(1, 1);
  if (!packed) {
    return {};
  }
  const auto hidden = *packed / 3;
  const auto projections = checked_mul(checked_mul(batch, sequence), site.input_size(1));
  const auto macs =
      checked_add(projections, attention_macs(batch, sequence, sequence, hidden, hidden));
  const auto heads = site.op.int_or("num_heads", 1);
  return attention_work(macs,
                        checked_mul(checked_mul(batch, heads), checked_mul(sequence, sequence)));
}

/// Attention over separate queries, keys and values of three extents [B, S, H] or four
/// [B, heads, S, H / heads].
Work separate_attention(const Site& site) {
  const auto query = site.input(0);
  const auto key = site.input(1);
  if (!query || !key || (query->size() != 3 && query->size() != 4)) {
    return {};
  }
  const auto sequence_axis = query->size() == 4 ? 2 : 1;
  const auto heads = query->size() == 4
                         ? (*query)[1]
                         : site.op.int_or("q_num_heads", site.op.int_or("num_heads", 1));
  const auto width =
      query->size() == 4 ? checked_mul((*query)[1], (*query)[3]) : Count((*query)[2]);
  auto keys = site.extent(1, key->size() == 4 ? 2 : 1);
  const auto past = site.op.operands.past;
  if (site.has_input(past)) {
    keys = checked_add(keys, site.extent(*past, 2));
  }
  const auto queries = site.extent(0, sequence_axis);
  const auto macs = attention_macs((*query)[0], queries, keys, width, width);
  return attention_work(macs,
                        checked_mul(checked_mul((*query)[0], heads), checked_mul(queries, keys)));
}

// --- operators without -----------------------------------------------------------------------

/// Sliding windows: one operation per element of the window.
Work pool(const Site& site) {
  const auto kernel = site.op.ints_or("kernel_shape", {});
  return {0, checked_mul(site.output_size(), product(kernel))};
}

/// All of the input is read and combined.
Work reduction(const Site& site) {
  return elementwise(site.input_size(0), 1);
}

Work resize(const Site& site) {
  const auto mode = site.op.string_or("mode", "nearest");
  // Two resized axes: linear weighs 4 neighbours (7 operations), cubic 16 (31).
  const auto operations = mode == "nearest" ? 0 : mode == "cubic" ? 31 : 7;
  return elementwise(site.output_size(), operations);
}

/// Operations per output element, transcendental functions counted as one. Absent where nothing is
/// known: a custom operator, or a function that stays a call.
Count operations_of(const Op& op) {
  if (op.operations) {
    return op.operations;
  }
  switch (op.kind) {
    case OpKind::kReshape:
    case OpKind::kPermute:
    case OpKind::kGather:
    case OpKind::kSelect:
    case OpKind::kJoin:
    case OpKind::kPad:
    case OpKind::kCast:
    case OpKind::kControl:
    case OpKind::kContainer:
      return 0;
    case OpKind::kSigmoid:
      return 4;
    case OpKind::kSoftmax:
      return 5;
    case OpKind::kNormalize:
      return 7;
    case OpKind::kQuantize:
      return 3;
    case OpKind::kDynamicQuantize:
      return 5;
    case OpKind::kDequantize:
      return 2;
    case OpKind::kOther:
      return std::nullopt;
    default:
      return 1;
  }
}

}  // namespace

Work work_of(const Graph& graph, const Op& op) {
  const Site site(graph, op);
  switch (op.kind) {
    case OpKind::kConv:
    case OpKind::kDeformableConv:
      return convolution(site);
    case OpKind::kTransposedConv:
      return transposed_convolution(site);
    case OpKind::kGemm:
    case OpKind::kMatMul:
      return matrix_product(site);
    case OpKind::kEinsum:
      return einsum(site);
    case OpKind::kLstm:
    case OpKind::kRecurrent:
      return recurrent(site);
    case OpKind::kAttention:
      return fused_attention(site);
    case OpKind::kDotProductAttention:
      return separate_attention(site);
    case OpKind::kPool:
      return pool(site);
    case OpKind::kReduce:
      return reduction(site);
    case OpKind::kResize:
      return resize(site);
    default:
      break;
  }
  const auto operations = operations_of(op);
  if (!operations) {
    return {};
  }
  // What moves data never multiplies, whatever its shape.
  return *operations == 0 ? Work{0, 0} : elementwise(site.output_size(), *operations);
}

}  // namespace tessera::graph
