// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/switchable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <set>

#include "noise/noise_bench.h"
#include "support/matchers.h"
#include "tessera/noise/check.h"
#include "tessera/noise/run_sweep.h"
#include "tessera/noise/subsets.h"

namespace tessera::noise {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;

const std::vector<std::int64_t> kPads{1, 1, 1, 1};

/// Branches, a residual, a concatenation, a weight that two layers share, two outputs.
onnx::Model tangled() {
  return ModelBuilder(13)
      .input("x", {1, 8, 12, 12})
      .weight("w", {8, 8, 3, 3}, 0.15)
      .weight("b", {8}, 0.1)
      .op("Conv", {"x", "w", "b"}, {"c1"}, {{"pads", kPads}})
      .op("Relu", {"c1"}, {"r1"})
      .op("Conv", {"r1", "w", "b"}, {"c2"}, {{"pads", kPads}})
      .op("Add", {"r1", "c2"}, {"sum"})
      .weight("w3", {4, 8, 1, 1}, 0.3)
      .op("Conv", {"sum", "w3"}, {"c3"})
      .op("Sigmoid", {"c3"}, {"gate"})
      .op("Mul", {"c3", "gate"}, {"swish"})
      .weight("w4", {4, 8, 3, 3}, 0.2)
      .op("Conv", {"sum", "w4"}, {"c4"}, {{"pads", kPads}})
      .op("Concat", {"swish", "c4"}, {"joined"}, {{"axis", std::int64_t{1}}})
      .weight("w5", {6, 8, 1, 1}, 0.3)
      .op("Conv", {"joined", "w5"}, {"y"})
      .op("Transpose", {"joined"}, {"z"}, {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}})
      .output("y", {1, 6, 12, 12})
      .output("z", {1, 12, 12, 8})
      .build();
}

TEST(Switchable, EverySettingOfATangledModel_IsThatOfTheBuiltModel) {
  const auto bench = bench_of(tangled());
  ASSERT_THAT(bench, IsOk());
  const auto entries = (*bench)->entries();
  ASSERT_EQ(entries.size(), 5);
  const std::vector<std::string> everything{"random:31"};
  const auto subsets = choose_subsets(everything, entries, Sizes::kEven, 0);
  ASSERT_THAT(subsets, IsOk());
  ASSERT_EQ(subsets->size(), 31);
  const auto check = run_check((*bench)->setup, *(*bench)->samples, *subsets, Monitor::silent());
  ASSERT_THAT(check, IsOk());
  for (const auto& row : check->rows) {
    EXPECT_GT(row.built_error, 0);
    EXPECT_NEAR(row.deviation(), 0, 0.01) << row.layers.size() << " layers";
  }
  EXPECT_GT(check->engine.spearman, 0.999);
}

TEST(Switchable, SettingsThatAgree_AreComputedOnce) {
  const auto bench = bench_of(tangled());
  ASSERT_THAT(bench, IsOk());
  auto model = SwitchableModel::open((*bench)->setup, Monitor::silent());
  ASSERT_THAT(model, IsOk());
  const auto sample = (*bench)->samples->load(0);
  ASSERT_THAT(sample, IsOk());
  // Only the last layer differs, and only `y` depends on it.
  const std::vector<Setting> settings{{1, 1, 1, 1, 0}, {1, 1, 1, 1, 1}};
  std::vector<SettingResult> results(2);
  const auto take = [&](std::size_t index, const SettingResult& result) -> Status {
    results[index] = result;
    return {};
  };
  ASSERT_THAT(model->measure(*sample, settings, take, Monitor::silent()), IsOk());
  const auto& work = model->work();
  // Two paths (the float reference is one) and the last part once more.
  EXPECT_LE(work.runs, 2 * work.segments + 1);
  EXPECT_LT(work.runs, work.runs_unshared);
  EXPECT_EQ(results[0].outputs[1].noise, results[1].outputs[1].noise);
  EXPECT_NE(results[0].outputs[0].noise, results[1].outputs[0].noise);
}

