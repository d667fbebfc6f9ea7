// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/couplings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "noise/error_support.h"
#include "noise/noise_bench.h"
#include "support/matchers.h"
#include "tessera/noise/check.h"

namespace tessera::noise {
namespace {

using tessera::testing::IsOk;
using tessera::testing::ModelBuilder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

/// Layers called by their results. Depthwise ones have weights d, all others w.
class Network {
 public:
  Network() {
    builder_.input("x", {1, 8, 10, 10})
        .weight("w", {8, 8, 1, 1}, 0.4)
        .weight("v", {8, 8, 1, 1}, 0.4)
        .weight("d", {8, 1, 3, 3}, 0.4)
        .weight("e", {8, 1, 3, 3}, 0.4)
        .weight("b", {8}, 0.3);
  }

  Network& pointwise(const std::string& in, const std::string& out, const std::string& weight) {
    builder_.op("Conv", {in, weight, "b"}, {out});
    return *this;
  }
  Network& depthwise(const std::string& in, const std::string& out, const std::string& weight) {
    builder_.op("Conv", {in, weight, "b"}, {out},
                {{"group", std::int64_t{8}}, {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
    return *this;
  }
  Network& op(const std::string& type, std::vector<std::string> in, const std::string& out) {
    builder_.op(type, std::move(in), {out});
    return *this;
  }
  onnx::Model ending_in(const std::vector<std::string>& outputs) {
    for (const auto& name : outputs) {
      builder_.output(name, {1, 8, 10, 10});
    }
    return builder_.build();
  }

 private:
  ModelBuilder builder_{13};
};

/// Of all convolutions of a model, as they come in it.
std::vector<Coupling> found_in(const onnx::Model& model,
                               const quantize::Scheme& scheme = kernels_of_tests()) {
  const auto graph = model.view();
  std::vector<graph::OpId> layers;
  std::vector<Switch> switches;
  for (std::uint32_t i = 0; i < graph->ops().size(); ++i) {
    if (graph->ops()[i].type == "Conv") {
      layers.push_back(graph::OpId{i});
      switches.push_back({graph->ops()[i].name, {scheme}});
    }
  }
  return couplings_of(*graph, layers, switches);
}

onnx::Model chain() {
  return Network()
      .pointwise("x", "h", "w")
      .op("Relu", {"h"}, "r")
      .depthwise("r", "i", "d")
      .pointwise("i", "y", "v")
      .ending_in({"y"});
}

TEST(Couplings, ConvolutionAndItsDepthwiseReader_AreOne) {
  const auto model = chain();
  const auto couplings = found_in(model);
  ASSERT_THAT(couplings, SizeIs(1));
  EXPECT_THAT(couplings.front().layers, ElementsAre(0, 1));
  EXPECT_THAT(couplings.front().shares, IsEmpty());
  EXPECT_EQ(model.view()->tensor(couplings.front().value).name, "r");
  EXPECT_THAT(switches_together(couplings, 3),
              ElementsAre(SwitchSet{0, 1}, SwitchSet{0, 1}, SwitchSet{}));
}

TEST(Couplings, OtherFormats_HaveNone) {
  EXPECT_THAT(found_in(chain(), scheme_of_tests()), IsEmpty());
  auto dynamic = kernels_of_tests();
  dynamic.mode = quantize::Mode::kDynamic;
  EXPECT_THAT(found_in(chain(), dynamic), IsEmpty());
}

TEST(Couplings, ValueThatOthersRead_IsNone) {
  const auto start = [] {
    Network network;
    network.pointwise("x", "h", "w").depthwise("h", "i", "d");
    return network;
  };
  EXPECT_THAT(found_in(start().ending_in({"i"})), SizeIs(1));
  EXPECT_THAT(found_in(start().ending_in({"i", "h"})), IsEmpty()) << "an output";
  EXPECT_THAT(found_in(start().op("Add", {"h", "i"}, "y").ending_in({"y"})), IsEmpty()) << "a sum";
  EXPECT_THAT(found_in(start().pointwise("h", "y", "v").ending_in({"i", "y"})), IsEmpty());
  EXPECT_THAT(found_in(start().depthwise("h", "y", "e").ending_in({"i", "y"})), SizeIs(1));
}

TEST(Couplings, Chains_AreTogetherFromEndToEnd) {
  const auto couplings = found_in(Network()
                                      .pointwise("x", "h", "w")
                                      .depthwise("h", "i", "d")
                                      .depthwise("i", "j", "e")
                                      .pointwise("j", "y", "v")
                                      .ending_in({"y"}));
  ASSERT_THAT(couplings, SizeIs(2));
  const SwitchSet all{0, 1, 2};
  EXPECT_THAT(switches_together(couplings, 4), ElementsAre(all, all, all, SwitchSet{}));
}

/// Two of the same weights, far from each other.
onnx::Model twins() {
  return Network()
      .pointwise("x", "h", "w")
      .depthwise("h", "i", "d")
      .op("Sigmoid", {"i"}, "s")
      .pointwise("s", "j", "v")
      .depthwise("j", "y", "d")
      .ending_in({"y"});
}

TEST(Couplings, SharedWeights_AreKnown) {
  const auto couplings = found_in(twins());
  ASSERT_THAT(couplings, SizeIs(2));
  EXPECT_THAT(couplings[0].shares, ElementsAre(Pair(1, 3)));
  EXPECT_THAT(couplings[1].shares, ElementsAre(Pair(3, 1)));
  EXPECT_THAT(switches_together(couplings, 4), ElementsAre(SwitchSet{0, 1, 3}, SwitchSet{0, 1, 3},
                                                           SwitchSet{1, 2, 3}, SwitchSet{1, 2, 3}));
}

/// Every subset of a model's layers against the model that the quantizer writes.
Check check_all(const Bench& bench) {
  const std::vector<std::string> design{"random:1000"};
  const auto subsets = choose_subsets(design, bench.entries(), Sizes::kEven, 0);
  EXPECT_THAT(subsets, IsOk());
  auto check = run_check(bench.setup, *bench.samples, *subsets, Monitor::silent());
  EXPECT_THAT(check, IsOk());
  return *std::move(check);
}

double error_of(const Check& check, const std::vector<std::string>& layers) {
  return std::ranges::find(check.rows, layers, &CheckRow::layers)->engine_error;
}

TEST(Couplings, EverySubset_IsThatOfTheBuiltModel) {
  for (const bool shared : {false, true}) {
    SCOPED_TRACE(shared);
    const auto bench = bench_of(shared ? twins() : chain(), kernels_of_tests());
    ASSERT_THAT(bench, IsOk());
    const auto check = check_all(**bench);
    EXPECT_THAT(check.rows, SizeIs(shared ? 15 : 7));
    for (const auto& row : check.rows) {
      EXPECT_NEAR(row.deviation(), 0, 1e-6) << fmt::format("{}", fmt::join(row.layers, " "));
    }
  }
}

/// What the groups are made for: both layers make less error than with one scale between them.
TEST(Couplings, ScalesPerChannel_AreInTheError) {
  const std::vector<std::string> both{"h_node", "i_node"};
  const auto kernels = bench_of(chain(), kernels_of_tests());
  const auto stock = bench_of(chain());
  ASSERT_THAT(kernels, IsOk());
  ASSERT_THAT(stock, IsOk());
  const auto own = check_all(**kernels);
  const auto others = check_all(**stock);
  EXPECT_LT(error_of(own, both), .98 * error_of(others, both));
  for (const auto* alone : {"h_node", "i_node", "y_node"}) {
    EXPECT_NEAR(error_of(own, {alone}) / error_of(others, {alone}), 1, .02) << alone;
  }
}

/// The second layer of a group reads what is made within it.
TEST(Couplings, LayerNoise_IsThatOfTheLayerAlone) {
  std::vector<std::vector<LayerNoise>> noises;
  for (const auto& scheme : {scheme_of_tests(), kernels_of_tests()}) {
    const auto bench = bench_of(chain(), scheme);
    ASSERT_THAT(bench, IsOk());
    auto model = SwitchableModel::open((*bench)->setup, Monitor::silent());
    ASSERT_THAT(model, IsOk());
    EXPECT_EQ(model->work().segments, scheme.format == quantize::Format::kKernels ? 2 : 3);
    const auto sample = (*bench)->samples->load(0);
    ASSERT_THAT(sample, IsOk());
    const auto noise = model->layer_noise(*sample, Monitor::silent());
    ASSERT_THAT(noise, IsOk());
    noises.push_back(*noise);
  }
  ASSERT_THAT(noises[1], SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_GT(noises[1][i].noise, 0);
    EXPECT_NEAR(noises[1][i].noise / noises[0][i].noise, 1, .01);
    EXPECT_EQ(noises[1][i].signal, noises[0][i].signal);
  }
}

TEST(Couplings, FormatsThatAreMixed_AreWarnedOf) {
  const auto bench = bench_of(chain(), kernels_of_tests());
  ASSERT_THAT(bench, IsOk());
  testing::Listener uniform;
  ASSERT_THAT(SwitchableModel::open((*bench)->setup, uniform), IsOk());
  EXPECT_THAT(uniform.ids, IsEmpty());
  (*bench)->setup.switches.back().schemes = {scheme_of_tests()};
  testing::Listener mixed;
  ASSERT_THAT(SwitchableModel::open((*bench)->setup, mixed), IsOk());
  EXPECT_TRUE(mixed.ids.contains("mixed-formats"));
}

}  // namespace
}  // namespace tessera::noise
