// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "tessera/core/result.h"
#include "tessera/onnx/made_constants.h"
#include "tessera/onnx/model.h"
#include "tessera/quantize/scheme.h"

namespace tessera::quantize {

/// Names of integers, their scale and their zero point.
struct IntegerNames {
  std::string values;
  std::string scale;
  std::string zero_point;
};

/// How a weight is stored.
struct WeightForm {
  DType dtype = DType::kInt8;
  bool symmetric = true;
  bool reduce_range = false;
  int axis = -1;           ///< -1: one scale for all
  bool transpose = false;  ///< the last two dimensions, after quantizing
  float factor = 1;        ///< the scale is multiplied by it
  /// Of per-channel scales, if they are to be broadcast; all channels then share a zero point.
  Shape scale_shape = {};
};

/// What a scheme says of weights: one scale for all unless an axis is set.
[[nodiscard]] WeightForm weight_form(const Scheme& scheme);

/// Integer weights of a model, each made once per form, however many operators share it.
class DynamicWeights {
 public:
  explicit DynamicWeights(onnx::Model& model) : model_(model), made_(model) {}

  /// Symmetric u8 weights are s8 ones moved by 128, so that both types hold the same real values.
  [[nodiscard]] Result<IntegerNames> store(const std::string& weight, const WeightForm& form);

  /// Weights [directions, 4 x hidden, inputs] of an LSTM as integers [directions, inputs,
  /// 4 x hidden], with one scale per direction or per row.
  [[nodiscard]] Result<IntegerNames> store_lstm(const std::string& weight, const Scheme& scheme);

 private:
  struct Integers {
    Tensor values;
    Tensor scales;
    Tensor zero_points;
  };
  [[nodiscard]] static Result<Integers> make(const onnx::Model& model, const std::string& weight,
                                             const WeightForm& form);
  [[nodiscard]] static Result<Integers> make_lstm(const onnx::Model& model,
                                                  const std::string& weight, const WeightForm& form,
                                                  bool per_channel);
  /// `make` gives the integers of the weight in a model.
  template <class Make>
  [[nodiscard]] Result<IntegerNames> add(const std::string& weight, const Make& make);

  onnx::Model& model_;
  onnx::MadeConstants made_;
  std::map<std::string, IntegerNames, std::less<>> stored_;
};

}  // namespace tessera::quantize
