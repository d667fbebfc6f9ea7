// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/graph/cost.h"
#include "tessera/graph/cut.h"
#include "tessera/graph/graph.h"

/// What `tessera inspect` tells about a model, whatever its file format.
namespace tessera::graph {

enum class QuantizationState : std::uint8_t {
  kNone,        ///< float
  kQdq,         ///< float operators between QuantizeLinear and DequantizeLinear
  kQOperator,   ///< QLinearConv, QGemm, ... with ranges fixed in the file
  kDynamic,     ///< ConvInteger, MatMulInteger, ... with ranges taken at run time
  kWeightOnly,  ///< integer weights, float arithmetic
  kFloat16,     ///< half-precision weights
  kMixed,       ///< several of these
};
[[nodiscard]] std::string_view to_string(QuantizationState state) noexcept;

struct Quantization {
  QuantizationState state = QuantizationState::kNone;
  std::int64_t quantize_nodes = 0;
  std::int64_t dequantize_nodes = 0;
  /// Operators that are computed in integers: integer ones, and float ones whose Q/DQ a runtime
  /// folds into an integer kernel.
  std::int64_t int8_ops = 0;
  /// Share of all MACs that these do; absent where MACs are unknown or zero.
  std::optional<double> int8_mac_share;
};

/// Operators of one type together.
struct TypeTotal {
  std::string type;  ///< with its domain, unless that is the standard one: "com.microsoft.QGemm"
  std::int64_t count = 0;
  std::optional<std::int64_t> macs = 0;
  std::int64_t weight_bytes = 0;
};

struct Inspection {
  QdqCounting qdq = QdqCounting::kInclude;
  std::int64_t nodes = 0;       ///< operators of the main graph
  std::int64_t body_nodes = 0;  ///< operators within control flow
  std::int64_t parameters = 0;  ///< elements of weights: of all constants but int64 and bool
  std::int64_t weight_bytes = 0;
  /// Sums over the operators whose own are known; absent where they are too large to count.
  std::optional<std::int64_t> macs = 0;
  std::optional<std::int64_t> flops = 0;
  /// Operators whose MACs are not known: a shape is unknown, or the number too large to count.
  std::int64_t unknown_macs = 0;
  /// Absent where a size is unknown, or the sum too large to count.
  std::optional<std::int64_t> peak_activation_bytes;
  std::vector<std::string> symbols;  ///< symbolic extents of the inputs, sorted
  Quantization quantization;
  std::vector<TypeTotal> types;  ///< by MACs, then by count
  std::vector<OpCost> costs;     ///< by OpId
  std::optional<std::vector<Cut>> cuts;
};

struct InspectOptions {
  QdqCounting qdq = QdqCounting::kInclude;
  int max_cut_tensors = 0;  ///< 0: no cuts
};

[[nodiscard]] Inspection inspect(const Graph& graph, const InspectOptions& options);
[[nodiscard]] Quantization quantization_of(const Graph& graph);
/// By OpId: operators that are quantized as the model stands (statically, dynamically, their
/// weights only), with the conversions that belong to them.
[[nodiscard]] std::vector<bool> quantized_operators(const Graph& graph);

/// The keys of the `inspect` document that do not depend on the file format. Extents are numbers,
/// symbols or null.
[[nodiscard]] Json to_json(const Inspection& inspection, const Graph& graph);

/// "1x3x224x224", "Nx3x?x?", "?" for an unknown rank.
[[nodiscard]] std::string shape_text(const TensorInfo& tensor);

[[nodiscard]] std::string_view to_string(QdqCounting counting) noexcept;

}  // namespace tessera::graph
