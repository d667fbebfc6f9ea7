// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Scales per channel by way of tables and of weights' scales: closer to float32, and nothing else
// about the model changes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "support/differential.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using onnx::Model;
using testing::IsOk;
using testing::ModelBuilder;

using Ints = std::vector<std::int64_t>;

constexpr std::int64_t kChannels = 6;

/// Weights whose rows are `spread` to the power of their number times those before.
Tensor spread_rows(const Shape& shape, double spread, std::uint64_t seed) {
  auto tensor = testing::random_tensor(shape, seed, 1);
  const auto values = tensor.as<float>();
  const std::size_t row = values.size() / static_cast<std::size_t>(shape[0]);
  std::vector<float> scaled;
  for (std::size_t i = 0; i < values.size(); ++i) {
    scaled.push_back(values[i] *
                     static_cast<float>(std::pow(spread, static_cast<double>(i / row))));
  }
  return Tensor::of(scaled, shape);
}

using Middle = std::function<void(ModelBuilder&)>;

void silu(ModelBuilder& builder) {
  builder.op("Sigmoid", {"h"}, {"s"}).op("Mul", {"h", "s"}, {"y"});
}

void relu(ModelBuilder& builder) {
  builder.op("Relu", {"h"}, {"y"});
}

void relu6(ModelBuilder& builder) {
  builder.constant("low", Tensor::scalar(0.0F)).constant("high", Tensor::scalar(6.0F));
  builder.op("Clip", {"h", "low", "high"}, {"y"});
}

void depthwise(ModelBuilder& builder, double spread) {
  builder.constant("v", spread_rows({kChannels, 1, 3, 3}, 1 / spread, 5));
  builder.weight("c", {kChannels});
  builder.op("Conv", {"y", "v", "c"}, {"d"},
             {{"group", std::int64_t{kChannels}}, {"pads", Ints{1, 1, 1, 1}}});
}

/// x -> Conv -> h -> middle -> y -> depthwise Conv -> d -> SiLU -> e -> Conv -> z. Channels of h
/// differ by powers of `spread`; those of d do not.
ModelBuilder network(const Middle& middle, double spread, bool bias = true) {
  ModelBuilder builder(20);
  builder.input("x", {1, 4, 8, 8}).weight("b", {kChannels});
  builder.constant("w", spread_rows({kChannels, 4, 1, 1}, spread, 3));
  builder.op("Conv",
             bias ? std::vector<std::string>{"x", "w", "b"} : std::vector<std::string>{"x", "w"},
             {"h"});
  middle(builder);
  depthwise(builder, spread);
  builder.op("Sigmoid", {"d"}, {"f"}).op("Mul", {"d", "f"}, {"e"});
  builder.weight("u", {2, kChannels, 1, 1});
  builder.op("Conv", {"e", "u"}, {"z"}).output("z");
  return builder;
}

struct Compared {
  Quantized plain;
  Quantized scaled;
  double plain_error = 0;  ///< sum of squares of what the outputs are off
  double scaled_error = 0;
};

double error_of(const Model& given, const Model& quantized) {
  double sum = 0;
  for (std::uint64_t seed = 1; seed < 5; ++seed) {
    const auto feeds = random_feeds(given, seed);
    const auto exact = run(given, feeds, OptLevel::kAll);
    for (const auto level : {OptLevel::kDisabled, OptLevel::kAll}) {
      const auto result = run(quantized, feeds, level);
      EXPECT_THAT(result, IsOk());
      if (!result || !exact) {
        return NAN;
      }
      for (const auto& [name, tensor] : *exact) {
        const auto a = tensor.as<float>();
        const auto b = result->at(name).as<float>();
        for (std::size_t i = 0; i < a.size(); ++i) {
          sum += (double{a[i]} - double{b[i]}) * (double{a[i]} - double{b[i]});
        }
      }
    }
  }
  return sum;
}

/// Scales that are none would only be found on other machines.
void expect_sound_scales(const Model& model) {
  for (const auto& name : model.initializers()) {
    const auto value = model.initializer(name);
    if (value && value->dtype == DType::kFloat32 && name.find("scale") != std::string::npos) {
      for (const float scale : value->as<float>()) {
        EXPECT_TRUE(std::isnormal(scale) && scale > 0) << name << " " << scale;
      }
    }
  }
}

using Adjust = std::function<void(calibrate::Ranges&)>;

