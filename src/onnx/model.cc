// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/model.h"

#include <algorithm>
#include <utility>

#include "onnx/model_state.h"
#include "tessera/core/hash.h"

namespace tessera::onnx {
namespace {

/// The first IR version whose initializers need not be listed among the inputs.
constexpr std::int64_t kFirstIrWithSeparateInitializers = 4;

template <class List>
std::vector<std::string> names_of(const List& list) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(list.size()));
  for (const auto& value : list) {
    names.push_back(value.name());
  }
  return names;
}

}  // namespace

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Model Model::clone() const {
  const std::lock_guard lock(state_->cache_mutex);
  return Model(std::make_unique<State>(*state_));
}

// --- the file -------------------------------------------------------------------------------

Result<std::string> FileHash::get() {
  const std::lock_guard lock(mutex_);
  if (file_ == nullptr) {
    return sha256_;
  }
  constexpr std::int64_t kChunk = std::int64_t{8} << 20;  // what is resident at a time
  Sha256 hash;
  for (std::int64_t at = 0; at < file_->size_bytes(); at += kChunk) {
    const auto length = std::min(kChunk, file_->size_bytes() - at);
    TESSERA_TRY(const auto bytes, file_->range(at, length));
    hash.update(bytes);
    file_->release(at, length);
  }
  sha256_ = hash.finish();
  file_.reset();
  return sha256_;
}

Result<ModelInfo> Model::info() const {
  ModelInfo info{state_->path.string(), {}, "onnx"};
  if (state_->hash == nullptr) {
    TESSERA_TRY(const auto text, serialize());
    info.sha256 = sha256(std::as_bytes(std::span(text)));
  } else {
    TESSERA_TRY(info.sha256, state_->hash->get());
  }
  return info;
}

const std::filesystem::path& Model::path() const noexcept {
  return state_->path;
}

std::filesystem::path Model::external_data_folder() const {
  return state_->had_external_data ? state_->folder : std::filesystem::path();
}

std::int64_t Model::ir_version() const {
  return state_->shell.ir_version();
}

void Model::set_ir_version(std::int64_t version) {
  const auto before = state_->shell.ir_version();
  state_->shell.set_ir_version(version);
  if (before < kFirstIrWithSeparateInitializers && version >= kFirstIrWithSeparateInitializers) {
    erase_named(*state_->graph().mutable_input(),
                [&](const auto& name) { return has_initializer(name); });
    state_->index_values();
  }
}

std::optional<std::int64_t> Model::opset(std::string_view domain) const {
  for (const auto& import : state_->shell.opset_import()) {
    if (canonical_domain(import.domain()) == canonical_domain(domain)) {
      return import.version();
    }
  }
  if (canonical_domain(domain).empty() && state_->shell.opset_import_size() == 0) {
    return 1;  // files older than operator sets
  }
  return std::nullopt;
}

void Model::set_opset(std::string_view domain, std::int64_t version) {
  for (auto& import : *state_->shell.mutable_opset_import()) {
    if (canonical_domain(import.domain()) == canonical_domain(domain)) {
      import.set_version(version);
      return;
    }
  }
  auto& import = *state_->shell.add_opset_import();
  import.set_domain(std::string(domain));
  import.set_version(version);
}

std::map<std::string, std::int64_t> Model::opsets() const {
  std::map<std::string, std::int64_t> result;
  for (const auto& import : state_->shell.opset_import()) {
    result.emplace(canonical_domain(import.domain()), import.version());
  }
  if (result.empty()) {
    result.emplace("", 1);
  }
  return result;
}

void Model::set_producer(std::string_view name, std::string_view version) {
  state_->shell.set_producer_name(std::string(name));
  state_->shell.set_producer_version(std::string(version));
}

void Model::set_metadata(std::string_view key, std::string_view value) {
  for (auto& entry : *state_->shell.mutable_metadata_props()) {
    if (entry.key() == key) {
      entry.set_value(std::string(value));
      return;
    }
  }
  auto& entry = *state_->shell.add_metadata_props();
  entry.set_key(std::string(key));
  entry.set_value(std::string(value));
}

std::optional<std::string> Model::metadata(std::string_view key) const {
  for (const auto& entry : state_->shell.metadata_props()) {
    if (entry.key() == key) {
      return entry.value();
    }
  }
  return std::nullopt;
}

// --- inputs and outputs ---------------------------------------------------------------------

std::vector<std::string> Model::inputs() const {
  std::vector<std::string> names;
  for (const auto& input : std::as_const(*state_).graph().input()) {
    if (!has_initializer(input.name())) {
      names.push_back(input.name());
    }
  }
  return names;
}

std::vector<std::string> Model::listed_inputs() const {
  return names_of(std::as_const(*state_).graph().input());
}

