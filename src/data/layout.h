// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tessera/data/preprocess.h"

namespace tessera::data {

/// Where height, width and channels stand in the shape of an image input.
struct ImageLayout {
  std::size_t rank = 0;
  bool channels_first = true;
  std::int64_t channels = 3;   ///< 1 or 3
  bool colours_known = false;  ///< the shape itself says 3 channels
  std::int64_t height = -1;    ///< -1: open
  std::int64_t width = -1;
  std::int64_t batch = 1;  ///< as the shape says; -1: open
};

/// Reads [N,C,H,W], [N,H,W,C], [C,H,W] or [H,W,C]; absent if the shape is none of them.
[[nodiscard]] std::optional<ImageLayout> image_layout(const std::vector<std::int64_t>& shape);

/// Extents of an image in pixels; -1: open.
struct ImageSize {
  std::int64_t height = -1;
  std::int64_t width = -1;
};

/// The size that an image is brought to: the model's; where that is open the preprocessing's; where
/// that is open too the image's own, in the way of the resize mode. Extents that only the image
/// could tell are -1 without one.
[[nodiscard]] ImageSize target_size(const Preprocess& preprocess, const ImageLayout& layout,
                                    ImageSize image = {});

/// The shape of an image's tensor; absent if it depends on the image and none is given.
[[nodiscard]] std::optional<std::vector<std::int64_t>> image_tensor_shape(
    const Preprocess& preprocess, const std::vector<std::int64_t>& shape, ImageSize image = {});

/// From the header of the file. Errors: those of read_image.
[[nodiscard]] Result<ImageSize> read_image_size(const std::filesystem::path& path);

}  // namespace tessera::data
