// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/quantizer_names.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tessera::keras {
namespace {

constexpr std::array<std::pair<std::string_view, ActivationFunction>, 6> kFunctions = {{
    {"hard_sigmoid", ActivationFunction::kHardSigmoid},
    {"smooth_sigmoid", ActivationFunction::kSmoothSigmoid},
    {"binary_sigmoid", ActivationFunction::kBinarySigmoid},
    {"hard_tanh", ActivationFunction::kHardTanh},
    {"smooth_tanh", ActivationFunction::kSmoothTanh},
    {"binary_tanh", ActivationFunction::kBinaryTanh},
}};

}  // namespace

std::span<const Signature> signatures() {
  using enum QuantizerKind;
  static const std::vector<Signature> all = {
      {"quantized_bits",
       kBits,
       {"bits", "integer", "symmetric", "keep_negative", "alpha", "use_stochastic_rounding",
        "scale_axis", "qnoise_factor", "var_name", "use_ste", "use_variables", "elements_per_scale",
        "min_po2_exponent", "max_po2_exponent", "post_training_scale"}},
      {"quantized_linear",
       kLinear,
       {"bits", "integer", "symmetric", "keep_negative", "alpha", "use_stochastic_rounding",
        "scale_axis", "qnoise_factor", "var_name", "use_variables"}},
      {"binary",
       kBinary,
       {"use_01", "alpha", "use_stochastic_rounding", "scale_axis", "elements_per_scale",
        "min_po2_exponent", "max_po2_exponent"}},
      {"stochastic_binary", kBinary, {"alpha", "temperature", "use_real_sigmoid"}},
      {"ternary", kTernary, {"alpha", "threshold", "use_stochastic_rounding", "number_of_unrolls"}},
      {"stochastic_ternary",
       kTernary,
       {"alpha", "threshold", "temperature", "use_real_sigmoid", "number_of_unrolls"}},
      {"quantized_relu",
       kRelu,
       {"bits", "integer", "use_sigmoid", "negative_slope", "use_stochastic_rounding",
        "relu_upper_bound", "is_quantized_clip", "qnoise_factor", "var_name", "use_ste",
        "use_variables", "enable_fast_inference"}},
      {"quantized_ulaw", kUlaw, {"bits", "integer", "symmetric", "u"}},
      {"quantized_tanh", kTanh, {"bits", "use_stochastic_rounding", "symmetric", "use_real_tanh"}},
      {"quantized_sigmoid",
       kSigmoid,
       {"bits", "symmetric", "use_real_sigmoid", "use_stochastic_rounding"}},
      {"quantized_po2",
       kPo2,
       {"bits", "max_value", "use_stochastic_rounding", "quadratic_approximation", "log2_rounding",
        "qnoise_factor", "var_name", "use_ste", "use_variables"}},
      {"quantized_relu_po2",
       kReluPo2,
       {"bits", "max_value", "negative_slope", "use_stochastic_rounding", "quadratic_approximation",
        "log2_rounding", "qnoise_factor", "var_name", "use_ste", "use_variables"}},
      {"quantized_hswish",
       kHardSwish,
       {"bits", "integer", "symmetric", "alpha", "use_stochastic_rounding", "scale_axis",
        "qnoise_factor", "var_name", "use_ste", "use_variables", "relu_shift", "relu_upper_bound",
        "keep_negative"}},
  };
  return all;
}

const Signature* signature_of(std::string_view name) {
  const auto all = signatures();
  const auto found = std::ranges::find(all, name, &Signature::name);
  return found == all.end() ? nullptr : &*found;
}

std::optional<ActivationFunction> function_of(std::string_view name) {
  const auto* const found =
      std::ranges::find(kFunctions, name, &std::pair<std::string_view, ActivationFunction>::first);
  return found == kFunctions.end() ? std::nullopt : std::optional(found->second);
}

std::string_view bare_name(std::string_view name) {
  const auto at = name.find_last_of(">.");
  return at == std::string_view::npos ? name : name.substr(at + 1);
}

}  // namespace tessera::keras
