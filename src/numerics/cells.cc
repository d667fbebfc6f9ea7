// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "numerics/cells.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "numerics/simd.h"

namespace tessera::numerics {
namespace {

/// Evenly spaced levels.
struct Grid {
  double scale = 1;
  double low = 0;   ///< value of the lowest level
  double high = 0;  ///< value of the highest level
};

/// Levels spread over the range, which is extended to hold 0.
Grid levels_over(RealRange range, int levels, bool symmetric) {
  double low = std::min(range.min, 0.0);
  double high = std::max(range.max, 0.0);
  if (symmetric) {
    high = std::max(-low, high);
    low = -high;
  }
  const double scale = (high - low) / (levels - 1);
  return scale > 0 ? Grid{scale, low, high} : Grid{};
}

/// The same moved by less than half a step, so that 0 is one of the levels.
Grid affine_grid(RealRange range, int levels, bool symmetric) {
  Grid grid = levels_over(range, levels, symmetric);
  if (!symmetric) {
    grid.low = -std::nearbyint(-grid.low / grid.scale) * grid.scale;
    grid.high = grid.low + (levels - 1) * grid.scale;
  }
  return grid;
}

/// Width of the range that holds all but the outermost values.
double bulk_of(const Distribution& distribution) {
  constexpr double kBulk = 0.9999;
  return quantile(distribution, kBulk) - quantile(distribution, 1 - kBulk);
}

bool is_zero(const Cell& cell) {
  return cell.low == 0 && cell.high == 0;
}

/// Neighbours that are narrower than `finest` together become one. Zero stays alone.
std::vector<Cell> coarsened(const std::vector<Cell>& cells, double finest) {
  std::vector<Cell> result;
  for (const Cell& cell : cells) {
    if (!result.empty() && !is_zero(cell) && !is_zero(result.back()) &&
        cell.high - result.back().low <= finest) {
      result.back().high = std::max(result.back().high, cell.high);
      result.back().count += cell.count;
      continue;
    }
    result.push_back(cell);
  }
  return result;
}

/// Expected squared error of quantizing, exact for cells of even density: the integral of the
/// squared distance to the nearest level, clipping included, is n s^3 / 12 + r^3 / 3 at n levels
/// of step s and remainder r.
class SquaredError {
 public:
  SquaredError(const Distribution& distribution, int levels, bool symmetric)
      : levels_(levels), symmetric_(symmetric), total_(distribution.count) {
    // Far finer than any level of 8 bits: nothing but time is lost.
    for (const Cell& cell : coarsened(distribution.cells, bulk_of(distribution) / 8192)) {
      const bool point = cell.width() <= 0;
      low_.push_back(cell.low);
      high_.push_back(cell.high);
      density_.push_back(point ? 0 : cell.count / cell.width());
      point_.push_back(point ? cell.count : 0);
    }
    error_.resize(low_.size());
  }

  double operator()(RealRange range) {
    const Grid grid = affine_grid(range, levels_, symmetric_);
    simd::squared_distances({low_, high_, density_, point_}, {grid.scale, grid.low, levels_ - 1.0},
                            error_);
    return sum_of_errors() / total_;
  }

