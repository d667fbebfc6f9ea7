// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "milp/naming.h"
#include "tessera/core/checked.h"
#include "tessera/milp/export.h"
#include "tessera/plan/evaluate.h"

namespace tessera::milp {
namespace {

using plan::Class;

constexpr std::size_t kMostCells = std::size_t{1} << 22;  ///< of one table

/// A network of cost functions. Limits are knapsacks of what is saved: each amount has a variable
/// of two values that may be 1 only where nothing is used, or where something is given back.
class CfnWriter {
 public:
  explicit CfnWriter(const plan::Problem& problem)
      : problem_(problem), naming_(problem), never_(*plan::largest_cost(problem) + 1) {}

  Result<std::string> write(const CostNote& note) {
    for (std::size_t i = 0; i < problem_.variables.size(); ++i) {
      add_variable(i);
    }
    for (const auto& limit : problem_.limits) {
      for (const auto& term : limit.sends) {
        counted_.insert({term.tensor, term.from, term.to});
      }
    }
    for (std::size_t t = 0; t < problem_.tensors.size(); ++t) {
      add_tensor(t);
    }
    for (std::size_t c = 0; c < problem_.couplings.size(); ++c) {
      TESSERA_CHECK(add_coupling(c));
    }
    for (std::size_t r = 0; r < problem_.limits.size(); ++r) {
      TESSERA_CHECK(add_limit(r));
    }
    return fmt::format(
        "{{\n  \"problem\": {{\"name\": \"plan_{}\", \"mustbe\": \"<{}\"}},\n "
        " \"variables\": {{\n    "
        "{}\n  }},\n  \"functions\": {{\n    {}\n  }}\n}}\n",
        word(note), never_, fmt::join(variables_, ",\n    "), fmt::join(functions_, ",\n    "));
  }

 private:
  [[nodiscard]] std::string name_of(std::size_t i) const {
    return fmt::format("x_{}", naming_.variable(i));
  }
  [[nodiscard]] std::size_t states_of(std::size_t i) const {
    return problem_.variables[i].cost_ns.size();
  }

  void add_function(const std::vector<std::string>& scope, const std::vector<std::int64_t>& costs) {
    functions_.push_back(fmt::format("\"f{}\": {{\"scope\": [\"{}\"], \"costs\": [{}]}}",
                                     functions_.size(), fmt::join(scope, "\", \""),
                                     fmt::join(costs, ", ")));
  }

  void add_variable(std::size_t i) {
    std::vector<std::string> labels;
    for (std::size_t s = 0; s < states_of(i); ++s) {
      labels.push_back(fmt::format("\"s{}\"", s));
    }
    variables_.push_back(fmt::format("\"{}\": [{}]", name_of(i), fmt::join(labels, ", ")));
    add_function({name_of(i)}, problem_.variables[i].cost_ns);
  }

  std::string add_binary(std::string name) {
    variables_.push_back(fmt::format("\"{}\": [\"no\", \"yes\"]", name));
    return name;
  }

  /// A table over the states of one variable and yes or no.
  void add_with(std::size_t i, const std::string& binary,
                const std::function<std::int64_t(std::size_t state, bool yes)>& cost) {
    std::vector<std::int64_t> costs;
    for (std::size_t s = 0; s < states_of(i); ++s) {
      costs.push_back(cost(s, false));
      costs.push_back(cost(s, true));
    }
    add_function({name_of(i), binary}, costs);
  }

  void add_tensor(std::size_t t) {
    const auto& tensor = problem_.tensors[t];
    std::set<Class> wanted;
    for (const auto& consumer : tensor.consumers) {
      wanted.insert(consumer.classes.begin(), consumer.classes.end());
    }
    const std::set<Class> made(tensor.producer_classes.begin(), tensor.producer_classes.end());
    for (const auto to : wanted) {
      if (std::ranges::any_of(made, [&](Class from) {
            return tensor.cost(from, to) > 0 || counted_.contains({t, from, to});
          })) {
        add_sent(t, to);
      }
    }
  }

