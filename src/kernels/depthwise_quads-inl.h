// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0

// A part of depthwise.cc for targets that multiply and add four bytes an instruction: convolutions
// whose columns are neighbours. Four rows of the image are laid side by side once, for all columns
// of the kernel and for two rows of the output; where a block has 16 or 32 channels, several pixels
// share a vector.
#pragma once

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

constexpr std::size_t kLineBytes = 64;
/// Rows of the output that share what is laid side by side, where they step by one row.
constexpr std::size_t kPairRows = 2;
/// Rows of the output that one block of channels takes before the next one does: the image's rows
/// are still in the cache then, and so are the weights.
constexpr std::size_t kStripRows = 8;
/// What is laid side by side at once: half of a small first cache.
constexpr std::size_t kQuadBytes = std::size_t{1} << 14;

using Wide = Vectors<64>;

/// Columns of the output, and of the image and its padding that they read.
struct Columns {
  std::size_t first = 0;  ///< of the output
  std::size_t count = 0;
  std::size_t before = 0;  ///< of padding
  std::size_t image_first = 0;
  std::size_t image_count = 0;
};

Columns columns_from(const ConvAxis& x, std::size_t first, std::size_t count) {
  const std::size_t end = std::min(first + count + x.kernel - 1, x.pad + x.input);
  const std::size_t image_first = first > x.pad ? first - x.pad : 0;
  return {.first = first,
          .count = count,
          .before = first < x.pad ? std::min(x.pad - first, count + x.kernel - 1) : 0,
          .image_first = image_first,
          .image_count = end > x.pad + image_first ? end - x.pad - image_first : 0};
}

/// Everything about a block of channels and some columns of some rows of the output.
struct QuadWork {
  const Depthwise* what;
  const Layout* layout;
  const Block* block;
  const ConvShape* shape;
  Columns columns;
  const std::uint8_t* image;
  const std::uint8_t* padding;  ///< a row of the image, all of it padding
  std::uint8_t* quads;          ///< room for four planes for each four rows of the image
  std::size_t plane;            ///< bytes of a plane
};

template <std::size_t kWidth>
constexpr std::size_t kPixelsPerLine = kLineBytes / kWidth;

/// Pixels of kWidth channels behind each other in a vector; `pixels`: fewer than fit at narrow
/// images. kWhole: the block has as many channels as its vectors have bytes.
template <std::size_t kWidth, bool kWhole>
HWY_INLINE Wide::ByteVec load_pixels(const QuadWork& work, const std::uint8_t* from,
                                     std::size_t pixels) {
  const Wide::Bytes d;
  const hn::FixedTag<std::uint8_t, kWidth> part;
  const std::size_t pitch = work.what->channels;
  const auto load = [&](std::size_t pixel) HWY_ATTR {
    const auto* const at = from + pixel * pitch;
    return kWhole ? hn::LoadU(part, at) : load_first(part, at, work.block->count);
  };
  if constexpr (kWidth == kLineBytes) {
    return load(0);
  } else {
    if (pixels < kPixelsPerLine<kWidth>) {
      // What lies behind the image is padding, and stays it.
      alignas(kLineBytes) std::uint8_t bytes[kLineBytes];
      hn::Store(hn::Set(d, work.padding[0]), d, bytes);
      for (std::size_t i = 0; i < pixels; ++i) {
        hn::Store(load(i), part, bytes + i * kWidth);
      }
      return hn::Load(d, bytes);
    }
    if (pitch == kWidth) {
      return hn::LoadU(d, from);
    }
    if constexpr (kWidth == 32) {
      return Wide::ByteVec{_mm512_inserti64x4(_mm512_castsi256_si512(load(0).raw), load(1).raw, 1)};
    } else {
      auto bytes = _mm512_inserti32x4(_mm512_castsi128_si512(load(0).raw), load(1).raw, 1);
      bytes = _mm512_inserti32x4(bytes, load(2).raw, 2);
      return Wide::ByteVec{_mm512_inserti32x4(bytes, load(3).raw, 3)};
    }
  }
}