std::vector<std::string> Model::outputs() const {
  return names_of(std::as_const(*state_).graph().output());
}

bool Model::is_input(std::string_view value) const {
  return state_->input_index.contains(value) && !has_initializer(value);
}

bool Model::is_output(std::string_view value) const {
  return state_->output_index.contains(value);
}

void Model::add_input(std::string_view name, const ValueType& type) {
  auto& input = *state_->graph().add_input();
  input.set_name(std::string(name));
  assign_type(*input.mutable_type(), type);
  state_->input_index.try_emplace(std::string(name), state_->graph().input_size() - 1);
}

void Model::remove_input(std::string_view value) {
  erase_named(*state_->graph().mutable_input(), [&](const auto& name) { return name == value; });
  state_->index_values();
}

void Model::add_output(std::string_view value) {
  auto& output = *state_->graph().add_output();
  output.set_name(std::string(value));
  if (const auto type = type_of(value); type && type->dtype != DType::kUndefined) {
    assign_type(*output.mutable_type(), *type);
  }
  state_->output_index.try_emplace(std::string(value), state_->graph().output_size() - 1);
}

void Model::remove_output(std::string_view value) {
  erase_named(*state_->graph().mutable_output(), [&](const auto& name) { return name == value; });
  state_->index_values();
}

// --- initializers ---------------------------------------------------------------------------

std::vector<std::string> Model::initializers() const {
  std::vector<std::string> names;
  names.reserve(state_->initializers.size());
  for (const auto& initializer : state_->initializers) {
    if (initializer) {
      names.push_back(initializer->name);
    }
  }
  for (const auto& tensor : std::as_const(*state_).graph().sparse_initializer()) {
    names.push_back(tensor.values().name());
  }
  return names;
}

bool Model::has_initializer(std::string_view name) const {
  return state_->initializer_index.contains(name) || state_->sparse.contains(name);
}

bool Model::is_constant(std::string_view name) const {
  return has_initializer(name) || state_->constant(name) != nullptr;
}

std::optional<ValueType> Model::initializer_type(std::string_view name) const {
  if (const auto* initializer = state_->find_initializer(name)) {
    return to_value_type(initializer->dtype, initializer->shape);
  }
  if (const auto found = state_->sparse.find(name); found != state_->sparse.end()) {
    const auto& tensor = *found->second;
    return to_value_type(dtype_of(tensor.values()),
                         std::vector<std::int64_t>(tensor.dims().begin(), tensor.dims().end()));
  }
  if (const auto* attribute = state_->constant(name)) {
    return constant_type(*attribute);
  }
  return std::nullopt;
}

Result<TensorView> Model::initializer(std::string_view name) const {
  const std::lock_guard lock(state_->cache_mutex);
  auto* initializer = state_->find_initializer(name);
  if (initializer == nullptr) {
    if (state_->sparse.contains(name)) {
      return fail(ErrorCode::kUnimplemented, "initializer '{}' is sparse", name)
          .hint("store it as a dense tensor");
    }
    const auto* attribute = state_->constant(name);
    if (attribute == nullptr) {
      return fail(ErrorCode::kNotFound, "there is no initializer '{}'", name);
    }
    auto& cached = state_->constants[std::string(name)];
    if (!cached) {
      auto value = constant_value(*attribute);
      if (!value) {
        state_->constants.erase(state_->constants.find(name));
        return tl::unexpected(std::move(value).error());
      }
      cached = std::make_shared<const Tensor>(std::move(*value));
    }
    return cached->view();
  }
  if (initializer->value) {
    return initializer->value->view();
  }
  if (initializer->cache) {
    return initializer->cache->view();
  }
  const auto& header = *initializer->header;
  const auto aligned = [](const void* data) {
    constexpr std::uintptr_t kAlignment = 8;  // of the widest element
    return reinterpret_cast<std::uintptr_t>(data) % kAlignment == 0;
  };
  if (initializer->make) {
    TESSERA_TRY(auto made, initializer->make());
    initializer->cache = std::make_shared<const Tensor>(std::move(made));
  } else if (initializer->range) {
    auto& range = *initializer->range;
    TESSERA_TRY(const auto bytes, range.file->range(range.offset, range.size_bytes));
    const TensorView view{initializer->dtype, initializer->shape, bytes};
    if (aligned(bytes.data())) {
      return view;
    }
    initializer->cache = std::make_shared<const Tensor>(view);
    range.release();
  } else if (!header.raw_data().empty() && aligned(header.raw_data().data())) {
    return TensorView{initializer->dtype, initializer->shape,
                      std::as_bytes(std::span(header.raw_data()))};
  } else {
    TESSERA_TRY(auto unpacked, unpack(header));
    initializer->cache = std::make_shared<const Tensor>(std::move(unpacked));
  }
  return initializer->cache->view();
}

