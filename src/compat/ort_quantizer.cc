// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "compat/ort_quantizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/numerics/kernels.h"
#include "tessera/onnx/domains.h"
#include "tessera/tensor/make.h"

namespace tessera::compat {
namespace {

using numerics::QParams;
using numerics::QuantSpec;
using quantize::Scheme;
using quantize::WeightSymmetry;

Tensor zero_points(DType dtype, const std::vector<QParams>& qparams, bool scalar) {
  std::vector<std::int32_t> values;
  values.reserve(qparams.size());
  for (const auto& q : qparams) {
    values.push_back(q.zero_point);
  }
  return integer_tensor(dtype, values,
                        scalar ? Shape{} : Shape{static_cast<std::int64_t>(values.size())});
}

Tensor scales(const std::vector<QParams>& qparams, bool scalar) {
  std::vector<float> values;
  values.reserve(qparams.size());
  for (const auto& q : qparams) {
    values.push_back(q.scale);
  }
  return Tensor::of(values, scalar ? Shape{} : Shape{static_cast<std::int64_t>(values.size())});
}

std::map<std::string, int, std::less<>> count_uses(const onnx::Model& model) {
  std::map<std::string, int, std::less<>> uses;
  for (const auto node : model.nodes()) {
    for (const auto& input : model.inputs(node)) {
      ++uses[input];
    }
  }
  return uses;
}

constexpr double kInt32Width = 4294967294.0;
constexpr double kOverflowMargin = 1.0001;

/// Factor by which a weight's scale has to grow so that `bias` fits 32 bits; 1 if it does.
double bias_growth(double smallest_scale, float input_scale, float weight_scale) {
  const double scale = double{input_scale} * double{weight_scale};
  return scale < smallest_scale && scale > 0 ? smallest_scale / scale : 1.0;
}

}  // namespace

OrtQuantizer::OrtQuantizer(onnx::Model& model, const Scheme& scheme,
                           const calibrate::Ranges* ranges)
    : model_(model),
      names_(model),
      scheme_(scheme),
      dynamic_(ranges == nullptr),
      opset_(model.opset().value_or(0)) {
  for (const auto& input : model.inputs()) {
    generated_.insert(input);
  }
  if (dynamic_) {
    return;
  }
  for (const auto& [tensor, unused] : ranges->tensors) {
    if (const auto range = ranges->find(tensor, scheme.method)) {
      ranges_.emplace(tensor, *range);
    }
  }
}

void OrtQuantizer::adjust_ranges(const std::vector<Work>& work) {
  const auto uses = count_uses(model_);
  for (const auto& item : work) {
    const auto& type = model_.op_type(item.node);
    const auto output = model_.outputs(item.node).front();
    if (type == "Softmax") {
      ranges_.insert_or_assign(output, numerics::RealRange{0, 1});
    }
    if (type != "Relu" && type != "Clip") {
      continue;
    }
    const auto from = ranges_.find(output);
    const auto to = ranges_.find(model_.inputs(item.node).front());
    if (from != ranges_.end() && to != ranges_.end() && uses.at(to->first) == 1) {
      to->second = from->second;
    }
  }
}

bool OrtQuantizer::is_float_initializer(std::string_view value) const {
  if (!model_.has_initializer(value)) {
    return false;  // outputs of Constant operators are activations to the reference
  }
  const auto type = model_.initializer_type(value);
  return type && type->dtype == DType::kFloat32;
}

bool OrtQuantizer::is_float(std::string_view value) const {
  if (model_.has_initializer(value)) {
    return is_float_initializer(value);
  }
  const auto type = model_.type_of(value);
  return type && type->dtype == DType::kFloat32;
}

bool OrtQuantizer::has_range(std::string_view value) const {
  return ranges_.contains(value);
}

bool OrtQuantizer::can_quantize(std::string_view value) const {
  if (value.empty() || find(value) != nullptr) {
    return true;
  }
  if (model_.has_initializer(value)) {
    return is_float_initializer(value);
  }
  return is_float(value) && (dynamic_ || has_range(value));
}

const QuantizedValue* OrtQuantizer::find(std::string_view value) const {
  const auto found = quantized_.find(value);
  return found == quantized_.end() ? nullptr : &found->second;
}

void OrtQuantizer::record(std::string_view value, QuantizedValue quantized) {
  quantized_.insert_or_assign(std::string(value), std::move(quantized));
}

bool OrtQuantizer::weight_symmetric(DType dtype) const {
  if (scheme_.weight_symmetric != WeightSymmetry::kAuto) {
    return scheme_.weight_symmetric == WeightSymmetry::kOn;
  }
  return dtype == DType::kInt8;
}

Result<QuantizedValue> OrtQuantizer::parameters_of(std::string_view value,
                                                   const std::optional<QParams>& fixed) {
  auto names = twin_of(std::string(value));
  auto qparams = fixed;
  if (!qparams) {
    const auto range = ranges_.find(value);
    if (range == ranges_.end()) {
      return fail(ErrorCode::kInvalidArgument, "no range is known of tensor '{}'", value)
          .hint("calibrate the model with the method {}", numerics::to_string(scheme_.method));
    }
    const QuantSpec spec{scheme_.activation, scheme_.activation_symmetric, false};
    TESSERA_TRY(qparams, numerics::compute_qparams(range->second, spec));
  }
  if (!model_.has_initializer(names.scale)) {
    model_.set_initializer(names.scale, Tensor::scalar(qparams->scale));
  }
  if (!model_.has_initializer(names.zero_point)) {
    model_.set_initializer(names.zero_point, zero_points(scheme_.activation, {*qparams}, true));
  }
  return names;
}

Result<QuantizedValue> OrtQuantizer::quantize_activation(const std::string& value,
                                                         onnx::NodeId before) {
  return quantize_input(value, scheme_.activation, false, before);
}

Result<QuantizedValue> OrtQuantizer::quantize_weight(const std::string& value, onnx::NodeId before,
                                                     bool reduce_range) {
  return quantize_input(value, scheme_.weight, reduce_range, before);
}

Result<QuantizedValue> OrtQuantizer::quantize_input(const std::string& value, DType dtype,
                                                    bool reduce_range, onnx::NodeId before) {
  if (value.empty()) {
    return QuantizedValue{};
  }
  if (const auto* known = find(value)) {
    return *known;
  }
  if (model_.has_initializer(value)) {
    return quantize_initializer(value, dtype, reduce_range);
  }
  if (dynamic_) {
    return quantize_dynamically(value, before);
  }
  TESSERA_TRY(auto names, parameters_of(value));
  add({fmt::format("{}_QuantizeLinear", value),
       "QuantizeLinear",
       "",
       {value, names.scale, names.zero_point},
       {names.values},
       {}},
      before);
  record(value, names);
  return names;
}

QuantizedValue OrtQuantizer::quantize_dynamically(const std::string& value, onnx::NodeId before) {
  const auto names = twin_of(value);
  record(value, names);
  const std::string name = value + "_QuantizeLinear";
  if (opset_ > 10) {
    add({name,
         "DynamicQuantizeLinear",
         "",
         {value},
         {names.values, names.scale, names.zero_point},
         {}},
        before);
    return names;
  }
  measure(value, names, before);
  add({name, "QuantizeLinear", "", {value, names.scale, names.zero_point}, {names.values}, {}},
      before);
  return names;
}

void OrtQuantizer::measure(const std::string& value, const QuantizedValue& names,
                           onnx::NodeId before) {
  const auto levels = made("fixed_quantization_range_uint8", "");
  const auto zero = made("fixed_zero", "");
  model_.set_initializer(levels, Tensor::scalar(255.0F));
  model_.set_initializer(zero, Tensor::scalar(0.0F));
  // Every operator is named after its value and its type, its output after itself.
  const auto step = [&](const std::string& suffix, const std::string& type,
                        std::vector<std::string> inputs, const std::string& output = "") {
    const std::string name = value + suffix;
    const auto result = output.empty() ? made(name, ":0") : output;
    add({name, type, "", std::move(inputs), {result}, {}}, before);
    return result;
  };
  const auto reduce = [&](const std::string& type) {
    const auto result = step("_" + type, type, {value});
    model_.set_attribute(*model_.producer(result), "keepdims", std::int64_t{0});
    return result;
  };
  const auto low = reduce("ReduceMin");
  const auto high = reduce("ReduceMax");
  const auto width = step("_scale_Sub", "Sub", {high, low});
  step("_scale_Div", "Div", {width, levels}, names.scale);
  const auto below = step("_zero_point_Sub", "Sub", {zero, low});
  const auto steps = step("_zero_point_Div", "Div", {below, names.scale});
  const auto whole = step("_zero_point_Floor", "Floor", {steps});
  step("_zero_point_Cast", "Cast", {whole}, names.zero_point);
  model_.set_attribute(*model_.producer(names.zero_point), "to",
                       static_cast<std::int64_t>(DType::kUInt8));
}

Result<QuantizedValue> OrtQuantizer::quantize_initializer(const std::string& name, DType dtype,
                                                          bool reduce_range) {
  const bool symmetric =
      dtype == scheme_.weight ? weight_symmetric(dtype) : scheme_.activation_symmetric;
  const QuantSpec spec{dtype, symmetric, scheme_.reduce_range && reduce_range};
  TESSERA_TRY(const auto weights, model_.initializer(name));
  TESSERA_TRY(auto quantized, numerics::quantize_weights(weights, spec, -1)
                                  .map_error(in_file(fmt::format("weight '{}'", name))));
  const auto names = twin_of(name);
  model_.set_initializer(names.scale, scales(quantized.qparams, true));
  model_.set_initializer(names.zero_point, zero_points(dtype, quantized.qparams, true));
  model_.set_initializer(names.values, std::move(quantized.values));
  record(name, names);
  return names;
}

Result<QuantizedValue> OrtQuantizer::quantize_weight_per_channel(const std::string& weight,
                                                                 DType dtype, int axis) {
  if (const auto* known = find(weight)) {
    return *known;
  }
  const QuantSpec spec{dtype, weight_symmetric(dtype), scheme_.reduce_range};
  TESSERA_TRY(const auto weights, model_.initializer(weight));
  const int rank = static_cast<int>(weights.shape.size());
  const int channel = axis < 0 ? axis + rank : axis;
  if (channel < 0) {
    return fail(ErrorCode::kInvalidArgument, "weight '{}' is a scalar and has no channels", weight);
  }
  TESSERA_TRY(auto quantized, numerics::quantize_weights(weights, spec, channel)
                                  .map_error(in_file(fmt::format("weight '{}'", weight))));
  auto names = twin_of(weight);
  names.axis = channel;
  model_.set_initializer(names.scale, scales(quantized.qparams, false));
  model_.set_initializer(names.zero_point, zero_points(dtype, quantized.qparams, false));
  model_.set_initializer(names.values, std::move(quantized.values));
  record(weight, names);
  return names;
}

Result<std::vector<float>> OrtQuantizer::scales_of(const std::string& name) const {
  TESSERA_TRY(const auto scale, model_.initializer(name));
  return to_float32(scale);
}

Result<std::vector<float>> OrtQuantizer::widen_weight_scale(const std::string& weight,
                                                            std::vector<float> weight_scales,
                                                            float input_scale,
                                                            const std::string& bias) {
  const auto names = *find(weight);
  TESSERA_TRY(const auto zero_point, model_.initializer(names.zero_point));
  const bool symmetric = std::all_of(zero_point.bytes.begin(), zero_point.bytes.end(),
                                     [](std::byte b) { return b == std::byte{0}; });
  if (scheme_.weight != DType::kInt8 || !symmetric) {
    return weight_scales;
  }
  TESSERA_TRY(const auto bias_view, model_.initializer(bias));
  const auto values = bias_view.as<float>();
  bool changed = false;
  const auto grow = [&](float& scale, double smallest) {
    const double growth = bias_growth(smallest, input_scale, scale);
    changed |= growth != 1.0;
    scale = static_cast<float>(double{scale} * growth);
  };
  if (!scheme_.per_channel) {
    double largest = 0;
    for (const float value : values) {
      largest = std::max(largest, std::abs(double{value}));
    }
    grow(weight_scales.front(), kOverflowMargin * (2.0 * largest) / kInt32Width);
  } else if (names.axis && weight_scales.size() == values.size()) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      // The reference computes this product in float32 where channels have their own scale.
      const float doubled = static_cast<float>(kOverflowMargin) * (2.0F * std::abs(values[i]));
      grow(weight_scales[i], double{doubled} / kInt32Width);
    }
  }
  if (!changed) {
    return weight_scales;
  }
  std::vector<QParams> qparams;
  qparams.reserve(weight_scales.size());
  for (const float scale : weight_scales) {
    qparams.push_back({scale, 0});
  }
  TESSERA_TRY(const auto float_weights, model_.initializer(weight));
  TESSERA_TRY(auto quantized, numerics::quantize_weights_with(float_weights, scheme_.weight,
                                                              qparams, names.axis.value_or(-1)));
  model_.set_initializer(names.scale, scales(qparams, !names.axis));
  model_.set_initializer(names.values, std::move(quantized.values));
  return weight_scales;
}

