// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/litert_constants.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "tessera/litert/builtin.h"
#include "tessera/litert/sparse.h"

namespace tessera::quantize {
namespace {

const litert::Subgraph& network(const litert::Content& content) {
  return content.subgraphs.front();
}

std::size_t at(std::int32_t index) {
  return static_cast<std::size_t>(index);
}

/// Elements between two neighbours along the axis.
std::int64_t stride_of(const Shape& shape, std::size_t axis) {
  std::int64_t stride = 1;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) {
    stride *= shape[i];
  }
  return stride;
}

/// real = (integer - zero point) x scale, as the runtime's kernel has it.
void apply_scales(const litert::Quantization& quantization, const Shape& shape,
                  std::span<float> values) {
  const auto channels = static_cast<std::int64_t>(quantization.scales.size());
  const auto axis = static_cast<std::size_t>(std::max(quantization.axis, 0));
  const auto stride = channels > 1 ? stride_of(shape, axis) : 1;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto channel =
        channels > 1
            ? at(static_cast<std::int32_t>(static_cast<std::int64_t>(i) / stride % channels))
            : 0;
    const auto zero =
        channel < quantization.zero_points.size() ? quantization.zero_points[channel] : 0;
    values[i] = (values[i] - static_cast<float>(zero)) * quantization.scales[channel];
  }
}

}  // namespace

litert::Data litert_data(Tensor tensor) {
  const auto owner = std::make_shared<const Tensor>(std::move(tensor));
  return {owner, owner->bytes()};
}

LitertConstants::LitertConstants(const litert::Content& content)
    : content_(content), source_(network(content).tensors.size(), -1) {
  const auto& subgraph = network(content);
  for (std::size_t i = 0; i < source_.size(); ++i) {
    if (content.is_constant(subgraph.tensors[i])) {
      source_[i] = static_cast<std::int32_t>(i);
    }
  }
  for (const auto& op : subgraph.operators) {
    const auto code = content.code(op).code;
    const bool brings_back =
        code == litert::Builtin::kDequantize || code == litert::Builtin::kDensify;
    if (brings_back && op.inputs.size() == 1 && op.outputs.size() == 1 && op.inputs.front() >= 0 &&
        op.outputs.front() >= 0) {
      source_[at(op.outputs.front())] = source_[at(op.inputs.front())];
    }
  }
}

std::optional<std::int32_t> LitertConstants::source(std::int32_t tensor) const {
  const auto found = tensor < 0 ? -1 : source_[at(tensor)];
  return found < 0 ? std::nullopt : std::optional(found);
}

Shape LitertConstants::shape(std::int32_t tensor) const {
  const auto extents =
      network(content_).tensors[at(tensor)].shape.value_or(std::vector<std::int32_t>());
  return {extents.begin(), extents.end()};
}

Result<Tensor> LitertConstants::values(std::int32_t tensor) const {
  const auto holder = source(tensor);
  if (!holder) {
    return fail(ErrorCode::kInternal, "tensor {} is no constant", tensor);
  }
  const auto& held = network(content_).tensors[at(*holder)];
  const auto dtype = litert::dtype_of(held.type);
  const bool blockwise = held.quantization && held.quantization->details.type() > 1;
  if (blockwise || dtype == DType::kUndefined) {
    return fail(ErrorCode::kUnimplemented, "the values of '{}' ({}{}) cannot be taken apart",
                held.name, blockwise ? "blockwise " : "", litert::to_string(held.type))
        .hint("leave the operators that read it as they are, with --exclude");
  }
  const auto extents = shape(*holder);
  auto stored = content_.buffers[held.buffer];
  if (held.sparsity) {
    TESSERA_TRY(auto dense, litert::dense_bytes(held, stored));
    stored = litert::Data(std::move(dense));
  }
  TESSERA_TRY(auto numbers, to_float32({dtype, extents, stored.bytes()}));
  if (held.quantization && !held.quantization->scales.empty() && !is_floating(dtype)) {
    apply_scales(*held.quantization, extents, numbers);
  }
  bool finite = true;
  for (const float x : numbers) {  // all of them: a loop that may end early is not vectorized
    finite &= std::abs(x) <= std::numeric_limits<float>::max();
  }
  if (!finite) {
    return fail(ErrorCode::kDataLoss, "constant '{}' holds NaN or infinities", held.name)
        .hint("leave the operators that read it in float with --exclude");
  }
  return Tensor::of(numbers, extents);
}

}  // namespace tessera::quantize
