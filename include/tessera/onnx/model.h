// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tessera/core/file.h"
#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/tensor/tensor.h"
#include "tessera/tensor/value_type.h"

/// ONNX files: read, looked at as a graph, edited without loss, written.
namespace tessera::onnx {

/// Handle of an operator of the main graph; stays valid while others are added and removed.
struct NodeId {
  std::uint32_t value = 0;
  auto operator<=>(const NodeId&) const = default;
};

/// An attribute value that the toolkit can read and write. Bodies are kept, but opaque.
using AttributeValue = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>,
                                    std::vector<float>, std::vector<std::string>, Tensor>;
struct NamedAttribute {
  std::string name;
  AttributeValue value;
};

/// An operator to add.
struct NodeSpec {
  std::string name;
  std::string op_type;
  std::string domain;
  std::vector<std::string> inputs;  ///< "" for an absent optional input
  std::vector<std::string> outputs;
  std::vector<NamedAttribute> attributes;
  /// The operator that it is a part of what is made of; see Model::origin().
  std::optional<NodeId> origin = std::nullopt;
};

using tessera::NamedType;
using tessera::TypeOracle;
using tessera::ValueType;

enum class ExternalData : std::uint8_t {
  kAuto,    ///< as the input had it, or when one file would pass 2 GB
  kAlways,  ///< every tensor of at least 1 KiB goes to FILE.data
  kNever,
};

struct SaveOptions {
  ExternalData external_data = ExternalData::kAuto;
  Overwrite overwrite = Overwrite::kRefuse;
};

/// How much a body taken for itself knows of the model around it.
enum class BodyView : std::uint8_t {
  kForTypes,  ///< types as they probably are, and those constants that shapes may depend on
  kProven,    ///< the same constants, and types only as far as they hold for every input and step
  kWhole,     ///< types as they probably are, and every constant
};

/// A model that can be edited. Everything the toolkit does not understand survives unchanged.
/// Weights stay where they are: those of a file are mapped when looked at, not loaded.
///
/// Cost: looking up or editing an operator, value or initializer by name is O(1) on average in the
/// size of the model (O(uses) where every use of a value is touched).
/// Threads: const members may be called from several threads at once.
class Model {
 public:
  /// A model without operators that imports the standard opset: the start of a model made in
  /// memory by add_input(), set_initializer(), add_node() and add_output().
  [[nodiscard]] static Model empty(std::int64_t opset);
  /// Reads a file. Errors: kNotFound; kDataLoss if not an ONNX model or truncated, external data
  /// missing or too short, or pointing out of the model's folder; kUnimplemented for an IR or
  /// opset that is too new.
  [[nodiscard]] static Result<Model> load(const std::filesystem::path& path);
  /// From memory. `folder` is where external data is looked for.
  [[nodiscard]] static Result<Model> parse(std::string_view bytes, std::string_view what,
                                           const std::filesystem::path& folder = {});
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();
  /// Deep copy (shares mapped external data).
  [[nodiscard]] Model clone() const;

  // --- the file ---------------------------------------------------------------------------
  /// Path, SHA-256 of the file as read (computed when asked, streamed), format "onnx".
  [[nodiscard]] Result<ModelInfo> info() const;
  [[nodiscard]] const std::filesystem::path& path() const noexcept;
  /// Folder relative to which the unchanged external data lies; empty if there is none.
  [[nodiscard]] std::filesystem::path external_data_folder() const;
  [[nodiscard]] std::int64_t ir_version() const;
  /// From IR 4 on an initializer that is also an input could be fed by the caller, so raising an
  /// older model past it takes its initializers out of the inputs: they were constants.
  void set_ir_version(std::int64_t version);
  /// Opset of a domain ("" the standard one); absent if the model does not import it.
  [[nodiscard]] std::optional<std::int64_t> opset(std::string_view domain = "") const;
  void set_opset(std::string_view domain, std::int64_t version);
  [[nodiscard]] std::map<std::string, std::int64_t> opsets() const;
  void set_producer(std::string_view name, std::string_view version);
  void set_metadata(std::string_view key, std::string_view value);
  [[nodiscard]] std::optional<std::string> metadata(std::string_view key) const;

  /// Writes the model (operators in topological order, deferred initializers made one at a time)
  /// by way of temporary files; with external data, both files or none.
  [[nodiscard]] Status save(const std::filesystem::path& path, const SaveOptions& options) const;
  /// The bytes that save() would write as one file.
  /// Errors: kResourceExhausted above 2 GiB.
  [[nodiscard]] Result<std::string> serialize() const;

