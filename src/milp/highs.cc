// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/milp/highs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "milp/highs_api.h"
#include "tessera/core/timing.h"
#include "tessera/milp/model.h"

namespace tessera::milp {
namespace {

using plan::Outcome;
using Int = HighsApi::Int;

/// All costs together, and the largest amount of a limit, come below these: tolerances of the
/// solver are absolute, 1e-6 and 1e-7. Costs of a second in all are then in ms or thereabouts.
constexpr double kMostCost = 16384;
constexpr double kMostAmount = 1024;
/// What the solver calls zero: reduced costs of a relaxation that is optimal, of every column that
/// is 1.
constexpr double kReducedCost = 1e-7;
constexpr double kRelative = 1e-6;
/// Plans that keep a limit by the solver's tolerances alone are cut off so often.
constexpr int kMostCuts = 16;

/// The largest power of two by which `most` comes to no more than `wanted`.
double scale_to(double most, double wanted) {
  return most > 0 ? std::exp2(std::floor(std::log2(wanted / most))) : 1;
}

struct ByRow {
  std::vector<Int> starts;
  std::vector<Int> indices;
  std::vector<double> values;
  std::vector<double> lower;
  std::vector<double> upper;
};

ByRow by_row(const Model& model, double infinity) {
  ByRow rows;
  for (const auto& row : model.rows) {
    std::int64_t most = 0;
    for (const auto& entry : row.entries) {
      most = std::max(most, std::abs(entry.coefficient));
    }
    const double scale = row.limit ? scale_to(static_cast<double>(most), kMostAmount) : 1;
    rows.starts.push_back(static_cast<Int>(rows.indices.size()));
    for (const auto& entry : row.entries) {
      rows.indices.push_back(static_cast<Int>(entry.column));
      rows.values.push_back(static_cast<double>(entry.coefficient) * scale);
    }
    const auto right = static_cast<double>(row.right) * scale;
    rows.lower.push_back(row.equal ? right : -infinity);
    rows.upper.push_back(right);
  }
  return rows;
}

/// What one run came to.
struct Answer {
  Int status = 0;
  std::optional<plan::Assignment> assignment;
  double bound = -std::numeric_limits<double>::infinity();  ///< in the solver's unit
  std::int64_t nodes = 0;
};

/// A model in the solver.
class Run {
 public:
  Run(const HighsLibrary& library, const plan::Problem& problem, const Model& model,
      Monitor& monitor)
      : api_(library.api),
        version_(library.version),
        problem_(problem),
        model_(model),
        monitor_(monitor),
        solver_(library.api.create()),
        scale_(scale_to(static_cast<double>(plan::largest_cost(problem).value_or(0)), kMostCost)) {
    api_.set_bool(solver_, "output_flag", 0);  // else it greets on stdout
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() { api_.destroy(solver_); }

  Status pass(const Start& start) {
    const auto rows = by_row(model_, api_.infinity(solver_));
    std::vector<double> costs;
    std::vector<Int> kinds;
    for (const auto& column : model_.columns) {
      costs.push_back(static_cast<double>(column.cost_ns) * scale_);
      kinds.push_back(column.kind == Column::Kind::kState ? HighsApi::kInteger
                                                          : HighsApi::kContinuous);
    }
    const std::vector<double> lower(costs.size(), 0);
    std::vector<double> upper(costs.size(), 1);
    for (const auto& [variable, states] : start.excluded) {
      for (const auto state : states) {
        upper[model_.first_column[variable] + state] = 0;
      }
    }
    TESSERA_CHECK(expect(
        api_.pass(solver_, static_cast<Int>(costs.size()), static_cast<Int>(model_.rows.size()),
                  static_cast<Int>(rows.indices.size()), HighsApi::kByRow, HighsApi::kMinimize, 0,
                  costs.data(), lower.data(), upper.data(), rows.lower.data(), rows.upper.data(),
                  rows.starts.data(), rows.indices.data(), rows.values.data(), kinds.data()),
        "take the model"));
    return {};
  }

  Status set(const plan::Options& options) {
    api_.set_int(solver_, "threads", 1);
    api_.set_string(solver_, "parallel", "off");
    api_.set_int(solver_, "mip_max_nodes",
                 static_cast<Int>(
                     std::min<std::int64_t>(options.most_nodes, std::numeric_limits<Int>::max())));
    TESSERA_CHECK(expect(api_.set_double(solver_, "mip_rel_gap", options.gap), "take a gap"));
    // Costs are whole: less than half of one of them is none.
    TESSERA_CHECK(expect(
        api_.set_double(solver_, "mip_abs_gap", std::clamp(scale_ / 2, 1e-9, 1e-6)), "take a gap"));
    TESSERA_CHECK(expect(api_.set_callback(solver_, ask_monitor, &monitor_), "take a callback"));
    for (const auto kind : {HighsApi::kSimplexInterrupt, HighsApi::kMipInterrupt}) {
      TESSERA_CHECK(expect(api_.start_callback(solver_, kind), "take a callback"));
    }
    return {};
  }

  Status begin_with(const plan::Assignment& assignment) {
    const auto values = values_of(problem_, model_, assignment);
    const std::vector<double> columns(values.begin(), values.end());
    return expect(api_.set_solution(solver_, columns.data(), nullptr, nullptr, nullptr),
                  "take a plan to begin with");
  }

  Result<Answer> solve(double time_limit_s) {
    TESSERA_CHECK(
        expect(api_.set_double(solver_, "time_limit", time_limit_s), "take a time limit"));
    TESSERA_CHECK(expect(api_.run(solver_), "solve the model"));
    Answer answer;
    answer.status = api_.model_status(solver_);
    Int has = 0;
    TESSERA_CHECK(
        expect(api_.info_int(solver_, "primal_solution_status", &has), "say what it found"));
    api_.info_double(solver_, "mip_dual_bound", &answer.bound);
    api_.info_int64(solver_, "mip_node_count", &answer.nodes);
    if (has == HighsApi::kHasSolution) {
      TESSERA_TRY(answer.assignment, read_assignment());
    }
    return answer;
  }

  Status cut_off(const plan::Assignment& assignment) {
    std::vector<Int> columns;
    for (std::size_t i = 0; i < assignment.size(); ++i) {
      columns.push_back(static_cast<Int>(model_.first_column[i] + assignment[i]));
    }
    const std::vector<double> ones(columns.size(), 1);
    return expect(
        api_.add_row(solver_, -api_.infinity(solver_), static_cast<double>(columns.size()) - 1,
                     static_cast<Int>(columns.size()), columns.data(), ones.data()),
        "take a row");
  }

  /// What the solver's bound is worth: whole ns, less what its tolerances can come to.
  [[nodiscard]] std::int64_t bound_ns(double bound) const {
    const auto tolerance = kReducedCost * most_ones();
    const auto safe = (bound - tolerance - kRelative * std::abs(bound)) / scale_;
    return std::isfinite(safe) && safe > 0 ? static_cast<std::int64_t>(std::ceil(safe)) : 0;
  }

 private:
  static void ask_monitor(int kind, const char*, const void*, HighsApi::CallbackAnswer* answer,
                          void* user) {
    const bool asks = kind == HighsApi::kSimplexInterrupt || kind == HighsApi::kMipInterrupt;
    if (asks && answer != nullptr) {
      answer->interrupt = static_cast<const Monitor*>(user)->cancelled() ? 1 : 0;
    }
  }

  [[nodiscard]] Status expect(Int status, std::string_view what) const {
    if (status == HighsApi::kError) {
      return fail(ErrorCode::kUnavailable, "HiGHS {} failed to {}", version_, what)
          .hint("plan without it, or with the version that scripts/setup fetches");
    }
    return {};
  }

  /// Columns that can be 1 at once: a state of each variable, a read and a send of each consumer, a
  /// cell of each coupling, and the pairs.
  [[nodiscard]] double most_ones() const {
    auto ones = problem_.variables.size() + problem_.couplings.size();
    for (const auto& tensor : problem_.tensors) {
      ones += 2 * tensor.consumers.size();
    }
    for (const auto& limit : problem_.limits) {
      ones += limit.pairs.size();
    }
    return static_cast<double>(ones);
  }

  /// The state of each variable that is nearest to 1.
  Result<plan::Assignment> read_assignment() const {
    std::vector<double> columns(model_.columns.size());
    std::vector<double> rows(model_.rows.size() + static_cast<std::size_t>(kMostCuts));
    TESSERA_CHECK(
        expect(api_.solution(solver_, columns.data(), nullptr, rows.data(), nullptr), "answer"));
    plan::Assignment assignment;
    for (std::size_t i = 0; i < problem_.variables.size(); ++i) {
      const auto first = columns.begin() + static_cast<std::ptrdiff_t>(model_.first_column[i]);
      const auto states = static_cast<std::ptrdiff_t>(problem_.variables[i].cost_ns.size());
      assignment.push_back(
          static_cast<std::uint8_t>(std::max_element(first, first + states) - first));
    }
    return assignment;
  }

  const HighsApi& api_;
  const std::string& version_;
  const plan::Problem& problem_;
  const Model& model_;
  Monitor& monitor_;
  void* solver_;
  double scale_;
};

Status check(const plan::Options& options) {
  if (!(options.gap >= 0 && options.gap <= 1)) {
    return fail(ErrorCode::kInvalidArgument, "a gap of {} is not from 0 to 1", options.gap)
        .hint("a gap of 0 asks for the optimum, one of 0.001 for a plan within 0.1 % of it");
  }
  if (!(options.time_limit_s >= 0)) {
    return fail(ErrorCode::kInvalidArgument, "a time limit of {} s", options.time_limit_s)
        .hint("give 0 or more");
  }
  if (options.most_nodes < 1) {
    return fail(ErrorCode::kInvalidArgument, "{} nodes are not enough for any plan",
                options.most_nodes)
        .hint("give 1 or more");
  }
  return {};
}

Status check(const plan::Problem& problem, const Start& start) {
  if (start.assignment) {
    TESSERA_CHECK(plan::evaluate(problem, *start.assignment));
  }
  for (const auto& [variable, states] : start.excluded) {
    if (variable >= problem.variables.size() ||
        std::ranges::any_of(states, [&, at = variable](std::uint8_t state) {
          return state >= problem.variables[at].cost_ns.size();
        })) {
      return fail(ErrorCode::kInvalidArgument, "a state is excluded that is not there")
          .hint("variables and their states are numbered from 0");
    }
  }
  return {};
}

Status check(const Model& model) {
  std::size_t entries = 0;
  for (const auto& row : model.rows) {
    entries += row.entries.size();
  }
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<Int>::max());
  if (std::max({entries, model.columns.size(), model.rows.size()}) >= kMost) {
    return fail(ErrorCode::kResourceExhausted, "a model of {} columns, {} rows and {} entries",
                model.columns.size(), model.rows.size(), entries)
        .hint("HiGHS counts to 2^31; use branch and bound");
  }
  return {};
}

/// The outcome of a plan, or of none, by what the solver said.
Status settle(const HighsLibrary& library, const Answer& answer, const plan::Options& options,
              plan::Solution& solution) {
  switch (answer.status) {
    case HighsApi::kInfeasible:
    case HighsApi::kUnboundedOrInfeasible:
      solution.outcome = solution.assignment ? Outcome::kInterrupted : Outcome::kInfeasible;
      solution.bound_ns = solution.assignment ? solution.bound_ns : 0;
      break;
    case HighsApi::kOptimal:
    case HighsApi::kTimeLimit:
    case HighsApi::kIterationLimit:
    case HighsApi::kSolutionLimit:
    case HighsApi::kInterrupt:
      solution.outcome = Outcome::kInterrupted;
      break;
    default:
      return fail(ErrorCode::kUnavailable, "HiGHS {} ended with status {}", library.version,
                  answer.status)
          .hint("plan without it, or with the version that scripts/setup fetches");
  }
  if (solution.assignment) {
    solution.bound_ns = std::min(solution.bound_ns, solution.value.cost_ns);
    if (solution.bound_ns == solution.value.cost_ns) {
      solution.outcome = Outcome::kOptimal;
    } else if (answer.status == HighsApi::kOptimal || solution.gap() <= options.gap) {
      solution.outcome = Outcome::kWithinGap;
    }
  }
  return {};
}

/// Empty problems are no model.
Result<plan::Solution> solve_empty(const plan::Problem& problem) {
  plan::Solution solution;
  TESSERA_TRY(solution.value, plan::evaluate(problem, {}));
  solution.outcome = solution.value.feasible ? Outcome::kOptimal : Outcome::kInfeasible;
  if (solution.value.feasible) {
    solution.assignment.emplace();
  } else {
    solution.value = {};
  }
  return solution;
}

}  // namespace

Highs::Highs(std::shared_ptr<const HighsLibrary> library)
    : library_(std::move(library)),
      name_(fmt::format("HiGHS {} (bound not exact)", library_->version)) {}

const std::string& Highs::version() const noexcept {
  return library_->version;
}

const std::filesystem::path& Highs::path() const noexcept {
  return library_->path;
}

Result<plan::Solution> Highs::solve(const plan::Problem& problem, const plan::Options& options,
                                    Monitor& monitor) const {
  return solve_from(problem, {}, options, monitor);
}

Result<plan::Solution> Highs::solve_from(const plan::Problem& problem, const Start& start,
                                         const plan::Options& options, Monitor& monitor) const {
  const auto clock = steady_clock_us();
  const auto end = clock() + options.time_limit_s * 1e6;
  TESSERA_CHECK(check(options));
  TESSERA_TRY(const auto model, transport(problem));
  TESSERA_CHECK(check(problem, start));
  TESSERA_CHECK(check(model));
  if (model.columns.empty()) {
    return solve_empty(problem);
  }
  Run run(*library_, problem, model, monitor);
  TESSERA_CHECK(run.pass(start));
  TESSERA_CHECK(run.set(options));
  if (start.assignment) {
    TESSERA_CHECK(run.begin_with(*start.assignment));
  }
  plan::Solution solution;
  for (int cuts = 0;; ++cuts) {
    TESSERA_TRY(const auto answer, run.solve(std::max(0.0, (end - clock()) / 1e6)));
    solution.nodes += answer.nodes;
    solution.bound_ns = run.bound_ns(answer.bound);
    if (answer.assignment) {
      TESSERA_TRY(solution.value, plan::evaluate(problem, *answer.assignment));
      if (!solution.value.feasible && cuts < kMostCuts && clock() < end) {
        solution.value = {};
        TESSERA_CHECK(run.cut_off(*answer.assignment));
        continue;
      }
      if (solution.value.feasible) {
        solution.assignment = answer.assignment;
      } else {
        solution.value = {};
      }
    }
    TESSERA_CHECK(settle(*library_, answer, options, solution));
    return solution;
  }
}

Result<std::unique_ptr<const Highs>> highs(const std::filesystem::path& path) {
  TESSERA_TRY(auto library, load_highs(path));
  return std::make_unique<const Highs>(std::move(library));
}

}  // namespace tessera::milp
