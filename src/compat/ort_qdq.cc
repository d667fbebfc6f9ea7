// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "compat/ort_names.h"
#include "compat/ort_passes.h"
#include "tessera/numerics/kernels.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/query.h"
#include "tessera/tensor/make.h"

namespace tessera::compat {
namespace {

using numerics::QParams;
using numerics::QParamsOptions;
using numerics::QuantSpec;
using numerics::RealRange;
using onnx::NodeId;
using quantize::Scheme;

enum class Marked : std::uint8_t { kActivation, kWeight };

/// A value that an operator asked to have quantized.
struct Mark {
  Marked as = Marked::kActivation;
  std::string scale_of;  ///< value whose scale it takes; empty: its own
  int axis = -1;
};

struct BiasMark {
  std::string name;
  NodeId node;
  std::string input;
  std::string weight;
  float beta = 1;
};

/// Scale(s) of a constant.
struct ConstantScale {
  DType dtype = DType::kInt8;
  DType scale_dtype = DType::kFloat32;
  int axis = -1;
  std::vector<QParams> qparams;
};

/// A scale as it stands in the model; float16 models hold float16 scales.
struct KnownScale {
  std::vector<float> values;
  DType dtype = DType::kFloat32;
  std::string scale;
  std::string zero_point;
};

/// Channels share zero point 0.
QuantSpec weight_spec(const Scheme& scheme, int axis) {
  return {scheme.weight, axis >= 0 || quantize::has_symmetric_weights(scheme), scheme.reduce_range};
}

float rounded_to(DType dtype, float value) {
  return dtype == DType::kFloat16 ? float16_to_float32(float32_to_float16(value)) : value;
}

/// The next float16 above a positive one.
float next_float16(float value) {
  return float16_to_float32(static_cast<std::uint16_t>(float32_to_float16(value) + 1));
}

Tensor float_tensor(DType dtype, const std::vector<float>& values, Shape shape) {
  if (dtype != DType::kFloat16) {
    return Tensor::of(values, std::move(shape));
  }
  Tensor tensor(DType::kFloat16, std::move(shape));
  auto out = tensor.as<std::uint16_t>();
  std::transform(values.begin(), values.end(), out.begin(), float32_to_float16);
  return tensor;
}

/// Node for node what QDQQuantizer of onnxruntime.quantization 1.32 writes.
class OrtQdq {
 public:
  OrtQdq(onnx::Model& model, const Scheme& scheme, const std::vector<Work>& work,
         const calibrate::Ranges& ranges, Monitor& monitor)
      : model_(model),
        names_(model),
        scheme_(scheme),
        monitor_(monitor),
        opset_(model.opset().value_or(0)) {
    for (const auto& item : work) {
      work_.emplace(item.node, &item);
    }
    for (const auto& [tensor, unused] : ranges.tensors) {
      if (const auto range = ranges.find(tensor, scheme.method)) {
        ranges_.emplace(tensor, *range);
      }
    }
    const auto needs_opset_21 = [](DType dtype) {
      return dtype != DType::kUInt8 && dtype != DType::kInt8;
    };
    if (opset_ < 21 && (needs_opset_21(scheme.activation) || needs_opset_21(scheme.weight))) {
      domain_ = onnx::kMicrosoftDomain;
    }
  }

  Status apply() {
    adjust_ranges();
    TESSERA_CHECK(mark_all());
    TESSERA_CHECK(scale_constants());
    TESSERA_CHECK(widen_weights_for_biases());
    TESSERA_CHECK(emit_marked());
    TESSERA_CHECK(emit_sharing());
    for (const auto& bias : biases_) {
      TESSERA_CHECK(emit_bias(bias));
    }
    model_.remove_unused_initializers();
    model_.set_producer("onnx.quantize", "0.1.0");
    if (domain_ == onnx::kMicrosoftDomain) {
      model_.set_opset(onnx::kMicrosoftDomain, 1);
    }
    return {};
  }

