// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/segments.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace tessera::noise {
namespace {

using graph::Graph;
using graph::Op;
using graph::OpId;
using graph::TensorId;
using graph::TensorKind;

/// A set of switches.
using Bits = std::vector<std::uint64_t>;

void unite(Bits& into, const Bits& other) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    into[i] |= other[i];
  }
}

void insert(Bits& set, std::size_t element) {
  set[element / 64] |= std::uint64_t{1} << (element % 64);
}

std::vector<std::size_t> members(const Bits& set) {
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < set.size() * 64; ++i) {
    if ((set[i / 64] >> (i % 64) & 1) != 0) {
      list.push_back(i);
    }
  }
  return list;
}

/// How many of its inputs make up the result, which holds their elements, each once; none if it
/// computes.
std::size_t only_moves(const Op& op) {
  switch (op.kind) {
    case graph::OpKind::kReshape:
    case graph::OpKind::kPermute:
      return 1;
    case graph::OpKind::kJoin:
      return op.inputs.size();
    default:
      return 0;
  }
}

class Cutter {
 public:
  Cutter(const Graph& graph, std::span<const OpId> layers, std::span<const SwitchSet> together)
      : graph_(graph),
        layers_(layers),
        together_(together),
        constant_(graph::constant_tensors(graph)),
        segment_of_(graph.ops().size()) {}

  Result<Segmentation> cut(std::span<const TensorId> measured, const std::vector<bool>& whole) {
    find_dependencies();
    for (std::size_t i = 0; i < measured.size(); ++i) {
      pieces_.emplace_back();
      trace(measured[i], whole[i], pieces_.back());
    }
    keep_what_is_measured();
    group();
    TESSERA_CHECK(link());
    place_pieces();
    return std::move(result_);
  }

 private:
  void find_dependencies() {
    const Bits none((layers_.size() + 63) / 64, 0);
    depends_.assign(graph_.ops().size(), none);
    for (std::uint32_t i = 0; i < graph_.ops().size(); ++i) {
      for_each_read(graph_.op(OpId{i}), [&](TensorId tensor) {
        if (const auto producer = graph_.tensor(tensor).producer) {
          unite(depends_[i], depends_[producer->value]);
        }
      });
      const auto layer = std::find(layers_.begin(), layers_.end(), OpId{i});
      if (layer != layers_.end()) {
        const auto place = static_cast<std::size_t>(layer - layers_.begin());
        insert(depends_[i], place);
        for (const auto other : together_[place]) {
          insert(depends_[i], other);
        }
      }
    }
  }

  [[nodiscard]] bool is_layer(OpId op) const {
    return std::find(layers_.begin(), layers_.end(), op) != layers_.end();
  }

  void trace(TensorId tensor, bool whole, std::vector<TensorId>& pieces) {
    const auto producer = graph_.tensor(tensor).producer;
    const std::size_t moved =
        whole || !producer || is_layer(*producer) ? 0 : only_moves(graph_.op(*producer));
    if (moved == 0) {
      pieces.push_back(tensor);
      return;
    }
    const auto& op = graph_.op(*producer);
    for (std::size_t i = 0; i < moved; ++i) {
      if (!op.inputs[i] || constant_[op.inputs[i]->value] ||
          !graph_.tensor(*op.inputs[i]).producer) {
        pieces.push_back(tensor);
        return;
      }
    }
    for (std::size_t i = 0; i < moved; ++i) {
      trace(*op.inputs[i], false, pieces);
    }
  }

  [[nodiscard]] bool is_constant(OpId op) const {
    const auto& outputs = graph_.op(op).outputs;
    return std::all_of(outputs.begin(), outputs.end(),
                       [&](const auto& output) { return !output || constant_[output->value]; });
  }

  void keep_what_is_measured() {
    needed_.assign(graph_.ops().size(), false);
    std::vector<TensorId> open;
    for (const auto& pieces : pieces_) {
      open.insert(open.end(), pieces.begin(), pieces.end());
    }
    while (!open.empty()) {
      const auto producer = graph_.tensor(open.back()).producer;
      open.pop_back();
      if (!producer || needed_[producer->value] || is_constant(*producer)) {
        continue;
      }
      needed_[producer->value] = true;
      for_each_read(graph_.op(*producer), [&](TensorId tensor) { open.push_back(tensor); });
    }
  }

