// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/made_up.h"
#include "support/matchers.h"

namespace tessera::cluster {
namespace {

using ::testing::DoubleNear;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Optional;

Cluster changed(std::string_view how) {
  auto made = three_machines();
  EXPECT_THAT(change(made, how), IsOk()) << how;
  return made;
}

TEST(ClusterChange, SetsFiguresOfLinks) {
  EXPECT_THAT(changed("link.edge-cloud.bandwidth=2e6").links[2].bandwidth_bytes_per_s,
              Optional(2e6));
  EXPECT_THAT(changed("link.edge-cloud.bandwidth=16Mbit/s").links[2].bandwidth_bytes_per_s,
              Optional(2e6));
  EXPECT_THAT(changed("link.edge-cloud.bandwidth = *0.5").links[2].bandwidth_bytes_per_s,
              Optional(2.5e6));
  EXPECT_EQ(changed("link.edge-cloud.latency_us=2ms").links[2].latency_us, 2000);
  EXPECT_EQ(changed("link.edge-cloud.latency_us=*2").links[2].latency_us, 24000);
  EXPECT_EQ(changed("link.edge-cloud.latency_us=*2").links[3].latency_us, 12000);
}

TEST(ClusterChange, StretchesACurve_OrReplacesIt) {
  const auto slower = changed("link.cloud-edge.bandwidth=*0.5");
  EXPECT_THAT(slower.links[3].transfer_us(65536), Optional(DoubleNear(12000 + 16000, 1e-6)));
  const auto flat = changed("link.cloud-edge.bandwidth=1MB/s");
  EXPECT_THAT(flat.links[3].transfer_us(1'000'000), Optional(DoubleNear(1'012'000, 1e-6)));
}

TEST(ClusterChange, SetsFiguresOfMachines) {
  EXPECT_THAT(changed("machine.device.memory_bytes=256MiB").machines[0].memory_bytes,
              Optional(256LL << 20));
  EXPECT_THAT(changed("machine.device.memory_bytes=*0.5").machines[0].memory_bytes,
              Optional(256LL << 20));
  EXPECT_THAT(changed("machine.edge.memory_bytes=1e9").machines[1].memory_bytes,
              Optional(1'000'000'000));
  EXPECT_EQ(changed("machine.edge.speed=*2").machines[1].speed, 2);
  EXPECT_EQ(changed("machine.edge.speed=0.5").machines[1].speed, 0.5);
  EXPECT_THAT(changed("machine.device.busy_watts=*2").machines[0].busy_watts, Optional(9.0));
  EXPECT_THAT(changed("machine.edge.busy_watts=7").machines[1].busy_watts, Optional(7.0));
}

TEST(ClusterChange, ThatIsNone_ChangesNothing) {
  const auto refuse = [](std::string_view how, const std::string& says) {
    auto made = three_machines();
    const auto status = change(made, how);
    EXPECT_THAT(status, FailsWith(ErrorCode::kInvalidArgument, HasSubstr(says)));
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().hint, "") << how;
    EXPECT_EQ(made.links[2].bandwidth_bytes_per_s, 5e6);
    EXPECT_EQ(made.machines[1].memory_bytes, std::nullopt);
    EXPECT_EQ(made.machines[1].speed, 1);
  };
  refuse("link.edge-cloud.bandwidth", "has no '='");
  refuse("link.edge-clod.bandwidth=1", "no figure 'link.edge-clod.bandwidth'");
  refuse("machine.edge.cores=2", "no figure 'machine.edge.cores'");
  refuse("link.edge-cloud.bandwidth=fast", "'fast' is no rate");
  refuse("link.edge-cloud.bandwidth=-1", "'-1' is no rate");
  refuse("link.edge-cloud.bandwidth=nan", "'nan' is no rate");
  refuse("link.edge-cloud.bandwidth=0", "bandwidth_bytes_per_s is 0");
  refuse("link.edge-cloud.bandwidth=*0", "bandwidth_bytes_per_s is 0");
  refuse("link.edge-cloud.bandwidth=*", "'' is no number");
  refuse("link.cloud-edge.bandwidth=*0", "goodput[0].us is inf");
  refuse("machine.edge.memory_bytes=*2", "is unknown and takes no factor");
  refuse("machine.edge.memory_bytes=1e30", "too many");
  refuse("machine.edge.speed=0", "speed is 0");
}

TEST(ClusterChange, ThatIsUnknown_IsToldWithTheNearest) {
  auto made = three_machines();
  const auto status = change(made, "link.edge-clod.bandwidth=1");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().hint, HasSubstr("nearest: link.edge-cloud.bandwidth"));
}

}  // namespace
}  // namespace tessera::cluster
