// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/calibrate/calibrate.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "support/renamed_network.h"
#include "tessera/calibrate/apart.h"
#include "tessera/core/random.h"
#include "tessera/network/load.h"
#include "tessera/onnx/model.h"
#include "tessera/runtime/type_oracle.h"
#include "tessera/tensor/npy.h"

namespace tessera::calibrate {
namespace {

using numerics::RangeMethod;
using numerics::RealRange;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

/// Keeps warnings; cancels after some samples.
class Recorder final : public Monitor {
 public:
  void progress(std::string_view, std::int64_t done, std::int64_t) override { done_ = done; }
  void warn(const Warning& warning) override { warnings.push_back(warning); }
  [[nodiscard]] bool cancelled() const noexcept override { return done_ >= cancel_after; }

  std::vector<Warning> warnings;
  std::int64_t cancel_after = std::numeric_limits<std::int64_t>::max();

 private:
  std::int64_t done_ = 0;
};

std::shared_ptr<const runtime::Library> library() {
  static const auto loaded = runtime::Library::load();
  return loaded ? *loaded : nullptr;
}

ValueType type_of(DType dtype, const std::vector<std::int64_t>& shape) {
  std::vector<Dim> dims;
  for (const std::int64_t extent : shape) {
    dims.push_back(extent < 0 ? Dim{-1, "L"} : Dim{extent, ""});
  }
  return {dtype, dims};
}

/// A model under construction.
struct Builder {
  onnx::Model model = onnx::Model::empty(13);

  Builder& input(const char* name, const std::vector<std::int64_t>& shape,
                 DType dtype = DType::kFloat32) {
    model.add_input(name, type_of(dtype, shape));
    return *this;
  }
  Builder& node(const char* op, std::vector<std::string> inputs, std::vector<std::string> outputs,
                std::vector<onnx::NamedAttribute> attributes = {}) {
    model.add_node({std::string(op) + "_" + outputs.front(), op, "", std::move(inputs),
                    std::move(outputs), std::move(attributes)});
    return *this;
  }
  /// Types inferred, ready to calibrate.
  network::Network finish(std::initializer_list<const char*> outputs) {
    for (const char* output : outputs) {
      model.add_output(output);
    }
    const Status status = model.infer_types(runtime::type_oracle(library()));
    EXPECT_THAT(status, IsOk());
    return network::Network::of(std::move(model));
  }
};

std::vector<float> noise(std::size_t count, std::uint64_t seed, double scale = 1) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    value = static_cast<float>(random.normal() * scale);
  }
  return values;
}

/// Samples as .npy files, s00.npy and so on.
class Calibrate : public ::testing::Test {
 protected:
  Calibrate() : folder_(*TemporaryDirectory::create("tessera-calibrate-test")) {}

  void SetUp() override { ASSERT_NE(library(), nullptr) << "ONNX Runtime is missing"; }

  void sample(const Tensor& tensor, const std::string& folder = "") {
    const auto directory = folder_.path() / "data" / folder;
    std::filesystem::create_directories(directory);
    const std::string name = fmt::format("s{:02}.npy", counts_[folder]++);
    ASSERT_THAT(write_npy(directory / name, tensor.view(), Overwrite::kRefuse), IsOk());
  }

  Result<data::SampleSet> samples(const network::Network& model, std::int64_t shard = 0,
                                  std::int64_t shards = 1) {
    TESSERA_TRY(const auto specs, network::input_specs(model));
    data::SampleOptions options;
    options.source = (folder_.path() / "data").string();
    options.shard_index = shard;
    options.shard_count = shards;
    return data::SampleSet::open(options, specs, recorder_);
  }

  Result<Ranges> run(const network::Network& model, CalibrateOptions options = {}) {
    TESSERA_TRY(const auto set, samples(model));
    return calibrate(model, set, library(), options, recorder_);
  }

  Recorder recorder_;
  TemporaryDirectory folder_;
  std::map<std::string, int> counts_;
};

