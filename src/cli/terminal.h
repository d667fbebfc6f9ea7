// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/monitor.h"

namespace tessera::cli {

/// Progress and warnings on stderr: one line that is redrawn on a terminal, sparse lines
/// otherwise. Ctrl-C asks the running work to stop; a second one ends the process at once.
class TerminalMonitor final : public Monitor {
 public:
  TerminalMonitor();

  void progress(std::string_view stage, std::int64_t done, std::int64_t total) override;
  void warn(const Warning& warning) override;
  [[nodiscard]] bool cancelled() const noexcept override;

  /// A remark, unless quiet.
  void note(std::string_view text);
  /// Removes a progress line that is being redrawn.
  void clear();
  /// The stages that the work is going to have, in order: progress tells which one it is.
  void expect(std::vector<std::string> stages) { stages_ = std::move(stages); }
  void set_quiet(bool quiet) noexcept { quiet_ = quiet; }
  [[nodiscard]] const std::vector<Warning>& warnings() const noexcept { return warnings_; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  void draw(std::string_view stage, std::int64_t done, std::int64_t total, Time now);

  bool on_terminal_ = false;  ///< where a line can be redrawn
  bool colour_ = false;
  bool quiet_ = false;
  bool line_open_ = false;
  std::string stage_;
  std::vector<std::string> stages_;
  Time stage_start_;
  Time last_draw_;
  std::vector<Warning> warnings_;
};

/// Columns that text on stdout may have: $COLUMNS, else those of the terminal; 0 if it is none.
[[nodiscard]] std::size_t terminal_columns();

/// True if colours may be used on this descriptor (a terminal, no NO_COLOR, not dumb).
[[nodiscard]] bool colour_allowed(int descriptor);
/// The text in a colour ("31;1" is bold red), if that is allowed.
[[nodiscard]] std::string painted(std::string_view text, std::string_view colour, bool allowed);

}  // namespace tessera::cli
