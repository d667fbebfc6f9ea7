// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "placement/planner.h"

namespace tessera::placement {

/// Plans of least latency within less and less of something else.
struct Front {
  std::vector<ParetoPoint> points;
  std::string why;  ///< why there are fewer than asked for, or some are unproven; empty: neither
};

/// The goal whose plans a front begins at: one against the error has places of known error only.
[[nodiscard]] Goal goal_of_front(const Setting& setting, const Goal& asked,
                                 const PlanOptions& options);
/// `solved`: the plan of goal_of_front(). Whoever is stopped has the points until then.
/// Errors: kInvalidArgument if the plan's own figure is unknown; those of solving.
[[nodiscard]] Result<Front> front(const Planner& planner, const Goal& goal,
                                  const PlanOptions& options, const Solved& solved,
                                  Monitor& monitor);
/// The layer that is meant by its name or by that of one of its operators.
/// Errors: kInvalidArgument with names near it.
[[nodiscard]] Result<std::size_t> find_layer(const Setting& setting, const Instance& instance,
                                             const std::string& name);
/// Refuses alternatives and fronts that cannot be had, before anything is solved.
/// Errors: kInvalidArgument. Cost: a loose instance.
[[nodiscard]] Status check_surroundings(const Setting& setting, const Goal& asked,
                                        const PlanOptions& options);

}  // namespace tessera::placement