/// x -> Relu -> r -> Reshape -> flat -> Sigmoid -> s; Concat(r, x) -> c -> Neg -> n.
network::Network small_model() {
  Builder builder;
  builder.input("x", {1, 4, 6})
      .node("Relu", {"x"}, {"r"})
      .node("Flatten", {"r"}, {"flat"})
      .node("Sigmoid", {"flat"}, {"s"})
      .node("Concat", {"r", "x"}, {"c"}, {{"axis", std::int64_t{1}}})
      .node("Neg", {"c"}, {"n"});
  return builder.finish({"s", "n"});
}

TEST_F(Calibrate, MinMaxIsThatOfEveryTensor) {
  const network::Network model = small_model();
  float low = 0;
  float high = 0;
  for (std::uint64_t seed = 0; seed < 7; ++seed) {
    const std::vector<float> values = noise(24, seed);
    sample(Tensor::of(values, {1, 4, 6}));
    for (const float value : values) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  const auto ranges = run(model);
  ASSERT_THAT(ranges, IsOk());
  EXPECT_EQ(ranges->samples, 7);
  EXPECT_EQ(ranges->tensors.size(), 6U);
  const double min{low};
  const double max{high};
  const auto min_max = [&](const char* name) {
    return ranges->find(name, RangeMethod::kMinMax).value_or(RealRange{9, -9});
  };
  EXPECT_EQ(min_max("x"), (RealRange{min, max}));
  EXPECT_EQ(min_max("r"), (RealRange{0, max}));
  EXPECT_EQ(min_max("flat"), (RealRange{0, max}));
  EXPECT_EQ(min_max("c"), (RealRange{min, max}));
  EXPECT_EQ(min_max("n"), (RealRange{-max, -min}));
  EXPECT_EQ(min_max("s").min, 0.5);
  EXPECT_NEAR(min_max("s").max, 1 / (1 + std::exp(-max)), 1e-6);
  for (const auto& [name, methods] : ranges->tensors) {
    EXPECT_EQ(methods.size(), numerics::kRangeMethods.size()) << name;
  }
  EXPECT_GT(ranges->wall_us, 0);
}

TEST_F(Calibrate, DerivedRangesAreThoseThatMeasuringGives) {
  // The same computation with Relu(r) = r and -(-c) = c in place of what is derived.
  Builder builder;
  builder.input("x", {1, 4, 6})
      .node("Relu", {"x"}, {"r"})
      .node("Relu", {"r"}, {"flat"})
      .node("Concat", {"r", "x"}, {"c0"}, {{"axis", std::int64_t{1}}})
      .node("Neg", {"c0"}, {"c1"})
      .node("Neg", {"c1"}, {"c"});
  const network::Network measured = builder.finish({"flat", "c"});
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    sample(Tensor::of(noise(24, seed), {1, 4, 6}));
  }
  const auto derived_ranges = run(small_model());
  const auto measured_ranges = run(measured);
  ASSERT_THAT(derived_ranges, IsOk());
  ASSERT_THAT(measured_ranges, IsOk());
  for (const char* name : {"flat", "c"}) {
    EXPECT_EQ(derived_ranges->tensors.at(name), measured_ranges->tensors.at(name)) << name;
  }
}

TEST_F(Calibrate, ThreadsDoNotChangeTheResult) {
  const network::Network model = small_model();
  for (std::uint64_t seed = 0; seed < 9; ++seed) {
    sample(Tensor::of(noise(24, seed, 1 + static_cast<double>(seed)), {1, 4, 6}));
  }
  const auto one = run(model);
  ASSERT_THAT(one, IsOk());
  for (const int threads : {2, 3, 16}) {
    CalibrateOptions options;
    options.threads = threads;
    const auto several = run(model, options);
    ASSERT_THAT(several, IsOk());
    EXPECT_EQ(several->tensors, one->tensors) << threads;
  }
}

