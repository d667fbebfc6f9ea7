// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/litert_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "tessera/litert/builtin.h"

namespace tessera::quantize {
namespace {

using litert::Builtin;
using litert::Content;
using litert::ElementType;
using litert::Operator;
using litert::Subgraph;
using litert::Tensor;

/// An operator with kernels on integers: with int8 activations since `version8`, with int16 ones
/// since `version16` (0: there is none).
struct Row {
  Builtin code;
  Gain gain;
  LitertScale scale;
  std::int32_t version8;
  std::int32_t version16;
};

constexpr auto kOwn = LitertScale::kOwnRange;
constexpr auto kMoved = LitertScale::kOfInputs;
constexpr auto kKnown = LitertScale::kByFunction;

constexpr auto kRows = std::to_array<Row>({
    {Builtin::kConv2d, Gain::kArithmetic, kOwn, 3, 4},
    {Builtin::kDepthwiseConv2d, Gain::kArithmetic, kOwn, 3, 5},
    {Builtin::kTransposeConv, Gain::kArithmetic, kOwn, 2, 3},
    {Builtin::kFullyConnected, Gain::kArithmetic, kOwn, 4, 7},
    {Builtin::kBatchMatmul, Gain::kArithmetic, kOwn, 2, 3},
    {Builtin::kAdd, Gain::kCompany, kOwn, 2, 3},
    {Builtin::kSub, Gain::kCompany, kOwn, 2, 5},
    {Builtin::kMul, Gain::kCompany, kOwn, 2, 4},
    {Builtin::kSquaredDifference, Gain::kCompany, kOwn, 2, 0},
    {Builtin::kMean, Gain::kCompany, kOwn, 2, 3},
    {Builtin::kSum, Gain::kCompany, kOwn, 2, 0},
    {Builtin::kRelu, Gain::kCompany, kOwn, 2, 3},
    {Builtin::kRelu6, Gain::kCompany, kOwn, 2, 3},
    {Builtin::kReluN1To1, Gain::kCompany, kOwn, 1, 0},
    {Builtin::kLeakyRelu, Gain::kCompany, kOwn, 1, 2},
    {Builtin::kPrelu, Gain::kCompany, kOwn, 1, 0},
    {Builtin::kHardSwish, Gain::kCompany, kOwn, 1, 0},
    {Builtin::kElu, Gain::kCompany, kOwn, 1, 0},
    {Builtin::kGelu, Gain::kCompany, kOwn, 2, 0},
    {Builtin::kExp, Gain::kCompany, kOwn, 2, 0},
    {Builtin::kRsqrt, Gain::kCompany, kOwn, 2, 0},
    {Builtin::kAbs, Gain::kCompany, kOwn, 2, 0},
    {Builtin::kLogistic, Gain::kCompany, kKnown, 2, 3},
    {Builtin::kTanh, Gain::kCompany, kKnown, 2, 3},
    {Builtin::kSoftmax, Gain::kCompany, kKnown, 2, 3},
    {Builtin::kLogSoftmax, Gain::kCompany, kKnown, 2, 0},
    {Builtin::kL2Normalization, Gain::kCompany, kKnown, 2, 0},
    {Builtin::kAveragePool2d, Gain::kCompany, kMoved, 2, 3},
    {Builtin::kMaxPool2d, Gain::kMovement, kMoved, 2, 3},
    {Builtin::kMaximum, Gain::kCompany, kMoved, 2, 4},
    {Builtin::kMinimum, Gain::kCompany, kMoved, 2, 4},
    {Builtin::kReduceMax, Gain::kCompany, kMoved, 2, 3},
    {Builtin::kReduceMin, Gain::kCompany, kMoved, 2, 3},
    {Builtin::kResizeBilinear, Gain::kCompany, kMoved, 2, 4},
    {Builtin::kResizeNearestNeighbor, Gain::kMovement, kMoved, 2, 4},
    {Builtin::kReshape, Gain::kMovement, kMoved, 1, 1},
    {Builtin::kSqueeze, Gain::kMovement, kMoved, 1, 1},
    {Builtin::kExpandDims, Gain::kMovement, kMoved, 1, 1},
    {Builtin::kTranspose, Gain::kMovement, kMoved, 2, 5},
    {Builtin::kPad, Gain::kMovement, kMoved, 2, 3},
    {Builtin::kPadv2, Gain::kMovement, kMoved, 2, 3},
    {Builtin::kMirrorPad, Gain::kMovement, kMoved, 2, 3},
    {Builtin::kSlice, Gain::kMovement, kMoved, 2, 4},
    {Builtin::kStridedSlice, Gain::kMovement, kMoved, 2, 4},
    {Builtin::kSplit, Gain::kMovement, kMoved, 2, 4},
    {Builtin::kSplitV, Gain::kMovement, kMoved, 2, 2},
    {Builtin::kConcatenation, Gain::kMovement, kMoved, 2, 3},
    {Builtin::kPack, Gain::kMovement, kMoved, 2, 3},
    {Builtin::kUnpack, Gain::kMovement, kMoved, 2, 4},
    {Builtin::kGather, Gain::kMovement, kMoved, 2, 4},
    {Builtin::kGatherNd, Gain::kMovement, kMoved, 1, 3},
    {Builtin::kSpaceToDepth, Gain::kMovement, kMoved, 2, 0},
    {Builtin::kDepthToSpace, Gain::kMovement, kMoved, 2, 0},
    {Builtin::kSpaceToBatchNd, Gain::kMovement, kMoved, 2, 4},
    {Builtin::kBatchToSpaceNd, Gain::kMovement, kMoved, 2, 4},
    {Builtin::kReverseV2, Gain::kMovement, kMoved, 3, 0},
    {Builtin::kTile, Gain::kMovement, kMoved, 3, 0},
    {Builtin::kBroadcastTo, Gain::kMovement, kMoved, 3, 3},
    {Builtin::kSelect, Gain::kMovement, kMoved, 2, 2},
    {Builtin::kSelectV2, Gain::kMovement, kMoved, 1, 1},
});

const Row* row_of(Builtin code) {
  const auto* found =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& row) { return row.code == code; });
  return found == kRows.end() ? nullptr : found;
}

