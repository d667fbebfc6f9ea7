// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "onnx/model_state.h"

namespace tessera::onnx {
namespace {

/// Initializers above this size are handed to the oracle as inputs of their type: those that
/// types of other values depend on (target shapes, axes, pads) are smaller.
constexpr std::int64_t kTypeOnlyBytes = 1024;

enum class Weights : std::uint8_t { kTypesOnly, kReal };

/// Writes the model as the oracle gets it: every value that operators make is an output without
/// type, and nothing is declared about values in between, so that what comes back was inferred.
class OracleModel {
 public:
  OracleModel(const Model::State& state, Weights weights) : state_(state), weights_(weights) {}

  Result<std::string> serialize() {
    model_ = state_.shell;
    auto& graph = *model_.mutable_graph();
    graph.clear_output();
    graph.clear_value_info();
    graph.clear_quantization_annotation();
    for (const auto& initializer : state_.initializers) {
      if (initializer) {
        TESSERA_CHECK(add(*initializer));
      }
    }
    TESSERA_TRY(const auto order, state_.topological_order());
    for (const auto id : order) {
      *graph.add_node() = state_.node(id);
      for (const auto& output : state_.node(id).output()) {
        if (!output.empty()) {
          values_.push_back(output);
          graph.add_output()->set_name(output);
        }
      }
    }
    std::string text;
    if (!model_.SerializeToString(&text)) {
      return fail(ErrorCode::kResourceExhausted, "the model is too large to be inspected at once");
    }
    return text;
  }

  /// Names of the outputs, in order.
  [[nodiscard]] const std::vector<std::string>& values() const { return values_; }

 private:
  Status add(const Initializer& initializer) {
    const auto size_bytes = bytes_of(initializer.dtype, element_count(initializer.shape));
    if (weights_ == Weights::kTypesOnly && size_bytes > kTypeOnlyBytes) {
      if (!state_.input_index.contains(initializer.name)) {
        auto& input = *model_.mutable_graph()->add_input();
        input.set_name(initializer.name);
        assign_type(*input.mutable_type(), to_value_type(initializer.dtype, initializer.shape));
      }
      return {};
    }
    auto& tensor = *model_.mutable_graph()->add_initializer();
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
  proto::ModelProto model_;
  std::vector<std::string> values_;
};

Result<std::vector<NamedType>> ask(const Model::State& state, const TypeOracle& oracle,
                                   Weights weights) {
  OracleModel model(state, weights);
  TESSERA_TRY(const auto text, model.serialize());
  TESSERA_TRY(auto types, oracle(text, state.folder));
  if (types.size() != model.values().size()) {
    return fail(ErrorCode::kInternal, "types of {} values were asked for, {} came back",
                model.values().size(), types.size());
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    types[i].name = model.values()[i];
  }
  return types;
}

/// What is known from two sources: the first counts, the second fills its gaps.
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

/// Operators that make a scalar of something larger.
bool can_make_scalar(const proto::NodeProto& node) {
  static const StringSet kTypes = {"ArgMax",
                                   "ArgMin",
                                   "ConstantOfShape",
                                   "DynamicQuantizeLinear",
                                   "Einsum",
                                   "Gather",
                                   "GatherND",
                                   "MatMul",
                                   "NegativeLogLikelihoodLoss",
                                   "OptionalGetElement",
                                   "Reshape",
                                   "SequenceAt",
                                   "SequenceLength",
                                   "Size",
                                   "SoftmaxCrossEntropyLoss",
                                   "Squeeze"};
  return node.op_type().starts_with("Reduce") || kTypes.contains(node.op_type());
}

/// Inference libraries report an unknown rank as no extents, like a scalar. A scalar is believed
/// where the operator and its inputs can make one; other values lose their shape.
class ScalarCheck {
 public:
  ScalarCheck(const Model& model, const Model::State& state) : model_(model), state_(state) {}

