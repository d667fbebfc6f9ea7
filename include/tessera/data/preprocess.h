// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"
#include "tessera/data/image.h"
#include "tessera/tensor/affine.h"
#include "tessera/tensor/tensor.h"

namespace tessera::data {

/// How an image is brought to the model's size.
enum class ResizeMode : std::uint8_t {
  kStretch,    ///< both axes to the target, whatever that does to the aspect ratio
  kLetterbox,  ///< the largest copy that fits, the rest filled with grey
  kCrop,       ///< the smallest copy that covers target / crop_fraction, then its centre
  kHeight,     ///< the height to the target, the width by the aspect ratio (lines of text); where
               ///< the width is fixed at most that, and the rest filled
  kNone,       ///< as it is; the model must take the image's size
};
enum class ColorOrder : std::uint8_t { kRgb, kBgr, kGray };

/// Where a letterboxed image lies, and how its size is rounded: each as in the reference
/// implementation of the networks that use it.
enum class LetterboxAnchor : std::uint8_t {
  kCenter,   ///< borders on both sides, size rounded to nearest (Ultralytics YOLO)
  kTopLeft,  ///< borders right and below, size rounded down (YOLOX)
};

/// How an image becomes a tensor: resize, colour order, then (x * scale - mean) / std, where x is
/// 0..255 and mean and std follow the colour order.
struct Preprocess {
  std::string name;      ///< preset or file
  bool guessed = false;  ///< chosen from the model's input, not by the user
  ResizeMode resize = ResizeMode::kStretch;
  /// {height, width}; absent: the model's input size.
  std::optional<std::array<std::int64_t, 2>> size;
  /// {height, width} where the model leaves them open and `size` is absent; absent: the image's
  /// own. A width of -1 follows from the height (kHeight).
  std::optional<std::array<std::int64_t, 2>> open_size;
  double crop_fraction = 0.875;  ///< for kCrop: part of the shorter side that stays
  double letterbox_value = 114;  ///< grey that fills the border, before scaling
  LetterboxAnchor letterbox_anchor = LetterboxAnchor::kCenter;
  ColorOrder color = ColorOrder::kRgb;
  double scale = 1;
  std::vector<double> mean;  ///< one for all channels or one per channel; empty: 0
  std::vector<double> std;   ///< as mean; empty: 1
  /// Values that an integer input cannot hold are rounded and clipped instead of refused.
  bool round = false;
};

/// The presets:
/// | name     | resize                     | open size | order | value                         |
/// |----------|----------------------------|-----------|-------|-------------------------------|
/// | imagenet | crop 0.875                 | 224 x 224 | rgb   | x/255, ImageNet mean and dev. |
/// | unit     | stretch                    | 224 x 224 | rgb   | x/255                         |
/// | raw255   | stretch                    | 224 x 224 | rgb   | x                             |
/// | int8     | stretch                    | 224 x 224 | rgb   | x - 128                       |
/// | yolo     | letterbox 114, centred     | 640 x 640 | rgb   | x/255                         |
/// | yolox    | letterbox 114, top left    | 640 x 640 | bgr   | x                             |
/// | signed   | stretch                    | 224 x 224 | rgb   | x/127.5 - 1                   |
/// | ocr      | height, own width          | 48        | bgr   | x/127.5 - 1                   |
/// imagenet crops as torchvision's Resize(256), CenterCrop(224) does and timm with crop_pct 0.875.
[[nodiscard]] const std::vector<std::string>& preset_names();
/// A preset by name, or a JSON file
/// {resize: {mode, size, open_size, crop, fill, anchor}, color, scale, mean, std, round}, all
/// optional.
/// Errors: kInvalidArgument for an unknown name, key or value, with the known ones; those of
/// read_json.
[[nodiscard]] Result<Preprocess> preprocess_from(std::string_view preset_or_file);
/// What such a file holds; `what` names it in errors.
[[nodiscard]] Result<Preprocess> preprocess_from_json(const Json& json, std::string_view what);
[[nodiscard]] Json to_json(const Preprocess& preprocess);

/// The preset a model with such an input most likely wants: int8 and raw255 for integers, ocr for
/// a height of at most 64 with an open width, unit for one channel, yolo for extents of at least
/// 320 that are multiples of 32, imagenet otherwise.
/// `range`: what an input of integers with a scale can stand for, where it is one; raw255, unit,
/// signed or int8 if that is what these make of pixels. Absent if the input is no image's.
[[nodiscard]] std::optional<Preprocess> guess_preprocess(
    DType dtype, const std::vector<std::int64_t>& shape,
    const std::optional<RealRange>& range = std::nullopt);

/// The image as a tensor of the wanted dtype and shape (NCHW, NHWC, CHW or HWC; 1 or 3 channels;
/// -1 for an extent that `preprocess.size`, its open_size or the image decides). Where both layouts
/// are possible channels come first. Errors: kInvalidArgument if the shape is no image's, if mean
/// and std do not fit the channels, or if an integer type cannot hold every value (see
/// Preprocess::round).
[[nodiscard]] Result<Tensor> image_to_tensor(const Image& image, const Preprocess& preprocess,
                                             DType dtype, const std::vector<std::int64_t>& shape);

}  // namespace tessera::data