  /// Whether the tensor is sent to a class: yes where a consumer wants it so.
  void add_sent(std::size_t t, Class to) {
    const auto& tensor = problem_.tensors[t];
    const auto sent = add_binary(fmt::format("z_{}_{}", naming_.tensor(t), to));
    sent_[{t, to}] = sent;
    add_with(tensor.producer, sent, [&](std::size_t state, bool yes) {
      return yes ? tensor.cost(tensor.producer_classes[state], to) : 0;
    });
    for (const auto& consumer : tensor.consumers) {
      add_with(consumer.variable, sent, [&](std::size_t state, bool yes) {
        return consumer.classes[state] == to && !yes ? never_ : 0;
      });
    }
  }

  [[nodiscard]] std::vector<std::string> scope_of(const plan::Coupling& coupling) const {
    std::vector<std::string> scope;
    for (const auto& coupled : coupling.variables) {
      scope.push_back(name_of(coupled.variable));
    }
    return scope;
  }

  /// The cell of each combination of states, the last variable fastest. `tables` of them are made.
  [[nodiscard]] Result<std::vector<std::size_t>> cells_of(const plan::Coupling& coupling,
                                                          std::size_t tables) const {
    auto count = tables;
    for (const auto& coupled : coupling.variables) {
      count = std::min(count * states_of(coupled.variable), kMostCells + 1);
    }
    if (count > kMostCells) {
      return fail(ErrorCode::kUnimplemented,
                  "coupling '{}' is a table of more than 2^22 combinations of states",
                  coupling.name)
          .hint("LP and MPS have a number for each class only");
    }
    std::vector<std::size_t> cells;
    plan::Assignment assignment(problem_.variables.size(), 0);
    for (std::size_t at = 0; at < count / tables; ++at) {
      auto rest = at;
      for (auto k = coupling.variables.size(); k-- > 0;) {
        const auto variable = coupling.variables[k].variable;
        assignment[variable] = static_cast<std::uint8_t>(rest % states_of(variable));
        rest /= states_of(variable);
      }
      cells.push_back(plan::cell_of(coupling, assignment));
    }
    return cells;
  }

  Status add_coupling(std::size_t c) {
    const auto& coupling = problem_.couplings[c];
    TESSERA_TRY(const auto cells, cells_of(coupling, 1));
    std::vector<std::int64_t> costs;
    for (const auto cell : cells) {
      costs.push_back(coupling.cost_ns[cell]);
    }
    // toulbar2 1.1 counts the least cost of a table of four variables and more twice.
    const auto least = std::ranges::min(costs);
    std::ranges::for_each(costs, [&](std::int64_t& cost) { cost -= least; });
    add_function(scope_of(coupling), costs);
    const auto first = coupling.variables.front().variable;
    add_function({name_of(first)}, std::vector(states_of(first), least));
    return {};
  }

  /// May be 1 where the variable is in another state, or (`in`) only where it is in this one.
  std::string state_indicator(std::size_t i, std::size_t state, bool in) {
    const auto [at, is_new] = states_.try_emplace({i, state, in});
    if (is_new) {
      at->second =
          add_binary(fmt::format("{}_{}_{}", in ? "is" : "not", naming_.variable(i), state));
      add_with(i, at->second,
               [&](std::size_t s, bool yes) { return yes && (s == state) != in ? never_ : 0; });
    }
    return at->second;
  }

  /// May be 1 where nothing is sent from that class to that one.
  std::string send_indicator(const plan::SendTerm& term) {
    const auto [at, is_new] = sends_.try_emplace({term.tensor, term.from, term.to});
    if (!is_new) {
      return at->second;
    }
    const auto& tensor = problem_.tensors[term.tensor];
    at->second =
        add_binary(fmt::format("w_{}_{}_{}", naming_.tensor(term.tensor), term.from, term.to));
    std::vector<std::int64_t> costs;
    for (const auto from : tensor.producer_classes) {
      const auto both = from == term.from ? never_ : 0;
      costs.insert(costs.end(), {0, 0, 0, both});
    }
    add_function({name_of(tensor.producer), sent_.at({term.tensor, term.to}), at->second}, costs);
    return at->second;
  }

  std::string pair_indicator(std::size_t r, std::size_t k, bool in) {
    const auto& pair = problem_.limits[r].pairs[k];
    const auto name = add_binary(fmt::format("p_{}_{}", naming_.limit(r), k));
    const auto among = [](const std::vector<std::uint8_t>& states, std::size_t state) {
      return std::ranges::find(states, state) != states.end();
    };
    std::vector<std::int64_t> costs;
    for (std::size_t a = 0; a < states_of(pair.first); ++a) {
      for (std::size_t b = 0; b < states_of(pair.second); ++b) {
        const bool both = among(pair.first_states, a) && among(pair.second_states, b);
        costs.insert(costs.end(), {0, both == in ? 0 : never_});
      }
    }
    add_function({name_of(pair.first), name_of(pair.second), name}, costs);
    return name;
  }

