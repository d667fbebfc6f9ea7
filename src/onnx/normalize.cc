// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/normalize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>

#include "onnx/passthrough.h"
#include "onnx/space_to_depth.h"

namespace tessera::onnx {
namespace {

/// Malformed operators, without inputs or outputs, are none.
bool is_standard(const Model& model, NodeId node, std::string_view op_type) {
  return model.op_type(node) == op_type && model.domain(node).empty() &&
         !model.inputs(node).empty() && !model.outputs(node).empty();
}

std::string input(const Model& model, NodeId node, std::size_t index) {
  const auto inputs = model.inputs(node);
  return index < inputs.size() ? inputs[index] : std::string();
}

std::vector<std::int64_t> ints_or(const Model& model, NodeId node, std::string_view name,
                                  const std::vector<std::int64_t>& fallback) {
  const auto value = model.attribute(node, name);
  const auto* list = value ? std::get_if<std::vector<std::int64_t>>(&*value) : nullptr;
  return list == nullptr ? fallback : *list;
}

std::string string_or(const Model& model, NodeId node, std::string_view name,
                      const std::string& fallback) {
  const auto value = model.attribute(node, name);
  const auto* text = value ? std::get_if<std::string>(&*value) : nullptr;
  return text == nullptr ? fallback : *text;
}

/// Nobody outside of the operators of the main graph looks at the value.
bool is_internal(const Model& model, const std::string& value) {
  return !model.is_output(value) && !model.used_by_body(value);
}

std::optional<std::vector<float>> constant_floats(const Model& model, const std::string& value) {
  if (value.empty() || !model.is_constant(value)) {
    return std::nullopt;
  }
  const auto view = model.initializer(value);
  if (!view) {
    return std::nullopt;
  }
  auto floats = to_float32(*view);
  return floats ? std::optional(std::move(*floats)) : std::nullopt;
}

// --- operators that pass their input on -------------------------------------------------------

struct Padding {
  std::vector<std::int64_t> begin;  ///< per axis
  std::vector<std::int64_t> end;
  float value = 0;
};

/// Constant padding by constant amounts; both the attributes of old opsets and the inputs.
std::optional<Padding> padding_of(const Model& model, NodeId node) {
  if (!is_standard(model, node, "Pad") ||
      string_or(model, node, "mode", "constant") != "constant" || !input(model, node, 3).empty()) {
    return std::nullopt;
  }
  std::vector<std::int64_t> pads = ints_or(model, node, "pads", {});
  Padding padding;
  if (const auto value = model.attribute(node, "value")) {
    const auto* number = std::get_if<float>(&*value);
    padding.value = number == nullptr ? 0 : *number;
  }
  if (const auto name = input(model, node, 1); !name.empty()) {
    const auto view = model.is_constant(name) ? model.initializer(name) : Result<TensorView>();
    if (!model.is_constant(name) || !view || view->dtype != DType::kInt64) {
      return std::nullopt;
    }
    const auto amounts = view->as<std::int64_t>();
    pads.assign(amounts.begin(), amounts.end());
  }
  if (const auto name = input(model, node, 2); !name.empty()) {
    const auto value = constant_floats(model, name);
    if (!value || value->size() != 1) {
      return std::nullopt;
    }
    padding.value = value->front();
  }
  if (pads.empty() || pads.size() % 2 != 0) {
    return std::nullopt;
  }
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(pads.size() / 2);
  padding.begin.assign(pads.begin(), middle);
  padding.end.assign(middle, pads.end());
  return padding;
}

bool is_nothing(const Padding& padding) {
  const auto is_zero = [](std::int64_t amount) { return amount == 0; };
  return std::all_of(padding.begin.begin(), padding.begin.end(), is_zero) &&
         std::all_of(padding.end.begin(), padding.end.end(), is_zero);
}

bool passes_on(const Model& model, NodeId node) {
  if (hands_on(model, node)) {
    return true;
  }
  const auto padding = padding_of(model, node);
  return padding && is_nothing(*padding);
}

std::int64_t remove_identities(Model& model) {
  std::int64_t removed = 0;
  for (const auto node : model.nodes()) {
    removed += passes_on(model, node) && bypass(model, node) ? 1 : 0;
  }
  return removed;
}

// --- padding ----------------------------------------------------------------------------------

/// The window operator's own pads plus these; absent if that would not mean the same.
std::optional<std::vector<std::int64_t>> merged_pads(const Model& model, NodeId window,
                                                     const Padding& padding) {
  const bool is_pool = is_standard(model, window, "MaxPool");
  if (!is_pool && !is_standard(model, window, "Conv")) {
    return std::nullopt;
  }
  // A maximum ignores its own padding, so the number must never win, nor stand alone in a window.
  const bool fits =
      is_pool ? padding.value <= std::numeric_limits<float>::lowest() : padding.value == 0;
  const auto mode = string_or(model, window, "auto_pad", "NOTSET");
  if (!fits || (mode != "NOTSET" && mode != "VALID") ||
      model.int_attribute(window, "ceil_mode", 0) != 0 || model.outputs(window).size() != 1) {
    return std::nullopt;
  }
  const auto spatial = static_cast<std::int64_t>(padding.begin.size()) - 2;
  if (spatial < 1 || padding.begin[0] != 0 || padding.begin[1] != 0 || padding.end[0] != 0 ||
      padding.end[1] != 0) {
    return std::nullopt;
  }
  const auto count = static_cast<std::size_t>(spatial);
  auto pads = ints_or(model, window, "pads", std::vector<std::int64_t>(2 * count, 0));
  if (mode == "VALID") {
    pads.assign(2 * count, 0);
  }
  const auto kernel = ints_or(model, window, "kernel_shape", {});
  const auto dilations = ints_or(model, window, "dilations", std::vector<std::int64_t>(count, 1));
  if (pads.size() != 2 * count || dilations.size() != count ||
      (is_pool && kernel.size() != count)) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto begin = padding.begin[i + 2];
    const auto end = padding.end[i + 2];
    pads[i] += begin;
    pads[i + count] += end;
    const bool is_covered =
        !is_pool || (dilations[i] == 1 && pads[i] < kernel[i] && pads[i + count] < kernel[i]);
    if (begin < 0 || end < 0 || !is_covered) {
      return std::nullopt;
    }
  }
  return pads;
}

bool fold_pad(Model& model, NodeId node) {
  const auto padding = padding_of(model, node);
  if (!padding) {
    return false;
  }
  const auto value = model.outputs(node).front();
  const auto readers = model.consumers(value);
  if (readers.empty() || !is_internal(model, value)) {
    return false;
  }
  std::vector<std::vector<std::int64_t>> merged;
  for (const auto reader : readers) {
    auto pads = merged_pads(model, reader, *padding);
    const auto inputs = model.inputs(reader);
    if (!pads || std::count(inputs.begin(), inputs.end(), value) != 1 || inputs.front() != value) {
      return false;
    }
    merged.push_back(std::move(*pads));
  }
  for (std::size_t i = 0; i < readers.size(); ++i) {
    model.remove_attribute(readers[i], "auto_pad");
    model.set_attribute(readers[i], "pads", std::move(merged[i]));
  }
  model.replace_uses(value, input(model, node, 0));
  model.remove_node(node);
  return true;
}

// --- BatchNormalization -----------------------------------------------------------------------

/// Per output channel: weights are multiplied by `factor`, the bias becomes bias x factor + shift.
struct ChannelAffine {
  std::vector<double> factor;
  std::vector<double> shift;
};

std::optional<ChannelAffine> affine_of(const Model& model, NodeId node) {
  if (!is_standard(model, node, "BatchNormalization") || model.outputs(node).size() != 1 ||
      model.int_attribute(node, "training_mode", 0) != 0 ||
      model.int_attribute(node, "spatial", 1) != 1) {
    return std::nullopt;
  }
  const auto scale = constant_floats(model, input(model, node, 1));
  const auto bias = constant_floats(model, input(model, node, 2));
  const auto mean = constant_floats(model, input(model, node, 3));
  const auto variance = constant_floats(model, input(model, node, 4));
  if (!scale || !bias || !mean || !variance || bias->size() != scale->size() ||
      mean->size() != scale->size() || variance->size() != scale->size()) {
    return std::nullopt;
  }
  const auto attribute = model.attribute(node, "epsilon");
  const auto* given = attribute ? std::get_if<float>(&*attribute) : nullptr;
  const auto epsilon = double{given == nullptr ? 1e-5F : *given};
  ChannelAffine affine;
  for (std::size_t c = 0; c < scale->size(); ++c) {
    const auto factor = double{(*scale)[c]} / std::sqrt(double{(*variance)[c]} + epsilon);
    affine.factor.push_back(factor);
    affine.shift.push_back(double{(*bias)[c]} - double{(*mean)[c]} * factor);
  }
  const auto is_finite = [](double number) { return std::isfinite(number); };
  const bool usable = std::all_of(affine.factor.begin(), affine.factor.end(), is_finite) &&
                      std::all_of(affine.shift.begin(), affine.shift.end(), is_finite);
  return usable ? std::optional(std::move(affine)) : std::nullopt;
}

/// Axis of the weights that counts output channels; absent if they are no such weights.
std::optional<std::size_t> output_channel_axis(const Model& model, NodeId convolution) {
  if (is_standard(model, convolution, "Conv")) {
    return 0;
  }
  const bool transposed = is_standard(model, convolution, "ConvTranspose") &&
                          model.int_attribute(convolution, "group", 1) == 1;
  return transposed ? std::optional<std::size_t>(1) : std::nullopt;
}

Tensor scaled(const TensorView& weights, std::size_t axis, std::span<const double> factor) {
  Tensor result(weights);
  const auto values = result.as<float>();
  const auto inner = static_cast<std::size_t>(element_count(weights.shape.subspan(axis + 1)));
  const auto channels = static_cast<std::size_t>(weights.shape[axis]);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(double{values[i]} * factor[i / inner % channels]);
  }
  return result;
}

