// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/model.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <utility>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/core/file.h"
#include "tessera/core/hash.h"

namespace tessera::onnx {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using testing::float_type;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::ModelBuilder;

using Ints = std::vector<std::int64_t>;

Model small_model() {
  return ModelBuilder(13)
      .input("x", {1, 3, 8, 8})
      .weight("w", {16, 3, 3, 3})
      .weight("b", {16})
      .op("Conv", {"x", "w", "b"}, {"c"}, {{"pads", Ints{1, 1, 1, 1}}})
      .op("Relu", {"c"}, {"r"})
      .op("Add", {"r", "c"}, {"y"})
      .output("y", {1, 16, 8, 8})
      .build();
}

std::string bytes_of(const Model& model) {
  auto text = model.serialize();
  EXPECT_THAT(text, IsOk());
  return text.value_or("");
}

Model parsed(const Model& model) {
  auto again = Model::parse(bytes_of(model), "test");
  EXPECT_THAT(again, IsOk());
  return std::move(*again);
}

TEST(Model, WrittenAndRead_IsTheSame) {
  const auto model = small_model();
  const auto again = parsed(model);
  EXPECT_EQ(bytes_of(again), bytes_of(model));
  EXPECT_THAT(again.inputs(), ElementsAre("x"));
  EXPECT_THAT(again.outputs(), ElementsAre("y"));
  EXPECT_THAT(again.initializers(), ElementsAre("w", "b"));
  EXPECT_EQ(again.nodes().size(), 3U);
  EXPECT_EQ(again.opset(), 13);
  EXPECT_EQ(again.type_of("x"), float_type({1, 3, 8, 8}));
  const auto weights = again.initializer("w");
  ASSERT_THAT(weights, IsOk());
  const auto expected = testing::random_tensor({16, 3, 3, 3}, 1);
  EXPECT_TRUE(std::ranges::equal(weights->as<float>(), expected.as<float>()));
}

TEST(Model, TruncatedAnywhere_IsAnErrorOrValid) {
  const auto text = bytes_of(small_model());
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < text.size(); ++size) {
    auto model = Model::parse(std::string_view(text).substr(0, size), "cut");
    if (model) {
      ++accepted;
      EXPECT_THAT(model->serialize(), IsOk());
    } else {
      EXPECT_EQ(model.error().code, ErrorCode::kDataLoss) << size;
      EXPECT_FALSE(model.error().hint.empty()) << model.error().message;
    }
  }
  EXPECT_EQ(accepted, 0U) << "the operator set import is the last field";
}

TEST(Model, GarbageBehind_IsRefused) {
  auto text = bytes_of(small_model());
  text += "\xff\xff\xff trailing";
  EXPECT_THAT(Model::parse(text, "t"), FailsWith(ErrorCode::kDataLoss, HasSubstr("t:")));
  EXPECT_THAT(Model::parse("this is no protobuf at all", "t"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("malformed")));
  EXPECT_THAT(Model::parse("", "t"), FailsWith(ErrorCode::kDataLoss, HasSubstr("empty")));
}

TEST(Model, Cycle_IsNamed) {
  const auto model = ModelBuilder()
                         .input("x", {1})
                         .op("Add", {"x", "b"}, {"a"})
                         .op("Relu", {"a"}, {"b"})
                         .output("b", {1})
                         .build();
  EXPECT_THAT(model.serialize(), FailsWith(ErrorCode::kDataLoss, HasSubstr("'a_node' (Add)")));
}

TEST(Model, OperatorsOutOfOrder_AreWrittenInTopologicalOrder) {
  const auto model = ModelBuilder()
                         .input("x", {1})
                         .op("Relu", {"a"}, {"y"})
                         .op("Neg", {"x"}, {"a"})
                         .output("y", {1})
                         .build();
  const auto again = parsed(model);
  const auto nodes = again.nodes();
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(again.op_type(nodes[0]), "Neg");
}

struct BadModel {
  const char* what;
  std::function<void(Model&)> damage;
  const char* message;
};

