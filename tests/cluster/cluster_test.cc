// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/cluster/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cluster/made_up.h"

namespace tessera::cluster {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

TEST(LinkTimes, AreLatencyAndBytesByTheBandwidth) {
  EXPECT_THAT(link("a", "b", 20e6, 3000).transfer_us(1'000'000), Optional(DoubleNear(53000, 1e-6)));
  EXPECT_THAT(link("a", "b", 20e6, 3000).transfer_us(0), Optional(3000.0));
  Link unknown;
  EXPECT_EQ(unknown.transfer_us(1), std::nullopt);
}

TEST(LinkTimes, OfACurve_AreItsPointsStraightLinesAndItsLastRate) {
  auto curved = link("a", "b", 1, 10);  // the bandwidth does not count
  curved.goodput = {{1000, 50}, {3000, 70}, {10000, 210}};
  EXPECT_THAT(curved.transfer_us(0), Optional(60.0));
  EXPECT_THAT(curved.transfer_us(500), Optional(60.0));
  EXPECT_THAT(curved.transfer_us(1000), Optional(60.0));
  EXPECT_THAT(curved.transfer_us(2000), Optional(DoubleNear(70, 1e-9)));
  EXPECT_THAT(curved.transfer_us(3000), Optional(DoubleNear(80, 1e-9)));
  EXPECT_THAT(curved.transfer_us(10000), Optional(DoubleNear(220, 1e-9)));
  EXPECT_THAT(curved.transfer_us(20000), Optional(DoubleNear(430, 1e-9)));
}

/// Joules per byte = 8e-9 (alpha + beta / throughput), the throughput in Mbit/s: 20 MB/s are 160.
TEST(LinkJoules, OfARadio_FollowItsThroughput) {
  auto wifi = link("a", "b", 20e6, 3000);
  EXPECT_EQ(wifi.transfer_joules(1000), std::nullopt);
  wifi.radio = Radio{283.17, 132.86};
  const auto per_byte = 8e-9 * (283.17 + 132.86 / 160);
  EXPECT_THAT(wifi.transfer_joules(1'000'000), Optional(DoubleNear(1e6 * per_byte, 1e-9)));
  EXPECT_THAT(wifi.transfer_joules(0), Optional(0.0));
  wifi.receiver_joules_per_byte = 1e-8;
  EXPECT_THAT(wifi.transfer_joules(1'000'000), Optional(DoubleNear(1e6 * per_byte + 0.01, 1e-9)));
}

TEST(LinkJoules, OfARadioOnACurve_FollowTheThroughputOfThatSize) {
  auto curved = link("a", "b");
  curved.goodput = {{1000, 100}, {100000, 1000}};  // 80 and 800 Mbit/s
  curved.radio = Radio{400, 1200};
  EXPECT_THAT(curved.transfer_joules(1000),
              Optional(DoubleNear(8e-9 * 1000 * (400 + 1200.0 / 80), 1e-12)));
  EXPECT_THAT(curved.transfer_joules(100000),
              Optional(DoubleNear(8e-9 * 100000 * (400 + 1200.0 / 800), 1e-12)));
}

TEST(LinkJoules, OfEitherEndAlone_AreKnown) {
  auto wire = link("a", "b");
  wire.receiver_joules_per_byte = 2e-9;
  EXPECT_THAT(wire.transfer_joules(1000), Optional(DoubleNear(2e-6, 1e-15)));
  wire.sender_joules_per_byte = 3e-9;
  EXPECT_THAT(wire.transfer_joules(1000), Optional(DoubleNear(5e-6, 1e-15)));
}

RC_GTEST_PROP(LinkProperties, NeverFallWithTheBytes, ()) {
  auto any = link("a", "b", *rc::gen::inRange(1, 1'000'000'000), *rc::gen::inRange(0, 100'000));
  const auto points = *rc::gen::inRange(0, 6);
  GoodputPoint last;
  for (int i = 0; i < points; ++i) {
    last.bytes += *rc::gen::inRange(1, 1 << 20);
    last.us += *rc::gen::inRange(i == 0 ? 1 : 0, 100'000);
    any.goodput.push_back(last);
  }
  any.radio = Radio{1.0 * *rc::gen::inRange(0, 1000), 1.0 * *rc::gen::inRange(0, 2000)};
  const auto small = *rc::gen::inRange<std::int64_t>(0, 1LL << 24);
  const auto large = small + *rc::gen::inRange<std::int64_t>(0, 1LL << 24);
  RC_ASSERT(*any.transfer_us(small) <= *any.transfer_us(large) * (1 + 1e-12));
  RC_ASSERT(*any.transfer_us(small) >= any.latency_us);
  RC_ASSERT(*any.transfer_joules(small) <= *any.transfer_joules(large) * (1 + 1e-12));
}

TEST(ClusterLookup, FindsMachinesAndDirections) {
  const auto made = three_machines();
  EXPECT_THAT(made.find("cloud"), Optional(2U));
  EXPECT_EQ(made.find("clod"), std::nullopt);
  ASSERT_NE(made.link("cloud", "edge"), nullptr);
  EXPECT_EQ(made.link("cloud", "edge")->name(), "cloud-edge");
  EXPECT_EQ(made.link("cloud", "device"), nullptr);
}

TEST(ClusterScaling, MultipliesAlongTheWayToTheProfile) {
  auto made = three_machines();
  made.machines.push_back(machine("sensor"));
  made.machines[3].scaling = Scaling{"device", {{"*", 10}}, ""};
  EXPECT_EQ(profiled(made, 0), 1U);
  EXPECT_EQ(profiled(made, 1), 1U);
  EXPECT_EQ(profiled(made, 3), 1U);
  EXPECT_THAT(time_factor(made, 1, "fp32"), Optional(1.0));
  EXPECT_THAT(time_factor(made, 0, "fp32"), Optional(4.0));
  EXPECT_THAT(time_factor(made, 0, "int8"), Optional(3.0));
  EXPECT_THAT(time_factor(made, 3, "int8"), Optional(30.0));
  EXPECT_THAT(time_factor(made, 2, "fp32"), Optional(0.25));
  EXPECT_EQ(time_factor(made, 2, "int8"), std::nullopt);  // no factor for it, and none for all
  made.machines[0].speed = 2;
  EXPECT_THAT(time_factor(made, 0, "fp32"), Optional(2.0));
  EXPECT_THAT(time_factor(made, 3, "fp32"), Optional(40.0));  // does not follow
}

TEST(ClusterWays, WhatCannotBeReachedIsNamed) {
  auto made = three_machines();
  EXPECT_THAT(unreachable(made), IsEmpty());
  made.machines.push_back(machine("island"));
  made.machines.push_back(machine("sink"));
  made.links.push_back(link("cloud", "sink"));  // and no way back
  EXPECT_THAT(unreachable(made), ElementsAre("island", "sink"));
  made.outputs_to = "sink";
  EXPECT_THAT(unreachable(made), ElementsAre("island"));
}

}  // namespace
}  // namespace tessera::cluster
