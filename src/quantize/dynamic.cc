// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include "quantize/dynamic_weights.h"
#include "quantize/passes.h"
#include "quantize/value_rules.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/query.h"

namespace tessera::quantize {
namespace {

using onnx::Model;
using onnx::NodeId;

constexpr std::int64_t kFirstDynamicOpset = 11;  // DynamicQuantizeLinear

/// Why an operator stays float; empty if it was quantized.
using Refusal = std::string;

class DynamicQuantizer {
 public:
  /// `large`: values that a constant beyond every scale reaches.
  DynamicQuantizer(Model& model, std::map<std::string, std::string, std::less<>> large)
      : model_(model), weights_(model), large_(std::move(large)) {}

  /// Rewrites one operator, or says why it is left.
  Result<Refusal> quantize(const Work& work) {
    const auto& type = model_.op_type(work.node);
    if (model_.opset().value_or(0) < kFirstDynamicOpset) {
      return Refusal("DynamicQuantizeLinear needs opset 11");
    }
    if (type == "MatMul") {
      return matmul(work);
    }
    if (type == "Gemm") {
      return gemm(work);
    }
    if (type == "Conv") {
      return conv(work);
    }
    if (type == "LSTM") {
      return lstm(work);
    }
    if (type == "Attention") {
      return attention(work);
    }
    if (type == "Gather") {
      return gather(work);
    }
    return Refusal("the runtime has no integer form of it with ranges taken at run time");
  }

 private:
  [[nodiscard]] bool is_float32(std::string_view value) const {
    if (const auto constant = model_.initializer_type(value)) {
      return constant->dtype == DType::kFloat32;
    }
    if (const auto type = model_.type_of(value); type && type->dtype != DType::kUndefined) {
      return type->dtype == DType::kFloat32;
    }
    // Nobody inferred types after the static pass: what it dequantizes has that of the scale.
    const auto producer = model_.producer(value);
    return producer && model_.op_type(*producer) == "DequantizeLinear" &&
           is_float32(model_.inputs(*producer)[1]);
  }

  /// Empty if `value` is a float32 activation that can be measured at run time.
  [[nodiscard]] Refusal refuse_activation(const std::string& value) const {
    if (model_.is_constant(value)) {
      return "its data input is a constant";
    }
    if (const auto found = large_.find(value); found != large_.end()) {
      return fmt::format("its input may hold the extreme values of constant '{}'", found->second);
    }
    if (is_float32(value)) {
      return "";
    }
    const auto type = model_.type_of(value);
    const bool known = type && type->dtype != DType::kUndefined;
    return known ? "its input is not float32, all that the runtime can measure"
                 : "the type of its input is not known";
  }

  [[nodiscard]] Result<Refusal> refuse_weight(const std::string& value) const {
    if (!model_.is_constant(value)) {
      return Refusal(
          "its weights are computed at run time, and would be measured and quantized each time");
    }
    if (!is_float32(value)) {
      return Refusal("its weights are not float32");
    }
    return objection_to_constant(model_, value);
  }

  [[nodiscard]] Result<Refusal> refuse(const std::string& activation,
                                       const std::string& weight) const {
    auto reason = refuse_activation(activation);
    return reason.empty() ? refuse_weight(weight) : Result<Refusal>(std::move(reason));
  }

  [[nodiscard]] std::size_t rank_of(std::string_view constant) const {
    const auto type = model_.initializer_type(constant);
    return type && type->shape ? type->shape->size() : 0;
  }

  /// One DynamicQuantizeLinear per tensor, however many operators read it.
  IntegerNames measure(const std::string& value, NodeId before) {
    if (const auto known = measured_.find(value); known != measured_.end()) {
      return known->second;
    }
    IntegerNames names{model_.unique_name(value + "_quantized"),
                       model_.unique_name(value + "_scale"),
                       model_.unique_name(value + "_zero_point")};
    model_.add_node({model_.unique_name(value + "_QuantizeLinear"),
                     "DynamicQuantizeLinear",
                     "",
                     {value},
                     {names.values, names.scale, names.zero_point},
                     {}},
                    before);
    measured_.emplace(value, names);
    return names;
  }

  [[nodiscard]] std::string name_of(NodeId node, std::string_view suffix) const {
    const auto& name = model_.name(node);
    const auto& base = name.empty() ? model_.op_type(node) : name;
    return model_.unique_name(fmt::format("{}{}", base, suffix));
  }

