// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tensor/inflate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tessera/core/random.h"

namespace tessera {
namespace {

std::vector<std::byte> deflated(std::span<const std::byte> content) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::vector<std::byte> packed(deflateBound(&stream, content.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

class Inflate : public ::testing::Test {
 protected:
  Inflate() {
    Random random(7);
    for (auto& byte : content_) {
      byte = static_cast<std::byte>(random.below(20));
    }
    packed_ = deflated(content_);
  }

  [[nodiscard]] InflateReader reader() const {
    return {packed_, content_.size(), crc32_of(content_), kSpacing};
  }

  static constexpr std::uint64_t kSpacing = 10'000;
  std::vector<std::byte> content_ = std::vector<std::byte>(200'000);
  std::vector<std::byte> packed_;
};

TEST_F(Inflate, AnyPlace_IsRead) {
  auto reader = this->reader();
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    const auto offset = random.below(content_.size());
    std::vector<std::byte> part(random.below(content_.size() - offset + 1) >> random.below(12));
    ASSERT_EQ(reader.read(offset, part), nullptr);
    ASSERT_TRUE(std::ranges::equal(part, std::span(content_).subspan(offset, part.size()))) << i;
  }
  std::vector<std::byte> whole(content_.size());
  ASSERT_EQ(reader.read(0, whole), nullptr);
  EXPECT_EQ(whole, content_);
  std::byte beyond{};
  EXPECT_STREQ(reader.read(content_.size(), {&beyond, 1}), "it is shorter than its header says");
}

TEST_F(Inflate, WrongChecksum_IsFoundAtTheEnd) {
  InflateReader reader(packed_, content_.size(), crc32_of(content_) ^ 1u, kSpacing);
  std::vector<std::byte> half(content_.size() / 2);
  EXPECT_EQ(reader.read(0, half), nullptr);
  EXPECT_STREQ(reader.read(half.size(), half), "its checksum is wrong");
}

TEST_F(Inflate, DamagedOrWrongLength_IsRefused) {
  auto damaged = packed_;
  std::fill(damaged.begin() + static_cast<std::ptrdiff_t>(damaged.size() / 2), damaged.end(),
            std::byte{0xff});
  InflateReader broken(damaged, content_.size(), crc32_of(content_), kSpacing);
  std::vector<std::byte> begin(1000);
  EXPECT_EQ(broken.read(0, begin), nullptr);
  std::vector<std::byte> whole(content_.size());
  EXPECT_STREQ(broken.read(0, whole), "its compressed data is damaged");
  EXPECT_EQ(broken.read(0, begin), nullptr) << "what lies before the damage stays readable";
  InflateReader longer(packed_, content_.size() - 1, crc32_of(content_), kSpacing);
  whole.pop_back();
  EXPECT_STREQ(longer.read(0, whole), "its compressed data is damaged");
  InflateReader shorter(packed_, content_.size() + 1, crc32_of(content_), kSpacing);
  whole.resize(content_.size() + 1);
  EXPECT_STREQ(shorter.read(0, whole), "its compressed data is damaged");
}

}  // namespace
}  // namespace tessera
