// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/keras/quantizer.h"
#include "tessera/tensor/tensor.h"

/// Scales that QKeras takes from the data.
namespace tessera::keras {

/// Elements that share a scale: all, or those of one index of an axis.
struct Groups {
  std::size_t count = 1;
  std::size_t inner = 1;  ///< elements until the next group
  std::optional<std::int64_t> axis;
};

/// Calls `visit(element, group)` for each of so many elements, in their order.
template <class Visit>
void for_each_in_group(const Groups& groups, std::size_t elements, const Visit& visit) {
  std::size_t element = 0;
  if (groups.inner == 1) {
    // Row by row, so that compilers take several columns at once.
    for (; element + groups.count <= elements; element += groups.count) {
      for (std::size_t group = 0; group < groups.count; ++group) {
        visit(element + group, group);
      }
    }
  }
  // Counted on: a division for each element would take longer than what is done with it.
  while (element < elements) {
    for (std::size_t group = 0; group < groups.count; ++group) {
      const auto end = std::min(element + groups.inner, elements);
      for (; element < end; ++element) {
        visit(element, group);
      }
    }
  }
}

/// One group of all elements.
[[nodiscard]] Groups whole();
/// One group for each index of an axis, which the shape has.
[[nodiscard]] Groups along(const Shape& shape, std::int64_t axis);

/// Codes on a grid whose scale was searched: value = code * scale.
struct ScaledCodes {
  std::vector<float> codes;
  std::vector<float> scales;  ///< one per group
  Groups groups;
  float low = 0;
  float high = 0;
  float published = 1;  ///< QKeras' `scale` is that factor times the scale
};

/// Of a quantizer with ScaleRule::kAuto or kAutoPo2, or a trained scale; `values` are finite and
/// without denormals.
/// Errors: kInvalidArgument for an axis that the shape does not have and trained scales that do not
/// fit it; kUnimplemented for kinds that have no such scale.
[[nodiscard]] Result<ScaledCodes> scaled_codes(const Quantizer& quantizer,
                                               std::span<const float> values, const Shape& shape);

}  // namespace tessera::keras
