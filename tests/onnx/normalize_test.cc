// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/normalize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/onnx/query.h"

namespace tessera::onnx {
namespace {

using ::testing::ElementsAre;
using testing::IsOk;
using testing::ModelBuilder;

using Ints = std::vector<std::int64_t>;
constexpr auto kLowest = std::numeric_limits<float>::lowest();

Tensor floats(const std::vector<float>& values) {
  return Tensor::of(values, {static_cast<std::int64_t>(values.size())});
}

Tensor ints(const Ints& values) {
  return Tensor::of(values, {static_cast<std::int64_t>(values.size())});
}

Normalization normalized(Model& model) {
  const auto result = normalize_for_quantization(model);
  EXPECT_THAT(result, IsOk());
  return result.value_or(Normalization{});
}

// --- what hands its input on ------------------------------------------------------------------

TEST(Identities, ChainsOfThem_GoAndTheirReadersReadTheFirst) {
  auto model = ModelBuilder()
                   .input("x", {2})
                   .op("Identity", {"x"}, {"a"})
                   .op("Identity", {"a"}, {"b"})
                   .op("Dropout", {"b"}, {"c"})
                   .op("Add", {"c", "a"}, {"y"})
                   .output("y", {2})
                   .build();
  EXPECT_EQ(normalized(model).removed_identities, 3);
  ASSERT_EQ(model.nodes().size(), 1U);
  EXPECT_THAT(model.inputs(model.nodes()[0]), ElementsAre("x", "x"));
}

TEST(Identities, BetweenInputAndOutput_Stay) {
  auto model = ModelBuilder().input("x", {2}).op("Identity", {"x"}, {"y"}).output("y", {2}).build();
  EXPECT_EQ(normalized(model), Normalization{}) << "nobody else gives the output its name";
  auto two = ModelBuilder()
                 .input("x", {2})
                 .op("Relu", {"x"}, {"a"})
                 .op("Identity", {"a"}, {"b"})
                 .output("a", {2})
                 .output("b", {2})
                 .build();
  EXPECT_EQ(normalized(two), Normalization{}) << "two outputs have two makers";
}

TEST(Identities, OfOtherDomainsOrWithoutResult_Stay) {
  auto model = ModelBuilder()
                   .input("x", {2})
                   .op("Identity", {"x"}, {"a"}, {}, "my.domain")
                   .op("Relu", {"a"}, {"y"})
                   .output("y", {2})
                   .build();
  EXPECT_EQ(normalized(model), Normalization{});
}

Model dropout(std::int64_t opset, std::vector<std::string> outputs, bool flag = false,
              std::vector<NamedAttribute> attributes = {}) {
  ModelBuilder builder(opset);
  builder.input("x", {2}).constant("ratio", Tensor::scalar(0.5F));
  std::vector<std::string> inputs{"x"};
  if (flag) {
    Tensor training(DType::kBool, {});
    training.bytes()[0] = std::byte{1};
    builder.constant("training", std::move(training));
    inputs = {"x", "ratio", "training"};
  }
  builder.op("Dropout", inputs, std::move(outputs), std::move(attributes));
  return builder.op("Relu", {"d"}, {"y"}).output("y", {2}).build();
}

TEST(Dropouts, GoWhereTheyDoNotTrain) {
  auto inference = dropout(13, {"d"});
  EXPECT_EQ(normalized(inference).removed_identities, 1);
  auto unread = dropout(13, {"d", "mask"});
  EXPECT_EQ(normalized(unread).removed_identities, 1) << "nobody reads the mask";
  auto training = dropout(13, {"d"}, true);
  EXPECT_EQ(normalized(training), Normalization{});
  auto masked = dropout(13, {"d", "mask"});
  masked.add_output("mask");
  EXPECT_EQ(normalized(masked), Normalization{});
}

TEST(Dropouts, OfOldOpsets_SayWhetherTheyAreAtTest) {
  auto silent = dropout(6, {"d"});
  EXPECT_EQ(normalized(silent), Normalization{}) << "before opset 7 the default was training";
  auto test = dropout(6, {"d"}, false, {{"is_test", std::int64_t{1}}});
  EXPECT_EQ(normalized(test).removed_identities, 1);
  auto later = dropout(7, {"d"});
  EXPECT_EQ(normalized(later).removed_identities, 1);
}

// --- padding ----------------------------------------------------------------------------------

Model padded_conv(Tensor pads, float value, std::vector<NamedAttribute> attributes,
                  std::vector<NamedAttribute> pad_attributes = {}) {
  return ModelBuilder()
      .input("x", {1, 1, 5, 5})
      .constant("pads", std::move(pads))
      .constant("value", Tensor::scalar(value))
      .weight("w", {1, 1, 3, 3})
      .op("Pad", {"x", "pads", "value"}, {"p"}, std::move(pad_attributes))
      .op("Conv", {"p", "w"}, {"y"}, std::move(attributes))
      .output("y")
      .build();
}

TEST(Pads, BeforeAConvolution_AreAddedToItsOwn) {
  auto model = padded_conv(ints({0, 0, 1, 2, 0, 0, 3, 4}), 0, {{"pads", Ints{10, 20, 30, 40}}});
  EXPECT_EQ(normalized(model).folded_pads, 1);
  const auto conv = model.nodes().front();
  EXPECT_EQ(std::get<Ints>(*model.attribute(conv, "pads")), (Ints{11, 22, 33, 44}));
  EXPECT_THAT(model.inputs(conv), ElementsAre("x", "w"));
  EXPECT_THAT(model.initializers(), ElementsAre("w")) << "nobody reads the amounts any more";
}

TEST(Pads, ThatMeanSomethingElse_Stay) {
  const auto stays = [](Model model, const char* why) {
    EXPECT_EQ(normalized(model), Normalization{}) << why;
  };
  stays(padded_conv(ints({0, 0, 1, 1, 0, 0, 1, 1}), 0.5F, {}), "not the zeros of a convolution");
  stays(padded_conv(ints({0, 1, 0, 0, 0, 0, 0, 0}), 0, {}), "channels are padded");
  stays(padded_conv(ints({0, 0, -1, 0, 0, 0, 0, 0}), 0, {}), "it crops");
  stays(padded_conv(ints({0, 0, 1, 1, 0, 0, 1, 1}), 0, {{"auto_pad", std::string("SAME_UPPER")}}),
        "the runtime works them out");
  stays(padded_conv(ints({0, 0, 1, 1, 0, 0, 1, 1}), 0, {}, {{"mode", std::string("reflect")}}),
        "it reflects");
  stays(padded_conv(ints({0, 0, 1}), 0, {}), "an odd number of amounts");
}

TEST(Pads, WithAnotherReader_Stay) {
  auto model = padded_conv(ints({0, 0, 1, 1, 0, 0, 1, 1}), 0, {});
  model.add_node({"r", "Relu", "", {"p"}, {"z"}, {}});
  model.add_output("z");
  EXPECT_EQ(normalized(model), Normalization{});
  auto seen = padded_conv(ints({0, 0, 1, 1, 0, 0, 1, 1}), 0, {});
  seen.add_output("p");
  EXPECT_EQ(normalized(seen), Normalization{});
}

TEST(Pads, BeforeSeveralConvolutions_AreFoldedIntoAllOrNone) {
  auto model = padded_conv(ints({0, 0, 1, 1, 0, 0, 1, 1}), 0, {});
  model.add_node({"second", "Conv", "", {"p", "w"}, {"z"}, {}});
  model.add_output("z");
  auto mixed = model.clone();
  EXPECT_EQ(normalized(model).folded_pads, 1);
  for (const auto node : model.nodes()) {
    EXPECT_EQ(std::get<Ints>(*model.attribute(node, "pads")), (Ints{1, 1, 1, 1}));
  }
  mixed.add_node({"pool", "MaxPool", "", {"p"}, {"m"}, {{"kernel_shape", Ints{3, 3}}}});
  mixed.add_output("m");
  EXPECT_EQ(normalized(mixed), Normalization{});
}

TEST(Pads, BeforeAMaximum_AreThoseThatNeverWin) {
  const auto pool = [](float value, std::vector<NamedAttribute> attributes) {
    attributes.push_back({"kernel_shape", Ints{3, 3}});
    return ModelBuilder()
        .input("x", {1, 1, 5, 5})
        .constant("pads", ints({0, 0, 1, 1, 0, 0, 1, 1}))
        .constant("value", Tensor::scalar(value))
        .op("Pad", {"x", "pads", "value"}, {"p"})
        .op("MaxPool", {"p"}, {"y"}, std::move(attributes))
        .output("y")
        .build();
  };
  auto lowest = pool(kLowest, {});
  EXPECT_EQ(normalized(lowest).folded_pads, 1);
  auto infinite = pool(-std::numeric_limits<float>::infinity(), {});
  EXPECT_EQ(normalized(infinite).folded_pads, 1);
  auto low = pool(-1e30F, {});
  EXPECT_EQ(normalized(low), Normalization{}) << "some value may be lower";
  auto dilated = pool(kLowest, {{"dilations", Ints{2, 2}}});
  EXPECT_EQ(normalized(dilated), Normalization{}) << "a window may see padding alone";
  auto ceiled = pool(kLowest, {{"ceil_mode", std::int64_t{1}}});
  EXPECT_EQ(normalized(ceiled), Normalization{});
}

// --- BatchNormalization -----------------------------------------------------------------------

ModelBuilder normalization(const char* convolution, Shape weights,
                           std::vector<NamedAttribute> attributes = {}) {
  ModelBuilder builder;
  builder.input("x", {1, weights[0] == 2 ? weights[1] : weights[0], 4, 4})
      .weight("w", weights)
      .constant("b", floats({1, -1}))
      .constant("scale", floats({2, 0.5F}))
      .constant("shift", floats({0, 3}))
      .constant("mean", floats({1, 1}))
      .constant("variance", floats({4, 0.25F}))
      .op(convolution, {"x", "w", "b"}, {"c"}, std::move(attributes))
      .op("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"y"},
          {{"epsilon", 0.0F}});
  return builder;
}

TEST(BatchNormalization, BehindATransposedConvolution_ScalesItsSecondAxis) {
  auto model = normalization("ConvTranspose", {3, 2, 1, 1}).output("y").build();
  const auto before = *to_float32(*model.initializer("w"));
  EXPECT_EQ(normalized(model).folded_batch_normalizations, 1);
  const auto inputs = model.inputs(model.nodes().front());
  const auto after = *to_float32(*model.initializer(inputs[1]));
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i], before[i]) << "2 / sqrt(4) and .5 / sqrt(.25) are 1";
  }
  EXPECT_THAT(*to_float32(*model.initializer(inputs[2])), ElementsAre(0, 1))
      << "(bias - mean) x factor + shift";
}

