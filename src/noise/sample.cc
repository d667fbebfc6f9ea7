// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/sample.h"

namespace tessera::noise {

using Eigen::Index;

Sample make_sample(const Observations& observations, std::span<const std::size_t> rows) {
  const auto layers = static_cast<Index>(observations.layers.size());
  const auto count = static_cast<Index>(rows.size());
  Sample sample{Eigen::MatrixXd::Zero(count, layers), Eigen::VectorXd(count)};
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
  return {sample.indicators(rows, Eigen::all), sample.errors(rows)};
}

std::vector<LayerSet> monomials(Index layers, int degree) {
  std::vector<LayerSet> sets;
  sets.reserve(static_cast<std::size_t>(layers));
  std::size_t begin = 0;
  for (Index i = 0; i < layers; ++i) {
    sets.push_back({static_cast<std::int32_t>(i)});
  }
  for (int size = 2; size <= degree; ++size) {
    const std::size_t end = sets.size();
    for (auto s = begin; s < end; ++s) {
      for (auto next = sets[s].back() + 1; next < layers; ++next) {
        auto larger = sets[s];
        larger.push_back(next);
        sets.push_back(std::move(larger));
      }
    }
    begin = end;
  }
  return sets;
}

double monomial_count(Index layers, int degree) {
  double total = 0;
  double choose = 1;
  for (int size = 1; size <= degree; ++size) {
    choose *= static_cast<double>(layers - size + 1) / size;
    total += choose;
  }
  return total;
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
