// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/plan/solve.h"

namespace tessera::milp {

struct HighsLibrary;

/// What is known before HiGHS starts.
struct Start {
  std::optional<plan::Assignment> assignment;  ///< a plan to begin with
  /// In no plan that is looked for: the answer, its bound too, is of the others alone.
  std::vector<plan::StateSet> excluded;
};

/// The solver HiGHS, given problems in the form of transport(). One thread.
///
/// It computes in floating point and proves to tolerances. Its plans are judged by
/// plan::evaluate(); its bound is lowered by what the tolerances can come to, and is not exact for
/// all that: nothing certifies it, and `kOptimal` and `kInfeasible` are no more than it says.
class Highs final : public plan::Method {
 public:
  explicit Highs(std::shared_ptr<const HighsLibrary> library);

  /// With the version, and that its bounds are not exact.
  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  /// "1.15.1"
  [[nodiscard]] const std::string& version() const noexcept;
  [[nodiscard]] const std::filesystem::path& path() const noexcept;

  /// Of the options, the gap, the time limit and the number of nodes count. The monitor is asked
  /// now and then, but not while the first relaxation is solved. Errors: kInvalidArgument as branch
  /// and bound, kResourceExhausted for a model of more than 2^31 entries, kUnavailable if the
  /// library fails.
  [[nodiscard]] Result<plan::Solution> solve(const plan::Problem& problem,
                                             const plan::Options& options,
                                             Monitor& monitor) const override;
  /// The same from a start. kInvalidArgument for one that is not of the problem.
  [[nodiscard]] Result<plan::Solution> solve_from(const plan::Problem& problem, const Start& start,
                                                  const plan::Options& options,
                                                  Monitor& monitor) const;

 private:
  std::shared_ptr<const HighsLibrary> library_;
  std::string name_;
};

/// HiGHS from 1.10 on: the library at `path` (a file or its folder), else that of $TESSERA_HIGHS,
/// else the one that scripts/setup fetched, else the system's. It is loaded for ever.
/// Errors: kUnavailable with every place that was looked at; plans are made without it, too.
[[nodiscard]] Result<std::unique_ptr<const Highs>> highs(const std::filesystem::path& path = {});

/// What branch and bound left open, given to HiGHS: a better plan if it finds one within the
/// options' time, with the bound and proof that were there. States that the solution's proof drops
/// at its root are left out. A solution within the gap, or without a plan to be had, comes back as
/// it is.
/// Errors: those of Highs::solve_from().
[[nodiscard]] Result<plan::Solution> finish(const Highs& solver, const plan::Problem& problem,
                                            plan::Solution solution, const plan::Options& options,
                                            Monitor& monitor = Monitor::silent());

}  // namespace tessera::milp
