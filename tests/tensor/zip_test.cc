// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>

#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/tensor/unpack.h"

namespace tessera {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

std::string golden(const char* name) {
  return read_file(std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/golden/npz" / name).value();
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST(Zip, Members_AreListedFoundAndExtracted) {
  for (const auto* const name : {"stored.npz", "deflated.npz", "zip64.npz"}) {
    const auto bytes = golden(name);
    const auto archive = ZipArchive::open(bytes_of(bytes), "a.zip");
    ASSERT_THAT(archive, IsOk()) << name;
    ASSERT_FALSE(archive->members().empty());
    const auto& first = archive->members().front();
    EXPECT_EQ(archive->find(first.name), &first);
    EXPECT_EQ(archive->find("no such member"), nullptr);
    const auto content = archive->extract(first, first.size_bytes);
    ASSERT_THAT(content, IsOk());
    EXPECT_EQ(content->bytes.size(), first.size_bytes);
    EXPECT_EQ(content->bytes[1], std::byte{'N'});
    // What is stored is not copied.
    EXPECT_EQ(content->unpacked == nullptr, first.method == 0);
  }
}

TEST(Zip, MemberAboveTheLimit_IsRefusedBeforeMemoryIsTaken) {
  const auto bytes = golden("deflated.npz");
  const auto archive = ZipArchive::open(bytes_of(bytes), "a.zip");
  const auto& first = archive->members().front();
  EXPECT_THAT(archive->extract(first, first.size_bytes - 1),
              FailsWith(ErrorCode::kResourceExhausted, HasSubstr(first.name)));
}

/// The archive with a number in the central header of its first member replaced.
Result<ZipBytes> first_with(std::string bytes, std::size_t at, std::uint32_t value,
                            std::size_t width) {
  const auto header = bytes.find("PK\x01\x02");
  for (std::size_t i = 0; i < width; ++i) {
    bytes[header + at + i] = static_cast<char>(value >> (8 * i) & 0xff);
  }
  TESSERA_TRY(const auto archive,
              ZipArchive::open(bytes_of(bytes), "a.zip", {.kind = ".xyz archive", .hint = "look"}));
  TESSERA_TRY(auto content, archive.extract(archive.members().front(), std::uint64_t{1} << 40));
  content.bytes = {};  // the archive goes
  return content;
}

TEST(Zip, DamagedMembers_AreRefused) {
  constexpr std::size_t kFlags = 8;
  constexpr std::size_t kMethod = 10;
  constexpr std::size_t kCrc = 16;
  constexpr std::size_t kSize = 24;
  constexpr std::size_t kOffset = 42;
  for (const auto* const name : {"stored.npz", "deflated.npz"}) {
    const auto bytes = golden(name);
    EXPECT_THAT(first_with(bytes, kFlags, 1, 2),
                FailsWith(ErrorCode::kUnimplemented, HasSubstr("encrypted")));
    EXPECT_THAT(first_with(bytes, kMethod, 14, 2),
                FailsWith(ErrorCode::kUnimplemented, HasSubstr("method 14")));
    EXPECT_THAT(first_with(bytes, kCrc, 7, 4),
                FailsWith(ErrorCode::kDataLoss, HasSubstr("no valid .xyz archive")));
    EXPECT_THAT(first_with(bytes, kOffset, 0x7fffffff, 4),
                FailsWith(ErrorCode::kDataLoss, HasSubstr("outside the file")));
    // A bomb: sizes that deflate cannot reach.
    EXPECT_THAT(first_with(bytes, kSize, 0xfffffff0, 4),
                FailsWith(ErrorCode::kDataLoss, HasSubstr("sizes contradict")));
  }
}

TEST(Zip, TwoMembersOfOneName_AreDataLoss) {
  auto bytes = golden("stored.npz");
  const auto archive = ZipArchive::open(bytes_of(bytes), "a.zip");
  ASSERT_GE(archive->members().size(), 2u);
  const auto first = archive->members()[0].name;
  const auto second = archive->members()[1].name;
  ASSERT_EQ(first.size(), second.size());
  bytes.replace(bytes.rfind(second), second.size(), first);
  EXPECT_THAT(ZipArchive::open(bytes_of(bytes), "a.zip"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("two members '" + first + "'")));
}

std::vector<std::byte> deflated(const std::string& text) {
  auto size = compressBound(text.size());
  std::vector<std::byte> packed(size);
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(packed.data()), &size,
                     reinterpret_cast<const Bytef*>(text.data()), text.size()),
            Z_OK);
  packed.resize(size);
  return packed;
}

TEST(InflateZlib, AnyLength_IsUnpacked) {
  for (const std::size_t size : {0u, 1u, 4096u, 1000000u}) {
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; i += 7) {
      text[i] = static_cast<char>(i * i >> 3);
    }
    const auto unpacked = inflate_zlib(deflated(text), size, "a");
    ASSERT_THAT(unpacked, IsOk()) << size;
    EXPECT_TRUE(std::ranges::equal(*unpacked, bytes_of(text)));
    EXPECT_THAT(inflate_zlib(deflated(text), size + 100, "a"), IsOk());
  }
}

TEST(InflateZlib, MoreThanAllowedOrDamaged_IsDataLoss) {
  auto packed = deflated(std::string(100000, 'x'));
  EXPECT_THAT(inflate_zlib(packed, 99999, "a"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("more than it should")));
  const auto half = std::span(packed).first(packed.size() / 2);
  EXPECT_THAT(inflate_zlib(half, 100000, "a"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("cut short")));
  packed[0] ^= std::byte{0xff};
  EXPECT_THAT(inflate_zlib(packed, 100000, "a"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("damaged")));
  EXPECT_THAT(inflate_zlib({}, 10, "a"), FailsWith(ErrorCode::kDataLoss, HasSubstr("a:")));
}

}  // namespace
}  // namespace tessera