/// x -> Conv -> h -> Relu -> r -> Conv -> y; channel 1 of h is always negative.
network::Network convolutions(const std::vector<std::int64_t>& shape = {1, 1, 4}) {
  Builder builder;
  builder.model.set_initializer("w", Tensor::of(std::vector<float>{2, 0}, {2, 1, 1}));
  builder.model.set_initializer("b", Tensor::of(std::vector<float>{0, -3}, {2}));
  builder.model.set_initializer("v", Tensor::of(std::vector<float>{1, 1}, {1, 2, 1}));
  builder.input("x", shape)
      .node("Conv", {"x", "w", "b"}, {"h"})
      .node("Relu", {"h"}, {"r"})
      .node("Conv", {"r", "v"}, {"y"})
      .node("Neg", {"y"}, {"n"});
  return builder.finish({"n"});
}

TEST_F(Calibrate, Channels_AreThoseAroundConvolutions) {
  const auto model = convolutions();
  sample(Tensor::of(std::vector<float>{1, 2, -3, 0}, {1, 1, 4}));
  sample(Tensor::of(std::vector<float>{5, 4, 1, 0}, {1, 1, 4}));
  const auto without = run(model);
  ASSERT_THAT(without, IsOk());
  EXPECT_TRUE(without->channels.empty());
  CalibrateOptions options;
  options.channels = true;
  const auto ranges = run(model, options);
  ASSERT_THAT(ranges, IsOk());
  EXPECT_EQ(ranges->tensors, without->tensors);
  using Channels = std::map<std::string, ChannelRanges, std::less<>>;
  EXPECT_EQ(ranges->channels, (Channels{{"x", {{-3, 5}}},
                                        {"h", {{-6, 10}, {-3, -3}}},
                                        {"r", {{0, 10}, {0, 0}}},
                                        {"y", {{0, 10}}}}));
  options.threads = 2;
  EXPECT_EQ(run(model, options)->channels, ranges->channels);
}

TEST_F(Calibrate, ChannelsOfShards_AreThoseOfTheWholeRun) {
  const auto model = convolutions();
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    sample(Tensor::of(noise(4, seed, 1 + static_cast<double>(seed)), {1, 1, 4}));
  }
  CalibrateOptions options;
  options.channels = true;
  const auto whole = run(model, options);
  ASSERT_THAT(whole, IsOk());
  std::vector<Json> shards;
  for (const std::int64_t shard : {1, 0}) {
    const auto set = samples(model, shard, 2);
    auto state = calibrate_shard(model, *set, shard, 2, library(), options, recorder_);
    ASSERT_THAT(state, IsOk());
    shards.push_back(enclose({.kind = "calibrate-shard", .timeless = true}, *state));
  }
  const auto merged = merge_shards(shards, 1, recorder_);
  ASSERT_THAT(merged, IsOk());
  EXPECT_EQ(merged->channels, whole->channels);
  auto foreign = shards[1];
  foreign["result"].erase("channels");
  EXPECT_THAT(merge_shards(std::vector<Json>{shards[0], foreign}, 1, recorder_),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("differ in their options")));
  for (const char* damage :
       {R"([])", R"({"z": {}})", R"({"h": {"min": [0], "max": [1]}})",
        R"({"h": {"min": [0], "max": [1], "seen": [1], "comparable": true}})"}) {
    foreign = shards[1];
    foreign["result"]["channels"] = *parse_json(damage, "damage");
    EXPECT_THAT(merge_shards(std::vector<Json>{shards[0], foreign}, 1, recorder_),
                FailsWith(ErrorCode::kDataLoss, AnyOf(HasSubstr("damaged"), HasSubstr("missing"),
                                                      HasSubstr("no object"))))
        << damage;
  }
}

TEST_F(Calibrate, ChannelsWhoseNumberChanges_AreNotKnown) {
  Builder builder;
  builder.model.set_initializer("w", Tensor::of(std::vector<float>{1}, {1, 1, 1, 1}));
  builder.input("x", {-1, -1, 2})
      .node("Unsqueeze", {"x", "axes"}, {"u"})
      .node("Transpose", {"u"}, {"t"}, {{"perm", std::vector<std::int64_t>{0, 3, 1, 2}}});
  builder.model.set_initializer("axes", Tensor::of(std::vector<std::int64_t>{3}, {1}));
  builder.node("Conv", {"t", "w"}, {"y"}).node("Transpose", {"x"}, {"n"});
  const auto model = builder.finish({"y", "n"});
  sample(Tensor::of(noise(4, 1), {1, 2, 2}));
  sample(Tensor::of(noise(6, 2), {1, 3, 2}));
  CalibrateOptions options;
  options.channels = true;
  const auto ranges = run(model, options);
  ASSERT_THAT(ranges, IsOk());
  EXPECT_TRUE(ranges->channels.contains("y")) << "always one channel";
  EXPECT_FALSE(ranges->channels.contains("x"));
}

