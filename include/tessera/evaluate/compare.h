// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/evaluate/accuracy.h"
#include "tessera/graph/kind.h"
#include "tessera/network/network.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::evaluate {

/// A demand on a figure of the comparison.
struct Gate {
  enum class Relation : std::uint8_t { kAtLeast, kAtMost, kAbove, kBelow };
  std::string metric;
  Relation relation = Relation::kAtLeast;
  double limit = 0;

  [[nodiscard]] bool holds(double value) const noexcept;  ///< false for NaN
};
/// "sqnr_db>=20", "top1_drop<=1.0".
[[nodiscard]] std::string to_string(const Gate& gate);
/// Metrics: sqnr_db, cosine, max_abs, l2_per_element, relative_l2 (all outputs pooled),
/// worst_sqnr_db (of the outputs), non_finite, top1 (of the candidate, percent), top1_drop
/// (points), top1_agreement (percent). Relations: >= <= > <.
/// Errors: kInvalidArgument with the known metrics.
[[nodiscard]] Result<Gate> parse_gate(std::string_view text);

struct GateResult {
  Gate gate;
  double value = 0;
  bool passed = false;
};

/// A value inside the reference and its counterpart in the candidate.
struct TensorPair {
  std::string name;       ///< in the reference
  std::string candidate;  ///< in the candidate: as its readers see it, quantized and back
  std::string op_type;    ///< that makes it in the reference
  /// For a value that the candidate holds as integers.
  std::optional<graph::AffineQuantization> quantization;
  /// For one that the reference holds as integers.
  std::optional<graph::AffineQuantization> reference_quantization;
  bool channels_last = false;  ///< in the candidate alone: [N, H, W, C] of [N, C, H, W]
};

struct TensorError {
  TensorPair pair;
  ErrorMetrics error;
};

/// Values of the reference that the candidate has too, in the reference's order of operators:
/// floats, and what integer operators make where the file says its scale.
/// Names are matched as they are and by what quantizers make of them: T_DequantizeLinear_Output,
/// T_QuantizeLinear_Input, T_quantized; a value that goes through QuantizeLinear is taken behind
/// it. Where the candidate has folded a Relu or Clip into its producer, the folded result is
/// compared with the output of the Relu or Clip; a value that is quantized to the range of a Relu
/// or Clip behind it is left out, because it is clipped on purpose.
[[nodiscard]] Result<std::vector<TensorPair>> match_tensors(const network::Network& reference,
                                                            const network::Network& candidate);

struct CompareOptions {
  runtime::SessionOptions session;  ///< how both models run for the outputs
  bool tensors = true;              ///< also compare the values inside
  /// What the reference was converted to before the candidate was made of it: tells the loss of
  /// conversion from that of quantization. Null: not known.
  const network::Network* via = nullptr;
  std::vector<Gate> gates;
};

/// The error of a candidate in two steps. They do not add up: each is against its own reference.
struct SplitLoss {
  Accuracy conversion;    ///< of CompareOptions::via against the reference
  Accuracy quantization;  ///< of the candidate against CompareOptions::via
};

struct Comparison {
  Accuracy accuracy;
  std::optional<SplitLoss> loss;  ///< with CompareOptions::via
  /// The error with the candidate's own states, where samples are steps of sequences; `accuracy`
  /// is that with the states of the reference.
  std::optional<ErrorMetrics> free_running;
  std::vector<TensorError> tensors;  ///< worst SQNR first
  /// Values of real numbers inside the reference, matched or not.
  std::int64_t reference_tensors = 0;
  std::vector<GateResult> gates;

  [[nodiscard]] bool passed() const noexcept;
};

/// Compares a candidate with its reference over a sample set.
///
/// Outputs come from both models as they would be deployed (`options.session`). Values inside come
/// from a second pass with graph optimizations off, in which both models run at the same time and
/// hand each other their tensors one by one: nothing is gathered, and memory stays near that of
/// two inferences. Types of both models must have been inferred.
///
/// Models of two formats are compared by their outputs alone (the values inside are those of
/// `options.via` where that has the candidate's format). Inputs and outputs are those of the
/// reference by name where their shapes fit, else by place and shape; values of four dimensions are
/// transposed where channels stand first in one model and last in the other, so that both get the
/// same samples. Warning: matched-by-place.
/// Errors: kInvalidArgument if the models' inputs or outputs do not correspond, if the layout of
/// one cannot be told from its shape, or a gate needs
/// labels or a classifier that are not there; those of data and runtime; kCancelled.
[[nodiscard]] Result<Comparison> compare(const network::Network& reference,
                                         const network::Network& candidate,
                                         const data::SampleSet& samples,
                                         const std::shared_ptr<const runtime::Library>& library,
                                         const CompareOptions& options, Monitor& monitor);

/// {samples, outputs[], overall (with free_running_sqnr_db for steps), top1, conversion,
/// quantization (both if there is a SplitLoss, as Accuracy), tensors[], gates[], passed}.
[[nodiscard]] Json to_json(const Comparison& comparison);

}  // namespace tessera::evaluate
