// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/options.h"
#include "tessera/core/record.h"
#include "tessera/core/text.h"

namespace tessera::cli {
namespace {

constexpr std::string_view kBefore = R"(.SH SYNOPSIS
.B tessera
.I COMMAND
[\fIARGUMENT\fR]... [\fIOPTION\fR]...
.SH DESCRIPTION
tessera takes a trained network and sample data, and finds by measurement on this machine in which
precision the network should run, and what that costs in error.
.PP
stdout carries the answer only; progress, warnings and errors go to stderr. As a file name,
.B \-
is standard input or output.
)";

constexpr std::string_view kAfter = R"(.SH "EXIT STATUS"
.TP
0
done
.TP
1
the answer is no: a gate was missed, models differ
.TP
2
usage
.TP
3
an input is missing, corrupt or not supported
.TP
4
the inference library failed
.TP
5
measured, but not stable
.TP
70
a defect of tessera
.TP
130
interrupted
.SH ENVIRONMENT
.TP
.B TESSERA_ONNXRUNTIME
the ONNX Runtime library to load, unless
.B \-\-runtime
names one. Without both it is looked for beside the program, in
.IR ../lib/tessera ,
and in the cache.
.TP
.B TESSERA_LITERT
the LiteRT library to load for .tflite models; looked for in the same places
.TP
.B XDG_CACHE_HOME
where the cache
.I tessera/
is; default
.IR ~/.cache .
.TP
.B COLUMNS
how wide tables and help may be, instead of the terminal's width
.TP
.B NO_COLOR
no colour on the terminal
)";

/// Text that troff takes as it is.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  // A line that begins with one of these would be a command to troff.
  return out.starts_with(".") || out.starts_with("'") ? "\\&" + out : out;
}

std::string option_entry(const OptionText& option) {
  std::string names;
  for (const auto& name : option.names) {
    names += fmt::format("{}{}{}\\fR", names.empty() ? "" : ", ", option.argument ? "\\fI" : "\\fB",
                         plain(name));
  }
  if (option.takes_value && !option.argument) {
    names += fmt::format(" \\fI{}\\fR", plain(option.type));
  }
  return fmt::format(".TP\n{}\n{}\n", names, plain(option.description));
}

std::string command_section(const CommandText& command) {
  auto out = fmt::format(".SS \"tessera {}\"\n{}\n", command.path, plain(command.description));
  for (const auto& option : command.options) {
    out += option.argument ? option_entry(option) : std::string();
  }
  for (const auto& option : command.options) {
    out += option.argument ? std::string() : option_entry(option);
  }
  if (!command.footer.empty()) {
    out += ".PP\n.nf\n";
    for (const auto line : split(command.footer, '\n')) {
      out += plain(line) + "\n";
    }
    out += ".fi\n";
  }
  for (const auto& below : command.commands) {
    out += command_section(below);
  }
  return out;
}

}  // namespace

std::string man_page(const CommandText& program) {
  auto out = fmt::format(".TH TESSERA 1 \"\" \"tessera {}\" \"User Commands\"\n", version());
  out += fmt::format(".SH NAME\ntessera \\- {}\n{}", plain(program.description), kBefore);
  out += ".SH COMMANDS\n";
  for (const auto& command : program.commands) {
    out += command_section(command);
  }
  return out + std::string(kAfter);
}

}  // namespace tessera::cli
