// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <turbojpeg.h>

#include <memory>
#include <string>

#include "data/codecs.h"

namespace tessera::data {
namespace {

struct Destroy {
  void operator()(void* handle) const noexcept { tjDestroy(handle); }
};
using Decompressor = std::unique_ptr<void, Destroy>;

Failure damaged(std::string_view what, std::string_view reason) {
  return fail(ErrorCode::kDataLoss, "{}: damaged or truncated JPEG: {}", what, reason)
      .hint("replace the file or remove it from the data");
}

/// Adobe's convention, which all CMYK JPEGs in practice follow: 255 is no ink.
void convert_cmyk(std::span<const std::uint8_t> cmyk, std::span<std::uint8_t> rgb) {
  for (std::size_t pixel = 0; pixel < rgb.size() / 3; ++pixel) {
    const int key = cmyk[4 * pixel + 3];
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const int product = cmyk[4 * pixel + channel] * key;
      rgb[3 * pixel + channel] = static_cast<std::uint8_t>((product + 127) / 255);
    }
  }
}

/// True for what decoders call a warning but the picture does not suffer from.
bool is_harmless(std::string_view warning) {
  return warning.find("extraneous bytes") != std::string_view::npos ||
         warning.find("Unknown Adobe color transform") != std::string_view::npos;
}

Status decompress(tjhandle handle, std::span<const std::byte> bytes, const Image& size,
                  int pixel_format, std::span<std::uint8_t> target, std::string_view what) {
  const int status = tjDecompress2(handle, reinterpret_cast<const unsigned char*>(bytes.data()),
                                   bytes.size(), target.data(), static_cast<int>(size.width), 0,
                                   static_cast<int>(size.height), pixel_format, TJFLAG_LIMITSCANS);
  if (status == 0) {
    return {};
  }
  const std::string_view reason = tjGetErrorStr2(handle);
  if (tjGetErrorCode(handle) == TJERR_WARNING && is_harmless(reason)) {
    return {};
  }
  return damaged(what, reason);
}

struct Header {
  int width = 0;
  int height = 0;
  int color_space = 0;
};

Result<Header> read_header(tjhandle handle, std::span<const std::byte> bytes,
                           std::string_view what) {
  if (handle == nullptr) {
    return fail(ErrorCode::kResourceExhausted, "{}: no memory for the JPEG decoder", what);
  }
  Header header;
  int subsampling = 0;
  if (tjDecompressHeader3(handle, reinterpret_cast<const unsigned char*>(bytes.data()),
                          bytes.size(), &header.width, &header.height, &subsampling,
                          &header.color_space) != 0) {
    return damaged(what, tjGetErrorStr2(handle));
  }
  return header;
}

}  // namespace

Result<ImageSize> jpeg_size(std::span<const std::byte> bytes, std::string_view what) {
  const Decompressor handle(tjInitDecompress());
  TESSERA_TRY(const auto header, read_header(handle.get(), bytes, what));
  return ImageSize{header.height, header.width};
}

Result<Image> decode_jpeg(std::span<const std::byte> bytes, std::string_view what,
                          std::int64_t max_pixels) {
  const Decompressor handle(tjInitDecompress());
  TESSERA_TRY(const auto header, read_header(handle.get(), bytes, what));
  TESSERA_TRY(auto image, make_image(header.width, header.height, what, max_pixels));
  if (header.color_space != TJCS_CMYK && header.color_space != TJCS_YCCK) {
    TESSERA_CHECK(decompress(handle.get(), bytes, image, TJPF_RGB, image.pixels, what));
    return image;
  }
  std::vector<std::uint8_t> cmyk(image.pixels.size() / 3 * 4);
  TESSERA_CHECK(decompress(handle.get(), bytes, image, TJPF_CMYK, cmyk, what));
  convert_cmyk(cmyk, image.pixels);
  return image;
}

}  // namespace tessera::data
