// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Files that are none, are cut short, go round in circles or claim too much.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "keras/hdf5.h"
#include "keras/hdf5_writer.h"
#include "support/matchers.h"
#include "tessera/core/file.h"

namespace tessera::keras::hdf5 {
namespace {

namespace made = testing::hdf5;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr std::size_t kRootAddressAt = 64;

Result<Tensor> tensor(const std::string& bytes) {
  TESSERA_TRY(const auto file, File::open(made::as_bytes(bytes), "f.h5"));
  TESSERA_TRY(const auto root, file.root());
  TESSERA_TRY(const auto object, file.find(*root, "a"));
  return file.tensor(*object);
}

Status root(const std::string& bytes) {
  TESSERA_TRY(const auto file, File::open(made::as_bytes(bytes), "f.h5"));
  TESSERA_TRY(const auto object, file.root());
  return {};
}

Status texts(const std::string& bytes) {
  TESSERA_TRY(const auto file, File::open(made::as_bytes(bytes), "f.h5"));
  TESSERA_TRY(const auto object, file.root());
  TESSERA_TRY(const auto found, file.texts(*object, "t"));
  return {};
}

std::string small() {
  made::Object root;
  root["a"] = made::array_of({1.0f, 2.0f}, {2});
  root.messages.push_back(made::heap_texts("t", {"some text"}, {1}));
  return made::Writer::file(root);
}

std::uint64_t number_at(const std::string& bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

TEST(Damaged, WhatIsDamagedHere_IsSoundBefore) {
  EXPECT_THAT(tensor(small()), IsOk());
  EXPECT_THAT(texts(small()), IsOk());
}

TEST(Damaged, NoHdf5_IsDataLoss) {
  EXPECT_THAT(root(""), FailsWith(ErrorCode::kDataLoss, HasSubstr("signature")));
  EXPECT_THAT(root("PK\x03\x04 and more"), FailsWith(ErrorCode::kDataLoss, HasSubstr("signature")));
}

TEST(Damaged, OtherVersionsAndWidths_AreUnimplemented) {
  EXPECT_THAT(root(made::patched(small(), 8, 9, 1)),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("superblock version 9")));
  EXPECT_THAT(root(made::patched(small(), 13, 4, 1)),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("addresses of 4")));
  EXPECT_THAT(root(made::patched(small(), 24, 512, 8)),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("user block")));
}

TEST(Damaged, EveryPrefix_IsAnErrorOrReads) {
  const auto whole = small();
  std::size_t read = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto part = whole.substr(0, size);
    read += tensor(part) ? 1u : 0u;
    (void)texts(part);
  }
  EXPECT_LT(read, 50u);  // what is cut off must matter
}

TEST(Damaged, AddressesOutsideTheFile_AreDataLoss) {
  const auto whole = small();
  for (const std::uint64_t address : {std::uint64_t{whole.size()}, std::uint64_t{whole.size() - 4},
                                      ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    EXPECT_THAT(root(made::patched(whole, kRootAddressAt, address, 8)),
                FailsWith(ErrorCode::kDataLoss, HasSubstr("f.h5[/]")));
    for (const auto* const mark : {"TREE", "HEAP"}) {
      // Where the group's message has the address of its tree, or of its heap.
      const auto at = whole.find(made::le(whole.find(mark), 8));
      ASSERT_NE(at, std::string::npos);
      EXPECT_THAT(root(made::patched(whole, at, address, 8)),
                  FailsWith(ErrorCode::kDataLoss, HasSubstr("group")));
    }
    const auto text = whole.find(made::le(whole.find("GCOL"), 8));
    // All ones stand for an empty text.
    EXPECT_EQ(texts(made::patched(whole, text, address, 8)).has_value(),
              address == ~std::uint64_t{0});
  }
}

TEST(Damaged, TreeWithOneLeafTwice_IsACircle) {
  auto bytes = small();
  const auto tree = bytes.find("TREE");
  const auto leaf = number_at(bytes, tree + 32);
  bytes = made::patched(bytes, tree + 6, 2, 2);
  bytes = made::patched(bytes, tree + 48, leaf, 8);
  EXPECT_THAT(root(bytes), FailsWith(ErrorCode::kDataLoss, HasSubstr("circle")));
}

TEST(Damaged, TreeThatIsItsOwnChild_IsDataLoss) {
  auto bytes = small();
  const auto tree = bytes.find("TREE");
  bytes = made::patched(bytes, tree + 5, 1, 1);
  bytes = made::patched(bytes, tree + 32, tree, 8);
  EXPECT_THAT(root(bytes), FailsWith(ErrorCode::kDataLoss, HasSubstr("circle")));
}

TEST(Damaged, HeaderThatContinuesInItself_IsACircle) {
  made::Object object;
  object.messages.push_back({0x10, made::le(1, 8) + made::le(2, 8), {}, {}});
  auto bytes = made::Writer::file(object);
  const auto header = number_at(bytes, kRootAddressAt);
  bytes = made::patched(bytes, header + 24, header + 16, 8);
  bytes = made::patched(bytes, header + 32, 24, 8);
  EXPECT_THAT(root(bytes), FailsWith(ErrorCode::kDataLoss, HasSubstr("circle")));
}

TEST(Damaged, HeapThatContradictsItself_IsDataLoss) {
  const auto whole = small();
  const auto heap = whole.find("GCOL");
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    EXPECT_THAT(texts(made::patched(whole, heap + 8, size, 8)),
                FailsWith(ErrorCode::kDataLoss, HasSubstr("heap")));
  }
  for (const std::uint64_t size : {std::uint64_t{1} << 63, ~std::uint64_t{0}, std::uint64_t{8}}) {
    EXPECT_THAT(texts(made::patched(whole, heap + 24, size, 8)),
                FailsWith(ErrorCode::kDataLoss, HasSubstr("heap")));
  }
}

