// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/operators.h"
#include "kernels/quantized_inputs.h"
#include "kernels/softmax.h"

namespace tessera::kernels {
namespace {

constexpr auto kUnsigned = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
constexpr auto kSigned = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8;
constexpr auto kFloat = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
constexpr std::size_t kX = 0;
constexpr std::size_t kY = 3;
constexpr std::size_t kBytesPerTask = std::size_t{1} << 14;
/// From this opset on a Softmax has one axis; before, all from `axis` on were one.
constexpr std::int64_t kOneAxis = 13;

struct Axis {
  std::int64_t axis = -1;
  bool and_those_behind = false;
};

Outcome<SoftmaxShape> shape_of(const Shape& x, const Axis& axis) {
  TESSERA_KERNELS_TRY(const auto at, axis_of(axis.axis, x.size()));
  const std::span<const std::int64_t> extents(x);
  SoftmaxShape shape = {.outer = count_of(extents.first(at)),
                        .axis = static_cast<std::size_t>(x[at]),
                        .inner = count_of(extents.subspan(at + 1))};
  if (axis.and_those_behind) {
    shape.axis *= shape.inner;
    shape.inner = 1;
  }
  return shape;
}

class SoftmaxKernel : public Kernel {
 public:
  SoftmaxKernel(Target target, const Axis& axis, const Softmax& softmax)
      : target_(target), axis_(axis), softmax_(softmax) {}

  [[nodiscard]] Outcome<void> run(const Run& run) const override {
    TESSERA_KERNELS_TRY(const auto x, run.input(kX));
    TESSERA_KERNELS_TRY(const auto shape, shape_of(x.shape, axis_));
    TESSERA_KERNELS_TRY(auto* const data, run.output(x.shape));
    if (x.count() == 0) {
      return {};
    }
    auto* const y = static_cast<std::uint8_t*>(data);
    const std::size_t parts = shape.parts();
    const std::size_t at_once = std::max<std::size_t>(1, kBytesPerTask / (x.count() / parts));
    return run.each((parts + at_once - 1) / at_once, [&](std::size_t task) {
      softmax(target_, softmax_, shape, x.as<std::uint8_t>(), y, task * at_once,
              std::min((task + 1) * at_once, parts));
    });
  }

 private:
  Target target_;
  Axis axis_;
  Softmax softmax_;
};

template <ONNXTensorElementDataType kElement>
Outcome<std::unique_ptr<Kernel>> create(const Node& node, Target target) {
  TESSERA_KERNELS_TRY(const auto x, quantization_of(node, kX + 1, "X", kElement));
  TESSERA_KERNELS_TRY(const auto y, quantization_of(node, kY, "Y", kElement));
  const Axis axis = {.axis = node.integer("axis").value_or(-1),
                     .and_those_behind = node.integer("opset").value_or(kOneAxis) < kOneAxis};
  return std::unique_ptr<Kernel>(
      std::make_unique<SoftmaxKernel>(target, axis, softmax_of(x, y, kElement == kSigned)));
}

std::optional<Inference::Extents> infer(const Inference& inference) {
  return inference.input(kX);
}

template <ONNXTensorElementDataType kElement>
void describe(std::vector<Description>& all) {
  const InputKind zero = {kElement, INPUT_OUTPUT_OPTIONAL};
  all.push_back({.name = "QLinearSoftmax",
                 .inputs = {{kElement}, {kFloat}, zero, {kFloat}, zero},
                 .output = kElement,
                 .in_place = true,
                 .create = create<kElement>,
                 .infer = infer});
}

}  // namespace

std::vector<Description> softmax_operators() {
  std::vector<Description> all;
  describe<kUnsigned>(all);
  describe<kSigned>(all);
  return all;
}

}  // namespace tessera::kernels