/// Kernels that take their inputs in float and round them at run time, with integer weights.
struct Hybrid {
  Builtin code;
  int axis;  ///< -1: one scale for the weight
  std::optional<std::uint16_t> asymmetric;
  std::int32_t version;             ///< inputs rounded symmetrically, one scale
  std::int32_t version_asymmetric;  ///< inputs rounded asymmetrically, one scale
  std::int32_t version_channels;    ///< a scale per channel
  std::vector<std::size_t> weights;
};

const std::vector<Hybrid>& hybrids() {
  static const std::vector<Hybrid> kHybrids = {
      {Builtin::kConv2d, 0, std::nullopt, 2, 2, 5, {1}},
      {Builtin::kDepthwiseConv2d, 3, std::nullopt, 4, 4, 6, {1}},
      {Builtin::kFullyConnected, -1, 3, 3, 9, 12, {1}},
      {Builtin::kBatchMatmul, -1, 2, 1, 4, 4, {1}},
      {Builtin::kEmbeddingLookup, -1, std::nullopt, 3, 3, 4, {1}},
      {Builtin::kRnn, -1, 1, 2, 3, 3, {1, 2}},
      {Builtin::kUnidirectionalSequenceRnn, -1, 2, 2, 3, 3, {1, 2}},
      {Builtin::kUnidirectionalSequenceLstm, -1, 4, 2, 3, 3, {1, 2, 3, 4, 5, 6, 7, 8, 16}},
  };
  return kHybrids;
}

const Hybrid* hybrid_of(Builtin code) {
  const auto& all = hybrids();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Hybrid& row) { return row.code == code; });
  return found == all.end() ? nullptr : &*found;
}

