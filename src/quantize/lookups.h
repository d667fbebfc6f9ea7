// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "quantize/elementwise.h"
#include "quantize/passes.h"
#include "quantize/qoperator_unit.h"

namespace tessera::quantize {

/// What a chain of element-wise operators computes of one number, in double precision.
class ScalarChain {
 public:
  static constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);

  struct Step {
    ScalarFunction compute;           ///< none for the first step, which is the number itself
    std::vector<std::size_t> inputs;  ///< earlier steps, or kAbsent
  };

  /// The last of `steps` is the result. The first is the number.
  explicit ScalarChain(std::vector<Step> steps) : steps_(std::move(steps)) {}

  [[nodiscard]] double operator()(double number) const;

 private:
  std::vector<Step> steps_;
};

/// A Lookup in the place of a chain.
struct FusedLookup {
  IntegerValue source;  ///< that it reads
  IntegerValue target;  ///< that it writes
  std::string rounded;  ///< the float value that became `target`
  ScalarChain chain;    ///< of what `source` means, before it is rounded
};

/// The integer that entry `entry` of a table is for.
[[nodiscard]] std::int32_t code_of(std::size_t entry, DType dtype);

/// By entry: what the chain makes of the number `zero` + entry steps of `scale`, in the target's
/// integers. Appended to `bytes`. False, and nothing appended, where a result is none (the root of
/// a negative number).
[[nodiscard]] bool append_table(const ScalarChain& chain, const std::vector<double>& numbers,
                                double target_scale, const IntegerValue& target,
                                std::vector<std::byte>& bytes);

/// Puts a Lookup of libtessera_kernels in the place of whatever element-wise operators of `work`
/// compute of one 8-bit value before it is rounded to 8 bits again: one rounding instead of one per
/// operator, and one read and write per element. Comes before lower_to_qoperator(). Tables are made
/// in double precision.
[[nodiscard]] std::vector<FusedLookup> fuse_lookups(onnx::Model& model,
                                                    const std::vector<Work>& work);

/// Gives values in front of depthwise convolutions, and in front of lookups behind convolutions, a
/// scale per channel where `ranges` know their channels and nobody else reads them: a lookup may
/// have a table per channel, and scales of channels fold exactly into those of the weights that
/// make or read them. Every value keeps one scale and zero point on the wire, so that all operators
/// stay what they are. Comes between fuse_lookups() and lower_to_qoperator(). Returns the float
/// values that got scales.
std::vector<std::string> scale_channels(onnx::Model& model, const std::vector<FusedLookup>& lookups,
                                        const calibrate::Ranges& ranges);

}  // namespace tessera::quantize
