// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/graph/inspect.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "graph/folding.h"
#include "tessera/core/checked.h"
#include "tessera/graph/fields.h"

namespace tessera::graph {
namespace {

/// Constants that carry no learned value: target shapes, axes, indices, masks.
bool is_weight(const TensorInfo& tensor) {
  return tensor.kind == TensorKind::kInitializer && tensor.dtype != DType::kInt64 &&
         tensor.dtype != DType::kBool;
}

bool is_used(const TensorInfo& tensor) {
  return !tensor.consumers.empty() || tensor.used_by_body || tensor.is_output;
}

void add_weights(const Graph& graph, Inspection& inspection) {
  for (const auto& tensor : graph.tensors()) {
    if (tensor.kind != TensorKind::kInitializer || !is_used(tensor)) {
      continue;
    }
    inspection.weight_bytes =
        saturating_add(inspection.weight_bytes, tensor.size_bytes().value_or(0));
    const auto shape = tensor.static_shape();
    if (is_weight(tensor) && shape) {
      inspection.parameters =
          saturating_add(inspection.parameters, std::max<std::int64_t>(element_count(*shape), 0));
    }
  }
  for (const auto& op : graph.ops()) {
    for (const auto& body : op.bodies) {
      add_weights(body, inspection);
    }
  }
}

std::vector<TypeTotal> totals_by_type(const Graph& graph, const std::vector<OpCost>& costs) {
  std::map<std::string, TypeTotal> totals;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const auto& op = graph.ops()[i];
    auto name = op.domain.empty() ? op.type : op.domain + "." + op.type;
    auto& total = totals[name];
    total.type = std::move(name);
    ++total.count;
    total.weight_bytes = saturating_add(total.weight_bytes, costs[i].weight_bytes);
    total.macs = checked_add(total.macs, costs[i].macs);
  }
  std::vector<TypeTotal> result;
  result.reserve(totals.size());
  for (auto& [name, total] : totals) {
    result.push_back(std::move(total));
  }
  std::stable_sort(result.begin(), result.end(), [](const TypeTotal& a, const TypeTotal& b) {
    const auto key = [](const TypeTotal& total) {
      return std::pair(total.macs.value_or(0), total.count);
    };
    return key(a) > key(b);
  });
  return result;
}

bool is_dynamic(const Op& op) {
  return op.kind == OpKind::kDynamicQuantize || op.arithmetic == Arithmetic::kDynamic;
}

bool is_weight_only(const Graph& graph, const Folding& folding, const Op& op) {
  if (op.arithmetic == Arithmetic::kWeightOnly) {
    return true;
  }
  if (is_quantize(op) || is_dequantize(op)) {
    return false;
  }
  bool integer_weight = false;
  bool float_activation = false;
  for (const auto& input : op.inputs) {
    if (!input) {
      continue;
    }
    const auto producer = graph.tensor(*input).producer;
    const auto dequantized = producer && is_dequantize(graph.op(*producer));
    integer_weight = integer_weight || (dequantized && folding.is_constant(*input));
    float_activation = float_activation || (!dequantized && !folding.is_constant(*input) &&
                                            graph.tensor(*input).dtype != DType::kInt64);
  }
  return integer_weight && float_activation;
}

/// A float operator that stands between DequantizeLinear and QuantizeLinear.
bool is_qdq(const Graph& graph, const Folding& folding, OpId id) {
  const auto& op = graph.op(id);
  if (is_quantize(op) || is_dequantize(op) || is_integer_op(op)) {
    return false;
  }
  if (folding.folds(id)) {
    return true;
  }
  const auto quantized_activation =
      std::any_of(op.inputs.begin(), op.inputs.end(), [&](const auto& input) {
        return input && !folding.is_constant(*input) && graph.tensor(*input).producer &&
               is_dequantize(graph.op(*graph.tensor(*input).producer));
      });
  const auto quantized_weight =
      std::any_of(op.inputs.begin(), op.inputs.end(), [&](const auto& input) {
        return input && folding.is_constant(*input) && graph.tensor(*input).producer &&
               is_dequantize(graph.op(*graph.tensor(*input).producer));
      });
  return quantized_activation && quantized_weight && folding.reads_dequantized(op);
}

/// Most of the weights are half-precision.
bool has_half_weights(const Graph& graph) {
  std::int64_t half = 0;
  std::int64_t other = 0;
  for (const auto& tensor : graph.tensors()) {
    const auto bytes = is_weight(tensor) ? tensor.size_bytes().value_or(0) : 0;
    const bool is_half = tensor.dtype == DType::kFloat16 || tensor.dtype == DType::kBFloat16;
    auto& sum = is_half ? half : other;
    sum = saturating_add(sum, bytes);
  }
  return half > other;
}

std::vector<std::string> input_symbols(const Graph& graph) {
  std::set<std::string> symbols;
  for (const auto input : graph.inputs()) {
    for (const auto& dim : graph.tensor(input).shape.value_or(std::vector<Dim>{})) {
      if (!dim.known() && !dim.symbol.empty()) {
        symbols.insert(dim.symbol);
      }
    }
  }
  return {symbols.begin(), symbols.end()};
}

// --- JSON -----------------------------------------------------------------------------------

Json shape_json(const TensorInfo& tensor) {
  if (!tensor.shape) {
    return nullptr;
  }
  auto dims = Json::array();
  for (const auto& dim : *tensor.shape) {
    if (dim.known()) {
      dims.push_back(dim.value);
    } else if (!dim.symbol.empty()) {
      dims.push_back(dim.symbol);
    } else {
      dims.push_back(nullptr);
    }
  }
  return dims;
}

Json tensor_json(const TensorInfo& tensor) {
  return {{"name", tensor.name},
          {"dtype", to_string(tensor.dtype)},
          {"shape", shape_json(tensor)},
          {"bytes", or_null(tensor.size_bytes())}};
}

Json tensors_json(const Graph& graph, std::span<const TensorId> ids) {
  auto list = Json::array();
  for (const auto id : ids) {
    list.push_back(tensor_json(graph.tensor(id)));
  }
  return list;
}

Json ops_json(const Graph& graph, const std::vector<OpCost>& costs, QdqCounting counting);

Json op_json(const Graph& graph, const Op& op, const OpCost& cost, QdqCounting counting) {
  Json json = {{"name", op.name},
               {"type", op.type},
               {"domain", op.domain},
               {"macs", or_null(cost.macs)},
               {"flops", or_null(cost.flops)},
               {"weight_bytes", cost.weight_bytes},
               {"parameters", cost.parameters}};
  auto inputs = Json::array();
  for (const auto& input : op.inputs) {
    inputs.push_back(input ? graph.tensor(*input).name : "");
  }
  auto outputs = Json::array();
  for (const auto& output : op.outputs) {
    if (output) {
      outputs.push_back(tensor_json(graph.tensor(*output)));
    }
  }
  json["inputs"] = std::move(inputs);
  json["outputs"] = std::move(outputs);
  if (!op.bodies.empty()) {
    json["body_nodes"] = op.body_ops;
    auto bodies = Json::array();
    for (const auto& body : op.bodies) {
      bodies.push_back({{"ops", ops_json(body, operator_costs(body, counting), counting)}});
    }
    json["bodies"] = std::move(bodies);
  }
  return json;
}

Json ops_json(const Graph& graph, const std::vector<OpCost>& costs, QdqCounting counting) {
  auto ops = Json::array();
  for (std::size_t i = 0; i < costs.size(); ++i) {
    ops.push_back(op_json(graph, graph.ops()[i], costs[i], counting));
  }
  return ops;
}

Json cut_json(const Graph& graph, const Cut& cut) {
  return {{"tensors", tensors_json(graph, cut.tensors)},
          {"bytes", or_null(cut.bytes)},
          {"int8_bytes", or_null(cut.int8_bytes)},
          {"macs_before", cut.macs_before},
          {"macs_after", cut.macs_after},
          {"nodes_before", cut.nodes_before}};
}

}  // namespace

