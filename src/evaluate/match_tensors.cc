// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <string>

#include "evaluate/match_tensors.h"
#include "tessera/evaluate/compare.h"
#include "tessera/graph/cost.h"
#include "tessera/network/layout.h"

namespace tessera::evaluate {
namespace {

using graph::AffineQuantization;
using graph::OpKind;
using graph::TensorId;

/// Hands integers on as they are.
bool moves_integers(const graph::Op& op) {
  switch (op.kind) {
    case OpKind::kPool:  // averages of integers are integer operators
    case OpKind::kResize:
    case OpKind::kReshape:
    case OpKind::kPermute:
    case OpKind::kGather:
    case OpKind::kSelect:
    case OpKind::kPad:
      return !graph::is_integer_op(op);
    default:
      return false;
  }
}

/// Finds the counterparts of values in a candidate model.
class Candidate {
 public:
  Candidate(const graph::Graph& graph, network::FileFormat format)
      : graph_(graph), format_(format) {}

  struct Match {
    std::string value;
    std::optional<AffineQuantization> quantization;
    bool channels_last = false;
  };

  /// The counterpart of a value of the reference, by its name.
  [[nodiscard]] std::optional<Match> find(const std::string& name) const {
    for (const auto* suffix : {"_DequantizeLinear_Output", "", "_QuantizeLinear_Input"}) {
      if (const auto value = made(name + suffix)) {
        return as_read(*value);
      }
    }
    for (const auto* suffix : {"_quantized", "_QuantizeLinear_Output"}) {
      if (const auto integers = made(name + suffix)) {
        return quantized(*integers);
      }
    }
    for (const auto* suffix :
         {"_DequantizeLinear_Output", "", "_quantized", "_QuantizeLinear_Output"}) {
      if (auto match = channels_last(name + suffix)) {
        return match;
      }
    }
    return std::nullopt;
  }

 private:
  /// A value of four axes by the name that its channels-last form was given.
  [[nodiscard]] std::optional<Match> channels_last(const std::string& name) const {
    const auto moved = network::channels_last_name(format_, name);
    const auto value = moved ? made(*moved) : std::nullopt;
    auto match = value ? as_read(*value) : std::nullopt;
    if (match) {
      match->channels_last = true;
    }
    return match;
  }

  /// A value that an operator makes.
  [[nodiscard]] std::optional<TensorId> made(const std::string& name) const {
    const auto id = graph_.find_tensor(name);
    return id && graph_.tensor(*id).producer ? id : std::nullopt;
  }

  /// A value as its readers see it: behind a Quantize (and a Dequantize), if it goes there.
  [[nodiscard]] std::optional<Match> as_read(TensorId value) const {
    if (is_integer(graph_.tensor(value).dtype)) {
      return quantized(value);
    }
    for (const auto reader : graph_.tensor(value).consumers) {
      const auto integers = converted(reader, OpKind::kQuantize, value);
      if (!integers) {
        continue;
      }
      for (const auto behind : graph_.tensor(*integers).consumers) {
        if (const auto read = converted(behind, OpKind::kDequantize, *integers)) {
          return Match{graph_.tensor(*read).name, std::nullopt};
        }
      }
      return quantized(*integers);
    }
    return Match{graph_.tensor(value).name, std::nullopt};
  }

  /// What an operator of this kind makes of a value; none if it is another or reads another.
  [[nodiscard]] std::optional<TensorId> converted(graph::OpId id, OpKind kind,
                                                  TensorId value) const {
    const auto& op = graph_.op(id);
    return op.kind == kind && op.inputs[0] == value ? op.outputs[0] : std::nullopt;
  }

  [[nodiscard]] std::optional<Match> quantized(TensorId value) const {
    const auto quantization = quantization_of(value);
    return quantization ? std::optional(Match{graph_.tensor(value).name, quantization})
                        : std::nullopt;
  }

  [[nodiscard]] std::optional<AffineQuantization> quantization_of(TensorId value) const {
    while (!graph_.tensor(value).quantization) {
      const auto producer = graph_.tensor(value).producer;
      if (!producer) {
        return std::nullopt;
      }
      const auto& op = graph_.op(*producer);
      if (!moves_integers(op) || op.inputs.empty() || !op.inputs[0]) {
        return std::nullopt;
      }
      value = *op.inputs[0];
    }
    return graph_.tensor(value).quantization;
  }

  const graph::Graph& graph_;
  network::FileFormat format_;
};

bool is_clamp(const graph::Op& op) {
  return op.kind == OpKind::kClamp;
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

bool is_compared(const graph::Graph& graph, TensorId value) {
  const auto& tensor = graph.tensor(value);
  const bool integers =
      tensor.quantization && tensor.producer && graph::is_integer_op(graph.op(*tensor.producer));
  return is_floating(tensor.dtype) || (is_integer(tensor.dtype) && integers);
}

Result<std::vector<TensorPair>> match_tensors(const network::Network& reference,
                                              const network::Network& candidate) {
  TESSERA_TRY(const auto graph, reference.view());
  const auto constant = graph::constant_tensors(graph);
  TESSERA_TRY(const auto candidate_graph, candidate.view());
  const Candidate other(candidate_graph, candidate.format());
  std::vector<TensorPair> pairs;
  std::map<std::string, std::string> folded;  // output of a folded Relu -> name of its input
  for (const auto& op : graph.ops()) {
    for (const auto& id : op.outputs) {
      if (!id || constant[id->value] || !is_compared(graph, *id)) {
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
        pairs.push_back({value.name, match->value, op.type, match->quantization,
                         is_floating(value.dtype) ? std::nullopt : value.quantization,
                         match->channels_last});
      }
    }
  }
  return pairs;
}

}  // namespace tessera::evaluate
