// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/shapes.h"

#include <algorithm>

#include "tessera/tensor/tensor.h"

namespace tessera::keras {
namespace {

std::int64_t divided_up(std::int64_t value, std::int64_t by) {
  return (value + by - 1) / by;
}

std::optional<Dim> broadcast(const Dim& a, const Dim& b) {
  if (a.known() && a.value == 1) {
    return b;
  }
  if (b.known() && b.value == 1) {
    return a;
  }
  if (a.known() && b.known()) {
    return a.value == b.value ? std::optional(a) : std::nullopt;
  }
  return a.known() ? a : (b.known() || a.symbol.empty() ? b : a);
}

}  // namespace

std::string to_string(const Dims& shape) {
  std::string text;
  for (const auto& dim : shape) {
    text += text.empty() ? "" : "x";
    text += dim.known() ? std::to_string(dim.value) : (dim.symbol.empty() ? "?" : dim.symbol);
  }
  return text.empty() ? "scalar" : text;
}

std::optional<std::vector<std::int64_t>> extents_behind_batch(const Dims& shape) {
  std::vector<std::int64_t> result;
  for (std::size_t i = 1; i < shape.size(); ++i) {
    if (!shape[i].known()) {
      return std::nullopt;
    }
    result.push_back(shape[i].value);
  }
  return result;
}

std::optional<Dim> steps_of(const Window& window, const Dim& input, Padding padding) {
  if (!input.known()) {
    return window.stride == 1 && padding != Padding::kValid ? input : Dim{};
  }
  switch (padding) {
    case Padding::kSame:
    case Padding::kCausal:
      return known_dim(divided_up(input.value, window.stride));
    case Padding::kValid:
      break;
  }
  if (input.value < window.reach()) {
    return std::nullopt;
  }
  return known_dim((input.value - window.reach()) / window.stride + 1);
}

std::optional<Pads> pads_of(const Window& window, const Dim& input, Padding padding) {
  switch (padding) {
    case Padding::kValid:
      return Pads{};
    case Padding::kCausal:
      return Pads{window.reach() - 1, 0};
    case Padding::kSame:
      break;
  }
  if (!input.known() && window.stride != 1) {
    return std::nullopt;
  }
  // With stride 1 the extent cancels out.
  const auto extent = input.known() ? input.value : 1;
  const auto steps = divided_up(extent, window.stride);
  const auto total =
      std::max<std::int64_t>((steps - 1) * window.stride + window.reach() - extent, 0);
  return Pads{total / 2, total - total / 2};
}

std::optional<TransposedAxis> transposed_axis(const Window& window, const Dim& input,
                                              Padding padding,
                                              const std::optional<std::int64_t>& output_padding) {
  // Extents against (n - 1) * stride, so that they are known where n is not.
  std::int64_t behind = 0;
  if (output_padding) {
    const auto pad = padding == Padding::kSame ? window.reach() / 2 : 0;
    behind = window.reach() - 2 * pad + *output_padding;
  } else {
    behind = padding == Padding::kSame ? window.stride : std::max(window.reach(), window.stride);
  }
  const auto surplus = window.reach() - behind;
  TransposedAxis axis;
  axis.pads.begin = std::max<std::int64_t>(surplus, 0) / 2;
  axis.pads.end = std::max<std::int64_t>(surplus, 0) - axis.pads.begin;
  axis.output_padding = std::max<std::int64_t>(-surplus, 0);
  if (input.known()) {
    axis.extent = known_dim((input.value - 1) * window.stride + behind);
    if (axis.extent.value < 1) {
      return std::nullopt;
    }
  }
  return axis;
}

std::optional<Dims> broadcast(const Dims& a, const Dims& b) {
  const auto& longer = a.size() >= b.size() ? a : b;
  const auto& shorter = a.size() >= b.size() ? b : a;
  auto result = longer;
  const auto ahead = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    const auto dim = broadcast(longer[ahead + i], shorter[i]);
    if (!dim) {
      return std::nullopt;
    }
    result[ahead + i] = *dim;
  }
  return result;
}

std::optional<Dims> reshaped(const Dims& shape, const std::vector<std::int64_t>& target) {
  if (std::count(target.begin(), target.end(), -1) > 1) {
    return std::nullopt;
  }
  Shape known_target;
  std::copy_if(target.begin(), target.end(), std::back_inserter(known_target),
               [](auto extent) { return extent != -1; });
  const auto product = element_count(known_target);
  const bool open = known_target.size() != target.size();
  const auto extents = extents_behind_batch(shape);
  std::int64_t rest = -1;
  if (extents) {
    const auto count = element_count(*extents);
    if (product <= 0 || count < 0 || (open ? count % product != 0 : count != product)) {
      return std::nullopt;
    }
    rest = count / product;
  } else if (!open) {
    return std::nullopt;
  }
  Dims result{shape.front()};
  for (const auto extent : target) {
    result.push_back(extent == -1 ? Dim{rest, {}} : known_dim(extent));
  }
  return result;
}

}  // namespace tessera::keras
