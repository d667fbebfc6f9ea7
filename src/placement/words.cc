// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace tessera::placement {
namespace {

struct Unit {
  double size;
  std::string_view name;
};
constexpr std::array kTimes = {Unit{1e6, "s"}, Unit{1e3, "ms"}, Unit{1, "us"}, Unit{1e-3, "ns"}};
constexpr std::array kEnergies = {Unit{1, "J"}, Unit{1e-3, "mJ"}, Unit{1e-6, "uJ"},
                                  Unit{1e-9, "nJ"}};

std::string plain(double value) {
  if (value == 0) {
    return "0";
  }
  constexpr int kDigits = 3;
  const auto magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  return fmt::format("{:.{}f}", value, std::max(0, kDigits - 1 - magnitude));
}

std::string scaled(double value, std::span<const Unit> units) {
  auto unit = units.back();
  for (const auto& one : units) {
    if (std::abs(value) >= one.size) {
      unit = one;
      break;
    }
  }
  return fmt::format("{} {}", plain(value / unit.size), unit.name);
}

}  // namespace

std::string in_words(double value, std::string_view unit) {
  if (unit == "us") {
    return scaled(value, kTimes);
  }
  if (unit == "J") {
    return scaled(value, kEnergies);
  }
  return fmt::format("{} {}", plain(value), unit);
}

}  // namespace tessera::placement