  void group() {
    std::map<Bits, std::vector<OpId>> groups;
    for (std::uint32_t i = 0; i < graph_.ops().size(); ++i) {
      if (needed_[i]) {
        groups[depends_[i]].push_back(OpId{i});
      }
    }
    // What depends on fewer switches comes first: dependencies are subsets.
    std::vector<std::pair<std::vector<std::size_t>, std::vector<OpId>>> ordered;
    ordered.reserve(groups.size());
    for (auto& [bits, ops] : groups) {
      ordered.emplace_back(members(bits), std::move(ops));
    }
    std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
      return std::pair(a.first.size(), a.second.front()) <
             std::pair(b.first.size(), b.second.front());
    });
    for (auto& [depends, ops] : ordered) {
      Segment segment;
      segment.depends = std::move(depends);
      segment.ops = std::move(ops);
      for (const auto op : segment.ops) {
        segment_of_[op.value] = result_.segments.size();
        const auto layer = std::find(layers_.begin(), layers_.end(), op);
        if (layer != layers_.end()) {
          segment.layers.push_back(static_cast<std::size_t>(layer - layers_.begin()));
        }
      }
      result_.segments.push_back(std::move(segment));
    }
  }

  /// What crosses between segments.
  Status link() {
    for (std::size_t i = 0; i < result_.segments.size(); ++i) {
      std::set<TensorId> seen;
      Status status;
      for (const auto op : result_.segments[i].ops) {
        for_each_read(graph_.op(op), [&](TensorId tensor) {
          if (status && !constant_[tensor.value] && seen.insert(tensor).second) {
            status = add_read(i, tensor);
          }
        });
      }
      TESSERA_CHECK(status);
    }
    return {};
  }

  Status add_read(std::size_t reader, TensorId id) {
    const auto& tensor = graph_.tensor(id);
    if (tensor.kind == TensorKind::kInitializer) {
      return {};
    }
    std::optional<std::size_t> source;
    if (tensor.producer) {
      source = segment_of_[tensor.producer->value];
      if (source == reader) {
        return {};
      }
      if (tensor.dtype == DType::kUndefined || tensor.dtype == DType::kString) {
        return fail(ErrorCode::kUnimplemented,
                    "'{}' is no numeric tensor, and the layers lie on both sides of it",
                    tensor.name)
            .hint("choose layers on one side of it with --layers");
      }
      add_output(*source, id);
    }
    result_.segments[reader].inputs.push_back(id);
    result_.segments[reader].sources.push_back(source);
    return {};
  }

  std::size_t add_output(std::size_t segment, TensorId tensor) {
    auto& outputs = result_.segments[segment].outputs;
    const auto found = std::find(outputs.begin(), outputs.end(), tensor);
    const auto place = static_cast<std::size_t>(found - outputs.begin());
    if (found == outputs.end()) {
      outputs.push_back(tensor);
    }
    return place;
  }

  void place_pieces() {
    for (const auto& tensors : pieces_) {
      auto& pieces = result_.outputs.emplace_back();
      for (const auto tensor : tensors) {
        // An output that is an input of the model or a constant has no error.
        const auto producer = graph_.tensor(tensor).producer;
        if (producer && segment_of_[producer->value]) {
          const auto segment = *segment_of_[producer->value];
          pieces.push_back({tensor, segment, add_output(segment, tensor)});
        }
      }
    }
  }

  const Graph& graph_;
  std::span<const OpId> layers_;
  std::span<const SwitchSet> together_;
  std::vector<bool> constant_;
  std::vector<Bits> depends_;
  std::vector<bool> needed_;
  std::vector<std::optional<std::size_t>> segment_of_;
  std::vector<std::vector<TensorId>> pieces_;
  Segmentation result_;
};

}  // namespace

Result<Segmentation> cut_at_layers(const Graph& graph, std::span<const OpId> layers,
                                   std::span<const SwitchSet> together,
                                   std::span<const TensorId> measured,
                                   const std::vector<bool>& whole) {
  return Cutter(graph, layers, together).cut(measured, whole);
}

}  // namespace tessera::noise
