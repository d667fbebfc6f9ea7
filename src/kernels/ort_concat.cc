// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <numeric>

#include "kernels/lookup.h"
#include "kernels/operators.h"
#include "kernels/quantized_inputs.h"
#include "kernels/requantize.h"

namespace tessera::kernels {
namespace {

constexpr auto kFloat = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
constexpr auto kUndefined = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
/// Y_scale and Y_zero_point come first, then three inputs for each tensor.
constexpr std::size_t kFirst = 2;
constexpr std::size_t kPerTensor = 3;
constexpr std::size_t kBytesPerTask = std::size_t{1} << 16;

/// How one of the tensors becomes a part of the output.
struct Source {
  bool as_it_is = false;
  std::array<std::uint8_t, kTableSize> table{};
};

class ConcatKernel : public Kernel {
 public:
  ConcatKernel(Target target, std::int64_t axis, ONNXTensorElementDataType element,
               std::vector<Source> sources)
      : target_(target), axis_(axis), element_(element), sources_(std::move(sources)) {}

  [[nodiscard]] Outcome<void> run(const Run& run) const override {
    std::vector<TensorIn> tensors;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      TESSERA_KERNELS_TRY(auto tensor, run.input(kFirst + kPerTensor * i));
      tensors.push_back(std::move(tensor));
    }
    TESSERA_KERNELS_TRY(const auto axis, axis_of(axis_, tensors[0].shape.size()));
    TESSERA_KERNELS_TRY(const auto shape, joined(tensors, axis));
    TESSERA_KERNELS_TRY(auto* const y, run.output(shape));
    const std::span<const std::int64_t> extents(shape);
    const std::size_t rows = count_of(extents.first(axis));
    const std::size_t width = count_of(extents.subspan(axis));
    if (rows * width == 0) {
      return {};
    }
    // Where each tensor's bytes begin within a row of the output.
    std::vector<std::size_t> begins = {0};
    for (const auto& tensor : tensors) {
      begins.push_back(begins.back() + count_of(std::span(tensor.shape).subspan(axis)));
    }
    const std::size_t rows_per_task = std::max<std::size_t>(1, kBytesPerTask / width);
    return run.each((rows + rows_per_task - 1) / rows_per_task, [&](std::size_t task) {
      const std::size_t row = task * rows_per_task;
      const std::size_t count = std::min(rows_per_task, rows - row);
      for (std::size_t i = 0; i < tensors.size(); ++i) {
        const std::size_t part = begins[i + 1] - begins[i];
        const Rows work = {.from = tensors[i].as<std::uint8_t>() + row * part,
                           .from_step = part,
                           .to = static_cast<std::uint8_t*>(y) + row * width + begins[i],
                           .to_step = width,
                           .count = count,
                           .width = part};
        sources_[i].as_it_is ? copy(target_, work)
                             : lookup(target_, work, sources_[i].table.data());
      }
    });
  }

 private:
  /// The output's shape.
  [[nodiscard]] Outcome<Shape> joined(const std::vector<TensorIn>& tensors,
                                      std::size_t axis) const {
    auto shape = tensors[0].shape;
    shape[axis] = 0;
    for (const auto& tensor : tensors) {
      if (tensor.type != element_) {
        return problem("its tensors have several types; that of Y_zero_point was expected");
      }
      auto others = tensor.shape;
      if (others.size() == shape.size()) {
        others[axis] = shape[axis];
      }
      if (others != shape) {
        return problem("a tensor of shape ", text_of(tensor.shape), " does not fit one of shape ",
                       text_of(tensors[0].shape), " along axis ", axis);
      }
      shape[axis] += tensor.shape[axis];
    }
    return shape;
  }

  Target target_;
  std::int64_t axis_;
  ONNXTensorElementDataType element_;
  std::vector<Source> sources_;
};

Outcome<std::size_t> tensor_count(std::size_t inputs) {
  if (inputs <= kFirst || (inputs - kFirst) % kPerTensor != 0) {
    return problem("it has ", inputs,
                   " inputs; Y_scale, Y_zero_point and then a tensor, its scale "
                   "and its zero point each were expected");
  }
  return (inputs - kFirst) / kPerTensor;
}

template <ONNXTensorElementDataType kElement>
Outcome<std::unique_ptr<Kernel>> create(const Node& node, Target target) {
  const auto axis = node.integer("axis");
  if (!axis) {
    return problem("it has no attribute axis");
  }
  TESSERA_KERNELS_TRY(const auto inputs, node.input_count());
  TESSERA_KERNELS_TRY(const auto count, tensor_count(inputs));
  TESSERA_KERNELS_TRY(const auto y, quantization_of(node, 0, "Y", kElement));
  std::vector<Source> sources(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto name = "tensor " + std::to_string(i);
    TESSERA_KERNELS_TRY(const auto x,
                        quantization_of(node, kFirst + kPerTensor * i + 1, name.c_str(), kElement));
    TESSERA_KERNELS_TRY(const auto shape, node.declared_shape(kFirst + kPerTensor * i));
    if (shape) {
      TESSERA_KERNELS_CHECK(axis_of(*axis, shape->size()));
    }
    sources[i].as_it_is = x.scale == y.scale && x.zero == y.zero;
    requantization_table(x, y, kElement == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, sources[i].table);
  }
  return std::unique_ptr<Kernel>(
      std::make_unique<ConcatKernel>(target, *axis, kElement, std::move(sources)));
}

std::optional<Inference::Extents> infer(const Inference& inference) {
  const auto count = tensor_count(inference.input_count());
  auto extents = inference.input(kFirst);
  const auto axis = inference.integer("axis");
  if (!count || !extents || !axis) {
    return std::nullopt;
  }
  const auto at = axis_of(*axis, extents->size());
  if (!at) {
    return std::nullopt;
  }
  for (std::size_t i = 1; i < *count; ++i) {
    const auto next = inference.input(kFirst + kPerTensor * i);
    if (!next || next->size() != extents->size()) {
      return std::nullopt;
    }
    for (std::size_t k = 0; k < next->size(); ++k) {
      auto& extent = (*extents)[k];
      if (k != *at && extent.value < 0 && (*next)[k].value >= 0) {
        extent = (*next)[k];  // a number says more than a name
      } else if (k == *at) {
        const bool known = extent.value >= 0 && (*next)[k].value >= 0;
        extent =
            known ? Inference::Extent{extent.value + (*next)[k].value, {}} : Inference::Extent{};
      }
    }
  }
  return extents;
}

template <ONNXTensorElementDataType kElement>
Description description() {
  return {.name = "QLinearConcat",
          .inputs = {{kFloat}, {kElement}, {kUndefined, INPUT_OUTPUT_VARIADIC}},
          .output = kElement,
          .type_from = 1,
          .create = create<kElement>,
          .infer = infer};
}

}  // namespace

std::vector<Description> concat_operators() {
  return {description<ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8>(),
          description<ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8>()};
}

}  // namespace tessera::kernels
