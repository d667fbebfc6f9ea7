// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/lookup.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernels/dispatch.h"
#include "kernels/reference.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lookup.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

// Highway's own plain target is left out: without a vector unit the reference runs.
#if HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
#include "kernels/vectors-inl.h"
HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::ScalableTag<std::uint8_t>;

/// A table of 256 in registers; `flip` of 128 exchanges its halves, 0 does not.
class Table {
 public:
#if HWY_TARGET == HWY_AVX3_DL
  explicit Table(const std::uint8_t* table, std::size_t flip = 0) {
    for (std::size_t i = 0; i < 4; ++i) {
      parts_[i] = _mm512_loadu_si512(table + (64 * i ^ flip));
    }
  }

  [[nodiscard]] HWY_INLINE hn::Vec<Bytes> operator()(hn::Vec<Bytes> index) const {
    const auto low = _mm512_permutex2var_epi8(parts_[0], index.raw, parts_[1]);
    const auto high = _mm512_permutex2var_epi8(parts_[2], index.raw, parts_[3]);
    return {_mm512_mask_blend_epi8(_mm512_movepi8_mask(index.raw), low, high)};
  }

 private:
  __m512i parts_[4];
#elif HWY_TARGET == HWY_NEON
  explicit Table(const std::uint8_t* table, std::size_t flip = 0) {
    for (std::size_t i = 0; i < 4; ++i) {
      parts_[i] = vld1q_u8_x4(table + (64 * i ^ flip));
    }
  }

  [[nodiscard]] HWY_INLINE hn::Vec<Bytes> operator()(hn::Vec<Bytes> index) const {
    // An index of 64 and more leaves what the last table put there.
    const auto step = vdupq_n_u8(64);
    auto i = index.raw;
    auto value = vqtbl4q_u8(parts_[0], i);
    for (std::size_t part = 1; part < 4; ++part) {
      i = vsubq_u8(i, step);
      value = vqtbx4q_u8(value, parts_[part], i);
    }
    return hn::Vec<Bytes>(value);
  }

 private:
  uint8x16x4_t parts_[4];
#else
  /// Row r of the table as its difference (exclusive or) to row r - 1, so that what all rows up to
  /// the wanted one give adds up to its entry, and the others give 0 of themselves.
  explicit Table(const std::uint8_t* table, std::size_t flip = 0) {
    const Bytes d;
    auto above = hn::Zero(d);
    for (std::size_t r = 0; r < 16; ++r) {
      const auto row = hn::LoadDup128(d, table + (16 * r ^ flip));
      hn::Store(r % 8 == 0 ? row : hn::Xor(row, above), d, rows_ + r * HWY_MAX_BYTES);
      above = row;
    }
  }

  [[nodiscard]] HWY_INLINE hn::Vec<Bytes> operator()(hn::Vec<Bytes> index) const {
    const Bytes d;
    return hn::Xor(half(index, rows_),
                   half(hn::Xor(index, hn::Set(d, 0x80)), rows_ + 8 * HWY_MAX_BYTES));
  }

 private:
  /// Entries of the eight rows for indices of 0 to 127, 0 for others.
  static HWY_INLINE hn::Vec<Bytes> half(hn::Vec<Bytes> index, const std::uint8_t* rows) {
    const Bytes d;
    const hn::RebindToSigned<Bytes> ds;
    const auto sixteen = hn::Set(ds, 16);
    auto i = hn::BitCast(ds, index);
    auto value = hn::TableLookupBytesOr0(hn::Load(d, rows), hn::BitCast(d, i));
    for (std::size_t r = 1; r < 8; ++r) {
      i = hn::SaturatedSub(i, sixteen);
      value = hn::Xor(
          value, hn::TableLookupBytesOr0(hn::Load(d, rows + r * HWY_MAX_BYTES), hn::BitCast(d, i)));
    }
    return value;
  }

  alignas(HWY_MAX_BYTES) std::uint8_t rows_[16 * HWY_MAX_BYTES];
#endif
};

struct Same {
  [[nodiscard]] HWY_INLINE hn::Vec<Bytes> operator()(hn::Vec<Bytes> value) const { return value; }
};

/// What is left of a row, less than a vector; its mask is made once for all rows.
class Rest {
 public:
  explicit Rest(std::size_t count) : count_(count) {}

