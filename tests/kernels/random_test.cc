// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "kernels/binary.h"
#include "kernels/cases.h"
#include "kernels/depthwise.h"
#include "kernels/lookup.h"
#include "kernels/pool.h"
#include "kernels/reference.h"

/// A million small cases of each operator's loops: every target writes what the reference writes,
/// and not one byte behind it.
namespace tessera::kernels {
namespace {

using testing::Bytes;

#ifdef TESSERA_SANITIZED
constexpr int kCases = 10'000;
#else
constexpr int kCases = 1'000'000;
#endif

constexpr std::uint8_t kUntouched = 0x5A;

/// Random numbers that cost next to nothing, and bytes from anywhere in a pool of them.
class Draws {
 public:
  explicit Draws(std::uint32_t seed) : state_(seed), pool_(testing::Cases(seed).bytes(kPool)) {}

  std::uint32_t next() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::uint32_t>(state_ >> 33);
  }
  /// From `low` to `high`, both included.
  std::size_t in(std::size_t low, std::size_t high) { return low + next() % (high - low + 1); }
  bool one_of(std::uint32_t count) { return next() % count == 0; }
  /// Valid until the pool dies.
  const std::uint8_t* bytes(std::size_t count) { return pool_.data() + in(0, kPool - count); }
  /// Powers of two times something, of usual networks.
  float scale() {
    return std::ldexp(1 + static_cast<float>(next() % 1024) / 1024, -static_cast<int>(in(2, 9)));
  }
  Quantization quantization(bool is_signed) {
    const float s = scale();
    return {s, static_cast<std::int32_t>(in(0, 255)) - (is_signed ? 128 : 0)};
  }

