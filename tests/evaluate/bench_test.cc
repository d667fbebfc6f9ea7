// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/matchers.h"
#include "support/small_classifier.h"

namespace tessera::evaluate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::make_fixture;
using ::testing::Not;

const Measurement* find_row(const BenchResult& result, std::string_view name,
                            runtime::OptLevel level = runtime::OptLevel::kAll) {
  const auto found = std::find_if(result.rows.begin(), result.rows.end(), [&](const auto& row) {
    return row.name() == name && row.opt_level == level;
  });
  return found == result.rows.end() ? nullptr : &*found;
}

BenchOptions quick() {
  BenchOptions options;
  options.budget_us = 20e6;
  return options;
}

Result<BenchResult> run(const testing::Fixture& fixture, const BenchOptions& options) {
  return bench(fixture.model, fixture.samples, &fixture.ranges, fixture.library, options,
               Monitor::silent());
}

/// Scales per channel have to be measured where a row will have kernels of tessera.
TEST(PlannedSchemes, AreThoseOfTheRows) {
  const auto with_kernels = [](const BenchOptions& options) {
    const auto schemes = planned_schemes(options);
    EXPECT_THAT(schemes, Not(IsEmpty()));
    return std::any_of(schemes.begin(), schemes.end(), [](const auto& scheme) {
      return scheme.format == quantize::Format::kKernels;
    });
  };
  EXPECT_TRUE(with_kernels({.formats = {"qdq", "kernels"}}));
  EXPECT_FALSE(with_kernels({.formats = {"qdq"}}));
  EXPECT_THAT(planned_schemes({.formats = {"no such format"}}), IsEmpty());
}

TEST(Bench, WholeTable_EveryRowHasAResultOrAReason) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  const auto result = run(*fixture, quick());
  ASSERT_THAT(result, IsOk());
  for (const auto& row : result->rows) {
    const auto where = row.name() + " at " + std::string(to_string(row.opt_level));
    if (row.status != RowStatus::kOk) {
      EXPECT_THAT(row.reason, AllOf(Not(IsEmpty()), Not(HasSubstr("\n")))) << where;
      continue;
    }
    EXPECT_GT(row.latency.n, 0) << where;
    EXPECT_GT(row.speedup.rounds, 0) << where;
    EXPECT_TRUE(row.accuracy.has_value()) << where;
    EXPECT_GT(row.size_bytes, 0) << where;
  }
  EXPECT_TRUE(result->best.has_value());
}

TEST(Bench, BudgetThatIsUsedUp_LeavesRowsOutAndNamesThem) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.spent_us = options.budget_us;
  const auto result = run(*fixture, options);
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->cut_off, Not(IsEmpty()));
  EXPECT_FALSE(result->interrupted);
}

BenchOptions quick_u8s8() {
  auto options = quick();
  options.formats = {"qdq"};
  options.types = {"u8s8"};
  return options;
}

/// Stops after so many rows.
class Impatient final : public Monitor {
 public:
  void progress(std::string_view stage, std::int64_t done, std::int64_t) override {
    stopped_ = stopped_ || (stage == "preparing rows" && done == 3);
  }
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override { return stopped_; }

 private:
  bool stopped_ = false;
};

TEST(Bench, Interrupted_KeepsWhatWasMeasuredAndGoesOnFromIt) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick_u8s8();
  Impatient monitor;
  const auto result =
      bench(fixture->model, fixture->samples, &fixture->ranges, fixture->library, options, monitor);
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->interrupted);
  const auto measured = [](const Measurement& row) { return row.accuracy.has_value(); };
  EXPECT_GE(std::count_if(result->rows.begin(), result->rows.end(), measured), 2);
  // What was timed is not timed again: its figures are the same to the last bit.
  const auto whole = run(*fixture, options);
  ASSERT_THAT(whole, IsOk());
  options.known = whole->rows;
  const auto again = run(*fixture, options);
  ASSERT_THAT(again, IsOk());
  for (std::size_t i = 0; i < whole->rows.size(); ++i) {
    if (whole->rows[i].status == RowStatus::kOk && whole->rows[i].name() != "float32") {
      EXPECT_EQ(again->rows[i].speedup.median, whole->rows[i].speedup.median);
    }
  }
}

TEST(Bench, BudgetThatIsUp_LosesNoErrorThatWasKnown) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick_u8s8();
  const auto whole = run(*fixture, options);
  ASSERT_THAT(whole, IsOk());
  options.known = whole->rows;
  for (auto& row : options.known) {
    row.speedup = {};  // as if it had been stopped before anything was timed
    row.latency = {};
  }
  options.budget_us = 1;
  const auto again = run(*fixture, options);
  ASSERT_THAT(again, IsOk());
  for (std::size_t i = 0; i < whole->rows.size(); ++i) {
    EXPECT_EQ(again->rows[i].accuracy.has_value(), whole->rows[i].accuracy.has_value());
  }
  EXPECT_FALSE(again->cut_off.empty());
}

