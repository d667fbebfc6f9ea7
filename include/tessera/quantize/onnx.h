// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/numerics/qparams.h"
#include "tessera/onnx/model.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/quantize.h"
#include "tessera/runtime/library.h"

/// The same for ONNX models, with what refine needs to know of the roundings; for rooms that write
/// ONNX themselves.
namespace tessera::quantize {

/// See quantize() of a network.
[[nodiscard]] Result<QuantizeReport> quantize(onnx::Model& model, const Assignment& assignment,
                                              const calibrate::Ranges* ranges,
                                              const QuantizeOptions& options, Monitor& monitor);

/// A model in the form that quantize() rewrites, with a scheme per operator of its view().
struct Prepared {
  onnx::Model model;
  Assignment assignment;
  std::vector<OpOutcome> gone;  ///< operators that were folded into others, or replaced
};

/// What quantize() does first: raises the opset, and normalizes where a scheme is static. Calling
/// quantize() on the result gives what it gives on `model`. Types of values that the upgrade added
/// are unknown until the next infer_types().
[[nodiscard]] Result<Prepared> prepare(const onnx::Model& model, const Assignment& assignment,
                                       const QuantizeOptions& options, Monitor& monitor);

/// A scale of activations.
struct ActivationScale {
  /// Tensor whose measured range decides; empty where none does (results in [0, 1]).
  std::string range_of;
  numerics::RangeMethod method = numerics::RangeMethod::kMinMax;
  numerics::QuantSpec spec;
  numerics::QParams qparams;
  std::vector<std::string> tensors;  ///< every value that is rounded with it
};

/// A weight as an operator reads it.
struct WeightScale {
  onnx::NodeId node;
  std::size_t input = 0;
  std::string initializer;
  DType dtype = DType::kInt8;
  int axis = -1;
  std::vector<numerics::QParams> qparams;
  numerics::IntegerRange levels;  ///< that its integers may take
};

/// Every rounding that a static scheme puts into a model. With Format::kKernels without those that
/// lookups leave out, and those with a scale per channel: they are next to nothing beside the
/// others.
struct StaticDetails {
  std::vector<ActivationScale> activations;
  std::vector<WeightScale> weights;
};

/// The scales that quantize() would use on a prepared model (see prepare()), in static mode. The
/// model stays as it is. Errors and cost: those of quantize().
[[nodiscard]] Result<StaticDetails> describe_static(const onnx::Model& model,
                                                    const Assignment& assignment,
                                                    const calibrate::Ranges& ranges,
                                                    const QuantizeOptions& options,
                                                    Monitor& monitor);

/// The model with the weights that quantize() would write, as real numbers. Errors: those of
/// rounding a weight. Cost: a copy of the model, and one pass over the weights.
[[nodiscard]] Result<onnx::Model> with_rounded_weights(const onnx::Model& model,
                                                       const StaticDetails& details,
                                                       const WeightOverrides& overrides);

/// Puts a constant in the place of the one that `node` reads: under its name if it is an
/// initializer that nobody else reads, else under a new one.
void replace_constant(onnx::Model& model, onnx::NodeId node, std::size_t input, Tensor value);

/// Refuses what validate() lets pass and no kernel of ONNX Runtime or operator of ONNX knows (s8
/// activations with u8 weights, 16-bit QOperator, ...), with the reason and what to use instead.
[[nodiscard]] Status validate_onnx(const Scheme& scheme);

[[nodiscard]] Status check_loads(const onnx::Model& model,
                                 std::shared_ptr<const runtime::Library> library);

/// The frame of quantize(), for those who rewrite a model in their own way: what it refuses before
/// it touches anything (`graph` is the model's view),
[[nodiscard]] Status check_request(const onnx::Model& model, const graph::Graph& graph,
                                   const Assignment& assignment, const calibrate::Ranges* ranges);
/// and what is told in the end, the size of the file apart. See outcomes_of(), too.
[[nodiscard]] QuantizeReport report_of(const onnx::Model& model, std::vector<OpOutcome> outcomes);

}  // namespace tessera::quantize