  void check(const proto::NodeProto& node, StringMap<ValueType>& types) {
    bool known = true;
    bool scalar = true;
    for (const auto& input : node.input()) {
      if (input.empty()) {
        continue;
      }
      const auto found = types.find(input);
      const auto type = found != types.end() ? std::optional(found->second) : model_.type_of(input);
      known = known && type && type->shape;
      scalar = scalar && type && type->shape && type->shape->empty();
    }
    const auto believed = known && (scalar || can_make_scalar(node));
    for (const auto& output : node.output()) {
      const auto found = types.find(output);
      if (found == types.end()) {
        continue;
      }
      auto& type = found->second;
      if (!believed && type.shape && type.shape->empty()) {
        type.shape.reset();
      }
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

struct Answer {
  StringMap<ValueType> types;
  bool stuck = false;
};

Result<Answer> inferred_types(const Model& model, const Model::State& state,
                              const TypeOracle& oracle) {
  auto types = ask(state, oracle, Weights::kTypesOnly);
  if (!types) {
    // Some kernels insist on seeing their weights; the second answer is the one to report.
    TESSERA_TRY(types, ask(state, oracle, Weights::kReal));
  }
  Answer answer;
  for (auto& [name, type] : *types) {
    answer.types.insert_or_assign(std::move(name), std::move(type));
  }
  ScalarCheck check(model, state);
  TESSERA_TRY(const auto order, state.topological_order());
  for (const auto id : order) {
    check.check(state.node(id), answer.types);
  }
  answer.stuck = check.stuck();
  return answer;
}

/// The oldest opset without operators that are run, but not described, by today's libraries.
constexpr std::int64_t kDescribedOpset = 13;

/// Types of a body's formal inputs as far as the operator's own inputs tell; a Loop's are those of
/// its first step.
std::vector<std::optional<ValueType>> formal_types(const Model& model, const proto::NodeProto& node,
                                                   int count) {
  std::vector<std::optional<ValueType>> types(static_cast<std::size_t>(count));
  const auto actual = [&](int index) {
    return index < node.input_size() ? model.type_of(node.input(index)) : std::nullopt;
  };
  if (node.op_type() == "Loop") {
    for (int i = 0; i < count; ++i) {
      types[static_cast<std::size_t>(i)] = i == 0   ? ValueType{DType::kInt64, std::vector<Dim>{}}
                                           : i == 1 ? ValueType{DType::kBool, std::vector<Dim>{}}
                                                    : actual(i);
    }
  } else if (node.op_type() == "Scan") {
    auto scans = 0;
    for (const auto& attribute : node.attribute()) {
      scans = attribute.name() == "num_scan_inputs" ? static_cast<int>(attribute.i()) : scans;
    }
    for (int i = 0; i < count; ++i) {
      auto type = actual(i);
      if (type && type->shape && i >= count - scans && !type->shape->empty()) {
        type->shape->erase(type->shape->begin());  // one slice per step, along the first axis
      }
      types[static_cast<std::size_t>(i)] = std::move(type);
    }
  }
  return types;
}

/// A body as a model of its own: what it reads from outside are inputs, or constants where those
/// are small enough to decide on shapes.
Result<std::string> body_model(const Model& model, const Model::State& state,
                               const proto::NodeProto& node, const proto::GraphProto& body) {
  proto::ModelProto result;
  result.set_ir_version(state.shell.ir_version());
  *result.mutable_opset_import() = state.shell.opset_import();
  *result.mutable_functions() = state.shell.functions();
  auto& graph = *result.mutable_graph();
  graph = body;
  const auto formal = formal_types(model, node, graph.input_size());
  for (int i = 0; i < graph.input_size(); ++i) {
    auto& type = *graph.mutable_input(i)->mutable_type();
    const auto declared = to_value_type(type);
    const auto& actual = formal[static_cast<std::size_t>(i)];
    assign_type(type, actual ? merge(declared, *actual) : declared);
  }
  proto::NodeProto scope;
  *scope.add_attribute()->mutable_g() = body;
  for (const auto& name : captures_of(scope)) {
    const auto type = model.type_of(name);
    if (!type || type->dtype == DType::kUndefined) {
      return fail(ErrorCode::kUnimplemented, "the type of '{}' is not known", name);
    }
    const auto value = model.is_constant(name) ? model.initializer(name)
                                               : fail(ErrorCode::kNotFound, "no constant");
    if (value && static_cast<std::int64_t>(value->bytes.size()) <= kTypeOnlyBytes) {
      auto& tensor = *graph.add_initializer();
      tensor = pack(*value);
      tensor.set_name(name);
    } else {
      auto& input = *graph.add_input();
      input.set_name(name);
      assign_type(*input.mutable_type(), *type);
    }
  }
  return result.SerializeAsString();
}

/// Bodies are graphs of which the oracle tells nothing: each is asked about on its own. What
/// cannot be learned so stays as the file declares it.
std::map<std::string, BodyTypes> infer_bodies(const Model& model, const Model::State& state,
                                              const TypeOracle& oracle,
                                              const std::function<BodyTypes(Model&)>& types_of) {
  std::map<std::string, BodyTypes> result;
  for (const auto id : state.order()) {
    std::size_t index = 0;
    for_each_body(state.node(id), [&](const proto::GraphProto& body) {
      const auto key = body_key(state.node(id), index++);
      auto text = body_model(model, state, state.node(id), body);
      auto inner = text ? Model::parse(*text, "body") : fail(ErrorCode::kNotFound, "no body");
      if (inner && inner->infer_types(oracle)) {
        result.emplace(key, types_of(*inner));
      }
    });
  }
  return result;
}

}  // namespace

Status Model::infer_types(const TypeOracle& oracle) {
  state_->inferred.clear();
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
  state_->body_types = infer_bodies(*this, *state_, oracle, [](Model& body) {
    return BodyTypes{std::move(body.state_->inferred), std::move(body.state_->body_types)};
  });
  return {};
}

}  // namespace tessera::onnx
