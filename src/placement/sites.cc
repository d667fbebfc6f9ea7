// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "tessera/placement/instance.h"

namespace tessera::placement {
namespace {

/// The machine's own profile, or that of the one it is scaled of.
Status take_profile(const Setting& setting, std::size_t k, Site& site) {
  const auto& machines = setting.cluster->machines;
  const bool own = !(*setting.profiles)[k].layers.empty();
  const auto measured = own ? k : cluster::profiled(*setting.cluster, k);
  site.profile = &(*setting.profiles)[measured];
  const auto& name = machines[measured].name;
  if (site.profile->layers.empty()) {
    return fail(ErrorCode::kInvalidArgument, "nothing says how fast machine '{}' is", name)
        .hint(
            "measure it there (tessera profile MODEL --data D -o P.json) and give --profile "
            "{}=P.json, or say in the cluster file how it scales to another machine",
            name);
  }
  if (site.profile->interrupted || site.profile->model.rows.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "the profile of machine '{}' was interrupted and has no latency model", name)
        .hint("finish it: the same tessera profile command with --resume");
  }
  site.precisions = precisions_of(*site.profile);
  for (const auto& precision : site.precisions) {
    const auto factor = own ? std::optional(1 / machines[k].speed)
                            : cluster::time_factor(*setting.cluster, k, precision);
    site.pace.push_back(factor.value_or(1));
    site.may.push_back(factor.has_value());  // else nobody knows how fast it would be
  }
  return {};
}

Status limit_precisions(const cluster::Machine& machine, Site& site) {
  TESSERA_CHECK(check_precisions(machine, site.precisions));
  for (std::size_t s = 0; s < site.may.size() && !machine.precisions.empty(); ++s) {
    const bool named =
        std::ranges::find(machine.precisions, site.precisions[s]) != machine.precisions.end();
    site.may[s] = site.may[s] && named;
  }
  if (std::ranges::find(site.may, true) == site.may.end()) {
    return fail(ErrorCode::kDataLoss,
                "machine '{}' may not compute in anything that is known of it", machine.name)
        .hint("look at its precisions and at its scaling");
  }
  return {};
}

}  // namespace

std::vector<std::string> precisions_of(const profile::Profile& profile) {
  std::vector<std::string> names{"fp32", "int8"};
  for (std::size_t k = 1; k < profile.model.schemes.size(); ++k) {
    names.push_back(profile.model.schemes[k]);
  }
  return names;
}

Status check_precisions(const cluster::Machine& machine, const std::vector<std::string>& known) {
  for (const auto& name : machine.precisions) {
    if (std::ranges::find(known, name) == known.end()) {
      return fail(ErrorCode::kDataLoss,
                  "machine '{}' may compute in {}, which its profile does not have", machine.name,
                  name)
          .hint("the profile has {}; measure others with tessera profile --schemes",
                fmt::join(known, ", "));
    }
  }
  return {};
}

Result<std::vector<Site>> sites_of(const Setting& setting) {
  std::vector<Site> sites;
  for (std::size_t k = 0; k < setting.cluster->machines.size(); ++k) {
    Site site{.machine = &setting.cluster->machines[k]};
    TESSERA_CHECK(take_profile(setting, k, site));
    TESSERA_CHECK(limit_precisions(*site.machine, site));
    sites.push_back(std::move(site));
  }
  return sites;
}

}  // namespace tessera::placement
