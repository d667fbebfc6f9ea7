// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "tessera/core/parallel.h"
#include "tessera/onnx/query.h"
#include "tessera/tensor/make.h"

namespace tessera::quantize {
namespace {

using numerics::QParams;
using numerics::QuantSpec;

/// Smallest scale at which a bias of this size fits int32 with room to spare for the rounding of
/// the scale itself.
double smallest_bias_scale(double largest) {
  constexpr double kWidth = 2.0 * std::numeric_limits<std::int32_t>::max();
  constexpr double kMargin = 1.0001;
  return kMargin * 2.0 * largest / kWidth;
}

float bias_scale(float input_scale, const QParams& weight) {
  return input_scale * weight.scale;
}

}  // namespace

QuantSpec weight_spec(const Scheme& scheme, int axis) {
  QuantSpec spec{scheme.weight, false, scheme.reduce_range};
  // Kernels take one zero point for all channels, which symmetric weights have.
  spec.symmetric = axis >= 0 || has_symmetric_weights(scheme);
  return spec;
}

void WeightQuantizer::add_constant(onnx::NodeId node, std::size_t input, DType dtype,
                                   const QParams& qparams, const ScaleNames& names) {
  const auto name = model_.inputs(node)[input];
  const auto [place, added] =
      constant_index_.emplace(ConstantKey(name, names.scale), constants_.size());
  if (added) {
    constants_.push_back({name, dtype, qparams, names, {}, {}});
  }
  constants_[place->second].uses.push_back({node, input});
}

void WeightQuantizer::add_weight(onnx::NodeId node, std::size_t input, const Scheme& scheme,
                                 int axis) {
  const auto name = model_.inputs(node)[input];
  const auto used_axis = scheme.per_channel ? axis : -1;
  const auto spec = weight_spec(scheme, used_axis);
  const auto [place, added] = weight_index_.emplace(
      WeightKey(name, spec.dtype, spec.symmetric, spec.reduce_range, used_axis), weights_.size());
  if (added) {
    Weight weight;
    weight.name = name;
    weight.spec = spec;
    weight.axis = used_axis;
    weights_.push_back(std::move(weight));
  }
  weights_[place->second].uses.push_back({node, input});
  weight_of_node_[node.value] = place->second;
}

Result<std::optional<WeightQuantizer::Bias>> WeightQuantizer::describe_bias(
    onnx::NodeId node, const std::string& name, std::string_view type, float input_scale,
    std::size_t weight) const {
  Bias bias;
  bias.name = name;
  bias.weight = weight;
  bias.input_scale = input_scale;
  if (type == "Gemm") {
    bias.input_scale *= onnx::attribute_as<float>(model_, node, "alpha").value_or(1.0F);
    bias.beta = onnx::attribute_as<float>(model_, node, "beta").value_or(1.0F);
  }
  TESSERA_TRY(const auto values, model_.initializer(bias.name));
  bias.values.assign(values.as<float>().begin(), values.as<float>().end());
  bias.shape.assign(values.shape.begin(), values.shape.end());
  for (auto& value : bias.values) {
    value *= bias.beta;
  }
  const bool finite = std::all_of(bias.values.begin(), bias.values.end(),
                                  [](float value) { return std::isfinite(value); });
  if (!finite || !(bias.input_scale > 0) || !std::isfinite(bias.input_scale)) {
    return std::optional<Bias>();
  }
  const auto& used = weights_[weight];
  if (used.axis < 0) {
    return std::optional<Bias>(std::move(bias));
  }
  const auto type_of_weight = model_.initializer_type(used.name);
  const auto channels = (*type_of_weight->shape)[static_cast<std::size_t>(used.axis)].value;
  if (values.size() == 1 && channels != 1) {
    // One value for all channels, whose scales differ.
    bias.values.assign(static_cast<std::size_t>(channels), bias.values.front());
    bias.shape = {channels};
  }
  if (bias.shape.empty() || bias.shape.back() != channels) {
    return std::optional<Bias>();
  }
  bias.axis = static_cast<int>(bias.shape.size()) - 1;
  return std::optional<Bias>(std::move(bias));
}

Status WeightQuantizer::add_bias(onnx::NodeId node, std::size_t input, std::string_view type,
                                 float input_scale) {
  const auto weight = weight_of_node_.find(node.value);
  if (weight == weight_of_node_.end()) {
    return {};
  }
  TESSERA_TRY(auto bias,
              describe_bias(node, model_.inputs(node)[input], type, input_scale, weight->second));
  if (!bias) {
    return {};
  }
  bias->use = {node, input};
  weights_[weight->second].biases.push_back(biases_.size());
  biases_.push_back(std::move(*bias));
  return {};
}

Status WeightQuantizer::fit_bias(onnx::NodeId node, const std::string& bias, std::string_view type,
                                 float input_scale) {
  const auto weight = weight_of_node_.find(node.value);
  if (weight == weight_of_node_.end() || !model_.is_constant(bias) ||
      model_.initializer_type(bias)->dtype != DType::kFloat32) {
    return {};
  }
  TESSERA_TRY(auto described, describe_bias(node, bias, type, input_scale, weight->second));
  if (!described) {
    return {};
  }
  described->stays_float = true;
  weights_[weight->second].biases.push_back(biases_.size());
  biases_.push_back(std::move(*described));
  return {};
}

void WeightQuantizer::fit_biases(Weight& weight) const {
  const auto channels = weight.qparams.size();
  if (channels == 0) {
    return;  // a weight without elements
  }
  for (const auto index : weight.biases) {
    const auto& bias = biases_[index];
    std::vector<double> largest(channels, 0);
    for (std::size_t i = 0; i < bias.values.size(); ++i) {
      auto& known = largest[i % channels];
      known = std::max(known, std::abs(double{bias.values[i]}));
    }
    for (std::size_t i = 0; i < channels; ++i) {
      const auto product = double{bias.input_scale} * double{weight.qparams[i].scale};
      const auto needed = smallest_bias_scale(largest[i]);
      if (product > 0 && product < needed) {
        weight.qparams[i].scale =
            static_cast<float>(double{weight.qparams[i].scale} * (needed / product));
      }
    }
  }
}

const WeightOverride* WeightQuantizer::override_of(const Weight& weight) const {
  if (overrides_ == nullptr) {
    return nullptr;
  }
  const auto found = overrides_->find(weight.name);
  const bool fits = found != overrides_->end() && found->second.dtype == weight.spec.dtype &&
                    found->second.axis == weight.axis;
  return fits ? &found->second : nullptr;
}

void WeightQuantizer::note_scales(std::vector<WeightScale>& out) const {
  for (const auto& weight : weights_) {
    const auto levels = weight.spec.reduce_range ? numerics::working_range(weight.spec)
                                                 : numerics::full_range(weight.spec.dtype);
    for (const auto& use : weight.uses) {
      out.push_back({use.node, use.input, weight.name, weight.spec.dtype, weight.axis,
                     weight.qparams, levels});
    }
  }
}

Status WeightQuantizer::quantize_one(Weight& weight) const {
  TESSERA_TRY(const auto values, model_.initializer(weight.name));
  const auto* given = override_of(weight);
  if (given != nullptr) {
    weight.qparams = given->qparams;
  } else {
    TESSERA_TRY(weight.qparams, numerics::weight_qparams(values, weight.spec, weight.axis));
  }
  fit_biases(weight);
  const bool kept = given != nullptr && weight.qparams == given->qparams;
  if (kept && given->values.shape() == Shape(values.shape.begin(), values.shape.end())) {
    weight.values = given->values;
    return {};
  }
  if (source_ != nullptr) {
    if (weight.is_only_use) {
      model_.release_initializer(weight.name);
    }
    return {};
  }
  TESSERA_TRY(auto quantized, numerics::quantize_weights_with(values, weight.spec.dtype,
                                                              weight.qparams, weight.axis));
  weight.values = std::move(quantized.values);
  return {};
}

Status WeightQuantizer::quantize_one(Constant& constant) const {
  TESSERA_TRY(const auto values, model_.initializer(constant.name));
  TESSERA_TRY(auto quantized,
              numerics::quantize_weights_with(values, constant.dtype, {&constant.qparams, 1}, -1));
  constant.values = std::move(quantized.values);
  return {};
}

std::int64_t WeightQuantizer::float_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& weight : weights_) {
    const auto type = model_.initializer_type(weight.name);
    std::int64_t elements = 1;
    for (const auto& dim : *type->shape) {
      elements *= dim.value;
    }
    bytes += bytes_of(type->dtype, elements);
  }
  return bytes;
}