  /// By amount that is saved of the most a table uses: may be 1 where so much is.
  Result<std::map<std::int64_t, std::string>> cell_indicators(std::size_t r, std::size_t k) {
    const auto& [c, amounts] = problem_.limits[r].cells[k];
    const auto& coupling = problem_.couplings[c];
    const auto most = std::ranges::max(amounts);
    std::map<std::int64_t, std::string> saved;
    for (const auto amount : amounts) {
      if (amount < most) {
        saved.try_emplace(most - amount);
      }
    }
    TESSERA_TRY(const auto cells, cells_of(coupling, std::max<std::size_t>(2 * saved.size(), 1)));
    for (auto& [amount, name] : saved) {
      name = add_binary(fmt::format("q_{}_{}_{}", naming_.limit(r), k, amount));
      std::vector<std::int64_t> costs;
      for (const auto cell : cells) {
        costs.insert(costs.end(), {0, most - amounts[cell] == amount ? 0 : never_});
      }
      auto scope = scope_of(coupling);
      scope.push_back(name);
      add_function(scope, costs);
    }
    return saved;
  }

  Status add_limit(std::size_t r) {
    const auto& limit = problem_.limits[r];
    std::map<std::string, std::int64_t> saved;
    std::int64_t most = 0;  ///< that is used
    const auto add = [&](std::int64_t amount, const std::string& indicator) {
      most += std::max<std::int64_t>(amount, 0);
      saved[indicator] += std::abs(amount);
    };
    for (const auto& term : limit.states) {
      if (term.amount != 0) {
        add(term.amount, state_indicator(term.variable, term.state, term.amount < 0));
      }
    }
    for (const auto& term : limit.sends) {
      if (term.amount != 0 && sent_.contains({term.tensor, term.to})) {
        add(term.amount, send_indicator(term));
      }
    }
    for (std::size_t k = 0; k < limit.pairs.size(); ++k) {
      if (limit.pairs[k].amount != 0) {
        add(limit.pairs[k].amount, pair_indicator(r, k, limit.pairs[k].amount < 0));
      }
    }
    for (std::size_t k = 0; k < limit.cells.size(); ++k) {
      TESSERA_TRY(const auto indicators, cell_indicators(r, k));
      for (const auto& [amount, name] : indicators) {
        saved[name] += amount;
      }
      most += std::ranges::max(limit.cells[k].amounts);
    }
    add_knapsack(saved, most - limit.bound);
    return {};
  }

  void add_knapsack(const std::map<std::string, std::int64_t>& saved, std::int64_t wanted) {
    if (wanted <= 0) {
      return;
    }
    std::vector<std::string> names;
    std::vector<std::int64_t> weights;
    std::int64_t all = 0;
    for (const auto& [name, weight] : saved) {
      names.push_back(name);
      weights.push_back(weight);
      all += weight;
    }
    if (all < wanted) {
      return add_function({name_of(0)}, std::vector(states_of(0), never_));
    }
    functions_.push_back(fmt::format(
        "\"f{}\": {{\"scope\": [\"{}\"], \"type\": \"knapsack\", \"params\": {{\"capacity\": {}, "
        "\"weights\": [{}]}}}}",
        functions_.size(), fmt::join(names, "\", \""), wanted, fmt::join(weights, ", ")));
  }

  const plan::Problem& problem_;
  Naming naming_;
  std::int64_t never_;  ///< costs more than any plan
  std::vector<std::string> variables_;
  std::vector<std::string> functions_;
  std::set<std::tuple<std::size_t, Class, Class>> counted_;
  std::map<std::pair<std::size_t, Class>, std::string> sent_;
  std::map<std::tuple<std::size_t, std::size_t, bool>, std::string> states_;
  std::map<std::tuple<std::size_t, Class, Class>, std::string> sends_;
};

}  // namespace

Result<std::string> to_cfn(const plan::Problem& problem, const CostNote& note) {
  TESSERA_CHECK(model_to_export(problem));
  return CfnWriter(problem).write(note);
}

}  // namespace tessera::milp
