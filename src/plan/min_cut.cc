// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Two states as a cut: state 0 is the source's side. What a variable pays in state 1 is an arc from
// the source, in state 0 an arc to the sink; what two pay who differ is an arc between them.
#include <algorithm>
#include <array>
#include <optional>

#include "plan/max_flow.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

class Cut {
 public:
  explicit Cut(const Problem& problem) : problem_(problem), costs_(problem.variables.size()) {
    for (std::size_t i = 0; i < costs_.size(); ++i) {
      const auto& cost = problem.variables[i].cost_ns;
      costs_[i] = {cost.front(), cost.size() > 1 ? cost.back() : kNever};
      vertices_.push_back(flow_.add_vertex());
    }
  }

  /// False if some part of its cost cannot be a cut.
  bool add(const Tensor& tensor) {
    return tensor.consumers.size() == 1 ? add_pair(tensor) : add_shared(tensor);
  }

  Assignment solve() {
    for (std::size_t i = 0; i < costs_.size(); ++i) {
      // Only the difference counts, and either may have become negative.
      const auto least = std::min(costs_[i][0], costs_[i][1]);
      flow_.add_arc(MaxFlow::kSource, vertices_[i], costs_[i][1] - least);
      flow_.add_arc(vertices_[i], MaxFlow::kSink, costs_[i][0] - least);
    }
    flow_.run();
    const auto side = flow_.source_side();
    Assignment assignment;
    for (std::size_t i = 0; i < costs_.size(); ++i) {
      const bool is_first = side[vertices_[i]] != 0 || problem_.variables[i].cost_ns.size() == 1;
      assignment.push_back(is_first ? 0 : 1);
    }
    return assignment;
  }

 private:
  /// More than all costs together; a state that is not there.
  static constexpr std::int64_t kNever = kLargestTotal * 2;

  [[nodiscard]] static Class class_of(const std::vector<Class>& classes, std::size_t state) {
    return classes[std::min(state, classes.size() - 1)];
  }

  // t(0,0) + t(1,1) <= t(0,1) + t(1,0): the rest, when each side has paid for itself, is what two
  // pay of whom the producer is in 0 and the consumer in 1.
  bool add_pair(const Tensor& tensor) {
    const auto& consumer = tensor.consumers[0];
    const auto cost = [&](std::size_t a, std::size_t b) {
      return tensor.cost(class_of(tensor.producer_classes, a), class_of(consumer.classes, b));
    };
    const auto rest = cost(0, 1) + cost(1, 0) - cost(0, 0) - cost(1, 1);
    if (rest < 0) {
      return false;
    }
    costs_[tensor.producer][0] += cost(0, 0);
    costs_[tensor.producer][1] += cost(1, 0);
    costs_[consumer.variable][1] += cost(1, 1) - cost(1, 0);
    flow_.add_arc(vertices_[tensor.producer], vertices_[consumer.variable], rest);
    return true;
  }

  bool add_shared(const Tensor& tensor) {
    for (std::size_t from = 0; from < tensor.producer_classes.size(); ++from) {
      for (std::size_t to = 0; to < tensor.to_classes; ++to) {
        if (!add_send(tensor, from, static_cast<Class>(to))) {
          return false;
        }
      }
    }
    return true;
  }

  /// Paid if the producer is in this state and any consumer in this class.
  bool add_send(const Tensor& tensor, std::size_t from, Class to) {
    const auto cost = tensor.cost(class_of(tensor.producer_classes, from), to);
    std::vector<std::size_t> wanting;
    bool always = false;
    bool same_side = false;
    for (const auto& consumer : tensor.consumers) {
      const bool here = class_of(consumer.classes, from) == to;
      const bool there = class_of(consumer.classes, 1 - from) == to;
      always = always || (here && there);
      same_side = same_side || here;
      if (there) {
        wanting.push_back(consumer.variable);
      }
    }
    if (cost == 0 || (wanting.empty() && !same_side)) {
      return true;
    }
    if (always) {
      costs_[tensor.producer][from] += cost;
      return true;
    }
    if (same_side) {
      return false;
    }
    // A vertex that is cut off from the producer once any consumer is on the other side.
    const auto sent = flow_.add_vertex();
    const auto producer = vertices_[tensor.producer];
    flow_.add_arc(from == 0 ? producer : sent, from == 0 ? sent : producer, cost);
    for (const auto consumer : wanting) {
      const auto reader = vertices_[consumer];
      flow_.add_arc(from == 0 ? sent : reader, from == 0 ? reader : sent, cost);
    }
    return true;
  }

  const Problem& problem_;
  MaxFlow flow_;
  std::vector<std::array<std::int64_t, 2>> costs_;  ///< by variable and state
  std::vector<std::size_t> vertices_;
};

class MinCut final : public Method {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "minimum cut"; }
  [[nodiscard]] Result<Solution> solve(const Problem& problem, const Options& options,
                                       Monitor& monitor) const override;
};

Result<Solution> MinCut::solve(const Problem& problem, const Options& /*options*/,
                               Monitor& monitor) const {
  TESSERA_CHECK(validate(problem));
  TESSERA_CHECK(monitor.check());
  if (!problem.limits.empty()) {
    return fail(ErrorCode::kFailedPrecondition, "a cut takes no limits, and there are {}",
                problem.limits.size())
        .hint("use branch and bound, or leave the limits out");
  }
  if (!problem.couplings.empty()) {
    return fail(ErrorCode::kFailedPrecondition, "a cut takes no couplings, and there are {}",
                problem.couplings.size())
        .hint("use elimination");
  }
  for (const auto& variable : problem.variables) {
    if (variable.cost_ns.size() > 2) {
      return fail(ErrorCode::kFailedPrecondition, "variable '{}' has {} states; a cut has 2 sides",
                  variable.name, variable.cost_ns.size())
          .hint("use elimination");
    }
  }
  Cut cut(problem);
  for (const auto& tensor : problem.tensors) {
    if (!tensor.consumers.empty() && !cut.add(tensor)) {
      return fail(ErrorCode::kFailedPrecondition,
                  "tensor '{}' costs more where its ends agree than where they differ", tensor.name)
          .hint("use elimination");
    }
  }
  Solution solution;
  auto assignment = cut.solve();
  TESSERA_TRY(solution.value, evaluate(problem, assignment));
  solution.outcome = Outcome::kOptimal;
  solution.bound_ns = solution.value.cost_ns;
  solution.assignment = std::move(assignment);
  return solution;
}

}  // namespace

const Method& min_cut() {
  static const MinCut method;
  return method;
}

}  // namespace tessera::plan
