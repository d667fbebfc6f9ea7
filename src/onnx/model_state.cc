// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "onnx/model_state.h"

#include <algorithm>
#include <queue>
#include <utility>

namespace tessera::onnx {
namespace {

constexpr std::uint64_t kPositionGap = std::uint64_t{1} << 32;

void erase_one(std::vector<NodeId>& ids, NodeId id) {
  const auto found = std::find(ids.begin(), ids.end(), id);
  if (found != ids.end()) {
    ids.erase(found);
  }
}

/// Collects what a body reads from outside; scopes nest, inner definitions hide nothing because
/// names are unique across them.
class CaptureScan {
 public:
  void scan(const proto::GraphProto& body) {
    std::vector<std::string> defined;
    const auto define = [&](const std::string& name) {
      if (!name.empty() && defined_.insert(name).second) {
        defined.push_back(name);
      }
    };
    for (const auto& input : body.input()) {
      define(input.name());
    }
    for (const auto& tensor : body.initializer()) {
      define(tensor.name());
    }
    for (const auto& tensor : body.sparse_initializer()) {
      define(tensor.values().name());
    }
    for (const auto& node : body.node()) {
      for (const auto& output : node.output()) {
        define(output);
      }
    }
    for (const auto& node : body.node()) {
      for (const auto& input : node.input()) {
        use(input);
      }
      for_each_body(node, [&](const auto& inner) { scan(inner); });
    }
    for (const auto& output : body.output()) {
      use(output.name());
    }
    for (const auto& name : defined) {
      defined_.erase(name);
    }
  }

  std::vector<std::string> take() { return std::move(captures_); }

 private:
  void use(const std::string& name) {
    if (!name.empty() && !defined_.contains(name) && seen_.insert(name).second) {
      captures_.push_back(name);
    }
  }

  StringSet defined_;
  StringSet seen_;
  std::vector<std::string> captures_;
};

}  // namespace

std::string describe(const proto::NodeProto& node) {
  if (!node.name().empty()) {
    return fmt::format("'{}' ({})", node.name(), node.op_type());
  }
  return node.output_size() == 0
             ? fmt::format("an unnamed {}", node.op_type())
             : fmt::format("the {} that makes '{}'", node.op_type(), node.output(0));
}

bool has_body(const proto::NodeProto& node) {
  return std::any_of(node.attribute().begin(), node.attribute().end(),
                     [](const auto& a) { return a.has_g() || a.graphs_size() > 0; });
}

void for_each_body(const proto::NodeProto& node,
                   const std::function<void(const proto::GraphProto&)>& visit) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) {
      visit(attribute.g());
    }
    for (const auto& graph : attribute.graphs()) {
      visit(graph);
    }
  }
}

void collect_names(const proto::GraphProto& body, StringSet& names) {
  for (const auto& input : body.input()) {
    names.insert(input.name());
  }
  for (const auto& tensor : body.initializer()) {
    names.insert(tensor.name());
  }
  for (const auto& tensor : body.sparse_initializer()) {
    names.insert(tensor.values().name());
  }
  for (const auto& node : body.node()) {
    names.insert(node.name());
    names.insert(node.output().begin(), node.output().end());
    for_each_body(node, [&](const auto& inner) { collect_names(inner, names); });
  }
}

void rename_capture(proto::GraphProto& body, const std::string& from, const std::string& to) {
  const auto has = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(), [&](const auto& v) { return v.name() == from; });
  };
  const bool made_here =
      has(body.input()) || has(body.initializer()) ||
      std::any_of(body.node().begin(), body.node().end(), [&](const auto& node) {
        return std::find(node.output().begin(), node.output().end(), from) != node.output().end();
      });
  if (made_here) {
    return;
  }
  for (auto& node : *body.mutable_node()) {
    std::replace(node.mutable_input()->begin(), node.mutable_input()->end(), from, to);
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) {
        rename_capture(*attribute.mutable_g(), from, to);
      }
      for (auto& inner : *attribute.mutable_graphs()) {
        rename_capture(inner, from, to);
      }
    }
  }
  for (auto& output : *body.mutable_output()) {
    if (output.name() == from) {
      output.set_name(to);
    }
  }
}

bool replace_captures(Model::State& state, std::string_view from, std::string_view to) {
  const auto* uses = state.find_uses(from);
  if (uses == nullptr || uses->bodies.empty()) {
    return true;
  }
  const auto readers = uses->bodies;
  const std::string target(to);
  for (const auto reader : readers) {
    StringSet inner;
    for_each_body(state.node(reader), [&](const auto& body) { collect_names(body, inner); });
    if (inner.contains(target)) {
      return false;
    }
  }
  const std::string source(from);
  for (const auto reader : readers) {
    state.unindex_node(reader);
    for (auto& attribute : *state.node(reader).mutable_attribute()) {
      if (attribute.has_g()) {
        rename_capture(*attribute.mutable_g(), source, target);
      }
      for (auto& body : *attribute.mutable_graphs()) {
        rename_capture(body, source, target);
      }
    }
    state.index_node(reader);
  }
  return true;
}