Result<bool> fold_batch_normalization(Model& model, NodeId node) {
  const auto value = input(model, node, 0);
  const auto convolution = model.producer(value);
  const auto axis = convolution ? output_channel_axis(model, *convolution) : std::nullopt;
  if (!axis || !is_internal(model, value) || model.consumers(value).size() != 1) {
    return false;
  }
  const auto weights_name = input(model, *convolution, 1);
  const auto bias_name = input(model, *convolution, 2);
  const auto type = model.initializer_type(weights_name);
  const auto affine = affine_of(model, node);
  if (!affine || !type || type->dtype != DType::kFloat32 ||
      (!bias_name.empty() && !model.is_constant(bias_name))) {
    return false;
  }
  TESSERA_TRY(const auto weights, model.initializer(weights_name));
  const auto channels = affine->factor.size();
  if (weights.shape.size() <= *axis ||
      weights.shape[*axis] != static_cast<std::int64_t>(channels)) {
    return false;
  }
  std::vector<float> bias(channels, 0.0F);
  if (!bias_name.empty()) {
    TESSERA_TRY(const auto view, model.initializer(bias_name));
    TESSERA_TRY(bias, to_float32(view));
  }
  if (bias.size() != channels) {
    return false;
  }
  for (std::size_t c = 0; c < channels; ++c) {
    bias[c] = static_cast<float>(double{bias[c]} * affine->factor[c] + affine->shift[c]);
  }
  auto folded_weights = scaled(weights, *axis, affine->factor);
  const auto new_weights = model.unique_name(weights_name + "_folded");
  model.set_initializer(new_weights, std::move(folded_weights));
  const auto base = bias_name.empty() ? weights_name + "_bias" : bias_name;
  const auto new_bias = model.unique_name(base + "_folded");
  model.set_initializer(new_bias, Tensor::of(bias, {static_cast<std::int64_t>(channels)}));
  model.set_input(*convolution, 1, new_weights);
  model.set_input(*convolution, 2, new_bias);
  const auto output = model.outputs(node).front();
  model.remove_node(node);
  model.set_output(*convolution, 0, output);
  return true;
}

