// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/graph/cut.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "tessera/core/checked.h"

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

void index_links(Network& network) {
  network.links_of_node.assign(network.op_of_node.size(), {});
  for (std::uint32_t i = 0; i < network.links.size(); ++i) {
    network.links_of_node[network.links[i].producer].push_back(i);
    for (const auto reader : network.links[i].readers) {
      network.links_of_node[reader].push_back(i);
    }
  }
}

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

  /// A Dequantize with constant parameters: cheap to do again, wherever it is needed.
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
    if (readers.empty() || readers.back() != node) {  // one node after the other
      readers.push_back(node);
    }
  }

  void finish_links() {
    for (auto& link : network_.links) {
      const auto feeds_quantize_only =
          std::all_of(link.readers.begin(), link.readers.end(), [&](std::uint32_t reader) {
            return reader > kSink &&
                   graph_.op(network_.op_of_node[reader]).kind == OpKind::kQuantize;
          });
      link.cuttable = link.cuttable && !feeds_quantize_only;
    }
    index_links(network_);
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
    std::vector<State> open(1);
    while (!open.empty()) {
      const auto state = std::move(open.back());
      open.pop_back();
      visit(state, open);
    }
    return std::move(cuts_);
  }

  /// Nodes before the cut.
  [[nodiscard]] std::vector<bool> before(const Ids& cut) const { return flood(cut, {}).reached; }

 private:
  struct Flood {
    std::vector<bool> reached;
    Ids via;   ///< link by which a node was reached; kNone for seeds
    Ids from;  ///< node from which it was
  };

  [[nodiscard]] Flood flood(const Ids& cut, const Ids& forced) const {
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

  struct State {
    Ids cut;
    Ids forced;
  };

  /// Takes a state for a cut, or lists those that follow from it.
  void visit(const State& state, std::vector<State>& open) {
    if (!visited_.emplace(state.cut, state.forced).second) {
      return;
    }
    const auto flood = this->flood(state.cut, state.forced);
    if (const auto choices = links_to_interrupt(state.cut, flood)) {
      for (const auto link : *choices) {
        if (state.cut.size() < limit_) {
          open.push_back({with(state.cut, link), state.forced});
        }
      }
      return;
    }
    cuts_.insert(state.cut);
    if (state.cut.size() == limit_) {
      return;
    }
    for (const auto link : state.cut) {
      for (const auto reader : network_.links[link].readers) {
        if (!flood.reached[reader] && reader != kSink) {
          open.push_back({state.cut, with(state.forced, reader)});
        }
      }
    }
  }

  /// Nothing if the state is a cut; else the links of which one must cross, too.
  [[nodiscard]] std::optional<std::set<std::uint32_t>> links_to_interrupt(
      const Ids& cut, const Flood& flood) const {
    std::optional<std::set<std::uint32_t>> choices;
    const auto offer = [&](std::set<std::uint32_t> links) {
      if (!choices || links.size() < choices->size()) {
        choices = std::move(links);
      }
    };
    if (flood.reached[kSink]) {
      std::set<std::uint32_t> links;
      collect_path(flood, kSink, links);
      offer(std::move(links));
    }
    for (const auto link : cut) {
      const auto& readers = network_.links[link].readers;
      if (std::all_of(readers.begin(), readers.end(),
                      [&](std::uint32_t node) { return flood.reached[node]; })) {
        std::set<std::uint32_t> links;
        for (const auto reader : readers) {
          collect_path(flood, reader, links);
        }
        offer(std::move(links));
      }
    }
    return choices;
  }

  const Network& network_;
  std::size_t limit_;
  std::set<std::pair<Ids, Ids>> visited_;
  std::set<Ids> cuts_;
};

/// A part of the network that single links separate from what lies before and after it: these are
/// its source and its sink. Nodes are in topological order, so it is a range of them.
struct Stretch {
  Network network;
  std::vector<std::uint32_t> link_of;  ///< links of the whole network, by those of this one
  std::uint32_t first = 0;             ///< node 2 of this one, in the whole network
};

/// Takes a network apart where a single link leads from all that comes before to all that follows.
///
/// Every node is reached from the source and reaches the sink, so it depends on all that lies
/// before such a link or all that lies behind it depends on it: a first part that holds a node of
/// one stretch holds every earlier stretch, and each cut lies within one.
class Divider {
 public:
  explicit Divider(const Network& network)
      : network_(network), nodes_(static_cast<std::uint32_t>(network.op_of_node.size())) {}

