// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "tessera/evaluate/kernel_check.h"
#include "tessera/report/table.h"

namespace tessera::report {

/// One row per operator and set of kernels, the largest difference by itself first.
[[nodiscard]] Table kernel_table(const evaluate::KernelCheck& check);

/// For every set what the worst operator is and what becomes of it, and the `top` worst rows.
[[nodiscard]] std::string kernel_text(const evaluate::KernelCheck& check, Page page,
                                      std::size_t top);

}  // namespace tessera::report