template <std::size_t kWidth, bool kWhole>
HWY_INLINE void store_pixels(const QuadWork& work, Wide::ByteVec v, std::uint8_t* to,
                             std::size_t pixels) {
  const Wide::Bytes d;
  const hn::FixedTag<std::uint8_t, kWidth> part;
  const std::size_t pitch = work.what->channels;
  const auto store = [&](hn::Vec<decltype(part)> value, std::size_t pixel) HWY_ATTR {
    auto* const at = to + pixel * pitch;
    kWhole ? hn::StoreU(value, part, at) : store_first(value, part, at, work.block->count);
  };
  if constexpr (kWidth == kLineBytes) {
    store(v, 0);
  } else {
    if (pixels < kPixelsPerLine<kWidth>) {
      alignas(kLineBytes) std::uint8_t bytes[kLineBytes];
      hn::Store(v, d, bytes);
      for (std::size_t i = 0; i < pixels; ++i) {
        store(hn::Load(part, bytes + i * kWidth), i);
      }
      return;
    }
    if (pitch == kWidth) {
      return hn::StoreU(v, d, to);
    }
    if constexpr (kWidth == 32) {
      store(hn::Vec256<std::uint8_t>{_mm512_castsi512_si256(v.raw)}, 0);
      store(hn::Vec256<std::uint8_t>{_mm512_extracti64x4_epi64(v.raw, 1)}, 1);
    } else {
      store(hn::Vec128<std::uint8_t>{_mm512_castsi512_si128(v.raw)}, 0);
      store(hn::Vec128<std::uint8_t>{_mm512_extracti32x4_epi32(v.raw, 1)}, 1);
      store(hn::Vec128<std::uint8_t>{_mm512_extracti32x4_epi32(v.raw, 2)}, 2);
      store(hn::Vec128<std::uint8_t>{_mm512_extracti32x4_epi32(v.raw, 3)}, 3);
    }
  }
}

/// Lays the rows of the image that `rows` rows of the output from `at_y` on read side by side. In
/// plane v of four rows, each 16 bytes are the channels 4 v to 4 v + 3 of a group of 16, each with
/// its bytes of the four rows.
template <std::size_t kWidth, bool kWhole, bool kSigned>
HWY_INLINE void lay_rows(const QuadWork& work, std::size_t at_y, std::size_t rows) {
  const Wide::Bytes d;
  const auto& y = work.shape->y;
  const auto& columns = work.columns;
  const std::size_t pitch = work.what->channels;
  const auto flip = hn::Set(d, 0x80);
  const std::size_t used = y.kernel + rows - 1;
  auto* to = work.quads + columns.before * kWidth;
  for (std::size_t first = 0; first < work.layout->quads * kGroup; first += kGroup) {
    const std::uint8_t* from[kGroup];
    for (std::size_t k = 0; k < kGroup; ++k) {
      const std::size_t in_y = at_y * y.stride + (first + k) * y.dilation;
      const bool is_outside = first + k >= used || in_y < y.pad || in_y - y.pad >= y.input;
      from[k] =
          (is_outside ? work.padding : work.image + (in_y - y.pad) * work.shape->x.input * pitch) +
          columns.image_first * pitch + work.block->first;
    }
    const std::size_t pixels = std::min(kPixelsPerLine<kWidth>, columns.image_count);
    for (std::size_t i = 0; i < columns.image_count; i += pixels) {
      // The last ones reach back over some that are done.
      const std::size_t at = std::min(i, columns.image_count - pixels);
      const auto load = [&](const std::uint8_t* row) HWY_ATTR {
        const auto v = load_pixels<kWidth, kWhole>(work, row + at * pitch, pixels);
        return kSigned ? hn::Xor(v, flip) : v;
      };
      const auto quarters = side_by_side<kLineBytes>(from, load);
      for (std::size_t v = 0; v < 4; ++v) {
        hn::StoreU(quarters.of[v], d, to + v * work.plane + at * kWidth);
      }
    }
    to += 4 * work.plane;
  }
}

