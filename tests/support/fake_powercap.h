// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "tessera/core/file.h"

namespace tessera::testing {

/// A tree of energy counters like that of /sys/class/powercap, whose values a test sets.
class FakePowercap {
 public:
  FakePowercap() : folder_(*TemporaryDirectory::create("tessera-powercap")) {
    std::filesystem::create_directories(root() / "intel-rapl");  // the driver: no counter
  }

  [[nodiscard]] const std::filesystem::path& root() const { return folder_.path(); }

  void add(const std::string& zone, const std::string& name, std::uint64_t energy_uj,
           std::uint64_t max_range_uj = 1'000'000'000) {
    std::filesystem::create_directories(root() / zone);
    write(zone, "name", name);
    write(zone, "max_energy_range_uj", std::to_string(max_range_uj));
    set(zone, energy_uj);
  }
  void set(const std::string& zone, std::uint64_t energy_uj) {
    values_[zone] = energy_uj;
    write(zone, "energy_uj", std::to_string(energy_uj));
  }
  void advance(const std::string& zone, std::uint64_t energy_uj) {
    set(zone, values_[zone] + energy_uj);
  }

 private:
  void write(const std::string& zone, const char* file, const std::string& text) {
    std::ofstream(root() / zone / file) << text << '\n';
  }

  TemporaryDirectory folder_;
  std::map<std::string, std::uint64_t> values_;
};

}  // namespace tessera::testing