void WeightQuantizer::store(Weight& weight, const std::string& name) {
  if (source_ == nullptr || !weight.values.bytes().empty()) {
    model_.set_initializer(name, std::move(weight.values));
    return;
  }
  const auto type = model_.initializer_type(weight.name);
  Shape shape;
  for (const auto& dim : *type->shape) {
    shape.push_back(dim.value);
  }
  auto make = [source = source_, original = weight.name, dtype = weight.spec.dtype,
               qparams = weight.qparams, axis = weight.axis]() -> Result<Tensor> {
    TESSERA_TRY(const auto values, source->initializer(original));
    TESSERA_TRY(auto quantized, numerics::quantize_weights_with(values, dtype, qparams, axis));
    source->release_initializer(original);
    return std::move(quantized.values);
  };
  model_.set_deferred_initializer(name, weight.spec.dtype, std::move(shape), std::move(make));
}

void WeightQuantizer::emit(Weight& weight) {
  const auto names =
      weight.axis < 0 ? emitter_.add_qparams(weight.name, weight.qparams.front(), weight.spec.dtype)
                      : emitter_.add_qparams(weight.name, std::span<const QParams>(weight.qparams),
                                             weight.spec.dtype);
  const auto integers = model_.unique_name(weight.name + "_quantized");
  store(weight, integers);
  const auto value =
      emitter_.add_dequantize(integers, weight.name, names, weight.spec.dtype, weight.axis);
  for (const auto& use : weight.uses) {
    model_.set_input(use.node, use.input, value);
  }
}

