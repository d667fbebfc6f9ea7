// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <functional>
#include <utility>

#include "tessera/cluster/cluster.h"
#include "tessera/cluster/text.h"
#include "tessera/core/names.h"
#include "tessera/core/text.h"

namespace tessera::cluster {
namespace {

/// A figure that may be changed, and the ways to.
struct Knob {
  std::string name;  ///< "link.edge-cloud.bandwidth"
  bool known = false;
  Result<double> (*read)(std::string_view text) = nullptr;
  std::function<Status(Cluster& cluster, double value)> set;
  std::function<Status(Cluster& cluster, double factor)> multiply;
};

Status set_bandwidth(Link& link, double value) {
  link.goodput.clear();
  link.bandwidth_bytes_per_s = value;
  return {};
}

/// A curve is stretched as a whole: what small transfers take besides their bytes stays in
/// proportion.
Status multiply_bandwidth(Link& link, double factor) {
  if (link.goodput.empty()) {
    link.bandwidth_bytes_per_s = *link.bandwidth_bytes_per_s * factor;
  }
  for (auto& point : link.goodput) {
    point.us /= factor;
  }
  return {};
}

Status set_memory(Machine& machine, double bytes) {
  constexpr double kMost = 0x1p62;
  if (!(bytes < kMost)) {
    return fail(ErrorCode::kInvalidArgument, "{} bytes are too many", bytes)
        .hint("memory is less than 2^62 bytes");
  }
  machine.memory_bytes = static_cast<std::int64_t>(bytes);
  return {};
}

void add_link_knobs(const Cluster& cluster, std::size_t i, std::vector<Knob>& knobs) {
  const auto& link = cluster.links[i];
  const auto prefix = fmt::format("link.{}.", link.name());
  knobs.push_back(
      {prefix + "bandwidth", !link.goodput.empty() || link.bandwidth_bytes_per_s, bytes_per_s_from,
       [i](Cluster& to, double value) { return set_bandwidth(to.links[i], value); },
       [i](Cluster& to, double factor) { return multiply_bandwidth(to.links[i], factor); }});
  const auto set = [i](Cluster& to, double value) -> Status {
    to.links[i].latency_us = value;
    return {};
  };
  const auto multiply = [i](Cluster& to, double factor) -> Status {
    to.links[i].latency_us *= factor;
    return {};
  };
  knobs.push_back({prefix + "latency_us", true, us_from, set, multiply});
}

void add_machine_knobs(const Cluster& cluster, std::size_t i, std::vector<Knob>& knobs) {
  const auto& machine = cluster.machines[i];
  const auto prefix = fmt::format("machine.{}.", machine.name);
  knobs.push_back({prefix + "memory_bytes", machine.memory_bytes.has_value(), bytes_from,
                   [i](Cluster& to, double value) { return set_memory(to.machines[i], value); },
                   [i](Cluster& to, double factor) {
                     auto& one = to.machines[i];
                     return set_memory(one, static_cast<double>(*one.memory_bytes) * factor);
                   }});
  knobs.push_back({prefix + "speed", true, number_from,
                   [i](Cluster& to, double value) -> Status {
                     to.machines[i].speed = value;
                     return {};
                   },
                   [i](Cluster& to, double factor) -> Status {
                     to.machines[i].speed *= factor;
                     return {};
                   }});
  knobs.push_back({prefix + "busy_watts", machine.busy_watts.has_value(), number_from,
                   [i](Cluster& to, double value) -> Status {
                     to.machines[i].busy_watts = value;
                     return {};
                   },
                   [i](Cluster& to, double factor) -> Status {
                     to.machines[i].busy_watts = *to.machines[i].busy_watts * factor;
                     return {};
                   }});
}

Result<Knob> find_knob(const Cluster& cluster, std::string_view name) {
  std::vector<Knob> knobs;
  for (std::size_t i = 0; i < cluster.links.size(); ++i) {
    add_link_knobs(cluster, i, knobs);
  }
  for (std::size_t i = 0; i < cluster.machines.size(); ++i) {
    add_machine_knobs(cluster, i, knobs);
  }
  std::vector<std::string> names;
  for (auto& knob : knobs) {
    if (knob.name == name) {
      return std::move(knob);
    }
    names.push_back(knob.name);
  }
  return fail(ErrorCode::kInvalidArgument, "the cluster has no figure '{}'", name)
      .hint(
          "nearest: {}; links have bandwidth and latency_us, machines memory_bytes, speed and "
          "busy_watts",
          fmt::join(nearest_names(name, names), ", "));
}

Status apply(Cluster& cluster, const Knob& knob, std::string_view text) {
  if (!text.starts_with('*')) {
    TESSERA_TRY(const auto value, knob.read(text));
    return knob.set(cluster, value);
  }
  TESSERA_TRY(const auto factor, number_from(text.substr(1)));
  if (!knob.known) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is unknown and takes no factor", knob.name)
        .hint("give a value: {}=VALUE", knob.name);
  }
  return knob.multiply(cluster, factor);
}

}  // namespace

Status change(Cluster& cluster, std::string_view change) {
  const auto equals = change.rfind('=');
  if (equals == std::string_view::npos) {
    return fail(ErrorCode::kInvalidArgument, "the change '{}' has no '='", change)
        .hint("write link.A-B.bandwidth=5MB/s or machine.A.speed=*2");
  }
  TESSERA_TRY(const auto knob, find_knob(cluster, trim(change.substr(0, equals))));
  auto changed = cluster;
  TESSERA_CHECK(apply(changed, knob, trim(change.substr(equals + 1))));
  TESSERA_CHECK(validate(changed).map_error(in_file(std::string(change))));
  cluster = std::move(changed);
  return {};
}

}  // namespace tessera::cluster