std::string_view to_string(QuantizationState state) noexcept {
  switch (state) {
    case QuantizationState::kNone:
      return "none";
    case QuantizationState::kQdq:
      return "qdq";
    case QuantizationState::kQOperator:
      return "qoperator";
    case QuantizationState::kDynamic:
      return "dynamic";
    case QuantizationState::kWeightOnly:
      return "weight-only";
    case QuantizationState::kFloat16:
      return "float16";
    case QuantizationState::kMixed:
      return "mixed";
  }
  return "none";
}

std::string_view to_string(QdqCounting counting) noexcept {
  switch (counting) {
    case QdqCounting::kInclude:
      return "include";
    case QdqCounting::kExclude:
      return "exclude";
    case QdqCounting::kDiscount:
      return "discount";
  }
  return "include";
}

namespace {

/// Longer names than a letter are quoted: "Nonex3" and "batchxseq" read like one word.
std::string extent_text(const Dim& dim) {
  if (dim.known()) {
    return std::to_string(dim.value);
  }
  return dim.symbol.empty() ? "?" : dim.symbol.size() == 1 ? dim.symbol : "'" + dim.symbol + "'";
}

}  // namespace

std::string shape_text(const TensorInfo& tensor) {
  if (!tensor.shape) {
    return "?";
  }
  if (tensor.shape->empty()) {
    return "scalar";
  }
  std::string text;
  for (const auto& dim : *tensor.shape) {
    text += (text.empty() ? "" : "x") + extent_text(dim);
  }
  return text;
}