TEST(Switchable, NoMemoryForPrefixes_GivesTheSameErrors) {
  const auto bench = bench_of(tangled());
  ASSERT_THAT(bench, IsOk());
  const auto sample = (*bench)->samples->load(0);
  ASSERT_THAT(sample, IsOk());
  std::vector<Setting> settings;
  for (int bits = 0; bits < 32; ++bits) {
    Setting setting(5);
    for (std::size_t i = 0; i < 5; ++i) {
      setting[i] = static_cast<std::uint8_t>(bits >> i & 1);
    }
    settings.push_back(setting);
  }
  std::vector<std::vector<double>> noises;
  for (const std::int64_t memory : {std::int64_t{0}, std::int64_t{1} << 30}) {
    auto setup = (*bench)->setup;
    setup.memory_bytes = memory;
    auto model = SwitchableModel::open(setup, Monitor::silent());
    ASSERT_THAT(model, IsOk());
    std::vector<double> noise(settings.size());
    const auto take = [&](std::size_t index, const SettingResult& result) -> Status {
      noise[index] = result.outputs[0].noise + result.outputs[1].noise;
      return {};
    };
    ASSERT_THAT(model->measure(*sample, settings, take, Monitor::silent()), IsOk());
    noises.push_back(noise);
  }
  EXPECT_EQ(noises[0], noises[1]);
  EXPECT_EQ(noises[0][0], 0);
}

TEST(Switchable, WhatCannotBeSwitched_IsNamedWithItsReason) {
  const auto bench = bench_of(tangled());
  ASSERT_THAT(bench, IsOk());
  auto setup = (*bench)->setup;
  setup.switches = {{"gate_node", {scheme_of_tests()}}};
  EXPECT_THAT(SwitchableModel::open(setup, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("its inputs are float")));
  setup.switches = {{"y_nod", {scheme_of_tests()}}};
  EXPECT_THAT(SwitchableModel::open(setup, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("y_nod")));
  setup.switches.clear();
  EXPECT_THAT(SwitchableModel::open(setup, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no layer")));
}

TEST(Switchable, LayerNoise_IsThatOfTheLayerAlone) {
  const auto bench = bench_of(tangled());
  ASSERT_THAT(bench, IsOk());
  auto model = SwitchableModel::open((*bench)->setup, Monitor::silent());
  ASSERT_THAT(model, IsOk());
  const auto sample = (*bench)->samples->load(0);
  ASSERT_THAT(sample, IsOk());
  const auto noise = model->layer_noise(*sample, Monitor::silent());
  ASSERT_THAT(noise, IsOk());
  ASSERT_EQ(noise->size(), 5);
  for (const auto& layer : *noise) {
    EXPECT_GT(layer.noise, 0);
    EXPECT_LT(layer.noise, layer.signal * 0.01);
  }
  // The last layer's own output is the model's: what it adds alone is the error of the model.
  const std::vector<Setting> last{{0, 0, 0, 0, 1}};
  double error = 0;
  const auto take = [&](std::size_t, const SettingResult& result) -> Status {
    error = result.outputs[0].noise;
    return {};
  };
  ASSERT_THAT(model->measure(*sample, last, take, Monitor::silent()), IsOk());
  EXPECT_NEAR(noise->back().noise / error, 1, 1e-6);
}

/// A product, a sum and a gate of a value with itself: one input of the layer, read twice.
TEST(Switchable, LayerThatReadsOneTensorTwice_IsOneSwitch) {
  const auto model_with = [](std::string_view type) {
    return ModelBuilder(13)
        .input("x", {1, 8, 8})
        .weight("w", {8, 8}, 0.3)
        .op("MatMul", {"x", "w"}, {"g"})
        .named_op("twice", type, {"g", "g"}, {"square"})
        .weight("v", {8, 4}, 0.3)
        .op("MatMul", {"square", "v"}, {"y"})
        .output("y", {1, 8, 4})
        .build();
  };
  for (const std::string_view type : {"MatMul", "Add", "Mul"}) {
    SCOPED_TRACE(type);
    const auto bench = bench_of(model_with(type));
    ASSERT_THAT(bench, IsOk());
    auto model = SwitchableModel::open((*bench)->setup, Monitor::silent());
    ASSERT_THAT(model, IsOk());
    const auto sample = (*bench)->samples->load(0);
    ASSERT_THAT(sample, IsOk());
    const auto noise = model->layer_noise(*sample, Monitor::silent());
    ASSERT_THAT(noise, IsOk());
    for (const auto& layer : *noise) {
      EXPECT_GT(layer.noise, 0);
    }
  }
}

TEST(Subsets, AreDistinctAndTheSameForTheSameSeed) {
  const auto layers = entries_named({"a", "b", "c", "d", "e", "f"});
  for (const auto sizes : {Sizes::kEven, Sizes::kUniform}) {
    const std::vector<std::string> design{"one-in", "random:30", "all"};
    const auto subsets = choose_subsets(design, layers, sizes, 5);
    ASSERT_THAT(subsets, IsOk());
    const std::set<LayerSet> distinct(subsets->begin(), subsets->end());
    EXPECT_EQ(distinct.size(), subsets->size());
    EXPECT_GE(subsets->size(), 36);
    EXPECT_FALSE(distinct.contains({}));
    EXPECT_EQ(*subsets, *choose_subsets(design, layers, sizes, 5));
    EXPECT_NE(*subsets, *choose_subsets(design, layers, sizes, 6));
  }
}

TEST(Subsets, Designs_AreWhatTheySay) {
  const auto layers = entries_named({"a", "b", "c"});
  const auto count = [&](const std::string& design) {
    return choose_subsets(std::vector{design}, layers, Sizes::kEven, 0)->size();
  };
  EXPECT_EQ(count("one-in"), 3);
  EXPECT_EQ(count("one-out"), 3);
  EXPECT_EQ(count("pairs"), 3);
  EXPECT_EQ(count("random:1000"), 7);
  EXPECT_THAT(choose_subsets(std::vector<std::string>{"some"}, layers, Sizes::kEven, 0),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("some")));
  EXPECT_THAT(choose_subsets(std::vector<std::string>{"random:0"}, layers, Sizes::kEven, 0),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("random:")));
}

