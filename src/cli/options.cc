// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

#include "tessera/core/names.h"
#include "tessera/core/text.h"

namespace tessera::cli {
namespace {

/// Validators carry what they allow in their description, where it can be found again. The mark
/// tells it from the type's name, which it is joined to by a colon.
constexpr std::string_view kWordsMark = ":\x1d";
constexpr std::string_view kBoundMark = ":\x1e";
constexpr const char* kHintMark = "\n";

CLI::Validator number_within(double minimum, double maximum, bool open, const std::string& what) {
  const auto check = [=](std::string& text) {
    double value = 0;
    if (text.empty()) {
      return std::string();  // an option whose value may be left out
    }
    if (!CLI::detail::lexical_cast(text, value) || std::isnan(value)) {
      return fmt::format("'{}' is not a number", text);
    }
    const bool fits = (open ? value > minimum : value >= minimum) && value <= maximum;
    return fits ? std::string() : fmt::format("must be {}, not {}", what, text);
  };
  // That a count is not negative goes without saying.
  return {check, minimum == 0 && !open && maximum == HUGE_VAL
                     ? std::string()
                     : std::string(kBoundMark.substr(1)) + what};
}

/// "percentile[:P]" -> "percentile".
std::string bare(const std::string& word) {
  return word.substr(0, word.find('['));
}

bool is_placeholder(const std::string& word) {
  return std::all_of(word.begin(), word.end(),
                     [](unsigned char c) { return std::isupper(c) != 0; });
}

bool accepts(const std::vector<std::string>& words, const std::string& text) {
  const auto colon = text.find(':');
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return is_placeholder(word) || text == bare(word) ||
           (word.find("[:") != std::string::npos && text.substr(0, colon) == bare(word));
  });
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  for (const auto word : split(text, '|')) {
    words.emplace_back(word);
  }
  return words;
}

/// Of the library's own names for types.
std::string type_text(const std::string& name) {
  if (name == "INT" || name == "UINT") {
    return "N";
  }
  return name == "FLOAT" ? "X" : name;
}

OptionText describe(const CLI::Option& option) {
  OptionText text;
  for (const auto& name : option.get_snames()) {
    text.names.push_back("-" + name);
  }
  for (const auto& name : option.get_lnames()) {
    text.names.push_back("--" + name);
  }
  text.argument = text.names.empty();
  text.takes_value = text.argument || option.get_items_expected_max() > 0;
  text.needs_value = text.argument || option.get_items_expected_min() > 0;
  text.heading = option.get_group();
  text.required = option.get_required();
  text.many = text.takes_value && option.get_expected_max() > 1;
  text.description = option.get_description();
  text.fallback = option.get_default_str();
  std::string type = option.get_type_name();
  std::string bound;
  if (const auto mark = type.find(kBoundMark); mark != std::string::npos) {
    bound = type.substr(mark + kBoundMark.size());
    type.resize(mark);
  }
  if (const auto mark = type.find(kWordsMark); mark != std::string::npos) {
    text.words = split_words(std::string_view(type).substr(mark + kWordsMark.size()));
    type.resize(mark);
  }
  text.type = text.takes_value ? type_text(type) : "";
  if (text.argument) {
    text.names.push_back(option.get_name(true, false));
  }
  if (!text.words.empty()) {
    text.description += fmt::format(": {}", fmt::join(text.words, ", "));
  }
  std::vector<std::string> remarks;
  if (!bound.empty()) {
    remarks.push_back(bound);
  }
  if (text.many && !text.argument && text.description.find("repeatable") == std::string::npos) {
    remarks.emplace_back("repeatable");
  }
  if (!text.fallback.empty() && text.takes_value &&
      text.description.find("default") == std::string::npos) {
    remarks.push_back("default: " + text.fallback);
  }
  if (text.required) {
    remarks.emplace_back("required");
  }
  if (!remarks.empty()) {
    text.description += fmt::format(" [{}]", fmt::join(remarks, "; "));
  }
  return text;
}

