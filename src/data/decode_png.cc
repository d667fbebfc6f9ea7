// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <string>
#include <vector>

#include "data/codecs.h"

// The classic interface of libpng, not its simplified one: that would apply gamma chunks, which
// the tools that networks are trained with do not.
namespace tessera::data {
namespace {

/// Everything a longjmp out of libpng must not skip the destructor of.
struct Decoding {
  std::span<const std::byte> rest;
  std::string reason;
  std::vector<std::uint8_t> rgba;
  std::vector<png_bytep> rows;
  png_structp reader = nullptr;
  png_infop info = nullptr;

  ~Decoding() { png_destroy_read_struct(&reader, &info, nullptr); }
};

[[noreturn]] void on_error(png_structp reader, png_const_charp message) {
  static_cast<Decoding*>(png_get_error_ptr(reader))->reason = message;
  png_longjmp(reader, 1);
}

void on_warning(png_structp /*reader*/, png_const_charp /*message*/) {}

void on_read(png_structp reader, png_bytep target, std::size_t size) {
  auto& decoding = *static_cast<Decoding*>(png_get_io_ptr(reader));
  if (size > decoding.rest.size()) {
    png_error(reader, "it ends too early");
  }
  std::memcpy(target, decoding.rest.data(), size);
  decoding.rest = decoding.rest.subspan(size);
}

/// Whatever the file holds comes out as 8-bit RGBA.
void ask_for_rgba(png_structp reader) {
  png_set_expand(reader);
  png_set_scale_16(reader);
  png_set_gray_to_rgb(reader);
  png_set_add_alpha(reader, 0xff, PNG_FILLER_AFTER);
}

/// False if libpng gave up; `reason` says why.
bool read_header(Decoding& decoding) {
  if (setjmp(png_jmpbuf(decoding.reader)) != 0) {
    return false;
  }
  png_set_read_fn(decoding.reader, &decoding, on_read);
  png_read_info(decoding.reader, decoding.info);
  return true;
}

bool read_pixels(Decoding& decoding) {
  if (setjmp(png_jmpbuf(decoding.reader)) != 0) {
    return false;
  }
  ask_for_rgba(decoding.reader);
  png_set_interlace_handling(decoding.reader);
  png_read_update_info(decoding.reader, decoding.info);
  png_read_image(decoding.reader, decoding.rows.data());
  png_read_end(decoding.reader, nullptr);
  return true;
}

void blend_over_black(std::span<const std::uint8_t> rgba, std::span<std::uint8_t> rgb) {
  for (std::size_t pixel = 0; pixel < rgb.size() / 3; ++pixel) {
    const int alpha = rgba[4 * pixel + 3];
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const int product = rgba[4 * pixel + channel] * alpha;
      rgb[3 * pixel + channel] = static_cast<std::uint8_t>((product + 127) / 255);
    }
  }
}

}  // namespace

Result<Image> decode_png(std::span<const std::byte> bytes, std::string_view what,
                         std::int64_t max_pixels) {
  const auto damaged = [&](const std::string& reason) {
    return fail(ErrorCode::kDataLoss, "{}: damaged or truncated PNG: {}", what, reason)
        .hint("replace the file or remove it from the data");
  };
  Decoding decoding;
  decoding.rest = bytes;
  decoding.reader = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoding, on_error, on_warning);
  if (decoding.reader != nullptr) {
    decoding.info = png_create_info_struct(decoding.reader);
  }
  if (decoding.info == nullptr) {
    return fail(ErrorCode::kResourceExhausted, "{}: no memory for the PNG decoder", what);
  }
  if (!read_header(decoding)) {
    return damaged(decoding.reason);
  }
  const std::size_t width = png_get_image_width(decoding.reader, decoding.info);
  const std::size_t height = png_get_image_height(decoding.reader, decoding.info);
  TESSERA_TRY(auto image, make_image(static_cast<std::int64_t>(width),
                                     static_cast<std::int64_t>(height), what, max_pixels));
  decoding.rgba.resize(width * height * 4);
  decoding.rows.resize(height);
  for (std::size_t y = 0; y < height; ++y) {
    decoding.rows[y] = decoding.rgba.data() + y * width * 4;
  }
  if (!read_pixels(decoding)) {
    return damaged(decoding.reason);
  }
  blend_over_black(decoding.rgba, image.pixels);
  return image;
}

}  // namespace tessera::data
