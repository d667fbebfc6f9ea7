// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "cluster/made_up.h"
#include "support/matchers.h"

namespace tessera::cluster {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Wrong {
  std::string says;
  std::function<void(Cluster& cluster)> make;
};

/// Each is one mistake in a cluster that is right without it.
void expect_refused(const std::vector<Wrong>& all) {
  for (const auto& wrong : all) {
    auto made = three_machines();
    ASSERT_THAT(validate(made), IsOk());
    wrong.make(made);
    const auto status = validate(made);
    EXPECT_THAT(status, FailsWith(ErrorCode::kInvalidArgument, HasSubstr(wrong.says)));
    if (!status) {
      EXPECT_NE(status.error().hint, "") << wrong.says;
    }
  }
}

TEST(ClusterIsRefused, ForMachines) {
  expect_refused({
      {"no machines", [](Cluster& to) { to.machines.clear(); }},
      {"two machines are named 'edge'", [](Cluster& to) { to.machines[0].name = "edge"; }},
      {"'my edge' is no name", [](Cluster& to) { to.machines[2].name = "my edge"; }},
      {"'' is no name", [](Cluster& to) { to.machines[2].name = ""; }},
      {"machine 'device': memory_bytes is 0", [](Cluster& to) { to.machines[0].memory_bytes = 0; }},
      {"memory_bytes is -5", [](Cluster& to) { to.machines[0].memory_bytes = -5; }},
      {"busy_watts is -1", [](Cluster& to) { to.machines[0].busy_watts = -1; }},
      {"busy_watts is nan", [](Cluster& to) { to.machines[0].busy_watts = kNan; }},
      {"cores is 0", [](Cluster& to) { to.machines[0].cores = 0; }},
      {"part_overhead_us is inf", [](Cluster& to) { to.machines[0].part_overhead_us = kInfinity; }},
      {"speed is 0", [](Cluster& to) { to.machines[0].speed = 0; }},
      {"a whole number from 1 was expected", [](Cluster& to) { to.machines[0].memory_bytes = 0; }},
      // Plans count in whole ns and nJ: more than these they could not add up.
      {"speed is 1e-07", [](Cluster& to) { to.machines[0].speed = 1e-7; }},
      {"speed is 10000000", [](Cluster& to) { to.machines[0].speed = 1e7; }},
      {"busy_watts is 1e+19", [](Cluster& to) { to.machines[0].busy_watts = 1e19; }},
      {"part_overhead_us is 1000000000000",
       [](Cluster& to) { to.machines[0].part_overhead_us = 1e12; }},
      {"a precision has no name", [](Cluster& to) { to.machines[0].precisions = {""}; }},
      {"machine 'edge': only: a pattern is empty", [](Cluster& to) { to.machines[1].only = {""}; }},
      {"machine 'edge': except: ", [](Cluster& to) { to.machines[1].except = {"re:("}; }},
      {"path 'path:x' has no '..'", [](Cluster& to) { to.machines[1].only = {"path:x"}; }},
  });
}

TEST(ClusterIsRefused, ForScalings) {
  expect_refused({
      {"machine 'device': scaling: there is no machine 'egde'",
       [](Cluster& to) { to.machines[0].scaling->of = "egde"; }},
      {"has a profile and a scaling", [](Cluster& to) { to.machines[0].profile = "p.json"; }},
      {"its scaling has no factors", [](Cluster& to) { to.machines[0].scaling->factors.clear(); }},
      {"the factor of 'int8' is 0",
       [](Cluster& to) { to.machines[0].scaling->factors["int8"] = 0; }},
      {"the factor of '*' is nan",
       [](Cluster& to) { to.machines[0].scaling->factors["*"] = kNan; }},
      {"machines are scaled in a circle: device of device",
       [](Cluster& to) { to.machines[0].scaling->of = "device"; }},
      {"machines are scaled in a circle: device of edge of cloud of device",
       [](Cluster& to) {
         to.machines[1].profile.clear();
         to.machines[1].scaling = Scaling{"cloud", {{"*", 1}}, ""};
         to.machines[2].scaling = Scaling{"device", {{"*", 1}}, ""};
       }},
      {"machines are scaled in a circle: edge of cloud of edge",
       [](Cluster& to) {
         to.machines[1].profile.clear();
         to.machines[1].scaling = Scaling{"cloud", {{"*", 1}}, ""};
       }},
  });
}

TEST(ClusterIsRefused, ForLinks) {
  expect_refused({
      {"link 'device-egde': there is no machine 'egde'",
       [](Cluster& to) { to.links[0].to = "egde"; }},
      {"there is no machine 'x'", [](Cluster& to) { to.links[0].from = "x"; }},
      {"link 'edge-edge' leads from a machine to itself",
       [](Cluster& to) { to.links[0].from = "edge"; }},
      {"two links are named 'device-edge'", [](Cluster& to) { to.links[1] = to.links[0]; }},
      {"latency_us is -1", [](Cluster& to) { to.links[0].latency_us = -1; }},
      {"latency_us is nan", [](Cluster& to) { to.links[0].latency_us = kNan; }},
      {"bandwidth_bytes_per_s is 0", [](Cluster& to) { to.links[0].bandwidth_bytes_per_s = 0; }},
      {"bandwidth_bytes_per_s is -2", [](Cluster& to) { to.links[0].bandwidth_bytes_per_s = -2; }},
      {"bandwidth_bytes_per_s is 1e-300",
       [](Cluster& to) { to.links[0].bandwidth_bytes_per_s = 1e-300; }},
      {"latency_us is 1e+300", [](Cluster& to) { to.links[0].latency_us = 1e300; }},
      {"bandwidth_bytes_per_s is inf",
       [](Cluster& to) { to.links[0].bandwidth_bytes_per_s = kInfinity; }},
      {"neither a bandwidth nor a goodput curve",
       [](Cluster& to) { to.links[0].bandwidth_bytes_per_s.reset(); }},
      {"goodput[0].bytes is 0", [](Cluster& to) { to.links[3].goodput[0].bytes = 0; }},
      {"goodput[0].us is 0", [](Cluster& to) { to.links[3].goodput[0].us = 0; }},
      {"goodput[2].us is nan", [](Cluster& to) { to.links[3].goodput[2].us = kNan; }},
      {"goodput[1] is not beyond", [](Cluster& to) { to.links[3].goodput[1].us = 100; }},
      {"goodput[2] is not beyond", [](Cluster& to) { to.links[3].goodput[2].bytes = 65536; }},
      {"radio.alpha_mw_per_mbps is -1",
       [](Cluster& to) { to.links[0].radio->alpha_mw_per_mbps = -1; }},
      {"radio.beta_mw is nan", [](Cluster& to) { to.links[0].radio->beta_mw = kNan; }},
      {"has a radio and sender_joules_per_byte",
       [](Cluster& to) { to.links[0].sender_joules_per_byte = 1; }},
      {"sender_joules_per_byte is -1",
       [](Cluster& to) { to.links[1].sender_joules_per_byte = -1; }},
      {"receiver_joules_per_byte is -1",
       [](Cluster& to) { to.links[1].receiver_joules_per_byte = -1; }},
  });
}

TEST(ClusterIsRefused, ForWhatIsSent) {
  expect_refused({
      {"wires: 'int9' is no type on links", [](Cluster& to) { to.wires = {"int9"}; }},
      {"wires: 'int8' stands twice",
       [](Cluster& to) {
         to.wires = {"int8", "int8"};
       }},
      {"wires: values may have no type", [](Cluster& to) { to.wires.clear(); }},
      {"codec 'jpeg': bytes is 0", [](Cluster& to) { to.codecs[0].bytes = 0; }},
      {"encode_us is -1", [](Cluster& to) { to.codecs[0].encode_us = -1; }},
      {"decode_us: there is no machine 'devic'",
       [](Cluster& to) { to.codecs[0].decode_us["devic"] = 1; }},
      {"decode_us of 'device' is nan",
       [](Cluster& to) { to.codecs[0].decode_us["device"] = kNan; }},
      {"sqnr_db is inf", [](Cluster& to) { to.codecs[0].sqnr_db = kInfinity; }},
      {"'' is no name", [](Cluster& to) { to.codecs[0].name = ""; }},
      {"two codecs 'jpeg'", [](Cluster& to) { to.codecs.push_back(to.codecs[0]); }},
  });
}

TEST(ClusterIsRefused, ForPinsAndWays) {
  expect_refused({
      {"pins[0]: there is no machine 'devise'", [](Cluster& to) { to.pins[0].machine = "devise"; }},
      {"pins[0] matches nothing", [](Cluster& to) { to.pins[0].match.clear(); }},
      {"pins[0]: a pattern is empty", [](Cluster& to) { to.pins[0].match = {""}; }},
      {"inputs_from names no machine", [](Cluster& to) { to.inputs_from.clear(); }},
      {"outputs_to: there is no machine 'me'", [](Cluster& to) { to.outputs_to = "me"; }},
      {"no other machine can be reached from 'device' and back",
       [](Cluster& to) { to.links.clear(); }},
      {"no other machine can be reached from 'device' and back",
       [](Cluster& to) { to.links.erase(to.links.begin() + 1); }},
      {"no way leads from 'device', where inputs are, to 'cloud'",
       [](Cluster& to) {
         to.outputs_to = "cloud";
         to.links.erase(to.links.begin() + 2);
       }},
      {"operators have to run on 'cloud', which cannot be reached",
       [](Cluster& to) {
         to.pins[0].machine = "cloud";
         to.links.erase(to.links.begin() + 3);
       }},
  });
}

TEST(ClusterIsRefused, WithTheNearestNames) {
  auto made = three_machines();
  made.links[0].to = "egde";
  const auto status = validate(made);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().hint, HasSubstr("nearest names: edge"));
  made = three_machines();
  made.wires = {"flot16"};
  EXPECT_THAT(validate(made).error().hint, HasSubstr("did you mean 'float16'?"));
}

TEST(ClusterIsAccepted, WithOneMachineAndNoLinks) {
  Cluster made;
  made.machines = {machine("here")};
  made.inputs_from = made.outputs_to = "here";
  EXPECT_THAT(validate(made), IsOk());
}

TEST(ClusterIsAccepted, WithAMachineOfNoUseBesideOthers) {
  auto made = three_machines();
  made.machines.push_back(machine("island"));
  EXPECT_THAT(validate(made), IsOk());
}

}  // namespace
}  // namespace tessera::cluster