class DamagedModel : public ::testing::TestWithParam<BadModel> {};

TEST_P(DamagedModel, IsRefusedByName) {
  auto model = small_model();
  GetParam().damage(model);
  const auto text = model.serialize();
  ASSERT_THAT(text, IsOk());
  EXPECT_THAT(Model::parse(*text, "bad"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    All, DamagedModel,
    ::testing::Values(BadModel{"input", [](Model& m) { m.set_input(m.nodes()[1], 0, "nowhere"); },
                               "'r_node' (Relu) reads 'nowhere', which nothing makes"},
                      BadModel{"output", [](Model& m) { m.add_output("nowhere"); },
                               "the output 'nowhere' is made by no operator"},
                      BadModel{"twice",
                               [](Model& m) {
                                 m.add_node({"n", "Relu", "", {"x"}, {"r"}, {}});
                               },
                               "the value 'r' is defined twice"},
                      BadModel{"input twice", [](Model& m) { m.add_input("x", float_type({1})); },
                               "the value 'x' is defined twice"},
                      BadModel{"type", [](Model& m) { m.set_op_type(m.nodes()[0], "", ""); },
                               "has no type"},
                      BadModel{"ir", [](Model& m) { m.set_ir_version(0); }, "no IR version"},
                      BadModel{"opset", [](Model& m) { m.set_opset("", 0); }, "imports opset 0"}),
    [](const auto& test) {
      std::string name = test.param.what;
      std::erase(name, ' ');
      return name;
    });

TEST(Model, TooNew_IsUnimplemented) {
  auto model = small_model();
  model.set_opset("", 999);
  EXPECT_THAT(Model::parse(bytes_of(model), "new"),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("opset 999")));
}

TEST(Model, DataThatDoesNotFitItsShape_IsRefused) {
  auto text = bytes_of(small_model());
  // The bias' extent follows its name's tensor: 16 becomes 17 in the varint of dims.
  const std::string dims = "\x08\x10\x10\x01";
  const auto at = text.rfind(dims);
  ASSERT_NE(at, std::string::npos);
  text[at + 1] = 0x11;
  EXPECT_THAT(Model::parse(text, "t"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("tensor 'b' of type float32")));
}

// --- editing --------------------------------------------------------------------------------

TEST(Model, Indices_FollowEveryEdit) {
  auto model = small_model();
  const auto nodes = model.nodes();
  EXPECT_EQ(model.producer("c"), nodes[0]);
  EXPECT_THAT(model.consumers("c"), ElementsAre(nodes[1], nodes[2]));
  EXPECT_FALSE(model.producer("x"));

  const auto inserted = model.add_node({"q", "Identity", "", {"c"}, {"c2"}, {}}, nodes[1]);
  model.set_input(nodes[1], 0, "c2");
  EXPECT_THAT(model.nodes(), ElementsAre(nodes[0], inserted, nodes[1], nodes[2]));
  EXPECT_THAT(model.consumers("c"), ElementsAre(inserted, nodes[2]));
  EXPECT_THAT(model.consumers("c2"), ElementsAre(nodes[1]));

  model.replace_uses("c", "c2");
  EXPECT_EQ(model.inputs(inserted).front(), "c2") << "every reader is rewired";
  model.set_input(inserted, 0, "c");
  EXPECT_THAT(model.consumers("c2"), ElementsAre(nodes[1], nodes[2]));

  model.remove_node(nodes[1]);
  EXPECT_FALSE(model.producer("r"));
  EXPECT_THAT(model.nodes(), ElementsAre(nodes[0], inserted, nodes[2]));
  model.set_output(inserted, 0, "c3");
  EXPECT_FALSE(model.producer("c2"));
  EXPECT_EQ(model.producer("c3"), inserted);
  EXPECT_EQ(model.find_node("q"), inserted);
  model.set_name(inserted, "renamed");
  EXPECT_FALSE(model.find_node("q"));
  EXPECT_EQ(model.find_node("renamed"), inserted);
}

TEST(Model, ManyInsertionsAtOnePlace_KeepTheirOrder) {
  auto model = ModelBuilder().input("x", {1}).op("Relu", {"x"}, {"y"}).output("y", {1}).build();
  const auto last = model.nodes().front();
  std::vector<NodeId> expected;
  for (int i = 0; i < 200; ++i) {  // far more than halving a gap of 2^32 allows
    expected.push_back(model.add_node({"", "Neg", "", {"x"}, {fmt::format("n{}", i)}, {}}, last));
  }
  expected.push_back(last);
  EXPECT_EQ(model.nodes(), expected);
  EXPECT_EQ(model.consumers("x"), expected);
}

TEST(Model, AnInputReadTwice_StandsOnceInConsumersAndIsRewiredTwice) {
  auto model = ModelBuilder().input("x", {1}).op("Mul", {"x", "x"}, {"y"}).output("y").build();
  EXPECT_EQ(model.consumers("x").size(), 1U);
  const auto node = model.nodes()[0];
  model.set_input(node, 0, "y2");
  EXPECT_EQ(model.consumers("x").size(), 1U);
  model.replace_uses("x", "z");
  EXPECT_THAT(model.inputs(node), ElementsAre("y2", "z"));
  EXPECT_THAT(model.consumers("x"), IsEmpty());
}

TEST(Model, UniqueName_AvoidsEveryKindOfName) {
  auto model = small_model();
  EXPECT_EQ(model.unique_name("new"), "new");
  EXPECT_EQ(model.unique_name("x"), "x_1");
  EXPECT_EQ(model.unique_name("w"), "w_1");
  EXPECT_EQ(model.unique_name("c"), "c_1");
  EXPECT_EQ(model.unique_name("c_node"), "c_node_1");
  model.add_node({"", "Neg", "", {"x"}, {"c_1"}, {}});
  EXPECT_EQ(model.unique_name("c"), "c_2");
}

TEST(Model, Attributes_AreReadAndWritten) {
  auto model = small_model();
  const auto conv = model.nodes()[0];
  EXPECT_EQ(std::get<Ints>(*model.attribute(conv, "pads")), (Ints{1, 1, 1, 1}));
  EXPECT_EQ(model.int_attribute(conv, "group", 7), 7);
  model.set_attribute(conv, "group", std::int64_t{1});
  model.set_attribute(conv, "pads", Ints{0, 0, 0, 0});
  EXPECT_EQ(model.int_attribute(conv, "group", 7), 1);
  EXPECT_THAT(model.attribute_names(conv), ElementsAre("pads", "group"));
  const auto relu = model.nodes()[1];
  model.copy_attributes(conv, relu);
  EXPECT_EQ(std::get<Ints>(*model.attribute(relu, "pads")), (Ints{0, 0, 0, 0}));
  model.remove_attribute(relu, "pads");
  EXPECT_FALSE(model.attribute(relu, "pads"));
  model.set_attribute(relu, "value", Tensor::of(std::vector<float>{1, 2}, {2}));
  const auto again = parsed(model);
  const auto tensor = again.attribute(again.nodes()[1], "value");
  ASSERT_TRUE(tensor);
  EXPECT_THAT(std::get<Tensor>(*tensor).as<float>(), ElementsAre(1, 2));
}

TEST(Model, Clone_SharesNothingThatCanBeEdited) {
  const auto model = small_model();
  const auto before = bytes_of(model);
  auto copy = model.clone();
  EXPECT_EQ(bytes_of(copy), before);
  copy.remove_node(copy.nodes()[2]);
  copy.set_initializer("w", Tensor::scalar(1.0F));
  copy.set_name(copy.nodes()[0], "other");
  copy.set_opset("", 20);
  EXPECT_EQ(bytes_of(model), before);
}

TEST(Model, WhatAnOperatorIsMadeInto_KnowsWhatItWas) {
  auto model = small_model();
  const auto old = model.nodes()[1];
  EXPECT_EQ(model.origin(old), old);
  const auto part = model.add_node({.name = "part", .op_type = "Relu", .origin = old});
  const auto part_of_part = model.add_node({.name = "smaller", .op_type = "Relu", .origin = part});
  const auto other = model.add_node({.name = "other", .op_type = "Relu"});
  model.remove_node(old);
  const auto copy = model.clone();
  for (const Model* const each : {&std::as_const(model), &copy}) {
    EXPECT_EQ(each->origin(part), old);
    EXPECT_EQ(each->origin(part_of_part), old);
    EXPECT_EQ(each->origin(other), other);
  }
}

TEST(Model, WrittenOrder_IsThatOfTheFile) {
  auto model = small_model();
  // What makes an input is put behind its reader.
  const auto reader = model.nodes()[0];
  const auto value = model.inputs(reader).front();
  const auto maker = model.add_node(
      {.name = "maker", .op_type = "Identity", .inputs = {value}, .outputs = {"made"}});
  model.set_input(reader, 0, "made");
  ASSERT_EQ(model.nodes().back(), maker);
  const auto order = model.written_order();
  ASSERT_THAT(order, IsOk());
  const auto again = parsed(model);
  const auto nodes = again.nodes();
  ASSERT_EQ(order->size(), nodes.size());
  EXPECT_EQ(order->front(), maker);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    EXPECT_EQ(model.name((*order)[i]), again.name(nodes[i]));
  }
}