  template <class Map>
  HWY_INLINE void operator()(const std::uint8_t* from, std::uint8_t* to, const Map& map,
                             const std::uint8_t* table, std::size_t flip) const {
    (void)map;
    (void)table;
    (void)flip;
#if HWY_TARGET <= HWY_AVX3
    const Bytes d;
    hn::BlendedStore(map(hn::MaskedLoad(mask_, d, from)), mask_, d, to);
#else
    for (std::size_t i = 0; i < count_; ++i) {
      to[i] = table == nullptr ? from[i] : table[from[i] ^ flip];
    }
#endif
  }

  [[nodiscard]] bool is_some() const {
    return count_ > 0;
  }

 private:
  std::size_t count_;
#if HWY_TARGET <= HWY_AVX3
  hn::Mask<Bytes> mask_ = hn::FirstN(Bytes(), count_);
#endif
};

template <class Map>
HWY_INLINE void map_rows(const Rows& rows, const std::uint8_t* table, const Map& map,
                         std::size_t flip = 0) {
  const Bytes d;
  const std::size_t lanes = hn::Lanes(d);
  const Rest rest(rows.width % lanes);
  const auto* from = rows.from;
  auto* to = rows.to;
  for (std::size_t row = 0; row < rows.count; ++row, from += rows.from_step, to += rows.to_step) {
    std::size_t i = 0;
    for (; i + 4 * lanes <= rows.width; i += 4 * lanes) {
      const auto a = map(hn::LoadU(d, from + i));
      const auto b = map(hn::LoadU(d, from + i + lanes));
      const auto c = map(hn::LoadU(d, from + i + 2 * lanes));
      const auto e = map(hn::LoadU(d, from + i + 3 * lanes));
      hn::StoreU(a, d, to + i);
      hn::StoreU(b, d, to + i + lanes);
      hn::StoreU(c, d, to + i + 2 * lanes);
      hn::StoreU(e, d, to + i + 3 * lanes);
    }
    for (; i + lanes <= rows.width; i += lanes) {
      hn::StoreU(map(hn::LoadU(d, from + i)), d, to + i);
    }
    if (rest.is_some()) {
      rest(from + i, to + i, map, table, flip);
    }
  }
}

/// Copies of rows of one or two vectors of exactly this width.
template <std::size_t kWidth, std::size_t kVectors>
HWY_INLINE void copy_rows(const Rows& rows) {
  const hn::FixedTag<std::uint8_t, kWidth> d;
  const auto* from = rows.from;
  auto* to = rows.to;
  for (std::size_t row = 0; row < rows.count; ++row, from += rows.from_step, to += rows.to_step) {
    for (std::size_t i = 0; i < kVectors; ++i) {
      hn::StoreU(hn::LoadU(d, from + i * kWidth), d, to + i * kWidth);
    }
  }
}

void copy(const Rows& rows) {
  switch (rows.width) {
    case 16:
      return copy_rows<16, 1>(rows);
#if HWY_TARGET <= HWY_AVX2
    case 32:
      return copy_rows<32, 1>(rows);
    case 48:
      return copy_rows<16, 3>(rows);
    case 64:
      return copy_rows<32, 2>(rows);
#endif
    default:
      map_rows(rows, nullptr, Same());
  }
}

/// Rows shorter than a vector, read as one: through the table into a buffer, and from there to
/// their places.
void lookup_short_rows(const Rows& rows, const std::uint8_t* table, const Table& map) {
  constexpr std::size_t kBuffer = 2048;
  alignas(64) std::uint8_t buffer[kBuffer];
  const std::size_t at_once = kBuffer / rows.width;
  for (std::size_t row = 0; row < rows.count; row += at_once) {
    const std::size_t count = std::min(at_once, rows.count - row);
    map_rows({.from = rows.from + row * rows.width,
              .to = buffer,
              .count = 1,
              .width = count * rows.width},
             table, map);
    copy({.from = buffer,
          .from_step = rows.width,
          .to = rows.to + row * rows.to_step,
          .to_step = rows.to_step,
          .count = count,
          .width = rows.width});
  }
}

void lookup(const Rows& rows, const std::uint8_t* table) {
  const Table map(table);
  const bool is_short = rows.count > 1 && rows.width % hn::Lanes(Bytes()) != 0 && rows.width <= 512;
  if (is_short && rows.from_step == rows.width) {
    return lookup_short_rows(rows, table, map);
  }
  map_rows(rows, table, map);
}

