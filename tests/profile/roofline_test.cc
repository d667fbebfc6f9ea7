// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/roofline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/core/host.h"
#include "tessera/core/timing.h"
#include "tessera/profile/conversions.h"
#include "tessera/runtime/litert.h"

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

TEST(RooflineSlow, OfLitert_IsWithinWhatCoresCanDo) {
  const auto library = runtime::load_litert();
  if (!library) {
    GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup: " << library.error().message;
  }
  const auto roofline =
      measure_roofline(network::FileFormat::kLitert, *library, {}, Monitor::silent());
  ASSERT_THAT(roofline, IsOk());
  RecordProperty("figures", to_text(to_json(*roofline)));
  EXPECT_GT(roofline->fp32_gflops, 1);
  EXPECT_LT(roofline->fp32_gflops, 800);
  EXPECT_GT(roofline->int8_gops, 1);
  EXPECT_LT(roofline->int8_gops, 8 * 800);
  EXPECT_THAT(roofline->method, ::testing::HasSubstr("(s8 x s8)"));
}

TEST(ConversionsSlow, OfLitert_GrowWithTheSize) {
  const auto library = runtime::load_litert();
  if (!library) {
    GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup: " << library.error().message;
  }
  const auto costs =
      measure_conversions(network::FileFormat::kLitert, *library, {}, Monitor::silent());
  ASSERT_THAT(costs, IsOk());
  RecordProperty("figures", to_text(to_json(*costs)));
  for (const auto* curve : {&costs->quantize, &costs->dequantize, &costs->cast,
                            &costs->transpose_float, &costs->transpose_int8}) {
    ASSERT_EQ(curve->points.size(), 5U);
    EXPECT_GT(curve->ns_per_element, 0);
    EXPECT_GT(curve->points.back().us, curve->points.front().us);
  }
}

/// Where scripts/setup puts it, beside LiteRT; empty if it is not there.
std::filesystem::path old_library() {
  for (const auto& place : runtime::litert_search_places()) {
    auto file = place.parent_path().parent_path() / "tflite-2.9.0/lib/libtensorflowlite_c.so";
    if (std::filesystem::exists(file)) {
      return file;
    }
  }
  return {};
}

/// The TFLite C library of 2022 casts to no 16 bits.
TEST(ConversionsSlow, ThatTheLibraryLacks_AreUnknown) {
  const auto file = old_library();
  if (file.empty()) {
    GTEST_SKIP() << "NOT TESTED: no TFLite C library; run scripts/setup tflite";
  }
  const auto library = runtime::load_litert(file);
  ASSERT_THAT(library, IsOk());
  const auto costs =
      measure_conversions(network::FileFormat::kLitert, *library, {}, Monitor::silent());
  ASSERT_THAT(costs, IsOk());
  EXPECT_TRUE(costs->cast.points.empty());
  EXPECT_FALSE(costs->quantize.points.empty());
  EXPECT_TRUE(to_json(*costs)["cast_ns_per_element"].is_null());
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