/// Operators whose constants may be stored in another type and be brought back when the model is
/// loaded.
constexpr auto kStoring = std::to_array<Builtin>(
    {Builtin::kConv2d, Builtin::kDepthwiseConv2d, Builtin::kTransposeConv, Builtin::kFullyConnected,
     Builtin::kBatchMatmul, Builtin::kGather, Builtin::kPrelu, Builtin::kAdd, Builtin::kSub,
     Builtin::kMul, Builtin::kConv3d});

const Tensor* tensor_at(const Subgraph& subgraph, const std::vector<std::int32_t>& list,
                        std::size_t place) {
  return place < list.size() && list[place] >= 0
             ? &subgraph.tensors[static_cast<std::size_t>(list[place])]
             : nullptr;
}

/// What the operator computes on, behind shapes and axes that come first.
std::size_t place_of_values(Builtin code) {
  switch (code) {
    case Builtin::kTransposeConv:
      return 2;
    case Builtin::kSplit:
    case Builtin::kSelect:
    case Builtin::kSelectV2:
    case Builtin::kEmbeddingLookup:
      return 1;
    default:
      return 0;
  }
}

bool is_product(Builtin code) {
  switch (code) {
    case Builtin::kConv2d:
    case Builtin::kDepthwiseConv2d:
    case Builtin::kTransposeConv:
    case Builtin::kFullyConnected:
      return true;
    default:
      return false;
  }
}

std::vector<Role> roles_of(const Subgraph& subgraph, const Operator& op, Builtin code) {
  std::vector<Role> roles;
  const auto values = place_of_values(code);
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const auto* const tensor = tensor_at(subgraph, op.inputs, i);
    const bool real = tensor != nullptr && tensor->type == ElementType::kFloat32;
    auto role = real ? Role::kActivation : Role::kOther;
    if (is_product(code) && tensor != nullptr) {
      role = i == values ? Role::kActivation
             : i == 1    ? Role::kWeight
             : i > 1     ? Role::kBias
                         : Role::kOther;
    }
    roles.push_back(role);
  }
  return roles;
}

int channel_axis(Builtin code) {
  switch (code) {
    case Builtin::kConv2d:
    case Builtin::kTransposeConv:
      return 0;
    case Builtin::kDepthwiseConv2d:
      return 3;
    default:
      return -1;
  }
}

Failure stays(std::string_view reason) {
  return fail(ErrorCode::kUnimplemented, "{}", reason);
}

/// Weights in another order than that of the shape.
bool has_shuffled_weights(const Operator& op, Builtin code) {
  constexpr std::uint16_t kWeightsFormat = 1;
  return code == Builtin::kFullyConnected && op.options.int_or(kWeightsFormat, 0) != 0;
}

