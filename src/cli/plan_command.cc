// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/cluster_checks.h"
#include "cli/context.h"
#include "cli/options.h"
#include "cli/output_folder.h"
#include "cli/plan_inputs.h"
#include "tessera/cluster/text.h"
#include "tessera/milp/export.h"
#include "tessera/milp/highs.h"
#include "tessera/placement/plan.h"
#include "tessera/placement/recipe.h"
#include "tessera/report/plan.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string model;
  RunOptions run;
  LoadOptions loading;
  PlanFiles files;
  std::string minimize = "latency";
  std::string front;
  std::string solver = "auto";
  std::string solver_library;
  std::string exported;
  std::string recipe;
  std::string charts;
  std::vector<std::string> memory;
  std::optional<double> max_latency_ms;
  std::optional<double> min_sqnr_db;
  placement::Goal goal;
  placement::PlanOptions plan;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::size_t top = 20;
};

Status read_goal(Options& options, const PlanInputs& inputs) {
  auto& goal = options.goal;
  using placement::Objective;
  for (const auto objective :
       {Objective::kLatency, Objective::kEnergy, Objective::kWeighted, Objective::kThroughput}) {
    if (to_string(objective) == options.minimize) {
      goal.objective = objective;
    }
  }
  if (goal.objective == Objective::kWeighted && goal.ms_per_joule <= 0) {
    return fail(ErrorCode::kInvalidArgument, "--minimize weighted needs the price of energy")
        .hint("give --ms-per-joule: so many milliseconds are worth a joule");
  }
  if (options.max_latency_ms) {
    goal.max_latency_us = *options.max_latency_ms * 1000;
  }
  TESSERA_TRY(goal.max_error, inputs.error_limit(goal.max_error, options.min_sqnr_db));
  for (const auto& text : options.memory) {
    const auto at = text.find('=');
    if (at == std::string::npos || !inputs.cluster().find(text.substr(0, at))) {
      return fail(ErrorCode::kInvalidArgument,
                  "--max-memory {}: not MACHINE=BYTES of a machine of "
                  "the cluster",
                  text)
          .hint("for example --max-memory {}=64MiB", inputs.cluster().machines.front().name);
    }
    TESSERA_TRY(const auto bytes, cluster::bytes_from(text.substr(at + 1)));
    constexpr double kMostBytes = 0x1p62;
    if (!(bytes < kMostBytes)) {
      return fail(ErrorCode::kInvalidArgument, "--max-memory {}: that is 2^62 bytes or more", text)
          .hint("leave it out where memory is no limit");
    }
    const auto machine = text.substr(0, at);
    if (!goal.max_memory_bytes.emplace(machine, static_cast<std::int64_t>(bytes)).second) {
      return fail(ErrorCode::kInvalidArgument, "--max-memory is given twice for machine '{}'",
                  machine)
          .hint("give the lower one");
    }
  }
  return {};
}

/// "latency,error" or "latency,energy", with ":N" points.
Status read_front(Options& options) {
  if (options.front.empty()) {
    return {};
  }
  auto axes = options.front;
  options.plan.front_points = 10;
  if (const auto at = axes.find(':'); at != std::string::npos) {
    const auto* end = axes.data() + axes.size();
    const auto parsed = std::from_chars(axes.data() + at + 1, end, options.plan.front_points);
    if (parsed.ptr != end || options.plan.front_points < 2 || options.plan.front_points > 200) {
      return fail(ErrorCode::kInvalidArgument, "--pareto {}: not 2 to 200 points", options.front)
          .hint("for example --pareto latency,error:12");
    }
    axes.resize(at);
  }
  if (axes != "latency,error" && axes != "latency,energy") {
    return fail(ErrorCode::kInvalidArgument, "--pareto {}: not a pair of goals", options.front)
        .hint("latency,error or latency,energy, with :N for another number of points than 10");
  }
  if (options.minimize != "latency") {
    return fail(ErrorCode::kInvalidArgument, "--pareto is of plans of least latency")
        .hint("leave out --minimize {}", options.minimize);
  }
  options.plan.against = axes.ends_with("error") ? placement::PlanOptions::Against::kError
                                                 : placement::PlanOptions::Against::kEnergy;
  return {};
}

