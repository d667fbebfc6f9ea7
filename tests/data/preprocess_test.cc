// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/data/preprocess.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "data/golden.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/core/random.h"

namespace tessera::data {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Preprocess preset(const std::string& name) {
  const auto result = preprocess_from(name);
  EXPECT_THAT(result, IsOk());
  return *result;
}

/// The same geometry and order without the arithmetic, as bytes.
Image placed_pixels(const Image& image, Preprocess preprocess, std::int64_t height,
                    std::int64_t width) {
  preprocess.scale = 1;
  preprocess.mean.clear();
  preprocess.std.clear();
  const auto tensor = image_to_tensor(image, preprocess, DType::kUInt8, {1, height, width, 3});
  EXPECT_THAT(tensor, IsOk());
  const auto pixels = tensor->as<std::uint8_t>();
  return {width, height, {pixels.begin(), pixels.end()}};
}

Image transposed(const Image& image) {
  Image result{image.height, image.width, std::vector<std::uint8_t>(image.pixels.size())};
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < image.width; ++x) {
      for (std::int64_t c = 0; c < 3; ++c) {
        result.pixels[static_cast<std::size_t>((x * image.height + y) * 3 + c)] =
            image.pixels[static_cast<std::size_t>((y * image.width + x) * 3 + c)];
      }
    }
  }
  return result;
}

TEST(Preprocess, Geometry_IsThatOfTheReferenceTools) {
  const auto wide = golden_image("source");
  const auto tall = transposed(wide);
  for (const auto& [suffix, image] : {std::pair("wide", wide), std::pair("tall", tall)}) {
    const auto golden = [&, name = suffix](const std::string& preset_name) {
      return golden_image(preset_name + "_" + name);
    };
    EXPECT_EQ(largest_difference(placed_pixels(image, preset("yolo"), 40, 32), golden("yolo")), 0);
    EXPECT_EQ(largest_difference(placed_pixels(image, preset("yolox"), 40, 32), golden("yolox")),
              0);
    EXPECT_EQ(largest_difference(placed_pixels(image, preset("imagenet"), 28, 28), golden("crop")),
              0);
  }
}

TEST(Preprocess, Stretch_IsTheResize) {
  const auto image = golden_image("source");
  EXPECT_EQ(placed_pixels(image, preset("unit"), 11, 16).pixels,
            resize_bilinear(image, 16, 11).pixels);
}

TEST(Preprocess, Presets_HaveTheirArithmetic) {
  const Image white{1, 1, {255, 128, 0}};
  const auto values = [&](const std::string& name) {
    const auto tensor = image_to_tensor(white, preset(name), DType::kFloat32, {1, 3, 1, 1});
    EXPECT_THAT(tensor, IsOk());
    const auto span = tensor->as<float>();
    return std::vector<float>(span.begin(), span.end());
  };
  EXPECT_THAT(values("unit"), ElementsAre(1.0f, static_cast<float>(128 / 255.0), 0.0f));
  EXPECT_THAT(values("raw255"), ElementsAre(255.0f, 128.0f, 0.0f));
  EXPECT_THAT(values("yolox"), ElementsAre(0.0f, 128.0f, 255.0f));
  EXPECT_THAT(values("signed"), ElementsAre(1.0f, static_cast<float>(128 / 127.5 - 1), -1.0f));
  const auto imagenet = values("imagenet");
  EXPECT_FLOAT_EQ(imagenet[0], static_cast<float>((1 - 0.485) / 0.229));
  EXPECT_FLOAT_EQ(imagenet[2], static_cast<float>((0 - 0.406) / 0.225));
}

TEST(Preprocess, Layouts_HoldTheSamePixels) {
  const auto image = golden_image("source");
  const auto first = image_to_tensor(image, preset("unit"), DType::kFloat32, {1, 3, 8, 9});
  const auto last = image_to_tensor(image, preset("unit"), DType::kFloat32, {-1, 8, 9, 3});
  const auto bare = image_to_tensor(image, preset("unit"), DType::kFloat32, {3, 8, 9});
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(last, IsOk());
  ASSERT_THAT(bare, IsOk());
  EXPECT_EQ(first->shape(), (Shape{1, 3, 8, 9}));
  EXPECT_EQ(last->shape(), (Shape{1, 8, 9, 3}));
  EXPECT_EQ(bare->shape(), (Shape{3, 8, 9}));
  for (std::size_t pixel = 0; pixel < 72; ++pixel) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      ASSERT_EQ(first->as<float>()[channel * 72 + pixel], last->as<float>()[pixel * 3 + channel]);
      ASSERT_EQ(first->as<float>()[channel * 72 + pixel], bare->as<float>()[channel * 72 + pixel]);
    }
  }
}

