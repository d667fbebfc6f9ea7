// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace tessera::data {

/// Where height, width and channels stand in the shape of an image input.
struct ImageLayout {
  std::size_t rank = 0;
  bool channels_first = true;
  std::int64_t channels = 3;  ///< 1 or 3
  std::int64_t height = -1;   ///< -1: open
  std::int64_t width = -1;
  std::int64_t batch = 1;  ///< as the shape says; -1: open
};

/// Reads [N,C,H,W], [N,H,W,C], [C,H,W] or [H,W,C]; absent if the shape is none of them.
[[nodiscard]] std::optional<ImageLayout> image_layout(const std::vector<std::int64_t>& shape);

}  // namespace tessera::data