  // --- types and shapes ---------------------------------------------------------------------
  /// Gives symbolic dims of the inputs values, in inputs, outputs and value_info.
  /// Errors: kInvalidArgument naming a symbol that no input has (hint lists those there are).
  [[nodiscard]] Status set_dims(const std::map<std::string, std::int64_t>& values);
  /// The same for one input, extent by extent; a symbol among them gets its value everywhere.
  /// Errors: kInvalidArgument for an unknown input, another rank, or an extent that the model fixes
  /// at another value.
  [[nodiscard]] Status set_shape(std::string_view input, const Shape& shape);
  /// What will be fed has this shape, although the model allows others. It counts for type_of()
  /// (after the next infer_types()) and view(), and is never written to a file. Absent: no
  /// assumption about this input.
  void assume_shape(std::string_view input, std::optional<std::vector<Dim>> shape);
  /// The shapes that were assumed; -1 where an extent stays open.
  [[nodiscard]] std::map<std::string, std::vector<std::int64_t>> assumed_shapes() const;
  /// A copy whose inputs are declared with the shapes that are assumed here.
  [[nodiscard]] Model with_assumed_shapes() const;
  /// The types that values of the same names have in another model count for this one's.
  void adopt_types(const Model& other);
  /// Takes a symbol away from every extent that has it: it stands for different numbers.
  void forget_symbol(std::string_view symbol);
  /// Learns dtype and shape of every value through an oracle. Large initializers are not handed
  /// over where only their type matters.
  [[nodiscard]] Status infer_types(const TypeOracle& oracle);
  [[nodiscard]] std::optional<ValueType> type_of(std::string_view value) const;
  /// What the file says of an input, output or value, nothing inferred or assumed.
  [[nodiscard]] std::optional<ValueType> declared_type(std::string_view value) const;
  /// As type_of(), without extents that hold under assumed shapes only: what may be written.
  [[nodiscard]] std::optional<ValueType> general_type_of(std::string_view value) const;
  /// Declares a type; it is written to the file, unlike inferred ones.
  void set_type(std::string_view value, const ValueType& type);

  /// The format-neutral view: Constant operators are initializers there, unnamed and doubly named
  /// operators get names made up (TYPE_POSITION), Op::source is the NodeId::value.
  /// Errors: kDataLoss naming an operator of a cycle.
  [[nodiscard]] Result<graph::Graph> view() const;
  /// The operator that an operator of view() stands for, as long as it is not removed.
  [[nodiscard]] static NodeId node_of(const graph::Op& op) noexcept { return {op.source}; }

  // --- inputs, outputs, initializers --------------------------------------------------------
  /// Graph inputs that are not initializers, in order.
  [[nodiscard]] std::vector<std::string> inputs() const;
  /// Graph inputs as they are listed in the file, initializers among them included.
  [[nodiscard]] std::vector<std::string> listed_inputs() const;
  [[nodiscard]] std::vector<std::string> outputs() const;
  [[nodiscard]] bool is_input(std::string_view value) const;
  [[nodiscard]] bool is_output(std::string_view value) const;
  void add_input(std::string_view name, const ValueType& type);
  void remove_input(std::string_view value);
  /// With its type, where that is known.
  void add_output(std::string_view value);
  void remove_output(std::string_view value);
  [[nodiscard]] std::vector<std::string> initializers() const;
  [[nodiscard]] bool has_initializer(std::string_view name) const;
  /// An initializer, or the output of a Constant operator: initializer() has its value.
  [[nodiscard]] bool is_constant(std::string_view name) const;
  /// dtype and shape without touching the data; outputs of Constant operators included.
  [[nodiscard]] std::optional<ValueType> initializer_type(std::string_view name) const;
  /// The values; valid until the initializer is replaced or removed or the model goes. Raw and
  /// mapped data is not copied if it is aligned; typed fields (float_data, int32_data, ...) are
  /// unpacked once, deferred initializers made once. Answers for Constant operators, too.
  /// Errors: kNotFound; kUnimplemented for strings and sparse tensors; those of a deferred maker.
  [[nodiscard]] Result<TensorView> initializer(std::string_view name) const;
  /// The values will not be asked for again soon: memory that mapping, unpacking or making them
  /// took is given back, and views of them end. Does nothing for what has no other home.
  void release_initializer(std::string_view name) const;
  void set_initializer(std::string_view name, Tensor value);
  /// An initializer that is made only when the model is written, so that memory stays bounded by
  /// the largest tensor. `make` must be pure: it may be called more than once.
  void set_deferred_initializer(std::string_view name, DType dtype, Shape shape,
                                std::function<Result<Tensor>()> make);
  void remove_initializer(std::string_view name);
  /// Removes initializers that nothing reads (bodies included) and their entries in the inputs.
  void remove_unused_initializers();