TEST(Bench, Float32AtAll_IsTheReference) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.formats = {"float32"};
  const auto result = run(*fixture, options);
  ASSERT_THAT(result, IsOk());
  const auto* reference = find_row(*result, "float32");
  ASSERT_NE(reference, nullptr);
  EXPECT_DOUBLE_EQ(reference->speedup.median, 1);
  EXPECT_EQ(reference->accuracy->overall.max_abs, 0);
}

TEST(Bench, SignedActivationsWithUnsignedWeights_AreARowWithTheReason) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.formats = {"qdq"};
  options.types = {"s8u8"};
  options.granularities = {"tensor"};
  options.levels = {runtime::OptLevel::kAll};
  const auto result = run(*fixture, options);
  ASSERT_THAT(result, IsOk());
  const auto* row = find_row(*result, "qdq-s8u8");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->status, RowStatus::kUnsupported);
  EXPECT_THAT(row->reason, Not(IsEmpty()));
}

TEST(Bench, QuantizedRow_ShowsIntegerKernelsAndSmallError) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.formats = {"qdq", "qoperator"};
  options.types = {"u8s8"};
  options.levels = {runtime::OptLevel::kAll};
  const auto result = run(*fixture, options);
  ASSERT_THAT(result, IsOk());
  for (const auto* name : {"qdq-u8s8-channel", "qoperator-u8s8"}) {
    const auto* row = find_row(*result, name);
    ASSERT_NE(row, nullptr) << name;
    ASSERT_EQ(row->status, RowStatus::kOk) << row->reason;
    EXPECT_GE(row->kernels->integer_kernels, 2) << name;
    EXPECT_GT(row->accuracy->overall.sqnr_db, 15) << name;
    EXPECT_LT(row->size_bytes, find_row(*result, "float32")->size_bytes) << name;
  }
}

TEST(Bench, EveryRow_SaysWhereItRanAndWhatOpeningTook) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.formats = {"float32", "qdq"};
  options.types = {"u8s8"};
  options.levels = {runtime::OptLevel::kAll};
  const auto result = run(*fixture, options);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->timer, Timer::kThreadCpu);
  for (const auto& row : result->rows) {
    ASSERT_EQ(row.status, RowStatus::kOk) << row.reason;
    EXPECT_EQ(row.provider, runtime::ProviderChoice{}) << row.name();
    EXPECT_GT(row.open_us, 0) << row.name();
    EXPECT_GT(row.first_run_us, 0) << row.name();
    EXPECT_EQ(ran_on(*row.kernels), "cpu") << row.name();
    EXPECT_EQ(row.kernels->copies, 0) << row.name();
  }
}

TEST(Bench, Plan_HasEveryRowOnEveryProvider) {
  auto options = quick();
  options.formats = {"float32", "qdq"};
  options.types = {"u8s8"};
  options.granularities = {"tensor"};
  options.levels = {runtime::OptLevel::kBasic, runtime::OptLevel::kAll};
  const auto one = plan_bench(options);
  options.other_providers = {{"openvino", {{"device_type", "CPU"}}}};
  const auto two = plan_bench(options);
  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(two, IsOk());
  EXPECT_EQ(two->size(), 2 * one->size());
  EXPECT_EQ(std::count_if(two->begin(), two->end(),
                          [](const auto& row) { return row.provider->name == "openvino"; }),
            static_cast<std::ptrdiff_t>(one->size()));
}

TEST(Bench, Plan_HasQdqInputsWhereItIsOfUse) {
  const auto rows_of = [](const BenchOptions& options, std::string_view provider) {
    const auto rows = plan_bench(options);
    return !rows ? -1 : std::count_if(rows->begin(), rows->end(), [&](const Measurement& row) {
      return row.scheme.format == quantize::Format::kQdqInputs && row.provider->name == provider;
    });
  };
  BenchOptions options;
  EXPECT_EQ(rows_of(options, "cpu"), 0);
  options.other_providers = {{"openvino", {}}};
  EXPECT_EQ(rows_of(options, "cpu"), 0);
  EXPECT_EQ(rows_of(options, "openvino"), 4 * 2 * 3);  // types, granularities, levels
  options.formats = {"qdq-inputs"};
  EXPECT_EQ(rows_of(options, "cpu"), 4 * 2 * 3);
}

TEST(Bench, AbsentOtherProvider_FailsBeforeTheWork) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.other_providers = {{"cuda", {}}};
  EXPECT_THAT(run(*fixture, options),
              testing::FailsWith(ErrorCode::kUnavailable, HasSubstr("cuda")));
}

TEST(Bench, LittleMemory_TimesInBatchesWithTheSameReference) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = quick();
  options.formats = {"float32", "qdq"};
  options.types = {"u8s8"};
  options.memory_bytes = 1;  // one row at a time
  const auto result = run(*fixture, options);
  ASSERT_THAT(result, IsOk());
  for (const auto& row : result->rows) {
    ASSERT_EQ(row.status, RowStatus::kOk) << row.reason;
    EXPECT_GT(row.speedup.rounds, 0) << row.name();
  }
}

}  // namespace
}  // namespace tessera::evaluate
