// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

/// QKeras quantizers: what a configuration says, and what they make of numbers in inference.
/// Rules are those of QKeras 0.9.0 and of quantized_linear in its source tree, in float32, with
/// numbers below 2^-126 taken for zero as TensorFlow takes them.
namespace tessera::keras {

enum class QuantizerKind : std::uint8_t {
  kBits,       ///< quantized_bits
  kLinear,     ///< quantized_linear
  kBinary,     ///< binary, stochastic_binary
  kTernary,    ///< ternary, stochastic_ternary
  kRelu,       ///< quantized_relu
  kUlaw,       ///< quantized_ulaw
  kTanh,       ///< quantized_tanh
  kSigmoid,    ///< quantized_sigmoid
  kPo2,        ///< quantized_po2
  kReluPo2,    ///< quantized_relu_po2
  kHardSwish,  ///< quantized_hswish
  kFunction,   ///< hard_sigmoid, binary_tanh and their like, which have no parameters
};

/// Where the factor of a grid comes from.
enum class ScaleRule : std::uint8_t {
  kNone,     ///< alpha=None: 1
  kFixed,    ///< a number
  kAuto,     ///< from the data: least squares, or the largest value
  kAutoPo2,  ///< from the data, a power of two
};

/// Piecewise linear functions that QKeras has beside its quantizers.
enum class ActivationFunction : std::uint8_t {
  kHardSigmoid,    ///< clip(x/2 + 1/2, 0, 1), other than either Keras has it
  kSmoothSigmoid,  ///< clip(3x/16 + 1/2, 0, 1)
  kBinarySigmoid,  ///< the hard one, rounded
  kHardTanh,       ///< twice the sigmoid of that name, less 1
  kSmoothTanh,
  kBinaryTanh,
};

/// What a configuration says. Fields that a kind does not have keep their defaults.
struct Quantizer {
  QuantizerKind kind = QuantizerKind::kBits;
  std::string name;  ///< as QKeras calls it: "stochastic_ternary"
  ActivationFunction function = ActivationFunction::kHardSigmoid;
  int bits = 8;     ///< 1 to 32
  int integer = 0;  ///< bits left of the point, without the sign
  /// Instead of `integer`, one per extent of the last axis: a frozen QAdaptiveActivation.
  std::vector<int> channel_integers;
  bool symmetric = false;
  bool keep_negative = true;
  ScaleRule scale = ScaleRule::kNone;
  float alpha = 1;                         ///< of ScaleRule::kFixed
  std::optional<std::int64_t> scale_axis;  ///< absent: the last one
  std::optional<int> min_exponent;         ///< of an automatic power of two
  std::optional<int> max_exponent;
  std::vector<float> trained_scale;  ///< post_training_scale: instead of one from data
  /// After a search for a power of two the codes are found anew with it: what QKeras does after
  /// 0.9.0, whose configurations have a post_training_scale.
  bool codes_last = false;
  float negative_slope = 0;          ///< of the ReLUs; a power of two or 0
  bool use_sigmoid = false;          ///< quantized_relu
  std::optional<float> upper_bound;  ///< quantized_relu without is_quantized_clip
  float threshold = 0.33F;           ///< ternary with a fixed scale
  int unrolls = 5;                   ///< ternary: steps to its automatic scale
  bool zero_one = false;             ///< binary: {0, 1} instead of {-1, 1}
  std::optional<float> max_value;    ///< of the powers of two
  bool quadratic = false;            ///< even exponents only
  bool floor_log2 = false;           ///< log2_rounding="floor"
  bool real = false;                 ///< use_real_tanh, use_real_sigmoid
  float mu = 255;                    ///< quantized_ulaw
  float shift = 3;                   ///< quantized_hswish: relu_shift
  float bound = 6;                   ///< quantized_hswish: relu_upper_bound
};

/// Whether a configuration (an object or a text) names a quantizer of QKeras and not an activation
/// of Keras, "relu", or nothing. True as well for those that parse_quantizer() refuses (bernoulli).
/// "hard_sigmoid" is true: QKeras layers mean their own. Ask it for QKeras layers alone.
[[nodiscard]] bool names_quantizer(const Json& config);

/// Reads a quantizer: null, a text ("quantized_bits(4, 0, 1, alpha='auto_po2')", arguments by
/// place and by name), or an object {class_name, config, ...} of either dialect. `where` begins
/// errors: "layer 'conv1': kernel_quantizer".
/// Errors: kUnimplemented for unknown quantizers and arguments, for what is random in inference
/// (bernoulli) and for values that no release has; kInvalidArgument for values of a wrong kind or
/// beyond what the quantizer can have; kDataLoss for a text that does not parse.
[[nodiscard]] Result<std::optional<Quantizer>> parse_quantizer(const Json& config,
                                                               std::string_view where);

/// As QKeras writes it: "quantized_bits(4,0,1,alpha='auto_po2')".
[[nodiscard]] std::string to_string(const Quantizer& quantizer);

/// What the parameter is to its layer, which some layers change the quantizer for.
enum class WeightUse : std::uint8_t {
  kKernel,           ///< also pointwise and recurrent kernels
  kDepthwiseKernel,  ///< [H, W, C, M]; as QKeras has it, one scale per m and not per channel
  kBias,
  kGamma,
  kBeta,
  kMean,
  kVariance,
};

/// The quantizer as a layer uses it: for kernels, gamma and variance a scale of None becomes a
/// power of two from the data, on a symmetric grid.
[[nodiscard]] Quantizer as_used(Quantizer quantizer, WeightUse use);

/// The integers of values on an affine grid with zero at zero: value = integer * scale, exactly in
/// float32 (denormal products aside).
struct Codes {
  Tensor integers;                   ///< the narrowest of int8, uint8, int16, uint16 and int32
  std::vector<float> scales;         ///< one, or one per extent of `axis`
  std::optional<std::int64_t> axis;  ///< of the layout of the weight as given
  int bits = 0;                      ///< that a code needs: 1 for {-1, 1}
  std::int64_t low = 0;              ///< the least code of the grid, whether used or not
  std::int64_t high = 0;
};

struct QuantizedWeight {
  Tensor values;  ///< float32, shape of the weight
  /// Absent where the grid is not affine (powers of two, u-law) and where it goes beyond 2^24.
  std::optional<Codes> codes;
  /// What QKeras publishes as `scale` for a scale from data; empty otherwise. One, or one per
  /// extent of the axis that has scales of its own.
  std::vector<float> published_scale;
};

/// What a layer multiplies with: on the grid, where QKeras in training form may be one unit in
/// the last place beside it.
/// Errors: kDataLoss for NaN and infinities; kUnimplemented for dtypes that are no floats, and for
/// combinations that QKeras gives NaN for (one bit and a scale from data).
/// Cost: O(elements), times 5 where a scale is searched.
[[nodiscard]] Result<QuantizedWeight> quantize_weight(const Quantizer& quantizer,
                                                      const TensorView& weight, WeightUse use);

/// The quantizer element by element, as an activation; scales from data are taken from all of
/// `values`. NaN stays NaN. Errors: as quantize_weight(), but for NaN and infinities.
[[nodiscard]] Result<Tensor> apply(const Quantizer& quantizer, const TensorView& values);

/// Bits left of the point that a QAdaptiveActivation has when its averages stand at `low` and
/// `high`. `po2_rounding`: the nearest power of two instead of the next.
[[nodiscard]] int adaptive_integer_bits(float low, float high, int bits, bool symmetric,
                                        bool keep_negative, bool po2_rounding);

/// The quantizer of a QAdaptiveActivation in inference, from its configuration and the averages
/// `ema_min` and `ema_max` (one element, or one per channel).
/// Errors: kUnimplemented for another activation than quantized_bits and quantized_relu;
/// kInvalidArgument for averages of different sizes or that are no numbers.
[[nodiscard]] Result<Quantizer> adaptive_quantizer(const Json& config, const TensorView& ema_min,
                                                   const TensorView& ema_max,
                                                   std::string_view where);

}  // namespace tessera::keras
