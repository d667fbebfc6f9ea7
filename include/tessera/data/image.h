// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"

namespace tessera::data {

/// 8-bit interleaved RGB, row by row.
struct Image {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::vector<std::uint8_t> pixels;  ///< height x width x 3
};

/// Larger images are refused: a few bytes of a hostile file could ask for all memory.
inline constexpr std::int64_t kMaxPixels = 64'000'000;

/// Decodes JPEG or PNG by content, not by name. Grey and palette images become RGB, alpha is
/// blended over black, 16 bits are rounded to 8, CMYK JPEG is converted. The orientation tag of
/// EXIF is not followed, as it is not by the tools that networks are trained with.
/// Errors: kDataLoss if empty, truncated or no image; kUnimplemented naming another known format;
/// kResourceExhausted above `max_pixels`.
[[nodiscard]] Result<Image> decode_image(std::span<const std::byte> bytes, std::string_view what,
                                         std::int64_t max_pixels = kMaxPixels);
[[nodiscard]] Result<Image> read_image(const std::filesystem::path& path);

/// Antialiased bilinear resize, bit for bit that of Pillow's Image.resize(BILINEAR); within 1 where
/// recent versions of Pillow take the vertical pass first.
[[nodiscard]] Image resize_bilinear(const Image& image, std::int64_t width, std::int64_t height);

}  // namespace tessera::data
