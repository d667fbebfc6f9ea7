// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tessera/core/result.h"

namespace tessera {

/// Something the user should know that is not an error. `id` is stable: "guessed-preprocess".
struct Warning {
  std::string id;
  std::string message;
  std::string hint;

  bool operator==(const Warning&) const = default;
};

/// Where long work reports to, and learns that the user wants it to stop.
///
/// The library never prints; whoever calls it passes a monitor. Thread-safe implementations are
/// needed only where a function's documentation says it reports from several threads.
class Monitor {
 public:
  virtual ~Monitor() = default;
  /// `done` of `total` steps of `stage` are complete. `total` 0: unknown.
  virtual void progress(std::string_view stage, std::int64_t done, std::int64_t total) = 0;
  virtual void warn(const Warning& warning) = 0;
  /// True once the user asked to stop (Ctrl-C). Long loops ask between steps.
  [[nodiscard]] virtual bool cancelled() const noexcept = 0;

  /// kCancelled if the user asked to stop.
  [[nodiscard]] Status check() const;
  /// A monitor that drops everything and never cancels.
  [[nodiscard]] static Monitor& silent();
};

}  // namespace tessera
