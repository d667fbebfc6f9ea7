// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "litert/archive.h"
#include "litert/write.h"
#include "support/litert_builder.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/litert/model.h"

namespace tessera::litert {
namespace {

using testing::data_of;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::LitertBuilder;
using testing::small_litert;

std::string bytes_of(const Content& content) {
  const auto model = Model::of(content);
  EXPECT_THAT(model, IsOk());
  const auto bytes = model->serialize();
  EXPECT_THAT(bytes, IsOk());
  return *bytes;
}

Content read_back(const Content& content) {
  const auto model = Model::parse(bytes_of(content));
  EXPECT_THAT(model, IsOk());
  EXPECT_EQ(model->not_writable(), std::nullopt);
  return model->content();
}

std::string text(const Data& data) {
  return {reinterpret_cast<const char*>(data.bytes().data()), data.bytes().size()};
}

/// Something in every field of every table.
Content everything() {
  LitertBuilder builder;
  builder.input("x", {1, 4}).type(ElementType::kInt8).signature({-1, 4});
  builder.quantized({0.5F}, {-3});
  builder.last().quantization->min = {-1.5F};
  builder.last().quantization->max = {2.5F};
  builder.int8_weight("w", {3, 4}).quantized({1, 2, 3}, {0, 0, 0}, 0);
  builder.weight("blocks", {4}).quantized({1, 2}, {});
  builder.last().quantization->details = Options(TableUnion::kDetails, 2);
  builder.last().quantization->details.set_int(0, 7);
  builder.last().quantization->details.set_ints(3, std::vector<std::int64_t>{4, 5});
  builder.weight("sparse", {2});
  Options indices(TableUnion::kIndices, 2);
  indices.set_ints(0, std::vector<std::int64_t>{9, 65535});
  builder.last().sparsity = Sparsity{{0, 1}, {1}, {{1, 5, indices, indices}, {0, 6, {}, {}}}};
  builder.last().sparsity->dimensions[1].segments = Options(TableUnion::kIndices, 0);
  builder.last().sparsity->dimensions[1].indices = Options(TableUnion::kIndices, 0);
  builder.value("state", {2});
  builder.last().is_variable = true;
  builder.value("list", {}).type(ElementType::kVariant);
  builder.last().shape.reset();
  builder.last().has_rank = false;
  builder.last().variants = {{std::vector<std::int32_t>{-1, 2}, ElementType::kInt64, true},
                             {std::nullopt, ElementType::kBool, false}};
  builder.value("y", {1, 3}).value("unused", {5});
  builder.custom("Own", {"x", "w", "", "sparse", "state"}, {"y", "list"});
  builder.last_op().custom_options = data_of<std::uint8_t>({1, 2, 3, 4, 5});
  builder.last_op().custom_options_format = 1;
  builder.last_op().mutated_inputs = {0, 0, 0, 0, 1};
  builder.last_op().intermediates = {-1, builder.place("unused")};
  builder.last_op().debug_metadata = 12;
  builder.value("z", {1, 3}).op(Builtin::kStablehloComposite, {"y"}, {"z"});
  auto& composite = builder.last_op().options2;
  composite = Options(TableUnion::kOptions2, 21);
  composite.set_text(0, "odml.something");
  composite.set_int(1, 1);
  composite.set_ints(2, std::vector<std::int64_t>{'a', 'b', 'c'});
  composite.set_int(4, 3);
  builder.output("z").output("list");
  builder.content().subgraphs.front().debug_metadata = 5;
  const auto x = static_cast<std::uint32_t>(builder.place("x"));
  const auto z = static_cast<std::uint32_t>(builder.place("z"));
  builder.subgraph("body").input("a", {1, 3}).value("c", {1, 3});
  builder.op(Builtin::kRelu, {"a"}, {"c"}).output("c");
  auto& content = builder.content();
  content.description = "made by a test";
  content.codes.front().version = 3;
  content.signatures.push_back({"serve", "", 0, {{"in", x}}, {{"out", z}}});
  content.signatures.push_back({"body", "old", 1, {{"a", 0}}, {{"c", 1}}});
  set_metadata(content, "min_runtime_version", "1.5.0");
  content.metadata_buffers = {static_cast<std::int32_t>(content.buffers.size()) - 1};
  return builder.build();
}

TEST(RoundTrip, EveryFieldOfTensors_Survives) {
  const auto before = everything();
  const auto after = read_back(before);
  const auto& tensors = after.subgraphs.front().tensors;
  ASSERT_EQ(tensors.size(), before.subgraphs.front().tensors.size());
  const auto& x = tensors[0];
  EXPECT_EQ(x.name, "x");
  EXPECT_EQ(x.type, ElementType::kInt8);
  EXPECT_THAT(*x.shape, ElementsAre(1, 4));
  EXPECT_THAT(x.signature, ElementsAre(-1, 4));
  EXPECT_TRUE(x.has_rank);
  EXPECT_THAT(x.quantization->scales, ElementsAre(0.5F));
  EXPECT_THAT(x.quantization->zero_points, ElementsAre(-3));
  EXPECT_THAT(x.quantization->min, ElementsAre(-1.5F));
  EXPECT_THAT(x.quantization->max, ElementsAre(2.5F));
  const auto& w = tensors[1];
  EXPECT_THAT(w.quantization->scales, ElementsAre(1, 2, 3));
  EXPECT_EQ(text(after.buffers[w.buffer]), std::string(12, '\3'));
  const auto& details = tensors[2].quantization->details;
  EXPECT_EQ(details, before.subgraphs.front().tensors[2].quantization->details);
  EXPECT_EQ(details.int_or(0, 0), 7);
  EXPECT_THAT(details.ints(3), ElementsAre(4, 5));
  const auto& sparsity = *tensors[3].sparsity;
  EXPECT_THAT(sparsity.traversal_order, ElementsAre(0, 1));
  EXPECT_THAT(sparsity.block_map, ElementsAre(1));
  ASSERT_EQ(sparsity.dimensions.size(), 2U);
  EXPECT_EQ(sparsity.dimensions[0].format, 1);
  EXPECT_EQ(sparsity.dimensions[0].dense_size, 5);
  EXPECT_THAT(sparsity.dimensions[0].segments.fields().at(0).bytes,
              HasSubstr(std::string("\xff\xff")));
  EXPECT_EQ(sparsity.dimensions[0].indices, sparsity.dimensions[0].segments);
  EXPECT_FALSE(sparsity.dimensions[1].indices.present());
  EXPECT_TRUE(tensors[4].is_variable);
  const auto& list = tensors[5];
  EXPECT_EQ(list.shape, std::nullopt);
  EXPECT_EQ(list.type, ElementType::kVariant);
  ASSERT_EQ(list.variants.size(), 2U);
  EXPECT_THAT(*list.variants[0].shape, ElementsAre(-1, 2));
  EXPECT_EQ(list.variants[0].type, ElementType::kInt64);
  EXPECT_TRUE(list.variants[0].has_rank);
  EXPECT_EQ(list.variants[1].shape, std::nullopt);
  EXPECT_EQ(tensors[7].name, "unused") << "nothing is dropped because nobody reads it";
}

TEST(RoundTrip, EveryFieldOfOperators_Survives) {
  const auto before = everything();
  const auto after = read_back(before);
  const auto& main = after.subgraphs.front();
  EXPECT_EQ(main.name, "main");
  EXPECT_EQ(main.debug_metadata, 5);
  EXPECT_EQ(main.inputs, before.subgraphs.front().inputs);
  EXPECT_EQ(main.outputs, before.subgraphs.front().outputs);
  ASSERT_EQ(main.operators.size(), 2U);
  const auto& custom = main.operators[0];
  EXPECT_EQ(after.code(custom).custom, "Own");
  EXPECT_EQ(after.code(custom).version, 3);
  EXPECT_EQ(custom.inputs, before.subgraphs.front().operators[0].inputs);
  EXPECT_EQ(custom.outputs, before.subgraphs.front().operators[0].outputs);
  EXPECT_EQ(text(custom.custom_options), "\1\2\3\4\5");
  EXPECT_EQ(custom.custom_options_format, 1);
  EXPECT_THAT(custom.mutated_inputs, ElementsAre(0, 0, 0, 0, 1));
  EXPECT_THAT(custom.intermediates, ElementsAre(-1, 7));
  EXPECT_EQ(custom.debug_metadata, 12);
  EXPECT_FALSE(custom.options.present());
  const auto& composite = main.operators[1];
  EXPECT_EQ(after.code(composite).code, Builtin::kStablehloComposite);
  EXPECT_EQ(composite.options2, before.subgraphs.front().operators[1].options2);
  EXPECT_EQ(composite.options2.text(0), "odml.something");
  EXPECT_THAT(composite.options2.ints(2), ElementsAre('a', 'b', 'c'));
  EXPECT_EQ(composite.options2.int_or(4, 0), 3);
  EXPECT_EQ(composite.debug_metadata, -1);
  EXPECT_EQ(after.subgraphs[1].name, "body");
}

TEST(RoundTrip, WhatBelongsToTheModel_Survives) {
  const auto after = read_back(everything());
  EXPECT_EQ(after.description, "made by a test");
  ASSERT_EQ(after.signatures.size(), 2U);
  EXPECT_EQ(after.signatures[0].key, "serve");
  EXPECT_EQ(after.signatures[0].inputs.front().name, "in");
  EXPECT_EQ(after.signatures[0].inputs.front().tensor, 0U);
  EXPECT_EQ(after.signatures[0].outputs.front().name, "out");
  EXPECT_EQ(after.signatures[1].tag, "old");
  EXPECT_EQ(after.signatures[1].subgraph, 1U);
  EXPECT_EQ(metadata_of(after, "min_runtime_version"), "1.5.0");
  EXPECT_EQ(metadata_of(after, "none"), std::nullopt);
  EXPECT_EQ(after.metadata_buffers.size(), 1U);
}

TEST(RoundTrip, WritingTwice_MakesTheSameBytes) {
  const auto content = everything();
  const auto bytes = bytes_of(content);
  EXPECT_EQ(bytes, bytes_of(content));
  const auto again = Model::parse(bytes);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->serialize().value(), bytes);
}

TEST(RoundTrip, ADefaultThatTheFileHas_StaysInIt) {
  LitertBuilder builder;
  builder.input("x", {1}).value("y", {1});
  builder.op(Builtin::kSoftmax, {"x"}, {"y"}, testing::litert_options(9, {{0, 0}})).output("y");
  const auto after = read_back(builder.build());
  const auto& options = after.subgraphs.front().operators.front().options;
  EXPECT_EQ(options.fields().size(), 1U);
  EXPECT_TRUE(options.present());
}

TEST(RoundTrip, BytesThatTwoBuffersShare_AreWrittenOnce) {
  LitertBuilder builder;
  builder.input("x", {1}).value("y", {1}).op(Builtin::kRelu, {"x"}, {"y"}).output("y");
  builder.weight("big", {4096});
  const auto alone = bytes_of(builder.build());
  builder.value("same", {4096});
  builder.last().buffer = builder.content().add_buffer(builder.content().buffers.back());
  const auto shared = bytes_of(builder.build());
  EXPECT_LT(shared.size(), alone.size() + 1024);
  const auto again = Model::parse(shared);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->serialize().value(), shared);
}