std::vector<bool> quantized_operators(const Graph& graph) {
  const Folding folding(graph);
  std::vector<bool> quantized(graph.ops().size(), false);
  const auto made_by = [&](const std::optional<TensorId>& id, auto fits) {
    const auto producer = id ? graph.tensor(*id).producer : std::nullopt;
    return producer && fits(graph.op(*producer), producer->value);
  };
  // In topological order: what rescales an integer product belongs to it.
  for (std::uint32_t i = 0; i < graph.ops().size(); ++i) {
    const auto& op = graph.op({i});
    quantized[i] = is_quantize(op) || is_dequantize(op) || is_integer_op(op) || is_dynamic(op) ||
                   is_weight_only(graph, folding, op) || is_qdq(graph, folding, {i});
    if (op.kind != OpKind::kCast && op.kind != OpKind::kMul) {
      continue;
    }
    const bool rescales = std::any_of(op.inputs.begin(), op.inputs.end(), [&](const auto& input) {
      return made_by(input, [&](const Op& maker, std::uint32_t place) {
        return is_dynamic(maker) || (maker.kind == OpKind::kCast && quantized[place]);
      });
    });
    quantized[i] = quantized[i] || rescales;
  }
  return quantized;
}

Quantization quantization_of(const Graph& graph) {
  const Folding folding(graph);
  const auto costs = operator_costs(graph, QdqCounting::kExclude);
  Quantization result;
  std::set<QuantizationState> kinds;
  double integer_macs = 0;
  double all_macs = 0;
  bool macs_known = true;
  for (std::uint32_t i = 0; i < graph.ops().size(); ++i) {
    const auto& op = graph.ops()[i];
    result.quantize_nodes += is_quantize(op) ? 1 : 0;
    result.dequantize_nodes += is_dequantize(op) ? 1 : 0;
    const auto integer = is_integer_op(op) || folding.folds({i});
    result.int8_ops += integer ? 1 : 0;
    macs_known = macs_known && costs[i].macs.has_value();
    // Only their ratio matters, which numbers this large keep.
    const auto macs = static_cast<double>(costs[i].macs.value_or(0));
    all_macs += macs;
    integer_macs += integer ? macs : 0;
    if (is_dynamic(op)) {
      kinds.insert(QuantizationState::kDynamic);
    } else if (is_integer_op(op)) {
      kinds.insert(QuantizationState::kQOperator);
    } else if (is_weight_only(graph, folding, op)) {
      kinds.insert(QuantizationState::kWeightOnly);
    } else if (is_qdq(graph, folding, {i})) {
      kinds.insert(QuantizationState::kQdq);
    }
  }
  // Q/DQ that no operator forms a unit with still round every value.
  if (kinds.empty() && result.quantize_nodes > 0) {
    kinds.insert(QuantizationState::kQdq);
  }
  if (has_half_weights(graph)) {
    kinds.insert(QuantizationState::kFloat16);
  }
  if (!kinds.empty()) {
    result.state = kinds.size() == 1 ? *kinds.begin() : QuantizationState::kMixed;
  }
  if (macs_known && all_macs > 0) {
    result.int8_mac_share = integer_macs / all_macs;
  }
  return result;
}

