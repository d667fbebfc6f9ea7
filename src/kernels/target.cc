// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/target.h"

#include <algorithm>
#include <array>
#include <string>

#include "kernels/dispatch.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tessera::kernels {
namespace {

using Name = std::pair<Target, std::string_view>;
constexpr std::array<Name, 5> kNames = {Name{Target::kScalar, "scalar"},
                                        {Target::kNeon, "neon"},
                                        {Target::kAvx2, "avx2"},
                                        {Target::kAvx3, "avx3"},
                                        {Target::kAvx3Dl, "avx3_dl"}};

/// Words for units that Highway knows and this library has no loops for: they are no typing errors.
constexpr std::array<std::string_view, 6> kUncarried = {"ssse3", "sse4",    "sve",
                                                        "sve2",  "sve_256", "sve2_128"};

#if defined(__x86_64__)

struct Registers {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d) == 0) {
    return {};
  }
  return r;
}

bool all(unsigned value, unsigned bits) {
  return (value & bits) == bits;
}

/// The registers that the operating system saves: without them a unit must not be used.
unsigned saved_state() {
  unsigned low = 0;
  unsigned high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

bool has(Target target) {
  constexpr unsigned kYmm = 0x06;
  constexpr unsigned kZmm = 0xE6;
  const auto basic = cpuid(1, 0);
  const auto extended = cpuid(7, 0);
  const auto amd = cpuid(0x80000001, 0);
  constexpr unsigned kOsXsave = 1U << 27;
  if (target == Target::kScalar) {
    return true;
  }
  if (!all(basic.c, kOsXsave)) {
    return false;
  }
  // SSE3, PCLMUL, SSSE3, FMA, SSE4.1, SSE4.2, POPCNT, AES, AVX, F16C; BMI1, AVX2, BMI2; LZCNT.
  const bool avx2 = all(saved_state(), kYmm) &&
                    all(basic.c, 1U << 0 | 1U << 1 | 1U << 9 | 1U << 12 | 1U << 19 | 1U << 20 |
                                     1U << 23 | 1U << 25 | 1U << 28 | 1U << 29) &&
                    all(extended.b, 1U << 3 | 1U << 5 | 1U << 8) && all(amd.c, 1U << 5);
  // AVX512F, DQ, BW, VL.
  const bool avx3 = avx2 && all(saved_state(), kZmm) &&
                    all(extended.b, 1U << 16 | 1U << 17 | 1U << 30 | 1U << 31);
  // VBMI, VBMI2, GFNI, VAES, VPCLMULQDQ, VNNI, BITALG, VPOPCNTDQ.
  const bool avx3_dl = avx3 && all(extended.c, 1U << 1 | 1U << 6 | 1U << 8 | 1U << 9 | 1U << 10 |
                                                   1U << 11 | 1U << 12 | 1U << 14);
  switch (target) {
    case Target::kAvx2:
      return avx2;
    case Target::kAvx3:
      return avx3;
    case Target::kAvx3Dl:
      return avx3_dl;
    default:
      return false;
  }
}

#else

/// Every AArch64 has NEON; the loops need no more (Highway's target asks for AES, which they never
/// use).
bool has(Target target) {
#if defined(__aarch64__)
  return target == Target::kScalar || target == Target::kNeon;
#else
  return target == Target::kScalar;
#endif
}

#endif

std::vector<Target> find_targets() {
  std::vector<Target> found;
  for (const auto target : {Target::kAvx3Dl, Target::kAvx3, Target::kAvx2, Target::kNeon}) {
    if (is_carried(target) && has(target)) {
      found.push_back(target);
    }
  }
  found.push_back(Target::kScalar);
  return found;
}

std::string list_of(const std::vector<Target>& targets) {
  std::string text;
  for (const auto target : targets) {
    text += (text.empty() ? "" : ", ") + std::string(name_of(target));
  }
  return text;
}

}  // namespace

std::string_view name_of(Target target) {
  return std::find_if(kNames.begin(), kNames.end(),
                      [&](const auto& entry) { return entry.first == target; })
      ->second;
}

const std::vector<Target>& targets() {
  static const std::vector<Target> found = find_targets();
  return found;
}

Outcome<Target> choose_target(const char* forced) {
  if (forced == nullptr || *forced == '\0') {
    return targets().front();
  }
  const std::string_view word = forced;
  for (const auto target : targets()) {
    if (name_of(target) == word) {
      return target;
    }
  }
  const bool known =
      std::any_of(kNames.begin(), kNames.end(), [&](const auto& e) { return e.second == word; }) ||
      std::find(kUncarried.begin(), kUncarried.end(), word) != kUncarried.end();
  return problem(
      "TESSERA_KERNELS_TARGET is '", word,
      known ? "', which this processor or build does not have" : "', which is no instruction set",
      "; it has ", list_of(targets()));
}

}  // namespace tessera::kernels
