// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "tessera/core/host.h"
#include "tessera/report/format.h"

namespace tessera::cli {
namespace {

using std::chrono::steady_clock;

constexpr auto kRedrawInterval = std::chrono::milliseconds(100);
constexpr auto kSparseInterval = std::chrono::seconds(10);

volatile std::sig_atomic_t interrupted = 0;  // the one thing a signal handler can reach

void on_interrupt(int signal) {
  if (interrupted != 0) {
    std::_Exit(130);
  }
  interrupted = signal;
}

double seconds(steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

bool colour_allowed(int descriptor) {
  const std::string terminal = environment("TERM");
  return ::isatty(descriptor) == 1 && environment("NO_COLOR").empty() && !terminal.empty() &&
         terminal != "dumb";
}

TerminalMonitor::TerminalMonitor() : on_terminal_(colour_allowed(STDERR_FILENO)) {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool TerminalMonitor::cancelled() const noexcept {
  return interrupted != 0;
}

void TerminalMonitor::progress(std::string_view stage, std::int64_t done, std::int64_t total) {
  const auto now = steady_clock::now();
  const bool new_stage = stage != stage_;
  if (new_stage) {
    clear();
    stage_ = stage;
    stage_start_ = now;
    last_draw_ = now;
  }
  const bool finished = total > 0 && done >= total;
  const auto interval = on_terminal_ ? steady_clock::duration(kRedrawInterval)
                                     : steady_clock::duration(kSparseInterval);
  if (quiet_ || (now - last_draw_ < interval && !(new_stage && on_terminal_) && !finished)) {
    return;
  }
  // Away from a terminal, work that took no noticeable time is not worth a line.
  if (!on_terminal_ && finished && now - stage_start_ < std::chrono::seconds(2)) {
    return;
  }
  draw(stage, done, total, now);
  if (finished) {
    clear();
  }
}

void TerminalMonitor::draw(std::string_view stage, std::int64_t done, std::int64_t total,
                           Time now) {
  last_draw_ = now;
  auto line = std::string(stage);
  if (total > 0) {
    line += fmt::format(" {}/{}", done, total);
  } else if (done > 0) {
    line += fmt::format(" {}", done);
  }
  const auto elapsed = seconds(now - stage_start_);
  if (done > 0 && elapsed > 0.5) {
    const auto rate = static_cast<double>(done) / elapsed;
    line += fmt::format("  {}/s", report::number(rate));
    if (total > done) {
      line += fmt::format("  {} left",
                          report::duration(static_cast<double>(total - done) / rate * 1e6));
    } else if (total > 0) {
      line += fmt::format("  {}", report::duration(elapsed * 1e6));
    }
  }
  if (on_terminal_) {
    fmt::print(stderr, "\r\033[K{}", line);
    line_open_ = true;
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

void TerminalMonitor::clear() {
  if (line_open_) {
    fmt::print(stderr, "\r\033[K");
    std::fflush(stderr);
    line_open_ = false;
  }
}

void TerminalMonitor::warn(const Warning& warning) {
  if (std::find(warnings_.begin(), warnings_.end(), warning) != warnings_.end()) {
    return;
  }
  warnings_.push_back(warning);
  clear();
  fmt::print(stderr, "warning [{}]: {}\n", warning.id, warning.message);
  if (!warning.hint.empty()) {
    fmt::print(stderr, "  hint: {}\n", warning.hint);
  }
}

void TerminalMonitor::note(std::string_view text) {
  if (quiet_) {
    return;
  }
  clear();
  fmt::print(stderr, "{}\n", text);
}

}  // namespace tessera::cli
