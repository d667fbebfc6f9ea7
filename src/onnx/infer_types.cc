// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "onnx/model_state.h"

namespace tessera::onnx {
namespace {

enum class Weights : std::uint8_t { kTypesOnly, kReal };

/// What becomes of operators that the oracle may not know.
enum class Foreign : std::uint8_t { kKept, kLeftOut };

/// Only a library of custom operators can run it, or what stands in its bodies.
bool is_foreign(const Model::State& state, const proto::NodeProto& node) {
  bool within = false;
  for_each_body(node, [&](const auto& body) {
    within = within || std::any_of(body.node().begin(), body.node().end(),
                                   [&](const auto& inner) { return is_foreign(state, inner); });
  });
  if (within) {
    return true;
  }
  const auto domain = canonical_domain(node.domain());
  if (domain.empty() || domain.starts_with("ai.onnx") || domain.starts_with("com.microsoft") ||
      domain == "org.pytorch.aten") {
    return false;
  }
  const auto& functions = state.shell.functions();
  return std::none_of(functions.begin(), functions.end(), [&](const auto& function) {
    return function.domain() == node.domain() && function.name() == node.op_type();
  });
}

/// The first IR in which an initializer needs no entry among the inputs; with one, it is a default
/// that a caller may override, and no type may depend on its value.
constexpr std::int64_t kFirstIrOfConstants = 4;

/// Writes the model as the oracle gets it: nothing is declared about values in between, so that
/// what comes back was inferred. The inputs have the shapes that were assumed of them.
class OracleModel {
 public:
  OracleModel(const Model::State& state, Weights weights, Foreign foreign)
      : state_(state), weights_(weights), foreign_(foreign) {}

  /// Every value that operators make is an output without type.
  Result<std::string> with_all_values() {
    TESSERA_CHECK(make_graph());
    for (const auto& value : made_) {
      graph().add_output()->set_name(value);
    }
    values_ = made_;
    return text();
  }

  /// The outputs are the shapes of `values`: a vector of as many extents as the rank, or of an
  /// unknown number.
  Result<std::string> with_shapes_of(std::span<const std::string> values) {
    TESSERA_CHECK(make_graph());
    for (const auto& value : values) {
      auto& node = *graph().add_node();
      node.set_op_type("Shape");
      node.add_input(value);
      node.add_output(value + "/tessera_shape");
      values_.push_back(node.output(0));
      graph().add_output()->set_name(node.output(0));
    }
    return text();
  }

  /// Names of the outputs, in order.
  [[nodiscard]] const std::vector<std::string>& values() const { return values_; }

 private:
  proto::GraphProto& graph() { return *model_.mutable_graph(); }

  Status make_graph() {
    model_ = state_.shell;
    model_.set_ir_version(std::max<std::int64_t>(model_.ir_version(), kFirstIrOfConstants));
    graph().clear_output();
    graph().clear_value_info();
    graph().clear_quantization_annotation();
    graph().clear_input();
    for (const auto& input : state_.graph().input()) {
      if (!state_.initializer_index.contains(input.name())) {
        auto& copy = *graph().add_input();
        copy = input;
        assume(copy);
      }
    }
    for (const auto& initializer : state_.initializers) {
      if (initializer) {
        TESSERA_CHECK(add(*initializer));
      }
    }
    TESSERA_TRY(const auto order, state_.topological_order());
    for (const auto id : order) {
      const auto& node = state_.node(id);
      if (foreign_ == Foreign::kLeftOut && leave_out(node)) {
        continue;
      }
      *graph().add_node() = node;
      std::copy_if(node.output().begin(), node.output().end(), std::back_inserter(made_),
                   [](const auto& output) { return !output.empty(); });
    }
    return {};
  }

  void assume(proto::ValueInfoProto& input) const {
    const auto found = state_.assumed.find(input.name());
    if (found != state_.assumed.end()) {
      assign_type(*input.mutable_type(), {to_value_type(input.type()).dtype, found->second});
    }
  }

  Result<std::string> text() const {
    std::string text;
    if (!model_.SerializeToString(&text)) {
      return fail(ErrorCode::kResourceExhausted, "the model is too large to be inspected at once");
    }
    return text;
  }

  /// Foreign operators, and what reads a value of theirs that the file declares no type for. The
  /// others read it as an input.
  bool leave_out(const proto::NodeProto& node) {
    const auto unknown = [&](const std::string& value) { return unknown_.contains(value); };
    const auto captured = captures_of(node);
    const bool foreign = is_foreign(state_, node);
    if (!foreign && std::none_of(node.input().begin(), node.input().end(), unknown) &&
        std::none_of(captured.begin(), captured.end(), unknown)) {
      return false;
    }
    for (const auto& output : node.output()) {
      const auto* declared = declaration(output);
      if (declared == nullptr) {
        unknown_.insert(output);
      } else {
        *model_.mutable_graph()->add_input() = *declared;
      }
    }
    return true;
  }