std::string path_of(const CLI::App& command) {
  if (command.get_parent() == nullptr) {
    return {};
  }
  const auto above = path_of(*command.get_parent());
  return above.empty() ? command.get_name() : above + " " + command.get_name();
}

}  // namespace

CLI::Validator at_least(double minimum) {
  return number_within(minimum, HUGE_VAL, false, fmt::format("at least {:g}", minimum));
}

CLI::Validator between(double minimum, double maximum) {
  // Not {:g}: 100000 is to be read, not 1e+05.
  return number_within(minimum, maximum, false, fmt::format("{} to {}", minimum, maximum));
}

CLI::Validator positive() {
  return number_within(0, HUGE_VAL, true, "more than 0");
}

CLI::Validator one_of(std::vector<std::string> words) {
  auto description = std::string(kWordsMark.substr(1)) + fmt::format("{}", fmt::join(words, "|"));
  const auto check = [words = std::move(words)](std::string& text) {
    if (accepts(words, text)) {
      return std::string();
    }
    std::vector<std::string> names;
    std::transform(words.begin(), words.end(), std::back_inserter(names), bare);
    const auto near = meant(text, names);
    return fmt::format("'{}' is unknown{}{}use {}", text, kHintMark,
                       near ? fmt::format("did you mean {}? ", *near) : std::string(),
                       fmt::join(words, ", "));
  };
  return {check, description};
}

Heading::Heading(CLI::App& command, std::string title)
    : command_(command), title_(std::move(title)), first_(command.get_options({}).size()) {}

Heading::~Heading() {
  const auto options = command_.get_options({});
  for (std::size_t i = first_; i < options.size(); ++i) {
    options[i]->group(title_);
  }
}

CommandText describe(const CLI::App& command) {
  CommandText text{.path = path_of(command),
                   .name = command.get_name(),
                   .description = command.get_description(),
                   .footer = command.get_footer(),
                   .options = {},
                   .commands = {}};
  for (const auto* option : command.get_options()) {
    if (!option->get_group().empty()) {
      text.options.push_back(describe(*option));
    }
  }
  for (const auto* below : command.get_subcommands({})) {
    if (!below->get_group().empty()) {
      text.commands.push_back(describe(*below));
    }
  }
  return text;
}