TEST(BatchNormalization, ThatCannotBeFolded_Stays) {
  auto grouped = normalization("ConvTranspose", {2, 1, 1, 1}, {{"group", std::int64_t{2}}})
                     .output("y")
                     .build();
  EXPECT_EQ(normalized(grouped), Normalization{}) << "channels of a group are elsewhere";
  auto seen = normalization("Conv", {2, 3, 1, 1}).output("y").output("c").build();
  EXPECT_EQ(normalized(seen), Normalization{}) << "its input is an output";
  auto broken = normalization("Conv", {2, 3, 1, 1}).output("y").build();
  broken.set_initializer("variance", floats({-1, 1}));
  EXPECT_EQ(normalized(broken), Normalization{}) << "the root of a negative number";
  auto open = normalization("Conv", {2, 3, 1, 1}).output("y").build();
  open.remove_initializer("mean");
  open.add_input("mean", testing::float_type({2}));
  EXPECT_EQ(normalized(open), Normalization{}) << "a mean that is not known";
  auto mismatched = normalization("Conv", {2, 3, 1, 1}).output("y").build();
  for (const auto* name : {"scale", "shift", "mean", "variance"}) {
    mismatched.set_initializer(name, floats({1, 1, 1}));
  }
  EXPECT_EQ(normalized(mismatched), Normalization{});
}

