// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/static_rules.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>

#include "quantize/elementwise.h"

namespace tessera::quantize {
namespace {

struct Subject {
  const graph::Graph& graph;
  const graph::Op& op;
  std::int64_t opset;

  [[nodiscard]] const graph::TensorInfo* input(std::size_t index) const {
    return index < op.inputs.size() && op.inputs[index] ? &graph.tensor(*op.inputs[index])
                                                        : nullptr;
  }
  [[nodiscard]] bool constant(std::size_t index) const {
    const auto* tensor = input(index);
    return tensor != nullptr && tensor->kind == graph::TensorKind::kInitializer;
  }
  [[nodiscard]] std::size_t rank(std::size_t index) const {
    const auto* tensor = input(index);
    return tensor != nullptr && tensor->shape ? tensor->shape->size() : 0;
  }
};

using Maker = std::function<Result<OpRule>(const Subject&)>;

Failure stays_float(std::string reason) {
  return fail(ErrorCode::kUnimplemented, "{}", std::move(reason));
}

Result<OpRule> conv(const Subject& subject) {
  if (!subject.constant(1)) {
    return stays_float("its weights are not constant");
  }
  OpRule rule{Gain::kArithmetic, OutputScale::kOwnRange, {Role::kActivation, Role::kWeight}, 0};
  if (subject.input(2) != nullptr) {
    rule.roles.push_back(subject.constant(2) ? Role::kBias : Role::kOther);
  }
  return rule;
}

/// Written as a 1 x 1 convolution.
Result<OpRule> transposed_conv(const Subject& subject) {
  TESSERA_TRY(auto rule, conv(subject));
  const auto& shape = subject.input(1)->shape;
  Shape kernel;
  for (std::size_t i = 0; shape && i < shape->size(); ++i) {
    kernel.push_back((*shape)[i].value);
  }
  TESSERA_CHECK(check_blocks(kernel, subject.op.int_or("group", 1),
                             [&](std::string_view name) { return subject.op.ints_or(name, {}); }));
  rule.weight_axis = 1;
  return rule;
}

Result<OpRule> gemm(const Subject& subject) {
  if (!subject.constant(1)) {
    return stays_float("its weights are not constant");
  }
  OpRule rule{Gain::kArithmetic, OutputScale::kOwnRange, {Role::kActivation, Role::kWeight}};
  rule.weight_axis = subject.op.int_or("transB", 0) != 0 ? 0 : 1;
  rule.float_output = true;
  if (subject.input(2) != nullptr) {
    rule.roles.push_back(subject.constant(2) ? Role::kBias : Role::kOther);
  }
  return rule;
}

Result<OpRule> matmul(const Subject& subject) {
  if (subject.constant(0) && subject.constant(1)) {
    return stays_float("it multiplies two constants");
  }
  OpRule rule{Gain::kArithmetic, OutputScale::kOwnRange, {}};
  rule.roles = {subject.constant(0) ? Role::kWeight : Role::kActivation,
                subject.constant(1) ? Role::kWeight : Role::kActivation};
  // The kernel takes one scale per column of a matrix on the right, and nothing else.
  if (subject.constant(1) && subject.rank(1) == 2) {
    rule.weight_axis = 1;
  }
  rule.float_output = true;
  return rule;
}

Result<OpRule> element_wise(const Subject& subject, OutputScale output, Role first) {
  OpRule rule{Gain::kCompany, output,
              std::vector<Role>(subject.op.inputs.size(), Role::kActivation)};
  rule.roles.front() = first;
  return rule;
}

Result<OpRule> first_input(const Subject& subject, Gain gain, OutputScale output) {
  OpRule rule{gain, output, std::vector<Role>(subject.op.inputs.size(), Role::kOther)};
  rule.roles.front() = Role::kActivation;
  return rule;
}

/// Joins values that may have scales of their own.
Result<OpRule> concat(const Subject& subject) {
  OpRule rule{Gain::kMovement, OutputScale::kOwnRange,
              std::vector<Role>(subject.op.inputs.size(), Role::kActivation)};
  return rule;
}

Result<OpRule> company(const Subject& subject) {
  return first_input(subject, Gain::kCompany, OutputScale::kOwnRange);
}

Result<OpRule> unit(const Subject& subject) {
  return first_input(subject, Gain::kCompany, OutputScale::kUnit);
}

Result<OpRule> movement(const Subject& subject) {
  if (subject.constant(0)) {
    return stays_float("it moves a constant");
  }
  return first_input(subject, Gain::kMovement, OutputScale::kSameAsInput);
}

Result<OpRule> max_pool(const Subject& subject) {
  if (subject.opset < 12) {
    return stays_float("MaxPool takes integers from opset 12 on");
  }
  const auto& outputs = subject.op.outputs;
  if (outputs.size() > 1 && outputs[1]) {
    return stays_float("it also gives the places of the maxima");
  }
  return movement(subject);
}

Result<OpRule> resize(const Subject& subject) {
  if (subject.opset < 11) {
    return stays_float("Resize has a kernel for integers from opset 11 on");
  }
  // Interpolation of integers cuts the fraction off instead of rounding.
  if (subject.op.string_or("mode", "nearest") != "nearest") {
    return stays_float("only nearest-neighbour Resize is exact in integers");
  }
  return movement(subject);
}

Result<OpRule> reduce_extremum(const Subject& subject) {
  if (subject.opset < 12) {
    return stays_float("it takes integers from opset 12 on");
  }
  return movement(subject);
}

/// Constants stay what they are: they go into the table.
Result<OpRule> by_lookup(const Subject& subject) {
  OpRule rule{Gain::kCompany, OutputScale::kOwnRange, {}};
  for (std::size_t i = 0; i < subject.op.inputs.size(); ++i) {
    const bool read = subject.input(i) != nullptr && !subject.constant(i);
    rule.roles.push_back(read ? Role::kActivation : Role::kOther);
  }
  return rule;
}

const std::map<std::string, Maker, std::less<>>& makers() {
  const auto all = [](const Subject& subject) {
    return element_wise(subject, OutputScale::kOwnRange, Role::kActivation);
  };
  const auto where = [](const Subject& subject) {
    return element_wise(subject, OutputScale::kOwnRange, Role::kOther);
  };
  static const std::map<std::string, Maker, std::less<>> table = {
      {"Add", all},
      {"AveragePool", company},
      {"Concat", concat},
      {"Conv", conv},
      {"DepthToSpace", movement},
      {"Expand", movement},
      {"Flatten", movement},
      {"Gather", movement},
      {"Gemm", gemm},
      {"GlobalAveragePool", company},
      {"Identity", movement},
      {"LeakyRelu", company},
      {"MatMul", matmul},
      {"MaxPool", max_pool},
      {"Mul", all},
      {"ReduceMax", reduce_extremum},
      {"ReduceMin", reduce_extremum},
      {"Reshape", movement},
      {"Resize", resize},
      {"Sigmoid", unit},
      {"Slice", movement},
      {"Softmax", unit},
      {"Split", movement},
      {"Squeeze", movement},
      {"Tile", movement},
      {"Transpose", movement},
      {"Unsqueeze", movement},
      {"Where", where},
  };
  return table;
}

constexpr std::string_view kTransposedConv = "ConvTranspose";

/// Null for an operator that has none in a format.
const Maker* maker_for(const graph::Op& op, Format format) {
  static const Maker kByBlocks = transposed_conv;
  static const Maker kByLookup = by_lookup;
  if (!op.domain.empty()) {
    return nullptr;
  }
  if (const auto found = makers().find(op.type); found != makers().end()) {
    return &found->second;
  }
  if (format != Format::kKernels) {
    return nullptr;
  }
  if (op.type == kTransposedConv) {
    return &kByBlocks;
  }
  return is_elementwise(op.type) ? &kByLookup : nullptr;
}

}  // namespace

Status check_blocks(const Shape& weights, std::int64_t group, const ListOf& attribute) {
  const auto are_all = [&](std::string_view name, std::int64_t value) {
    return std::ranges::all_of(attribute(name), [&](auto one) { return one == value; });
  };
  if (weights.size() != 4 || group != 1) {
    return stays_float("only two-dimensional transposed convolutions of one group have one");
  }
  auto strides = attribute("strides");
  strides.resize(2, 1);
  if (strides != std::vector<std::int64_t>(weights.begin() + 2, weights.end()) ||
      !are_all("pads", 0) || !are_all("output_padding", 0) || !are_all("dilations", 1) ||
      !attribute("output_shape").empty()) {
    return stays_float("its kernel is not its stride, or it has padding");
  }
  return {};
}

Result<OpRule> rule_for(const graph::Graph& graph, const graph::Op& op, std::int64_t opset,
                        Format format) {
  const auto* const maker = maker_for(op, format);
  if (maker == nullptr) {
    return stays_float(fmt::format("the runtime has no integer kernel for {}", op.type));
  }
  if (op.inputs.empty() || !op.inputs.front()) {
    return stays_float("it has no input");
  }
  const Subject subject{graph, op, opset};
  TESSERA_TRY(auto rule, (*maker)(subject));
  bool reads_activation = false;
  for (std::size_t i = 0; i < rule.roles.size(); ++i) {
    if (rule.roles[i] == Role::kOther) {
      continue;
    }
    if (!op.inputs[i]) {
      return stays_float(fmt::format("its input {} is absent", i));
    }
    const auto& tensor = graph.tensor(*op.inputs[i]);
    if (tensor.dtype != DType::kFloat32) {
      return stays_float(
          tensor.dtype == DType::kUndefined
              ? fmt::format("the type of '{}' is unknown", tensor.name)
              : fmt::format("'{}' is {}, not float32", tensor.name, to_string(tensor.dtype)));
    }
    reads_activation = reads_activation || (rule.roles[i] == Role::kActivation &&
                                            tensor.kind != graph::TensorKind::kInitializer);
  }
  if (!reads_activation) {
    return stays_float("all its inputs are constants");
  }
  return rule;
}

const std::vector<std::string>& types_with_rules(Format format) {
  static const auto types = [] {
    std::vector<std::string> names = {"Clip", "Relu"};  // absorbed by the operator before them
    for (const auto& [type, maker] : makers()) {
      names.push_back(type);
    }
    std::sort(names.begin(), names.end());
    return names;
  }();
  static const auto of_library = [] {
    std::vector<std::string> names = {std::string(kTransposedConv)};
    std::set_union(types.begin(), types.end(), elementwise_types().begin(),
                   elementwise_types().end(), std::back_inserter(names));
    std::sort(names.begin(), names.end());
    return names;
  }();
  return format == Format::kKernels ? of_library : types;
}

}  // namespace tessera::quantize