TEST(RoundTrip, Weights_LieWhereKernelsWantThem) {
  const auto bytes = bytes_of(small_litert());
  const auto model = Model::parse(bytes);
  ASSERT_THAT(model, IsOk());
  for (const auto& buffer : model->content().buffers) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.bytes().data()) % 8, 0U);
    if (!buffer.empty()) {
      const auto at = bytes.find(text(buffer));
      ASSERT_NE(at, std::string::npos);
      EXPECT_EQ(at % 16, 0U);
    }
  }
}

TEST(RoundTrip, AnOldFileWithoutWideCodes_IsReadAlike) {
  auto content = small_litert();
  content.codes.front().code = Builtin::kAdd;
  EXPECT_EQ(read_back(content).codes.front().code, Builtin::kAdd);
  content.codes.front().code = Builtin::kGelu;  // beyond 127
  EXPECT_EQ(read_back(content).codes.front().code, Builtin::kGelu);
}

TEST(RoundTrip, AFileOnDisk_IsWrittenWholeOrNotAtAll) {
  const auto folder = TemporaryDirectory::create("litert");
  ASSERT_THAT(folder, IsOk());
  const auto path = folder->path() / "small.tflite";
  const auto model = Model::of(small_litert());
  ASSERT_THAT(model->save(path, Overwrite::kRefuse), IsOk());
  EXPECT_THAT(model->save(path, Overwrite::kRefuse),
              FailsWith(ErrorCode::kAlreadyExists, HasSubstr("small.tflite")));
  const auto loaded = Model::load(path);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->path(), path);
  const auto info = loaded->info();
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->format, "litert");
  EXPECT_EQ(info->sha256.size(), 64U);
  // Over its own file, whose weights are mapped.
  ASSERT_THAT(loaded->save(path, Overwrite::kReplace), IsOk());
  EXPECT_EQ(read_file(path).value(), bytes_of(small_litert()));
  EXPECT_THAT(Model::load(folder->path() / "none.tflite"),
              FailsWith(ErrorCode::kNotFound, HasSubstr("none.tflite")));
}