TEST(BatchNormalization, OfSharedWeights_LeavesThoseOfOthers) {
  auto model = normalization("Conv", {2, 3, 1, 1})
                   .op("Conv", {"x", "w", "b"}, {"z"})
                   .output("y")
                   .output("z")
                   .build();
  const auto before = *to_float32(*model.initializer("w"));
  EXPECT_EQ(normalized(model).folded_batch_normalizations, 1);
  EXPECT_EQ(*to_float32(*model.initializer("w")), before);
  EXPECT_EQ(*to_float32(*model.initializer("b")), (std::vector<float>{1, -1}));
}

// --- Resize -----------------------------------------------------------------------------------

TEST(Regions, ThatAResizeDoesNotLookAt_AreDropped) {
  const auto resize = [](std::int64_t opset, const char* mode) {
    return ModelBuilder(opset)
        .input("x", {1, 1, 4, 4})
        .constant("roi", floats({}))
        .constant("scales", floats({1, 1, 2, 2}))
        .op("Resize", {"x", "roi", "scales"}, {"y"},
            {{"coordinate_transformation_mode", std::string(mode)}})
        .output("y")
        .build();
  };
  auto model = resize(13, "half_pixel");
  EXPECT_EQ(normalized(model).dropped_regions, 1);
  EXPECT_THAT(model.inputs(model.nodes()[0]), ElementsAre("x", "", "scales"));
  EXPECT_FALSE(model.has_initializer("roi"));
  auto crop = resize(13, "tf_crop_and_resize");
  EXPECT_EQ(normalized(crop), Normalization{});
  auto old = resize(11, "half_pixel");
  EXPECT_EQ(normalized(old), Normalization{}) << "it must have one there";
}

