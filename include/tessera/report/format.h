// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tessera::report {

/// Three significant digits: "0.00123", "12.3", "1230". "-" for NaN, "inf".
[[nodiscard]] std::string number(double value, int digits = 3);
/// "842 us", "12.3 ms", "1.23 s".
[[nodiscard]] std::string duration(double us);
/// Milliseconds without the unit, for columns that name it.
[[nodiscard]] std::string milliseconds(double us);
/// "0.0123 mJ", "41.7 mJ", "1.94 J".
[[nodiscard]] std::string energy(double joules);
/// "512 B", "1.42 MiB".
[[nodiscard]] std::string bytes(double value);
/// "842", "12.3 k", "1.23 M", "4.56 G".
[[nodiscard]] std::string count(double value);
/// "-" where there is nothing.
template <class T, class Format>
[[nodiscard]] std::string or_dash(const std::optional<T>& value, Format format) {
  return value ? format(static_cast<double>(*value)) : "-";
}

}  // namespace tessera::report
