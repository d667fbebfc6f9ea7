// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tessera/tensor/affine.h"

/// What operators are, in terms that no file format owns. The reader of a format says it of every
/// operator, from the one table of names that the format has; whoever counts, plans or measures
/// asks for kinds and never for names.
namespace tessera::graph {

enum class OpKind : std::uint8_t {
  kOther,  ///< none of these, or nothing is known of it

  // Sums of products.
  kConv,            ///< convolution, also grouped and depthwise; weights [O, ...], see Operands
  kTransposedConv,  ///< weights [I, ...], see Operands
  kDeformableConv,
  kGemm,                 ///< product with a matrix of weights, and a bias: fully connected
  kMatMul,               ///< product of two matrices, or stacks of them
  kEinsum,               ///< by its attribute "equation"
  kLstm,                 ///< weights [directions, 4 x hidden, input], then the recurrent ones
  kRecurrent,            ///< other recurrent layers, with weights of the same form: GRU, RNN
  kAttention,            ///< with the projections of queries, keys and values in it
  kDotProductAttention,  ///< over queries, keys and values that others project

  // Element by element.
  kAdd,          ///< of two values
  kMul,          ///< of two values
  kClamp,        ///< cuts off what lies outside a range: Relu, Relu6, Clip
  kSigmoid,      ///< the logistic function
  kElementwise,  ///< any other function of one element of each operand

  // Over neighbours or axes.
  kSoftmax,
  kNormalize,  ///< batch, layer, group, ... normalization
  kPool,       ///< sliding windows of the extents in the attribute "kernel_shape"
  kReduce,     ///< reads all and puts it together along axes: sums, means, global pools, ArgMax
  kResize,     ///< interpolates by its attribute "mode": "nearest", "linear" or "cubic"

  // Elements stay what they are.
  kReshape,  ///< the first output is the first input in another shape or under another name
  kPermute,  ///< holds each element of the first input once, in another order
  kGather,   ///< slices of the first input along the attribute "axis", by indices in the second
  kSelect,   ///< other parts of the first input: slices, splits, single elements
  kJoin,     ///< all inputs behind one another
  kPad,
  kCast,  ///< to another type of numbers; does not scale

  // Between real numbers and integers.
  kQuantize,         ///< with scales that are given
  kDynamicQuantize,  ///< with scales taken from the values at run time
  kDequantize,

  kControl,    ///< runs its bodies: branches and loops
  kContainer,  ///< makes or reads a sequence, a map or an optional value
  kRandom,     ///< makes other values each time
};

[[nodiscard]] constexpr bool is_sum_of_products(OpKind kind) noexcept {
  switch (kind) {
    case OpKind::kConv:
    case OpKind::kTransposedConv:
    case OpKind::kDeformableConv:
    case OpKind::kGemm:
    case OpKind::kMatMul:
    case OpKind::kEinsum:
    case OpKind::kLstm:
    case OpKind::kRecurrent:
    case OpKind::kAttention:
    case OpKind::kDotProductAttention:
      return true;
    default:
      return false;
  }
}

/// The numbers that come out are some of those that went in, whatever they stand for.
[[nodiscard]] constexpr bool only_moves(OpKind kind) noexcept {
  switch (kind) {
    case OpKind::kReshape:
    case OpKind::kPermute:
    case OpKind::kGather:
    case OpKind::kSelect:
    case OpKind::kJoin:
    case OpKind::kPad:
      return true;
    default:
      return false;
  }
}

/// In which numbers an operator computes.
enum class Arithmetic : std::uint8_t {
  kFloat,       ///< as its operands are
  kInteger,     ///< on integers, whose scales stand in the file
  kDynamic,     ///< on integers, whose scales are taken at run time
  kWeightOnly,  ///< in float, on weights that it unpacks from integers itself
};

/// Which inputs of an operator are what, where its kind has such.
struct Operands {
  std::size_t input = 0;                ///< of transposed convolutions: what is spread
  std::size_t weights = 1;              ///< of convolutions, and of a kGemm with `depth_axis`
  std::optional<std::size_t> bias = 2;  ///< of convolutions and products
  std::optional<std::size_t> past;      ///< earlier keys of kDotProductAttention
  /// Of the weights of a convolution: outputs, or inputs of a transposed one.
  std::size_t filter_axis = 0;
  /// Of the weights of a kGemm: what it sums over, where that is not the last of its first input.
  std::optional<std::size_t> depth_axis;
  /// Weights of a recurrent layer, each applied once per step, where they are several inputs.
  std::vector<std::size_t> factors;
};

using tessera::AffineQuantization;

}  // namespace tessera::graph
