// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/graph/kind.h"
#include "tessera/tensor/dtype.h"
#include "tessera/tensor/tensor.h"
#include "tessera/tensor/value_type.h"

/// The format-neutral view of a model: operators, tensors and how they hang together. No weights.
/// Readers of file formats make one; every algorithm that plans or measures works on it alone.
namespace tessera::graph {

struct TensorId {
  std::uint32_t value = 0;
  auto operator<=>(const TensorId&) const = default;
};

struct OpId {
  std::uint32_t value = 0;
  auto operator<=>(const OpId&) const = default;
};

using tessera::Dim;

enum class TensorKind : std::uint8_t {
  kActivation,   ///< made by an operator
  kInput,        ///< fed by the caller
  kInitializer,  ///< a weight or constant of the file (also when listed among the inputs)
};

struct TensorInfo {
  std::string name;
  TensorKind kind = TensorKind::kActivation;
  DType dtype = DType::kUndefined;
  /// Absent if nothing is known of the rank.
  std::optional<std::vector<Dim>> shape;
  std::optional<OpId> producer;
  /// One entry per use: an operator that reads the tensor twice stands twice.
  std::vector<OpId> consumers;
  bool is_output = false;
  /// Also read from within a body of a control-flow operator.
  bool used_by_body = false;
  /// An initializer that stands in the file as an operator without inputs.
  bool made_by_constant = false;
  /// Of integers that an operator makes out of real numbers: one scale for the whole tensor, if
  /// the file says it.
  std::optional<AffineQuantization> quantization;

  /// All extents known, as a Shape.
  [[nodiscard]] std::optional<Shape> static_shape() const;
  /// elements x element size, if known.
  [[nodiscard]] std::optional<std::int64_t> size_bytes() const;
};

class Graph;

using Attribute = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>,
                               std::vector<double>, std::vector<std::string>>;

struct Op {
  std::string name;    ///< unique in the graph: unnamed or doubly named operators get one made up
  std::string type;    ///< what the format calls it, for people and recipes: "Conv", "CONV_2D"
  std::string domain;  ///< "" for the standard operators, "com.microsoft", ...
  OpKind kind = OpKind::kOther;
  Arithmetic arithmetic = Arithmetic::kFloat;
  Operands operands;
  /// Operations per element of the output, where the number that its kind has is not right.
  std::optional<std::int64_t> operations;
  /// A float operator that the inference library computes on integers between kDequantize and
  /// kQuantize, in one kernel.
  bool integer_kernel = false;
  /// Handle of the operator in the file it came from (onnx::NodeId::value).
  std::uint32_t source = 0;
  /// Absent optional inputs and outputs have no value.
  std::vector<std::optional<TensorId>> inputs;
  std::vector<std::optional<TensorId>> outputs;
  std::map<std::string, Attribute, std::less<>> attributes;
  /// Operators within bodies (If, Loop, Scan), all levels, counted once each.
  std::int64_t body_ops = 0;
  /// Outer values that the bodies read besides the inputs. They are no entries of `consumers`.
  std::vector<TensorId> captures;
  /// Bodies of a control-flow operator; what they read from outside is an input of theirs.
  std::vector<Graph> bodies;

  [[nodiscard]] std::int64_t int_or(std::string_view attribute, std::int64_t fallback) const;
  [[nodiscard]] std::string string_or(std::string_view attribute, std::string fallback) const;
  [[nodiscard]] std::vector<std::int64_t> ints_or(std::string_view attribute,
                                                  std::vector<std::int64_t> fallback) const;
};

/// Calls `visit` for every value that an operator waits for, what its bodies capture included, as
/// often as it reads it.
template <class Visit>
void for_each_read(const Op& op, const Visit& visit) {
  for (const auto& input : op.inputs) {
    if (input) {
      visit(*input);
    }
  }
  for (const auto captured : op.captures) {
    visit(captured);
  }
}

/// A topologically ordered operator graph. Built once, read by everybody.
class Graph {
 public:
  /// Adds a tensor; names are unique. Returns the id.
  TensorId add_tensor(TensorInfo tensor);
  /// Adds an operator and links producer and consumers of its tensors.
  OpId add_op(Op op);
  void mark_input(TensorId tensor);
  void mark_output(TensorId tensor);

  /// Puts the operators into a stable topological order (file order where it is one) and
  /// renumbers them.
  /// Errors: kDataLoss naming an operator of a cycle, or a tensor that nobody makes.
  [[nodiscard]] Status finish();

  [[nodiscard]] std::span<const Op> ops() const noexcept { return ops_; }
  [[nodiscard]] std::span<const TensorInfo> tensors() const noexcept { return tensors_; }
  [[nodiscard]] const Op& op(OpId id) const { return ops_[id.value]; }
  [[nodiscard]] const TensorInfo& tensor(TensorId id) const { return tensors_[id.value]; }
  [[nodiscard]] TensorInfo& tensor(TensorId id) { return tensors_[id.value]; }
  [[nodiscard]] std::optional<TensorId> find_tensor(std::string_view name) const;
  [[nodiscard]] std::optional<OpId> find_op(std::string_view name) const;
  [[nodiscard]] std::span<const TensorId> inputs() const noexcept { return inputs_; }
  [[nodiscard]] std::span<const TensorId> outputs() const noexcept { return outputs_; }

 private:
  std::vector<Op> ops_;
  std::vector<TensorInfo> tensors_;
  std::vector<TensorId> inputs_;
  std::vector<TensorId> outputs_;
  std::map<std::string, TensorId, std::less<>> tensor_by_name_;
  std::map<std::string, OpId, std::less<>> op_by_name_;
};

/// Tensors that depend on initializers only (weights behind DequantizeLinear and the like), by
/// tensor index: constants of the model for all purposes of cutting and counting.
[[nodiscard]] std::vector<bool> constant_tensors(const Graph& graph);

}  // namespace tessera::graph
