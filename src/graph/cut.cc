// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/graph/cut.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

namespace tessera::graph {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;
constexpr std::uint32_t kSource = 0;  ///< whoever feeds the inputs: always before
constexpr std::uint32_t kSink = 1;    ///< whoever takes the outputs: always after

/// A tensor as a link from its producer to all its readers.
struct Link {
  TensorId tensor;
  std::uint32_t producer = kSource;
  std::vector<std::uint32_t> readers;
  bool cuttable = true;
};

/// The graph as cuts see it: operators that compute activations, linked by what may cross.
/// Every node is reached from the source and reaches the sink.
struct Network {
  std::vector<OpId> op_of_node;           ///< source and sink have none
  std::vector<std::uint32_t> node_of_op;  ///< kNone: constant, dead, or done again on either side
  std::vector<Link> links;
  std::vector<std::vector<std::uint32_t>> links_of_node;
};

class NetworkBuilder {
 public:
  explicit NetworkBuilder(const Graph& graph)
      : graph_(graph), constant_(constant_tensors(graph)), root_(graph.tensors().size()) {}

  Network build() {
    network_.node_of_op.assign(graph_.ops().size(), kNone);
    network_.op_of_node.assign(2, OpId{kNone});
    find_roots();
    const auto live = live_ops();
    for (std::uint32_t i = 0; i < live.size(); ++i) {
      if (live[i] && !is_constant(graph_.ops()[i]) && !is_transparent(graph_.ops()[i])) {
        network_.node_of_op[i] = static_cast<std::uint32_t>(network_.op_of_node.size());
        network_.op_of_node.push_back({i});
      }
    }
    for (std::uint32_t node = 2; node < network_.op_of_node.size(); ++node) {
      add_reads(node);
    }
    for (const auto output : graph_.outputs()) {
      if (!constant_[output.value]) {
        add_reader(output, kSink);
      }
    }
    finish_links();
    return std::move(network_);
  }

 private:
  [[nodiscard]] bool is_constant(const Op& op) const {
    return std::all_of(op.outputs.begin(), op.outputs.end(),
                       [&](const auto& output) { return !output || constant_[output->value]; }) &&
           !op.outputs.empty();
  }

  /// DequantizeLinear with constant parameters: cheap to do again, wherever it is needed.
  [[nodiscard]] bool is_transparent(const Op& op) const {
    return is_dequantize(op) && op.inputs.size() >= 2 && op.inputs[0] && op.outputs.size() == 1 &&
           op.outputs[0] && std::all_of(op.inputs.begin() + 1, op.inputs.end(), [&](const auto& i) {
             return !i || constant_[i->value];
           });
  }

  /// A tensor behind transparent operators stands for the one before them.
  void find_roots() {
    for (std::uint32_t i = 0; i < root_.size(); ++i) {
      root_[i] = {i};
    }
    for (const auto& op : graph_.ops()) {
      if (is_transparent(op)) {
        root_[op.outputs[0]->value] = root_[op.inputs[0]->value];
      }
    }
  }

  [[nodiscard]] std::vector<bool> live_ops() const {
    const auto ops = graph_.ops();
    std::vector<bool> needed(graph_.tensors().size(), false);
    for (const auto output : graph_.outputs()) {
      needed[output.value] = true;
    }
    std::vector<bool> live(ops.size(), false);
    for (auto i = ops.size(); i-- > 0;) {
      live[i] = std::any_of(ops[i].outputs.begin(), ops[i].outputs.end(),
                            [&](const auto& output) { return output && needed[output->value]; });
      if (live[i]) {
        for_each_read(ops[i], [&](TensorId id) { needed[id.value] = true; });
      }
    }
    return live;
  }

  void add_reads(std::uint32_t node) {
    bool reads = false;
    for_each_read(graph_.op(network_.op_of_node[node]), [&](TensorId id) {
      if (!constant_[id.value]) {
        add_reader(id, node);
        reads = true;
      }
    });
    if (!reads) {  // RandomNormal and the like begin with the inputs
      Link link;
      link.readers = {node};
      link.cuttable = false;
      network_.links.push_back(std::move(link));
    }
  }

