// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tessera/report/format.h"

namespace tessera::report {
namespace {

using cluster::Cluster;
using cluster::Link;
using cluster::Machine;

std::string factors_text(const Machine& machine) {
  std::string text;
  for (const auto& [precision, factor] : machine.scaling->factors) {
    text += fmt::format("{}{}{}", text.empty() ? "" : ", ", precision == "*" ? "" : precision + " ",
                        number(factor));
  }
  return text;
}

/// "profile edge.json", "edge x 4".
std::string times_of(const Machine& machine) {
  auto text = machine.scaling ? fmt::format("{} x {}", machine.scaling->of, factors_text(machine))
              : machine.profile.empty() ? std::string("-")
                                        : machine.profile;
  if (machine.speed != 1) {
    text += fmt::format(", {} x as fast", number(machine.speed));
  }
  return text;
}

std::string roles_of(const Cluster& cluster, const Machine& machine) {
  std::string text;
  const auto add = [&](bool is, std::string_view role) {
    if (is) {
      text += fmt::format("{}{}", text.empty() ? "" : ", ", role);
    }
  };
  const auto far = unreachable(cluster);
  add(machine.name == cluster.inputs_from, "inputs");
  add(machine.name == cluster.outputs_to, "outputs");
  add(std::find(far.begin(), far.end(), machine.name) != far.end(), "no way");
  return text;
}

Table machine_table(const Cluster& cluster) {
  Table table({{"machine", Align::kLeft, true},
               {"times", Align::kLeft, true},
               {"cores"},
               {"memory"},
               {"busy W"},
               {"", Align::kLeft}});
  for (const auto& machine : cluster.machines) {
    table.add_row({machine.name, times_of(machine), std::to_string(machine.cores),
                   or_dash(machine.memory_bytes, bytes),
                   or_dash(machine.busy_watts, [](double watts) { return number(watts); }),
                   roles_of(cluster, machine)});
  }
  return table;
}

/// "20 MB/s", "5 points".
std::string rate_of(const Link& link) {
  if (!link.goodput.empty()) {
    return fmt::format("{} points", link.goodput.size());
  }
  return or_dash(link.bandwidth_bytes_per_s,
                 [](double rate) { return fmt::format("{} MB/s", number(rate / 1e6)); });
}

Table link_table(const Cluster& cluster) {
  Table table({{"link", Align::kLeft, true},
               {"rate"},
               {"latency ms"},
               {"1 kB ms"},
               {"100 kB ms"},
               {"1 MB ms"},
               {"10 MB ms"},
               {"1 MB J"},
               {"medium", Align::kLeft}});
  for (const auto& link : cluster.links) {
    std::vector<std::string> cells{link.name(), rate_of(link), milliseconds(link.latency_us)};
    for (const auto size : kShownBytes) {
      cells.push_back(or_dash(link.transfer_us(size), milliseconds));
    }
    cells.push_back(
        or_dash(link.transfer_joules(1'000'000), [](double joules) { return number(joules); }));
    cells.push_back(link.medium);
    table.add_row(std::move(cells));
  }
  return table;
}

Table codec_table(const Cluster& cluster) {
  Table table({{"input sent as", Align::kLeft},
               {"input", Align::kLeft, true},
               {"size"},
               {"encode ms"},
               {"decode ms"},
               {"on", Align::kLeft, true},
               {"SQNR dB"}});
  for (const auto& codec : cluster.codecs) {
    std::vector<std::string> first{codec.name, codec.input, bytes(static_cast<double>(codec.bytes)),
                                   milliseconds(codec.encode_us)};
    const auto sqnr = codec.sqnr_db ? number(*codec.sqnr_db) : std::string("exact");
    if (codec.decode_us.empty()) {
      first.insert(first.end(), {"-", "", sqnr});
      table.add_row(std::move(first));
      continue;
    }
    for (const auto& [machine, us] : codec.decode_us) {
      auto cells = first;
      cells.insert(cells.end(), {milliseconds(us), machine == "*" ? "others" : machine, sqnr});
      table.add_row(std::move(cells));
    }
  }
  return table;
}

Json transfers_json(const Link& link) {
  auto transfers = Json::array();
  for (const auto size : kShownBytes) {
    transfers.push_back({{"bytes", size},
                         {"us", or_null(link.transfer_us(size))},
                         {"joules", or_null(link.transfer_joules(size))}});
  }
  return transfers;
}

Json machine_json(const Cluster& cluster, std::size_t i) {
  const auto& machine = cluster.machines[i];
  const auto& base = cluster.machines[profiled(cluster, i)];
  return {{"name", machine.name},
          {"profile_of", base.name},
          {"profile", base.profile.empty() ? Json() : Json(base.profile)},
          {"fp32_factor", or_null(time_factor(cluster, i, "fp32"))},
          {"int8_factor", or_null(time_factor(cluster, i, "int8"))},
          {"cores", machine.cores},
          {"memory_bytes", or_null(machine.memory_bytes)},
          {"busy_watts", or_null(machine.busy_watts)}};
}

}  // namespace

std::string cluster_text(const Cluster& cluster, Page page) {
  auto text = machine_table(cluster).text(page);
  if (!cluster.links.empty()) {
    text += "\n" + link_table(cluster).text(page);
  }
  if (!cluster.codecs.empty()) {
    text += "\n" + codec_table(cluster).text(page);
  }
  return text;
}

Json cluster_figures(const Cluster& cluster) {
  auto machines = Json::array();
  for (std::size_t i = 0; i < cluster.machines.size(); ++i) {
    machines.push_back(machine_json(cluster, i));
  }
  auto links = Json::array();
  for (const auto& link : cluster.links) {
    links.push_back({{"name", link.name()},
                     {"from", link.from},
                     {"to", link.to},
                     {"latency_us", link.latency_us},
                     {"medium", link.medium.empty() ? Json() : Json(link.medium)},
                     {"transfers", transfers_json(link)}});
  }
  auto codecs = Json::array();
  for (const auto& codec : cluster.codecs) {
    codecs.push_back({{"name", codec.name},
                      {"input", codec.input.empty() ? Json() : Json(codec.input)},
                      {"bytes", codec.bytes},
                      {"encode_us", codec.encode_us},
                      {"decode_us", Json(codec.decode_us)},
                      {"sqnr_db", or_null(codec.sqnr_db)}});
  }
  return {{"machines", std::move(machines)},  {"links", std::move(links)},
          {"codecs", std::move(codecs)},      {"inputs_from", cluster.inputs_from},
          {"outputs_to", cluster.outputs_to}, {"unreachable", Json(unreachable(cluster))}};
}

}  // namespace tessera::report
