// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tessera/cluster/cluster.h"

namespace tessera::cluster {

inline Machine machine(const std::string& name) {
  Machine made;
  made.name = name;
  return made;
}

inline Link link(const std::string& from, const std::string& to, double bandwidth = 20e6,
                 double latency_us = 3000) {
  Link made;
  made.from = from;
  made.to = to;
  made.bandwidth_bytes_per_s = bandwidth;
  made.latency_us = latency_us;
  return made;
}

/// A device with Wi-Fi, an edge box and a cloud behind a measured line.
inline Cluster three_machines() {
  Cluster made;
  made.machines = {machine("device"), machine("edge"), machine("cloud")};
  made.machines[0].scaling = Scaling{"edge", {{"*", 4}, {"int8", 3}}, "a guess"};
  made.machines[0].memory_bytes = 512LL << 20;
  made.machines[0].busy_watts = 4.5;
  made.machines[0].power_source = "datasheet";
  made.machines[1].profile = "edge.json";
  made.machines[1].cores = 2;
  made.machines[1].except = {"type:Resize"};
  made.machines[2].scaling = Scaling{"edge", {{"fp32", 0.25}}, ""};
  made.machines[2].precisions = {"fp32"};
  made.machines[2].only = {"re:conv.*", "path:x..y"};
  made.machines[2].part_overhead_us = 120;
  made.links = {link("device", "edge"), link("edge", "device"), link("edge", "cloud", 5e6, 12000),
                link("cloud", "edge", 10e6, 12000)};
  made.links[0].radio = Radio{283.17, 132.86};
  made.links[0].receiver_joules_per_byte = 1e-8;
  made.links[0].medium = made.links[1].medium = "wlan";
  made.links[3].goodput = {{1024, 200}, {65536, 8000}, {1 << 20, 100000}};
  made.links[3].source = "measured";
  made.codecs.resize(1);
  made.codecs[0].name = "jpeg";
  made.codecs[0].input = "images";
  made.codecs[0].bytes = 45000;
  made.codecs[0].decode_us = {{"*", 900}, {"device", 4000}};
  made.codecs[0].sqnr_db = 33.5;
  made.inputs_from = made.outputs_to = "device";
  made.raw_input_stays = true;
  made.pins = {{{"type:Conv", "first"}, "device"}};
  return made;
}

}  // namespace tessera::cluster
