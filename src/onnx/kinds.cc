// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "onnx/kinds.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "tessera/onnx/domains.h"

namespace tessera::onnx {
namespace {

using graph::Arithmetic;
using graph::OpKind;

struct Meaning {
  OpKind kind = OpKind::kOther;
  /// Where the number of the kind is not right.
  std::optional<std::int64_t> operations = std::nullopt;
  Arithmetic arithmetic = Arithmetic::kFloat;
  graph::Operands operands = {};
  /// ONNX Runtime has an integer kernel that takes over the Q/DQ around the standard operator.
  bool integer_kernel = false;
  std::optional<std::size_t> scale_of_result = std::nullopt;
};

using Table = std::unordered_map<std::string_view, Meaning>;

constexpr auto kFloat = Arithmetic::kFloat;
constexpr auto kInteger = Arithmetic::kInteger;
constexpr auto kDynamic = Arithmetic::kDynamic;
constexpr auto kWeightOnly = Arithmetic::kWeightOnly;

graph::Operands bias_at(std::optional<std::size_t> index) {
  return {.bias = index};
}

/// The table of ONNX: what stands in no line is an operator that takes one operation per element.
const Table& table() {
  using enum OpKind;
  const auto usual = std::nullopt;
  const auto runs_on_integers = [](OpKind kind, std::optional<std::int64_t> operations = {}) {
    return Meaning{.kind = kind, .operations = operations, .integer_kernel = true};
  };
  const auto packed = [](OpKind kind, Arithmetic arithmetic, std::optional<std::size_t> bias) {
    return Meaning{.kind = kind, .arithmetic = arithmetic, .operands = bias_at(bias)};
  };
  const auto integer = [](OpKind kind, std::size_t scale,
                          std::optional<std::int64_t> operations = {}) {
    return Meaning{.kind = kind,
                   .operations = operations,
                   .arithmetic = kInteger,
                   .operands = bias_at(std::nullopt),
                   .scale_of_result = scale};
  };
  static const Table kTable = {
      // Sums of products.
      {"Conv", runs_on_integers(kConv)},
      {"FusedConv", {kConv}},
      {"NhwcConv", {kConv}},
      {"NhwcFusedConv", {kConv}},
      {"ConvInteger", packed(kConv, kDynamic, std::nullopt)},
      {"QLinearConv", {kConv, usual, kInteger, {.weights = 3, .bias = 8}, false, 6}},
      {"DeformConv", packed(kDeformableConv, kFloat, 3)},
      {"ConvTranspose", runs_on_integers(kTransposedConv)},
      {"Gemm", runs_on_integers(kGemm)},
      {"FusedGemm", {kGemm}},
      {"GemmFloat8", {kGemm}},
      {"QGemm", {kGemm, usual, kInteger, {.bias = 6}, false, 7}},
      {"MatMul", runs_on_integers(kMatMul)},
      {"FusedMatMul", packed(kMatMul, kFloat, std::nullopt)},
      {"MatMulInteger", packed(kMatMul, kDynamic, std::nullopt)},
      {"MatMulInteger16", packed(kMatMul, kInteger, std::nullopt)},
      {"MatMulIntegerToFloat", packed(kMatMul, kDynamic, 6)},
      {"DynamicQuantizeMatMul", packed(kMatMul, kDynamic, 4)},
      {"QLinearMatMul", integer(kMatMul, 6)},
      {"MatMulNBits", packed(kMatMul, kWeightOnly, 5)},
      {"MatMulBnb4", packed(kMatMul, kWeightOnly, std::nullopt)},
      {"QOrderedMatMul", {kOther, 1, kInteger}},
      {"QMoE", {kOther, 1, kInteger}},
      {"Einsum", {kEinsum}},
      {"LSTM", {kLstm}},
      {"DynamicQuantizeLSTM", packed(kLstm, kDynamic, std::nullopt)},
      {"GRU", {kRecurrent}},
      {"RNN", {kRecurrent}},
      {"Attention", {kAttention}},  // of com.microsoft; the standard one is another operator
      {"QAttention", packed(kAttention, kInteger, std::nullopt)},
      {"MultiHeadAttention", {kDotProductAttention, usual, kFloat, {.past = 6}}},
      {"GroupQueryAttention", {kDotProductAttention, usual, kFloat, {.past = 3}}},

      // Element by element.
      {"Add", runs_on_integers(kAdd)},
      {"QLinearAdd", integer(kAdd, 6)},
      {"Mul", runs_on_integers(kMul)},
      {"QLinearMul", integer(kMul, 6)},
      {"Relu", {kClamp}},
      {"Clip", {kClamp, 2}},
      {"Sigmoid", runs_on_integers(kSigmoid)},
      {"QLinearSigmoid", integer(kSigmoid, 3)},
      {"LeakyRelu", runs_on_integers(kElementwise, 2)},
      {"QLinearLeakyRelu", integer(kElementwise, 3, 2)},
      {"Where", runs_on_integers(kElementwise)},
      {"QLinearWhere", integer(kElementwise, 7)},
      {"Lookup", {kElementwise, usual, kInteger}},
      {"Abs", {kElementwise}},
      {"Ceil", {kElementwise}},
      {"Cos", {kElementwise}},
      {"Div", {kElementwise}},
      {"Erf", {kElementwise}},
      {"Exp", {kElementwise}},
      {"Floor", {kElementwise}},
      {"Log", {kElementwise}},
      {"Max", {kElementwise}},
      {"Mean", {kElementwise}},
      {"Min", {kElementwise}},
      {"Neg", {kElementwise}},
      {"Pow", {kElementwise}},
      {"Reciprocal", {kElementwise}},
      {"Round", {kElementwise}},
      {"Sin", {kElementwise}},
      {"Sqrt", {kElementwise}},
      {"Sub", {kElementwise}},
      {"Sum", {kElementwise}},
      {"Tanh", {kElementwise}},
      // Functions of several steps, by their formulas.
      {"HardSigmoid", {kElementwise, 4}},
      {"HardSwish", {kElementwise, 5}},
      {"Swish", {kElementwise, 5}},
      {"QuickGelu", {kElementwise, 5}},
      {"Gelu", {kElementwise, 5}},
      {"FastGelu", {kElementwise, 8}},
      {"BiasGelu", {kElementwise, 6}},
      {"Softplus", {kElementwise, 3}},
      {"Softsign", {kElementwise, 3}},
      {"Elu", {kElementwise, 3}},
      {"Celu", {kElementwise, 4}},
      {"Selu", {kElementwise, 4}},
      {"PRelu", {kElementwise, 2}},
      {"ThresholdedRelu", {kElementwise, 2}},
      {"Mish", {kElementwise, 5}},
      {"ScaledTanh", {kElementwise, 3}},
      {"ParametricSoftplus", {kElementwise, 4}},
      {"ImageScaler", {kElementwise, 2}},
      {"Affine", {kElementwise, 2}},

      // Over neighbours or axes.
      {"Softmax", runs_on_integers(kSoftmax)},
      {"QLinearSoftmax", integer(kSoftmax, 3)},
      {"LogSoftmax", {kSoftmax}},
      {"BatchNormalization", {kNormalize, 2}},
      {"InstanceNormalization", {kNormalize}},
      {"LayerNormalization", {kNormalize}},
      {"SimplifiedLayerNormalization", {kNormalize, 5}},
      {"RMSNormalization", {kNormalize, 5}},
      {"GroupNormalization", {kNormalize}},
      {"GroupNorm", {kNormalize}},
      {"SkipLayerNormalization", {kNormalize, 8}},
      {"SkipSimplifiedLayerNormalization", {kNormalize, 6}},
      {"MeanVarianceNormalization", {kNormalize, 5}},
      {"LpNormalization", {kNormalize, 3}},
      {"EmbedLayerNormalization", {kNormalize}},
      {"LRN", {kNormalize}},
      {"AveragePool", runs_on_integers(kPool)},
      {"QLinearAveragePool", integer(kPool, 3)},
      {"MaxPool", runs_on_integers(kPool)},
      {"NhwcMaxPool", {kPool}},
      {"LpPool", {kPool}},
      {"GlobalAveragePool", runs_on_integers(kReduce)},
      {"QLinearGlobalAveragePool", integer(kReduce, 3)},
      {"GlobalMaxPool", {kReduce}},
      {"GlobalLpPool", {kReduce}},
      {"ReduceMean", runs_on_integers(kReduce)},
      {"QLinearReduceMean", integer(kReduce, 3)},
      {"ReduceL1", {kReduce}},
      {"ReduceL2", {kReduce}},
      {"ReduceLogSum", {kReduce}},
      {"ReduceLogSumExp", {kReduce}},
      {"ReduceMax", {kReduce}},
      {"ReduceMin", {kReduce}},
      {"ReduceProd", {kReduce}},
      {"ReduceSum", {kReduce}},
      {"ReduceSumInteger", {kReduce}},
      {"ReduceSumSquare", {kReduce}},
      {"ArgMax", {kReduce}},
      {"ArgMin", {kReduce}},
      {"TopK", {kReduce}},
      {"CumSum", {kReduce}},
      {"Resize", runs_on_integers(kResize)},
      {"Upsample", {kResize}},
      {"NhwcUpsample", {kResize}},
      {"RoiAlign", {kOther, 8}},
      {"GridSample", {kOther, 8}},
      {"RotaryEmbedding", {kOther, 3}},

      // Elements stay what they are.
      {"Flatten", runs_on_integers(kReshape)},
      {"Identity", {kReshape}},
      {"Reshape", runs_on_integers(kReshape)},
      {"Squeeze", runs_on_integers(kReshape)},
      {"Unsqueeze", runs_on_integers(kReshape)},
      {"DepthToSpace", runs_on_integers(kPermute)},
      {"NhwcDepthToSpace", {kPermute}},
      {"SpaceToDepth", runs_on_integers(kPermute)},
      {"Transpose", runs_on_integers(kPermute)},
      {"Gather", runs_on_integers(kGather)},
      {"GatherBlockQuantized", {kGather, 1, kWeightOnly}},
      {"Compress", {kSelect}},
      {"Crop", {kSelect}},
      {"GatherElements", {kSelect}},
      {"GatherND", {kSelect}},
      {"Slice", runs_on_integers(kSelect)},
      {"NhwcSlice", {kSelect}},
      {"Split", runs_on_integers(kSelect)},
      {"Concat", runs_on_integers(kJoin)},
      {"QLinearConcat", integer(kJoin, 0)},
      {"Pad", runs_on_integers(kPad)},
      {"Cast", {kCast}},
      {"CastLike", {kCast}},
      {"Expand", runs_on_integers(kOther, 0)},
      {"Tile", runs_on_integers(kOther, 0)},
      {"CenterCropPad", {kOther, 0}},
      {"Col2Im", {kOther, 0}},
      {"ConcatFromSequence", {kOther, 0}},
      {"Constant", {kOther, 0}},
      {"ConstantFill", {kOther, 0}},
      {"ConstantOfShape", {kOther, 0}},
      {"Dropout", {kOther, 0}},
      {"EyeLike", {kOther, 0}},
      {"Im2Col", {kOther, 0}},
      {"NonZero", {kOther, 0}},
      {"OneHot", {kOther, 0}},
      {"OptionalGetElement", {kOther, 0}},
      {"OptionalHasElement", {kOther, 0}},
      {"Range", {kOther, 0}},
      {"ReorderInput", {kOther, 0}},
      {"ReorderOutput", {kOther, 0}},
      {"ReverseSequence", {kOther, 0}},
      {"Scatter", {kOther, 0}},
      {"ScatterElements", {kOther, 0}},
      {"ScatterND", {kOther, 0}},
      {"Shape", {kOther, 0}},
      {"Size", {kOther, 0}},
      {"Trilu", {kOther, 0}},

      // Between real numbers and integers.
      {"QuantizeLinear",
       {.kind = kQuantize, .operands = bias_at(std::nullopt), .scale_of_result = 1}},
      {"DynamicQuantizeLinear", {kDynamicQuantize}},
      {"DequantizeLinear", {kDequantize}},

      {"If", {kControl}},
      {"Loop", {kControl}},
      {"Scan", {kControl}},
      {"Optional", {kContainer}},
      {"SequenceAt", {kContainer}},
      {"SequenceConstruct", {kContainer}},
      {"SequenceEmpty", {kContainer}},
      {"SequenceErase", {kContainer}},
      {"SequenceInsert", {kContainer}},
      {"SequenceLength", {kContainer}},
      {"SequenceMap", {kContainer, 1}},
      {"SplitToSequence", {kContainer}},
      {"ZipMap", {kContainer, 1}},
      {"Bernoulli", {kRandom}},
      {"Multinomial", {kRandom}},
      {"RandomNormal", {kRandom}},
      {"RandomNormalLike", {kRandom}},
      {"RandomUniform", {kRandom}},
      {"RandomUniformLike", {kRandom}},
  };
  return kTable;
}

bool is_known_domain(std::string_view domain) {
  return domain.empty() || domain.starts_with("ai.onnx") || domain.starts_with("com.microsoft") ||
         domain.starts_with("com.ms.") || domain == kKernelsDomain;
}

/// What a name says whatever its domain: exporters have conversions of their own under these.
bool means_the_same_everywhere(OpKind kind) {
  switch (kind) {
    case OpKind::kQuantize:
    case OpKind::kDynamicQuantize:
    case OpKind::kDequantize:
    case OpKind::kRandom:
      return true;
    default:
      return false;
  }
}

const Meaning* meaning_of(const graph::Op& op) {
  const auto found = table().find(op.type);
  if (found == table().end()) {
    return nullptr;
  }
  const auto& meaning = found->second;
  return is_known_domain(op.domain) || means_the_same_everywhere(meaning.kind) ? &meaning : nullptr;
}

}  // namespace

void classify(graph::Op& op) {
  const auto* const meaning = meaning_of(op);
  if (meaning == nullptr) {
    if (is_known_domain(op.domain)) {
      op.operations = 1;
    }
    return;
  }
  op.kind = meaning->kind;
  op.operations = meaning->operations;
  op.arithmetic = meaning->arithmetic;
  op.operands = meaning->operands;
  op.integer_kernel = meaning->integer_kernel && op.domain.empty();
  if (op.type == "Attention" && op.domain.empty()) {
    op.kind = OpKind::kDotProductAttention;
    op.operands.past = 4;
  } else if (op.type == "LRN") {
    op.operations = 2 * op.int_or("size", 1) + 3;
  } else if (op.type == "Sum" || op.type == "Max" || op.type == "Min" || op.type == "Mean") {
    op.operations = std::max<std::int64_t>(std::ssize(op.inputs) - 1, 1);
  }
}

std::optional<std::size_t> scale_of_result(const graph::Op& op) {
  const auto* const meaning = meaning_of(op);
  return meaning == nullptr ? std::nullopt : meaning->scale_of_result;
}

}  // namespace tessera::onnx
