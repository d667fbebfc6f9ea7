// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/binary.h"
#include "kernels/target.h"

/// Depthwise convolution of bytes with the channels last: every channel by its own kernel. All
/// bytes of activations are unsigned in here, as in binary.h.
namespace tessera::kernels {

/// Extents and steps along one axis of the image.
struct ConvAxis {
  std::size_t input = 0;
  std::size_t output = 0;
  std::size_t kernel = 1;
  std::size_t stride = 1;
  std::size_t dilation = 1;
  std::size_t pad = 0;  ///< in front
};

struct ConvShape {
  std::size_t batch = 1;
  std::size_t channels = 1;
  ConvAxis y;
  ConvAxis x;
};

/// What a convolution computes, channel by channel:
/// acc = bias + sum over the taps of (x - zero_x) * weight, in 32 bits that wrap around;
/// y = clamp(round(clamp(float(acc) * scale, -zero_y, 255 - zero_y)) + zero_y), half to even.
struct Depthwise {
  std::size_t channels = 0;
  std::size_t kernel_y = 1;
  std::size_t kernel_x = 1;
  std::vector<std::int8_t> weights;  ///< [kernel_y * kernel_x][channels]
  /// Bias less zero_x times the sum of the channel's weights: the taps then are x * weight.
  std::vector<std::int32_t> bias;
  std::vector<float> scale;
  std::int32_t zero_x = 0;  ///< what the padding is
  std::int32_t zero_y = 0;
  std::uint8_t flip = 0;  ///< 128 for int8
};

/// `weights` [channels][kernel_y * kernel_x], `bias` [channels] or null, `scale` [channels].
[[nodiscard]] Depthwise depthwise_of(std::size_t channels, std::size_t kernel_y,
                                     std::size_t kernel_x, const std::int8_t* weights,
                                     const std::int32_t* bias, std::vector<float> scale,
                                     Quantization x, Quantization y, bool is_signed);

/// A convolution with its weights in the order of a target's loops. Where four taps are multiplied
/// at once and columns are neighbours in memory and in the kernel, four rows of the image are laid
/// side by side for two rows of the output (`quads`). Otherwise a loop computes a tile, some
/// neighbouring results of a row, for a block of channels, a vector of bytes. It multiplies a group
/// of taps at once. Where the columns are neighbours, a group is columns that all results of the
/// tile share, each with weights that are shifted by its place in the tile and 0 elsewhere;
/// otherwise tiles are of one result, and a group is any taps.
class PackedDepthwise {
 public:
  /// Sums or results that 32 bits might not hold are left to the reference: see fits().
  PackedDepthwise(Target target, Depthwise what, std::size_t stride_x, std::size_t dilation_x);

  /// Rows `begin` to `end` of batch * y.output; an even number of them is cheaper. Cost with VNNI
  /// and stride 1: 25 multiply-accumulates a cycle for 3 x 3, 35 for 5 x 5, 50 for 7 x 7, if 16, 32
  /// or 64 divides the channels; about 10 with stride 2.
  void run(const ConvShape& shape, const std::uint8_t* x, std::uint8_t* y, std::size_t begin,
           std::size_t end) const;

  /// What a tile reads for one of a group's places.
  struct Tap {
    std::size_t row = 0;     ///< of the kernel
    std::size_t column = 0;  ///< of the image, from the tile's first one on
    bool is_used = false;    ///< false: fills up a group, with weights of 0
  };
  struct Block {
    std::size_t first = 0;  ///< channel
    std::size_t count = 0;  ///< channels, at most `width`
    std::size_t width = 0;  ///< bytes of the vectors: 16, 32 or 64
    std::size_t line = 0;   ///< where its weights begin
    std::size_t lanes = 0;  ///< where its biases and scales begin
  };
  /// A whole line of the cache, so that no load of weights touches two.
  struct alignas(64) Line {
    std::uint8_t bytes[64];
  };
  struct Layout {
    std::size_t quads = 0;    ///< groups of four rows: see depthwise_quads-inl.h; 0: not used
    std::size_t group = 1;    ///< taps that one instruction multiplies and adds: 4, or 2
    std::size_t outputs = 1;  ///< results of a tile
    std::vector<Tap> taps;    ///< a multiple of `group`
    std::size_t span = 0;     ///< columns of the image from the first to behind the last tap
    std::vector<Block> blocks;
    std::size_t rest = 0;  ///< channels in front of which the blocks end; the reference does them
    std::vector<Line> lines;  ///< the weights
    std::vector<std::int32_t> bias;
    std::vector<float> scale;
  };

 private:
  Target target_;
  Depthwise what_;
  Layout layout_;
};

}  // namespace tessera::kernels