TEST(Preprocess, OneChannel_IsLuma) {
  const Image image{1, 1, {200, 100, 50}};
  const auto tensor = image_to_tensor(image, preset("raw255"), DType::kUInt8, {1, 1, 1, 1});
  ASSERT_THAT(tensor, IsOk());
  EXPECT_EQ(tensor->as<std::uint8_t>()[0], 124);  // 0.299 R + 0.587 G + 0.114 B
}

TEST(Preprocess, OpenExtents_TakeTheImagesSize) {
  const auto image = golden_image("source");
  auto preprocess = preset("unit");
  preprocess.resize = ResizeMode::kNone;
  const auto tensor = image_to_tensor(image, preprocess, DType::kFloat32, {-1, 3, -1, -1});
  ASSERT_THAT(tensor, IsOk());
  EXPECT_EQ(tensor->shape(), (Shape{1, 3, image.height, image.width}));
  preprocess = preset("unit");
  preprocess.size = {10, 12};
  const auto sized = image_to_tensor(image, preprocess, DType::kFloat32, {-1, -1, -1, 3});
  ASSERT_THAT(sized, IsOk());
  EXPECT_EQ(sized->shape(), (Shape{1, 10, 12, 3}));
}

TEST(Preprocess, IntegerTypes_AreRoundedAndClippedIfAskedFor) {
  const Image image{1, 1, {255, 101, 0}};
  auto preprocess = preset("raw255");
  preprocess.round = true;
  preprocess.scale = 0.5;
  const auto values = image_to_tensor(image, preprocess, DType::kInt8, {1, 3, 1, 1});
  ASSERT_THAT(values, IsOk());
  EXPECT_THAT(values->as<std::int8_t>(), ElementsAre(127, 50, 0));  // 50.5 goes to even
  preprocess.scale = -1;
  const auto unsigned_values = image_to_tensor(image, preprocess, DType::kUInt8, {1, 3, 1, 1});
  ASSERT_THAT(unsigned_values, IsOk());
  EXPECT_THAT(unsigned_values->as<std::uint8_t>(), ElementsAre(0, 0, 0));
}

