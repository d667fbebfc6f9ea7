// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tessera::report {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

cluster::Cluster small_cluster() {
  cluster::Cluster made;
  made.machines.resize(3);
  made.machines[0].name = "device";
  made.machines[0].scaling = cluster::Scaling{"edge", {{"*", 4}, {"int8", 6}}, ""};
  made.machines[0].memory_bytes = 512LL << 20;
  made.machines[0].busy_watts = 3.5;
  made.machines[1].name = "edge";
  made.machines[1].profile = "edge.json";
  made.machines[1].speed = 2;
  made.machines[2].name = "island";
  made.links.resize(2);
  made.links[0].from = made.links[1].to = "device";
  made.links[0].to = made.links[1].from = "edge";
  made.links[0].bandwidth_bytes_per_s = 20e6;
  made.links[0].latency_us = 3000;
  made.links[0].sender_joules_per_byte = 1e-6;
  made.links[0].medium = "wlan";
  made.links[1].goodput = {{1000, 500}, {100'000, 9000}};
  made.codecs.resize(1);
  made.codecs[0].name = "jpeg";
  made.codecs[0].bytes = 45'000;
  made.codecs[0].decode_us = {{"*", 900}, {"device", 3600}};
  made.inputs_from = made.outputs_to = "device";
  return made;
}

TEST(ClusterText, HasMachinesLinksAndCodecs) {
  const auto text = cluster_text(small_cluster(), {});
  EXPECT_THAT(text, AllOf(HasSubstr("edge x 4.00, int8 6.00"), HasSubstr("512 MiB"),
                          HasSubstr("edge.json, 2.00 x as fast"), HasSubstr("inputs, outputs"),
                          HasSubstr("no way")));
  // 3 ms and 1 MB at 20 MB/s; a microjoule per byte.
  EXPECT_THAT(text, AllOf(HasSubstr("20.0 MB/s"), HasSubstr("53.0"), HasSubstr("1.00")));
  EXPECT_THAT(text, AllOf(HasSubstr("2 points"), HasSubstr("9.00"), HasSubstr("wlan")));
  EXPECT_THAT(text, AllOf(HasSubstr("jpeg"), HasSubstr("others"), HasSubstr("3.60")));
  auto alone = small_cluster();
  alone.links.clear();
  alone.codecs.clear();
  EXPECT_THAT(cluster_text(alone, {}), AllOf(Not(HasSubstr("latency")), Not(HasSubstr("encode"))));
}

TEST(ClusterFigures, AreThoseOfTheCluster) {
  const auto json = cluster_figures(small_cluster());
  const auto& machines = json.at("machines");
  EXPECT_EQ(machines[0].at("profile_of"), "edge");
  EXPECT_EQ(machines[0].at("profile"), "edge.json");
  EXPECT_EQ(machines[0].at("int8_factor"), 6.0);
  EXPECT_EQ(machines[1].at("fp32_factor"), 0.5);
  EXPECT_TRUE(machines[2].at("profile").is_null());
  const auto& there = json.at("links")[0].at("transfers");
  ASSERT_EQ(there.size(), kShownBytes.size());
  EXPECT_EQ(there[2].at("bytes"), 1'000'000);
  EXPECT_EQ(there[2].at("us"), 53'000.0);
  EXPECT_EQ(there[2].at("joules"), 1.0);
  const auto& back = json.at("links")[1].at("transfers");
  EXPECT_EQ(back[0].at("us"), 500.0);
  EXPECT_TRUE(back[0].at("joules").is_null());
  EXPECT_EQ(json.at("codecs")[0].at("decode_us").at("device"), 3600.0);
  EXPECT_EQ(json.at("unreachable"), Json::array({"island"}));
}

}  // namespace
}  // namespace tessera::report