/// Before opset 13 a Resize must have a region of interest, later it may be absent.
constexpr std::int64_t kOpsetOfOptionalRegion = 13;

bool drop_region(Model& model, NodeId node) {
  const auto region = input(model, node, 1);
  const auto mode = string_or(model, node, "coordinate_transformation_mode", "half_pixel");
  if (region.empty() || !model.is_constant(region) || mode == "tf_crop_and_resize" ||
      model.opset().value_or(0) < kOpsetOfOptionalRegion) {
    return false;
  }
  model.set_input(node, 1, "");
  return true;
}

/// Operators that go with it may stand anywhere in the file; convolutions stay.
std::int64_t fold_slices(Model& model, std::vector<std::string>& touched) {
  std::vector<NodeId> convolutions;
  for (const auto node : model.nodes()) {
    if (is_standard(model, node, "Conv")) {
      convolutions.push_back(node);
    }
  }
  std::int64_t folded = 0;
  for (const auto node : convolutions) {
    const auto weights = input(model, node, 1);
    if (fold_space_to_depth(model, node)) {
      ++folded;
      touched.push_back(weights);
    }
  }
  return folded;
}

/// Weights that lost their last reader; those of others stay, used or not.
void remove_orphans(Model& model, const std::vector<std::string>& candidates) {
  for (const auto& name : candidates) {
    if (model.consumers(name).empty() && is_internal(model, name)) {
      model.remove_initializer(name);
    }
  }
}

}  // namespace

Result<Normalization> normalize_for_quantization(Model& model, const NormalizeOptions& options) {
  Normalization result;
  std::vector<std::string> touched;
  result.removed_identities = remove_identities(model);
  for (const auto node : model.nodes()) {
    const auto read = model.inputs(node);
    if (is_standard(model, node, "Pad") && fold_pad(model, node)) {
      ++result.folded_pads;
      touched.insert(touched.end(), read.begin() + 1, read.end());
    } else if (is_standard(model, node, "Resize") && drop_region(model, node)) {
      ++result.dropped_regions;
      touched.push_back(read[1]);
    } else if (options.fold_batch_normalization && is_standard(model, node, "BatchNormalization")) {
      const auto convolution = model.producer(read.front());
      const auto weights = convolution ? model.inputs(*convolution) : std::vector<std::string>();
      TESSERA_TRY(const bool folded, fold_batch_normalization(model, node));
      if (folded) {
        ++result.folded_batch_normalizations;
        touched.insert(touched.end(), read.begin() + 1, read.end());
        touched.insert(touched.end(), weights.begin() + 1, weights.end());
      }
    }
  }
  result.folded_slices = fold_slices(model, touched);
  remove_orphans(model, touched);
  return result;
}

}  // namespace tessera::onnx
