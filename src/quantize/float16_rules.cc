// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/float16_rules.h"
#include "tessera/onnx/domains.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tessera::quantize {
namespace {

constexpr std::string_view kNoForm = "the operator has no float16 form";
constexpr std::string_view kLoses = "it would lose too much in float16";
constexpr std::string_view kBody = "operators with bodies stay in float32";
constexpr std::string_view kRandom = "it would draw other numbers";
constexpr std::string_view kTyped = "an attribute of its own says the type of its result";
constexpr std::string_view kInteger = "it is part of an integer region";

struct Blocked {
  std::string_view op_type;
  std::string_view reason;
};

/// Types of the standard domain. No form: ONNX does not allow float16 (docs/Operators.md).
constexpr std::array kBlocked = {
    Blocked{"Affine", kNoForm},
    Blocked{"Bernoulli", kRandom},
    Blocked{"BlackmanWindow", kTyped},
    Blocked{"Celu", kNoForm},
    Blocked{"ConcatFromSequence", kNoForm},
    Blocked{"Crop", kNoForm},
    Blocked{"CumSum", kLoses},  // long sums: a term below 1/2048 of the sum vanishes
    Blocked{"DFT", kLoses},
    Blocked{"DequantizeLinear", kInteger},
    Blocked{"DynamicQuantizeLinear", kInteger},
    Blocked{"EyeLike", kTyped},
    Blocked{"GridSample", kLoses},  // coordinates: half a pixel at 1024
    Blocked{"HammingWindow", kTyped},
    Blocked{"HannWindow", kTyped},
    Blocked{"If", kBody},
    Blocked{"ImageScaler", kNoForm},
    Blocked{"Loop", kBody},
    Blocked{"MeanVarianceNormalization", kNoForm},
    Blocked{"MelWeightMatrix", kLoses},
    Blocked{"Multinomial", kRandom},
    Blocked{"NonMaxSuppression", kNoForm},
    Blocked{"Optional", kNoForm},
    Blocked{"OptionalGetElement", kNoForm},
    Blocked{"OptionalHasElement", kNoForm},
    Blocked{"ParametricSoftplus", kNoForm},
    Blocked{"QLinearConv", kInteger},
    Blocked{"QLinearMatMul", kInteger},
    Blocked{"QuantizeLinear", kInteger},
    Blocked{"RandomNormal", kRandom},
    Blocked{"RandomNormalLike", kRandom},
    Blocked{"RandomUniform", kRandom},
    Blocked{"RandomUniformLike", kRandom},
    Blocked{"Range", kNoForm},
    Blocked{"RoiAlign", kLoses},  // coordinates
    Blocked{"STFT", kLoses},
    Blocked{"Scale", kNoForm},
    Blocked{"ScaledTanh", kNoForm},
    Blocked{"Scan", kBody},
    Blocked{"SequenceAt", kNoForm},
    Blocked{"SequenceConstruct", kNoForm},
    Blocked{"SequenceEmpty", kNoForm},
    Blocked{"SequenceErase", kNoForm},
    Blocked{"SequenceInsert", kNoForm},
    Blocked{"SequenceLength", kNoForm},
    Blocked{"SequenceMap", kBody},
    Blocked{"SplitToSequence", kNoForm},
    Blocked{"TfIdfVectorizer", kNoForm},
    Blocked{"Upsample", kNoForm},  // its scales and its data share a type before opset 9
};

/// Operators of com.microsoft whose float inputs and outputs may all be float16.
constexpr std::array<std::string_view, 17> kContributed = {"Attention",
                                                           "BiasGelu",
                                                           "BiasSplitGelu",
                                                           "FastGelu",
                                                           "FusedConv",
                                                           "FusedMatMul",
                                                           "Gelu",
                                                           "GroupNorm",
                                                           "GroupQueryAttention",
                                                           "MatMulNBits",
                                                           "MultiHeadAttention",
                                                           "NhwcConv",
                                                           "QuickGelu",
                                                           "RotaryEmbedding",
                                                           "SimplifiedLayerNormalization",
                                                           "SkipLayerNormalization",
                                                           "SkipSimplifiedLayerNormalization"};

}  // namespace

Result<Tensor> to_float16(const TensorView& tensor, Float16Loss& loss) {
  if (tensor.dtype != DType::kFloat32) {
    return fail(ErrorCode::kInvalidArgument, "a tensor of {} cannot become float16",
                to_string(tensor.dtype));
  }
  constexpr float kLargest = 65504.0F;
  const auto values = tensor.as<float>();
  Tensor result(DType::kFloat16, Shape(tensor.shape.begin(), tensor.shape.end()));
  const auto halves = result.as<std::uint16_t>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    float value = values[i];
    if (std::abs(value) > kLargest && std::isfinite(value)) {
      value = std::copysign(kLargest, value);
      ++loss.clipped;
    }
    halves[i] = float32_to_float16(value);
    loss.flushed += value != 0 && (halves[i] & 0x7fffU) == 0 ? 1 : 0;
  }
  return result;
}

std::string_view reason_for_float32(std::string_view op_type, std::string_view domain,
                                    std::int64_t opset) {
  if (domain == onnx::kMicrosoftDomain) {
    const bool known =
        std::find(kContributed.begin(), kContributed.end(), op_type) != kContributed.end();
    return known ? std::string_view() : kNoForm;
  }
  if (!domain.empty()) {
    return kNoForm;
  }
  if (op_type == "IsInf") {
    return opset < 20 ? kNoForm : std::string_view();
  }
  const auto* const found = std::find_if(kBlocked.begin(), kBlocked.end(), [&](const auto& entry) {
    return entry.op_type == op_type;
  });
  return found == kBlocked.end() ? std::string_view() : found->reason;
}

bool is_float32_input(std::string_view op_type, std::size_t index, std::int64_t opset) {
  if (op_type == "Resize") {
    return opset <= 10 ? index == 1 : index == 1 || index == 2;
  }
  return (op_type == "GroupNorm" || op_type == "SkipGroupNorm") && (index == 1 || index == 2);
}

bool is_float32_output(std::string_view op_type, std::size_t index) {
  // Mean and inverse deviation are computed in float32 (stash_type).
  return op_type.ends_with("LayerNormalization") && index > 0;
}

}  // namespace tessera::quantize
