// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "onnx/model_state.h"

namespace tessera::onnx {
namespace {

const proto::GraphProto* find_body(const proto::NodeProto& node, std::size_t index) {
  const proto::GraphProto* found = nullptr;
  std::size_t at = 0;
  for_each_body(node, [&](const auto& body) { found = at++ == index ? &body : found; });
  return found;
}

proto::GraphProto* find_body(proto::NodeProto& node, std::size_t index) {
  return const_cast<proto::GraphProto*>(find_body(std::as_const(node), index));
}

/// What one body of several reads from outside, each value once.
std::vector<std::string> captures_of_body(const proto::GraphProto& body) {
  proto::NodeProto scope;
  *scope.add_attribute()->mutable_g() = body;
  return captures_of(scope);
}

/// Types of a body's formal inputs as far as the operator's own inputs tell; a Loop's are those of
/// its first step.
std::vector<std::optional<ValueType>> formal_types(const Model& model, const proto::NodeProto& node,
                                                   int count) {
  std::vector<std::optional<ValueType>> types(static_cast<std::size_t>(count));
  const auto actual = [&](int index) {
    return index < node.input_size() ? model.type_of(node.input(index)) : std::nullopt;
  };
  if (node.op_type() == "Loop") {
    for (int i = 0; i < count; ++i) {
      types[static_cast<std::size_t>(i)] = i == 0   ? ValueType{DType::kInt64, std::vector<Dim>{}}
                                           : i == 1 ? ValueType{DType::kBool, std::vector<Dim>{}}
                                                    : actual(i);
    }
  } else if (node.op_type() == "Scan") {
    auto scans = 0;
    for (const auto& attribute : node.attribute()) {
      scans = attribute.name() == "num_scan_inputs" ? static_cast<int>(attribute.i()) : scans;
    }
    for (int i = 0; i < count; ++i) {
      auto type = actual(i);
      if (type && type->shape && i >= count - scans && !type->shape->empty()) {
        type->shape->erase(type->shape->begin());  // one slice per step, along the first axis
      }
      types[static_cast<std::size_t>(i)] = std::move(type);
    }
  }
  return types;
}

/// Takes a body out of its operator.
class BodyReader {
 public:
  BodyReader(const Model& model, const Model::State& state, BodyView view)
      : model_(model), state_(state), view_(view) {}

  Result<std::string> read(const proto::NodeProto& node, const proto::GraphProto& body) {
    proto::ModelProto result;
    result.set_ir_version(state_.shell.ir_version());
    *result.mutable_opset_import() = state_.shell.opset_import();
    *result.mutable_functions() = state_.shell.functions();
    auto& graph = *result.mutable_graph();
    graph = body;
    type_inputs(node, graph);
    for (const auto& name : captures_of_body(body)) {
      TESSERA_CHECK(add_capture(name, graph));
    }
    std::string text;
    if (!result.SerializeToString(&text)) {
      return fail(ErrorCode::kResourceExhausted, "the body is too large to be looked at alone");
    }
    return text;
  }

 private:
  void type_inputs(const proto::NodeProto& node, proto::GraphProto& graph) const {
    const auto formal = formal_types(model_, node, graph.input_size());
    for (int i = 0; i < graph.input_size(); ++i) {
      auto& type = *graph.mutable_input(i)->mutable_type();
      auto declared = to_value_type(type);
      const auto& actual = formal[static_cast<std::size_t>(i)];
      auto known = actual ? merge(declared, *actual) : declared;
      if (view_ == BodyView::kProven && known.dtype != DType::kUndefined) {
        known.shape.reset();  // what a Loop carries may grow from step to step
      }
      assign_type(type, known);
    }
  }

  [[nodiscard]] std::optional<ValueType> type_of(const std::string& name) const {
    auto type = model_.type_of(name);
    if (view_ != BodyView::kProven || !type || model_.is_constant(name)) {
      return type;
    }
    const auto found = state_.proven.find(name);
    if (found != state_.proven.end()) {
      return found->second;
    }
    if (!model_.is_input(name)) {
      type->shape.reset();
    }
    return type;
  }

  Status add_capture(const std::string& name, proto::GraphProto& graph) const {
    const auto type = type_of(name);
    if (!type || type->dtype == DType::kUndefined) {
      return fail(ErrorCode::kUnimplemented, "the type of '{}' is not known", name);
    }
    const auto value = model_.is_constant(name) ? model_.initializer(name)
                                                : fail(ErrorCode::kNotFound, "no constant");
    const bool wanted = value && (view_ == BodyView::kWhole ||
                                  static_cast<std::int64_t>(value->bytes.size()) <= kTypeOnlyBytes);
    if (wanted) {
      auto& tensor = *graph.add_initializer();
      tensor = pack(*value);
      tensor.set_name(name);
      return {};
    }
    auto& input = *graph.add_input();
    input.set_name(name);
    assign_type(*input.mutable_type(), *type);
    return {};
  }

