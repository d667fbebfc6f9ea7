// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/energy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "support/fake_powercap.h"
#include "support/matchers.h"

namespace tessera {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using testing::FailsWith;
using testing::FakePowercap;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::SizeIs;

namespace fs = std::filesystem;

TEST(EnergyMeter, Lap_GivesJoulesSinceTheOneBefore) {
  FakePowercap fake;
  fake.add("intel-rapl:0", "package-0", 5'000'000);
  auto meter = EnergyMeter::open(fake.root());
  ASSERT_THAT(meter, IsOk());
  ASSERT_THAT(meter->domains(), SizeIs(1));
  fake.advance("intel-rapl:0", 2'500'000);
  EXPECT_THAT(meter->lap(), IsOkAndHolds(ElementsAre(DoubleEq(2.5))));
  EXPECT_THAT(meter->lap(), IsOkAndHolds(ElementsAre(DoubleEq(0))));
}

TEST(EnergyMeter, Lap_CounterWrapsAround) {
  FakePowercap fake;
  fake.add("intel-rapl:0", "package-0", 9'000'000, 10'000'000);
  auto meter = EnergyMeter::open(fake.root());
  ASSERT_THAT(meter, IsOk());
  fake.set("intel-rapl:0", 500'000);
  EXPECT_THAT(meter->lap(), IsOkAndHolds(ElementsAre(DoubleEq(1.5))));
}

TEST(EnergyMeter, Total_CountsPackagesAndMemoryOnce) {
  FakePowercap fake;
  fake.add("intel-rapl:0", "package-0", 0);
  fake.add("intel-rapl:0:0", "core", 0);
  fake.add("intel-rapl:0:1", "uncore", 0);
  fake.add("intel-rapl:0:2", "dram", 0);
  fake.add("intel-rapl:1", "package-1", 0);
  fake.add("intel-rapl:2", "psys", 0);
  fake.add("intel-rapl-mmio:0", "package-0", 0);
  auto meter = EnergyMeter::open(fake.root());
  ASSERT_THAT(meter, IsOk());
  EXPECT_THAT(meter->domains(), SizeIs(6));  // not the same package once more
  fake.set("intel-rapl:0", 10'000'000);
  fake.set("intel-rapl:0:0", 6'000'000);
  fake.set("intel-rapl:0:1", 1'000'000);
  fake.set("intel-rapl:0:2", 3'000'000);
  fake.set("intel-rapl:1", 4'000'000);
  fake.set("intel-rapl:2", 50'000'000);
  fake.set("intel-rapl-mmio:0", 10'000'000);
  const auto joules = meter->lap();
  ASSERT_THAT(joules, IsOk());
  EXPECT_DOUBLE_EQ(meter->total(*joules), 17);
}

TEST(EnergyMeter, OnlyPsys_Counts) {
  FakePowercap fake;
  fake.add("intel-rapl:0", "psys", 0);
  auto meter = EnergyMeter::open(fake.root());
  ASSERT_THAT(meter, IsOk());
  EXPECT_TRUE(meter->domains()[0].counts);
}

TEST(EnergyMeter, NoCounters_SaysSo) {
  const FakePowercap fake;
  EXPECT_THAT(EnergyMeter::open(fake.root()),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("no energy counters")));
  EXPECT_THAT(EnergyMeter::open("/no/such/place"),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("/no/such/place")));
}

TEST(EnergyMeter, UnreadableCounter_SaysWhoCanHelp) {
  FakePowercap fake;
  fake.add("intel-rapl:0", "package-0", 0);
  fs::permissions(fake.root(), fs::perms::all);
  fs::permissions(fake.root() / "intel-rapl:0/energy_uj", fs::perms::none);
  constexpr uid_t kNobody = 65534;
  const bool root = ::geteuid() == 0;  // to whom nothing is unreadable
  if (root) {
    ASSERT_EQ(::seteuid(kNobody), 0);
  }
  const auto meter = EnergyMeter::open(fake.root());
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_THAT(meter, FailsWith(ErrorCode::kPermissionDenied, HasSubstr("energy_uj")));
  EXPECT_THAT(meter.error().hint, HasSubstr("chmod"));
}

TEST(EnergyMeter, CounterIsNoNumber_IsAnError) {
  FakePowercap fake;
  fake.add("intel-rapl:0", "package-0", 0);
  auto meter = EnergyMeter::open(fake.root());
  ASSERT_THAT(meter, IsOk());
  std::ofstream(fake.root() / "intel-rapl:0/energy_uj") << "soon\n";
  EXPECT_THAT(meter->lap(), FailsWith(ErrorCode::kUnavailable, HasSubstr("soon")));
}

