// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "keras/lowering.h"

/// The functions that lower classes of layers, and the table of those classes.
namespace tessera::keras {

/// Lowers one call; its outputs.
using LowerLayer = Result<Values> (*)(Lowering& lowering, const Site& site);

struct LayerClass {
  std::string_view name;
  LowerLayer lower;
  std::size_t least_inputs = 1;
  std::size_t most_inputs = 1;
};
/// Null for classes that are not known.
[[nodiscard]] const LayerClass* find_layer(std::string_view class_name);

/// What `activation` of a layer names, applied to a value: a text or an object; null and "linear"
/// are nothing. Layers of QKeras may name quantizers, which are reported on as `what`.
[[nodiscard]] Result<Value> activate(Lowering& lowering, const Site& site, Value value,
                                     const Json& activation, std::string_view what = "activation");
/// The layer's result: the value behind `activation` of its configuration.
[[nodiscard]] Result<Values> activated(Lowering& lowering, const Site& site, Value value);
/// max(x, 0) and its like, as keras.backend.relu() has them.
struct Rectifier {
  float negative_slope = 0;
  float threshold = 0;
  std::optional<float> max_value;
};
[[nodiscard]] std::string rectify(Lowering& lowering, const Site& site, const std::string& value,
                                  const Rectifier& how);

/// One function per class or family, by file.
namespace lower_layer {

// lower_activations.cc
Result<Values> activation(Lowering& lowering, const Site& site);
Result<Values> relu(Lowering& lowering, const Site& site);
Result<Values> leaky_relu(Lowering& lowering, const Site& site);
Result<Values> prelu(Lowering& lowering, const Site& site);
Result<Values> elu(Lowering& lowering, const Site& site);
Result<Values> softmax(Lowering& lowering, const Site& site);
Result<Values> thresholded_relu(Lowering& lowering, const Site& site);

// lower_convolutions.cc; QKeras' convolutions as well
Result<Values> convolution(Lowering& lowering, const Site& site);
Result<Values> depthwise(Lowering& lowering, const Site& site);
Result<Values> separable(Lowering& lowering, const Site& site);
Result<Values> transposed(Lowering& lowering, const Site& site);

// lower_dense.cc
Result<Values> dense(Lowering& lowering, const Site& site);
Result<Values> dot(Lowering& lowering, const Site& site);
Result<Values> embedding(Lowering& lowering, const Site& site);

// lower_norms.cc
Result<Values> batch_norm(Lowering& lowering, const Site& site);
Result<Values> layer_norm(Lowering& lowering, const Site& site);
Result<Values> normalization(Lowering& lowering, const Site& site);
Result<Values> rescaling(Lowering& lowering, const Site& site);

// lower_pools.cc
Result<Values> max_pool(Lowering& lowering, const Site& site);
Result<Values> average_pool(Lowering& lowering, const Site& site);
Result<Values> global_max_pool(Lowering& lowering, const Site& site);
Result<Values> global_average_pool(Lowering& lowering, const Site& site);

// lower_merges.cc
/// A function among the layers, such as x + 3: TFOpLambda of Keras 2, an operation of Keras 3.
[[nodiscard]] bool is_operation(const Layer& layer);
Result<Values> operation(Lowering& lowering, const Site& site);
Result<Values> add(Lowering& lowering, const Site& site);
Result<Values> subtract(Lowering& lowering, const Site& site);
Result<Values> multiply(Lowering& lowering, const Site& site);
Result<Values> average(Lowering& lowering, const Site& site);
Result<Values> maximum(Lowering& lowering, const Site& site);
Result<Values> minimum(Lowering& lowering, const Site& site);
Result<Values> concatenate(Lowering& lowering, const Site& site);

// lower_shapes.cc
Result<Values> nothing(Lowering& lowering, const Site& site);
Result<Values> flatten(Lowering& lowering, const Site& site);
Result<Values> reshape(Lowering& lowering, const Site& site);
Result<Values> permute(Lowering& lowering, const Site& site);
Result<Values> repeat_vector(Lowering& lowering, const Site& site);
Result<Values> zero_padding(Lowering& lowering, const Site& site);
Result<Values> cropping(Lowering& lowering, const Site& site);
Result<Values> up_sampling(Lowering& lowering, const Site& site);
Result<Values> time_distributed(Lowering& lowering, const Site& site);

// lower_recurrent.cc
Result<Values> recurrent(Lowering& lowering, const Site& site);
Result<Values> bidirectional(Lowering& lowering, const Site& site);

// lower_attention.cc
Result<Values> multi_head_attention(Lowering& lowering, const Site& site);

// lower_quantized.cc
Result<Values> q_adaptive_activation(Lowering& lowering, const Site& site);
Result<Values> q_batch_norm(Lowering& lowering, const Site& site);
Result<Values> q_folded_convolution(Lowering& lowering, const Site& site);
Result<Values> q_average_pool(Lowering& lowering, const Site& site);
Result<Values> q_global_average_pool(Lowering& lowering, const Site& site);

// lower_trained.cc: TensorFlow Model Optimization
Result<Values> quantize_layer(Lowering& lowering, const Site& site);
Result<Values> quantize_wrapper(Lowering& lowering, const Site& site);

}  // namespace lower_layer
}  // namespace tessera::keras
