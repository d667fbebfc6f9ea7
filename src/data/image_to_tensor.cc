// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "data/layout.h"
#include "data/resize.h"
#include "tessera/data/preprocess.h"

namespace tessera::data {
namespace {

using Size = ImageSize;

/// An image of the target's size, or a part of it with a grey border around.
struct Placed {
  Image image;
  std::int64_t top = 0;
  std::int64_t left = 0;
};

/// Round half to even, as Python's round() that the reference implementations use.
std::int64_t round_half_even(double value) {
  return std::llrint(value);
}

Placed letterbox(const Image& image, const Preprocess& preprocess, Size target) {
  const double ratio =
      std::min(static_cast<double>(target.width) / static_cast<double>(image.width),
               static_cast<double>(target.height) / static_cast<double>(image.height));
  const bool centered = preprocess.letterbox_anchor == LetterboxAnchor::kCenter;
  const auto extent = [&](std::int64_t source, std::int64_t limit) {
    const double exact = static_cast<double>(source) * ratio;
    const auto rounded = centered ? round_half_even(exact) : static_cast<std::int64_t>(exact);
    return std::clamp<std::int64_t>(rounded, 1, limit);
  };
  const auto width = extent(image.width, target.width);
  const auto height = extent(image.height, target.height);
  Placed placed{resize_bilinear(image, width, height)};
  if (centered) {
    placed.top = (target.height - height) / 2;
    placed.left = (target.width - width) / 2;
  }
  return placed;
}

Placed crop(const Image& image, const Preprocess& preprocess, Size target) {
  const auto covered = [&](std::int64_t extent) {
    const double whole = std::floor(static_cast<double>(extent) / preprocess.crop_fraction);
    return std::max(whole, static_cast<double>(extent));
  };
  const double by_height = covered(target.height) / static_cast<double>(image.height);
  const double by_width = covered(target.width) / static_cast<double>(image.width);
  const double ratio = std::max(by_height, by_width);
  // The side that decides has exactly its size; the other is cut off, as torchvision does.
  const auto extent = [&](std::int64_t source, double side, bool decides) {
    const auto size = decides ? side : std::floor(static_cast<double>(source) * ratio);
    return static_cast<std::int64_t>(std::max(size, side));
  };
  const auto height = extent(image.height, covered(target.height), by_height >= by_width);
  const auto width = extent(image.width, covered(target.width), by_width >= by_height);
  const Window window{round_half_even(static_cast<double>(width - target.width) / 2),
                      round_half_even(static_cast<double>(height - target.height) / 2),
                      target.width, target.height};
  return {resize_window(image, width, height, window)};
}

/// The whole height, the width by the aspect ratio as far as it goes, a border to the right.
Placed fit_height(const Image& image, Size target) {
  const auto ratio = static_cast<double>(image.width) / static_cast<double>(image.height);
  const auto own = std::ceil(static_cast<double>(target.height) * ratio);
  const auto most = static_cast<double>(target.width);
  const auto width = static_cast<std::int64_t>(std::clamp(own, 1.0, most));
  return {resize_bilinear(image, width, target.height)};
}

Placed place(const Image& image, const Preprocess& preprocess, Size target) {
  switch (preprocess.resize) {
    case ResizeMode::kLetterbox:
      return letterbox(image, preprocess, target);
    case ResizeMode::kCrop:
      return crop(image, preprocess, target);
    case ResizeMode::kHeight:
      return fit_height(image, target);
    case ResizeMode::kStretch:
    case ResizeMode::kNone:
      break;
  }
  return {resize_bilinear(image, target.width, target.height)};
}

template <class T>
T saturate(double value) {
  if (std::isnan(value)) {
    return 0;
  }
  const double low = static_cast<double>(std::numeric_limits<T>::min());
  const double high = static_cast<double>(std::numeric_limits<T>::max());
  return value >= high ? std::numeric_limits<T>::max()
                       : static_cast<T>(std::nearbyint(std::max(value, low)));
}

/// Bit pattern of a value in an element type; only the low bits_of(dtype) bits count.
std::uint64_t encode(double value, DType dtype) {
  const auto bits = [](auto typed) {
    std::uint64_t pattern = 0;
    std::memcpy(&pattern, &typed, sizeof(typed));
    return pattern;
  };
  switch (dtype) {
    case DType::kFloat32:
      return bits(static_cast<float>(value));
    case DType::kFloat64:
      return bits(value);
    case DType::kFloat16:
      return bits(float32_to_float16(static_cast<float>(value)));
    case DType::kBFloat16:
      return bits(float32_to_bfloat16(static_cast<float>(value)));
    case DType::kUInt8:
      return bits(saturate<std::uint8_t>(value));
    case DType::kInt8:
      return bits(saturate<std::int8_t>(value));
    case DType::kUInt16:
      return bits(saturate<std::uint16_t>(value));
    case DType::kInt16:
      return bits(saturate<std::int16_t>(value));
    case DType::kInt32:
      return bits(saturate<std::int32_t>(value));
    case DType::kInt64:
      return bits(saturate<std::int64_t>(value));
    default:
      return 0;
  }
}

bool can_hold_pixels(DType dtype) {
  constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16,
                              DType::kUInt8,   DType::kInt8,    DType::kUInt16,  DType::kInt16,
                              DType::kInt32,   DType::kInt64};
  return std::find(std::begin(kTypes), std::end(kTypes), dtype) != std::end(kTypes);
}

double channel_value(const std::vector<double>& values, std::size_t channel, double fallback) {
  if (values.empty()) {
    return fallback;
  }
  return values[std::min(channel, values.size() - 1)];
}

/// What every pixel value of one channel becomes, computed once.
template <class T>
struct ChannelTable {
  T of_byte[256];
  T border;
};

template <class T>
ChannelTable<T> make_table(const Preprocess& preprocess, std::size_t channel, DType dtype) {
  const double mean = channel_value(preprocess.mean, channel, 0);
  const double deviation = channel_value(preprocess.std, channel, 1);
  const auto convert = [&](double x) {
    return static_cast<T>(encode((x * preprocess.scale - mean) / deviation, dtype));
  };
  ChannelTable<T> table;
  for (int x = 0; x < 256; ++x) {
    table.of_byte[x] = convert(x);
  }
  table.border = convert(preprocess.letterbox_value);
  return table;
}

/// Luma of ITU-R BT.601 in 16-bit fixed point, as Pillow converts to "L".
std::uint8_t luma(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >>
                                   16);
}

