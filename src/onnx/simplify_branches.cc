// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "onnx/rewrite.h"
#include "onnx/simplify_passes.h"

namespace tessera::onnx {
namespace {

/// The branch that an If takes whatever comes; null if that is not known.
const proto::GraphProto* taken_branch(const Model& model, const proto::NodeProto& node) {
  if (node.op_type() != "If" || !canonical_domain(node.domain()).empty() ||
      node.input_size() != 1 || !model.is_constant(node.input(0))) {
    return nullptr;
  }
  const auto condition = model.initializer(node.input(0));
  if (!condition || condition->dtype != DType::kBool || condition->bytes.size() != 1) {
    return nullptr;
  }
  const auto wanted = condition->bytes.front() == std::byte{0} ? "else_branch" : "then_branch";
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() == wanted && attribute.has_g()) {
      return &attribute.g();
    }
  }
  return nullptr;
}

class BranchInliner {
 public:
  BranchInliner(Model& model, NodeId node)
      : model_(model), state_(StateAccess::of(model)), call_(state_.node(node)) {}

  void run(NodeId id, proto::GraphProto branch) {
    const auto next = state_.nodes[id.value].next;
    model_.remove_node(id);
    for (const auto other : state_.order()) {
      for_each_body(state_.node(other), [&](const auto& body) { collect_names(body, elsewhere_); });
    }
    choose_names(branch);
    for (auto& tensor : *branch.mutable_initializer()) {
      add(tensor);
    }
    for (auto& node : *branch.mutable_node()) {
      rename_values(node, names_);
      state_.insert(std::make_unique<proto::NodeProto>(std::move(node)), next);
    }
    for (int i = 0; i < branch.output_size() && i < call_.output_size(); ++i) {
      hand_over(branch.output(i).name(), call_.output(i), next);
    }
  }

 private:
  /// Names stay where nothing else has them; results take those of the If.
  void choose_names(const proto::GraphProto& branch) {
    const auto define = [&](const std::string& name) {
      if (name.empty() || names_.contains(name)) {
        return;
      }
      names_.emplace(name,
                     is_taken(name) ? model_.unique_name(call_.output(0) + "/" + name) : name);
    };
    StringSet made;
    for (const auto& node : branch.node()) {
      made.insert(node.output().begin(), node.output().end());
    }
    for (int i = 0; i < branch.output_size() && i < call_.output_size(); ++i) {
      const auto& value = branch.output(i).name();
      if (made.contains(value) && !call_.output(i).empty()) {
        names_.try_emplace(value, call_.output(i));
      }
    }
    for (const auto& tensor : branch.initializer()) {
      define(tensor.name());
    }
    for (const auto& node : branch.node()) {
      std::for_each(node.output().begin(), node.output().end(), define);
    }
  }

  [[nodiscard]] bool is_taken(const std::string& name) const {
    return state_.find_uses(name) != nullptr || model_.has_initializer(name) ||
           state_.input_index.contains(name) || model_.is_output(name) || elsewhere_.contains(name);
  }

  void add(proto::TensorProto& tensor) {
    const auto name = names_.find(tensor.name())->second;
    auto initializer = std::make_unique<Initializer>();
    tensor.set_name(name);
    initializer->name = name;
    initializer->dtype = onnx::dtype_of(tensor);
    initializer->shape = shape_of(tensor);
    initializer->header = std::make_shared<const proto::TensorProto>(std::move(tensor));
    state_.add_initializer(std::move(initializer));
  }

  /// A result that has another name, because it comes from outside or is handed over twice.
  void hand_over(const std::string& value, const std::string& output, std::uint32_t next) {
    const auto found = names_.find(value);
    const auto& source = found == names_.end() ? value : found->second;
    if (output.empty() || source == output) {
      return;
    }
    auto copy = std::make_unique<proto::NodeProto>();
    copy->set_op_type("Identity");
    copy->set_name(model_.unique_name(output + "_output"));
    copy->add_input(source);
    copy->add_output(output);
    state_.insert(std::move(copy), next);
  }

  Model& model_;
  Model::State& state_;
  const proto::NodeProto call_;
  Names names_;
  StringSet elsewhere_;  ///< names in other bodies
};

}  // namespace

void inline_branches(Model& model, Simplification& what) {
  auto& state = StateAccess::of(model);
  for (const auto id : state.order()) {
    const auto* branch = taken_branch(model, state.node(id));
    if (branch == nullptr || branch->sparse_initializer_size() > 0) {
      continue;
    }
    auto copy = *branch;
    BranchInliner(model, id).run(id, std::move(copy));
    ++what.inlined_branches;
  }
}

}  // namespace tessera::onnx
