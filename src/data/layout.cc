// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "data/layout.h"

#include <algorithm>
#include <cmath>

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
  layout.colours_known = channels == 3;
  layout.height = shape[layout.channels_first ? first + 1 : first];
  layout.width = shape[layout.channels_first ? first + 2 : first + 1];
  return layout;
}

ImageSize target_size(const Preprocess& preprocess, const ImageLayout& layout, ImageSize image) {
  ImageSize size{layout.height, layout.width};
  const bool as_it_is = preprocess.resize == ResizeMode::kNone;
  const auto wanted = preprocess.size || as_it_is ? preprocess.size : preprocess.open_size;
  if (size.height < 0) {
    size.height = wanted && (*wanted)[0] > 0 ? (*wanted)[0] : image.height;
  }
  if (size.width < 0 && wanted && (*wanted)[1] > 0) {
    size.width = (*wanted)[1];
  }
  if (size.width >= 0 || image.width < 0) {
    return size;
  }
  if (preprocess.resize != ResizeMode::kHeight) {
    size.width = image.width;
    return size;
  }
  const auto ratio = static_cast<double>(image.width) / static_cast<double>(image.height);
  const auto width = std::ceil(static_cast<double>(size.height) * ratio);
  size.width = std::max<std::int64_t>(static_cast<std::int64_t>(width), 1);
  return size;
}

std::optional<std::vector<std::int64_t>> image_tensor_shape(const Preprocess& preprocess,
                                                            const std::vector<std::int64_t>& shape,
                                                            ImageSize image) {
  const auto layout = image_layout(shape);
  if (!layout) {
    return std::nullopt;
  }
  const auto size = target_size(preprocess, *layout, image);
  if (size.height < 0 || size.width < 0) {
    return std::nullopt;
  }
  std::vector<std::int64_t> result{size.height, size.width};
  result.insert(layout->channels_first ? result.begin() : result.end(), layout->channels);
  if (layout->rank == 4) {
    result.insert(result.begin(), 1);
  }
  return result;
}

}  // namespace tessera::data
