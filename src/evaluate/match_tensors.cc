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
  explicit Candidate(const onnx::Model& model) : model_(model) {}

  struct Match {
    std::string value;
    std::optional<Quantization> quantization;
  };

  /// The counterpart of a value of the reference, by its name.
  [[nodiscard]] std::optional<Match> find(const std::string& name) const {
    for (const auto* suffix : {"_DequantizeLinear_Output", "", "_QuantizeLinear_Input"}) {
      const auto value = name + suffix;
      if (model_.producer(value)) {
        return as_read(value);
      }
    }
    const auto integers = name + "_quantized";
    return model_.producer(integers) ? quantized(integers) : std::nullopt;
  }

 private:
  /// A value as its readers see it: behind QuantizeLinear (and DequantizeLinear), if it goes there.
  [[nodiscard]] std::optional<Match> as_read(const std::string& value) const {
    if (makes_integers(value)) {
      return quantized(value);
    }
    for (const auto reader : model_.consumers(value)) {
      if (model_.op_type(reader) != "QuantizeLinear" || model_.inputs(reader)[0] != value) {
        continue;
      }
      const auto integers = model_.outputs(reader)[0];
      for (const auto behind : model_.consumers(integers)) {
        if (model_.op_type(behind) == "DequantizeLinear" && model_.inputs(behind)[0] == integers) {
          return Match{model_.outputs(behind)[0], std::nullopt};
        }
      }
      return quantized(integers);
    }
    return Match{value, std::nullopt};
  }

  [[nodiscard]] bool makes_integers(const std::string& value) const {
    const auto type = model_.type_of(value);
    return type && is_integer(type->dtype);
  }

  [[nodiscard]] std::optional<Match> quantized(const std::string& value) const {
    const auto quantization = quantization_of(value);
    return quantization ? std::optional(Match{value, quantization}) : std::nullopt;
  }

  [[nodiscard]] std::optional<Quantization> quantization_of(std::string value) const {
    for (std::set<std::string> seen; seen.insert(value).second;) {
      const auto producer = model_.producer(value);
      if (!producer) {
        return std::nullopt;
      }
      const auto& op_type = model_.op_type(*producer);
      const auto inputs = model_.inputs(*producer);
      if (const auto index = scale_index(op_type)) {
        return op_type == "DequantizeLinear" ? std::nullopt : read(inputs, *index);
      }
      const bool moves =
          std::find(kMovesData.begin(), kMovesData.end(), op_type) != kMovesData.end();
      if (!moves || inputs.empty()) {
        return std::nullopt;
      }
      value = inputs[0];
    }
    return std::nullopt;
  }

  /// Scale and zero point of the whole tensor, if they are constants of the file.
  [[nodiscard]] std::optional<Quantization> read(const std::vector<std::string>& inputs,
                                                 std::size_t index) const {
    const auto scale = scalar(inputs, index);
    if (!scale) {
      return std::nullopt;
    }
    Quantization quantization{*scale, 0};
    if (index + 1 < inputs.size() && !inputs[index + 1].empty()) {
      const auto zero_point = scalar(inputs, index + 1);
      if (!zero_point) {
        return std::nullopt;
      }
      quantization.zero_point = static_cast<std::int64_t>(*zero_point);
    }
    return quantization;
  }

  [[nodiscard]] std::optional<double> scalar(const std::vector<std::string>& inputs,
                                             std::size_t index) const {
    if (index >= inputs.size() || !model_.has_initializer(inputs[index])) {
      return std::nullopt;
    }
    const auto tensor = model_.initializer(inputs[index]);
    if (!tensor || tensor->size() != 1) {
      return std::nullopt;
    }
    const auto values = to_float32(*tensor);
    return values ? std::optional(static_cast<double>(values->front())) : std::nullopt;
  }

  const onnx::Model& model_;
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

Result<std::vector<TensorPair>> match_tensors(const onnx::Model& reference,
                                              const onnx::Model& candidate) {
  TESSERA_TRY(const auto graph, reference.view());
  const auto constant = graph::constant_tensors(graph);
  const Candidate other(candidate);
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
