// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "data/layout.h"

namespace tessera::data {
namespace {

bool is_channels(std::int64_t extent) {
  return extent == 1 || extent == 3;
}

}  // namespace

std::optional<ImageLayout> image_layout(const std::vector<std::int64_t>& shape) {
  if (shape.size() != 3 && shape.size() != 4) {
    return std::nullopt;
  }
  const std::size_t first = shape.size() - 3;
  ImageLayout layout;
  layout.rank = shape.size();
  layout.batch = first == 1 ? shape[0] : 1;
  const bool can_be_last = is_channels(shape[first + 2]);
  layout.channels_first = is_channels(shape[first]) || (shape[first] < 0 && !can_be_last);
  if (!layout.channels_first && !can_be_last) {
    return std::nullopt;
  }
  const auto channels = shape[layout.channels_first ? first : first + 2];
  layout.channels = channels < 0 ? 3 : channels;
  layout.height = shape[layout.channels_first ? first + 1 : first];
  layout.width = shape[layout.channels_first ? first + 2 : first + 1];
  return layout;
}

}  // namespace tessera::data
