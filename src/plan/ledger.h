// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "tessera/plan/problem.h"

namespace tessera::plan {

/// What an assignment comes to, kept up to date while states change. Cost of a change: the
/// tensors, couplings and pairs of the variable.
class Ledger {
 public:
  explicit Ledger(const Problem& problem);

  void stand_at(const Assignment& assignment);
  void change(std::size_t variable, std::uint8_t state);

  [[nodiscard]] const Assignment& here() const noexcept { return here_; }
  [[nodiscard]] std::int64_t cost() const noexcept { return cost_; }
  [[nodiscard]] const std::vector<std::int64_t>& used() const noexcept { return used_; }
  /// How much the limits are exceeded by, each in parts of what it can vary by. 0 if all are kept.
  [[nodiscard]] double excess() const;
  /// The variables that share a tensor or a coupling with this one.
  [[nodiscard]] const std::vector<std::size_t>& neighbours(std::size_t variable) const {
    return neighbours_[variable];
  }
  [[nodiscard]] const Problem& problem() const noexcept { return problem_; }

 private:
  struct Use {
    std::size_t limit = 0;
    std::int64_t amount = 0;
  };
  struct PairAt {
    std::size_t limit = 0;
    const PairTerm* term = nullptr;
  };
  struct CellsAt {
    std::size_t limit = 0;
    const CellTerm* term = nullptr;
  };

  /// Takes what tensors, couplings and pairs of a variable come to in (1) or out (-1).
  void count(std::size_t variable, int sign);
  void count_tensor(std::size_t tensor, int sign);
  void count_coupling(std::size_t coupling, int sign);
  void count_pair(const PairAt& pair, int sign);

  const Problem& problem_;
  std::vector<std::vector<std::size_t>> tensors_of_;
  std::vector<std::vector<std::size_t>> couplings_of_;
  std::vector<std::vector<std::size_t>> neighbours_;
  std::vector<std::vector<std::vector<Use>>> uses_;  ///< by variable and state
  /// By tensor, and entry of its table; none where no limit counts the tensor.
  std::vector<std::vector<std::vector<Use>>> sends_;
  std::vector<std::vector<PairAt>> pairs_of_;
  std::vector<std::vector<CellsAt>> cells_;  ///< by coupling
  std::vector<double> range_;                ///< by limit
  Assignment here_;
  std::int64_t cost_ = 0;
  std::vector<std::int64_t> used_;
  std::vector<Class> to_;
};

}  // namespace tessera::plan