/// The first release with a version, for those that quantizing may write.
struct Release {
  Builtin code;
  std::int32_t version;
  std::string_view release;
};
constexpr auto kReleases = std::to_array<Release>({
    {Builtin::kConv2d, 3, "1.14.0"},
    {Builtin::kConv2d, 4, "2.3.0"},
    {Builtin::kConv2d, 5, "2.4.0"},
    {Builtin::kConv2d, 6, "2.9.0"},
    {Builtin::kDepthwiseConv2d, 3, "1.14.0"},
    {Builtin::kDepthwiseConv2d, 4, "2.2.0"},
    {Builtin::kDepthwiseConv2d, 5, "2.3.0"},
    {Builtin::kDepthwiseConv2d, 6, "2.3.0"},
    {Builtin::kTransposeConv, 2, "2.2.0"},
    {Builtin::kTransposeConv, 3, "2.3.0"},
    {Builtin::kTransposeConv, 4, "2.13.0"},
    {Builtin::kFullyConnected, 3, "1.14.0"},
    {Builtin::kFullyConnected, 4, "1.14.0"},
    {Builtin::kFullyConnected, 5, "2.0.0"},
    {Builtin::kFullyConnected, 6, "2.1.0"},
    {Builtin::kFullyConnected, 7, "2.3.0"},
    {Builtin::kFullyConnected, 9, "2.3.0"},
    {Builtin::kFullyConnected, 12, "2.17.0"},
    {Builtin::kBatchMatmul, 2, "2.3.0"},
    {Builtin::kBatchMatmul, 3, "2.4.0"},
    {Builtin::kBatchMatmul, 4, "2.5.0"},
    {Builtin::kAdd, 3, "2.4.0"},
    {Builtin::kSub, 5, "2.4.0"},
    {Builtin::kMul, 3, "1.15.0"},
    {Builtin::kMul, 4, "2.3.0"},
    {Builtin::kSquaredDifference, 2, "2.5.0"},
    {Builtin::kMean, 3, "2.4.0"},
    {Builtin::kSum, 2, "1.15.0"},
    {Builtin::kRelu, 2, "2.1.0"},
    {Builtin::kRelu, 3, "2.5.0"},
    {Builtin::kRelu6, 3, "2.5.0"},
    {Builtin::kLeakyRelu, 2, "2.3.0"},
    {Builtin::kHardSwish, 1, "1.15.0"},
    {Builtin::kGelu, 2, "2.9.0"},
    {Builtin::kExp, 2, "2.12.0"},
    {Builtin::kRsqrt, 2, "2.5.0"},
    {Builtin::kAbs, 2, "2.4.0"},
    {Builtin::kLogistic, 3, "2.3.0"},
    {Builtin::kTanh, 3, "2.3.0"},
    {Builtin::kSoftmax, 3, "2.3.0"},
    {Builtin::kAveragePool2d, 3, "2.3.0"},
    {Builtin::kMaxPool2d, 3, "2.3.0"},
    {Builtin::kMaximum, 4, "2.3.0"},
    {Builtin::kMinimum, 4, "2.3.0"},
    {Builtin::kReduceMax, 3, "2.5.0"},
    {Builtin::kReduceMin, 3, "2.5.0"},
    {Builtin::kResizeBilinear, 3, "2.2.0"},
    {Builtin::kResizeBilinear, 4, "2.5.0"},
    {Builtin::kResizeNearestNeighbor, 3, "2.3.0"},
    {Builtin::kResizeNearestNeighbor, 4, "2.4.0"},
    {Builtin::kTranspose, 5, "2.4.0"},
    {Builtin::kPad, 3, "2.4.0"},
    {Builtin::kPadv2, 3, "2.4.0"},
    {Builtin::kMirrorPad, 2, "2.3.0"},
    {Builtin::kMirrorPad, 3, "2.12.0"},
    {Builtin::kSlice, 4, "2.4.0"},
    {Builtin::kStridedSlice, 4, "2.2.0"},
    {Builtin::kSplit, 4, "2.3.0"},
    {Builtin::kSplitV, 2, "2.3.0"},
    {Builtin::kConcatenation, 3, "2.3.0"},
    {Builtin::kPack, 3, "2.3.0"},
    {Builtin::kUnpack, 4, "2.3.0"},
    {Builtin::kGather, 4, "2.4.0"},
    {Builtin::kGatherNd, 3, "2.5.0"},
    {Builtin::kDepthToSpace, 2, "2.5.0"},
    {Builtin::kSpaceToBatchNd, 4, "2.12.0"},
    {Builtin::kBatchToSpaceNd, 4, "2.12.0"},
    {Builtin::kReverseV2, 3, "2.5.0"},
    {Builtin::kTile, 3, "2.8.0"},
    {Builtin::kBroadcastTo, 3, "2.5.0"},
    {Builtin::kSelectV2, 1, "2.2.0"},
    {Builtin::kEmbeddingLookup, 3, "1.14.0"},
    {Builtin::kEmbeddingLookup, 4, "2.18.0"},
    {Builtin::kRnn, 3, "2.3.0"},
    {Builtin::kUnidirectionalSequenceRnn, 3, "2.3.0"},
    {Builtin::kUnidirectionalSequenceLstm, 3, "2.3.0"},
    {Builtin::kQuantize, 1, "1.14.0"},
    {Builtin::kQuantize, 2, "1.15.0"},
    {Builtin::kDequantize, 2, "1.14.0"},
    {Builtin::kDequantize, 3, "1.15.0"},
    {Builtin::kDequantize, 5, "2.7.0"},
    {Builtin::kDequantize, 6, "2.18.0"},
});

