// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/data/preprocess.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "data/layout.h"
#include "tessera/data/guess.h"

namespace tessera::data {
namespace {

template <class T>
using Names = std::vector<std::pair<std::string, T>>;

const Names<ResizeMode>& resize_modes() {
  static const Names<ResizeMode> names{{"stretch", ResizeMode::kStretch},
                                       {"letterbox", ResizeMode::kLetterbox},
                                       {"crop", ResizeMode::kCrop},
                                       {"none", ResizeMode::kNone},
                                       {"height", ResizeMode::kHeight}};
  return names;
}

const Names<ColorOrder>& color_orders() {
  static const Names<ColorOrder> names{
      {"rgb", ColorOrder::kRgb}, {"bgr", ColorOrder::kBgr}, {"gray", ColorOrder::kGray}};
  return names;
}

const Names<LetterboxAnchor>& anchors() {
  static const Names<LetterboxAnchor> names{{"center", LetterboxAnchor::kCenter},
                                            {"top-left", LetterboxAnchor::kTopLeft}};
  return names;
}

template <class T>
std::string name_of(const Names<T>& names, T value) {
  for (const auto& [name, known] : names) {
    if (known == value) {
      return name;
    }
  }
  return {};
}

template <class T>
std::string join_names(const Names<T>& names) {
  std::string text;
  for (const auto& [name, value] : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

Names<Preprocess> make_presets() {
  Preprocess imagenet;
  imagenet.resize = ResizeMode::kCrop;
  imagenet.open_size = {224, 224};
  imagenet.scale = 1.0 / 255;
  imagenet.mean = {0.485, 0.456, 0.406};
  imagenet.std = {0.229, 0.224, 0.225};
  Preprocess raw255;
  raw255.open_size = {224, 224};
  Preprocess int8 = raw255;
  int8.mean = {128};
  Preprocess unit = raw255;
  unit.scale = 1.0 / 255;
  Preprocess yolo = unit;
  yolo.resize = ResizeMode::kLetterbox;
  yolo.open_size = {640, 640};
  Preprocess yolox;
  yolox.open_size = {640, 640};
  yolox.resize = ResizeMode::kLetterbox;
  yolox.letterbox_anchor = LetterboxAnchor::kTopLeft;
  yolox.color = ColorOrder::kBgr;
  Preprocess is_signed = raw255;
  is_signed.scale = 1.0 / 127.5;
  is_signed.mean = {1};
  Preprocess ocr = is_signed;
  ocr.resize = ResizeMode::kHeight;
  ocr.open_size = {48, -1};
  ocr.letterbox_value = 127.5;
  ocr.color = ColorOrder::kBgr;
  Names<Preprocess> presets{{"imagenet", imagenet}, {"unit", unit},   {"raw255", raw255},
                            {"yolo", yolo},         {"yolox", yolox}, {"signed", is_signed},
                            {"int8", int8},         {"ocr", ocr}};
  for (auto& [name, preset] : presets) {
    preset.name = name;
  }
  return presets;
}

const Names<Preprocess>& presets() {
  static const auto all = make_presets();
  return all;
}

std::optional<Preprocess> preset(std::string_view wanted) {
  for (const auto& [name, value] : presets()) {
    if (name == wanted) {
      return value;
    }
  }
  return std::nullopt;
}

/// Reads a preprocessing file member by member; every error names the file and the key.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  Result<Preprocess> read(const Json& json) {
    Preprocess result;
    result.name = file_;
    TESSERA_CHECK(check_keys(json, "", {"resize", "color", "scale", "mean", "std", "round"}));
    if (json.contains("resize")) {
      TESSERA_CHECK(read_resize(json["resize"], result));
    }
    TESSERA_CHECK(read_name(json, "color", color_orders(), result.color));
    TESSERA_CHECK(read_number(json, "scale", result.scale));
    TESSERA_CHECK(read_channels(json, "mean", result.mean));
    TESSERA_CHECK(read_channels(json, "std", result.std));
    if (json.contains("round")) {
      if (!json["round"].is_boolean()) {
        return wrong("round", "true or false");
      }
      result.round = json["round"].get<bool>();
    }
    if (std::find(result.std.begin(), result.std.end(), 0.0) != result.std.end()) {
      return wrong("std", "numbers other than 0");
    }
    return result;
  }

 private:
  Failure wrong(std::string_view key, std::string_view expected) const {
    return fail(ErrorCode::kInvalidArgument, "{}: '{}' must be {}", file_, key, expected)
        .hint(
            "a preprocessing file has the form {{\"resize\": {{\"mode\": \"letterbox\", "
            "\"size\": [640, 640]}}, \"color\": \"rgb\", \"scale\": 0.00392, \"mean\": [..], "
            "\"std\": [..]}}");
  }

  [[nodiscard]] Status check_keys(const Json& json, std::string_view prefix,
                                  const std::vector<std::string>& known) const {
    if (!json.is_object()) {
      return wrong(prefix.empty() ? "(the document)" : prefix, "an object");
    }
    for (const auto& [key, value] : json.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        return fail(ErrorCode::kInvalidArgument, "{}: unknown key '{}{}{}'", file_, prefix,
                    prefix.empty() ? "" : ".", key)
            .hint("known keys: {}", fmt::join(known, ", "));
      }
    }
    return {};
  }

