// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/hdf5.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <ostream>

#include "keras/hdf5_writer.h"
#include "support/matchers.h"
#include "tessera/core/file.h"

namespace tessera::keras::hdf5 {
namespace {

namespace made = testing::hdf5;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Optional;

/// A file of the seeds, which h5py wrote.
std::string seed(const char* name) {
  return read_file(std::filesystem::path(TESSERA_SOURCE_DIR) / "fuzz/corpus/hdf5" / name).value();
}

Result<Tensor> tensor(const std::string& bytes, std::string_view path = "a") {
  TESSERA_TRY(const auto file, File::open(made::as_bytes(bytes), "f.h5"));
  TESSERA_TRY(const auto root, file.root());
  TESSERA_TRY(const auto object, file.find(*root, path));
  if (object == nullptr) {
    return fail(ErrorCode::kNotFound, "no {}", path);
  }
  return file.tensor(*object);
}

Result<std::vector<float>> numbers(const std::string& bytes, std::string_view path = "a") {
  TESSERA_TRY(const auto value, tensor(bytes, path));
  return to_float32(value.view());
}

Result<std::optional<std::vector<std::string>>> texts(const std::string& bytes, const char* name) {
  TESSERA_TRY(const auto file, File::open(made::as_bytes(bytes), "f.h5"));
  TESSERA_TRY(const auto root, file.root());
  return file.texts(*root, name);
}

std::string with(made::Object object) {
  made::Object root;
  root["a"] = std::move(object);
  return made::Writer::file(root);
}

std::string with_attribute(made::Message message) {
  made::Object root;
  root.messages.push_back(std::move(message));
  return made::Writer::file(root);
}

const std::string kTwo = made::le(0x3f800000, 4) + made::le(0x40000000, 4);

// --- arrays -------------------------------------------------------------------------------------

struct NumberCase {
  const char* name;
  std::string type;
  std::string data;
  DType dtype;
};

void PrintTo(const NumberCase& param, std::ostream* out) {
  *out << param.name;
}

class Numbers : public ::testing::TestWithParam<NumberCase> {};

TEST_P(Numbers, OneAndTwo_AreRead) {
  const auto& param = GetParam();
  const auto file = with(made::array_of(param.type, {2}, param.data));
  EXPECT_THAT(numbers(file), IsOkAndHolds(ElementsAre(1.0f, 2.0f)));
  EXPECT_EQ(tensor(file)->dtype(), param.dtype);
}

std::string big(std::uint64_t value, std::size_t width) {
  const auto bytes = made::le(value, width);
  return {bytes.rbegin(), bytes.rend()};
}

INSTANTIATE_TEST_SUITE_P(
    Types, Numbers,
    ::testing::Values(
        NumberCase{"f2", made::floating(2), made::le(0x3c00, 2) + made::le(0x4000, 2),
                   DType::kFloat16},
        NumberCase{"f4", made::floating(4), kTwo, DType::kFloat32},
        NumberCase{"f4_big", made::floating(4, true), big(0x3f800000, 4) + big(0x40000000, 4),
                   DType::kFloat32},
        NumberCase{"f8", made::floating(8), made::le(0x3ffULL << 52, 8) + made::le(1ULL << 62, 8),
                   DType::kFloat64},
        NumberCase{"i1", made::integer(1), "\1\2", DType::kInt8},
        NumberCase{"u1", made::integer(1, false), "\1\2", DType::kUInt8},
        NumberCase{"i2_big", made::integer(2, true, true), big(1, 2) + big(2, 2), DType::kInt16},
        NumberCase{"u4", made::integer(4, false), made::le(1, 4) + made::le(2, 4), DType::kUInt32},
        NumberCase{"i8", made::integer(8), made::le(1, 8) + made::le(2, 8), DType::kInt64},
        NumberCase{"u8", made::integer(8, false), made::le(1, 8) + made::le(2, 8), DType::kUInt64}),
    [](const auto& param) { return param.param.name; });

TEST(Arrays, NotedBfloat16_IsRead) {
  auto object =
      made::array_of(made::datatype(5, 0, 2), {2}, made::le(0x3f80, 2) + made::le(0x4000, 2));
  EXPECT_THAT(numbers(with(object)), FailsWith(ErrorCode::kUnimplemented, HasSubstr("opaque")));
  object.messages.push_back(made::texts("dtype", {"bfloat16"}, true));
  EXPECT_THAT(numbers(with(object)), IsOkAndHolds(ElementsAre(1.0f, 2.0f)));
  EXPECT_EQ(tensor(with(object))->dtype(), DType::kBFloat16);
}

TEST(Arrays, Scalar_HasNoExtents) {
  const auto value = tensor(with(made::array_of(made::integer(4), {}, made::le(7, 4))));
  ASSERT_THAT(value, IsOk());
  EXPECT_TRUE(value->shape().empty());
  EXPECT_EQ(value->as<std::int32_t>()[0], 7);
}

TEST(Arrays, Compact_IsRead) {
  auto object = made::array_of(made::floating(4), {2}, "");
  object.messages[2] = {0x08, made::le(3, 1) + made::le(0, 1) + made::le(8, 2) + kTwo, {}, {}};
  EXPECT_THAT(numbers(with(object)), IsOkAndHolds(ElementsAre(1.0f, 2.0f)));
}

TEST(Arrays, NeverWritten_AreZero) {
  auto object = made::array_of(made::floating(4), {2}, "");
  object.messages[2] = {
      0x08, made::le(3, 1) + made::le(1, 1) + made::le(~0ULL, 8) + made::le(0, 8), {}, {}};
  EXPECT_THAT(numbers(with(object)), IsOkAndHolds(ElementsAre(0.0f, 0.0f)));
  object.messages.push_back(
      {0x05,
       made::le(2, 1) + made::le(0, 2) + made::le(1, 1) + made::le(4, 4) + made::le(9, 4),
       {},
       {}});
  EXPECT_THAT(numbers(with(object)), FailsWith(ErrorCode::kUnimplemented, HasSubstr("fill value")));
}

/// An array of 3 x 3 in chunks of 2 x 2 of which the given ones, at (row, column), are there.
made::Object chunked(const std::vector<std::pair<int, int>>& places,
                     const std::string& filters = "", std::uint64_t extent = 3,
                     std::uint32_t chunk = 2) {
  made::Object object;
  object.is_group = false;
  const auto shape = Shape(2, static_cast<std::int64_t>(extent));
  // The elements of a chunk stand behind its tree; the only address is that of the tree, so that
  // chunks lie in a file of one array at places that are known: the superblock takes 96 bytes.
  const std::uint64_t tree_at = 96;
  const auto tree_bytes = 24 + places.size() * (8 + 24 + 8) + 32;
  std::string tree = "TREE" + made::le(1, 1) + made::le(0, 1) + made::le(places.size(), 2) +
                     made::le(~0ULL, 8) + made::le(~0ULL, 8);
  std::string data;
  for (const auto& [row, column] : places) {
    tree += made::le(16, 4) + made::le(0, 4) + made::le(static_cast<std::uint64_t>(row), 8) +
            made::le(static_cast<std::uint64_t>(column), 8) + made::le(0, 8) +
            made::le(tree_at + tree_bytes + data.size(), 8);
    for (int i = 0; i < 4; ++i) {
      const auto value = static_cast<float>(10 * (row + i / 2) + column + i % 2);
      data += std::string(reinterpret_cast<const char*>(&value), 4);
    }
  }
  tree.resize(tree_bytes);
  object.messages = {{0x01, made::dataspace(shape), {}, {}},
                     {0x03, made::floating(4), {}, {}},
                     {0x08,
                      made::le(3, 1) + made::le(2, 1) + made::le(3, 1) + made::le(0, 8) +
                          made::le(chunk, 4) + made::le(chunk, 4) + made::le(4, 4),
                      tree + data,
                      {3}}};
  if (!filters.empty()) {
    object.messages.push_back({0x0b, filters, {}, {}});
  }
  return object;
}

const std::vector<std::pair<int, int>> kAll{{0, 0}, {0, 2}, {2, 0}, {2, 2}};

TEST(Chunks, AtTheEdges_AreCut) {
  EXPECT_THAT(numbers(with(chunked(kAll))),
              IsOkAndHolds(ElementsAre(0, 1, 2, 10, 11, 12, 20, 21, 22)));
}

TEST(Chunks, Missing_AreZero) {
  EXPECT_THAT(numbers(with(chunked({{0, 0}, {2, 2}}))),
              IsOkAndHolds(ElementsAre(0, 1, 0, 10, 11, 0, 0, 0, 22)));
}

TEST(Chunks, MissingWithAFillValue_AreUnimplemented) {
  const made::Message fill{
      0x05,
      made::le(2, 1) + made::le(0, 2) + made::le(1, 1) + made::le(4, 4) + made::le(9, 4),
      {},
      {}};
  auto whole = chunked(kAll);
  whole.messages.push_back(fill);
  EXPECT_THAT(numbers(with(whole)), IsOk());
  auto part = chunked({{0, 0}});
  part.messages.push_back(fill);
  EXPECT_THAT(numbers(with(part)), FailsWith(ErrorCode::kUnimplemented, HasSubstr("fill value")));
}

TEST(Chunks, OutsideOrTwiceOrTorn_AreDataLoss) {
  EXPECT_THAT(numbers(with(chunked({{0, 4}}))),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("outside the array")));
  EXPECT_THAT(numbers(with(chunked({{1, 0}}))),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("outside the array")));
  EXPECT_THAT(numbers(with(chunked({{0, 0}, {0, 0}}))),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("twice")));
  EXPECT_THAT(numbers(with(chunked({{0, 0}}, "", 3, 4))),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("shorter")));
}