/// HiGHS helps where it is there, and is asked for by name where it has to be.
Result<std::unique_ptr<const milp::Highs>> find_solver(const Options& options) {
  if (options.solver == "own") {
    return nullptr;
  }
  auto found = milp::highs(options.solver_library);
  if (found) {
    return found;
  }
  if (options.solver == "highs" || !options.solver_library.empty()) {
    return tl::unexpected(found.error());
  }
  return nullptr;  // plans are made, and bounded, without it
}

/// The problem of the goal, see PlanOptions::own_problem. Errors: kInvalidArgument for another
/// ending.
Status write_export(const Options& options, placement::Planned& planned) {
  const auto& problem = planned.instance.problem;
  const bool is_energy = planned.plan.goal == placement::Objective::kEnergy;
  const milp::CostNote note{is_energy ? "nJ" : "ns", planned.instance.too_much};
  const auto ending = std::filesystem::path(options.exported).extension();
  TESSERA_TRY(const auto text, ending == ".lp"    ? milp::to_lp(problem, note)
                               : ending == ".mps" ? milp::to_mps(problem, note)
                                                  : milp::to_cfn(problem, note));
  TESSERA_CHECK(write_file(options.exported, text, options.overwrite));
  planned.plan.exported = {std::filesystem::path(options.exported).filename().string(), note.unit,
                           note.offset};
  return {};
}

/// What is written under that name has no certificate beside it, which people may not expect.
void warn_of_no_certificate(const std::string& output, Monitor& monitor) {
  const bool has_ending = !std::filesystem::path(output).extension().empty();
  if (output.empty() || (output != "-" && has_ending)) {
    return;
  }
  monitor.warn({"no-certificate", fmt::format("no certificate is written beside '{}'", output),
                "give a name that ends in .json: -o plan.json writes plan.cert.json, too"});
}

/// Each by itself, before anything is read.
Status check_effort(const plan::Options& solve) {
  if (!(solve.gap >= 0 && solve.gap <= 1)) {
    return fail(ErrorCode::kInvalidArgument, "--gap {}: not a share from 0 to 1", solve.gap)
        .hint("0 asks for the optimum, 0.001 for a plan within 0.1 % of it");
  }
  if (!(solve.time_limit_s > 0)) {
    return fail(ErrorCode::kInvalidArgument, "--time-limit {}: not a time above 0",
                solve.time_limit_s)
        .hint("seconds that the plan may take");
  }
  return {};
}

std::filesystem::path certificate_path(const std::string& output) {
  return std::filesystem::path(output).replace_extension(".cert.json");
}

/// Without links and dots, as far as the folders are there.
std::filesystem::path in_full(const std::filesystem::path& path) {
  std::error_code problem;
  auto full = std::filesystem::weakly_canonical(std::filesystem::absolute(path, problem), problem);
  return problem ? path : full;
}

/// One file would be written over the other.
Status check_apart(const Options& options) {
  std::vector<std::pair<std::string_view, std::filesystem::path>> files{
      {"--output", options.output}, {"--recipe", options.recipe}, {"--export", options.exported}};
  if (options.output.ends_with(".json")) {
    files.emplace_back("the certificate", certificate_path(options.output));
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (std::size_t j = i + 1; j < files.size(); ++j) {
      const auto& [one, path] = files[i];
      const auto& [other, same] = files[j];
      if (!path.empty() && !same.empty() && in_full(path) == in_full(same)) {
        return fail(ErrorCode::kInvalidArgument, "{} and {} are both '{}'", one, other,
                    path.string())
            .hint("give each a name of its own");
      }
    }
  }
  return {};
}

/// The one of an earlier plan under the same name would be taken for this one's.
Status remove_certificate(const std::string& output) {
  std::error_code problem;
  std::filesystem::remove(certificate_path(output), problem);
  if (problem) {
    return fail(ErrorCode::kPermissionDenied, "cannot remove '{}', the certificate of another plan",
                certificate_path(output).string())
        .hint("remove it, or write the plan to another place");
  }
  return {};
}