  /// Adds `type` in front of `node`; its output is named after it unless given.
  std::string add(NodeId node, std::string_view suffix, std::string_view type,
                  std::vector<std::string> inputs, std::string output = {}) {
    const auto name = name_of(node, suffix);
    if (output.empty()) {
      output = model_.unique_name(name + "_output");
    }
    model_.add_node({name, std::string(type), "", std::move(inputs), {output}, {}, node}, node);
    return output;
  }

  /// float(integers) x (scale of the activation x scale of the weight) -> `output`.
  std::string rescale(NodeId node, const std::string& integers, const IntegerNames& left,
                      const IntegerNames& right, const std::string& output) {
    const auto cast = add(node, "_cast", "Cast", {integers});
    model_.set_attribute(*model_.producer(cast), "to", static_cast<std::int64_t>(DType::kFloat32));
    const auto scale = add(node, "_scales_mul", "Mul", {left.scale, right.scale});
    return add(node, "_output_scale_mul", "Mul", {cast, scale}, output);
  }

  /// Takes the operator's first output from it, so that another can make it.
  std::string release_output(NodeId node) {
    auto output = model_.outputs(node).front();
    model_.set_output(node, 0, "");
    return output;
  }

  Result<Refusal> matmul(const Work& work) {
    const auto inputs = model_.inputs(work.node);
    TESSERA_TRY(auto refused, refuse(inputs[0], inputs[1]));
    if (!refused.empty()) {
      return refused;
    }
    auto form = weight_form(*work.scheme);
    if (work.scheme->per_channel) {
      if (rank_of(inputs[1]) == 2) {
        form.axis = 1;
      } else {
        work.outcome->reason = "one scale for the weights: they are not a matrix";
      }
    }
    TESSERA_TRY(const auto right, weights_.store(inputs[1], form));
    const auto left = measure(inputs[0], work.node);
    const auto output = release_output(work.node);
    multiply(work.node, left, right, output);
    model_.remove_node(work.node);
    return Refusal{};
  }

  void multiply(NodeId node, const IntegerNames& left, const IntegerNames& right,
                const std::string& output) {
    const auto integers = add(node, "_quant", "MatMulInteger",
                              {left.values, right.values, left.zero_point, right.zero_point});
    rescale(node, integers, left, right, output);
  }

  [[nodiscard]] float float_attribute(NodeId node, std::string_view name, float fallback) const {
    return onnx::attribute_as<float>(model_, node, name).value_or(fallback);
  }

  Result<Refusal> gemm(const Work& work) {
    const auto node = work.node;
    const auto inputs = model_.inputs(node);
    TESSERA_TRY(auto refused, refuse(inputs[0], inputs[1]));
    if (!refused.empty()) {
      return refused;
    }
    const bool transposed = model_.int_attribute(node, "transB", 0) != 0;
    auto form = weight_form(*work.scheme);
    form.axis = !work.scheme->per_channel ? -1 : transposed ? 0 : 1;
    form.transpose = transposed;
    form.factor = float_attribute(node, "alpha", 1);
    TESSERA_TRY(const auto right, weights_.store(inputs[1], form));
    const float beta = float_attribute(node, "beta", 1);
    const bool biased = inputs.size() > 2 && !inputs[2].empty() && beta != 0;
    std::string bias;
    if (biased) {
      TESSERA_TRY(bias, scaled_bias(node, inputs[2], beta));
    }
    auto data = inputs[0];
    if (model_.int_attribute(node, "transA", 0) != 0) {
      data = add(node, "_transpose", "Transpose", {data});
    }
    const auto left = measure(data, node);
    const auto output = release_output(node);
    const auto product = biased ? model_.unique_name(output + "_product") : output;
    multiply(node, left, right, product);
    if (biased) {
      add(node, "_bias_add", "Add", {product, bias}, output);
    }
    model_.remove_node(node);
    return Refusal{};
  }

  /// beta x C, folded if C is constant.
  Result<std::string> scaled_bias(NodeId node, const std::string& bias, float beta) {
    if (beta == 1) {
      return bias;
    }
    if (!model_.is_constant(bias)) {
      const auto factor = model_.unique_name(bias + "_beta");
      model_.set_initializer(factor, Tensor::scalar(beta));
      return add(node, "_beta_mul", "Mul", {bias, factor});
    }
    TESSERA_TRY(const auto view, model_.initializer(bias));
    Tensor scaled(view);
    for (auto& value : scaled.as<float>()) {
      value *= beta;
    }
    auto name = model_.unique_name(bias + "_scaled");
    model_.set_initializer(name, std::move(scaled));
    return name;
  }