#if HWY_TARGET <= HWY_AVX2
/// Side of the squares that are transposed: the bytes of a block of 128 bits.
constexpr std::size_t kSide = 16;
/// Pixels whose bytes of one channel fill a vector.
constexpr std::size_t kPixels = hn::MaxLanes(Bytes());
/// Bytes of a patch that take as long as a whole one, one after the other.
constexpr std::size_t kFewest = HWY_TARGET == HWY_AVX3_DL ? 192 : 512;

struct Square {
  hn::Vec<Bytes> rows[kSide];
};

/// Within each block, byte c of row r becomes byte r of row c. Each step rotates the bits of
/// (row, byte) by one.
HWY_INLINE void transpose(Square& square) {
  const Bytes d;
  HWY_UNROLL(4)
  for (std::size_t step = 0; step < 4; ++step) {
    const Square old = square;
    HWY_UNROLL(8)
    for (std::size_t i = 0; i < kSide / 2; ++i) {
      square.rows[2 * i] = hn::InterleaveLower(d, old.rows[i], old.rows[i + kSide / 2]);
      square.rows[2 * i + 1] = hn::InterleaveUpper(d, old.rows[i], old.rows[i + kSide / 2]);
    }
  }
}

/// A vector's worth of pixels of at most 16 channels. Pixel 16 b + r is block b of row r.
struct Patch {
  const std::uint8_t* from;
  std::uint8_t* to;
  const std::size_t* at;  ///< bytes from the first pixel to each
  std::size_t channels;
  std::size_t first;  ///< channel
  const ChannelLookup* work;
};

using Block = hn::FixedTag<std::uint8_t, kSide>;

template <bool kWhole>
HWY_INLINE hn::Vec<Bytes> load_row(const Patch& patch, std::size_t row) {
  const auto load = [&](std::size_t block) HWY_ATTR {
    const auto* const from = patch.from + patch.at[block * kSide + row];
    return kWhole ? hn::LoadU(Block(), from).raw : load_first(Block(), from, patch.channels).raw;
  };
#if HWY_TARGET <= HWY_AVX3
  auto blocks = _mm512_inserti32x4(_mm512_castsi128_si512(load(0)), load(1), 1);
  blocks = _mm512_inserti32x4(blocks, load(2), 2);
  return hn::Vec<Bytes>{_mm512_inserti32x4(blocks, load(3), 3)};
#else
  return hn::Vec<Bytes>{_mm256_inserti128_si256(_mm256_castsi128_si256(load(0)), load(1), 1)};
#endif
}

template <bool kWhole>
HWY_INLINE void store_row(const Patch& patch, std::size_t row, hn::Vec<Bytes> bytes) {
  const auto store = [&](std::size_t block, __m128i value) HWY_ATTR {
    auto* const to = patch.to + patch.at[block * kSide + row];
    kWhole ? hn::StoreU(hn::Vec<Block>{value}, Block(), to)
           : store_first(hn::Vec<Block>{value}, Block(), to, patch.channels);
  };
#if HWY_TARGET <= HWY_AVX3
  store(0, _mm512_castsi512_si128(bytes.raw));
  store(1, _mm512_extracti32x4_epi32(bytes.raw, 1));
  store(2, _mm512_extracti32x4_epi32(bytes.raw, 2));
  store(3, _mm512_extracti32x4_epi32(bytes.raw, 3));
#else
  store(0, _mm256_castsi256_si128(bytes.raw));
  store(1, _mm256_extracti128_si256(bytes.raw, 1));
#endif
}

template <bool kWhole>
HWY_NOINLINE void look_up_patch(const Patch& patch) {
  Square square;
  HWY_UNROLL(16)
  for (std::size_t r = 0; r < kSide; ++r) {
    square.rows[r] = load_row<kWhole>(patch, r);
  }
  transpose(square);
  const auto& work = *patch.work;
  std::size_t channel = patch.first % work.channels;
  HWY_UNROLL(16)
  for (std::size_t c = 0; c < kSide; ++c) {
    if (kWhole || c < patch.channels) {
      square.rows[c] = Table(work.tables + channel * kTableSize, work.flip)(square.rows[c]);
      channel = channel + 1 == work.channels ? 0 : channel + 1;
    }
  }
  transpose(square);
  HWY_UNROLL(16)
  for (std::size_t r = 0; r < kSide; ++r) {
    store_row<kWhole>(patch, r, square.rows[r]);
  }
}

