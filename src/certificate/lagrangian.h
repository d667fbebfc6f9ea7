// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "certificate/buckets.h"

namespace tessera::certificate {

/// A problem whose limits are in the objective, for a layout and domains of one state at least:
///
///   w cost(x) + sum over limits of m (use(x) - bound)
///
/// with its relaxed pairs by terms of single states. What it is at least is no more than w times
/// the cost of any assignment of the domains that keeps the limits.
class Lagrangian {
 public:
  Lagrangian(const Problem& problem, const Domains& domains, const Layout& layout,
             const Scheme& scheme)
      : problem_(problem), domains_(domains), layout_(layout), scheme_(scheme) {}

  /// What is wrong with the layout, or none: then the members below may be called. `most_cells`
  /// are the cells that tables may have together.
  [[nodiscard]] std::optional<std::string> prepare(double most_cells);
  [[nodiscard]] double cells() const { return factor_cells_ + buckets_.cells(); }

  struct Minimum {
    Wide value = 0;
    /// By variable and place in its domain; empty unless asked for.
    std::vector<std::vector<Wide>> with_state;
  };
  [[nodiscard]] Minimum minimize(bool with_states) const;

 private:
  [[nodiscard]] std::optional<std::string> check_numbers() const;
  [[nodiscard]] std::optional<std::string> mark_relaxed();
  [[nodiscard]] std::optional<std::string> mark_by_class();
  void find_values();
  void weigh_states();
  void weigh_relaxed(const PairAt& pair, std::int64_t multiplier);
  [[nodiscard]] std::vector<Wide> weighted_costs(std::size_t tensor) const;
  [[nodiscard]] std::vector<std::vector<Wide>> weighted_couplings() const;
  /// False if there is no room for another factor.
  bool add_factor(std::vector<std::uint32_t> scope);
  bool add_variables();
  bool add_tensors();
  bool add_whole(const Tensor& tensor, const std::vector<Wide>& costs);
  bool add_classes(std::size_t tensor, const std::vector<Wide>& costs);
  bool add_couplings();
  bool add_pairs();
  [[nodiscard]] std::uint16_t class_of(const Classes& classes, std::size_t variable,
                                       std::size_t value) const {
    return classes[domains_[variable][first_of_[variable][value]]];
  }

  const Problem& problem_;
  const Domains& domains_;
  const Layout& layout_;
  const Scheme& scheme_;
  std::vector<std::vector<char>> is_relaxed_;       ///< by limit and pair
  std::vector<char> is_by_class_;                   ///< by tensor
  std::vector<std::vector<std::size_t>> value_of_;  ///< by variable and place in its domain
  std::vector<std::vector<std::size_t>> first_of_;  ///< by variable and value: a place of it
  std::vector<std::vector<Wide>> weights_;          ///< by variable and state
  Wide constant_ = 0;
  double most_cells_ = 0;
  double factor_cells_ = 0;
  Graph graph_;
  Buckets buckets_;
};

}  // namespace tessera::certificate
