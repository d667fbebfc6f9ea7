// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/max_flow.h"

#include <algorithm>
#include <limits>

namespace tessera::plan {
namespace {

constexpr auto kUnseen = std::numeric_limits<std::size_t>::max();

}  // namespace

std::size_t MaxFlow::add_vertex() {
  arcs_of_.emplace_back();
  return arcs_of_.size() - 1;
}

void MaxFlow::add_arc(std::size_t from, std::size_t to, std::int64_t capacity) {
  if (capacity == 0) {
    return;
  }
  arcs_of_[from].push_back(arcs_.size());
  arcs_.push_back({to, capacity});
  arcs_of_[to].push_back(arcs_.size());
  arcs_.push_back({from, 0});
}

bool MaxFlow::find_levels() {
  level_.assign(arcs_of_.size(), kUnseen);
  level_[kSource] = 0;
  std::vector<std::size_t> queue{kSource};
  for (std::size_t k = 0; k < queue.size(); ++k) {
    for (const auto a : arcs_of_[queue[k]]) {
      if (arcs_[a].left > 0 && level_[arcs_[a].to] == kUnseen) {
        level_[arcs_[a].to] = level_[queue[k]] + 1;
        queue.push_back(arcs_[a].to);
      }
    }
  }
  return level_[kSink] != kUnseen;
}

// One path of rising levels, without recursion: chains are as long as networks are deep.
std::int64_t MaxFlow::push() {
  std::vector<std::size_t> path;
  for (auto at = kSource; at != kSink;) {
    auto& next = next_[at];
    const auto& arcs = arcs_of_[at];
    while (next < arcs.size() &&
           (arcs_[arcs[next]].left == 0 || level_[arcs_[arcs[next]].to] != level_[at] + 1)) {
      ++next;
    }
    if (next < arcs.size()) {
      path.push_back(arcs[next]);
      at = arcs_[arcs[next]].to;
      continue;
    }
    if (path.empty()) {
      return 0;
    }
    // A dead end: back, and on by the next arc.
    at = arcs_[path.back() ^ 1U].to;
    path.pop_back();
    ++next_[at];
  }
  auto amount = std::numeric_limits<std::int64_t>::max();
  for (const auto a : path) {
    amount = std::min(amount, arcs_[a].left);
  }
  for (const auto a : path) {
    arcs_[a].left -= amount;
    arcs_[a ^ 1U].left += amount;
  }
  return amount;
}

std::int64_t MaxFlow::run() {
  std::int64_t flow = 0;
  while (find_levels()) {
    next_.assign(arcs_of_.size(), 0);
    for (auto amount = push(); amount > 0; amount = push()) {
      flow += amount;
    }
  }
  return flow;
}

std::vector<char> MaxFlow::source_side() const {
  std::vector<char> side(arcs_of_.size(), 0);
  for (std::size_t v = 0; v < side.size(); ++v) {
    side[v] = level_[v] != kUnseen ? 1 : 0;
  }
  return side;
}

}  // namespace tessera::plan
