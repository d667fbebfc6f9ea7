// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"
#include "tessera/numerics/qparams.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/recipe.h"
#include "tessera/quantize/scheme.h"
#include "tessera/runtime/library.h"

namespace tessera::quantize {

/// Integers of a weight that somebody chose with care (see the room refine).
struct WeightOverride {
  DType dtype = DType::kInt8;
  int axis = -1;  ///< of the scales; -1: per tensor
  std::vector<numerics::QParams> qparams;
  Tensor values;
};
/// By initializer. One whose type or axis is not that of the scheme is passed over; where a bias
/// makes a scale grow, the weight is rounded to nearest with the new scale.
using WeightOverrides = std::map<std::string, WeightOverride, std::less<>>;

/// What networks of a format that can have it take and give.
enum class IoType : std::uint8_t {
  kFloat32,
  kInt8,   ///< where integers are read or made; what is not quantized stays float
  kUInt8,  ///< the same, 128 higher
};

/// How integer values lie in memory.
enum class Layout : std::uint8_t {
  kAsWritten,     ///< as the model has it; the runtime changes it by itself where it can
  kChannelsLast,  ///< written so, with changes at the borders only (see onnx/channels_last.h)
};

struct QuantizeOptions {
  bool keep_io = true;     ///< inputs and outputs keep their float type (float16 mode)
  std::int64_t opset = 0;  ///< 0: the lowest that the schemes need, at least the model's
  int threads = 1;
  /// Static mode: integers also where they bring only conversions (element-wise operators among
  /// float ones, everything behind the last multiplication).
  bool everywhere = false;
  /// Static mode, ONNX, of operators on integer tensors. Format::kKernels is always channels-last.
  Layout layout = Layout::kAsWritten;
  /// Static mode: not owned, none if null.
  const WeightOverrides* weights = nullptr;
  /// Static mode, .tflite: the types of inputs and outputs.
  IoType io = IoType::kFloat32;
  /// Static mode, .tflite, per channel: fully connected layers, too, have a scale per channel.
  /// Libraries before TensorFlow 2.17 load such a layer and compute it wrongly.
  bool channels_of_products = false;
};

/// What became of one operator.
struct OpOutcome {
  std::string op;
  std::string type;
  Scheme scheme;  ///< as wanted
  bool quantized = false;
  std::string reason;  ///< why not, or what was adjusted; empty if nothing is to be said
};

struct QuantizeReport {
  std::vector<OpOutcome> ops;
  std::int64_t quantized_ops = 0;
  std::int64_t quantize_nodes = 0;
  std::int64_t dequantize_nodes = 0;
  std::optional<std::int64_t> opset;  ///< of formats that have one
  /// A library of operators that whoever runs the model has to load; empty if there is none.
  std::string needs;
  std::int64_t size_bytes = 0;
};

/// An entry for every operator of a graph, as wanted and with nothing done.
[[nodiscard]] std::vector<OpOutcome> outcomes_of(const graph::Graph& graph,
                                                 const Assignment& assignment);

/// Rewrites `model` in one pass so that every operator is computed by its scheme, with the right
/// conversions wherever neighbours differ. The model's types must have been inferred; `ranges`
/// are needed for static schemes only.
///
/// An operator left in float reads the float tensor, never a quantized copy. Existing Q/DQ stay.
/// Errors: kInvalidArgument if a needed range is missing (named; hint to calibrate) or the ranges
/// are another model's; kUnimplemented for what validate() refuses.
/// Cost: one pass over the weights; memory bounded by the model plus the largest tensor.
/// Deterministic: independent of threads and of the order of containers.
[[nodiscard]] Result<QuantizeReport> quantize(network::Network& model, const Assignment& assignment,
                                              const calibrate::Ranges* ranges,
                                              const QuantizeOptions& options, Monitor& monitor);

/// Gives a network the form that quantize() gives it before it rounds anything: the opset that
/// reports have (0: that of 8-bit schemes, where every operator can follow), and `normalize`:
/// paddings and batch normalisation folded, as static schemes want it. Types of values that are
/// added are unknown until the next infer_types().
[[nodiscard]] Status bring_into_form(network::Network& model, std::int64_t opset, bool normalize);

/// Opens the model at every optimization level.
/// Errors: kUnavailable naming the level and the runtime's reason.
[[nodiscard]] Status check_loads(const network::Network& model,
                                 std::shared_ptr<const runtime::Library> library);

[[nodiscard]] Json to_json(const QuantizeReport& report);

}  // namespace tessera::quantize
