// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "tessera/evaluate/compare.h"
#include "tessera/graph/graph.h"

namespace tessera::evaluate {
namespace {

using graph::TensorId;
using Quantization = TensorPair::Quantization;

/// Where an operator that makes integers is told their scale; the zero point stands behind it.
struct ScaleInput {
  std::string_view op_type;
  std::size_t index;
};
constexpr std::array<ScaleInput, 15> kScaleInputs{{{"QuantizeLinear", 1},
                                                   {"QLinearConv", 6},
                                                   {"QLinearMatMul", 6},
                                                   {"QLinearAdd", 6},
                                                   {"QLinearMul", 6},
                                                   {"QGemm", 7},
                                                   {"QLinearSigmoid", 3},
                                                   {"QLinearLeakyRelu", 3},
                                                   {"QLinearAveragePool", 3},
                                                   {"QLinearGlobalAveragePool", 3},
                                                   {"QLinearSoftmax", 3},
                                                   {"QLinearReduceMean", 3},
                                                   {"QLinearWhere", 7},
                                                   {"QLinearConcat", 0},
                                                   {"DequantizeLinear", 1}}};
/// Operators that hand integers on as they are.
constexpr std::array<std::string_view, 14> kMovesData{
    "MaxPool", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze",    "Slice",
    "Gather",  "Split",   "Identity",  "Resize",  "Pad",     "DepthToSpace", "SpaceToDepth"};

std::optional<std::size_t> scale_index(std::string_view op_type) {
  const auto* const found =
      std::find_if(kScaleInputs.begin(), kScaleInputs.end(),
                   [&](const ScaleInput& known) { return known.op_type == op_type; });
  return found == kScaleInputs.end() ? std::nullopt : std::optional(found->index);
}

/// Finds the counterparts of values in a candidate model.
class Candidate {
 public:
  Candidate(const network::Network& network, const graph::Graph& graph)
      : network_(network), graph_(graph) {}

  struct Match {
    std::string value;
    std::optional<Quantization> quantization;
  };

  /// The counterpart of a value of the reference, by its name.
  [[nodiscard]] std::optional<Match> find(const std::string& name) const {
    for (const auto* suffix : {"_DequantizeLinear_Output", "", "_QuantizeLinear_Input"}) {
      if (const auto value = made(name + suffix)) {
        return as_read(*value);
      }
    }
    const auto integers = made(name + "_quantized");
    return integers ? quantized(*integers) : std::nullopt;
  }

 private:
  /// A value that an operator makes.
  [[nodiscard]] std::optional<TensorId> made(const std::string& name) const {
    const auto id = graph_.find_tensor(name);
    return id && graph_.tensor(*id).producer ? id : std::nullopt;
  }

  /// A value as its readers see it: behind QuantizeLinear (and DequantizeLinear), if it goes there.
  [[nodiscard]] std::optional<Match> as_read(TensorId value) const {
    if (is_integer(graph_.tensor(value).dtype)) {
      return quantized(value);
    }
    for (const auto reader : graph_.tensor(value).consumers) {
      const auto integers = converted(reader, "QuantizeLinear", value);
      if (!integers) {
        continue;
      }
      for (const auto behind : graph_.tensor(*integers).consumers) {
        if (const auto read = converted(behind, "DequantizeLinear", *integers)) {
          return Match{graph_.tensor(*read).name, std::nullopt};
        }
      }
      return quantized(*integers);
    }
    return Match{graph_.tensor(value).name, std::nullopt};
  }

  /// What an operator of this type makes of a value; none if it is another or reads another.
  [[nodiscard]] std::optional<TensorId> converted(graph::OpId id, std::string_view type,
                                                  TensorId value) const {
    const auto& op = graph_.op(id);
    return op.type == type && op.inputs[0] == value ? op.outputs[0] : std::nullopt;
  }

  [[nodiscard]] std::optional<Match> quantized(TensorId value) const {
    const auto quantization = quantization_of(value);
    return quantization ? std::optional(Match{graph_.tensor(value).name, quantization})
                        : std::nullopt;
  }