TEST(Subsets, List_IsReadFromItsFile) {
  const auto folder = TemporaryDirectory::create("tessera-subsets");
  ASSERT_THAT(folder, IsOk());
  const auto path = folder->path() / "list";
  const auto put = [&](const char* text) { return write_file(path, text, Overwrite::kReplace); };
  const auto layers = entries_named({"a", "b", "c"});
  const std::vector<std::string> design{"list:" + path.string(), "one-in"};
  ASSERT_THAT(put("# mine\nc, a\n[\"b\"]\n{\"layers\":[]}\n"), IsOk());
  const auto subsets = choose_subsets(design, layers, Sizes::kEven, 0);
  ASSERT_THAT(subsets, IsOk());
  EXPECT_EQ(*subsets, (std::vector<LayerSet>{{0, 2}, {1}, {}, {0}, {2}}));
  ASSERT_THAT(put("a\nb,d\n"), IsOk());
  EXPECT_THAT(choose_subsets(design, layers, Sizes::kEven, 0),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("list:2: unknown layer 'd'")));
}

/// Runs sweeps into a folder.
class RunSweep : public ::testing::Test {
 protected:
  void SetUp() override {
    auto bench = bench_of(tangled());
    ASSERT_THAT(bench, IsOk());
    bench_ = std::move(*bench);
    auto folder = TemporaryDirectory::create("tessera-sweep");
    ASSERT_THAT(folder, IsOk());
    folder_.emplace(std::move(*folder));
  }
  std::filesystem::path path(const std::string& name) const { return folder_->path() / name; }