void WeightQuantizer::emit(Constant& constant) {
  const auto integers = model_.unique_name(constant.name + "_quantized");
  model_.set_initializer(integers, std::move(constant.values));
  const auto value =
      emitter_.add_dequantize(integers, constant.name, constant.names, constant.dtype, -1);
  for (const auto& use : constant.uses) {
    model_.set_input(use.node, use.input, value);
  }
}

void WeightQuantizer::emit(const Bias& bias) {
  const auto& weight = weights_[bias.weight].qparams;
  std::vector<QParams> qparams;
  for (const auto& channel : weight) {
    qparams.push_back({bias_scale(bias.input_scale, channel), 0});
    if (!(qparams.back().scale > 0)) {
      return;  // below the smallest float32: no integer stands for this bias
    }
  }
  std::vector<std::int32_t> values(bias.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto scaled = double{bias.values[i]} / double{qparams[i % qparams.size()].scale};
    constexpr double kLow = std::numeric_limits<std::int32_t>::min();
    constexpr double kHigh = std::numeric_limits<std::int32_t>::max();
    values[i] = static_cast<std::int32_t>(std::clamp(std::nearbyint(scaled), kLow, kHigh));
  }
  const auto integers = model_.unique_name(bias.name + "_quantized");
  model_.set_initializer(integers, integer_tensor(DType::kInt32, values, bias.shape));
  const auto names =
      bias.axis < 0
          ? emitter_.add_qparams(integers, qparams.front(), DType::kInt32)
          : emitter_.add_qparams(integers, std::span<const QParams>(qparams), DType::kInt32);
  const auto value = emitter_.add_dequantize(integers, bias.name, names, DType::kInt32, bias.axis);
  model_.set_input(bias.use.node, bias.use.input, value);
  if (bias.beta != 1) {
    model_.set_attribute(bias.use.node, "beta", 1.0F);
  }
}

Status WeightQuantizer::apply(int threads, Monitor& monitor) {
  if (float_bytes() > held_bytes_) {
    source_ = std::make_shared<const onnx::Model>(model_.clone());
    std::map<std::string_view, int> uses;
    for (const auto& weight : weights_) {
      ++uses[weight.name];
    }
    for (auto& weight : weights_) {
      weight.is_only_use = uses[weight.name] == 1;
    }
  }
  const auto count = weights_.size() + constants_.size();
  std::vector<Status> status(count);
  parallel_for(threads, static_cast<std::int64_t>(count), [&](std::int64_t i) {
    const auto index = static_cast<std::size_t>(i);
    if (monitor.cancelled()) {
      return;
    }
    status[index] = index < weights_.size() ? quantize_one(weights_[index])
                                            : quantize_one(constants_[index - weights_.size()]);
  });
  TESSERA_CHECK(monitor.check());
  for (std::size_t i = 0; i < count; ++i) {
    const auto& name =
        i < weights_.size() ? weights_[i].name : constants_[i - weights_.size()].name;
    TESSERA_CHECK(std::move(status[i]).map_error(in_file(fmt::format("weight '{}'", name))));
  }
  for (auto& weight : weights_) {
    emit(weight);
  }
  for (auto& constant : constants_) {
    emit(constant);
  }
  for (const auto& bias : biases_) {
    if (!bias.stays_float) {
      emit(bias);
    }
  }
  return {};
}

}  // namespace tessera::quantize
