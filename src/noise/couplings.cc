// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/couplings.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

namespace tessera::noise {
namespace {

using graph::Graph;
using graph::Op;
using graph::OpId;
using graph::OpKind;
using graph::TensorId;
using quantize::Format;
using quantize::Mode;
using quantize::Scheme;

bool is_static(const Scheme& scheme) {
  return scheme.mode == Mode::kStatic;
}

bool is_kernels(const Scheme& scheme) {
  return is_static(scheme) && scheme.format == Format::kKernels;
}

/// The channels of its input are as many as its groups, as far as is known.
bool may_be_depthwise(const Graph& graph, const Op& op) {
  if (op.kind != OpKind::kConv || op.int_or("group", 1) < 2 || op.inputs.size() < 2 ||
      !op.inputs[1]) {
    return false;
  }
  const auto shape = graph.tensor(*op.inputs[1]).static_shape();
  return !shape || shape->size() < 2 || (*shape)[1] == 1;
}

class Finder {
 public:
  Finder(const Graph& graph, std::span<const OpId> layers, std::span<const Switch> switches)
      : graph_(graph), layers_(layers), switches_(switches) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (std::ranges::any_of(switches[i].schemes, is_static)) {
        places_.emplace(layers[i], i);
      }
    }
  }

  std::vector<Coupling> find() const {
    std::vector<Coupling> couplings;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (auto coupling = coupling_behind(i)) {
        couplings.push_back(*std::move(coupling));
      }
    }
    return couplings;
  }

 private:
  [[nodiscard]] std::optional<Coupling> coupling_behind(std::size_t layer) const {
    const auto& op = graph_.op(layers_[layer]);
    if (!places_.contains(layers_[layer]) || op.kind != OpKind::kConv || !op.outputs.front()) {
      return std::nullopt;
    }
    Coupling coupling{rounded_by(op), {layer}, {}};
    const auto& value = graph_.tensor(coupling.value);
    if (value.is_output || value.used_by_body || value.consumers.empty()) {
      return std::nullopt;
    }
    for (const auto reader : value.consumers) {
      const auto place = places_.find(reader);
      if (place == places_.end() || !may_be_depthwise(graph_, graph_.op(reader)) ||
          graph_.op(reader).inputs.front() != coupling.value) {
        return std::nullopt;
      }
      coupling.layers.push_back(place->second);
    }
    if (std::ranges::none_of(coupling.layers,
                             [&](auto member) { return may_be_kernels(member); })) {
      return std::nullopt;
    }
    for (const auto member : coupling.layers) {
      note_shares(member, coupling);
    }
    return coupling;
  }

  [[nodiscard]] bool may_be_kernels(std::size_t layer) const {
    return std::ranges::any_of(switches_[layer].schemes, is_kernels);
  }

  /// Behind the Relu or Clip that the rounding may take the place of.
  [[nodiscard]] TensorId rounded_by(const Op& op) const {
    const auto& result = graph_.tensor(*op.outputs.front());
    if (result.consumers.size() == 1 && !result.is_output && !result.used_by_body) {
      const auto& reader = graph_.op(result.consumers.front());
      if (reader.kind == OpKind::kClamp && reader.inputs.front() == op.outputs.front()) {
        return *reader.outputs.front();
      }
    }
    return *op.outputs.front();
  }

  void note_shares(std::size_t member, Coupling& coupling) const {
    const auto& weight = graph_.op(layers_[member]).inputs[1];
    for (std::size_t other = 0; other < layers_.size(); ++other) {
      const auto& inputs = graph_.op(layers_[other]).inputs;
      if (other != member && weight &&
          std::find(inputs.begin(), inputs.end(), weight) != inputs.end()) {
        coupling.shares.emplace_back(member, other);
      }
    }
  }

  const Graph& graph_;
  std::span<const OpId> layers_;
  std::span<const Switch> switches_;
  std::map<OpId, std::size_t> places_;  ///< of those that may read and make integers
};

}  // namespace

std::vector<Coupling> couplings_of(const Graph& graph, std::span<const OpId> layers,
                                   std::span<const Switch> switches) {
  return Finder(graph, layers, switches).find();
}

std::vector<SwitchSet> switches_together(std::span<const Coupling> couplings,
                                         std::size_t switches) {
  std::vector<SwitchSet> together(switches);
  const auto join = [&](std::size_t a, std::size_t b) {
    // All that are together with either are from now on together with both.
    auto all = together[a];
    all.insert(together[b].begin(), together[b].end());
    all.insert({a, b});
    for (const auto member : all) {
      together[member] = all;
    }
  };
  for (const auto& coupling : couplings) {
    for (const auto layer : coupling.layers) {
      join(coupling.layers.front(), layer);
    }
  }
  const auto joined = together;
  for (const auto& coupling : couplings) {
    for (const auto& [member, other] : coupling.shares) {
      for (const auto layer : joined[member]) {
        together[layer].insert(other);
      }
    }
  }
  return together;
}

bool round_weights_alike(const Scheme& a, const Scheme& b) {
  const auto key = [](const Scheme& scheme) {
    return std::tuple(scheme.weight, quantize::has_symmetric_weights(scheme), scheme.reduce_range,
                      scheme.per_channel);
  };
  return is_static(a) && is_static(b) && key(a) == key(b);
}

}  // namespace tessera::noise
