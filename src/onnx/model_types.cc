// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "onnx/model_state.h"

namespace tessera::onnx {
namespace {

const proto::ValueInfoProto* declared(const Model::State& state, std::string_view value) {
  const auto& graph = state.graph();
  if (const auto found = state.input_index.find(value); found != state.input_index.end()) {
    return &graph.input(found->second);
  }
  if (const auto found = state.output_index.find(value); found != state.output_index.end()) {
    return &graph.output(found->second);
  }
  const auto found = state.value_info_index.find(value);
  return found == state.value_info_index.end() ? nullptr : &graph.value_info(found->second);
}

proto::ValueInfoProto& declare(Model::State& state, std::string_view value) {
  if (const auto* known = declared(state, value)) {
    return const_cast<proto::ValueInfoProto&>(*known);
  }
  auto& info = *state.graph().add_value_info();
  info.set_name(std::string(value));
  state.value_info_index.try_emplace(std::string(value), state.graph().value_info_size() - 1);
  return info;
}

}  // namespace

std::optional<ValueType> Model::type_of(std::string_view value) const {
  if (auto constant = initializer_type(value)) {
    return constant;
  }
  if (const auto found = state_->assumed.find(value); found != state_->assumed.end()) {
    return ValueType{declared_type(value).value_or(ValueType{}).dtype, found->second};
  }
  // What was inferred knows more than what the exporter wrote down.
  if (const auto found = state_->inferred.find(value); found != state_->inferred.end()) {
    return found->second;
  }
  return declared_type(value);
}

std::optional<ValueType> Model::declared_type(std::string_view value) const {
  const auto* info = declared(*state_, value);
  if (info == nullptr || !info->has_type()) {
    return std::nullopt;
  }
  return to_value_type(info->type());
}

std::optional<ValueType> Model::general_type_of(std::string_view value) const {
  if (state_->assumed.empty() || is_constant(value)) {
    return type_of(value);
  }
  if (auto type = declared_type(value)) {
    return type;
  }
  auto type = type_of(value);
  if (type && type->shape) {
    std::fill(type->shape->begin(), type->shape->end(), Dim{});
  }
  return type;
}

void Model::set_type(std::string_view value, const ValueType& type) {
  assign_type(*declare(*state_, value).mutable_type(), type);
  if (const auto found = state_->inferred.find(value); found != state_->inferred.end()) {
    state_->inferred.erase(found);
  }
}

namespace {

/// Visits every extent of inputs, outputs and value_info.
void for_each_extent(proto::GraphProto& graph,
                     const std::function<void(proto::TensorShapeProto::Dimension&)>& visit) {
  for (auto* list : {graph.mutable_input(), graph.mutable_output(), graph.mutable_value_info()}) {
    for (auto& info : *list) {
      if (!info.type().has_tensor_type() || !info.type().tensor_type().has_shape()) {
        continue;
      }
      auto& shape = *info.mutable_type()->mutable_tensor_type()->mutable_shape();
      std::for_each(shape.mutable_dim()->begin(), shape.mutable_dim()->end(), visit);
    }
  }
}

/// Symbols that the extents of the inputs use.
std::set<std::string, std::less<>> input_symbols(const Model& model) {
  std::set<std::string, std::less<>> symbols;
  for (const auto& name : model.inputs()) {
    const auto type = model.type_of(name);
    if (!type || !type->shape) {
      continue;
    }
    for (const auto& dim : *type->shape) {
      if (!dim.known() && !dim.symbol.empty()) {
        symbols.insert(dim.symbol);
      }
    }
  }
  return symbols;
}

using Dimension = proto::TensorShapeProto::Dimension;

/// Gives the symbols that `values` names their values, wherever they stand.
void replace_symbols(proto::GraphProto& graph, const std::map<std::string, std::int64_t>& values) {
  for_each_extent(graph, [&](Dimension& extent) {
    const auto found = extent.has_dim_param() ? values.find(extent.dim_param()) : values.end();
    if (found != values.end()) {
      extent.set_dim_value(found->second);
    }
  });
}

Status check_extent(std::string_view what, std::int64_t value) {
  if (value < 1) {
    return fail(ErrorCode::kInvalidArgument, "dimension '{}' cannot be {}", what, value)
        .hint("give it a value of at least 1");
  }
  return {};
}

}  // namespace

Status Model::set_dims(const std::map<std::string, std::int64_t>& values) {
  const auto symbols = input_symbols(*this);
  for (const auto& [symbol, value] : values) {
    if (!symbols.contains(symbol)) {
      return symbols.empty()
                 ? fail(ErrorCode::kInvalidArgument,
                        "no input has a dimension '{}': none is symbolic", symbol)
                       .hint("leave --dim out")
                 : fail(ErrorCode::kInvalidArgument, "no input has a dimension '{}'", symbol)
                       .hint("the symbolic dimensions are: '{}'", fmt::join(symbols, "', '"));
    }
    TESSERA_CHECK(check_extent(symbol, value));
  }
  replace_symbols(state_->graph(), values);
  state_->inferred.clear();
  state_->body_types.clear();
  return {};
}

Status Model::set_shape(std::string_view input, const Shape& shape) {
  const auto names = inputs();
  if (std::find(names.begin(), names.end(), input) == names.end()) {
    return fail(ErrorCode::kInvalidArgument, "the model has no input '{}'", input)
        .hint("its inputs are: {}", fmt::join(names, ", "));
  }
  auto& info = *state_->graph().mutable_input(state_->input_index.find(input)->second);
  const auto declared = to_value_type(info.type());
  const auto rank = declared.shape ? declared.shape->size() : shape.size();
  if (rank != shape.size()) {
    return fail(ErrorCode::kInvalidArgument, "input '{}' has {} extents; {} were given", input,
                rank, shape.size())
        .hint("give one for each, as in --shape {}={}", input, fmt::join(shape, "x"));
  }
  std::map<std::string, std::int64_t> symbols;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    TESSERA_CHECK(check_extent(fmt::format("{} of {}", i, input), shape[i]));
    const auto known = declared.shape ? (*declared.shape)[i] : Dim{};
    if (known.known() && known.value != shape[i]) {
      return fail(ErrorCode::kInvalidArgument, "extent {} of input '{}' is {} in the model, not {}",
                  i, input, known.value, shape[i])
          .hint("only extents that the model leaves open can be given");
    }
    // A symbol stands for one number everywhere; where this input says two, it says nothing.
    if (!known.symbol.empty() && !symbols.emplace(known.symbol, shape[i]).second &&
        symbols[known.symbol] != shape[i]) {
      symbols[known.symbol] = -1;
    }
  }
  std::erase_if(symbols, [](const auto& entry) { return entry.second < 0; });
  replace_symbols(state_->graph(), symbols);
  assign_type(*info.mutable_type(), to_value_type(declared.dtype, shape));
  state_->inferred.clear();
  state_->body_types.clear();
  return {};
}