TEST(Preprocess, IntegerInputs_HoldEveryPixelOrAreRefused) {
  const Image image{1, 1, {200, 100, 50}};
  const auto convert = [&](const std::string& name, DType dtype) {
    return image_to_tensor(image, preset(name), dtype, {1, 3, 1, 1});
  };
  const auto bytes = convert("int8", DType::kInt8);
  ASSERT_THAT(bytes, IsOk());
  EXPECT_THAT(bytes->as<std::int8_t>(), ElementsAre(72, -28, -78));
  const auto raw = convert("raw255", DType::kUInt8);
  ASSERT_THAT(raw, IsOk());
  EXPECT_THAT(raw->as<std::uint8_t>(), ElementsAre(200, 100, 50));
  EXPECT_THAT(convert("raw255", DType::kInt16), IsOk());
  EXPECT_THAT(convert("int8", DType::kInt32), IsOk());
  const auto refused = [&](const std::string& name, DType dtype, const std::string& hint) {
    const auto result = convert(name, dtype);
    ASSERT_THAT(result, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'" + name + "'")));
    EXPECT_THAT(result.error().hint, HasSubstr("--preprocess " + hint));
  };
  refused("raw255", DType::kInt8, "int8");
  refused("int8", DType::kUInt8, "raw255");
  for (const auto* name : {"unit", "imagenet", "signed", "yolo"}) {
    refused(name, DType::kInt8, "int8");
    refused(name, DType::kUInt8, "raw255");
    refused(name, DType::kInt64, "raw255");
  }
}

TEST(Preprocess, OpenSize_IsThePresets) {
  const auto image = golden_image("source");
  const auto shape = [&](const std::string& name, const std::vector<std::int64_t>& wanted) {
    const auto tensor = image_to_tensor(image, preset(name), DType::kFloat32, wanted);
    EXPECT_THAT(tensor, IsOk());
    return tensor->shape();
  };
  EXPECT_EQ(shape("imagenet", {-1, 3, -1, -1}), (Shape{1, 3, 224, 224}));
  EXPECT_EQ(shape("yolo", {1, -1, -1, 3}), (Shape{1, 640, 640, 3}));
  EXPECT_EQ(shape("unit", {1, 3, 32, -1}), (Shape{1, 3, 32, 224}));
  EXPECT_EQ(shape("imagenet", {1, 3, 8, 8}), (Shape{1, 3, 8, 8}));
}

TEST(Preprocess, Ocr_KeepsTheHeightAndTheAspectRatio) {
  Image line{30, 10, std::vector<std::uint8_t>(30 * 10 * 3, 255)};
  const auto convert = [&](const std::vector<std::int64_t>& wanted) {
    return image_to_tensor(line, preset("ocr"), DType::kFloat32, wanted);
  };
  EXPECT_EQ(convert({-1, 3, 32, -1})->shape(), (Shape{1, 3, 32, 96}));
  EXPECT_EQ(convert({-1, 3, -1, -1})->shape(), (Shape{1, 3, 48, 144}));
  EXPECT_EQ(convert({1, 1, 7, -1})->shape(), (Shape{1, 1, 7, 21}));
  // Where the width is fixed, what is shorter is filled with 0 and what is longer squeezed.
  const auto padded = convert({1, 1, 10, 40});
  ASSERT_THAT(padded, IsOk());
  EXPECT_EQ(padded->as<float>()[29], 1.0f);
  EXPECT_EQ(padded->as<float>()[30], 0.0f);
  const auto squeezed = convert({1, 1, 10, 20});
  ASSERT_THAT(squeezed, IsOk());
  EXPECT_EQ(squeezed->as<float>()[19], 1.0f);
}

TEST(Preprocess, Float16_HoldsTheRoundedFloats) {
  const auto image = golden_image("source");
  const auto wide = image_to_tensor(image, preset("imagenet"), DType::kFloat32, {1, 3, 8, 8});
  const auto half = image_to_tensor(image, preset("imagenet"), DType::kFloat16, {1, 3, 8, 8});
  ASSERT_THAT(wide, IsOk());
  ASSERT_THAT(half, IsOk());
  for (std::size_t i = 0; i < 192; ++i) {
    ASSERT_EQ(half->as<std::uint16_t>()[i], float32_to_float16(wide->as<float>()[i]));
  }
}

TEST(Preprocess, BadShapes_AreRefused) {
  const auto image = golden_image("source");
  const auto refused = [&](const std::vector<std::int64_t>& shape, const std::string& text) {
    EXPECT_THAT(image_to_tensor(image, preset("imagenet"), DType::kFloat32, shape),
                FailsWith(ErrorCode::kInvalidArgument, HasSubstr(text)));
  };
  refused({1, 5, 8, 8}, "cannot take an image");
  refused({10}, "cannot take an image");
  refused({4, 3, 8, 8}, "fixed batch of 4");
  refused({1, 1, 8, 8}, "the model's input has 1");
  auto none = preset("unit");
  none.resize = ResizeMode::kNone;
  EXPECT_THAT(image_to_tensor(image, none, DType::kFloat32, {1, 3, 8, 8}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("resize.mode is none")));
  auto sized = preset("unit");
  sized.size = {16, 16};
  EXPECT_THAT(image_to_tensor(image, sized, DType::kFloat32, {1, 3, 8, 8}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("16 x 16")));
}

RC_GTEST_PROP(Preprocess, AnySizes_GiveTheWantedShape, (std::uint64_t seed)) {
  Random random(seed);
  const auto size = [&] { return 1 + static_cast<std::int64_t>(random.below(50)); };
  Image image{size(), size(), {}};
  image.pixels.resize(static_cast<std::size_t>(image.width * image.height * 3));
  const auto& names = preset_names();
  const auto height = size();
  const auto width = size();
  const auto tensor = image_to_tensor(image, preset(names[random.below(names.size())]),
                                      DType::kFloat32, {1, 3, height, width});
  RC_ASSERT(tensor.has_value());
  RC_ASSERT(tensor->shape() == (Shape{1, 3, height, width}));
}

class PreprocessFile : public ::testing::Test {
 protected:
  Result<Preprocess> read(const std::string& text) {
    const auto path = folder_.path() / "p.json";
    EXPECT_THAT(write_file(path, text, Overwrite::kReplace), IsOk());
    return preprocess_from(path.string());
  }
  TemporaryDirectory folder_ = *TemporaryDirectory::create("preprocess");
};

TEST_F(PreprocessFile, Complete_IsRead) {
  const auto result = read(R"({"resize": {"mode": "letterbox", "size": [480, 640], "fill": 0,
    "anchor": "top-left"}, "color": "bgr", "scale": 0.5, "mean": [1, 2, 3], "std": 2})");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->resize, ResizeMode::kLetterbox);
  EXPECT_EQ(result->size, (std::array<std::int64_t, 2>{480, 640}));
  EXPECT_EQ(result->letterbox_anchor, LetterboxAnchor::kTopLeft);
  EXPECT_EQ(result->letterbox_value, 0);
  EXPECT_EQ(result->color, ColorOrder::kBgr);
  EXPECT_THAT(result->mean, ElementsAre(1, 2, 3));
  EXPECT_THAT(result->std, ElementsAre(2));
}

