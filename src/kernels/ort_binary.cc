// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "kernels/binary.h"
#include "kernels/broadcast.h"
#include "kernels/lookup.h"
#include "kernels/operators.h"
#include "kernels/quantized_inputs.h"

namespace tessera::kernels {
namespace {

constexpr auto kUnsigned = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
constexpr auto kSigned = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8;
constexpr auto kFloat = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
constexpr std::size_t kA = 0;
constexpr std::size_t kB = 3;

// One name for both plans.
void combine(Target target, const Sum& plan, const std::uint8_t* a, const std::uint8_t* b,
             std::uint8_t* y, std::size_t count) {
  add(target, plan, a, b, y, count);
}
void combine(Target target, const Product& plan, const std::uint8_t* a, const std::uint8_t* b,
             std::uint8_t* y, std::size_t count) {
  multiply(target, plan, a, b, y, count);
}

template <class Plan>
class BinaryKernel : public Kernel {
 public:
  BinaryKernel(Target target, const Plan& plan) : target_(target), plan_(plan) {}

  [[nodiscard]] Outcome<void> run(const Run& run) const override {
    TESSERA_KERNELS_TRY(const auto a, run.input(kA));
    TESSERA_KERNELS_TRY(const auto b, run.input(kB));
    TESSERA_KERNELS_TRY(const auto broadcast, Broadcast::of(a.shape, b.shape));
    TESSERA_KERNELS_TRY(auto* const data, run.output(broadcast.shape()));
    auto* const y = static_cast<std::uint8_t*>(data);
    const auto* const from_a = a.as<std::uint8_t>();
    const auto* const from_b = b.as<std::uint8_t>();
    return run.each(broadcast.tasks(), [&](std::size_t task) {
      broadcast.run(
          task, from_a, from_b, y,
          [&](const std::uint8_t* some_a, const std::uint8_t* some_b, std::uint8_t* some_y,
              std::size_t count) { combine(target_, plan_, some_a, some_b, some_y, count); });
    });
  }

 private:
  Target target_;
  Plan plan_;
};

template <class Plan, ONNXTensorElementDataType kElement,
          Outcome<Plan> (*kPlan)(Quantization, Quantization, Quantization, bool)>
Outcome<std::unique_ptr<Kernel>> create(const Node& node, Target target) {
  TESSERA_KERNELS_TRY(const auto a, quantization_of(node, kA + 1, "A", kElement));
  TESSERA_KERNELS_TRY(const auto b, quantization_of(node, kB + 1, "B", kElement));
  TESSERA_KERNELS_TRY(const auto y, quantization_of(node, 6, "C", kElement));
  TESSERA_KERNELS_TRY(const auto plan, kPlan(a, b, y, kElement == kSigned));
  return std::unique_ptr<Kernel>(std::make_unique<BinaryKernel<Plan>>(target, plan));
}

/// Nothing where an extent of an operand is unknown that might be 1.
std::optional<Inference::Extent> joined(const Inference::Extent& a, const Inference::Extent& b) {
  if (a == b || b.value == 1) {
    return a;
  }
  if (a.value == 1) {
    return b;
  }
  // A number above 1 decides: the other one is equal, or 1.
  if (a.value > 1 || b.value > 1) {
    return a.value > 1 ? a : b;
  }
  return std::nullopt;
}

std::optional<Inference::Extents> infer(const Inference& inference) {
  auto a = inference.input(kA);
  auto b = inference.input(kB);
  if (!a || !b) {
    return std::nullopt;
  }
  auto& longer = a->size() < b->size() ? *b : *a;
  const auto& shorter = a->size() < b->size() ? *a : *b;
  const std::size_t missing = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    const auto extent = joined(longer[missing + i], shorter[i]);
    if (!extent) {
      return std::nullopt;
    }
    longer[missing + i] = *extent;
  }
  return longer;
}

template <ONNXTensorElementDataType kElement>
void describe(std::vector<Description>& all) {
  const InputKind tensor = {kElement};
  const InputKind zero = {kElement, INPUT_OUTPUT_OPTIONAL};
  const std::vector<InputKind> inputs = {tensor,   {kFloat}, zero,     tensor,
                                         {kFloat}, zero,     {kFloat}, zero};
  for (const bool sum : {true, false}) {
    all.push_back(
        {.name = sum ? "QLinearAdd" : "QLinearMul",
         .inputs = inputs,
         .output = kElement,
         .in_place = true,
         .create = sum ? create<Sum, kElement, sum_of> : create<Product, kElement, product_of>,
         .infer = infer});
  }
}

}  // namespace

std::vector<Description> binary_operators() {
  std::vector<Description> all;
  describe<kUnsigned>(all);
  describe<kSigned>(all);
  return all;
}

}  // namespace tessera::kernels
