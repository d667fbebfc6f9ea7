// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "certificate/replay.h"

#include <fmt/format.h>

#include <algorithm>

#include "certificate/lagrangian.h"

namespace tessera::certificate {
namespace {

/// A bound of the cost; none where no assignment keeps the limits.
using Bound = std::optional<Wide>;

Bound higher(const Bound& a, const Bound& b) {
  return a && b ? Bound(std::max(*a, *b)) : std::nullopt;
}

class Replay {
 public:
  Replay(const Problem& problem, const Proof& proof, const CheckOptions& options)
      : problem_(problem),
        proof_(proof),
        options_(options),
        seen_(proof.nodes.size(), 0),
        size_(size_of(problem)) {}

  Shown run();

 private:
  struct Pending {
    std::size_t node = 0;
    Domains domains;
    Bound bound = 0;  ///< of what it is a part of
  };

  void start();
  void leave_out_dominated(Domains& domains);
  void look_at(Pending pending);
  void apply(const Layout& layout, Pending& pending);
  void drop(const Layout& layout, const std::vector<std::vector<Wide>>& with_state,
            Pending& pending);
  void split(const Split& split, Pending pending);
  void close(const Pending& pending);
  /// The cost that a value of the Lagrangian stands for, rounded up: costs are whole.
  [[nodiscard]] static Bound bound_of(Wide value, std::int64_t cost_weight);
  /// Whether there is work left for so much.
  bool may_do(double work) {
    work_ += work;
    return work_ <= static_cast<double>(options_.most_work);
  }
  void note(const Bound& bound, std::size_t node);
  void refuse(std::size_t node, const std::string& why) {
    shown_.wrong = fmt::format("node {} of the proof: {}", node, why);
  }

