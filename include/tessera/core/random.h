// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace tessera {

/// Small, fast generator whose streams are the same on every platform and standard library
/// (xoshiro256++ seeded by splitmix64; Blackman and Vigna 2019). Satisfies
/// uniform_random_bit_generator; prefer the members to <random>'s distributions, which are not
/// portable.
class Random {
 public:
  using result_type = std::uint64_t;
  explicit Random(std::uint64_t seed) noexcept;

  static constexpr result_type min() noexcept { return 0; }
  static constexpr result_type max() noexcept { return ~result_type{0}; }
  result_type operator()() noexcept;

  /// Uniform in [0, 1).
  [[nodiscard]] double uniform() noexcept;
  /// Uniform in [0, bound), without modulo bias. `bound` > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept;
  /// Standard normal (polar method).
  [[nodiscard]] double normal() noexcept;

 private:
  std::uint64_t state_[4];
};

}  // namespace tessera