void Model::release_initializer(std::string_view name) const {
  const std::lock_guard lock(state_->cache_mutex);
  if (auto* initializer = state_->find_initializer(name); initializer != nullptr) {
    initializer->cache.reset();
    if (initializer->range) {
      initializer->range->release();
    }
  }
}

namespace {

/// An initializer that is listed among the inputs has its type there, too.
void update_listed_input(Model::State& state, const Initializer& initializer) {
  const auto listed = state.input_index.find(initializer.name);
  if (listed != state.input_index.end()) {
    assign_type(*state.graph().mutable_input(listed->second)->mutable_type(),
                to_value_type(initializer.dtype, initializer.shape));
  }
}

std::unique_ptr<Initializer> new_initializer(std::string_view name, DType dtype, Shape shape) {
  auto header = std::make_shared<proto::TensorProto>();
  header->set_name(std::string(name));
  header->set_data_type(static_cast<std::int32_t>(dtype));
  for (const auto extent : shape) {
    header->add_dims(extent);
  }
  auto initializer = std::make_unique<Initializer>();
  initializer->name = std::string(name);
  initializer->dtype = dtype;
  initializer->shape = std::move(shape);
  initializer->header = std::move(header);
  return initializer;
}

}  // namespace

void Model::set_initializer(std::string_view name, Tensor value) {
  auto initializer = new_initializer(name, value.dtype(), value.shape());
  initializer->value = std::make_shared<const Tensor>(std::move(value));
  update_listed_input(*state_, *initializer);
  state_->add_initializer(std::move(initializer));
}

void Model::set_deferred_initializer(std::string_view name, DType dtype, Shape shape,
                                     std::function<Result<Tensor>()> make) {
  auto initializer = new_initializer(name, dtype, std::move(shape));
  initializer->make = std::move(make);
  update_listed_input(*state_, *initializer);
  state_->add_initializer(std::move(initializer));
}

void Model::remove_initializer(std::string_view name) {
  const auto found = state_->initializer_index.find(name);
  if (found == state_->initializer_index.end()) {
    return;
  }
  state_->initializers[found->second].reset();
  state_->initializer_index.erase(found);
  if (state_->input_index.contains(name)) {
    const std::string removed(name);
    erase_named(*state_->graph().mutable_input(),
                [&](const auto& input) { return input == removed; });
    state_->index_values();
  }
}

void Model::remove_unused_initializers() {
  StringSet unused;
  const auto is_unused = [&](const std::string& name) {
    const auto* uses = state_->find_uses(name);
    return (uses == nullptr || uses->empty()) && !is_output(name);
  };
  for (auto& initializer : state_->initializers) {
    if (initializer && is_unused(initializer->name)) {
      unused.insert(initializer->name);
      state_->initializer_index.erase(initializer->name);
      initializer.reset();
    }
  }
  if (unused.empty()) {
    return;
  }
  erase_named(*state_->graph().mutable_input(),
              [&](const auto& name) { return unused.contains(name); });
  state_->index_values();
}

// --- operators ------------------------------------------------------------------------------

std::vector<NodeId> Model::nodes() const {
  return state_->order();
}

Result<std::vector<NodeId>> Model::written_order() const {
  return state_->topological_order();
}

NodeId Model::origin(NodeId node) const {
  const auto origin = state_->nodes[node.value].origin;
  return origin == kNoNode ? node : NodeId{origin};
}

const std::string& Model::name(NodeId node) const {
  return state_->node(node).name();
}

const std::string& Model::op_type(NodeId node) const {
  return state_->node(node).op_type();
}

const std::string& Model::domain(NodeId node) const {
  static const std::string kStandard;
  const auto& domain = state_->node(node).domain();
  return canonical_domain(domain).empty() ? kStandard : domain;
}

std::vector<std::string> Model::inputs(NodeId node) const {
  const auto& list = state_->node(node).input();
  return {list.begin(), list.end()};
}

std::vector<std::string> Model::outputs(NodeId node) const {
  const auto& list = state_->node(node).output();
  return {list.begin(), list.end()};
}

bool Model::has_body(NodeId node) const {
  return onnx::has_body(state_->node(node));
}

NodeId Model::add_node(const NodeSpec& spec, std::optional<NodeId> before) {
  auto node = std::make_unique<proto::NodeProto>();
  node->set_name(spec.name);
  node->set_op_type(spec.op_type);
  if (!spec.domain.empty()) {
    node->set_domain(spec.domain);
  }
  for (const auto& input : spec.inputs) {
    node->add_input(input);
  }
  for (const auto& output : spec.outputs) {
    node->add_output(output);
  }
  const auto id = state_->insert(std::move(node), before ? before->value : kNoNode);
  for (const auto& attribute : spec.attributes) {
    set_attribute(id, attribute.name, attribute.value);
  }
  if (spec.origin) {
    state_->nodes[id.value].origin = origin(*spec.origin).value;
  }
  return id;
}