  [[nodiscard]] std::vector<Stretch> divide() {
    if (nodes_ <= kSink + 1) {
      return {};
    }
    find_stretches();
    for (std::uint32_t i = 0; i < network_.links.size(); ++i) {
      add_link(i);
    }
    for (auto& stretch : stretches_) {
      index_links(stretch.network);
    }
    return std::move(stretches_);
  }

 private:
  /// The source comes first and the sink last.
  [[nodiscard]] std::uint32_t position(std::uint32_t node) const {
    return node == kSource ? kSink : node == kSink ? nodes_ : node;
  }

  /// Links that lead across the place behind each node.
  [[nodiscard]] std::vector<std::int64_t> links_across() const {
    std::vector<std::int64_t> change(nodes_ + 1, 0);
    for (const auto& link : network_.links) {
      std::uint32_t last = 0;
      for (const auto reader : link.readers) {
        last = std::max(last, position(reader));
      }
      ++change[position(link.producer)];
      --change[last];
    }
    for (std::size_t i = 1; i < change.size(); ++i) {
      change[i] += change[i - 1];
    }
    return change;
  }

  void find_stretches() {
    const auto across = links_across();
    stretch_of_.assign(nodes_, 0);
    for (std::uint32_t node = kSink + 1; node < nodes_; ++node) {
      if (node == kSink + 1 || across[node - 1] == 1) {
        stretches_.emplace_back();
        stretches_.back().first = node;
        stretches_.back().network.op_of_node.assign(kSink + 1, OpId{kNone});
      }
      stretches_.back().network.op_of_node.push_back(network_.op_of_node[node]);
      stretch_of_[node] = static_cast<std::uint32_t>(stretches_.size() - 1);
    }
  }

  /// To the stretches that its ends lie in: two if it separates them.
  void add_link(std::uint32_t index) {
    const auto& link = network_.links[index];
    std::set<std::uint32_t> touched;
    const auto touch = [&](std::uint32_t node) {
      if (node > kSink) {
        touched.insert(stretch_of_[node]);
      }
    };
    touch(link.producer);
    std::for_each(link.readers.begin(), link.readers.end(), touch);
    if (touched.empty()) {
      touched.insert(0);  // an input that is an output: there is one stretch only
    }
    for (const auto stretch : touched) {
      auto& target = stretches_[stretch];
      target.link_of.push_back(index);
      target.network.links.push_back(local(link, target));
    }
  }

  [[nodiscard]] Link local(const Link& link, const Stretch& stretch) const {
    const auto end = stretch.first + stretch.network.op_of_node.size() - (kSink + 1);
    const auto node_of = [&](std::uint32_t node) {
      const auto place = position(node);
      return place < stretch.first ? kSource
             : place >= end        ? kSink
                                   : node - stretch.first + kSink + 1;
    };
    auto copy = link;
    copy.producer = node_of(link.producer);
    std::set<std::uint32_t> readers;
    for (const auto reader : link.readers) {
      readers.insert(node_of(reader));
    }
    copy.readers.assign(readers.begin(), readers.end());
    return copy;
  }

  const Network& network_;
  std::uint32_t nodes_;
  std::vector<std::uint32_t> stretch_of_;
  std::vector<Stretch> stretches_;
};

/// Cuts of a stretch with operators of it before. The one behind its last operator is among them.
std::vector<Ids> cuts_within(const Stretch& stretch, std::size_t limit, CutSearch& search) {
  const auto& network = stretch.network;
  if (limit > 1) {
    const auto found = search.run();
    return {found.begin(), found.end()};
  }
  // Single links that separate are the ends of stretches.
  std::vector<std::uint32_t> last;
  for (std::uint32_t i = 0; i < network.links.size(); ++i) {
    const auto& readers = network.links[i].readers;
    if (std::find(readers.begin(), readers.end(), kSink) != readers.end()) {
      last.push_back(i);
    }
  }
  const bool separates = last.size() == 1 && network.links[last.front()].cuttable &&
                         network.links[last.front()].readers.size() == 1;
  return separates ? std::vector<Ids>{last} : std::vector<Ids>();
}

/// The operators of a first part, which grows stretch by stretch: their number and their MACs.
/// Operators that the given ones need and that are no nodes of the network belong to it: constants,
/// and conversions that are done again on either side.
class FirstPart {
 public:
  FirstPart(const Graph& graph, const std::vector<OpCost>& costs)
      : graph_(graph), costs_(costs), included_(graph.ops().size(), false) {}