/// What is padding on both sides of the image, in all planes.
void lay_padding(const QuadWork& work) {
  const std::size_t width = work.block->width;
  const std::size_t before = work.columns.before * width;
  const std::size_t behind = before + work.columns.image_count * width;
  for (std::size_t i = 0; i < 4 * work.layout->quads; ++i) {
    auto* const plane = work.quads + i * work.plane;
    std::memset(plane, work.what->zero_x, before);
    std::memset(plane + behind, work.what->zero_x, work.plane - behind);
  }
}

/// kLines vectors of results in each of kRows rows of the output, from column `at_x` on. kSmall:
/// the kernel is 3 x 3, by far the most frequent.
template <std::size_t kWidth, bool kWhole, bool kSigned, std::size_t kLines, std::size_t kRows,
          bool kSmall>
HWY_INLINE void results(const QuadWork& work, std::size_t at_x, std::uint8_t* y,
                        std::size_t pixels) {
  const Wide::Bytes d;
  const Wide::Ints di;
  const auto& block = *work.block;
  const auto* const bias = work.layout->bias.data() + block.lanes;
  Wide::IntVec sums[kRows][kLines][4];
  for (std::size_t v = 0; v < 4; ++v) {
    for (auto& row : sums) {
      for (auto& line : row) {
        line[v] = hn::LoadU(di, bias + v * 16);
      }
    }
  }
  const auto* weights = work.layout->lines[block.line].bytes;
  const auto* quad = work.quads + at_x * kWidth;
  const std::size_t quads = kSmall ? 1 : work.layout->quads;
  const std::size_t kernel = kSmall ? 3 : work.shape->x.kernel;
  for (std::size_t q = 0; q < quads; ++q, quad += 4 * work.plane) {
    HWY_UNROLL(7)
    for (std::size_t column = 0; column < kernel; ++column) {
      const auto* const from = quad + column * kWidth;
      for (std::size_t v = 0; v < 4; ++v, weights += kPairRows * kLineBytes) {
        for (std::size_t line = 0; line < kLines; ++line) {
          const auto x = hn::LoadU(d, from + v * work.plane + line * kLineBytes);
          for (std::size_t row = 0; row < kRows; ++row) {
            auto& sum = sums[row][line][v];
            sum = multiply_add(sum, x, hn::Load(d, weights + row * kLineBytes));
          }
        }
      }
    }
  }
  const auto* const scale = work.layout->scale.data() + block.lanes;
  const std::size_t row_bytes = work.shape->x.output * work.what->channels;
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t line = 0; line < kLines; ++line) {
      auto* const to =
          y + row * row_bytes + (at_x + line * kPixelsPerLine<kWidth>)*work.what->channels;
      const auto result = quantized<kLineBytes, kSigned>(sums[row][line], scale, *work.what);
      store_pixels<kWidth, kWhole>(work, result, to, pixels);
    }
  }
}

/// kRows rows of the output; `y` is the first one.
template <std::size_t kWidth, bool kWhole, bool kSigned, std::size_t kRows, bool kSmall>
HWY_NOINLINE void quad_rows(const QuadWork& work, std::size_t at_y, std::uint8_t* y) {
  lay_rows<kWidth, kWhole, kSigned>(work, at_y, kRows);
  constexpr std::size_t kPixels = kPixelsPerLine<kWidth>;
  const std::size_t output = work.columns.count;
  y += work.columns.first * work.what->channels + work.block->first;
  std::size_t x = 0;
  for (; x + 2 * kPixels <= output; x += 2 * kPixels) {
    results<kWidth, kWhole, kSigned, 2, kRows, kSmall>(work, x, y, kPixels);
  }
  const std::size_t pixels = std::min(kPixels, output);
  for (; x < output; x += pixels) {
    results<kWidth, kWhole, kSigned, 1, kRows, kSmall>(work, std::min(x, output - pixels), y,
                                                       pixels);
  }
}

