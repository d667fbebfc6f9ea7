// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/plan_costs.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

namespace tessera::profile {
namespace {

using Support = LocalState::Support;

/// A variable of a table, and what the table knows of its states.
struct Axis {
  std::size_t variable = 0;
  std::vector<plan::Class> classes;  ///< by state of the variable
  std::vector<LocalState> seen;      ///< by class
};

/// What all of these have; plain if they differ.
Layout common(std::span<const LocalState* const> producers) {
  const auto first = producers.empty() ? Layout::kPlain : producers.front()->result;
  const bool same =
      std::ranges::all_of(producers, [&](const auto* one) { return one->result == first; });
  return same ? first : Layout::kPlain;
}

/// A coupling, and for each limit that is charged what it uses by cell.
struct Table {
  plan::Coupling coupling;
  std::vector<std::vector<std::int64_t>> amounts;
};

/// Merges classes of one axis that no cell tells apart.
void merge_classes(Table& table, std::size_t axis) {
  auto& coupled = table.coupling.variables[axis];
  std::size_t inner = 1;
  for (auto k = axis + 1; k < table.coupling.variables.size(); ++k) {
    inner *= table.coupling.variables[k].count;
  }
  const std::size_t outer = table.coupling.cost_ns.size() / (inner * coupled.count);
  const auto add_slice = [&](const std::vector<std::int64_t>& from, std::size_t o, std::size_t c,
                             std::vector<std::int64_t>& to) {
    const auto begin = from.begin() + static_cast<std::ptrdiff_t>((o * coupled.count + c) * inner);
    to.insert(to.end(), begin, begin + static_cast<std::ptrdiff_t>(inner));
  };
  const auto slice = [&](std::size_t c) {
    std::vector<std::int64_t> cells;
    for (std::size_t o = 0; o < outer; ++o) {
      add_slice(table.coupling.cost_ns, o, c, cells);
      for (const auto& amounts : table.amounts) {
        add_slice(amounts, o, c, cells);
      }
    }
    return cells;
  };
  std::map<std::vector<std::int64_t>, plan::Class> merged;
  std::vector<plan::Class> becomes;
  std::vector<std::size_t> kept;
  for (std::size_t c = 0; c < coupled.count; ++c) {
    const auto [at, is_new] = merged.try_emplace(slice(c), static_cast<plan::Class>(merged.size()));
    becomes.push_back(at->second);
    if (is_new) {
      kept.push_back(c);
    }
  }
  if (kept.size() == coupled.count) {
    return;
  }
  const auto keep = [&](std::vector<std::int64_t>& from) {
    std::vector<std::int64_t> cells;
    for (std::size_t o = 0; o < outer; ++o) {
      for (const auto c : kept) {
        add_slice(from, o, c, cells);
      }
    }
    from = std::move(cells);
  };
  keep(table.coupling.cost_ns);
  std::ranges::for_each(table.amounts, keep);
  coupled.count = kept.size();
  for (auto& c : coupled.classes) {
    c = becomes[c];
  }
}

/// Adds up what a plan costs where it runs; the tables and the evaluation of one plan share it.
class Times {
 public:
  explicit Times(const Local& local) : local_(local) {
    for (const auto& unit : local.units->units) {
      traits_.push_back(trait_of(unit));
    }
  }

  [[nodiscard]] const Unit& unit(std::size_t i) const { return local_.units->units[i]; }
  [[nodiscard]] const Trait& trait(std::size_t i) const { return traits_[i]; }
  [[nodiscard]] DType values(const LocalState& state) const {
    return local_.model->forms[state.state].values;
  }
  [[nodiscard]] bool is_integers(const LocalState& state) const {
    return state.here && state.state != 0 && is_integer(values(state));
  }
  [[nodiscard]] Readers readers_of(std::size_t i, const LocalState& self) const {
    Readers readers(self.state, values(self), self.result);
    if (unit(i).makes_output && local_.takes_outputs) {
      readers.add(DType::kFloat32, Layout::kPlain);
    }
    return readers;
  }
  /// What leaves the machine is plain. Its type is changed on the way.
  void add_leaving(Readers& readers, const LocalState& self) const {
    readers.add(values(self), Layout::kPlain);
  }
  [[nodiscard]] double own_us(std::size_t i, const LocalState& self, Layout inputs,
                              bool has_other) const {
    return us(local_.model->rows[i].own[own_context(self.state, inputs, has_other)], self.state);
  }
  [[nodiscard]] double conversion_us(std::size_t row, std::size_t state,
                                     const Readers& readers) const {
    return us(local_.model->rows[row].conversion[readers.context()], state);
  }

