// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/sample.h"

#include <algorithm>
#include <numeric>

namespace tessera::noise {

using Eigen::Index;

Sample make_sample(const Observations& observations, std::span<const std::size_t> rows) {
  const auto layers = static_cast<Index>(observations.layers.size());
  const auto count = static_cast<Index>(rows.size());
  Sample sample{Eigen::MatrixXd::Zero(count, layers), Eigen::VectorXd(count),
                operators_of(observations.layers)};
  for (Index i = 0; i < count; ++i) {
    const auto& row = observations.rows[rows[static_cast<std::size_t>(i)]];
    sample.errors[i] = row.error;
    for (const auto layer : row.layers) {
      sample.indicators(i, layer) = 1;
    }
  }
  return sample;
}

Sample pick(const Sample& sample, const std::vector<Index>& rows) {
  return {sample.indicators(rows, Eigen::all), sample.errors(rows), sample.operators};
}

std::vector<LayerSet> monomials(const std::vector<std::int32_t>& operators, int degree) {
  const auto layers = static_cast<std::int32_t>(operators.size());
  const auto operator_of = [&](std::int32_t layer) {
    return operators[static_cast<std::size_t>(layer)];
  };
  std::vector<LayerSet> sets;
  sets.reserve(operators.size());
  std::size_t begin = 0;
  for (std::int32_t i = 0; i < layers; ++i) {
    sets.push_back({i});
  }
  for (int size = 2; size <= degree; ++size) {
    const std::size_t end = sets.size();
    for (auto s = begin; s < end; ++s) {
      for (auto next = sets[s].back() + 1; next < layers; ++next) {
        const bool another = std::none_of(sets[s].begin(), sets[s].end(), [&](std::int32_t layer) {
          return operator_of(layer) == operator_of(next);
        });
        if (another) {
          auto larger = sets[s];
          larger.push_back(next);
          sets.push_back(std::move(larger));
        }
      }
    }
    begin = end;
  }
  return sets;
}

double monomial_count(const std::vector<std::int32_t>& operators, int degree) {
  std::vector<double> schemes(static_cast<std::size_t>(operator_count(operators)), 0);
  for (const auto number : operators) {
    schemes[static_cast<std::size_t>(number)] += 1;
  }
  // Of so many operators, as far as they were gone through: elementary symmetric polynomials.
  std::vector<double> of_size(static_cast<std::size_t>(degree) + 1, 0);
  of_size.front() = 1;
  for (const auto count : schemes) {
    for (std::size_t size = of_size.size() - 1; size > 0; --size) {
      of_size[size] += count * of_size[size - 1];
    }
  }
  return std::accumulate(of_size.begin() + 1, of_size.end(), 0.0);
}

std::int32_t operator_count(const std::vector<std::int32_t>& operators) {
  return operators.empty() ? 0 : *std::max_element(operators.begin(), operators.end()) + 1;
}

Eigen::MatrixXd design(const Sample& sample, std::span<const LayerSet> sets) {
  Eigen::MatrixXd columns =
      Eigen::MatrixXd::Ones(sample.indicators.rows(), static_cast<Index>(sets.size()));
  for (std::size_t s = 0; s < sets.size(); ++s) {
    for (const auto layer : sets[s]) {
      columns.col(static_cast<Index>(s)).array() *= sample.indicators.col(layer).array();
    }
  }
  return columns;
}

}  // namespace tessera::noise
