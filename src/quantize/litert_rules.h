// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quantize/static_rules.h"
#include "tessera/core/result.h"
#include "tessera/litert/content.h"
#include "tessera/numerics/qparams.h"
#include "tessera/quantize/scheme.h"

/// What the kernels of LiteRT ask of operators on integers, and which version of an operator has
/// them. From the quantization specification of the format; what it leaves open was seen by
/// running 2.9 and 2.3.0.
namespace tessera::quantize {

/// Where the scale of an operator's results comes from.
enum class LitertScale : std::uint8_t {
  kOwnRange,   ///< the range measured on the result
  kOfInputs,   ///< values are moved, selected or averaged: inputs and results have one scale
  kByFunction  ///< results lie in a range that is known
};

struct LitertRule {
  Gain gain = Gain::kCompany;
  LitertScale scale = LitertScale::kOwnRange;
  std::vector<Role> roles;  ///< one per input
  int weight_axis = -1;     ///< channels of the weight; -1: it has one scale
};

/// How an operator may be computed other than on floats with known ranges.
struct LitertWeights {
  std::vector<std::size_t> inputs;  ///< constants that are weights
  int axis = -1;                    ///< channels; -1: one scale
  /// Of the option that has inputs rounded asymmetrically at run time; none: the kernel does as it
  /// likes.
  std::optional<std::uint16_t> asymmetric;
  bool dynamic = true;  ///< a kernel that rounds its inputs at run time takes integer weights
};

/// The integer form of an operator.
/// Errors: kUnimplemented with the reason why it stays in float with activations of this type.
[[nodiscard]] Result<LitertRule> litert_rule(const litert::Content& content,
                                             const litert::Subgraph& subgraph,
                                             const litert::Operator& op, DType activation);

/// Where its weights are. Errors: kUnimplemented with the reason why there are none to take.
[[nodiscard]] Result<LitertWeights> litert_weights(const litert::Content& content,
                                                   const litert::Operator& op);

/// Scale and zero point of results whose range the function gives.
[[nodiscard]] numerics::QParams litert_function_scale(litert::Builtin code, DType activation);

/// The lowest version of an operator whose kernels take what it has now, that of the file at least.
[[nodiscard]] std::int32_t litert_version(const litert::Content& content,
                                          const litert::Subgraph& subgraph,
                                          const litert::Operator& op);

/// The first release that has this version of an operator; empty where that is not known.
[[nodiscard]] std::string_view litert_release(litert::Builtin code, std::int32_t version);
/// True if release `a` is older than `b`: by numbers between points.
[[nodiscard]] bool is_older_release(std::string_view a, std::string_view b);

/// Types of operators with an integer form, with weights for a kernel that rounds at run time, and
/// with constants; sorted.
[[nodiscard]] std::vector<std::string> litert_types(Mode mode);

}  // namespace tessera::quantize
