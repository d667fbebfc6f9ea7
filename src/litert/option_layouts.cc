// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "litert/option_layouts.h"

#include <array>

#include "tessera/core/text.h"

namespace tessera::litert {
namespace {

/// Of builtin_options, by the type's number.
constexpr auto kLayouts = std::to_array<std::string_view>({
    "",                 // none
    "1 4 4 1 4 4 1",    // 1 Conv2D
    "1 4 4 4 1 4 4",    // 2 DepthwiseConv2D
    "4 v4 v4",          // 3 ConcatEmbeddings
    "1",                // 4 LSHProjection
    "1 4 4 4 4 1",      // 5 Pool2D
    "4 1 1",            // 6 SVDF
    "1 1",              // 7 RNN
    "1 1 1 1 1 v1",     // 8 FullyConnected
    "4",                // 9 Softmax
    "4 1",              // 10 Concatenation
    "1 1",              // 11 Add
    "1",                // 12 L2Norm
    "4 4 4 4",          // 13 LocalResponseNormalization
    "1 4 4 1 1",        // 14 LSTM
    "4 4 1 1",          // 15 ResizeBilinear
    "4",                // 16 Call
    "v4",               // 17 Reshape
    "4 4 1",            // 18 SkipGram
    "4",                // 19 SpaceToDepth
    "1",                // 20 EmbeddingLookupSparse
    "1",                // 21 Mul
    "",                 // 22 Pad
    "4 4",              // 23 Gather
    "",                 // 24 BatchToSpaceND
    "",                 // 25 SpaceToBatchND
    "",                 // 26 Transpose
    "1",                // 27 Reducer
    "1 1",              // 28 Sub
    "1",                // 29 Div
    "v4",               // 30 Squeeze
    "1 1 1",            // 31 SequenceRNN
    "4 4 4 4 4 1",      // 32 StridedSlice
    "",                 // 33 Exp
    "",                 // 34 TopKV2
    "4",                // 35 Split
    "",                 // 36 LogSoftmax
    "1 1",              // 37 Cast
    "",                 // 38 Dequantize
    "",                 // 39 MaximumMinimum
    "1",                // 40 ArgMax
    "",                 // 41 Less
    "",                 // 42 Neg
    "",                 // 43 PadV2
    "",                 // 44 Greater
    "",                 // 45 GreaterEqual
    "",                 // 46 LessEqual
    "",                 // 47 Select
    "",                 // 48 Slice
    "1 4 4 1 1",        // 49 TransposeConv
    "1",                // 50 SparseToDense
    "",                 // 51 Tile
    "",                 // 52 ExpandDims
    "",                 // 53 Equal
    "",                 // 54 NotEqual
    "1",                // 55 Shape
    "",                 // 56 Pow
    "1",                // 57 ArgMin
    "4 4 4 1",          // 58 FakeQuant
    "4 4",              // 59 Pack
    "",                 // 60 LogicalOr
    "4",                // 61 OneHot
    "",                 // 62 LogicalAnd
    "",                 // 63 LogicalNot
    "4 4",              // 64 Unpack
    "",                 // 65 FloorDiv
    "",                 // 66 Square
    "",                 // 67 ZerosLike
    "",                 // 68 Fill
    "1 4 4 1 1 1",      // 69 BidirectionalSequenceLSTM
    "1 1 1 1",          // 70 BidirectionalSequenceRNN
    "1 4 4 1 1 1",      // 71 UnidirectionalSequenceLSTM
    "",                 // 72 FloorMod
    "",                 // 73 Range
    "1 1",              // 74 ResizeNearestNeighbor
    "4",                // 75 LeakyRelu
    "",                 // 76 SquaredDifference
    "1",                // 77 MirrorPad
    "",                 // 78 Abs
    "4",                // 79 SplitV
    "1",                // 80 Unique
    "",                 // 81 ReverseV2
    "",                 // 82 AddN
    "",                 // 83 GatherNd
    "",                 // 84 Cos
    "",                 // 85 Where
    "",                 // 86 Rank
    "4 4",              // 87 ReverseSequence
    "",                 // 88 MatrixDiag
    "",                 // 89 Quantize
    "",                 // 90 MatrixSetDiag
    "",                 // 91 HardSwish
    "4 4",              // 92 If
    "4 4",              // 93 While
    "4",                // 94 DepthToSpace
    "",                 // 95 NonMaxSuppressionV4
    "",                 // 96 NonMaxSuppressionV5
    "",                 // 97 ScatterNd
    "",                 // 98 SelectV2
    "",                 // 99 Densify
    "",                 // 100 SegmentSum
    "1 1 1",            // 101 BatchMatMul
    "1 1",              // 102 Cumsum
    "4",                // 103 CallOnce
    "",                 // 104 BroadcastTo
    "",                 // 105 Rfft2d
    "1 4 4 4 1 4 4 4",  // 106 Conv3D
    "4 1 1",            // 107 Hashtable
    "",                 // 108 HashtableFind
    "",                 // 109 HashtableImport
    "",                 // 110 HashtableSize
    "s s",              // 111 VarHandle
    "",                 // 112 ReadVariable
    "",                 // 113 AssignVariable
    "8 8",              // 114 Random
    "v4",               // 115 Bucketize
    "1",                // 116 Gelu
    "",                 // 117 DynamicUpdateSlice
    "",                 // 118 UnsortedSegmentProd
    "",                 // 119 UnsortedSegmentMax
    "",                 // 120 UnsortedSegmentMin
    "",                 // 121 UnsortedSegmentSum
    "",                 // 122 ATan2
    "",                 // 123 Sign
    "",                 // 124 Bitcast
    "",                 // 125 BitwiseXor
    "",                 // 126 RightShift
});

/// Of builtin_options_2.
constexpr auto kSecondLayouts = std::to_array<std::string_view>({
    "",                                            // none
    "8",                                           // 1 StablehloConcatenate
    "v8",                                          // 2 StablehloBroadcastInDim
    "v8 v8 v8",                                    // 3 StablehloSlice
    "v8 v8 v8 v8 v1 8 8 v8 8 8 v8 8 8 v8 8 8 v4",  // 4 StablehloConvolution
    "s 1 s 4 v4 v1",                               // 5 StablehloCustomCall
    "v8 4",                                        // 6 StablehloReduce
    "1 v8 v8 v8 8 1 4",                            // 7 StablehloScatter
    "4 4",                                         // 8 StablehloCompare
    "v8",                                          // 9 StablehloDynamicSlice
    "v8 v8 v8",                                    // 10 StablehloPad
    "8",                                           // 11 StablehloIota
    "v8 v8 v8 v8 v4",                              // 12 StablehloDotGeneral
    "v8 v8 v8 v8 v8 4",                            // 13 StablehloReduceWindow
    "8 1 4",                                       // 14 StablehloSort
    "4 4",                                         // 15 StablehloWhile
    "v8 v8 v8 8 v8 1",                             // 16 StablehloGather
    "v8",                                          // 17 StablehloTranspose
    "",                                            // 18 Dilate
    "1",                                           // 19 StablehloRngBitGenerator
    "4",                                           // 20 ReduceWindow
    "s 4 v1 1 4",                                  // 21 StableHLOComposite
    "",                                            // 22 StablehloShiftLeft
    "v4",                                          // 23 StablehloCase
});

/// Of the details of a quantization.
constexpr auto kDetailsLayouts = std::to_array<std::string_view>({
    "",          // none
    "v1",        // 1 CustomQuantization
    "4 4 4 v4",  // 2 BlockwiseQuantization
    "4 4 4 v4",  // 3 MultiAxisQuantization
});

/// Of index vectors of sparse tensors.
constexpr auto kIndicesLayouts = std::to_array<std::string_view>({
    "",    // none
    "v4",  // 1 Int32Vector
    "v2",  // 2 Uint16Vector
    "v1",  // 3 Uint8Vector
});

FieldLayout parse(std::string_view token) {
  const auto form = token.front() == 'v'   ? FieldForm::kVector
                    : token.front() == 's' ? FieldForm::kString
                                           : FieldForm::kScalar;
  const auto width = form == FieldForm::kString ? 1 : token.back() - '0';
  return FieldLayout{form, static_cast<std::uint8_t>(width)};
}

std::span<const std::string_view> layouts_of(TableUnion which) {
  switch (which) {
    case TableUnion::kOptions:
      return kLayouts;
    case TableUnion::kOptions2:
      return kSecondLayouts;
    case TableUnion::kDetails:
      return kDetailsLayouts;
    case TableUnion::kIndices:
      return kIndicesLayouts;
  }
  return {};
}

}  // namespace

std::optional<std::vector<FieldLayout>> layout_of(TableUnion which, std::uint8_t type) {
  const auto layouts = layouts_of(which);
  if (type >= layouts.size()) {
    return std::nullopt;
  }
  std::vector<FieldLayout> fields;
  for (const auto token : split(layouts[type], ' ')) {
    if (!token.empty()) {
      fields.push_back(parse(token));
    }
  }
  return fields;
}

}  // namespace tessera::litert