ValueType merge(ValueType first, const ValueType& second) {
  if (first.dtype == DType::kUndefined) {
    first.dtype = second.dtype;
  }
  if (!first.shape) {
    first.shape = second.shape;
  } else if (second.shape && second.shape->size() == first.shape->size()) {
    for (std::size_t i = 0; i < first.shape->size(); ++i) {
      auto& dim = (*first.shape)[i];
      const auto& other = (*second.shape)[i];
      if (!dim.known() && (other.known() || dim.symbol.empty())) {
        dim = other;
      }
    }
  }
  return first;
}

std::string body_key(const proto::NodeProto& node, std::size_t index) {
  return fmt::format("{}#{}", node.output_size() == 0 ? node.name() : node.output(0), index);
}

std::vector<std::string> captures_of(const proto::NodeProto& node) {
  CaptureScan scan;
  for_each_body(node, [&](const auto& body) { scan.scan(body); });
  return scan.take();
}

Model::State::State(const State& other)
    : path(other.path),
      folder(other.folder),
      had_external_data(other.had_external_data),
      weight_files(other.weight_files),
      hash(other.hash),
      shell(other.shell),
      first(other.first),
      last(other.last),
      uses(other.uses),
      nodes_by_name(other.nodes_by_name),
      body_names(other.body_names),
      initializer_index(other.initializer_index),
      constants(other.constants),
      inferred(other.inferred),
      assumed(other.assumed),
      proven(other.proven),
      body_types(other.body_types),
      transposed(other.transposed) {
  nodes.reserve(other.nodes.size());
  for (const auto& node : other.nodes) {
    nodes.push_back({node.proto ? std::make_unique<proto::NodeProto>(*node.proto) : nullptr,
                     node.previous, node.next, node.position, node.captures, node.origin});
  }
  initializers.reserve(other.initializers.size());
  for (const auto& initializer : other.initializers) {
    initializers.push_back(initializer ? std::make_unique<Initializer>(*initializer) : nullptr);
  }
  index_values();
}

const Uses* Model::State::find_uses(std::string_view value) const {
  const auto found = uses.find(value);
  return found == uses.end() ? nullptr : &found->second;
}

Initializer* Model::State::find_initializer(std::string_view name) const {
  const auto found = initializer_index.find(name);
  return found == initializer_index.end() ? nullptr : initializers[found->second].get();
}

NodeId Model::State::insert(std::unique_ptr<proto::NodeProto> proto, std::uint32_t before) {
  const auto id = static_cast<std::uint32_t>(nodes.size());
  const auto previous = before == kNoNode ? last : nodes[before].previous;
  nodes.push_back({std::move(proto), previous, before, 0, {}});
  (previous == kNoNode ? first : nodes[previous].next) = id;
  (before == kNoNode ? last : nodes[before].previous) = id;

  const auto low = previous == kNoNode ? 0 : nodes[previous].position;
  const auto high = before == kNoNode ? low + 2 * kPositionGap : nodes[before].position;
  nodes[id].position = low + (high - low) / 2;
  if (nodes[id].position == low) {  // no room left between the neighbours: spread all out again
    std::uint64_t position = 0;
    for (auto at = first; at != kNoNode; at = nodes[at].next) {
      nodes[at].position = position += kPositionGap;
    }
  }
  index_node({id});
  return {id};
}

void Model::State::index_node(NodeId id) {
  auto& node = nodes[id.value];
  if (!node.proto->name().empty()) {
    nodes_by_name[node.proto->name()].push_back(id);
  }
  for (const auto& input : node.proto->input()) {
    if (!input.empty()) {
      uses[input].consumers.push_back(id);
    }
  }
  for (const auto& output : node.proto->output()) {
    if (!output.empty()) {
      uses[output].producers.push_back(id);
    }
  }
  if (!onnx::has_body(*node.proto)) {
    return;
  }
  node.captures = captures_of(*node.proto);
  for (const auto& value : node.captures) {
    uses[value].bodies.push_back(id);
  }
  for_each_body(*node.proto, [&](const auto& body) { collect_names(body, body_names); });
}

void Model::State::unindex_node(NodeId id) {
  auto& node = nodes[id.value];
  const auto forget = [&](const std::string& value, std::vector<NodeId> Uses::*list) {
    const auto found = uses.find(value);
    if (found == uses.end()) {
      return;
    }
    erase_one(found->second.*list, id);
    if (found->second.empty()) {
      uses.erase(found);
    }
  };
  for (const auto& input : node.proto->input()) {
    forget(input, &Uses::consumers);
  }
  for (const auto& output : node.proto->output()) {
    forget(output, &Uses::producers);
  }
  for (const auto& value : node.captures) {
    forget(value, &Uses::bodies);
  }
  node.captures.clear();
  const auto named = nodes_by_name.find(node.proto->name());
  if (named == nodes_by_name.end()) {
    return;
  }
  erase_one(named->second, id);
  if (named->second.empty()) {
    nodes_by_name.erase(named);
  }
}