  const Model& model_;
  const Model::State& state_;
  BodyView view_;
};

/// Names that a body must not give to something new: a value of an inner scope hides one of an
/// outer scope.
void reserve_names(const Model::State& outer, StringSet& names) {
  const auto add = [&](const auto& map) {
    for (const auto& [name, value] : map) {
      names.insert(name);
    }
  };
  add(outer.uses);
  add(outer.nodes_by_name);
  add(outer.initializer_index);
  add(outer.input_index);
  add(outer.sparse);
  names.insert(outer.body_names.begin(), outer.body_names.end());
}

/// Constants of the model around it that `graph` holds copies of: unchanged ones go, changed ones
/// get names of their own.
Status return_captures(const Model& outer, const std::vector<std::string>& captures,
                       const Model& edited, proto::GraphProto& graph) {
  for (const auto& name : captures) {
    const auto mine = edited.initializer(name);
    const auto& list = graph.initializer();
    const auto found = std::find_if(list.begin(), list.end(),
                                    [&](const auto& tensor) { return tensor.name() == name; });
    if (!mine || found == list.end()) {
      continue;
    }
    TESSERA_TRY(const auto theirs, outer.initializer(name));
    const auto equal = [](const auto& a, const auto& b) {
      return std::equal(a.begin(), a.end(), b.begin(), b.end());
    };
    const bool same = mine->dtype == theirs.dtype && equal(mine->shape, theirs.shape) &&
                      equal(mine->bytes, theirs.bytes);
    auto changed = *found;
    erase_named(*graph.mutable_initializer(), [&](const auto& other) { return other == name; });
    if (!same) {
      changed.set_name(edited.unique_name(name + "_body"));
      rename_capture(graph, name, changed.name());
      *graph.add_initializer() = std::move(changed);
    }
  }
  return {};
}

}  // namespace

std::size_t Model::body_count(NodeId node) const {
  std::size_t count = 0;
  for_each_body(state_->node(node), [&](const auto&) { ++count; });
  return count;
}

Result<Model> Model::body(NodeId node, std::size_t index, BodyView view) const {
  const auto& proto = state_->node(node);
  const auto* graph = find_body(proto, index);
  if (graph == nullptr) {
    return fail(ErrorCode::kNotFound, "{} has no body {}", describe(proto), index);
  }
  TESSERA_TRY(const auto text, BodyReader(*this, *state_, view).read(proto, *graph));
  TESSERA_TRY(auto inner, parse(text, "body of " + describe(proto), state_->folder));
  reserve_names(*state_, inner.state_->body_names);
  if (const auto types = state_->body_types.find(body_key(proto, index));
      types != state_->body_types.end() && view == BodyView::kWhole) {
    inner.state_->inferred = types->second.values;
    inner.state_->body_types = types->second.bodies;
  }
  return inner;
}

Status Model::set_body(NodeId node, std::size_t index, const Model& body) {
  TESSERA_TRY(const auto text, body.serialize());
  proto::ModelProto edited;
  if (!edited.ParseFromString(text)) {
    return fail(ErrorCode::kInternal, "a body cannot be read again");
  }
  auto& proto = state_->node(node);
  auto* old = find_body(proto, index);
  auto& graph = *edited.mutable_graph();
  for (int i = 0; i < old->input_size(); ++i) {
    if (i >= graph.input_size() || graph.input(i).name() != old->input(i).name()) {
      return fail(ErrorCode::kInternal, "the inputs of a body of {} changed", describe(proto));
    }
  }
  *graph.mutable_input() = old->input();
  *graph.mutable_output() = old->output();
  graph.clear_name();
  if (old->has_name()) {
    graph.set_name(old->name());
  }
  TESSERA_CHECK(return_captures(*this, captures_of_body(*old), body, graph));
  for (const auto& import : edited.opset_import()) {
    if (!opset(import.domain())) {
      set_opset(import.domain(), import.version());
    }
  }
  auto types = BodyTypes{body.state_->inferred, body.state_->body_types};
  state_->unindex_node(node);
  *old = std::move(graph);
  state_->index_node(node);
  state_->body_types.insert_or_assign(body_key(proto, index), std::move(types));
  return {};
}

}  // namespace tessera::onnx
