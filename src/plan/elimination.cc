// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/elimination.h"

#include <algorithm>
#include <limits>

namespace tessera::plan {
namespace {

constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
/// Cells of a block: some tables of them fit into a cache of the first level.
constexpr std::size_t kBlock = 1024;

std::vector<Node> united(const std::vector<Node>& a, const std::vector<Node>& b) {
  std::vector<Node> both;
  std::ranges::set_union(a, b, std::back_inserter(both));
  return both;
}

/// Most tables lie as the sums do, or do not know what is fastest in them.
void add_run(std::int64_t* to, const std::int64_t* from, std::size_t run, std::size_t stride) {
  if (stride == 1) {
    for (std::size_t i = 0; i < run; ++i) {
      to[i] += from[i];
    }
  } else if (stride == 0) {
    const auto each = *from;
    for (std::size_t i = 0; i < run; ++i) {
      to[i] += each;
    }
  } else {
    for (std::size_t i = 0; i < run; ++i) {
      to[i] += from[i * stride];
    }
  }
}

void lower_run(std::int64_t* to, const std::int64_t* from, std::size_t run, std::size_t stride) {
  for (std::size_t i = 0; i < run; ++i) {
    to[i * stride] = std::min(to[i * stride], from[i]);
  }
}

}  // namespace

struct Elimination::Waiting {
  bool is_message = false;
  std::size_t index = 0;
  std::vector<Node> scope;   ///< in the order of its table
  std::vector<Node> varies;  ///< of the scope, those of more than one value, ascending
};

Elimination::Elimination(const FactorGraph& graph, std::vector<Node> order, std::size_t most_cells)
    : domains_(graph.domains), position_(graph.domains.size()) {
  for (std::size_t i = 0; i < order.size(); ++i) {
    position_[order[i]] = i;
  }
  std::vector<std::vector<Waiting>> buckets(order.size());
  for (std::size_t f = 0; f < graph.factors.size(); ++f) {
    const auto& scope = graph.factors[f].scope;
    Waiting factor{false, f, scope, {}};
    std::ranges::copy_if(scope, std::back_inserter(factor.varies),
                         [&](Node node) { return domains_[node] > 1; });
    std::ranges::sort(factor.varies);
    // A factor of nodes that cannot vary is a number; any of them takes it.
    const auto& among = factor.varies.empty() ? scope : factor.varies;
    const auto first = std::ranges::min(among, {}, [&](Node node) { return position_[node]; });
    buckets[first].push_back(std::move(factor));
  }
  for (const auto node : order) {
    add_steps(node, buckets[node], most_cells, buckets);
  }
}

void Elimination::add_steps(Node node, std::vector<Waiting>& waiting, std::size_t most_cells,
                            std::vector<std::vector<Waiting>>& buckets) {
  const auto cells_of = [&](const std::vector<Node>& scope) {
    double cells = 1;
    for (const auto each : scope) {
      cells *= static_cast<double>(domains_[each]);
    }
    return cells;
  };
  // The largest first, each into the first group that has room.
  std::ranges::stable_sort(waiting, [&](const Waiting& a, const Waiting& b) {
    return a.varies.size() > b.varies.size();
  });
  std::vector<std::vector<Node>> scopes;
  std::vector<std::vector<const Waiting*>> groups;
  for (const auto& each : waiting) {
    std::size_t g = 0;
    while (g < groups.size() &&
           cells_of(united(scopes[g], each.varies)) > static_cast<double>(most_cells)) {
      ++g;
    }
    if (g == groups.size()) {
      groups.emplace_back();
      scopes.emplace_back();
    }
    groups[g].push_back(&each);
    scopes[g] = united(scopes[g], each.varies);
  }
  exact_ = exact_ && groups.size() <= 1;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    Step step;
    step.node = node;
    std::ranges::copy_if(scopes[g], std::back_inserter(step.scope),
                         [&](Node each) { return each != node; });
    std::ranges::sort(step.scope, {}, [&](Node each) { return position_[each]; });
    step.outer = step.scope.size();
    while (step.outer > 0 && step.block * domains_[step.scope[step.outer - 1]] <= kBlock) {
      step.block *= domains_[step.scope[--step.outer]];
    }
    step.cells = static_cast<std::size_t>(cells_of(step.scope)) * domains_[node];
    cells_ += static_cast<double>(step.cells);
    for (const auto* each : groups[g]) {
      step.inputs.push_back(input_of(step, *each));
    }
    if (!step.scope.empty()) {
      auto varies = step.scope;
      std::ranges::sort(varies);
      buckets[step.scope.front()].push_back({true, steps_.size(), step.scope, std::move(varies)});
    }
    steps_.push_back(std::move(step));
  }
}

