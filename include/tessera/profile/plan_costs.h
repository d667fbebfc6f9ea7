// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/plan/problem.h"
#include "tessera/profile/latency_model.h"
#include "tessera/profile/units.h"

/// A latency model as costs of a plan's problem: every mix of a model's units then costs there what
/// LatencyModel::predict() says of it.
namespace tessera::profile {

/// What a state of a problem's variable means to one machine.
struct LocalState {
  /// Why an operator that only moves values is in integers.
  enum class Support : std::uint8_t {
    kOwn,       ///< it was asked to be
    kProducer,  ///< it follows what it reads
    kConsumer,  ///< it follows its only reader
  };
  bool here = true;                ///< false: another machine runs it, and the rest says nothing
  std::uint8_t state = 0;          ///< as computed: see States
  Layout inputs = Layout::kPlain;  ///< of a unit that keeps layouts: what all its inputs have
  Layout result = Layout::kPlain;
  Support support = Support::kOwn;

  bool operator==(const LocalState&) const = default;
  /// What to ask for, so that the unit comes to be in `state`.
  [[nodiscard]] std::uint8_t asked() const noexcept { return support == Support::kOwn ? state : 0; }
};

/// The states that a unit can be in where it runs; those that may be asked for `may`, by state.
/// `always_follows`: also where it could be asked for, as it need not be to follow its neighbours:
/// where being asked has a price.
[[nodiscard]] std::vector<LocalState> local_states(const Units& units, std::size_t unit,
                                                   const Forms& forms, const std::vector<bool>& may,
                                                   bool always_follows = true);

/// Room for five neighbours of eight states each.
inline constexpr std::size_t kTableCells = std::size_t{1} << 18;

/// How a machine runs the model of a profile.
struct Local {
  const LatencyModel* model = nullptr;
  const Units* units = nullptr;
  /// By unit, which is the number of its variable, and by the variable's state.
  const std::vector<std::vector<LocalState>>* states = nullptr;
  std::vector<double> pace;    ///< by state: its times are stretched by that; empty: by 1
  bool takes_outputs = true;   ///< outputs of the model are wanted here, in float32
  bool takes_inputs = true;    ///< inputs of the model are here or are sent here as they are
  double units_per_us = 1000;  ///< of the problem's costs
  /// A limit of the problem that its times count in, too.
  struct Charge {
    std::size_t limit = 0;
    double units_per_us = 0;
    bool rounds_up = false;  ///< else down: no plan that keeps the limit is left out
    std::int64_t never = 0;  ///< what is forbidden uses so much, so that it makes no room
  };
  std::vector<Charge> charges;
  std::int64_t never = 0;                 ///< a cost that no plan may have: more than any good one
  std::size_t table_cells = kTableCells;  ///< tables with more know fewer neighbours
};

/// Adds the times of a machine's units and conversions to the costs of variables and to couplings,
/// and to the limits that are charged, and forbids, by Local::never, what the model's
/// neighbourhoods do not allow. Exact but for units with so many producers or consumers that a
/// table of all that it tells apart would have more than Local::table_cells: what there is no room
/// for is taken to be as it is cheapest. Returns what all plans cost too much there, so that no
/// cost is negative. Cost: a table of so many cells, at most, for each unit.
[[nodiscard]] std::int64_t add_local_costs(const Local& local, plan::Problem& problem);

/// The same costs of one plan, by unit: kernels and conversions of the unit, in microseconds; last
/// the model's inputs. 0 for what runs elsewhere. Exact.
[[nodiscard]] std::vector<double> local_us(const Local& local, const std::vector<LocalState>& plan);

}  // namespace tessera::profile
