// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include "compat/ort_names.h"
#include "compat/ort_quantizer.h"
#include "tessera/numerics/kernels.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/query.h"
#include "tessera/tensor/make.h"

namespace tessera::compat {
namespace {

using onnx::Model;
using onnx::NodeId;

bool is_plain_gemm(const Model& model, NodeId node) {
  const auto number = [&](std::string_view attribute) {
    return onnx::attribute_as<float>(model, node, attribute).value_or(1.0F);
  };
  return number("alpha") == 1.0F && number("beta") == 1.0F &&
         model.int_attribute(node, "transA", 0) == 0;
}

/// A name for the transposed constant from which no name that quantization derives is taken.
std::string transposed_name(const Model& model, const std::string& weight) {
  const auto taken = [&](const std::string& name) { return model.unique_name(name) != name; };
  std::string name = weight + "_Transposed";
  for (int suffix = 1; taken(name) || taken(name + "_quantized") || taken(name + "_scale") ||
                       taken(name + "_zero_point");
       ++suffix) {
    name = fmt::format("{}_Transposed_{}", weight, suffix);
  }
  return name;
}

/// Gemm becomes (Transpose,) MatMul (, Add), because only MatMul has an integer form here.
class GemmSplitter {
 public:
  explicit GemmSplitter(Model& model) : model_(model), names_(model) {}

  /// The MatMul that took the place of `gemm`.
  Result<NodeId> split(NodeId gemm) {
    const auto inputs = model_.inputs(gemm);
    const auto& name = model_.name(gemm);
    const auto named = [&](std::string_view suffix) {
      return name.empty() ? std::string() : fmt::format("{}{}", name, suffix);
    };
    TESSERA_TRY(const auto right, right_side(gemm, inputs[1], named("_Transpose")));
    const std::string output = model_.outputs(gemm).front();
    const bool biased = inputs.size() > 2 && !inputs[2].empty();
    const std::string product = biased ? names_.of(output, "_MatMul") : output;
    model_.set_output(gemm, 0, "");
    const auto matmul =
        model_.add_node({named("_MatMul"), "MatMul", "", {inputs[0], right}, {product}, {}}, gemm);
    if (biased) {
      model_.add_node({named("_Add"), "Add", "", {product, inputs[2]}, {output}, {}}, gemm);
      if (const auto type = model_.type_of(output)) {
        model_.set_type(product, *type);
      }
    }
    model_.remove_node(gemm);
    return matmul;
  }

 private:
  Result<std::string> right_side(NodeId gemm, const std::string& weight,
                                 const std::string& transpose_name) {
    if (model_.int_attribute(gemm, "transB", 0) == 0) {
      return weight;
    }
    if (!model_.has_initializer(weight)) {
      const auto turned = names_.of(weight, "_Transposed");
      if (!model_.producer(turned)) {
        model_.add_node({transpose_name, "Transpose", "", {weight}, {turned}, {}}, gemm);
      }
      return turned;
    }
    if (const auto known = transposed_.find(weight); known != transposed_.end()) {
      return known->second;
    }
    std::string name = transposed_name(model_, weight);
    TESSERA_TRY(const auto values, model_.initializer(weight));
    TESSERA_TRY(auto transposed, transpose_last_two(values));
    model_.set_initializer(name, std::move(transposed));
    transposed_.emplace(weight, name);
    return name;
  }

