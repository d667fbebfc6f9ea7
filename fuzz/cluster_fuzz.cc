// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/cluster/cluster.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "json_input.h"

namespace {

using tessera::cluster::Cluster;

/// What was read once stays as it is.
void check_round_trip(const Cluster& cluster) {
  const auto written = tessera::parse_json(tessera::to_text(to_json(cluster)), "written");
  const auto again =
      written ? tessera::cluster::cluster_from_json(*written)
              : tessera::Result<Cluster>(tl::unexpected<tessera::Error>(written.error()));
  if (!again || tessera::to_text(to_json(*again)) != tessera::to_text(*written)) {
    std::abort();
  }
}

/// Of a valid cluster every transfer takes a time, more bytes no less than fewer.
void check_links(const Cluster& cluster) {
  for (const auto& link : cluster.links) {
    double last = 0;
    for (std::int64_t bytes = 0; bytes <= std::int64_t{1} << 40; bytes = bytes * 4 + 1) {
      const auto us = link.transfer_us(bytes);
      if (!us || !std::isfinite(*us) || *us < last * (1 - 1e-9)) {
        std::abort();
      }
      last = *us;
      if (const auto joules = link.transfer_joules(bytes); joules && !std::isfinite(*joules)) {
        std::abort();
      }
    }
  }
}

void check_machines(const Cluster& cluster) {
  for (std::size_t i = 0; i < cluster.machines.size(); ++i) {
    const auto of = tessera::cluster::profiled(cluster, i);
    const auto factor = tessera::cluster::time_factor(cluster, i, "fp32");
    if (cluster.machines[of].scaling || (factor && std::isnan(*factor))) {
      std::abort();
    }
  }
  if (tessera::cluster::unreachable(cluster).size() == cluster.machines.size()) {
    std::abort();
  }
}

}  // namespace

/// A cluster that is read survives writing and reading again; one that is valid has all that a plan
/// asks for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = tessera::json_input(data, size);
  if (!json) {
    return 0;
  }
  auto cluster = tessera::cluster::cluster_from_json(*json);
  if (!cluster) {
    return 0;
  }
  check_round_trip(*cluster);
  if (!tessera::cluster::validate(*cluster)) {
    return 0;
  }
  check_links(*cluster);
  check_machines(*cluster);
  const auto name = cluster->machines.front().name;
  const auto faster = cluster->machines.front().speed * 2;
  constexpr double kMost = 1e19;
  if (change(*cluster, "machine." + name + ".speed=*2").has_value() != (faster <= kMost)) {
    std::abort();
  }
  return 0;
}
