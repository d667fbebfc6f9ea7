// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "quantize/qdq_emitter.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/numerics/kernels.h"
#include "tessera/onnx/made_constants.h"
#include "tessera/onnx/model.h"
#include "tessera/quantize/onnx.h"
#include "tessera/quantize/scheme.h"

namespace tessera::quantize {

/// How the weight of an operator is quantized under a scheme.
[[nodiscard]] numerics::QuantSpec weight_spec(const Scheme& scheme, int axis);

/// Collects the constants of quantized operators, then quantizes each once however many operators
/// read it: weights per tensor or per channel, biases to int32 with the product of the scales they
/// are added to.
class WeightQuantizer {
 public:
  WeightQuantizer(onnx::Model& model, QdqEmitter& emitter) : model_(model), emitter_(emitter) {}

  /// A constant that is read like an activation, with a scale that is known.
  void add_constant(onnx::NodeId node, std::size_t input, DType dtype,
                    const numerics::QParams& qparams, const ScaleNames& names);
  /// A weight with the scale of its own values. `axis` < 0, or a scheme that is not per channel:
  /// one scale.
  void add_weight(onnx::NodeId node, std::size_t input, const Scheme& scheme, int axis);
  /// The bias of an operator whose weight was added before. Where its values would not fit 32 bits,
  /// the scale of the weight grows until they do.
  [[nodiscard]] Status add_bias(onnx::NodeId node, std::size_t input, std::string_view type,
                                float input_scale);

  /// The same for a constant that stays float here: the runtime makes integers of it by itself,
  /// with that very scale, and lets those overflow that do not fit.
  [[nodiscard]] Status fit_bias(onnx::NodeId node, const std::string& bias, std::string_view type,
                                float input_scale);

  /// Integers to take instead of those made here, where type and axis are the same.
  void use_overrides(const WeightOverrides* overrides) { overrides_ = overrides; }
  /// Scales of all weights, one entry per reader. After apply().
  void note_scales(std::vector<WeightScale>& out) const;

  /// Weights of up to so many bytes together are quantized at once and kept; above that each is
  /// quantized while the model is written, so that memory does not grow with the model.
  void hold_at_most(std::int64_t bytes) { held_bytes_ = bytes; }

  /// Quantizes everything and rewires the readers. Cost: two passes over the weights, in parallel.
  /// Errors: kDataLoss naming a weight with NaN or infinities.
  [[nodiscard]] Status apply(int threads, Monitor& monitor);

 private:
  struct Use {
    onnx::NodeId node;
    std::size_t input = 0;
  };
  struct Constant {
    std::string name;
    DType dtype;
    numerics::QParams qparams;
    ScaleNames names;
    std::vector<Use> uses;
    Tensor values;
  };
  struct Weight {
    std::string name;
    numerics::QuantSpec spec;
    int axis = -1;
    /// Nobody else looks at its values, perhaps at the same time.
    bool is_only_use = false;
    std::vector<Use> uses;
    std::vector<std::size_t> biases;
    std::vector<numerics::QParams> qparams;
    Tensor values;  ///< stays empty if they are made when the model is written
  };
  struct Bias {
    std::string name;
    Use use;
    std::size_t weight = 0;
    float input_scale = 1;  ///< times alpha of a Gemm
    float beta = 1;
    std::vector<float> values;  ///< one per channel of the weight, or as in the model
    Shape shape;
    int axis = -1;
    bool stays_float = false;
  };
  using WeightKey = std::tuple<std::string, DType, bool, bool, int>;
  using ConstantKey = std::tuple<std::string, std::string>;

  [[nodiscard]] Result<std::optional<Bias>> describe_bias(onnx::NodeId node,
                                                          const std::string& name,
                                                          std::string_view type, float input_scale,
                                                          std::size_t weight) const;
  void fit_biases(Weight& weight) const;
  [[nodiscard]] const WeightOverride* override_of(const Weight& weight) const;
  [[nodiscard]] Status quantize_one(Weight& weight) const;
  /// All weights together, as they are in the model.
  [[nodiscard]] std::int64_t float_bytes() const;
  void store(Weight& weight, const std::string& name);
  [[nodiscard]] Status quantize_one(Constant& constant) const;
  void emit(Weight& weight);
  void emit(Constant& constant);
  void emit(const Bias& bias);

  onnx::Model& model_;
  QdqEmitter& emitter_;
  const WeightOverrides* overrides_ = nullptr;
  std::int64_t held_bytes_ = onnx::kHeldBytes;
  std::vector<Weight> weights_;
  std::vector<Constant> constants_;
  std::vector<Bias> biases_;
  std::map<WeightKey, std::size_t> weight_index_;
  std::map<ConstantKey, std::size_t> constant_index_;
  std::map<std::uint32_t, std::size_t> weight_of_node_;
  /// The model before the weights were taken out of it, if they are quantized while it is written.
  /// Shared by the makers of the weights, which outlive this object.
  std::shared_ptr<const onnx::Model> source_;
};

}  // namespace tessera::quantize