TEST(EnergyMeter, DefaultRoot_IsTheEnvironments) {
  ::setenv("TESSERA_POWERCAP", "/some/place", 1);
  EXPECT_EQ(EnergyMeter::default_root(), "/some/place");
  ::unsetenv("TESSERA_POWERCAP");
  EXPECT_EQ(EnergyMeter::default_root(), "/sys/class/powercap");
}

TEST(EnergyModels, SayWhatTheyAre) {
  const auto power = constant_power_energy(10, 0.5, true);
  EXPECT_DOUBLE_EQ(power.joules, 5);
  EXPECT_THAT(power.method, HasSubstr("assumption"));
  EXPECT_FALSE(power.uncertainty_joules);
  EXPECT_THAT(constant_power_energy(10, 0.5, false).method, HasSubstr("--watts"));
  // One million MACs: 4.6 uJ in float32, .3 uJ in int8.
  EXPECT_DOUBLE_EQ(per_mac_energy({.float32 = 1e6}).joules, 4.6e-6);
  EXPECT_DOUBLE_EQ(per_mac_energy({.int8 = 1e6}).joules, 0.3e-6);
  EXPECT_DOUBLE_EQ(per_mac_energy({.float16 = 1e6}).joules, 1.5e-6);
  const auto json = to_json(per_mac_energy({.float32 = 1e6}));
  EXPECT_EQ(json["source"], "per-mac");
  EXPECT_EQ(json["unit"], "J");
  EXPECT_TRUE(json["uncertainty_joules"].is_null());
  EXPECT_THAT(json["method"].get<std::string>(), HasSubstr("Horowitz"));
}

TEST(EnergyMeter, Lap_OfACounterThatWrapsWithoutASize_CountsWhatIsThere) {
  FakePowercap fake;
  fake.add("intel-rapl:0", "package-0", 9'000'000, 0);
  fake.add("intel-rapl:1", "package-1", 9'000'000, 9'000'000);
  auto meter = EnergyMeter::open(fake.root());
  ASSERT_THAT(meter, IsOk());
  fake.set("intel-rapl:0", 500'000);
  fake.set("intel-rapl:1", 0);
  EXPECT_THAT(meter->lap(), IsOkAndHolds(ElementsAre(DoubleEq(0.5), DoubleEq(0))))
      << "never a negative amount, nor 2^64";
}

TEST(EnergyMeter, Domains_AreInTheOrderOfTheirPaths_AmdIncluded) {
  FakePowercap fake;
  fake.add("amd-rapl:1", "package-1", 0);
  fake.add("intel-rapl:0", "package-0", 0);
  fake.add("amd-rapl:0", "package-0", 0);
  const auto meter = EnergyMeter::open(fake.root());
  ASSERT_THAT(meter, IsOk());
  std::vector<std::string> names;
  for (const auto& domain : meter->domains()) {
    names.push_back(domain.path.filename().string());
  }
  EXPECT_THAT(names, ElementsAre("amd-rapl:0", "amd-rapl:1", "intel-rapl:0"));
}

TEST(EnergyMeter, PartsOfNoPackage_AreNoTotal) {
  FakePowercap fake;
  fake.add("intel-rapl:0:0", "core", 0);
  fake.add("intel-rapl:0:1", "dram", 0);
  EXPECT_THAT(EnergyMeter::open(fake.root()),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("no energy counters")));
}

TEST(EnergyMeter, ACounterThatGoes_IsAnErrorThatNamesIt) {
  FakePowercap fake;
  fake.add("intel-rapl:0", "package-0", 0);
  auto meter = EnergyMeter::open(fake.root());
  ASSERT_THAT(meter, IsOk());
  fs::remove(fake.root() / "intel-rapl:0/energy_uj");
  EXPECT_THAT(meter->lap(), FailsWith(ErrorCode::kUnavailable, HasSubstr("intel-rapl:0")));
}

TEST(Energy, ToJson_HasEveryMember) {
  const Energy measured{.joules = 1.5,
                        .source = EnergySource::kPowercap,
                        .uncertainty_joules = 0.25,
                        .method = "counted"};
  EXPECT_EQ(to_json(measured).dump(),
            R"({"joules":1.5,"unit":"J","source":"powercap","uncertainty_joules":0.25,)"
            R"("method":"counted"})");
  EXPECT_EQ(to_json(constant_power_energy(2, 3, false))["source"], "constant-power");
  EXPECT_EQ(constant_power_energy(2.5, 0, false).method, "time x 2.5 W, as stated by --watts");
  EXPECT_DOUBLE_EQ(per_mac_energy({.float32 = 1e12, .float16 = 1e12, .int8 = 1e12}).joules,
                   4.6 + 1.5 + 0.3);
}

}  // namespace
}  // namespace tessera
