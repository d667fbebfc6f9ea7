// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "onnx/upgrade_rules.h"

namespace tessera::onnx {
namespace {

template <class List>
const typename List::value_type* find_named(const List& list, std::string_view name) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.name() == name; });
  return found == list.end() ? nullptr : &*found;
}

const proto::NodeProto* producer_in(const proto::GraphProto& graph, std::string_view value) {
  for (const auto& node : graph.node()) {
    if (std::find(node.output().begin(), node.output().end(), value) != node.output().end()) {
      return &node;
    }
  }
  return nullptr;
}

const proto::AttributeProto* constant_attribute_of(const proto::NodeProto& node) {
  if (node.op_type() != "Constant" || !canonical_domain(node.domain()).empty()) {
    return nullptr;
  }
  return find_named(node.attribute(), "value");
}

template <class T>
Tensor filled(DType dtype, double value) {
  auto tensor = Tensor(dtype, {});
  tensor.as<T>()[0] = static_cast<T>(value);
  return tensor;
}

Tensor scalar_of(DType dtype, double value) {
  switch (dtype) {
    case DType::kFloat64:
      return Tensor::scalar(value);
    case DType::kFloat16:
    case DType::kBFloat16: {
      Tensor tensor(dtype, {});
      const auto narrow = static_cast<float>(value);
      tensor.as<std::uint16_t>()[0] =
          dtype == DType::kFloat16 ? float32_to_float16(narrow) : float32_to_bfloat16(narrow);
      return tensor;
    }
    case DType::kInt8:
      return filled<std::int8_t>(dtype, value);
    case DType::kUInt8:
      return filled<std::uint8_t>(dtype, value);
    case DType::kInt16:
      return filled<std::int16_t>(dtype, value);
    case DType::kUInt16:
      return filled<std::uint16_t>(dtype, value);
    case DType::kInt32:
      return filled<std::int32_t>(dtype, value);
    case DType::kUInt32:
      return filled<std::uint32_t>(dtype, value);
    case DType::kInt64:
      return filled<std::int64_t>(dtype, value);
    case DType::kUInt64:
      return filled<std::uint64_t>(dtype, value);
    default:
      return Tensor::scalar(static_cast<float>(value));
  }
}

void assign(proto::AttributeProto& attribute, const NamedAttribute& value) {
  attribute.set_name(value.name);
  if (const auto* number = std::get_if<std::int64_t>(&value.value)) {
    attribute.set_type(proto::AttributeProto::INT);
    attribute.set_i(*number);
  } else if (const auto* text = std::get_if<std::string>(&value.value)) {
    attribute.set_type(proto::AttributeProto::STRING);
    attribute.set_s(*text);
  } else if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value.value)) {
    attribute.set_type(proto::AttributeProto::INTS);
    attribute.mutable_ints()->Assign(list->begin(), list->end());
  }
}

}  // namespace

// --- Scope ----------------------------------------------------------------------------------

Scope Scope::body(const proto::GraphProto& graph) const {
  Scope inner(*this);
  inner.bodies_.push_back(&graph);
  return inner;
}

std::optional<ValueType> Scope::type(std::string_view value) const {
  for (auto graph = bodies_.rbegin(); graph != bodies_.rend(); ++graph) {
    if (const auto* tensor = find_named((*graph)->initializer(), value)) {
      return to_value_type(dtype_of(*tensor), shape_of(*tensor));
    }
    for (const auto* list : {&(*graph)->input(), &(*graph)->output(), &(*graph)->value_info()}) {
      if (const auto* info = find_named(*list, value); info != nullptr && info->has_type()) {
        return to_value_type(info->type());
      }
    }
    if (const auto* node = producer_in(**graph, value)) {
      const auto* attribute = constant_attribute_of(*node);
      return attribute == nullptr ? std::nullopt : std::optional(constant_type(*attribute));
    }
  }
  return model_.type_of(value);
}