 private:
  // --- marking --------------------------------------------------------------------------------

  [[nodiscard]] std::size_t uses(const std::string& value) const {
    std::size_t count = 0;
    for (const auto node : model_.consumers(value)) {
      const auto inputs = model_.inputs(node);
      count += static_cast<std::size_t>(std::count(inputs.begin(), inputs.end(), value));
    }
    return count;
  }

  void adjust_ranges() {
    for (const auto node : model_.nodes()) {
      if (!work_.contains(node)) {
        continue;
      }
      const auto& type = model_.op_type(node);
      const auto outputs = model_.outputs(node);
      if (type == "Softmax") {
        ranges_.insert_or_assign(outputs.front(), RealRange{0, 1});
        fixed_ranges_.insert(outputs.front());
      }
      if (type != "Relu" && type != "Clip") {
        continue;
      }
      const auto from = ranges_.find(outputs.front());
      const auto to = ranges_.find(model_.inputs(node).front());
      if (from != ranges_.end() && to != ranges_.end() && uses(to->first) == 1) {
        to->second = from->second;
      }
    }
  }

  [[nodiscard]] DType dtype_of(const std::string& value) const {
    const auto type =
        model_.has_initializer(value) ? model_.initializer_type(value) : model_.type_of(value);
    return type ? type->dtype : DType::kUndefined;
  }

  [[nodiscard]] bool is_float(const std::string& value) const {
    const auto dtype = dtype_of(value);
    return !value.empty() && (dtype == DType::kFloat32 || dtype == DType::kFloat16);
  }

  [[nodiscard]] bool is_float_initializer(const std::string& value) const {
    return model_.has_initializer(value) && is_float(value);
  }

  [[nodiscard]] bool is_marked(const std::string& value) const {
    return marks_.contains(value) || bias_names_.contains(value);
  }

  void mark(const std::string& value, Marked as) {
    if (is_float(value) && marks_.emplace(value, Mark{as, {}, -1}).second) {
      order_.push_back(value);
    }
  }

  void mark_per_channel(const std::string& value, int axis) {
    if (marks_.insert_or_assign(value, Mark{Marked::kWeight, {}, axis}).second) {
      order_.push_back(value);
    }
  }

  void mark_same_scale(const std::string& value, const std::string& source) {
    if (is_float(value) &&
        marks_.insert_or_assign(value, Mark{Marked::kActivation, source, -1}).second) {
      order_.push_back(value);
    }
  }

  /// Channels of a weight under the scheme; -1: per tensor.
  [[nodiscard]] int channel_axis(const std::string& value, int axis) const {
    if (!scheme_.per_channel || !model_.has_initializer(value)) {
      return -1;
    }
    const auto type = model_.initializer_type(value);
    const auto rank = type && type->shape ? static_cast<int>(type->shape->size()) : 0;
    return axis < rank ? axis : -1;
  }

  void mark_weight(const std::string& value, int axis) {
    const auto used = is_float_initializer(value) ? channel_axis(value, axis) : -1;
    if (used >= 0) {
      mark_per_channel(value, used);
    } else {
      mark(value, Marked::kWeight);
    }
  }

  void mark_bias(NodeId node, std::string bias, const std::string& input, const std::string& weight,
                 float beta) {
    if (!is_float_initializer(bias)) {
      return;
    }
    if (bias_names_.contains(bias)) {
      const auto copy = duplicate_initializer(bias);
      const auto name = model_.name(node);
      for (const auto other : model_.consumers(bias)) {
        if (model_.name(other) == name) {
          replace_input(other, bias, copy);
        }
      }
      bias = copy;
    }
    bias_names_.insert(bias);
    biases_.push_back({bias, node, input, weight, beta});
  }

  void replace_input(NodeId node, const std::string& from, const std::string& to) {
    const auto inputs = model_.inputs(node);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == from) {
        model_.set_input(node, i, to);
      }
    }
  }

