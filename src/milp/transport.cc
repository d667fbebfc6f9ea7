// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "tessera/milp/model.h"
#include "tessera/plan/evaluate.h"

namespace tessera::milp {
namespace {

using plan::Class;
using Kind = Column::Kind;

/// Classes that states have.
std::set<Class> used(const std::vector<Class>& classes) {
  return {classes.begin(), classes.end()};
}

class Builder {
 public:
  explicit Builder(const plan::Problem& problem) : problem_(problem) {}

  Model build() {
    for (const auto& limit : problem_.limits) {
      for (const auto& term : limit.sends) {
        counted_.insert({term.tensor, term.from, term.to});
      }
    }
    add_states();
    for (std::size_t t = 0; t < problem_.tensors.size(); ++t) {
      add_tensor(t);
    }
    for (std::size_t c = 0; c < problem_.couplings.size(); ++c) {
      add_coupling(c);
    }
    for (std::size_t r = 0; r < problem_.limits.size(); ++r) {
      add_limit(r);
    }
    return std::move(model_);
  }

 private:
  std::size_t add(Kind kind, std::size_t of, std::size_t which, std::int64_t cost_ns,
                  Class from = 0, Class to = 0) {
    model_.columns.push_back({kind, from, to, static_cast<std::uint32_t>(of),
                              static_cast<std::uint32_t>(which), cost_ns});
    return model_.columns.size() - 1;
  }

  void add_states() {
    for (std::size_t i = 0; i < problem_.variables.size(); ++i) {
      model_.first_column.push_back(model_.columns.size());
      const auto& costs = problem_.variables[i].cost_ns;
      for (std::size_t s = 0; s < costs.size(); ++s) {
        add(Kind::kState, i, s, costs[s]);
      }
    }
    for (std::size_t i = 0; i < problem_.variables.size(); ++i) {
      Row one{{}, 1, true, {}};
      for (std::size_t s = 0; s < problem_.variables[i].cost_ns.size(); ++s) {
        one.entries.push_back({model_.first_column[i] + s, 1});
      }
      model_.rows.push_back(std::move(one));
    }
  }

  /// The parts together are 1 exactly if the variable is in a state of that class.
  void marginal(const std::vector<std::size_t>& parts, std::size_t variable,
                const std::vector<Class>& classes, Class which) {
    Row row{{}, 0, true, {}};
    for (const auto part : parts) {
      row.entries.push_back({part, 1});
    }
    for (std::size_t s = 0; s < classes.size(); ++s) {
      if (classes[s] == which) {
        row.entries.push_back({model_.first_column[variable] + s, -1});
      }
    }
    model_.rows.push_back(std::move(row));
  }

  [[nodiscard]] bool counts(std::size_t t, Class from, Class to) const {
    return problem_.tensors[t].cost(from, to) > 0 || counted_.contains({t, from, to});
  }

  void add_tensor(std::size_t t) {
    const auto& tensor = problem_.tensors[t];
    const auto made = used(tensor.producer_classes);
    std::map<std::pair<Class, Class>, std::vector<std::size_t>> reads;
    for (std::size_t d = 0; d < tensor.consumers.size(); ++d) {
      add_reads(t, d, made, reads);
    }
    for (const auto& [classes, columns] : reads) {
      add_send(t, classes.first, classes.second, columns);
    }
  }

  void add_reads(std::size_t t, std::size_t d, const std::set<Class>& made,
                 std::map<std::pair<Class, Class>, std::vector<std::size_t>>& reads) {
    const auto& tensor = problem_.tensors[t];
    const auto& consumer = tensor.consumers[d];
    const auto wanted = used(consumer.classes);
    const auto free = std::ranges::all_of(made, [&](Class from) {
      return std::ranges::none_of(wanted, [&](Class to) { return counts(t, from, to); });
    });
    if (free) {
      return;
    }
    std::map<Class, std::vector<std::size_t>> by_from;
    std::map<Class, std::vector<std::size_t>> by_to;
    for (const auto from : made) {
      for (const auto to : wanted) {
        const auto column = add(Kind::kRead, t, d, 0, from, to);
        by_from[from].push_back(column);
        by_to[to].push_back(column);
        reads[{from, to}].push_back(column);
      }
    }
    for (const auto& [from, columns] : by_from) {
      marginal(columns, tensor.producer, tensor.producer_classes, from);
    }
    for (const auto& [to, columns] : by_to) {
      marginal(columns, consumer.variable, consumer.classes, to);
    }
  }

  /// Several who read in one class share what is sent.
  void add_send(std::size_t t, Class from, Class to, const std::vector<std::size_t>& reads) {
    if (!counts(t, from, to)) {
      return;
    }
    const auto cost_ns = problem_.tensors[t].cost(from, to);
    auto column = reads.front();
    if (reads.size() == 1) {
      model_.columns[column].cost_ns = cost_ns;
    } else {
      column = add(Kind::kSend, t, 0, cost_ns, from, to);
      for (const auto read : reads) {
        model_.rows.push_back({{{read, 1}, {column, -1}}, 0, false, {}});
      }
    }
    sends_[{t, from, to}] = column;
  }

