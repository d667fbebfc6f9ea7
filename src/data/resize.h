// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/data/image.h"

namespace tessera::data {

/// A rectangle of a resized image, in pixels of the result.
struct Window {
  std::int64_t x = 0;
  std::int64_t y = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
};

/// What `window` shows of the image resized to `width` x `height`; only that part is computed.
[[nodiscard]] Image resize_window(const Image& image, std::int64_t width, std::int64_t height,
                                  const Window& window);

}  // namespace tessera::data