  Result<SweepSummary> sweep(const std::string& name,
                             const std::function<void(SweepOptions&)>& change = {},
                             Monitor& monitor = Monitor::silent()) {
    SweepOptions options;
    const std::vector<std::string> design{"random:20"};
    TESSERA_TRY(options.subsets, choose_subsets(design, bench_->entries(), Sizes::kEven, 3));
    options.design = R"({"subsets":["random:20"]})";
    options.output = path(name);
    if (change) {
      change(options);
    }
    const auto envelope = [] {
      Envelope made;
      made.kind = "error-sweep";
      made.timeless = true;
      made.seed = 3;
      made.model = ModelInfo{"tangled.onnx", "abc", "onnx"};
      return made;
    };
    return run_sweep(bench_->setup, *bench_->samples, options, envelope, monitor);
  }

  std::string text(const std::string& name) const {
    return read_file(path(name)).value_or("missing");
  }

  std::unique_ptr<Bench> bench_;
  std::optional<TemporaryDirectory> folder_;
};

/// Wants to stop when asked for the n-th time.
class Impatient final : public Monitor {
 public:
  explicit Impatient(int patience) : patience_(patience) {}
  void progress(std::string_view stage, std::int64_t done, std::int64_t) override {
    in_subsets_ = stage == "subsets" && done >= patience_;
  }
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override { return in_subsets_; }

 private:
  int patience_;
  bool in_subsets_ = false;
};

TEST_F(RunSweep, Shards_MergeIntoTheFileOfOneRun) {
  ASSERT_THAT(sweep("whole"), IsOk());
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(sweep(fmt::format("part{}", i),
                      [i](SweepOptions& options) {
                        options.shard_index = i;
                        options.shard_count = 3;
                      }),
                IsOk());
  }
  const std::vector<std::filesystem::path> parts{path("part2"), path("part0"), path("part1")};
  const auto merged = read_sweep(parts);
  ASSERT_THAT(merged, IsOk());
  ASSERT_EQ(merged->records.size(), 20);
  ASSERT_THAT(write_sweep(path("merged"), merged->document, merged->records, Overwrite::kRefuse),
              IsOk());
  EXPECT_EQ(text("merged"), text("whole"));
}

TEST_F(RunSweep, InterruptedAndResumed_TheFileIsTheSame) {
  ASSERT_THAT(sweep("whole"), IsOk());
  Impatient impatient(50);  // the third sample: some records are complete
  EXPECT_THAT(sweep("halves", {}, impatient), FailsWith(ErrorCode::kCancelled, HasSubstr("of 20")));
  EXPECT_EQ(text("halves"), "missing");
  const auto left = read_sweep(std::vector{journal_of(path("halves"))});
  ASSERT_THAT(left, IsOk());
  EXPECT_GT(left->records.size(), 0);
  EXPECT_LT(left->records.size(), 20);
  EXPECT_THAT(sweep("halves"), FailsWith(ErrorCode::kAlreadyExists, HasSubstr("unfinished")));
  const auto rest = sweep("halves", [](SweepOptions& options) { options.resume = true; });
  ASSERT_THAT(rest, IsOk());
  EXPECT_EQ(rest->resumed, static_cast<std::int64_t>(left->records.size()));
  EXPECT_EQ(text("halves"), text("whole"));
}

TEST_F(RunSweep, ResumedWithOtherLayers_IsRefused) {
  ASSERT_THAT(sweep("s"), IsOk());
  bench_->setup.switches.pop_back();
  EXPECT_THAT(sweep("s", [](SweepOptions& options) { options.resume = true; }),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("layers")));
}

TEST_F(RunSweep, MetricCommand_SeesEverySubsetAndSaysItsValue) {
  const auto command =
      "n=0; while read -r line; do case \"$line\" in "
      "*'\"type\":\"result\"'*) echo \"{\\\"value\\\": $n}\"; n=0;; "
      "*) n=$((n+1)); echo '{}';; esac; done";
  const auto summary = sweep("s", [&](SweepOptions& options) { options.metric_command = command; });
  ASSERT_THAT(summary, IsOk());
  EXPECT_EQ(summary->sweep.header.reference_metric, 3);  // samples shown
  for (const auto& record : summary->sweep.records) {
    EXPECT_TRUE(record.metric.has_value());
  }
}

