// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "litert/kinds.h"

#include <algorithm>
#include <map>
#include <utility>

#include "tessera/litert/builtin.h"

namespace tessera::litert {
namespace {

using graph::Arithmetic;
using graph::OpKind;

/// The table of the format, by the operators' numbers. An operator of kind kOther without a number
/// of operations has an unknown cost.
const std::map<Builtin, Meaning>& table() {
  using enum OpKind;
  static const std::map<Builtin, Meaning> kTable = {
      {Builtin::kAdd, {.name = "ADD", .kind = kAdd}},
      {Builtin::kAveragePool2d, {.name = "AVERAGE_POOL_2D", .kind = kPool}},
      {Builtin::kConcatenation, {.name = "CONCATENATION", .kind = kJoin}},
      {Builtin::kConv2d, {.name = "CONV_2D", .kind = kConv}},
      {Builtin::kDepthwiseConv2d, {.name = "DEPTHWISE_CONV_2D", .kind = kConv}},
      {Builtin::kDepthToSpace, {.name = "DEPTH_TO_SPACE", .kind = kPermute}},
      {Builtin::kDequantize, {.name = "DEQUANTIZE", .kind = kDequantize}},
      {Builtin::kEmbeddingLookup, {.name = "EMBEDDING_LOOKUP", .kind = kOther, .operations = 0}},
      {Builtin::kFloor, {.name = "FLOOR", .kind = kElementwise}},
      {Builtin::kFullyConnected, {.name = "FULLY_CONNECTED", .kind = kGemm}},
      {Builtin::kHashtableLookup,
       {.name = "HASHTABLE_LOOKUP", .kind = kContainer, .shape_from_values = true}},
      {Builtin::kL2Normalization,
       {.name = "L2_NORMALIZATION", .kind = kNormalize, .operations = 3}},
      {Builtin::kL2Pool2d, {.name = "L2_POOL_2D", .kind = kPool}},
      {Builtin::kLocalResponseNormalization,
       {.name = "LOCAL_RESPONSE_NORMALIZATION", .kind = kNormalize}},
      {Builtin::kLogistic, {.name = "LOGISTIC", .kind = kSigmoid}},
      {Builtin::kLshProjection, {.name = "LSH_PROJECTION", .kind = kOther}},
      {Builtin::kLstm, {.name = "LSTM", .kind = kLstm}},
      {Builtin::kMaxPool2d, {.name = "MAX_POOL_2D", .kind = kPool}},
      {Builtin::kMul, {.name = "MUL", .kind = kMul}},
      {Builtin::kRelu, {.name = "RELU", .kind = kClamp}},
      {Builtin::kReluN1To1, {.name = "RELU_N1_TO_1", .kind = kClamp, .operations = 2}},
      {Builtin::kRelu6, {.name = "RELU6", .kind = kClamp, .operations = 2}},
      {Builtin::kReshape, {.name = "RESHAPE", .kind = kReshape, .shape_inputs = {1}}},
      {Builtin::kResizeBilinear, {.name = "RESIZE_BILINEAR", .kind = kResize, .shape_inputs = {1}}},
      {Builtin::kRnn, {.name = "RNN", .kind = kRecurrent}},
      {Builtin::kSoftmax, {.name = "SOFTMAX", .kind = kSoftmax}},
      {Builtin::kSpaceToDepth, {.name = "SPACE_TO_DEPTH", .kind = kPermute}},
      {Builtin::kSvdf, {.name = "SVDF", .kind = kRecurrent}},
      {Builtin::kTanh, {.name = "TANH", .kind = kElementwise}},
      {Builtin::kConcatEmbeddings, {.name = "CONCAT_EMBEDDINGS", .kind = kOther, .operations = 0}},
      {Builtin::kSkipGram, {.name = "SKIP_GRAM", .kind = kOther, .shape_from_values = true}},
      {Builtin::kCall, {.name = "CALL", .kind = kControl, .shape_from_values = true}},
      {Builtin::kCustom, {.name = "CUSTOM", .kind = kOther, .shape_from_values = true}},
      {Builtin::kEmbeddingLookupSparse, {.name = "EMBEDDING_LOOKUP_SPARSE", .kind = kOther}},
      {Builtin::kPad, {.name = "PAD", .kind = kPad, .shape_inputs = {1}}},
      {Builtin::kUnidirectionalSequenceRnn,
       {.name = "UNIDIRECTIONAL_SEQUENCE_RNN", .kind = kRecurrent}},
      {Builtin::kGather, {.name = "GATHER", .kind = kGather}},
      {Builtin::kBatchToSpaceNd,
       {.name = "BATCH_TO_SPACE_ND", .kind = kSelect, .shape_inputs = {1, 2}}},
      {Builtin::kSpaceToBatchNd,
       {.name = "SPACE_TO_BATCH_ND", .kind = kOther, .operations = 0, .shape_inputs = {1, 2}}},
      {Builtin::kTranspose, {.name = "TRANSPOSE", .kind = kPermute, .shape_inputs = {1}}},
      {Builtin::kMean, {.name = "MEAN", .kind = kReduce, .shape_inputs = {1}}},
      {Builtin::kSub, {.name = "SUB", .kind = kElementwise}},
      {Builtin::kDiv, {.name = "DIV", .kind = kElementwise}},
      {Builtin::kSqueeze, {.name = "SQUEEZE", .kind = kReshape}},
      {Builtin::kUnidirectionalSequenceLstm,
       {.name = "UNIDIRECTIONAL_SEQUENCE_LSTM", .kind = kLstm}},
      {Builtin::kStridedSlice,
       {.name = "STRIDED_SLICE", .kind = kSelect, .shape_inputs = {1, 2, 3}}},
      {Builtin::kBidirectionalSequenceRnn,
       {.name = "BIDIRECTIONAL_SEQUENCE_RNN", .kind = kRecurrent}},
      {Builtin::kExp, {.name = "EXP", .kind = kElementwise}},
      {Builtin::kTopkV2, {.name = "TOPK_V2", .kind = kReduce, .shape_inputs = {1}}},
      {Builtin::kSplit, {.name = "SPLIT", .kind = kOther, .operations = 0, .shape_inputs = {0}}},
      {Builtin::kLogSoftmax, {.name = "LOG_SOFTMAX", .kind = kSoftmax}},
      {Builtin::kDelegate, {.name = "DELEGATE", .kind = kOther, .shape_from_values = true}},
      {Builtin::kBidirectionalSequenceLstm, {.name = "BIDIRECTIONAL_SEQUENCE_LSTM", .kind = kLstm}},
      {Builtin::kCast, {.name = "CAST", .kind = kCast}},
      {Builtin::kPrelu, {.name = "PRELU", .kind = kElementwise, .operations = 2}},
      {Builtin::kMaximum, {.name = "MAXIMUM", .kind = kElementwise}},
      {Builtin::kArgMax, {.name = "ARG_MAX", .kind = kReduce}},
      {Builtin::kMinimum, {.name = "MINIMUM", .kind = kElementwise}},
      {Builtin::kLess, {.name = "LESS", .kind = kElementwise}},
      {Builtin::kNeg, {.name = "NEG", .kind = kElementwise}},
      {Builtin::kPadv2, {.name = "PADV2", .kind = kPad, .shape_inputs = {1}}},
      {Builtin::kGreater, {.name = "GREATER", .kind = kElementwise}},
      {Builtin::kGreaterEqual, {.name = "GREATER_EQUAL", .kind = kElementwise}},
      {Builtin::kLessEqual, {.name = "LESS_EQUAL", .kind = kElementwise}},
      {Builtin::kSelect, {.name = "SELECT", .kind = kElementwise}},
      {Builtin::kSlice, {.name = "SLICE", .kind = kSelect, .shape_inputs = {1, 2}}},
      {Builtin::kSin, {.name = "SIN", .kind = kElementwise}},
      {Builtin::kTransposeConv,
       {.name = "TRANSPOSE_CONV", .kind = kTransposedConv, .shape_inputs = {0}}},
      {Builtin::kSparseToDense,
       {.name = "SPARSE_TO_DENSE", .kind = kOther, .operations = 0, .shape_inputs = {1}}},
      {Builtin::kTile, {.name = "TILE", .kind = kOther, .operations = 0, .shape_inputs = {1}}},
      {Builtin::kExpandDims, {.name = "EXPAND_DIMS", .kind = kReshape, .shape_inputs = {1}}},
      {Builtin::kEqual, {.name = "EQUAL", .kind = kElementwise}},
      {Builtin::kNotEqual, {.name = "NOT_EQUAL", .kind = kElementwise}},
      {Builtin::kLog, {.name = "LOG", .kind = kElementwise}},
      {Builtin::kSum, {.name = "SUM", .kind = kReduce, .shape_inputs = {1}}},
      {Builtin::kSqrt, {.name = "SQRT", .kind = kElementwise}},
      {Builtin::kRsqrt, {.name = "RSQRT", .kind = kElementwise}},
      {Builtin::kShape, {.name = "SHAPE", .kind = kOther, .operations = 0}},
      {Builtin::kPow, {.name = "POW", .kind = kElementwise}},
      {Builtin::kArgMin, {.name = "ARG_MIN", .kind = kReduce}},
      {Builtin::kFakeQuant, {.name = "FAKE_QUANT", .kind = kElementwise, .operations = 4}},
      {Builtin::kReduceProd, {.name = "REDUCE_PROD", .kind = kReduce, .shape_inputs = {1}}},
      {Builtin::kReduceMax, {.name = "REDUCE_MAX", .kind = kReduce, .shape_inputs = {1}}},
      {Builtin::kPack, {.name = "PACK", .kind = kJoin}},
      {Builtin::kLogicalOr, {.name = "LOGICAL_OR", .kind = kElementwise}},
      {Builtin::kOneHot, {.name = "ONE_HOT", .kind = kOther, .operations = 0, .shape_inputs = {1}}},
      {Builtin::kLogicalAnd, {.name = "LOGICAL_AND", .kind = kElementwise}},
      {Builtin::kLogicalNot, {.name = "LOGICAL_NOT", .kind = kElementwise}},
      {Builtin::kUnpack, {.name = "UNPACK", .kind = kSelect}},
      {Builtin::kReduceMin, {.name = "REDUCE_MIN", .kind = kReduce, .shape_inputs = {1}}},
      {Builtin::kFloorDiv, {.name = "FLOOR_DIV", .kind = kElementwise}},
      {Builtin::kReduceAny, {.name = "REDUCE_ANY", .kind = kReduce, .shape_inputs = {1}}},
      {Builtin::kSquare, {.name = "SQUARE", .kind = kElementwise}},
      {Builtin::kZerosLike, {.name = "ZEROS_LIKE", .kind = kOther, .operations = 0}},
      {Builtin::kFill, {.name = "FILL", .kind = kOther, .operations = 0, .shape_inputs = {0}}},
      {Builtin::kFloorMod, {.name = "FLOOR_MOD", .kind = kElementwise}},
      {Builtin::kRange,
       {.name = "RANGE", .kind = kOther, .operations = 0, .shape_inputs = {0, 1, 2}}},
      {Builtin::kResizeNearestNeighbor,
       {.name = "RESIZE_NEAREST_NEIGHBOR", .kind = kResize, .shape_inputs = {1}}},
      {Builtin::kLeakyRelu, {.name = "LEAKY_RELU", .kind = kElementwise, .operations = 2}},
      {Builtin::kSquaredDifference,
       {.name = "SQUARED_DIFFERENCE", .kind = kElementwise, .operations = 2}},
      {Builtin::kMirrorPad, {.name = "MIRROR_PAD", .kind = kPad, .shape_inputs = {1}}},
      {Builtin::kAbs, {.name = "ABS", .kind = kElementwise}},
      {Builtin::kSplitV, {.name = "SPLIT_V", .kind = kSelect, .shape_inputs = {1, 2}}},
      {Builtin::kUnique,
       {.name = "UNIQUE", .kind = kOther, .operations = 1, .shape_from_values = true}},
      {Builtin::kCeil, {.name = "CEIL", .kind = kElementwise}},
      {Builtin::kReverseV2, {.name = "REVERSE_V2", .kind = kPermute}},
      {Builtin::kAddN, {.name = "ADD_N", .kind = kElementwise}},
      {Builtin::kGatherNd, {.name = "GATHER_ND", .kind = kSelect}},
      {Builtin::kCos, {.name = "COS", .kind = kElementwise}},
      {Builtin::kWhere,
       {.name = "WHERE", .kind = kOther, .operations = 0, .shape_from_values = true}},
      {Builtin::kRank, {.name = "RANK", .kind = kOther, .operations = 0}},
      {Builtin::kElu, {.name = "ELU", .kind = kElementwise, .operations = 3}},
      {Builtin::kReverseSequence, {.name = "REVERSE_SEQUENCE", .kind = kOther, .operations = 0}},
      {Builtin::kMatrixDiag, {.name = "MATRIX_DIAG", .kind = kOther, .operations = 0}},
      {Builtin::kQuantize, {.name = "QUANTIZE", .kind = kQuantize}},
      {Builtin::kMatrixSetDiag, {.name = "MATRIX_SET_DIAG", .kind = kOther, .operations = 0}},
      {Builtin::kRound, {.name = "ROUND", .kind = kElementwise}},
      {Builtin::kHardSwish, {.name = "HARD_SWISH", .kind = kElementwise, .operations = 5}},
      {Builtin::kIf, {.name = "IF", .kind = kControl, .shape_from_values = true}},
      {Builtin::kWhile, {.name = "WHILE", .kind = kControl, .shape_from_values = true}},
      {Builtin::kNonMaxSuppressionV4,
       {.name = "NON_MAX_SUPPRESSION_V4",
        .kind = kOther,
        .operations = 1,
        .shape_from_values = true}},
      {Builtin::kNonMaxSuppressionV5,
       {.name = "NON_MAX_SUPPRESSION_V5",
        .kind = kOther,
        .operations = 1,
        .shape_from_values = true}},
      {Builtin::kScatterNd,
       {.name = "SCATTER_ND", .kind = kOther, .operations = 0, .shape_inputs = {2}}},
      {Builtin::kSelectV2, {.name = "SELECT_V2", .kind = kElementwise}},
      {Builtin::kDensify, {.name = "DENSIFY", .kind = kOther, .operations = 0}},
      {Builtin::kSegmentSum,
       {.name = "SEGMENT_SUM", .kind = kOther, .operations = 1, .shape_from_values = true}},
      {Builtin::kBatchMatmul, {.name = "BATCH_MATMUL", .kind = kMatMul}},
      {Builtin::kCumsum, {.name = "CUMSUM", .kind = kReduce}},
      {Builtin::kCallOnce, {.name = "CALL_ONCE", .kind = kControl, .shape_from_values = true}},
      {Builtin::kBroadcastTo,
       {.name = "BROADCAST_TO", .kind = kOther, .operations = 0, .shape_inputs = {1}}},
      {Builtin::kRfft2d, {.name = "RFFT2D", .kind = kOther, .shape_inputs = {1}}},
      {Builtin::kConv3d, {.name = "CONV_3D", .kind = kConv}},
      {Builtin::kImag, {.name = "IMAG", .kind = kOther, .operations = 0}},
      {Builtin::kReal, {.name = "REAL", .kind = kOther, .operations = 0}},
      {Builtin::kComplexAbs, {.name = "COMPLEX_ABS", .kind = kElementwise, .operations = 3}},
      {Builtin::kHashtable, {.name = "HASHTABLE", .kind = kContainer}},
      {Builtin::kHashtableFind,
       {.name = "HASHTABLE_FIND", .kind = kContainer, .shape_from_values = true}},
      {Builtin::kHashtableImport, {.name = "HASHTABLE_IMPORT", .kind = kContainer}},
      {Builtin::kHashtableSize, {.name = "HASHTABLE_SIZE", .kind = kContainer}},
      {Builtin::kReduceAll, {.name = "REDUCE_ALL", .kind = kReduce, .shape_inputs = {1}}},
      {Builtin::kConv3dTranspose,
       {.name = "CONV_3D_TRANSPOSE", .kind = kTransposedConv, .shape_inputs = {0}}},
      {Builtin::kVarHandle, {.name = "VAR_HANDLE", .kind = kContainer}},
      {Builtin::kReadVariable,
       {.name = "READ_VARIABLE", .kind = kContainer, .shape_from_values = true}},
      {Builtin::kAssignVariable, {.name = "ASSIGN_VARIABLE", .kind = kContainer}},
      {Builtin::kBroadcastArgs, {.name = "BROADCAST_ARGS", .kind = kOther, .operations = 0}},
      {Builtin::kRandomStandardNormal,
       {.name = "RANDOM_STANDARD_NORMAL", .kind = kRandom, .shape_inputs = {0}}},
      {Builtin::kBucketize, {.name = "BUCKETIZE", .kind = kElementwise}},
      {Builtin::kRandomUniform, {.name = "RANDOM_UNIFORM", .kind = kRandom, .shape_inputs = {0}}},
      {Builtin::kMultinomial, {.name = "MULTINOMIAL", .kind = kRandom, .shape_inputs = {1}}},
      {Builtin::kGelu, {.name = "GELU", .kind = kElementwise, .operations = 5}},
      {Builtin::kDynamicUpdateSlice,
       {.name = "DYNAMIC_UPDATE_SLICE", .kind = kOther, .operations = 0}},
      {Builtin::kRelu0To1, {.name = "RELU_0_TO_1", .kind = kClamp, .operations = 2}},
      {Builtin::kUnsortedSegmentProd,
       {.name = "UNSORTED_SEGMENT_PROD", .kind = kOther, .operations = 1, .shape_inputs = {2}}},
      {Builtin::kUnsortedSegmentMax,
       {.name = "UNSORTED_SEGMENT_MAX", .kind = kOther, .operations = 1, .shape_inputs = {2}}},
      {Builtin::kUnsortedSegmentSum,
       {.name = "UNSORTED_SEGMENT_SUM", .kind = kOther, .operations = 1, .shape_inputs = {2}}},
      {Builtin::kAtan2, {.name = "ATAN2", .kind = kElementwise}},
      {Builtin::kUnsortedSegmentMin,
       {.name = "UNSORTED_SEGMENT_MIN", .kind = kOther, .operations = 1, .shape_inputs = {2}}},
      {Builtin::kSign, {.name = "SIGN", .kind = kElementwise}},
      {Builtin::kBitcast, {.name = "BITCAST", .kind = kOther, .operations = 0}},
      {Builtin::kBitwiseXor, {.name = "BITWISE_XOR", .kind = kElementwise}},
      {Builtin::kRightShift, {.name = "RIGHT_SHIFT", .kind = kElementwise}},
      {Builtin::kStablehloLogistic, {.name = "STABLEHLO_LOGISTIC", .kind = kSigmoid}},
      {Builtin::kStablehloAdd, {.name = "STABLEHLO_ADD", .kind = kAdd}},
      {Builtin::kStablehloDivide, {.name = "STABLEHLO_DIVIDE", .kind = kElementwise}},
      {Builtin::kStablehloMultiply, {.name = "STABLEHLO_MULTIPLY", .kind = kMul}},
      {Builtin::kStablehloMaximum, {.name = "STABLEHLO_MAXIMUM", .kind = kElementwise}},
      {Builtin::kStablehloReshape, {.name = "STABLEHLO_RESHAPE", .kind = kReshape}},
      {Builtin::kStablehloClamp, {.name = "STABLEHLO_CLAMP", .kind = kClamp, .operations = 2}},
      {Builtin::kStablehloConcatenate, {.name = "STABLEHLO_CONCATENATE", .kind = kJoin}},
      {Builtin::kStablehloBroadcastInDim,
       {.name = "STABLEHLO_BROADCAST_IN_DIM", .kind = kOther, .operations = 0}},
      {Builtin::kStablehloConvolution, {.name = "STABLEHLO_CONVOLUTION", .kind = kOther}},
      {Builtin::kStablehloSlice, {.name = "STABLEHLO_SLICE", .kind = kSelect}},
      {Builtin::kStablehloCustomCall,
       {.name = "STABLEHLO_CUSTOM_CALL", .kind = kOther, .shape_from_values = true}},
      {Builtin::kStablehloReduce, {.name = "STABLEHLO_REDUCE", .kind = kOther}},
      {Builtin::kStablehloAbs, {.name = "STABLEHLO_ABS", .kind = kElementwise}},
      {Builtin::kStablehloAnd, {.name = "STABLEHLO_AND", .kind = kElementwise}},
      {Builtin::kStablehloCosine, {.name = "STABLEHLO_COSINE", .kind = kElementwise}},
      {Builtin::kStablehloExponential, {.name = "STABLEHLO_EXPONENTIAL", .kind = kElementwise}},
      {Builtin::kStablehloFloor, {.name = "STABLEHLO_FLOOR", .kind = kElementwise}},
      {Builtin::kStablehloLog, {.name = "STABLEHLO_LOG", .kind = kElementwise}},
      {Builtin::kStablehloMinimum, {.name = "STABLEHLO_MINIMUM", .kind = kElementwise}},
      {Builtin::kStablehloNegate, {.name = "STABLEHLO_NEGATE", .kind = kElementwise}},
      {Builtin::kStablehloOr, {.name = "STABLEHLO_OR", .kind = kElementwise}},
      {Builtin::kStablehloPower, {.name = "STABLEHLO_POWER", .kind = kElementwise}},
      {Builtin::kStablehloRemainder, {.name = "STABLEHLO_REMAINDER", .kind = kElementwise}},
      {Builtin::kStablehloRsqrt, {.name = "STABLEHLO_RSQRT", .kind = kElementwise}},
      {Builtin::kStablehloSelect, {.name = "STABLEHLO_SELECT", .kind = kElementwise}},
      {Builtin::kStablehloSubtract, {.name = "STABLEHLO_SUBTRACT", .kind = kElementwise}},
      {Builtin::kStablehloTanh, {.name = "STABLEHLO_TANH", .kind = kElementwise}},
      {Builtin::kStablehloScatter, {.name = "STABLEHLO_SCATTER", .kind = kOther}},
      {Builtin::kStablehloCompare, {.name = "STABLEHLO_COMPARE", .kind = kElementwise}},
      {Builtin::kStablehloConvert, {.name = "STABLEHLO_CONVERT", .kind = kCast}},
      {Builtin::kStablehloDynamicSlice, {.name = "STABLEHLO_DYNAMIC_SLICE", .kind = kSelect}},
      {Builtin::kStablehloDynamicUpdateSlice,
       {.name = "STABLEHLO_DYNAMIC_UPDATE_SLICE", .kind = kOther, .operations = 0}},
      {Builtin::kStablehloPad, {.name = "STABLEHLO_PAD", .kind = kOther, .operations = 0}},
      {Builtin::kStablehloIota, {.name = "STABLEHLO_IOTA", .kind = kOther, .operations = 0}},
      {Builtin::kStablehloDotGeneral, {.name = "STABLEHLO_DOT_GENERAL", .kind = kOther}},
      {Builtin::kStablehloReduceWindow, {.name = "STABLEHLO_REDUCE_WINDOW", .kind = kOther}},
      {Builtin::kStablehloSort, {.name = "STABLEHLO_SORT", .kind = kOther}},
      {Builtin::kStablehloWhile,
       {.name = "STABLEHLO_WHILE", .kind = kControl, .shape_from_values = true}},
      {Builtin::kStablehloGather, {.name = "STABLEHLO_GATHER", .kind = kOther, .operations = 0}},
      {Builtin::kStablehloTranspose, {.name = "STABLEHLO_TRANSPOSE", .kind = kPermute}},
      {Builtin::kDilate, {.name = "DILATE", .kind = kOther, .operations = 0, .shape_inputs = {1}}},
      {Builtin::kStablehloRngBitGenerator,
       {.name = "STABLEHLO_RNG_BIT_GENERATOR", .kind = kRandom}},
      {Builtin::kReduceWindow,
       {.name = "REDUCE_WINDOW", .kind = kOther, .shape_inputs = {2, 3, 4}}},
      {Builtin::kStablehloComposite, {.name = "STABLEHLO_COMPOSITE", .kind = kControl}},
      {Builtin::kStablehloShiftLeft, {.name = "STABLEHLO_SHIFT_LEFT", .kind = kElementwise}},
      {Builtin::kStablehloCbrt, {.name = "STABLEHLO_CBRT", .kind = kElementwise}},
      {Builtin::kStablehloCase,
       {.name = "STABLEHLO_CASE", .kind = kControl, .shape_from_values = true}},
  };
  return kTable;
}

// --- details, by the places of fields in the options of an operator -----------------------------

std::string_view activation(std::int64_t number) {
  constexpr std::string_view kNames[] = {"", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"};
  return number >= 0 && number < std::ssize(kNames) ? kNames[number] : "";
}

/// Which operators have an activation in them, and where that stands.
std::optional<std::uint16_t> place_of_activation(Builtin code) {
  switch (code) {
    case Builtin::kAdd:
    case Builtin::kSub:
    case Builtin::kMul:
    case Builtin::kDiv:
    case Builtin::kFullyConnected:
    case Builtin::kL2Normalization:
      return 0;
    case Builtin::kConcatenation:
      return 1;
    case Builtin::kConv2d:
    case Builtin::kTransposeConv:
      return 3;
    case Builtin::kDepthwiseConv2d:
    case Builtin::kConv3d:
      return 4;
    case Builtin::kAveragePool2d:
    case Builtin::kMaxPool2d:
    case Builtin::kL2Pool2d:
      return 5;
    default:
      return std::nullopt;
  }
}

using Ints = std::vector<std::int64_t>;

void put(graph::Op& op, const char* name, graph::Attribute value) {
  op.attributes.emplace(name, std::move(value));
}

/// Height before width, as shapes have it; the options have width first.
void set_windows(graph::Op& op, const Options& options, std::uint16_t first_dilation) {
  put(op, "padding", std::string(options.int_or(0, 0) == 0 ? "SAME" : "VALID"));
  put(op, "strides", Ints{options.int_or(2, 0), options.int_or(1, 0)});
  if (first_dilation != 0) {
    const auto height = static_cast<std::uint16_t>(first_dilation + 1);
    put(op, "dilations", Ints{options.int_or(height, 1), options.int_or(first_dilation, 1)});
  }
}

void set_details(graph::Op& op, const Operator& from, Builtin code) {
  const auto& options = from.options;
  switch (code) {
    case Builtin::kConv2d:
      set_windows(op, options, 4);
      break;
    case Builtin::kDepthwiseConv2d:
      set_windows(op, options, 5);
      break;
    case Builtin::kTransposeConv:
      set_windows(op, options, 0);
      break;
    case Builtin::kAveragePool2d:
    case Builtin::kMaxPool2d:
    case Builtin::kL2Pool2d:
      set_windows(op, options, 0);
      put(op, "kernel_shape", Ints{options.int_or(4, 0), options.int_or(3, 0)});
      break;
    case Builtin::kResizeBilinear:
      put(op, "mode", std::string("linear"));
      break;
    case Builtin::kResizeNearestNeighbor:
      put(op, "mode", std::string("nearest"));
      break;
    case Builtin::kConcatenation:
    case Builtin::kGather:
      put(op, "axis", options.int_or(0, 0));
      break;
    case Builtin::kPack:
    case Builtin::kUnpack:
      put(op, "axis", options.int_or(1, 0));
      break;
    case Builtin::kBatchMatmul:
      put(op, "transA", options.int_or(0, 0));
      put(op, "transB", options.int_or(1, 0));
      break;
    default:
      break;
  }
  const auto place = place_of_activation(code);
  const auto name = place ? activation(options.int_or(*place, 0)) : "";
  if (!name.empty()) {
    put(op, "activation", std::string(name));
  }
}

// --- where things are ----------------------------------------------------------------------------

graph::Operands operands_of(Builtin code) {
  constexpr std::size_t kLastOfImages = 3;
  constexpr std::size_t kLastOfVolumes = 4;
  switch (code) {
    case Builtin::kDepthwiseConv2d:
      return {.filter_axis = kLastOfImages};
    case Builtin::kConv3d:
      return {.filter_axis = kLastOfVolumes};
    case Builtin::kTransposeConv:
      return {.input = 2, .bias = 3, .filter_axis = kLastOfImages};
    case Builtin::kConv3dTranspose:
      return {.input = 2, .bias = 3, .filter_axis = kLastOfVolumes};
    case Builtin::kFullyConnected:
      return {.depth_axis = 1};
    case Builtin::kBatchMatmul:
      return {.bias = std::nullopt};
    // Input and recurrent weights of each gate, then those of the projection.
    case Builtin::kLstm:
    case Builtin::kUnidirectionalSequenceLstm:
      return {.bias = std::nullopt, .factors = {1, 2, 3, 4, 5, 6, 7, 8, 16}};
    case Builtin::kBidirectionalSequenceLstm:
      return {.bias = std::nullopt,
              .factors = {1, 2, 3, 4, 5, 6, 7, 8, 16, 18, 19, 20, 21, 22, 23, 24, 25, 33}};
    case Builtin::kRnn:
    case Builtin::kUnidirectionalSequenceRnn:
    case Builtin::kSvdf:
      return {.bias = std::nullopt, .factors = {1, 2}};
    case Builtin::kBidirectionalSequenceRnn:
      return {.bias = std::nullopt, .factors = {1, 2, 5, 6}};
    default:
      return {};
  }
}

// --- in which numbers
// ------------------------------------------------------------------------------

bool stands_for_real(const Tensor* tensor) {
  if (tensor == nullptr || !tensor->quantization || tensor->quantization->scales.empty()) {
    return false;
  }
  return is_integer(dtype_of(tensor->type)) || tensor->type == ElementType::kInt2;
}

bool is_real(const Tensor* tensor) {
  return tensor != nullptr && is_floating(dtype_of(tensor->type));
}

/// Computes nothing of its own: moves, converts, or runs other operators.
bool only_passes_on(OpKind kind) {
  switch (kind) {
    case OpKind::kCast:
    case OpKind::kControl:
    case OpKind::kContainer:
    case OpKind::kQuantize:
    case OpKind::kDequantize:
      return true;
    default:
      return graph::only_moves(kind);
  }
}

Arithmetic arithmetic_of(const graph::Op& op, const Ends& ends) {
  if (only_passes_on(op.kind) || op.operations == 0) {
    return Arithmetic::kFloat;
  }
  const auto* const input = ends.at(op.operands.input);
  if (stands_for_real(input) && stands_for_real(ends.output)) {
    return Arithmetic::kInteger;
  }
  // The kernel takes scales of its input at run time.
  const bool hybrid = graph::is_sum_of_products(op.kind) && is_real(input) &&
                      is_real(ends.output) && stands_for_real(ends.at(op.operands.weights));
  return hybrid ? Arithmetic::kDynamic : Arithmetic::kFloat;
}

}  // namespace

std::string_view name_of(Builtin code) noexcept {
  const auto found = table().find(code);
  return found == table().end() ? std::string_view() : found->second.name;
}

const Meaning& meaning_of(Builtin code) {
  static const Meaning kNothing;
  const auto found = table().find(code);
  return found == table().end() ? kNothing : found->second;
}

void classify(graph::Op& op, const Operator& from, Builtin code, const Ends& ends) {
  const auto& meaning = meaning_of(code);
  op.kind = meaning.kind;
  op.operations = meaning.operations;
  op.operands = operands_of(code);
  set_details(op, from, code);
  if (code == Builtin::kGather && from.options.int_or(1, 0) != 0) {
    op.kind = OpKind::kSelect;  // other slices for each element of a batch
  } else if (code == Builtin::kAddN) {
    op.operations = std::max<std::int64_t>(std::ssize(op.inputs) - 1, 1);
  } else if (code == Builtin::kDequantize && is_real(ends.at(0))) {
    op.kind = OpKind::kCast;  // of float16
  } else if (code == Builtin::kQuantize && stands_for_real(ends.at(0))) {
    op.kind = OpKind::kElementwise;  // between two scales
    op.operations = 3;
  }
  op.arithmetic = arithmetic_of(op, ends);
}

}  // namespace tessera::litert
