// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "calibrate/plan.h"

#include <algorithm>
#include <optional>

namespace tessera::calibrate {
namespace {

/// The first output holds the values of the first input, each once, in another order or shape. Not
/// so: slices, pools and the like, whose outputs have a distribution of their own.
bool permutes(const graph::Op& op) {
  return op.kind == graph::OpKind::kReshape || op.kind == graph::OpKind::kPermute;
}

bool joins(const graph::Op& op) {
  return op.kind == graph::OpKind::kJoin;
}

class Planner {
 public:
  Planner(const graph::Graph& graph, bool constants)
      : graph_(graph),
        constant_(constants ? std::vector<bool>(graph.tensors().size())
                            : graph::constant_tensors(graph)),
        sources_(graph.tensors().size()) {}

  Plan run() {
    for (const graph::TensorId input : graph_.inputs()) {
      if (wanted(input)) {
        measure(input, Place::kInput);
      }
    }
    for (const graph::Op& op : graph_.ops()) {
      for (const auto& output : op.outputs) {
        if (output && wanted(*output)) {
          add(op, *output);
        }
      }
    }
    return std::move(plan_);
  }

 private:
  [[nodiscard]] bool wanted(graph::TensorId id) const {
    const graph::TensorInfo& tensor = graph_.tensor(id);
    const bool read = !tensor.consumers.empty() || tensor.is_output || tensor.used_by_body;
    return is_floating(tensor.dtype) && bits_of(tensor.dtype) >= 16 && read &&
           tensor.kind != graph::TensorKind::kInitializer && !constant_[id.value];
  }

  void measure(graph::TensorId id, Place place) {
    sources_[id.value] = {plan_.measured.size()};
    plan_.measured.push_back({graph_.tensor(id).name, place, near_convolution(id)});
  }

  [[nodiscard]] bool near_convolution(graph::TensorId id) const {
    const auto& tensor = graph_.tensor(id);
    const auto convolves = [&](graph::OpId op) {
      return graph_.op(op).kind == graph::OpKind::kConv;
    };
    return (tensor.producer && convolves(*tensor.producer)) ||
           std::any_of(tensor.consumers.begin(), tensor.consumers.end(), convolves);
  }

  void add(const graph::Op& op, graph::TensorId output) {
    const bool first = op.outputs.front() == output;
    const bool derivable = first && (permutes(op) || joins(op));
    if (auto sources = derivable ? sources_of_inputs(op) : std::nullopt) {
      plan_.derived.push_back({graph_.tensor(output).name, *sources});
      sources_[output.value] = *std::move(sources);
      return;
    }
    measure(output, graph_.tensor(output).is_output ? Place::kOutput : Place::kTap);
  }

  /// What is known of the inputs that make up the output, if that is everything.
  [[nodiscard]] std::optional<std::vector<std::size_t>> sources_of_inputs(
      const graph::Op& op) const {
    std::vector<std::size_t> all;
    const std::size_t count = joins(op) ? op.inputs.size() : 1;
    for (std::size_t i = 0; i < count; ++i) {
      if (i >= op.inputs.size() || !op.inputs[i] || sources_[op.inputs[i]->value].empty()) {
        return std::nullopt;
      }
      const auto& sources = sources_[op.inputs[i]->value];
      all.insert(all.end(), sources.begin(), sources.end());
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  const graph::Graph& graph_;
  std::vector<bool> constant_;
  std::vector<std::vector<std::size_t>> sources_;  // by tensor; empty: not looked at
  Plan plan_;
};

}  // namespace

Plan make_plan(const graph::Graph& graph, bool constants) {
  return Planner(graph, constants).run();
}

std::vector<std::string> taps_of(const Plan& plan) {
  std::vector<std::string> taps;
  for (const Measured& measured : plan.measured) {
    if (measured.place == Place::kTap) {
      taps.push_back(measured.tensor);
    }
  }
  return taps;
}

std::optional<Plan> through_outputs(Plan plan, const graph::Graph& graph,
                                    std::int64_t limit_bytes) {
  std::int64_t left = limit_bytes;
  for (Measured& measured : plan.measured) {
    if (measured.place != Place::kTap) {
      continue;
    }
    const auto id = graph.find_tensor(measured.tensor);
    const auto bytes = id ? graph.tensor(*id).size_bytes() : std::nullopt;
    if (!bytes || *bytes > left || graph.tensor(*id).shape->empty()) {
      return std::nullopt;
    }
    left -= *bytes;
    measured.place = Place::kOutput;
  }
  return plan;
}

}  // namespace tessera::calibrate
