// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/graph/graph.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

namespace tessera::graph {

std::optional<Shape> TensorInfo::static_shape() const {
  if (!shape) {
    return std::nullopt;
  }
  Shape extents;
  extents.reserve(shape->size());
  for (const auto& dim : *shape) {
    if (!dim.known()) {
      return std::nullopt;
    }
    extents.push_back(dim.value);
  }
  return extents;
}

std::optional<std::int64_t> TensorInfo::size_bytes() const {
  const auto extents = static_shape();
  if (!extents || bits_of(dtype) == 0) {
    return std::nullopt;
  }
  const auto bytes = bytes_of(dtype, element_count(*extents));
  return bytes < 0 ? std::nullopt : std::optional(bytes);
}

std::int64_t Op::int_or(std::string_view attribute, std::int64_t fallback) const {
  const auto found = attributes.find(attribute);
  const auto* value =
      found == attributes.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
  return value == nullptr ? fallback : *value;
}

std::string Op::string_or(std::string_view attribute, std::string fallback) const {
  const auto found = attributes.find(attribute);
  const auto* value =
      found == attributes.end() ? nullptr : std::get_if<std::string>(&found->second);
  if (value != nullptr) {
    return *value;
  }
  return fallback;
}

std::vector<std::int64_t> Op::ints_or(std::string_view attribute,
                                      std::vector<std::int64_t> fallback) const {
  const auto found = attributes.find(attribute);
  const auto* value =
      found == attributes.end() ? nullptr : std::get_if<std::vector<std::int64_t>>(&found->second);
  if (value != nullptr) {
    return *value;
  }
  return fallback;
}

TensorId Graph::add_tensor(TensorInfo tensor) {
  const TensorId id{static_cast<std::uint32_t>(tensors_.size())};
  tensor_by_name_.emplace(tensor.name, id);
  tensors_.push_back(std::move(tensor));
  return id;
}

OpId Graph::add_op(Op op) {
  const OpId id{static_cast<std::uint32_t>(ops_.size())};
  for (const auto& input : op.inputs) {
    if (input) {
      tensor(*input).consumers.push_back(id);
    }
  }
  for (const auto& output : op.outputs) {
    if (output) {
      tensor(*output).producer = id;
    }
  }
  for (const auto captured : op.captures) {
    tensor(captured).used_by_body = true;
  }
  op_by_name_.emplace(op.name, id);
  ops_.push_back(std::move(op));
  return id;
}

void Graph::mark_input(TensorId id) {
  tensor(id).kind = TensorKind::kInput;
  inputs_.push_back(id);
}

void Graph::mark_output(TensorId id) {
  tensor(id).is_output = true;
  outputs_.push_back(id);
}

namespace {

Status check_origins(const Graph& graph) {
  for (const auto& op : graph.ops()) {
    Status status;
    for_each_read(op, [&](TensorId id) {
      const auto& tensor = graph.tensor(id);
      if (tensor.kind == TensorKind::kActivation && !tensor.producer) {
        status = fail(ErrorCode::kDataLoss, "operator '{}' ({}) reads '{}', which nothing makes",
                      op.name, op.type, tensor.name);
      }
    });
    TESSERA_CHECK(status);
  }
  return {};
}

/// Kahn's algorithm that always takes the ready operator that stands first in the file.
std::vector<std::uint32_t> topological_order(const Graph& graph) {
  const auto ops = graph.ops();
  std::vector<std::size_t> missing(ops.size(), 0);
  std::vector<std::vector<std::uint32_t>> readers(ops.size());
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> ready;
  for (std::uint32_t i = 0; i < ops.size(); ++i) {
    for_each_read(ops[i], [&](TensorId id) {
      if (const auto producer = graph.tensor(id).producer) {
        readers[producer->value].push_back(i);
        ++missing[i];
      }
    });
    if (missing[i] == 0) {
      ready.push(i);
    }
  }
  std::vector<std::uint32_t> order;
  order.reserve(ops.size());
  while (!ready.empty()) {
    const auto index = ready.top();
    ready.pop();
    order.push_back(index);
    for (const auto reader : readers[index]) {
      if (--missing[reader] == 0) {
        ready.push(reader);
      }
    }
  }
  return order;
}

}  // namespace

Status Graph::finish() {
  TESSERA_CHECK(check_origins(*this));
  const auto order = topological_order(*this);
  if (order.size() < ops_.size()) {
    std::vector<bool> placed(ops_.size(), false);
    for (const auto index : order) {
      placed[index] = true;
    }
    const auto& stuck = ops_[static_cast<std::size_t>(
        std::find(placed.begin(), placed.end(), false) - placed.begin())];
    return fail(ErrorCode::kDataLoss, "the graph has a cycle through or before operator '{}' ({})",
                stuck.name, stuck.type);
  }
  std::vector<Op> sorted;
  sorted.reserve(ops_.size());
  std::vector<OpId> renumbered(ops_.size());
  for (const auto index : order) {
    renumbered[index] = {static_cast<std::uint32_t>(sorted.size())};
    sorted.push_back(std::move(ops_[index]));
  }
  ops_ = std::move(sorted);
  for (auto& tensor : tensors_) {
    if (tensor.producer) {
      tensor.producer = renumbered[tensor.producer->value];
    }
    for (auto& consumer : tensor.consumers) {
      consumer = renumbered[consumer.value];
    }
    std::sort(tensor.consumers.begin(), tensor.consumers.end());
  }
  for (auto& [name, id] : op_by_name_) {
    id = renumbered[id.value];
  }
  return {};
}

std::optional<TensorId> Graph::find_tensor(std::string_view name) const {
  const auto found = tensor_by_name_.find(name);
  return found == tensor_by_name_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<OpId> Graph::find_op(std::string_view name) const {
  const auto found = op_by_name_.find(name);
  return found == op_by_name_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<bool> constant_tensors(const Graph& graph) {
  std::vector<bool> constant(graph.tensors().size(), false);
  for (std::size_t i = 0; i < constant.size(); ++i) {
    constant[i] = graph.tensors()[i].kind == TensorKind::kInitializer;
  }
  for (const auto& op : graph.ops()) {
    // An operator without inputs may still differ from run to run (RandomNormal): it is constant
    // only if it reads constants and nothing else.
    bool reads = false;
    bool all_constant = true;
    for_each_read(op, [&](TensorId id) {
      reads = true;
      all_constant = all_constant && constant[id.value];
    });
    if (!reads || !all_constant || op.kind == OpKind::kRandom) {
      continue;
    }
    for (const auto& output : op.outputs) {
      if (output) {
        constant[output->value] = true;
      }
    }
  }
  return constant;
}

}  // namespace tessera::graph
