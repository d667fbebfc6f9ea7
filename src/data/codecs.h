// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "data/layout.h"
#include "tessera/data/image.h"

namespace tessera::data {

/// Errors: kDataLoss if damaged or truncated; kResourceExhausted above max_pixels.
[[nodiscard]] Result<Image> decode_jpeg(std::span<const std::byte> bytes, std::string_view what,
                                        std::int64_t max_pixels);
[[nodiscard]] Result<Image> decode_png(std::span<const std::byte> bytes, std::string_view what,
                                       std::int64_t max_pixels);

/// {height, width} from the header. Errors: kDataLoss.
[[nodiscard]] Result<ImageSize> jpeg_size(std::span<const std::byte> bytes, std::string_view what);

/// An image with room for its pixels. Errors: kResourceExhausted above max_pixels.
[[nodiscard]] Result<Image> make_image(std::int64_t width, std::int64_t height,
                                       std::string_view what, std::int64_t max_pixels);

}  // namespace tessera::data
