// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/pool.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/reference.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pool.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#if HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
#include "kernels/vectors-inl.h"
HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

template <class T, class Load>
HWY_INLINE hn::Vec<hn::ScalableTag<std::uint8_t>> largest_vector(const std::uint8_t* const* rows,
                                                                 std::size_t row_count,
                                                                 const Load& load) {
  const hn::ScalableTag<std::uint8_t> d;
  const hn::ScalableTag<T> dt;
  auto value = hn::BitCast(dt, load(rows[0]));
  for (std::size_t row = 1; row < row_count; ++row) {
    value = hn::Max(value, hn::BitCast(dt, load(rows[row])));
  }
  return hn::BitCast(d, value);
}

template <class T>
void largest_of(const std::uint8_t* const* rows, std::size_t row_count, std::uint8_t* to,
                std::size_t count) {
  const hn::ScalableTag<std::uint8_t> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto load = [&](const std::uint8_t* from) HWY_ATTR { return hn::LoadU(d, from + i); };
    hn::StoreU(largest_vector<T>(rows, row_count, load), d, to + i);
  }
  if (i < count) {
    const auto load = [&](const std::uint8_t* from)
                          HWY_ATTR { return load_first(d, from + i, count - i); };
    store_first(largest_vector<T>(rows, row_count, load), d, to + i, count - i);
  }
}

void largest(const std::uint8_t* const* rows, std::size_t row_count, std::uint8_t* to,
             std::size_t count, std::uint8_t flip) {
  if (row_count == 0) {
    std::memset(to, flip, count);
  } else if (flip == 0) {
    largest_of<std::uint8_t>(rows, row_count, to, count);
  } else {
    largest_of<std::int8_t>(rows, row_count, to, count);
  }
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace tessera::kernels {
namespace {

TESSERA_KERNELS_TABLE(largest_for, largest)

/// Beginnings of what a window has of an axis: `data` + place * `step`, the padding left out.
void gather(const ConvAxis& axis, std::size_t output, const std::uint8_t* data, std::size_t step,
            std::vector<const std::uint8_t*>& found) {
  found.clear();
  for (std::size_t tap = 0; tap < axis.kernel; ++tap) {
    const std::size_t padded = output * axis.stride + tap * axis.dilation;
    if (padded >= axis.pad && padded - axis.pad < axis.input) {
      found.push_back(data + (padded - axis.pad) * step);
    }
  }
}

}  // namespace

void largest(Target target, const std::uint8_t* const* rows, std::size_t row_count,
             std::uint8_t* to, std::size_t count, std::uint8_t flip) {
  largest_for(target)(rows, row_count, to, count, flip);
}

void max_pool(Target target, const ConvShape& shape, std::uint8_t flip, const std::uint8_t* x,
              std::uint8_t* y, std::size_t begin, std::size_t end) {
  const auto work = largest_for(target);
  const std::size_t row_bytes = shape.x.input * shape.channels;
  std::vector<std::uint8_t> row(row_bytes);  // largest by column of the image
  std::vector<const std::uint8_t*> found;
  for (std::size_t at = begin; at < end; ++at) {
    gather(shape.y, at % shape.y.output, x + at / shape.y.output * shape.y.input * row_bytes,
           row_bytes, found);
    work(found.data(), found.size(), row.data(), row_bytes, flip);
    for (std::size_t at_x = 0; at_x < shape.x.output; ++at_x) {
      gather(shape.x, at_x, row.data(), shape.channels, found);
      work(found.data(), found.size(), y + (at * shape.x.output + at_x) * shape.channels,
           shape.channels, flip);
    }
  }
}

}  // namespace tessera::kernels
#endif  // HWY_ONCE
