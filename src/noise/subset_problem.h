// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "tessera/noise/model.h"
#include "tessera/noise/rank.h"
#include "tessera/plan/problem.h"

/// The search for a subset as a problem of room plan.
namespace tessera::noise {

/// Sums of terms: more than `above`, at most `up_to`.
struct SumRange {
  double above = -std::numeric_limits<double>::infinity();
  double up_to = std::numeric_limits<double>::infinity();
};

/// A variable for each operator that gains something: float32, or one of its schemes. It costs what
/// it gains less than it could; a row keeps the sum of all terms within a range. Amounts are whole
/// and rounded so that rows allow whatever the terms allow, and a little more.
class SubsetProblem {
 public:
  SubsetProblem(const std::vector<ObservedLayer>& layers, const TermModel& terms,
                const Gains& gains, const SumRange& range);

  [[nodiscard]] const plan::Problem& problem() const noexcept { return problem_; }
  /// Of all rows.
  [[nodiscard]] std::int64_t pairs() const;
  [[nodiscard]] LayerSet layers_of(const plan::Assignment& assignment) const;
  /// What subsets gain at most if assignments cost no less.
  [[nodiscard]] double gain_at_most(std::int64_t cost) const;

  /// Leaves this one out, which the rows allow and the terms do not.
  void leave_out(const plan::Assignment& assignment);
  /// From now on rows allow nothing that the terms do not, and a little less than these.
  void round_inwards();

 private:
  /// A state of a variable.
  struct Factor {
    std::size_t variable = 0;
    std::uint8_t state = 0;

    auto operator<=>(const Factor&) const = default;
  };
  /// A term over layers that are offered.
  struct Product {
    std::vector<Factor> factors;  ///< ascending
    double coefficient = 0;
  };

  void offer_layers(const std::vector<ObservedLayer>& layers, const TermModel& terms,
                    const Gains& gains, double most);
  void read_products(const TermModel& terms);
  void tie_products();
  Factor product_of(const Factor& first, const Factor& second);
  void add_costs(const Gains& gains);
  /// The sum of all products times `sign`, 1 or -1, is at most `most`.
  void add_row(double sign, double most);
  void add_amount(plan::Limit& limit, const Product& product, std::int64_t amount) const;

  std::vector<Factor> factor_of_;                  ///< by layer; state 0: not offered
  std::vector<std::vector<std::int32_t>> layers_;  ///< by variable and state - 1
  std::vector<std::pair<Factor, Factor>> tied_;    ///< what variables behind those stand for
  std::vector<Product> products_;
  double constant_ = 0;
  double all_gains_ = 0;   ///< each operator's largest
  double room_share_ = 1;  ///< the least of all rows: what may be used, in parts of all amounts
  double units_per_gain_ = 1;
  std::vector<std::int64_t> roundings_;  ///< by row
  plan::Problem problem_;
};

}  // namespace tessera::noise