std::optional<DType> Scope::dtype(std::string_view value) const {
  const auto known = type(value);
  return known && known->dtype != DType::kUndefined ? std::optional(known->dtype) : std::nullopt;
}

DType Scope::dtype_or_float(std::string_view value) const {
  return dtype(value).value_or(DType::kFloat32);
}

std::optional<Shape> Scope::extents(std::string_view value) const {
  const auto known = type(value);
  if (!known || !known->shape) {
    return std::nullopt;
  }
  Shape extents;
  for (const auto& dim : *known->shape) {
    extents.push_back(dim.known() ? dim.value : -1);
  }
  return extents;
}

std::optional<std::int64_t> Scope::rank(std::string_view value) const {
  const auto known = extents(value);
  return known ? std::optional(static_cast<std::int64_t>(known->size())) : std::nullopt;
}

std::optional<Tensor> Scope::constant(std::string_view value) const {
  for (auto graph = bodies_.rbegin(); graph != bodies_.rend(); ++graph) {
    Result<Tensor> tensor;
    if (const auto* initializer = find_named((*graph)->initializer(), value)) {
      tensor = unpack(*initializer);
      return tensor ? std::optional(std::move(*tensor)) : std::nullopt;
    }
    if (const auto* node = producer_in(**graph, value)) {
      const auto* attribute = constant_attribute_of(*node);
      if (attribute == nullptr) {
        return std::nullopt;
      }
      tensor = constant_value(*attribute);
      return tensor ? std::optional(std::move(*tensor)) : std::nullopt;
    }
    if (find_named((*graph)->input(), value) != nullptr) {
      return std::nullopt;
    }
  }
  if (!model_.is_constant(value)) {
    return std::nullopt;
  }
  const auto view = model_.initializer(value);
  return view ? std::optional(Tensor(*view)) : std::nullopt;
}

bool Scope::is_used(std::string_view value) const {
  if (value.empty()) {
    return false;
  }
  if (bodies_.empty()) {
    return model_.is_output(value) || model_.used_by_body(value) ||
           !model_.consumers(value).empty();
  }
  const auto& graph = *bodies_.back();
  return find_named(graph.output(), value) != nullptr ||
         std::any_of(graph.node().begin(), graph.node().end(), [&](const auto& node) {
           const auto& inputs = node.input();
           const auto captured = captures_of(node);
           return std::find(inputs.begin(), inputs.end(), value) != inputs.end() ||
                  std::find(captured.begin(), captured.end(), value) != captured.end();
         });
}

std::string Scope::fresh_name(std::string_view base) {
  std::string candidate(base.empty() ? "value" : base);
  // Operators that are not yet part of the model have taken names, too.
  for (int suffix = 1;; ++suffix) {
    if (model_.unique_name(candidate) == candidate && shared_->names.insert(candidate).second) {
      return candidate;
    }
    candidate = fmt::format("{}_{}", base.empty() ? "value" : base, suffix);
  }
}

std::string Scope::add_constant(std::string_view base, Tensor value) {
  auto name = fresh_name(base);
  model_.set_initializer(name, std::move(value));
  shared_->constants.push_back(name);
  return name;
}

// --- Rewrite --------------------------------------------------------------------------------

void Rewrite::set_input(int index, const std::string& value) {
  while (node.input_size() <= index) {
    node.add_input("");
  }
  node.set_input(index, value);
}

const proto::AttributeProto* Rewrite::attribute(std::string_view name) const {
  return find_named(node.attribute(), name);
}

std::int64_t Rewrite::int_or(std::string_view name, std::int64_t fallback) const {
  const auto* found = attribute(name);
  return found == nullptr ? fallback : found->i();
}

float Rewrite::float_or(std::string_view name, float fallback) const {
  const auto* found = attribute(name);
  return found == nullptr ? fallback : found->f();
}

std::string Rewrite::string_or(std::string_view name, std::string_view fallback) const {
  const auto* found = attribute(name);
  return found == nullptr ? std::string(fallback) : found->s();
}

