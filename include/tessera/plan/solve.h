// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/plan/evaluate.h"
#include "tessera/plan/problem.h"
#include "tessera/plan/proof.h"

namespace tessera::plan {

struct Solution;

struct Options {
  double gap = 1e-3;                              ///< is good enough: (cost - bound) / cost
  double time_limit_s = 60;                       ///< wall time
  std::int64_t most_nodes = 100'000;              ///< of the tree of branch and bound
  std::size_t most_cells = std::size_t{1} << 26;  ///< of all tables at once, 8 bytes each
  bool proof = false;                             ///< is written down, see Proof
  /// For finding Solution::joint of infeasible problems, at most what is left of the time.
  double explain_limit_s = 10;
  /// Of a problem with the same variables, states and limits, whose costs and amounts may differ:
  /// what was found for it is where the search begins. Anything else is no harm but of no use.
  const Solution* start = nullptr;
};

enum class Outcome : std::uint8_t {
  kOptimal,      ///< no plan costs less
  kWithinGap,    ///< no plan costs less than the bound, which is within the gap
  kInfeasible,   ///< no assignment keeps all limits
  kInterrupted,  ///< time, nodes or the user's patience ran out: the best so far, if any
};

/// A limit that cannot be kept even if nothing else counts.
struct Conflict {
  std::size_t limit = 0;
  std::int64_t least = 0;  ///< every assignment uses at least that much
};

/// What a limit would have to allow while all other limits stay as they are.
struct Relief {
  std::size_t limit = 0;
  bool helps = true;        ///< false: the others cannot be kept together whatever it allows
  std::int64_t proven = 0;  ///< where it helps: with less there is no plan
  std::optional<std::int64_t> found;  ///< with as much there is one; the least if it is as proven
};

/// Limits that cannot be kept together.
struct JointConflict {
  std::vector<Relief> limits;
  bool minimal = false;  ///< proven: without any one of them the rest of them can be kept
};

struct Solution {
  Outcome outcome = Outcome::kInterrupted;
  std::optional<Assignment> assignment;  ///< keeps every limit
  Value value;                           ///< of the assignment, by evaluate()
  std::int64_t bound_ns = 0;             ///< proven: no assignment that keeps the limits costs less
  std::vector<Conflict> conflicts;       ///< of kInfeasible; empty if limits only conflict together
  std::optional<JointConflict> joint;    ///< of kInfeasible, if there was time for it
  std::optional<Proof> proof;            ///< of the bound, or that there is no plan; if asked for
  std::vector<double>
      price_ns;  ///< by limit: what one unit less would cost, about; empty if unknown
  std::vector<std::vector<double>> pair_price_ns;  ///< by limit and pair, for Options::start
  std::size_t most_consumers = 0;  ///< whose send is one table, for Options::start; 0 if unknown
  std::int64_t nodes = 0;          ///< of the tree that were looked at

  /// (cost - bound) / cost; 0 where the cost is 0, 1 without an assignment.
  [[nodiscard]] double gap() const;
};

/// A way to solve problems. Those of this room are below; a general solver would be one more.
class Method {
 public:
  virtual ~Method() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// kInvalidArgument for a problem that does not pass validate(), kFailedPrecondition for one of
  /// a kind that the method does not solve, kResourceExhausted for one that is too large for it.
  [[nodiscard]] virtual Result<Solution> solve(const Problem& problem, const Options& options,
                                               Monitor& monitor) const = 0;
};

/// Every assignment in turn: the judge of all other methods. At most 2^24 assignments.
[[nodiscard]] const Method& brute_force();

/// Bucket elimination over a min-fill order: optimal, for problems without limits. Cost: a table
/// per variable, exponential in the treewidth; a chain takes L * S^2.
[[nodiscard]] const Method& elimination();

/// Minimum cut: optimal, for problems without limits whose variables have at most 2 states and
/// whose tensors cost less where both ends agree (submodular). Cost: a maximum flow.
[[nodiscard]] const Method& min_cut();

/// Lagrange multipliers around elimination, then branch and bound: any problem, to a gap.
/// One thread; the same answer every time unless the time limit ends it.
[[nodiscard]] const Method& branch_and_bound();

/// By variable and state, a bound: no assignment that has the state and keeps the limits costs
/// less. By multipliers around elimination, from those of Options::start on. Errors: as
/// Method::solve(). Cost: as one node of branch and bound; less, for weaker bounds, if time ends or
/// the monitor is cancelled: one minimum at least.
[[nodiscard]] Result<std::vector<std::vector<std::int64_t>>> state_bounds(
    const Problem& problem, const Options& options = {}, Monitor& monitor = Monitor::silent());

/// Why no plan keeps all limits, a line for each that would have to give and one for all:
/// "limit 'memory' allows 5 B: 7 B would do, less would not". Of kInfeasible, else nothing.
[[nodiscard]] std::vector<std::string> explain(const Problem& problem, const Solution& solution);

/// By the method that takes any problem.
[[nodiscard]] Result<Solution> solve(const Problem& problem, const Options& options = {},
                                     Monitor& monitor = Monitor::silent());

}  // namespace tessera::plan
