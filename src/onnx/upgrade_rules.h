// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/model_state.h"
#include "tessera/core/result.h"
#include "tessera/onnx/model.h"

/// How single operators move from one version of the standard operator set to the next.
namespace tessera::onnx {

/// What a rule may know of the graph around an operator: the main graph, or a body within it.
class Scope {
 public:
  explicit Scope(Model& model) : model_(model) {}
  /// A body of an operator of this scope; it sees what is outside.
  [[nodiscard]] Scope body(const proto::GraphProto& graph) const;

  [[nodiscard]] std::optional<DType> dtype(std::string_view value) const;
  /// float32 where nothing is known of the value, which is what almost every model computes in.
  [[nodiscard]] DType dtype_or_float(std::string_view value) const;
  [[nodiscard]] std::optional<std::int64_t> rank(std::string_view value) const;
  /// Extents, -1 where symbolic; absent if the rank is unknown.
  [[nodiscard]] std::optional<Shape> extents(std::string_view value) const;
  /// The values, if the value is a constant.
  [[nodiscard]] std::optional<Tensor> constant(std::string_view value) const;
  [[nodiscard]] bool is_used(std::string_view value) const;

  /// A new value name that nothing else has.
  [[nodiscard]] std::string fresh_name(std::string_view base);
  /// Adds an initializer to the main graph, which bodies see, too.
  [[nodiscard]] std::string add_constant(std::string_view base, Tensor value);

  /// Names of the constants that rules have added, in order.
  struct Shared {
    std::vector<std::string> constants;
    StringSet names;
  };
  void share(Shared& shared) { shared_ = &shared; }

 private:
  [[nodiscard]] std::optional<ValueType> type(std::string_view value) const;

  Model& model_;
  std::vector<const proto::GraphProto*> bodies_;  ///< outermost first
  Shared* shared_ = nullptr;
};

/// An operator that is being rewritten, with those that have to stand before and after it.
class Rewrite {
 public:
  Rewrite(Scope& surroundings, proto::NodeProto subject)
      : node(std::move(subject)),
        scope(surroundings),
        outputs_(node.output().begin(), node.output().end()) {}

  proto::NodeProto node;  ///< freely edited by the rules
  Scope& scope;

  [[nodiscard]] bool has_input(int index) const {
    return index < node.input_size() && !node.input(index).empty();
  }
  /// Extends the inputs by absent ones where needed.
  void set_input(int index, const std::string& value);

  [[nodiscard]] const proto::AttributeProto* attribute(std::string_view name) const;
  [[nodiscard]] std::int64_t int_or(std::string_view name, std::int64_t fallback) const;
  [[nodiscard]] float float_or(std::string_view name, float fallback) const;
  [[nodiscard]] std::string string_or(std::string_view name, std::string_view fallback) const;
  [[nodiscard]] std::optional<std::vector<std::int64_t>> ints(std::string_view name) const;
  [[nodiscard]] std::vector<float> floats(std::string_view name) const;
  void drop(std::string_view name);
  void set(std::string_view name, std::int64_t value);
  void set(std::string_view name, std::string_view value);

  /// An initializer named after the operator: "NODE_axes".
  [[nodiscard]] std::string constant(std::string_view role, Tensor value);
  [[nodiscard]] std::string int64s(std::string_view role, const std::vector<std::int64_t>& values);
  /// A scalar of the element type that `like` has.
  [[nodiscard]] std::string scalar_like(std::string_view role, std::string_view like, double value);

  /// Adds an operator that runs before the node, and returns its output.
  std::string before(std::string_view op_type, const std::vector<std::string>& inputs,
                     const std::vector<NamedAttribute>& attributes = {});
  /// Makes the node's output `index` pass through one more operator, whose further inputs are
  /// `inputs`. Called again, it adds to the end of the chain.
  void after(int index, std::string_view op_type, const std::vector<std::string>& inputs = {},
             const std::vector<NamedAttribute>& attributes = {});

  /// Before, node, after.
  [[nodiscard]] std::vector<proto::NodeProto> take();
  [[nodiscard]] std::size_t position() const noexcept { return before_.size(); }

  /// "there is no equal form of ... in opset N: why".
  [[nodiscard]] Failure impossible(std::string_view why) const;

 private:
  [[nodiscard]] std::string base_name() const;
  [[nodiscard]] proto::NodeProto make(std::string_view op_type,
                                      const std::vector<std::string>& inputs,
                                      const std::vector<NamedAttribute>& attributes);
  std::vector<std::string> outputs_;  ///< names that readers know
  std::vector<proto::NodeProto> before_;
  std::vector<proto::NodeProto> after_;
};

/// Rewrites an operator of the previous version so that it means the same in this one.
using Rule = Status (*)(Rewrite&);

struct RuleEntry {
  std::string_view op_type;  ///< "*": every operator
  std::int64_t version;
  Rule rule;
  int inputs = 1;  ///< that the operator has at least; without them the rule is not called
};
/// The rule for the step to `version`; null if that only widened the operator (more types, new
/// attributes and inputs whose defaults mean what was meant before) or left it alone.
[[nodiscard]] const RuleEntry* find_rule(std::string_view op_type, std::int64_t version);

/// Steps to opset 2 to 9, and away from experimental operators (removed in 10).
[[nodiscard]] const std::vector<RuleEntry>& legacy_rules();
/// Steps to opset 10 and higher.
[[nodiscard]] const std::vector<RuleEntry>& modern_rules();

}  // namespace tessera::onnx
