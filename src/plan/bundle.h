// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace tessera::plan {

/// Maximizes a concave function of numbers that are not negative, from values and slopes that it
/// is shown (proximal bundle method). Numbers should be scaled so that 1 is much. Deterministic.
class Bundle {
 public:
  using Point = std::vector<double>;

  /// The value and a slope where to start.
  Bundle(Point start, double value, const Point& slope);

  /// Where to look next; how much the function may be higher there at most is expected_gain().
  /// Looks further away while that would be less than `worth`.
  [[nodiscard]] const Point& propose(double worth);
  [[nodiscard]] double expected_gain() const noexcept { return expected_gain_; }
  /// What was found at the point proposed.
  void show(double value, const Point& slope);

 private:
  struct Cut {
    double constant = 0;
    Point slope;
    double weight = 0;  ///< its share in the mix of cuts that made the last proposal
  };

  void add_cut(const Point& at, double value, const Point& slope);
  void move_to_mix();
  void mix_cuts();
  /// Of any two cuts, [cut, cut], over the coordinates that are not held.
  [[nodiscard]] std::vector<double> products_of_slopes(const std::vector<char>& is_held) const;
  [[nodiscard]] double at_proposal(const Cut& cut) const;

  Point centre_;
  double value_ = 0;
  Point proposal_;
  double expected_gain_ = 0;
  double stiffness_ = 1;
  int misses_ = 0;
  std::vector<Cut> cuts_;
};

}  // namespace tessera::plan