  Result<Refusal> conv(const Work& work) {
    const auto node = work.node;
    const auto inputs = model_.inputs(node);
    TESSERA_TRY(auto refused, refuse(inputs[0], inputs[1]));
    if (!refused.empty()) {
      return refused;
    }
    const auto type = model_.initializer_type(inputs[1]);
    const auto channels = type->shape->front().value;
    Shape over_channels(type->shape->size() - 1, 1);  // of an [N, C, ...] output
    over_channels[0] = channels;
    // ConvInteger takes one zero point for all channels, and the runtime's kernel for s8 weights
    // is several times slower than that for u8 (older versions have none at all).
    const auto& scheme = *work.scheme;
    auto form = weight_form(scheme);
    form.dtype = DType::kUInt8;
    form.symmetric = form.symmetric || scheme.per_channel;
    if (scheme.per_channel) {
      form.axis = 0;
      form.scale_shape = over_channels;
    }
    if (scheme.weight == DType::kInt8) {
      work.outcome->reason =
          "s8 weights stored as u8 around 128, the same values: the runtime's "
          "kernel for u8 is faster";
    }
    TESSERA_TRY(const auto right, weights_.store(inputs[1], form));
    std::string bias;
    if (inputs.size() > 2 && !inputs[2].empty()) {
      TESSERA_TRY(bias, bias_over_channels(node, inputs[2], over_channels));
    }
    const auto left = measure(inputs[0], node);
    const auto output = release_output(node);
    const auto integers = add(node, "_quant", "ConvInteger",
                              {left.values, right.values, left.zero_point, right.zero_point});
    model_.copy_attributes(node, *model_.producer(integers));
    const auto product = bias.empty() ? output : model_.unique_name(output + "_product");
    rescale(node, integers, left, right, product);
    if (!bias.empty()) {
      add(node, "_bias_add", "Add", {product, bias}, output);
    }
    model_.remove_node(node);
    return Refusal{};
  }

  /// A bias [C] as [C, 1, ...], to be added to [N, C, ...].
  Result<std::string> bias_over_channels(NodeId node, const std::string& bias, const Shape& shape) {
    if (!model_.is_constant(bias)) {
      const auto extents = model_.unique_name(bias + "_shape");
      model_.set_initializer(extents, Tensor::of(shape, {static_cast<std::int64_t>(shape.size())}));
      return add(node, "_bias_reshape", "Reshape", {bias, extents});
    }
    const auto key = fmt::format("{}|{}", bias, tessera::to_string(shape));
    if (const auto known = biases_.find(key); known != biases_.end()) {
      return known->second;
    }
    TESSERA_TRY(const auto view, model_.initializer(bias));
    Tensor reshaped(view);
    reshaped.reshape(shape);
    auto name = model_.unique_name(bias + "_reshaped");
    model_.set_initializer(name, std::move(reshaped));
    biases_.emplace(key, name);
    return name;
  }

  Result<Refusal> lstm(const Work& work) {
    const auto node = work.node;
    auto inputs = model_.inputs(node);
    inputs.resize(8);
    TESSERA_TRY(auto refused, refuse(inputs[0], inputs[1]));
    if (!refused.empty()) {
      return refused;
    }
    TESSERA_TRY(refused, refuse_weight(inputs[2]));
    if (!refused.empty()) {
      return refused;
    }
    if (model_.int_attribute(node, "layout", 0) != 0) {
      return Refusal("DynamicQuantizeLSTM has no batch-first layout");
    }
    if (rank_of(inputs[1]) != 3 || rank_of(inputs[2]) != 3) {
      return Refusal("its weights do not have three dimensions");
    }
    TESSERA_TRY(const auto weights, weights_.store_lstm(inputs[1], *work.scheme));
    TESSERA_TRY(const auto recurrence, weights_.store_lstm(inputs[2], *work.scheme));
    inputs[1] = weights.values;
    inputs[2] = recurrence.values;
    inputs.insert(inputs.end(),
                  {weights.scale, weights.zero_point, recurrence.scale, recurrence.zero_point});
    replace(node, "DynamicQuantizeLSTM", inputs);
    return Refusal{};
  }