/// `left`: operators that stay in float and read what was not rounded.
Compared compare(ModelBuilder builder, DType activation = DType::kUInt8, bool per_channel = true,
                 const Adjust& adjust = {}, const std::vector<std::string>& left = {}) {
  auto model = builder.build();
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  // Ranges of the inputs that errors are of, too: what is cut off is another matter.
  auto ranges = measure(model, random_feeds(model, 1), true).value();
  for (std::uint64_t seed = 2; seed < 5; ++seed) {
    const auto more = measure(model, random_feeds(model, seed), true).value();
    for (auto& [name, channels] : ranges.channels) {
      auto& whole = ranges.tensors[name][numerics::RangeMethod::kMinMax];
      const auto& other = more.tensors.at(name).at(numerics::RangeMethod::kMinMax);
      whole = {std::min(whole.min, other.min), std::max(whole.max, other.max)};
      for (std::size_t c = 0; c < channels.size(); ++c) {
        channels[c] = {std::min(channels[c].min, more.channels.at(name)[c].min),
                       std::max(channels[c].max, more.channels.at(name)[c].max)};
      }
    }
  }
  const auto scheme = static_scheme(Format::kKernels, activation, DType::kInt8, per_channel);
  if (adjust) {
    adjust(ranges);
  }
  auto without = ranges;
  without.channels.clear();
  Compared result{quantize_all(model, scheme, &without, left).value(),
                  quantize_all(model, scheme, &ranges, left).value()};
  expect_sound_scales(result.scaled.model);
  result.plain_error = error_of(model, result.plain.model);
  result.scaled_error = error_of(model, result.scaled.model);
  return result;
}

/// Extents of the lookups' tables, in the order of the model.
std::vector<std::size_t> tables(const Model& model) {
  std::vector<std::size_t> ranks;
  for (const auto node : model.nodes()) {
    if (model.op_type(node) == "Lookup") {
      ranks.push_back(model.initializer(model.inputs(node)[1])->shape.size());
    }
  }
  return ranks;
}

class ChannelScales : public ::testing::TestWithParam<DType> {};

TEST_P(ChannelScales, InFrontOfDepthwiseConvolutions_TakeTheSpreadAway) {
  const auto compared = compare(network(silu, 3), GetParam());
  EXPECT_THAT(tables(compared.plain.model), ::testing::ElementsAre(1, 1));
  EXPECT_EQ(tables(compared.scaled.model).front(), 2);
  EXPECT_LT(compared.scaled_error, 0.25 * compared.plain_error);
  EXPECT_EQ(count_types(compared.plain.model), count_types(compared.scaled.model));
}

INSTANTIATE_TEST_SUITE_P(Types, ChannelScales, ::testing::Values(DType::kUInt8, DType::kInt8),
                         [](const auto& test) { return std::string(short_name(test.param)); });

TEST(ChannelScalesOf, WeightsWithOneScale_GetOnePerChannel) {
  const auto compared = compare(network(silu, 1.5), DType::kUInt8, false);
  EXPECT_EQ(tables(compared.scaled.model).front(), 2);
  EXPECT_LT(compared.scaled_error, compared.plain_error);
}

TEST(ChannelScalesOf, ConvolutionWithoutBias_GetsOne) {
  const auto compared = compare(network(silu, 3, false));
  EXPECT_LT(compared.scaled_error, 0.25 * compared.plain_error);
}

TEST(ChannelScalesOf, ChannelsAlike_StayAsGood) {
  const auto compared = compare(network(silu, 1));
  EXPECT_LT(compared.scaled_error, 1.2 * compared.plain_error);
}

TEST(ChannelScalesOf, ConvolutionsBehindOneAnother_NeedNoTable) {
  // Relu6 itself makes the channels alike: there is nothing to be won.
  for (const auto& [middle, share] :
       {std::pair(Middle(relu), 0.1), std::pair(Middle(relu6), 1.2)}) {
    const auto compared = compare(network(middle, 3));
    EXPECT_EQ(tables(compared.plain.model).size(), 1);
    EXPECT_EQ(tables(compared.scaled.model).size(), 1) << "no Lookup was added";
    EXPECT_LT(compared.scaled_error, share * compared.plain_error);
    EXPECT_EQ(count_types(compared.plain.model), count_types(compared.scaled.model));
  }
}