std::map<std::string, std::vector<std::int64_t>> Model::assumed_shapes() const {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& [name, dims] : state_->assumed) {
    auto& extents = shapes[name];
    for (const auto& dim : dims) {
      extents.push_back(dim.value);
    }
  }
  return shapes;
}

Model Model::with_assumed_shapes() const {
  auto copy = clone();
  for (const auto& [name, shape] : state_->assumed) {
    copy.set_type(name, {declared_type(name).value_or(ValueType{}).dtype, shape});
  }
  copy.state_->assumed.clear();
  copy.state_->inferred.clear();
  copy.state_->proven.clear();
  copy.state_->body_types.clear();
  return copy;
}

void Model::adopt_types(const Model& other) {
  for (const auto id : state_->order()) {
    for (const auto& value : state_->node(id).output()) {
      auto type = value.empty() ? std::nullopt : other.type_of(value);
      if (type && type->dtype != DType::kUndefined) {
        state_->inferred.insert_or_assign(value, *std::move(type));
      }
    }
  }
  for (const auto& [body, types] : other.state_->body_types) {
    state_->body_types.insert_or_assign(body, types);
  }
}

void Model::forget_symbol(std::string_view symbol) {
  for_each_extent(state_->graph(), [&](Dimension& extent) {
    if (extent.has_dim_param() && extent.dim_param() == symbol) {
      extent.clear_dim_param();
    }
  });
  state_->inferred.clear();
  state_->body_types.clear();
}

void Model::assume_shape(std::string_view input, std::optional<std::vector<Dim>> shape) {
  if (shape) {
    state_->assumed.insert_or_assign(std::string(input), *std::move(shape));
  } else if (const auto found = state_->assumed.find(input); found != state_->assumed.end()) {
    state_->assumed.erase(found);
  }
}

}  // namespace tessera::onnx