void Model::remove_node(NodeId node) {
  state_->unindex_node(node);
  auto& removed = state_->nodes[node.value];
  (removed.previous == kNoNode ? state_->first : state_->nodes[removed.previous].next) =
      removed.next;
  (removed.next == kNoNode ? state_->last : state_->nodes[removed.next].previous) =
      removed.previous;
  removed.proto.reset();
}

void Model::set_name(NodeId node, std::string_view name) {
  state_->unindex_node(node);
  state_->node(node).set_name(std::string(name));
  state_->index_node(node);
}

void Model::set_op_type(NodeId node, std::string_view op_type, std::string_view domain) {
  auto& proto = state_->node(node);
  proto.set_op_type(std::string(op_type));
  if (domain.empty()) {
    proto.clear_domain();
  } else {
    proto.set_domain(std::string(domain));
  }
}

void Model::set_input(NodeId node, std::size_t index, std::string_view value) {
  state_->unindex_node(node);
  auto& inputs = *state_->node(node).mutable_input();
  while (static_cast<std::size_t>(inputs.size()) <= index) {
    inputs.Add();
  }
  inputs[static_cast<int>(index)] = std::string(value);
  state_->index_node(node);
}

void Model::set_inputs(NodeId node, const std::vector<std::string>& values) {
  state_->unindex_node(node);
  state_->node(node).mutable_input()->Assign(values.begin(), values.end());
  state_->index_node(node);
}

void Model::set_output(NodeId node, std::size_t index, std::string_view value) {
  state_->unindex_node(node);
  auto& outputs = *state_->node(node).mutable_output();
  while (static_cast<std::size_t>(outputs.size()) <= index) {
    outputs.Add();
  }
  outputs[static_cast<int>(index)] = std::string(value);
  state_->index_node(node);
}

std::optional<NodeId> Model::producer(std::string_view value) const {
  const auto* uses = state_->find_uses(value);
  return uses == nullptr || uses->producers.empty() ? std::nullopt
                                                    : std::optional(uses->producers.front());
}

std::vector<NodeId> Model::consumers(std::string_view value) const {
  const auto* uses = state_->find_uses(value);
  if (uses == nullptr) {
    return {};
  }
  auto ids = uses->consumers;
  std::sort(ids.begin(), ids.end(), [&](NodeId a, NodeId b) {
    return state_->nodes[a.value].position < state_->nodes[b.value].position;
  });
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

bool Model::used_by_body(std::string_view value) const {
  const auto* uses = state_->find_uses(value);
  return uses != nullptr && !uses->bodies.empty();
}

void Model::replace_uses(std::string_view from, std::string_view to) {
  if (from == to) {
    return;
  }
  const auto found = state_->uses.find(from);
  if (found == state_->uses.end() || found->second.consumers.empty()) {
    return;
  }
  auto readers = std::exchange(found->second.consumers, {});
  if (found->second.empty()) {
    state_->uses.erase(found);
  }
  const std::string target(to);
  auto& gained = state_->uses[target].consumers;
  gained.insert(gained.end(), readers.begin(), readers.end());
  std::sort(readers.begin(), readers.end());
  readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
  for (const auto reader : readers) {
    auto& inputs = *state_->node(reader).mutable_input();
    std::replace_if(
        inputs.begin(), inputs.end(), [&](const auto& input) { return input == from; }, target);
  }
}

std::optional<NodeId> Model::find_node(std::string_view name) const {
  const auto found = state_->nodes_by_name.find(name);
  if (found == state_->nodes_by_name.end()) {
    return std::nullopt;
  }
  return *std::min_element(found->second.begin(), found->second.end(), [&](NodeId a, NodeId b) {
    return state_->nodes[a.value].position < state_->nodes[b.value].position;
  });
}

std::string Model::unique_name(std::string_view base) const {
  const auto taken = [&](std::string_view name) {
    return state_->uses.contains(name) || state_->nodes_by_name.contains(name) ||
           state_->initializer_index.contains(name) || state_->input_index.contains(name) ||
           state_->output_index.contains(name) || state_->value_info_index.contains(name) ||
           state_->sparse.contains(name) || state_->body_names.contains(name);
  };
  std::string name(base);
  if (!name.empty() && !taken(name)) {
    return name;
  }
  // Where the last search for this base ended: names are made in long series.
  const std::lock_guard lock(state_->name_mutex);
  auto& suffix = state_->next_suffix.try_emplace(std::string(base), 1).first->second;
  for (;; ++suffix) {
    name = fmt::format("{}_{}", base, suffix);
    if (!taken(name)) {
      return name;
    }
  }
}

}  // namespace tessera::onnx
