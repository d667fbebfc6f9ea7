// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/numerics/qparams.h"
#include "tessera/onnx/model.h"

/// Which values cannot do with the few levels of an integer type, judged by what they are and what
/// is made of them: masks beside which everything else vanishes, infinities, arithmetic on shapes.
namespace tessera::quantize {

/// Beyond it no integer resolves anything: padding with the lowest float and the like.
inline constexpr double kLargestScaled = 1e30;

/// What speaks against holding a tensor in integers.
struct Objection {
  enum class Kind : std::uint8_t {
    kNone,
    kCoarse,   ///< the levels are too few for what is made of it
    kNoScale,  ///< no scale fits it: infinities, nothing measured, values beyond all measure
  };
  Kind kind = Kind::kNone;
  std::string reason;  ///< to stand behind "stays in float: "

  explicit operator bool() const noexcept { return kind != Kind::kNone; }
};

/// By tensor of `graph`, for activations of type `spec` scaled by ranges of `method`.
/// Errors: those of reading constants. Cost: linear in the size of the graph and of the constants
/// that are added to activations.
[[nodiscard]] Result<std::vector<Objection>> object_to_integers(const onnx::Model& model,
                                                                const graph::Graph& graph,
                                                                const calibrate::Ranges& ranges,
                                                                const numerics::QuantSpec& spec,
                                                                numerics::RangeMethod method);

/// Why a constant cannot become integers: it holds NaN, infinities or values beyond kLargestScaled,
/// or cannot be read. Empty if it can. Its memory is given back. Errors: those of reading it.
[[nodiscard]] Result<std::string> objection_to_constant(const onnx::Model& model,
                                                        const std::string& name);

/// Values that constants beyond `limit` may have made as large as they are: results of arithmetic
/// that goes by element, and of operators that move values. By value: the constant.
/// Errors and cost: those of reading all constants that such operators read.
[[nodiscard]] Result<std::map<std::string, std::string, std::less<>>> values_of_large_constants(
    const onnx::Model& model, double limit);

}  // namespace tessera::quantize