  void add_reader(TensorId tensor, std::uint32_t node) {
    const auto root = root_[tensor.value];
    const auto [entry, added] = link_of_tensor_.try_emplace(root.value, network_.links.size());
    if (added) {
      const auto producer = graph_.tensor(root).producer;
      Link link;
      link.tensor = root;
      link.producer = producer ? network_.node_of_op[producer->value] : kSource;
      network_.links.push_back(std::move(link));
    }
    auto& readers = network_.links[entry->second].readers;
    if (std::find(readers.begin(), readers.end(), node) == readers.end()) {
      readers.push_back(node);
    }
  }

  void finish_links() {
    network_.links_of_node.resize(network_.op_of_node.size());
    for (std::uint32_t i = 0; i < network_.links.size(); ++i) {
      auto& link = network_.links[i];
      const auto feeds_quantize_only =
          std::all_of(link.readers.begin(), link.readers.end(), [&](std::uint32_t reader) {
            return reader > kSink &&
                   graph_.op(network_.op_of_node[reader]).type == "QuantizeLinear";
          });
      link.cuttable = link.cuttable && !feeds_quantize_only;
      network_.links_of_node[link.producer].push_back(i);
      for (const auto reader : link.readers) {
        network_.links_of_node[reader].push_back(i);
      }
    }
  }

  const Graph& graph_;
  std::vector<bool> constant_;
  std::vector<TensorId> root_;
  Network network_;
  std::map<std::uint32_t, std::size_t> link_of_tensor_;
};

using Ids = std::vector<std::uint32_t>;  // sorted

Ids with(Ids ids, std::uint32_t id) {
  const auto at = std::lower_bound(ids.begin(), ids.end(), id);
  if (at == ids.end() || *at != id) {
    ids.insert(at, id);
  }
  return ids;
}

/// Finds every set of at most k links such that the producers' side and the readers' side fall
/// apart when they are removed.
///
/// A state is a set of links that cross and of nodes that lie before. All that hangs together
/// with the source, the producers of those links and those nodes, without passing a crossing
/// link, lies before (a link that does not cross has all its ends on one side). If that reaches
/// the sink, or all readers of a crossing link, then the path by which it does must be
/// interrupted: one of its links crosses, too. Otherwise the state is a cut, and any larger cut
/// that contains its links has a reader of one of them before.
class CutSearch {
 public:
  CutSearch(const Network& network, std::size_t limit) : network_(network), limit_(limit) {}

  std::set<Ids> run() {
    search({}, {});
    return std::move(cuts_);
  }

  /// Nodes before the cut.
  [[nodiscard]] std::vector<bool> before(const Ids& cut) { return flood(cut, {}).reached; }

 private:
  struct Flood {
    std::vector<bool> reached;
    Ids via;   ///< link by which a node was reached; kNone for seeds
    Ids from;  ///< node from which it was
  };

  Flood flood(const Ids& cut, const Ids& forced) {
    Flood result;
    result.reached.assign(network_.op_of_node.size(), false);
    result.via.assign(network_.op_of_node.size(), kNone);
    result.from.assign(network_.op_of_node.size(), kNone);
    std::vector<bool> passed(network_.links.size(), false);
    for (const auto link : cut) {
      passed[link] = true;
    }
    std::deque<std::uint32_t> queue;
    const auto reach = [&](std::uint32_t node, std::uint32_t via, std::uint32_t from) {
      if (!result.reached[node]) {
        result.reached[node] = true;
        result.via[node] = via;
        result.from[node] = from;
        queue.push_back(node);
      }
    };
    reach(kSource, kNone, kNone);
    for (const auto link : cut) {
      reach(network_.links[link].producer, kNone, kNone);
    }
    for (const auto node : forced) {
      reach(node, kNone, kNone);
    }
    while (!queue.empty()) {
      const auto node = queue.front();
      queue.pop_front();
      if (node == kSink) {
        continue;  // what else the sink takes is not connected through it
      }
      for (const auto link : network_.links_of_node[node]) {
        if (passed[link]) {
          continue;
        }
        passed[link] = true;
        reach(network_.links[link].producer, link, node);
        for (const auto reader : network_.links[link].readers) {
          reach(reader, link, node);
        }
      }
    }
    return result;
  }

  /// Links that may cross on the way by which a node was reached.
  void collect_path(const Flood& flood, std::uint32_t node, std::set<std::uint32_t>& links) const {
    for (; flood.via[node] != kNone; node = flood.from[node]) {
      if (network_.links[flood.via[node]].cuttable) {
        links.insert(flood.via[node]);
      }
    }
  }