 private:
  [[nodiscard]] double us(const LatencyModel::Cell& cell, std::size_t state) const {
    const double pace = local_.pace.empty() ? 1 : local_.pace[state];
    return pace *
           (local_.model->scale * cell.us + local_.model->overhead_us_per_kernel * cell.kernels);
  }

  const Local& local_;
  std::vector<Trait> traits_;
};

class CostAdder {
 public:
  CostAdder(const Local& local, plan::Problem& problem)
      : local_(local), problem_(problem), times_(local) {}

  std::int64_t add() {
    for (std::size_t i = 0; i < local_.units->size(); ++i) {
      if (std::ranges::none_of((*local_.states)[i], &LocalState::here)) {
        continue;
      }
      add_own(i);
      add_conversion(i);
      if (times_.trait(i).keeps_layout) {
        add_layout(i);
      }
      if (times_.trait(i).lets_integers_pass) {
        add_passing(i);
      }
    }
    if (local_.takes_inputs) {
      add_inputs();
    }
    return added_;
  }

 private:
  using Seen = std::span<const LocalState* const>;
  using Time = std::function<double(Seen)>;  ///< in microseconds
  using Fits = std::function<bool(Seen)>;

  /// `look` leaves of a state what the table is to know.
  template <class Look>
  [[nodiscard]] Axis axis(std::size_t unit, const Look& look) const {
    Axis made{unit, {}, {}};
    for (const auto& state : (*local_.states)[unit]) {
      const LocalState seen = look(state);
      const auto at = std::ranges::find(made.seen, seen);
      made.classes.push_back(static_cast<plan::Class>(at - made.seen.begin()));
      if (at == made.seen.end()) {
        made.seen.push_back(seen);
      }
    }
    return made;
  }
  [[nodiscard]] Axis self(std::size_t unit) const {
    return axis(unit, [](const LocalState& state) { return state.here ? state : elsewhere(); });
  }
  [[nodiscard]] Axis producer(std::size_t unit) const {
    return axis(unit, [](const LocalState& state) {
      LocalState seen;
      seen.result = state.here ? state.result : Layout::kPlain;
      return seen;
    });
  }
  /// A reader, by the first state that has its values and layout.
  [[nodiscard]] Axis reader(std::size_t unit, bool with_layout) const {
    return axis(unit, [&](const LocalState& state) {
      if (!state.here) {
        return elsewhere();
      }
      LocalState seen;
      const auto& forms = local_.model->forms;
      while (forms[seen.state].values != times_.values(state)) {
        ++seen.state;
      }
      seen.result = with_layout ? state.result : Layout::kPlain;
      return seen;
    });
  }
  static LocalState elsewhere() { return {.here = false}; }

  /// As many of the axes as a table has room for behind `before` cells; the rest are left out.
  [[nodiscard]] std::vector<Axis> as_many(std::vector<Axis> axes, std::size_t& cells) const {
    std::size_t kept = 0;
    while (kept < axes.size() && cells * axes[kept].seen.size() <= local_.table_cells) {
      cells *= axes[kept++].seen.size();
    }
    axes.resize(kept);
    return axes;
  }

  void add_own(std::size_t i) {
    const bool keeps = times_.trait(i).keeps_layout;
    const auto& unit = times_.unit(i);
    std::vector<Axis> axes{self(i)};
    auto cells = axes[0].seen.size();
    std::vector<Axis> producers;
    for (const auto p : unit.producers) {
      if (!keeps && !unit.reads_input) {
        producers.push_back(producer(p));
      }
    }
    const auto asked = producers.size();
    producers = as_many(std::move(producers), cells);
    const auto known = producers.size();
    std::vector<Axis> consumers;
    for (const auto c : unit.consumers) {
      consumers.push_back(reader(c, false));
    }
    consumers = as_many(std::move(consumers), cells);
    const bool all_readers = consumers.size() == unit.consumers.size();
    std::ranges::move(producers, std::back_inserter(axes));
    std::ranges::move(consumers, std::back_inserter(axes));
    add_table(unit.name, axes, [&](Seen seen) -> double {
      const auto& self = *seen[0];
      if (!self.here) {
        return 0;
      }
      const auto inputs = keeps ? self.inputs : common(seen.subspan(1, known));
      auto readers = times_.readers_of(i, self);
      for (const auto* one : seen.subspan(1 + known)) {
        if (one->here) {
          readers.add(times_.values(*one), self.result);
        }
      }
      const bool other = readers.has_other();
      double us = times_.own_us(i, self, inputs, other);
      if (!all_readers) {
        us = std::min(us, times_.own_us(i, self, inputs, true));
      }
      if (known < asked) {
        us = std::min(us, times_.own_us(i, self, Layout::kPlain, other));
      }
      return us;
    });
  }

