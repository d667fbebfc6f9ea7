// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// What measures a network knows no file format: a second one goes through by its driver alone.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "support/toy_format.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/evaluate/bench.h"
#include "tessera/evaluate/compare.h"
#include "tessera/graph/inspect.h"
#include "tessera/network/load.h"
#include "tessera/optimize/optimize.h"
#include "tessera/profile/profile.h"

namespace tessera {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

class SecondFormat : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loaded = runtime::Library::load();
    ASSERT_THAT(loaded, IsOk());
    library_ = *std::move(loaded);
    const auto inputs = network::input_specs(toy_);
    ASSERT_THAT(inputs, IsOk());
    auto samples = data::SampleSet::open({.source = "random:8"}, *inputs, Monitor::silent());
    ASSERT_THAT(samples, IsOk());
    samples_.emplace(*std::move(samples));
    auto ranges = calibrate::calibrate(toy_, *samples_, library_, {}, Monitor::silent());
    ASSERT_THAT(ranges, IsOk());
    ranges_ = *std::move(ranges);
  }

  network::Network toy_ = testing::toy_network();
  std::shared_ptr<const runtime::Library> library_;
  std::optional<data::SampleSet> samples_;
  calibrate::Ranges ranges_;
};

TEST_F(SecondFormat, IsInspected) {
  const auto view = toy_.view();
  ASSERT_THAT(view, IsOk());
  const auto inspection = graph::inspect(*view, {});
  EXPECT_EQ(inspection.nodes, 4);
  EXPECT_EQ(inspection.parameters, 48);
  EXPECT_EQ(toy_.properties()["format"], "toy");
}

TEST_F(SecondFormat, IsCalibratedInsideToo) {
  for (const auto* tensor : {"x", "h", "r", "d", "y"}) {
    EXPECT_TRUE(ranges_.tensors.contains(tensor)) << tensor;
  }
}

TEST_F(SecondFormat, IsComparedInsideToo) {
  const auto other = testing::toy_network(1.01F);
  const auto same =
      evaluate::compare(toy_, toy_, *samples_, library_, {.tensors = true}, Monitor::silent());
  ASSERT_THAT(same, IsOk());
  EXPECT_EQ(same->accuracy.overall.max_abs, 0);
  const auto compared =
      evaluate::compare(toy_, other, *samples_, library_, {.tensors = true}, Monitor::silent());
  ASSERT_THAT(compared, IsOk());
  EXPECT_EQ(compared->tensors.size(), 4U);
  for (const auto& tensor : compared->tensors) {
    EXPECT_NEAR(tensor.error.sqnr_db, 40, 12) << tensor.pair.name << ": a hundredth too much";
  }
}

TEST_F(SecondFormat, IsCutIntoParts) {
  const auto view = toy_.view();
  ASSERT_THAT(view, IsOk());
  const std::vector<graph::OpId> ops{*view->find_op("cut"), *view->find_op("second")};
  const auto border = network::border_of(*view, ops);
  const auto part = toy_.part({*view, ops, border.inputs, border.outputs});
  ASSERT_THAT(part, IsOk());
  EXPECT_THAT(part->inputs(), ElementsAre("h"));
  EXPECT_THAT(part->outputs(), ElementsAre("d"));
  EXPECT_THAT(part->open(library_, {}), IsOk());
}

TEST_F(SecondFormat, WhatHasNoWriter_IsRefusedAndNamed) {
  const auto refused = FailsWith(ErrorCode::kUnimplemented, HasSubstr("(toy)"));
  EXPECT_THAT(profile::profile(toy_, *samples_, ranges_, library_, {}, Monitor::silent()),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("no operator of the model")));
  const auto bench = evaluate::bench(toy_, *samples_, &ranges_, library_, {}, Monitor::silent());
  ASSERT_THAT(bench, IsOk());
  for (const auto& row : bench->rows) {
    EXPECT_EQ(row.status == evaluate::RowStatus::kOk, row.scheme.mode == quantize::Mode::kFloat32)
        << row.name();
  }
  auto copy = toy_.clone();
  const auto graph = copy.view();
  const std::vector<quantize::Scheme> schemes(graph->ops().size());
  EXPECT_THAT(quantize::quantize(copy, schemes, &ranges_, {}, Monitor::silent()), refused);
}

}  // namespace
}  // namespace tessera
