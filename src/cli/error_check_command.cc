// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/context.h"
#include "cli/error_options.h"
#include "cli/options.h"
#include "tessera/noise/check.h"
#include "tessera/report/error.h"

namespace tessera::cli {
namespace {

struct CheckArguments {
  SwitchOptions switches;
  std::int64_t plans = 50;
  std::string sizes = "even";
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::size_t top = 20;
};

Status run(const CheckArguments& arguments, Context& context) {
  TESSERA_TRY(const auto sizes, noise::sizes_from_string(arguments.sizes));
  TESSERA_CHECK(Context::check_output(arguments.output, arguments.overwrite, {".json"}));
  TESSERA_TRY(const auto input, load_switches(arguments.switches, context));
  const std::vector<std::string> designs{fmt::format("random:{}", arguments.plans)};
  const auto entries = noise::entries_of(input->setup.switches);
  TESSERA_TRY(const auto subsets, noise::choose_subsets(designs, entries, sizes, context.seed));
  TESSERA_TRY(const auto check,
              noise::run_check(input->setup, input->samples, subsets, context.monitor()));
  const auto envelope = context.envelope("error-check", &arguments.switches.run, &input->model);
  auto result = to_json(check);
  result["layers"] = Json::array();
  for (const auto& entry : entries) {
    result["layers"].push_back(entry.name);
  }
  result["data"] = input->samples.describe();
  if (context.timeless) {
    result.erase("cpu_us_per_plan");
  }
  if (!arguments.output.empty()) {
    TESSERA_CHECK(context.write(arguments.output, envelope, result, arguments.overwrite));
  }
  context.answer(envelope, result, report::check_text(check, context.page(), arguments.top));
  return {};
}

}  // namespace

void add_error_check_command(CLI::App& parent, Context& context) {
  auto arguments = std::make_shared<CheckArguments>();
  auto* command = parent.add_subcommand(
      "check", "Builds random mixed models and compares their error with what a sweep says");
  add_switch_options(*command, arguments->switches);
  context.reads(arguments->switches.model);
  command->add_option("--plans", arguments->plans, "how many models are built")
      ->check(at_least(1))
      ->capture_default_str();
  command->add_option("--sizes", arguments->sizes, "of the random plans, as of error sweep")
      ->type_name("HOW")
      ->check(one_of({"even", "uniform"}))
      ->capture_default_str();
  command->add_option("--top", arguments->top, "show the N plans that deviate most, 0 for all")
      ->capture_default_str();
  add_output_options(*command, arguments->output, arguments->overwrite, false);
  add_common_options(*command, context,
                     "tessera error check model.onnx --data images/ --preprocess imagenet "
                     "--images 8 --plans 50");
  command->callback([arguments, &context] {
    context.action = [arguments, &context] { return run(*arguments, context); };
  });
}

}  // namespace tessera::cli
