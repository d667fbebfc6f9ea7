// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "onnx/kinds.h"
#include "onnx/model_state.h"
#include "tessera/core/json.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/layout_names.h"

namespace tessera::onnx {
namespace {

using graph::Graph;
using graph::Op;
using graph::TensorId;
using graph::TensorInfo;
using graph::TensorKind;

/// Types of values, whatever the scope keeps them in.
using TypeLookup = std::function<std::optional<ValueType>(const std::string&)>;

/// Attributes of up to this many values are copied into the view; longer ones are data.
constexpr int kLargestList = 1 << 16;

std::optional<graph::Attribute> attribute_of(const proto::AttributeProto& attribute) {
  using Proto = proto::AttributeProto;
  if (std::max({attribute.ints_size(), attribute.floats_size(), attribute.strings_size()}) >
      kLargestList) {
    return std::nullopt;
  }
  const auto type = attribute.type();
  if (type == Proto::INTS || attribute.ints_size() > 0) {
    return std::vector<std::int64_t>(attribute.ints().begin(), attribute.ints().end());
  }
  if (type == Proto::FLOATS || attribute.floats_size() > 0) {
    return std::vector<double>(attribute.floats().begin(), attribute.floats().end());
  }
  if (type == Proto::STRINGS || attribute.strings_size() > 0) {
    return std::vector<std::string>(attribute.strings().begin(), attribute.strings().end());
  }
  if (attribute.has_i()) {
    return std::int64_t{attribute.i()};
  }
  if (attribute.has_f()) {
    return static_cast<double>(attribute.f());
  }
  if (attribute.has_s()) {
    return attribute.s();
  }
  return std::nullopt;
}

/// A Constant operator that the view shows as an initializer.
bool is_plain_constant(const proto::NodeProto& node) {
  return node.output_size() == 1 && constant_attribute(node) != nullptr;
}

std::int64_t count_body_ops(const proto::NodeProto& node) {
  std::int64_t count = 0;
  for_each_body(node, [&](const proto::GraphProto& body) {
    count += body.node_size();
    for (const auto& inner : body.node()) {
      count += count_body_ops(inner);
    }
  });
  return count;
}

/// Makes a graph out of operators, for the main graph and for bodies alike.
class ViewBuilder {
 public:
  ViewBuilder(TypeLookup type_of, const std::map<std::string, BodyTypes>& bodies)
      : type_of_(std::move(type_of)), bodies_(bodies) {}

  TensorId tensor(const std::string& name, TensorKind kind = TensorKind::kActivation) {
    if (const auto known = graph_.find_tensor(name)) {
      return *known;
    }
    TensorInfo info;
    info.name = name;
    info.kind = kind;
    if (auto type = type_of_(name)) {
      info.dtype = type->dtype;
      info.shape = std::move(type->shape);
    }
    return graph_.add_tensor(std::move(info));
  }

  /// What an operator of the file makes of nothing.
  void constant(const std::string& name) {
    graph_.tensor(tensor(name, TensorKind::kInitializer)).made_by_constant = true;
  }
  void add_input(const std::string& name) { graph_.mark_input(tensor(name, TensorKind::kInput)); }
  void add_output(const std::string& name) { graph_.mark_output(tensor(name)); }
  void add_op(const proto::NodeProto& node, std::uint32_t source,
              const std::vector<std::string>& captures);

  Result<Graph> finish() && {
    TESSERA_CHECK(graph_.finish());
    return std::move(graph_);
  }

 private:
  /// The operator's name, or one made up: the second and later holders of a name get a number.
  std::string name_of(const proto::NodeProto& node, std::uint32_t source) {
    auto name = node.name();
    if (name.empty()) {
      name = fmt::format("{}_{}", node.op_type(), source);
    }
    if (names_.insert(name).second) {
      return name;
    }
    const auto& base = node.name().empty() ? node.op_type() : node.name();
    // Where the last search for this name ended: thousands may hold the same.
    auto& suffix = next_suffix_.try_emplace(base, 2).first->second;
    do {
      name = fmt::format("{}#{}", base, suffix++);
    } while (!names_.insert(name).second);
    return name;
  }

  Graph body_view(const proto::GraphProto& body, const BodyTypes& inferred);