  Status read_resize(const Json& json, Preprocess& result) const {
    TESSERA_CHECK(
        check_keys(json, "resize", {"mode", "size", "open_size", "crop", "fill", "anchor"}));
    TESSERA_CHECK(read_name(json, "mode", resize_modes(), result.resize));
    TESSERA_CHECK(read_name(json, "anchor", anchors(), result.letterbox_anchor));
    TESSERA_CHECK(read_number(json, "crop", result.crop_fraction));
    TESSERA_CHECK(read_number(json, "fill", result.letterbox_value));
    if (!(result.crop_fraction > 0 && result.crop_fraction <= 1)) {
      return wrong("resize.crop", "above 0 and at most 1");
    }
    TESSERA_CHECK(read_size(json, "size", result.resize, result.size));
    return read_size(json, "open_size", result.resize, result.open_size);
  }

  /// One number is both extents, or the height alone where the width follows from it.
  Status read_size(const Json& json, const char* key, ResizeMode mode,
                   std::optional<std::array<std::int64_t, 2>>& size) const {
    if (!json.contains(key)) {
      return {};
    }
    constexpr std::int64_t kLargest = 1 << 15;
    const auto& value = json[key];
    const auto extent_of = [](const Json& number) { return whole_number(number).value_or(-1); };
    const auto in_range = [](std::int64_t extent) { return extent >= 1 && extent <= kLargest; };
    if (value.is_number()) {
      size = {extent_of(value), extent_of(value)};
    } else if (value.is_array() && value.size() == 2) {
      size = {extent_of(value[0]), extent_of(value[1])};
    }
    if (!size || !in_range((*size)[0]) || !in_range((*size)[1])) {
      return wrong(fmt::format("resize.{}", key), "[height, width] in pixels, 1 to 32768");
    }
    if (value.is_number() && mode == ResizeMode::kHeight) {
      (*size)[1] = -1;
    }
    return {};
  }

  template <class T>
  Status read_name(const Json& json, const char* key, const Names<T>& names, T& value) const {
    if (!json.contains(key)) {
      return {};
    }
    for (const auto& [name, known] : names) {
      if (json[key].is_string() && json[key].template get<std::string>() == name) {
        value = known;
        return {};
      }
    }
    return wrong(key, "one of " + join_names(names));
  }

  Status read_number(const Json& json, const char* key, double& value) const {
    if (!json.contains(key)) {
      return {};
    }
    if (!json[key].is_number() || !std::isfinite(json[key].get<double>())) {
      return wrong(key, "a number");
    }
    value = json[key].get<double>();
    return {};
  }

  Status read_channels(const Json& json, const char* key, std::vector<double>& values) const {
    if (!json.contains(key)) {
      return {};
    }
    const auto& list = json[key];
    if (list.is_number()) {
      values = {list.get<double>()};
      return {};
    }
    const bool numbers =
        list.is_array() && (list.size() <= 1 || list.size() == 3) &&
        std::all_of(list.begin(), list.end(), [](const Json& item) { return item.is_number(); });
    if (!numbers) {
      return wrong(key, "a number, or a list of at most 1 or of 3 numbers");
    }
    values = list.get<std::vector<double>>();
    return {};
  }