  Model& model_;
  OrtNames names_;
  std::map<std::string, std::string> transposed_;
};

/// integers -> Cast -> Mul by both scales; returns nothing, the result is `output`.
void rescale(OrtQuantizer& q, NodeId node, const std::string& integers, const QuantizedValue& left,
             const QuantizedValue& right, const std::string& output) {
  const auto cast = q.made(integers, "_cast_output");
  q.add({integers + "_cast",
         "Cast",
         "",
         {integers},
         {cast},
         {{"to", static_cast<std::int64_t>(DType::kFloat32)}}},
        node);
  const std::string name = q.quantized_name(node);
  const std::string product =
      name.empty() ? left.scale + "_" + right.scale + "_mul" : name + "_scales_mul";
  const auto scale = q.made(product, ":0");
  if (!q.model().producer(scale)) {
    q.add({product, "Mul", "", {left.scale, right.scale}, {scale}, {}}, node);
  }
  q.add({name.empty() ? "" : name + "_output_scale_mul", "Mul", "", {cast, scale}, {output}, {}},
        node);
}

Handled quantize_matmul(OrtQuantizer& q, NodeId node) {
  const auto inputs = q.model().inputs(node);
  if (!q.is_float(inputs[0]) || !q.is_float_initializer(inputs[1])) {
    return false;
  }
  TESSERA_TRY(const auto left, q.quantize_activation(inputs[0], node));
  TESSERA_TRY(const auto right, q.scheme().per_channel ? q.quantize_weight_per_channel(
                                                             inputs[1], q.scheme().weight, -1)
                                                       : q.quantize_weight(inputs[1], node, true));
  const auto output = q.release_outputs(node).front();
  const auto integers = q.made(output, "_output_quantized");
  q.add({q.quantized_name(node),
         "MatMulInteger",
         "",
         {left.values, right.values, left.zero_point, right.zero_point},
         {integers},
         {}},
        node);
  rescale(q, node, integers, left, right, output);
  q.drop(node);
  return true;
}

/// Adds a bias of C elements to channel 1.
void add_bias(OrtQuantizer& q, NodeId node, const std::string& product, const std::string& bias,
              std::size_t rank, const std::string& output) {
  const auto shape = q.made(output, "_bias_reshape_shape");
  std::vector<std::int64_t> extents(rank, 1);
  extents[1] = -1;
  q.model().set_initializer(shape, Tensor::of(extents, {static_cast<std::int64_t>(rank)}));
  const auto reshaped = q.made(output, "_bias_reshape_output");
  q.dequantize(bias, node);
  q.add({"", "Reshape", "", {bias, shape}, {reshaped}, {}}, node);
  q.add({output + "_bias_add", "Add", "", {product, reshaped}, {output}, {}}, node);
}

Handled quantize_conv(OrtQuantizer& q, NodeId node) {
  auto& model = q.model();
  const auto inputs = model.inputs(node);
  if (!q.is_float(inputs[0]) || !q.is_float_initializer(inputs[1])) {
    return false;
  }
  const auto rank = model.initializer_type(inputs[1])->shape->size();
  TESSERA_TRY(const auto left, q.quantize_activation(inputs[0], node));
  TESSERA_TRY(const auto right, q.quantize_weight(inputs[1], node, true));
  const auto output = q.release_outputs(node).front();
  const auto integers = q.made(output, "_output_quantized");
  const auto convolution = q.add({q.quantized_name(node),
                                  "ConvInteger",
                                  "",
                                  {left.values, right.values, left.zero_point, right.zero_point},
                                  {integers},
                                  {}},
                                 node);
  model.copy_attributes(node, convolution);
  const bool biased = inputs.size() == 3 && !inputs[2].empty();
  const auto product = biased ? q.made(output, "quant_scaled_output") : output;
  rescale(q, node, integers, left, right, product);
  if (biased) {
    add_bias(q, node, product, inputs[2], rank, output);
  }
  q.drop(node);
  return true;
}

/// s8 weights [directions, inputs, 4 x hidden] from [directions, 4 x hidden, inputs].
Result<QuantizedValue> quantize_lstm_weight(OrtQuantizer& q, const std::string& weight) {
  if (const auto* known = q.find(weight)) {
    return *known;
  }
  auto& model = q.model();
  TESSERA_TRY(const auto values, model.initializer(weight));
  const Shape full(values.shape.begin(), values.shape.end());
  const Shape rows = {full[0] * full[1], full[2]};
  const bool per_channel = q.scheme().per_channel;
  const TensorView channels{values.dtype, per_channel ? rows : full, values.bytes};
  const numerics::QuantSpec spec{DType::kInt8, q.weight_symmetric(DType::kInt8),
                                 q.scheme().reduce_range};
  TESSERA_TRY(auto quantized, numerics::quantize_weights(channels, spec, 0)
                                  .map_error(in_file(fmt::format("weight '{}'", weight))));
  std::vector<float> scales;
  std::vector<std::int8_t> zero_points;
  for (const auto& qparams : quantized.qparams) {
    scales.push_back(qparams.scale);
    zero_points.push_back(static_cast<std::int8_t>(qparams.zero_point));
  }
  const Shape shape = per_channel ? Shape{full[0], full[1]} : Shape{full[0]};
  quantized.values.reshape(full);
  TESSERA_TRY(auto transposed, transpose_last_two(quantized.values.view()));
  auto names = q.twin_of(weight);
  names.axis = 0;
  model.set_initializer(names.scale, Tensor::of(scales, shape));
  model.set_initializer(names.zero_point, Tensor::of(zero_points, shape));
  model.set_initializer(names.values, std::move(transposed));
  q.record(weight, names);
  return names;
}

bool has_rank(const Model& model, const std::string& initializer, std::size_t rank) {
  const auto type = model.initializer_type(initializer);
  return type && type->shape && type->shape->size() == rank;
}

Handled quantize_lstm(OrtQuantizer& q, NodeId node) {
  auto& model = q.model();
  auto inputs = model.inputs(node);
  inputs.resize(8);
  if (!q.is_float(inputs[0]) || !q.is_float_initializer(inputs[1]) ||
      !q.is_float_initializer(inputs[2]) || !has_rank(model, inputs[1], 3) ||
      !has_rank(model, inputs[2], 3)) {
    return false;
  }
  TESSERA_TRY(const auto weights, quantize_lstm_weight(q, inputs[1]));
  TESSERA_TRY(const auto recurrence, quantize_lstm_weight(q, inputs[2]));
  inputs[1] = weights.values;
  inputs[2] = recurrence.values;
  for (const std::size_t i : {0U, 3U, 4U, 5U, 6U, 7U}) {
    q.dequantize(inputs[i], node);
  }
  inputs.insert(inputs.end(),
                {weights.scale, weights.zero_point, recurrence.scale, recurrence.zero_point});
  const auto outputs = model.outputs(node);
  const auto lstm = q.replace(node, {q.quantized_name(node),
                                     "DynamicQuantizeLSTM",
                                     std::string(onnx::kMicrosoftDomain),
                                     inputs,
                                     outputs,
                                     {}});
  model.remove_attribute(lstm, "layout");
  return true;
}

Handled quantize_attention(OrtQuantizer& q, NodeId node) {
  auto& model = q.model();
  auto inputs = model.inputs(node);
  inputs.resize(std::max<std::size_t>(inputs.size(), 5));
  if (model.attribute(node, "qkv_hidden_sizes") || !q.is_float_initializer(inputs[1])) {
    return false;
  }
  TESSERA_TRY(const auto left, q.quantize_activation(inputs[0], node));
  TESSERA_TRY(const auto right, q.scheme().per_channel ? q.quantize_weight_per_channel(
                                                             inputs[1], q.scheme().weight, -1)
                                                       : q.quantize_weight(inputs[1], node, true));
  for (const std::size_t i : {2U, 3U, 4U}) {
    q.dequantize(inputs[i], node);
  }
  const auto outputs = model.outputs(node);
  q.replace(node, {q.quantized_name(node),
                   "QAttention",
                   std::string(onnx::kMicrosoftDomain),
                   {left.values, right.values, inputs[2], left.scale, right.scale, inputs[3],
                    left.zero_point, right.zero_point, inputs[4]},
                   outputs,
                   {}});
  return true;
}

Handled quantize_one(OrtQuantizer& q, NodeId node) {
  const auto& type = q.model().op_type(node);
  if (type == "MatMul") {
    return quantize_matmul(q, node);
  }
  if (type == "Conv") {
    return quantize_conv(q, node);
  }
  if (type == "LSTM") {
    return quantize_lstm(q, node);
  }
  if (type == "Attention") {
    return quantize_attention(q, node);
  }
  if (type == "Gather") {
    return ort_quantize_gather(q, node);
  }
  return type == "Transpose" ? ort_pass_integers(q, node) : Handled(false);
}

}  // namespace

Status apply_ort_dynamic(Model& model, const std::vector<Work>& work, Monitor& monitor) {
  TESSERA_TRY(const auto scheme, only_scheme(model, work));
  std::map<NodeId, const Work*> by_node;
  for (const auto& item : work) {
    by_node.emplace(item.node, &item);
  }
  GemmSplitter splitter(model);
  for (const auto node : model.nodes()) {
    if (model.op_type(node) != "Gemm" || !is_plain_gemm(model, node)) {
      continue;
    }
    const auto wanted = by_node.find(node);
    TESSERA_TRY(const auto matmul, splitter.split(node));
    if (wanted != by_node.end()) {
      by_node.emplace(matmul, wanted->second);
    }
  }
  OrtQuantizer quantizer(model, scheme, nullptr);
  for (const auto node : model.nodes()) {
    TESSERA_CHECK(monitor.check());
    const auto wanted = by_node.find(node);
    if (wanted == by_node.end()) {
      quantizer.keep(node);
      continue;
    }
    TESSERA_TRY(const bool handled, quantize_one(quantizer, node));
    wanted->second->outcome->quantized = handled;
    if (!handled) {
      wanted->second->outcome->reason =
          "the reference leaves it float: weights that are not constant float32, or an operator "
          "without a dynamic integer form";
      quantizer.keep(node);
    }
  }
  quantizer.finish();
  return {};
}

}  // namespace tessera::compat
