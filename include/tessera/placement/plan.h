// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/milp/highs.h"
#include "tessera/placement/instance.h"
#include "tessera/placement/record.h"
#include "tessera/plan/solve.h"

namespace tessera::placement {

struct PlanOptions {
  /// The time limit is that of a plan; what surrounds it has as much again.
  plan::Options solve;
  const plan::Method* method = nullptr;  ///< null: branch and bound
  /// Looks for a better plan where branch and bound left a gap; null: nobody does.
  const milp::Highs* finisher = nullptr;
  bool baselines = true;
  /// Planned::instance is the goal's own problem, also where others were solved for it.
  bool own_problem = false;
  bool turning_points = true;        ///< unless a plan takes longer than a third of a second
  std::vector<std::string> explain;  ///< operators or layers
  /// Points of a front of latency against what is named; 0: no front.
  std::int64_t front_points = 0;
  enum class Against : std::uint8_t { kError, kEnergy };
  Against against = Against::kError;
};

/// A plan with what it was made of, for a certificate.
struct Planned {
  Plan plan;
  Instance instance;
  plan::Solution solution;
};

/// The best plan for a goal, with a bound, and what surrounds it.
///
/// The latency of a plan is what the machines' latency models say of its parts, exactly. Limits on
/// energy and latency count it so, too; prices on them find the first plans. Throughput: the time
/// of the busiest machine or medium is minimized. See docs/planning.md. Errors: those of
/// make_instance() and of solving. No plan is no error: Standing::kInfeasible.
[[nodiscard]] Result<Planned> make_plan(const Setting& setting, const Goal& goal,
                                        const PlanOptions& options, Monitor& monitor);

}  // namespace tessera::placement