  [[nodiscard]] std::optional<Quantization> quantization_of(TensorId value) const {
    for (std::set<TensorId> seen; seen.insert(value).second;) {
      const auto producer = graph_.tensor(value).producer;
      if (!producer) {
        return std::nullopt;
      }
      const auto& op = graph_.op(*producer);
      if (const auto index = scale_index(op.type)) {
        return op.type == "DequantizeLinear" ? std::nullopt : read(op, *index);
      }
      const bool moves =
          std::find(kMovesData.begin(), kMovesData.end(), op.type) != kMovesData.end();
      if (!moves || op.inputs.empty() || !op.inputs[0]) {
        return std::nullopt;
      }
      value = *op.inputs[0];
    }
    return std::nullopt;
  }

  /// Scale and zero point of the whole tensor, if they are constants of the file.
  [[nodiscard]] std::optional<Quantization> read(const graph::Op& op, std::size_t index) const {
    const auto scale = scalar(op, index);
    if (!scale) {
      return std::nullopt;
    }
    Quantization quantization{*scale, 0};
    if (index + 1 < op.inputs.size() && op.inputs[index + 1]) {
      const auto zero_point = scalar(op, index + 1);
      if (!zero_point) {
        return std::nullopt;
      }
      quantization.zero_point = static_cast<std::int64_t>(*zero_point);
    }
    return quantization;
  }

  [[nodiscard]] std::optional<double> scalar(const graph::Op& op, std::size_t index) const {
    if (index >= op.inputs.size() || !op.inputs[index]) {
      return std::nullopt;
    }
    const auto& input = graph_.tensor(*op.inputs[index]);
    if (input.kind != graph::TensorKind::kInitializer) {
      return std::nullopt;
    }
    const auto tensor = network_.constant(input.name);
    if (!tensor || tensor->size() != 1) {
      return std::nullopt;
    }
    const auto values = to_float32(*tensor);
    return values ? std::optional(static_cast<double>(values->front())) : std::nullopt;
  }

  const network::Network& network_;
  const graph::Graph& graph_;
};

bool is_clamp(const graph::Op& op) {
  return op.type == "Relu" || op.type == "Clip";
}

/// The only reader of a value, if it is a Relu or Clip that a quantizer may fold away.
const graph::TensorInfo* folded_result(const graph::Graph& graph, const graph::TensorInfo& value) {
  if (value.consumers.size() != 1 || value.is_output || value.used_by_body) {
    return nullptr;
  }
  const auto& op = graph.op(value.consumers[0]);
  return is_clamp(op) && op.outputs[0] ? &graph.tensor(*op.outputs[0]) : nullptr;
}

}  // namespace

Result<std::vector<TensorPair>> match_tensors(const network::Network& reference,
                                              const network::Network& candidate) {
  TESSERA_TRY(const auto graph, reference.view());
  const auto constant = graph::constant_tensors(graph);
  TESSERA_TRY(const auto candidate_graph, candidate.view());
  const Candidate other(candidate, candidate_graph);
  std::vector<TensorPair> pairs;
  std::map<std::string, std::string> folded;  // output of a folded Relu -> name of its input
  for (const auto& op : graph.ops()) {
    for (const auto& id : op.outputs) {
      if (!id || constant[id->value] || !is_floating(graph.tensor(*id).dtype)) {
        continue;
      }
      const auto& value = graph.tensor(*id);
      const auto* const result = folded_result(graph, value);
      if (result != nullptr && !other.find(result->name)) {
        folded[result->name] = value.name;
        continue;
      }
      const auto alias = folded.find(value.name);
      const auto match = other.find(alias == folded.end() ? value.name : alias->second);
      // Quantized to the range of the Relu or Clip that follows, it is clipped on purpose.
      const bool clipped = match && result != nullptr && match->value != value.name;
      if (match && !clipped) {
        pairs.push_back({value.name, match->value, op.type, match->quantization});
      }
    }
  }
  return pairs;
}

}  // namespace tessera::evaluate
