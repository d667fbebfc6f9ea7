// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string_view>

#include "cli/context.h"
#include "tessera/core/names.h"
#include "tessera/core/record.h"

namespace tessera::cli {
namespace {

constexpr int kInternal = 70;

int refuse(const Error& error) {
  fmt::print(stderr, "{}\n", to_string(error));
  if (error.code == ErrorCode::kInternal) {
    fmt::print(stderr, "  at {}:{}; this is a defect of tessera, please report it\n",
               error.where.file_name(), error.where.line());
  }
  return exit_code(error.code);
}

int refuse_unknown(const CLI::App& app, const std::string& word) {
  std::string nearest;
  auto best = word.size();
  for (const auto* command : app.get_subcommands({})) {
    const auto distance = edit_distance(word, command->get_name());
    if (distance < best && distance <= 3) {
      best = distance;
      nearest = command->get_name();
    }
  }
  return refuse(Error{.code = ErrorCode::kInvalidArgument,
                      .message = fmt::format("unknown command '{}'", word),
                      .hint = nearest.empty() ? "tessera --help lists the commands"
                                              : fmt::format("did you mean '{}'?", nearest),
                      .where = {}});
}

bool knows(const CLI::App& app, const std::string& word) {
  const auto commands = app.get_subcommands({});
  return std::any_of(commands.begin(), commands.end(),
                     [&](const auto* command) { return command->check_name(word); });
}

void add_commands(CLI::App& app, Context& context) {
  add_inspect_command(app, context);
  add_calibrate_command(app, context);
  add_quantize_command(app, context);
  add_compare_command(app, context);
  add_bench_command(app, context);
  add_profile_command(app, context);
  add_optimize_command(app, context);
  add_energy_command(app, context);
  add_error_command(app, context);
  add_doctor_command(app, context);
  add_completion_command(app, context);
}

std::string chosen_command(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? "tessera" : "tessera " + chosen.front()->get_name();
}

}  // namespace

int run(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"tessera"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  Context context(std::move(command));

  CLI::App app("Measures, quantizes and places trained networks on real machines.", "tessera");
  app.set_version_flag("--version", std::string(version()));
  app.require_subcommand(1);
  app.footer(
      "Start here:\n  tessera optimize model.onnx --data images/ -o out\n\n"
      "tessera COMMAND --help explains a command.");
  add_commands(app, context);

  if (arguments.empty()) {
    fmt::print("{}", app.help());
    return 0;
  }
  if (!arguments.front().starts_with("-") && !knows(app, arguments.front())) {
    return refuse_unknown(app, arguments.front());
  }
  try {
    auto reversed = arguments;
    std::reverse(reversed.begin(), reversed.end());
    app.parse(std::move(reversed));
  } catch (const CLI::Success& wanted) {
    return app.exit(wanted);  // --help and --version print on stdout
  } catch (const CLI::ParseError& problem) {
    return refuse(Error{.code = ErrorCode::kInvalidArgument,
                        .message = problem.what(),
                        .hint = fmt::format("see {} --help", chosen_command(app)),
                        .where = {}});
  }
  try {
    const auto status = context.action();
    context.monitor().clear();
    return status ? 0 : refuse(status.error());
  } catch (const std::bad_alloc&) {
    return refuse(Error{.code = ErrorCode::kResourceExhausted,
                        .message = "out of memory",
                        .hint = "use a machine with more memory or a smaller input",
                        .where = {}});
  } catch (const std::exception& problem) {
    fmt::print(stderr, "error: unexpected: {}\n  this is a defect of tessera, please report it\n",
               problem.what());
    return kInternal;
  }
}

}  // namespace tessera::cli
