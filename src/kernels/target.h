// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "kernels/outcome.h"

/// Instruction sets that the loops are compiled for, and which of them this processor has. A table
/// of our own: Highway's is in a library that the kernels must not need.
namespace tessera::kernels {

enum class Target {
  kScalar,  ///< the reference; every processor
  kNeon,    ///< AArch64
  kAvx2,
  kAvx3,    ///< AVX-512 F, VL, DQ, BW
  kAvx3Dl,  ///< and VNNI, VBMI and what else came with Ice Lake
};

/// "scalar", "neon", "avx2", "avx3", "avx3_dl".
[[nodiscard]] std::string_view name_of(Target target);

/// Those that this build carries and this processor has, the best first, kScalar last.
[[nodiscard]] const std::vector<Target>& targets();

/// The best one, or the one that `forced` names (null or empty: none is forced).
/// Error: an unknown word, or a unit that this processor or build lacks.
[[nodiscard]] Outcome<Target> choose_target(const char* forced);

}  // namespace tessera::kernels