  /// Puts a com.microsoft operator with the same attributes and outputs in the operator's place.
  void replace(NodeId node, std::string_view type, const std::vector<std::string>& inputs) {
    const auto outputs = model_.outputs(node);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      model_.set_output(node, i, "");
    }
    const auto added = model_.add_node({name_of(node, "_quant"),
                                        std::string(type),
                                        std::string(onnx::kMicrosoftDomain),
                                        inputs,
                                        outputs,
                                        {},
                                        node},
                                       node);
    model_.copy_attributes(node, added);
    model_.remove_attribute(added, "layout");
    model_.remove_node(node);
    if (!model_.opset(onnx::kMicrosoftDomain)) {
      model_.set_opset(onnx::kMicrosoftDomain, 1);
    }
  }

  [[nodiscard]] Result<Refusal> refuse_attention(NodeId node,
                                                 const std::vector<std::string>& inputs) const {
    if (model_.domain(node) != onnx::kMicrosoftDomain) {
      return Refusal("only the com.microsoft Attention has an integer form");
    }
    for (const std::string_view attribute : {"qkv_hidden_sizes", "scale", "rotary_embedding_dim"}) {
      if (model_.attribute(node, attribute)) {
        return Refusal(fmt::format("QAttention has no attribute '{}'", attribute));
      }
    }
    if (inputs.size() < 3 || inputs[2].empty()) {
      return Refusal("QAttention needs a bias");
    }
    const auto extra = std::any_of(inputs.begin() + std::min<std::ptrdiff_t>(5, std::ssize(inputs)),
                                   inputs.end(), [](const auto& input) { return !input.empty(); });
    if (extra) {
      return Refusal("QAttention takes neither an attention bias nor a past sequence length");
    }
    return refuse(inputs[0], inputs[1]);
  }

  Result<Refusal> attention(const Work& work) {
    const auto node = work.node;
    auto inputs = model_.inputs(node);
    TESSERA_TRY(auto refused, refuse_attention(node, inputs));
    if (!refused.empty()) {
      return refused;
    }
    inputs.resize(5);
    auto form = weight_form(*work.scheme);
    form.axis = work.scheme->per_channel ? 1 : -1;
    TESSERA_TRY(const auto right, weights_.store(inputs[1], form));
    const auto left = measure(inputs[0], node);
    replace(node, "QAttention",
            {left.values, right.values, inputs[2], left.scale, right.scale, inputs[3],
             left.zero_point, right.zero_point, inputs[4]});
    return Refusal{};
  }

  /// A table of vectors is stored in integers, and what is taken from it dequantized.
  Result<Refusal> gather(const Work& work) {
    const auto node = work.node;
    const auto table = model_.inputs(node).front();
    if (!model_.is_constant(table)) {
      return Refusal("it moves an activation, which costs the same in float");
    }
    TESSERA_TRY(auto refused, refuse_weight(table));
    if (!refused.empty()) {
      return refused;
    }
    auto form = weight_form(*work.scheme);
    form.reduce_range = false;  // nothing is multiplied
    TESSERA_TRY(const auto stored, weights_.store(table, form));
    const auto output = release_output(node);
    const auto taken = model_.unique_name(output + "_quantized");
    model_.set_input(node, 0, stored.values);
    model_.set_output(node, 0, taken);
    model_.add_node({model_.unique_name(output + "_DequantizeLinear"),
                     "DequantizeLinear",
                     "",
                     {taken, stored.scale, stored.zero_point},
                     {output},
                     {}});
    return Refusal{};
  }

  Model& model_;
  DynamicWeights weights_;
  std::map<std::string, IntegerNames, std::less<>> measured_;
  std::map<std::string, std::string, std::less<>> biases_;
  std::map<std::string, std::string, std::less<>> large_;
};

}  // namespace

Status apply_dynamic(Model& model, const std::vector<Work>& work, Monitor& monitor) {
  TESSERA_TRY(auto large, values_of_large_constants(model, kLargestScaled));
  DynamicQuantizer quantizer(model, std::move(large));
  for (const auto& item : work) {
    TESSERA_CHECK(monitor.check());
    TESSERA_TRY(auto reason, quantizer.quantize(item));
    item.outcome->quantized = reason.empty();
    if (!reason.empty()) {
      item.outcome->reason = std::move(reason);
    }
  }
  model.remove_unused_initializers();
  return {};
}

}  // namespace tessera::quantize
