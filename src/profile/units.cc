// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/units.h"

#include <algorithm>
#include <limits>
#include <set>

#include "tessera/core/checked.h"
#include "tessera/graph/cost.h"
#include "tessera/profile/record.h"
#include "tessera/quantize/assignment.h"

namespace tessera::profile {
namespace {

using graph::OpId;
using graph::OpKind;
using graph::TensorId;

constexpr auto kNone = std::numeric_limits<std::size_t>::max();

class Grouper {
 public:
  Grouper(const graph::Graph& graph, const Fates& fates)
      : graph_(graph), fates_(fates), leader_(graph.ops().size(), kNone) {}

  /// As layers have them, whatever the fates.
  Result<Units> group_as(std::span<const Layer> layers, std::span<const std::string> schemes) {
    std::size_t known = 0;
    for (const auto& layer : layers) {
      std::optional<std::uint32_t> first;
      for (const auto& name : layer.ops) {
        const auto op = graph_.find_op(name);
        if (!op || leader_[op->value] != kNone) {
          return fail(ErrorCode::kInvalidArgument,
                      "layer '{}' of the profile has operator '{}', {}", layer.name, name,
                      op ? "which another layer has, too" : "which the model does not have")
              .hint(
                  "make the profile of this very model: tessera profile MODEL --data D -o P.json");
        }
        first = std::min(first.value_or(op->value), op->value);
        leader_[op->value] = 0;  // of some layer
        ++known;
      }
      for (const auto& name : layer.ops) {
        leader_[graph_.find_op(name)->value] = *first;
      }
    }
    if (known != graph_.ops().size()) {
      return fail(ErrorCode::kInvalidArgument, "the profile has {} of the model's {} operators",
                  known, graph_.ops().size())
          .hint("make the profile of this very model: tessera profile MODEL --data D -o P.json");
    }
    make();
    for (const auto& layer : layers) {
      auto& unit = units_.units[units_.of_op[graph_.find_op(layer.ops.front())->value]];
      unit.name = layer.name;
      unit.type = layer.type;
      unit.worker = graph_.find_op(layer.name).value_or(unit.worker);
      unit.takes = takes_of(layer, schemes);
    }
    link();
    return std::move(units_);
  }

  Units group() {
    for (std::uint32_t i = 0; i < graph_.ops().size(); ++i) {
      leader_[i] = joins(OpId{i});
    }
    make();
    link();
    return std::move(units_);
  }

 private:
  /// The earlier operator that `id` belongs to, or itself.
  [[nodiscard]] std::size_t joins(OpId id) const {
    const auto& op = graph_.op(id);
    const auto before = op.inputs.empty() ? std::nullopt : only_for(op.inputs.front(), id);
    if (before && (fates_.folded[id.value] ? !is_padding(op) : folded_padding(*before))) {
      return leader_[before->value];
    }
    if (op.kind == OpKind::kClamp) {
      if (before && folds_activation(graph_.op(*before))) {
        return leader_[before->value];
      }
    }
    if (op.kind == OpKind::kMul) {
      if (const auto gate = gated_by(op, id)) {
        return leader_[gate->value];
      }
    }
    return id.value;
  }

  /// Padding becomes an attribute of what it pads for.
  static bool is_padding(const graph::Op& op) { return op.kind == OpKind::kPad; }
  [[nodiscard]] bool folded_padding(OpId id) const {
    return fates_.folded[id.value] && is_padding(graph_.op(id));
  }

  static bool folds_activation(const graph::Op& op) {
    if (op.arithmetic != graph::Arithmetic::kFloat) {
      return false;
    }
    switch (op.kind) {
      case OpKind::kConv:
      case OpKind::kTransposedConv:
      case OpKind::kGemm:
      case OpKind::kMatMul:
      case OpKind::kAdd:
        return true;
      default:
        return false;
    }
  }

  /// Producer of a tensor that nobody but `reader` reads.
  [[nodiscard]] std::optional<OpId> only_for(const std::optional<TensorId>& id, OpId reader) const {
    if (!id) {
      return std::nullopt;
    }
    const auto& tensor = graph_.tensor(*id);
    const bool alone = tensor.consumers.size() == 1 && tensor.consumers.front() == reader &&
                       !tensor.is_output && !tensor.used_by_body;
    return alone ? tensor.producer : std::nullopt;
  }

  /// x * sigmoid(x): the Sigmoid.
  [[nodiscard]] std::optional<OpId> gated_by(const graph::Op& op, OpId id) const {
    for (std::size_t side = 0; side < 2 && op.inputs.size() == 2; ++side) {
      const auto gate = only_for(op.inputs[side], id);
      if (gate && graph_.op(*gate).kind == OpKind::kSigmoid &&
          graph_.op(*gate).inputs.front() == op.inputs[1 - side]) {
        return gate;
      }
    }
    return std::nullopt;
  }

