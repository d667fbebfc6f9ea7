// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tessera/noise/fit.h"
#include "tessera/noise/rank.h"
#include "tessera/report/table.h"

/// Models of the error as text for people. `page` as in Table::text(); `top`: rows, 0: all.
namespace tessera::report {

[[nodiscard]] std::string fit_text(const noise::FitReport& report, Page page);
[[nodiscard]] std::string ranks_text(const std::vector<noise::LayerRank>& ranks,
                                     const noise::ErrorModel& model, const noise::Gains& gains,
                                     Page page, std::size_t top);
[[nodiscard]] std::string search_text(const noise::SearchResult& result,
                                      const noise::ErrorModel& model, const noise::Gains& gains,
                                      double limit, noise::LimitBy by);

/// One predicted subset.
struct PredictedSubset {
  std::string name;  ///< "line 3", or the layer if it is one
  std::size_t layers = 0;
  noise::Prediction prediction;
  double measured = 0;  ///< NaN if it was not
};
[[nodiscard]] std::string predictions_text(const std::vector<PredictedSubset>& subsets,
                                           double level, Page page, std::size_t top);

}  // namespace tessera::report