TEST(ChannelScalesOf, SeveralKernelsPerChannel_ShareItsScale) {
  ModelBuilder builder(20);
  builder.input("x", {1, 4, 8, 8}).weight("b", {kChannels});
  builder.constant("w", spread_rows({kChannels, 4, 1, 1}, 3, 3));
  builder.op("Conv", {"x", "w", "b"}, {"h"});
  silu(builder);
  builder.constant("v", spread_rows({kChannels * 2, 1, 3, 3}, 1 / std::sqrt(3), 5));
  builder.op("Conv", {"y", "v"}, {"d"}, {{"group", std::int64_t{kChannels}}});
  builder.weight("u", {2, kChannels * 2, 1, 1});
  builder.op("Conv", {"d", "u"}, {"z"}).output("z");
  const auto compared = compare(std::move(builder));
  EXPECT_THAT(tables(compared.scaled.model), ::testing::ElementsAre(2));
  EXPECT_LT(compared.scaled_error, 0.5 * compared.plain_error);
}

/// Who reads the value as it is must not find it scaled.
TEST(ChannelScalesOf, ValueThatOthersRead_KeepsOneScale) {
  auto builder = network(silu, 3);
  builder.weight("o", {2, kChannels, 1, 1}).op("Conv", {"y", "o"}, {"p"});
  builder.output("p");
  const auto compared = compare(std::move(builder));
  EXPECT_LT(compared.scaled_error, 1.2 * compared.plain_error);
}

TEST(ChannelScalesOf, ResultThatIsReadInFloat_KeepsOneScale) {
  auto builder = network(silu, 3);
  builder.named_op("reader", "Neg", {"h"}, {"p"}).output("p");
  const auto compared = compare(std::move(builder), DType::kUInt8, true, {}, {"reader"});
  EXPECT_LT(compared.scaled_error, 1.2 * compared.plain_error);
}

/// A table per channel has its price: it has to bring something.
TEST(ChannelScalesOf, ValuesNotInFrontOfDepthwise_GetTablesWhereThatPays) {
  for (const auto& [spread, rank] : {std::pair(1.0, 1U), std::pair(10.0, 2U)}) {
    ModelBuilder builder(20);
    builder.input("x", {1, 4, 8, 8});
    builder.constant("w", spread_rows({kChannels, 4, 1, 1}, spread, 3));
    builder.op("Conv", {"x", "w"}, {"h"});
    builder.op("HardSigmoid", {"h"}, {"y"}, {{"alpha", 0.1F}, {"beta", 0.5F}});
    builder.weight("u", {2, kChannels, 1, 1}).op("Conv", {"y", "u"}, {"z"}).output("z");
    const auto compared = compare(std::move(builder));
    EXPECT_THAT(tables(compared.scaled.model), ::testing::ElementsAre(rank)) << spread;
    EXPECT_LE(compared.scaled_error, compared.plain_error);
  }
}

TEST(ChannelScalesOf, RangesWiderOrNarrowerThanChannels_AreKeptTo) {
  for (const double factor : {3.0, 0.5}) {
    const auto adjust = [factor](calibrate::Ranges& ranges) {
      ranges.tensors["y"][numerics::RangeMethod::kMinMax].max *= factor;
    };
    const auto compared = compare(network(relu, 3), DType::kUInt8, true, adjust);
    EXPECT_LT(compared.scaled_error, compared.plain_error) << factor;
    if (factor < 1) {
      EXPECT_GT(compared.scaled_error, 0.3 * compared.plain_error) << "cut off in both";
    }
  }
}

TEST(ChannelScalesOf, DeadChannel_IsHarmless) {
  ModelBuilder builder(20);
  auto rows = spread_rows({kChannels, 4, 1, 1}, 3, 3);
  std::vector<float> weights(rows.as<float>().begin(), rows.as<float>().end());
  std::fill_n(weights.begin() + 8, 4, 0.0F);
  builder.input("x", {1, 4, 8, 8}).constant("w", Tensor::of(weights, {kChannels, 4, 1, 1}));
  builder.op("Conv", {"x", "w"}, {"h"});
  silu(builder);
  builder.constant("v", spread_rows({kChannels, 1, 3, 3}, 1 / 3.0, 5));
  builder.op("Conv", {"y", "v"}, {"d"}, {{"group", std::int64_t{kChannels}}});
  builder.weight("u", {2, kChannels, 1, 1});
  builder.op("Conv", {"d", "u"}, {"z"}).output("z");
  const auto compared = compare(std::move(builder));
  EXPECT_LT(compared.scaled_error, 0.25 * compared.plain_error);
}