TEST_F(RunSweep, MetricCommandThatDies_IsToldWithItsExitCode) {
  EXPECT_THAT(sweep("s", [](SweepOptions& options) { options.metric_command = "exit 3"; }),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("exit code 3")));
  EXPECT_THAT(sweep("t", [](SweepOptions& options) { options.metric_command = "echo no; cat"; }),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("'no'")));
}

/// Two convolutions and, behind them, what the test is about.
ModelBuilder two_convolutions() {
  ModelBuilder builder(13);
  builder.input("x", {1, 4, 12, 12})
      .weight("w1", {4, 4, 3, 3}, 0.2)
      .op("Conv", {"x", "w1"}, {"c1"}, {{"pads", kPads}})
      .weight("w2", {4, 4, 3, 3}, 0.2)
      .op("Conv", {"c1", "w2"}, {"c2"}, {{"pads", kPads}});
  return builder;
}

TEST_F(RunSweep, OutputThatIsZero_HasNoSqnrAndCountsWithItsAbsoluteError) {
  auto builder = two_convolutions();
  builder.constant("nothing", Tensor::scalar(0.0F))
      .op("Mul", {"c2", "nothing"}, {"zero"})
      .output("zero", {1, 4, 12, 12});
  auto bench = bench_of(builder.build());
  ASSERT_THAT(bench, IsOk());
  bench_ = std::move(*bench);
  EXPECT_THAT(sweep("n", [](SweepOptions& options) { options.normalize = true; }),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("zero on every sample")));
  const auto summary = sweep("zero");
  ASSERT_THAT(summary, IsOk());
  ASSERT_EQ(summary->sweep.records.size(), 3);
  for (const auto& record : summary->sweep.records) {
    EXPECT_EQ(record.error, 0);
    EXPECT_EQ(record.relative_l2, 0);
    EXPECT_EQ(record.cosine, 1);
    EXPECT_EQ(record.non_finite, 0);
  }
  const auto line = text("zero");
  EXPECT_THAT(line, HasSubstr(R"("sqnr_db":null)"));
  EXPECT_THAT(line, ::testing::Not(HasSubstr("nan")));
}

TEST_F(RunSweep, SubsetThatGivesInfinities_HasNoErrorAndSaysHowMany) {
  // Rounding makes some of the small values zero.
  auto builder = two_convolutions();
  builder.op("Reciprocal", {"c2"}, {"y"}).output("y", {1, 4, 12, 12});
  auto bench = bench_of(builder.build());
  ASSERT_THAT(bench, IsOk());
  bench_ = std::move(*bench);
  const auto each_alone = [](SweepOptions& options) { options.subsets = {{0}, {1}}; };
  const auto summary = sweep("infinite", each_alone);
  ASSERT_THAT(summary, IsOk());
  const auto& records = summary->sweep.records;
  ASSERT_EQ(records.size(), 2);
  EXPECT_EQ(records[0].non_finite, 0);
  EXPECT_GT(records[0].error, 0);
  EXPECT_GT(records[1].non_finite, 0);
  EXPECT_TRUE(std::isnan(records[1].error));
  EXPECT_TRUE(std::isnan(records[1].outputs.front().sqnr_db));
  EXPECT_THAT(text("infinite"), HasSubstr(R"("error":null)"));
}

TEST_F(RunSweep, WeightsOfOutputs_DecideWhatCounts) {
  const auto plain = sweep("plain");
  ASSERT_THAT(plain, IsOk());
  const auto weighted = sweep("weighted", [](SweepOptions& options) {
    options.weights = {{"z", 0}};
  });
  ASSERT_THAT(weighted, IsOk());
  for (std::size_t i = 0; i < 20; ++i) {
    const auto& record = weighted->sweep.records[i];
    EXPECT_EQ(record.outputs, plain->sweep.records[i].outputs);
    EXPECT_LE(record.error, plain->sweep.records[i].error);
  }
  EXPECT_THAT(sweep("w",
                    [](SweepOptions& options) {
                      options.weights = {{"q", 1}};
                    }),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'q'")));
}

}  // namespace
}  // namespace tessera::noise