// --- an archive behind the model
// ------------------------------------------------------------------

template <class T>
std::string little(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// A stored file "labels.txt" as a zip archive that begins at `place` of a file.
std::string archive_at(std::uint32_t place) {
  const std::string name = "labels.txt";
  const std::string body = "cat\ndog\n";
  const auto size = static_cast<std::uint32_t>(body.size());
  const auto length = static_cast<std::uint16_t>(name.size());
  const std::string sizes = little<std::uint32_t>(0) + little(size) + little(size) + little(length);
  const std::string local = "PK\3\4" + std::string(10, '\0') + sizes + std::string(2, '\0') + name;
  const std::string entry =
      "PK\1\2" + std::string(12, '\0') + sizes + std::string(12, '\0') + little(place) + name;
  const auto directory = place + static_cast<std::uint32_t>(local.size() + body.size());
  const std::string end =
      "PK\5\6" + std::string(4, '\0') + little<std::uint16_t>(1) + little<std::uint16_t>(1) +
      little(static_cast<std::uint32_t>(entry.size())) + little(directory) + std::string(2, '\0');
  return local + body + entry + end;
}

TEST(Archive, BehindTheModel_MovesAlongWithItsPlaces) {
  auto bytes = bytes_of(small_litert());
  bytes += archive_at(static_cast<std::uint32_t>(bytes.size()));
  auto model = Model::parse(bytes);
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(model->serialize().value(), bytes);
  model->content().description = std::string(1000, 'd');
  const auto longer = model->serialize();
  ASSERT_THAT(longer, IsOk());
  const auto moved = longer->size() - archive_at(0).size();
  EXPECT_GT(moved, bytes.size() - archive_at(0).size());
  EXPECT_EQ(longer->substr(moved), archive_at(static_cast<std::uint32_t>(moved)));
}

TEST(Archive, WithPlacesOfItsOwn_StaysAsItIs) {
  const auto archive = archive_at(0);
  auto bytes = bytes_of(small_litert()) + archive;
  auto model = Model::parse(bytes);
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(text(model->content().archive), archive);
  model->content().description = std::string(1000, 'd');
  EXPECT_TRUE(model->serialize().value().ends_with(archive));
}

TEST(Archive, WhatIsNone_KeepsTheFileFromBeingRewritten) {
  for (const auto& tail :
       {std::string(200, 'x'), std::string(65, '\0'), archive_at(0).substr(1), archive_at(4000000),
        archive_at(0) + "x", std::string(8, 'x') + archive_at(0)}) {
    const auto model = Model::parse(bytes_of(small_litert()) + tail);
    ASSERT_THAT(model, IsOk());
    EXPECT_THAT(model->serialize(), FailsWith(ErrorCode::kUnimplemented, HasSubstr("behind")));
  }
  const auto padded = Model::parse(bytes_of(small_litert()) + std::string(15, '\0'));
  ASSERT_THAT(padded, IsOk());
  EXPECT_EQ(padded->serialize().value(), bytes_of(small_litert()));
}

}  // namespace
}  // namespace tessera::litert
