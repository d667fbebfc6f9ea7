// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/metric_command.h"

#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "tessera/core/compact_text.h"
#include "tessera/noise/sweep.h"

extern char** environ;

namespace tessera::noise {
namespace {

constexpr int kPatienceMs = 200;
constexpr int kFarewells = 50;
constexpr useconds_t kFarewellUs = 20'000;

std::string ending(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("was ended by signal {}", WTERMSIG(status));
  }
  return fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

}  // namespace

struct MetricCommand::State {
  std::string command;
  pid_t process = -1;
  int channel = -1;  ///< a socket, so that a reader that is gone is an error, not a signal
  std::string received;
  std::int64_t answered = 0;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (channel >= 0) {
      ::close(channel);
    }
    if (process > 0) {
      reap();
    }
  }

  void reap() const {
    for (int i = 0; i < kFarewells; ++i) {
      if (::waitpid(process, nullptr, WNOHANG) != 0) {
        return;
      }
      ::usleep(kFarewellUs);
    }
    ::kill(process, SIGTERM);
    ::waitpid(process, nullptr, 0);
  }

  Failure gone() {
    std::string how = "closed its output";
    int status = 0;
    for (int i = 0; i < kFarewells && process > 0; ++i) {
      if (::waitpid(process, &status, WNOHANG) == process) {
        how = ending(status);
        process = -1;
        break;
      }
      ::usleep(kFarewellUs);
    }
    return fail(ErrorCode::kUnavailable, "the metric command {} after {} answers: {}", how,
                answered, command)
        .hint(
            "its own messages stand above; what was measured so far is kept, go on with "
            "--resume");
  }

  Status send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(channel, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) {
        continue;
      }
      if (sent <= 0) {
        return gone();
      }
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
  }

  Result<std::string> receive(const Monitor& monitor) {
    for (;;) {
      const auto end = received.find('\n');
      if (end != std::string::npos) {
        auto line = received.substr(0, end);
        received.erase(0, end + 1);
        return line;
      }
      TESSERA_CHECK(monitor.check());
      pollfd waiting{channel, POLLIN, 0};
      if (::poll(&waiting, 1, kPatienceMs) <= 0) {
        continue;
      }
      std::array<char, 4096> buffer{};
      const auto count = ::recv(channel, buffer.data(), buffer.size(), 0);
      if (count < 0 && errno == EINTR) {
        continue;
      }
      if (count <= 0) {
        return gone();
      }
      received.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
};

MetricCommand::MetricCommand(std::unique_ptr<State> state) : state_(std::move(state)) {}
MetricCommand::MetricCommand(MetricCommand&&) noexcept = default;
MetricCommand& MetricCommand::operator=(MetricCommand&&) noexcept = default;
MetricCommand::~MetricCommand() = default;

Result<MetricCommand> MetricCommand::start(const std::string& command) {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(ErrorCode::kUnavailable, "no channel to the metric command: {}",
                std::generic_category().message(errno));
  }
  auto state = std::make_unique<State>();
  state->command = command;
  state->channel = ends[0];
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string shell = "sh";
  std::string flag = "-c";
  std::string text = command;
  std::array<char*, 4> arguments{shell.data(), flag.data(), text.data(), nullptr};
  const int problem =
      ::posix_spawn(&state->process, "/bin/sh", &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (problem != 0) {
    state->process = -1;
    return fail(ErrorCode::kUnavailable, "the metric command does not start: {}",
                std::generic_category().message(problem));
  }
  return MetricCommand(std::move(state));
}

Result<Json> MetricCommand::ask(const Json& question, const Monitor& monitor) {
  TESSERA_CHECK(state_->send(to_line(question)));
  TESSERA_TRY(const auto line, state_->receive(monitor));
  auto answer = parse_json(line, "the answer of the metric command");
  if (!answer || !answer->is_object()) {
    return fail(ErrorCode::kUnavailable,
                "the metric command answered '{:.80}'; a JSON object was "
                "expected",
                line)
        .hint("it must print one object per line and nothing else on stdout, and flush it");
  }
  if (const auto error = answer->find("error"); error != answer->end()) {
    return fail(ErrorCode::kUnavailable, "the metric command says: {}",
                error->is_string() ? error->get<std::string>() : compact_text(*error));
  }
  ++state_->answered;
  return answer;
}

}  // namespace tessera::noise
