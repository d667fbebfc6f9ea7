// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"

namespace tessera::noise {

/// A command of the user's that answers questions: one process, one JSON object per line in either
/// direction, an answer for every question. What it writes on stderr goes to ours.
class MetricCommand {
 public:
  /// Starts it by the shell. Errors: kUnavailable.
  [[nodiscard]] static Result<MetricCommand> start(const std::string& command);
  MetricCommand(MetricCommand&&) noexcept;
  MetricCommand& operator=(MetricCommand&&) noexcept;
  /// Closes its input and waits for it, at most a second, then ends it.
  ~MetricCommand();

  /// Errors: kUnavailable if it ended (with its exit code or signal), answered something that is
  /// no object, or with {"error": TEXT}; kCancelled while it keeps us waiting.
  [[nodiscard]] Result<Json> ask(const Json& question, const Monitor& monitor);

 private:
  struct State;
  explicit MetricCommand(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tessera::noise
