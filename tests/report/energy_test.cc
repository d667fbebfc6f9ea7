// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/energy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

evaluate::ModelEnergy measured() {
  evaluate::ModelEnergy energy;
  energy.per_inference = {.joules = 0.0125,
                          .source = EnergySource::kPowercap,
                          .uncertainty_joules = 0.0004,
                          .method = "counted"};
  energy.measured.emplace();
  energy.measured->idle_watts = 12.5;
  energy.measured->gross_joules_per_call = 0.02;
  energy.measured->domains = {{"package-0", 0.012}, {"dram", 0.0005}};
  energy.latency.median_us = 1500;
  energy.per_mac = {.joules = 1e-3, .method = "arithmetic alone"};
  energy.shared_by = "time";
  energy.layers = {{"conv", "Conv", "cpu", 2.5e6, 1000, 0.8, 0.01},
                   {"relu", "Relu", "cpu", {}, 250, 0.2, 0.0025}};
  return energy;
}

TEST(EnergyText, Measured_WithCountersAndLayersByTime) {
  EXPECT_EQ(energy_text(measured(), {}, 0),
            "energy    12.5 mJ +- 0.400 per inference\n"
            "source    powercap: counted\n"
            "idle      12.5 W, subtracted; 20.0 mJ with it\n"
            "counter   package-0 12.0 mJ\n"
            "counter   dram 0.500 mJ\n"
            "latency   1.50 ms\n"
            "by MACs   1.00 mJ: arithmetic alone\n"
            "\n"
            "by the time of each kernel, as if all drew the same power\n"
            "layer  type  M MACs    us    mJ  share %\n"
            "conv   Conv    2.50  1000  10.0     80.0\n"
            "relu   Relu       -   250  2.50     20.0\n"
            "----------------------------------------\n"
            "all                  1250  12.5    100.0\n");
}

TEST(EnergyText, ByMacs_HasNoTimesAndNoSecondFigure) {
  auto energy = measured();
  energy.per_inference.source = EnergySource::kPerMac;
  energy.per_inference.uncertainty_joules.reset();
  energy.measured.reset();
  energy.shared_by = "macs";
  energy.layers.resize(1);
  const auto text = energy_text(energy, {}, 0);
  EXPECT_THAT(text, HasSubstr("energy    12.5 mJ per inference\nsource    per-mac: counted\n"
                              "latency   1.50 ms\n\nby multiply-accumulates\n"));
  EXPECT_THAT(text, HasSubstr("operator  type  M MACs  us    mJ  share %\n"
                              "conv      Conv    2.50   -  10.0     80.0\n"));
  EXPECT_THAT(text, Not(HasSubstr("all"))) << "one layer is its own total";
}

TEST(EnergyText, Top_KeepsTheTotalOfAll) {
  const auto text = energy_text(measured(), {}, 1);
  EXPECT_THAT(text, HasSubstr("... 1 more (--top 0 shows all)\n"));
  EXPECT_THAT(text, HasSubstr("1250  12.5    100.0\n"));
}

}  // namespace
}  // namespace tessera::report