TEST_F(Calibrate, MergedShardsAreTheWholeRun) {
  const network::Network model = small_model();
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    sample(Tensor::of(noise(24, seed, 1 + static_cast<double>(seed)), {1, 4, 6}));
  }
  auto whole = run(model);
  ASSERT_THAT(whole, IsOk());
  std::vector<Json> shards;
  for (const std::int64_t shard : {2, 0, 1}) {
    const auto set = samples(model, shard, 3);
    ASSERT_THAT(set, IsOk());
    auto state = calibrate_shard(model, *set, shard, 3, library(), {}, recorder_);
    ASSERT_THAT(state, IsOk());
    shards.push_back(enclose({.kind = "calibrate-shard", .timeless = true}, *state));
  }
  const auto merged = merge_shards(shards, 2, recorder_);
  ASSERT_THAT(merged, IsOk());
  whole->wall_us = 0;
  EXPECT_EQ(to_text(to_json(*merged)), to_text(to_json(*whole)));

  const auto refused = [&](std::vector<Json> documents, const char* message) {
    EXPECT_THAT(merge_shards(documents, 1, recorder_),
                FailsWith(ErrorCode::kInvalidArgument, HasSubstr(message)));
  };
  refused({}, "no shards");
  refused({shards[0], shards[1]}, "shard 1/3 is missing");
  refused({shards[0], shards[1], shards[1], shards[2]}, "shard 0/3 is there twice");
  Json foreign = shards[2];
  foreign["model"] = {{"sha256", "other"}};
  refused({shards[0], shards[1], foreign}, "differ in their model");
  foreign = shards[2];
  foreign["result"]["estimator"]["percentile"] = 99;
  refused({shards[0], shards[1], foreign}, "differ in their options");
  foreign = shards[2];
  foreign["result"]["tensors"]["x"]["finite"] = 3;
  EXPECT_THAT(merge_shards(std::vector<Json>{foreign}, 1, recorder_),
              FailsWith(ErrorCode::kDataLoss, AllOf(HasSubstr("'x'"), HasSubstr("damaged"))));
}

TEST_F(Calibrate, OrderOfSamplesMattersToTheMovingAverageAlone) {
  const network::Network model = small_model();
  sample(Tensor::of(noise(24, 1, 5), {1, 4, 6}));
  sample(Tensor::of(noise(24, 2), {1, 4, 6}));
  const auto forward = run(model);
  const auto data = folder_.path() / "data";
  std::filesystem::rename(data / "s00.npy", data / "t.npy");
  const auto backward = run(model);
  ASSERT_THAT(forward, IsOk());
  ASSERT_THAT(backward, IsOk());
  for (const RangeMethod method : numerics::kRangeMethods) {
    if (method == RangeMethod::kMovingAverage) {
      EXPECT_NE(forward->find("x", method), backward->find("x", method));
    } else {
      EXPECT_EQ(forward->find("x", method), backward->find("x", method));
    }
  }
}

TEST_F(Calibrate, RaggedSamplesAndZeroSizes) {
  Builder builder;
  builder.input("x", {1, -1, 2}).node("Exp", {"x"}, {"e"}).node("Neg", {"e"}, {"y"});
  const network::Network model = builder.finish({"y"});
  sample(Tensor::of(std::vector<float>{0, 1, -1, 0}, {1, 2, 2}));
  sample(Tensor(DType::kFloat32, {1, 0, 2}));
  sample(Tensor::of(std::vector<float>{2, 1}, {1, 1, 2}));
  const auto ranges = run(model);
  ASSERT_THAT(ranges, IsOk());
  EXPECT_EQ(ranges->find("x", RangeMethod::kMinMax), (RealRange{-1, 2}));
  EXPECT_NEAR(ranges->find("y", RangeMethod::kMinMax)->min, -std::exp(2.0), 1e-5);
}

