// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/bundle.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "plan/simplex_qp.h"

namespace tessera::plan {
namespace {

/// Of the expected gain, what has to come true for the centre to move there.
constexpr double kServes = 0.1;
/// And what makes steps longer.
constexpr double kServesWell = 0.5;
constexpr int kMostRounds = 8;
constexpr int kMostLooser = 4;
constexpr std::size_t kSpareCuts = 40;
/// Beyond so many coordinates (pairs that are relaxed), fewer cuts have to do: time grows with the
/// square of their number times that of coordinates.
constexpr std::size_t kManyCoordinates = 200;
constexpr std::size_t kFewCuts = 20;

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

Bundle::Bundle(Point start, double value, const Point& slope)
    : centre_(std::move(start)), value_(value), proposal_(centre_) {
  // The first step has length 1.
  stiffness_ = std::max(std::sqrt(dot(slope, slope)), 1e-9);
  add_cut(centre_, value, slope);
  cuts_.front().weight = 1;
}

void Bundle::add_cut(const Point& at, double value, const Point& slope) {
  const auto wanted = centre_.size() > kManyCoordinates ? kFewCuts : centre_.size();
  if (cuts_.size() >= wanted + kSpareCuts) {
    const auto idle = std::ranges::find_if(cuts_, [](const Cut& cut) { return cut.weight == 0; });
    if (idle != cuts_.end()) {
      cuts_.erase(idle);
    }
  }
  cuts_.push_back({value - dot(slope, at), slope, 0, found_++});
}

double Bundle::at_proposal(const Cut& cut) const {
  return cut.constant + dot(cut.slope, proposal_);
}

void Bundle::move_to_mix() {
  proposal_ = centre_;
  for (const auto& cut : cuts_) {
    if (cut.weight > 0) {
      for (std::size_t i = 0; i < proposal_.size(); ++i) {
        proposal_[i] += cut.weight * cut.slope[i] / stiffness_;
      }
    }
  }
}

// With thousands of relaxed pairs this is most of what a plan takes: sums stay in the order of
// coordinates, and many of them are made at a time.
std::vector<double> Bundle::products_of_slopes(const std::vector<char>& is_held) const {
  constexpr std::size_t kTile = 4;
  const auto n = cuts_.size();
  const auto width = (n + kTile - 1) / kTile * kTile;
  std::vector<double> slopes;  // [coordinate that is not held, cut]
  for (std::size_t i = 0; i < centre_.size(); ++i) {
    if (is_held[i] != 0) {
      continue;
    }
    for (std::size_t a = 0; a < width; ++a) {
      slopes.push_back(a < n ? cuts_[a].slope[i] : 0);
    }
  }
  std::vector<double> products(n * n);
  for (std::size_t a = 0; a < width; a += kTile) {
    for (std::size_t b = 0; b <= a; b += kTile) {
      std::array<std::array<double, kTile>, kTile> sums{};
      for (std::size_t row = 0; row < slopes.size(); row += width) {
        for (std::size_t k = 0; k < kTile; ++k) {
          for (std::size_t l = 0; l < kTile; ++l) {
            sums[k][l] += slopes[row + a + k] * slopes[row + b + l];
          }
        }
      }
      for (auto k = a; k < std::min(a + kTile, n); ++k) {
        for (auto l = b; l < std::min(b + kTile, n); ++l) {
          products[k * n + l] = products[l * n + k] = sums[k - a][l - b];
        }
      }
    }
  }
  return products;
}

// The dual of "highest of the least of all cuts, less the squared distance from the centre": a mix
// of the cuts. What would become negative is held at 0, and the mix is made anew.
void Bundle::mix_cuts() {
  const auto n = cuts_.size();
  std::vector<char> is_held(centre_.size(), 0);
  for (int round = 0; round < kMostRounds; ++round) {
    std::vector<double> c(n, 0);
    std::vector<double> weights(n, 0);
    for (std::size_t a = 0; a < n; ++a) {
      weights[a] = cuts_[a].weight;
      // Less the value of the centre: small differences of large numbers are what matters.
      c[a] = cuts_[a].constant - value_ + dot(cuts_[a].slope, centre_);
      for (std::size_t i = 0; i < centre_.size(); ++i) {
        c[a] -= is_held[i] != 0 ? cuts_[a].slope[i] * centre_[i] : 0;
      }
    }
    auto q = products_of_slopes(is_held);
    for (auto& product : q) {
      product /= stiffness_;
    }
    minimize_over_simplex(q, c, weights);
    for (std::size_t a = 0; a < n; ++a) {
      cuts_[a].weight = weights[a];
    }
    move_to_mix();
    bool is_same = true;
    for (std::size_t i = 0; i < centre_.size(); ++i) {
      const char hold = proposal_[i] < 0 ? 1 : 0;
      is_same = is_same && hold == is_held[i];
      is_held[i] = hold;
      proposal_[i] = std::max(proposal_[i], 0.0);
    }
    if (is_same) {
      break;
    }
  }
  expected_gain_ = at_proposal(cuts_.front()) - value_;
  for (const auto& cut : cuts_) {
    expected_gain_ = std::min(expected_gain_, at_proposal(cut) - value_);
  }
}

const Bundle::Point& Bundle::propose(double worth) {
  mix_cuts();
  const auto stiffness = stiffness_;
  for (int k = 0; k < kMostLooser && expected_gain_ < worth; ++k) {
    stiffness_ /= 8;
    mix_cuts();
  }
  stiffness_ = expected_gain_ < worth ? stiffness : stiffness_;
  return proposal_;
}

void Bundle::show(double value, const Point& slope) {
  const auto gain = value - value_;
  add_cut(proposal_, value, slope);
  if (gain > 0 && gain >= kServes * expected_gain_) {
    stiffness_ *= gain >= kServesWell * expected_gain_ ? 0.5 : 1.0;
    centre_ = proposal_;
    value_ = value;
    misses_ = 0;
  } else if (++misses_ % 3 == 0) {
    stiffness_ *= 1.5;
  }
}

std::vector<Bundle::Part> Bundle::mix() const {
  std::vector<Part> parts;
  for (const auto& cut : cuts_) {
    if (cut.weight > 0) {
      parts.push_back({cut.found, cut.weight});
    }
  }
  return parts;
}

}  // namespace tessera::plan