template <std::size_t kWidth, bool kWhole, bool kSigned>
void quad_strip(const QuadWork& work, std::size_t begin, std::size_t end, std::uint8_t* y) {
  const std::size_t row_bytes = work.shape->x.output * work.what->channels;
  const bool is_small = work.shape->x.kernel == 3 && work.layout->quads == 1;
  if (work.shape->y.stride == 1 && work.shape->y.dilation == 1) {
    for (; begin + kPairRows <= end; begin += kPairRows, y += kPairRows * row_bytes) {
      is_small ? quad_rows<kWidth, kWhole, kSigned, kPairRows, true>(work, begin, y)
               : quad_rows<kWidth, kWhole, kSigned, kPairRows, false>(work, begin, y);
    }
  }
  for (; begin < end; ++begin, y += row_bytes) {
    quad_rows<kWidth, kWhole, kSigned, 1, false>(work, begin, y);
  }
}

template <std::size_t kWidth>
void quad_strip_of_width(const QuadWork& work, std::size_t begin, std::size_t end,
                         std::uint8_t* y) {
  const bool is_whole = work.block->count == kWidth;
  if (work.what->flip != 0) {
    is_whole ? quad_strip<kWidth, true, true>(work, begin, end, y)
             : quad_strip<kWidth, false, true>(work, begin, end, y);
  } else {
    is_whole ? quad_strip<kWidth, true, false>(work, begin, end, y)
             : quad_strip<kWidth, false, false>(work, begin, end, y);
  }
}

/// Columns of the output whose quads stay in the first cache; several parts of about the same size.
std::size_t columns_at_once(const Layout& layout, const ConvShape& shape) {
  const std::size_t width = layout.blocks.front().width;
  const std::size_t largest = kQuadBytes / (4 * layout.quads * width);
  const std::size_t halo = shape.x.kernel - 1;
  const std::size_t most = std::max(largest, 2 * halo + 8) - halo;
  const std::size_t parts = (shape.x.output + most - 1) / most;
  // Whole vectors, two at a time.
  const std::size_t unit = 2 * kLineBytes / width;
  return (shape.x.output + parts * unit - 1) / (parts * unit) * unit;
}

void depthwise_quads(const Depthwise& what, const Layout& layout, const ConvShape& shape,
                     const std::uint8_t* x, std::uint8_t* y, std::size_t begin, std::size_t end) {
  if (shape.x.output == 0) {
    return;
  }
  const std::vector<std::uint8_t> padding(std::max<std::size_t>(1, shape.x.input) * what.channels,
                                          static_cast<std::uint8_t>(what.zero_x ^ what.flip));
  const std::size_t at_once = columns_at_once(layout, shape);
  // A line more, since vectors may reach beyond the last column, and an odd number, so that planes
  // lie in different sets of the cache.
  const std::size_t row = (at_once + shape.x.kernel - 1) * layout.blocks.front().width;
  const std::size_t lines = (row / kLineBytes + 2) | 1;
  const auto quads =
      std::make_unique_for_overwrite<PackedDepthwise::Line[]>(4 * layout.quads * lines);
  QuadWork work = {.what = &what,
                   .layout = &layout,
                   .shape = &shape,
                   .columns = {},
                   .padding = padding.data(),
                   .quads = quads[0].bytes,
                   .plane = lines * kLineBytes};
  while (begin < end) {
    const std::size_t at_y = begin % shape.y.output;
    const std::size_t rows = std::min({kStripRows, end - begin, shape.y.output - at_y});
    work.image = x + begin / shape.y.output * shape.y.input * shape.x.input * what.channels;
    auto* const to = y + begin * shape.x.output * what.channels;
    std::size_t laid = 0;  // width of the block whose padding is there
    for (std::size_t first = 0; first < shape.x.output; first += at_once) {
      work.columns = columns_from(shape.x, first, std::min(at_once, shape.x.output - first));
      for (const auto& block : layout.blocks) {
        work.block = &block;
        if (laid != block.width || at_once < shape.x.output) {
          lay_padding(work);
          laid = block.width;
        }
        block.width == 64   ? quad_strip_of_width<64>(work, at_y, at_y + rows, to)
        : block.width == 32 ? quad_strip_of_width<32>(work, at_y, at_y + rows, to)
                            : quad_strip_of_width<16>(work, at_y, at_y + rows, to);
      }
    }
    begin += rows;
  }
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
