// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <string_view>

#include "compat/ort_quantizer.h"
#include "tessera/numerics/kernels.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/query.h"

namespace tessera::compat {
namespace {

using onnx::NodeId;

using Handler = Handled (*)(OrtQuantizer&, NodeId);

struct Operator {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::string type;
};

Operator look_at(OrtQuantizer& q, NodeId node) {
  auto& model = q.model();
  return {model.inputs(node), model.outputs(node), model.op_type(node)};
}

bool can_quantize_all(const OrtQuantizer& q, const std::vector<std::string>& values) {
  return std::all_of(values.begin(), values.end(),
                     [&](const auto& value) { return q.can_quantize(value); });
}

void append(std::vector<std::string>& inputs, const QuantizedValue& value) {
  inputs.insert(inputs.end(), {value.values, value.scale, value.zero_point});
}

Status append_all(OrtQuantizer& q, NodeId node, const std::vector<std::string>& activations,
                  std::vector<std::string>& inputs) {
  for (const auto& activation : activations) {
    TESSERA_TRY(const auto value, q.quantize_activation(activation, node));
    append(inputs, value);
  }
  return {};
}

/// Q(activations..., output parameters): the shape of most contrib operators.
Handled quantize_elementwise(OrtQuantizer& q, NodeId node) {
  const auto op = look_at(q, node);
  if (!q.has_range(op.outputs.front()) || !can_quantize_all(q, op.inputs)) {
    return false;
  }
  std::vector<std::string> inputs;
  TESSERA_CHECK(append_all(q, node, op.inputs, inputs));
  TESSERA_TRY(const auto output, q.parameters_of(op.outputs.front()));
  inputs.insert(inputs.end(), {output.scale, output.zero_point});
  q.record(op.outputs.front(), output);
  q.replace(node, {q.quantized_name(node),
                   "QLinear" + op.type,
                   std::string(onnx::kMicrosoftDomain),
                   inputs,
                   {output.values},
                   {}});
  return true;
}

Handled quantize_concat(OrtQuantizer& q, NodeId node) {
  const auto op = look_at(q, node);
  if (!q.has_range(op.outputs.front()) || !can_quantize_all(q, op.inputs)) {
    return false;
  }
  TESSERA_TRY(const auto output, q.parameters_of(op.outputs.front()));
  std::vector<std::string> inputs = {output.scale, output.zero_point};
  TESSERA_CHECK(append_all(q, node, op.inputs, inputs));
  q.record(op.outputs.front(), output);
  q.replace(node, {q.quantized_name(node),
                   "QLinearConcat",
                   std::string(onnx::kMicrosoftDomain),
                   inputs,
                   {output.values},
                   {}});
  return true;
}

Handled quantize_softmax(OrtQuantizer& q, NodeId node) {
  const auto op = look_at(q, node);
  if (!q.has_range(op.outputs.front()) || !q.can_quantize(op.inputs.front())) {
    return false;
  }
  // Probabilities need no calibration: 256 steps from 0 to 1.
  const bool is_unsigned = q.scheme().activation == DType::kUInt8;
  const numerics::QParams probability{1.0F / 256, is_unsigned ? 0 : -128};
  TESSERA_TRY(const auto output, q.parameters_of(op.outputs.front(), probability));
  TESSERA_TRY(const auto input, q.quantize_activation(op.inputs.front(), node));
  q.record(op.outputs.front(), output);
  q.replace(node, {q.quantized_name(node),
                   "QLinearSoftmax",
                   std::string(onnx::kMicrosoftDomain),
                   {input.values, input.scale, input.zero_point, output.scale, output.zero_point},
                   {output.values},
                   {{"opset", q.opset()}}});
  return true;
}

Handled quantize_global_average_pool(OrtQuantizer& q, NodeId node) {
  const auto op = look_at(q, node);
  const auto* found = q.find(op.inputs.front());
  if (found == nullptr) {
    return false;
  }
  const QuantizedValue input = *found;
  QuantizedValue output{q.made(op.outputs.front(), "_quantized"), input.scale, input.zero_point,
                        std::nullopt};
  if (q.has_range(op.outputs.front())) {
    TESSERA_TRY(output, q.parameters_of(op.outputs.front()));
  }
  q.record(op.outputs.front(), output);
  q.replace(node, {q.quantized_name(node),
                   "QLinearGlobalAveragePool",
                   std::string(onnx::kMicrosoftDomain),
                   {input.values, input.scale, input.zero_point, output.scale, output.zero_point},
                   {output.values},
                   {{"channels_last", std::int64_t{0}}}});
  return true;
}

bool is_constant_bias(const OrtQuantizer& q, const Operator& op) {
  return op.inputs.size() < 3 || op.inputs[2].empty() || q.is_float_initializer(op.inputs[2]);
}

bool has_bias(const Operator& op) {
  return op.inputs.size() > 2 && !op.inputs[2].empty();
}

/// Weight of a Conv or Gemm: per channel if the scheme asks for it, else per tensor.
Result<QuantizedValue> quantize_kernel(OrtQuantizer& q, const std::string& weight, DType dtype,
                                       int axis, NodeId node) {
  if (q.scheme().per_channel && q.is_float_initializer(weight)) {
    return q.quantize_weight_per_channel(weight, dtype, axis);
  }
  return q.quantize_weight(weight, node, true);
}

Handled quantize_conv(OrtQuantizer& q, NodeId node) {
  const auto op = look_at(q, node);
  if (!q.has_range(op.outputs.front()) || !can_quantize_all(q, {op.inputs[0], op.inputs[1]}) ||
      !is_constant_bias(q, op)) {
    return false;
  }
  TESSERA_TRY(const auto output, q.parameters_of(op.outputs.front()));
  TESSERA_TRY(const auto input, q.quantize_activation(op.inputs[0], node));
  // Per-channel kernels are signed whatever the scheme says: channels then share zero point 0.
  TESSERA_TRY(auto weight, quantize_kernel(q, op.inputs[1], DType::kInt8, 0, node));
  std::vector<std::string> inputs;
  append(inputs, input);
  append(inputs, weight);
  inputs.insert(inputs.end(), {output.scale, output.zero_point});
  if (has_bias(op)) {
    TESSERA_TRY(const auto bias, q.quantize_bias(op.inputs[2], op.inputs[0], op.inputs[1]));
    inputs.push_back(bias);
  }
  q.record(op.outputs.front(), output);
  q.replace(node, {q.quantized_name(node), "QLinearConv", "", inputs, {output.values}, {}});
  return true;
}

bool reads_float(const OrtQuantizer& q, const Operator& op) {
  return q.is_float(op.inputs[0]) || q.is_float(op.inputs[1]);
}

Handled quantize_gemm(OrtQuantizer& q, NodeId node) {
  const auto op = look_at(q, node);
  auto& model = q.model();
  const int axis = model.int_attribute(node, "transB", 0) > 0 ? 0 : 1;
  if (!reads_float(q, op) || !q.has_range(op.outputs.front()) ||
      !can_quantize_all(q, {op.inputs[0], op.inputs[1]}) || !is_constant_bias(q, op)) {
    // The reference finds out too late: its float Gemm reads weights that were integers.
    if (q.is_float_initializer(op.inputs[1])) {
      TESSERA_CHECK(quantize_kernel(q, op.inputs[1], q.scheme().weight, axis, node));
    }
    return false;
  }
  TESSERA_TRY(const auto output, q.parameters_of(op.outputs.front()));
  TESSERA_TRY(const auto input, q.quantize_activation(op.inputs[0], node));
  TESSERA_TRY(const auto weight, quantize_kernel(q, op.inputs[1], q.scheme().weight, axis, node));
  std::vector<std::string> inputs;
  append(inputs, input);
  append(inputs, weight);
  std::string bias;
  if (has_bias(op)) {
    const auto beta = onnx::attribute_as<float>(model, node, "beta").value_or(1.0F);
    TESSERA_TRY(bias, q.quantize_bias(op.inputs[2], op.inputs[0], op.inputs[1], beta));
  }
  inputs.insert(inputs.end(), {bias, output.scale, output.zero_point});
  q.record(op.outputs.front(), output);
  const auto gemm = q.replace(node, {q.quantized_name(node),
                                     "QGemm",
                                     std::string(onnx::kMicrosoftDomain),
                                     inputs,
                                     {output.values},
                                     {}});
  model.remove_attribute(gemm, "beta");
  return true;
}

Handled quantize_matmul(OrtQuantizer& q, NodeId node) {
  const auto op = look_at(q, node);
  if (!reads_float(q, op) || !q.has_range(op.outputs.front()) || !can_quantize_all(q, op.inputs)) {
    return false;
  }
  TESSERA_TRY(const auto input, q.quantize_activation(op.inputs[0], node));
  // An activation on the right side is quantized as one; only a constant has channels.
  TESSERA_TRY(const auto weight, quantize_kernel(q, op.inputs[1], q.scheme().weight, -1, node));
  TESSERA_TRY(const auto output, q.parameters_of(op.outputs.front()));
  std::vector<std::string> inputs;
  append(inputs, input);
  append(inputs, weight);
  inputs.insert(inputs.end(), {output.scale, output.zero_point});
  q.record(op.outputs.front(), output);
  q.replace(node, {q.quantized_name(node), "QLinearMatMul", "", inputs, {output.values}, {}});
  return true;
}

/// A Relu or Clip behind a quantized operator vanishes: the range of its output, which that
/// operator got, cuts off what it would.
Handled absorb_activation(OrtQuantizer& q, NodeId node) {
  const auto op = look_at(q, node);
  const auto* input = q.find(op.inputs.front());
  if (input == nullptr || q.scheme().activation_symmetric) {
    return false;
  }
  const QuantizedValue same = *input;
  q.record(op.outputs.front(), same);
  q.drop(node);
  return true;
}

Handled pass_max_pool(OrtQuantizer& q, NodeId node) {
  return q.opset() < 12 ? Handled(false) : ort_pass_integers(q, node);
}

Handled pass_resize(OrtQuantizer& q, NodeId node) {
  return q.opset() < 11 ? Handled(false) : ort_pass_integers(q, node);
}

Handled pass_arg_max(OrtQuantizer& q, NodeId node) {
  if (const auto* found = q.find(look_at(q, node).inputs.front())) {
    const std::string values = found->values;
    q.model().set_input(node, 0, values);
  }
  q.keep_as_is(node);
  return true;
}

Handled quantize_split(OrtQuantizer& q, NodeId node) {
  auto op = look_at(q, node);
  if (!q.can_quantize(op.inputs.front())) {
    return false;
  }
  TESSERA_TRY(const auto input, q.quantize_activation(op.inputs.front(), node));
  std::vector<std::string> outputs;
  for (const auto& output : op.outputs) {
    outputs.push_back(q.made(output, "quantized"));
    q.record(output, {outputs.back(), input.scale, input.zero_point, std::nullopt});
  }
  op.inputs.front() = input.values;
  q.replace(node, {q.quantized_name(node), "Split", "", op.inputs, outputs, {}});
  return true;
}

/// The value that a constant Pad writes, as an integer under the input's scale.
Result<std::string> quantize_pad_value(OrtQuantizer& q, const QuantizedValue& input,
                                       const std::string& value, NodeId node) {
  auto& model = q.model();
  const auto name = q.made(value, "_quantized");
  if (!model.has_initializer(value)) {
    q.add({value + "_QuantizeLinear",
           "QuantizeLinear",
           "",
           {value, input.scale, input.zero_point},
           {name},
           {}},
          node);
    return name;
  }
  TESSERA_TRY(const auto constant, model.initializer(value));
  TESSERA_TRY(const auto scale, model.initializer(input.scale));
  TESSERA_TRY(const auto zero_point, model.initializer(input.zero_point));
  TESSERA_TRY(const auto scale_value, to_float32(scale));
  TESSERA_TRY(const auto zero_value, to_float32(zero_point));
  const numerics::QParams qparams{scale_value.front(),
                                  static_cast<std::int32_t>(zero_value.front())};
  TESSERA_TRY(auto quantized,
              numerics::quantize_weights_with(constant, q.scheme().activation, {&qparams, 1}, -1));
  // Several Pads may share a constant and differ in scale.
  std::string unique = model.unique_name(name);
  model.set_initializer(unique, std::move(quantized.values));
  return unique;
}

Handled quantize_pad(OrtQuantizer& q, NodeId node) {
  const auto op = look_at(q, node);
  const auto* found = q.find(op.inputs.front());
  if (q.opset() < 11 || found == nullptr) {
    return false;
  }
  const QuantizedValue input = *found;
  auto& model = q.model();
  const auto mode = onnx::attribute_as<std::string>(model, node, "mode").value_or("constant");
  auto inputs = op.inputs;
  if (mode == "constant") {
    inputs.resize(std::max<std::size_t>(inputs.size(), 3));
    std::string value = input.zero_point;  // pads with zero
    if (!inputs[2].empty()) {
      TESSERA_TRY(value, quantize_pad_value(q, input, inputs[2], node));
    }
    inputs[2] = value;
  }
  inputs.front() = input.values;
  const QuantizedValue output{q.made(op.outputs.front(), "_quantized"), input.scale,
                              input.zero_point, std::nullopt};
  model.set_inputs(node, inputs);
  model.set_output(node, 0, output.values);
  q.record(op.outputs.front(), output);
  q.keep_as_is(node);
  return true;
}

constexpr std::array<std::pair<std::string_view, Handler>, 24> kHandlers = {{
    {"Add", quantize_elementwise},
    {"ArgMax", pass_arg_max},
    {"AveragePool", quantize_elementwise},
    {"Clip", absorb_activation},
    {"Concat", quantize_concat},
    {"Conv", quantize_conv},
    {"Flatten", ort_pass_integers},
    {"Gather", ort_quantize_gather},
    {"Gemm", quantize_gemm},
    {"GlobalAveragePool", quantize_global_average_pool},
    {"LeakyRelu", quantize_elementwise},
    {"MatMul", quantize_matmul},
    {"MaxPool", pass_max_pool},
    {"Mul", quantize_elementwise},
    {"Pad", quantize_pad},
    {"Relu", absorb_activation},
    {"Reshape", ort_pass_integers},
    {"Resize", pass_resize},
    {"Sigmoid", quantize_elementwise},
    {"Softmax", quantize_softmax},
    {"Split", quantize_split},
    {"Squeeze", ort_pass_integers},
    {"Transpose", ort_pass_integers},
    {"Unsqueeze", ort_pass_integers},
}};

Handler handler_of(std::string_view type) {
  const auto* found = std::find_if(kHandlers.begin(), kHandlers.end(),
                                   [&](const auto& entry) { return entry.first == type; });
  return found == kHandlers.end() ? nullptr : found->second;
}

/// Quantizes one operator if it can be; says what became of it.
Handled quantize_one(OrtQuantizer& q, const Work& work) {
  const auto& model = q.model();
  const auto inputs = model.inputs(work.node);
  const auto handler = handler_of(model.op_type(work.node));
  if (handler == nullptr) {
    work.outcome->reason = "the reference has no integer form of this operator";
    return false;
  }
  if (inputs.empty() || !q.is_float(inputs.front())) {
    work.outcome->reason = "its input is not float32";
    return false;
  }
  TESSERA_TRY(const bool handled, handler(q, work.node));
  if (!handled) {
    work.outcome->reason =
        "the reference leaves it float here: no range of its output, a bias "
        "that is not constant, or an input that nobody quantized";
  }
  return handled;
}

}  // namespace

Handled ort_pass_integers(OrtQuantizer& q, NodeId node) {
  const auto op = look_at(q, node);
  const auto* found = q.find(op.inputs.front());
  if (found == nullptr) {
    q.keep_as_is(node);
    return true;
  }
  const QuantizedValue input = *found;
  const QuantizedValue output{q.made(op.outputs.front(), "_quantized"), input.scale,
                              input.zero_point, std::nullopt};
  q.model().set_input(node, 0, input.values);
  q.model().set_output(node, 0, output.values);
  q.record(op.outputs.front(), output);
  q.keep_as_is(node);
  return true;
}

Handled ort_quantize_gather(OrtQuantizer& q, NodeId node) {
  const auto op = look_at(q, node);
  if (!q.is_float_initializer(op.inputs.front())) {
    return false;
  }
  TESSERA_TRY(const auto table, q.quantize_activation(op.inputs.front(), node));
  const QuantizedValue output{q.made(op.outputs.front(), "_quantized"), table.scale,
                              table.zero_point, std::nullopt};
  q.model().set_input(node, 0, table.values);
  q.model().set_output(node, 0, output.values);
  q.record(op.outputs.front(), output);
  q.keep_as_is(node);
  return true;
}

Status apply_ort_qoperator(onnx::Model& model, const std::vector<Work>& work,
                           const calibrate::Ranges& ranges, Monitor& monitor) {
  TESSERA_TRY(const auto scheme, only_scheme(model, work));
  OrtQuantizer quantizer(model, scheme, &ranges);
  quantizer.adjust_ranges(work);
  std::map<NodeId, const Work*> by_node;
  for (const auto& item : work) {
    by_node.emplace(item.node, &item);
  }
  for (const auto node : model.nodes()) {
    TESSERA_CHECK(monitor.check());
    const auto found = by_node.find(node);
    bool handled = false;
    if (found != by_node.end()) {
      TESSERA_TRY(handled, quantize_one(quantizer, *found->second));
      found->second->outcome->quantized = handled;
    }
    if (!handled) {
      quantizer.keep(node);
    }
  }
  quantizer.finish();
  return {};
}

}  // namespace tessera::compat