 private:
  [[nodiscard]] double sum_of_errors() const {
    std::array<double, 4> sums{};
    for (std::size_t i = 0; i < error_.size(); ++i) {
      sums[i % sums.size()] += error_[i];
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

  int levels_;
  bool symmetric_;
  double total_;
  std::vector<double> low_;
  std::vector<double> high_;
  std::vector<double> density_;
  std::vector<double> point_;  // count of cells without width
  std::vector<double> error_;
};

/// KL(P || Q): P is the distribution with what lies outside added to the outermost cells inside, Q
/// what is left of the cells inside when each level spreads its mass evenly over them. Exact zeros
/// are left out: every range represents them.
///
/// Levels are not moved onto 0 here: where the density has a sharp end (SiLU, ReLU6), the rounded
/// zero point would make the divergence jump with every candidate.
///
/// Sums over cells of terms that do not depend on the candidate are kept as prefix sums, so that
/// a candidate costs a comparison per cell and one logarithm per level.
class Divergence {
 public:
  Divergence(const Distribution& distribution, int levels, bool symmetric)
      : levels_(levels), symmetric_(symmetric) {
    double mass = 0;
    double width = 0;
    double entropy = 0;
    mass_.push_back(0);
    width_.push_back(0);
    entropy_.push_back(0);
    // As coarse as the classic 2048 bins: cells with a handful of values would compare noise.
    for (const Cell& cell : coarsened(distribution.cells, bulk_of(distribution) / 2048)) {
      if (is_zero(cell)) {
        continue;
      }
      cells_.push_back(cell);
      centres_.push_back(cell.centre());
      mass_.push_back(mass += cell.count);
      width_.push_back(width += width_of(cell));
      entropy_.push_back(entropy += cell.count * std::log(cell.count / width_of(cell)));
    }
  }

  [[nodiscard]] bool empty() const { return cells_.empty(); }

  double operator()(RealRange range) const {
    constexpr double kImpossible = std::numeric_limits<double>::infinity();
    const Grid grid = levels_over(range, levels_, symmetric_);
    const double total = mass_.back();
    // Cells inside: [first, last).
    const std::size_t first = cell_at(grid.low - grid.scale / 2);
    const std::size_t last = cell_at(grid.high + grid.scale / 2);
    if (first >= last) {
      return kImpossible;
    }
    const double inside = mass_[last] - mass_[first];
    double sum = entropy_[last] - entropy_[first];
    std::size_t begin = first;
    while (begin < last) {
      // All cells whose centres share the level of the first one.
      const double level = std::floor((centres_[begin] - grid.low) / grid.scale + 0.5);
      const double border = grid.low + (level + 0.5) * grid.scale;
      std::size_t end = begin + 1;
      while (end < last && centres_[end] < border) {
        ++end;
      }
      const double level_mass = mass_[end] - mass_[begin];
      const double level_width = width_[end] - width_[begin];
      double p_mass = level_mass;
      if (begin == first) {
        p_mass += mass_[first];
        sum += edge_term(first, mass_[first]);
      }
      if (end == last) {
        p_mass += total - mass_[last];
        sum += edge_term(last - 1, total - mass_[last]);
      }
      sum -= p_mass * std::log(level_mass / level_width);
      begin = end;
    }
    return sum / total + std::log(inside / total);
  }

 private:
  /// A cell cut down to the one value at the end of what was seen had the width of its bin.
  [[nodiscard]] static double width_of(const Cell& cell) {
    return cell.width() > 0 ? cell.width() : std::abs(cell.low) * 0x1p-8;
  }

  /// Index of the first cell with centre >= value.
  [[nodiscard]] std::size_t cell_at(double value) const {
    const auto found = std::lower_bound(centres_.begin(), centres_.end(), value);
    return static_cast<std::size_t>(found - centres_.begin());
  }

  /// By how much p log(p / width) of a cell grows when `outliers` join it.
  [[nodiscard]] double edge_term(std::size_t index, double outliers) const {
    if (outliers <= 0) {
      return 0;
    }
    const Cell& cell = cells_[index];
    const double joined = cell.count + outliers;
    const double width = width_of(cell);
    return joined * std::log(joined / width) - cell.count * std::log(cell.count / width);
  }

  int levels_;
  bool symmetric_;
  std::vector<Cell> cells_;
  std::vector<double> centres_;
  std::vector<double> mass_;  // prefix sums
  std::vector<double> width_;
  std::vector<double> entropy_;  // of count x log(count / width)
};

/// Minimizes over ranges within [seen.min, seen.max] that hold 0: a coarse scan of both ends
/// together and apart over six octaves, then a pattern search with halving steps. Deterministic.
class RangeSearch {
 public:
  RangeSearch(RealRange seen, std::function<double(RealRange)> cost)
      : seen_{std::min(seen.min, 0.0), std::max(seen.max, 0.0)},
        cost_(std::move(cost)),
        best_(seen_),
        least_(cost_(seen_)) {}

  RealRange run() {
    const bool low = seen_.min < 0;
    const bool high = seen_.max > 0;
    scan(low, high);
    if (low && high) {
      scan(false, true);
      scan(true, false);
    }
    double step = kScanStep / 2;
    while (step > kFinestStep) {
      refine(step, low, high);
      step /= 2;
    }
    return best_;
  }

 private:
  static constexpr double kScanStep = 0.5;  // octaves
  static constexpr double kFinestStep = 0.002;
  static constexpr int kScanSteps = 12;

  void scan(bool low, bool high) {
    const RealRange start = best_;
    for (int i = 1; i <= kScanSteps; ++i) {
      const double factor = std::exp2(-kScanStep * i);
      (void)consider({low ? seen_.min * factor : start.min, high ? seen_.max * factor : start.max});
    }
  }

  void refine(double step, bool low, bool high) {
    const double up = std::exp2(step);
    constexpr int kRounds = 4;
    for (int round = 0; round < kRounds; ++round) {
      bool better = false;
      for (const double factor : {1 / up, up}) {
        better = (high && consider({best_.min, best_.max * factor})) || better;
        better = (low && consider({best_.min * factor, best_.max})) || better;
      }
      if (!better) {
        return;
      }
    }
  }

  bool consider(RealRange range) {
    range.min = std::max(range.min, seen_.min);
    range.max = std::min(range.max, seen_.max);
    if (range == best_) {
      return false;
    }
    const double cost = cost_(range);
    if (!(cost < least_)) {
      return false;
    }
    least_ = cost;
    best_ = range;
    return true;
  }

  RealRange seen_;
  std::function<double(RealRange)> cost_;
  RealRange best_;
  double least_;
};

/// The part of a range around zero that was really seen.
RealRange within(RealRange range, RealRange seen) {
  return {std::clamp(range.min, seen.min, seen.max), std::clamp(range.max, seen.min, seen.max)};
}

RealRange search(const Distribution& distribution, bool symmetric,
                 const std::function<double(RealRange)>& cost) {
  if (!symmetric) {
    return within(RangeSearch(distribution.seen, cost).run(), distribution.seen);
  }
  const double reach = std::max(std::abs(distribution.seen.min), std::abs(distribution.seen.max));
  const auto mirror_cost = [&](RealRange range) { return cost({-range.max, range.max}); };
  const RealRange found = RangeSearch({0, reach}, mirror_cost).run();
  return {-found.max, found.max};
}

}  // namespace

Distribution mirrored(const Distribution& distribution) {
  Distribution result;
  const double reach = std::max(std::abs(distribution.seen.min), std::abs(distribution.seen.max));
  result.seen = {-reach, reach};
  result.count = 2 * distribution.count;
  for (const Cell& cell : distribution.cells) {
    result.cells.push_back(cell);
    result.cells.push_back({-cell.high, -cell.low, cell.count});
  }
  std::sort(result.cells.begin(), result.cells.end(),
            [](const Cell& a, const Cell& b) { return a.centre() < b.centre(); });
  return result;
}

double quantile(const Distribution& distribution, double p) {
  const double wanted = p * distribution.count;
  double below = 0;
  for (const Cell& cell : distribution.cells) {
    if (below + cell.count >= wanted) {
      return cell.low + cell.width() * std::clamp((wanted - below) / cell.count, 0.0, 1.0);
    }
    below += cell.count;
  }
  return distribution.seen.max;
}

RealRange percentile_range(const Distribution& distribution, double percentile) {
  const double cut = (100 - percentile) / 200;
  return within({quantile(distribution, cut), quantile(distribution, 1 - cut)}, distribution.seen);
}

RealRange deviation_range(const Distribution& distribution, double deviations) {
  double mean = 0;
  for (const Cell& cell : distribution.cells) {
    mean += cell.count * cell.centre();
  }
  mean /= distribution.count;
  double variance = 0;
  for (const Cell& cell : distribution.cells) {
    const double distance = cell.centre() - mean;
    variance += cell.count * (distance * distance + cell.width() * cell.width() / 12);
  }
  const double reach = deviations * std::sqrt(variance / distribution.count);
  return within({mean - reach, mean + reach}, distribution.seen);
}

RealRange least_squares_range(const Distribution& distribution, int levels, bool symmetric) {
  SquaredError cost(distribution, levels, symmetric);
  return search(distribution, symmetric, [&](RealRange range) { return cost(range); });
}

RealRange least_divergence_range(const Distribution& distribution, int levels, bool symmetric) {
  const Divergence cost(distribution, levels, symmetric);
  if (cost.empty()) {
    return distribution.seen;
  }
  return search(distribution, symmetric, [&](RealRange range) { return cost(range); });
}

double mean_squared_error(const Distribution& distribution, RealRange range, int levels,
                          bool symmetric) {
  return SquaredError(distribution, levels, symmetric)(range);
}

double divergence(const Distribution& distribution, RealRange range, int levels, bool symmetric) {
  return Divergence(distribution, levels, symmetric)(range);
}

}  // namespace tessera::numerics