  /// Adds an operator whose producers that are nodes are there already.
  void add(OpId op) {
    std::vector<OpId> open{op};
    while (!open.empty()) {
      const auto next = open.back();
      open.pop_back();
      if (included_[next.value]) {
        continue;
      }
      included_[next.value] = true;
      added_.push_back(next);
      macs_ = saturating_add(macs_, costs_[next.value].macs.value_or(0));
      for_each_read(graph_.op(next), [&](TensorId id) {
        if (const auto producer = graph_.tensor(id).producer) {
          open.push_back(*producer);
        }
      });
    }
  }

  /// What there is now, to return to.
  struct Mark {
    std::size_t nodes = 0;
    std::int64_t macs = 0;
  };
  [[nodiscard]] Mark mark() const { return {added_.size(), macs_}; }
  void return_to(const Mark& mark) {
    for (; added_.size() > mark.nodes; added_.pop_back()) {
      included_[added_.back().value] = false;
    }
    macs_ = mark.macs;
  }

  [[nodiscard]] std::vector<OpId> operators() && {
    std::sort(added_.begin(), added_.end());
    return std::move(added_);
  }

 private:
  const Graph& graph_;
  const std::vector<OpCost>& costs_;
  std::vector<bool> included_;
  std::vector<OpId> added_;
  std::int64_t macs_ = 0;
};

void add_bytes(const TensorInfo& tensor, Cut& cut) {
  const auto bytes = tensor.size_bytes();
  const auto shape = tensor.static_shape();
  const auto as_int8 = bytes && is_floating(tensor.dtype) ? Count(element_count(*shape)) : bytes;
  cut.bytes = checked_add(cut.bytes, bytes);
  cut.int8_bytes = checked_add(cut.int8_bytes, as_int8);
}

std::int64_t macs_of_all(const std::vector<OpCost>& costs) {
  std::int64_t total = 0;
  for (const auto& cost : costs) {
    total = saturating_add(total, cost.macs.value_or(0));
  }
  return total;
}

}  // namespace

std::vector<Cut> find_cuts(const Graph& graph, int max_tensors) {
  if (max_tensors < 1) {
    return {};
  }
  const auto limit = static_cast<std::size_t>(max_tensors);
  const auto network = NetworkBuilder(graph).build();
  const auto costs = operator_costs(graph, QdqCounting::kExclude);
  const auto total_macs = macs_of_all(costs);
  const auto stretches = Divider(network).divide();
  FirstPart part(graph, costs);
  std::vector<Cut> cuts;
  for (const auto& stretch : stretches) {
    const auto& ops = stretch.network.op_of_node;
    CutSearch search(stretch.network, limit);
    for (const auto& links : cuts_within(stretch, limit, search)) {
      const auto earlier = part.mark();
      const auto nodes = search.before(links);
      std::size_t own = 0;
      for (std::size_t node = kSink + 1; node < nodes.size(); ++node) {
        if (nodes[node]) {
          part.add(ops[node]);
          ++own;
        }
      }
      const bool last = own == ops.size() - (kSink + 1) && &stretch == &stretches.back();
      if (own > 0 && !last) {  // else it belongs to the stretch before, or to the outputs
        Cut cut{.bytes = 0, .int8_bytes = 0};
        for (const auto link : links) {
          cut.tensors.push_back(network.links[stretch.link_of[link]].tensor);
          add_bytes(graph.tensor(cut.tensors.back()), cut);
        }
        std::sort(cut.tensors.begin(), cut.tensors.end());
        cut.nodes_before = static_cast<std::int64_t>(part.mark().nodes);
        cut.macs_before = part.mark().macs;
        cut.macs_after = total_macs - cut.macs_before;
        cuts.push_back(std::move(cut));
      }
      part.return_to(earlier);
    }
    std::for_each(ops.begin() + kSink + 1, ops.end(), [&](OpId op) { part.add(op); });
  }
  std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) {
    return std::tie(a.macs_before, a.tensors) < std::tie(b.macs_before, b.tensors);
  });
  return cuts;
}

std::vector<OpId> operators_before(const Graph& graph, const Cut& cut) {
  const auto network = NetworkBuilder(graph).build();
  Ids links;
  for (std::uint32_t i = 0; i < network.links.size(); ++i) {
    const auto& link = network.links[i];
    if (link.cuttable && std::binary_search(cut.tensors.begin(), cut.tensors.end(), link.tensor)) {
      links.push_back(i);
    }
  }
  const auto nodes = CutSearch(network, links.size()).before(links);
  const std::vector<OpCost> no_costs(graph.ops().size());
  FirstPart part(graph, no_costs);
  for (std::size_t node = kSink + 1; node < nodes.size(); ++node) {
    if (nodes[node]) {
      part.add(network.op_of_node[node]);
    }
  }
  return std::move(part).operators();
}

}  // namespace tessera::graph
