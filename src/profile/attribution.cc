// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "profile/attribution.h"

#include <set>

namespace tessera::profile {

Attribution::Attribution(const graph::Graph& view, const Units& units,
                         std::span<const runtime::KernelTime> kernels)
    : units_(units.size()) {
  for (std::size_t i = 0; i < view.ops().size() && i < units.of_op.size(); ++i) {
    unit_of_.emplace(view.ops()[i].source, units.of_op[i]);
  }
  for (const auto& kernel : kernels) {
    for (const auto source : kernel.sources) {
      if (!unit_of_.contains(source)) {
        behind_.emplace(source, kernel.behind);
      }
    }
  }
}

std::vector<std::size_t> Attribution::units_of(std::span<const std::uint32_t> sources) const {
  std::set<std::size_t> units;
  for (const auto source : sources) {
    if (const auto unit = unit_of_.find(source); unit != unit_of_.end()) {
      units.insert(unit->second);
    }
  }
  return {units.begin(), units.end()};
}

Site Attribution::site_of(const runtime::KernelTime& kernel) const {
  if (auto units = units_of(kernel.sources); !units.empty()) {
    Site site{Site::Kind::kUnit, units.back(), {}};
    if (units.size() > 1) {
      site.fused = std::move(units);
    }
    return site;
  }
  const auto kind = is_conversion(kernel.role) ? Site::Kind::kConversion : Site::Kind::kUnit;
  std::span<const std::uint32_t> behind = kernel.behind;
  // Each step goes to an earlier kernel, so there are no more steps than kernels.
  for (std::size_t step = 0; !behind.empty() && step <= behind_.size(); ++step) {
    if (const auto units = units_of(behind); !units.empty()) {
      return {kind, units.back(), {}};
    }
    const auto before = behind_.find(behind.front());
    behind = before == behind_.end() ? std::span<const std::uint32_t>() : before->second;
  }
  return {Site::Kind::kConversion, units_, {}};
}

}  // namespace tessera::profile