  /// NAMEn, n one more than the largest number behind NAME among the initializers.
  std::string duplicate_initializer(const std::string& name) {
    std::int64_t largest = -1;
    for (const auto& other : model_.initializers()) {
      const auto tail = other.starts_with(name) ? other.substr(name.size()) : std::string();
      const bool number =
          !tail.empty() && tail.size() < 18 &&
          std::all_of(tail.begin(), tail.end(), [](char c) { return c >= '0' && c <= '9'; });
      if (number) {
        largest = std::max<std::int64_t>(largest, std::stoll(tail));
      }
    }
    auto copy = fmt::format("{}{}", name, largest + 1);
    if (const auto values = model_.initializer(name)) {
      model_.set_initializer(copy, Tensor(*values));
    }
    return copy;
  }

  Status mark_all() {
    for (const auto node : model_.nodes()) {
      if (model_.op_type(node) == "DequantizeLinear") {
        for (const auto& output : model_.outputs(node)) {
          dequantized_by_.emplace(output, node);
        }
      }
      const auto found = work_.find(node);
      if (found == work_.end() || model_.op_type(node) == "QuantizeLinear" ||
          model_.op_type(node) == "DequantizeLinear") {
        continue;
      }
      TESSERA_CHECK(monitor_.check());
      TESSERA_CHECK(mark_operator(node));
      // Recorded now: a Relu or Clip may be gone afterwards.
      auto& outcome = *found->second->outcome;
      outcome.quantized = marked_by_last_;
      if (!marked_by_last_) {
        outcome.reason = "its input is not quantized, so the reference leaves it";
      }
    }
    return {};
  }

  Status mark_operator(NodeId node) {
    const auto& type = model_.op_type(node);
    const auto inputs = model_.inputs(node);
    const auto outputs = model_.outputs(node);
    const auto before = marks_.size();
    const auto biases_before = biases_.size();
    auto status = Status{};
    if (type == "Conv" || type == "ConvTranspose") {
      mark_conv(node, inputs, outputs, type == "Conv" ? 0 : 1);
    } else if (type == "Gemm") {
      mark_gemm(node, inputs, outputs);
    } else if (type == "MatMul") {
      mark_matmul(inputs, outputs);
    } else if (type == "Relu" || type == "Clip") {
      status = mark_activation_function(node, inputs.front(), outputs.front());
      marked_by_last_ = removed_last_ || marks_.size() > before;
      return status;
    } else if (is_direct(type)) {
      mark_direct(type, inputs.front(), outputs.front());
    } else if (type == "Gather" || type == "GatherElements") {
      mark_gather(inputs.front(), outputs.front());
    } else if (type == "Split") {
      if (!is_marked(inputs.front())) {
        mark(inputs.front(), Marked::kActivation);
      }
      for (const auto& output : outputs) {
        mark_same_scale(output, inputs.front());
      }
    } else if (type == "Pad") {
      mark_pad(node, inputs, outputs);
    } else if (type == "Where") {
      if (is_marked(inputs[1]) && is_marked(inputs[2])) {
        mark_each(outputs, Marked::kActivation);
      }
    } else if (type == "InstanceNormalization" || type == "LayerNormalization" ||
               type == "BatchNormalization") {
      mark_normalization(node, inputs, outputs);
    } else {
      mark_each(inputs, Marked::kActivation);
      mark_each(outputs, Marked::kActivation);
    }
    marked_by_last_ = marks_.size() > before || biases_.size() > biases_before ||
                      std::any_of(outputs.begin(), outputs.end(),
                                  [&](const auto& output) { return is_marked(output); });
    return status;
  }

  void mark_each(const std::vector<std::string>& values, Marked as) {
    for (const auto& value : values) {
      mark(value, as);
    }
  }

  void mark_conv(NodeId node, const std::vector<std::string>& inputs,
                 const std::vector<std::string>& outputs, int axis) {
    mark(inputs[0], Marked::kActivation);
    mark(outputs[0], Marked::kActivation);
    mark_weight(inputs[1], axis);
    if (inputs.size() == 3) {
      mark_bias(node, inputs[2], inputs[0], inputs[1], 1);
    }
  }

