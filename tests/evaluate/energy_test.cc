// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/energy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "support/fake_powercap.h"
#include "support/matchers.h"
#include "support/small_classifier.h"

namespace tessera::evaluate {
namespace {

using ::testing::Each;
using testing::FailsWith;
using testing::FakePowercap;
using ::testing::Field;
using ::testing::Ge;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::make_fixture;
using ::testing::SizeIs;

/// A machine that draws 10 W all the time, and a piece of work that takes 50 ms and 2 J more.
struct FakeMachine {
  FakePowercap powercap;
  double now_us = 0;
  double extra_uj = 2e6;

  FakeMachine() { powercap.add("intel-rapl:0", "package-0", 0, 1'000'000'000'000); }
  void pass(double us, double extra) {
    now_us += us;
    powercap.advance("intel-rapl:0", static_cast<std::uint64_t>(10 * us + extra));
  }
  [[nodiscard]] EnergyProtocol protocol() {
    return {.clock = [this] { return now_us; }, .sleep = [this](double us) { pass(us, 0); }};
  }
  [[nodiscard]] std::function<Status()> work() {
    return [this]() -> Status {
      pass(5e4, extra_uj);
      return {};
    };
  }
};

TEST(MeasureEnergy, SubtractsIdle) {
  FakeMachine machine;
  auto meter = EnergyMeter::open(machine.powercap.root());
  ASSERT_THAT(meter, IsOk());
  const auto energy = measure_energy(*meter, machine.work(), machine.protocol(), Monitor::silent());
  ASSERT_THAT(energy, IsOk());
  EXPECT_NEAR(energy->per_call.joules, 2, 1e-6);
  EXPECT_NEAR(energy->gross_joules_per_call, 2.5, 1e-6);
  EXPECT_NEAR(energy->idle_watts, 10, 1e-6);
  EXPECT_EQ(energy->calls, 5 * 12);  // turns of at least 600 ms
  EXPECT_EQ(energy->per_call.source, EnergySource::kPowercap);
  EXPECT_NEAR(energy->per_call.uncertainty_joules.value_or(1), 0, 1e-6);
  ASSERT_THAT(energy->domains, SizeIs(1));
  EXPECT_NEAR(energy->domains[0].second, 2, 1e-6);
}

TEST(MeasureEnergy, ScatterWidensTheInterval) {
  FakeMachine machine;
  int turn = 0;
  const auto work = [&]() -> Status {
    machine.pass(6e5, 1e6 * (1 + turn++ % 2));  // one call a turn: 1, 2, 1, 2, 1 J
    return {};
  };
  auto meter = EnergyMeter::open(machine.powercap.root());
  ASSERT_THAT(meter, IsOk());
  const auto energy = measure_energy(*meter, work, machine.protocol(), Monitor::silent());
  ASSERT_THAT(energy, IsOk());
  EXPECT_NEAR(energy->per_call.joules, 1.4, 1e-5);
  // t(4) x sd / sqrt(5) = 2.776 x .5477 / 2.236
  EXPECT_NEAR(energy->per_call.uncertainty_joules.value_or(0), 0.680, 1e-3);
}

TEST(MeasureEnergy, FailureOfTheWork_IsPassedOn) {
  FakeMachine machine;
  auto meter = EnergyMeter::open(machine.powercap.root());
  ASSERT_THAT(meter, IsOk());
  const auto work = []() -> Status { return fail(ErrorCode::kUnavailable, "broken"); };
  EXPECT_THAT(measure_energy(*meter, work, machine.protocol(), Monitor::silent()),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("broken")));
}

class Listener final : public Monitor {
 public:
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning& warning) override { warnings.push_back(warning); }
  [[nodiscard]] bool cancelled() const noexcept override { return false; }
  std::vector<Warning> warnings;
};

Result<ModelEnergy> energy_of(const testing::Fixture& fixture, const EnergyOptions& options,
                              Monitor& monitor = Monitor::silent()) {
  auto quick = options;
  quick.seconds = 0.2;
  return model_energy(fixture.model, fixture.samples, fixture.library, quick, monitor);
}

double sum_of_layers(const ModelEnergy& energy) {
  double sum = 0;
  for (const auto& layer : energy.layers) {
    sum += layer.joules;
  }
  return sum;
}

TEST(ModelEnergy, StatedPower_IsSharedByTime) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  const auto energy = energy_of(*fixture, {.watts = 20});
  ASSERT_THAT(energy, IsOk());
  EXPECT_EQ(energy->per_inference.source, EnergySource::kConstantPower);
  EXPECT_NEAR(energy->per_inference.joules, 20 * energy->latency.median_us * 1e-6, 1e-12);
  EXPECT_EQ(energy->shared_by, "time");
  EXPECT_NEAR(sum_of_layers(*energy), energy->per_inference.joules, 1e-9);
  EXPECT_THAT(energy->layers, Each(Field(&LayerEnergy::time_us, Ge(0.0))));
  const auto convolution = std::find_if(energy->layers.begin(), energy->layers.end(),
                                        [](const auto& layer) { return layer.macs > 2e6; });
  ASSERT_NE(convolution, energy->layers.end());  // c2: 16 x 32 x 9 x 24 x 24
  EXPECT_EQ(*convolution->macs, 16.0 * 32 * 9 * 24 * 24);
}

TEST(ModelEnergy, NoCounters_AssumesAndWarns) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  Listener listener;
  const auto energy = energy_of(*fixture, {.counters = "/no/such/place"}, listener);
  ASSERT_THAT(energy, IsOk());
  EXPECT_THAT(energy->per_inference.method, HasSubstr("assumption"));
  ASSERT_THAT(listener.warnings, SizeIs(1));
  EXPECT_EQ(listener.warnings[0].id, "energy-assumed");
}

TEST(ModelEnergy, PerMac_CountsArithmetic) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  const auto energy = energy_of(*fixture, {.per_mac = true});
  ASSERT_THAT(energy, IsOk());
  const double macs = 576.0 * 9 * (3 * 16 + 16 * 32) + 320;
  EXPECT_EQ(energy->macs.float32, macs);
  EXPECT_NEAR(energy->per_inference.joules, macs * 4.6e-12, 1e-15);
  EXPECT_EQ(energy->shared_by, "macs");
  EXPECT_THAT(energy->layers, SizeIs(3));
  EXPECT_NEAR(sum_of_layers(*energy), energy->per_inference.joules, 1e-15);
}

TEST(ModelEnergy, Counters_AreTheSourceWhereTheyAre) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  FakePowercap fake;  // stands still: the model seems to take nothing
  fake.add("intel-rapl:0", "package-0", 7);
  const auto energy = energy_of(*fixture, {.counters = fake.root()});
  ASSERT_THAT(energy, IsOk());
  EXPECT_EQ(energy->per_inference.source, EnergySource::kPowercap);
  ASSERT_TRUE(energy->measured);
  EXPECT_GT(energy->measured->calls, 0);
  EXPECT_EQ(energy->per_inference.joules, 0);
  const auto json = to_json(*energy);
  EXPECT_EQ(json["energy"]["source"], "powercap");
  EXPECT_TRUE(json["measured"]["domain_joules"].contains("package-0"));
}

}  // namespace
}  // namespace tessera::evaluate