std::optional<std::vector<std::int64_t>> Rewrite::ints(std::string_view name) const {
  const auto* found = attribute(name);
  if (found == nullptr) {
    return std::nullopt;
  }
  return std::vector<std::int64_t>(found->ints().begin(), found->ints().end());
}

std::vector<float> Rewrite::floats(std::string_view name) const {
  const auto* found = attribute(name);
  return found == nullptr ? std::vector<float>()
                          : std::vector<float>(found->floats().begin(), found->floats().end());
}

void Rewrite::drop(std::string_view name) {
  auto& list = *node.mutable_attribute();
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const auto& a) { return a.name() == name; });
  if (found != list.end()) {
    list.erase(found);
  }
}

void Rewrite::set(std::string_view name, std::int64_t value) {
  drop(name);
  assign(*node.add_attribute(), {std::string(name), value});
}

void Rewrite::set(std::string_view name, std::string_view value) {
  drop(name);
  assign(*node.add_attribute(), {std::string(name), std::string(value)});
}

std::string Rewrite::base_name() const {
  if (!node.name().empty()) {
    return node.name();
  }
  return node.output_size() > 0 ? node.output(0) : node.op_type();
}

std::string Rewrite::constant(std::string_view role, Tensor value) {
  return scope.add_constant(fmt::format("{}_{}", base_name(), role), std::move(value));
}

std::string Rewrite::int64s(std::string_view role, const std::vector<std::int64_t>& values) {
  return constant(role, Tensor::of(values, {static_cast<std::int64_t>(values.size())}));
}

std::string Rewrite::scalar_like(std::string_view role, std::string_view like, double value) {
  return constant(role, scalar_of(scope.dtype_or_float(like), value));
}

proto::NodeProto Rewrite::make(std::string_view op_type, const std::vector<std::string>& inputs,
                               const std::vector<NamedAttribute>& attributes) {
  proto::NodeProto made;
  made.set_name(scope.fresh_name(fmt::format("{}_{}", base_name(), op_type)));
  made.set_op_type(std::string(op_type));
  for (const auto& input : inputs) {
    made.add_input(input);
  }
  for (const auto& value : attributes) {
    assign(*made.add_attribute(), value);
  }
  return made;
}

std::string Rewrite::before(std::string_view op_type, const std::vector<std::string>& inputs,
                            const std::vector<NamedAttribute>& attributes) {
  auto made = make(op_type, inputs, attributes);
  made.add_output(scope.fresh_name(made.name() + "_output"));
  before_.push_back(std::move(made));
  return before_.back().output(0);
}

void Rewrite::after(int index, std::string_view op_type, const std::vector<std::string>& inputs,
                    const std::vector<NamedAttribute>& attributes) {
  // The value keeps its name at the end of the chain, so that its readers need not know.
  const auto& value = outputs_[static_cast<std::size_t>(index)];
  const auto inner = scope.fresh_name(fmt::format("{}_{}_input", value, op_type));
  const auto last = std::find_if(after_.rbegin(), after_.rend(),
                                 [&](const auto& made) { return made.output(0) == value; });
  (last == after_.rend() ? *node.mutable_output(index) : *last->mutable_output(0)) = inner;
  std::vector<std::string> all{inner};
  all.insert(all.end(), inputs.begin(), inputs.end());
  auto made = make(op_type, all, attributes);
  made.add_output(value);
  after_.push_back(std::move(made));
}

std::vector<proto::NodeProto> Rewrite::take() {
  auto result = std::move(before_);
  result.push_back(std::move(node));
  std::move(after_.begin(), after_.end(), std::back_inserter(result));
  return result;
}

Failure Rewrite::impossible(std::string_view why) const {
  return fail(ErrorCode::kUnimplemented, "operator {} cannot be moved to a newer opset: {}",
              describe(node), why)
      .hint("export the model again with a newer opset");
}

}  // namespace tessera::onnx
