// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "cli/options.h"
#include "cli/terminal.h"
#include "tessera/core/text.h"
#include "tessera/report/table.h"

namespace tessera::cli {
namespace {

using report::wrap;

constexpr std::size_t kNameColumns = 24;
constexpr std::size_t kNarrow = 60;
constexpr std::size_t kUsual = 80;
constexpr std::size_t kWide = 100;
/// Where the parser puts what was declared under no heading.
constexpr const char* kOwn = "Options";

std::string indented(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  for (const auto& line : wrap(text, width - indent)) {
    out += std::string(indent, ' ') + line + "\n";
  }
  return out;
}

/// A name with its explanation beside it, or below a name that is too long for that.
std::string entry(const std::string& name, std::string_view text, std::size_t width) {
  std::string out = "  " + name;
  const auto lines = wrap(text, width - kNameColumns);
  const bool beside = out.size() + 2 <= kNameColumns;
  if (!beside) {
    out += "\n";
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto used = i == 0 && beside ? out.size() : 0;
    out += std::string(kNameColumns - used, ' ') + lines[i] + "\n";
  }
  return lines.empty() ? out + "\n" : out;
}

std::string usage(const CommandText& command, std::size_t width) {
  std::string text = "Usage: tessera";
  text += command.path.empty() ? "" : " " + command.path;
  text += command.commands.empty() ? "" : " COMMAND";
  for (const auto& option : command.options) {
    if (option.argument) {
      const auto name = option.names.front() + (option.many ? "..." : "");
      text += option.required ? " " + name : " [" + name + "]";
    } else if (option.required) {
      text += fmt::format(" {} {}", option.names.back(), option.type);
    }
  }
  text += " [OPTIONS]";
  std::string out;
  for (const auto& line : wrap(text, width - 7)) {
    out += (out.empty() ? "" : "       ") + line + "\n";
  }
  return out;
}

/// Headings in the order they were declared in, the command's own first and what every command
/// has last: where --help is.
std::vector<std::string> headings_of(const CommandText& command) {
  std::vector<std::string> headings{kOwn};
  std::string last;
  for (const auto& option : command.options) {
    if (std::find(option.names.begin(), option.names.end(), "--help") != option.names.end()) {
      last = option.heading;
    } else if (std::find(headings.begin(), headings.end(), option.heading) == headings.end()) {
      headings.push_back(option.heading);
    }
  }
  if (!last.empty()) {
    headings.erase(std::remove(headings.begin(), headings.end(), last), headings.end());
    headings.push_back(last);
  }
  return headings;
}

std::string section(const CommandText& command, const std::string& heading, std::size_t width) {
  std::string out;
  for (const auto& option : command.options) {
    if (option.argument || option.heading != heading) {
      continue;
    }
    auto name = fmt::format("{}", fmt::join(option.names, ", "));
    if (option.takes_value) {
      name += option.needs_value || option.type.starts_with("[") ? " " + option.type
                                                                 : " [" + option.type + "]";
    }
    out += entry(name, option.description, width);
  }
  return out.empty() ? out : fmt::format("\n{}:\n{}", heading, out);
}

/// Lines that are to be copied: those that are too long go on behind a backslash.
std::string examples(const std::string& footer, std::size_t width) {
  std::string out;
  for (const auto line : split(footer, '\n')) {
    const auto indent = std::min(line.find_first_not_of(' '), line.size());
    if (line.size() <= width) {
      out += fmt::format("{}\n", line);
      continue;
    }
    const auto parts = wrap(line, width - indent - 4);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      out += fmt::format("{}{}{}\n", std::string(indent + (i == 0 ? 0 : 2), ' '), parts[i],
                         i + 1 < parts.size() ? " \\" : "");
    }
  }
  return out;
}

/// CLI11 asks this for the help of a command.
class OwnFormatter final : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* command, std::string /*name*/,
                        CLI::AppFormatMode /*mode*/) const override {
    const auto columns = terminal_columns();
    const auto width = columns == 0 ? kUsual : std::clamp(columns, kNarrow, kWide);
    return help_text(describe(*command), width);
  }
};

}  // namespace

std::string help_text(const CommandText& command, std::size_t width) {
  auto out = indented(command.description, 0, width) + "\n" + usage(command, width);
  std::string arguments;
  for (const auto& option : command.options) {
    if (option.argument) {
      arguments += entry(option.names.front(), option.description, width);
    }
  }
  out += arguments.empty() ? "" : "\nArguments:\n" + arguments;
  if (!command.commands.empty()) {
    out += "\nCommands:\n";
    for (const auto& below : command.commands) {
      out += entry(below.name, below.description, width);
    }
  }
  for (const auto& heading : headings_of(command)) {
    out += section(command, heading, width);
  }
  return command.footer.empty() ? out : out + "\n" + examples(command.footer, width);
}

void use_own_help(CLI::App& program) {
  program.formatter(std::make_shared<OwnFormatter>());
}

}  // namespace tessera::cli
