// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/error.h"

/// The parser's tree of commands and options is the one table of them. What it is declared with
/// here (groups, words, bounds) it can be asked for again: help, suggestions, completion and the
/// man page are all made from it.
namespace tessera::cli {

/// The number must be at least so large.
[[nodiscard]] CLI::Validator at_least(double minimum);
/// The number must lie between the two, both included.
[[nodiscard]] CLI::Validator between(double minimum, double maximum);
/// The number must be larger than 0.
[[nodiscard]] CLI::Validator positive();
/// One of these words. "percentile[:P]" may have a number behind a colon; the last word may stand
/// for anything, if it is in capitals: "FILE".
[[nodiscard]] CLI::Validator one_of(std::vector<std::string> words);

/// Options that are declared while it lives stand under this heading in the help.
class Heading {
 public:
  Heading(CLI::App& command, std::string title);
  Heading(const Heading&) = delete;
  Heading& operator=(const Heading&) = delete;
  ~Heading();

 private:
  CLI::App& command_;
  std::string title_;
  std::size_t first_;
};

/// An option as it was declared.
struct OptionText {
  std::vector<std::string> names;  ///< "-o", "--output"; of an argument its one name: "MODEL"
  std::string heading;
  std::string description;         ///< with what values it takes
  std::string type;                ///< "FILE"; empty for a flag
  std::vector<std::string> words;  ///< that it takes; empty: others
  std::string fallback;            ///< the default, may be empty
  bool argument = false;           ///< is told by its place
  bool takes_value = false;
  bool needs_value = false;
  bool required = false;
  bool many = false;  ///< may be given several times
};

/// A command with those below it.
struct CommandText {
  std::string path;  ///< "error sweep"; the program's is empty
  std::string name;
  std::string description;
  std::string footer;
  std::vector<OptionText> options;
  std::vector<CommandText> commands;
};

/// What is declared, without what is hidden.
[[nodiscard]] CommandText describe(const CLI::App& command);

/// The help of a command in lines of at most `width` columns.
[[nodiscard]] std::string help_text(const CommandText& command, std::size_t width);
/// The manual of the program and all its commands, in the language of man.
[[nodiscard]] std::string man_page(const CommandText& program);

/// From now on --help shows help_text(), as wide as the terminal, 60 to 100 columns.
void use_own_help(CLI::App& program);

/// The candidate that was most likely meant; none if all are far from it.
[[nodiscard]] std::optional<std::string> meant(std::string_view word,
                                               const std::vector<std::string>& candidates);
/// What is wrong with the words of a command line as such: commands and options that do not
/// exist. The parser would often complain about something else first.
[[nodiscard]] std::optional<Error> find_unknown(const CLI::App& program,
                                                const std::vector<std::string>& arguments);
/// The parser's complaint in our words.
[[nodiscard]] Error explain(const CLI::App& program, const CLI::ParseError& problem);

}  // namespace tessera::cli