// --- slices in front of a convolution ---------------------------------------------------------

/// Every second pixel of `image`, from (row, column) on.
ModelBuilder& add_picture(ModelBuilder& builder, const std::string& name, const Ints& first,
                          std::int64_t end = std::numeric_limits<std::int64_t>::max()) {
  builder.constant(name + "_start", ints(first))
      .constant(name + "_end", ints({end, end}))
      .constant(name + "_axes", ints({2, 3}))
      .constant(name + "_steps", ints({2, 2}));
  return builder.op(
      "Slice", {"image", name + "_start", name + "_end", name + "_axes", name + "_steps"}, {name});
}

struct Pictures {
  std::vector<Ints> first{{0, 0}, {1, 0}, {0, 1}, {1, 1}};
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  std::int64_t channels = 3;
  std::vector<NamedAttribute> convolution{};
  bool read_elsewhere = false;
};

Model interleaved(const Pictures& pictures) {
  ModelBuilder builder;
  builder.input("image", {1, pictures.channels, 8, 8});
  std::vector<std::string> names;
  for (std::size_t i = 0; i < pictures.first.size(); ++i) {
    names.push_back("picture" + std::to_string(i));
    add_picture(builder, names.back(), pictures.first[i], pictures.end);
  }
  const auto joined = std::ssize(names) * pictures.channels;
  builder.op("Concat", names, {"joined"}, {{"axis", std::int64_t{1}}})
      .constant("w", Tensor(DType::kFloat32, {5, joined, 3, 3}))
      .op("Conv", {"joined", "w"}, {"y"}, pictures.convolution)
      .output("y");
  if (pictures.read_elsewhere) {
    builder.op("Relu", {"joined"}, {"z"}).output("z");
  }
  return builder.build();
}