/// Gray images in place: one byte per pixel, three times.
void make_gray(Image& image) {
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    std::fill_n(image.pixels.begin() + static_cast<std::ptrdiff_t>(i), 3, luma(&image.pixels[i]));
  }
}

/// Writes one channel through its table; elements of the target are `stride` apart.
template <class T>
void fill_channel(const Placed& placed, std::size_t source_channel, const ChannelTable<T>& table,
                  Size target_size, T* target, std::size_t stride) {
  const auto pitch = static_cast<std::size_t>(target_size.width) * stride;
  const auto row_elements = static_cast<std::size_t>(placed.image.width);
  const bool has_border =
      placed.image.width != target_size.width || placed.image.height != target_size.height;
  if (has_border) {
    const auto count = static_cast<std::size_t>(target_size.height * target_size.width);
    for (std::size_t i = 0; i < count; ++i) {
      target[i * stride] = table.border;
    }
  }
  for (std::int64_t y = 0; y < placed.image.height; ++y) {
    const auto* source = placed.image.pixels.data() +
                         static_cast<std::size_t>(y) * row_elements * 3 + source_channel;
    T* row = target + static_cast<std::size_t>(y + placed.top) * pitch +
             static_cast<std::size_t>(placed.left) * stride;
    for (std::size_t x = 0; x < row_elements; ++x) {
      row[x * stride] = table.of_byte[source[3 * x]];
    }
  }
}

template <class T>
void fill(const Placed& placed, const Preprocess& preprocess, const ImageLayout& layout,
          Size target_size, Tensor& tensor) {
  const auto channels = static_cast<std::size_t>(layout.channels);
  const auto plane = static_cast<std::size_t>(target_size.height * target_size.width);
  const auto target = tensor.as<T>();
  for (std::size_t channel = 0; channel < channels; ++channel) {
    const auto table = make_table<T>(preprocess, channel, tensor.dtype());
    const bool reversed = preprocess.color == ColorOrder::kBgr && channels == 3;
    T* const begin = target.data() + (layout.channels_first ? channel * plane : channel);
    fill_channel(placed, reversed ? 2 - channel : channel, table, target_size, begin,
                 layout.channels_first ? 1 : channels);
  }
}