/// The shuffle becomes the order of what makes the channels: of the tables, too.
TEST(ChannelScalesOf, ShuffleBehindTables_MovesTheirRows) {
  ModelBuilder builder(20);
  builder.input("x", {1, 4, 8, 8});
  builder.constant("w", spread_rows({kChannels, 4, 1, 1}, 10, 3));
  builder.op("Conv", {"x", "w"}, {"h"});
  builder.op("HardSigmoid", {"h"}, {"s"}, {{"alpha", 0.1F}, {"beta", 0.5F}});
  builder.constant("apart", Tensor::of(Ints{1, 2, kChannels / 2, 8, 8}, {5}));
  builder.constant("joined", Tensor::of(Ints{1, kChannels, 8, 8}, {4}));
  builder.op("Reshape", {"s", "apart"}, {"r"});
  builder.op("Transpose", {"r"}, {"t"}, {{"perm", Ints{0, 2, 1, 3, 4}}});
  builder.op("Reshape", {"t", "joined"}, {"y"});
  builder.weight("u", {2, kChannels, 1, 1}).op("Conv", {"y", "u"}, {"z"}).output("z");
  const auto compared = compare(std::move(builder));
  EXPECT_THAT(tables(compared.scaled.model), ::testing::ElementsAre(2));
  EXPECT_EQ(count_types(compared.scaled.model), count_types(compared.plain.model));
  EXPECT_LT(compared.scaled_error, compared.plain_error);
}

/// Whoever simulates the roundings must not round what lookups leave alone.
TEST(ChannelScalesOf, Simulation_RoundsWhatIsLeft) {
  auto model = network(silu, 3).build();
  ASSERT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  auto ranges = measure(model, random_feeds(model, 1), true).value();
  const auto rounded = [&](Format format) {
    const auto graph = model.view().value();
    const Assignment assignment(graph.ops().size(),
                                static_scheme(format, DType::kUInt8, DType::kInt8, true));
    std::set<std::string> names;
    const auto details = describe_static(model, assignment, ranges, {}, Monitor::silent()).value();
    for (const auto& scale : details.activations) {
      names.insert(scale.tensors.begin(), scale.tensors.end());
    }
    return names;
  };
  using Names = std::set<std::string>;
  EXPECT_EQ(rounded(Format::kQOperator), (Names{"x", "h", "s", "y", "d", "f", "e", "z"}));
  EXPECT_EQ(rounded(Format::kKernels), (Names{"x", "d", "e", "z"})) << "h and y by channel";
  ranges.channels.clear();
  EXPECT_EQ(rounded(Format::kKernels), (Names{"x", "h", "y", "d", "e", "z"}));
}

/// Where a function does not move, no entry of a table is spent: of -40 to 40 SiLU needs half.
TEST(ChannelScalesOf, EndsThatAFunctionMakesAlike_AreCutOff) {
  ModelBuilder builder(20);
  builder.input("x", {1, 1, 1, 128});
  builder.constant("w", Tensor::of(std::vector<float>{1, 1}, {2, 1, 1, 1}));
  builder.op("Conv", {"x", "w"}, {"h"});
  builder.op("HardSigmoid", {"h"}, {"y"}, {{"alpha", 0.5F}, {"beta", 0.5F}});
  builder.constant("v", Tensor::of(std::vector<float>{1, 1}, {2, 1, 1, 1}));
  builder.op("Conv", {"y", "v"}, {"z"}, {{"group", std::int64_t{2}}}).output("z");
  auto model = builder.build();
  ASSERT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  std::vector<float> values;
  for (int i = 0; i < 128; ++i) {
    values.push_back(-40 + 0.63F * static_cast<float>(i));
  }
  Feeds feeds;
  feeds.emplace("x", Tensor::of(values, {1, 1, 1, 128}));
  const auto ranges = measure(model, feeds, true).value();
  const auto scheme = static_scheme(Format::kKernels, DType::kUInt8, DType::kInt8, true);
  const auto quantized = quantize_all(model, scheme, &ranges).value();
  for (const auto node : quantized.model.nodes()) {
    if (quantized.model.op_type(node) != "Lookup") {
      continue;
    }
    const auto table = quantized.model.initializer(quantized.model.inputs(node)[1]).value();
    const auto bytes = table.as<std::uint8_t>().first(256);
    std::set<int> different(bytes.begin(), bytes.end());
    EXPECT_GT(different.size(), 200U) << "-1 to 1 of -40 to 40 would be 7 entries";
  }
}

}  // namespace
}  // namespace tessera::quantize
