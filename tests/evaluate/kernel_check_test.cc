// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/kernel_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "evaluate/kernel_gauge.h"
#include "support/matchers.h"
#include "support/two_formats.h"
#include "tessera/litert/model.h"
#include "tessera/network/load.h"
#include "tessera/runtime/litert.h"

namespace tessera::evaluate {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

Tensor integers(const std::vector<std::int8_t>& values) {
  return Tensor::of(values, {std::ssize(values)});
}
Tensor floats(const std::vector<float>& values) {
  return Tensor::of(values, {std::ssize(values)});
}

TEST(KernelGauge, CountsIntegersInSteps) {
  const runtime::ValueInfo info{.name = "v", .quantization = AffineQuantization{0.25, 7}};
  KernelGauge gauge;
  ASSERT_THAT(gauge.add(integers({1, 2, 3}).view(), integers({1, 2, 3}).view(), info), IsOk());
  EXPECT_EQ(gauge.result().max_lsb, 0);
  ASSERT_THAT(gauge.add(integers({1, 2, 3, 4}).view(), integers({1, 5, 2, 4}).view(), info),
              IsOk());
  ASSERT_THAT(gauge.add(integers({100}).view(), integers({99}).view(), info), IsOk());
  const auto result = gauge.result();
  EXPECT_EQ(result.max_lsb, 3);
  EXPECT_EQ(result.max_abs, 0.75);
  EXPECT_EQ(result.elements, 8);
  EXPECT_EQ(result.differing, 3);
  EXPECT_EQ(result.share(), 0.375);
  EXPECT_EQ(result.max_relative, std::nullopt);
}

TEST(KernelGauge, MeasuresFloatsByTheLargestValue) {
  KernelGauge gauge;
  ASSERT_THAT(gauge.add(floats({-8, 1}).view(), floats({-8, 1.5F}).view(), {.name = "v"}), IsOk());
  EXPECT_EQ(gauge.result().max_abs, 0.5);
  EXPECT_EQ(gauge.result().max_relative, 0.0625);
  EXPECT_EQ(gauge.result().max_lsb, std::nullopt);
  const auto nan = std::numeric_limits<float>::quiet_NaN();
  ASSERT_THAT(gauge.add(floats({nan}).view(), floats({nan}).view(), {.name = "v"}), IsOk());
  EXPECT_EQ(gauge.result().differing, 1);
  ASSERT_THAT(gauge.add(floats({1}).view(), floats({nan}).view(), {.name = "v"}), IsOk());
  EXPECT_TRUE(std::isinf(gauge.result().max_abs));
}

TEST(KernelGauge, OtherTypes_AreAnError) {
  KernelGauge gauge;
  EXPECT_THAT(gauge.add(floats({1}).view(), integers({1}).view(), {.name = "v"}),
              FailsWith(ErrorCode::kUnavailable, HasSubstr("'v' is float32")));
}

class KernelChecks : public ::testing::Test {
 protected:
  void SetUp() override {
    auto litert = runtime::load_litert();
    if (!litert) {
      GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup: " << litert.error().message;
    }
    library_ = *std::move(litert);
  }

  Result<KernelCheck> check(litert::Content content, runtime::OptLevel other) {
    auto model = litert::Model::of(std::move(content));
    EXPECT_THAT(model, IsOk());
    const auto network = network::Network::of(*std::move(model));
    auto specs = network::input_specs(network);
    EXPECT_THAT(specs, IsOk());
    const auto samples = data::SampleSet::open({.source = "random:4"}, *specs, Monitor::silent());
    EXPECT_THAT(samples, IsOk());
    const std::vector<KernelSet> sets{{"builtin", {.opt_level = runtime::OptLevel::kDisabled}},
                                      {"other", {.opt_level = other}}};
    return check_kernels(network, *samples, library_, sets, Monitor::silent());
  }

  std::shared_ptr<const runtime::Library> library_;
};

TEST_F(KernelChecks, TheSameKernels_DoNotDiffer) {
  const auto result = check(testing::two_formats_int8(), runtime::OptLevel::kDisabled);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->samples, 4);
  ASSERT_EQ(result->rows.size(), 2U);
  for (const auto& row : result->rows) {
    EXPECT_EQ(row.type, "CONV_2D");
    EXPECT_EQ(row.ran_on, "cpu");
    ASSERT_TRUE(row.alone) << row.reason;
    ASSERT_TRUE(row.accumulated);
    EXPECT_EQ(row.alone->differing, 0);
    EXPECT_EQ(row.accumulated->differing, 0);
  }
  EXPECT_EQ(result->rows[0].alone->elements, 4 * 6 * 8 * 4);
  EXPECT_EQ(result->rows[1].alone->elements, 4 * 6 * 8 * 2);
}

/// One operator of XNNPACK is at most one step off, whatever its inputs.
TEST_F(KernelChecks, Xnnpack_RunsEveryOperator) {
  for (const auto& content : {testing::two_formats_int8(), testing::two_formats_litert()}) {
    const auto result = check(content, runtime::OptLevel::kAll);
    ASSERT_THAT(result, IsOk());
    for (const auto& row : result->rows) {
      EXPECT_EQ(row.ran_on, "xnnpack") << row.name;
      ASSERT_TRUE(row.alone) << row.reason;
      EXPECT_LE(row.alone->max_lsb.value_or(0), 1);
      EXPECT_LT(row.alone->max_relative.value_or(0), 1e-5);
    }
  }
}

}  // namespace
}  // namespace tessera::evaluate
