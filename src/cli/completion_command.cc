// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/options.h"
#include "tessera/core/text.h"

/// Shell completion and the manual, made by walking the parser, so that they cannot drift from it.
namespace tessera::cli {
namespace {

std::string first_sentence(const std::string& text) {
  return text.substr(0, text.find_first_of(";.\n[:"));
}

/// Commands that can be run, those of `error` with its name before them.
void flatten(const CommandText& command, std::vector<const CommandText*>& all) {
  for (const auto& below : command.commands) {
    all.push_back(&below);
    flatten(below, all);
  }
}

std::vector<const CommandText*> commands_of(const CommandText& program) {
  std::vector<const CommandText*> all;
  flatten(program, all);
  return all;
}

std::string names_of(const std::vector<CommandText>& commands) {
  std::vector<std::string_view> names;
  names.reserve(commands.size());
  for (const auto& command : commands) {
    names.emplace_back(command.name);
  }
  return fmt::format("{}", fmt::join(names, " "));
}

/// The words that can stand for an option's value: "percentile" of "percentile[:P]", no "FILE".
std::vector<std::string> values_of(const OptionText& option) {
  std::vector<std::string> values;
  for (const auto& word : option.words) {
    if (std::any_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; })) {
      values.push_back(word.substr(0, word.find('[')));
    }
  }
  return values;
}

bool takes_files_too(const OptionText& option) {
  return values_of(option).size() < option.words.size();
}

std::string bash_script(const CommandText& program) {
  std::string nested;
  std::string options;
  std::string values;
  for (const auto* command : commands_of(program)) {
    if (!command->commands.empty()) {
      nested += fmt::format("    \"{}\") commands=\"{}\" ;;\n", command->path,
                            names_of(command->commands));
    }
    std::vector<std::string_view> names;
    for (const auto& option : command->options) {
      if (option.argument) {
        if (!option.words.empty()) {
          values += fmt::format("    \"{} \") values=\"{}\" ;;\n", command->path,
                                fmt::join(values_of(option), " "));
        }
        continue;
      }
      names.insert(names.end(), option.names.begin(), option.names.end());
      for (const auto& name : option.words.empty() ? std::vector<std::string>() : option.names) {
        values += fmt::format("    \"{} {}\") values=\"{}\"{} ;;\n", command->path, name,
                              fmt::join(values_of(option), " "),
                              takes_files_too(option) ? " files=-f" : "");
      }
    }
    options += fmt::format("    \"{}\") options=\"{}\" ;;\n", command->path, fmt::join(names, " "));
  }
  return fmt::format(R"(# bash completion of tessera; load with: source <(tessera completion bash)
_tessera() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="" path="" at=1
  local commands="{} --help --version" options="" values="" files=""
  # The command is what the words say as long as they name one.
  while [ "$at" -lt "$COMP_CWORD" ] && [[ " $commands " == *" ${{COMP_WORDS[at]}} "* ]]; do
    path="${{path:+$path }}${{COMP_WORDS[at]}}" commands="" at=$((at + 1))
    case "$path" in
{}    esac
  done
  if [ -n "$commands" ]; then
    COMPREPLY=($(compgen -W "$commands" -- "$word"))
    return
  fi
  [ "$COMP_CWORD" -gt "$at" ] && before="${{COMP_WORDS[COMP_CWORD-1]}}"
  [[ "$before" == -* ]] || before=""
  case "$path $before" in
{}  esac
  if [ -n "$values" ]; then
    COMPREPLY=($(compgen $files -W "$values" -- "$word"))
    return
  fi
  case "$path" in
{}  esac
  if [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -o filenames -F _tessera tessera
)",
                     names_of(program.commands), nested, values, options);
}

/// Text between single quotes of a shell, some characters escaped as the shell wants them.
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

std::string zsh_value(const OptionText& option) {
  if (!option.takes_value) {
    return {};
  }
  const auto values = values_of(option);
  return values.empty() || takes_files_too(option)
             ? ":value:_files"
             : fmt::format(":value:({})", fmt::join(values, " "));
}

