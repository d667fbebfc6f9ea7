// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

/// What the targets of room kernels make of their bytes.
namespace tessera::fuzz {

/// Numbers from the front of the input, 0 behind its end.
class Numbers {
 public:
  Numbers(const std::uint8_t* data, std::size_t size) : left_(data, size) {}

  std::uint8_t byte() {
    if (left_.empty()) {
      return 0;
    }
    const auto first = left_.front();
    left_ = left_.subspan(1);
    return first;
  }
  /// From `low` to `high`, both included, at most 255 apart.
  std::size_t in(std::size_t low, std::size_t high) { return low + byte() % (high - low + 1); }
  /// As many bytes, what is left of the input over and over: a buffer of exactly that size, so that
  /// the address sanitizer sees one read or written too far.
  std::vector<std::uint8_t> bytes(std::size_t count) const {
    std::vector<std::uint8_t> result(count);
    for (std::size_t i = 0; i < count; ++i) {
      result[i] =
          static_cast<std::uint8_t>(left_.empty() ? i * 37 : left_[i % left_.size()] + i / 7);
    }
    result.shrink_to_fit();
    return result;
  }
  /// A power of two times something, over the whole range of float32 now and then.
  float scale() {
    const auto exponent = static_cast<int>(byte());
    const float mantissa = 1 + static_cast<float>(byte()) / 256;
    const int shift = exponent < 240 ? exponent % 16 - 12 : (exponent - 248) * 16;
    return std::ldexp(mantissa, shift);
  }

 private:
  std::span<const std::uint8_t> left_;
};

}  // namespace tessera::fuzz