TEST(Chunks, UnknownFilter_IsRefusedByName) {
  const auto filter = [](std::uint64_t id) {
    return made::le(1, 1) + made::le(1, 1) + made::le(0, 6) + made::le(id, 2) + made::le(0, 6);
  };
  EXPECT_THAT(numbers(with(chunked(kAll, filter(4)))),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("szip")));
  EXPECT_THAT(numbers(with(chunked(kAll, filter(32001)))),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("32001")));
  EXPECT_THAT(numbers(with(chunked(kAll, filter(1)))),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("compressed data")));
  EXPECT_THAT(numbers(with(chunked(kAll, filter(3)))),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("checksum")));
}

TEST(Chunks, DeflatedShuffledAndSummedByH5py_AreRead) {
  const auto value = tensor(seed("arrays.h5"), "chunked");
  ASSERT_THAT(value, IsOk());
  ASSERT_EQ(value->shape(), (Shape{5, 6}));
  for (std::int16_t i = 0; i < 30; ++i) {
    EXPECT_EQ(value->as<std::int16_t>()[static_cast<std::size_t>(i)], i);
  }
}

// --- groups and texts ---------------------------------------------------------------------------

TEST(Groups, OfH5py_AreRead) {
  const auto bytes = seed("many.h5");
  const auto file = File::open(made::as_bytes(bytes), "f.h5");
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ((*file->root())->links.size(), 10u);
  EXPECT_THAT(numbers(seed("arrays.h5"), "big"), IsOkAndHolds(ElementsAre(0, 1, 2, 3, 4, 5)));
}