Result<std::string> OrtQuantizer::quantize_bias(const std::string& bias, const std::string& input,
                                                const std::string& weight, float beta) {
  const auto* quantized_input = find(input);
  TESSERA_TRY(const auto input_scales, scales_of(quantized_input->scale));
  TESSERA_TRY(auto weight_scales, scales_of(find(weight)->scale));
  TESSERA_TRY(weight_scales,
              widen_weight_scale(weight, std::move(weight_scales), input_scales.front(), bias));
  std::vector<float> bias_scales;
  for (const float scale : weight_scales) {
    bias_scales.push_back(input_scales.front() * scale * (beta == 0 ? 1.0F : beta));
  }
  TESSERA_TRY(const auto float_bias, model_.initializer(bias));
  const auto values = float_bias.as<float>();
  if (bias_scales.size() != 1 && bias_scales.size() != values.size()) {
    return fail(ErrorCode::kUnimplemented, "bias '{}' has {} elements for {} channels", bias,
                values.size(), bias_scales.size())
        .hint("leave out --compat ort or per-channel weights");
  }
  std::vector<std::int32_t> integers(values.size());
  constexpr double kLowest = std::numeric_limits<std::int32_t>::min();
  constexpr double kHighest = std::numeric_limits<std::int32_t>::max();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double scale = bias_scales[bias_scales.size() == 1 ? 0 : i];
    const double rounded = std::nearbyint((beta == 0 ? 0.0 : double{values[i]}) / scale);
    integers[i] = static_cast<std::int32_t>(std::clamp(rounded, kLowest, kHighest));
  }
  Tensor tensor = Tensor::of(integers, Shape(float_bias.shape.begin(), float_bias.shape.end()));

  QuantizedValue names{made(bias, "_quantized"), made(bias, "_quantized_scale"),
                       made(bias, "_quantized_zero_point"), std::nullopt};
  if (const auto* known = find(bias)) {
    TESSERA_TRY(const auto present, model_.initializer(known->values));
    if (std::equal(present.bytes.begin(), present.bytes.end(), tensor.bytes().begin())) {
      return known->values;
    }
    // Another operator reads the same bias at another scale. The reference would hand out the
    // integers of the first, which mean something else here.
    names.values = model_.unique_name(names.values);
    model_.set_initializer(names.values, std::move(tensor));
    return names.values;
  }
  const auto channels = static_cast<std::int64_t>(bias_scales.size());
  if (channels > 1) {
    names.axis = 0;
  }
  model_.set_initializer(names.values, std::move(tensor));
  model_.set_initializer(names.scale, Tensor::of(bias_scales, {channels}));
  model_.set_initializer(names.zero_point,
                         Tensor(DType::kInt32, channels > 1 ? Shape{channels} : Shape{}));
  record(bias, names);
  return names.values;
}

