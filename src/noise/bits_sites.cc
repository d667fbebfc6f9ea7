// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/bits_sites.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <variant>

#include "tessera/graph/cost.h"
#include "tessera/graph/kind.h"

namespace tessera::noise {
namespace {

using graph::Op;
using graph::OpId;
using graph::OpKind;
using graph::TensorId;
using graph::TensorKind;

bool takes_weights(OpKind kind) {
  return kind == OpKind::kConv || kind == OpKind::kTransposedConv || kind == OpKind::kGemm ||
         kind == OpKind::kMatMul;
}

/// Bits of a signed number that holds these integers.
int width_of(const std::vector<float>& integers) {
  int bits = 1;
  for (const float value : integers) {
    while (value > std::ldexp(1.0F, bits - 1) - 1 || value < -std::ldexp(1.0F, bits - 1)) {
      ++bits;
    }
  }
  return bits;
}

class Finder {
 public:
  Finder(const network::Network& model, const graph::Graph& graph)
      : model_(model),
        graph_(graph),
        costs_(graph::operator_costs(graph, graph::QdqCounting::kExclude)) {}

  Result<Sites> run() {
    for (std::uint32_t i = 0; i < graph_.ops().size(); ++i) {
      if (takes_weights(graph_.op(OpId{i}).kind)) {
        TESSERA_CHECK(add_weights(OpId{i}));
      }
    }
    for (const auto& op : graph_.ops()) {
      if (ends_in_relu(op)) {
        TESSERA_CHECK(site_of(*op.outputs.front()).map([](std::size_t) {}));
      }
    }
    if (sites_.weights.empty()) {
      return fail(ErrorCode::kFailedPrecondition, "no layer has weights whose bits can be chosen")
          .hint("convolutions, fully connected layers and products with a constant matrix have");
    }
    return std::move(sites_);
  }

 private:
  [[nodiscard]] const Op* maker(TensorId id) const {
    const auto producer = graph_.tensor(id).producer;
    return producer ? &graph_.op(*producer) : nullptr;
  }
  [[nodiscard]] bool is_float(TensorId id) const {
    return graph_.tensor(id).dtype == DType::kFloat32;
  }

  Result<double> elements(TensorId id) const {
    const auto shape = graph_.tensor(id).static_shape();
    if (!shape) {
      return fail(ErrorCode::kFailedPrecondition, "an extent of '{}' is open",
                  graph_.tensor(id).name)
          .hint("give it a value with --dim or --shape");
    }
    return static_cast<double>(element_count(*shape));
  }

  /// Relu, or a Clip that is one; not the middle of x * clip(x + 3, 0, 6) / 6.
  [[nodiscard]] bool is_relu(const Op& op) const {
    // A clamp that does one operation per element, as its kind says, has one bound: zero.
    return op.kind == OpKind::kClamp && (!op.operations || bound(op, 1, "min") == 0.0F);
  }
  [[nodiscard]] bool ends_in_relu(const Op& op) const {
    if (!is_relu(op) || op.outputs.empty() || !op.outputs.front() ||
        !is_float(*op.outputs.front())) {
      return false;
    }
    const auto& consumers = graph_.tensor(*op.outputs.front()).consumers;
    return !consumers.empty() && std::ranges::none_of(consumers, [&](OpId reader) {
      const auto kind = graph_.op(reader).kind;
      return kind == OpKind::kMul || kind == OpKind::kClamp || kind == OpKind::kQuantize;
    });
  }
  /// A bound of a clamp: an input, or in older files an attribute.
  [[nodiscard]] std::optional<float> bound(const Op& op, std::size_t input,
                                           std::string_view attribute) const {
    const auto given = op.attributes.find(attribute);
    if (given != op.attributes.end()) {
      const auto* number = std::get_if<double>(&given->second);
      return number == nullptr ? std::nullopt : std::optional<float>(static_cast<float>(*number));
    }
    if (op.inputs.size() <= input || !op.inputs[input]) {
      return std::nullopt;
    }
    const auto value = model_.constant(graph_.tensor(*op.inputs[input]).name);
    if (!value || value->size() != 1) {
      return std::nullopt;
    }
    const auto number = to_float32(*value);
    return number ? std::optional<float>(number->front()) : std::nullopt;
  }

