// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/quantize/scheme.h"
#include "tessera/tensor/tensor.h"

/// What the integer kernels of ONNX Runtime's CPU provider look like from outside: which operators
/// between DequantizeLinear and QuantizeLinear they take the place of, and what they ask of the
/// scales around them. Seen by letting version 1.32 optimize one operator at a time.
namespace tessera::quantize {

/// What an input of an operator is to its integer kernel.
enum class Role : std::uint8_t {
  kOther,       ///< stays as it is (indices, shapes, conditions)
  kActivation,  ///< read in integers
  kWeight,      ///< a constant in the weights' type
  kBias,        ///< a constant in int32, scale = product of the other two
  kFloatBias,   ///< a constant in float, of which the runtime may make a kBias by itself
};

/// Where the scale of the outputs comes from.
enum class OutputScale : std::uint8_t {
  kOwnRange,     ///< the range measured on the output
  kUnit,         ///< results lie in [0, 1]
  kSameAsInput,  ///< values are moved or selected, never computed
};

/// What integers are worth to an operator.
enum class Gain : std::uint8_t {
  kArithmetic,  ///< the multiplications are what integers are for
  kCompany,     ///< pays only between other integer operators, where it saves conversions
  kMovement,    ///< fewer bytes moved; takes integers that somebody else made or wants
};

struct OpRule {
  Gain gain = Gain::kCompany;
  OutputScale output = OutputScale::kOwnRange;
  std::vector<Role> roles;  ///< one per input
  int weight_axis = -1;     ///< channels of the weight; -1 if it can only be per tensor
  /// The kernel can give float32 results, so that the output needs no scale.
  bool float_output = false;
};

/// The integers of a list attribute; none if it is absent.
using ListOf = std::function<std::vector<std::int64_t>(std::string_view attribute)>;

/// Whether a ConvTranspose with these weights, [C, M, kernel height, kernel width], makes a block
/// of pixels of each pixel, so that it is a 1 x 1 convolution with height x width x M results.
/// Errors: kUnimplemented with the reason why it does not.
[[nodiscard]] Status check_blocks(const Shape& weights, std::int64_t group,
                                  const ListOf& attribute);

/// The rule of an operator in a format. With Format::kKernels lookups compute every element-wise
/// operator of one value, and a ConvTranspose whose kernel is its stride is a convolution.
/// Errors: kUnimplemented with the reason why the operator stays in float.
[[nodiscard]] Result<OpRule> rule_for(const graph::Graph& graph, const graph::Op& op,
                                      std::int64_t opset, Format format);

/// Types that have a rule, sorted.
[[nodiscard]] const std::vector<std::string>& types_with_rules(Format format);

}  // namespace tessera::quantize