TEST(Groups, OfTheNewKind_AreReadWhileSmall) {
  const auto bytes = seed("arrays_new.h5");
  EXPECT_THAT(numbers(bytes, "plain"), IsOkAndHolds(ElementsAre(0, 1, 2, 3, 4, 5)));
  EXPECT_THAT(texts(bytes, "text"), IsOkAndHolds(Optional(ElementsAre("word"))));
  EXPECT_THAT(numbers(bytes, "chunked"),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("data layout")));
}

TEST(Groups, MissingMember_IsNull) {
  const auto bytes = with(made::array_of({1.0f}, {1}));
  const auto file = File::open(made::as_bytes(bytes), "f.h5");
  const auto root = file->root();
  EXPECT_THAT(file->find(**root, "b"), IsOkAndHolds(nullptr));
  EXPECT_THAT(file->find(**root, "a/b"), IsOkAndHolds(nullptr));
}

TEST(Groups, SoftLink_IsRefused) {
  made::Object root;
  root["a"].soft = true;
  EXPECT_THAT(tensor(made::Writer::file(root)),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("soft links")));
}

/// A group of the newer kind, whose members are messages of its header.
std::string group_of(const std::vector<made::Message>& messages) {
  made::Object root;
  root.is_group = false;
  root.messages = messages;
  return made::Writer::file(root);
}