  /// Real numbers of a constant, and the bits that it has: stored so, or behind DequantizeLinear.
  struct Constant {
    std::vector<float> values;
    std::optional<int> given;
  };
  Result<std::optional<Constant>> constant(TensorId id) const {
    const auto& tensor = graph_.tensor(id);
    if (tensor.kind == TensorKind::kInitializer) {
      TESSERA_TRY(const auto view, model_.constant(tensor.name));
      TESSERA_TRY(auto values, to_float32(view));
      return Constant{std::move(values), std::nullopt};
    }
    const auto* op = maker(id);
    if (op == nullptr || !graph::is_dequantize(*op)) {
      return std::nullopt;
    }
    std::vector<std::vector<float>> parts;
    for (const auto& input : op->inputs) {
      if (!input || graph_.tensor(*input).kind != TensorKind::kInitializer) {
        return std::nullopt;
      }
      TESSERA_TRY(const auto view, model_.constant(graph_.tensor(*input).name));
      TESSERA_TRY(auto values, to_float32(view));
      parts.push_back(std::move(values));
    }
    return dequantized(*op, id, std::move(parts));
  }
  /// Elements behind the axis that has so many scales; none if no axis of the shape does.
  static std::optional<std::size_t> behind_axis(const Shape& shape, std::int64_t given,
                                                std::size_t scales) {
    const auto rank = static_cast<std::int64_t>(shape.size());
    const auto axis = given < 0 ? given + rank : given;
    if (axis < 0 || axis >= rank) {
      return std::nullopt;
    }
    const auto at = static_cast<std::size_t>(axis);
    if (shape[at] != static_cast<std::int64_t>(scales)) {
      return std::nullopt;
    }
    return static_cast<std::size_t>(element_count(std::span(shape).subspan(at + 1)));
  }
  std::optional<Constant> dequantized(const Op& op, TensorId id,
                                      std::vector<std::vector<float>> parts) const {
    const auto shape = graph_.tensor(id).static_shape();
    if (!shape || parts.size() < 2 || op.int_or("block_size", 0) != 0) {
      return std::nullopt;
    }
    auto& values = parts[0];
    const auto& scale = parts[1];
    const auto zero = parts.size() > 2 ? parts[2] : std::vector<float>(scale.size(), 0);
    const auto inner = scale.size() > 1 ? behind_axis(*shape, op.int_or("axis", 1), scale.size())
                                        : std::optional(values.size());
    if (!inner || *inner == 0 || scale.empty() || zero.size() != scale.size()) {
      return std::nullopt;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] -= zero[i / *inner % scale.size()];
    }
    const int bits = width_of(values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] *= scale[i / *inner % scale.size()];
    }
    return Constant{std::move(values), bits};
  }

  Status add_weights(OpId id) {
    const auto& op = graph_.op(id);
    const auto at = op.operands.weights;
    if (op.inputs.size() <= at || !op.inputs[at] || !op.inputs[op.operands.input]) {
      return {};
    }
    const auto tensor = *op.inputs[at];
    const auto shape = graph_.tensor(tensor).static_shape();
    if (!is_float(tensor) || !shape || shape->size() < 2 || element_count(*shape) == 0) {
      return {};
    }
    auto known = weights_.find(tensor);
    if (known == weights_.end()) {
      TESSERA_TRY(auto content, constant(tensor));
      if (!content || (op.kind == OpKind::kMatMul && shape->size() != 2)) {
        return {};
      }
      WeightSite site{.name = op.name,
                      .type = op.type,
                      .tensor = graph_.tensor(tensor).name,
                      .values = Tensor::of(content->values, *shape),
                      .given = content->given};
      arrange(op, *shape, site);
      known = weights_.emplace(tensor, sites_.weights.size()).first;
      sites_.weights.push_back(std::move(site));
    }
    return add_use(id, sites_.weights[known->second]);
  }

  /// Which axis has scales of its own: what QKeras has last, of depthwise kernels the channels.
  static void arrange(const Op& op, const Shape& shape, WeightSite& site) {
    const auto count = static_cast<std::size_t>(element_count(shape));
    const auto group = op.kind == OpKind::kConv ? op.int_or("group", 1) : 1;
    site.depthwise = group > 1 && shape[1] == 1 && shape[0] % group == 0;
    const bool matrix =
        op.kind == OpKind::kMatMul || (op.kind == OpKind::kGemm && op.int_or("transB", 0) == 0);
    site.channels = static_cast<std::size_t>(site.depthwise ? group : shape[matrix ? 1 : 0]);
    site.before = matrix ? static_cast<std::size_t>(shape[0]) : 1;
    site.behind = count / site.channels / site.before;
    // A transposed convolution adds up over its first axis.
    const auto outputs = op.kind == OpKind::kTransposedConv ? shape[1] : shape[matrix ? 1 : 0];
    site.terms = static_cast<double>(count) / static_cast<double>(outputs);
  }