Elimination::Input Elimination::input_of(const Step& step, const Waiting& waiting) const {
  const auto stride_of = [&](Node node) {
    std::size_t stride = 0;
    std::size_t below = 1;
    for (auto i = waiting.scope.size(); i-- > 0;) {
      stride = waiting.scope[i] == node && domains_[node] > 1 ? below : stride;
      below *= domains_[waiting.scope[i]];
    }
    return stride;
  };
  Input input{waiting.is_message, waiting.index, stride_of(step.node), {}, {{1}, {0}}};
  for (std::size_t d = 0; d < step.outer; ++d) {
    input.outer_strides.push_back(stride_of(step.scope[d]));
  }
  auto& [extents, strides] = input.inner;
  for (std::size_t d = step.outer; d < step.scope.size(); ++d) {
    const auto extent = domains_[step.scope[d]];
    const auto stride = stride_of(step.scope[d]);
    if (extents.back() == 1 || strides.back() == stride * extent) {
      extents.back() *= extent;
      strides.back() = stride;
      continue;
    }
    extents.push_back(extent);
    strides.push_back(stride);
  }
  return input;
}

/// Shows the visitor runs of cells: the first of them, where its entry is, and the run's walk.
template <class Visit>
void Elimination::along(const Walk& walk, const Visit& visit) {
  const auto outer = walk.extents.size() - 1;
  const auto run = walk.extents[outer];
  const auto stride = walk.strides[outer];
  std::vector<std::size_t> at(outer, 0);
  std::size_t cell = 0;
  std::size_t entry = 0;
  for (;;) {
    visit(cell, entry, run, stride);
    cell += run;
    auto d = outer;
    for (; d-- > 0;) {
      entry += walk.strides[d];
      if (++at[d] < walk.extents[d]) {
        break;
      }
      entry -= walk.strides[d] * walk.extents[d];
      at[d] = 0;
    }
    if (d == static_cast<std::size_t>(-1)) {
      return;
    }
  }
}

const Table& Elimination::table_of(const Input& input) const {
  return input.is_message ? steps_[input.index].message : graph_->factors[input.index].table;
}

template <class Visit>
void Elimination::by_block(const Step& step, const Visit& visit) const {
  Table sums(step.block);
  std::vector<std::size_t> at(step.outer, 0);
  std::vector<std::size_t> begins(step.inputs.size(), 0);
  for (std::size_t first = 0;; first += step.block) {
    for (std::size_t value = 0; value < domains_[step.node]; ++value) {
      std::ranges::fill(sums, 0);
      for (std::size_t k = 0; k < step.inputs.size(); ++k) {
        const auto& input = step.inputs[k];
        const auto* const table = table_of(input).data() + begins[k] + value * input.node_stride;
        along(input.inner,
              [&](std::size_t cell, std::size_t entry, std::size_t run, std::size_t stride) {
                add_run(sums.data() + cell, table + entry, run, stride);
              });
      }
      visit(value, first, sums, begins);
    }
    auto d = step.outer;
    for (; d-- > 0;) {
      const auto extent = domains_[step.scope[d]];
      const bool wraps = ++at[d] == extent;
      for (std::size_t k = 0; k < begins.size(); ++k) {
        const auto stride = step.inputs[k].outer_strides[d];
        begins[k] += stride;
        begins[k] -= wraps ? stride * extent : 0;
      }
      if (!wraps) {
        break;
      }
      at[d] = 0;
    }
    if (d == static_cast<std::size_t>(-1)) {
      return;
    }
  }
}