TEST_F(Calibrate, TensorWithoutValues_GetsNoRange) {
  Builder builder;
  builder.input("x", {1, -1}).node("Exp", {"x"}, {"y"});
  const network::Network model = builder.finish({"y"});
  sample(Tensor(DType::kFloat32, {1, 0}));
  const auto ranges = run(model);
  ASSERT_THAT(ranges, IsOk());
  EXPECT_TRUE(ranges->tensors.empty());
  EXPECT_TRUE(ranges->unusual.at("x").always_empty());
  EXPECT_TRUE(ranges->unusual.at("y").always_empty());
  ASSERT_EQ(recorder_.warnings.size(), 1U);
  EXPECT_EQ(recorder_.warnings[0].id, "empty-activations");
}

TEST_F(Calibrate, SeveralInputs) {
  Builder builder;
  builder.input("a", {1, 3})
      .input("i", {1, 3}, DType::kInt64)
      .input("b", {1, 3})
      .node("Add", {"a", "b"}, {"sum"})
      .node("Cast", {"i"}, {"f"}, {{"to", std::int64_t{1}}})
      .node("Mul", {"sum", "f"}, {"y"});
  const network::Network model = builder.finish({"y"});
  sample(Tensor::of(std::vector<float>{1, 2, 3}, {1, 3}), "a");
  sample(Tensor::of(std::vector<std::int64_t>{2, 2, -2}, {1, 3}), "i");
  sample(Tensor::of(std::vector<float>{-1, 0, 4}, {1, 3}), "b");
  const auto ranges = run(model);
  ASSERT_THAT(ranges, IsOk());
  EXPECT_EQ(ranges->find("a", RangeMethod::kMinMax), (RealRange{1, 3}));
  EXPECT_EQ(ranges->find("b", RangeMethod::kMinMax), (RealRange{-1, 4}));
  EXPECT_EQ(ranges->find("sum", RangeMethod::kMinMax), (RealRange{0, 7}));
  EXPECT_EQ(ranges->find("y", RangeMethod::kMinMax), (RealRange{-14, 4}));
  EXPECT_FALSE(ranges->find("i", RangeMethod::kMinMax));
}

TEST_F(Calibrate, Float16Activations) {
  Builder builder;
  builder.input("x", {1, 3}, DType::kFloat16).node("Neg", {"x"}, {"n"}).node("Abs", {"n"}, {"y"});
  const network::Network model = builder.finish({"y"});
  const std::vector<std::uint16_t> halves = {float32_to_float16(-2), float32_to_float16(0.5F),
                                             float32_to_float16(3)};
  Tensor tensor(DType::kFloat16, {1, 3});
  std::memcpy(tensor.bytes().data(), halves.data(), 6);
  sample(tensor);
  const auto ranges = run(model);
  ASSERT_THAT(ranges, IsOk());
  EXPECT_EQ(ranges->find("x", RangeMethod::kMinMax), (RealRange{-2, 3}));
  EXPECT_EQ(ranges->find("n", RangeMethod::kMinMax), (RealRange{-3, 2}));
  EXPECT_EQ(ranges->find("y", RangeMethod::kMinMax), (RealRange{0.5, 3}));
}

TEST_F(Calibrate, ConstantsAndDeadEnds_AreNotActivations) {
  Builder builder;
  builder.model.set_initializer("w", Tensor::of(std::vector<float>{1, 2, 3}, {3}));
  builder.input("x", {1, 3})
      .node("Neg", {"w"}, {"negative_w"})
      .node("Add", {"x", "negative_w"}, {"y"})
      .node("Exp", {"y"}, {"dead"});
  const network::Network model = builder.finish({"y"});
  sample(Tensor::of(std::vector<float>{1, 2, 3}, {1, 3}));
  const auto ranges = run(model);
  ASSERT_THAT(ranges, IsOk());
  std::vector<std::string> names;
  for (const auto& [name, methods] : ranges->tensors) {
    names.push_back(name);
  }
  EXPECT_THAT(names, ElementsAre("x", "y"));
  EXPECT_EQ(ranges->find("y", RangeMethod::kEntropy), (RealRange{0, 0}));
}

