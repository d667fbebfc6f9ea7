// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/cluster/cluster.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "cluster/ways.h"

namespace tessera::cluster {
namespace {

/// Time of so many bytes on a measured curve.
double on_curve(const std::vector<GoodputPoint>& curve, double bytes) {
  const auto& first = curve.front();
  const auto& last = curve.back();
  if (bytes <= static_cast<double>(first.bytes)) {
    return first.us;
  }
  if (bytes >= static_cast<double>(last.bytes)) {
    return last.us * (bytes / static_cast<double>(last.bytes));
  }
  const auto after = std::find_if(curve.begin(), curve.end(), [&](const GoodputPoint& point) {
    return static_cast<double>(point.bytes) >= bytes;
  });
  const auto& before = *std::prev(after);
  const auto share = (bytes - static_cast<double>(before.bytes)) /
                     static_cast<double>(after->bytes - before.bytes);
  return before.us + share * (after->us - before.us);
}

/// Without the latency.
std::optional<double> moving_us(const Link& link, double bytes) {
  if (!link.goodput.empty()) {
    return on_curve(link.goodput, bytes);
  }
  if (!link.bandwidth_bytes_per_s) {
    return std::nullopt;
  }
  return bytes / *link.bandwidth_bytes_per_s * 1e6;
}

/// alpha x Mbit/s is a figure per bit, whatever the throughput; beta is drawn while bytes move.
/// Milliwatts times microseconds are nanojoules.
double radio_joules(const Radio& radio, double bytes, double us) {
  return 8e-9 * radio.alpha_mw_per_mbps * bytes + 1e-9 * radio.beta_mw * us;
}

/// By machine: a way leads there from `start`, or from there to `start`.
std::vector<bool> connected(const Cluster& cluster, std::size_t start, bool backwards) {
  std::vector<bool> seen(cluster.machines.size(), false);
  std::vector<std::size_t> open{start};
  seen[start] = true;
  while (!open.empty()) {
    const auto here = cluster.machines[open.back()].name;
    open.pop_back();
    for (const auto& link : cluster.links) {
      const auto next = cluster.find(backwards ? link.from : link.to);
      if ((backwards ? link.to : link.from) == here && next && !seen[*next]) {
        seen[*next] = true;
        open.push_back(*next);
      }
    }
  }
  return seen;
}

/// The machine that this one is scaled from.
std::optional<std::size_t> scaled_from(const Cluster& cluster, std::size_t machine) {
  const auto& scaling = cluster.machines[machine].scaling;
  return scaling ? cluster.find(scaling->of) : std::nullopt;
}

std::optional<double> factor_for(const Scaling& scaling, std::string_view precision) {
  auto found = scaling.factors.find(std::string(precision));
  if (found == scaling.factors.end()) {
    found = scaling.factors.find("*");
  }
  return found == scaling.factors.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::optional<double> Link::transfer_us(std::int64_t bytes) const {
  const auto us = moving_us(*this, static_cast<double>(std::max<std::int64_t>(0, bytes)));
  return us ? std::optional(latency_us + *us) : std::nullopt;
}

std::optional<double> Link::transfer_joules(std::int64_t bytes) const {
  const auto count = static_cast<double>(std::max<std::int64_t>(0, bytes));
  std::optional<double> sum;
  if (radio) {
    const auto us = moving_us(*this, count);
    if (!us) {
      return std::nullopt;
    }
    sum = count > 0 ? radio_joules(*radio, count, *us) : 0;
  }
  for (const auto& per_byte : {sender_joules_per_byte, receiver_joules_per_byte}) {
    if (per_byte) {
      sum = sum.value_or(0) + *per_byte * count;
    }
  }
  return sum;
}

std::optional<std::size_t> Cluster::find(std::string_view machine) const {
  const auto found = std::find_if(machines.begin(), machines.end(),
                                  [&](const Machine& one) { return one.name == machine; });
  if (found == machines.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - machines.begin());
}

const Link* Cluster::link(std::string_view from, std::string_view to) const {
  const auto found = std::find_if(links.begin(), links.end(), [&](const Link& one) {
    return one.from == from && one.to == to;
  });
  return found == links.end() ? nullptr : &*found;
}

std::size_t profiled(const Cluster& cluster, std::size_t machine) {
  // No more steps than there are machines: a circle would have no end.
  for (std::size_t step = 0; step < cluster.machines.size(); ++step) {
    const auto of = scaled_from(cluster, machine);
    if (!of) {
      break;
    }
    machine = *of;
  }
  return machine;
}

std::optional<double> time_factor(const Cluster& cluster, std::size_t machine,
                                  std::string_view precision) {
  double factor = 1 / cluster.machines[machine].speed;
  for (std::size_t step = 0; step < cluster.machines.size(); ++step) {
    const auto of = scaled_from(cluster, machine);
    if (!of) {
      break;
    }
    const auto stretched = factor_for(*cluster.machines[machine].scaling, precision);
    if (!stretched) {
      return std::nullopt;
    }
    factor *= *stretched;
    machine = *of;
  }
  return factor;
}

std::vector<bool> useful(const Cluster& cluster) {
  const auto from = cluster.find(cluster.inputs_from);
  const auto to = cluster.find(cluster.outputs_to);
  if (!from || !to) {
    return std::vector<bool>(cluster.machines.size(), false);
  }
  auto both = connected(cluster, *from, false);
  const auto back = connected(cluster, *to, true);
  for (std::size_t i = 0; i < both.size(); ++i) {
    both[i] = both[i] && back[i];
  }
  return both;
}

std::vector<std::string> unreachable(const Cluster& cluster) {
  const auto use = useful(cluster);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < use.size(); ++i) {
    if (!use[i]) {
      names.push_back(cluster.machines[i].name);
    }
  }
  return names;
}

}  // namespace tessera::cluster
