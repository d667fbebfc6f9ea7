// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/context.h"

/// Shell completion made by walking the parser, so that it cannot drift from the options.
namespace tessera::cli {
namespace {

struct OptionText {
  std::vector<std::string> names;  ///< "-o", "--output"
  std::string description;
  bool takes_value = false;
};

struct CommandText {
  std::string name;
  std::string description;
  std::vector<OptionText> options;
};

std::string first_sentence(const std::string& text) {
  return text.substr(0, text.find_first_of(";.\n"));
}

std::vector<OptionText> options_of(const CLI::App& command) {
  std::vector<OptionText> texts;
  for (const auto* option : command.get_options()) {
    OptionText text{.names = {},
                    .description = first_sentence(option->get_description()),
                    .takes_value = option->get_items_expected_max() > 0};
    for (const auto& name : option->get_snames()) {
      text.names.push_back("-" + name);
    }
    for (const auto& name : option->get_lnames()) {
      text.names.push_back("--" + name);
    }
    if (!text.names.empty()) {
      texts.push_back(std::move(text));
    }
  }
  return texts;
}

std::vector<CommandText> commands_of(const CLI::App& app) {
  std::vector<CommandText> commands;
  for (const auto* command : app.get_subcommands({})) {
    commands.push_back({command->get_name(), command->get_description(), options_of(*command)});
  }
  return commands;
}

std::string bash_script(const std::vector<CommandText>& commands) {
  std::string names;
  std::string cases;
  for (const auto& command : commands) {
    names += (names.empty() ? "" : " ") + command.name;
    std::string options;
    for (const auto& option : command.options) {
      for (const auto& name : option.names) {
        options += (options.empty() ? "" : " ") + name;
      }
    }
    cases += fmt::format("    {}) options=\"{}\" ;;\n", command.name, options);
  }
  return fmt::format(R"(# bash completion of tessera; load with: source <(tessera completion bash)
_tessera() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" options=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{} --help --version" -- "$word"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{}  esac
  if [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -o filenames -F _tessera tessera
)",
                     names, cases);
}

/// Text between single quotes of a shell, colons and brackets escaped as zsh wants them.
std::string quoted(const std::string& text, std::string_view special) {
  std::string safe;
  for (const char c : text) {
    if (c == '\'') {
      safe += "'\\''";
    } else {
      safe += special.find(c) == std::string_view::npos ? std::string(1, c) : std::string("\\") + c;
    }
  }
  return safe;
}

std::string zsh_script(const std::vector<CommandText>& commands) {
  std::string names;
  std::string cases;
  for (const auto& command : commands) {
    names += fmt::format("    '{}:{}'\n", command.name, quoted(command.description, ":"));
    cases += fmt::format("    {})\n      _arguments \\\n", command.name);
    for (const auto& option : command.options) {
      for (const auto& name : option.names) {
        cases += fmt::format("        '{}[{}]{}' \\\n", name, quoted(option.description, "[]:"),
                             option.takes_value ? ":value:_files" : "");
      }
    }
    cases += "        '*:file:_files' ;;\n";
  }
  return fmt::format(R"(#compdef tessera
# zsh completion of tessera; load with: source <(tessera completion zsh)
_tessera() {{
  local -a commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case "${{words[2]}}" in
{}  esac
}}
compdef _tessera tessera
)",
                     names, cases);
}

std::string fish_script(const std::vector<CommandText>& commands) {
  std::string lines = "# fish completion of tessera; load with: tessera completion fish | source\n";
  for (const auto& command : commands) {
    lines += fmt::format("complete -c tessera -n __fish_use_subcommand -f -a {} -d '{}'\n",
                         command.name, quoted(command.description, "'"));
    for (const auto& option : command.options) {
      lines += fmt::format("complete -c tessera -n '__fish_seen_subcommand_from {}'", command.name);
      for (const auto& name : option.names) {
        lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      lines += fmt::format("{} -d '{}'\n", option.takes_value ? " -r" : "",
                           quoted(option.description, "'"));
    }
  }
  return lines;
}

Status run_completion(const CLI::App& app, const std::string& shell) {
  const auto commands = commands_of(app);
  const auto script = shell == "bash"  ? bash_script(commands)
                      : shell == "zsh" ? zsh_script(commands)
                                       : fish_script(commands);
  std::fwrite(script.data(), 1, script.size(), stdout);
  return {};
}

}  // namespace

void add_completion_command(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("completion", "prints completion for bash, zsh or fish");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer("Example:\n  source <(tessera completion bash)");
  command->callback([&app, &context, shell] {
    context.action = [&app, shell] { return run_completion(app, *shell); };
  });
}

}  // namespace tessera::cli