  void add_coupling(std::size_t c) {
    const auto& coupling = problem_.couplings[c];
    cells_.emplace_back();
    std::vector<std::set<Class>> has;
    for (const auto& coupled : coupling.variables) {
      has.push_back(used(coupled.classes));
    }
    std::map<std::pair<std::size_t, Class>, std::vector<std::size_t>> parts;
    std::vector<Class> at(coupling.variables.size(), 0);
    for (std::size_t cell = 0; cell < coupling.cost_ns.size(); ++cell) {
      auto rest = cell;
      bool there = true;
      for (auto k = at.size(); k-- > 0; rest /= coupling.variables[k].count) {
        at[k] = static_cast<Class>(rest % coupling.variables[k].count);
        there = there && has[k].contains(at[k]);
      }
      if (there) {
        const auto column = add(Kind::kCell, c, cell, coupling.cost_ns[cell]);
        cells_.back().emplace_back(cell, column);
        for (std::size_t k = 0; k < at.size(); ++k) {
          parts[{k, at[k]}].push_back(column);
        }
      }
    }
    for (const auto& [which, columns] : parts) {
      const auto& [variable, classes, count] = coupling.variables[which.first];
      marginal(columns, variable, classes, which.second);
    }
  }

  void add_limit(std::size_t r) {
    const auto& limit = problem_.limits[r];
    std::map<std::size_t, std::int64_t> amounts;
    for (const auto& term : limit.states) {
      amounts[model_.first_column[term.variable] + term.state] += term.amount;
    }
    for (const auto& term : limit.sends) {
      // Classes that no state has are never sent between.
      if (const auto at = sends_.find({term.tensor, term.from, term.to}); at != sends_.end()) {
        amounts[at->second] += term.amount;
      }
    }
    for (const auto& term : limit.cells) {
      for (const auto& [cell, column] : cells_[term.coupling]) {
        amounts[column] += term.amounts[cell];
      }
    }
    for (std::size_t k = 0; k < limit.pairs.size(); ++k) {
      if (limit.pairs[k].amount != 0) {
        amounts[add_pair(r, k)] += limit.pairs[k].amount;
      }
    }
    Row row{{}, limit.bound, false, r};
    for (const auto& [column, amount] : amounts) {
      if (amount != 0) {
        row.entries.push_back({column, amount});
      }
    }
    model_.rows.push_back(std::move(row));
  }

  void add_entries(Row& row, std::size_t variable, const std::vector<std::uint8_t>& states,
                   std::int64_t coefficient) const {
    for (const auto state : std::set<std::uint8_t>(states.begin(), states.end())) {
      row.entries.push_back({model_.first_column[variable] + state, coefficient});
    }
  }

  /// At least q + q' - 1 where the pair uses something; at most q and q' where it gives back. The
  /// limit pushes it to that side.
  std::size_t add_pair(std::size_t r, std::size_t k) {
    const auto& pair = problem_.limits[r].pairs[k];
    const auto column = add(Kind::kPair, r, k, 0);
    if (pair.amount > 0) {
      Row row{{{column, -1}}, 1, false, {}};
      add_entries(row, pair.first, pair.first_states, 1);
      add_entries(row, pair.second, pair.second_states, 1);
      model_.rows.push_back(std::move(row));
      return column;
    }
    Row first{{{column, 1}}, 0, false, {}};
    add_entries(first, pair.first, pair.first_states, -1);
    Row second{{{column, 1}}, 0, false, {}};
    add_entries(second, pair.second, pair.second_states, -1);
    model_.rows.push_back(std::move(first));
    model_.rows.push_back(std::move(second));
    return column;
  }

  const plan::Problem& problem_;
  Model model_;
  std::set<std::tuple<std::size_t, Class, Class>> counted_;
  std::map<std::tuple<std::size_t, Class, Class>, std::size_t> sends_;
  /// By coupling: cells that occur, and their columns.
  std::vector<std::vector<std::pair<std::size_t, std::size_t>>> cells_;
};

bool among(const std::vector<std::uint8_t>& states, std::uint8_t state) {
  return std::ranges::find(states, state) != states.end();
}

bool is_one(const plan::Problem& problem, const Column& column, const plan::Assignment& x) {
  switch (column.kind) {
    case Kind::kState:
      return x[column.of] == column.which;
    case Kind::kRead: {
      const auto& tensor = problem.tensors[column.of];
      const auto& consumer = tensor.consumers[column.which];
      return tensor.producer_classes[x[tensor.producer]] == column.from &&
             consumer.classes[x[consumer.variable]] == column.to;
    }
    case Kind::kSend: {
      const auto& tensor = problem.tensors[column.of];
      return tensor.producer_classes[x[tensor.producer]] == column.from &&
             std::ranges::any_of(tensor.consumers, [&](const plan::Consumer& consumer) {
               return consumer.classes[x[consumer.variable]] == column.to;
             });
    }
    case Kind::kCell:
      return plan::cell_of(problem.couplings[column.of], x) == column.which;
    case Kind::kPair: {
      const auto& pair = problem.limits[column.of].pairs[column.which];
      return among(pair.first_states, x[pair.first]) && among(pair.second_states, x[pair.second]);
    }
  }
  return false;
}

}  // namespace

Result<Model> transport(const plan::Problem& problem) {
  TESSERA_CHECK(plan::validate(problem));
  return Builder(problem).build();
}

std::vector<std::uint8_t> values_of(const plan::Problem& problem, const Model& model,
                                    const plan::Assignment& assignment) {
  std::vector<std::uint8_t> values;
  values.reserve(model.columns.size());
  for (const auto& column : model.columns) {
    values.push_back(is_one(problem, column, assignment) ? 1 : 0);
  }
  return values;
}

}  // namespace tessera::milp
