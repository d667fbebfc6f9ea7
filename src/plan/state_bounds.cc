// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "plan/lagrange.h"
#include "tessera/core/timing.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {

Result<std::vector<std::vector<std::int64_t>>> state_bounds(const Problem& problem,
                                                            const Options& options,
                                                            Monitor& monitor) {
  TESSERA_CHECK(validate(problem));
  const auto* const start = options.start;
  Relaxation relaxation(problem, all_states(problem), options.most_cells,
                        start != nullptr ? start->most_consumers : 0);
  Raise how;
  how.enough = std::numeric_limits<std::int64_t>::max();
  const auto clock = steady_clock_us();
  const auto end = clock() + options.time_limit_s * 1e6;
  how.stop = [&] { return monitor.cancelled() || clock() > end; };
  // Who gave a start may have stopped as soon as its plan was near.
  const auto first = start != nullptr ? multipliers_of(problem, *start) : no_multipliers(problem);
  const auto multipliers = raise_bound(problem, relaxation, first, how).multipliers;
  // The tables of the best multipliers, which need not be the last.
  const auto point = relaxation.minimize(multipliers);
  std::vector<std::vector<std::int64_t>> bounds;
  for (const auto& values : relaxation.state_values()) {
    auto& of = bounds.emplace_back();
    for (const auto value : values) {
      of.push_back(bound_of(value, multipliers));
    }
  }
  return bounds;
}

}  // namespace tessera::plan
