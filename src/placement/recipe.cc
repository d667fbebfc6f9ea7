// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/placement/recipe.h"

#include <algorithm>
#include <map>

namespace tessera::placement {
namespace {

std::optional<quantize::Scheme> scheme_of(const Site& site, std::uint8_t asked) {
  const auto& profile = *site.profile;
  if (asked == 0) {
    return quantize::float32_scheme();
  }
  if (asked == 1) {
    return profile.integer_scheme;
  }
  const std::size_t further = asked - 2U;
  return further < profile.further_schemes.size() ? std::optional(profile.further_schemes[further])
                                                  : std::nullopt;
}

}  // namespace

Result<quantize::Recipe> recipe_of(const Setting& setting, const Planned& planned) {
  if (!planned.solution.assignment) {
    return fail(ErrorCode::kFailedPrecondition, "there is no plan to make a recipe of")
        .hint("loosen a limit");
  }
  const auto& instance = planned.instance;
  quantize::Recipe recipe;
  for (std::size_t i = 0; i < instance.places.size(); ++i) {
    const auto& place = instance.places[i][(*planned.solution.assignment)[i]];
    const auto scheme = scheme_of(instance.sites[place.machine], place.local.asked());
    if (!scheme) {
      return fail(ErrorCode::kFailedPrecondition, "the profile of '{}' does not say what '{}' is",
                  instance.sites[place.machine].machine->name,
                  instance.sites[place.machine].precisions[place.local.asked()])
          .hint("measure it again with this version of tessera");
    }
    auto rule =
        std::ranges::find_if(recipe.rules, [&](const auto& one) { return one.scheme == *scheme; });
    if (rule == recipe.rules.end()) {
      recipe.rules.push_back({.match = {}, .types = {}, .scheme = *scheme});
      rule = recipe.rules.end() - 1;
    }
    for (const auto op : instance.units.units[i].ops) {
      rule->match.push_back(setting.graph->op(op).name);
    }
  }
  return recipe;
}

}  // namespace tessera::placement
