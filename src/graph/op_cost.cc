// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "graph/op_cost.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <string>
#include <unordered_map>

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

  [[nodiscard]] bool has_input(std::size_t index) const {
    return index < op.inputs.size() && op.inputs[index].has_value();
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

/// Every output is a dot product of one filter: weights [O, I / group, k...].
Work convolution(const Site& site, std::size_t weights, std::size_t bias) {
  const auto shape = site.input(weights);
  if (!shape || shape->empty()) {
    return {};
  }
  const auto filter = product(std::span(*shape).subspan(1));
  const auto outputs = site.output_size();
  return from_macs(checked_mul(outputs, filter), site.has_input(bias) ? outputs : Count(0));
}

/// Every input is spread over one filter: weights [I, O / group, k...].
Work transposed_convolution(const Site& site) {
  const auto shape = site.input(1);
  if (!shape || shape->empty()) {
    return {};
  }
  const auto filter = product(std::span(*shape).subspan(1));
  return from_macs(checked_mul(site.input_size(0), filter),
                   site.has_input(2) ? site.output_size() : Count(0));
}

Work matrix_product(const Site& site, std::size_t bias) {
  const auto transposed = site.op.int_or("transA", 0) != 0;
  const auto shape = site.input(0);
  const auto depth =
      shape && shape->size() == 1 ? Count(shape->front()) : site.extent(0, transposed ? -2 : -1);
  const auto outputs = site.output_size();
  return from_macs(checked_mul(outputs, depth), site.has_input(bias) ? outputs : Count(0));
}

constexpr std::size_t kNone = 64;  // no such input

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

/// Input and recurrent weights are read once per step and sample; gates are element-wise.
Work recurrent(const Site& site) {
  const auto steps = checked_mul(site.extent(0, 0), site.extent(0, 1));
  const auto macs = checked_mul(steps, checked_add(site.input_size(1), site.input_size(2)));
  const auto input_extent = site.extent(0, 2);
  // W is [directions, gates x hidden, input], so size / input is the number of gate values.
  const auto gates = input_extent && *input_extent > 0 && site.input_size(1)
                         ? Count(*site.input_size(1) / *input_extent)
                         : std::nullopt;
  constexpr std::int64_t kOperationsPerGate = 3;  // bias, activation, use
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

/// com.microsoft Attention and QAttention: input [B, S, D], weights [D, 3 x H].
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
/// [B, heads, S, H / heads]; `past` is the input with earlier keys.
Work separate_attention(const Site& site, std::size_t past) {
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
  if (site.has_input(past)) {
    keys = checked_add(keys, site.extent(past, 2));
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

Work lrn(const Site& site) {
  return elementwise(site.output_size(), 2 * site.op.int_or("size", 1) + 3);
}

using Rule = Work (*)(const Site&);

const std::unordered_map<std::string_view, Rule>& rules() {
  static const std::unordered_map<std::string_view, Rule> kRules = {
      {"Conv", [](const Site& s) { return convolution(s, 1, 2); }},
      {"FusedConv", [](const Site& s) { return convolution(s, 1, 2); }},
      {"NhwcFusedConv", [](const Site& s) { return convolution(s, 1, 2); }},
      {"DeformConv", [](const Site& s) { return convolution(s, 1, 3); }},
      {"ConvInteger", [](const Site& s) { return convolution(s, 1, kNone); }},
      {"QLinearConv", [](const Site& s) { return convolution(s, 3, 8); }},
      {"ConvTranspose", transposed_convolution},
      {"Gemm", [](const Site& s) { return matrix_product(s, 2); }},
      {"FusedGemm", [](const Site& s) { return matrix_product(s, 2); }},
      {"QGemm", [](const Site& s) { return matrix_product(s, 6); }},
      {"MatMul", [](const Site& s) { return matrix_product(s, kNone); }},
      {"FusedMatMul", [](const Site& s) { return matrix_product(s, kNone); }},
      {"GemmFloat8", [](const Site& s) { return matrix_product(s, 2); }},
      {"MatMulInteger", [](const Site& s) { return matrix_product(s, kNone); }},
      {"MatMulInteger16", [](const Site& s) { return matrix_product(s, kNone); }},
      {"QLinearMatMul", [](const Site& s) { return matrix_product(s, kNone); }},
      {"MatMulIntegerToFloat", [](const Site& s) { return matrix_product(s, 6); }},
      {"DynamicQuantizeMatMul", [](const Site& s) { return matrix_product(s, 4); }},
      {"MatMulNBits", [](const Site& s) { return matrix_product(s, 5); }},
      {"MatMulBnb4", [](const Site& s) { return matrix_product(s, kNone); }},
      {"Einsum", einsum},
      {"LSTM", recurrent},
      {"GRU", recurrent},
      {"RNN", recurrent},
      {"DynamicQuantizeLSTM", recurrent},
      {"QAttention", fused_attention},
      {"MultiHeadAttention", [](const Site& s) { return separate_attention(s, 6); }},
      {"GroupQueryAttention", [](const Site& s) { return separate_attention(s, 3); }},
      {"AveragePool", pool},
      {"MaxPool", pool},
      {"LpPool", pool},
      {"GlobalAveragePool", reduction},
      {"GlobalMaxPool", reduction},
      {"GlobalLpPool", reduction},
      {"ArgMax", reduction},
      {"ArgMin", reduction},
      {"TopK", reduction},
      {"CumSum", reduction},
      {"Resize", resize},
      {"Upsample", resize},
      {"LRN", lrn},
  };
  return kRules;
}

/// Operations per output element, transcendental functions counted as one.
const std::unordered_map<std::string_view, std::int64_t>& operations_per_output() {
  static const std::unordered_map<std::string_view, std::int64_t> kOperations = {
      // Data movement, shapes, control and annotations.
      {"Identity", 0},
      {"Reshape", 0},
      {"Transpose", 0},
      {"Concat", 0},
      {"Split", 0},
      {"Slice", 0},
      {"Gather", 0},
      {"GatherElements", 0},
      {"GatherND", 0},
      {"Scatter", 0},
      {"ScatterElements", 0},
      {"ScatterND", 0},
      {"Squeeze", 0},
      {"Unsqueeze", 0},
      {"Flatten", 0},
      {"Expand", 0},
      {"Tile", 0},
      {"Pad", 0},
      {"DepthToSpace", 0},
      {"SpaceToDepth", 0},
      {"Shape", 0},
      {"Size", 0},
      {"Constant", 0},
      {"ConstantOfShape", 0},
      {"ConstantFill", 0},
      {"Cast", 0},
      {"CastLike", 0},
      {"Dropout", 0},
      {"EyeLike", 0},
      {"OneHot", 0},
      {"NonZero", 0},
      {"Compress", 0},
      {"Crop", 0},
      {"Range", 0},
      {"ReverseSequence", 0},
      {"Trilu", 0},
      {"ConcatFromSequence", 0},
      {"SplitToSequence", 0},
      {"SequenceConstruct", 0},
      {"SequenceEmpty", 0},
      {"SequenceInsert", 0},
      {"SequenceAt", 0},
      {"SequenceErase", 0},
      {"SequenceLength", 0},
      {"Optional", 0},
      {"OptionalGetElement", 0},
      {"OptionalHasElement", 0},
      {"If", 0},
      {"Loop", 0},
      {"Scan", 0},
      {"EmbedLayerNormalization", 7},
      {"ReorderInput", 0},
      {"ReorderOutput", 0},
      {"Im2Col", 0},
      {"Col2Im", 0},
      {"CenterCropPad", 0},
      {"Bernoulli", 1},
      {"Tap", 0},
      // Functions of several steps, by their formulas.
      {"Sigmoid", 4},
      {"HardSigmoid", 4},
      {"HardSwish", 5},
      {"Swish", 5},
      {"QuickGelu", 5},
      {"Gelu", 5},
      {"FastGelu", 8},
      {"BiasGelu", 6},
      {"Softplus", 3},
      {"Softsign", 3},
      {"Elu", 3},
      {"Celu", 4},
      {"Selu", 4},
      {"LeakyRelu", 2},
      {"PRelu", 2},
      {"ThresholdedRelu", 2},
      {"Clip", 2},
      {"Mish", 5},
      {"Softmax", 5},
      {"LogSoftmax", 5},
      {"Hardmax", 1},
      {"BatchNormalization", 2},
      {"InstanceNormalization", 7},
      {"LayerNormalization", 7},
      {"SimplifiedLayerNormalization", 5},
      {"RMSNormalization", 5},
      {"GroupNormalization", 7},
      {"GroupNorm", 7},
      {"SkipLayerNormalization", 8},
      {"SkipSimplifiedLayerNormalization", 6},
      {"MeanVarianceNormalization", 5},
      {"LpNormalization", 3},
      {"ImageScaler", 2},
      {"Affine", 2},
      {"ScaledTanh", 3},
      {"ParametricSoftplus", 4},
      {"RoiAlign", 8},
      {"GridSample", 8},
      {"RotaryEmbedding", 3},
      // Conversions.
      {"QuantizeLinear", 3},
      {"DequantizeLinear", 2},
      {"DynamicQuantizeLinear", 5},
  };
  return kOperations;
}

bool is_known_domain(std::string_view domain) {
  return domain.empty() || domain.starts_with("ai.onnx") || domain.starts_with("com.microsoft");
}

}  // namespace

std::string_view base_type(const Op& op) {
  std::string_view type = op.type;
  for (const std::string_view prefix : {"QLinear", "Nhwc"}) {
    if (type.starts_with(prefix) && type.size() > prefix.size() && type != "QLinearConv" &&
        type != "QLinearMatMul" && type != "NhwcFusedConv") {
      type.remove_prefix(prefix.size());
    }
  }
  return type;
}

Work work_of(const Graph& graph, const Op& op) {
  const Site site(graph, op);
  const auto type = base_type(op);
  if (type == "Attention") {  // two operators of this name
    return op.domain.empty() ? separate_attention(site, 4) : fused_attention(site);
  }
  if (const auto rule = rules().find(type); rule != rules().end()) {
    return rule->second(site);
  }
  if (type.starts_with("Reduce")) {
    return reduction(site);
  }
  if (type == "Sum" || type == "Max" || type == "Min" || type == "Mean") {
    const auto operands = static_cast<std::int64_t>(op.inputs.size());
    return elementwise(site.output_size(), std::max<std::int64_t>(operands - 1, 1));
  }
  if (!is_known_domain(op.domain)) {
    return {std::nullopt, std::nullopt};  // a custom operator, or a function that stays a call
  }
  const auto known = operations_per_output().find(type);
  const auto operations = known == operations_per_output().end() ? 1 : known->second;
  if (operations == 0) {
    return {0, 0};
  }
  return elementwise(site.output_size(), operations);
}

}  // namespace tessera::graph
