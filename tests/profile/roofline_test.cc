// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/roofline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/core/host.h"
#include "tessera/core/timing.h"

namespace tessera::profile {
namespace {

using testing::IsOk;

TEST(RooflineSlow, IsWithinWhatCoresCanDo_AndTakesSeconds) {
  const auto library = runtime::Library::load();
  ASSERT_THAT(library, IsOk());
  const auto before = thread_cpu_us();
  const auto roofline =
      measure_roofline(network::FileFormat::kOnnx, *library, {}, Monitor::silent());
  ASSERT_THAT(roofline, IsOk());
  EXPECT_LT(thread_cpu_us() - before, 3.5e6);
  RecordProperty("figures", to_text(to_json(*roofline)));
  // From an old Arm core to twice what two 512-bit units at 6 GHz could do.
  EXPECT_GT(roofline->fp32_gflops, 1);
  EXPECT_LT(roofline->fp32_gflops, 800);
  EXPECT_GT(roofline->int8_gops, 1);
  EXPECT_LT(roofline->int8_gops, 8 * 800);
  EXPECT_GT(roofline->bandwidth_bytes_per_s, 5e8);
  EXPECT_LT(roofline->bandwidth_bytes_per_s, 4e11);
  if (describe_host().has_int8_dot_product()) {
    EXPECT_GT(roofline->int8_gops, roofline->fp32_gflops);
  }
  // Whichever of the two kinds of kernel reached more.
  EXPECT_TRUE(roofline->method.find("MatMul") != std::string::npos ||
              roofline->method.find("Conv") != std::string::npos)
      << roofline->method;
}

TEST(Roofline, Ridges_AreOperationsPerByte) {
  const Roofline roofline{100, 400, 20e9, "made up"};
  EXPECT_DOUBLE_EQ(roofline.fp32_ridge(), 5);
  EXPECT_DOUBLE_EQ(roofline.int8_ridge(), 20);
  const auto json = to_json(roofline);
  EXPECT_EQ(json["fp32_gflops"], 100);
  EXPECT_EQ(json["int8_ridge_op_per_byte"], 20);
  EXPECT_EQ(Roofline().fp32_ridge(), 0);
}

TEST(Roofline, Cancelled_StopsEarly) {
  class Impatient final : public Monitor {
    void progress(std::string_view, std::int64_t, std::int64_t) override {}
    void warn(const Warning&) override {}
    [[nodiscard]] bool cancelled() const noexcept override { return true; }
  } monitor;
  const auto library = runtime::Library::load();
  ASSERT_THAT(library, IsOk());
  EXPECT_THAT(measure_roofline(network::FileFormat::kOnnx, *library, {}, monitor),
              testing::FailsWith(ErrorCode::kCancelled, ::testing::_));
}

}  // namespace
}  // namespace tessera::profile
