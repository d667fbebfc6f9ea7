// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/depthwise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include "kernels/dispatch.h"
#include "kernels/reference.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/depthwise.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#if HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
#include "kernels/vectors-inl.h"
HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

using Layout = PackedDepthwise::Layout;
using Block = PackedDepthwise::Block;

/// Vectors of one width, and what they hold.
template <std::size_t kWidth>
struct Vectors {
  using Bytes = hn::FixedTag<std::uint8_t, kWidth>;
  using Shorts = hn::Repartition<std::int16_t, Bytes>;
  using Ints = hn::Repartition<std::int32_t, Bytes>;
  using Floats = hn::Repartition<float, Bytes>;
  using ByteVec = hn::Vec<Bytes>;
  using IntVec = hn::Vec<Ints>;
};

/// The four vectors of a block's accumulators: within each 16 channels, vector v has channels 4 v
/// to 4 v + 3.
template <std::size_t kWidth>
struct Quarters {
  typename Vectors<kWidth>::ByteVec of[4];
};

#if HWY_TARGET == HWY_AVX3_DL
constexpr std::size_t kGroup = 4;
/// Groups of a kernel of 3 x 3, also of its tiles of two results.
constexpr std::size_t kSmallGroups = 3;

HWY_INLINE hn::Vec512<std::int32_t> multiply_add(hn::Vec512<std::int32_t> sum,
                                                 hn::Vec512<std::uint8_t> x,
                                                 hn::Vec512<std::uint8_t> w) {
  return hn::Vec512<std::int32_t>{_mm512_dpbusd_epi32(sum.raw, x.raw, w.raw)};
}
// Written out, since the compiler would take the encoding of another extension, see vectors-inl.h.
// Vectors of 512 bits would do, too, but keep a third unit from vectors of 256.
HWY_INLINE hn::Vec256<std::int32_t> multiply_add(hn::Vec256<std::int32_t> sum,
                                                 hn::Vec256<std::uint8_t> x,
                                                 hn::Vec256<std::uint8_t> w) {
  // NOLINTNEXTLINE(hicpp-no-assembler)
  __asm__("%{evex%} vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(x.raw), "vm"(w.raw));
  return sum;
}

/// The bytes of four taps side by side, by channel.
template <std::size_t kWidth, class Load>
HWY_INLINE Quarters<kWidth> side_by_side(const std::uint8_t* const* taps, const Load& load) {
  const typename Vectors<kWidth>::Bytes d;
  const hn::Repartition<std::uint16_t, decltype(d)> pairs;
  const auto a = load(taps[0]);
  const auto b = load(taps[1]);
  const auto c = load(taps[2]);
  const auto e = load(taps[3]);
  const auto ab_low = hn::BitCast(pairs, hn::InterleaveLower(d, a, b));
  const auto ab_high = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
  const auto ce_low = hn::BitCast(pairs, hn::InterleaveLower(d, c, e));
  const auto ce_high = hn::BitCast(pairs, hn::InterleaveUpper(d, c, e));
  return {{hn::BitCast(d, hn::InterleaveLower(pairs, ab_low, ce_low)),
           hn::BitCast(d, hn::InterleaveUpper(pairs, ab_low, ce_low)),
           hn::BitCast(d, hn::InterleaveLower(pairs, ab_high, ce_high)),
           hn::BitCast(d, hn::InterleaveUpper(pairs, ab_high, ce_high))}};
}

#else
constexpr std::size_t kGroup = 2;
constexpr std::size_t kSmallGroups = 5;

template <class IntVec, class ByteVec>
HWY_INLINE IntVec multiply_add(IntVec sum, ByteVec x, ByteVec w) {
  const hn::Repartition<std::int16_t, hn::DFromV<ByteVec>> shorts;
  return hn::Add(sum, multiply_pairs(hn::BitCast(shorts, x), hn::BitCast(shorts, w)));
}

/// Two taps side by side, by channel, as integers of 16 bits.
template <std::size_t kWidth, class Load>
HWY_INLINE Quarters<kWidth> side_by_side(const std::uint8_t* const* taps, const Load& load) {
  const typename Vectors<kWidth>::Bytes d;
  const auto zero = hn::Zero(d);
  const auto a = load(taps[0]);
  const auto b = load(taps[1]);
  const auto low = hn::InterleaveLower(d, a, b);
  const auto high = hn::InterleaveUpper(d, a, b);
  return {{hn::InterleaveLower(d, low, zero), hn::InterleaveUpper(d, low, zero),
           hn::InterleaveLower(d, high, zero), hn::InterleaveUpper(d, high, zero)}};
}
#endif

/// The results of sums, in the order of the channels.
template <std::size_t kWidth, bool kSigned>
HWY_INLINE typename Vectors<kWidth>::ByteVec quantized(
    const typename Vectors<kWidth>::IntVec (&sums)[4], const float* scale, const Depthwise& what) {
  using V = Vectors<kWidth>;
  const typename V::Bytes d;
  const typename V::Shorts ds;
  const typename V::Floats df;
  const auto zero = hn::Set(ds, static_cast<std::int16_t>(what.zero_y));
  const auto steps = [&](std::size_t v) HWY_ATTR {
    return nearest(hn::Mul(hn::ConvertTo(df, sums[v]), hn::LoadU(df, scale + v * kWidth / 4)));
  };
  const auto low = hn::SaturatedAdd(narrow(steps(0), steps(1)), zero);
  const auto high = hn::SaturatedAdd(narrow(steps(2), steps(3)), zero);
  const auto result = narrow(low, high);
  return kSigned ? hn::Xor(result, hn::Set(d, 0x80)) : result;
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_TARGET == HWY_AVX3_DL
#include "kernels/depthwise_quads-inl.h"
#endif

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

/// Everything about a row of the output and a block of channels.
struct RowWork {
  const Depthwise* what;
  const Layout* layout;
  const Block* block;
  const ConvShape* shape;
  const std::uint8_t* image;
  std::uint8_t* y;               ///< of the row
  std::size_t at_y;              ///< row of the output
  const std::uint8_t* padding;   ///< a row of the image, all of it padding
  const std::uint8_t** inside;   ///< taps of a tile at column 0 of the image
  const std::uint8_t** at_edge;  ///< room for those of a tile that reaches into the padding
};

/// The row of the image that a tap reads, for the row's block of channels.
HWY_INLINE const std::uint8_t* image_row(const RowWork& row, const PackedDepthwise::Tap& tap) {
  const auto& axis = row.shape->y;
  const std::size_t in_y = row.at_y * axis.stride + tap.row * axis.dilation;
  const bool is_outside = in_y < axis.pad || in_y - axis.pad >= axis.input;
  const auto* const begin =
      is_outside ? row.padding
                 : row.image + (in_y - axis.pad) * row.shape->x.input * row.what->channels;
  return begin + row.block->first;
}

void point_inside(const RowWork& row) {
  const auto& taps = row.layout->taps;
  for (std::size_t i = 0; i < taps.size(); ++i) {
    row.inside[i] = image_row(row, taps[i]) + taps[i].column * row.what->channels;
  }
}

/// `first`: column of the padded image.
HWY_INLINE void point_at_edge(const RowWork& row, std::size_t first) {
  const auto& taps = row.layout->taps;
  const auto input = static_cast<std::ptrdiff_t>(row.shape->x.input);
  const auto channels = static_cast<std::ptrdiff_t>(row.what->channels);
  const auto begin =
      static_cast<std::ptrdiff_t>(first) - static_cast<std::ptrdiff_t>(row.shape->x.pad);
  const auto* const outside = row.padding + row.block->first;
  for (std::size_t i = 0; i < taps.size(); ++i) {
    const auto column = begin + static_cast<std::ptrdiff_t>(taps[i].column);
    const bool is_outside = column < 0 || column >= input;
    row.at_edge[i] = is_outside ? outside : row.inside[i] + begin * channels;
  }
}

/// Pointers of a tile's taps, all of them to be moved by `shift`.
struct Taps {
  const std::uint8_t* const* from;
  std::size_t shift;
};

/// The results of one tile; kWhole: the block has as many channels as its vectors have bytes.
/// kGroups: groups of taps if the loop over them is to be unrolled, 0 if their number is the
/// layout's.
template <std::size_t kWidth, std::size_t kOutputs, std::size_t kGroups, bool kWhole, bool kSigned>
HWY_INLINE void tile(const RowWork& row, Taps taps, std::uint8_t* y, std::size_t outputs) {
  using V = Vectors<kWidth>;
  const typename V::Bytes d;
  const typename V::Ints di;
  const auto& block = *row.block;
  const auto flip = hn::Set(d, 0x80);
  const auto load = [&](const std::uint8_t* from) HWY_ATTR {
    typename V::ByteVec v;
    if constexpr (kWhole) {
      v = hn::LoadU(d, from + taps.shift);
    } else {
      v = load_first(d, from + taps.shift, block.count);
    }
    if constexpr (kSigned) {
      v = hn::Xor(v, flip);
    }
    return v;
  };

  typename V::IntVec sums[kOutputs][4];
  const auto* const bias = row.layout->bias.data() + block.lanes;
  for (std::size_t v = 0; v < 4; ++v) {
    for (std::size_t t = 0; t < kOutputs; ++t) {
      sums[t][v] = hn::LoadU(di, bias + v * kWidth / 4);
    }
  }
  const auto* weights = row.layout->lines[block.line].bytes;
  const std::size_t tap_count = kGroups > 0 ? kGroups * kGroup : row.layout->taps.size();
  HWY_UNROLL(5)
  for (std::size_t i = 0; i < tap_count; i += kGroup) {
    const auto x = side_by_side<kWidth>(taps.from + i, load);
    for (std::size_t t = 0; t < kOutputs; ++t) {
      for (std::size_t v = 0; v < 4; ++v) {
        sums[t][v] = multiply_add(sums[t][v], x.of[v], hn::Load(d, weights));
        weights += kWidth;
      }
    }
  }

  const auto* const scale = row.layout->scale.data() + block.lanes;
  for (std::size_t t = 0; t < outputs; ++t) {
    const auto result = quantized<kWidth, kSigned>(sums[t], scale, *row.what);
    if constexpr (kWhole) {
      hn::StoreU(result, d, y + t * row.what->channels);
    } else {
      store_first(result, d, y + t * row.what->channels, block.count);
    }
  }
}

#if HWY_TARGET == HWY_AVX3_DL
/// The bytes of four taps of 16 channels side by side, by channel, in one vector.
template <bool kNeighbours, class Load>
HWY_INLINE __m512i side_by_side_16(const std::uint8_t* const* taps, std::size_t shift,
                                   const Load& load) {
  // Byte 4 c + k is that of channel c and tap k.
  alignas(64) static constexpr auto kOrder = [] {
    std::array<std::uint8_t, 64> order{};
    for (std::size_t i = 0; i < order.size(); ++i) {
      order[i] = static_cast<std::uint8_t>(i % 4 * 16 + i / 4);
    }
    return order;
  }();
  __m512i bytes;
  if constexpr (kNeighbours) {
    bytes = _mm512_loadu_si512(taps[0] + shift);
  } else {
    const auto low =
        _mm256_inserti128_si256(_mm256_castsi128_si256(load(taps[0]).raw), load(taps[1]).raw, 1);
    const auto high =
        _mm256_inserti128_si256(_mm256_castsi128_si256(load(taps[2]).raw), load(taps[3]).raw, 1);
    bytes = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  return _mm512_permutexvar_epi8(_mm512_load_si512(kOrder.data()), bytes);
}

/// A tile of a block of 16 channels. kNeighbours: there are no others, and no tap is padding.
template <std::size_t kOutputs, std::size_t kGroups, bool kWhole, bool kSigned, bool kNeighbours>
HWY_INLINE void tile_16(const RowWork& row, Taps taps, std::uint8_t* y, std::size_t outputs) {
  const Vectors<16>::Bytes d;
  const auto& block = *row.block;
  const auto load = [&](const std::uint8_t* from) HWY_ATTR {
    return kWhole ? hn::LoadU(d, from + taps.shift) : load_first(d, from + taps.shift, block.count);
  };
  const auto* const bias = row.layout->bias.data() + block.lanes;
  __m512i sums[kOutputs];
  for (std::size_t t = 0; t < kOutputs; ++t) {
    sums[t] = _mm512_loadu_si512(bias);
  }
  const auto* line = row.layout->lines.data() + block.line;
  const std::size_t tap_count = kGroups > 0 ? kGroups * kGroup : row.layout->taps.size();
  HWY_UNROLL(5)
  for (std::size_t i = 0; i < tap_count; i += kGroup) {
    auto x = side_by_side_16<kNeighbours>(taps.from + i, taps.shift, load);
    if constexpr (kSigned) {
      x = _mm512_xor_si512(x, _mm512_set1_epi8(-128));
    }
    for (std::size_t t = 0; t < kOutputs; ++t, ++line) {
      sums[t] = _mm512_dpbusd_epi32(sums[t], x, _mm512_load_si512(line->bytes));
    }
  }
  const auto scale = _mm512_loadu_ps(row.layout->scale.data() + block.lanes);
  const auto zero = _mm512_set1_epi32(row.what->zero_y);
  for (std::size_t t = 0; t < outputs; ++t) {
    const auto exact = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[t]), scale);
    const auto steps = _mm512_add_epi32(_mm512_cvtps_epi32(exact), zero);
    hn::Vec128<std::uint8_t> result{
        _mm512_cvtusepi32_epi8(_mm512_max_epi32(steps, _mm512_setzero_si512()))};
    if constexpr (kSigned) {
      result = hn::Xor(result, hn::Set(d, 0x80));
    }
    auto* const to = y + t * row.what->channels;
    kWhole ? hn::StoreU(result, d, to) : store_first(result, d, to, block.count);
  }
}
#endif

template <std::size_t kWidth, std::size_t kOutputs, std::size_t kGroups, bool kWhole, bool kSigned,
          bool kInside>
HWY_INLINE void any_tile(const RowWork& row, Taps taps, std::uint8_t* y, std::size_t outputs) {
#if HWY_TARGET == HWY_AVX3_DL
  if constexpr (kWidth == 16) {
    if (kInside && kOutputs > 1 && row.what->channels == 16) {
      tile_16<kOutputs, kGroups, kWhole, kSigned, true>(row, taps, y, outputs);
    } else {
      tile_16<kOutputs, kGroups, kWhole, kSigned, false>(row, taps, y, outputs);
    }
  } else
#endif
  {
    tile<kWidth, kOutputs, kGroups, kWhole, kSigned>(row, taps, y, outputs);
  }
}

template <std::size_t kWidth, std::size_t kOutputs, std::size_t kGroups, bool kWhole, bool kSigned>
HWY_NOINLINE void tiles(const RowWork& row) {
  const auto& axis = row.shape->x;
  const std::size_t channels = row.what->channels;
  point_inside(row);
  for (std::size_t at_x = 0; at_x < axis.output; at_x += kOutputs) {
    const std::size_t first = at_x * axis.stride;
    auto* const y = row.y + at_x * channels + row.block->first;
    const std::size_t left = axis.output - at_x;
    const bool is_inside = first >= axis.pad && first - axis.pad + row.layout->span <= axis.input;
    if (is_inside && left >= kOutputs) {
      const Taps taps = {row.inside, (first - axis.pad) * channels};
      any_tile<kWidth, kOutputs, kGroups, kWhole, kSigned, true>(row, taps, y, kOutputs);
    } else {
      point_at_edge(row, first);
      any_tile<kWidth, kOutputs, kGroups, kWhole, kSigned, false>(row, {row.at_edge, 0}, y,
                                                                  std::min(left, kOutputs));
    }
  }
}

template <std::size_t kWidth, std::size_t kOutputs, std::size_t kGroups>
void tiles_of(const RowWork& row) {
  const bool is_signed = row.what->flip != 0;
#if HWY_TARGET <= HWY_AVX3
  if (row.block->count < kWidth) {
    is_signed ? tiles<kWidth, kOutputs, kGroups, false, true>(row)
              : tiles<kWidth, kOutputs, kGroups, false, false>(row);
    return;
  }
#endif
  is_signed ? tiles<kWidth, kOutputs, kGroups, true, true>(row)
            : tiles<kWidth, kOutputs, kGroups, true, false>(row);
}

template <std::size_t kWidth>
void tiles_of_width(const RowWork& row) {
  // 3 x 3, by far the most frequent, with its loop unrolled.
  const bool is_small = row.layout->taps.size() == kSmallGroups * kGroup;
#if HWY_TARGET == HWY_AVX3_DL
  if (row.layout->outputs == 4) {
    return tiles_of<kWidth, 4, 0>(row);
  }
  if (row.layout->outputs == 2) {
    return is_small ? tiles_of<kWidth, 2, kSmallGroups>(row) : tiles_of<kWidth, 2, 0>(row);
  }
#endif
  is_small ? tiles_of<kWidth, 1, kSmallGroups>(row) : tiles_of<kWidth, 1, 0>(row);
}

void depthwise_row(const RowWork& row) {
#if HWY_TARGET <= HWY_AVX3
  if (row.block->width == 64) {
    return tiles_of_width<64>(row);
  }
#endif
#if HWY_TARGET <= HWY_AVX2
  if (row.block->width == 32) {
    return tiles_of_width<32>(row);
  }
#endif
  tiles_of_width<16>(row);
}

void depthwise_rows(const Depthwise& what, const Layout& layout, const ConvShape& shape,
                    const std::uint8_t* x, std::uint8_t* y, std::size_t begin, std::size_t end) {
#if HWY_TARGET == HWY_AVX3_DL
  if (layout.quads > 0) {
    return depthwise_quads(what, layout, shape, x, y, begin, end);
  }
#endif
  const std::vector<std::uint8_t> padding(std::max<std::size_t>(1, shape.x.input) * what.channels,
                                          static_cast<std::uint8_t>(what.zero_x ^ what.flip));
  std::vector<const std::uint8_t*> inside(layout.taps.size());
  std::vector<const std::uint8_t*> at_edge(layout.taps.size());
  RowWork row = {.what = &what,
                 .layout = &layout,
                 .shape = &shape,
                 .padding = padding.data(),
                 .inside = inside.data(),
                 .at_edge = at_edge.data()};
  for (std::size_t at = begin; at < end; ++at) {
    row.image = x + at / shape.y.output * shape.y.input * shape.x.input * what.channels;
    row.at_y = at % shape.y.output;
    row.y = y + at * shape.x.output * what.channels;
    for (const auto& block : layout.blocks) {
      row.block = &block;
      depthwise_row(row);
    }
  }
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace tessera::kernels {
namespace reference {
namespace {
void depthwise_rows(const Depthwise& what, const PackedDepthwise::Layout& /*layout*/,
                    const ConvShape& shape, const std::uint8_t* x, std::uint8_t* y,
                    std::size_t begin, std::size_t end) {
  depthwise(what, shape, x, y, begin, end, 0);
}
}  // namespace
}  // namespace reference
namespace {

using Layout = PackedDepthwise::Layout;
using Block = PackedDepthwise::Block;

TESSERA_KERNELS_TABLE(depthwise_rows_of, depthwise_rows)

/// Whole vectors of the widths that a target has; what is less than the shortest one is a block
/// that begins earlier and computes some channels once more, or (`masks`) one that is not full.
void cut_into_blocks(Layout& layout, std::size_t channels, std::size_t widest, bool masks) {
  std::size_t first = 0;
  while (first < channels) {
    const std::size_t left = channels - first;
    std::size_t width = widest;
    while (width > 16 && (masks ? left <= width / 2 : left < width)) {
      width /= 2;
    }
    if (left < width && !masks) {
      if (channels < width) {
        break;
      }
      first = channels - width;
    }
    const std::size_t count = std::min(width, channels - first);
    layout.blocks.push_back({.first = first, .count = count, .width = width});
    first += count;
  }
  layout.rest = channels - first;
}

/// Results of a tile whose columns fill groups of four without a gap.
std::size_t outputs_for(std::size_t kernel_x) {
  return kernel_x == 3 || kernel_x == 7 ? 2 : kernel_x == 5 ? 4 : 1;
}

void lay_out_taps(Layout& layout, const Depthwise& what, std::size_t dilation_x) {
  const std::size_t columns =
      layout.outputs == 1 ? what.kernel_x : what.kernel_x + layout.outputs - 1;
  for (std::size_t row = 0; row < what.kernel_y; ++row) {
    for (std::size_t column = 0; column < columns; ++column) {
      layout.taps.push_back({row, column * dilation_x, true});
    }
  }
  while (layout.taps.size() % layout.group != 0) {
    layout.taps.push_back({0, 0, false});  // reads what the first one reads
  }
  layout.span = (columns - 1) * dilation_x + 1;
}

/// The weight of a tap for a result of the tile; 0 where the kernel of that result does not reach.
std::int8_t weight_at(const Depthwise& what, const PackedDepthwise::Tap& tap, std::size_t output,
                      std::size_t dilation_x, std::size_t channel) {
  const std::size_t column = tap.column / dilation_x;
  if (!tap.is_used || column < output || column - output >= what.kernel_x) {
    return 0;
  }
  return what.weights[(tap.row * what.kernel_x + column - output) * what.channels + channel];
}

/// Channel of a block by vector and lane of its accumulators: see Quarters.
std::size_t channel_of(std::size_t vector, std::size_t lane) {
  return lane / 4 * 16 + vector * 4 + lane % 4;
}

void pack_block(Layout& layout, Block& block, const Depthwise& what, std::size_t dilation_x) {
  block.line = layout.lines.size();
  block.lanes = layout.bias.size();
  for (std::size_t i = 0; i < block.width; ++i) {
    const std::size_t channel = channel_of(i / (block.width / 4), i % (block.width / 4));
    const bool is_there = channel < block.count;
    layout.bias.push_back(is_there ? what.bias[block.first + channel] : 0);
    layout.scale.push_back(is_there ? what.scale[block.first + channel] : 0);
  }
  std::vector<std::uint8_t> bytes;
  for (std::size_t first = 0; first < layout.taps.size(); first += layout.group) {
    for (std::size_t output = 0; output < layout.outputs; ++output) {
      for (std::size_t i = 0; i < block.width; ++i) {
        const std::size_t channel = channel_of(i / (block.width / 4), i % (block.width / 4));
        for (std::size_t k = 0; k < layout.group; ++k) {
          const auto weight = channel < block.count
                                  ? weight_at(what, layout.taps[first + k], output, dilation_x,
                                              block.first + channel)
                                  : std::int8_t{0};
          bytes.push_back(static_cast<std::uint8_t>(weight));
          if (layout.group == 2) {
            bytes.push_back(weight < 0 ? 0xFF : 0);  // the upper byte of 16 bits
          }
        }
      }
    }
  }
  layout.lines.resize(block.line + bytes.size() / sizeof(PackedDepthwise::Line));
  std::memcpy(layout.lines[block.line].bytes, bytes.data(), bytes.size());
}

/// Groups of four rows of the image that two rows of the output read; 0 where most of their bytes
/// would be read in vain.
std::size_t quads_for(std::size_t kernel_y) {
  return kernel_y < 3 || kernel_y % 4 == 0 ? 0 : (kernel_y + 1 + 3) / 4;
}

/// Blocks of several pixels where channels are fewer than a vector's bytes.
void cut_into_quad_blocks(Layout& layout, std::size_t channels) {
  std::size_t first = 0;
  while (first < channels) {
    const std::size_t left = channels - first;
    const std::size_t width = left > 48 ? 64 : left > 16 ? 32 : 16;
    const std::size_t count = std::min(width, left);
    layout.blocks.push_back({.first = first, .count = count, .width = width});
    first += count;
  }
}

/// Weight of row `row` of the image for row `output` of two rows of the output.
std::int8_t quad_weight(const Depthwise& what, std::size_t row, std::size_t output,
                        std::size_t column, std::size_t channel) {
  if (row < output || row - output >= what.kernel_y) {
    return 0;
  }
  return what.weights[((row - output) * what.kernel_x + column) * what.channels + channel];
}

void pack_quad_block(Layout& layout, Block& block, const Depthwise& what) {
  constexpr std::size_t kBytes = sizeof(PackedDepthwise::Line);
  block.line = layout.lines.size();
  block.lanes = layout.bias.size();
  // Channel of the block by vector and lane; several pixels have the same ones.
  const auto channel_at = [&](std::size_t vector, std::size_t lane) {
    return channel_of(vector, lane) % block.width;
  };
  for (std::size_t i = 0; i < kBytes; ++i) {
    const std::size_t channel = channel_at(i / 16, i % 16);
    const bool is_there = channel < block.count;
    layout.bias.push_back(is_there ? what.bias[block.first + channel] : 0);
    layout.scale.push_back(is_there ? what.scale[block.first + channel] : 0);
  }
  for (std::size_t i = 0; i < layout.quads * what.kernel_x * 4; ++i) {
    const std::size_t quad = i / 4 / what.kernel_x;
    const std::size_t column = i / 4 % what.kernel_x;
    for (const std::size_t output : {std::size_t{0}, std::size_t{1}}) {
      auto& line = layout.lines.emplace_back();
      for (std::size_t k = 0; k < kBytes; ++k) {
        const std::size_t channel = channel_at(i % 4, k / 4);
        line.bytes[k] = channel < block.count
                            ? static_cast<std::uint8_t>(quad_weight(what, quad * 4 + k % 4, output,
                                                                    column, block.first + channel))
                            : std::uint8_t{0};
      }
    }
  }
}

/// Whether sums and what they are scaled to stay within 31 bits, whatever the image. The loops do
/// without clamping before they convert; sums that wrap around are left to the reference, too.
bool fits(const Depthwise& what) {
  const std::size_t taps = what.kernel_y * what.kernel_x;
  for (std::size_t c = 0; c < what.channels; ++c) {
    double largest = std::abs(static_cast<double>(what.bias[c]));
    for (std::size_t tap = 0; tap < taps; ++tap) {
      largest += 255.0 * std::abs(what.weights[tap * what.channels + c]);
    }
    constexpr double kLimit = 0x1p30;
    if (largest >= kLimit || largest * static_cast<double>(what.scale[c]) >= kLimit) {
      return false;
    }
  }
  return true;
}

}  // namespace

Depthwise depthwise_of(std::size_t channels, std::size_t kernel_y, std::size_t kernel_x,
                       const std::int8_t* weights, const std::int32_t* bias,
                       std::vector<float> scale, Quantization x, Quantization y, bool is_signed) {
  const std::size_t taps = kernel_y * kernel_x;
  Depthwise what = {.channels = channels, .kernel_y = kernel_y, .kernel_x = kernel_x};
  what.scale = std::move(scale);
  what.flip = is_signed ? 0x80 : 0;
  what.zero_x = x.zero + what.flip;
  what.zero_y = y.zero + what.flip;
  what.weights.resize(taps * channels);
  what.bias.resize(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    auto sum = static_cast<std::uint32_t>(bias == nullptr ? 0 : bias[c]);
    for (std::size_t tap = 0; tap < taps; ++tap) {
      const auto weight = weights[c * taps + tap];
      what.weights[tap * channels + c] = weight;
      sum -= static_cast<std::uint32_t>(what.zero_x * weight);
    }
    what.bias[c] = static_cast<std::int32_t>(sum);
  }
  return what;
}

PackedDepthwise::PackedDepthwise(Target target, Depthwise what, std::size_t stride_x,
                                 std::size_t dilation_x)
    : target_(fits(what) ? target : Target::kScalar), what_(std::move(what)) {
  if (target_ == Target::kScalar) {
    return;
  }
  const bool has_dots = target == Target::kAvx3Dl;
  const bool has_masks = has_dots || target == Target::kAvx3;
  if (has_dots && stride_x == 1 && dilation_x == 1) {
    layout_.quads = quads_for(what_.kernel_y);
  }
  if (layout_.quads > 0) {
    cut_into_quad_blocks(layout_, what_.channels);
    for (auto& block : layout_.blocks) {
      pack_quad_block(layout_, block, what_);
    }
    return;
  }
  layout_.group = has_dots ? 4 : 2;
  layout_.outputs = has_dots && stride_x == 1 && dilation_x == 1 ? outputs_for(what_.kernel_x) : 1;
  lay_out_taps(layout_, what_, dilation_x);
  cut_into_blocks(layout_, what_.channels,
                  has_masks                 ? 64
                  : target == Target::kAvx2 ? 32
                                            : 16,
                  has_masks);
  for (auto& block : layout_.blocks) {
    pack_block(layout_, block, what_, dilation_x);
  }
}

void PackedDepthwise::run(const ConvShape& shape, const std::uint8_t* x, std::uint8_t* y,
                          std::size_t begin, std::size_t end) const {
  depthwise_rows_of(target_)(what_, layout_, shape, x, y, begin, end);
  if (layout_.rest > 0) {
    reference::depthwise(what_, shape, x, y, begin, end, what_.channels - layout_.rest);
  }
}

}  // namespace tessera::kernels
#endif  // HWY_ONCE