  std::string file_;
};

}  // namespace

const std::vector<std::string>& preset_names() {
  static const auto names = [] {
    std::vector<std::string> result;
    for (const auto& [name, preset] : presets()) {
      result.push_back(name);
    }
    return result;
  }();
  return names;
}

Result<Preprocess> preprocess_from(std::string_view preset_or_file) {
  if (auto known = preset(preset_or_file)) {
    return *known;
  }
  const std::filesystem::path path(preset_or_file);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return fail(ErrorCode::kInvalidArgument,
                "'{}' is neither a preprocessing preset nor a JSON file", preset_or_file)
        .hint("presets: {}", fmt::join(preset_names(), ", "));
  }
  TESSERA_TRY(const auto json, read_json(path));
  return preprocess_from_json(json, path.string());
}

Result<Preprocess> preprocess_from_json(const Json& json, std::string_view what) {
  return Reader(std::string(what)).read(json);
}

namespace {

Json size_json(const std::array<std::int64_t, 2>& size) {
  return size[1] < 0 ? Json(size[0]) : Json(size);
}

}  // namespace

Json to_json(const Preprocess& preprocess) {
  Json resize{{"mode", name_of(resize_modes(), preprocess.resize)}};
  if (preprocess.size) {
    resize["size"] = size_json(*preprocess.size);
  }
  if (preprocess.open_size) {
    resize["open_size"] = size_json(*preprocess.open_size);
  }
  if (preprocess.resize == ResizeMode::kCrop) {
    resize["crop"] = preprocess.crop_fraction;
  }
  if (preprocess.resize == ResizeMode::kLetterbox || preprocess.resize == ResizeMode::kHeight) {
    resize["fill"] = preprocess.letterbox_value;
  }
  if (preprocess.resize == ResizeMode::kLetterbox) {
    resize["anchor"] = name_of(anchors(), preprocess.letterbox_anchor);
  }
  Json json{{"name", preprocess.name},   {"guessed", preprocess.guessed},
            {"resize", resize},          {"color", name_of(color_orders(), preprocess.color)},
            {"scale", preprocess.scale}, {"mean", preprocess.mean},
            {"std", preprocess.std}};
  if (preprocess.round) {
    json["round"] = true;
  }
  return json;
}

std::optional<Preprocess> preprocess_of_range(const RealRange& range) {
  struct Known {
    std::string_view name;
    double low;
    double high;
  };
  static constexpr std::array kKnown = {Known{"raw255", 0, 255}, Known{"unit", 0, 1},
                                        Known{"signed", -1, 1}, Known{"int8", -128, 127}};
  constexpr double kSlack = 0.02;  // of the span: a calibrated range is not quite the possible one
  const auto* const found = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& known) {
    const auto slack = kSlack * (known.high - known.low);
    return std::abs(range.low - known.low) <= slack && std::abs(range.high - known.high) <= slack;
  });
  if (found == kKnown.end()) {
    return std::nullopt;
  }
  auto result = preset(found->name);
  result->guessed = true;
  return result;
}

std::optional<Preprocess> guess_preprocess(DType dtype, const std::vector<std::int64_t>& shape,
                                           const std::optional<RealRange>& range) {
  constexpr std::int64_t kSmallestDetector = 320;
  constexpr std::int64_t kDetectorStride = 32;
  const auto layout = image_layout(shape);
  if (!layout) {
    return std::nullopt;
  }
  const auto like_detector = [](std::int64_t extent) {
    return extent >= kSmallestDetector && extent % kDetectorStride == 0;
  };
  constexpr std::int64_t kTallestLine = 64;  // of recognisers: 32, 48 or 64
  std::string_view name = "imagenet";
  if (auto known = range ? preprocess_of_range(*range) : std::nullopt) {
    return known;
  }
  if (is_integer(dtype)) {
    name = dtype == DType::kInt8 ? "int8" : "raw255";
  } else if (layout->width < 0 && layout->height > 0 && layout->height <= kTallestLine) {
    name = "ocr";
  } else if (layout->channels == 1) {
    name = "unit";
  } else if (like_detector(layout->height) && like_detector(layout->width)) {
    name = "yolo";
  }
  auto result = preset(name);
  result->guessed = true;
  return result;
}

}  // namespace tessera::data
