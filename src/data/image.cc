// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/data/image.h"

#include <array>
#include <optional>
#include <string>

#include "data/codecs.h"
#include "tessera/core/file.h"

namespace tessera::data {
namespace {

struct Signature {
  std::string_view bytes;
  std::string_view format;
};

constexpr std::string_view kJpeg = "\xff\xd8\xff";
constexpr std::string_view kPng = "\x89PNG\r\n\x1a\n";
/// Formats that are recognized only to say so.
constexpr std::array<Signature, 5> kOthers{
    {{"RIFF", "WebP"}, {"GIF8", "GIF"}, {"BM", "BMP"}, {"II*", "TIFF"}, {"MM", "TIFF"}}};

/// The first bytes of a file as they may be shown on a terminal.
std::string excerpt(std::string_view content) {
  std::string text;
  for (const char c : content.substr(0, 16)) {
    text += c >= ' ' && c <= '~' ? c : '.';
  }
  return text;
}

/// From the first chunk, which holds width and height as big-endian numbers.
std::optional<ImageSize> png_size(std::string_view content) {
  constexpr std::size_t kWidth = 16;
  if (content.size() < kWidth + 8) {
    return std::nullopt;
  }
  const auto number = [&](std::size_t at) {
    std::int64_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
      value = value << 8 | static_cast<std::uint8_t>(content[i]);
    }
    return value;
  };
  return ImageSize{number(kWidth + 4), number(kWidth)};
}

}  // namespace

Result<Image> make_image(std::int64_t width, std::int64_t height, std::string_view what,
                         std::int64_t max_pixels) {
  if (width < 1 || height < 1) {
    return fail(ErrorCode::kDataLoss, "{}: the image has no pixels", what)
        .hint("replace the file or remove it from the data");
  }
  if (width > max_pixels / height) {
    return fail(ErrorCode::kResourceExhausted, "{}: {} x {} pixels; at most {} in all are accepted",
                what, width, height, max_pixels)
        .hint("scale the image down first");
  }
  Image image{width, height, {}};
  image.pixels.resize(static_cast<std::size_t>(width * height * 3));
  return image;
}

Result<Image> decode_image(std::span<const std::byte> bytes, std::string_view what,
                           std::int64_t max_pixels) {
  if (bytes.empty()) {
    return fail(ErrorCode::kDataLoss, "{}: the file is empty; an image was expected", what)
        .hint("replace the file or remove it from the data");
  }
  const std::string_view content(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (content.starts_with(kJpeg)) {
    return decode_jpeg(bytes, what, max_pixels);
  }
  if (content.starts_with(kPng)) {
    return decode_png(bytes, what, max_pixels);
  }
  for (const auto& other : kOthers) {
    if (content.starts_with(other.bytes)) {
      return fail(ErrorCode::kUnimplemented, "{}: {} images are not supported", what, other.format)
          .hint("convert it to JPEG or PNG");
    }
  }
  return fail(ErrorCode::kDataLoss, "{}: neither JPEG nor PNG: it begins with '{}'", what,
              excerpt(content))
      .hint("replace the file or remove it from the data");
}

Result<ImageSize> read_image_size(const std::filesystem::path& path) {
  TESSERA_TRY(const auto file, MappedFile::open(path));
  const auto bytes = file.bytes();
  const std::string_view content(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (content.starts_with(kJpeg)) {
    return jpeg_size(bytes, path.string());
  }
  if (content.starts_with(kPng)) {
    if (const auto size = png_size(content); size && size->height > 0 && size->width > 0) {
      return *size;
    }
  }
  // What is no image is told by the decoder.
  TESSERA_TRY(const auto image, decode_image(bytes, path.string()));
  return ImageSize{image.height, image.width};
}

Result<Image> read_image(const std::filesystem::path& path) {
  constexpr std::int64_t kMaxFileBytes = std::int64_t{1} << 30;
  TESSERA_TRY(const auto content, read_file(path, kMaxFileBytes));
  return decode_image(std::as_bytes(std::span(content)), path.string());
}

}  // namespace tessera::data
