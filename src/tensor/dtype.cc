// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/dtype.h"

#include <array>
#include <cstddef>

#include "tessera/core/checked.h"

namespace tessera {
namespace {

enum class Family : std::uint8_t { kNone, kFloat, kInteger, kOther };

struct Traits {
  std::string_view name;
  int bits;
  Family family;
};

/// Indexed by the value of DType.
constexpr std::array<Traits, 23> kTraits{{
    {"undefined", 0, Family::kNone},       {"float32", 32, Family::kFloat},
    {"uint8", 8, Family::kInteger},        {"int8", 8, Family::kInteger},
    {"uint16", 16, Family::kInteger},      {"int16", 16, Family::kInteger},
    {"int32", 32, Family::kInteger},       {"int64", 64, Family::kInteger},
    {"string", 0, Family::kOther},         {"bool", 8, Family::kOther},
    {"float16", 16, Family::kFloat},       {"float64", 64, Family::kFloat},
    {"uint32", 32, Family::kInteger},      {"uint64", 64, Family::kInteger},
    {"complex64", 64, Family::kOther},     {"complex128", 128, Family::kOther},
    {"bfloat16", 16, Family::kFloat},      {"float8e4m3fn", 8, Family::kFloat},
    {"float8e4m3fnuz", 8, Family::kFloat}, {"float8e5m2", 8, Family::kFloat},
    {"float8e5m2fnuz", 8, Family::kFloat}, {"uint4", 4, Family::kInteger},
    {"int4", 4, Family::kInteger},
}};

const Traits& traits_of(DType dtype) noexcept {
  const auto index = static_cast<std::size_t>(dtype);
  return index < kTraits.size() ? kTraits[index] : kTraits[0];
}

}  // namespace

int bits_of(DType dtype) noexcept {
  return traits_of(dtype).bits;
}

std::int64_t bytes_of(DType dtype, std::int64_t count) noexcept {
  const std::int64_t bits = bits_of(dtype);
  if (count < 0) {
    return -1;
  }
  if (bits >= 8) {
    return checked_mul(count, bits / 8).value_or(-1);
  }
  return bits == 4 ? count / 2 + count % 2 : 0;
}

bool is_floating(DType dtype) noexcept {
  return traits_of(dtype).family == Family::kFloat;
}

bool is_integer(DType dtype) noexcept {
  return traits_of(dtype).family == Family::kInteger;
}

std::string_view to_string(DType dtype) noexcept {
  return traits_of(dtype).name;
}

}  // namespace tessera
