// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/dynamic_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tessera/numerics/kernels.h"
#include "tessera/tensor/make.h"

namespace tessera::quantize {
namespace {

using numerics::QParams;
using numerics::QuantizedTensor;

Tensor zero_point_tensor(DType dtype, const std::vector<QParams>& qparams, const Shape& shape) {
  Tensor tensor(dtype, shape);
  for (std::size_t i = 0; i < qparams.size(); ++i) {
    tensor.bytes()[i] = static_cast<std::byte>(static_cast<std::uint8_t>(qparams[i].zero_point));
  }
  return tensor;
}

Tensor scale_tensor(const std::vector<QParams>& qparams, float factor, Shape shape) {
  std::vector<float> scales;
  scales.reserve(qparams.size());
  for (const auto& channel : qparams) {
    scales.push_back(channel.scale * factor);
  }
  return Tensor::of(scales, std::move(shape));
}

/// s8 in -127..127 around 0 becomes u8 in 1..255 around 128.
void move_to_unsigned(QuantizedTensor& quantized) {
  Tensor values(DType::kUInt8, quantized.values.shape());
  const auto from = quantized.values.bytes();
  std::transform(from.begin(), from.end(), values.bytes().begin(),
                 [](std::byte value) { return value ^ std::byte{0x80}; });
  quantized.values = std::move(values);
  for (auto& qparams : quantized.qparams) {
    qparams.zero_point += 128;
  }
}

Result<QuantizedTensor> quantize_values(const TensorView& values, const WeightForm& form) {
  const bool moved = form.dtype == DType::kUInt8 && form.symmetric;
  const numerics::QuantSpec spec{moved ? DType::kInt8 : form.dtype, form.symmetric,
                                 form.reduce_range};
  TESSERA_TRY(auto quantized, numerics::quantize_weights(values, spec, form.axis));
  if (moved) {
    move_to_unsigned(quantized);
  }
  return quantized;
}

std::string key_of(const std::string& weight, const WeightForm& form) {
  return fmt::format("{}|{}|{}{}|{}|{}|{}|{}", weight, tessera::to_string(form.dtype),
                     form.symmetric, form.reduce_range, form.axis, form.transpose, form.factor,
                     tessera::to_string(form.scale_shape));
}

}  // namespace

WeightForm weight_form(const Scheme& scheme) {
  WeightForm form;
  form.dtype = scheme.weight;
  form.symmetric = has_symmetric_weights(scheme);
  form.reduce_range = scheme.reduce_range;
  return form;
}

template <class Make>
Result<IntegerNames> DynamicWeights::add(const std::string& weight, const Make& make) {
  TESSERA_TRY(auto integers, make(model_));
  made_.done_with(weight);
  IntegerNames names{model_.unique_name(weight + "_quantized"),
                     model_.unique_name(weight + "_scale"),
                     model_.unique_name(weight + "_zero_point")};
  const auto make_again = [make, weight](const onnx::Model& source) -> Result<Tensor> {
    TESSERA_TRY(auto again, make(source));
    source.release_initializer(weight);
    return std::move(again.values);
  };
  made_.store(names.values, std::move(integers.values), make_again);
  model_.set_initializer(names.scale, std::move(integers.scales));
  model_.set_initializer(names.zero_point, std::move(integers.zero_points));
  return names;
}

Result<DynamicWeights::Integers> DynamicWeights::make(const onnx::Model& model,
                                                      const std::string& weight,
                                                      const WeightForm& form) {
  TESSERA_TRY(const auto values, model.initializer(weight));
  TESSERA_TRY(auto quantized,
              quantize_values(values, form).map_error(in_file("weight '" + weight + "'")));
  if (form.transpose) {
    TESSERA_TRY(quantized.values, transpose_last_two(quantized.values.view()));
  }
  const auto channels = static_cast<std::int64_t>(quantized.qparams.size());
  const Shape flat = form.axis < 0 ? Shape{} : Shape{channels};
  const bool broadcast = !form.scale_shape.empty();
  auto zero_points = broadcast ? zero_point_tensor(form.dtype, {quantized.qparams.front()}, {})
                               : zero_point_tensor(form.dtype, quantized.qparams, flat);
  auto scales = scale_tensor(quantized.qparams, form.factor, broadcast ? form.scale_shape : flat);
  return Integers{std::move(quantized.values), std::move(scales), std::move(zero_points)};
}

Result<IntegerNames> DynamicWeights::store(const std::string& weight, const WeightForm& form) {
  auto key = key_of(weight, form);
  if (const auto known = stored_.find(key); known != stored_.end()) {
    return known->second;
  }
  TESSERA_TRY(const auto names, add(weight, [weight, form](const onnx::Model& model) {
                return make(model, weight, form);
              }));
  return stored_.emplace(std::move(key), names).first->second;
}

Result<DynamicWeights::Integers> DynamicWeights::make_lstm(const onnx::Model& model,
                                                           const std::string& weight,
                                                           const WeightForm& form,
                                                           bool per_channel) {
  TESSERA_TRY(const auto values, model.initializer(weight));
  const Shape full(values.shape.begin(), values.shape.end());
  const Shape rows = {full[0] * full[1], full[2]};
  const TensorView view{values.dtype, per_channel ? rows : full, values.bytes};
  TESSERA_TRY(auto quantized,
              quantize_values(view, form).map_error(in_file("weight '" + weight + "'")));
  quantized.values.reshape(full);
  TESSERA_TRY(auto transposed, transpose_last_two(quantized.values.view()));
  const Shape shape = per_channel ? Shape{full[0], full[1]} : Shape{full[0]};
  return Integers{std::move(transposed), scale_tensor(quantized.qparams, 1, shape),
                  zero_point_tensor(form.dtype, quantized.qparams, shape)};
}

Result<IntegerNames> DynamicWeights::store_lstm(const std::string& weight, const Scheme& scheme) {
  auto form = weight_form(scheme);
  form.axis = 0;
  // The kernel takes any number of scales, but only one zero point.
  const auto directions = model_.initializer_type(weight)->shape->front().value;
  form.symmetric = form.symmetric || scheme.per_channel || directions > 1;
  auto key = fmt::format("lstm|{}|{}", scheme.per_channel, key_of(weight, form));
  if (const auto known = stored_.find(key); known != stored_.end()) {
    return known->second;
  }
  TESSERA_TRY(
      const auto names,
      add(weight, [weight, form, per_channel = scheme.per_channel](const onnx::Model& model) {
        return make_lstm(model, weight, form, per_channel);
      }));
  return stored_.emplace(std::move(key), names).first->second;
}

}  // namespace tessera::quantize