  void add_conversion(std::size_t i) {
    const auto& unit = times_.unit(i);
    std::vector<Axis> axes{self(i)};
    auto cells = axes[0].seen.size();
    std::vector<Axis> consumers;
    for (const auto c : unit.consumers) {
      consumers.push_back(reader(c, true));
    }
    consumers = as_many(std::move(consumers), cells);
    const bool all_readers = consumers.size() == unit.consumers.size();
    std::ranges::move(consumers, std::back_inserter(axes));
    add_table(unit.name, axes, [&](Seen seen) -> double {
      const auto& self = *seen[0];
      if (!self.here) {
        return 0;
      }
      auto readers = times_.readers_of(i, self);
      add_readers(readers, seen.subspan(1));
      if (std::ranges::any_of(seen.subspan(1), [](const auto* one) { return !one->here; })) {
        times_.add_leaving(readers, self);
      }
      return least_conversion(i, self.state, times_.values(self), readers, all_readers);
    });
  }

  void add_inputs() {
    std::vector<Axis> axes;
    std::size_t cells = 1;
    for (std::size_t i = 0; i < local_.units->size(); ++i) {
      if (times_.unit(i).reads_input) {
        axes.push_back(reader(i, true));
      }
    }
    const auto readers = axes.size();
    axes = as_many(std::move(axes), cells);
    const bool all_readers = axes.size() == readers;
    add_table("inputs", axes, [&](Seen seen) -> double {
      if (std::ranges::none_of(seen, [](const auto* one) { return one->here; })) {
        return 0;
      }
      Readers mix(0, DType::kFloat32, Layout::kPlain);
      add_readers(mix, seen);
      return least_conversion(local_.units->size(), 0, DType::kFloat32, mix, all_readers);
    });
  }

  void add_readers(Readers& readers, Seen seen) const {
    for (const auto* one : seen) {
      if (one->here) {
        readers.add(times_.values(*one), one->result);
      }
    }
  }

  /// The least that it can be whatever readers there are besides, unless these are all.
  [[nodiscard]] double least_conversion(std::size_t row, std::size_t state, DType values,
                                        const Readers& readers, bool all) const {
    double least = times_.conversion_us(row, state, readers);
    constexpr unsigned kKinds = 16;
    for (unsigned kinds = 1; kinds < kKinds && !all; ++kinds) {
      auto more = readers;
      for (const auto kind : {0U, 1U, 2U, 3U}) {
        if ((kinds >> kind & 1U) != 0) {
          more.add(kind < 2 ? values : DType::kUndefined,
                   kind % 2 == 0 ? Layout::kPlain : Layout::kChannelsLast);
        }
      }
      least = std::min(least, times_.conversion_us(row, state, more));
    }
    return least;
  }

  void add_layout(std::size_t i) {
    const auto& unit = times_.unit(i);
    if (unit.reads_input || unit.producers.empty()) {
      return;
    }
    std::vector<Axis> axes{axis(i, [](const LocalState& state) {
      LocalState seen{.here = state.here};
      seen.inputs = state.here ? state.inputs : Layout::kPlain;
      return seen;
    })};
    auto cells = axes[0].seen.size();
    std::vector<Axis> producers;
    for (const auto p : unit.producers) {
      producers.push_back(producer(p));
    }
    producers = as_many(std::move(producers), cells);
    const bool all = producers.size() == unit.producers.size();
    std::ranges::move(producers, std::back_inserter(axes));
    forbid_unless(unit.name, axes, [&](Seen seen) {
      const auto& self = *seen[0];
      return !self.here || self.inputs == common(seen.subspan(1)) ||
             (!all && self.inputs == Layout::kPlain);
    });
  }