  /// Profiles of earlier versions say of the first scheme alone whether a layer takes it.
  static std::vector<bool> takes_of(const Layer& layer, std::span<const std::string> schemes) {
    std::vector<bool> takes;
    for (const auto& scheme : schemes) {
      const bool said = std::ranges::find(layer.takes, scheme) != layer.takes.end();
      const auto cost = layer.precisions.find(takes.empty() ? "int8" : scheme);
      const bool ran =
          layer.takes.empty() && cost != layer.precisions.end() && cost->second.integer;
      takes.push_back(said || ran);
    }
    return takes;
  }

  void make() {
    const auto costs = graph::operator_costs(graph_, graph::QdqCounting::kInclude);
    std::vector<std::size_t> unit_of_leader(graph_.ops().size(), kNone);
    units_.of_op.resize(graph_.ops().size());
    for (std::uint32_t i = 0; i < graph_.ops().size(); ++i) {
      auto& index = unit_of_leader[leader_[i]];
      if (index == kNone) {
        index = units_.units.size();
        units_.units.emplace_back();
      }
      units_.of_op[i] = index;
      auto& unit = units_.units[index];
      const auto& op = graph_.ops()[i];
      unit.ops.push_back(OpId{i});
      unit.macs = saturating_add(unit.macs, costs[i].macs.value_or(0));
      unit.weight_bytes = saturating_add(unit.weight_bytes, costs[i].weight_bytes);
      // Of Sigmoid -> Mul the product decides, else the first that is not folded away.
      const bool gated = op.kind == OpKind::kMul && !unit.name.empty() &&
                         graph_.op(unit.worker).kind == OpKind::kSigmoid;
      if (unit.name.empty() || gated || fates_.folded[unit.worker.value]) {
        unit.name = op.name;
        unit.type = gated ? "SiLU" : op.type;
        unit.worker = OpId{i};
        unit.takes.clear();
        for (const auto& quantized : fates_.quantized) {
          unit.takes.push_back(quantized[i]);
        }
      }
    }
  }

  void link() {
    std::vector<std::set<std::size_t>> producers(units_.size());
    std::vector<std::set<std::size_t>> consumers(units_.size());
    std::vector<std::set<std::uint32_t>> read(units_.size());
    for (std::uint32_t id = 0; id < graph_.tensors().size(); ++id) {
      const auto& tensor = graph_.tensors()[id];
      const bool floating = tensor.dtype == DType::kUndefined || is_floating(tensor.dtype);
      if (tensor.kind == graph::TensorKind::kInitializer || !floating) {
        continue;
      }
      const auto bytes = tensor.size_bytes().value_or(0);
      const auto maker = tensor.producer ? units_.of_op[tensor.producer->value] : kNone;
      bool leaves = tensor.is_output || tensor.used_by_body;
      for (const auto reader : tensor.consumers) {
        const auto unit = units_.of_op[reader.value];
        if (unit == maker) {
          continue;
        }
        leaves = true;
        if (read[unit].insert(id).second) {
          units_.units[unit].input_bytes += bytes;
        }
        if (maker == kNone) {
          units_.units[unit].reads_input = true;
        } else {
          producers[unit].insert(maker);
          consumers[maker].insert(unit);
        }
      }
      if (maker != kNone) {
        units_.units[maker].output_bytes += leaves ? bytes : 0;
        units_.units[maker].makes_output |= tensor.is_output;
      }
    }
    for (std::size_t i = 0; i < units_.size(); ++i) {
      units_.units[i].producers.assign(producers[i].begin(), producers[i].end());
      units_.units[i].consumers.assign(consumers[i].begin(), consumers[i].end());
    }
  }

  const graph::Graph& graph_;
  const Fates& fates_;
  std::vector<std::size_t> leader_;
  Units units_;
};

}  // namespace

Result<Units> units_of(const graph::Graph& graph, const Profile& profile) {
  const std::vector<bool> none(graph.ops().size(), false);
  const Fates fates{{}, none};
  return Grouper(graph, fates).group_as(profile.layers, profile.model.schemes);
}

Units make_units(const graph::Graph& graph, const Fates& fates) {
  return Grouper(graph, fates).group();
}

std::int64_t integers_in(const States& states) {
  return std::count_if(states.begin(), states.end(), [](auto state) { return state != 0; });
}

States uniform_states(const Units& units, std::size_t scheme) {
  States states(units.size(), 0);
  for (std::size_t i = 0; i < units.size(); ++i) {
    states[i] = static_cast<std::uint8_t>(units.units[i].takes[scheme - 1] ? scheme : 0);
  }
  return states;
}

States states_of(const Units& units, const States& asked, const std::vector<bool>& quantized) {
  States states(units.size(), 0);
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto& unit = units.units[i];
    const bool so = asked[i] != 0 && unit.takes[asked[i] - 1U] && quantized[unit.worker.value];
    states[i] = so ? asked[i] : 0;
  }
  return states;
}

quantize::Assignment assignment_of(const Units& units, const States& states,
                                   std::span<const quantize::Scheme> schemes) {
  quantize::Assignment assignment(units.of_op.size());
  for (std::size_t op = 0; op < assignment.size(); ++op) {
    if (const auto state = states[units.of_op[op]]; state != 0) {
      assignment[op] = schemes[state - 1U];
    }
  }
  return assignment;
}

}  // namespace tessera::profile