// --- initializers ---------------------------------------------------------------------------

TEST(Model, TypedFieldsAndConstants_AreUnpacked) {
  auto model =
      ModelBuilder()
          .input("x", {2})
          .op("Constant", {}, {"k"}, {{"value", Tensor::of(std::vector<float>{3, 4}, {2})}})
          .op("Constant", {}, {"i"}, {{"value_ints", Ints{5, 6, 7}}})
          .op("Constant", {}, {"f"}, {{"value_float", 1.5F}})
          .op("Add", {"x", "k"}, {"y"})
          .output("y", {2})
          .build();
  EXPECT_TRUE(model.is_constant("k"));
  EXPECT_FALSE(model.has_initializer("k"));
  EXPECT_THAT(model.initializer("k")->as<float>(), ElementsAre(3, 4));
  EXPECT_THAT(model.initializer("i")->as<std::int64_t>(), ElementsAre(5, 6, 7));
  EXPECT_EQ(model.initializer_type("i"), testing::type(DType::kInt64, {3}));
  EXPECT_EQ(model.initializer("f")->as<float>()[0], 1.5F);
  EXPECT_THAT(model.initializer("x"), FailsWith(ErrorCode::kNotFound, HasSubstr("'x'")));
  const auto constant = *model.producer("k");
  model.set_attribute(constant, "value", Tensor::of(std::vector<float>{8}, {1}));
  EXPECT_THAT(model.initializer("k")->as<float>(), ElementsAre(8));
}

