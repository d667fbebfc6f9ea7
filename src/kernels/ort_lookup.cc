// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "kernels/lookup.h"
#include "kernels/operators.h"

namespace tessera::kernels {
namespace {

/// Bytes that a thread takes at once: less is done sooner than a thread wakes.
constexpr std::size_t kBytesPerTask = std::size_t{1} << 16;

/// Pixels that are not cut apart: as many as fill vectors, unless that is more than a task.
std::size_t bytes_of_pixels(std::size_t channels) {
  constexpr std::size_t kPixels = 64;
  return channels <= kBytesPerTask / kPixels ? kPixels * channels : channels;
}

/// What a table's shape says: channels, or 0 for one table for all.
Outcome<std::size_t> channels_of(const Shape& table) {
  const bool one = table.size() == 1 && table[0] == std::int64_t{kTableSize};
  const bool several = table.size() == 2 && table[1] == std::int64_t{kTableSize};
  if (!one && !several) {
    return problem("the table has the shape ", text_of(table), "; 256 or Cx256 was expected");
  }
  return one ? 0 : static_cast<std::size_t>(table[0]);
}

/// The axis of the channels in X, if its extent there (unless that is unknown, -1) is their number.
Outcome<std::size_t> channel_axis(const Shape& x, std::int64_t axis, std::size_t channels) {
  TESSERA_KERNELS_TRY(const auto at, axis_of(axis, x.size()));
  if (x[at] >= 0 && x[at] != static_cast<std::int64_t>(channels)) {
    return problem("the table has ", channels, " channels, and X (", text_of(x), ") has ", x[at],
                   " along axis ", axis);
  }
  return at;
}

class LookupKernel : public Kernel {
 public:
  LookupKernel(Target target, std::int64_t axis, bool is_signed)
      : target_(target), axis_(axis), is_signed_(is_signed) {}

  [[nodiscard]] Outcome<void> run(const Run& run) const override {
    TESSERA_KERNELS_TRY(const auto x, run.input(0));
    TESSERA_KERNELS_TRY(const auto table, run.input(1));
    TESSERA_KERNELS_TRY(const auto channels, channels_of(table.shape));
    std::size_t axis = 0;
    if (table.shape.size() == 2) {
      TESSERA_KERNELS_TRY(axis, channel_axis(x.shape, axis_, channels));
    }
    TESSERA_KERNELS_TRY(auto* const y, run.output(x.shape));
    if (x.count() == 0) {
      return {};
    }
    auto* const to = static_cast<std::uint8_t*>(y);
    return table.count() == kTableSize ? run_one(run, x, table, to)
                                       : run_channels(run, x, axis, table, to);
  }

 private:
  Outcome<void> run_one(const Run& run, const TensorIn& x, const TensorIn& table,
                        std::uint8_t* to) const {
    std::array<std::uint8_t, kTableSize> by_byte;
    std::copy_n(table.as<std::uint8_t>(), kTableSize, by_byte.begin());
    if (is_signed_) {
      // Entry 0 belongs to -128, whose byte is 128.
      std::rotate(by_byte.begin(), by_byte.begin() + kTableSize / 2, by_byte.end());
    }
    const std::size_t count = x.count();
    return run.each((count + kBytesPerTask - 1) / kBytesPerTask, [&](std::size_t task) {
      const std::size_t begin = task * kBytesPerTask;
      lookup(target_,
             {.from = x.as<std::uint8_t>() + begin,
              .to = to + begin,
              .count = 1,
              .width = std::min(kBytesPerTask, count - begin)},
             by_byte.data());
    });
  }

  Outcome<void> run_channels(const Run& run, const TensorIn& x, std::size_t axis,
                             const TensorIn& table, std::uint8_t* to) const {
    const ChannelLookup work = {.from = x.as<std::uint8_t>(),
                                .to = to,
                                .channels = static_cast<std::size_t>(x.shape[axis]),
                                .inner = count_of(std::span(x.shape).subspan(axis + 1)),
                                .tables = table.as<std::uint8_t>(),
                                .flip = static_cast<std::uint8_t>(is_signed_ ? 0x80 : 0)};
    const std::size_t count = x.count();
    const std::size_t unit = work.inner == 1 ? bytes_of_pixels(work.channels) : 1;
    const std::size_t per_task = std::max<std::size_t>(1, kBytesPerTask / unit) * unit;
    return run.each((count + per_task - 1) / per_task, [&](std::size_t task) {
      const std::size_t begin = task * per_task;
      lookup_channels(target_, work, begin, std::min(begin + per_task, count));
    });
  }

  Target target_;
  std::int64_t axis_;
  bool is_signed_;
};

template <bool kSigned>
Outcome<std::unique_ptr<Kernel>> create(const Node& node, Target target) {
  const auto axis = node.integer("axis").value_or(-1);
  TESSERA_KERNELS_TRY(const auto table, node.constant(1));
  if (table) {
    TESSERA_KERNELS_TRY(const auto channels, channels_of(table->shape));
    TESSERA_KERNELS_TRY(const auto x, node.declared_shape(0));
    if (table->shape.size() == 2 && x) {
      TESSERA_KERNELS_CHECK(channel_axis(*x, axis, channels));
    }
  }
  return std::unique_ptr<Kernel>(std::make_unique<LookupKernel>(target, axis, kSigned));
}

std::optional<Inference::Extents> infer(const Inference& inference) {
  return inference.input(0);
}

}  // namespace

std::vector<Description> lookup_operators() {
  constexpr auto kUnsigned = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
  constexpr auto kSigned = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8;
  std::vector<Description> all;
  for (const auto x : {kUnsigned, kSigned}) {
    for (const auto table : {kUnsigned, kSigned}) {
      all.push_back({.name = "Lookup",
                     .inputs = {{x}, {table}},
                     .output = table,
                     .type_from = 1,
                     .in_place = true,
                     .create = x == kSigned ? create<true> : create<false>,
                     .infer = infer});
    }
  }
  return all;
}

}  // namespace tessera::kernels