  void mark_gemm(NodeId node, const std::vector<std::string>& inputs,
                 const std::vector<std::string>& outputs) {
    mark(inputs[0], Marked::kActivation);
    mark(outputs[0], Marked::kActivation);
    mark_weight(inputs[1], model_.int_attribute(node, "transB", 0) > 0 ? 0 : 1);
    if (inputs.size() != 3 || !model_.has_initializer(inputs[2])) {
      return;
    }
    const auto beta = onnx::attribute_as<float>(model_, node, "beta").value_or(1.0F);
    if (model_.attribute(node, "beta")) {
      model_.set_attribute(node, "beta", 1.0F);
    }
    mark_bias(node, inputs[2], inputs[0], inputs[1], beta);
  }

  void mark_matmul(const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs) {
    for (const auto& input : inputs) {
      if (model_.has_initializer(input)) {
        mark_weight(input, 1);
      } else {
        mark(input, Marked::kActivation);
      }
    }
    mark_each(outputs, Marked::kActivation);
  }

  /// Relu and Clip go where rounding to the unsymmetric range of their result does their work.
  Status mark_activation_function(NodeId node, const std::string& input,
                                  const std::string& output) {
    removed_last_ = false;
    if (!is_marked(input)) {
      return {};
    }
    if (!scheme_.activation_symmetric && ranges_.contains(output)) {
      if (!ranges_.contains(input)) {
        return missing_range(input);
      }
      if (uses(input) == 1 && !model_.is_output(input) && !model_.is_input(input)) {
        take_place(node, input, output);
        removed_last_ = true;
      }
    }
    if (!removed_last_) {
      mark(input, Marked::kActivation);
    }
    mark(output, Marked::kActivation);
    return {};
  }

