// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "onnx/tensor_proto.h"
#include "tessera/onnx/model.h"

namespace tessera::onnx {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};
template <class T>
using StringMap = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;
using StringSet = std::unordered_set<std::string, StringHash, std::equal_to<>>;

inline constexpr std::uint32_t kNoNode = 0xFFFFFFFF;

/// An operator in the doubly linked list that is the order of the graph.
struct Node {
  std::unique_ptr<proto::NodeProto> proto;  ///< null once removed
  std::uint32_t previous = kNoNode;
  std::uint32_t next = kNoNode;
  /// Grows along the list, so that two operators are compared without walking it.
  std::uint64_t position = 0;
  /// Outer values that the bodies read, each once.
  std::vector<std::string> captures;
  /// What it was made of; kNoNode: nothing else.
  std::uint32_t origin = kNoNode;
};

/// Who makes and who reads a value of the main graph.
struct Uses {
  std::vector<NodeId> producers;  ///< one in a valid graph, several only while it is edited
  std::vector<NodeId> consumers;  ///< one entry per use
  std::vector<NodeId> bodies;     ///< operators whose bodies read it
  [[nodiscard]] bool empty() const {
    return producers.empty() && consumers.empty() && bodies.empty();
  }
};

/// A weight. Its data is in the first of these that is set: `value`, `make`, `range`, `header`.
struct Initializer {
  std::string name;
  DType dtype = DType::kUndefined;
  Shape shape;
  std::shared_ptr<const proto::TensorProto> header;
  std::optional<FileRange> range;
  std::shared_ptr<const Tensor> value;
  std::function<Result<Tensor>()> make;
  /// Aligned or unpacked copy of the data, made when somebody looks at it.
  std::shared_ptr<const Tensor> cache;
};

/// Inferred types of the values in a body, and of the bodies within it, by body_key().
struct BodyTypes {
  StringMap<ValueType> values;
  std::map<std::string, BodyTypes> bodies;
};
/// What is known from two sources: the first counts, the second fills its gaps.
[[nodiscard]] ValueType merge(ValueType first, const ValueType& second);
/// Names the n-th body of an operator; values have one maker, so its first output will do.
[[nodiscard]] std::string body_key(const proto::NodeProto& node, std::size_t index);

/// Initializers above this size are handed to the type oracle as inputs of their type: those that
/// types of other values depend on (target shapes, axes, pads) are smaller.
inline constexpr std::int64_t kTypeOnlyBytes = 1024;

/// The attribute that holds the value of a Constant operator; null if the operator is none.
[[nodiscard]] const proto::AttributeProto* constant_attribute(const proto::NodeProto& node);

/// How a constant was made of another that stayed in use. By shapes: what becomes of the two when
/// they are quantized has other names.
struct TransposedConstant {
  Shape source;
  Shape result;
  std::vector<std::int64_t> axes;
  bool operator==(const TransposedConstant&) const = default;
};

/// The hash of the file that a model was read from: of the bytes that were read, whatever has the
/// file's name by now. Taken once, when it is asked for first.
class FileHash {
 public:
  explicit FileHash(std::string sha256) : sha256_(std::move(sha256)) {}
  explicit FileHash(std::shared_ptr<WeightFile> file) : file_(std::move(file)) {}
  [[nodiscard]] Result<std::string> get();

 private:
  std::mutex mutex_;
  std::string sha256_;
  std::shared_ptr<WeightFile> file_;  ///< null once the hash is there
};

struct Model::State {
  std::filesystem::path path;
  std::filesystem::path folder;
  bool had_external_data = false;
  std::vector<std::filesystem::path> weight_files;  ///< that the model was read from, besides path
  std::shared_ptr<FileHash> hash;                   ///< null for models that were never a file

  /// Everything but operators and initializers of the main graph.
  proto::ModelProto shell;

  std::vector<Node> nodes;
  std::uint32_t first = kNoNode;
  std::uint32_t last = kNoNode;
  StringMap<Uses> uses;
  StringMap<std::vector<NodeId>> nodes_by_name;
  StringSet body_names;  ///< values and operators within bodies, which new names must avoid

  std::vector<std::unique_ptr<Initializer>> initializers;  ///< file order; null once removed
  StringMap<std::size_t> initializer_index;
  StringMap<const proto::SparseTensorProto*> sparse;
  mutable std::mutex cache_mutex;
  mutable StringMap<std::shared_ptr<const Tensor>> constants;  ///< values of Constant operators

  StringMap<int> input_index;
  StringMap<int> output_index;
  StringMap<int> value_info_index;
  StringMap<ValueType> inferred;
  StringMap<std::vector<Dim>> assumed;  ///< of inputs, by assume_shape()
  /// What the oracle itself said, without what the file declares: exporters leave the shapes of
  /// the one run that they saw in files whose inputs are open.
  StringMap<ValueType> proven;
  std::map<std::string, BodyTypes> body_types;
  std::vector<TransposedConstant> transposed;
  mutable std::mutex name_mutex;
  mutable StringMap<std::uint64_t> next_suffix;

