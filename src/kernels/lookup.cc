// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/lookup.h"

#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/reference.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lookup.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

// Highway's own plain target is left out: without a vector unit the reference runs.
#if HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::ScalableTag<std::uint8_t>;

/// A table of 256 in registers.
class Table {
 public:
#if HWY_TARGET == HWY_AVX3_DL
  explicit Table(const std::uint8_t* table) {
    for (std::size_t i = 0; i < 4; ++i) {
      parts_[i] = _mm512_loadu_si512(table + 64 * i);
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
  explicit Table(const std::uint8_t* table) {
    for (std::size_t i = 0; i < 4; ++i) {
      parts_[i] = vld1q_u8_x4(table + 64 * i);
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
  explicit Table(const std::uint8_t* table) {
    alignas(16) std::uint8_t row[16];
    for (std::size_t r = 0; r < 16; ++r) {
      for (std::size_t i = 0; i < 16; ++i) {
        const bool first = r % 8 == 0;
        row[i] =
            static_cast<std::uint8_t>(table[16 * r + i] ^ (first ? 0 : table[16 * r + i - 16]));
      }
      hn::Store(hn::LoadDup128(Bytes(), row), Bytes(), rows_ + r * HWY_MAX_BYTES);
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
                             const std::uint8_t* table) const {
    (void)map;
    (void)table;
#if HWY_TARGET <= HWY_AVX3
    const Bytes d;
    hn::BlendedStore(map(hn::MaskedLoad(mask_, d, from)), mask_, d, to);
#else
    for (std::size_t i = 0; i < count_; ++i) {
      to[i] = table == nullptr ? from[i] : table[from[i]];
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
HWY_INLINE void map_rows(const Rows& rows, const std::uint8_t* table, const Map& map) {
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
      rest(from + i, to + i, map, table);
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

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace tessera::kernels {
namespace {

TESSERA_KERNELS_TABLE(lookup_of, lookup)
TESSERA_KERNELS_TABLE(copy_of, copy)

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

void lookup_channels(const ChannelLookup& work) {
  for (std::size_t pixel = 0; pixel < work.pixels; ++pixel) {
    const auto* const from = work.from + pixel * work.channels;
    auto* const to = work.to + pixel * work.channels;
    const auto* table = work.tables;
    for (std::size_t c = 0; c < work.channels; ++c, table += kTableSize) {
      to[c] = table[from[c] ^ work.flip];
    }
  }
}

}  // namespace tessera::kernels
#endif  // HWY_ONCE
