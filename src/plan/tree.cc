// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/tree.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/checked.h"
#include "tessera/plan/evaluate.h"

namespace tessera::plan {
namespace {

constexpr int kStepsAtFirst = 200;
constexpr int kStepsBelow = 20;
constexpr int kStepsOfDive = 8;
/// A gain of a node's bound that is so small a part of what is open is left to its branches.
constexpr double kLeastPart = 1.0 / 200;
/// Times that a branch is laid out anew because states have left.
constexpr int kMostLayouts = 3;
/// Assignments whose states a dive may take.
constexpr std::size_t kRecent = 24;
constexpr std::int64_t kNodesOfDive = 150;
/// Nodes between two dives grow by this.
constexpr std::int64_t kPolishLater = 8;

}  // namespace

std::int64_t beyond(const Problem& problem) {
  std::int64_t beyond = 1;
  for (const auto& variable : problem.variables) {
    beyond += std::ranges::max(variable.cost_ns);
  }
  for (const auto& tensor : problem.tensors) {
    for (const auto cost : tensor.cost_ns) {
      beyond = saturating_add(beyond, cost);
    }
  }
  for (const auto& coupling : problem.couplings) {
    beyond = saturating_add(beyond, std::ranges::max(coupling.cost_ns));
  }
  return beyond;
}

std::int64_t Tree::enough() const {
  if (!incumbent_.best()) {
    return beyond_ns_;
  }
  const auto slack = std::floor(options_.gap * static_cast<double>(incumbent_.cost()));
  return incumbent_.cost() - static_cast<std::int64_t>(slack);
}

std::int64_t Tree::bound_ns() const {
  return open_.empty() ? pruned_ns_ : std::min(pruned_ns_, open_.begin()->bound_ns);
}

Tree::Branch Tree::next() {
  auto at = open_.begin();
  if (options_.dives) {
    at = std::ranges::max_element(open_, {}, &Branch::number);
  }
  return std::move(open_.extract(at).value());
}

void Tree::grow(Domains domains, Multipliers start) {
  if (options_.proof != nullptr) {
    options_.proof->nodes.emplace_back();
  }
  open_.insert({std::numeric_limits<std::int64_t>::min(), 0, std::move(domains), std::move(start)});
  while (!open_.empty() && !interrupted_ && open_.begin()->bound_ns < enough()) {
    if (nodes_ >= options_.most_nodes || (nodes_ > 0 && options_.stop())) {
      interrupted_ = true;
      return;
    }
    look_at(next());
  }
}

bool Tree::bound(Relaxation& relaxation, Branch& branch, Raised& raised) {
  Raise how;
  how.most_steps = options_.dives ? kStepsOfDive : nodes_ == 1 ? kStepsAtFirst : kStepsBelow;
  how.enough = enough();
  if (nodes_ > 1 && branch.bound_ns > 0) {
    const auto open = static_cast<double>(enough() - branch.bound_ns);
    how.worth = std::max(how.worth, kLeastPart * open / static_cast<double>(branch.bound_ns));
  }
  how.stop = options_.stop;
  how.found = [this](const Assignment& assignment) {
    incumbent_.offer(assignment);
    if (!options_.dives) {
      recent_.insert(recent_.begin(), assignment);
      recent_.resize(std::min(recent_.size(), kRecent));
    }
  };
  raised = raise_bound(problem_, relaxation, branch.multipliers, how);
  incumbent_.polish();
  branch.multipliers = raised.multipliers;
  branch.bound_ns = std::max(branch.bound_ns, bound_of(raised.point.value, branch.multipliers));
  note_layout(branch, relaxation, branch.multipliers);
  note_gain(branch);
  if (nodes_ == 1) {
    first_ = branch.multipliers;
  }
  if (branch.bound_ns >= enough()) {
    note_pruned(branch.bound_ns);
    return false;
  }
  if (!incumbent_.best() && is_contradiction(relaxation, branch, how)) {
    note_pruned(beyond_ns_);
    return false;
  }
  if (options_.stop()) {
    interrupted_ = true;
    open_.insert(std::move(branch));
    return false;
  }
  return true;
}

void Tree::note_gain(Branch& branch) {
  if (!branch.origin || options_.dives) {
    return;
  }
  const auto& [split, inside, before_ns] = *branch.origin;
  const auto after_ns = std::min(branch.bound_ns, enough());
  gains_.note(split, inside, static_cast<double>(std::max<std::int64_t>(after_ns - before_ns, 0)));
  branch.origin.reset();  // other layouts of the branch are no other splits
}

// Without a plan to beat, multipliers would have to raise the bound beyond all costs, further than
// they can grow. Without costs any value above 0 is enough.
bool Tree::is_contradiction(Relaxation& relaxation, Branch& branch, const Raise& how) {
  if (problem_.limits.empty()) {
    return false;
  }
  if (!branch.against) {
    branch.against = branch.multipliers;
  }
  const auto found = find_contradiction(problem_, relaxation, *branch.against, how);
  incumbent_.polish();
  if (found) {
    note_layout(branch, relaxation, *found);
  }
  return found.has_value();
}

void Tree::note_layout(const Branch& branch, const Relaxation& relaxation,
                       const Multipliers& multipliers) {
  if (options_.proof != nullptr) {
    options_.proof->nodes[branch.proof_node].layouts.push_back(relaxation.layout(multipliers));
  }
}

std::optional<std::size_t> Tree::drop_states(StateValues& values, Branch& branch) {
  std::size_t dropped = 0;
  for (std::size_t i = 0; i < branch.domains.size(); ++i) {
    auto& domain = branch.domains[i];
    std::size_t kept = 0;
    for (std::size_t k = 0; k < domain.size(); ++k) {
      const auto bound = bound_of(values[i][k], branch.multipliers);
      if (bound >= enough()) {
        note_pruned(bound);
        note_dropped(branch, i, domain[k]);
        ++dropped;
      } else {
        values[i][kept] = values[i][k];
        domain[kept++] = domain[k];
      }
    }
    domain.resize(kept);
    values[i].resize(kept);
    if (domain.empty()) {
      return std::nullopt;
    }
  }
  return dropped;
}

void Tree::note_dropped(const Branch& branch, std::size_t variable, std::uint8_t state) {
  if (options_.proof == nullptr) {
    return;
  }
  auto& dropped = options_.proof->nodes[branch.proof_node].layouts.back().dropped;
  if (dropped.empty() || dropped.back().variable != variable) {
    dropped.push_back({variable, {}});
  }
  dropped.back().states.push_back(state);
}

void Tree::settle_single(const Domains& domains) {
  Assignment only;
  for (const auto& domain : domains) {
    only.push_back(domain[0]);
  }
  incumbent_.offer(only);
  const auto value = evaluate(problem_, only);
  if (value && value->feasible) {
    note_pruned(value->cost_ns);
  }
}

void Tree::look_at(Branch branch) {
  ++nodes_;
  for (int layout = 1;; ++layout) {
    Relaxation relaxation(problem_, branch.domains, options_.most_cells, most_consumers_);
    most_consumers_ = relaxation.most_consumers();
    Raised raised;
    if (!bound(relaxation, branch, raised)) {
      return;
    }
    if (!options_.dives && layout == 1 && nodes_ >= next_polish_) {
      next_polish_ = nodes_ * kPolishLater;
      polish(branch);
    }
    // The tables of the best multipliers, which need not be the last.
    raised.point = relaxation.minimize(branch.multipliers);
    auto values = relaxation.state_values();
    const auto dropped = drop_states(values, branch);
    if (!dropped) {
      return;
    }
    std::size_t left = 0;
    for (const auto& domain : branch.domains) {
      left += domain.size() - 1;
    }
    if (left == 0) {
      return settle_single(branch.domains);
    }
    if (*dropped <= left / 8 || layout == kMostLayouts) {
      return split(branch, relaxation, values, raised);
    }
  }
}

void Tree::split(const Branch& branch, const Relaxation& relaxation, const StateValues& values,
                 const Raised& raised) {
  const auto open_ns = static_cast<double>(enough() - branch.bound_ns);
  const auto by =
      choose_split(problem_, branch.domains, relaxation, values, raised, gains_, open_ns);
  const auto among = [&](std::uint8_t state) {
    return std::ranges::find(by.states, state) != by.states.end();
  };
  const bool is_in = among(raised.point.assignment[by.variable]);
  auto* const proof = options_.proof;
  if (proof != nullptr) {
    const auto inside = proof->nodes.size();
    proof->nodes[branch.proof_node].split = {{by.variable, by.states}, inside, inside + 1};
    proof->nodes.resize(inside + 2);
  }
  // The side of the assignment is made last: a dive looks at it first.
  for (const bool in : {!is_in, is_in}) {
    Branch child{branch.bound_ns, ++last_number_, branch.domains, branch.multipliers};
    child.origin = Branch::Origin{by, in, branch.bound_ns};
    child.against = incumbent_.best() ? std::nullopt : branch.against;
    if (proof != nullptr) {
      const auto& split = *proof->nodes[branch.proof_node].split;
      child.proof_node = in ? split.inside : split.outside;
    }
    std::erase_if(child.domains[by.variable],
                  [&](std::uint8_t state) { return among(state) != in; });
    open_.insert(std::move(child));
  }
}

void Tree::polish(const Branch& branch) {
  if (problem_.limits.empty()) {
    return;
  }
  auto domains = branch.domains;
  for (std::size_t i = 0; i < domains.size(); ++i) {
    std::erase_if(domains[i], [&](std::uint8_t state) {
      return !(incumbent_.best() && (*incumbent_.best())[i] == state) &&
             std::ranges::none_of(recent_, [&](const Assignment& a) { return a[i] == state; });
    });
    if (domains[i].empty()) {
      domains[i] = {branch.domains[i].front()};
    }
  }
  auto options = options_;
  options.dives = true;
  options.proof = nullptr;
  options.most_nodes = kNodesOfDive;
  Tree dive(problem_, beyond_ns_, options, incumbent_);
  dive.most_consumers_ = most_consumers_;
  dive.grow(std::move(domains), branch.multipliers);
}

}  // namespace tessera::plan
