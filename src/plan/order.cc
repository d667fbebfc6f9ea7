// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/order.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace tessera::plan {
namespace {

using Neighbours = std::vector<Node>;  // ascending

bool contains(const Neighbours& sorted, Node node) {
  return std::ranges::binary_search(sorted, node);
}

void insert(Neighbours& sorted, Node node) {
  const auto at = std::ranges::lower_bound(sorted, node);
  if (at == sorted.end() || *at != node) {
    sorted.insert(at, node);
  }
}

void erase(Neighbours& sorted, Node node) {
  const auto at = std::ranges::lower_bound(sorted, node);
  if (at != sorted.end() && *at == node) {
    sorted.erase(at);
  }
}

class MinFill {
 public:
  explicit MinFill(const FactorGraph& graph)
      : domains_(graph.domains), neighbours_(graph.domains.size()), keys_(graph.domains.size()) {
    for (const auto& factor : graph.factors) {
      connect(factor.scope);
    }
  }

  std::vector<Node> order() {
    for (Node node = 0; node < keys_.size(); ++node) {
      keys_[node] = key_of(node);
      queue_.insert(keys_[node]);
    }
    std::vector<Node> order;
    while (!queue_.empty()) {
      order.push_back(std::get<Node>(*queue_.begin()));
      queue_.erase(queue_.begin());
      eliminate(order.back());
    }
    return order;
  }

 private:
  using Key = std::tuple<std::size_t, double, Node>;  // new pairs, cells, node

  // A node that cannot vary connects nothing.
  void connect(const std::vector<Node>& scope) {
    for (const auto a : scope) {
      for (const auto b : scope) {
        if (a != b && domains_[a] > 1 && domains_[b] > 1) {
          insert(neighbours_[a], b);
        }
      }
    }
  }

  [[nodiscard]] Key key_of(Node node) const {
    std::size_t missing = 0;
    auto cells = static_cast<double>(domains_[node]);
    const auto& around = neighbours_[node];
    for (std::size_t i = 0; i < around.size(); ++i) {
      cells *= static_cast<double>(domains_[around[i]]);
      for (std::size_t j = i + 1; j < around.size(); ++j) {
        missing += contains(neighbours_[around[i]], around[j]) ? 0U : 1U;
      }
    }
    return {missing, cells, node};
  }

  void eliminate(Node node) {
    const auto around = std::move(neighbours_[node]);
    connect(around);
    Neighbours touched = around;
    for (const auto near : around) {
      erase(neighbours_[near], node);
    }
    // New pairs count for whoever has both ends beside itself.
    if (std::get<0>(keys_[node]) > 0) {
      for (const auto near : around) {
        touched.insert(touched.end(), neighbours_[near].begin(), neighbours_[near].end());
      }
      std::ranges::sort(touched);
      touched.erase(std::ranges::unique(touched).begin(), touched.end());
    }
    for (const auto each : touched) {
      queue_.erase(keys_[each]);
      keys_[each] = key_of(each);
      queue_.insert(keys_[each]);
    }
  }

  const std::vector<std::size_t>& domains_;
  std::vector<Neighbours> neighbours_;
  std::vector<Key> keys_;
  std::set<Key> queue_;
};

}  // namespace

std::vector<Node> min_fill_order(const FactorGraph& graph) {
  return MinFill(graph).order();
}

}  // namespace tessera::plan