TEST_F(Calibrate, NaN_IsPassedOver_NamingTensorAndEarliestSample) {
  Builder builder;
  builder.input("x", {1, 2}).node("Log", {"x"}, {"logarithm"}).node("Neg", {"logarithm"}, {"y"});
  const network::Network model = builder.finish({"y"});
  sample(Tensor::of(std::vector<float>{1, 2}, {1, 2}));
  sample(Tensor::of(std::vector<float>{1, -2}, {1, 2}));
  sample(Tensor::of(std::vector<float>{-1, 2}, {1, 2}));
  for (const int threads : {1, 3}) {
    CalibrateOptions options;
    options.threads = threads;
    recorder_.warnings.clear();
    const auto ranges = run(model, options);
    ASSERT_THAT(ranges, IsOk());
    EXPECT_EQ(ranges->find("logarithm", RangeMethod::kMinMax)->min, 0);
    EXPECT_EQ(ranges->unusual.at("logarithm"), (Unusual{.finite = 4, .nan = 2}));
    EXPECT_EQ(ranges->unusual.at("y"), (Unusual{.finite = 4, .nan = 2}));
    EXPECT_FALSE(ranges->unusual.contains("x"));
    ASSERT_EQ(recorder_.warnings.size(), 1U);
    EXPECT_EQ(recorder_.warnings[0].id, "nan-activations");
    EXPECT_THAT(recorder_.warnings[0].message,
                AllOf(HasSubstr("'logarithm' holds NaN"), HasSubstr("s01.npy")));
  }
}

TEST_F(Calibrate, NothingFinite_HasNoRangeButIsRecorded) {
  Builder builder;
  builder.model.set_initializer("zero", Tensor::of(std::vector<float>{0, 0}, {2}));
  builder.input("x", {1, 2}).node("Div", {"x", "zero"}, {"d"}).node("Flatten", {"d"}, {"f"});
  builder.node("Neg", {"f"}, {"y"});
  const network::Network model = builder.finish({"y"});
  sample(Tensor::of(std::vector<float>{0, 1}, {1, 2}));
  const auto ranges = run(model);
  ASSERT_THAT(ranges, IsOk());
  EXPECT_FALSE(ranges->find("d", RangeMethod::kMinMax));
  for (const char* tensor : {"d", "f", "y"}) {  // "f" is derived
    EXPECT_EQ(ranges->unusual.at(tensor), (Unusual{.nan = 1, .infinite = 1})) << tensor;
  }
}

TEST_F(Calibrate, SamplesSetApart_AreUnknownToTheOthersRanges) {
  const network::Network model = small_model();
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    sample(Tensor::of(noise(24, seed, seed == 1 || seed == 4 ? 100 : 1), {1, 4, 6}));
  }
  const auto whole = run(model);
  ASSERT_THAT(whole, IsOk());
  const auto set = samples(model);
  ASSERT_THAT(set, IsOk());
  for (const int threads : {1, 3}) {
    CalibrateOptions options;
    options.threads = threads;
    const auto apart = calibrate_apart(model, *set, {1, 4}, library(), options, recorder_);
    ASSERT_THAT(apart, IsOk());
    const auto all = apart->all(whole->methods, recorder_);
    ASSERT_THAT(all, IsOk());
    EXPECT_EQ(all->tensors, whole->tensors) << "bit for bit, order of samples included";
    EXPECT_EQ(all->samples, 5);
    EXPECT_EQ(all->model->sha256, whole->model->sha256);
    EXPECT_EQ(all->data, whole->data);
    const auto some = apart->all({RangeMethod::kMse}, recorder_);
    ASSERT_THAT(some, IsOk());
    EXPECT_THAT(some->methods, ElementsAre(RangeMethod::kMse));
    EXPECT_EQ(some->tensors.at("x").size(), 1U);
    EXPECT_EQ(some->find("x", RangeMethod::kMse), whole->find("x", RangeMethod::kMse));
    EXPECT_EQ(apart->fitted.samples, 3);
    EXPECT_LT(apart->fitted.find("x", RangeMethod::kMinMax)->max, 10);
    EXPECT_GT(all->find("x", RangeMethod::kMinMax)->max, 50);
  }
}