TEST(Damaged, MessagesThatHaveToBeKnown_AreRefusedByNumber) {
  made::Object object;
  object["a"] = made::array_of({1.0f}, {1});
  auto& messages = object["a"].messages;
  messages.push_back({.type = 0x7f, .bytes = "12345678", .flags = 8});
  EXPECT_THAT(tensor(made::Writer::file(object)), IsOk()) << "a matter of who writes";
  messages.back().flags = 128;
  EXPECT_THAT(tensor(made::Writer::file(object)),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("0x7f")));
}

TEST(Damaged, TwoAttributesOfOneName_AreNone) {
  made::Object object;
  object["a"];
  for (int i = 0; i < 2; ++i) {
    object.messages.push_back(made::texts("t", {"some text"}, true));
  }
  EXPECT_THAT(root(made::Writer::file(object)),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("two attributes")));
}

// --- bombs --------------------------------------------------------------------------------------

TEST(Bomb, ManyReferencesToOneText_AreNotFollowed) {
  made::Object object;
  object.messages.push_back(
      made::heap_texts("t", {std::string(60000, 'x')}, std::vector<std::uint32_t>(4000, 1)));
  EXPECT_THAT(texts(made::Writer::file(object)),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("heap")));
}

made::Object array_of_extents(const Shape& shape, bool chunks) {
  auto object = made::array_of(made::floating(4), shape, "12345678");
  if (chunks) {
    object.messages[2] = {
        0x08,
        made::le(3, 1) + made::le(2, 1) + made::le(shape.size() + 1, 1) + made::le(~0ULL, 8),
        {},
        {}};
    for (std::size_t i = 0; i < shape.size(); ++i) {
      object.messages[2].bytes += made::le(1, 4);
    }
    object.messages[2].bytes += made::le(4, 4);
  }
  return object;
}

Result<Tensor> bomb(const Shape& shape, bool chunks) {
  made::Object root;
  root["a"] = array_of_extents(shape, chunks);
  return tensor(made::Writer::file(root));
}

TEST(Bomb, HugeExtents_AreRefusedBeforeMemoryIsTaken) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 60;
  for (const bool chunks : {false, true}) {
    EXPECT_THAT(bomb({kHuge, kHuge}, chunks), FailsWith(ErrorCode::kDataLoss, HasSubstr("count")));
    EXPECT_THAT(bomb({kHuge}, chunks), FailsWith(ErrorCode::kResourceExhausted, HasSubstr("MiB")));
    EXPECT_THAT(bomb({kHuge * 2}, chunks), FailsWith(ErrorCode::kDataLoss, HasSubstr("count")));
    EXPECT_THAT(bomb({std::int64_t{1} << 26}, chunks),
                FailsWith(ErrorCode::kResourceExhausted, HasSubstr("MiB")));
  }
  EXPECT_THAT(bomb({1000}, false), FailsWith(ErrorCode::kDataLoss, HasSubstr("4000")));
}

TEST(Bomb, ManyArraysOfZeros_ShareOneLimit) {
  made::Object root;
  root["a"] = array_of_extents({std::int64_t{1} << 22}, true);  // 16 MiB
  const auto bytes = made::Writer::file(root);
  const auto file = File::open(made::as_bytes(bytes), "f.h5");
  const auto object = file->find(**file->root(), "a");
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(file->tensor(**object), IsOk());
  }
  EXPECT_THAT(file->tensor(**object), FailsWith(ErrorCode::kResourceExhausted, HasSubstr("MiB")));
}

TEST(Bomb, RankAboveThoseOfTheFormat_IsDataLoss) {
  EXPECT_THAT(bomb(Shape(33, 1), false), FailsWith(ErrorCode::kDataLoss, HasSubstr("rank 33")));
  EXPECT_THAT(bomb(Shape(32, 1), false), IsOk());
}

}  // namespace
}  // namespace tessera::keras::hdf5