void OrtQuantizer::dequantize(const std::string& value, std::optional<onnx::NodeId> before) {
  const auto* quantized = find(value);
  if (quantized == nullptr || generated_.contains(value)) {
    return;
  }
  onnx::NodeSpec spec{value + "_DequantizeLinear",
                      "DequantizeLinear",
                      "",
                      {quantized->values, quantized->scale, quantized->zero_point},
                      {value},
                      {}};
  if (quantized->axis) {
    spec.attributes.push_back({"axis", std::int64_t{*quantized->axis}});
  }
  model_.add_node(spec, before);
  generated_.insert(value);
  if (model_.has_initializer(value)) {
    replaced_initializers_.insert(value);
  }
}

void OrtQuantizer::keep(onnx::NodeId node) {
  for (const auto& input : model_.inputs(node)) {
    dequantize(input, node);
  }
  keep_as_is(node);
}

void OrtQuantizer::keep_as_is(onnx::NodeId node) {
  for (const auto& output : model_.outputs(node)) {
    generated_.insert(output);
  }
}

onnx::NodeId OrtQuantizer::add(const onnx::NodeSpec& spec, onnx::NodeId before) {
  for (const auto& output : spec.outputs) {
    generated_.insert(output);
  }
  return model_.add_node(spec, before);
}