void Model::State::add_initializer(std::unique_ptr<Initializer> initializer) {
  const auto [entry, added] = initializer_index.try_emplace(initializer->name, initializers.size());
  if (added) {
    initializers.push_back(std::move(initializer));
  } else {
    initializers[entry->second] = std::move(initializer);
  }
}

void Model::State::index_values() {
  const auto index = [](const auto& list, StringMap<int>& map) {
    map.clear();
    for (int i = 0; i < list.size(); ++i) {
      map.try_emplace(list[i].name(), i);
    }
  };
  index(graph().input(), input_index);
  index(graph().output(), output_index);
  index(graph().value_info(), value_info_index);
  sparse.clear();
  for (const auto& tensor : std::as_const(*this).graph().sparse_initializer()) {
    sparse.try_emplace(tensor.values().name(), &tensor);
  }
}

std::vector<NodeId> Model::State::order() const {
  std::vector<NodeId> result;
  result.reserve(nodes.size());
  for (auto at = first; at != kNoNode; at = nodes[at].next) {
    result.push_back({at});
  }
  return result;
}

Result<std::vector<NodeId>> Model::State::topological_order() const {
  const auto listed = order();
  std::vector<std::size_t> missing(nodes.size(), 0);
  const auto producers = [&](const std::string& value) {
    const auto* entry = find_uses(value);
    return entry == nullptr ? std::size_t{0} : entry->producers.size();
  };
  const auto later = [&](NodeId a, NodeId b) {
    return nodes[a.value].position > nodes[b.value].position;
  };
  std::priority_queue<NodeId, std::vector<NodeId>, decltype(later)> ready(later);
  for (const auto id : listed) {
    auto& count = missing[id.value];
    for (const auto& input : node(id).input()) {
      count += producers(input);
    }
    for (const auto& value : nodes[id.value].captures) {
      count += producers(value);
    }
    if (count == 0) {
      ready.push(id);
    }
  }
  std::vector<NodeId> result;
  result.reserve(listed.size());
  while (!ready.empty()) {
    const auto id = ready.top();
    ready.pop();
    result.push_back(id);
    for (const auto& output : node(id).output()) {
      const auto* entry = find_uses(output);
      if (entry == nullptr) {
        continue;
      }
      for (const auto* readers : {&entry->consumers, &entry->bodies}) {
        for (const auto reader : *readers) {
          if (--missing[reader.value] == 0) {
            ready.push(reader);
          }
        }
      }
    }
  }
  if (result.size() == listed.size()) {
    return result;
  }
  const auto stuck =
      std::find_if(listed.begin(), listed.end(), [&](NodeId id) { return missing[id.value] > 0; });
  return fail(ErrorCode::kDataLoss, "the graph has a cycle through or before operator {}",
              describe(node(*stuck)));
}

const proto::AttributeProto* constant_attribute(const proto::NodeProto& made) {
  if (made.op_type() != "Constant" || !canonical_domain(made.domain()).empty()) {
    return nullptr;
  }
  for (const auto& attribute : made.attribute()) {
    if (attribute.name().starts_with("value") && !attribute.name().starts_with("value_string")) {
      return &attribute;
    }
  }
  return nullptr;
}

const proto::AttributeProto* Model::State::constant(std::string_view value) const {
  const auto* entry = find_uses(value);
  return entry == nullptr || entry->producers.empty() ? nullptr
                                                      : constant_attribute(entry->producers[0]);
}

ValueType constant_type(const proto::AttributeProto& attribute) {
  if (attribute.has_t()) {
    return to_value_type(dtype_of(attribute.t()), shape_of(attribute.t()));
  }
  const auto vector = [](DType dtype, int size) {
    return to_value_type(dtype, std::vector<std::int64_t>{size});
  };
  if (attribute.name() == "value_float") {
    return to_value_type(DType::kFloat32, {});
  }
  if (attribute.name() == "value_int") {
    return to_value_type(DType::kInt64, {});
  }
  if (attribute.name() == "value_floats") {
    return vector(DType::kFloat32, attribute.floats_size());
  }
  if (attribute.name() == "value_ints") {
    return vector(DType::kInt64, attribute.ints_size());
  }
  return {};
}

Result<Tensor> constant_value(const proto::AttributeProto& attribute) {
  if (attribute.has_t()) {
    return unpack(attribute.t());
  }
  if (attribute.name() == "value_float") {
    return Tensor::scalar(attribute.f());
  }
  if (attribute.name() == "value_int") {
    return Tensor::scalar(std::int64_t{attribute.i()});
  }
  if (attribute.name() == "value_floats") {
    return Tensor::of(
        std::span(attribute.floats().data(), static_cast<std::size_t>(attribute.floats_size())),
        {attribute.floats_size()});
  }
  if (attribute.name() == "value_ints") {
    return Tensor::of(std::span<const std::int64_t>(
                          attribute.ints().data(), static_cast<std::size_t>(attribute.ints_size())),
                      {attribute.ints_size()});
  }
  return fail(ErrorCode::kUnimplemented, "a Constant with attribute '{}' cannot be read",
              attribute.name());
}

}  // namespace tessera::onnx
