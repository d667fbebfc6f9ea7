// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "onnx/model_state.h"
#include "tessera/onnx/model.h"

namespace tessera::onnx {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

const proto::AttributeProto* find(const proto::NodeProto& node, std::string_view name) {
  const auto found = std::find_if(node.attribute().begin(), node.attribute().end(),
                                  [&](const auto& a) { return a.name() == name; });
  return found == node.attribute().end() ? nullptr : &*found;
}

/// Files before IR 2 leave the type out: it follows from the field that is set.
proto::AttributeProto::AttributeType type_of(const proto::AttributeProto& attribute) {
  using Proto = proto::AttributeProto;
  if (attribute.has_type() && attribute.type() != Proto::UNDEFINED) {
    return attribute.type();
  }
  if (attribute.has_i()) {
    return Proto::INT;
  }
  if (attribute.has_f()) {
    return Proto::FLOAT;
  }
  if (attribute.has_s()) {
    return Proto::STRING;
  }
  if (attribute.has_t()) {
    return Proto::TENSOR;
  }
  if (attribute.floats_size() > 0) {
    return Proto::FLOATS;
  }
  if (attribute.strings_size() > 0) {
    return Proto::STRINGS;
  }
  return attribute.ints_size() > 0 ? Proto::INTS : Proto::UNDEFINED;
}

std::optional<AttributeValue> value_of(const proto::AttributeProto& attribute) {
  using Proto = proto::AttributeProto;
  switch (type_of(attribute)) {
    case Proto::INT:
      return std::int64_t{attribute.i()};
    case Proto::FLOAT:
      return attribute.f();
    case Proto::STRING:
      return attribute.s();
    case Proto::INTS:
      return std::vector<std::int64_t>(attribute.ints().begin(), attribute.ints().end());
    case Proto::FLOATS:
      return std::vector<float>(attribute.floats().begin(), attribute.floats().end());
    case Proto::STRINGS:
      return std::vector<std::string>(attribute.strings().begin(), attribute.strings().end());
    case Proto::TENSOR: {
      auto tensor = unpack(attribute.t());
      return tensor ? std::optional<AttributeValue>(std::move(*tensor)) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

void assign(proto::AttributeProto& attribute, const AttributeValue& value) {
  using Proto = proto::AttributeProto;
  std::visit(Overloaded{[&](std::int64_t v) {
                          attribute.set_type(Proto::INT);
                          attribute.set_i(v);
                        },
                        [&](float v) {
                          attribute.set_type(Proto::FLOAT);
                          attribute.set_f(v);
                        },
                        [&](const std::string& v) {
                          attribute.set_type(Proto::STRING);
                          attribute.set_s(v);
                        },
                        [&](const std::vector<std::int64_t>& v) {
                          attribute.set_type(Proto::INTS);
                          attribute.mutable_ints()->Assign(v.begin(), v.end());
                        },
                        [&](const std::vector<float>& v) {
                          attribute.set_type(Proto::FLOATS);
                          attribute.mutable_floats()->Assign(v.begin(), v.end());
                        },
                        [&](const std::vector<std::string>& v) {
                          attribute.set_type(Proto::STRINGS);
                          attribute.mutable_strings()->Assign(v.begin(), v.end());
                        },
                        [&](const Tensor& v) {
                          attribute.set_type(Proto::TENSOR);
                          *attribute.mutable_t() = pack(v.view());
                        }},
             value);
}

/// Outputs of a Constant operator are cached; changing one of its attributes makes them stale.
void forget_constants(Model::State& state, NodeId node) {
  for (const auto& output : state.node(node).output()) {
    state.constants.erase(output);
  }
}

}  // namespace

std::optional<AttributeValue> Model::attribute(NodeId node, std::string_view name) const {
  const auto* attribute = find(state_->node(node), name);
  return attribute == nullptr ? std::nullopt : value_of(*attribute);
}

std::int64_t Model::int_attribute(NodeId node, std::string_view name, std::int64_t fallback) const {
  const auto* attribute = find(state_->node(node), name);
  return attribute != nullptr && attribute->has_i() ? attribute->i() : fallback;
}

std::vector<std::string> Model::attribute_names(NodeId node) const {
  std::vector<std::string> names;
  for (const auto& attribute : state_->node(node).attribute()) {
    names.push_back(attribute.name());
  }
  return names;
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): as all setters, it takes the value over
void Model::set_attribute(NodeId node, std::string_view name, AttributeValue value) {
  forget_constants(*state_, node);
  state_->unindex_node(node);
  auto& attributes = *state_->node(node).mutable_attribute();
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const auto& a) { return a.name() == name; });
  auto& attribute = found == attributes.end() ? *attributes.Add() : *found;
  attribute.Clear();
  attribute.set_name(std::string(name));
  assign(attribute, value);
  state_->index_node(node);
}

void Model::remove_attribute(NodeId node, std::string_view name) {
  forget_constants(*state_, node);
  auto& attributes = *state_->node(node).mutable_attribute();
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const auto& a) { return a.name() == name; });
  if (found == attributes.end()) {
    return;
  }
  state_->unindex_node(node);
  attributes.erase(found);
  state_->index_node(node);
}

void Model::copy_attributes(NodeId from, NodeId to) {
  if (from == to) {
    return;
  }
  forget_constants(*state_, to);
  state_->unindex_node(to);
  auto& target = *state_->node(to).mutable_attribute();
  for (const auto& attribute : state_->node(from).attribute()) {
    const auto found = std::find_if(target.begin(), target.end(),
                                    [&](const auto& a) { return a.name() == attribute.name(); });
    (found == target.end() ? *target.Add() : *found) = attribute;
  }
  state_->index_node(to);
}

}  // namespace tessera::onnx
