// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/evaluate/measuring.h"

namespace tessera::evaluate {
namespace {

using quantize::Mode;
using ::testing::_;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Measurement quantized_row() {
  Measurement row;
  row.scheme.per_channel = true;
  row.provider = runtime::ProviderChoice{};
  row.status = RowStatus::kOk;
  row.latency = {100, 90, 120, 12, 2};
  row.speedup = {2, 1.9, 2.1, 12};
  row.accuracy.emplace();
  row.accuracy->overall.sqnr_db = 31.5;
  row.accuracy->overall.l2_per_element = 0.01;
  row.size_bytes = 1234;
  row.quantized_ops = 5;
  row.open_us = 77;
  row.first_run_us = 88;
  row.kernels = KernelSummary{.kernels = 7, .copies = 2, .copy_us = 3, .providers = {{"P", 7}}};
  return row;
}

/// Through the text of a file, where infinities are null.
Result<Measurement> through_text(const Measurement& row) {
  TESSERA_TRY(const auto json, parse_json(to_text(Json::array({to_json(row)})), "rows"));
  return measurements_from_json(json, "rows").map([](auto rows) { return rows.at(0); });
}

TEST(MeasurementText, EveryField_IsReadBack) {
  const auto row = quantized_row();
  const auto read = through_text(row);
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(to_text(to_json(*read)), to_text(to_json(row)));
  EXPECT_EQ(read->name(), row.name());
  EXPECT_EQ(read->scheme, row.scheme);
  EXPECT_EQ(read->speedup.rounds, 12);
  EXPECT_EQ(read->open_us, 77);
  EXPECT_EQ(read->kernels->providers.at("P"), 7);
  EXPECT_EQ(read->kernels->copy_us, 3);
}

TEST(MeasurementText, EveryMode_IsReadBack) {
  for (const auto mode : {Mode::kFloat32, Mode::kFloat16, Mode::kStatic, Mode::kDynamic}) {
    auto row = quantized_row();
    row.scheme.mode = mode;
    row.scheme.per_channel = mode == Mode::kStatic;
    const auto read = through_text(row);
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->name(), row.name());
    EXPECT_EQ(to_text(to_json(*read)), to_text(to_json(row)));
  }
}

TEST(MeasurementText, WithoutAnError_SqnrStaysInfinite) {
  auto row = quantized_row();
  row.accuracy->overall = {.sqnr_db = kInfinity};
  const auto read = through_text(row);
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->accuracy->overall.sqnr_db, kInfinity);
  EXPECT_EQ(read->accuracy->overall.l2_per_element, 0);
}

/// The reference is zero and the candidate is not: nothing is worse, and null says so, too.
TEST(MeasurementText, ASignalOfZero_DoesNotBecomeAPerfectOne) {
  auto row = quantized_row();
  row.accuracy->overall = {.sqnr_db = -kInfinity, .l2_per_element = 0.5};
  const auto read = through_text(row);
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->accuracy->overall.sqnr_db, -kInfinity);
}

TEST(MeasurementText, WithoutAccuracy_HasNone) {
  auto row = quantized_row();
  row.accuracy.reset();
  const auto read = through_text(row);
  ASSERT_THAT(read, IsOk());
  EXPECT_FALSE(read->accuracy.has_value());
  // Such a row is measured again, not taken over.
  Measurement wanted;
  wanted.scheme = row.scheme;
  EXPECT_FALSE(take_over(wanted, std::vector{*read}));
}

/// A model that was quantized already and measured as it is must not be taken for float32.
TEST(MeasurementText, OfAGivenModel_IsReadBackAsSuch) {
  auto row = quantized_row();
  row.scheme = {};
  row.scheme.mode = Mode::kFloat32;
  row.given = "qdq";
  const auto read = through_text(row);
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->given, "qdq");
  EXPECT_EQ(read->name(), "as given (qdq)");
  Measurement floats;
  floats.scheme.mode = Mode::kFloat32;
  EXPECT_FALSE(take_over(floats, std::vector{*read}));
  floats.given = "qdq";
  EXPECT_TRUE(take_over(floats, std::vector{*read}));
  EXPECT_EQ(floats.given, "qdq");
}

TEST(MeasurementText, RowsThatDidNotRun_KeepTheirReason) {
  for (const auto status : {RowStatus::kUnsupported, RowStatus::kFailed, RowStatus::kSkipped}) {
    auto row = quantized_row();
    row.status = status;
    row.reason = "because";
    const auto read = through_text(row);
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->status, status);
    EXPECT_EQ(read->reason, "because");
    EXPECT_EQ(read->latency.n, 0);
    EXPECT_FALSE(read->accuracy.has_value());
  }
}

TEST(MeasurementText, EveryMissingKey_IsNamed) {
  const auto json = to_json(quantized_row());
  for (const auto* const key :
       {"mode", "format", "activation", "weight", "granularity", "reduce_range", "method",
        "operators", "opt_level", "provider", "status", "reason", "latency", "sqnr_db",
        "sqnr_db_low", "l2_per_element", "kernels", "open_us"}) {
    auto damaged = json;
    damaged.erase(key);
    EXPECT_THAT(
        measurements_from_json(Json::array({damaged}), "f.json"),
        FailsWith(ErrorCode::kDataLoss, ::testing::AllOf(HasSubstr("f.json"), HasSubstr(key))));
  }
}

