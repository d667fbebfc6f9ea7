// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/cluster/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"

namespace tessera::cluster {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Optional;

TEST(ClusterText, UnitsAreThoseOfTheirKind) {
  EXPECT_THAT(bytes_per_s_from("20MB/s"), IsOkAndHolds(20e6));
  EXPECT_THAT(bytes_per_s_from(" 160 Mbit/s "), IsOkAndHolds(20e6));
  EXPECT_THAT(bytes_per_s_from("1Gbps"), IsOkAndHolds(125e6));
  EXPECT_THAT(bytes_per_s_from("2KiB/s"), IsOkAndHolds(2048));
  EXPECT_THAT(bytes_per_s_from("5"), IsOkAndHolds(5));
  EXPECT_THAT(us_from("2ms"), IsOkAndHolds(2000));
  EXPECT_THAT(us_from("0.1s"), IsOkAndHolds(1e5));
  EXPECT_THAT(us_from("150us"), IsOkAndHolds(150));
  EXPECT_THAT(bytes_from("1.5GiB"), IsOkAndHolds(1.5 * 0x1p30));
  for (const auto* text : {"", "MB/s", "20ms", "20 mb/s", "-1", "inf", "nan", "1e999", "1,5"}) {
    EXPECT_THAT(bytes_per_s_from(text), FailsWith(ErrorCode::kInvalidArgument, HasSubstr(text)));
  }
}

TEST(ClusterText, LinksAreOfBothDirectionsOrOne) {
  const std::vector<std::string> machines{"a", "b", "a-b", "b-c"};
  const auto both = links_from("a-b=10MB/s,2ms", machines);
  ASSERT_THAT(both, IsOk());
  ASSERT_EQ(both->size(), 2U);
  EXPECT_EQ((*both)[0].name(), "a-b");
  EXPECT_EQ((*both)[1].name(), "b-a");
  EXPECT_THAT((*both)[1].bandwidth_bytes_per_s, Optional(10e6));
  EXPECT_EQ((*both)[1].latency_us, 2000);
  const auto one = links_from("b>a=1e6", machines);
  ASSERT_THAT(one, IsOk());
  ASSERT_EQ(one->size(), 1U);
  EXPECT_EQ((*one)[0].from, "b");
  EXPECT_EQ((*one)[0].latency_us, 0);
}

TEST(ClusterText, HyphensOfNamesAreTheirs) {
  const auto link = links_from("a-b-b-c=1MB/s", std::vector<std::string>{"a-b", "b-c"});
  ASSERT_THAT(link, IsOk());
  EXPECT_EQ((*link)[0].from, "a-b");
  EXPECT_EQ((*link)[0].to, "b-c");
}

TEST(ClusterText, WhatIsNoLinkIsRefused) {
  const std::vector<std::string> machines{"a", "b"};
  const auto refuse = [&](std::string_view text, const std::string& says) {
    EXPECT_THAT(links_from(text, machines),
                FailsWith(ErrorCode::kInvalidArgument, HasSubstr(says)));
  };
  refuse("a-b", "has no '='");
  refuse("a-c=1MB/s", "'a-c' does not name two machines");
  refuse("a=1MB/s", "'a' does not name two machines");
  refuse("a-b=0", "bandwidth of 0");
  refuse("a-b=", "'' is no rate");
  refuse("a-b=1MB/s,2MB", "'2MB' is no time");
  refuse("a-b=1MB/s,2ms,3", "has 3 figures");
}

TEST(ClusterText, ScalingsHaveAMachineAndAFactor) {
  const auto made = scaled_machine_from("device=edge*4.5");
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->name, "device");
  EXPECT_EQ(made->scaling->of, "edge");
  EXPECT_EQ(made->scaling->factors.at("*"), 4.5);
  for (const auto* text : {"device", "device=edge", "=edge*4", "device=*4", "device=edge*",
                           "device=edge*0", "device=edge*x", "device=edge*-1", "device=edge*4x"}) {
    EXPECT_THAT(scaled_machine_from(text), FailsWith(ErrorCode::kInvalidArgument, HasSubstr(text)));
  }
}

}  // namespace
}  // namespace tessera::cluster