Status run(Options options, Context& context) {
  TESSERA_CHECK(Context::check_output(options.output, options.overwrite, sheet_endings()));
  TESSERA_CHECK(check_effort(options.plan.solve));
  TESSERA_CHECK(check_apart(options));
  if (options.output.ends_with(".json")) {
    TESSERA_CHECK(check_writable(certificate_path(options.output), options.overwrite));
  }
  if (!options.exported.empty()) {
    TESSERA_CHECK(
        Context::check_output(options.exported, options.overwrite, {".lp", ".mps", ".cfn"}));
    options.plan.own_problem = true;
  }
  if (!options.recipe.empty()) {
    TESSERA_CHECK(Context::check_output(options.recipe, options.overwrite, {".json"}));
  }
  std::optional<OutputFolder> charts;
  if (!options.charts.empty()) {
    TESSERA_TRY(auto folder, OutputFolder::create(options.charts, options.overwrite));
    charts.emplace(std::move(folder));
  }
  TESSERA_CHECK(read_front(options));
  warn_of_no_certificate(options.output, context.monitor());
  TESSERA_TRY(const auto solver, find_solver(options));
  options.plan.finisher = options.solver == "auto" ? solver.get() : nullptr;
  options.plan.method = options.solver == "highs" ? solver.get() : nullptr;
  TESSERA_TRY(const auto network, context.load_model(options.model, options.loading, options.run));
  TESSERA_TRY(const auto model, network.info());
  TESSERA_TRY(const auto inputs, PlanInputs::read(options.files, model));
  TESSERA_CHECK(check_against(inputs.cluster(), network));
  TESSERA_CHECK(read_goal(options, inputs));
  TESSERA_TRY(const auto graph, network.view());
  const auto setting = inputs.setting(graph);
  options.plan.solve.proof = options.output.ends_with(".json");
  TESSERA_TRY(auto planned,
              placement::make_plan(setting, options.goal, options.plan, context.monitor()));
  if (!options.recipe.empty() && planned.solution.assignment) {
    TESSERA_TRY(const auto recipe, placement::recipe_of(setting, planned));
    TESSERA_CHECK(write_json(options.recipe, to_json(recipe), options.overwrite));
  }
  if (!options.exported.empty()) {
    TESSERA_CHECK(write_export(options, planned));
  }
  if (planned.solution.proof) {
    TESSERA_CHECK(write_certificate(certificate_path(options.output), inputs, model.sha256, graph,
                                    planned, options.overwrite));
  } else if (options.output.ends_with(".json")) {
    TESSERA_CHECK(remove_certificate(options.output));
  }
  planned.plan.wall_us = context.timeless ? 0 : planned.plan.wall_us;
  const auto& plan = planned.plan;
  if (charts) {
    const auto name = std::filesystem::path(options.model).filename().string();
    TESSERA_TRY(const auto files, report::plan_charts(plan, graph, name));
    for (const auto& file : files) {
      TESSERA_CHECK(write_file(charts->path() / file.name, file.svg, Overwrite::kReplace));
    }
    TESSERA_CHECK(charts->commit());
  }
  const auto envelope = context.envelope("plan", nullptr, &network);
  const auto sheet = report::plan_sheet(plan);
  TESSERA_CHECK(context.write(options.output, envelope, to_json(plan), sheet, options.overwrite));
  context.answer(envelope, to_json(plan), report::plan_text(plan, context.page(), options.top),
                 &sheet);
  if (plan.interrupted) {
    return fail(ErrorCode::kCancelled, "stopped; what was found until then is there{}",
                plan.pareto_why.empty() ? "" : "; front: " + plan.pareto_why)
        .hint("the bound says how much better a plan there may be");
  }
  if (plan.assignments.empty()) {
    return fail(ErrorCode::kFailedPrecondition, "{}",
                plan.status == placement::Standing::kInfeasible
                    ? "no plan keeps the limits"
                    : "no plan was found that keeps the limits")
        .hint("{}", plan.status == placement::Standing::kInfeasible
                        ? "loosen one of those named above"
                        : "loosen a limit, or give it more time with --time-limit");
  }
  return {};
}

}  // namespace

