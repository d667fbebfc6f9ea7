// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/depthwise.h"
#include "kernels/outcome.h"

namespace tessera::kernels {

/// Beyond any image: what is larger would only overflow.
inline constexpr std::int64_t kLargestExtent = std::int64_t{1} << 24;
enum class AutoPad { kNone, kSameUpper, kSameLower, kValid };

/// Attributes of convolutions and pools, as ONNX has them; height before width.
struct Window {
  std::int64_t stride[2] = {1, 1};
  std::int64_t dilation[2] = {1, 1};
  std::int64_t pad[4] = {0, 0, 0, 0};  ///< in front, in front, behind, behind
  AutoPad auto_pad = AutoPad::kNone;
};

/// The list of that name, if there is one; source: a Node or an Inference.
template <std::size_t kCount, class Source>
Outcome<void> read_list(const Source& source, const char* name, std::int64_t lowest,
                        std::int64_t (&values)[kCount]) {
  const auto found = source.integers(name);
  if (!found || found->empty()) {
    return {};
  }
  if (found->size() != kCount) {
    return problem(name, " has ", found->size(), " numbers; ", kCount, " were expected");
  }
  for (std::size_t i = 0; i < kCount; ++i) {
    values[i] = (*found)[i];
    if (values[i] < lowest || values[i] > kLargestExtent) {
      return problem(name, " has ", values[i], "; ", lowest, " to ", kLargestExtent,
                     " was expected");
    }
  }
  return {};
}

template <class Source>
Outcome<Window> window_of(const Source& source) {
  Window a;
  TESSERA_KERNELS_CHECK(read_list(source, "strides", 1, a.stride));
  TESSERA_KERNELS_CHECK(read_list(source, "dilations", 1, a.dilation));
  TESSERA_KERNELS_CHECK(read_list(source, "pads", 0, a.pad));
  const auto word = source.string("auto_pad").value_or("NOTSET");
  if (word == "SAME_UPPER") {
    a.auto_pad = AutoPad::kSameUpper;
  } else if (word == "SAME_LOWER") {
    a.auto_pad = AutoPad::kSameLower;
  } else if (word == "VALID") {
    a.auto_pad = AutoPad::kValid;
  } else if (word != "NOTSET") {
    return problem("auto_pad is '", word,
                   "'; NOTSET, VALID, SAME_UPPER or SAME_LOWER was expected");
  }
  return a;
}

/// Axis 0 (height) or 1 (width) for an image and a kernel of these extents. Error: the kernel is
/// larger than the padded image.
[[nodiscard]] Outcome<ConvAxis> window_axis(const Window& a, std::size_t axis, std::int64_t input,
                                            std::int64_t kernel);

}  // namespace tessera::kernels