TEST_F(Calibrate, Infinities_ArePassedOverWithAWarning) {
  Builder builder;
  builder.input("x", {1, 3}).node("Log", {"x"}, {"logarithm"}).node("Exp", {"logarithm"}, {"y"});
  const network::Network model = builder.finish({"y"});
  sample(Tensor::of(std::vector<float>{1, 0, 1}, {1, 3}));
  const auto ranges = run(model);
  ASSERT_THAT(ranges, IsOk());
  EXPECT_EQ(ranges->find("logarithm", RangeMethod::kMinMax), (RealRange{0, 0}));
  ASSERT_EQ(recorder_.warnings.size(), 1U);
  EXPECT_EQ(recorder_.warnings[0].id, "infinite-activations");
  EXPECT_THAT(recorder_.warnings[0].message, HasSubstr("logarithm"));
}

TEST_F(Calibrate, Cancelled_Stops) {
  const network::Network model = small_model();
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    sample(Tensor::of(noise(24, seed), {1, 4, 6}));
  }
  recorder_.cancel_after = 2;
  EXPECT_FALSE(run(model).has_value());
  EXPECT_EQ(run(model).error().code, ErrorCode::kCancelled);
}

TEST_F(Calibrate, OptionsOutOfRange_AreRefused) {
  const network::Network model = small_model();
  sample(Tensor::of(noise(24, 1), {1, 4, 6}));
  const auto with = [&](auto change) {
    CalibrateOptions options;
    change(options.estimator);
    return run(model, options);
  };
  EXPECT_THAT(with([](auto& o) { o.percentile = 101; }),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("percentile 101")));
  EXPECT_THAT(with([](auto& o) { o.percentile = std::nan(""); }),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("percentile")));
  EXPECT_THAT(with([](auto& o) { o.quantized_levels = 1; }),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("levels")));
  EXPECT_THAT(with([](auto& o) { o.deviations = 0; }),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("deviations")));
}

TEST_F(Calibrate, ChosenMethodsAlone) {
  const network::Network model = small_model();
  sample(Tensor::of(noise(24, 1), {1, 4, 6}));
  CalibrateOptions options;
  options.methods = {RangeMethod::kMse};
  const auto ranges = run(model, options);
  ASSERT_THAT(ranges, IsOk());
  EXPECT_THAT(ranges->methods, ElementsAre(RangeMethod::kMse));
  EXPECT_EQ(ranges->tensors.at("x").size(), 1U);
}

TEST(InputSpecs, SymbolicExtentsAreOpen) {
  Builder builder;
  builder.input("x", {-1, 3, -1}).node("Neg", {"x"}, {"y"});
  const auto specs = network::input_specs(builder.finish({"y"}));
  ASSERT_THAT(specs, IsOk());
  ASSERT_EQ(specs->size(), 1U);
  EXPECT_EQ(specs->front().name, "x");
  EXPECT_EQ(specs->front().dtype, DType::kFloat32);
  EXPECT_THAT(specs->front().shape, ElementsAre(-1, 3, -1));
}