void add_plan_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "plan", "Find the best machine and precision for every operator, with a proof");
  command->add_option("model", options->model, ".onnx, .tflite, .h5 or .keras in float32")
      ->required();
  context.reads(options->model);
  command
      ->add_option("--cluster", options->files.cluster, "machines and links; see tessera cluster")
      ->type_name("FILE");
  command
      ->add_option("--profile", options->files.profiles,
                   "a machine's profile of this model, as MACHINE=FILE; repeatable, over those of "
                   "the cluster file")
      ->type_name("FILE");
  command
      ->add_option("--error-model", options->files.error_model,
                   "what precisions add in error: of tessera error fit")
      ->type_name("FILE");
  command->add_option("--minimize", options->minimize, "what is to be least")
      ->check(CLI::IsMember({"latency", "energy", "weighted", "throughput"}))
      ->capture_default_str();
  command
      ->add_option("--ms-per-joule", options->goal.ms_per_joule,
                   "with weighted: so many milliseconds are worth a joule")
      ->check(positive());
  command->add_option("--max-error", options->goal.max_error, "l2 per element of the outputs")
      ->check(positive());
  command->add_option("--min-sqnr-db", options->min_sqnr_db, "the same as a ratio, in decibels");
  command->add_option("--max-energy", options->goal.max_energy_j, "of one inference")
      ->type_name("J")
      ->check(positive());
  command->add_option("--max-latency", options->max_latency_ms, "of one inference")
      ->type_name("MS")
      ->check(positive());
  command
      ->add_option("--max-memory", options->memory,
                   "of a machine, over that of the cluster file; repeatable")
      ->type_name("MACHINE=BYTES");
  command
      ->add_option("--max-parts", options->goal.max_parts,
                   "stretches of layers on one machine, of all machines")
      ->check(CLI::Range(1, 1000));
  command
      ->add_option("--pareto", options->front,
                   "also the front of plans: latency,error or latency,energy, with :N points")
      ->type_name("AXES");
  command
      ->add_option("--what-if", options->files.changes,
                   "plan for a changed cluster: 'link.edge-cloud.bandwidth=*0.1'; repeatable")
      ->type_name("CHANGE");
  command
      ->add_option("--explain", options->plan.explain,
                   "say of an operator what its alternatives cost; repeatable")
      ->type_name("OP");
  command->add_option("--gap", options->plan.solve.gap, "how near to the optimum is good enough")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--time-limit", options->plan.solve.time_limit_s,
                   "of the plan; what surrounds it has as much again")
      ->type_name("S")
      ->check(positive())
      ->capture_default_str();
  command
      ->add_option("--solver", options->solver,
                   "own: tessera's; highs: HiGHS alone, unproven; auto: HiGHS where a gap is left")
      ->check(CLI::IsMember({"auto", "own", "highs"}))
      ->capture_default_str();
  command->add_option("--solver-library", options->solver_library, "libhighs.so, or its folder")
      ->type_name("PATH");
  command
      ->add_option("--recipe", options->recipe,
                   "write the precisions for tessera quantize --recipe")
      ->type_name("FILE");
  command->add_option("--charts", options->charts, "folder for pictures of the plan (SVG)")
      ->type_name("DIR");
  command
      ->add_option("--export", options->exported,
                   "write the problem for other solvers: .lp, .mps, or .cfn of toulbar2")
      ->type_name("FILE");
  command->add_flag("!--no-baselines", options->plan.baselines, "leave out the comparisons");
  command->add_flag("!--no-turning-points", options->plan.turning_points,
                    "do not look for speeds at which other machines would be used");
  command->add_option("--top", options->top, "list N operators and crossings only, 0 for all")
      ->capture_default_str();
  add_run_options(*command, options->run);
  add_load_options(*command, options->loading);
  add_output_options(*command, options->output, options->overwrite, false);
  add_common_options(
      *command, context,
      "tessera plan model.onnx --cluster cluster.json --profile edge=p.json -o plan.json\n"
      "  tessera plan model.onnx --profile p.json --error-model e.json --min-sqnr-db 30\n"
      "  tessera plan model.onnx --cluster cluster.json --what-if "
      "'link.edge-cloud.bandwidth=*0.1' --json",
      true);
  command->callback([options, &context] {
    context.action = [options, &context] { return run(*options, context); };
  });
}

}  // namespace tessera::cli