TEST(Model, DeferredInitializer_IsMadeOnlyWhenWritten) {
  auto model = small_model();
  int made = 0;
  model.set_deferred_initializer("w", DType::kInt8, {16, 3, 3, 3}, [&]() -> Result<Tensor> {
    ++made;
    return Tensor(DType::kInt8, {16, 3, 3, 3});
  });
  EXPECT_EQ(model.initializer_type("w"), testing::type(DType::kInt8, {16, 3, 3, 3}));
  EXPECT_EQ(made, 0);
  const auto again = parsed(model);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(again.initializer("w")->bytes.size(), 432U);
  EXPECT_THAT(model.initializer("w"), IsOk());
  EXPECT_THAT(model.initializer("w"), IsOk());
  EXPECT_EQ(made, 2) << "looked at twice, made once more";
}

TEST(Model, DeferredInitializerOfAnotherShape_IsADefect) {
  auto model = small_model();
  model.set_deferred_initializer("w", DType::kInt8, {4}, [] { return Tensor(DType::kInt8, {5}); });
  EXPECT_THAT(model.serialize(), FailsWith(ErrorCode::kInternal, HasSubstr("'w'")));
}

TEST(Model, UnusedInitializers_GoWithTheirInputs) {
  auto model = small_model();
  model.set_ir_version(3);
  auto old = parsed(model);  // IR 3 lists its initializers among the inputs
  EXPECT_THAT(old.inputs(), ElementsAre("x"));
  EXPECT_FALSE(old.is_input("w"));
  EXPECT_EQ(bytes_of(old), bytes_of(parsed(old)));
  old.set_inputs(old.nodes()[0], {"x", "w"});
  old.remove_unused_initializers();
  EXPECT_THAT(old.initializers(), ElementsAre("w"));
  EXPECT_THAT(old.inputs(), ElementsAre("x"));
  EXPECT_THAT(parsed(old).inputs(), ElementsAre("x"));
  old.set_ir_version(8);
  old.set_initializer("w", Tensor(DType::kFloat32, {16, 3, 1, 1}));
  const auto again = parsed(old);
  EXPECT_EQ(again.type_of("w"), float_type({16, 3, 1, 1}));
}

