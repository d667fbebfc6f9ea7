// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "cli/context.h"
#include "cli/documents.h"
#include "cli/error_options.h"
#include "cli/options.h"
#include "tessera/evaluate/lab.h"
#include "tessera/noise/tail.h"
#include "tessera/report/error.h"

namespace tessera::cli {
namespace {

struct TailArguments {
  SwitchOptions mix;
  std::string profile;
  noise::TailOptions tail;
  std::optional<double> min_sqnr_db;
  std::string output;
  Overwrite overwrite = Overwrite::kRefuse;
};

/// By the times of the profile; without one (null) by multiplications.
Result<noise::Gains> gains_of(const Json& profile, const std::string& file,
                              const network::Network& model,
                              std::span<const noise::ObservedLayer> layers) {
  if (profile.is_null()) {
    return noise::gains_of_macs(layers);
  }
  TESSERA_TRY(const auto info, model.info());
  return noise::gains_from_profile(profile, info, layers, file);
}

Result<evaluate::Lab> lab_of(const SwitchInput& input, Monitor& monitor) {
  const auto& setup = input.setup;
  return evaluate::Lab::open({.model = setup.model,
                              .library = setup.library,
                              .session = setup.session,
                              .samples = &input.samples,
                              .ranges = setup.ranges},
                             monitor);
}

Status run(const TailArguments& arguments, Context& context) {
  TESSERA_CHECK(Context::check_output(arguments.output, arguments.overwrite, {".json"}));
  Json profile;
  if (!arguments.profile.empty()) {
    TESSERA_CHECK(expect_kind(arguments.profile, "profile"));
    TESSERA_TRY(profile, read_json(arguments.profile));
  }
  TESSERA_TRY(const auto input, load_mix(arguments.mix, context));
  auto options = arguments.tail;
  options.time = !context.timeless;
  options.min_sqnr_db = arguments.min_sqnr_db.value_or(options.min_sqnr_db);
  TESSERA_TRY(auto lab, lab_of(*input, context.monitor()));
  const auto gains = [&](std::span<const noise::ObservedLayer> layers) {
    return gains_of(profile, arguments.profile, input->model, layers);
  };
  TESSERA_TRY(const auto tail,
              noise::find_tail(lab, input->recipe, gains, options, context.monitor()));
  auto result = to_json(tail);
  result["data"] = input->samples.describe();
  auto text = report::tail_text(tail, context.page());
  if (!arguments.output.empty()) {
    TESSERA_CHECK(write_json(arguments.output, to_json(tail.recipe), arguments.overwrite));
    result["output"] = arguments.output;
    text += fmt::format("wrote {}, for tessera quantize --recipe\n", arguments.output);
  }
  context.answer(context.envelope("error-tail", &arguments.mix.run, &input->model), result, text);
  const double reached_db = tail.steps.empty() ? tail.sqnr_db : tail.steps.back().sqnr_db;
  if (arguments.min_sqnr_db && !(reached_db >= *arguments.min_sqnr_db)) {
    return fail(ErrorCode::kFailedPrecondition, "{:.1f} dB with {} layers in float; {:.1f} needed",
                reached_db, tail.steps.size(), *arguments.min_sqnr_db)
        .hint("allow more by --max-float and --max-loss, or other ranges by --method");
  }
  return {};
}

}  // namespace

void add_error_tail_command(CLI::App& parent, Context& context) {
  auto arguments = std::make_shared<TailArguments>();
  auto* command = parent.add_subcommand(
      "tail", "Leaves in float the few layers that make most of the error, the rest in integers");
  add_mix_options(*command, arguments->mix);
  context.reads(arguments->mix.model);
  command
      ->add_option("--max-float", arguments->tail.max_float_percent,
                   "most layers that stay float, percent of all; one may in any case")
      ->type_name("PERCENT")
      ->capture_default_str();
  command
      ->add_option("--max-loss", arguments->tail.max_loss_percent,
                   "most that they may cost, percent of what all bring in integers: MACs, or with "
                   "--profile microseconds")
      ->type_name("PERCENT")
      ->capture_default_str();
  command->add_option("--min-sqnr-db", arguments->min_sqnr_db,
                      "stop at this SQNR; exit code 1 if the model does not reach it");
  command
      ->add_option("--profile", arguments->profile,
                   "times of tessera profile: what layers bring in microseconds")
      ->type_name("PROFILE.json");
  add_output_options(*command, arguments->output, arguments->overwrite, false);
  add_common_options(*command, context,
                     "tessera error tail model.tflite --data images/ --method mse -o mix.json\n"
                     "  tessera error tail model.onnx --data images/ --min-sqnr-db 20 "
                     "--max-float 10 -o mix.json");
  command->callback([arguments, &context] {
    context.action = [arguments, &context] { return run(*arguments, context); };
  });
}

}  // namespace tessera::cli
