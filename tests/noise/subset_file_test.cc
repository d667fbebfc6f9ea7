// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/subset_file.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "noise/error_support.h"
#include "support/matchers.h"

namespace tessera::noise {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SubsetFile : public ::testing::Test {
 protected:
  std::vector<ObservedLayer> layers_ = testing::layers_named(4);
  LayerIndex index_{layers_};
};

TEST_F(SubsetFile, ListsAndObjects_AreReadByLine) {
  const auto read = parse_subsets(
      "{\"schema\":\"tessera.error-sweep/1\"}\n[\"l2\",\"l0\"]\n\n{\"layers\":[],\"error\":0.5}",
      "f", index_);
  ASSERT_THAT(read, IsOk());
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(read->front().name, "line 2");
  EXPECT_THAT(read->front().layers, ElementsAre(0, 2));
  EXPECT_TRUE(std::isnan(read->front().error));
  EXPECT_EQ(read->back().error, 0.5);
}

TEST_F(SubsetFile, NamesAndRemarks_AreReadByLine) {
  const auto read = parse_subsets("# mine\n l2 , l0\r\nl1\n", "f", index_);
  ASSERT_THAT(read, IsOk());
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(read->front().name, "line 2");
  EXPECT_THAT(read->front().layers, ElementsAre(0, 2));
  EXPECT_THAT(read->back().layers, ElementsAre(1));
}

TEST_F(SubsetFile, WhatIsNoSubset_IsRefusedWithItsLine) {
  EXPECT_THAT(parse_subsets("[\"l0\"]\n[7]\n", "f", index_),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("f:2")));
  EXPECT_THAT(parse_subsets("{\"layer\":[]}\n", "f", index_),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("f:1")));
  EXPECT_THAT(parse_subsets("l0,7\n", "f", index_),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("f:1: unknown layer '7'")));
  EXPECT_THAT(parse_subsets("[\"l9\"]\n", "f", index_),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("f:1: unknown layer 'l9'")));
  EXPECT_THAT(parse_subsets("\n", "f", index_),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("no subset")));
}

TEST_F(SubsetFile, Plan_GivesTheLayersInIntegers) {
  const auto plan = *parse_json(R"({"result":{"layers":["l3",{"name":"l1","precision":"int8"},)"
                                R"({"name":"not swept","precision":"float16"}]}})",
                                "plan");
  const auto read = subset_from_plan(plan, "plan", index_);
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(read->layers, ElementsAre(1, 3));
  EXPECT_THAT(subset_from_plan(Json::object(), "plan", index_),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("no 'layers'")));
}

}  // namespace
}  // namespace tessera::noise
