// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "compat/ort_names.h"
#include "compat/ort_passes.h"
#include "tessera/numerics/qparams.h"

namespace tessera::compat {

/// The integer twin of a float value: names of its integers, scale and zero point.
struct QuantizedValue {
  std::string values;
  std::string scale;
  std::string zero_point;
  std::optional<int> axis;  ///< of a weight with one scale per channel
};

/// What the static and the dynamic operator quantizers of onnxruntime.quantization share: a walk
/// over the operators in file order that remembers which value has an integer twin, quantizes
/// values when an integer operator reads them and dequantizes them when a float operator does.
/// Names, scales and weights are those of the reference, bit for bit.
///
/// Source: behaviour of ONNXQuantizer in onnxruntime.quantization 1.32.
class OrtQuantizer {
 public:
  /// `ranges` is null for dynamic quantization: activations are measured by the model itself.
  OrtQuantizer(onnx::Model& model, const quantize::Scheme& scheme, const calibrate::Ranges* ranges);

  [[nodiscard]] onnx::Model& model() noexcept { return model_; }
  [[nodiscard]] const quantize::Scheme& scheme() const noexcept { return scheme_; }
  [[nodiscard]] std::int64_t opset() const noexcept { return opset_; }

  /// The reference widens nothing: the input of a quantized Relu or Clip that nobody else reads
  /// takes the range of its output, and a quantized Softmax gives 0..1.
  void adjust_ranges(const std::vector<Work>& work);

  [[nodiscard]] bool is_float(std::string_view value) const;
  [[nodiscard]] bool is_float_initializer(std::string_view value) const;
  /// A scale can be had for the value: it has an integer twin, is a weight, or its range is known
  /// (or will be measured at run time).
  [[nodiscard]] bool can_quantize(std::string_view value) const;
  [[nodiscard]] bool has_range(std::string_view value) const;

  [[nodiscard]] const QuantizedValue* find(std::string_view value) const;
  void record(std::string_view value, QuantizedValue quantized);

  [[nodiscard]] bool weight_symmetric(DType dtype) const;

  /// Scale and zero point of a value under the reference's names. `fixed` replaces what its range
  /// would give.
  [[nodiscard]] Result<QuantizedValue> parameters_of(
      std::string_view value, const std::optional<numerics::QParams>& fixed = std::nullopt);
  /// The integer twin, made if there is none: weights with the activation's type, others by
  /// QuantizeLinear or DynamicQuantizeLinear in front of `before`.
  [[nodiscard]] Result<QuantizedValue> quantize_activation(const std::string& value,
                                                           onnx::NodeId before);
  /// The same with the weights' type.
  [[nodiscard]] Result<QuantizedValue> quantize_weight(const std::string& value,
                                                       onnx::NodeId before, bool reduce_range);
  [[nodiscard]] Result<QuantizedValue> quantize_weight_per_channel(const std::string& weight,
                                                                   DType dtype, int axis);
  /// int32 bias of scale input x weight x beta. A weight whose scale is so small that the bias
  /// would overflow gets a larger one.
  [[nodiscard]] Result<std::string> quantize_bias(const std::string& bias, const std::string& input,
                                                  const std::string& weight, float beta = 1);

  /// Float twin of a value that only exists in integers, in front of `before` or at the end.
  void dequantize(const std::string& value, std::optional<onnx::NodeId> before);

  /// An operator stays as it is and reads float values.
  void keep(onnx::NodeId node);
  /// An operator stays, without a look at its inputs.
  void keep_as_is(onnx::NodeId node);
  onnx::NodeId add(const onnx::NodeSpec& spec, onnx::NodeId before);
  /// Adds an operator with the attributes of `node` and removes `node`.
  onnx::NodeId replace(onnx::NodeId node, const onnx::NodeSpec& spec);
  void drop(onnx::NodeId node) { model_.remove_node(node); }
  /// The operator's outputs, which from now on others may make.
  std::vector<std::string> release_outputs(onnx::NodeId node);

  /// Dequantizes graph outputs, drops what nobody reads, signs the model.
  void finish();

  /// Name of a value that is made up from another's.
  [[nodiscard]] std::string made(const std::string& value, std::string_view suffix) {
    return names_.of(value, suffix);
  }
  /// Integers, scale and zero point of a value, by name.
  [[nodiscard]] QuantizedValue twin_of(const std::string& value) {
    return {made(value, "_quantized"), made(value, "_scale"), made(value, "_zero_point"),
            std::nullopt};
  }
  /// Name of the integer operator that takes the place of `node`.
  [[nodiscard]] std::string quantized_name(onnx::NodeId node) const;

 private:
  [[nodiscard]] Result<QuantizedValue> quantize_initializer(const std::string& name, DType dtype,
                                                            bool reduce_range);
  [[nodiscard]] Result<QuantizedValue> quantize_input(const std::string& value, DType dtype,
                                                      bool reduce_range, onnx::NodeId before);
  [[nodiscard]] QuantizedValue quantize_dynamically(const std::string& value, onnx::NodeId before);
  /// Scale and zero point by ReduceMin and ReduceMax, for opsets without DynamicQuantizeLinear.
  void measure(const std::string& value, const QuantizedValue& names, onnx::NodeId before);
  [[nodiscard]] Result<std::vector<float>> scales_of(const std::string& name) const;
  [[nodiscard]] Result<std::vector<float>> widen_weight_scale(const std::string& weight,
                                                              std::vector<float> scales,
                                                              float input_scale,
                                                              const std::string& bias);

  onnx::Model& model_;
  OrtNames names_;
  quantize::Scheme scheme_;
  bool dynamic_ = false;
  std::int64_t opset_ = 0;
  std::map<std::string, numerics::RealRange, std::less<>> ranges_;
  std::map<std::string, QuantizedValue, std::less<>> quantized_;
  /// Values that exist in float: graph inputs and what kept or added operators make.
  std::set<std::string, std::less<>> generated_;
  std::set<std::string> replaced_initializers_;
};

/// What a handler did with an operator: true if it replaced it, false if it has to stay float.
using Handled = Result<bool>;

/// Gather from a constant table: from its integers.
[[nodiscard]] Handled ort_quantize_gather(OrtQuantizer& quantizer, onnx::NodeId node);
/// Operators that only move data compute on the integers if there are any.
[[nodiscard]] Handled ort_pass_integers(OrtQuantizer& quantizer, onnx::NodeId node);

}  // namespace tessera::compat