bool Elimination::has_together(Node a, Node b) const {
  if (position_[a] > position_[b]) {
    std::swap(a, b);
  }
  return std::ranges::any_of(steps_, [&](const Step& step) {
    return step.node == a && std::ranges::find(step.scope, b) != step.scope.end();
  });
}

std::int64_t Elimination::minimum(const FactorGraph& graph) {
  graph_ = &graph;
  minimum_ = 0;
  for (auto& step : steps_) {
    step.message.assign(step.cells / domains_[step.node], kMost);
    by_block(step, [&](std::size_t, std::size_t first, const Table& sums, const auto&) {
      auto* const to = step.message.data() + first;
      for (std::size_t i = 0; i < sums.size(); ++i) {
        to[i] = std::min(to[i], sums[i]);
      }
    });
    minimum_ += step.scope.empty() ? step.message[0] : 0;
  }
  return minimum_;
}

std::vector<std::size_t> Elimination::best() const {
  std::vector<std::size_t> values(domains_.size(), 0);
  Table sum;
  for (auto last = steps_.rbegin(); last != steps_.rend();) {
    const auto node = last->node;
    sum.assign(domains_[node], 0);
    // All steps of a node stand together.
    for (; last != steps_.rend() && last->node == node; ++last) {
      for (const auto& input : last->inputs) {
        const auto& scope =
            input.is_message ? steps_[input.index].scope : graph_->factors[input.index].scope;
        const auto& table = table_of(input);
        std::size_t entry = 0;
        std::size_t stride = 0;
        // A message's scope has its own node no more.
        for (const auto each : scope) {
          entry = entry * domains_[each] + (each == node ? 0 : values[each]);
          stride = stride * domains_[each] + (each == node ? 1 : 0);
        }
        for (std::size_t v = 0; v < sum.size(); ++v) {
          sum[v] += table[entry + v * stride];
        }
      }
    }
    values[node] = static_cast<std::size_t>(std::ranges::min_element(sum) - sum.begin());
  }
  return values;
}

std::vector<Table> Elimination::min_marginals() const {
  std::vector<Table> marginals(domains_.size());
  for (std::size_t node = 0; node < marginals.size(); ++node) {
    marginals[node].assign(domains_[node], minimum_);
  }
  std::vector<Table> from_above(steps_.size());
  Table of_value;
  for (auto s = steps_.size(); s-- > 0;) {
    const auto& step = steps_[s];
    for (const auto& input : step.inputs) {
      if (input.is_message) {
        from_above[input.index].assign(steps_[input.index].message.size(), kMost);
      }
    }
    of_value.assign(domains_[step.node], kMost);
    Table total;
    by_block(step, [&](std::size_t value, std::size_t first, const Table& sums,
                       const std::vector<std::size_t>& begins) {
      total = sums;
      for (std::size_t i = 0; i < total.size() && !step.scope.empty(); ++i) {
        total[i] += from_above[s][first + i];
      }
      of_value[value] = std::min(of_value[value], std::ranges::min(total));
      for (std::size_t k = 0; k < step.inputs.size(); ++k) {
        const auto& input = step.inputs[k];
        if (!input.is_message) {
          continue;
        }
        auto* const down = from_above[input.index].data() + begins[k] + value * input.node_stride;
        along(input.inner,
              [&](std::size_t cell, std::size_t entry, std::size_t run, std::size_t stride) {
                lower_run(down + entry, total.data() + cell, run, stride);
              });
      }
    });
    from_above[s] = {};
    const auto least = std::ranges::min(of_value);
    for (std::size_t v = 0; v < of_value.size(); ++v) {
      auto& marginal = marginals[step.node][v];
      marginal = std::max(marginal, minimum_ + (of_value[v] - least));
    }
    for (const auto& input : step.inputs) {
      if (!input.is_message) {
        continue;
      }
      const auto& message = steps_[input.index].message;
      auto& down = from_above[input.index];
      for (std::size_t i = 0; i < down.size(); ++i) {
        down[i] -= message[i];
      }
    }
  }
  return marginals;
}

}  // namespace tessera::plan
