// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/energy.h"

#include <fmt/format.h>

#include "tessera/report/format.h"
#include "tessera/report/table.h"

namespace tessera::report {
namespace {

constexpr double kMillijoules = 1e3;

std::string millijoules(double joules) {
  return number(joules * kMillijoules);
}

std::string figure(const Energy& energy) {
  auto text = millijoules(energy.joules) + " mJ";
  if (energy.uncertainty_joules) {
    text += " +- " + millijoules(*energy.uncertainty_joules);
  }
  return text;
}

}  // namespace

std::string energy_text(const evaluate::ModelEnergy& energy, Page page, std::size_t top) {
  const auto& whole = energy.per_inference;
  auto text = fmt::format("energy    {} per inference\nsource    {}: {}\n", figure(whole),
                          to_string(whole.source), whole.method);
  if (energy.measured) {
    text += fmt::format("idle      {} W, subtracted; {} mJ with it\n",
                        number(energy.measured->idle_watts),
                        millijoules(energy.measured->gross_joules_per_call));
    for (const auto& [name, joules] : energy.measured->domains) {
      text += fmt::format("counter   {} {} mJ\n", name, millijoules(joules));
    }
  }
  text += fmt::format("latency   {}\n", duration(energy.latency.median_us));
  if (whole.source != EnergySource::kPerMac) {
    text += fmt::format("by MACs   {} mJ: {}\n", millijoules(energy.per_mac.joules),
                        energy.per_mac.method);
  }
  const bool timed = energy.shared_by == "time";
  Table table({{timed ? "layer" : "operator", Align::kLeft, true},
               {"type", Align::kLeft},
               {"M MACs"},
               {"us"},
               {"mJ"},
               {"share %"}});
  for (const auto& layer : energy.layers) {
    table.add_row({layer.name, layer.type, layer.macs ? number(*layer.macs / 1e6) : "-",
                   timed ? number(layer.time_us) : "-", millijoules(layer.joules),
                   fmt::format("{:.1f}", 100 * layer.share)});
  }
  double joules = 0;
  double time_us = 0;
  for (const auto& layer : energy.layers) {
    joules += layer.joules;
    time_us += layer.time_us;
  }
  if (energy.layers.size() > 1) {
    table.set_total({"all", "", "", timed ? number(time_us) : "-", millijoules(joules), "100.0"});
  }
  text += fmt::format("\nby {}\n", timed ? "the time of each kernel, as if all drew the same power"
                                         : "multiply-accumulates");
  return text + table.text(page, top);
}

}  // namespace tessera::report