TEST(InputSpecs, IndicesKnowTheirTable) {
  Builder builder;
  builder.input("ids", {1, 5}, DType::kInt64).input("mask", {1, 5}, DType::kInt64);
  builder.model.set_initializer("table", Tensor::of(std::vector<float>(20 * 4), {20, 4}));
  builder.model.set_initializer("shape", Tensor::of(std::vector<std::int64_t>{5}, {1}));
  builder.node("Reshape", {"ids", "shape"}, {"flat"})
      .node("Gather", {"table", "flat"}, {"y"})
      .node("Neg", {"mask"}, {"z"});
  const auto model = builder.finish({"y", "z"});
  for (const auto& network : {model.clone(), testing::under_other_names(model)}) {
    const auto specs = network::input_specs(network);
    ASSERT_THAT(specs, IsOk());
    EXPECT_EQ((*specs)[0].index_limit, 20);
    EXPECT_EQ((*specs)[1].index_limit, std::nullopt);
  }
}

/// h' = tanh(x W + h), y = h'.
network::Network recurrent_model() {
  Builder builder;
  builder.input("x", {-1, 4}).input("h", {-1, 4});
  builder.model.set_initializer("w", Tensor::of(noise(16, 3), {4, 4}));
  builder.node("MatMul", {"x", "w"}, {"m"})
      .node("Add", {"m", "h"}, {"a"})
      .node("Tanh", {"a"}, {"next"})
      .node("Neg", {"next"}, {"y"});
  return builder.finish({"y", "next"});
}

TEST_F(Calibrate, States_AreRecordedFromTheModel) {
  const auto model = recurrent_model();
  sample(Tensor::of(noise(20, 1), {5, 4}));
  sample(Tensor::of(noise(12, 2), {3, 4}));
  const std::vector<data::StateLink> links{{"next", "h"}};
  const auto step = step_function(model, links, library());
  ASSERT_THAT(step, IsOk());
  data::SampleOptions options;
  options.source = (folder_.path() / "data").string();
  options.states = links;
  options.step = *step;
  const auto set = data::SampleSet::open(options, *network::input_specs(model), recorder_);
  ASSERT_THAT(set, IsOk());
  ASSERT_EQ(set->size(), 8);
  const auto before = set->load(1);
  const auto after = set->load(2);
  ASSERT_THAT(after, IsOk());
  const auto computed = (*step)(*before);
  ASSERT_THAT(computed, IsOk());
  EXPECT_TRUE(std::ranges::equal((*computed)[0].bytes(), after->tensors[1].tensor.bytes()));
  EXPECT_THAT(set->load(5)->tensors[1].tensor.as<float>(), ElementsAre(0, 0, 0, 0));
  const auto ranges = calibrate(model, *set, library(), {}, recorder_);
  ASSERT_THAT(ranges, IsOk());
  EXPECT_TRUE(ranges->tensors.contains("h"));
  EXPECT_THAT(step_function(model, {{"none", "h"}}, library()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no output 'none'")));
}

/// Slices of a nameless extent: two of them look alike to whoever writes -1 for both.
TEST_F(Calibrate, NamelessExtents_AreCalibrated) {
  Builder builder;
  builder.input("x", {1, 9});
  builder.model.set_type("x", {DType::kFloat32, {{{1, {}}, {-1, {}}}}});
  const auto integer = [&](const char* name, std::int64_t value) {
    builder.model.set_initializer(name, Tensor::of(std::vector<std::int64_t>{value}, {1}));
  };
  integer("zero", 0);
  integer("one", 1);
  integer("most", 1 << 20);
  integer("back", -1);
  builder.node("Relu", {"x"}, {"a"})
      .node("Slice", {"a", "one", "most", "one"}, {"late"})
      .node("Slice", {"a", "zero", "back", "one"}, {"early"})
      .node("Sub", {"late", "early"}, {"step"})
      .node("Concat", {"a", "step"}, {"y"}, {{"axis", std::int64_t{1}}})
      .node("Tanh", {"y"}, {"z"});
  sample(Tensor::of(noise(9, 1), {1, 9}));
  const auto ranges = run(builder.finish({"z"}));
  ASSERT_THAT(ranges, IsOk());
  EXPECT_TRUE(ranges->tensors.contains("step"));
}

TEST(InputSpecs, NoInputs_IsRefused) {
  EXPECT_THAT(network::input_specs(network::Network::of(onnx::Model::empty(13))),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no inputs")));
}

}  // namespace
}  // namespace tessera::calibrate