Result<Size> size_of_tensor(const Image& image, const Preprocess& preprocess,
                            const ImageLayout& layout) {
  const auto size = target_size(preprocess, layout, {image.height, image.width});
  const auto differs = [](std::int64_t wanted, std::int64_t is) {
    return wanted > 0 && wanted != is;
  };
  const auto wanted = preprocess.size.value_or(std::array<std::int64_t, 2>{-1, -1});
  if (differs(wanted[0], size.height) || differs(wanted[1], size.width)) {
    return fail(ErrorCode::kInvalidArgument,
                "preprocessing '{}' makes images of {} x {} (height x width); the model wants {} "
                "x {}",
                preprocess.name, wanted[0], wanted[1], size.height, size.width)
        .hint("drop resize.size from the preprocessing, or set it to the model's size");
  }
  const bool fits = size.height == image.height && size.width == image.width;
  if (preprocess.resize == ResizeMode::kNone && !fits) {
    return fail(ErrorCode::kInvalidArgument,
                "the image is {} x {} (height x width); the model wants {} x {} and resize.mode "
                "is none",
                image.height, image.width, size.height, size.width)
        .hint("choose another resize.mode: stretch, letterbox or crop");
  }
  if (size.height == 0 || size.width == 0) {
    return fail(ErrorCode::kInvalidArgument, "the model's image input has no pixels");
  }
  if (size.width > kMaxPixels / size.height) {
    return fail(ErrorCode::kResourceExhausted, "an image of {} x {} (height x width) is too large",
                size.height, size.width)
        .hint("set resize.size in a preprocessing file");
  }
  return size;
}

/// Values that an integer input would lose are refused, as they are in arrays.
Status check_values(const Preprocess& preprocess, const ImageLayout& layout, DType dtype) {
  if (!is_integer(dtype) || preprocess.round) {
    return {};
  }
  constexpr double kSlack = 1e-6;  // of the arithmetic that made a whole number
  const bool is_unsigned = dtype == DType::kUInt8 || dtype == DType::kUInt16;
  const double high = std::ldexp(1, bits_of(dtype) - (is_unsigned ? 0 : 1)) - 1;
  const double low = is_unsigned ? 0 : -high - 1;
  for (std::size_t channel = 0; channel < static_cast<std::size_t>(layout.channels); ++channel) {
    for (int x = 0; x < 256; ++x) {
      const double value = (x * preprocess.scale - channel_value(preprocess.mean, channel, 0)) /
                           channel_value(preprocess.std, channel, 1);
      const bool whole = std::abs(value - std::nearbyint(value)) < kSlack;
      if (whole && value > low - kSlack && value < high + kSlack) {
        continue;
      }
      return fail(ErrorCode::kInvalidArgument,
                  "preprocessing '{}' makes {:.6g} of a pixel of {}, which is no {}",
                  preprocess.name, value, x, to_string(dtype))
          .hint(
              "--preprocess {} suits an input of this type; a preprocessing file with "
              "\"round\": true rounds and clips",
              dtype == DType::kInt8 ? "int8" : "raw255");
    }
  }
  return {};
}

Status check_channels(const Preprocess& preprocess, const ImageLayout& layout) {
  for (const auto* values : {&preprocess.mean, &preprocess.std}) {
    if (values->size() > 1 && static_cast<std::int64_t>(values->size()) != layout.channels) {
      return fail(ErrorCode::kInvalidArgument,
                  "preprocessing '{}' has mean or std of {} channels; the model's input has {}",
                  preprocess.name, values->size(), layout.channels)
          .hint("choose another preset, or give one value per channel of the input");
    }
  }
  return {};
}

}  // namespace

Result<Tensor> image_to_tensor(const Image& image, const Preprocess& preprocess, DType dtype,
                               const std::vector<std::int64_t>& shape) {
  const auto layout = image_layout(shape);
  if (!layout || !can_hold_pixels(dtype)) {
    return fail(ErrorCode::kInvalidArgument, "an input of {} {} cannot take an image",
                to_string(dtype), to_string(shape))
        .hint("give tensors as .npy or .npz instead of images");
  }
  if (layout->batch > 1) {
    return fail(ErrorCode::kInvalidArgument,
                "the model's input {} has a fixed batch of {}; images come one by one",
                to_string(shape), layout->batch)
        .hint("export the model with a batch of 1, or give whole batches as .npz");
  }
  TESSERA_CHECK(check_channels(preprocess, *layout));
  TESSERA_CHECK(check_values(preprocess, *layout, dtype));
  TESSERA_TRY(const auto size, size_of_tensor(image, preprocess, *layout));
  auto placed = place(image, preprocess, size);
  if (preprocess.color == ColorOrder::kGray || layout->channels == 1) {
    make_gray(placed.image);
  }
  Tensor tensor(dtype, *image_tensor_shape(preprocess, shape, {image.height, image.width}));
  switch (bits_of(dtype)) {
    case 8:
      fill<std::uint8_t>(placed, preprocess, *layout, size, tensor);
      break;
    case 16:
      fill<std::uint16_t>(placed, preprocess, *layout, size, tensor);
      break;
    case 32:
      fill<std::uint32_t>(placed, preprocess, *layout, size, tensor);
      break;
    default:
      fill<std::uint64_t>(placed, preprocess, *layout, size, tensor);
      break;
  }
  return tensor;
}

}  // namespace tessera::data
