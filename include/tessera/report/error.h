// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "tessera/noise/bits.h"
#include "tessera/noise/check.h"
#include "tessera/noise/run_sweep.h"
#include "tessera/noise/tail.h"
#include "tessera/report/table.h"

namespace tessera::report {

/// What a sweep found, for people: layers by the noise they add, the spread of the errors, work
/// and time. `page` as in Table::text(); `top` layers, 0 for all.
[[nodiscard]] std::string sweep_text(const noise::SweepSummary& summary, const std::string& output,
                                     Page page, std::size_t top);

/// The plans that deviate most, `top` of them (0 for all), and the agreement.
[[nodiscard]] std::string check_text(const noise::Check& check, Page page, std::size_t top);

/// The layers that are left in float, in the order in which they are, and what each changes.
[[nodiscard]] std::string tail_text(const noise::Tail& tail, Page page);

/// The front of SQNR against cost, the point that was chosen, and what it is an estimate of; `top`
/// rows, 0 for all.
[[nodiscard]] std::string bits_text(const noise::Bits& bits, Page page, std::size_t top);

}  // namespace tessera::report
