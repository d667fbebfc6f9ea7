// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "cluster/made_up.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/core/record.h"

namespace tessera::cluster {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

Json written(const Cluster& cluster) {
  return *parse_json(to_text(to_json(cluster)), "written");
}

TEST(ClusterJson, SurvivesWritingAndReading) {
  const auto made = three_machines();
  const auto again = cluster_from_json(written(made));
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(written(*again), written(made));
  const auto& device = again->machines[0];
  EXPECT_EQ(device.scaling->factors, made.machines[0].scaling->factors);
  EXPECT_EQ(device.memory_bytes, made.machines[0].memory_bytes);
  EXPECT_EQ(again->machines[2].only, made.machines[2].only);
  EXPECT_EQ(again->links[0].radio->beta_mw, 132.86);
  EXPECT_EQ(again->links[3].goodput[1].us, 8000);
  EXPECT_EQ(again->links[1].medium, "wlan");
  EXPECT_EQ(again->codecs[0].decode_us, made.codecs[0].decode_us);
  EXPECT_TRUE(again->raw_input_stays);
  EXPECT_EQ(again->pins[0].match, made.pins[0].match);
}

RC_GTEST_PROP(ClusterJsonProperties, EveryCluster_SurvivesWritingAndReading, ()) {
  auto made = three_machines();
  const auto number = [] { return *rc::gen::inRange(1, 1'000'000'000) / 977.0; };
  for (auto& one : made.machines) {
    one.memory_bytes = *rc::gen::inRange<std::int64_t>(1, 1LL << 60);
    one.busy_watts = *rc::gen::arbitrary<bool>() ? std::optional(number()) : std::nullopt;
    one.cores = *rc::gen::inRange(1, 1000);
    one.speed = *rc::gen::arbitrary<bool>() ? number() : 1;
    one.part_overhead_us = number();
    one.power_source = *rc::gen::string<std::string>();
  }
  for (auto& one : made.links) {
    one.latency_us = number();
    one.bandwidth_bytes_per_s = number();
    one.source = *rc::gen::container<std::string>(rc::gen::inRange('a', 'z'));
  }
  made.codecs[0].sqnr_db = number();
  made.raw_input_stays = *rc::gen::arbitrary<bool>();
  const auto first = written(made);
  const auto again = cluster_from_json(first);
  RC_ASSERT(again.has_value());
  RC_ASSERT(written(*again) == first);
  RC_ASSERT(again->machines[0].busy_watts == made.machines[0].busy_watts);
  RC_ASSERT(again->links[2].latency_us == made.links[2].latency_us);
  RC_ASSERT(*again->links[2].transfer_us(12345) == *made.links[2].transfer_us(12345));
}

TEST(ClusterJson, OfOneMachineNeedsNothingButItsName) {
  const auto made = cluster_from_json(Json::parse(R"({"machines": [{"name": "here"}]})"));
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->inputs_from, "here");
  EXPECT_EQ(made->outputs_to, "here");
  EXPECT_EQ(made->machines[0].cores, 1);
  EXPECT_EQ(made->wires.size(), 3U);
  EXPECT_THAT(validate(*made), IsOk());
}

TEST(ClusterJson, MayHaveAnEnvelope_OfItsOwnKindOnly) {
  Envelope envelope;
  envelope.kind = "cluster";
  envelope.timeless = true;
  const auto made = three_machines();
  EXPECT_THAT(cluster_from_json(enclose(envelope, to_json(made))), IsOk());
  envelope.kind = "profile";
  EXPECT_THAT(cluster_from_json(enclose(envelope, to_json(made))),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'tessera.cluster/1' was expected")));
  EXPECT_THAT(cluster_from_json(enclose(envelope, to_json(made))).error().hint,
              HasSubstr("cluster init"));
}

TEST(ClusterJson, WhatIsWrongIsToldWithItsPlace) {
  const auto expect = [](const std::string& pointer, const Json& value, const std::string& says) {
    auto json = written(three_machines());
    json[Json::json_pointer(pointer)] = value;
    EXPECT_THAT(cluster_from_json(json), FailsWith(ErrorCode::kDataLoss, HasSubstr(says)));
  };
  expect("/machine", 1, "the cluster has an unknown key 'machine'");
  expect("/machines/0/memory", 1, "machines[0] has an unknown key 'memory'");
  expect("/machines/1/name", 5, "machines[1]: name: type must be string");
  expect("/machines/1/cores", 1.5, "machines[1]: cores: ");
  expect("/machines/1/cores", 5'000'000'000,
         "machines[1]: cores: 5000000000 is no number of cores");
  expect("/machines/0/scaling/factor", 2, "machines[0].scaling has an unknown key 'factor'");
  expect("/machines/0/scaling/factors/int8", "3", "machines[0].scaling: factors: type must be");
  expect("/machines/0", "device", "machines[0]: an object was expected");
  expect("/links/0/bandwidth", 3, "links[0] has an unknown key 'bandwidth'");
  expect("/links/0/radio/gamma", 3, "links[0].radio has an unknown key 'gamma'");
  expect("/links/3/goodput/1/us", nullptr, "links[3].goodput[1]: us: type must be number");
  expect("/links/3/goodput/1", 7, "links[3].goodput[1]: an object was expected");
  expect("/links", "none", "the cluster: links: a list or an object was expected, not a string");
  expect("/machines", Json::object(), "machines: a list was expected, not an object");
  expect("/codecs/0/sqnr", 3, "codecs[0] has an unknown key 'sqnr'");
  expect("/pins/0/match", "conv", "pins[0]: match: ");
  expect("/raw_input_stays", 1, "the cluster: raw_input_stays: type must be boolean");
}

TEST(ClusterJson, AnUnknownKey_IsToldWithTheNearestOne) {
  auto json = written(three_machines());
  json["links"][0]["latency"] = 3;
  const auto read = cluster_from_json(json);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().hint, HasSubstr("did you mean 'latency_us'?"));
}

TEST(ClusterJson, WhatIsMissingIsNamed) {
  auto json = written(three_machines());
  json["links"][2].erase("to");
  EXPECT_THAT(cluster_from_json(json),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("links[2]: 'to' is missing")));
  EXPECT_THAT(cluster_from_json(Json::object()),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'machines' is missing")));
  EXPECT_THAT(cluster_from_json(Json::array()),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("an object was expected")));
}

TEST(ClusterFile, IsReadAndItsProfilesAreSeenFromHere) {
  const auto folder = TemporaryDirectory::create("cluster");
  ASSERT_THAT(folder, IsOk());
  const auto path = folder->path() / "c.json";
  ASSERT_THAT(write_json(path, to_json(three_machines()), Overwrite::kRefuse), IsOk());
  const auto read = read_cluster(path);
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->machines[1].profile, (folder->path() / "edge.json").string());
  EXPECT_EQ(read->machines[0].profile, "");
}

TEST(ClusterFile, ThatIsNotValid_IsAnInputError) {
  const auto folder = TemporaryDirectory::create("cluster");
  ASSERT_THAT(folder, IsOk());
  const auto path = folder->path() / "c.json";
  auto made = three_machines();
  made.links[0].bandwidth_bytes_per_s = 0;
  ASSERT_THAT(write_json(path, to_json(made), Overwrite::kRefuse), IsOk());
  EXPECT_THAT(read_cluster(path),
              FailsWith(ErrorCode::kDataLoss,
                        HasSubstr("c.json: link 'device-edge': bandwidth_bytes_per_s is 0")));
  EXPECT_THAT(read_cluster(folder->path() / "none.json"),
              FailsWith(ErrorCode::kNotFound, HasSubstr("none.json")));
}

}  // namespace
}  // namespace tessera::cluster