std::string zsh_arguments(const CommandText& command, const std::string& indent) {
  std::string out = indent + "_arguments \\\n";
  std::string rest = ":file:_files";
  for (const auto& option : command.options) {
    if (option.argument) {
      rest = option.words.empty() ? rest : zsh_value(option);
      continue;
    }
    for (const auto& name : option.names) {
      out += fmt::format("{}  '{}[{}]{}' \\\n", indent, name,
                         quoted(first_sentence(option.description), "[]:"), zsh_value(option));
    }
  }
  return out + fmt::format("{}  '*{}'", indent, rest);
}

std::string zsh_list(const std::vector<CommandText>& commands, const std::string& indent) {
  std::string out;
  for (const auto& command : commands) {
    out += fmt::format("{}'{}:{}'\n", indent, command.name, quoted(command.description, ":"));
  }
  return out;
}

std::string zsh_script(const CommandText& program) {
  std::string cases;
  for (const auto& command : program.commands) {
    if (command.commands.empty()) {
      cases += fmt::format("    {})\n{} ;;\n", command.name, zsh_arguments(command, "      "));
      continue;
    }
    cases += fmt::format(
        "    {})\n      if (( CURRENT == 3 )); then\n        commands=(\n{}        )\n"
        "        _describe command commands\n        return\n      fi\n"
        "      case \"${{words[3]}}\" in\n",
        command.name, zsh_list(command.commands, "          "));
    for (const auto& below : command.commands) {
      cases += fmt::format("        {})\n{} ;;\n", below.name, zsh_arguments(below, "          "));
    }
    cases += "      esac ;;\n";
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
                     zsh_list(program.commands, "    "), cases);
}

/// True where the words before the cursor name this command.
std::string fish_condition(const CommandText& command) {
  std::string condition;
  for (const auto name : split(command.path, ' ')) {
    condition +=
        fmt::format("{}__fish_seen_subcommand_from {}", condition.empty() ? "" : "; and ", name);
  }
  return condition;
}

std::string fish_option(const OptionText& option) {
  std::string line;
  for (const auto& name : option.names) {
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  line += option.takes_value ? " -r" : "";
  if (const auto values = values_of(option); !values.empty()) {
    line += fmt::format("{} -a '{}'", takes_files_too(option) ? "" : " -f", fmt::join(values, " "));
  }
  return line + fmt::format(" -d '{}'", quoted(first_sentence(option.description), "'"));
}

std::string fish_script(const CommandText& program) {
  std::string lines = "# fish completion of tessera; load with: tessera completion fish | source\n";
  for (const auto& command : program.commands) {
    lines += fmt::format("complete -c tessera -n __fish_use_subcommand -f -a {} -d '{}'\n",
                         command.name, quoted(command.description, "'"));
    for (const auto& below : command.commands) {
      lines += fmt::format(
          "complete -c tessera -n '__fish_seen_subcommand_from {}; and not "
          "__fish_seen_subcommand_from {}' -f -a {} -d '{}'\n",
          command.name, names_of(command.commands), below.name, quoted(below.description, "'"));
    }
  }
  for (const auto* command : commands_of(program)) {
    for (const auto& option : command->options) {
      if (!option.argument) {
        lines += fmt::format("complete -c tessera -n '{}'{}\n", fish_condition(*command),
                             fish_option(option));
      } else if (const auto values = values_of(option); !values.empty()) {
        lines += fmt::format("complete -c tessera -n '{}' -f -a '{}'\n", fish_condition(*command),
                             fmt::join(values, " "));
      }
    }
  }
  return lines;
}

std::string script_for(const std::string& shell, const CommandText& program) {
  if (shell == "bash") {
    return bash_script(program);
  }
  if (shell == "zsh") {
    return zsh_script(program);
  }
  return shell == "fish" ? fish_script(program) : man_page(program);
}

}  // namespace

void add_completion_command(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("completion",
                                     "Print completion for bash, zsh or fish, or the manual page");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "what to write for")
      ->required()
      ->check(one_of({"bash", "zsh", "fish", "man"}));
  command->footer(
      "Example:\n  source <(tessera completion bash)\n"
      "  tessera completion man > tessera.1");
  command->callback([&app, &context, shell] {
    context.action = [&app, shell]() -> Status {
      const auto script = script_for(*shell, describe(app));
      std::fwrite(script.data(), 1, script.size(), stdout);
      return {};
    };
  });
}

}  // namespace tessera::cli