bool has_channels(const Tensor& tensor) {
  return tensor.quantization && tensor.quantization->scales.size() > 1;
}

std::int32_t version_of_conversion(const Tensor& from, const Tensor& to, bool quantizes) {
  if (quantizes) {
    return to.type == ElementType::kInt16 ? 2 : 1;
  }
  switch (from.type) {
    case ElementType::kInt4:
      return 6;
    case ElementType::kInt16:
    case ElementType::kFloat16:
      return 3;
    case ElementType::kInt8:
      return has_channels(from) ? 5 : 2;
    default:
      return 1;
  }
}

/// The product of the scales of a multiplication is that of its result at least.
bool scales_up(const Subgraph& subgraph, const Operator& op) {
  const auto scale = [](const Tensor* tensor) {
    return tensor != nullptr && tensor->quantization && !tensor->quantization->scales.empty()
               ? tensor->quantization->scales.front()
               : 0.0F;
  };
  const auto result = scale(tensor_at(subgraph, op.outputs, 0));
  const auto product =
      scale(tensor_at(subgraph, op.inputs, 0)) * scale(tensor_at(subgraph, op.inputs, 1));
  return result > 0 && product / result >= 1;
}

std::int32_t version_with_integer_weights(const Hybrid& hybrid, const Operator& op,
                                          const Tensor& weight) {
  if (has_channels(weight)) {
    return hybrid.version_channels;
  }
  const bool asymmetric = hybrid.asymmetric && op.options.int_or(*hybrid.asymmetric, 0) != 0;
  return asymmetric ? hybrid.version_asymmetric : hybrid.version;
}

}  // namespace

Result<LitertRule> litert_rule(const Content& content, const Subgraph& subgraph, const Operator& op,
                               DType activation) {
  const auto code = content.code(op).code;
  const auto* const row = row_of(code);
  if (code == Builtin::kQuantize || code == Builtin::kDequantize) {
    return stays("it quantizes already");
  }
  const auto* const values = tensor_at(subgraph, op.inputs, place_of_values(code));
  if (values != nullptr && values->type != ElementType::kFloat32) {
    return stays(values->quantization && !values->quantization->scales.empty()
                     ? "it computes on integers already"
                     : fmt::format("it reads {}", litert::to_string(values->type)));
  }
  if (row == nullptr) {
    return stays("the runtime has no integer kernel for it");
  }
  if (activation == DType::kInt16 && row->version16 == 0) {
    return stays("the runtime has no kernel for it on int16");
  }
  if (values == nullptr) {
    return stays("it has no input");
  }
  if (has_shuffled_weights(op, code)) {
    return stays("its weights stand in an order of their own");
  }
  for (std::size_t i = 0; i < op.outputs.size(); ++i) {
    const auto* const output = tensor_at(subgraph, op.outputs, i);
    if (output != nullptr && output->type != ElementType::kFloat32) {
      return stays(fmt::format("it makes {}", litert::to_string(output->type)));
    }
  }
  LitertRule rule{row->gain, row->scale, roles_of(subgraph, op, code), channel_axis(code)};
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const auto* const tensor = tensor_at(subgraph, op.inputs, i);
    if (tensor != nullptr && tensor->is_variable) {
      return stays("it keeps a state");
    }
  }
  return rule;
}

Result<LitertWeights> litert_weights(const Content& content, const Operator& op) {
  const auto code = content.code(op).code;
  const auto* const hybrid = hybrid_of(code);
  if (has_shuffled_weights(op, code)) {
    return stays("its weights stand in an order of their own");
  }
  if (hybrid != nullptr) {
    return LitertWeights{hybrid->weights, hybrid->axis, hybrid->asymmetric, true};
  }
  if (code == Builtin::kTransposeConv || code == Builtin::kConv3d) {
    return LitertWeights{{1}, channel_axis(code), std::nullopt, false};
  }
  return stays("it has no weights that the runtime takes in integers");
}

