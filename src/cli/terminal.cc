// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "tessera/core/host.h"
#include "tessera/core/text.h"
#include "tessera/report/format.h"

namespace tessera::cli {
namespace {

using std::chrono::steady_clock;

constexpr auto kRedrawInterval = std::chrono::milliseconds(100);
constexpr auto kSparseInterval = std::chrono::seconds(10);

// What a signal handler can reach.
volatile std::sig_atomic_t interrupted = 0;
volatile std::sig_atomic_t interrupted_at_ms = 0;

/// Of a clock that only serves to tell moments apart.
std::sig_atomic_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  constexpr long kWrap = 1000000;
  return static_cast<std::sig_atomic_t>(now.tv_sec % kWrap * 1000 + now.tv_nsec / 1000000);
}

void on_interrupt(int signal) {
  // One Ctrl-C may arrive twice: from the terminal and passed on by the parent process.
  constexpr std::sig_atomic_t kSameMs = 300;
  const auto now = now_ms();
  if (interrupted != 0 && (now < interrupted_at_ms || now > interrupted_at_ms + kSameMs)) {
    std::_Exit(130);
  }
  if (interrupted == 0) {
    interrupted_at_ms = now;
  }
  interrupted = signal;
}

double seconds(steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

bool is_terminal(int descriptor) {
  const std::string terminal = environment("TERM");
  return ::isatty(descriptor) == 1 && !terminal.empty() && terminal != "dumb";
}

}  // namespace

std::size_t terminal_columns() {
  const std::string wanted = environment("COLUMNS");
  std::size_t columns = 0;
  const auto [end, problem] =
      std::from_chars(wanted.data(), wanted.data() + wanted.size(), columns);
  if (problem == std::errc() && end == wanted.data() + wanted.size() && columns > 0) {
    return columns;
  }
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 1 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
    return size.ws_col;
  }
  return 0;
}

bool colour_allowed(int descriptor) {
  return is_terminal(descriptor) && environment("NO_COLOR").empty();
}

std::string painted(std::string_view text, std::string_view colour, bool allowed) {
  return allowed ? fmt::format("\x1b[{}m{}\x1b[0m", colour, text) : std::string(text);
}

TerminalMonitor::TerminalMonitor()
    : on_terminal_(is_terminal(STDERR_FILENO)), colour_(colour_allowed(STDERR_FILENO)) {
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
  auto line = clipped(printable(stage));
  const auto known = std::find(stages_.begin(), stages_.end(), stage);
  if (known != stages_.end()) {
    line = fmt::format("[{}/{}] {}", known - stages_.begin() + 1, stages_.size(), line);
  }
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
  fmt::print(stderr, "{} [{}]: {}\n", painted("warning", "33;1", colour_), warning.id,
             printable_message(warning.message));
  if (!warning.hint.empty()) {
    fmt::print(stderr, "  hint: {}\n", printable_message(warning.hint));
  }
}

void TerminalMonitor::note(std::string_view text) {
  if (quiet_) {
    return;
  }
  clear();
  fmt::print(stderr, "{}\n", printable_text(text));
}

}  // namespace tessera::cli