std::optional<std::string> meant(std::string_view word,
                                 const std::vector<std::string>& candidates) {
  constexpr std::size_t kLongest = 60;
  if (word.empty() || word.size() > kLongest) {
    return std::nullopt;
  }
  const auto worst = std::max<std::size_t>(2, word.size() / 3);
  auto best = worst + 1;
  std::optional<std::string> nearest;
  for (const auto& candidate : candidates) {
    auto distance = edit_distance(word, std::string_view(candidate).substr(0, 2 * kLongest));
    if (word.size() > 3 && candidate.starts_with(word)) {
      distance = std::min<std::size_t>(distance, 2);
    }
    if (distance < best && distance < word.size()) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

namespace {

/// "--", "-o" or "--output=x" without the value.
std::string name_of(const std::string& word) {
  return word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2);
}

bool is_option(const std::string& word) {
  return word.size() > 1 && word[0] == '-' && word != "--";
}

std::string help_of(const std::string& path) {
  return path.empty() ? "tessera --help" : fmt::format("tessera {} --help", path);
}

Error usage(std::string message, std::string hint) {
  return {.code = ErrorCode::kInvalidArgument,
          .message = std::move(message),
          .hint = std::move(hint),
          .where = {}};
}

Error unknown_command(const CommandText& above, const std::string& word) {
  std::vector<std::string> names;
  for (const auto& command : above.commands) {
    names.push_back(command.name);
  }
  const auto prefix = above.path.empty() ? std::string() : above.path + " ";
  const auto near = meant(word, names);
  return usage(fmt::format("unknown command '{}{}'", prefix, word),
               near ? fmt::format("did you mean '{}{}'?", prefix, *near)
                    : help_of(above.path) + " lists the commands");
}

Error unknown_option(const CommandText& command, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& option : command.options) {
    if (!option.argument) {
      names.insert(names.end(), option.names.begin(), option.names.end());
    }
  }
  const auto near = name.starts_with("--") ? meant(name, names) : std::nullopt;
  const auto help = help_of(command.path);
  return usage(fmt::format("unknown option {}", name),
               near ? fmt::format("did you mean {}? {} lists the options", *near, help)
                    : help + " lists the options");
}

const OptionText* find_option(const CommandText& command, const std::string& name) {
  for (const auto& option : command.options) {
    if (!option.argument &&
        std::find(option.names.begin(), option.names.end(), name) != option.names.end()) {
      return &option;
    }
  }
  return nullptr;
}

/// The first word from `at` on that begins as an option does and is none.
std::optional<Error> find_unknown_option(const CommandText& command,
                                         const std::vector<std::string>& words, std::size_t at) {
  for (; at < words.size() && words[at] != "--"; ++at) {
    if (!is_option(words[at])) {
      continue;
    }
    const auto name = name_of(words[at]);
    const auto* option = find_option(command, name);
    if (option == nullptr) {
      return unknown_option(command, name);
    }
    // The word behind it is its value, however it begins.
    at += option->needs_value && name == words[at] ? 1U : 0U;
  }
  return std::nullopt;
}

std::string chosen_path(const CLI::App& program) {
  const auto chosen = program.get_subcommands();
  return chosen.empty() ? path_of(program) : chosen_path(*chosen.front());
}

/// "--samples: must be at least 1\nuse..." -> "--samples must be at least 1" and the hint.
Error explain_value(const std::string& text, const std::string& help) {
  const auto mark = text.find(kHintMark);
  auto message = text.substr(0, mark);
  const auto colon = message.find(": ");
  if (colon != std::string::npos) {
    message = message.substr(0, colon) + message.substr(colon + 1);
  }
  return usage(message, mark == std::string::npos ? help : text.substr(mark + 1));
}

}  // namespace

std::optional<Error> find_unknown(const CLI::App& program,
                                  const std::vector<std::string>& arguments) {
  const auto everything = describe(program);
  const auto* command = &everything;
  std::size_t at = 0;
  for (; !command->commands.empty() && at < arguments.size() && !is_option(arguments[at]); ++at) {
    const auto found = std::find_if(command->commands.begin(), command->commands.end(),
                                    [&](const auto& below) { return below.name == arguments[at]; });
    if (found == command->commands.end()) {
      return unknown_command(*command, arguments[at]);
    }
    command = &*found;
  }
  return find_unknown_option(*command, arguments, at);
}

Error explain(const CLI::App& program, const CLI::ParseError& problem) {
  const auto path = chosen_path(program);
  const auto help = "see " + help_of(path);
  const std::string text = problem.what();
  if (dynamic_cast<const CLI::ValidationError*>(&problem) != nullptr) {
    return explain_value(text, help);
  }
  if (dynamic_cast<const CLI::ExtrasError*>(&problem) != nullptr) {
    const auto colon = text.find(": ");
    return usage(fmt::format("more arguments than the command takes: {}",
                             colon == std::string::npos ? text : text.substr(colon + 2)),
                 help);
  }
  constexpr std::string_view kConversion = "Could not convert: ";
  if (text.starts_with(kConversion)) {
    const auto equals = text.find(" = ");
    return usage(fmt::format("{} is '{}'; a number was expected",
                             text.substr(kConversion.size(), equals - kConversion.size()),
                             equals == std::string::npos ? "" : text.substr(equals + 3)),
                 help);
  }
  return usage(text, help);
}

}  // namespace tessera::cli