  /// The producer of the operator's input makes its output instead.
  void take_place(NodeId node, const std::string& input, const std::string& output) {
    model_.remove_node(node);
    if (const auto producer = model_.producer(input)) {
      const auto outputs = model_.outputs(*producer);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (outputs[i] == input) {
          model_.set_output(*producer, i, output);
        }
      }
    }
    marks_.erase(input);
    std::erase(order_, input);
  }

  static bool is_direct(std::string_view type) {
    static const std::set<std::string_view> types = {
        "Reshape", "Transpose",   "Squeeze", "Unsqueeze", "Flatten",
        "Resize",  "AveragePool", "Slice",   "TopK",      "MaxPool"};
    return types.contains(type);
  }

  void mark_direct(std::string_view type, const std::string& input, const std::string& output) {
    const bool too_old = (type == "Resize" && opset_ < 11) || (type == "MaxPool" && opset_ < 12);
    if (!too_old && is_marked(input)) {
      mark_same_scale(output, input);
    }
  }

  void mark_gather(const std::string& input, const std::string& output) {
    if (is_float_initializer(input)) {
      mark(input, Marked::kActivation);
      mark_same_scale(output, input);
    } else if (is_marked(input)) {
      mark_same_scale(output, input);
    }
  }

  void mark_pad(NodeId node, const std::vector<std::string>& inputs,
                const std::vector<std::string>& outputs) {
    mark_each(inputs, Marked::kActivation);
    if (pads_with_known_values(node, inputs)) {
      mark_same_scale(outputs[0], inputs[0]);
    } else {
      mark(outputs[0], Marked::kActivation);
    }
  }

  [[nodiscard]] bool pads_with_known_values(NodeId node,
                                            const std::vector<std::string>& inputs) const {
    const auto mode = onnx::attribute_as<std::string>(model_, node, "mode").value_or("constant");
    if (mode != "constant") {
      return mode == "reflect" || mode == "edge" || mode == "wrap";
    }
    if (!model_.type_of(inputs[0])) {
      return false;
    }
    if (opset_ < 11) {
      return onnx::attribute_as<float>(model_, node, "value").value_or(0.0F) == 0;
    }
    if (inputs.size() < 3 || inputs[2].empty()) {
      return true;
    }
    const auto value = model_.initializer(inputs[2]);
    if (!value || !is_floating(value->dtype) || value->size() != 1) {
      return false;
    }
    const auto number = to_float32(*value);
    return number && number->front() == 0;
  }

  void mark_normalization(NodeId node, const std::vector<std::string>& inputs,
                          const std::vector<std::string>& outputs) {
    mark(inputs[0], Marked::kActivation);
    if (model_.has_initializer(inputs[1])) {
      mark_weight(inputs[1], 1);
    } else {
      mark(inputs[1], Marked::kActivation);
    }
    if (inputs.size() > 2 && !inputs[2].empty()) {
      mark_bias(node, inputs[2], inputs[0], inputs[1], 1);
    }
    mark_each(outputs, Marked::kActivation);
  }

  // --- scales ---------------------------------------------------------------------------------

  static Failure missing_range(const std::string& tensor) {
    return fail(ErrorCode::kInvalidArgument, "no range of tensor '{}'", tensor)
        .hint("measure it with `tessera calibrate`, on this very model and with this method");
  }

  [[nodiscard]] Result<QParams> activation_qparams(const std::string& value) const {
    const auto range = ranges_.find(value);
    if (range == ranges_.end()) {
      return missing_range(value);
    }
    QParamsOptions options;
    options.scale_dtype = scale_dtype_of(value);
    return numerics::compute_qparams(
        range->second, QuantSpec{scheme_.activation, scheme_.activation_symmetric, false}, options);
  }

  /// The range that the reference puts in for a Softmax is float32, and so is its scale then, also
  /// in a float16 model.
  [[nodiscard]] DType scale_dtype_of(const std::string& value) const {
    return fixed_ranges_.contains(value) ? DType::kFloat32 : dtype_of(value);
  }

  Status scale_constants() {
    for (const auto& name : order_) {
      if (!model_.has_initializer(name)) {
        continue;
      }
      const auto& mark = marks_.at(name);
      QuantSpec spec = weight_spec(scheme_, mark.axis);
      if (mark.as == Marked::kActivation) {
        spec = {scheme_.activation, scheme_.activation_symmetric, scheme_.reduce_range};
      }
      TESSERA_TRY(const auto values, model_.initializer(name));
      QParamsOptions options;
      options.scale_dtype = values.dtype;
      TESSERA_TRY(auto qparams, numerics::weight_qparams(values, spec, mark.axis, options)
                                    .map_error(in_file(fmt::format("weight '{}'", name))));
      constants_.emplace(name,
                         ConstantScale{spec.dtype, values.dtype, mark.axis, std::move(qparams)});
    }
    return {};
  }

  Status widen_weights_for_biases() {
    for (const auto& bias : biases_) {
      const auto weight = constants_.find(bias.weight);
      if (!ranges_.contains(bias.input) || !marks_.contains(bias.input) ||
          weight == constants_.end()) {
        continue;
      }
      auto& scale = weight->second;
      const bool symmetric = std::all_of(scale.qparams.begin(), scale.qparams.end(),
                                         [](const QParams& q) { return q.zero_point == 0; });
      if ((scale.dtype != DType::kInt8 && scale.dtype != DType::kInt16) || !symmetric) {
        continue;
      }
      TESSERA_TRY(const auto input, activation_qparams(bias.input));
      TESSERA_TRY(const auto view, model_.initializer(bias.name));
      TESSERA_TRY(const auto values, to_float32(view));
      widen(scale, input.scale, values, view.dtype);
    }
    return {};
  }

  static void widen(ConstantScale& scale, float input_scale, const std::vector<float>& bias,
                    DType dtype) {
    constexpr double kWidth = 2.0 * std::numeric_limits<std::int32_t>::max();
    constexpr double kMargin = 1.0001;
    double needed = 0;  // width that the bias takes, with a margin
    for (const auto value : bias) {
      needed = std::max(needed, kMargin * (2.0 * std::abs(double{value})));
    }
    for (std::size_t i = 0; i < scale.qparams.size(); ++i) {
      if (scale.axis >= 0) {
        // The reference computes this product in the type of the bias, here only.
        const float bound = 2.0F * (i < bias.size() ? std::abs(bias[i]) : 0.0F);
        const float margin = rounded_to(dtype, static_cast<float>(kMargin));
        needed = double{rounded_to(dtype, margin * bound)};
      }
      const double smallest = needed / kWidth;
      const double candidate = double{input_scale} * double{scale.qparams[i].scale};
      if (candidate < smallest && candidate > 0) {
        const double wanted = double{scale.qparams[i].scale} * (smallest / candidate);
        auto rounded = rounded_to(scale.scale_dtype, static_cast<float>(wanted));
        if (scale.scale_dtype == DType::kFloat16 && double{rounded} < wanted) {
          rounded = next_float16(rounded);
        }
        scale.qparams[i].scale = rounded;
      }
    }
  }

  // --- emission -------------------------------------------------------------------------------

  KnownScale add_scale(const std::string& name, const std::vector<QParams>& qparams, DType dtype,
                       DType scale_dtype, bool per_channel) {
    KnownScale known{{}, scale_dtype, names_.of(name, "_scale"), names_.of(name, "_zero_point")};
    std::vector<std::int32_t> zero_points;
    for (const auto& channel : qparams) {
      known.values.push_back(channel.scale);
      zero_points.push_back(channel.zero_point);
    }
    const auto shape = per_channel ? Shape{static_cast<std::int64_t>(qparams.size())} : Shape{};
    model_.set_initializer(known.scale, float_tensor(scale_dtype, known.values, shape));
    model_.set_initializer(known.zero_point, integer_tensor(dtype, zero_points, shape));
    return known;
  }

  void add_node(std::string_view type, const std::string& name, const std::string& input,
                const KnownScale& scale, const std::string& output, int axis = -1) {
    onnx::NodeSpec spec{
        name, std::string(type), domain_, {input, scale.scale, scale.zero_point}, {output}, {}};
    if (axis >= 0) {
      spec.attributes.push_back({"axis", std::int64_t{axis}});
    }
    model_.add_node(spec);
  }

  Status emit_marked() {
    std::set<std::string> done;
    for (const auto& name : order_) {
      const auto& mark = marks_.at(name);
      if (!mark.scale_of.empty()) {
        continue;
      }
      done.insert(name);
      if (model_.has_initializer(name)) {
        TESSERA_CHECK(emit_constant(name));
      } else if (!dequantized_by_.contains(name)) {
        TESSERA_TRY(const auto qparams, activation_qparams(name));
        emit_activation(
            name, add_scale(name, {qparams}, scheme_.activation, scale_dtype_of(name), false));
      }
    }
    std::erase_if(order_, [&](const std::string& name) { return done.contains(name); });
    return {};
  }

  Status emit_constant(const std::string& name) {
    const auto& scale = constants_.at(name);
    const auto known =
        add_scale(name, scale.qparams, scale.dtype, scale.scale_dtype, scale.axis >= 0);
    TESSERA_TRY(const auto values, model_.initializer(name));
    TESSERA_TRY(auto quantized,
                numerics::quantize_weights_with(values, scale.dtype, scale.qparams, scale.axis));
    const auto result = names_.of(name, "_DequantizeLinear_Output");
    const auto stored = names_.of(name, "_quantized");
    model_.replace_uses(name, result);
    model_.set_initializer(stored, std::move(quantized.values));
    add_node("DequantizeLinear", name + "_DequantizeLinear", stored, known, result, scale.axis);
    known_.emplace(name, known);
    return {};
  }

  void emit_activation(const std::string& name, const KnownScale& scale) {
    const auto integers = names_.of(name, "_QuantizeLinear_Output");
    auto source = name;
    auto result = names_.of(name, "_DequantizeLinear_Output");
    if (model_.is_output(name)) {
      source = names_.of(name, "_QuantizeLinear_Input");
      result = name;
      if (const auto producer = model_.producer(name)) {
        const auto outputs = model_.outputs(*producer);
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          if (outputs[i] == name) {
            model_.set_output(*producer, i, source);
          }
        }
      }
    } else {
      model_.replace_uses(name, result);
    }
    add_node("QuantizeLinear", name + "_QuantizeLinear", source, scale, integers);
    add_node("DequantizeLinear", name + "_DequantizeLinear", integers, scale, result);
    known_.emplace(name, scale);
  }

  /// Values that take the scale of another one, once that is known.
  Status emit_sharing() {
    while (!order_.empty()) {
      const auto waiting = order_.size();
      for (const auto& name : std::vector<std::string>(order_)) {
        const auto source = known_.find(marks_.at(name).scale_of);
        if (source == known_.end()) {
          continue;
        }
        std::erase(order_, name);
        emit_activation(name, source->second);
      }
      if (order_.size() == waiting) {
        return fail(ErrorCode::kUnimplemented,
                    "value '{}' takes the scale of '{}', which is not quantized", order_.front(),
                    marks_.at(order_.front()).scale_of)
            .hint("the reference does not end here; leave out --compat ort");
      }
    }
    return {};
  }

  [[nodiscard]] Result<KnownScale> scale_of(const std::string& value,
                                            const std::string& bias) const {
    if (const auto known = known_.find(value); known != known_.end()) {
      return known->second;
    }
    if (const auto found = dequantized_by_.find(value); found != dequantized_by_.end()) {
      const auto name = model_.inputs(found->second)[1];
      TESSERA_TRY(const auto view, model_.initializer(name));
      TESSERA_TRY(auto values, to_float32(view));
      return KnownScale{std::move(values), view.dtype, name, {}};
    }
    return fail(ErrorCode::kUnimplemented, "bias '{}' cannot be quantized: '{}' has no scale", bias,
                value)
        .hint("leave its operator in float with --exclude, or leave out --compat ort");
  }

  Status emit_bias(const BiasMark& bias) {
    if (known_.contains(bias.name)) {
      return {};
    }
    TESSERA_TRY(const auto weight, scale_of(bias.weight, bias.name));
    TESSERA_TRY(const auto input, scale_of(bias.input, bias.name));
    TESSERA_TRY(const auto view, model_.initializer(bias.name));
    TESSERA_TRY(auto values, to_float32(view));
    const auto dtype = view.dtype;
    const Shape shape(view.shape.begin(), view.shape.end());
    float beta = bias.beta;
    if (beta == 0) {
      std::fill(values.begin(), values.end(), 0.0F);
      beta = 1;
    }
    auto scale_dtype = dtype;
    auto scales = products(input, weight, beta, scale_dtype);
    if (dtype == DType::kFloat16 && half_scale_fails(scales, values)) {
      scale_dtype = DType::kFloat32;
      scales = products(input, weight, beta, scale_dtype);
      raise_to_fit(scales, values);
    }
    emit_bias(bias.name, values, shape, scales, dtype, scale_dtype);
    return {};
  }

  static std::vector<float> products(const KnownScale& input, const KnownScale& weight, float beta,
                                     DType dtype) {
    std::vector<float> scales;
    scales.reserve(weight.values.size());
    const auto in = input.values.front();
    for (const auto one : weight.values) {
      scales.push_back(rounded_to(dtype, rounded_to(dtype, in * one) * rounded_to(dtype, beta)));
    }
    return scales;
  }

  static bool half_scale_fails(const std::vector<float>& scales, const std::vector<float>& bias) {
    constexpr double kLargest = std::numeric_limits<std::int32_t>::max();
    bool fails = std::any_of(scales.begin(), scales.end(), [](float s) { return s == 0; });
    for (std::size_t i = 0; i < bias.size(); ++i) {
      const auto scale = double{scales[scales.size() == 1 ? 0 : i % scales.size()]};
      fails = fails || std::abs(double{bias[i]}) > kLargest * scale;
    }
    return fails;
  }

  static void raise_to_fit(std::vector<float>& scales, const std::vector<float>& bias) {
    constexpr double kLargest = std::numeric_limits<std::int32_t>::max();
    std::vector<double> smallest(scales.size(), 0);
    for (std::size_t i = 0; i < bias.size(); ++i) {
      auto& one = smallest[i % smallest.size()];
      one = std::max(one, std::abs(double{bias[i]}) / kLargest);
    }
    for (std::size_t i = 0; i < scales.size(); ++i) {
      scales[i] = static_cast<float>(std::max(double{scales[i]}, smallest[i] * 1.0001));
      scales[i] = scales[i] == 0 ? 1.0F : scales[i];
    }
  }

  void emit_bias(const std::string& name, const std::vector<float>& values, const Shape& shape,
                 const std::vector<float>& scales, DType dtype, DType scale_dtype) {
    std::vector<std::int32_t> integers(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      constexpr double kLow = std::numeric_limits<std::int32_t>::min();
      constexpr double kHigh = std::numeric_limits<std::int32_t>::max();
      const auto scaled = std::nearbyint(double{values[i]} / double{scales[i % scales.size()]});
      integers[i] = static_cast<std::int32_t>(std::clamp(scaled, kLow, kHigh));
    }
    const auto stored = names_.of(name, "_quantized");
    const auto count = static_cast<std::int64_t>(scales.size());
    const KnownScale known{scales, scale_dtype, names_.of(name, "_quantized_scale"),
                           names_.of(name, "_quantized_zero_point")};
    // The reference writes the scale with one dimension even where the zero point has none.
    model_.set_initializer(known.scale, float_tensor(scale_dtype, scales, {count}));
    model_.set_initializer(
        known.zero_point, integer_tensor(DType::kInt32, std::vector<std::int32_t>(scales.size(), 0),
                                         count > 1 ? Shape{count} : Shape{}));
    model_.remove_initializer(name);
    model_.set_initializer(stored, integer_tensor(DType::kInt32, integers, shape));
    auto result = name;
    if (dtype == DType::kFloat16 && scale_dtype == DType::kFloat32) {
      result = names_.of(name, "_DequantizeLinear_Output");
      model_.add_node({name + "_Cast",
                       "Cast",
                       "",
                       {result},
                       {name},
                       {{"to", std::int64_t{static_cast<int>(DType::kFloat16)}}}});
    }
    add_node("DequantizeLinear", name + "_DequantizeLinear", stored, known, result,
             count > 1 ? 0 : -1);
    known_.emplace(name, known);
  }

  onnx::Model& model_;
  OrtNames names_;
  const Scheme& scheme_;
  Monitor& monitor_;
  std::int64_t opset_;
  std::string domain_;
  std::map<NodeId, const Work*> work_;
  std::map<std::string, RealRange, std::less<>> ranges_;
  std::set<std::string, std::less<>> fixed_ranges_;
  std::map<std::string, Mark> marks_;
  std::vector<std::string> order_;  ///< of marking
  std::vector<BiasMark> biases_;
  std::set<std::string> bias_names_;
  std::map<std::string, NodeId> dequantized_by_;
  std::map<std::string, ConstantScale> constants_;
  std::map<std::string, KnownScale> known_;
  bool removed_last_ = false;
  bool marked_by_last_ = false;
};

}  // namespace

Status apply_ort_qdq(onnx::Model& model, const std::vector<Work>& work,
                     const calibrate::Ranges& ranges, Monitor& monitor) {
  TESSERA_TRY(const auto scheme, only_scheme(model, work));
  return OrtQdq(model, scheme, work, ranges, monitor).apply();
}

}  // namespace tessera::compat