/// `pixels` pixels of `channels` bytes (those of the work, several times over) from byte `begin`
/// on. Each patch is transposed, so that a vector is of one channel, and back.
void look_up_patches(const ChannelLookup& work, std::size_t begin, std::size_t pixels,
                     std::size_t channels) {
  std::size_t at[kPixels];
  // As many channels at a time as share a line of the cache.
  for (std::size_t line = 0; line < channels; line += 64) {
    for (std::size_t pixel = 0; pixel < pixels; pixel += kPixels) {
      if (pixel == 0 || pixel + kPixels > pixels) {
        for (std::size_t i = 0; i < kPixels; ++i) {
          // Behind the last pixel, that one again.
          at[i] = std::min(i, pixels - pixel - 1) * channels;
        }
      }
      for (std::size_t c = line; c < std::min(line + 64, channels); c += kSide) {
        const std::size_t offset = begin + pixel * channels + c;
        const Patch patch = {.from = work.from + offset,
                             .to = work.to + offset,
                             .at = at,
                             .channels = std::min(kSide, channels - c),
                             .first = c,
                             .work = &work};
        patch.channels == kSide ? look_up_patch<true>(patch) : look_up_patch<false>(patch);
      }
    }
  }
}

/// Whole pixels. Where 16 does not divide the channels, several pixels count as one, so that all
/// patches are full.
void lookup_pixels(const ChannelLookup& work, std::size_t begin, std::size_t end) {
  const std::size_t joined = kSide / std::gcd(work.channels, kSide);
  const std::size_t wide = work.channels * joined;
  const std::size_t full = (end - begin) / wide / kPixels * kPixels;
  look_up_patches(work, begin, full, wide);
  begin += full * wide;
  const std::size_t pixels = (end - begin) / work.channels;
  const std::size_t width = std::min(kSide, work.channels);
  const std::size_t rest = kPixels * width < kFewest ? pixels : pixels % kPixels;
  const std::size_t few = rest * width < kFewest || rest > kPixels ? rest : 0;
  look_up_patches(work, begin, pixels - few, work.channels);
  reference::lookup_channels(work, end - few * work.channels, end);
}
#endif

/// Rows of one channel each.
void lookup_channel_rows(const ChannelLookup& work, std::size_t begin, std::size_t end) {
  std::size_t row = begin / work.inner;
  std::size_t channel = row % work.channels;
  while (begin < end) {
    const std::size_t row_end = std::min(end, ++row * work.inner);
    const auto* const table = work.tables + channel * kTableSize;
    map_rows(
        {.from = work.from + begin, .to = work.to + begin, .count = 1, .width = row_end - begin},
        table, Table(table, work.flip), work.flip);
    begin = row_end;
    channel = channel + 1 == work.channels ? 0 : channel + 1;
  }
}

void lookup_channels(const ChannelLookup& work, std::size_t begin, std::size_t end) {
  if (work.inner > 1) {
    return lookup_channel_rows(work, begin, end);
  }
#if HWY_TARGET <= HWY_AVX2
  lookup_pixels(work, begin, end);
#else
  reference::lookup_channels(work, begin, end);
#endif
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace tessera::kernels {
namespace {

TESSERA_KERNELS_TABLE(lookup_of, lookup)
TESSERA_KERNELS_TABLE(copy_of, copy)
TESSERA_KERNELS_TABLE(lookup_channels_of, lookup_channels)

/// One long row where the rows lie behind each other, no row where they hold nothing: null pointers
/// are not stepped over.
Rows joined(const Rows& rows) {
  if (rows.width == 0) {
    return {};
  }
  if (rows.from_step != rows.width || rows.to_step != rows.width) {
    return rows;
  }
  auto one = rows;
  one.width = rows.width * rows.count;
  one.count = rows.count == 0 ? 0 : 1;
  return one;
}

}  // namespace

void lookup(Target target, const Rows& rows, const std::uint8_t* table) {
  lookup_of(target)(joined(rows), table);
}

void copy(Target target, const Rows& rows) {
  copy_of(target)(joined(rows));
}

void lookup_channels(Target target, const ChannelLookup& work, std::size_t begin, std::size_t end) {
  lookup_channels_of(target)(work, begin, end);
}

}  // namespace tessera::kernels
#endif  // HWY_ONCE
