// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// What measures a network knows no file format: a second one goes through by its driver alone.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "support/toy_dialect.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/core/file.h"
#include "tessera/evaluate/bench.h"
#include "tessera/evaluate/compare.h"
#include "tessera/graph/inspect.h"
#include "tessera/network/load.h"
#include "tessera/noise/check.h"
#include "tessera/noise/run_sweep.h"
#include "tessera/noise/subsets.h"
#include "tessera/noise/switchable.h"
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
  EXPECT_EQ(inspection.macs, 48);
  EXPECT_EQ(inspection.unknown_macs, 0);
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
  EXPECT_THAT(profile::profile(toy_, *samples_, ranges_, library_, {}, Monitor::silent()), refused);
  const auto bench = evaluate::bench(toy_, *samples_, &ranges_, library_, {}, Monitor::silent());
  ASSERT_THAT(bench, IsOk());
  for (const auto& row : bench->rows) {
    EXPECT_EQ(row.status == evaluate::RowStatus::kOk, row.scheme.mode == quantize::Mode::kFloat32)
        << row.name();
  }
  auto copy = toy_.clone();
  const auto graph = copy.view();
  const quantize::Assignment schemes(graph->ops().size(), quantize::Scheme());
  EXPECT_THAT(quantize::quantize(copy, schemes, &ranges_, {}, Monitor::silent()), refused);
}

/// With a dialect, what builds mixed models goes through, too.
class SecondFormatWritten : public SecondFormat {
 protected:
  void SetUp() override {
    SecondFormat::SetUp();
    quantize::set_other_dialect(&dialect_);
    scheme_.mode = quantize::Mode::kStatic;
    scheme_.activation = DType::kUInt8;
    scheme_.weight = DType::kInt8;
    scheme_.method = ranges_.methods.front();
  }
  void TearDown() override { quantize::set_other_dialect(nullptr); }

  testing::ToyDialect dialect_;
  quantize::Scheme scheme_;
};

TEST_F(SecondFormatWritten, IsQuantizedLayerByLayer) {
  auto half = toy_.clone();
  const auto view = half.view();
  ASSERT_THAT(view, IsOk());
  quantize::Assignment schemes(view->ops().size());
  schemes[*view->find_op("second")] = scheme_;
  const auto report = quantize::quantize(half, schemes, &ranges_, {}, Monitor::silent());
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->quantized_ops, 1);
  const auto compared = evaluate::compare(toy_, half, *samples_, library_, {}, Monitor::silent());
  ASSERT_THAT(compared, IsOk());
  EXPECT_GT(compared->accuracy.overall.sqnr_db, 20);
  EXPECT_LT(compared->accuracy.overall.sqnr_db, 80);
  EXPECT_THAT(quantize::check_loads(half, library_), IsOk());
}

/// The error of subsets, without building their models, is that of the built ones.
TEST_F(SecondFormatWritten, IsSwept) {
  noise::SwitchableSetup setup{.model = &toy_,
                               .library = library_,
                               .ranges = &ranges_,
                               .switches = {{"first", {scheme_}}, {"second", {scheme_}}}};
  const auto view = toy_.view();
  ASSERT_THAT(view, IsOk());
  EXPECT_THAT(
      noise::choose_layers(*view, "all", quantize::Assignment(view->ops().size(), scheme_)),
      testing::IsOkAndHolds(ElementsAre(*view->find_op("first"), *view->find_op("second"))));
  const std::vector<noise::LayerSet> subsets{{0}, {1}, {0, 1}};
  const auto folder = TemporaryDirectory::create("toy");
  ASSERT_THAT(folder, IsOk());
  noise::SweepOptions options;
  options.subsets = subsets;
  options.design = "{}";
  options.output = folder->path() / "sweep.jsonl";
  const auto sweep = noise::run_sweep(
      setup, *samples_, options, [] { return Envelope{.kind = "error-sweep"}; }, Monitor::silent());
  ASSERT_THAT(sweep, IsOk());
  const auto checked = noise::run_check(setup, *samples_, subsets, Monitor::silent());
  ASSERT_THAT(checked, IsOk());
  ASSERT_EQ(sweep->sweep.records.size(), subsets.size());
  ASSERT_EQ(checked->rows.size(), subsets.size());
  for (std::size_t i = 0; i < subsets.size(); ++i) {
    const double built = checked->rows[i].built_error;
    EXPECT_GT(built, 0);
    EXPECT_NEAR(sweep->sweep.records[i].error, built, 1e-4 * built);
  }
}

TEST_F(SecondFormatWritten, IsProfiled) {
  profile::ProfileOptions options;
  options.scheme = scheme_;
  options.machine = false;  // of the machine, not of the network: measured by ONNX models
  options.isolated = false;
  options.budget_us = 20e6;
  const auto profile =
      profile::profile(toy_, *samples_, ranges_, library_, options, Monitor::silent());
  ASSERT_THAT(profile, IsOk());
  std::map<std::string, bool> quantizable;
  for (const auto& layer : profile->layers) {
    quantizable[layer.name] = layer.quantizable;
  }
  // What cuts off is one layer with what it cuts.
  EXPECT_THAT(quantizable, ::testing::UnorderedElementsAre(::testing::Pair("first", true),
                                                           ::testing::Pair("second", true),
                                                           ::testing::Pair("sum", false)));
  EXPECT_GT(profile->whole.at("int8").latency.median_us, 0);
  EXPECT_GT(profile->whole.at("fp32").latency.median_us, 0);
}

TEST_F(SecondFormatWritten, IsOptimized) {
  optimize::OptimizeOptions options;
  options.budget_us = 30e6;
  const auto result =
      optimize::optimize(toy_, *samples_, ranges_, library_, options, Monitor::silent());
  ASSERT_THAT(result, IsOk());
  std::int64_t measured = 0;
  for (const auto& candidate : result->candidates) {
    const bool ran = candidate.row.status == evaluate::RowStatus::kOk;
    measured += ran && candidate.row.scheme.mode == quantize::Mode::kStatic ? 1 : 0;
    EXPECT_NE(candidate.verdict, "") << candidate.row.name();
  }
  EXPECT_GE(measured, 2);
  ASSERT_TRUE(result->mixing) << "the latency model of its two layers was fitted";
  EXPECT_EQ(result->mixing->scheme, "qdq-u8s8-channel");
  // Rows of four numbers do not become faster by rounding them.
  EXPECT_FALSE(result->chosen);
}

}  // namespace
}  // namespace tessera
