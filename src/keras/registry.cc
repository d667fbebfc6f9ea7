// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "keras/layers.h"

namespace tessera::keras {
namespace {

namespace to = lower_layer;

constexpr auto kMany = std::numeric_limits<std::size_t>::max();

/// Every class of layers, sorted by name.
const std::vector<LayerClass>& classes() {
  static const auto kClasses = [] {
    std::vector<LayerClass> list = {
        {"Activation", to::activation},
        {"ReLU", to::relu},
        {"LeakyReLU", to::leaky_relu},
        {"PReLU", to::prelu},
        {"ELU", to::elu},
        {"Softmax", to::softmax},
        {"ThresholdedReLU", to::thresholded_relu},
        {"Conv1D", to::convolution},
        {"Conv2D", to::convolution},
        {"DepthwiseConv1D", to::depthwise},
        {"DepthwiseConv2D", to::depthwise},
        {"SeparableConv1D", to::separable},
        {"SeparableConv2D", to::separable},
        {"Conv1DTranspose", to::transposed},
        {"Conv2DTranspose", to::transposed},
        {"Dense", to::dense},
        {"Dot", to::dot, 2, 2},
        {"Embedding", to::embedding},
        {"BatchNormalization", to::batch_norm},
        {"SyncBatchNormalization", to::batch_norm},
        {"LayerNormalization", to::layer_norm},
        {"Normalization", to::normalization},
        {"Rescaling", to::rescaling},
        {"MaxPooling1D", to::max_pool},
        {"MaxPooling2D", to::max_pool},
        {"AveragePooling1D", to::average_pool},
        {"AveragePooling2D", to::average_pool},
        {"GlobalMaxPooling1D", to::global_max_pool},
        {"GlobalMaxPooling2D", to::global_max_pool},
        {"GlobalAveragePooling1D", to::global_average_pool},
        {"GlobalAveragePooling2D", to::global_average_pool},
        {"Add", to::add, 2, kMany},
        {"Subtract", to::subtract, 2, 2},
        {"Multiply", to::multiply, 2, kMany},
        {"Average", to::average, 2, kMany},
        {"Maximum", to::maximum, 2, kMany},
        {"Minimum", to::minimum, 2, kMany},
        {"Concatenate", to::concatenate, 1, kMany},
        {"Flatten", to::flatten},
        {"Reshape", to::reshape},
        {"Permute", to::permute},
        {"RepeatVector", to::repeat_vector},
        {"ZeroPadding1D", to::zero_padding},
        {"ZeroPadding2D", to::zero_padding},
        {"Cropping1D", to::cropping},
        {"Cropping2D", to::cropping},
        {"UpSampling1D", to::up_sampling},
        {"UpSampling2D", to::up_sampling},
        {"TimeDistributed", to::time_distributed},
        {"Dropout", to::nothing},
        {"SpatialDropout1D", to::nothing},
        {"SpatialDropout2D", to::nothing},
        {"AlphaDropout", to::nothing},
        {"GaussianDropout", to::nothing},
        {"GaussianNoise", to::nothing},
        {"ActivityRegularization", to::nothing},
        {"Identity", to::nothing},
        {"LSTM", to::recurrent, 1, 3},
        {"GRU", to::recurrent, 1, 2},
        {"SimpleRNN", to::recurrent, 1, 2},
        {"Bidirectional", to::bidirectional},
        {"MultiHeadAttention", to::multi_head_attention, 2, 3},
        {"QuantizeLayer", to::quantize_layer},
        {"QuantizeWrapper", to::quantize_wrapper, 1, kMany},
        {"QuantizeWrapperV2", to::quantize_wrapper, 1, kMany},
        {"QActivation", to::activation},
        {"QAdaptiveActivation", to::q_adaptive_activation},
        {"QDense", to::dense},
        {"QConv1D", to::convolution},
        {"QConv2D", to::convolution},
        {"QConv2DTranspose", to::transposed},
        {"QDepthwiseConv2D", to::depthwise},
        {"QSeparableConv1D", to::separable},
        {"QSeparableConv2D", to::separable},
        {"QMobileNetSeparableConv2D", to::separable},
        {"QBatchNormalization", to::q_batch_norm},
        {"QConv2DBatchnorm", to::q_folded_convolution},
        {"QDepthwiseConv2DBatchnorm", to::q_folded_convolution},
        {"QAveragePooling2D", to::q_average_pool},
        {"QGlobalAveragePooling2D", to::q_global_average_pool},
    };
    std::sort(list.begin(), list.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return list;
  }();
  return kClasses;
}

Failure unknown(const Site& site) {
  if (site.layer.class_name == "Lambda") {
    return fail(ErrorCode::kUnimplemented, "{}: holds Python code, which only Python can run",
                site.title())
        .hint(
            "replace it with layers of Keras (Activation, Rescaling, Reshape, Add, ...), or cut "
            "the network in front of it");
  }
  std::vector<std::string_view> names;
  for (const auto& known : classes()) {
    names.push_back(known.name);
  }
  return fail(ErrorCode::kUnimplemented, "{}: this class of layers is not known", site.title())
      .hint("rebuild it from layers that are known: {}", fmt::join(names, ", "));
}

/// What comes behind the least number of inputs: "", " to 3" or " or more".
std::string upper_bound_of(const LayerClass& known) {
  if (known.most_inputs == known.least_inputs) {
    return "";
  }
  return known.most_inputs == kMany ? " or more" : fmt::format(" to {}", known.most_inputs);
}

/// Dropout and its like draw random numbers where they are told to train.
Status expect_inference(const Site& site) {
  const auto& arguments = site.call.arguments;
  const auto training = arguments.is_object() ? arguments.find("training") : arguments.end();
  if (arguments.is_object() && training != arguments.end() && training->is_boolean() &&
      training->get<bool>()) {
    return fail(ErrorCode::kUnimplemented, "{}: is called with training=True", site.title())
        .hint("build the network without it, give it the same weights, and save it again");
  }
  return {};
}

bool holds_tensor(const Json& argument) {
  return argument.is_structured() && (argument.contains("__input__") ||
                                      std::any_of(argument.begin(), argument.end(), holds_tensor));
}

/// Masks are no inputs of any layer here.
Status expect_no_mask(const Site& site) {
  for (const auto& [name, argument] : site.call.arguments.items()) {
    if ((name == "mask" || name.ends_with("_mask")) && holds_tensor(argument)) {
      return fail(ErrorCode::kUnimplemented, "{}: is called with a tensor as {}", site.title(),
                  name)
          .hint(
              "build the network without masks (Embedding with mask_zero=False), if it computes "
              "the same then");
    }
  }
  return {};
}

/// So that extents can be multiplied by what a configuration says.
Status expect_extents(const Site& site, const Value& value) {
  for (const auto& extent : value.shape) {
    if (extent.value > LayerConfig::kMostExtent || extent.value == 0) {
      return fail(ErrorCode::kDataLoss, "{}: a result of {}; expected extents from 1 to 2^31",
                  site.title(), to_string(value.shape));
    }
  }
  return {};
}

}  // namespace

const LayerClass* find_layer(std::string_view class_name) {
  const auto found =
      std::lower_bound(classes().begin(), classes().end(), class_name,
                       [](const auto& one, std::string_view name) { return one.name < name; });
  return found == classes().end() || found->name != class_name ? nullptr : &*found;
}

Result<Values> lower_call(Lowering& lowering, const Site& site) {
  TESSERA_CHECK(lowering.count_call());
  TESSERA_CHECK(expect_inference(site));
  TESSERA_CHECK(expect_no_mask(site));
  Result<Values> values;
  if (site.layer.is_network()) {
    values =
        lower_network(lowering, *site.layer.inner, site.name + "/", site.inputs, site.generation);
  } else if (to::is_operation(site.layer)) {
    values = to::operation(lowering, site);
  } else {
    const auto* const known = find_layer(site.layer.class_name);
    if (known == nullptr) {
      return unknown(site);
    }
    if (site.inputs.size() < known->least_inputs || site.inputs.size() > known->most_inputs) {
      return fail(ErrorCode::kDataLoss, "{}: is called with {} inputs; expected {}{}", site.title(),
                  site.inputs.size(), known->least_inputs, upper_bound_of(*known));
    }
    values = known->lower(lowering, site);
  }
  TESSERA_TRY(auto results, std::move(values));
  for (auto& value : results) {
    TESSERA_CHECK(expect_extents(site, value));
    value = lowering.settle(site, std::move(value));
  }
  if (!results.empty()) {
    lowering.record(site, results.front());
  }
  return results;
}

}  // namespace tessera::keras