  [[nodiscard]] const proto::ValueInfoProto* declaration(const std::string& value) const {
    const auto& graph = state_.graph();
    const auto typed = [](const proto::ValueInfoProto& info) {
      return info.type().tensor_type().elem_type() != 0 ? &info : nullptr;
    };
    if (const auto found = state_.output_index.find(value); found != state_.output_index.end()) {
      return typed(graph.output(found->second));
    }
    const auto found = state_.value_info_index.find(value);
    return found == state_.value_info_index.end() ? nullptr
                                                  : typed(graph.value_info(found->second));
  }

  Status add(const Initializer& initializer) {
    const auto size_bytes = bytes_of(initializer.dtype, element_count(initializer.shape));
    if (weights_ == Weights::kTypesOnly && size_bytes > kTypeOnlyBytes) {
      auto& input = *graph().add_input();
      input.set_name(initializer.name);
      assign_type(*input.mutable_type(), to_value_type(initializer.dtype, initializer.shape));
      return {};
    }
    auto& tensor = *graph().add_initializer();
    tensor = *initializer.header;
    if (initializer.range && initializer.range->file->path() != state_.path) {
      refer_to_file(tensor, *initializer.range);
    } else if (initializer.range || initializer.value || initializer.make) {
      TESSERA_TRY(const auto data, InitializerData::of(initializer));
      tensor.set_raw_data(data.bytes().data(), data.bytes().size());
    }
    return {};
  }

  void refer_to_file(proto::TensorProto& tensor, const FileRange& range) const {
    tensor.set_data_location(proto::TensorProto::EXTERNAL);
    const auto set = [&](const char* key, std::string value) {
      auto& entry = *tensor.add_external_data();
      entry.set_key(key);
      entry.set_value(std::move(value));
    };
    set("location", range.file->path().lexically_relative(state_.folder).string());
    set("offset", std::to_string(range.offset));
    set("length", std::to_string(range.size_bytes));
  }

  const Model::State& state_;
  Weights weights_;
  Foreign foreign_;
  StringSet unknown_;
  proto::ModelProto model_;
  std::vector<std::string> made_;  ///< by the operators that the oracle sees
  std::vector<std::string> values_;
};

/// Types of the model's outputs, under the names that they have there.
Result<std::vector<NamedType>> answer_of(const TypeOracle& oracle, std::string_view text,
                                         const std::filesystem::path& folder,
                                         const std::vector<std::string>& names) {
  TESSERA_TRY(auto types, oracle(text, folder));
  if (types.size() != names.size()) {
    return fail(ErrorCode::kInternal, "types of {} values were asked for, {} came back",
                names.size(), types.size());
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    types[i].name = names[i];
  }
  return types;
}

/// Inference libraries report an unknown rank as no extents, like a scalar. Which it is, the type
/// of the value's shape tells: a vector of no extents, or of an unknown number of them.
Status forget_unknown_ranks(const Model::State& state, const TypeOracle& oracle, Weights weights,
                            Foreign foreign, std::vector<NamedType>& types) {
  std::vector<std::size_t> bare;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i].type.shape && types[i].type.shape->empty()) {
      bare.push_back(i);
      names.push_back(types[i].name);
    }
  }
  if (bare.empty()) {
    return {};
  }
  OracleModel model(state, weights, foreign);
  TESSERA_TRY(const auto text, model.with_shapes_of(names));
  TESSERA_TRY(const auto shapes, answer_of(oracle, text, state.folder, model.values()));
  for (std::size_t i = 0; i < bare.size(); ++i) {
    const auto& rank = shapes[i].type.shape;
    if (!rank || rank->size() != 1 || rank->front().value != 0) {
      types[bare[i]].type.shape.reset();
    }
  }
  return {};
}

Result<std::vector<NamedType>> ask(const Model::State& state, const TypeOracle& oracle,
                                   Weights weights, Foreign foreign = Foreign::kKept) {
  OracleModel model(state, weights, foreign);
  TESSERA_TRY(const auto text, model.with_all_values());
  if (model.values().empty()) {
    return std::vector<NamedType>();  // nothing is left that could be asked about
  }
  TESSERA_TRY(auto types, answer_of(oracle, text, state.folder, model.values()));
  TESSERA_CHECK(forget_unknown_ranks(state, oracle, weights, foreign, types));
  return types;
}

/// Fills what the library left open from what the file declares.
class Declarations {
 public:
  Declarations(const Model& model, const Model::State& state) : model_(model), state_(state) {}

