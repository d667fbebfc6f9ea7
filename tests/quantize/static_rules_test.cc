// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Where an operator is like one with an integer kernel but has none itself.
#include "quantize/static_rules.h"

#include "support/differential.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;
using Ints = std::vector<std::int64_t>;

/// The rule of the only operator of that type.
Result<OpRule> rule_of(onnx::Model model, std::string_view type, std::int64_t opset = 13) {
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  TESSERA_TRY(const auto graph, model.view());
  for (const auto& op : graph.ops()) {
    if (op.type == type) {
      return rule_for(graph, op, opset, Format::kQdq);
    }
  }
  return fail(ErrorCode::kNotFound, "no {}", type);
}

TEST(StaticRules, MaxPool_TakesIntegersFromOpset12OnWithoutPlaces) {
  const auto pool = [](std::vector<std::string> outputs) {
    ModelBuilder builder(13);
    return builder.input("x", {1, 3, 6, 6})
        .op("MaxPool", {"x"}, std::move(outputs), {{"kernel_shape", Ints{2, 2}}})
        .output("y")
        .build();
  };
  EXPECT_THAT(rule_of(pool({"y"}), "MaxPool", 12), IsOk());
  EXPECT_THAT(rule_of(pool({"y"}), "MaxPool", 11),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("opset 12")));
  EXPECT_THAT(rule_of(pool({"y", "places"}), "MaxPool"),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("places")));
}

TEST(StaticRules, Resize_IsExactInIntegersOnlyWithoutInterpolation) {
  const auto resize = [](const std::string& mode) {
    ModelBuilder builder(13);
    return builder.constant("scales", Tensor::of(std::vector<float>{1, 1, 2, 2}, {4}))
        .input("x", {1, 3, 6, 6})
        .op("Resize", {"x", "", "scales"}, {"y"}, {{"mode", mode}})
        .output("y")
        .build();
  };
  EXPECT_THAT(rule_of(resize("nearest"), "Resize"), IsOk());
  EXPECT_THAT(rule_of(resize("linear"), "Resize"),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("nearest")));
}

TEST(StaticRules, MatMul_HasAScalePerColumnOnlyForAMatrixOnTheRight) {
  const auto product = [](Shape weight) {
    ModelBuilder builder(13);
    return builder.input("x", {2, 5, 4})
        .weight("w", std::move(weight))
        .op("MatMul", {"x", "w"}, {"y"})
        .output("y")
        .build();
  };
  EXPECT_EQ(rule_of(product({4, 3}), "MatMul")->weight_axis, 1);
  EXPECT_EQ(rule_of(product({2, 4, 3}), "MatMul")->weight_axis, -1);
}

}  // namespace
}  // namespace tessera::quantize