TEST_F(PreprocessFile, Written_IsReadBack) {
  for (const auto& name : preset_names()) {
    auto json = to_json(preset(name));
    json.erase("name");
    json.erase("guessed");
    const auto back = read(to_text(json));
    ASSERT_THAT(back, IsOk()) << name;
    auto expected = to_json(preset(name));
    auto actual = to_json(*back);
    expected.erase("name");
    actual.erase("name");
    EXPECT_EQ(actual, expected) << name;
  }
}

TEST_F(PreprocessFile, Mistakes_AreNamed) {
  const auto is = [](const std::string& text) {
    return FailsWith(ErrorCode::kInvalidArgument, AllOf(HasSubstr("p.json"), HasSubstr(text)));
  };
  EXPECT_THAT(read(R"({"resise": {}})"), is("unknown key 'resise'"));
  EXPECT_THAT(read(R"({"resize": {"mod": "crop"}})"), is("unknown key 'resize.mod'"));
  EXPECT_THAT(read(R"({"resize": {"mode": "squash"}})"), is("stretch, letterbox, crop, none"));
  EXPECT_THAT(read(R"({"resize": {"size": [0, 5]}})"), is("resize.size"));
  EXPECT_THAT(read(R"({"resize": {"size": "big"}})"), is("resize.size"));
  EXPECT_THAT(read(R"({"resize": {"crop": 0}})"), is("resize.crop"));
  EXPECT_THAT(read(R"({"color": 7})"), is("rgb, bgr, gray"));
  EXPECT_THAT(read(R"({"scale": "x"})"), is("'scale' must be a number"));
  EXPECT_THAT(read(R"({"mean": [1, 2]})"), is("mean"));
  EXPECT_THAT(read(R"({"std": [1, 0, 1]})"), is("other than 0"));
  EXPECT_THAT(read("[]"), is("an object"));
  EXPECT_THAT(read("{"), FailsWith(ErrorCode::kDataLoss, HasSubstr("p.json")));
}

TEST(PreprocessFrom, UnknownName_ListsThePresets) {
  const auto result = preprocess_from("imagenett");
  ASSERT_THAT(result, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("imagenett")));
  EXPECT_THAT(result.error().hint,
              HasSubstr("imagenet, unit, raw255, yolo, yolox, signed, int8, ocr"));
}

TEST(GuessPreprocess, FollowsTheInput) {
  const auto name = [](DType dtype, const std::vector<std::int64_t>& shape) {
    const auto guessed = guess_preprocess(dtype, shape);
    return guessed ? guessed->name : "none";
  };
  EXPECT_EQ(name(DType::kFloat32, {1, 3, 224, 224}), "imagenet");
  EXPECT_EQ(name(DType::kFloat32, {-1, 640, 640, 3}), "yolo");
  EXPECT_EQ(name(DType::kUInt8, {1, 3, 640, 640}), "raw255");
  EXPECT_EQ(name(DType::kInt8, {1, 3, 640, 640}), "int8");
  EXPECT_EQ(name(DType::kFloat32, {-1, 3, 48, -1}), "ocr");
  EXPECT_EQ(name(DType::kFloat32, {1, 1, 64, -1}), "ocr");
  EXPECT_EQ(name(DType::kFloat16, {1, 1, 28, 28}), "unit");
  EXPECT_EQ(name(DType::kFloat32, {1, 3, -1, -1}), "imagenet");
  EXPECT_EQ(name(DType::kFloat32, {1, 128}), "none");
}

}  // namespace
}  // namespace tessera::data
