// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/format.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>

namespace tessera::report {
namespace {

struct Unit {
  double size;
  const char* name;
};

/// The largest unit that leaves at least one whole.
template <std::size_t N>
std::string scaled(double value, const std::array<Unit, N>& units) {
  auto unit = units.back();
  for (const auto& candidate : units) {
    if (std::abs(value) >= candidate.size * 0.9995) {
      unit = candidate;
      break;
    }
  }
  const auto text = unit.size <= 1 && value == std::floor(value) ? fmt::format("{:.0f}", value)
                                                                 : number(value / unit.size);
  return unit.name[0] == '\0' ? text : fmt::format("{} {}", text, unit.name);
}

}  // namespace

std::string number(double value, int digits) {
  if (std::isnan(value)) {
    return "-";
  }
  if (std::isinf(value)) {
    return value > 0 ? "inf" : "-inf";
  }
  if (value == 0) {
    return "0";
  }
  // Its exponent is that of the rounded value: 9.996 has the digits of 10.0.
  auto scientific = fmt::format("{:.{}e}", value, digits - 1);
  const auto magnitude = std::stoi(scientific.substr(scientific.find('e') + 1));
  if (magnitude < -4 || magnitude > 9) {
    return scientific;
  }
  return fmt::format("{:.{}f}", value, std::max(0, digits - 1 - magnitude));
}

std::string duration(double us) {
  return scaled(us, std::array{Unit{1e6, "s"}, Unit{1e3, "ms"}, Unit{1, "us"}});
}

std::string milliseconds(double us) {
  return number(us / 1e3);
}

std::string energy(double joules) {
  return scaled(joules * 1e3, std::array{Unit{1e3, "J"}, Unit{1, "mJ"}});
}

std::string bytes(double value) {
  return scaled(value, std::array{Unit{0x1p30, "GiB"}, Unit{0x1p20, "MiB"}, Unit{0x1p10, "KiB"},
                                  Unit{1, "B"}});
}

std::string count(double value) {
  return scaled(value, std::array{Unit{1e12, "T"}, Unit{1e9, "G"}, Unit{1e6, "M"}, Unit{1e3, "k"},
                                  Unit{1, ""}});
}

}  // namespace tessera::report