  TypeLookup type_of_;
  const std::map<std::string, BodyTypes>& bodies_;
  Graph graph_;
  StringSet names_;
  StringMap<std::uint32_t> next_suffix_;
};

void ViewBuilder::add_op(const proto::NodeProto& node, std::uint32_t source,
                         const std::vector<std::string>& captures) {
  Op op;
  op.name = name_of(node, source);
  op.type = node.op_type();
  op.domain = std::string(canonical_domain(node.domain()));
  op.source = source;
  for (const auto& input : node.input()) {
    op.inputs.push_back(input.empty() ? std::nullopt : std::optional(tensor(input)));
  }
  for (const auto& output : node.output()) {
    op.outputs.push_back(output.empty() ? std::nullopt : std::optional(tensor(output)));
  }
  for (const auto& attribute : node.attribute()) {
    if (auto value = attribute_of(attribute)) {
      op.attributes.emplace(attribute.name(), std::move(*value));
    }
  }
  classify(op);
  for (const auto& value : captures) {
    op.captures.push_back(tensor(value));
  }
  if (has_body(node)) {
    op.body_ops = count_body_ops(node);
    static const BodyTypes kNothing;
    for_each_body(node, [&](const auto& body) {
      const auto found = bodies_.find(body_key(node, op.bodies.size()));
      op.bodies.push_back(body_view(body, found == bodies_.end() ? kNothing : found->second));
    });
  }
  graph_.add_op(std::move(op));
}

/// What a body reads from outside becomes an input of its view, with the type it has there.
Graph ViewBuilder::body_view(const proto::GraphProto& body, const BodyTypes& inferred) {
  StringMap<ValueType> types = inferred.values;
  const auto learn = [&](const auto& list) {
    for (const auto& info : list) {
      types.try_emplace(info.name(), to_value_type(info.type()));
    }
  };
  learn(body.input());
  learn(body.output());
  learn(body.value_info());
  for (const auto& tensor : body.initializer()) {
    types.insert_or_assign(tensor.name(), to_value_type(dtype_of(tensor), shape_of(tensor)));
  }
  ViewBuilder inner(
      [&](const std::string& name) -> std::optional<ValueType> {
        const auto found = types.find(name);
        return found == types.end() ? type_of_(name) : found->second;
      },
      inferred.bodies);
  for (const auto& input : body.input()) {
    inner.add_input(input.name());
  }
  for (const auto& tensor : body.initializer()) {
    inner.tensor(tensor.name(), TensorKind::kInitializer);
  }
  for (const auto& node : body.node()) {
    const auto* value = is_plain_constant(node) ? constant_attribute(node) : nullptr;
    if (value != nullptr) {
      types.insert_or_assign(node.output(0), constant_type(*value));
      inner.tensor(node.output(0), TensorKind::kInitializer);
    }
  }
  StringSet made;
  for (const auto& node : body.node()) {
    made.insert(node.output().begin(), node.output().end());
  }
  const auto import = [&](const std::string& name) {
    if (!name.empty() && !made.contains(name) && !inner.graph_.find_tensor(name)) {
      inner.add_input(name);
    }
  };
  std::vector<std::vector<std::string>> captures;
  for (const auto& node : body.node()) {
    std::for_each(node.input().begin(), node.input().end(), import);
    captures.push_back(captures_of(node));
    std::for_each(captures.back().begin(), captures.back().end(), import);
  }
  std::uint32_t index = 0;
  for (const auto& node : body.node()) {
    if (!is_plain_constant(node)) {
      inner.add_op(node, index, captures[index]);
    }
    ++index;
  }
  for (const auto& output : body.output()) {
    import(output.name());
    inner.add_output(output.name());
  }
  auto view = std::move(inner).finish();
  return view ? std::move(*view) : Graph();  // a cyclic body: the runtime will refuse it
}

/// The number in a constant of one element.
std::optional<double> scalar(const Model& model, const Graph& graph, const Op& op,
                             std::size_t index) {
  if (index >= op.inputs.size() || !op.inputs[index]) {
    return std::nullopt;
  }
  const auto& input = graph.tensor(*op.inputs[index]);
  const auto shape = input.static_shape();
  // Not unpacked for nothing: scales of blocks of weights are large.
  if (input.kind != TensorKind::kInitializer || (shape && element_count(*shape) != 1)) {
    return std::nullopt;
  }
  const auto tensor = model.initializer(input.name);
  if (!tensor || tensor->size() != 1) {
    return std::nullopt;
  }
  const auto values = to_float32(*tensor);
  return values ? std::optional(static_cast<double>(values->front())) : std::nullopt;
}

/// A scale at such a place and the zero point behind it, if they are constants of the file.
std::optional<graph::AffineQuantization> affine_at(const Model& model, const Graph& graph,
                                                   const Op& op, std::size_t index) {
  const auto scale = scalar(model, graph, op, index);
  if (!scale) {
    return std::nullopt;
  }
  graph::AffineQuantization quantization{.scale = *scale};
  if (index + 1 < op.inputs.size() && op.inputs[index + 1]) {
    const auto zero_point = scalar(model, graph, op, index + 1);
    if (!zero_point) {
      return std::nullopt;
    }
    quantization.zero_point = static_cast<std::int64_t>(*zero_point);
  }
  return quantization;
}

/// Scale and zero point of the whole result, if they are constants of the file.
std::optional<graph::AffineQuantization> quantization_of_result(const Model& model,
                                                                const Graph& graph, const Op& op) {
  const auto index = scale_of_result(op);
  return index ? affine_at(model, graph, op, *index) : std::nullopt;
}

/// Where an operator on integers has the scale of such an input, its zero point behind it.
std::optional<std::size_t> scale_of_input(const Op& op, std::size_t input) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> types) {
    return std::find(types.begin(), types.end(), op.type) != types.end();
  };
  if (is_one_of({"DequantizeLinear", "QLinearConv", "QGemm", "QLinearAveragePool",
                 "QLinearGlobalAveragePool", "QLinearSigmoid", "QLinearLeakyRelu"}) &&
      input == 0) {
    return 1;
  }
  if (is_one_of({"QLinearAdd", "QLinearMul", "QLinearMatMul"}) && input % 3 == 0 && input < 6) {
    return input + 1;
  }
  if (op.type == "QLinearConcat" && input >= 2 && input % 3 == 2) {
    return input + 1;
  }
  return std::nullopt;
}

