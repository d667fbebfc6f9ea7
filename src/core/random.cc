// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/random.h"

#include <bit>
#include <cmath>

namespace tessera {

Random::Random(std::uint64_t seed) noexcept {
  for (auto& word : state_) {
    seed += 0x9e3779b97f4a7c15U;
    auto mixed = seed;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    word = mixed ^ (mixed >> 31);
  }
}

Random::result_type Random::operator()() noexcept {
  const auto result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const auto shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::uniform() noexcept {
  return static_cast<double>((*this)() >> 11) * 0x1.0p-53;
}

std::uint64_t Random::below(std::uint64_t bound) noexcept {
  const auto limit = max() - max() % bound;
  auto value = (*this)();
  while (value >= limit) {
    value = (*this)();
  }
  return value % bound;
}

double Random::normal() noexcept {
  while (true) {
    const auto x = 2 * uniform() - 1;
    const auto y = 2 * uniform() - 1;
    const auto square = x * x + y * y;
    if (square > 0 && square < 1) {
      return x * std::sqrt(-2 * std::log(square) / square);
    }
  }
}

}  // namespace tessera