numerics::QParams litert_function_scale(Builtin code, DType activation) {
  if (activation == DType::kInt16) {
    constexpr float kSteps = 32768;
    return {1 / kSteps, 0};
  }
  constexpr float kUnit = 1.0F / 256;    // [0, 1)
  constexpr float kSigned = 1.0F / 128;  // [-1, 1)
  constexpr float kLogarithms = 16.0F / 256;
  switch (code) {
    case Builtin::kTanh:
    case Builtin::kL2Normalization:
      return {kSigned, 0};
    case Builtin::kLogSoftmax:
      return {kLogarithms, 127};
    default:
      return {kUnit, -128};
  }
}

std::int32_t litert_version(const Content& content, const Subgraph& subgraph, const Operator& op) {
  const auto& code = content.code(op);
  const auto* const values = tensor_at(subgraph, op.inputs, place_of_values(code.code));
  const auto* const result = tensor_at(subgraph, op.outputs, 0);
  if (values == nullptr || result == nullptr) {
    return code.version;
  }
  if (code.code == Builtin::kQuantize || code.code == Builtin::kDequantize) {
    return std::max(code.version,
                    version_of_conversion(*values, *result, code.code == Builtin::kQuantize));
  }
  if (const auto* row = row_of(code.code); row != nullptr && values->quantization) {
    if (values->type == ElementType::kInt16) {
      return std::max(code.version, row->version16);
    }
    if (values->type == ElementType::kInt8) {
      const bool up = code.code == Builtin::kMul && scales_up(subgraph, op);
      return std::max({code.version, row->version8, up ? 3 : 0});
    }
  }
  const auto* const hybrid = hybrid_of(code.code);
  const auto* const weight =
      hybrid == nullptr ? nullptr : tensor_at(subgraph, op.inputs, hybrid->weights.front());
  if (weight != nullptr && weight->type == ElementType::kInt8 &&
      result->type == ElementType::kFloat32) {
    return std::max(code.version, version_with_integer_weights(*hybrid, op, *weight));
  }
  return code.version;
}

std::string_view litert_release(Builtin code, std::int32_t version) {
  const auto* found = std::find_if(kReleases.begin(), kReleases.end(), [&](const Release& row) {
    return row.code == code && row.version == version;
  });
  if (found != kReleases.end()) {
    return found->release;
  }
  // Of all others, version 2 is what int8 came with.
  return version == 2 && row_of(code) != nullptr ? "1.14.0" : "";
}

bool is_older_release(std::string_view a, std::string_view b) {
  const auto next = [](std::string_view& text) {
    const auto point = std::min(text.find('.'), text.size());
    int number = 0;
    std::from_chars(text.data(), text.data() + point, number);
    text.remove_prefix(std::min(point + 1, text.size()));
    return number;
  };
  while (!a.empty() || !b.empty()) {
    const auto left = next(a);
    const auto right = next(b);
    if (left != right) {
      return left < right;
    }
  }
  return false;
}

std::vector<std::string> litert_types(Mode mode) {
  std::vector<std::string> types;
  const auto add = [&](Builtin code) { types.emplace_back(litert::name_of(code)); };
  if (mode == Mode::kStatic) {
    std::for_each(kRows.begin(), kRows.end(), [&](const Row& row) { add(row.code); });
  } else if (mode == Mode::kDynamic) {
    for (const auto& hybrid : hybrids()) {
      add(hybrid.code);
    }
  } else if (mode == Mode::kWeightOnly) {
    for (const auto code : {Builtin::kConv2d, Builtin::kDepthwiseConv2d, Builtin::kTransposeConv,
                            Builtin::kFullyConnected, Builtin::kBatchMatmul}) {
      add(code);
    }
  } else if (mode == Mode::kFloat16) {
    std::for_each(kStoring.begin(), kStoring.end(), add);
  }
  std::sort(types.begin(), types.end());
  return types;
}

}  // namespace tessera::quantize
