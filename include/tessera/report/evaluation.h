// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tessera/evaluate/bench.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/optimize/optimize.h"
#include "tessera/report/table.h"

namespace tessera::report {

/// One row per measurement that ran, fastest first: name, level, median, spread, speed-up, SQNR,
/// L2 per element, top-1 (if any row has it), size, integer kernels, left-over Q/DQ.
[[nodiscard]] Table measurement_table(const std::vector<evaluate::Measurement>& rows);

/// All rows and all fields for spreadsheets, in the order given.
[[nodiscard]] Table measurement_sheet(const std::vector<evaluate::Measurement>& rows);

/// What did not run and why, one line per scheme and reason; empty if everything did.
[[nodiscard]] std::string failures_text(const std::vector<evaluate::Measurement>& rows);

/// Why the `top` fastest rows (0: all) are as fast as they are, a line for each that has a reason;
/// empty if none has.
[[nodiscard]] std::string reasons_text(const std::vector<evaluate::Measurement>& rows,
                                       std::size_t top);

[[nodiscard]] std::string bench_text(const evaluate::BenchResult& result, Page page,
                                     std::size_t top);

/// The summary of optimize: what was chosen and why, what it gains and costs, and the candidates.
[[nodiscard]] std::string optimize_text(const optimize::OptimizeResult& result, Page page,
                                        std::size_t top);

}  // namespace tessera::report