TEST(Groups, LinksOfTheNewKind_AreToldApart) {
  const auto link = [](std::uint64_t kind, const std::string& rest) {
    return made::Message{
        0x06,
        made::le(1, 1) + made::le(8, 1) + made::le(kind, 1) + made::le(1, 1) + "a" + rest,
        {},
        {}};
  };
  EXPECT_THAT(tensor(group_of({link(1, made::le(1, 2) + "b")})),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("soft links")));
  EXPECT_THAT(tensor(group_of({link(64, made::le(4, 2) + "f" + made::le(0, 1) + "b")})),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("external links")));
  EXPECT_THAT(tensor(group_of({link(0, made::le(1 << 20, 8))})),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("f.h5[/a]")));
  EXPECT_THAT(tensor(group_of({link(0, "")})),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("link is cut short")));
}

TEST(Groups, InAFractalHeap_AreRefused) {
  const auto info = [](std::uint64_t heap) {
    return made::Message{0x02, made::le(0, 2) + made::le(heap, 8) + made::le(~0ULL, 8), {}, {}};
  };
  EXPECT_THAT(tensor(group_of({info(~0ULL)})), FailsWith(ErrorCode::kNotFound, HasSubstr("a")));
  EXPECT_THAT(tensor(group_of({info(96)})),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("fractal heap")));
}

TEST(Groups, SlashAndColonInNames_AreLeftAlone) {
  made::Object root;
  root["a"]["kernel:0"] = made::array_of({1.0f}, {1});
  EXPECT_THAT(numbers(made::Writer::file(root), "a/kernel:0"), IsOkAndHolds(ElementsAre(1.0f)));
}

TEST(Texts, FixedAndFree_AreRead) {
  EXPECT_THAT(texts(with_attribute(made::texts("t", {"one", "three"})), "t"),
              IsOkAndHolds(Optional(ElementsAre("one", "three"))));
  EXPECT_THAT(texts(with_attribute(made::texts("t", {"word"}, true)), "t"),
              IsOkAndHolds(Optional(ElementsAre("word"))));
  EXPECT_THAT(texts(with_attribute(made::heap_texts("t", {"a", "longer text"}, {2, 1, 2})), "t"),
              IsOkAndHolds(Optional(ElementsAre("longer text", "a", "longer text"))));
}

TEST(Texts, EmptyListAndNoAttribute_AreToldApart) {
  EXPECT_THAT(
      texts(with_attribute(made::attribute("t", made::floating(8), made::dataspace({0}), "")), "t"),
      IsOkAndHolds(Optional(ElementsAre())));
  EXPECT_THAT(texts(with_attribute(made::texts("t", {"x"})), "u"), IsOkAndHolds(std::nullopt));
}

TEST(Texts, Numbers_AreRefused) {
  const auto message =
      made::attribute("t", made::floating(8), made::dataspace({1}), made::le(0, 8));
  EXPECT_THAT(texts(with_attribute(message), "t"),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("floating point")));
}

}  // namespace
}  // namespace tessera::keras::hdf5
