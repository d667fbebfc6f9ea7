// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/layout.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "tessera/core/result.h"
#include "tessera/keras/keras.h"

namespace tessera::keras {
namespace {

/// Calls `visit` with the offset (in elements) of what each element of the result is taken from.
template <class Visit>
void for_each_source(const Shape& shape, const Shape& steps, const Visit& visit) {
  Shape index(shape.size(), 0);
  std::int64_t offset = 0;
  const auto count = element_count(shape);
  for (std::int64_t i = 0; i < count; ++i) {
    visit(static_cast<std::size_t>(offset));
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      offset += steps[axis];
      if (++index[axis] < shape[axis]) {
        break;
      }
      offset -= steps[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

template <class T>
void gather(const TensorView& tensor, const Shape& shape, const Shape& steps, Tensor& result) {
  const auto* const from = reinterpret_cast<const T*>(tensor.bytes.data());
  auto* to = reinterpret_cast<T*>(result.bytes().data());
  for_each_source(shape, steps, [&](std::size_t offset) { *to++ = from[offset]; });
}

Result<Tensor> moved(const TensorView& value, const ImportedLayer& layer, bool to_keras) {
  if (layer.layout == Layout::kKeras) {
    return Tensor(value);
  }
  const bool flat = layer.layout == Layout::kFlatChannelsFirst;
  if (value.shape.size() != layer.shape.size() || value.shape.size() < 2) {
    return fail(ErrorCode::kInvalidArgument, "layer '{}' has values of {} axes, not {}", layer.name,
                layer.shape.size(), tessera::to_string(value.shape));
  }
  Tensor tensor(value);
  const Shape shape(value.shape.begin(), value.shape.end());
  if (flat) {
    Shape unflattened{shape.front()};
    auto extents = layer.unflattened;
    if (to_keras) {
      std::rotate(extents.begin(), extents.end() - 1, extents.end());
    }
    unflattened.insert(unflattened.end(), extents.begin(), extents.end());
    if (element_count(unflattened) != tensor.size()) {
      return fail(ErrorCode::kInvalidArgument, "layer '{}' does not have values of {}", layer.name,
                  tessera::to_string(value.shape));
    }
    tensor.reshape(std::move(unflattened));
  }
  const auto rank = tensor.shape().size();
  auto result =
      permuted(tensor.view(), to_keras ? to_channels_last(rank) : to_channels_first(rank));
  if (flat) {
    result.reshape(shape);
  }
  return result;
}

}  // namespace

Permutation to_channels_first(std::size_t rank) {
  Permutation axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  std::rotate(axes.begin() + 1, axes.end() - 1, axes.end());
  return axes;
}

Permutation to_channels_last(std::size_t rank) {
  Permutation axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  std::rotate(axes.begin() + 1, axes.begin() + 2, axes.end());
  return axes;
}

Tensor permuted(const TensorView& tensor, std::span<const std::int64_t> axes) {
  Shape steps(axes.size(), 1);
  for (std::size_t i = axes.size(); i-- > 1;) {
    steps[i - 1] = steps[i] * tensor.shape[i];
  }
  Shape shape;
  Shape moved_steps;
  for (const auto axis : axes) {
    shape.push_back(tensor.shape[static_cast<std::size_t>(axis)]);
    moved_steps.push_back(steps[static_cast<std::size_t>(axis)]);
  }
  Tensor result(tensor.dtype, shape);
  switch (bits_of(tensor.dtype)) {
    case 8:
      gather<std::uint8_t>(tensor, shape, moved_steps, result);
      break;
    case 16:
      gather<std::uint16_t>(tensor, shape, moved_steps, result);
      break;
    case 32:
      gather<std::uint32_t>(tensor, shape, moved_steps, result);
      break;
    default:
      gather<std::uint64_t>(tensor, shape, moved_steps, result);
      break;
  }
  return result;
}

Result<Tensor> in_keras_order(const TensorView& value, const ImportedLayer& layer) {
  return moved(value, layer, true);
}

Result<Tensor> as_imported(const TensorView& value, const ImportedLayer& layer) {
  return moved(value, layer, false);
}

}  // namespace tessera::keras
