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
  // What was inferred knows more than what the exporter wrote down.
  if (const auto found = state_->inferred.find(value); found != state_->inferred.end()) {
    return found->second;
  }
  const auto* info = declared(*state_, value);
  if (info == nullptr || !info->has_type()) {
    return std::nullopt;
  }
  return to_value_type(info->type());
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
                       .hint("the symbolic dimensions are: {}", fmt::join(symbols, ", "));
    }
    if (value < 1) {
      return fail(ErrorCode::kInvalidArgument, "dimension '{}' cannot be {}", symbol, value)
          .hint("give it a value of at least 1");
    }
  }
  for_each_extent(state_->graph(), [&](auto& extent) {
    const auto found = extent.has_dim_param() ? values.find(extent.dim_param()) : values.end();
    if (found != values.end()) {
      extent.set_dim_value(found->second);
    }
  });
  state_->inferred.clear();
  state_->body_types.clear();
  return {};
}

}  // namespace tessera::onnx
