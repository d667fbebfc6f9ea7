// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/optimize_cluster.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/cluster_checks.h"
#include "cli/plan_inputs.h"
#include "cli/scheme_options.h"
#include "tessera/placement/plan.h"
#include "tessera/placement/recipe.h"
#include "tessera/profile/profile.h"
#include "tessera/report/plan.h"

namespace tessera::cli {
namespace {

/// Mixes that the latency model is fitted to and judged by.
constexpr std::int64_t kTraining = 32;
constexpr std::int64_t kCalibration = 10;
constexpr std::int64_t kValidation = 10;

Result<profile::Profile> measure_here(const PlacementSetup& setup, Context& context) {
  profile::ProfileOptions options;
  TESSERA_TRY(const auto* dialect, quantize::dialect_of(*setup.model));
  TESSERA_TRY(options.scheme, scheme_from({.method = "percentile", .per_channel = true}, *dialect));
  TESSERA_TRY(options.session, context.session_options(setup.run));
  options.training_plans = kTraining;
  options.calibration_plans = kCalibration;
  options.validation_plans = kValidation;
  options.isolated = false;
  options.budget_us = setup.budget_us;
  options.seed = context.seed;
  TESSERA_TRY(const auto library, context.library(setup.run));
  TESSERA_TRY(auto profile, profile::profile(*setup.model, *setup.samples, *setup.ranges, library,
                                             options, context.monitor()));
  TESSERA_CHECK(context.monitor().check());
  return profile;
}

bool is_all_on(const placement::Plan& plan, const std::string& machine) {
  return std::ranges::all_of(plan.assignments,
                             [&](const auto& one) { return one.machine == machine; });
}

}  // namespace

Status check_placement(const PlacementOptions& options, const optimize::Limits& limits) {
  if (options.cluster.empty()) {
    return {};
  }
  const bool limits_error = limits.max_error || limits.min_sqnr_db;
  if (limits_error && options.error_model.empty()) {
    return fail(ErrorCode::kInvalidArgument, "a limit on the error of a plan needs an error model")
        .hint("make one with tessera error sweep and tessera error fit, and give --error-model");
  }
  TESSERA_TRY(const auto cluster, cluster::read_cluster(options.cluster));
  return machine_without_times(cluster).map([](const auto&) {});
}

Result<Placed> place_on_cluster(const PlacementOptions& options, const PlacementSetup& setup,
                                const std::filesystem::path& folder, Context& context) {
  TESSERA_TRY(const auto info, setup.model->info());
  TESSERA_TRY(auto cluster, cluster::read_cluster(options.cluster));
  TESSERA_CHECK(check_against(cluster, *setup.model));
  TESSERA_TRY(const auto here, machine_without_times(cluster));
  context.monitor().progress("profile for the plan", 0, 0);
  TESSERA_TRY(auto profile, measure_here(setup, context));
  const auto write = [&](const char* file, std::string_view kind, const Json& json) {
    return context.write(folder / file, context.envelope(kind, &setup.run, setup.model), json,
                         Overwrite::kReplace);
  };
  TESSERA_CHECK(write("profile.json", "profile", to_json(profile)));
  const std::vector<std::string> given{here + "=" + (folder / "profile.json").string()};
  TESSERA_TRY(const auto inputs,
              PlanInputs::read({options.cluster, given, options.error_model, {}}, info));
  placement::Goal goal;
  TESSERA_TRY(goal.max_error, inputs.error_limit(setup.limits.max_error, setup.limits.min_sqnr_db));
  TESSERA_TRY(const auto graph, setup.model->view());
  placement::PlanOptions how;
  how.solve.proof = true;
  TESSERA_TRY(auto planned,
              placement::make_plan(inputs.setting(graph), goal, how, context.monitor()));
  Placed placed{.plan = {}, .text = {}, .mix = {}, .files = {"profile.json", "plan.json"}};
  if (planned.solution.proof) {
    TESSERA_CHECK(write_certificate(folder / "plan.cert.json", inputs, info.sha256, graph, planned,
                                    Overwrite::kReplace));
    placed.files.push_back("plan.cert.json");
  }
  if (planned.solution.assignment) {
    TESSERA_TRY(const auto recipe, placement::recipe_of(inputs.setting(graph), planned));
    TESSERA_CHECK(write_json(folder / "plan-recipe.json", to_json(recipe), Overwrite::kReplace));
    placed.files.push_back("plan-recipe.json");
    if (is_all_on(planned.plan, here)) {
      placed.mix = recipe;
    }
  }
  TESSERA_CHECK(write("plan.json", "plan", to_json(planned.plan)));
  const auto name = std::filesystem::path(info.path).filename().string();
  TESSERA_TRY(const auto pictures, report::plan_charts(planned.plan, graph, name));
  for (const auto& picture : pictures) {
    TESSERA_CHECK(write_file(folder / picture.name, picture.svg, Overwrite::kReplace));
    placed.files.push_back(picture.name);
  }
  constexpr std::size_t kTop = 5;
  placed.text = report::plan_text(planned.plan, context.page(), kTop);
  placed.plan = std::move(planned.plan);
  return placed;
}

}  // namespace tessera::cli