  const Problem& problem_;
  const Proof& proof_;
  const CheckOptions& options_;
  std::vector<char> seen_;
  std::vector<Pending> stack_;
  double work_ = 0;
  double size_ = 0;
  Shown shown_;
};

Shown Replay::run() {
  start();
  while (!stack_.empty() && shown_.wrong.empty()) {
    auto pending = std::move(stack_.back());
    stack_.pop_back();
    look_at(std::move(pending));
  }
  const auto missed = std::ranges::find(seen_, 0);
  if (shown_.wrong.empty() && missed != seen_.end()) {
    refuse(static_cast<std::size_t>(missed - seen_.begin()), "nothing leads there");
  }
  return std::move(shown_);
}

void Replay::start() {
  Pending root;
  for (const auto& variable : problem_.variables) {
    auto& domain = root.domains.emplace_back();
    for (std::size_t s = 0; s < variable.costs.size(); ++s) {
      domain.push_back(static_cast<std::uint8_t>(s));
    }
  }
  leave_out_dominated(root.domains);
  if (proof_.nodes.empty()) {
    note(Wide{0}, 0);  // costs are not negative
  } else {
    stack_.push_back(std::move(root));
  }
}

void Replay::leave_out_dominated(Domains& domains) {
  for (const auto& [variable, states] : proof_.dominated) {
    std::erase_if(domains[variable], [&](std::uint8_t state) { return has(states, state); });
  }
  const Replacements replacements(problem_);
  for (const auto& [variable, states] : proof_.dominated) {
    for (const auto state : states) {
      const bool replaced = std::ranges::any_of(domains[variable], [&](std::uint8_t other) {
        return replacements.can_replace(variable, other, state);
      });
      if (!replaced) {
        shown_.wrong = fmt::format(
            "state {} of variable '{}' is left out, and none that is left "
            "is as good",
            state, problem_.variables[variable].name);
        return;
      }
    }
  }
}

void Replay::look_at(Pending pending) {
  if (pending.node >= seen_.size() || seen_[pending.node] != 0) {
    return refuse(pending.node, "is not there, or is led to twice");
  }
  seen_[pending.node] = 1;
  ++shown_.nodes;
  if (!may_do(size_)) {
    return refuse(pending.node, "all nodes up to it take too long");
  }
  const auto& node = proof_.nodes[pending.node];
  for (const auto& layout : node.layouts) {
    apply(layout, pending);
    if (!shown_.wrong.empty()) {
      return;
    }
  }
  if (node.split) {
    return split(*node.split, std::move(pending));
  }
  close(pending);
}

Bound Replay::bound_of(Wide value, std::int64_t cost_weight) {
  if (cost_weight == 0) {
    return value > 0 ? std::nullopt : Bound(Wide{0});
  }
  const auto towards_0 = value / cost_weight;
  return towards_0 * cost_weight < value ? towards_0 + 1 : towards_0;
}

void Replay::apply(const Layout& layout, Pending& pending) {
  ++shown_.layouts;
  if (std::ranges::any_of(pending.domains, [](const auto& domain) { return domain.empty(); })) {
    return refuse(pending.node, "a variable has no state left, and there is another layout");
  }
  Lagrangian lagrangian(problem_, pending.domains, layout, proof_.schemes[layout.scheme]);
  if (const auto wrong = lagrangian.prepare(static_cast<double>(options_.most_cells))) {
    return refuse(pending.node, *wrong);
  }
  if (!may_do(lagrangian.cells() + size_)) {
    return refuse(pending.node, "all tables up to it take too long");
  }
  const auto minimum = lagrangian.minimize(!layout.dropped.empty());
  pending.bound = higher(pending.bound, bound_of(minimum.value, layout.cost_weight));
  drop(layout, minimum.with_state, pending);
}

void Replay::drop(const Layout& layout, const std::vector<std::vector<Wide>>& with_state,
                  Pending& pending) {
  for (const auto& [variable, states] : layout.dropped) {
    auto& domain = pending.domains[variable];
    for (const auto state : states) {
      const auto at = std::ranges::find(domain, state);
      if (at == domain.end()) {
        return refuse(pending.node, fmt::format("state {} of variable {} is dropped, and is not "
                                                "there",
                                                state, variable));
      }
    }
  }
  // Places are those before anything was dropped.
  for (const auto& [variable, states] : layout.dropped) {
    const auto& domain = pending.domains[variable];
    for (std::size_t k = 0; k < domain.size(); ++k) {
      if (has(states, domain[k])) {
        note(higher(pending.bound, bound_of(with_state[variable][k], layout.cost_weight)),
             pending.node);
      }
    }
  }
  for (const auto& set : layout.dropped) {
    std::erase_if(pending.domains[set.variable],
                  [&](std::uint8_t state) { return has(set.states, state); });
  }
}

void Replay::split(const Split& split, Pending pending) {
  Pending outside{split.outside, pending.domains, pending.bound};
  const auto is_in = [&](std::uint8_t state) { return has(split.part.states, state); };
  std::erase_if(outside.domains[split.part.variable], is_in);
  pending.node = split.inside;
  std::erase_if(pending.domains[split.part.variable], std::not_fn(is_in));
  stack_.push_back(std::move(outside));
  stack_.push_back(std::move(pending));
}

void Replay::close(const Pending& pending) {
  std::vector<std::uint8_t> only;
  for (const auto& domain : pending.domains) {
    if (domain.empty()) {
      return;  // everything in it was dropped
    }
    only.push_back(domain[0]);
  }
  const bool is_single =
      std::ranges::all_of(pending.domains, [](const auto& domain) { return domain.size() == 1; });
  if (!is_single) {
    return note(pending.bound, pending.node);
  }
  if (keeps_limits(problem_, only)) {
    note(cost_of(problem_, only), pending.node);
  }
}

void Replay::note(const Bound& bound, std::size_t node) {
  if (bound && (!shown_.bound || *bound < *shown_.bound)) {
    shown_.bound = bound;
    shown_.at = node;
  }
}

}  // namespace

Shown replay(const Problem& problem, const Proof& proof, const CheckOptions& options) {
  return Replay(problem, proof, options).run();
}

}  // namespace tessera::certificate
