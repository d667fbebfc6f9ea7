// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which targets foreach_target.h makes is set by the build for all files of this room alike:
// HWY_WANT_AVX3_DL, HWY_DISABLED_TARGETS.
#include <hwy/detect_targets.h>

#include "kernels/target.h"

namespace tessera::kernels {

/// Whether this build has loops for it.
constexpr bool is_carried(Target target) {
  switch (target) {
    case Target::kNeon:
      return (HWY_TARGETS & HWY_NEON) != 0;
    case Target::kAvx2:
      return (HWY_TARGETS & HWY_AVX2) != 0;
    case Target::kAvx3:
      return (HWY_TARGETS & HWY_AVX3) != 0;
    case Target::kAvx3Dl:
      return (HWY_TARGETS & HWY_AVX3_DL) != 0;
    case Target::kScalar:
      return true;
  }
  return false;
}

}  // namespace tessera::kernels

#if HWY_TARGETS & HWY_NEON
#define TESSERA_KERNELS_CASE_NEON(NAME) \
  case Target::kNeon:                   \
    return &N_NEON::NAME;
#else
#define TESSERA_KERNELS_CASE_NEON(NAME)
#endif
#if HWY_TARGETS & HWY_AVX2
#define TESSERA_KERNELS_CASE_AVX2(NAME) \
  case Target::kAvx2:                   \
    return &N_AVX2::NAME;
#else
#define TESSERA_KERNELS_CASE_AVX2(NAME)
#endif
#if HWY_TARGETS & HWY_AVX3
#define TESSERA_KERNELS_CASE_AVX3(NAME) \
  case Target::kAvx3:                   \
    return &N_AVX3::NAME;
#else
#define TESSERA_KERNELS_CASE_AVX3(NAME)
#endif
#if HWY_TARGETS & HWY_AVX3_DL
#define TESSERA_KERNELS_CASE_AVX3_DL(NAME) \
  case Target::kAvx3Dl:                    \
    return &N_AVX3_DL::NAME;
#else
#define TESSERA_KERNELS_CASE_AVX3_DL(NAME)
#endif

/// Defines `POINTER(target)`: the function NAME of that target's namespace, or of namespace
/// `reference`.
#define TESSERA_KERNELS_TABLE(POINTER, NAME)          \
  decltype(&reference::NAME) POINTER(Target target) { \
    switch (target) {                                 \
      TESSERA_KERNELS_CASE_NEON(NAME)                 \
      TESSERA_KERNELS_CASE_AVX2(NAME)                 \
      TESSERA_KERNELS_CASE_AVX3(NAME)                 \
      TESSERA_KERNELS_CASE_AVX3_DL(NAME)              \
      default:                                        \
        return &reference::NAME;                      \
    }                                                 \
  }