  /// Operators that only move values follow an integer reader, if it is their only one, else the
  /// first of their producers where that is in integers. No two of them are there only because of
  /// each other.
  void add_passing(std::size_t i) {
    const auto& unit = times_.unit(i);
    const auto look = [&](const LocalState& state) {
      if (!times_.is_integers(state)) {
        return elsewhere();
      }
      LocalState seen{.state = state.state};
      seen.support = state.support;
      return seen;
    };
    std::vector<Axis> axes{axis(i, [](const LocalState& state) {
      LocalState seen{.here = state.here};
      seen.state = state.here ? state.state : std::uint8_t{0};
      seen.support = state.here ? state.support : Support::kOwn;
      return seen;
    })};
    const bool follows_producer = !unit.producers.empty();
    const bool follows_reader = unit.consumers.size() == 1 && !unit.makes_output;
    if (follows_producer) {
      axes.push_back(axis(unit.producers.front(), look));
    }
    if (follows_reader) {
      const auto reader = unit.consumers.front();
      const bool may_follow_it = times_.unit(reader).producers.front() == i;
      axes.push_back(axis(reader, [&](const LocalState& state) {
        auto seen = look(state);
        const bool by_another = seen.support == Support::kProducer && !may_follow_it;
        seen.support = by_another ? Support::kOwn : seen.support;
        return seen;
      }));
    }
    forbid_unless(unit.name, axes, [&](Seen seen) {
      const auto& self = *seen[0];
      const LocalState none = elsewhere();
      const auto& front = follows_producer ? *seen[1] : none;
      const auto& reader = follows_reader ? *seen.back() : none;
      return !self.here || may_pass(self, front, reader);
    });
  }

  static bool may_pass(const LocalState& self, const LocalState& front, const LocalState& reader) {
    const bool as_front = front.here && self.state == front.state;
    const bool as_reader = reader.here && self.state == reader.state;
    if (self.support == Support::kProducer && !(as_front && front.support != Support::kConsumer)) {
      return false;
    }
    if (self.support == Support::kConsumer &&
        !(as_reader && reader.support != Support::kProducer)) {
      return false;
    }
    return reader.here ? as_reader : !front.here || as_front;
  }

  void add_table(const std::string& name, const std::vector<Axis>& axes, const Time& time) {
    Table table{{name, {}, {}}, {}};
    table.amounts.resize(local_.charges.size());
    for_each_cell(axes, table.coupling, [&](Seen seen) {
      const double us = time(seen);
      table.coupling.cost_ns.push_back(std::llround(us * local_.units_per_us));
      for (std::size_t c = 0; c < table.amounts.size(); ++c) {
        const double used = us * local_.charges[c].units_per_us;
        table.amounts[c].push_back(static_cast<std::int64_t>(
            local_.charges[c].rounds_up ? std::ceil(used) : std::floor(used)));
      }
    });
    put(std::move(table));
  }

  void forbid_unless(const std::string& name, const std::vector<Axis>& axes, const Fits& fits) {
    Table table{{name, {}, {}}, {}};
    table.amounts.resize(local_.charges.size());
    for_each_cell(axes, table.coupling, [&](Seen seen) {
      const bool may_be = fits(seen);
      table.coupling.cost_ns.push_back(may_be ? 0 : local_.never);
      for (std::size_t c = 0; c < table.amounts.size(); ++c) {
        table.amounts[c].push_back(may_be ? 0 : local_.charges[c].never);
      }
    });
    put(std::move(table));
  }

  /// Gives the coupling its variables.
  template <class Visit>
  static void for_each_cell(const std::vector<Axis>& axes, plan::Coupling& coupling,
                            const Visit& visit) {
    std::size_t cells = 1;
    for (const auto& one : axes) {
      coupling.variables.push_back({one.variable, one.classes, one.seen.size()});
      cells *= one.seen.size();
    }
    std::vector<std::size_t> at(axes.size(), 0);
    std::vector<const LocalState*> seen(axes.size());
    for (std::size_t cell = 0; cell < cells; ++cell) {
      for (std::size_t k = 0; k < axes.size(); ++k) {
        seen[k] = &axes[k].seen[at[k]];
      }
      visit(Seen(seen));
      for (auto k = at.size(); k-- > 0;) {
        if (++at[k] < axes[k].seen.size()) {
          break;
        }
        at[k] = 0;
      }
    }
  }

  /// Without what makes no difference, and with no cost below 0.
  void put(Table table) {
    auto& [name, variables, costs] = table.coupling;
    for (auto k = variables.size(); k-- > 0;) {
      merge_classes(table, k);
    }
    std::erase_if(variables, [](const plan::Coupled& one) { return one.count == 1; });
    const auto least = std::min<std::int64_t>(std::ranges::min(costs), 0);
    added_ -= least;
    for (auto& cost : costs) {
      cost -= least;
    }
    if (variables.empty()) {
      added_ -= costs[0];
      for (std::size_t c = 0; c < table.amounts.size(); ++c) {
        problem_.limits[local_.charges[c].limit].bound -= table.amounts[c][0];
      }
    } else if (variables.size() == 1) {
      put_states(table);
    } else {
      put_cells(std::move(table));
    }
  }