// --- files ----------------------------------------------------------------------------------

class ModelFile : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::create("tessera-onnx-test");
    ASSERT_THAT(folder, IsOk());
    folder_.emplace(std::move(*folder));
  }
  [[nodiscard]] std::filesystem::path path(const char* name) const {
    return folder_->path() / name;
  }

  std::optional<TemporaryDirectory> folder_;
};

TEST_F(ModelFile, SavedAndLoaded_IsTheSame) {
  const auto model = small_model();
  ASSERT_THAT(model.save(path("m.onnx"), {}), IsOk());
  const auto loaded = Model::load(path("m.onnx"));
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(bytes_of(*loaded), bytes_of(model));
  EXPECT_EQ(*read_file(path("m.onnx")), bytes_of(model));
  const auto weights = loaded->initializer("w");
  ASSERT_THAT(weights, IsOk());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(weights->bytes.data()) % 4, 0U) << "aligned for float";
  EXPECT_EQ(loaded->info()->sha256.size(), 64U);
  EXPECT_THAT(model.save(path("m.onnx"), {}),
              FailsWith(ErrorCode::kAlreadyExists, HasSubstr("m.onnx")));
}

TEST_F(ModelFile, Hash_IsOfTheBytesThatWereRead) {
  ASSERT_THAT(small_model().save(path("m.onnx"), {}), IsOk());
  const auto content = read_file(path("m.onnx")).value();
  const auto expected = sha256(std::as_bytes(std::span(content)));
  const auto loaded = Model::load(path("m.onnx"));
  ASSERT_THAT(loaded, IsOk());
  ASSERT_THAT(write_file(path("m.onnx"), "another file", Overwrite::kReplace), IsOk());
  EXPECT_EQ(loaded->info()->sha256, expected);
  EXPECT_EQ(loaded->clone().info()->sha256, expected);
  std::filesystem::remove(path("m.onnx"));
  EXPECT_EQ(loaded->info()->sha256, expected) << "taken once";
}

TEST_F(ModelFile, OverItself_CanBeSaved) {
  ASSERT_THAT(small_model().save(path("m.onnx"), {}), IsOk());
  auto loaded = Model::load(path("m.onnx"));
  ASSERT_THAT(loaded, IsOk());
  const auto before = bytes_of(*loaded);
  ASSERT_THAT(loaded->save(path("m.onnx"), {.overwrite = Overwrite::kReplace}), IsOk());
  EXPECT_EQ(*read_file(path("m.onnx")), before);
}

TEST_F(ModelFile, ExternalData_IsWrittenAlignedAndReadBack) {
  const auto model = small_model();
  ASSERT_THAT(model.save(path("m.onnx"), {.external_data = ExternalData::kAlways}), IsOk());
  EXPECT_EQ(std::filesystem::file_size(path("m.onnx.data")), 16U * 27 * 4) << "the bias is small";
  auto loaded = Model::load(path("m.onnx"));
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->external_data_folder(), folder_->path());
  EXPECT_EQ(bytes_of(*loaded), bytes_of(model)) << "taken in again";
  ASSERT_THAT(loaded->save(path("again.onnx"), {}), IsOk());
  EXPECT_TRUE(std::filesystem::exists(path("again.onnx.data"))) << "as the input had it";
  ASSERT_THAT(loaded->save(path("one.onnx"), {.external_data = ExternalData::kNever}), IsOk());
  EXPECT_FALSE(std::filesystem::exists(path("one.onnx.data")));
}