 private:
  static constexpr std::size_t kPool = std::size_t{1} << 18;
  std::uint64_t state_;
  Bytes pool_;
};

/// loops(target, to) and reference(to) write `count` bytes each.
template <class Reference, class Loops>
void compare(std::size_t count, const Reference& reference, const Loops& loops) {
  static Bytes expected;
  static Bytes found;
  expected.assign(count + 1, kUntouched);
  reference(expected.data());
  for (const auto target : targets()) {
    found.assign(count + 1, kUntouched);
    loops(target, found.data());
    ASSERT_EQ(found, expected) << name_of(target);
  }
}

template <class Case>
void repeat(std::uint32_t seed, const Case& one_case) {
  Draws draws(seed);
  for (int i = 0; i < kCases; ++i) {
    one_case(draws);
    if (::testing::Test::HasFatalFailure()) {
      FAIL() << "case " << i;
    }
  }
}

TEST(KernelsRandomSlow, Lookup) {
  repeat(1, [](Draws& draws) {
    const std::size_t count = draws.in(0, 4);
    const std::size_t width = draws.in(0, draws.one_of(8) ? 300 : 70);
    Rows rows = {.from_step = width + draws.in(0, 1) * draws.in(0, 9),
                 .to_step = width + draws.in(0, 1) * draws.in(0, 9),
                 .count = count,
                 .width = width};
    rows.from = draws.bytes(count * rows.from_step + 1);
    const auto* const table = draws.bytes(kTableSize);
    const bool is_copy = draws.one_of(4);
    compare(
        count * rows.to_step,
        [&](std::uint8_t* to) {
          rows.to = to;
          is_copy ? reference::copy(rows) : reference::lookup(rows, table);
        },
        [&](Target target, std::uint8_t* to) {
          rows.to = to;
          is_copy ? copy(target, rows) : lookup(target, rows, table);
        });
  });
}

TEST(KernelsRandomSlow, LookupByChannel) {
  repeat(2, [](Draws& draws) {
    const std::size_t channels = draws.in(1, draws.one_of(4) ? 100 : 20);
    const std::size_t inner = draws.one_of(2) ? 1 : draws.in(2, 70);
    const std::size_t largest = draws.one_of(16) ? 4000 : 400;
    const std::size_t outer = draws.in(0, std::max<std::size_t>(1, largest / (channels * inner)));
    const std::size_t count = outer * channels * inner;
    const std::size_t unit = inner == 1 ? channels : 1;
    const std::size_t middle = draws.in(0, count / unit) * unit;
    ChannelLookup work = {.from = draws.bytes(count + 1),
                          .channels = channels,
                          .inner = inner,
                          .tables = draws.bytes(channels * kTableSize),
                          .flip = static_cast<std::uint8_t>(draws.one_of(2) ? 0x80 : 0)};
    compare(
        count,
        [&](std::uint8_t* to) {
          work.to = to;
          reference::lookup_channels(work, 0, count);
        },
        [&](Target target, std::uint8_t* to) {
          work.to = to;
          lookup_channels(target, work, middle, count);
          lookup_channels(target, work, 0, middle);
        });
  });
}

template <class Plan, class Reference, class Loops>
void repeat_binary(std::uint32_t seed,
                   Outcome<Plan> (*make)(Quantization, Quantization, Quantization, bool),
                   const Reference& reference, const Loops& loops) {
  repeat(seed, [&](Draws& draws) {
    const bool is_signed = draws.one_of(2);
    const auto a = draws.quantization(is_signed);
    const auto b = draws.quantization(is_signed);
    const auto plan = make(a, b, draws.quantization(is_signed), is_signed);
    ASSERT_TRUE(plan) << plan.error();
    const std::size_t count = draws.in(0, draws.one_of(8) ? 300 : 140);
    const auto* const left = draws.bytes(count + 1);
    const auto* const right = draws.bytes(count + 1);
    compare(
        count, [&](std::uint8_t* to) { reference(*plan, left, right, to, count); },
        [&](Target target, std::uint8_t* to) { loops(target, *plan, left, right, to, count); });
  });
}

TEST(KernelsRandomSlow, Sum) {
  repeat_binary(3, sum_of, reference::add, add);
}

TEST(KernelsRandomSlow, Product) {
  repeat_binary(4, product_of, reference::multiply, multiply);
}

TEST(KernelsRandomSlow, LargestOfRows) {
  repeat(5, [](Draws& draws) {
    const std::size_t count = draws.in(0, 150);
    const std::uint8_t* rows[6];
    const std::size_t row_count = draws.in(0, std::size(rows));
    for (auto& row : rows) {
      row = draws.bytes(count + 1);
    }
    const auto flip = static_cast<std::uint8_t>(draws.one_of(2) ? 0x80 : 0);
    compare(
        count, [&](std::uint8_t* to) { reference::largest(rows, row_count, to, count, flip); },
        [&](Target target, std::uint8_t* to) {
          largest(target, rows, row_count, to, count, flip);
        });
  });
}

ConvAxis axis(Draws& draws, std::size_t largest) {
  constexpr std::size_t kKernels[] = {1, 2, 3, 3, 3, 3, 4, 5, 7};
  ConvAxis a;
  a.kernel = kKernels[draws.in(0, std::size(kKernels) - 1)];
  a.stride = draws.one_of(4) ? 2 : 1;
  a.dilation = draws.one_of(8) ? 2 : 1;
  a.pad = draws.in(0, a.kernel / 2 + (draws.one_of(8) ? a.kernel : 0));
  const std::size_t reach = (a.kernel - 1) * a.dilation + 1;
  a.input = draws.in(1, largest);
  const std::size_t padded = std::max(a.input + 2 * a.pad, reach);
  a.output = (padded - reach) / a.stride + 1;
  return a;
}

TEST(KernelsRandomSlow, Depthwise) {
  repeat(6, [](Draws& draws) {
    const bool is_signed = draws.one_of(2);
    const std::size_t channels = draws.in(1, draws.one_of(64) ? 130 : draws.one_of(8) ? 40 : 5);
    const std::size_t most = channels > 5 ? 3 : 6;
    const ConvShape shape = {
        .channels = channels, .y = axis(draws, most), .x = axis(draws, 2 * most)};
    const std::size_t taps = shape.y.kernel * shape.x.kernel;
    const auto* const bytes = draws.bytes(channels * taps);
    const std::vector<std::int8_t> weights(bytes, bytes + channels * taps);
    const std::vector<std::int32_t> bias(channels, static_cast<std::int32_t>(draws.in(0, 9999)));
    std::vector<float> scale(channels, draws.scale() / 16);
    scale[draws.in(0, channels - 1)] = draws.scale() / 64;
    const auto x = draws.quantization(is_signed);
    const auto y = draws.quantization(is_signed);
    const auto what = depthwise_of(channels, shape.y.kernel, shape.x.kernel, weights.data(),
                                   bias.data(), scale, x, y, is_signed);
    const auto* const image = draws.bytes(shape.y.input * shape.x.input * channels);
    const std::size_t rows = shape.y.output;
    const std::size_t middle = draws.in(0, rows);
    compare(
        rows * shape.x.output * channels,
        [&](std::uint8_t* to) { reference::depthwise(what, shape, image, to, 0, rows, 0); },
        [&](Target target, std::uint8_t* to) {
          const PackedDepthwise packed(target, what, shape.x.stride, shape.x.dilation);
          packed.run(shape, image, to, middle, rows);
          packed.run(shape, image, to, 0, middle);
        });
  });
}

}  // namespace
}  // namespace tessera::kernels
