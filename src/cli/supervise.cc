// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/supervise.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

#include "tessera/core/error.h"
#include "tessera/runtime/watch.h"

namespace tessera::cli {
namespace {

/// A model that ends the process in so many forms is not worth more.
constexpr int kMostAttempts = 40;
constexpr int kSignalled = 128;  // as shells count

volatile std::sig_atomic_t child = 0;

void pass_on(int signal) {
  if (child > 0) {
    ::kill(child, signal);
  }
}

/// Of the parent: those for interruptions pass them on. The child has what was there before.
class Handlers {
 public:
  Handlers() {
    struct sigaction action {};
    action.sa_handler = pass_on;
    ::sigaction(SIGINT, &action, &interrupt_);
    ::sigaction(SIGTERM, &action, &terminate_);
  }
  void restore() const {
    ::sigaction(SIGINT, &interrupt_, nullptr);
    ::sigaction(SIGTERM, &terminate_, nullptr);
  }

 private:
  struct sigaction interrupt_ {};
  struct sigaction terminate_ {};
};

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

/// Signals by which a program ends itself, or is ended for what it did.
bool is_crash(int signal) {
  return signal == SIGABRT || signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE ||
         signal == SIGILL || signal == SIGTRAP;
}

int refuse(const Error& error) {
  fmt::print(stderr, "{}\n", to_string(error));
  return exit_code(error.code);
}

class Supervisor {
 public:
  explicit Supervisor(runtime::WatchBoard& board) : board_(board) {}

  int run(const std::function<int(int)>& work) {
    for (int attempt = 0;; ++attempt) {
      board_.clear();
      std::fflush(nullptr);
      const auto parent = ::getpid();
      const auto process = ::fork();
      if (process < 0) {
        return work(attempt);
      }
      if (process == 0) {
        handlers_.restore();
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) {
          return kSignalled + SIGKILL;
        }
        runtime::watch_sessions(&board_, fatal_);
        return work(attempt);
      }
      child = process;
      const int status = wait_for(process);
      child = 0;
      if (WIFEXITED(status)) {
        return WEXITSTATUS(status);
      }
      const int signal = WTERMSIG(status);
      if (!is_crash(signal)) {
        return kSignalled + signal;
      }
      if (!learn(signal) || attempt + 1 == kMostAttempts) {
        return refuse(error_of(signal));
      }
    }
  }

 private:
  static int wait_for(pid_t process) {
    int status = 0;
    while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  /// False if nothing is known that another attempt could leave out.
  bool learn(int signal) {
    bool news = false;
    for (const auto key : board_.keys()) {
      news = fatal_.emplace(key, signal_name(signal)).second || news;
    }
    return news;
  }

  [[nodiscard]] Error error_of(int signal) const {
    const bool inside = !board_.keys().empty();
    return {.code = inside ? ErrorCode::kUnavailable : ErrorCode::kInternal,
            .message = fmt::format("the process was ended by {} {}", signal_name(signal),
                                   inside ? "inside the runtime" : "outside of the runtime"),
            .hint = inside ? "a defect of the runtime, or of the model that it was given"
                           : "this is a defect of tessera, please report it",
            .where = {}};
  }

  runtime::WatchBoard& board_;
  runtime::FatalSessions fatal_;
  Handlers handlers_;
};

}  // namespace

int supervise(const std::function<int(int attempt)>& work) {
  void* shared = ::mmap(nullptr, sizeof(runtime::WatchBoard), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    return work(0);
  }
  return Supervisor(*new (shared) runtime::WatchBoard).run(work);
}

}  // namespace tessera::cli