TEST_F(ModelFile, ExternalDataOfTheSource_IsNotOverwrittenByAnotherModel) {
  ASSERT_THAT(small_model().save(path("out.onnx"), {.external_data = ExternalData::kAlways}),
              IsOk());
  std::filesystem::rename(path("out.onnx"), path("source.onnx"));
  const auto weights = *read_file(path("out.onnx.data"));
  const auto loaded = Model::load(path("source.onnx"));
  ASSERT_THAT(loaded, IsOk());
  const auto copy = loaded->clone();
  EXPECT_THAT(copy.save(path("out.onnx"), {ExternalData::kAlways, Overwrite::kReplace}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("would be overwritten")));
  EXPECT_THAT(copy.save(path("out.onnx.data"), {ExternalData::kNever, Overwrite::kReplace}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("would be overwritten")));
  EXPECT_EQ(*read_file(path("out.onnx.data")), weights);
  EXPECT_FALSE(std::filesystem::exists(path("out.onnx")));
  EXPECT_THAT(copy.save(path("source.onnx"), {ExternalData::kAlways, Overwrite::kReplace}), IsOk())
      << "in place";
  EXPECT_THAT(Model::load(path("source.onnx")), IsOk());
}

TEST_F(ModelFile, ExternalDataThatIsMissingOrShort_IsRefused) {
  ASSERT_THAT(small_model().save(path("m.onnx"), {.external_data = ExternalData::kAlways}), IsOk());
  std::filesystem::resize_file(path("m.onnx.data"), 100);
  EXPECT_THAT(Model::load(path("m.onnx")), FailsWith(ErrorCode::kDataLoss, HasSubstr("100 bytes")));
  std::filesystem::remove(path("m.onnx.data"));
  EXPECT_THAT(Model::load(path("m.onnx")),
              FailsWith(ErrorCode::kNotFound, HasSubstr("m.onnx.data")));
}

TEST_F(ModelFile, ExternalDataOutsideTheFolder_IsRefused) {
  ASSERT_THAT(small_model().save(path("m.onnx"), {.external_data = ExternalData::kAlways}), IsOk());
  auto text = *read_file(path("m.onnx"));
  const auto at = text.find("m.onnx.data");
  text.replace(at, 11, "../onnx.dat");
  ASSERT_THAT(write_file(path("evil.onnx"), text, Overwrite::kRefuse), IsOk());
  EXPECT_THAT(Model::load(path("evil.onnx")),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("not within the model's folder")));
}

TEST_F(ModelFile, AFailureWhileWriting_LeavesNothing) {
  auto model = small_model();
  model.set_deferred_initializer("w", DType::kFloat32, {16, 3, 3, 3}, []() -> Result<Tensor> {
    return fail(ErrorCode::kCancelled, "stopped");
  });
  for (const auto external : {ExternalData::kNever, ExternalData::kAlways}) {
    EXPECT_THAT(model.save(path("m.onnx"), {.external_data = external}),
                FailsWith(ErrorCode::kCancelled, "stopped"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_->path()));
}

TEST_F(ModelFile, WhatIsNoModel_IsRefused) {
  EXPECT_THAT(Model::load(path("none.onnx")),
              FailsWith(ErrorCode::kNotFound, HasSubstr("none.onnx")));
  EXPECT_THAT(Model::load(folder_->path()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("folder")));
  ASSERT_THAT(write_file(path("empty.onnx"), "", Overwrite::kRefuse), IsOk());
  EXPECT_THAT(Model::load(path("empty.onnx")), FailsWith(ErrorCode::kDataLoss, HasSubstr("empty")));
}

}  // namespace
}  // namespace tessera::onnx