Inspection inspect(const Graph& graph, const InspectOptions& options) {
  Inspection result;
  result.qdq = options.qdq;
  result.nodes = static_cast<std::int64_t>(graph.ops().size());
  result.costs = operator_costs(graph, options.qdq);
  for (const auto& op : graph.ops()) {
    result.body_nodes += op.body_ops;
  }
  for (const auto& cost : result.costs) {
    result.macs = checked_add(result.macs, cost.macs.value_or(0));
    result.flops = checked_add(result.flops, cost.flops.value_or(0));
    result.unknown_macs += cost.macs ? 0 : 1;
  }
  add_weights(graph, result);
  result.peak_activation_bytes = peak_activation_bytes(graph);
  result.symbols = input_symbols(graph);
  result.quantization = quantization_of(graph);
  result.types = totals_by_type(graph, result.costs);
  if (options.max_cut_tensors > 0) {
    result.cuts = find_cuts(graph, options.max_cut_tensors);
  }
  return result;
}

Fields<Quantization> fields_of(const Quantization*) {
  static constexpr std::array kFields = {
      written<&Quantization::state>("state", "how the model is quantized"),
      written<&Quantization::quantize_nodes>("quantize_nodes", "operators that round to integers"),
      written<&Quantization::dequantize_nodes>("dequantize_nodes",
                                               "operators that make floats of integers"),
      written<&Quantization::int8_ops>(
          "int8_ops", "computed in integers, or between Q/DQ that a runtime folds into them"),
      written<&Quantization::int8_mac_share>(
          "int8_mac_share", "of all MACs, of 1; null where they are unknown or there are none")};
  return kFields;
}

Fields<TypeTotal> fields_of(const TypeTotal*) {
  static constexpr std::array kFields = {
      written<&TypeTotal::type>("type", "with its domain, where that is not the standard one"),
      written<&TypeTotal::count>("count", "operators of it"),
      written<&TypeTotal::macs>("macs",
                                "multiply-accumulates, as far as they are known; null: too many"),
      written<&TypeTotal::weight_bytes>("weight_bytes", "of their constants")};
  return kFields;
}

Json to_json(const Inspection& inspection, const Graph& graph) {
  Json json = {{"qdq", to_string(inspection.qdq)},
               {"nodes", inspection.nodes},
               {"body_nodes", inspection.body_nodes},
               {"parameters", inspection.parameters},
               {"weight_bytes", inspection.weight_bytes},
               {"macs", inspection.unknown_macs > 0 ? Json() : or_null(inspection.macs)},
               {"known_macs", or_null(inspection.macs)},
               {"flops", or_null(inspection.flops)},
               {"unknown_macs", inspection.unknown_macs},
               {"peak_activation_bytes", or_null(inspection.peak_activation_bytes)},
               {"quantization", as_json(inspection.quantization)},
               {"inputs", tensors_json(graph, graph.inputs())},
               {"outputs", tensors_json(graph, graph.outputs())}};
  json["types"] = as_json(inspection.types);
  json["ops"] = ops_json(graph, inspection.costs, inspection.qdq);
  if (inspection.cuts) {
    auto cuts = Json::array();
    for (const auto& cut : *inspection.cuts) {
      cuts.push_back(cut_json(graph, cut));
    }
    json["cuts"] = std::move(cuts);
  }
  return json;
}

}  // namespace tessera::graph
