// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "tessera/evaluate/compare.h"
#include "tessera/report/table.h"

namespace tessera::report {

/// One row per output, with the pooled figures as total if there are several.
[[nodiscard]] Table output_error_table(const evaluate::Accuracy& accuracy);

/// One row per matched value inside, worst SQNR first.
[[nodiscard]] Table tensor_error_table(const evaluate::Comparison& comparison);

/// Outputs, top-1, the `top` worst values inside (0: all), gates.
[[nodiscard]] std::string comparison_text(const evaluate::Comparison& comparison, Page page,
                                          std::size_t top);

}  // namespace tessera::report