  Status add_use(OpId id, WeightSite& site) {
    const auto& op = graph_.op(id);
    const auto input = *op.inputs[op.operands.input];
    if (!costs_[id.value].macs) {
      return fail(ErrorCode::kFailedPrecondition, "the multiplications of '{}' are not known",
                  op.name)
          .hint("give open extents values with --dim or --shape");
    }
    site.ops.push_back(op.name);
    site.macs += static_cast<double>(*costs_[id.value].macs);
    TESSERA_TRY(const double read, elements(input));
    site.input_elements += read;
    TESSERA_CHECK(note_bias(op, site));
    std::vector<std::size_t> found;
    TESSERA_CHECK(trace(input, found));
    for (const auto place : found) {
      if (std::ranges::find(site.inputs, place) == site.inputs.end()) {
        site.inputs.push_back(place);
      }
    }
    return {};
  }

  Status note_bias(const Op& op, WeightSite& site) const {
    std::optional<TensorId> bias;
    const auto at = op.operands.bias;
    if (op.kind != OpKind::kMatMul && at && op.inputs.size() > *at) {
      bias = op.inputs[*at];
    } else if (op.kind == OpKind::kMatMul && op.outputs.front()) {
      const auto& readers = graph_.tensor(*op.outputs.front()).consumers;
      if (readers.size() == 1 && graph_.op(readers.front()).kind == OpKind::kAdd) {
        const auto& inputs = graph_.op(readers.front()).inputs;
        bias = inputs[0] == op.outputs.front() ? inputs[1] : inputs[0];
      }
    }
    if (!bias) {
      return {};
    }
    TESSERA_TRY(const auto content, constant(*bias));
    for (const float value : content ? content->values : std::vector<float>()) {
      site.bias = std::max(site.bias.value_or(0), std::abs(value));
    }
    return {};
  }

  /// Back to where values are computed. Averages and sums pass: they are as exact as what goes in.
  Status trace(TensorId start, std::vector<std::size_t>& found) {
    std::vector<TensorId> open{start};
    std::set<TensorId> seen;
    while (!open.empty()) {
      const auto id = open.back();
      open.pop_back();
      const auto* op = maker(id);
      if (op == nullptr || !seen.insert(id).second ||
          graph_.tensor(id).kind == TensorKind::kInput) {
        continue;
      }
      if (op->kind == OpKind::kJoin) {
        for (const auto& input : op->inputs) {
          if (input && is_float(*input)) {
            open.push_back(*input);
          }
        }
      } else if (passes(*op) && op->inputs.front() && is_float(*op->inputs.front())) {
        open.push_back(*op->inputs.front());
      } else if (is_float(id)) {
        TESSERA_TRY(const auto place, site_of(id));
        found.push_back(place);
      }
    }
    return {};
  }
  static bool passes(const Op& op) {
    const bool known =
        graph::only_moves(op.kind) || op.kind == OpKind::kPool || op.kind == OpKind::kReduce;
    return known && !op.inputs.empty();
  }

  Result<std::size_t> site_of(TensorId id) {
    const auto [known, is_new] = activations_.try_emplace(id, sites_.activations.size());
    if (is_new) {
      const auto& op = *maker(id);
      ActivationSite site{.tensor = graph_.tensor(id).name, .type = op.type};
      TESSERA_TRY(site.elements, elements(id));
      site.given = given_bits(op);
      site.relu = is_relu(op);
      if (site.relu) {
        site.at_most = bound(op, 2, "max");
      }
      sites_.activations.push_back(std::move(site));
    }
    return known->second;
  }

  /// Of Q -> Clip -> DQ: what is between the bounds; of Q -> DQ: the type.
  [[nodiscard]] std::optional<int> given_bits(const Op& op) const {
    if (!graph::is_dequantize(op) || !op.inputs.front()) {
      return std::nullopt;
    }
    const auto* before = maker(*op.inputs.front());
    if (before != nullptr && before->kind == OpKind::kClamp) {
      const auto low = bound(*before, 1, "min");
      const auto high = bound(*before, 2, "max");
      if (low && high && *high > *low) {
        return static_cast<int>(std::ceil(std::log2(*high - *low + 1)));
      }
    }
    return bits_of(graph_.tensor(*op.inputs.front()).dtype);
  }

  const network::Network& model_;
  const graph::Graph& graph_;
  std::vector<graph::OpCost> costs_;
  Sites sites_;
  std::map<TensorId, std::size_t> weights_;
  std::map<TensorId, std::size_t> activations_;
};

}  // namespace

Result<Sites> find_sites(const network::Network& model, const graph::Graph& graph) {
  return Finder(model, graph).run();
}

}  // namespace tessera::noise
