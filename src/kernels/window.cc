// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/window.h"

#include <algorithm>

namespace tessera::kernels {

Outcome<ConvAxis> window_axis(const Window& a, std::size_t axis, std::int64_t input,
                              std::int64_t kernel) {
  const std::int64_t reach = (kernel - 1) * a.dilation[axis] + 1;
  const std::int64_t stride = a.stride[axis];
  const bool same = a.auto_pad == AutoPad::kSameUpper || a.auto_pad == AutoPad::kSameLower;
  std::int64_t pad = a.auto_pad == AutoPad::kNone ? a.pad[axis] : 0;
  std::int64_t behind = a.auto_pad == AutoPad::kNone ? a.pad[axis + 2] : 0;
  if (same) {
    const std::int64_t output = (input + stride - 1) / stride;
    const std::int64_t total = std::max<std::int64_t>(0, (output - 1) * stride + reach - input);
    pad = a.auto_pad == AutoPad::kSameUpper ? total / 2 : total - total / 2;
    behind = total - pad;
  }
  const std::int64_t room = input + pad + behind - reach;
  if (room < 0) {
    return problem("the kernel reaches over ", reach, " pixels, and the padded image has ",
                   input + pad + behind);
  }
  return ConvAxis{.input = static_cast<std::size_t>(input),
                  .output = static_cast<std::size_t>(room / stride + 1),
                  .kernel = static_cast<std::size_t>(kernel),
                  .stride = static_cast<std::size_t>(stride),
                  .dilation = static_cast<std::size_t>(a.dilation[axis]),
                  .pad = static_cast<std::size_t>(pad)};
}

}  // namespace tessera::kernels