  State() = default;
  State(const State& other);
  State& operator=(const State&) = delete;
  ~State() = default;

  [[nodiscard]] const proto::GraphProto& graph() const { return shell.graph(); }
  [[nodiscard]] proto::GraphProto& graph() { return *shell.mutable_graph(); }
  [[nodiscard]] const proto::NodeProto& node(NodeId id) const { return *nodes[id.value].proto; }
  [[nodiscard]] proto::NodeProto& node(NodeId id) { return *nodes[id.value].proto; }
  [[nodiscard]] const Uses* find_uses(std::string_view value) const;
  [[nodiscard]] Initializer* find_initializer(std::string_view name) const;

  /// Takes an operator into the list before `before` (kNoNode: at the end) and the indices.
  NodeId insert(std::unique_ptr<proto::NodeProto> proto, std::uint32_t before);
  void index_node(NodeId id);
  void unindex_node(NodeId id);
  void add_initializer(std::unique_ptr<Initializer> initializer);
  void index_values();  ///< inputs, outputs and value_info, after they changed

  /// Operators in the order of the list.
  [[nodiscard]] std::vector<NodeId> order() const;
  /// In a topological order: that of the list where it is one already.
  /// Errors: kDataLoss naming an operator of a cycle.
  [[nodiscard]] Result<std::vector<NodeId>> topological_order() const;
  [[nodiscard]] const proto::AttributeProto* constant_attribute(NodeId id) const {
    return onnx::constant_attribute(node(id));
  }
  /// The Constant operator that makes a value.
  [[nodiscard]] const proto::AttributeProto* constant(std::string_view value) const;
};

/// Lets the passes of the room at what a model is made of.
struct StateAccess {
  [[nodiscard]] static Model::State& of(Model& model) { return *model.state_; }
  [[nodiscard]] static const Model::State& of(const Model& model) { return *model.state_; }
};

/// "'name' (Conv)" for messages.
[[nodiscard]] std::string describe(const proto::NodeProto& node);
/// "" for both spellings of the standard domain.
[[nodiscard]] inline std::string_view canonical_domain(std::string_view domain) {
  return domain == "ai.onnx" ? std::string_view() : domain;
}
[[nodiscard]] bool has_body(const proto::NodeProto& node);
/// Calls `visit` for every graph directly within the node.
void for_each_body(const proto::NodeProto& node,
                   const std::function<void(const proto::GraphProto&)>& visit);
/// Values that bodies of the node read from outside, each once, in order of appearance.
[[nodiscard]] std::vector<std::string> captures_of(const proto::NodeProto& node);
/// Names of values and operators within a body and the bodies in it.
void collect_names(const proto::GraphProto& body, StringSet& names);
/// The body reads `to` wherever it read the outer value `from`.
void rename_capture(proto::GraphProto& body, const std::string& from, const std::string& to);
/// Bodies that read the outer value `from` read `to`. Nothing changes, and the answer is false,
/// where one of them has a value `to` of its own.
[[nodiscard]] bool replace_captures(Model::State& state, std::string_view from,
                                    std::string_view to);
/// Elements of a list whose names are unwanted go; the others keep their order.
template <class List, class Unwanted>
void erase_named(List& list, const Unwanted& unwanted) {
  int kept = 0;
  for (int i = 0; i < list.size(); ++i) {
    if (unwanted(list[i].name())) {
      continue;
    }
    if (kept != i) {
      list.SwapElements(kept, i);
    }
    ++kept;
  }
  list.DeleteSubrange(kept, list.size() - kept);
}

/// Takes a serialized model apart. With `file`, raw data of at least 1 KiB stays in it.
/// Errors: kDataLoss.
[[nodiscard]] Status read_model(Model::State& state, std::span<const std::byte> bytes,
                                std::shared_ptr<WeightFile> file);
/// Everything that a well-formed model obeys and the indices rely on.
/// Errors: kDataLoss, kUnimplemented.
[[nodiscard]] Status validate(const Model::State& state);
/// Locates the external data of all initializers. Errors: kDataLoss, kNotFound.
[[nodiscard]] Status resolve_external_data(Model::State& state);

/// Where the bytes of a serialized model go.
using Sink = std::function<Status(std::span<const std::byte>)>;

/// The values of an initializer as raw bytes, for writing. Deferred ones are made and not kept.
class InitializerData {
 public:
  [[nodiscard]] static Result<InitializerData> of(const Initializer& initializer);
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::shared_ptr<const Tensor> owner_;
  std::span<const std::byte> bytes_;
};

/// The values of a constant attribute (value, value_float, value_ints, ...).
[[nodiscard]] Result<Tensor> constant_value(const proto::AttributeProto& attribute);
[[nodiscard]] ValueType constant_type(const proto::AttributeProto& attribute);

}  // namespace tessera::onnx