TEST(MeasurementText, WrongTypes_AreRefused) {
  const auto refused = [](const std::function<void(Json&)>& damage, int line = __builtin_LINE()) {
    auto json = to_json(quantized_row());
    damage(json);
    EXPECT_THAT(measurements_from_json(Json::array({json}), "f"),
                FailsWith(ErrorCode::kDataLoss, _))
        << "line " << line;
  };
  refused([](Json& json) { json = "a row"; });
  refused([](Json& json) { json["status"] = 1; });
  refused([](Json& json) { json["operators"] = nullptr; });
  refused([](Json& json) { json["opt_level"] = 3; });
  refused([](Json& json) { json["kernels"]["providers"]["P"] = "many"; });
  refused([](Json& json) { json["kernels"].erase("providers"); });
  // A scheme that there is not would be taken for float32.
  refused([](Json& json) { json["activation"] = "u9"; });
  refused([](Json& json) { json["mode"] = "quantum"; });
  EXPECT_THAT(measurements_from_json(Json(5), "f"), FailsWith(ErrorCode::kDataLoss, _));
  EXPECT_TRUE(measurements_from_json(Json::array(), "f")->empty());
}

TEST(MeasurementText, RowsOfSchemesThatThereAreNot_AreReadIfTheyDidNotRun) {
  auto row = quantized_row();
  row.status = RowStatus::kUnsupported;
  auto json = to_json(row);
  json["activation"] = "s8";
  json["weight"] = "u8";
  const auto read = measurements_from_json(Json::array({json}), "f");
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->front().status, RowStatus::kUnsupported);
}

TEST(MeasurementText, UnknownKeys_AreLeftAlone) {
  auto json = to_json(quantized_row());
  json["of_tomorrow"] = 1;
  EXPECT_THAT(measurements_from_json(Json::array({json}), "f"), IsOk());
}

TEST(TakeOver, AnotherProvider_IsAnotherRow_ButAnUnnamedOneIsAny) {
  const std::vector<Measurement> known{quantized_row()};
  Measurement row;
  row.scheme = known.front().scheme;
  row.provider = runtime::ProviderChoice{.name = "openvino"};
  EXPECT_FALSE(take_over(row, known));
  row.provider = known.front().provider;
  EXPECT_TRUE(take_over(row, known));
  EXPECT_FALSE(take_over(row, {}));
}

TEST(TakeOver, AmongSeveral_TheFirstThatRanIsTaken) {
  std::vector<Measurement> known{quantized_row(), quantized_row(), quantized_row()};
  known[0].status = RowStatus::kFailed;
  known[1].latency.median_us = 55;
  Measurement row;
  row.scheme = known[0].scheme;
  ASSERT_TRUE(take_over(row, known));
  EXPECT_EQ(row.latency.median_us, 55);
}

TEST(KernelSummary, OfNothing_HasNoShares) {
  const auto summary = summarize_kernels({});
  EXPECT_EQ(summary.kernels, 0);
  EXPECT_EQ(summary.integer_time_percent, 0);
  EXPECT_EQ(ran_on(summary), "");
  const std::vector<runtime::KernelTime> idle{
      {"a", "A", "CPUExecutionProvider", 0, 0, 0, 0, runtime::KernelRole::kInteger}};
  EXPECT_EQ(summarize_kernels(idle).integer_time_percent, 0);  // took no time: no share of it
  EXPECT_EQ(summarize_kernels(idle).integer_kernels, 1);
}

TEST(KernelSummary, ProductsAndMovers_AreToldApart) {
  using Role = runtime::KernelRole;
  std::vector<runtime::KernelTime> kernels;
  for (const auto role :
       {Role::kIntegerProduct, Role::kInteger, Role::kIntegerProduct, Role::kInteger,
        Role::kDynamicQuantize, Role::kReorder, Role::kReorder, Role::kCast, Role::kFloat}) {
    kernels.push_back({"", "", "CPUExecutionProvider", 0, 10, 0, 0, role});
  }
  kernels.front().integer_products = 3;  // several operators in one kernel
  const auto summary = summarize_kernels(kernels);
  EXPECT_EQ(summary.kernels, 9);
  EXPECT_EQ(summary.integer_kernels, 4);
  EXPECT_EQ(summary.integer_products, 4);
  EXPECT_EQ(summary.quantize_kernels, 1);
  EXPECT_EQ(summary.reorders, 2);
  EXPECT_EQ(summary.casts, 1);
  EXPECT_NEAR(summary.integer_time_percent, 400.0 / 9, 1e-9);
  EXPECT_NEAR(summary.conversion_time_percent, 400.0 / 9, 1e-9);
}

}  // namespace
}  // namespace tessera::evaluate