  void fill(const proto::NodeProto& node, StringMap<ValueType>& types) {
    bool known = true;
    for (const auto& input : node.input()) {
      if (!input.empty()) {
        const auto found = types.find(input);
        const auto type =
            found != types.end() ? std::optional(found->second) : model_.type_of(input);
        known = known && type && type->shape;
      }
    }
    for (const auto& output : node.output()) {
      const auto found = types.find(output);
      if (found == types.end()) {
        continue;
      }
      auto& type = found->second;
      if (const auto declared = declared_type(output)) {
        type = merge(std::move(type), *declared);
      }
      stuck_ = stuck_ || (known && !type.shape && bits_of(type.dtype) > 0 &&
                          canonical_domain(node.domain()).empty());
    }
  }

  /// A standard operator whose inputs are known has outputs that are not: one that the library
  /// runs, but knows no shapes of.
  [[nodiscard]] bool stuck() const { return stuck_; }

 private:
  [[nodiscard]] std::optional<ValueType> declared_type(const std::string& value) const {
    const auto& graph = state_.graph();
    if (const auto found = state_.output_index.find(value); found != state_.output_index.end()) {
      return to_value_type(graph.output(found->second).type());
    }
    const auto found = state_.value_info_index.find(value);
    return found == state_.value_info_index.end()
               ? std::nullopt
               : std::optional(to_value_type(graph.value_info(found->second).type()));
  }

  const Model& model_;
  const Model::State& state_;
  bool stuck_ = false;
};

bool has_foreign(const Model::State& state) {
  const auto order = state.order();
  return std::any_of(order.begin(), order.end(),
                     [&](NodeId id) { return is_foreign(state, state.node(id)); });
}

struct Answer {
  StringMap<ValueType> types;
  StringMap<ValueType> proven;  ///< without what the file declares
  bool stuck = false;
};

Result<Answer> inferred_types(const Model& model, const Model::State& state,
                              const TypeOracle& oracle) {
  auto types = ask(state, oracle, Weights::kTypesOnly);
  if (!types) {
    // Some kernels insist on seeing their weights; the second answer is the one to report.
    types = ask(state, oracle, Weights::kReal);
  }
  if (!types && has_foreign(state)) {
    // Much can be done with a model without running it: what is not downstream has types still.
    if (auto some = ask(state, oracle, Weights::kReal, Foreign::kLeftOut)) {
      types = std::move(some);
    }
  }
  if (!types) {
    return tl::unexpected(std::move(types).error());
  }
  Answer answer;
  for (auto& [name, type] : *types) {
    answer.types.insert_or_assign(std::move(name), std::move(type));
  }
  answer.proven = answer.types;
  Declarations declarations(model, state);
  TESSERA_TRY(const auto order, state.topological_order());
  for (const auto id : order) {
    declarations.fill(state.node(id), answer.types);
  }
  answer.stuck = declarations.stuck();
  return answer;
}

/// The oldest opset without operators that are run, but not described, by today's libraries.
constexpr std::int64_t kDescribedOpset = 13;

/// Bodies are graphs of which the oracle tells nothing: each is asked about on its own. What
/// cannot be learned so stays as the file declares it.
std::map<std::string, BodyTypes> infer_bodies(const Model& model, const Model::State& state,
                                              const TypeOracle& oracle,
                                              const std::function<BodyTypes(Model&)>& types_of) {
  std::map<std::string, BodyTypes> result;
  for (const auto id : state.order()) {
    for (std::size_t i = 0; i < model.body_count(id); ++i) {
      auto inner = model.body(id, i, BodyView::kForTypes);
      if (inner && inner->infer_types(oracle)) {
        result.emplace(body_key(state.node(id), i), types_of(*inner));
      }
    }
  }
  return result;
}

}  // namespace

Status Model::infer_types(const TypeOracle& oracle) {
  state_->inferred.clear();
  state_->proven.clear();
  state_->body_types.clear();
  TESSERA_TRY(auto answer, inferred_types(*this, *state_, oracle));
  const auto version = opset();
  if (answer.stuck && version && *version < kDescribedOpset) {
    // Written in newer operators, under the same value names, the model tells more.
    auto newer = clone();
    if (upgrade_opset(newer, kDescribedOpset)) {
      if (auto more = inferred_types(newer, *newer.state_, oracle)) {
        for (auto& [name, type] : answer.types) {
          const auto found = more->types.find(name);
          if (!type.shape && found != more->types.end()) {
            type = merge(std::move(type), found->second);
          }
        }
      }
    }
  }
  state_->inferred = std::move(answer.types);
  state_->proven = std::move(answer.proven);
  state_->body_types = infer_bodies(*this, *state_, oracle, [](Model& body) {
    return BodyTypes{std::move(body.state_->inferred), std::move(body.state_->body_types)};
  });
  return {};
}

}  // namespace tessera::onnx