  void search(const Ids& cut, const Ids& forced) {
    if (!visited_.emplace(cut, forced).second) {
      return;
    }
    const auto state = flood(cut, forced);
    const auto reached = [&](std::uint32_t node) { return state.reached[node]; };
    std::optional<std::set<std::uint32_t>> choices;
    const auto offer = [&](std::set<std::uint32_t> links) {
      if (!choices || links.size() < choices->size()) {
        choices = std::move(links);
      }
    };
    if (state.reached[kSink]) {
      std::set<std::uint32_t> links;
      collect_path(state, kSink, links);
      offer(std::move(links));
    }
    for (const auto link : cut) {
      const auto& readers = network_.links[link].readers;
      if (std::all_of(readers.begin(), readers.end(), reached)) {
        std::set<std::uint32_t> links;
        for (const auto reader : readers) {
          collect_path(state, reader, links);
        }
        offer(std::move(links));
      }
    }
    if (choices) {
      if (cut.size() < limit_) {
        for (const auto link : *choices) {
          search(with(cut, link), forced);
        }
      }
      return;
    }
    cuts_.insert(cut);
    if (cut.size() == limit_) {
      return;
    }
    for (const auto link : cut) {
      for (const auto reader : network_.links[link].readers) {
        if (!state.reached[reader] && reader != kSink) {
          search(cut, with(forced, reader));
        }
      }
    }
  }

  const Network& network_;
  std::size_t limit_;
  std::set<std::pair<Ids, Ids>> visited_;
  std::set<Ids> cuts_;
};

/// Adds the operators that the given ones need and that are no nodes of the network: constants
/// and conversions that are done again on either side.
std::vector<OpId> close_under_producers(const Graph& graph, std::vector<bool> included) {
  for (auto i = included.size(); i-- > 0;) {
    if (!included[i]) {
      continue;
    }
    for_each_read(graph.ops()[i], [&](TensorId id) {
      if (const auto producer = graph.tensor(id).producer) {
        included[producer->value] = true;
      }
    });
  }
  std::vector<OpId> ops;
  for (std::uint32_t i = 0; i < included.size(); ++i) {
    if (included[i]) {
      ops.push_back({i});
    }
  }
  return ops;
}

void add_bytes(const TensorInfo& tensor, Cut& cut) {
  const auto bytes = tensor.size_bytes();
  const auto shape = tensor.static_shape();
  if (!bytes || !shape) {
    cut.bytes.reset();
    cut.int8_bytes.reset();
    return;
  }
  if (cut.bytes) {
    *cut.bytes += *bytes;
    *cut.int8_bytes += is_floating(tensor.dtype) ? element_count(*shape) : *bytes;
  }
}

}  // namespace

std::vector<Cut> find_cuts(const Graph& graph, int max_tensors) {
  if (max_tensors < 1) {
    return {};
  }
  const auto network = NetworkBuilder(graph).build();
  CutSearch search(network, static_cast<std::size_t>(max_tensors));
  const auto costs = operator_costs(graph, QdqCounting::kExclude);
  std::int64_t total_macs = 0;
  for (const auto& cost : costs) {
    total_macs += cost.macs.value_or(0);
  }
  std::vector<Cut> cuts;
  for (const auto& links : search.run()) {
    const auto nodes = search.before(links);
    std::vector<bool> included(graph.ops().size(), false);
    for (std::uint32_t node = kSink + 1; node < nodes.size(); ++node) {
      included[network.op_of_node[node].value] = nodes[node];
    }
    Cut cut;
    cut.before = close_under_producers(graph, std::move(included));
    const auto something_after = std::find(nodes.begin() + 2, nodes.end(), false) != nodes.end();
    if (cut.before.empty() || !something_after) {
      continue;  // the inputs or the outputs themselves
    }
    cut.bytes = 0;
    cut.int8_bytes = 0;
    for (const auto link : links) {
      cut.tensors.push_back(network.links[link].tensor);
      add_bytes(graph.tensor(cut.tensors.back()), cut);
    }
    std::sort(cut.tensors.begin(), cut.tensors.end());
    for (const auto op : cut.before) {
      cut.macs_before += costs[op.value].macs.value_or(0);
    }
    cut.macs_after = total_macs - cut.macs_before;
    cuts.push_back(std::move(cut));
  }
  std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) {
    return std::tie(a.macs_before, a.tensors) < std::tie(b.macs_before, b.tensors);
  });
  return cuts;
}

}  // namespace tessera::graph