  void put_states(const Table& table) {
    const auto& [variable, classes, count] = table.coupling.variables[0];
    auto& costs = problem_.variables[variable].cost_ns;
    for (std::size_t s = 0; s < costs.size(); ++s) {
      costs[s] += table.coupling.cost_ns[classes[s]];
      for (std::size_t c = 0; c < table.amounts.size(); ++c) {
        if (const auto amount = table.amounts[c][classes[s]]; amount != 0) {
          problem_.limits[local_.charges[c].limit].states.push_back(
              {variable, static_cast<std::uint8_t>(s), amount});
        }
      }
    }
  }

  void put_cells(Table table) {
    for (std::size_t c = 0; c < table.amounts.size(); ++c) {
      if (std::ranges::any_of(table.amounts[c], [](auto amount) { return amount != 0; })) {
        problem_.limits[local_.charges[c].limit].cells.push_back(
            {problem_.couplings.size(), std::move(table.amounts[c])});
      }
    }
    problem_.couplings.push_back(std::move(table.coupling));
  }

  const Local& local_;
  plan::Problem& problem_;
  Times times_;
  std::int64_t added_ = 0;
};

}  // namespace

std::vector<LocalState> local_states(const Units& units, std::size_t unit, const Forms& forms,
                                     const std::vector<bool>& may, bool always_follows) {
  const auto& of = units.units[unit];
  const auto trait = trait_of(of);
  std::vector<Layout> layouts{Layout::kPlain};
  const bool finds_layouts = trait.keeps_layout && !of.reads_input && !of.producers.empty();
  for (const auto layout : {Layout::kBlocked, Layout::kChannelsLast}) {
    const bool is_made =
        std::ranges::any_of(forms, [&](const Form& form) { return form.convolution == layout; });
    if (finds_layouts && is_made) {
      layouts.push_back(layout);
    }
  }
  std::vector<LocalState> states;
  const auto add = [&](std::size_t state, Support support) {
    for (const auto inputs : layouts) {
      states.push_back({.here = true,
                        .state = static_cast<std::uint8_t>(state),
                        .inputs = inputs,
                        .result = result_layout(trait, forms[state], inputs),
                        .support = support});
    }
  };
  for (std::size_t state = 0; state < forms.size(); ++state) {
    if (may[state]) {
      add(state, Support::kOwn);
    }
    if ((always_follows || !may[state]) && trait.lets_integers_pass && state != 0 &&
        is_integer(forms[state].values)) {
      if (!of.producers.empty()) {
        add(state, Support::kProducer);
      }
      if (of.consumers.size() == 1 && !of.makes_output) {
        add(state, Support::kConsumer);
      }
    }
  }
  return states;
}

std::int64_t add_local_costs(const Local& local, plan::Problem& problem) {
  return CostAdder(local, problem).add();
}

std::vector<double> local_us(const Local& local, const std::vector<LocalState>& plan) {
  const Times times(local);
  const auto count = local.units->size();
  std::vector<double> us(count + 1, 0);
  Readers of_inputs(0, DType::kFloat32, Layout::kPlain);
  bool any_inputs = false;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& self = plan[i];
    if (!self.here) {
      continue;
    }
    const auto& unit = times.unit(i);
    std::vector<LocalState> seen;
    for (const auto p : unit.producers) {
      seen.push_back(plan[p]);
      seen.back().result = plan[p].here ? plan[p].result : Layout::kPlain;
    }
    std::vector<const LocalState*> producers;
    for (const auto& one : seen) {
      producers.push_back(&one);
    }
    auto readers = times.readers_of(i, self);
    for (const auto c : unit.consumers) {
      if (plan[c].here) {
        readers.add(times.values(plan[c]), plan[c].result);
      } else {
        times.add_leaving(readers, self);
      }
    }
    const auto inputs = unit.reads_input ? Layout::kPlain : common(producers);
    us[i] = times.own_us(i, self, inputs, readers.has_other()) +
            times.conversion_us(i, self.state, readers);
    if (unit.reads_input) {
      any_inputs = true;
      of_inputs.add(times.values(self), self.result);
    }
  }
  if (any_inputs && local.takes_inputs) {
    us[count] = times.conversion_us(count, 0, of_inputs);
  }
  return us;
}

}  // namespace tessera::profile
