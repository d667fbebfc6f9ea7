// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "cli/context.h"
#include "cli/options.h"
#include "cli/supervise.h"
#include "tessera/core/record.h"
#include "tessera/core/text.h"

namespace tessera::cli {
namespace {

Json error_json(const Error& error) {
  return {{"code", to_string(error.code)},
          {"message", printable_message(error.message)},
          {"hint", printable_message(error.hint)},
          {"exit_code", exit_code(error.code)}};
}

/// For people on stderr, whatever was asked for; with --json for programs on stdout, too, unless
/// an answer is there already (of a gate that was missed, say).
int refuse(Context& context, const Error& error) {
  context.monitor().clear();
  auto text = to_string(error);
  if (constexpr std::string_view kError = "error"; text.starts_with(kError)) {
    text = painted(kError, "31;1", colour_allowed(STDERR_FILENO)) + text.substr(kError.size());
  }
  fmt::print(stderr, "{}\n", text);
  if (error.code == ErrorCode::kInternal) {
    fmt::print(stderr, "  at {}:{}; this is a defect of tessera, please report it\n",
               error.where.file_name(), error.where.line());
  }
  if (context.json && !context.answered()) {
    context.answer(context.envelope("error"), error_json(error), {});
  }
  return exit_code(error.code);
}

/// The exit code of what went well, unless its output did not.
int finish(Context& context, int code) {
  const auto status = context.finish_output();
  return status ? code : refuse(context, status.error());
}

void add_commands(CLI::App& app, Context& context) {
  add_inspect_command(app, context);
  add_calibrate_command(app, context);
  add_quantize_command(app, context);
  add_compare_command(app, context);
  add_bench_command(app, context);
  add_profile_command(app, context);
  add_optimize_command(app, context);
  add_plan_command(app, context);
  add_energy_command(app, context);
  add_error_command(app, context);
  add_import_command(app, context);
  add_cluster_command(app, context);
  add_doctor_command(app, context);
  add_completion_command(app, context);
}

/// What the chosen command does, as an exit code.
int act(Context& context) {
  try {
    const auto status = context.action();
    context.monitor().clear();
    return status ? finish(context, 0) : refuse(context, context.explained(status.error()));
  } catch (const std::bad_alloc&) {
    return refuse(context, Error{.code = ErrorCode::kResourceExhausted,
                                 .message = "out of memory",
                                 .hint = "use a machine with more memory or a smaller input",
                                 .where = {}});
  } catch (const std::exception& problem) {
    return refuse(context, Error{.code = ErrorCode::kInternal,
                                 .message = fmt::format("unexpected: {}", problem.what()),
                                 .hint = {},
                                 .where = std::source_location::current()});
  }
}

}  // namespace

int run(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"tessera"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  Context context(std::move(command));

  CLI::App app("Measures, quantizes and places trained networks on real machines.", "tessera");
  use_own_help(app);
  app.set_version_flag("--version", std::string(version()), "print the version");
  app.get_help_ptr()->description("print this help");
  app.require_subcommand(1);
  app.footer(
      "Start here:\n  tessera optimize model.onnx --data images/ -o out\n\n"
      "tessera COMMAND --help explains a command.");
  add_commands(app, context);

  if (arguments.empty()) {
    fmt::print(stderr, "{}", app.help());
    return exit_code(ErrorCode::kInvalidArgument);
  }
  // Known before the options are, and also where they are wrong.
  context.json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  if (const auto unknown = find_unknown(app, arguments)) {
    return refuse(context, *unknown);
  }
  try {
    auto reversed = arguments;
    std::reverse(reversed.begin(), reversed.end());
    app.parse(std::move(reversed));
  } catch (const CLI::Success& wanted) {
    std::ostringstream out;  // of --help and --version
    const int code = app.exit(wanted, out, out);
    context.print(out.str());
    return finish(context, code);
  } catch (const CLI::ParseError& problem) {
    return refuse(context, explain(app, problem));
  }
  return supervise([&](int attempt) {
    context.attempt = attempt;
    if (attempt > 0) {
      context.monitor().warn({"runtime-ended-process",
                              "the runtime ended the process on a model; the work is done again "
                              "without it",
                              "it is named, with the reason, where its figures would stand"});
    }
    return act(context);
  });
}

}  // namespace tessera::cli