onnx::NodeId OrtQuantizer::replace(onnx::NodeId node, const onnx::NodeSpec& spec) {
  release_outputs(node);
  const auto added = add(spec, node);
  model_.copy_attributes(node, added);
  for (const auto& attribute : spec.attributes) {
    model_.set_attribute(added, attribute.name, attribute.value);
  }
  drop(node);
  return added;
}

std::vector<std::string> OrtQuantizer::release_outputs(onnx::NodeId node) {
  auto outputs = model_.outputs(node);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    model_.set_output(node, i, "");
  }
  return outputs;
}

void OrtQuantizer::finish() {
  for (const auto& output : model_.outputs()) {
    dequantize(output, std::nullopt);
  }
  for (const auto& name : replaced_initializers_) {
    model_.remove_initializer(name);
  }
  model_.remove_unused_initializers();
  model_.set_producer("onnx.quantize", "0.1.0");
  for (const auto node : model_.nodes()) {
    if (model_.domain(node) == onnx::kMicrosoftDomain && !model_.opset(onnx::kMicrosoftDomain)) {
      model_.set_opset(onnx::kMicrosoftDomain, 1);
    }
  }
}

std::string OrtQuantizer::quantized_name(onnx::NodeId node) const {
  const auto& name = model_.name(node);
  return name.empty() ? std::string() : name + "_quant";
}

}  // namespace tessera::compat