  // --- operators ----------------------------------------------------------------------------
  /// All operators of the main graph, in file order; added ones where they were put.
  [[nodiscard]] std::vector<NodeId> nodes() const;
  [[nodiscard]] const std::string& name(NodeId node) const;
  [[nodiscard]] const std::string& op_type(NodeId node) const;
  [[nodiscard]] const std::string& domain(NodeId node) const;
  [[nodiscard]] std::vector<std::string> inputs(NodeId node) const;
  [[nodiscard]] std::vector<std::string> outputs(NodeId node) const;
  [[nodiscard]] std::optional<AttributeValue> attribute(NodeId node, std::string_view name) const;
  [[nodiscard]] std::int64_t int_attribute(NodeId node, std::string_view name,
                                           std::int64_t fallback) const;
  [[nodiscard]] bool has_body(NodeId node) const;
  /// Bodies of a control-flow operator, in file order: then and else of an If, one of a Loop.
  [[nodiscard]] std::size_t body_count(NodeId node) const;
  /// One of them as a model of its own. What it reads from outside are inputs behind its own, or
  /// constants; its types are those that the last infer_types() learned, and new names in it avoid
  /// those of the model around it.
  /// Errors: kUnimplemented where the type of a value that it reads is not known.
  [[nodiscard]] Result<Model> body(NodeId node, std::size_t index,
                                   BodyView view = BodyView::kWhole) const;
  /// Puts back what was made of body(). Errors: kInternal if its own inputs are not the same.
  [[nodiscard]] Status set_body(NodeId node, std::size_t index, const Model& body);

  /// The order in which save() and serialize() write the operators.
  /// Errors: kDataLoss naming an operator of a cycle.
  [[nodiscard]] Result<std::vector<NodeId>> written_order() const;
  /// The operator that this one was made of (NodeSpec::origin), which may be gone; else itself.
  [[nodiscard]] NodeId origin(NodeId node) const;

  /// Adds at the end, or right before `before`.
  NodeId add_node(const NodeSpec& spec, std::optional<NodeId> before = std::nullopt);
  void remove_node(NodeId node);
  void set_name(NodeId node, std::string_view name);
  void set_op_type(NodeId node, std::string_view op_type, std::string_view domain);
  void set_input(NodeId node, std::size_t index, std::string_view value);
  void set_inputs(NodeId node, const std::vector<std::string>& values);
  void set_output(NodeId node, std::size_t index, std::string_view value);
  void set_attribute(NodeId node, std::string_view name, AttributeValue value);
  [[nodiscard]] std::vector<std::string> attribute_names(NodeId node) const;
  void remove_attribute(NodeId node, std::string_view name);
  /// Every attribute incl. bodies of `from` is copied to `to`.
  void copy_attributes(NodeId from, NodeId to);

  /// Operator that makes a value.
  [[nodiscard]] std::optional<NodeId> producer(std::string_view value) const;
  /// Operators of the main graph that read a value, in file order, each once.
  [[nodiscard]] std::vector<NodeId> consumers(std::string_view value) const;
  /// A body of a control-flow operator reads the value from outside.
  [[nodiscard]] bool used_by_body(std::string_view value) const;
  /// Rewires readers of `from` (not graph outputs, not bodies) to `to`.
  void replace_uses(std::string_view from, std::string_view to);
  /// The first operator with this name.
  [[nodiscard]] std::optional<NodeId> find_node(std::string_view name) const;
  /// `base`, or base_1, base_2, ... : a value and node name that is not taken.
  [[nodiscard]] std::string unique_name(std::string_view base) const;

  struct State;  // private to the room
  explicit Model(std::unique_ptr<State> state);

 private:
  friend Status upgrade_opset(Model& model, std::int64_t target);
  friend struct StateAccess;  // within the room
  std::unique_ptr<State> state_;
};

/// Raises the standard opset so that Q/DQ operators of the wanted version exist, rewriting the
/// operators whose meaning changed on the way (Upsample, Squeeze axes, Clip bounds, Softmax axis,
/// BatchNormalization, Pad, Slice, TopK, Dropout, ReduceSum, Split, Resize, ...), those in bodies
/// included, and the IR version with it. Operators that ONNX never standardized but ONNX Runtime
/// runs up to opset 9 (ImageScaler, Affine, Crop, ...) become standard ones.
///
/// Values keep their names and handles of operators their meaning. Some rules need ranks and
/// extents, so call it after infer_types() where the runtime accepts the opset (7 and higher);
/// values that are added have unknown types until the next infer_types().
/// Does nothing if the model's opset is at least `target`. On failure the model is unchanged.
/// Errors: kUnimplemented naming the operator that has no equal form in the target opset.
[[nodiscard]] Status upgrade_opset(Model& model, std::int64_t target);

}  // namespace tessera::onnx