/// Tables of 256 do not say what their results stand for; whoever computes with them does.
std::optional<graph::AffineQuantization> quantization_by_readers(const Model& model,
                                                                 const Graph& graph,
                                                                 graph::TensorId value) {
  for (const auto reader : graph.tensor(value).consumers) {
    const auto& op = graph.op(reader);
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      const auto index = op.inputs[i] == value ? scale_of_input(op, i) : std::nullopt;
      if (auto found = index ? affine_at(model, graph, op, *index) : std::nullopt) {
        return found;
      }
    }
    const bool moves = op.type == "Transpose" || op.type.starts_with("Nhwc");
    if (moves && op.inputs[0] == value && op.outputs[0]) {
      if (auto found = quantization_by_readers(model, graph, *op.outputs[0])) {
        return found;
      }
    }
  }
  return std::nullopt;
}

/// See kChannelScalesKey; in either layout. Metadata that says something else says nothing.
std::set<std::string, std::less<>> values_with_channel_scales(const Model& model) {
  std::set<std::string, std::less<>> values;
  const auto text = model.metadata(kChannelScalesKey);
  const auto names = text ? parse_json(*text, kChannelScalesKey) : Result<Json>(Json());
  if (names && names->is_array()) {
    for (const auto& name : *names) {
      if (name.is_string()) {
        values.insert(name.get<std::string>());
        values.insert(channels_last_name(name.get<std::string>()));
      }
    }
  }
  return values;
}

}  // namespace

Result<graph::Graph> Model::view() const {
  ViewBuilder builder([this](const std::string& name) { return type_of(name); },
                      state_->body_types);
  for (const auto& name : initializers()) {
    builder.tensor(name, TensorKind::kInitializer);
  }
  for (const auto& name : inputs()) {
    builder.add_input(name);
  }
  const auto nodes = state_->order();
  std::vector<bool> folded(state_->nodes.size(), false);
  for (const auto id : nodes) {
    const auto& node = state_->node(id);
    if (is_plain_constant(node)) {
      builder.constant(node.output(0));
      folded[id.value] = true;
    }
  }
  for (const auto id : nodes) {
    if (!folded[id.value]) {
      builder.add_op(state_->node(id), id.value, state_->nodes[id.value].captures);
    }
  }
  for (const auto& name : outputs()) {
    builder.add_output(name);
  }
  TESSERA_TRY(auto graph, std::move(builder).finish());
  const auto scaled = values_with_channel_scales(*this);
  for (const auto& op : graph.ops()) {
    if (!op.outputs.empty() && op.outputs.front() &&
        !scaled.contains(graph.tensor(*op.outputs.front()).name)) {
      const auto result = *op.outputs.front();
      graph.tensor(result).quantization = op.type == "Lookup"
                                              ? quantization_by_readers(*this, graph, result)
                                              : quantization_of_result(*this, graph, op);
    }
  }
  return graph;
}

}  // namespace tessera::onnx
