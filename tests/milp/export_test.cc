// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/milp/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>

#include "milp/highs_api.h"
#include "milp/library.h"
#include "support/matchers.h"
#include "support/plan_instances.h"

namespace tessera::milp {
namespace {

namespace fs = std::filesystem;
using ::tessera::testing::FailsWith;
using ::tessera::testing::IsOk;
using ::testing::HasSubstr;

fs::path write(const std::string& text, const std::string& suffix) {
  const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
  auto path = fs::path(::testing::TempDir()) /
              fmt::format("{}.{}.{}", test->test_suite_name(), test->name(), suffix);
  std::ofstream(path) << text;
  return path;
}

/// The least cost by a reader and solver that knows nothing of plans; none if there is no plan.
std::optional<std::int64_t> optimum_of_file(const HighsApi& api, const fs::path& file) {
  void* const solver = api.create();
  api.set_bool(solver, "output_flag", 0);
  api.set_int(solver, "threads", 1);
  api.set_double(solver, "mip_rel_gap", 0);
  EXPECT_NE(api.read(solver, file.c_str()), HighsApi::kError);
  EXPECT_NE(api.run(solver), HighsApi::kError);
  const auto status = api.model_status(solver);
  double cost = 0;
  api.info_double(solver, "objective_function_value", &cost);
  api.destroy(solver);
  if (status != HighsApi::kOptimal) {
    EXPECT_EQ(status, HighsApi::kInfeasible);
    return std::nullopt;
  }
  return std::llround(cost);
}

std::optional<std::int64_t> optimum_of(const plan::Problem& problem) {
  const auto best = plan::brute_force().solve(problem, {}, Monitor::silent());
  EXPECT_THAT(best, IsOk());
  return best->assignment ? std::optional(best->value.cost_ns) : std::nullopt;
}

/// Names that no format takes, some of them twice.
plan::Problem badly_named(std::uint64_t seed) {
  auto problem = plan::small_problem(seed);
  for (std::size_t i = 0; i < problem.variables.size(); ++i) {
    problem.variables[i].name = i % 2 == 0 ? "conv/1:0 + x<=" : "";
  }
  for (auto& tensor : problem.tensors) {
    tensor.name = "1e5\n\"";
  }
  for (auto& limit : problem.limits) {
    limit.name = "cost";
  }
  return problem;
}

class ExportTest : public WithHighs {
 protected:
  void expect_same_optimum(Result<std::string> (*to_text)(const plan::Problem&, const CostNote&),
                           const std::string& suffix) {
    const auto library = load_highs(highs().path());
    ASSERT_THAT(library, IsOk());
    for (std::uint64_t seed = 0; seed < 150; ++seed) {
      SCOPED_TRACE(seed);
      const auto problem = seed % 3 == 0 ? badly_named(seed) : plan::small_problem(seed);
      const auto text = to_text(problem, {"nJ", 42});
      ASSERT_THAT(text, IsOk());
      const auto found = optimum_of_file((*library)->api, write(*text, suffix));
      ASSERT_EQ(found, optimum_of(problem));
    }
  }
};

TEST_F(ExportTest, Lp_ReadBack_HasTheSameOptimum) {
  expect_same_optimum(to_lp, "lp");
}

TEST_F(ExportTest, Mps_ReadBack_HasTheSameOptimum) {
  expect_same_optimum(to_mps, "mps");
}

/// What a command prints.
std::string output_of(const std::string& command) {
  std::string text;
  auto* const pipe = ::popen(command.c_str(), "r");
  std::array<char, 4096> buffer{};
  while (pipe != nullptr && std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) {
    text += buffer.data();
  }
  if (pipe != nullptr) {
    ::pclose(pipe);
  }
  return text;
}

TEST(ExportSlow, Cfn_ByToulbar2_HasTheSameOptimum) {
  if (output_of("command -v toulbar2").empty()) {
    GTEST_SKIP() << "no toulbar2; Debian's package of that name will do";
  }
  const std::regex optimum("Optimum: ([0-9]+)");
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const auto problem = seed % 3 == 0 ? badly_named(seed) : plan::small_problem(seed);
    const auto text = to_cfn(problem);
    ASSERT_THAT(text, IsOk());
    const auto output = output_of("toulbar2 '" + write(*text, "cfn").string() + "' 2>&1");
    std::smatch match;
    std::optional<std::int64_t> found;
    if (std::regex_search(output, match, optimum)) {
      found = std::stoll(match[1]);
    } else {
      ASSERT_THAT(output, HasSubstr("No solution")) << output;
    }
    ASSERT_EQ(found, optimum_of(problem)) << output;
  }
}

TEST(Export, OfTwoOfOneName_TellsThemApart) {
  plan::Problem problem;
  problem.variables = {{"a/b", {1, 2}}, {"a b", {3}}, {"a_b_1", {4}}};
  const auto text = to_lp(problem);
  ASSERT_THAT(text, IsOk());
  EXPECT_THAT(*text, HasSubstr("+ 1 x_a_b_0 + 2 x_a_b_1 + 3 x_a_b_1_0"));
  EXPECT_THAT(*text, HasSubstr("+ 4 x_a_b_1_2_0"));
}

TEST(Export, OfAWholeProblem_SaysItsCostsAndLimits) {
  plan::Problem problem;
  problem.variables = {{"a", {1, 0}}};
  problem.limits = {{"memory", "B", 5, {{0, 1, 7}}, {}, {}}};
  EXPECT_THAT(*to_lp(problem), HasSubstr(" limit_memory: + 7 x_a_1 <= 5\n"));
  EXPECT_THAT(*to_mps(problem), HasSubstr(" x_a_1 limit_memory 7\n"));
  EXPECT_THAT(*to_cfn(problem), HasSubstr("\"capacity\": 2, \"weights\": [7]"));
}

TEST(Export, SaysWhatItsCostsAre) {
  plan::Problem problem;
  problem.variables = {{"a", {3, 4}}};
  const CostNote note{"nJ", 211786};
  const auto* const words =
      "Costs are in nJ, and 211786 too high: a plan takes its cost less 211786 nJ.\n";
  EXPECT_THAT(*to_lp(problem, note), ::testing::StartsWith(std::string("\\ ") + words));
  EXPECT_THAT(*to_mps(problem, note), ::testing::StartsWith(std::string("* ") + words));
  EXPECT_THAT(*to_cfn(problem, note), HasSubstr("\"plan_costs_in_nJ_211786_too_high\""));
  const CostNote below{"ns", -5};
  EXPECT_THAT(*to_lp(problem, below), HasSubstr("5 too low: a plan takes its cost plus 5 ns."));
  EXPECT_THAT(*to_cfn(problem, below), HasSubstr("\"plan_costs_in_ns_5_too_low\""));
}

TEST(Export, OfNothing_IsRefused) {
  for (const auto to_text : {to_lp, to_mps, to_cfn}) {
    EXPECT_THAT(to_text({}, {}),
                FailsWith(ErrorCode::kInvalidArgument, HasSubstr("without variables")));
  }
}

TEST(Export, OfACouplingOfTooManyStates_IsRefusedByCfnAlone) {
  plan::Problem problem;
  plan::Coupling coupling{"wide", {}, std::vector<std::int64_t>(1, 0)};
  for (std::size_t i = 0; i < 12; ++i) {
    problem.variables.push_back({std::to_string(i), {0, 1, 2, 3}});
    coupling.variables.push_back({i, {0, 0, 0, 0}, 1});
  }
  problem.couplings.push_back(coupling);
  EXPECT_THAT(to_cfn(problem), FailsWith(ErrorCode::kUnimplemented, HasSubstr("'wide'")));
  EXPECT_THAT(to_lp(problem), IsOk());
}

}  // namespace
}  // namespace tessera::milp
