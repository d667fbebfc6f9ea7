// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/simplex_qp.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tessera::plan {
namespace {

/// Keeps the equations of nearly equal cuts solvable.
constexpr double kRidge = 1e-11;
constexpr double kTolerance = 1e-9;

/// Gaussian elimination with pivoting; `rows` is [n, n + 1], the last column the right side.
std::vector<double> solve_linear(std::vector<double> rows, std::size_t n) {
  const auto width = n + 1;
  for (std::size_t k = 0; k < n; ++k) {
    auto pivot = k;
    for (auto i = k + 1; i < n; ++i) {
      pivot = std::abs(rows[i * width + k]) > std::abs(rows[pivot * width + k]) ? i : pivot;
    }
    for (auto j = k; j < width; ++j) {
      std::swap(rows[k * width + j], rows[pivot * width + j]);
    }
    const auto at = rows[k * width + k];
    for (auto i = k + 1; i < n && at != 0; ++i) {
      const auto factor = rows[i * width + k] / at;
      for (auto j = k; j < width; ++j) {
        rows[i * width + j] -= factor * rows[k * width + j];
      }
    }
  }
  std::vector<double> x(n, 0);
  for (auto k = n; k-- > 0;) {
    auto value = rows[k * width + n];
    for (auto j = k + 1; j < n; ++j) {
      value -= rows[k * width + j] * x[j];
    }
    x[k] = rows[k * width + k] != 0 ? value / rows[k * width + k] : 0;
  }
  return x;
}

class ActiveSet {
 public:
  ActiveSet(const std::vector<double>& q, const std::vector<double>& c,
            std::vector<double>& weights)
      : q_(q), c_(c), weights_(weights), n_(c.size()) {
    for (std::size_t i = 0; i < n_; ++i) {
      largest_ = std::max(largest_, std::abs(q_[i * n_ + i]));
      if (weights_[i] > 0) {
        support_.push_back(i);
      }
    }
  }

  void run() {
    for (std::size_t round = 0; round < 4 * n_ + 20; ++round) {
      if (go_to_equations() && !enter_steepest()) {
        return;
      }
    }
  }

 private:
  /// Weights with equal slopes over the support.
  [[nodiscard]] std::vector<double> wanted() const {
    const auto m = support_.size();
    const auto width = m + 2;
    // Multiplied by `scale`, so that the row of ones is as large as the others.
    const auto scale = largest_ > 0 ? 1 / largest_ : 1;
    std::vector<double> rows((m + 1) * width, 0);
    for (std::size_t i = 0; i < m; ++i) {
      for (std::size_t j = 0; j < m; ++j) {
        rows[i * width + j] = q_[support_[i] * n_ + support_[j]] * scale;
      }
      rows[i * width + i] += kRidge;
      rows[i * width + m] = 1;
      rows[i * width + m + 1] = -c_[support_[i]] * scale;
      rows[m * width + i] = 1;
    }
    rows[m * width + m + 1] = 1;
    return solve_linear(std::move(rows), m + 1);
  }

  /// True if it got there before a weight became 0, which leaves the support then.
  bool go_to_equations() {
    const auto target = wanted();
    double part = 1;
    std::size_t leaves = support_.size();
    for (std::size_t i = 0; i < support_.size(); ++i) {
      const auto here = weights_[support_[i]];
      if (target[i] < 0 && here / (here - target[i]) < part) {
        part = here / (here - target[i]);
        leaves = i;
      }
    }
    for (std::size_t i = 0; i < support_.size(); ++i) {
      auto& weight = weights_[support_[i]];
      weight = std::max(weight + part * (target[i] - weight), 0.0);
    }
    if (leaves == support_.size()) {
      return true;
    }
    weights_[support_[leaves]] = 0;
    support_.erase(support_.begin() + static_cast<std::ptrdiff_t>(leaves));
    return support_.empty();
  }

  /// False if no weight wants to grow.
  bool enter_steepest() {
    std::vector<double> slopes(c_);
    double mean = 0;
    for (const auto j : support_) {
      for (std::size_t i = 0; i < n_; ++i) {
        slopes[i] += q_[i * n_ + j] * weights_[j];
      }
    }
    double size = 0;
    for (const auto j : support_) {
      mean += slopes[j] * weights_[j];
      size = std::max(size, std::abs(c_[j]));
    }
    const auto least = std::ranges::min_element(slopes);
    const auto enters = static_cast<std::size_t>(least - slopes.begin());
    if (*least >= mean - kTolerance * std::max(size, std::abs(mean)) ||
        std::ranges::find(support_, enters) != support_.end()) {
      return false;
    }
    support_.push_back(enters);
    return true;
  }

  const std::vector<double>& q_;
  const std::vector<double>& c_;
  std::vector<double>& weights_;
  std::size_t n_ = 0;
  double largest_ = 0;
  std::vector<std::size_t> support_;
};

}  // namespace

void minimize_over_simplex(const std::vector<double>& q, const std::vector<double>& c,
                           std::vector<double>& weights) {
  ActiveSet(q, c, weights).run();
}

}  // namespace tessera::plan
