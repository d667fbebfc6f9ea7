// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "onnx/model_state.h"

namespace tessera::onnx {
namespace {

// What the reader knows how to interpret. IR 14 and opset 28 are those of ONNX 1.23.
constexpr std::int64_t kNewestIr = 14;
constexpr std::int64_t kNewestOpset = 28;
/// Models before IR 3 imported no operator set: they meant the first.
constexpr std::int64_t kFirstIrWithOpsets = 3;

Status check_versions(const proto::ModelProto& model) {
  if (!model.has_graph()) {
    return fail(ErrorCode::kDataLoss, "the model has no graph")
        .hint("the file is truncated, damaged, or not an ONNX model");
  }
  if (model.ir_version() < 1) {
    return fail(ErrorCode::kDataLoss, "the model has no IR version")
        .hint("the file is truncated, damaged, or not an ONNX model");
  }
  if (model.ir_version() > kNewestIr) {
    return fail(ErrorCode::kUnimplemented, "the model has IR version {}; up to {} is understood",
                model.ir_version(), kNewestIr)
        .hint("export it for an older version of ONNX");
  }
  if (model.opset_import_size() == 0 && model.ir_version() >= kFirstIrWithOpsets) {
    return fail(ErrorCode::kDataLoss, "the model imports no operator set")
        .hint("the file is truncated, damaged, or not an ONNX model");
  }
  StringMap<std::int64_t> imported;
  for (const auto& import : model.opset_import()) {
    const auto domain = std::string(canonical_domain(import.domain()));
    const auto [known, added] = imported.try_emplace(domain, import.version());
    if (!added && known->second != import.version()) {
      return fail(ErrorCode::kDataLoss, "the model imports versions {} and {} of domain '{}'",
                  known->second, import.version(), domain);
    }
    if (domain.empty() && (import.version() < 1 || import.version() > kNewestOpset)) {
      return fail(import.version() < 1 ? ErrorCode::kDataLoss : ErrorCode::kUnimplemented,
                  "the model imports opset {}; 1 to {} are understood", import.version(),
                  kNewestOpset)
          .hint("export it for opset 21 or lower");
    }
  }
  return {};
}

Status check_names(const proto::NodeProto& node) {
  if (node.op_type().empty()) {
    return fail(ErrorCode::kDataLoss, "operator '{}' has no type", node.name());
  }
  for (int i = 0; i < node.attribute_size(); ++i) {
    if (node.attribute(i).name().empty()) {
      return fail(ErrorCode::kDataLoss, "operator {} has an attribute without a name",
                  describe(node));
    }
  }
  return {};
}

/// Checks that every value has one maker and every reader a value to read.
class ValueCheck {
 public:
  explicit ValueCheck(const Model::State& state) : state_(state) {}

  Status check() {
    for (const auto& initializer : state_.initializers) {
      if (initializer->name.empty()) {
        return fail(ErrorCode::kDataLoss, "there is an initializer without a name");
      }
      TESSERA_CHECK(make(initializer->name));
    }
    for (const auto& [name, tensor] : state_.sparse) {
      TESSERA_CHECK(make(name));
    }
    for (const auto& input : state_.graph().input()) {
      const auto listed =
          state_.initializer_index.contains(input.name()) || state_.sparse.contains(input.name());
      if (!listed || !inputs_.insert(input.name()).second) {
        TESSERA_CHECK(make(input.name()));
      }
    }
    for (const auto id : state_.order()) {
      for (const auto& output : state_.node(id).output()) {
        if (!output.empty()) {
          TESSERA_CHECK(make(output));
        }
      }
    }
    for (const auto id : state_.order()) {
      TESSERA_CHECK(check_reads(id));
    }
    for (const auto& output : state_.graph().output()) {
      if (!made_.contains(output.name())) {
        return fail(ErrorCode::kDataLoss, "the output '{}' is made by no operator", output.name());
      }
    }
    return {};
  }

 private:
  Status make(const std::string& value) {
    if (!made_.insert(value).second) {
      return fail(ErrorCode::kDataLoss, "the value '{}' is defined twice", value);
    }
    return {};
  }

  Status check_reads(NodeId id) const {
    const auto& node = state_.node(id);
    for (const auto& input : node.input()) {
      if (!input.empty() && !made_.contains(input)) {
        return fail(ErrorCode::kDataLoss, "operator {} reads '{}', which nothing makes",
                    describe(node), input);
      }
    }
    for (const auto& value : state_.nodes[id.value].captures) {
      if (!made_.contains(value)) {
        return fail(ErrorCode::kDataLoss, "a body of operator {} reads '{}', which nothing makes",
                    describe(node), value);
      }
    }
    return {};
  }

  const Model::State& state_;
  StringSet made_;
  StringSet inputs_;
};

/// How many operators the calls of model-local functions come to when they are taken apart, which
/// every runtime does. Functions that double at each level would never end.
class CallSize {
 public:
  explicit CallSize(const proto::ModelProto& model) {
    for (const auto& function : model.functions()) {
      functions_[key_of(function.domain(), function.name())].push_back(&function);
    }
  }

  Status check(const Model::State& state) {
    constexpr double kMost = 1 << 20;
    double sum = 0;
    for (const auto id : state.order()) {
      sum += size_of(state.node(id));
    }
    if (functions_.empty() || sum <= kMost) {
      return {};
    }
    return fail(ErrorCode::kResourceExhausted,
                "its functions call each other so often that they come to {:.3g} operators", sum)
        .hint("export the model without functions");
  }

 private:
  static std::string key_of(std::string_view domain, std::string_view name) {
    return fmt::format("{}:{}", canonical_domain(domain), name);
  }

  double size_of(const proto::NodeProto& node) {
    double size = 1;
    for_each_body(node, [&](const auto& body) {
      for (const auto& inner : body.node()) {
        size += size_of(inner);
      }
    });
    const auto found = functions_.find(key_of(node.domain(), node.op_type()));
    return found == functions_.end() ? size : size + size_of_calls(found->first, found->second);
  }

  /// Of the largest overload. A function that calls itself is told of elsewhere.
  double size_of_calls(const std::string& key,
                       const std::vector<const proto::FunctionProto*>& overloads) {
    const auto [known, is_new] = sizes_.try_emplace(key, 0);
    if (!is_new) {
      return known->second;
    }
    double largest = 0;
    for (const auto* function : overloads) {
      double size = 0;
      for (const auto& node : function->node()) {
        size += size_of(node);
      }
      largest = std::max(largest, size);
    }
    return sizes_[key] = largest;
  }

  StringMap<std::vector<const proto::FunctionProto*>> functions_;
  StringMap<double> sizes_;
};

}  // namespace

Status validate(const Model::State& state) {
  TESSERA_CHECK(check_versions(state.shell));
  for (const auto id : state.order()) {
    TESSERA_CHECK(check_names(state.node(id)));
  }
  for (const auto& initializer : state.initializers) {
    const auto external =
        initializer->range ? std::optional(initializer->range->size_bytes) : std::nullopt;
    TESSERA_CHECK(check_tensor(*initializer->header, external));
  }
  for (const auto& sparse : state.graph().sparse_initializer()) {
    TESSERA_CHECK(check_sparse(sparse));
  }
  TESSERA_CHECK(ValueCheck(state).check());
  TESSERA_CHECK(CallSize(state.shell).check(state));
  return state.topological_order().map([](const auto&) {});
}

}  // namespace tessera::onnx