TEST(Slices, OfEverySecondPixel_BecomeAStride) {
  auto model = interleaved({.convolution = {{"pads", Ints{1, 0, 1, 0}}}});
  EXPECT_EQ(normalized(model).folded_slices, 1);
  ASSERT_EQ(model.nodes().size(), 1U);
  const auto conv = model.nodes()[0];
  EXPECT_EQ(model.inputs(conv).front(), "image");
  EXPECT_EQ(attribute_as<Ints>(model, conv, "strides"), (Ints{2, 2}));
  EXPECT_EQ(attribute_as<Ints>(model, conv, "pads"), (Ints{2, 0, 2, 0}));
  EXPECT_EQ(attribute_as<Ints>(model, conv, "kernel_shape"), (Ints{6, 6}));
  EXPECT_FALSE(model.has_initializer("w"));
}

TEST(Slices, ThatMeanSomethingElse_Stay) {
  const std::vector<std::pair<const char*, Pictures>> cases{
      {"one picture twice", {.first = {{0, 0}, {1, 0}, {0, 0}, {1, 1}}}},
      {"three pictures", {.first = {{0, 0}, {1, 0}, {1, 1}}}},
      {"from further inside", {.first = {{0, 0}, {3, 0}, {0, 1}, {1, 1}}}},
      {"not to the end", {.end = 6}},
      {"many channels", {.channels = 5}},
      {"a stride", {.convolution = {{"strides", Ints{2, 2}}}}},
      {"dilations", {.convolution = {{"dilations", Ints{2, 2}}}}},
      {"groups", {.channels = 2, .convolution = {{"group", std::int64_t{2}}}}},
      {"unknown pads", {.convolution = {{"auto_pad", std::string("SAME_UPPER")}}}},
      {"another reader", {.read_elsewhere = true}},
  };
  for (const auto& [what, pictures] : cases) {
    auto model = interleaved(pictures);
    EXPECT_EQ(normalized(model), Normalization{}) << what;
  }
}

/// Files need not be in the order of computation.
TEST(Slices, BehindTheirReaderInTheFile_AreFoundToo) {
  ModelBuilder builder;
  builder.input("image", {1, 1, 4, 4})
      .constant("w", Tensor(DType::kFloat32, {1, 4, 1, 1}))
      .op("Conv", {"joined", "w"}, {"y"})
      .op("Concat", {"a", "b", "c", "d"}, {"joined"}, {{"axis", std::int64_t{1}}});
  for (const auto& [name, first] : {std::pair("a", Ints{0, 0}), std::pair("b", Ints{1, 0}),
                                    std::pair("c", Ints{0, 1}), std::pair("d", Ints{1, 1})}) {
    add_picture(builder, name, first);
  }
  auto model = builder.output("y").build();
  EXPECT_EQ(normalized(model).folded_slices, 1);
  EXPECT_EQ(model.nodes().size(), 1U);
}

TEST(Slices, ThatOthersRead_StayForThem) {
  ModelBuilder builder;
  builder.input("image", {1, 1, 4, 4});
  for (const auto& [name, first] : {std::pair("a", Ints{0, 0}), std::pair("b", Ints{1, 0}),
                                    std::pair("c", Ints{0, 1}), std::pair("d", Ints{1, 1})}) {
    add_picture(builder, name, first);
  }
  auto model = builder.op("Concat", {"a", "b", "c", "d"}, {"joined"}, {{"axis", std::int64_t{1}}})
                   .constant("w", Tensor(DType::kFloat32, {1, 4, 1, 1}))
                   .op("Conv", {"joined", "w"}, {"y"})
                   .output("y")
                   .output("b")
                   .build();
  EXPECT_EQ(normalized(model).folded_slices, 1);
  EXPECT_EQ(model.nodes().size(), 2U);
  EXPECT_TRUE(model.producer("b"));
}

TEST(Normalize, OfANormalForm_ChangesNothing) {
  auto model = padded_conv(ints({0, 0, 1, 1, 0, 0, 1, 1}), 0, {});
  EXPECT_NE(normalized(model), Normalization{});
  const auto bytes = *model.serialize();
  EXPECT_EQ(normalized(model), Normalization{});
  EXPECT_EQ(*model.serialize(), bytes);
}

}  // namespace
}  // namespace tessera::onnx
