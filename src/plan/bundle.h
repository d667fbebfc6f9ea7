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

  struct Part {
    std::size_t found = 0;  ///< 0: where it started, k: what the k-th show() said
    double weight = 0;
  };
  /// The mix that made the last proposal; weights add up to 1. At the maximum its slopes add up to
  /// none.
  [[nodiscard]] std::vector<Part> mix() const;

 private:
  struct Cut {
    double constant = 0;
    Point slope;
    double weight = 0;      ///< its share in the mix of cuts that made the last proposal
    std::size_t found = 0;  ///< as in Part
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
  std::size_t found_ = 0;  ///< so many cuts were added
  std::vector<Cut> cuts_;
};

}  // namespace tessera::plan
